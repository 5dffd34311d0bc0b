"""How a Trajectory begins: from files; and what every beginning checks."""

from __future__ import annotations

import io
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
from .unwrap import MEANING, STORED, Unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PathLike = str | os.PathLike[str]
MOST_NAMED = 20  # species that the history lists
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
        LAMMPS dump, DCD, XTC, NetCDF, XDATCAR, vasprun.xml, CP2K's xyz, extended XYZ, H5MD, ASE's .traj, or a folder of
        DeePMD data; text also packed (.gz, .zst). Several are joined in the order given.
    species
        Which element each type is: ``{1: "Na", 2: "Si", 3: "S"}``. Extra keys are ignored, a missing one is an error.
    timestep
        ps per step, for files that count steps (LAMMPS dumps, DCD, an xyz with ``Step``).
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
        mass, charges), the cell file, input or restart file of a CP2K run.
    units
        LAMMPS unit style (``"real"``, ``"metal"``), needed only for velocities, and lengths in other units than Å, of
        a file that does not state it.

    An argument that the file can't use is refused, with what to give instead.
    """
    from .readers import scan
    from .readers.join import join

    paths = _paths(path_or_paths)
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
    listed = species is not None and not isinstance(species, Mapping) and len(species) > MOST_NAMED
    named = f"{len(species or ())} labels" if listed else species  # one an atom: the trajectory itself has them
    asked = dict(
        paths=[path.name for path in paths], species=named, timestep=timestep, spacing=spacing,
        temperature=temperature, unwrap=unwrap, format=contents.format, topology=beside.name if beside else None,
    )  # fmt: skip
    return _trajectory(contents, options, temperature, charges, asked)


def _paths(given: object) -> list[Path]:
    """The files that were named; anything else is refused, with what takes it."""
    if isinstance(given, str | os.PathLike):
        return [Path(given)]
    many = list(given) if isinstance(given, Iterable) and not isinstance(given, bytes | io.IOBase) else [given]
    paths = []
    for each in many:
        if not isinstance(each, str | os.PathLike):
            kind = type(each)
            raise Refusal(
                "vh.open takes the path of a file, or several", f"it was given a {kind.__module__}.{kind.__qualname__}",
                "vh.from_mdanalysis takes an MDAnalysis Universe, vh.from_ase frames of ase.Atoms, vh.from_arrays "
                "numbers",
            )  # fmt: skip
        paths.append(Path(each))
    if not paths:
        raise Refusal("No file was named")
    return paths


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
    more = len(contents.paths) - 1
    where = f"{contents.paths[0]} and {more} more" if more else str(contents.paths[0])
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
