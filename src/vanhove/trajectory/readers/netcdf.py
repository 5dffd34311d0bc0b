"""NetCDF in AMBER's convention: LAMMPS ``dump netcdf``, AMBER, OpenMM and others; CDF-1, CDF-2, CDF-5 and netCDF-4.

Positions are taken from ``unwrapped_coordinates``, else from ``coordinates`` (with LAMMPS's image flags ``ix iy iz``
where they are there), else from ``scaled_coordinates``. Units are those that the variables state; where they state
none, those of the convention (Å, ps, Å/ps), or of LAMMPS's unit style. Atoms are sorted by ``id`` in every frame where
there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Contents, Options

from .binary import FARTHEST
from .cells import cells_of, cosines_of, once_if_constant
from .checks import check_ending, refuse_unused, settle_times
from .clocks import by_steps, first_of_repeated, unrounded
from .netcdf_atoms import AtomTable
from .netcdf_files import HDF5, NetCDF, Variable, open_netcdf
from .netcdf_frames import NetCDFFrames
from .netcdf_units import Units

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

UNWRAPPED, PLAIN, SCALED = "unwrapped_coordinates", "coordinates", "scaled_coordinates"
FLAGS = ("ix", "iy", "iz")
# What else is read of every frame, and how many dimensions it has then: a fixed id or charge has one.
ALONG = {"time": 1, "velocities": 3} | dict.fromkeys(
    (*FLAGS, "cell_lengths", "cell_angles", "cell_origin", "id", "type", "mass", "q"), 2
)


def recognises(path: Path, head: bytes) -> bool:
    """Whether ``head`` begins a classic netCDF file, or that of an HDF5 file which states AMBER's convention."""
    if head.startswith(b"CDF"):
        return True
    if not head.startswith(HDF5):
        return False
    try:
        with open_netcdf(path) as file:
            return "AMBER" in str(file.attributes.get("Conventions", ""))
    except Refusal:
        return False


def scan(path: Path, options: Options) -> Contents:
    """Read times and cells of all frames, and who the atoms are; of the positions none is read."""
    with open_netcdf(path) as file:
        kind, continuous = _kind(file, path)
        n_frames = _whole_frames(file, kind, path)
        n_atoms = file.variables[kind].shape[1]
        notes = [f"positions from {kind}{' and image flags' if kind == PLAIN and continuous else ''}"]
        if file.variables[kind].dtype.itemsize == 4:
            notes.append("single precision")
        units = Units(file, options, path)
        keep, counted = _times(file, units, n_frames, options, path, notes)
        cells, origins = _cells(file, units, n_frames, path)
        table = AtomTable(file, n_atoms, path)
        atoms, ids, types = table.follow(options, notes)
        if "q" in file.variables:
            atoms = atoms._replace(charges=table.charges(n_frames, units.style, notes))
        speed = None
        if "velocities" in file.variables and file.variables["velocities"].shape == file.variables[kind].shape:
            speed = units.speed(file.variables["velocities"])
            if speed is None:
                notes.append("the velocities are left out: their unit is not known; give units= (real, metal, ...)")
        length = 1.0 if kind == SCALED else units.length(file.variables[kind])
    numbers = np.flatnonzero(keep)
    cells = once_if_constant(cells[keep])
    origins = None if origins is None else origins[keep]
    frames = NetCDFFrames(
        path, kind, numbers, n_atoms, cells, length, speed, origins if kind == SCALED else None,
        FLAGS if kind == PLAIN and continuous else (), ids, types,
    )  # fmt: skip
    return Contents(
        paths=(path,), format="netcdf", species=atoms.species, times=settle_times(counted, len(numbers), options, path),
        cells=cells, continuous=continuous, has_velocities=speed is not None, frames=frames, origins=origins,
        masses=atoms.masses, charges=atoms.charges, notes=notes,
    )  # fmt: skip


def _kind(file: NetCDF, path: Path) -> tuple[str, bool]:
    """Which variable has the positions, and whether they are continuous."""
    shapes = {name: variable.shape for name, variable in file.variables.items()}
    for kind in (UNWRAPPED, PLAIN, SCALED):
        shape = shapes.get(kind, ())
        if len(shape) == 3 and shape[2] == 3 and shape[1] > 0 and file.variables[kind].dtype.kind == "f":
            flagged = all(shapes.get(flag, ())[1:] == shape[1:2] for flag in FLAGS)
            return kind, kind == UNWRAPPED or (kind == PLAIN and flagged)
    raise Refusal(
        "The file has no positions in AMBER's convention", f"{path} holds {', '.join(sorted(shapes)) or 'nothing'}",
        "Write coordinates(frame, atom, spatial): LAMMPS dump netcdf with xu yu zu, or x y z",
    )  # fmt: skip


def _whole_frames(file: NetCDF, kind: str, path: Path) -> int:
    """How many frames are there in every variable that is used."""
    lengths = [file.variables[kind].shape[0]]
    beside = [(file.variables[name].shape, rank) for name, rank in ALONG.items() if name in file.variables]
    lengths += [shape[0] for shape, rank in beside if len(shape) == rank]
    n_frames = min(lengths)
    declared = max(lengths) if file.declared is None else file.declared
    torn = f"in frame {n_frames} of the {declared} that its header counts" if n_frames < declared else None
    check_ending(path, n_frames, torn or ("in its header" if n_frames == 0 else None))
    return n_frames


def _read(variable: Variable, first: int, stop: int) -> Floats:
    return np.asarray(variable.read(first, stop)).astype(np.float64)


def _times(
    file: NetCDF, units: Units, n_frames: int, options: Options, path: Path, notes: list[str]
) -> tuple[NDArray[np.bool_], Floats | None]:
    """Which frames are not repeated, and the times of those; None where the file counts nothing."""
    variable = file.variables.get("time")
    # LAMMPS keeps steps there, and its time step in the factor
    counts_steps = variable is not None and units.of_lammps and "scale_factor" in variable.attributes
    if not counts_steps:
        refuse_unused(options, "timestep", f"{path} does not count steps")
    if variable is None or len(variable.shape) != 1 or variable.dtype.kind not in "fiu":
        return np.full(n_frames, True), None
    raw = np.asarray(variable.read(0, n_frames))
    values = raw.astype(np.float64)
    if not (np.abs(values) < 1e30).all():  # netCDF fills what was not written with 1e37
        frame = int(np.argmin(np.abs(values) < 1e30))
        raise Refusal(
            f"The time of frame {frame} was not written", f"{path}: {values[frame]:g}", "Use the frames before it"
        )
    if n_frames > 1 and np.ptp(values) == 0:
        return np.full(n_frames, True), None
    keep = first_of_repeated(values, path, notes, "step" if counts_steps else "time")
    values = values[keep]
    if raw.dtype.itemsize == 4 and raw.dtype.kind == "f":
        values = unrounded(raw[keep].astype(np.float32), np.arange(len(values)))
    factor = units.time(variable)
    own = None if factor is None else values * factor
    return keep, by_steps(values, own, options, path) if counts_steps else own


def _cells(file: NetCDF, units: Units, n_frames: int, path: Path) -> tuple[Floats, Floats | None]:
    """Cells and their corners in Å."""
    found = [file.variables.get(name) for name in ("cell_lengths", "cell_angles", "cell_origin")]
    lengths, angles, corner = ((v if v is not None and v.shape[1:] == (3,) else None) for v in found)
    if lengths is None or angles is None:
        raise Refusal(
            "The file has no cell",
            f"{path}: cell_lengths and cell_angles are missing",
            "Write the trajectory with its cell",
        )
    sizes = _read(lengths, 0, n_frames) * units.length(lengths)
    bad = ~((sizes > 0) & (sizes < FARTHEST)).all(axis=1)
    if bad.any():
        frame = int(np.argmax(bad))
        raise Refusal(
            f"The cell of frame {frame} is {' × '.join(f'{size:g}' for size in sizes[frame])} Å", str(path),
            "A length of zero stands for a boundary that is not periodic: no volume, no density, nothing to unwrap by",
        )  # fmt: skip
    degrees = _read(angles, 0, n_frames)
    if str(angles.attributes.get("units", "")).lower().startswith("radian"):
        degrees = np.degrees(degrees)
    origins = None if corner is None else _read(corner, 0, n_frames) * units.length(corner)
    if origins is not None and not (np.abs(origins) < FARTHEST).all():
        origins = None
    return cells_of(sizes, cosines_of(degrees)), origins
