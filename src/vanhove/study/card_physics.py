"""A run by the potential beside a reference run: g(r), vibrations and mean squared displacements, a number for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset
from vanhove.dynamics._msd import msd
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._run import Finished
from vanhove.spectra._vdos import vdos
from vanhove.spectra.lag_choice import REACH, SHARE
from vanhove.structure._rdf import first_peak, rdf
from vanhove.trajectory import from_arrays

from .card_motion import Ground, Moves, moved, protocol_of
from .card_steps import Outcome

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.simulate._protocol import Protocol
    from vanhove.trajectory import Trajectory

    from .card_subject import Subject

    Floats = NDArray[np.float64]

R_MAX, WIDTH = 6.0, 0.02  # Å
SMOOTHING, NEAR = 0.1, 0.4  # Å; peaks are looked for on g(r) smoothed, and within NEAR of its own in a part of a run
PARTS = 5  # of a run, whose scatter gives the errors of peaks
FEWEST_FRAMES = 20
SLOWEST_FRAMES = 0.01  # ps between frames, for vibrations up to 200 meV
FINEST = 2.0  # meV, resolution of the densities of states
FAR = 0.25  # of the shorter run: the longest lag with origins enough
STRETCHES = 4  # of a run: ions that move together are only told from others' motion along time
NO_TIMES = "The frames of the reference have no times."
UNTIMED_EVERY, UNTIMED_PS = 0.02, 5.0  # ps: of a run beside frames without times
HALVES = 2


@dataclass(frozen=True)
class Reference:
    """A run to compare with; ``timed`` says whether its frames follow each other at times that are known."""

    trajectory: Trajectory
    timed: bool = True

    @classmethod
    def of(cls, given: Any, temperature: float | None = None) -> Reference:
        """From a trajectory, or from labelled frames of one system, which have no times."""
        if isinstance(given, Reference):
            return given
        if not isinstance(given, Labelled):
            return cls(given)
        if len(given.systems) > 1:
            raise Refusal(
                f"The reference has {len(given.systems)} systems", ", ".join(given.names), "Give the frames of one"
            )
        system = given.systems[0]
        times = UNTIMED_EVERY * np.arange(system.frames)
        frames = from_arrays(
            system.positions, system.cell, system.species, times, wrapped=True, temperature=temperature
        )
        return cls(frames, timed=False)


def start_of_reference(reference: Trajectory) -> Atoms:
    """Its first frame, at rest."""
    from ase import Atoms as AseAtoms

    symbols = [element_of(label) for label in reference.species.tolist()]
    first = reference[:1]
    return AseAtoms(symbols, positions=first.positions[0], cell=first.cells[0], pbc=True)


def protocol_beside(reference: Reference, moves: Moves, temperature: float) -> Protocol:
    """A run as long as the reference, with frames at the same times; its step divides them."""
    from vanhove.simulate._protocol import Produce

    theirs = reference.trajectory
    spacing = theirs.spacing
    timestep = spacing / math.ceil(spacing / moves.timestep - 1e-9)
    ps = moves.compared or (_length(theirs) if reference.timed else UNTIMED_PS)
    produce = Produce(temperature, ps=max(ps, 2 * spacing), every=spacing, velocities=theirs.has_velocities)
    return protocol_of(moves, temperature, produce, timestep=timestep)


def compare(
    subject: Subject, ground: Ground, moves: Moves, protocol: Protocol, folder: Path, reference: Reference
) -> Outcome:
    """The run, and each difference with its standard error."""
    theirs = reference.trajectory
    known: dict[str, Any] = {"temperature": ground.temperature, "reference_frames": theirs.n_frames}
    done = moved(subject, ground, protocol, folder, moves.seed)
    if not isinstance(done, Finished):
        return Outcome({**known, "stopped": done})
    ours = done.trajectory
    values = {**known, "ps": _length(ours)}
    curves: dict[str, Any] = {}
    for name, compared in (("peaks", _peaks), ("vibrations", _vibrations), ("displacements", _displacements)):
        if not reference.timed and compared is not _peaks:
            values[name] = NO_TIMES
            continue
        try:
            values[name], curves[name] = compared(ours, theirs)
        except Refusal as refusal:  # what the reference can't tell is said, and the rest goes on
            values[name] = str(refusal)
    return Outcome(values, curves)


def _length(traj: Trajectory) -> float:
    return float(traj.times[-1] - traj.times[0])


def _pair_of_runs(ours: Trajectory, theirs: Trajectory, least: int) -> None:
    for name, one in (("run", ours), ("reference", theirs)):
        if one.n_frames < least:
            raise Refusal(f"The {name} has {one.n_frames} frames, and {least} are needed")


def _peaks(ours: Trajectory, theirs: Trajectory) -> tuple[dict[str, Any], Dataset]:
    """First peaks of g(r): place and height in both runs, with errors from parts of each."""
    _pair_of_runs(ours, theirs, FEWEST_FRAMES)
    whole = [rdf(one, r_max=R_MAX, width=WIDTH) for one in (ours, theirs)]
    pairs = [pair for pair in whole[1].pair.values.tolist() if pair in whole[0].pair.values.tolist()]
    parts = [[rdf(part, r_max=R_MAX, width=WIDTH) for part in _parts(one, PARTS)] for one in (ours, theirs)]
    told: dict[str, Any] = {}
    for pair in pairs:
        places = [_place(one, pair) for one in whole]
        spread = [
            np.array([_place(part, pair, at[0]) for part in each]) for each, at in zip(parts, places, strict=True)
        ]
        if not all(np.isfinite(place).all() for place in places):
            continue
        errors = [np.std(each, axis=0, ddof=1) / math.sqrt(PARTS) for each in spread]
        told[pair] = {
            "position": [float(place[0]) for place in places], "height": [float(place[1]) for place in places],
            "position_error": [float(error[0]) for error in errors],
            "height_error": [float(error[1]) for error in errors],
        }  # fmt: skip
    curves = dataset(
        "study.beside_rdf",
        {
            "g": Column(("run", "pair", "r"), [one.sel(pair=pairs).g.values for one in whole], "1", "g(r)"),
            "g_error": Column(
                ("run", "pair", "r"), [one.sel(pair=pairs).g_error.values for one in whole], "1", "its standard error"
            ),
        },
        {
            "run": Column(("run",), ["potential", "reference"], "1", "which run"),
            "pair": Column(("pair",), pairs, "1", "pair"),
            "r": Column(("r",), whole[0].r.values, "Å", "distance"),
        },
        parameters=dict(r_max=R_MAX, width=WIDTH), history=[], title="g(r) beside the reference",
    )  # fmt: skip
    return told, curves


def _parts(traj: Trajectory, count: int) -> list[Trajectory]:
    edges = np.linspace(0, traj.n_frames, count + 1).astype(int)
    return [traj[first:last] for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]


def _place(result: Dataset, pair: str, near: float | None = None) -> tuple[float, float]:
    """Place and height of the first peak of g(r) smoothed, between the bins; of a part the one ``near`` a place."""
    from scipy.ndimage import gaussian_filter1d

    r = result.r.values
    top = first_peak(result, pair).position if near is None else near
    if not math.isfinite(top):
        return math.nan, math.nan
    smooth = gaussian_filter1d(result.sel(pair=pair).g.values, SMOOTHING / WIDTH, mode="nearest")
    inside = np.flatnonzero(np.abs(r - top) < NEAR)
    k = int(inside[np.argmax(smooth[inside])])
    if not 0 < k < len(r) - 1:
        return math.nan, math.nan
    before, here, after = smooth[k - 1 : k + 2].tolist()
    bend = before - 2 * here + after
    away = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(r[k] + away * WIDTH), float(here - 0.25 * (before - after) * away)


def _vibrations(ours: Trajectory, theirs: Trajectory) -> tuple[dict[str, Any], Dataset]:
    """What the densities of states have in common, ∫ min(g, g') dE: 1 where they are the same."""
    if theirs.spacing > SLOWEST_FRAMES * (1 + 1e-6):
        raise Refusal(
            f"The reference's frames are {1000 * theirs.spacing:g} fs apart, too far for its vibrations; "
            f"{1000 * SLOWEST_FRAMES:g} fs are needed"
        )
    shorter = min(_length(ours), _length(theirs)) / HALVES
    resolution = max(FINEST, REACH / (SHARE * shorter))
    both = theirs.has_velocities and ours.has_velocities
    source: Literal["velocities", "positions"] = "velocities" if both else "positions"
    found = [vdos(one, resolution=resolution, source=source) for one in (ours, theirs)]
    halves = [vdos(half, resolution=resolution, source=source) for half in _parts(theirs, HALVES)]
    names = [name for name in found[1].species.values.tolist() if name in found[0].species.values.tolist()]
    told: dict[str, Any] = {}
    energy = found[1].energy.values
    for name in names:
        g = [_on(one, name, energy, "g") for one in found]
        without = [_on(one, name, energy, "g_without") for one in found]
        changes = [
            [overlap(part, g[1], energy) for part in without[0]], [overlap(g[0], part, energy) for part in without[1]]
        ]  # fmt: skip
        error = math.sqrt(sum((len(each) - 1) * float(np.var(each)) if len(each) > 1 else math.nan for each in changes))
        told[name] = {
            "overlap": overlap(g[0], g[1], energy), "error": error,
            "of_itself": overlap(_on(halves[0], name, energy, "g"), _on(halves[1], name, energy, "g"), energy),
        }  # fmt: skip
    curves = dataset(
        "study.beside_vdos",
        {
            "g": Column(
                ("run", "species", "energy"), [[_on(one, name, energy, "g") for name in names] for one in found],
                "1/meV", "vibrational density of states",
            )
        },
        {
            "run": Column(("run",), ["potential", "reference"], "1", "which run"),
            "species": Column(("species",), names, "1", "species"),
            "energy": Column(("energy",), energy, "meV", "energy"),
        },
        parameters=dict(resolution=resolution), history=[], title="Vibrations beside the reference",
        resolution_fwhm=resolution,
    )  # fmt: skip
    return {"resolution": resolution, "species": told}, curves


def _on(result: Dataset, name: str, energy: Floats, variable: str) -> Floats:
    """A density on the same energies."""
    values = result[variable].sel(species=name).values
    axis = result.energy.values
    if values.ndim == 1:
        return np.asarray(np.interp(energy, axis, values, right=0.0))
    return np.array([np.interp(energy, axis, each, right=0.0) for each in values])


def overlap(one: Floats, other: Floats, energy: Floats) -> float:
    r"""∫ min(g, g') dE of densities of area 1."""
    areas = [float(np.trapezoid(each, energy)) for each in (one, other)]
    return float(np.trapezoid(np.minimum(one / areas[0], other / areas[1]), energy))


def _displacements(ours: Trajectory, theirs: Trajectory) -> tuple[dict[str, Any], Dataset]:
    """Mean squared displacements of every species at the longest lag that both know well."""
    _pair_of_runs(ours, theirs, FEWEST_FRAMES)
    far = FAR * min(_length(ours), _length(theirs))
    spacing = theirs.spacing
    lags = np.arange(1, int(far / spacing + 1e-6) + 1) * spacing
    told: dict[str, Any] = {}
    curve = []
    names = [name for name in theirs.composition if name in ours.composition]
    for name in names:
        found = [msd(one, name) for one in (ours, theirs)]
        each = [np.interp(lags, one.lag.values, one.msd.values) for one in found]
        errors = [_error_at(one, float(lags[-1])) for one in found]
        values = [float(one[-1]) for one in each]
        error = math.sqrt(sum((error / value) ** 2 for error, value in zip(errors, values, strict=True)))
        told[name] = {"msd": values, "ratio": values[0] / values[1], "error": values[0] / values[1] * error}
        curve.append(each)
    curves = dataset(
        "study.beside_msd",
        {"msd": Column(("species", "run", "lag"), np.array(curve), "Å²", "mean squared displacement")},
        {
            "species": Column(("species",), names, "1", "species"),
            "run": Column(("run",), ["potential", "reference"], "1", "which run"),
            "lag": Column(("lag",), lags, "ps", "lag"),
        },
        parameters=dict(longest=float(lags[-1])), history=[], title="Displacements beside the reference",
    )  # fmt: skip
    return {"lag": float(lags[-1]), "species": told}, curves


def _error_at(found: Dataset, lag: float) -> float:
    """Of an MSD: what single ions scatter, and what all of them do together, from the stretches of the run."""
    single = float(np.interp(lag, found.lag.values, found.msd_error.values))
    by_part = found.msd_part.mean("group", skipna=True).values
    at_lag = [np.interp(lag, found.part_lag.values, part) for part in by_part if np.isfinite(part).all()]
    if len(at_lag) < STRETCHES:
        return single
    means = [float(np.mean(part)) for part in np.array_split(np.array(at_lag), STRETCHES)]
    return math.hypot(single, float(np.std(means, ddof=1)) / math.sqrt(STRETCHES))
