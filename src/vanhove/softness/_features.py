"""Radial structure functions: how many atoms of each species stand at each distance from an ion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of
from vanhove.base.results import Column, dataset
from vanhove.structure._steinhardt import atoms_of
from vanhove.structure.axis import AXES, fractions_along, heights
from vanhove.structure.neighbours import PAIR_BYTES, ball, neighbours_in_frames
from vanhove.structure.pairs import split_pair
from vanhove.structure.rows import Row, stack
from vanhove.trajectory.blocks import add_blocks, cut
from vanhove.trajectory.budget import memory_budget

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

EDGE = 1e-9  # of a shell: what is on an edge but for rounding belongs to the shell above


def features(
    traj: Trajectory | Any,
    species: str | Sequence[str],
    width: float = 0.2,
    cutoff: float = 10.0,
    *,
    neighbours: str | Sequence[str] | None = None,
    frames: Sequence[int] | NDArray[np.integer] | None = None,
    every: int | None = None,
) -> Dataset:
    r"""Radial structure functions G(i; r) of ions, per neighbour species (F1).

    .. math:: G_Y(i; r_k) = \#\{ j \in Y : k\,\Delta r \le r_{ij} < (k + 1)\,\Delta r \}

    the plain number of neighbours of species Y in each shell of width :math:`\Delta r` about ion i, up to the cut-off;
    every periodic image counts. They are counts, not standardised: the mean and the standard deviation with which a
    model sees them are those of what it was trained on, and belong to the model. (Others smear each neighbour with a
    Gaussian; with shells of 0.2 Å the thermal motion does.)

    Parameters
    ----------
    traj
        A trajectory, an ``ase.Atoms`` or a list of them.
    species
        Whose surroundings they are: an element or isotope, or several.
    width
        Å, of a shell.
    cutoff
        Å; whole shells up to it.
    neighbours
        Which species are counted, each on its own; all by default. They are taken from the whole system, also where
        ``traj`` is a selection.
    frames, every
        Which frames: their numbers, or each ``every``-th one; all by default. Frames that are closer than the
        surroundings take to change say the same twice.

    Returns
    -------
    ``G(sample, feature)``, a sample being one ion in one frame, sorted by frame and atom; ``frame(sample)`` and
    ``atom(sample)`` (numbers in ``traj``), ``time(sample)``, ``place_a``, ``place_b``, ``place_c`` (where in the cell
    it is, from 0 to 1). ``pair(feature)``, the ion first, and ``r(feature)``, the middle of the shell.
    ``shell(feature)`` is its volume, so that ``G/shell`` is a density, and ``density(feature)`` the mean one of the
    neighbour species.
    """
    run = _trajectory(traj)
    if not (np.isfinite(width) and width > 0):
        raise Refusal(f"width={width}", "", "Give a positive distance in Å")
    if not (np.isfinite(cutoff) and cutoff * (1 + EDGE) >= width):
        raise Refusal(f"cutoff={cutoff}", f"a shell is {width:g} Å wide", "Give a distance in Å that holds a shell")
    bins = int(cutoff / width + EDGE)
    chosen = _frames_of(run, frames, every)
    everything = run.whole_system
    mine = np.flatnonzero(np.isin(np.arange(run.n_atoms), atoms_of(run, species)))
    if len(mine) == 0:
        raise Refusal(f"There is no {species!r} in this trajectory", f"it has {run.composition}", "Choose its ions")
    ions = run.atom_numbers[mine]
    around = _around(everything, neighbours)
    kinds = run.species[mine]
    centre = str(kinds[0]) if len(set(kinds.tolist())) == 1 else "ion"
    table, places = _counted(everything, chosen, ions, list(around.values()), width, bins)
    edges = width * np.arange(bins + 1)
    volume = float(everything.volumes[chosen].mean())
    densities = [len(atoms) / volume for atoms in around.values()]
    one = np.tile(mine, len(chosen))
    high = {f"height_{name}": float(heights(run.cells[chosen], k).mean()) for k, name in enumerate(AXES)}
    known = {} if run.temperature is None else {"temperature": float(run.temperature)}
    pairs = [f"{centre}-{label}" for label in around]
    return dataset(
        "softness.features",
        {
            "G": Column(("sample", "feature"), table, "1", "neighbours in the shell"),
            "shell": Column(("feature",), np.tile(np.diff(ball(1.0) * edges**3), len(around)), "Å³", "its volume"),
            "density": Column(("feature",), np.repeat(densities, bins), "1/Å³", "density of the neighbour species"),
        },
        {
            "pair": Column(("feature",), np.repeat(pairs, bins), "1", "ion and neighbour"),
            "r": Column(("feature",), np.tile(0.5 * (edges[1:] + edges[:-1]), len(around)), "Å", "middle of the shell"),
            "frame": Column(("sample",), np.repeat(chosen, len(mine)), "1", "number of the frame"),
            "atom": Column(("sample",), one, "1", "number of the atom in the trajectory"),
            "time": Column(("sample",), np.repeat(run.times[chosen], len(mine)), "ps", "time of the frame"),
            **{
                f"place_{name}": Column(("sample",), places[k], "1", f"place along {name}, as a part of the cell")
                for k, name in enumerate(AXES)
            },
        },
        parameters=dict(
            species=species, width=width, cutoff=cutoff, neighbours=neighbours,
            frames=None if frames is None else chosen, every=every,
        ),
        history=list(run.history),
        title=f"Radial structure functions of {_named(species)}",
        fingerprint=run.fingerprint,
        species=_named(species),
        width=float(width),
        cutoff=float(edges[-1]),
        frames=len(chosen),
        ions=len(mine),
        last_time=float(run.times[-1]),
        **high,
        **known,
    )  # fmt: skip


def _trajectory(given: Trajectory | Any) -> Trajectory:
    """What was given, as a trajectory; structures have no time, and are counted as if 1 ps apart."""
    from vanhove.trajectory import Trajectory, from_ase

    if isinstance(given, Trajectory):
        return given
    images = [given] if hasattr(given, "get_chemical_symbols") else list(given)
    if not all(hasattr(image, "get_chemical_symbols") for image in images):
        raise Refusal(f"A {type(given).__name__} is no trajectory", "", "Give one that vh.open gave, or ase.Atoms")
    return from_ase(images, spacing=1.0)


def _named(species: str | Sequence[str]) -> str:
    return species if isinstance(species, str) else ", ".join(species)


def _frames_of(
    traj: Trajectory, frames: Sequence[int] | NDArray[np.integer] | None, every: int | None
) -> NDArray[np.int64]:
    if frames is not None and every is not None:
        raise Refusal(f"frames={frames!r} and every={every}", "each says which frames", "Give one of them")
    if frames is None:
        if every is not None and every < 1:
            raise Refusal(f"every={every}", "", "Give a whole number from 1 on")
        return np.arange(0, traj.n_frames, every or 1)
    numbers = np.asarray(frames)
    whole = numbers.ndim == 1 and numbers.dtype.kind in "iu" and len(numbers) > 0
    if not whole or numbers.min() < -traj.n_frames or numbers.max() >= traj.n_frames:
        raise Refusal(f"frames={frames!r}", f"there are {traj.n_frames}", "Give a list of their numbers, from 0 on")
    return np.unique(numbers % traj.n_frames).astype(np.int64)


def _around(everything: Trajectory, neighbours: str | Sequence[str] | None) -> dict[str, Ints]:
    """The atoms of each neighbour species, by its name, in the order of appearance or as asked for."""
    if neighbours is None:
        asked = list(everything.composition)
    else:
        asked = list(dict.fromkeys([neighbours] if isinstance(neighbours, str) else neighbours))
    found = {name: np.asarray(everything.select(name).atom_numbers, np.int64) for name in asked}
    if not found:
        raise Refusal("neighbours= names no species", "", "Leave it out for all of them")
    return found


def _counted(
    everything: Trajectory, frames: Ints, ions: Ints, around: list[Ints], width: float, bins: int
) -> tuple[Floats, Floats]:
    """Counts of every sample, (frame and ion, species and shell), and places of the ions, (axis, sample)."""
    number = len(ions)
    needed, budget = 8 * len(frames) * number * bins * len(around), memory_budget()
    if needed > budget:
        raise Refusal(
            f"Features of {number} ions in {len(frames)} frames take {needed / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB",
            "Take fewer frames with every=, wider shells, or raise VANHOVE_MEMORY",
        )
    table = np.empty((len(frames), number, len(around), bins))
    places = np.empty((3, len(frames), number))
    row = np.zeros(everything.n_atoms, np.int64)
    row[ions] = np.arange(number)
    cells, cutoff = everything.cells, width * bins

    def work(block: slice) -> Sums:
        for n in range(block.start, block.stop):
            f = int(frames[n])
            positions, cell = everything.read("positions", slice(f, f + 1)), cells[f : f + 1]
            for kind, atoms in enumerate(around):
                pairs = neighbours_in_frames(positions, cell, ions, atoms, cutoff)
                distance = np.sqrt(np.einsum("px,px->p", pairs.vector, pairs.vector))
                shell = (distance / width + EDGE).astype(np.int64)
                inside = shell < bins  # one at just the cut-off lies in the shell beyond the last
                flat = row[pairs.i[inside]] * bins + shell[inside]
                table[n, :, kind] = np.bincount(flat, minlength=number * bins).reshape(number, bins)
            for axis in range(3):
                places[axis, n] = fractions_along(positions[:, ions], cell, axis)[0]
        return {}

    volume = float(everything.volumes[frames].min())
    pairs_at_most = number * max(1.0, max(len(atoms) for atoms in around) * ball(cutoff) / volume)
    # a block holds the list of one frame at a time, so that it is cut by what threads hold, not by its frames
    add_blocks(cut(len(frames), 1, fixed=int(1.5 * PAIR_BYTES * pairs_at_most) + 72 * len(row)), work, "features")
    return table.reshape(len(frames) * number, -1), places.reshape(3, -1)


def draw(result: Dataset, ax: Axes) -> None:
    """The mean over the ions of each pair's function, over that of a gas, with the standard deviation among them."""
    expected = result["shell"].values * result["density"].values
    mean = result["G"].values.mean(axis=0) / expected
    spread = result["G"].values.std(axis=0) / expected
    pairs = result["pair"].values
    names = list(dict.fromkeys(pairs.tolist()))
    r = result["r"].values[pairs == names[0]]
    rows = []
    for k, name in enumerate(names):
        mine = pairs == name
        # within the first ångström a shell is so small that one neighbour is a huge density
        rows.append(Row(name, colour_of(split_pair(name)[1], k), mean[mine], spread[mine], 1.0))
    stack(ax, r, rows)
    ax.set(xlim=(0, float(result.attrs["cutoff"])), xlabel="r (Å)", ylabel="G(r) over that of a gas, and its spread")
