"""Pair distribution functions: how many atoms lie at a distance from another, against an ideal gas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames

from .averages import ratio, time_blocks
from .pairs import all_pairs, members, split_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_BINS = 1_000_000
SMOOTHING = 0.1  # Å, standard deviation of the Gaussian that peaks are looked for with
STANDS_OUT = 0.1  # of its height: what a peak falls by on both sides, else it is part of a wider one
MOST_OVERLAID = 6  # pairs drawn on one scale
TALLEST = 2.0  # times the median of the pairs' maxima: a bond's peak above that would flatten all other lines


def rdf(
    traj: Trajectory, pairs: str | Sequence[str] | None = None, r_max: float = 10.0, width: float = 0.05
) -> Dataset:
    r"""Partial pair distribution g(r) and running coordination n(r).

    .. math::

        g_{ij}(r) = \left\langle \frac{N_{ij}(r)}{N_i\,\tfrac{4\pi}{3}(r_+^3 - r_-^3)\,\rho_j} \right\rangle, \qquad
        n_{ij}(r) = \left\langle \frac{1}{N_i} \sum_{r' \le r} N_{ij}(r') \right\rangle

    :math:`N_{ij}(r)` counts the atoms j whose distance from an atom i lies in the bin :math:`r_- \ldots r_+`, and
    :math:`\rho_j = N_j/V` with the volume of each frame; for like pairs :math:`\rho_i = (N_i - 1)/V`, the others that
    an atom can see. So an ideal gas gives 1 in a small system too.

    Every periodic image counts, at any ``r_max`` and in any cell. Beyond the length of the shortest lattice vector an
    atom of a like pair meets its own images: they belong to the shells of a crystal, are counted in g and n, and stand
    in an ideal gas as spikes at the lengths of the lattice vectors while all other bins stay at 1.

    Parameters
    ----------
    traj
        The atoms of this view are counted, nothing else: ``traj.select("Li")`` has one pair.
    pairs
        ``"Li-S"`` is S around Li, ``"S-Li"`` Li around S; an element means all its isotopes. All unordered pairs by
        default, ordered as in a formula.
    r_max, width
        Å. As many bins, from 0 on, as fit below ``r_max``; a distance on an edge belongs to the bin above.

    Returns
    -------
    ``g(pair, r)`` and ``n(pair, r)`` with ``r`` at the centres of the bins; n counts to the bin's *upper edge*.
    ``g_error`` and ``n_error`` are standard errors from the spread of ten consecutive blocks of frames (each frame is a
    block in a run of fewer), so they hold where a block is longer than the structure remembers, and are too small where
    it isn't; NaN for one frame. ``density(pair)`` is :math:`\langle N_j/V \rangle`.
    """
    bins = _bins(r_max, width)
    labels = _labels(traj, pairs)
    plan = PairPlan.of(traj, labels)
    counts, scaled = pair_histograms(traj, plan, width, bins)

    edges = width * np.arange(bins + 1)
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    frames = np.bincount(time_blocks(traj.n_frames))[:, None, None]
    g, g_error = ratio(scaled / (plan.partners[:, None] * shells), frames)
    n, n_error = ratio(np.cumsum(counts, axis=-1) / plan.centres[:, None], frames)
    density = plan.neighbours * np.mean(1 / traj.volumes)
    table = ("pair", "r")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.rdf",
        {
            "g": Column(table, g, "1", "g(r)"),
            "n": Column(table, n, "1", "coordination within the bin's upper edge"),
            "g_error": Column(table, g_error, "1", "standard error of g(r) from blocks of frames"),
            "n_error": Column(table, n_error, "1", "standard error of n(r) from blocks of frames"),
            "density": Column(("pair",), density, "1/Å³", "mean number density of the second species"),
        },
        {
            "pair": Column(("pair",), labels, "1", "pair, centre first"),
            "r": Column(("r",), 0.5 * (edges[1:] + edges[:-1]), "Å", "distance"),
        },
        parameters=dict(pairs=labels, r_max=r_max, width=width),
        history=list(traj.history),
        title="Pair distribution functions",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        **known,
    )


def _bins(r_max: float, width: float) -> int:
    for name, value in (("r_max", r_max), ("width", width)):
        if not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive length in Å")
    bins = int(r_max / width + 1e-9)  # 0.3/0.1 is three bins, whatever its last digit
    if not 1 <= bins <= MOST_BINS:
        raise Refusal(f"{bins} bins of {width} Å fit below r_max={r_max} Å", "", "Give another width or r_max")
    return bins


def _labels(traj: Trajectory, pairs: str | Sequence[str] | None) -> list[str]:
    if pairs is None:
        labels = all_pairs(traj.composition)
        if not labels:
            raise Refusal("There is no pair of atoms", "this view holds a single atom", "Choose more atoms")
        return labels
    asked = [pairs] if isinstance(pairs, str) else list(pairs)
    if not asked:
        raise Refusal("No pair was asked for", "", 'Give pairs=["Li-S", …], or leave it out for all pairs')
    return list(dict.fromkeys("-".join(split_pair(label)) for label in asked))


class PairPlan(NamedTuple):
    """How the atoms are sorted for the kernel, and how its counts add up to the pairs that were asked for."""

    order: Ints
    starts: Ints
    pair_of: Ints
    weights: Floats  # (asked pair, counted pair): ordered pairs of atoms for each counted one
    centres: Floats  # (asked pair): number of atoms i
    neighbours: Floats  # (asked pair): number of atoms j
    partners: Floats  # (asked pair): number of pairs of different atoms (i, j)

    @classmethod
    def of(cls, traj: Trajectory, labels: list[str]) -> PairPlan:
        species, kind = np.unique(traj.species, return_inverse=True)
        names, sizes = species.tolist(), np.bincount(kind)
        order = np.argsort(kind, kind="stable")
        inside = np.zeros((2, len(labels), len(names)))  # whether a species belongs to a pair's centres, neighbours
        for p, label in enumerate(labels):
            for side, name in enumerate(split_pair(label)):
                inside[side, p, members(name, names)] = 1
        first, second = np.triu_indices(len(names))
        weights = inside[0][:, first] * inside[1][:, second] + inside[0][:, second] * inside[1][:, first]
        needed = weights.any(axis=0)
        pair_of = np.full((len(names), len(names)), -1)
        pair_of[first[needed], second[needed]] = np.arange(needed.sum())
        pair_of = np.maximum(pair_of, pair_of.T)
        centres, neighbours = inside @ sizes
        partners = centres * neighbours - (inside[0] * inside[1]) @ sizes
        for label, number in zip(labels, partners, strict=True):
            if number == 0:
                raise Refusal(f"There is only one {split_pair(label)[0]}: no pair {label}", "", "Leave this pair out")
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return cls(order, starts, pair_of, weights[:, needed], centres, neighbours, partners)


def pair_histograms(traj: Trajectory, plan: PairPlan, width: float, bins: int) -> tuple[Floats, Floats]:
    """Ordered pairs of atoms summed over each block of the run, (block, pair, bin), plain and times the volume."""
    from vanhove.kernels.pairs import pair_counts

    block_of = time_blocks(traj.n_frames)
    cells, volumes = traj.cells, traj.volumes
    shape = (block_of[-1] + 1, plan.weights.shape[1], bins)

    def work(frames: slice) -> Sums:
        counted = pair_counts(
            traj.read("positions", frames), np.ascontiguousarray(cells[frames]),
            plan.order, plan.starts, plan.pair_of, shape[1], width, bins,
        )  # fmt: skip
        sums: Sums = {"counts": np.zeros(shape, np.int64)}
        if not traj.constant_cell:
            sums["scaled"] = np.zeros(shape)
        for block in np.unique(block_of[frames]):
            mine = block_of[frames] == block
            sums["counts"][block] = counted[mine].sum(axis=0)
            if not traj.constant_cell:
                sums["scaled"][block] = np.einsum("fpk,f->pk", counted[mine], volumes[frames][mine])
        return sums

    table = 8 * shape[1] * bins  # one histogram of all pairs
    sorted_atoms = 150 * traj.n_atoms  # one frame's, by slabs or cells, with the cells' edges
    blocks = cut_frames(traj, 2 * 24 * traj.n_atoms + 3 * table, fixed=4 * shape[0] * table + sorted_atoms)
    total = add_blocks(blocks, work, "g(r)")
    # with one cell the volume is a factor of the whole numbers: the same bits however the frames are cut
    counts: Floats = plan.weights @ total["counts"].astype(np.float64)
    return counts, counts * volumes[0] if traj.constant_cell else plan.weights @ total["scaled"].astype(np.float64)


class FirstPeak(NamedTuple):
    """The first shell: where g(r) is highest, how high, where the shell ends, and how many atoms it holds."""

    position: float  # Å
    height: float
    first_minimum: float  # Å
    coordination: float


def first_peak(result: Dataset, pair: str, smallest: float = 1.0) -> FirstPeak:
    """The first maximum of g(r) and the first minimum behind it, at the centres of their bins.

    Both are looked for on g smoothed by a Gaussian of 0.1 Å: a peak is a maximum above ``smallest`` (ideal gas: 1)
    that falls on both sides by a tenth of its height and by three standard errors; position and height are those of
    the highest bin of g itself on its top. The minimum is the lowest place before the next such peak, the middle of it
    where g is zero over a gap; the coordination is n(r) there. What ``r_max`` is too small to see is NaN, and all is
    where g has no peak.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks, peak_prominences

    labels = result["pair"].values.tolist()
    if pair not in labels:
        raise Refusal(f"'{pair}' is not in this result", "", nearest(pair, labels))
    one = result.sel(pair=pair)
    r, g, n = one["r"].values, one["g"].values, one["n"].values
    sigma = SMOOTHING / (r[1] - r[0]) if len(r) > 1 else 1.0
    smooth = gaussian_filter1d(g, sigma, mode="nearest")
    # independent errors of neighbouring bins, smoothed alike
    noise = np.nan_to_num(one["g_error"].values) / np.sqrt(max(1.0, 2 * np.sqrt(np.pi) * sigma))
    tops = find_peaks(smooth, height=smallest)[0]
    fall = peak_prominences(smooth, tops)[0]
    tops = tops[fall >= np.maximum(STANDS_OUT * smooth[tops], 3 * noise[tops])]
    if len(tops) == 0:
        return FirstPeak(np.nan, np.nan, np.nan, np.nan)
    top = int(tops[0])
    end = int(tops[1]) if len(tops) > 1 else len(g)
    near = np.arange(max(0, top - round(sigma)), min(end, top + round(sigma) + 1))
    highest = int(near[np.argmax(g[near])])
    position, height = float(r[highest]), float(g[highest])
    lowest = np.flatnonzero(smooth[top:end] == smooth[top:end].min()) + top
    if lowest[-1] == len(g) - 1 and smooth[lowest[-1]] > 0:  # still falling where the result ends
        return FirstPeak(position, height, np.nan, np.nan)
    minimum = int(lowest[len(lowest) // 2])
    return FirstPeak(position, height, float(r[minimum]), float(n[minimum]))


def draw(result: Dataset, ax: Axes) -> None:
    """g(r) of all pairs with their errors as bands: on one scale, or one above the other where they are many."""
    r, g = result["r"].values, result["g"].values
    error = np.nan_to_num(result["g_error"].values)
    labels = result["pair"].values.tolist()
    if len(labels) > MOST_OVERLAID:
        _stack(r, g, error, labels, ax)
    else:
        _overlay(r, g, error, labels, ax)
    seen = r[(g > 0).any(axis=0)]
    left = max(0.0, float(seen[0]) - 0.5) if len(seen) else 0.0
    ax.set(xlim=(left, float(r[-1])), xlabel=axis_label("r", "Å"))


def _overlay(r: Floats, g: Floats, error: Floats, labels: list[str], ax: Axes) -> None:
    top = max(1.5, min(1.08 * float(g.max()), TALLEST * float(np.median(g.max(axis=1)))))
    cut = 0
    for k, label in enumerate(labels):
        colour = PALETTE[k]
        ax.plot(r, g[k], color=colour, label=label, zorder=3)
        ax.fill_between(r, g[k] - error[k], g[k] + error[k], color=colour, alpha=0.3, linewidth=0)
        highest = int(np.argmax(g[k]))
        if g[k, highest] > top:
            place = (r[highest], top * (0.98 - 0.07 * cut))
            text = f"{label} up to {g[k, highest]:.1f}"
            ax.annotate(text, place, xytext=(11, 0), textcoords="offset points", color=colour, fontsize=9, va="top")
            cut += 1
    ax.axhline(1, color="#7F7F7F", linewidth=0.8, zorder=1)
    ax.set(ylim=(0, top), ylabel="g(r)")
    ax.legend(loc="upper right")


def _stack(r: Floats, g: Floats, error: Floats, labels: list[str], ax: Axes) -> None:
    """Rows scaled to their own maxima, which are written beside the peaks; a dotted line is at g = 1."""
    edge = ax.get_yaxis_transform()
    for k, label in enumerate(labels):
        colour, base = PALETTE[k % len(PALETTE)], len(labels) - 1 - k
        highest = int(np.argmax(g[k]))
        scale = 0.62 / max(float(g[k, highest]), 1.0)
        ax.axhline(base, color="#CCCCCC", linewidth=0.7, zorder=1)
        ax.axhline(base + scale, color="#AAAAAA", linewidth=0.7, linestyle=":", zorder=1)
        ax.plot(r, base + scale * g[k], color=colour, zorder=3)
        low, high = base + scale * (g[k] - error[k]), base + scale * (g[k] + error[k])
        ax.fill_between(r, low, high, color=colour, alpha=0.3, linewidth=0)
        ax.text(1.01, base + 0.4, label, transform=edge, color=colour, va="center", fontsize=9.5)
        place = (r[highest], base + scale * g[k, highest] + 0.03)
        ax.annotate(f"{g[k, highest]:.1f}", place, ha="center", va="bottom", fontsize=8, color=colour)
    ax.grid(visible=False, axis="y")
    ax.set(ylim=(-0.1, len(labels)), yticks=[], ylabel="g(r) / highest value, shifted")
