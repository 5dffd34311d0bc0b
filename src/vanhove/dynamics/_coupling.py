"""Coupling of jumps to the framework: whether polyanions turn, shift or roll when an ion jumps past them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE, colour_of, label
from vanhove.base.results import Column, dataset, history_of

from ._jumps import jumps as find_jumps
from .encounters import moves, past, ways_of
from .example_path import example_of
from .matched_times import compare, draws, events_of, matched
from .orientations import follow, smoothed, steady
from .polyanions import units_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .matched_times import Comparison

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

OFFSETS = 20  # to either side of the jump
FEWEST = 10  # sets; with fewer no p-value is given
SURE, UNLIKELY = 0.01, 0.05
QUANTITIES = {  # prefix of the variables, unit, what it is; whether the mean squares are compared
    "rotation": ("", "°", "rotation of the nearest units", True),
    "translation": ("translation_", "Å", "translation of the nearest units", True),
    "tilt": ("tilt_", "°", "rolling of the nearest units along with the ion", False),
}


def coupling(
    traj: Trajectory,
    ion: str | Sequence[str],
    units: str | Sequence[Sequence[int]],
    *,
    cutoffs: float | Mapping[str, float] | None = None,
    jumps: Dataset | None = None,
    nearest: int = 1,
    smooth: float = 0.1,
    window: float = 1.0,
    matches: int = 20,
    permutations: int = 1999,
    example: int | None = None,
    drift: Literal["cell", "framework"] | None = "cell",
    seed: int = 1,
) -> Dataset:
    r"""Whether polyanions move when an ion jumps past them, beside what they do at other times (B14).

    About each jump, and at times matched to it, the nearest units are followed from one ``window`` before to one after.
    Against their orientation and place at the beginning of the window:

    .. math::

        \theta(\tau) = \big\langle \angle\big(R(t + \tau)\, R(t - w)^{-1}\big) \big\rangle, \qquad
        u(\tau) = \big\langle |\mathbf c(t + \tau) - \mathbf c(t - w)| \big\rangle

    and the *tilt*, the part of the rotation about the axis :math:`\mathbf r \times \mathbf d`, with **r** from the unit
    to the middle of the jump and **d** along it: positive where the unit rolls along with the ion, as a paddle-wheel
    would.

    The matched times are of *the same ion and the same units*, within the stays before and after the jump: there the
    ion is as near. That units differ, that ions jump more often past loose ones, and that an ion beside a unit changes
    its libration, is in both. Units are chosen by their mean places over the run, not by where they are when the ion
    jumps. If the units take no notice, any time of a set could as well be the jump: the p-value is the share of random
    draws of one time from each set whose largest standardised difference, over all offsets, is as large as the jumps'.
    A unit that the ion comes to or leaves, rather than passes, would show what the ion's nearness does: the unit is the
    one that is nearest to the farther end of the jump, and jumps whose ends differ in their distance from it by more
    than half the jump's length do not count. Of jumps that share a unit within two windows the first counts only.

    Parameters
    ----------
    traj
        Evenly spaced frames, well below the window apart.
    ion
        A species, or several.
    units, cutoffs
        The polyanions, as for :func:`rotation`.
    jumps
        The result of ``dynamics.jumps`` or ``dynamics.cages`` of the same trajectory; by default jumps are found with
        the defaults of the former.
    nearest
        How many units beside each jump are meant over.
    smooth
        ps; orientations and places are running means over so much to either side.
    window
        ps to either side of the jump. Stays must last for several of it, or a jump has nothing to be compared with.
    matches
        Matched times of a jump, at most.
    permutations
        Random draws behind the p-value.
    example
        Number of the ion whose path is kept beside its polyanion's; by default that of the longest jump.
    drift
        Whose motion is taken off, as in :func:`msd`; ``"framework"`` is all but the ions.
    seed
        Of matched times and draws.

    Returns
    -------
    Dataset
        ``average(offset)``, the mean rotation (°) about the jumps, its ``band(bound, offset)`` (95 %, bootstrap over
        jumps), ``random(offset)``, the same at the matched times, ``p_value``, and ``effect`` (°) with its standard
        error: the root of the difference of the mean squares at the offset ``effect_at`` where it stands out most,
        which takes out the libration that both have and is what a kick at every jump would amount to; negative where
        there is less at the jumps. It is chosen for being large: where the p-value is not small it means nothing, and
        ``effect_upper`` is what there is to say, the largest 95 % bound on it at any offset, by the bootstrap. The
        same for translation (Å) and tilt (°, there the difference of the means) as ``translation_average`` and so on.
        ``p_any`` is the p-value of the three together. ``jump(set)``, ``unit(set)``, ``distance(set)``: which jumps
        were compared. For one ion ``rmsd_ion(time)``, and of the unit beside it ``rmsd_centre`` and ``rmsd_anions``
        (Å): net displacements, smoothed, from the mean place within the first two windows.
    """
    spacing = traj.spacing
    offsets, half, calm = _frames(spacing, window, smooth, traj.n_frames)
    for word, value, least in (("nearest", nearest, 1), ("matches", matches, 2), ("permutations", permutations, 99)):
        if value < least:
            raise Refusal(f"{word}={value}", "", f"Give {least} or more")
    ions = traj.select(ion if isinstance(ion, str) else list(ion))
    found = units_of(traj, units, cutoffs)
    if nearest > len(found.atoms):
        raise Refusal(f"nearest={nearest}", f"there are {len(found.atoms)} units", "Ask for fewer")
    mobile = sorted(set(ions.species.tolist()))
    given = find_jumps(traj, ion, drift=drift) if jumps is None else jumps
    events = events_of(traj, given)
    motion = follow(traj, found, drift, arms=False, mobile=mobile)
    ways = ways_of(traj, events, calm, drift, mobile)
    near = past(ways, motion.places, traj.cells.mean(axis=0), nearest)
    rng = np.random.default_rng(seed)
    sets = matched(events, near.units, near.beside, traj.n_frames, half + calm, matches, rng)
    values = moves(steady(motion.quaternions, calm), smoothed(motion.centres, calm), near, sets, offsets)
    compared = _compared(values, permutations, rng)
    p_any = np.nan
    if compared:
        strongest = np.max([one.strongest for one in compared.values()], axis=0)
        p_any = float((strongest >= strongest[0] * (1 - 1e-12)).mean())
    lengths = np.linalg.norm(ways.end - ways.start, axis=1)
    at = sets.event if len(sets.event) else np.arange(len(events.ion))
    longest = int(at[lengths[at].argmax()]) if len(at) else -1
    shown = example_of(
        traj, ions, found, motion.places, events.ion, near.units, longest, example, calm, 2 * half, drift
    )
    name, who = ion if isinstance(ion, str) else ", ".join(ion), found.name
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    variables: dict[str, Column] = {}
    for quantity in QUANTITIES:
        variables |= _columns(quantity, compared.get(quantity), offsets * spacing)
    return dataset(
        "dynamics.coupling",
        {
            **variables,
            "p_any": Column((), p_any, "1", "p-value of rotation, translation and tilt together"),
            "jump": Column(("set",), sets.event, "1", "number of the jump, by ion and time"),
            "unit": Column(("set",), near.units[sets.event, 0], "1", "number of the unit nearest to the jump"),
            "distance": Column(("set",), near.distance[sets.event, 0], "Å", "unit to the farther end of the jump"),
            "compared_with": Column(("set",), (sets.frames[:, 1:] >= 0).sum(axis=1), "1", "matched times of the jump"),
            "rmsd_ion": Column(("time",), shown.path, "Å", "net displacement of the ion"),
            "rmsd_centre": Column(("time",), shown.centre, "Å", "net displacement of the unit's first atom"),
            "rmsd_anions": Column(("time",), shown.others, "Å", "net displacement of its other atoms"),
        },
        {
            "offset": Column(("offset",), offsets * spacing, "ps", "time from the middle of the jump"),
            "bound": Column(("bound",), ["low", "high"], "1", "end of the 95 % band"),
            "time": Column(("time",), traj.times, "ps", "time"),
        },
        parameters=dict(
            ion=ion, units=units, cutoffs=cutoffs, nearest=nearest, smooth=smooth, window=window, matches=matches,
            permutations=permutations, example=example, drift=drift, seed=seed,
        ),
        history=[*traj.history, *(history_of(given)[-1:] if jumps is not None else [])],
        title=f"Coupling of the jumps of {name} to {who}",
        fingerprint=traj.fingerprint,
        species=name,
        unit_name=who,
        units=len(found.atoms),
        jumps=len(events.ion),
        compared=len(sets.event),
        broken=motion.broken,
        unmatched=len(events.ion) - len(sets.event),
        example_ion=shown.ion,
        example_unit=shown.unit,
        verdict=_verdict(name, who, compared, len(events.ion), len(sets.event)),
        **known,
    )  # fmt: skip


def _frames(spacing: float, window: float, smooth: float, n_frames: int) -> tuple[Ints, int, int]:
    """The offsets, the window and the smoothing, in frames."""
    if not (np.isfinite(window) and window > 0 and np.isfinite(smooth) and 0 <= smooth < window):
        raise Refusal(f"window={window}, smooth={smooth}", "", "Give numbers of ps, smooth below window")
    half = round(window / spacing)
    if half < 3:
        raise Refusal(
            f"A window of {window:g} ps has {half} frames to either side", f"the frames are {spacing:g} ps apart",
            "Give a longer window, or write frames more often",
        )  # fmt: skip
    if 2 * half >= n_frames:
        raise Refusal(f"A window of {window:g} ps to either side is longer than the run", "", "Give a shorter window")
    calm = round(smooth / spacing)
    if calm == 0 and smooth > 0:
        warn(
            f"Nothing is smoothed over ±{smooth:g} ps", f"the frames are {spacing:g} ps apart",
            "Write frames more often, or pass smooth=0",
        )  # fmt: skip
    step = -(-half // OFFSETS)
    places = step * np.arange(-(half // step), half // step + 1)
    return places, int(places[-1]), calm


def _compared(values: dict[str, Floats], permutations: int, rng: np.random.Generator) -> dict[str, Comparison]:
    """All quantities against the same draws, so that they can be taken together."""
    one = next(iter(values.values()))
    if len(one) < FEWEST:
        return {}
    picks = draws((~np.isnan(one[:, :, -1])).sum(axis=1), permutations, rng)
    return {
        quantity: compare(values[quantity], about[3], permutations, rng, picks)
        for quantity, about in QUANTITIES.items()
    }


def _columns(quantity: str, found: Comparison | None, offsets: NDArray[np.floating]) -> dict[str, Column]:
    prefix, unit, what, _ = QUANTITIES[quantity]
    nothing = np.full(len(offsets), np.nan)
    lone = dict.fromkeys(("p_value", "effect", "effect_error", "upper"), np.nan)
    numbers = lone if found is None else {name: getattr(found, name) for name in lone}
    along = ("offset",)
    return {
        f"{prefix}average": Column(along, nothing if found is None else found.average, unit, f"{what}, about jumps"),
        f"{prefix}band": Column(
            ("bound", "offset"), np.stack([nothing, nothing]) if found is None else found.band, unit,
            f"95 % band of the {what}",
        ),
        f"{prefix}random": Column(along, nothing if found is None else found.random, unit, f"{what}, at matched times"),
        f"{prefix}p_value": Column((), numbers["p_value"], "1", f"p-value of the {what}"),
        f"{prefix}effect": Column((), numbers["effect"], unit, f"{what} that is due to a jump"),
        f"{prefix}effect_error": Column((), numbers["effect_error"], unit, f"standard error of the {what}"),
        f"{prefix}effect_upper": Column((), numbers["upper"], unit, f"95 % bound of the {what} that is due to a jump"),
        f"{prefix}effect_at": Column(
            (), np.nan if found is None else float(offsets[found.peak]), "ps", "offset at which it stands out most"
        ),
    }  # fmt: skip


def _verdict(ion: str, unit: str, compared: dict[str, Comparison], jumps: int, sets: int) -> str:
    """What the comparison says, in a sentence."""
    if not compared:
        why = "there are too few jumps" if jumps < FEWEST else "stays are too short for the window, or jumps too dense"
        return f"{sets} of {jumps} jumps of {ion} can be compared with other times: {why}"
    said = []
    for quantity, found in compared.items():
        unit_of, verb = QUANTITIES[quantity][1], {"rotation": "turn", "translation": "shift", "tilt": "roll"}[quantity]
        size = f"{found.effect:+.2g}{'' if unit_of == '°' else ' '}{unit_of}"
        sure = found.p_value < SURE
        doubt = "" if sure else " perhaps" if found.p_value < UNLIKELY else " as at any time"
        said.append(
            f"{verb}{doubt}" + (f" by {size}" if sure or "perhaps" in doubt else "") + f" (p = {found.p_value:.2g})"
        )
    return f"When {ion} jumps, the nearest {unit} {said[0]}, {said[1]} and {said[2]}; {sets} jumps"


def draw(result: Dataset, ax: Axes) -> None:
    """Rotation of the nearest units about the jumps, beside matched times; inset: the example's net displacements."""
    offset = result["offset"].values
    ax.set(xlabel=label("time from the jump", "ps"), ylabel=label("rotation of the nearest unit", "°"))
    average, random = result["average"].values, result["random"].values
    time, path = result["time"].values, result["rmsd_ion"].values
    if np.isfinite(average).any():
        low, high = result["band"].values
        ax.fill_between(offset, low, high, color=PALETTE[1], alpha=0.25, lw=0)
        ax.plot(
            offset, average, color=PALETTE[1], label=f"jumps of {result.attrs['species']} ({result.attrs['compared']})"
        )
        ax.plot(offset, random, color=PALETTE[6], ls="--", label="matched times")
        ax.axvline(0.0, color="#BBBBBB", lw=0.8)
        ax.set_ylim(0, 2.4 * float(np.nanmax(high)))  # room for the inset
        ax.set_xlim(offset[0], offset[-1])
        p = float(result["p_value"])
        words = f"{result.attrs['unit_name']}: p = {p:.2g}, {float(result['effect']):+.2g}°".replace(
            "-", "\N{MINUS SIGN}"
        )
        ax.legend(loc="lower right", title=words, title_fontsize="small")
    else:
        ax.plot(offset, np.zeros(len(offset)), color="#BBBBBB", lw=0.8)
        ax.set_ylim(-1, 1)
        ax.text(
            0.5, 0.2, str(result.attrs["verdict"]), transform=ax.transAxes, ha="center", wrap=True, fontsize="small"
        )
    inset = ax.inset_axes((0.12, 0.62, 0.85, 0.36))
    inset.plot(time, path, color=colour_of(str(result.attrs["species"])), lw=0.9, label="ion")
    inset.plot(time, result["rmsd_anions"].values, color=PALETTE[4], lw=0.9, label="anions")
    inset.plot(time, result["rmsd_centre"].values, color=PALETTE[6], lw=0.9, label="former")
    inset.set_xlabel(label("time", "ps"), fontsize="x-small")
    inset.set_ylabel(label("net displacement", "Å"), fontsize="x-small")
    inset.set(xlim=(time[0], time[-1]), ylim=(0, 1.4 * max(float(path.max()), 0.1)))
    inset.tick_params(labelsize="x-small")
    inset.legend(fontsize="x-small", loc="upper left", ncols=3)
