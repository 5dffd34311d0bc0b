"""What a person should look at before trusting results from a trajectory, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .text import kelvin as kelvin_text
from .text import rounded

if TYPE_CHECKING:
    from vanhove.trajectory.survey import Survey

TOUCHING = 0.6  # Å; shorter than any bond: H–H is 0.74
OVERLAP = 0.5  # of a covalent bond's length; cations of the same sign get to 0.6 in a hot melt
DENSITIES = (0.3, 15.0)  # g/cm³: of what is dense and conducts ions
FAR_APART = 0.25  # of the cell's width in one frame: half of it and the shortest image is a guess
DRIFT = 1.0  # Å over the run
SURE = 4.0  # standard errors, of the temperature
HEATING, EXPANDING, OFF = 0.05, 1.0, 0.1  # of the temperature, % of the volume, of the stated temperature
TOO_FAST = 1.5  # times the temperature that the steps between frames may ask for: more than noise
HOTTEST = 20000.0  # K
FLIGHT = 0.9  # correlation of steps: with it a vibration's temperature is known to 5 %
NEUTRAL = 1e-4  # e an atom
AT_REST = 1e-2  # of the usual mean squared step

Facts = dict[str, Any]


def doubts(facts: Facts, survey: Survey) -> list[str]:
    """Everything suspicious, the worst first."""
    checks: list[Callable[[Facts, Survey], Iterator[str]]] = [
        _contacts, _density, _steps, _speeds, _velocities, _times, _beginning, _motion, _equilibrium, _charges,
    ]  # fmt: skip
    return [doubt for check in checks for doubt in check(facts, survey)]


def _contacts(facts: Facts, _: Survey) -> Iterator[str]:
    closest, tightest = facts["closest"], facts["tightest"]
    found = None
    if tightest is not None and tightest["bonds"] < OVERLAP:
        found = tightest
    elif closest is not None and closest["angstrom"] < TOUCHING:
        found = closest
    if found is not None:
        (a, b), (first, second) = found["species"], found["atoms"]
        yield (
            f"atoms only {found['angstrom']:.2f} Å apart: {a} and {b} (atoms {first} and {second} in frame "
            f"{found['frame']}). Check the cell, the units (Å), which element is which, and whether coordinates are "
            "fractional"
        )


def _density(facts: Facts, _: Survey) -> Iterator[str]:
    density = facts["density_g_cm3"]
    if density is not None and facts["atoms_in_all"] is None and not DENSITIES[0] < density < DENSITIES[1]:
        yield (
            f"a density of {density:.3g} g/cm³: check which element each type is (--species), and the cell's unit of "
            "length (Å)"
        )


def _steps(facts: Facts, _: Survey) -> Iterator[str]:
    longest = facts["longest_step"]
    if longest is not None and longest["of_the_width"] > FAR_APART:
        yield (
            f"an atom moves {longest['angstrom']:.1f} Å between two frames (atom {longest['atom']}, into frame "
            f"{longest['frame']}), over a quarter of the cell: frames too far apart to be unwrapped with certainty, or "
            "files that do not follow each other"
        )


def _speeds(facts: Facts, survey: Survey) -> Iterator[str]:
    """Steps between frames are never longer than the mean speed over them allows: a bound from below.

    Where steps follow each other as in free flight, frames are so close that the bound is the temperature itself.
    """
    kelvin = facts["temperature"]
    least, stated, kinetic = kelvin["at_least"], kelvin["stated"], kelvin["kinetic"]
    if least is None:
        return
    known = kinetic or stated
    if known is None:
        if least > HOTTEST:
            yield (
                f"the steps between frames ask for {kelvin_text(least)} or more: the time between them is too short. "
                "Check --timestep or --spacing (both are in ps)"
            )
    elif least > TOO_FAST * known:
        factor = (least / known) ** 0.5
        which = "the velocities have" if kinetic else "was stated"
        yield (
            f"the steps between frames ask for {kelvin_text(least)} or more, where {kelvin_text(known)} {which}: the "
            f"time between frames is too short by a factor of about {rounded(factor)} or more. Check --timestep or "
            "--spacing (both are in ps)" + (", and the unit of the velocities" if kinetic else "")
        )
    elif survey.straight > FLIGHT and TOO_FAST * least < known:
        factor = (known / least) ** 0.5 if least > 0 else np.inf
        yield (
            f"atoms fly straight from frame to frame, with {kelvin_text(least)} where {kelvin_text(known)} "
            + ("the velocities have" if kinetic else "was stated")
            + f": the time between frames is too long by a factor of about {rounded(factor)}. Check --timestep or "
            "--spacing (both are in ps), and whether this is a minimisation"
        )


def _velocities(facts: Facts, survey: Survey) -> Iterator[str]:
    kelvin = facts["temperature"]
    if facts["velocities"] and len(survey.kinetic) and not (survey.kinetic > 0).any():
        yield "all velocities are zero: leave them out when the run is written, or dump those of the simulation"
    stated, kinetic = kelvin["stated"], kelvin["kinetic"]
    if kinetic is None:
        return
    if stated is not None and abs(kinetic - stated) > max(OFF * stated, SURE * kelvin["error"]):
        ratio = kinetic / stated
        unit = ratio > 1e4 or ratio < 1e-4
        yield (
            f"the velocities have {kelvin_text(kinetic)} where {stated:g} K was stated: "
            + (f"they are off by a factor of about {rounded(ratio**0.5)}, check their unit (--units)" if unit
               else "check --temperature, the masses, and whether the run was at equilibrium")
        )  # fmt: skip
    elif stated is None and not 1 < kinetic < HOTTEST:
        yield f"the velocities have {kelvin_text(kinetic)}: check their unit (--units)"
    if abs(kelvin["drift"]) > HEATING * kinetic and kelvin["drift_is_sure"]:
        yield (
            f"the temperature changes by {kelvin['drift']:+.0f} K from the first to the last quarter: not at "
            "equilibrium; leave the beginning out (convert --frames), or run it longer"
        )


def _times(facts: Facts, _: Survey) -> Iterator[str]:
    times, unit = facts["times"], facts["times"]["counted_in"]
    if times["even"]:
        return
    odd = times["exceptions"]
    if not odd:
        if not times.get("growing"):
            yield (
                "the frames are not evenly spaced in time: what needs that takes an even part of them, "
                "traj.uniform() or traj[first:last]"
            )
        return
    if [one["after_frame"] for one in odd] == list(range(len(odd))):
        yield (
            f"the first {len(odd)} frames are not evenly spaced with the others: a minimisation, or a setup before the "
            f"run? Leave them out: traj[{len(odd)}:], or convert --frames {len(odd)}:"
        )
        return
    shown = ", ".join(f"{one['spacing']:g} {unit} after frame {one['after_frame']}" for one in odd[:3])
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    yield (
        f"the frames are not evenly spaced in time: {shown}{more}, where {times['spacing']:g} is the rule. Is a part "
        "missing? traj.uniform() takes an even part"
    )


def _beginning(facts: Facts, survey: Survey) -> Iterator[str]:
    """Frames in which nothing has begun yet."""
    rest = facts["temperature"]["frames_at_rest"]
    leading = next((k for k, frame in enumerate(rest) if frame != k), len(rest))
    if 0 < leading < len(survey.kinetic):
        yield (
            f"the velocities of the first {leading} frames are zero: a minimisation, or the state before the run? "
            f"Leave them out: convert --frames {leading}:"
        )
        return
    steps = survey.steps[np.isfinite(survey.steps)]
    moving = np.flatnonzero(steps > AT_REST * np.median(steps)) if len(steps) else np.empty(0)
    if len(steps) > 4 and len(moving) and 0 < moving[0] < len(steps) / 2:
        yield (
            f"atoms hardly move until frame {survey.frames[moving[0]]}: a minimisation before the run? Leave its "
            f"frames out: convert --frames {survey.frames[moving[0]]}:"
        )


def _motion(facts: Facts, survey: Survey) -> Iterator[str]:
    still, atoms = sum(facts["still"].values()), facts["atoms"]
    if still == atoms and facts["frames"] > 1:
        yield "no atom moves: all frames are the same"
        return
    if still:
        named = ", ".join(f"{count} {name}" for name, count in facts["still"].items())
        yield (
            f"some atoms never move ({named}): where a simulation held them, no drift is to be removed (drift=None), "
            "nor does the temperature count them"
        )
    if survey.repeats:
        more = len(survey.repeats) - 1
        yield (
            f"frame {survey.repeats[0]} repeats the one before it at another time"
            + (f", and {more} more like it" if more else "") + ": was the run started again there?"
        )  # fmt: skip
    drift = facts["drift"]
    if drift is not None and drift["angstrom"] > DRIFT and facts["atoms_in_all"] is None:
        yield (
            f"the centre of mass drifts {drift['angstrom']:.1f} Å over the run: keep drift removal on (it is the "
            "default)"
        )


def _equilibrium(facts: Facts, _: Survey) -> Iterator[str]:
    cell = facts["cell"]
    rise = cell.get("volume_drift_percent")
    if rise is not None and abs(rise) > EXPANDING and cell["volume_drift_is_sure"]:
        yield (
            f"the volume changes by {rise:+.1f} % from the first to the last quarter: not at equilibrium; leave the "
            "beginning out (convert --frames), or run it longer"
        )


def _charges(facts: Facts, _: Survey) -> Iterator[str]:
    charge = facts["charge_e"]
    if facts["uncharged"]:
        yield "all charges are zero, as a program writes that was told none: give them where they are needed"
    elif charge is not None and abs(charge) > NEUTRAL * facts["atoms"]:
        yield f"the charges add up to {charge:+.3g} e: a cell of ions should be neutral"
