"""How a Trajectory begins without a file of its own: from arrays, from ASE, from MDAnalysis; all of it in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.results import step

from .budget import memory_budget
from .contents import Options
from .core import System, Trajectory
from .opening import as_cells, charges_of, check_cells, check_finite, check_times, masses_of
from .source import ArraySource
from .unwrap import MEANING, Unwrap, Unwrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.str_]

GIVEN = "the arrays given"
UNIVERSE = "the universe given"
NO_CLOCK = "Reader has no dt information"  # MDAnalysis says so, and takes 1 ps


def from_arrays(
    positions: Any,
    cells: Any,
    species: Sequence[str],
    times: Any,
    *,
    wrapped: bool,
    velocities: Any = None,
    temperature: float | None = None,
    masses: Any = None,
    charges: Mapping[str, float] | None = None,
) -> Trajectory:
    """A trajectory from numbers at hand.

    Parameters
    ----------
    positions
        (frame, atom, axis) in Å.
    cells
        One cell or one a frame: a length, three lengths, a (3, 3) matrix of row vectors, or (frame, 3, 3).
    species
        Element or isotope of every atom.
    times
        Time of every frame in ps.
    wrapped
        Whether atoms were put back into the cell; then the shortest image between frames unwraps them.
    velocities
        (frame, atom, axis) in Å/ps.
    """
    raw = np.array(positions, dtype=np.float64)
    if raw.ndim != 3 or raw.shape[2] != 3:
        raise Refusal(f"positions has the shape {raw.shape}", "", "Give (frame, atom, axis)")
    labels = np.array([str(label) for label in species])
    when = np.atleast_1d(np.array(times, dtype=np.float64))
    boxes = as_cells(cells)
    speeds = None if velocities is None else np.array(velocities, dtype=np.float64)
    if speeds is not None and speeds.shape != raw.shape:
        raise Refusal(f"velocities has the shape {speeds.shape}", f"positions has {raw.shape}")
    weights = masses_of(labels) if masses is None else np.array(masses, dtype=np.float64)
    return _made(
        raw, boxes, labels, when, GIVEN, wrapped=wrapped, velocities=speeds, temperature=temperature, masses=weights,
        charges=None if charges is None else charges_of(labels, charges), function="from_arrays",
    )  # fmt: skip


def _made(
    raw: Floats, cells: Floats, labels: Labels, times: Floats, where: str, *, function: str, wrapped: bool,
    velocities: Floats | None, temperature: float | None, masses: Floats, charges: Floats | None,
    atoms_in_all: int | None = None, notes: Sequence[str] = (),
) -> Trajectory:  # fmt: skip
    """Check and unwrap; ``raw`` is written on."""
    check_finite(raw, "positions", where)
    if velocities is not None:
        check_finite(velocities, "velocities", where)
    check_times(times, where)
    check_cells(cells, where)
    if len(cells) not in (1, len(raw)):
        raise Refusal(f"{len(cells)} cells for {len(raw)} frames", "", "Give one cell, or one a frame")
    mode: Unwrap = "tor" if wrapped else "file"
    per_frame = np.broadcast_to(cells[0], (len(raw), 3, 3)) if len(cells) == 1 else cells
    block = Unwrapper(mode, constant_cell=len(cells) == 1).step(raw, per_frame, np.zeros((len(raw), 3)), velocities)
    system = System(
        ArraySource(block), labels, masses, charges, cells, times,
        None if temperature is None else float(temperature), atoms_in_all=atoms_in_all,
    )  # fmt: skip
    told = dict(wrapped=wrapped, temperature=temperature, unwrapping=MEANING[mode])
    return Trajectory(system, [step(function, **told, **({"notes": [*notes]} if notes else {}))])


def from_ase(
    frames: Iterable[Any], *, spacing: float, temperature: float | None = None, wrapped: bool = True
) -> Trajectory:
    """A trajectory from ``ase.Atoms``, ``spacing`` ps apart.

    Velocities are taken when the first frame has momenta. ``wrapped=False`` says that the positions are continuous.
    """
    from ase import units

    images: list[Any] = [frames] if hasattr(frames, "get_chemical_symbols") else list(frames)
    if not images:
        raise Refusal("from_ase was given no frame")
    labels = images[0].get_chemical_symbols()
    for number, image in enumerate(images):
        if image.get_chemical_symbols() != labels:
            raise Refusal(f"Frame {number} has other atoms than frame 0, or another order of them")
        if image.cell.rank < 3:
            raise Refusal(f"Frame {number} has no cell", "", "Give atoms a cell: atoms.cell = ..., atoms.pbc = True")
    if not all(image.pbc.all() for image in images):
        warn(
            "The cell is not periodic along every axis", "atoms.pbc of a frame that from_ase was given",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
    has_velocities = images[0].has("momenta")
    cells = np.array([image.cell.array for image in images])
    return _made(
        np.array([image.positions for image in images], np.float64),
        cells[:1] if (cells == cells[0]).all() else cells,
        np.array(labels), np.arange(len(images), dtype=np.float64) * np.float64(spacing), "the frames given",
        velocities=np.array([image.get_velocities() for image in images]) * 1e3 * units.fs if has_velocities else None,
        function="from_ase", wrapped=wrapped, temperature=temperature, masses=images[0].get_masses(), charges=None,
    )  # fmt: skip


def from_mdanalysis(
    universe: Any,
    *,
    species: Mapping[int | str, str] | Sequence[str] | None = None,
    spacing: float | None = None,
    temperature: float | None = None,
    wrapped: bool = True,
    charges: Mapping[str, float] | None = None,
) -> Trajectory:
    """A trajectory from an MDAnalysis ``Universe``, or from some of its atoms (``universe.select_atoms(...)``).

    All frames are read into memory, with what transformations the universe has. Files that :func:`vanhove.open` reads
    itself are better opened there: it streams them, and MDAnalysis keeps positions in single precision.

    Parameters
    ----------
    universe
        A ``Universe`` or an ``AtomGroup``, with a box.
    species
        Which element each type is, as for :func:`vanhove.open`; not needed where the universe has elements, or masses
        that name them.
    spacing
        ps between frames; needed where MDAnalysis knows no times, for which it takes 1 ps.
    temperature
        K.
    wrapped
        False says that the positions are continuous; else the shortest image between frames unwraps them, which leaves
        continuous ones as they are.
    charges
        Charge of each species (e); else those of the universe.
    """
    from .readers.cells import cells_of, cosines_of, once_if_constant
    from .readers.checks import settle_species, settle_times

    if not hasattr(getattr(universe, "universe", None), "trajectory") or not hasattr(universe, "atoms"):
        raise Refusal(
            "from_mdanalysis takes a Universe or an AtomGroup", f"it was given a {type(universe).__name__}",
            "Frames of ase.Atoms go to vh.from_ase, files to vh.open",
        )  # fmt: skip
    everything, reader = universe.universe.atoms, universe.universe.trajectory
    group = everything[universe.atoms.indices]  # a group that is selected anew in every frame stays what it is
    if not len(group):
        raise Refusal("The group holds no atom", "", "Give a universe, or a selection that finds atoms")
    frames, atoms = len(reader), len(group)
    clock, moving = _looked_at(reader)
    needed, budget = frames * atoms * 24 * (1 + moving), memory_budget()
    if needed > budget:
        raise Refusal(
            f"These positions take {needed / 1e9:.1f} GB and the memory budget is {budget / 1e9:.1f} GB", UNIVERSE,
            "Open its files with vh.open, which streams them, give fewer atoms, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    boxes, times = np.empty((frames, 6)), np.empty(frames)
    raw, speeds = np.empty((frames, atoms, 3)), np.empty((frames, atoms, 3) if moving else 0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", NO_CLOCK)
        for number, frame in enumerate(reader):
            if frame.dimensions is None:
                raise Refusal(
                    f"Frame {number} has no box", UNIVERSE,
                    "Give it one: universe.trajectory.add_transformations(transformations.boxdimensions.set_dimensions"
                    "([a, b, c, alpha, beta, gamma]))",
                )  # fmt: skip
            boxes[number], times[number], raw[number] = frame.dimensions, frame.time, group.positions
            moving = moving and bool(frame.has_velocities)
            if moving:
                speeds[number] = group.velocities
    cells = once_if_constant(cells_of(boxes[:, :3], cosines_of(boxes[:, 3:])))
    known = times if clock or frames == 1 else None
    times = settle_times(known, frames, Options(spacing=spacing), UNIVERSE)
    if np.isnan(times).any():
        raise Refusal("MDAnalysis knows no times and takes 1 ps", UNIVERSE, "Give spacing= (ps between frames)")
    kind, labels = _labels(group)
    masses = _numbers(group, "masses", lambda values: (values > 0).all() and (values != 1).any())  # 1 is a guess
    named = settle_species(labels, Options(species), UNIVERSE, kind=kind, masses=masses)
    given = _numbers(group, "charges", lambda values: values.any())
    return _made(
        raw, cells, named, times, UNIVERSE, function="from_mdanalysis", wrapped=wrapped, temperature=temperature,
        velocities=speeds if moving else None, masses=masses_of(named) if masses is None else masses,
        charges=given if charges is None else charges_of(named, charges),
        atoms_in_all=len(everything) if atoms < len(everything) else None, notes=["single precision"],
    )  # fmt: skip


def _looked_at(reader: Any) -> tuple[bool, bool]:
    """Whether a universe's times are known, and whether it has velocities.

    Of files without times MDAnalysis warns; of arrays it takes 1 ps where nothing else was given.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frame = reader[0]
        _ = frame.time  # asked for, it warns
        assumed = type(reader).__name__ == "MemoryReader" and reader.dt == 1
    return not assumed and not any(NO_CLOCK in str(each.message) for each in told), bool(frame.has_velocities)


def _labels(group: Any) -> tuple[str, Labels]:
    """What kind of labels the atoms have, and which: elements where all have one."""
    for kind in ("element", "type"):
        labels = getattr(group, f"{kind}s", None)
        if labels is not None and all(labels):
            return kind, np.array([str(label) for label in labels])
    return "atom", np.full(len(group), "?")


def _numbers(group: Any, name: str, useful: Any) -> Floats | None:
    """One number an atom, where the universe has them and they are ``useful``."""
    values = getattr(group, name, None)
    array = None if values is None else np.array(values, np.float64)
    return array if array is not None and np.isfinite(array).all() and useful(array) else None
