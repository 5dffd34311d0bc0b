"""Steinhardt's bond-orientational order parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, colour_of
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.budget import memory_budget

from .averages import block_sums, ratio, time_blocks
from .bond_order import BondOrder
from .pairs import members

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DEGREES = range(2, 13)
BIN = 0.01  # of the distribution
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def steinhardt(
    traj: Trajectory,
    species: str | Sequence[str] | None = None,
    neighbours: str | Sequence[str] | None = None,
    l: int | Sequence[int] = 6,  # noqa: E741 - the symbol that everybody knows it by
    average: bool = True,
    cutoff: float | None = None,
    number: int | None = None,
    per_frame: bool = False,
) -> Dataset:
    r"""Steinhardt's order parameter q_l of atoms, by default averaged over their neighbours (A8).

    .. math::

        q_{lm}(i) = \frac{1}{N_i} \sum_{j=1}^{N_i} Y_{lm}(\hat{\mathbf r}_{ij}), \qquad
        \bar q_{lm}(i) = \frac{1}{N_i + 1} \Big[ q_{lm}(i) + \sum_{j=1}^{N_i} q_{lm}(j) \Big], \qquad
        q_l = \sqrt{\frac{4\pi}{2l + 1} \sum_{m=-l}^{l} |q_{lm}|^2}

    and :math:`\bar q_l` alike from :math:`\bar q_{lm}`. In a perfect crystal of one kind of site both are the same
    number (q6 is 0.57452 in fcc, 0.48476 in hcp, 0.51069 in bcc with 14 neighbours); in a glass the average is much
    smaller, since the bonds of neighbouring atoms point in unrelated directions.

    Parameters
    ----------
    traj
        Only the atoms of this view are seen.
    species
        Whose order it is; all atoms by default.
    neighbours
        Which species an atom has as neighbours, all by default. In the average every neighbour brings its own
        :math:`q_{lm}`, over its own neighbours of these species; one that has none is left out.
    l
        Degree, 2 to 12, or several.
    average
        :math:`\bar q_l` (Lechner and Dellago 2008) or plain :math:`q_l`.
    cutoff, number
        Neighbours are those within this distance (Å), or this many of the nearest; give one of the two. Every periodic
        image counts.
    per_frame
        Also keeps every frame, ``q_frame``.

    Returns
    -------
    ``q(atom)``, or ``q(l, atom)`` for several l: the mean over the frames in which the atom has a neighbour, NaN where
    it never has (counted in ``attrs["without_neighbours"]``, atoms times frames). ``P(value)`` is the distribution over
    atoms and frames, ``mean`` and ``spread`` its moments. Errors are standard errors from the spread of ten consecutive
    blocks of frames, NaN for one frame. ``index(atom)`` counts in the view.
    """
    degrees = [l] if isinstance(l, int | np.integer) else sorted(set(l))
    order = plan(traj, species, neighbours, degrees, average, cutoff, number)
    kept = _room_for_frames(traj, order) if per_frame else None
    sums = _sums(traj, order, kept)
    frames = np.bincount(time_blocks(traj.n_frames))[:, None, None]
    q, q_error = ratio(sums["q"], sums["seen"])
    everyone = sums["seen"].sum(axis=-1)
    mean, mean_error = ratio(sums["q"].sum(axis=-1), everyone)
    second, _ = ratio(sums["square"], everyone)
    share, share_error = ratio(sums["histogram"], everyone[:, :, None])
    one = isinstance(l, int | np.integer)
    lead: tuple[str, ...] = () if one else ("l",)

    def table(values: Floats, *dims: str) -> tuple[tuple[str, ...], Floats]:
        return (*lead, *dims), (values[0] if one else values)

    symbol = ("q̄" if average else "q") + (str(degrees[0]).translate(SUBSCRIPTS) if one else "ₗ")
    variables = {
        "q": Column(*table(q, "atom"), "1", f"Steinhardt order parameter {symbol}"),
        "q_error": Column(*table(q_error, "atom"), "1", f"standard error of {symbol}"),
        "P": Column(*table(share / BIN, "value"), "1", f"distribution of {symbol}"),
        "P_error": Column(*table(share_error / BIN, "value"), "1", "standard error of the distribution"),
        "mean": Column(*table(mean), "1", f"mean {symbol} over atoms and frames"),
        "mean_error": Column(*table(mean_error), "1", f"standard error of the mean {symbol}"),
        "spread": Column(*table(np.sqrt(np.maximum(second - mean**2, 0))), "1", f"standard deviation of {symbol}"),
    }
    coords = {
        "index": Column(("atom",), order.centres, "1", "number of the atom in the trajectory"),
        "atom_species": Column(("atom",), traj.species[order.centres], "1", "species of the atom"),
        "value": Column(("value",), (np.arange(round(1 / BIN)) + 0.5) * BIN, "1", f"order parameter {symbol}"),
    }
    if not one:
        coords["l"] = Column(("l",), degrees, "1", "degree")
    if kept is not None:
        dims = ("frame", "atom") if one else ("frame", "l", "atom")
        variables["q_frame"] = Column(dims, kept[:, 0] if one else kept, "1", f"{symbol} of every frame")
        coords["time"] = Column(("frame",), traj.times, "ps", "time of the frame")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.steinhardt",
        variables,
        coords,
        parameters=dict(
            species=species, neighbours=neighbours, l=l, average=average, cutoff=cutoff, number=number,
            per_frame=per_frame,
        ),
        history=list(traj.history),
        title=f"Steinhardt order parameter {symbol}",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        without_neighbours=int(frames.sum() * len(order.centres) - sums["seen"][:, 0].sum()),
        **known,
    )  # fmt: skip


def plan(
    traj: Trajectory,
    species: str | Sequence[str] | None,
    neighbours: str | Sequence[str] | None,
    degrees: list[int],
    average: bool,
    cutoff: float | None,
    number: int | None,
) -> BondOrder:
    """What is asked for, checked."""
    if not degrees or any(degree not in DEGREES for degree in degrees):
        raise Refusal(f"l={degrees}", "", f"Give whole numbers from {DEGREES[0]} to {DEGREES[-1]}")
    if (cutoff is None) == (number is None):
        raise Refusal(
            f"cutoff={cutoff} and number={number}", "one of them says which atoms are neighbours",
            "Give a distance in Å, as where g(r) has its first minimum, or a number of nearest atoms",
        )  # fmt: skip
    if number is not None and number < 1:
        raise Refusal(f"number={number}", "", "Ask for one neighbour or more")
    return BondOrder(atoms_of(traj, species), atoms_of(traj, neighbours), degrees, average, cutoff, number)


def atoms_of(traj: Trajectory, species: str | Sequence[str] | None) -> Ints:
    """Numbers of the atoms of one or several species; an element means all its isotopes, None everyone."""
    if species is None:
        return np.arange(traj.n_atoms)
    asked = [species] if isinstance(species, str) else list(species)
    labels, which = np.unique(traj.species, return_inverse=True)
    chosen = sorted({k for name in asked for k in members(name, labels.tolist())})
    return np.flatnonzero(np.isin(which, chosen))


def _room_for_frames(traj: Trajectory, order: BondOrder) -> Floats:
    shape = (traj.n_frames, len(order.degrees), len(order.centres))
    needed, budget = 8 * int(np.prod(shape)), memory_budget()
    if needed > budget:
        raise Refusal(
            f"The order of every frame takes {needed / 1e9:.1f} GB", f"the memory budget is {budget / 1e9:.1f} GB",
            "Leave out per_frame, choose fewer frames, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    return np.empty(shape)


def _sums(traj: Trajectory, order: BondOrder, kept: Floats | None) -> Sums:
    """Sums over each block of the run, (block, l, …), of q by atom, its square, and counts by value; NaN left out."""
    block_of, cells = time_blocks(traj.n_frames), traj.cells
    blocks, bins = int(block_of[-1]) + 1, round(1 / BIN)
    shape = (blocks, len(order.degrees), bins)

    def work(frames: slice) -> Sums:
        q = order.of(traj.read("positions", frames), cells[frames])
        if kept is not None:
            kept[frames] = q
        seen = np.isfinite(q)
        values = np.where(seen, q, 0.0)
        place = np.minimum((values / BIN).astype(np.int64), bins - 1)
        flat = (block_of[frames, None, None] * shape[1] + np.arange(shape[1])[:, None]) * bins + place
        counted = np.bincount(flat[seen], minlength=int(np.prod(shape)))
        mine = block_of[frames]
        return {
            "q": block_sums(values, mine, blocks),
            "seen": block_sums(seen.astype(np.float64), mine, blocks),
            "square": block_sums((values**2).sum(axis=-1), mine, blocks),
            "histogram": counted.reshape(shape).astype(np.float64),
        }

    result = 8 * blocks * len(order.degrees) * (2 * len(order.centres) + bins + 1)
    each = order.frame_bytes(float(traj.volumes.min())) + 24 * traj.n_atoms
    return add_blocks(cut_frames(traj, each, fixed=3 * result), work, "Steinhardt order")


def draw(result: Dataset, ax: Axes) -> None:
    """The distribution of q, of each l where there are several, with its mean."""
    several = "l" in result.dims
    value = result["value"].values
    for k, degree in enumerate(result["l"].values.tolist() if several else [None]):
        one = result.sel(l=degree) if several else result
        density, error = one["P"].values, np.nan_to_num(one["P_error"].values)
        names = list(dict.fromkeys(result["atom_species"].values.tolist()))
        colour = PALETTE[k % len(PALETTE)] if several or len(names) > 1 else colour_of(names[0])
        words = f"l = {degree}" if several else ", ".join(names)
        ax.fill_between(value, density - error, density + error, color=colour, alpha=0.3, linewidth=0)
        ax.plot(value, density, color=colour, label=f"{words}, mean {float(one['mean']):.3f}")
        ax.axvline(float(one["mean"]), color=colour, linewidth=0.9, linestyle=":")
    seen = value[(np.atleast_2d(result["P"].values) > 0).any(axis=0)]
    last = min(1.0, float(seen[-1]) + 0.05) if len(seen) else 1.0
    ax.set(xlim=(0, last), xlabel=str(result["value"].attrs["long_name"]), ylabel="distribution")
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper right", ncols=2)
