"""How a Trajectory begins: from files, from arrays, from ASE."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of, is_species, mass_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.results import step

from .contents import Contents, Options
from .core import System, Trajectory
from .file_source import FileSource
from .source import ArraySource
from .unwrap import MEANING, STORED, Unwrap, Unwrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PathLike = str | os.PathLike[str]
FLATTEST = 1e9  # of a cell: the volume that its vectors would have at right angles, over the one that they have
MODES: list[Unwrap] = ["file", "tor", "fractional", "none"]


def open(
    path_or_paths: PathLike | Sequence[PathLike],
    *,
    species: Mapping[int | str, str] | Sequence[str] | None = None,
    timestep: float | None = None,
    spacing: float | None = None,
    temperature: float | None = None,
    unwrap: Unwrap | None = None,
    format: str | None = None,
    charges: Mapping[str, float] | None = None,
    topology: PathLike | None = None,
    units: str | None = None,
) -> Trajectory:
    """Open a trajectory file, or several that follow each other; no position is read yet.

    Parameters
    ----------
    path_or_paths
        LAMMPS dump (also .gz), XDATCAR (also .gz), extended XYZ, H5MD. Several are joined in the order given.
    species
        Which element each type is: ``{1: "Na", 2: "Si", 3: "S"}``. Extra keys are ignored, a missing one is an error.
    timestep
        ps per step, for files that count steps (LAMMPS dumps).
    spacing
        ps between frames, for files that count nothing (XDATCAR, plain xyz). An explicit one overrides the file.
    temperature
        K.
    unwrap
        ``"file"`` (unwrapped columns or image flags), ``"tor"``, ``"fractional"`` or ``"none"``; default by what the
        file has. See :mod:`vanhove.trajectory.unwrap`.
    format
        Forces a reader by name.
    charges
        Charge of each species (e).
    topology
        A file that says what the trajectory does not: a LAMMPS data file for DCD, XTC, NetCDF or a dump (species by
        mass, charges), the cell file of a CP2K run.
    units
        LAMMPS unit style (``"real"``, ``"metal"``), needed only for the velocities of a dump or an xyz that does not
        state it.
    """
    from .readers import scan
    from .readers.join import join

    paths = [Path(path_or_paths)] if isinstance(path_or_paths, str | os.PathLike) else [Path(p) for p in path_or_paths]
    if not paths:
        raise Refusal("No file was named")
    for name, value in (("timestep", timestep), ("spacing", spacing), ("temperature", temperature)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive number")
    if unwrap is not None and unwrap not in MODES:
        raise Refusal(f"unwrap={unwrap!r}", "", nearest(str(unwrap), [*MODES]))
    beside = None if topology is None else Path(topology)
    options = Options(species, timestep, spacing, units, unwrap, beside)
    for path in [*paths, *[beside] * (beside is not None)]:
        _check_there(path)
    contents = join([scan(path, options, format) for path in paths], options)
    asked = dict(
        paths=[path.name for path in paths], species=species, timestep=timestep, spacing=spacing,
        temperature=temperature, unwrap=unwrap, format=contents.format, topology=beside.name if beside else None,
    )  # fmt: skip
    return _trajectory(contents, options, temperature, charges, asked)


def _check_there(path: Path | None) -> None:
    if path is None or not path.exists():
        raise Refusal("There is no such file", str(path), "Check the path")
    if not os.access(path, os.R_OK):
        raise Refusal("The file may not be read", str(path), "Check its permissions")
    if path.is_file() and path.stat().st_size == 0:
        raise Refusal("The file is empty", str(path))


def _trajectory(
    contents: Contents,
    options: Options,
    temperature: float | None,
    charges: Mapping[str, float] | None,
    asked: dict[str, Any],
) -> Trajectory:
    where = ", ".join(str(path) for path in contents.paths)
    times = contents.times
    if len(times) == 1:
        times = np.nan_to_num(times)  # one frame needs no clock
    if np.isnan(times).any():
        what = "ps per step" if contents.clock == "timestep" else "ps between frames"
        raise Refusal(
            "The file does not say when its frames are",
            where,
            f"Give {contents.clock}= ({what}), on the command line --{contents.clock}",
        )
    check_times(times, where)
    check_cells(contents.cells, where)
    masses = contents.masses if contents.masses is not None else masses_of(contents.species)
    mode = _mode(contents, options, where)
    known = contents.charges if charges is None else charges_of(contents.species, charges)
    system = System(
        contents.store or FileSource(contents, mode, options.units or "", masses),
        contents.species, masses, known, contents.cells, times,
        contents.temperature if temperature is None else float(temperature), atoms_in_all=contents.atoms_in_all,
    )  # fmt: skip
    how = STORED if contents.store else MEANING[mode]
    done = [*contents.history, step("open", **asked, unwrapping=how, notes=list(contents.notes))]
    return Trajectory(system, done)


def _mode(contents: Contents, options: Options, where: str) -> Unwrap:
    """How to unwrap: as asked, else by what the file has."""
    asked = options.unwrap
    if contents.store is not None and asked not in (None, "file"):
        raise Refusal(
            f"unwrap={asked!r} comes too late: the positions were unwrapped when the file was written", where,
            "Leave it out, or open the original files with it",
        )  # fmt: skip
    if asked == "file" and not contents.continuous:
        raise Refusal(
            "unwrap='file' needs unwrapped coordinates or image flags, which it has not", where,
            'Use "tor" or "fractional"',
        )  # fmt: skip
    return asked or ("file" if contents.continuous else "tor")


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
    check_finite(raw, "positions", "the arrays given")
    check_times(when, "the arrays given")
    check_cells(boxes, "the arrays given")
    speeds = None if velocities is None else np.array(velocities, dtype=np.float64)
    if speeds is not None:
        check_finite(speeds, "velocities", "the arrays given")
        if speeds.shape != raw.shape:
            raise Refusal(f"velocities has the shape {speeds.shape}", f"positions has {raw.shape}")
    mode: Unwrap = "tor" if wrapped else "file"
    if len(boxes) not in (1, len(raw)):
        raise Refusal(f"{len(boxes)} cells for {len(raw)} frames", "", "Give one cell, or one a frame")
    per_frame = np.broadcast_to(boxes[0], (len(raw), 3, 3)) if len(boxes) == 1 else boxes
    block = Unwrapper(mode, constant_cell=len(boxes) == 1).step(raw, per_frame, np.zeros((len(raw), 3)), speeds)
    weights = masses_of(labels) if masses is None else np.array(masses, dtype=np.float64)
    system = System(
        ArraySource(block), labels, weights, None if charges is None else charges_of(labels, charges), boxes, when,
        None if temperature is None else float(temperature),
    )  # fmt: skip
    return Trajectory(system, [step("from_arrays", wrapped=wrapped, temperature=temperature, unwrapping=MEANING[mode])])


def from_ase(
    frames: Iterable[Any], *, spacing: float, temperature: float | None = None, wrapped: bool = True
) -> Trajectory:
    """A trajectory from ``ase.Atoms``, ``spacing`` ps apart.

    Velocities are taken when the first frame has momenta. ``wrapped=False`` says that the positions are continuous.
    """
    from ase import units

    images = list(frames)
    if not images:
        raise Refusal("from_ase was given no frame")
    labels = images[0].get_chemical_symbols()
    for number, image in enumerate(images):
        if image.get_chemical_symbols() != labels:
            raise Refusal(f"Frame {number} has other atoms than frame 0, or another order of them")
    has_velocities = images[0].has("momenta")
    cells = np.array([image.cell.array for image in images])
    return from_arrays(
        np.array([image.positions for image in images]), cells[:1] if (cells == cells[0]).all() else cells, labels,
        np.arange(len(images)) * spacing, wrapped=wrapped, temperature=temperature, masses=images[0].get_masses(),
        velocities=np.array([image.get_velocities() for image in images]) * 1e3 * units.fs if has_velocities else None,
    )  # fmt: skip


# What every beginning checks.


def as_cells(cells: Any) -> Floats:
    """(1, 3, 3) or (frame, 3, 3) from a length, three lengths, a matrix or a stack of matrices."""
    array = np.array(cells, dtype=np.float64)
    if array.ndim == 0 or array.shape == (1,):
        array = np.eye(3) * array
    elif array.shape == (3,):
        array = np.diag(array)
    if array.shape[-2:] != (3, 3) or array.ndim not in (2, 3):
        raise Refusal(f"cells has the shape {array.shape}", "", "Give a length, three lengths, (3, 3) or (frame, 3, 3)")
    return array.reshape(-1, 3, 3)


def check_cells(cells: Floats, where: str) -> None:
    """Refuse cells without volume, and those so flat that rounding errors are all that is left of it."""
    with np.errstate(over="ignore", invalid="ignore"):
        volumes = np.abs(np.linalg.det(cells))
        upright = np.prod(np.linalg.norm(cells, axis=2), axis=1)
        bad = ~(np.isfinite(volumes) & (volumes > 1e-3) & (upright < FLATTEST * volumes))
    if bad.any():
        raise Refusal(f"The cell of frame {int(np.argmax(bad))} has no volume", where, "Check the file's cell or box")


def check_times(times: Floats, where: str) -> None:
    """Refuse times that do not rise."""
    if not np.isfinite(times).all():
        raise Refusal(f"The time of frame {int(np.argmin(np.isfinite(times)))} is not a finite number", where)
    back = np.diff(times) <= 0
    if back.any():
        frame = int(np.argmax(back)) + 1
        raise Refusal(
            f"Frame {frame} is at {times[frame]:.10g} ps, not after frame {frame - 1} at {times[frame - 1]:.10g} ps",
            where,
            "Leave out the frames that were written before a restart; give several files in the order of time",
        )


def check_finite(array: Floats, what: str, where: str, first_frame: int = 0) -> None:
    """Refuse NaN and infinity, saying which frame and atom."""
    if np.isfinite(array).all():
        return
    frame, atom = np.argwhere(~np.isfinite(array))[0][:2]
    raise Refusal(f"{what} of atom {atom} in frame {frame + first_frame} is not a finite number", where)


def masses_of(species: NDArray[np.str_]) -> Floats:
    """Mass of every atom by its label; a label that is no element weighs 1 u, with a warning."""
    table = {}
    for label in sorted(set(species.tolist())):
        if is_species(label):
            table[label] = mass_of(label)
        else:
            warn(f"'{label}' is no element", "its mass is taken as 1 u", "Name elements with species=")
            table[label] = 1.0
    return np.array([table[label] for label in species.tolist()])


def charges_of(species: NDArray[np.str_], charges: Mapping[str, float]) -> Floats:
    """Charge of every atom from a charge a species; a missing one is an error, never zero."""
    table = {}
    for label in sorted(set(species.tolist())):
        known = charges.get(label, charges.get(element_of(label)))
        if known is None:
            raise Refusal(f"No charge is given for {label}", f"charges has {dict(charges)}", "Give one a species")
        table[label] = float(known)
    return np.array([table[label] for label in species.tolist()])
