"""Bottlenecks: the area of the windows of anions that ions pass through, always and when one does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of
from vanhove.structure.averages import ratio, time_blocks

from ._jumps import jumps as find_jumps
from .encounters import ways_of
from .matched_times import Events, compare, events_of, matched
from .windows import crossed, follow_areas, given_windows, mean_places, through

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .matched_times import Comparison, Sets
    from .windows import Windows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BINS = 60
OFFSETS = 20  # to either side of the jump
FEWEST = 10  # jumps that can be compared; with fewer no p-value is given
SURE, UNLIKELY = 0.01, 0.05
TAIL = 0.001  # share of the areas to either side that a picture may leave out


def bottleneck(
    traj: Trajectory,
    windows: str | Sequence[str] | Sequence[Sequence[int]],
    *,
    ion: str | Sequence[str] | None = None,
    jumps: Dataset | None = None,
    smooth: float = 0.1,
    window: float = 1.0,
    matches: int = 20,
    permutations: int = 1999,
    drift: Literal["cell", "framework"] | None = "cell",
    seed: int = 1,
) -> Dataset:
    r"""Area of the windows between anions with time, its distribution, and whether it is wider when an ion jumps (B15).

    .. math:: A = \tfrac12 \Big| \sum_k (\mathbf r_k - \mathbf r_0) \times (\mathbf r_{k+1} - \mathbf r_0) \Big|

    over the corners of a triangle, or of a polygon in the order given; of one that is not flat it is the area seen
    along its mean normal. Each corner stays the image that it was.

    A window is *found* as the triangle of anions with the shortest edges, among the eight anions nearest to the middle
    of a jump, which the straight line of the jump crosses, with the anions at their mean places over the run: where
    they are at the moment has no part in it. The areas at the jumps are compared with those of *the same window* at
    matched times within the stays of the same ion before and after: windows that differ, and ions that take the wide
    ones, give nothing. The p-value is by permutation, as in :func:`coupling`.

    Parameters
    ----------
    traj
        Evenly spaced frames where there are jumps.
    windows
        Lists of atoms, as many in each; or the species of the anions (``"S"``, ``["S", "Cl"]``), then windows are found
        and ``ion`` or ``jumps`` is needed.
    ion
        Which ions jump. Without it and without ``jumps`` there are areas and no comparison.
    jumps
        The result of ``dynamics.jumps`` or ``dynamics.cages`` of the same trajectory, instead of finding them.
    smooth
        ps; where an ion was before and after a jump is a mean over so much to either side. Areas are not smoothed.
    window
        ps to either side of the jump that the area is followed for.
    matches, permutations, seed
        As in :func:`coupling`.
    drift
        Whose motion is taken off, as in :func:`msd`; it decides which window is crossed, no area depends on it.

    Returns
    -------
    Dataset
        ``distribution(area)`` (1/Å²) over all windows and frames, ``mean`` and ``spread`` (Å², standard deviation of
        all areas) with standard errors from ten blocks of the run; ``area_of(window, time)``, ``atoms(window,
        corner)``. ``at_jumps(area)``: the distribution in the middle of the jumps, ``average(offset)`` with its
        ``band(bound, offset)`` (95 %), ``random(offset)`` at the matched times, ``widening`` (Å²) in the middle of the
        jump with its standard error, and ``p_value`` over all offsets: NaN where there are no jumps.
    """
    named = [windows] if isinstance(windows, str) else np.ravel(np.asarray(windows, object)).tolist()
    found_by_jumps = len(named) > 0 and all(isinstance(one, str) for one in named)
    if found_by_jumps and ion is None and jumps is None:
        raise Refusal("Windows are found by the jumps through them", "", 'Say whose with ion="Li", or give jumps=')
    events, which, them = _windows(traj, windows, found_by_jumps, ion, jumps, smooth, drift)
    areas = follow_areas(traj, them)
    rng = np.random.default_rng(seed)
    edges = np.linspace(0.0, 1.0001 * max(float(areas.max()), 1e-6), BINS + 1)
    width = edges[1] - edges[0]
    block_of = time_blocks(traj.n_frames)
    blocks, frames = int(block_of[-1]) + 1, np.bincount(block_of)
    counts = np.zeros((blocks, BINS))
    for k in range(blocks):
        counts[k] = np.histogram(areas[:, block_of == k], edges)[0]
    share, share_error = ratio(counts, frames[:, None] * float(len(areas)))
    mean, mean_error = ratio(np.bincount(block_of, areas.mean(axis=0)), frames)
    square, square_error = ratio(np.bincount(block_of, ((areas - float(mean)) ** 2).mean(axis=0)), frames)
    spread = float(np.sqrt(square))
    offsets, sets, compared, values = np.zeros(1, np.int64), None, None, np.empty((0, 1, 1))
    if events is not None:
        offsets = _offsets(traj, window)
        half = int(offsets[-1])
        sets = matched(events, which[:, None], which >= 0, traj.n_frames, half, matches, rng)
        values = _about(areas, which, sets, offsets)
        if len(values) >= FEWEST:
            compared = compare(values, False, permutations, rng)
    spacing = traj.spacing if events is not None else 0.0
    here = len(offsets) // 2
    at = np.histogram(values[:, 0, here], edges)[0] / width / len(values) if len(values) else np.full(BINS, np.nan)
    widening, widening_error = _widening(values[:, :, here])
    nothing = np.full(len(offsets), np.nan)
    name = "" if events is None else ion if isinstance(ion, str) else ", ".join(ion) if ion else "ions"
    crossings = 0 if events is None else int((which >= 0).sum())
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    by, along = ("area",), ("offset",)
    return dataset(
        "dynamics.bottleneck",
        {
            "distribution": Column(by, share / width, "1/Å²", "distribution of the areas"),
            "distribution_error": Column(by, share_error / width, "1/Å²", "standard error of the distribution"),
            "mean": Column((), float(mean), "Å²", "mean area"),
            "mean_error": Column((), float(mean_error), "Å²", "standard error of the mean area"),
            "spread": Column((), spread, "Å²", "standard deviation of the areas"),
            "spread_error": Column(
                (), float(square_error) / max(2 * spread, 1e-12), "Å²", "standard error of the standard deviation"
            ),
            "area_of": Column(("window", "time"), areas, "Å²", "area of the window"),
            "atoms": Column(("window", "corner"), them.atoms, "1", "atoms at the corners of the window"),
            "at_jumps": Column(by, at, "1/Å²", "distribution of the areas in the middle of jumps"),
            "average": Column(along, nothing if compared is None else compared.average, "Å²", "area about the jumps"),
            "band": Column(
                ("bound", "offset"), np.stack([nothing, nothing]) if compared is None else compared.band, "Å²",
                "95 % band of the area about the jumps",
            ),
            "random": Column(along, nothing if compared is None else compared.random, "Å²", "area at matched times"),
            "p_value": Column((), np.nan if compared is None else compared.p_value, "1", "p-value of the difference"),
            "widening": Column((), widening, "Å²", "area in the middle of a jump above that at matched times"),
            "widening_error": Column((), widening_error, "Å²", "standard error of the widening"),
        },
        {
            "area": Column(by, 0.5 * (edges[:-1] + edges[1:]), "Å²", "area"),
            "window": Column(("window",), np.arange(len(areas)), "1", "number of the window"),
            "time": Column(("time",), traj.times, "ps", "time"),
            "offset": Column(along, offsets * spacing, "ps", "time from the middle of the jump"),
            "bound": Column(("bound",), ["low", "high"], "1", "end of the 95 % band"),
        },
        parameters=dict(
            windows=windows, ion=ion, smooth=smooth, window=window, matches=matches, permutations=permutations,
            drift=drift, seed=seed,
        ),
        history=[*traj.history, *(history_of(jumps)[-1:] if jumps is not None else [])],
        title="Area of windows" + (f" that {name} passes" if name else ""),
        fingerprint=traj.fingerprint,
        species=name,
        windows=len(areas),
        jumps=0 if events is None else len(events.ion),
        crossings=crossings,
        compared=len(values),
        verdict=_verdict(name, events, crossings, len(values), compared, widening),
        **known,
    )  # fmt: skip


def _windows(
    traj: Trajectory, windows: str | Sequence[str] | Sequence[Sequence[int]], find: bool,
    ion: str | Sequence[str] | None, jumps: Dataset | None, smooth: float,
    reference: Literal["cell", "framework"] | None,
) -> tuple[Events | None, Ints, Windows]:  # fmt: skip
    """The jumps, where there are any to look at, which window each crosses, and the windows."""
    given = None if find else given_windows(traj, windows)
    if ion is None and jumps is None and given is not None:
        return None, np.empty(0, np.int64), given
    if ion is not None:
        mobile = sorted(set(traj.select(ion if isinstance(ion, str) else list(ion)).species.tolist()))
    made = jumps if jumps is not None else find_jumps(traj, ion or [], drift=reference)
    events = events_of(traj, made)
    if ion is None:
        mobile = sorted(set(traj.species[events.ion].tolist()))
    ways = ways_of(traj, events, max(0, round(smooth / traj.spacing)), reference, mobile)
    cell = traj.cells.mean(axis=0)
    if given is not None:
        atoms = np.unique(given.atoms)
        places = mean_places(traj, atoms, reference, mobile)
        corners = places[np.searchsorted(atoms, given.atoms)] + given.shifts @ cell
        return events, through(ways, corners, cell), given
    anions = traj.select(windows if isinstance(windows, str) else [str(one) for one in windows])
    atoms = np.flatnonzero(np.isin(traj.atom_numbers, anions.atom_numbers))
    found, which = crossed(ways, atoms, mean_places(traj, atoms, reference, mobile), cell)
    if len(found.atoms) == 0:
        raise Refusal(
            f"None of {len(events.ion)} jumps crosses a triangle of {windows}", "", "Give windows as lists of atoms"
        )
    return events, which, found


def _offsets(traj: Trajectory, window: float) -> Ints:
    half = round(window / traj.spacing) if np.isfinite(window) else 0
    if not 1 <= half < traj.n_frames / 2:
        raise Refusal(
            f"window={window}", f"the frames are {traj.spacing:g} ps apart, {traj.n_frames} of them",
            "Give a number of ps between one frame and half the run",
        )  # fmt: skip
    step = -(-half // OFFSETS)
    return step * np.arange(-(half // step), half // step + 1)


def _about(areas: Floats, which: Ints, sets: Sets, offsets: Ints) -> Floats:
    """Areas about every time of every set, (set, time, offset), NaN where there are no more times."""
    there = sets.frames >= 0
    when = np.where(there, sets.frames, -int(offsets[0]))[..., None] + offsets
    values = areas[which[sets.event][:, None, None], when]
    return np.where(there[..., None], values, np.nan)


def _widening(values: Floats) -> tuple[float, float]:
    """Mean difference between the event and its matched times, (set, time), and its standard error."""
    if len(values) < 2:
        return np.nan, np.nan
    apart = values[:, 0] - np.nanmean(values[:, 1:], axis=1)
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))


def _verdict(
    name: str, events: Events | None, crossings: int, sets: int, compared: Comparison | None, widening: float
) -> str:  # fmt: skip
    """What the comparison says, in a sentence."""
    if events is None:
        return "no jumps were asked for: areas alone"
    if compared is None:
        return f"{sets} of {crossings} passages of {name} through a window can be compared with other times: too few"
    p = f"p = {compared.p_value:.2g}, {sets} passages"
    if compared.p_value >= UNLIKELY:
        return f"Windows are no wider and no narrower when {name} passes than at other times ({p})"
    sure = "" if compared.p_value < SURE else " perhaps"
    return (
        f"When {name} passes, windows are{sure} {abs(widening):.2g} Å² {'wider' if widening > 0 else 'narrower'} ({p})"
    )


def draw(result: Dataset, ax: Axes) -> None:
    """The distribution of the areas, always and at jumps; inset: the mean area about the jumps."""
    area, share, error = (result[name].values for name in ("area", "distribution", "distribution_error"))
    step = area[1] - area[0]
    below = np.cumsum(share) * step
    seen = np.flatnonzero((below > TAIL) & (below - share * step < 1 - TAIL))
    ax.set(xlabel=label("area of the window", "Å²"), ylabel=label("distribution", "1/Å²"))
    ax.fill_between(area, np.maximum(share - error, 0), share + error, step="mid", color=PALETTE[0], alpha=0.3, lw=0)
    ax.step(area, share, where="mid", color=PALETTE[0], label="all times")
    top = float(np.nanmax(share))
    if np.isfinite(result["at_jumps"].values).any():
        at = result["at_jumps"].values
        ax.step(area, at, where="mid", color=PALETTE[1], lw=1.1, label=f"at {result.attrs['compared']} jumps")
        top = max(top, float(at.max()))
    ax.set_xlim(area[seen[0]] - 2 * step, area[seen[-1]] + 2 * step)
    ax.set_ylim(0, 1.05 * top)
    if not np.isfinite(result["average"].values).any():
        ax.legend(loc="upper right")
        return
    ax.set_ylim(0, 2.0 * top)  # room for the inset
    inset = ax.inset_axes((0.52, 0.62, 0.46, 0.36))
    offset, (low, high) = result["offset"].values, result["band"].values
    inset.fill_between(offset, low, high, color=PALETTE[1], alpha=0.3, lw=0)
    inset.plot(offset, result["average"].values, color=PALETTE[1], lw=1.2)
    inset.plot(offset, result["random"].values, color=PALETTE[6], lw=1.0, ls="--")
    inset.set_xlim(offset[0], offset[-1])
    inset.set_xlabel(label("time from the jump", "ps"), fontsize="x-small")
    inset.set_ylabel(label("mean area", "Å²"), fontsize="x-small")
    inset.tick_params(labelsize="x-small")
    ax.legend(loc="upper left", title=f"p = {float(result['p_value']):.2g}")
