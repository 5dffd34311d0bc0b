"""Bond angles: how the neighbours of an atom stand around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames

from .averages import block_sums, ratio, time_blocks
from .bonds import asked_cutoffs, first_minimum, pair_functions
from .neighbours import EDGE, PAIR_BYTES, ball, neighbours_in_frames
from .pairs import members

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .averages import Numbers

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

TETRAHEDRON = float(np.degrees(np.arccos(-1 / 3)))
LEGEND = 0.25  # of the height of the curves: room above them
CROWDED = 3  # times the neighbours of an ideal gas that memory is kept for, and never fewer than
FEW = 12


def angles(
    traj: Trajectory,
    triplets: str | Sequence[str],
    cutoff: float | Mapping[str, float] | None = None,
    *,
    width: float = 1.0,
    weighting: Literal["sin"] | None = None,
) -> Dataset:
    r"""Distribution of the bond angles i–j–k around the atoms j in the middle.

    .. math::

        P(\theta) = \frac{N(\theta)}{\Delta\theta \sum_{\theta'} N(\theta')}, \qquad
        \cos\theta = \frac{\mathbf{r}_{ji} \cdot \mathbf{r}_{jk}}{|\mathbf{r}_{ji}|\,|\mathbf{r}_{jk}|}

    :math:`N(\theta)` counts, over all atoms j and all frames, the pairs of an atom i and another atom k that are both
    bonded to j: not farther from it than the cut-off of their pair. Every periodic image counts.

    :math:`\sum P\,\Delta\theta = 1`. Bonds in random directions give :math:`P \propto \sin\theta`; with
    ``weighting="sin"`` each bin is divided by its solid angle, :math:`\cos\theta_- - \cos\theta_+`, before P is
    normalised, and random directions give a flat line.

    Parameters
    ----------
    triplets
        ``"S-P-S"``: the angle at P between two bonds to S. One, or several; an element means all its isotopes.
    cutoff
        Å, one for all bonds or one for each: ``{"P-S": 2.6}``. By default the first minimum of the pair's g(r),
        averaged over 100 frames of the run.
    width
        Of the bins in degrees; it divides 180. An angle on an edge belongs to the bin above.
    weighting
        ``"sin"`` divides by the solid angle.

    Returns
    -------
    ``P(angle)`` in 1/° with the bins' centres in degrees, ``P(triplet, angle)`` for a list of triplets, ``mean`` and
    ``spread`` (the standard deviation) of the angles themselves, without the weighting, ``coordination(end)`` and
    ``cutoff(end)``: how many atoms i and k are bonded to an atom j, and up to which distance. The errors are standard
    errors from the spread of ten consecutive blocks of frames; NaN for one frame. Where no atom has two bonds, P and
    the mean are NaN, and ``attrs["note"]`` says so.
    """
    bins = _bins(width)
    labels = [triplets] if isinstance(triplets, str) else list(triplets)
    asked = [_Triplet.of(traj, label) for label in dict.fromkeys("-".join(_split(label)) for label in labels)]
    if not asked:
        raise Refusal("No triplet was asked for", "", 'Give one like "S-P-S"')
    cutoffs = _cutoffs(traj, asked, cutoff)
    found = [_count(traj, triplet, cutoffs, bins) for triplet in asked]
    # all are sums over blocks of the run: (block, triplet, …)
    number, sums, bonds, frames = (
        np.stack([one[name] for one in found], axis=1) for name in ("number", "sums", "bonds", "frames")
    )
    counts: Floats = np.stack([one["counts"] for one in found], axis=1).astype(np.float64)
    edges = np.linspace(0, np.pi, bins + 1)
    if weighting == "sin":
        counts /= np.cos(edges[:-1]) - np.cos(edges[1:])
    P, P_error = ratio(counts, counts.sum(axis=-1, keepdims=True) * width)
    mean, mean_error = ratio(sums[..., 0], number)
    spread = np.sqrt(np.maximum(ratio(sums[..., 1], number)[0] - mean**2, 0))
    centres = np.array([len(one.centres) for one in asked])
    coordination, coordination_error = ratio(bonds, (frames * centres)[..., None])

    names = [one.label for one in asked]
    reach = np.array([[cutoffs[pair] for pair in one.pairs] for one in asked])
    each, curve, end = ("triplet",), ("triplet", "angle"), ("triplet", "end")
    columns = {
        "P": (curve, P, "1/°", "distribution of the bond angle"),
        "P_error": (curve, P_error, "1/°", "standard error of P from blocks of frames"),
        "mean": (each, np.degrees(mean), "°", "mean bond angle"),
        "mean_error": (each, np.degrees(mean_error), "°", "standard error of the mean from blocks of frames"),
        "spread": (each, np.degrees(spread), "°", "standard deviation of the bond angles"),
        "coordination": (end, coordination, "1", "atoms bonded to one in the middle"),
        "coordination_error": (end, coordination_error, "1", "standard error of it from blocks of frames"),
        "cutoff": (end, reach, "Å", "longest bond"),
    }
    alone = isinstance(triplets, str)  # then P(angle), as it was asked for
    return dataset(
        "structure.angles",
        {
            name: Column(dims[alone:], values[0] if alone else values, units, long_name)
            for name, (dims, values, units, long_name) in columns.items()
        },
        {
            "triplet": Column(
                () if alone else each, names[0] if alone else names, "1", "triplet, centre in the middle"
            ),
            "angle": Column(("angle",), width * (np.arange(bins) + 0.5), "°", "bond angle"),
            "end": Column(("end",), ["first", "last"], "1", "end of the triplet"),
        },
        parameters=dict(triplets=names[0] if alone else names, cutoff=cutoff, width=width, weighting=weighting),
        history=list(traj.history),
        title="Bond angles",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        **({} if traj.temperature is None else {"temperature": float(traj.temperature)}),
        **_note(names, number.sum(axis=0)),
    )


def _note(names: list[str], number: Numbers) -> dict[str, str]:
    empty = [name for name, n in zip(names, number, strict=True) if n == 0]
    if not empty:
        return {}
    return {"note": f"There is no angle {', '.join(empty)}: no atom in the middle has two such bonds."}


def _bins(width: float) -> int:
    bins = round(180 / width) if np.isfinite(width) and 0.001 <= width <= 180 else 0
    if bins < 1 or abs(bins * width - 180) > 1e-9 * 180:
        raise Refusal(f"Bins of {width}° don't divide 180°", "", "Give a width like 1 or 0.5")
    return bins


def _split(label: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in str(label).split("-")]
    if len(parts) != 3 or not all(parts):
        raise Refusal(f"'{label}' is no triplet", "", 'Write the centre in the middle, like "S-P-S"')
    return parts[0], parts[1], parts[2]


class _Triplet(NamedTuple):
    """A triplet's atoms: those in the middle, and which are at its ends."""

    label: str
    pairs: tuple[str, str]  # of the middle with each end
    centres: Ints
    first: Bools
    last: Bools

    @classmethod
    def of(cls, traj: Trajectory, label: str) -> _Triplet:
        first, middle, last = _split(label)
        species, kind = np.unique(traj.species, return_inverse=True)
        is_first, is_middle, is_last = (
            np.isin(kind, members(name, species.tolist())) for name in (first, middle, last)
        )
        return cls(label, (f"{middle}-{first}", f"{middle}-{last}"), np.flatnonzero(is_middle), is_first, is_last)


def _cutoffs(traj: Trajectory, asked: list[_Triplet], cutoff: float | Mapping[str, float] | None) -> dict[str, float]:
    """How far each bond reaches."""
    pairs = list(dict.fromkeys(pair for triplet in asked for pair in triplet.pairs))
    found = asked_cutoffs(cutoff, pairs, "cutoff")
    missing = [pair for pair in pairs if pair not in found]
    if missing:
        curves = pair_functions(traj, missing)
        found.update({pair: first_minimum(curves, pair, "cutoff") for pair in missing})
    return found


def _count(traj: Trajectory, triplet: _Triplet, cutoffs: dict[str, float], bins: int) -> Sums:
    """Counts of angles in the bins and in all, sums of the angles, bonds and frames, added up by block of the run."""
    from vanhove.kernels.angles import angle_counts

    near, far = (cutoffs[pair] for pair in triplet.pairs)
    others = np.flatnonzero(triplet.first | triplet.last)
    cells, block_of = traj.cells, time_blocks(traj.n_frames)
    blocks = int(block_of[-1]) + 1

    def work(frames: slice) -> Sums:
        pairs = neighbours_in_frames(
            traj.read("positions", frames), cells[frames], triplet.centres, others, max(near, far)
        )
        square = np.einsum("px,px->p", pairs.vector, pairs.vector)
        first, last = (
            chosen[pairs.j] & (square <= (reach * (1 + EDGE)) ** 2)
            for chosen, reach in ((triplet.first, near), (triplet.last, far))
        )
        mine = block_of[frames]
        counts, sums = angle_counts(pairs.frame, pairs.i, pairs.vector, first, last, len(mine), bins)
        bonds = np.stack([np.bincount(pairs.frame[end], minlength=len(mine)) for end in (first, last)], axis=1)
        found = {
            "counts": counts, "sums": sums, "bonds": bonds, "number": counts.sum(axis=1),
            "frames": np.ones(len(mine), np.int64),
        }  # fmt: skip
        return {name: block_sums(values, mine, blocks) for name, values in found.items()}

    gas = len(others) * ball(max(near, far)) / float(traj.volumes.min())
    each = len(triplet.centres) * max(FEW, CROWDED * gas)
    memory = 2 * 24 * traj.n_atoms + 8 * bins + PAIR_BYTES * each
    return add_blocks(cut_frames(traj, int(memory), fixed=4 * 8 * blocks * bins), work, "bond angles")


def draw(result: Dataset, ax: Axes) -> None:
    """P of all triplets with their errors as bands; the dotted line is the tetrahedral angle."""
    one = result if "triplet" in result.dims else result.expand_dims("triplet")
    angle = one["angle"].values
    for k, label in enumerate(one["triplet"].values.tolist()):
        P, error = (one[name].transpose("triplet", "angle").values[k] for name in ("P", "P_error"))
        mean, spread = float(one["mean"].values[k]), float(one["spread"].values[k])
        colour = PALETTE[k % len(PALETTE)]
        name = f"{label}: {mean:.1f}° ± {spread:.1f}°" if np.isfinite(mean) else f"{label}: none"
        ax.plot(angle, P, color=colour, label=name, zorder=3)
        low, high = P - np.nan_to_num(error), P + np.nan_to_num(error)
        ax.fill_between(angle, low, high, color=colour, alpha=0.3, linewidth=0)
    ax.axvline(TETRAHEDRON, color="#7F7F7F", linewidth=0.8, linestyle=":", zorder=1)
    ax.set(xlim=(0, 180), xticks=range(0, 181, 30), xlabel=axis_label("angle", "°"), ylabel=axis_label("P", "1/°"))
    highest = np.nanmax(one["P"].values, initial=0.0)
    ax.set_ylim(0, (1 + LEGEND) * highest if highest > 0 else 1.0)
    ax.legend(loc="upper left", title="mean ± standard deviation", title_fontsize=9, alignment="left")
