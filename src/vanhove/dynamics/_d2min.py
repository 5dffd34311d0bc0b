"""D²_min: how an ion moves against its surroundings, beyond what an affine map of them explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.structure.averages import ratio, time_blocks
from vanhove.structure.neighbours import PAIR_BYTES, ball, neighbours_in_frames
from vanhove.trajectory.blocks import add_blocks, cut
from vanhove.trajectory.budget import memory_budget

from .lags import frames_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def d2min(
    traj: Trajectory,
    species: str | Sequence[str],
    cutoff: float,
    step: float = 1.0,
    neighbours: str | Sequence[str] | None = None,
) -> Dataset:
    r"""Non-affine displacement D²_min of ions over a step of time, and its sum along the run (B16).

    .. math::

        D^2_{\min}(i; t) = \min_{\mathbf J} \frac{1}{N_i} \sum_{j=1}^{N_i}
            \big| \mathbf r_{ij}(t + \Delta t) - \mathbf J\, \mathbf r_{ij}(t) \big|^2, \qquad
        D_{\mathrm{cum}}(i) = \sum_{k} \sqrt{D^2_{\min}(i; k\,\Delta t)}

    over the :math:`N_i` atoms within the cut-off of ion i at the start of the step, each followed as the image that it
    was, in the cell of its frame. A strain or rotation of the surroundings gives nothing; an ion that leaves its
    neighbours behind gives much. It is the *mean* over the neighbours (Falk and Langer 1998 took the sum).

    Vibrations add to :math:`D_{\mathrm{cum}}` at every step: it grows with the number of steps even where nothing
    happens, so values for different steps, or runs of different lengths, are not comparable.

    Parameters
    ----------
    traj
        Frames a step apart, or more densely; only every such frame is read.
    species
        Whose motion it is.
    cutoff
        Å; the surroundings, more than the first shell of neighbours.
    step
        ps.
    neighbours
        Which species the surroundings are; all by default. They are taken from the whole system, also where ``traj`` is
        a selection.

    Returns
    -------
    ``D2min(frame, atom)`` in Å², a number for each step, which begins at ``time(frame)``; ``D_cum(atom)`` in Å. NaN
    where an ion has fewer than four neighbours at the start of a step, or all of them in one plane: then the map is not
    determined. ``undetermined(atom)`` counts these steps, and :math:`D_{\mathrm{cum}}` of an ion that has any is NaN.
    ``neighbours(atom)`` is their mean number, ``index(atom)`` counts in the view. ``mean`` is that of all D²_min, with
    its standard error from the spread of ten consecutive blocks of steps; ``median`` is that of D_cum.
    """
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise Refusal(f"cutoff={cutoff}", "", "Give a positive distance in Å")
    some = frames_apart(traj, step, "step")
    everything = some.whole_system
    mine = np.flatnonzero(_of(some, species))
    ions = some.atom_numbers[mine]
    around = np.arange(everything.n_atoms) if neighbours is None else np.flatnonzero(_of(everything, neighbours))
    table, counts = _misfits(everything, ions, around, cutoff)
    undetermined = np.isnan(table).sum(axis=0)
    block_of = time_blocks(len(table))
    seen = np.bincount(block_of, (~np.isnan(table)).sum(axis=1))
    mean, error = ratio(np.bincount(block_of, np.nansum(table, axis=1)), seen)
    summed = np.sqrt(table).sum(axis=0)
    median = float(np.median(summed[np.isfinite(summed)])) if np.isfinite(summed).any() else np.nan
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.d2min",
        {
            "D2min": Column(("frame", "atom"), table, "Å²", "mean squared non-affine displacement"),
            "D_cum": Column(("atom",), summed, "Å", "sum of the roots over all steps"),
            "mean": Column((), mean, "Å²", "mean over ions and steps"),
            "mean_error": Column((), error, "Å²", "standard error of the mean over ions and steps"),
            "median": Column((), median, "Å", "median of D_cum over the ions"),
            "undetermined": Column(("atom",), undetermined, "1", "steps in which the map is not determined"),
            "neighbours": Column(("atom",), counts / len(table), "1", "mean number of neighbours"),
        },
        {
            "time": Column(("frame",), some.times[:-1], "ps", "beginning of the step"),
            "index": Column(("atom",), mine, "1", "number of the atom in the trajectory"),
            "atom_species": Column(("atom",), some.species[mine], "1", "species of the atom"),
        },
        parameters=dict(species=species, cutoff=cutoff, step=step, neighbours=neighbours),
        history=list(traj.history),
        title=f"Non-affine motion of {name}",
        fingerprint=traj.fingerprint,
        species=name,
        step=step,
        steps=len(table),
        undetermined=int(undetermined.sum()),
        **known,
    )


def _of(traj: Trajectory, species: str | Sequence[str]) -> NDArray[np.bool_]:
    """Which atoms of a view are of some species."""
    chosen = traj.select(species if isinstance(species, str) else list(species))
    return np.isin(traj.atom_numbers, chosen.atom_numbers)


def _misfits(everything: Trajectory, ions: Ints, around: Ints, cutoff: float) -> tuple[Floats, Floats]:
    """D²_min (step, ion), and the number of neighbours of every ion summed over the steps."""
    from vanhove.kernels.affine import follow, nonaffine

    steps, cells = everything.n_frames - 1, everything.cells
    needed, budget = 8 * steps * len(ions), memory_budget()
    if needed > budget:
        raise Refusal(
            f"D2min of {len(ions)} ions in {steps} steps takes {needed / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB",
            "Choose fewer ions or frames, a longer step, or raise VANHOVE_MEMORY",
        )
    table = np.empty((steps, len(ions)))
    place = np.zeros(everything.n_atoms, np.int64)
    place[ions] = np.arange(len(ions))
    maps = np.empty((0, 3, 3))

    def work(part: slice) -> Sums:
        frames = slice(part.start, part.stop + 1)
        positions, mine = everything.read("positions", frames), np.ascontiguousarray(cells[frames])
        pairs = neighbours_in_frames(positions[:-1], mine[:-1], ions, around, cutoff)
        after = np.empty_like(pairs.vector)
        follow(np.column_stack(pairs[:3]), pairs.vector, positions, mine, after)
        row = pairs.frame * len(ions) + place[pairs.i]
        counts = np.bincount(row, minlength=(part.stop - part.start) * len(ions))
        misfit = np.empty(len(counts))
        nonaffine(np.concatenate([[0], np.cumsum(counts)]), pairs.vector, after, misfit, maps)
        table[part] = misfit.reshape(-1, len(ions))
        return {"counts": counts.reshape(-1, len(ions)).sum(axis=0).astype(np.float64)}

    bonds = len(ions) * max(1.0, len(around) * ball(cutoff) / float(everything.volumes.min()))
    each = int(1.5 * PAIR_BYTES * bonds) + 3 * 24 * everything.n_atoms
    counts = add_blocks(cut(steps, each), work, "D²min")["counts"]
    return table, np.asarray(counts, np.float64)


def draw(result: Dataset, ax: Axes) -> None:
    """How D_cum is distributed over the ions, with its median."""
    every = result["D_cum"].values
    kinds = result["atom_species"].values
    known = every[np.isfinite(every)]
    words = f"sum of D_min over {int(result.attrs['steps'])} steps of {float(result.attrs['step']):g} ps"
    ax.set(xlabel=label(words, "Å"), ylabel="ions")
    if len(known) == 0:
        ax.text(0.5, 0.5, "no ion has enough neighbours", transform=ax.transAxes, ha="center")
        return
    edges = np.histogram_bin_edges(known, bins=min(60, max(8, int(np.sqrt(len(known))) * 2))).tolist()
    for k, name in enumerate(dict.fromkeys(kinds.tolist())):
        mine = every[(kinds == name) & np.isfinite(every)]
        ax.hist(mine, edges, histtype="stepfilled", color=colour_of(name, k), alpha=0.35)
        ax.hist(mine, edges, histtype="step", color=colour_of(name, k), label=f"{name}, median {np.median(mine):.3g} Å")
    ax.axvline(float(np.median(known)), color="#7F7F7F", linewidth=0.9, linestyle=":")
    ax.legend(loc="upper right")
