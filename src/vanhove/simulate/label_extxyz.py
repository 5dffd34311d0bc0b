"""Labels from extended XYZ, also packed: frames of one composition or of many, which become a system each.

Energies are in eV, forces in eV/Å. A ``virial`` is -dE/dε in eV, a ``stress`` in eV/Å³ positive in tension, as ASE has
it: six numbers in the order xx yy zz yz xz xy, or nine. Names may begin with ``REF_`` or ``DFT_``. Where a frame has
both an ``energy`` and a ``free_energy``, the forces are derivatives of the latter. Frames whose names leave it open
which numbers are the labels are refused; ``keys=`` decides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, nearest, warn
from vanhove.trajectory.readers import extxyz
from vanhove.trajectory.readers.checks import check_ending, settle_species
from vanhove.trajectory.readers.packing import bare_name
from vanhove.trajectory.readers.text import Lines, TextFile, Torn

from .label_data import System
from .label_text import Asked, gathered, matrix, none_left, number, rows_of, say_left_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PREFIXES = ("", "ref_", "dft_")
ENERGIES = ("free_energy", "energy", "totenergy", "total_energy")
FORCES = ("forces", "force")
VIRIALS = ("virial", "virials")
STRESSES = ("stress",)
VOIGT = [0, 5, 4, 5, 1, 3, 4, 3, 2]  # of xx yy zz yz xz xy, where each of the nine stands
KINDS = ("energy", "forces", "virial", "stress")

recognises = extxyz.recognises


@dataclass
class _Frames:
    """Where the rows of the frames stand, and what their comments say."""

    places: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Names:
    """What the labels are called in the file; empty: not there."""

    energy: str
    forces: str
    virial: str
    stress: str


def read(path: Path, asked: Asked) -> list[System]:
    """A system for every order of species, in the order in which they come."""
    frames = _walk(path)
    names = _names(frames, asked.keys, path)
    labelled = [n for n, keys in enumerate(frames.keys) if names.energy in keys and names.forces in columns_of(keys)]
    bare = sorted(set(range(len(frames.keys))) - set(labelled))
    say_left_out(bare, "they have no energy or no forces", path, "Label them, or leave them out of the file")
    if not labelled:
        raise none_left(path, f"it has {', '.join(sorted(frames.keys[0]))}", "Write energy=... and a column forces:R:3")
    groups = _groups(path, frames, labelled, names)
    systems = [_system(path, frames, index, labels, names, asked) for index, labels in groups]
    return _named(systems, path, asked)


def _walk(path: Path) -> _Frames:
    frames, torn = _Frames(), None
    with TextFile(path, "looking through") as file:
        lines = Lines(file)
        while True:
            try:
                line = lines.begin()
                comment = "" if line is None else lines.need()
            except Torn:
                torn = f"in the header of frame {len(frames.places)}"
                break
            if line is None:
                break
            where = f"{path}, frame {len(frames.places)}"
            if not line.strip().isdecimal() or len(line.strip()) > 9 or int(line) < 1:
                raise Refusal(
                    "A frame does not begin with its number of atoms", f"{where}: '{line[:80]}'",
                    "The number above the frame before may not be that of its rows: check the file there",
                )  # fmt: skip
            place = lines.skip(int(line))
            if place is None:
                torn = f"in the rows of frame {len(frames.places)}"
                break
            frames.places.append(place)
            frames.sizes.append(int(line))
            frames.keys.append(extxyz.read_comment(comment))
        check_ending(path, len(frames.places), torn, cut=file.cut)
    if not frames.places:
        raise Refusal("The file holds no frame", str(path), "Give an extended XYZ file")
    open_ = [n for n, keys in enumerate(frames.keys) if "F" in keys.get("pbc", "").replace("False", "F").split()]
    if open_:
        warn(
            "The cell is not periodic along every axis", f"{path}, frame {open_[0]} and {len(open_) - 1} more",
            "It is taken as periodic: a cluster needs more empty space around it than a potential reaches",
        )  # fmt: skip
    return frames


def columns_of(keys: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """First column and width of every property of a frame."""
    words, columns, start = keys.get("properties", extxyz.PLAIN).split(":"), dict[str, tuple[int, int]](), 0
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or not width.isdecimal():
            return {}
        columns[name.lower()] = start, int(width)
        start += int(width)
    return columns


def _names(frames: _Frames, given: Mapping[str, str] | None, path: Path) -> _Names:
    """What to read: as ``keys`` says, else the one set of names that has both energies and forces."""
    said = {kind: (given or {}).get(kind, "").lower() for kind in KINDS}
    unknown = sorted(set(given or {}) - set(KINDS))
    if unknown:
        raise Refusal(f"keys= has '{unknown[0]}'", "", nearest(unknown[0], list(KINDS)))
    count: Counter[str] = Counter()
    for keys in frames.keys:
        count.update({*keys, *columns_of(keys)})
    missing = [name for name in said.values() if name and name not in count]
    if missing:
        raise Refusal(f"No frame has '{missing[0]}'", str(path), nearest(missing[0], sorted(count)))
    sets = list[_Names]()
    for prefix in PREFIXES:
        found = [_first(count, prefix, names) for names in (ENERGIES, FORCES, VIRIALS, STRESSES)]
        one = _Names(*(mine or there for mine, there in zip(said.values(), found, strict=True)))
        if one.energy and one.forces and one not in sets:
            sets.append(one)
    if not sets:
        raise none_left(path, f"it has {', '.join(sorted(count))}", "Say what they are called: keys={'energy': '...'}")
    if len(sets) > 1:
        listed = " and ".join(f"{one.energy} with {one.forces}" for one in sets)
        raise Refusal(
            "The file has several sets of labels", f"{path}: {listed}",
            f"Say which: keys={{'energy': '{sets[-1].energy}', 'forces': '{sets[-1].forces}'}}",
        )  # fmt: skip
    return sets[0]


def _first(count: Counter[str], prefix: str, names: tuple[str, ...]) -> str:
    """The name that most frames have; of several that all have, the first."""
    there = [prefix + name for name in names if count[prefix + name]]
    return max(there, key=lambda name: count[name], default="")


def _groups(
    path: Path, frames: _Frames, labelled: list[int], names: _Names
) -> list[tuple[list[int], NDArray[np.str_]]]:
    """Frames whose rows are of the same species in the same order, all with a virial or none; with that order."""
    from vanhove.kernels.parsing import GOOD, LABEL, SKIP, first_rows

    groups: dict[tuple[str, bytes, bool], list[int]] = {}
    labels: dict[tuple[str, bytes, bool], NDArray[np.str_]] = {}
    with TextFile(path) as file:
        for n in labelled:
            properties, size = frames.keys[n].get("properties", extxyz.PLAIN), frames.sizes[n]
            columns = columns_of(frames.keys[n])
            if "species" not in columns:
                raise Refusal("The rows have no species", f"{path}, frame {n}: {properties}", "Write species:S:1")
            roles = np.full(columns["species"][0] + 1, SKIP, np.int64)
            roles[-1] = LABEL
            text = file.read(*frames.places[n])
            ids, hashes, places = np.zeros((3, size), np.int64)
            fault, row, _ = first_rows(text, roles, True, ids, hashes, places, np.zeros(size))
            if fault != GOOD:
                raise Refusal("A row has no species", f"{path}, frame {n}, row {row + 1}", "Check the file there")
            key = properties, hashes.tobytes(), not {names.virial, names.stress}.isdisjoint(frames.keys[n])
            if key not in groups:
                _, firsts, which = np.unique(hashes, return_index=True, return_inverse=True)
                words = [text[places[k] : places[k] + 64].tobytes().split()[0].decode() for k in firsts.tolist()]
                labels[key] = np.array(words)[which]
            groups.setdefault(key, []).append(n)
    return [(index, labels[key]) for key, index in groups.items()]


def _system(
    path: Path, frames: _Frames, index: list[int], labels: NDArray[np.str_], names: _Names, asked: Asked
) -> System:
    from vanhove.kernels.parsing import POSITION, SKIP, VELOCITY

    first = f"{path}, frame {index[0]}"
    columns = columns_of(frames.keys[index[0]])
    place = next((name for name in extxyz.POSITIONS if name in columns), "")
    roles = np.full(sum(width for _, width in columns.values()), SKIP, np.int64)
    for name, role in ((place, POSITION), (names.forces, VELOCITY)):
        start, width = columns.get(name, (0, 0))
        if width != 3:
            raise Refusal(f"'{name or 'pos'}' has {width} columns, not three", first, "Write pos:R:3 and forces:R:3")
        roles[start : start + 3] = role + np.arange(3)
    rows = rows_of(path, [frames.places[n] for n in index], roles.tolist(), len(labels), index, moving=True)
    positions, forces = gathered(rows)
    said = [(frames.keys[n], f"{path}, frame {n}") for n in index]
    for keys, where in said:
        if "lattice" not in keys:
            raise Refusal("The frame has no cell (Lattice=)", where, "A molecule needs a cell with empty space in it")
    cells = np.array([_numbers(keys["lattice"], f"{where}, Lattice", 9) for keys, where in said]).reshape(-1, 3, 3)
    energy = np.array([number(keys[names.energy], f"{where}, {names.energy}") for keys, where in said])
    species = settle_species(labels, asked.options, path, kind="species").tolist()
    how = ", ".join(filter(None, (names.energy, names.forces, names.virial or names.stress)))
    return System(
        "xyz", tuple(species), cells, positions, energy, forces, _virial(said, cells, names), np.array(index),
        f"{path}: extended XYZ, labels {how}",
    )  # fmt: skip


def _virial(said: list[tuple[dict[str, str], str]], cells: Floats, names: _Names) -> Floats | None:
    """From a virial, else from a stress: W = -σV; None where not all frames have one."""
    for name, factor in ((names.virial, np.ones(len(cells))), (names.stress, -np.abs(np.linalg.det(cells)))):
        if name and all(name in keys for keys, _ in said):
            return np.array([_tensor(keys[name], f"{where}, {name}") for keys, where in said]) * factor[:, None, None]
    return None


def _tensor(text: str, where: str) -> Floats:
    count = len(_bare(text).split())
    values = _numbers(text, where, 6 if count == 6 else 9)
    return (values[VOIGT] if count == 6 else values).reshape(3, 3)


def _numbers(text: str, where: str, count: int) -> Floats:
    return matrix(_bare(text).encode(), where, count)


def _bare(text: str) -> str:
    return text.translate({ord(sign): " " for sign in ",[]{}"})


def _named(systems: list[System], path: Path, asked: Asked) -> list[System]:
    from dataclasses import replace

    stem = asked.name or bare_name(path.name).rpartition(".")[0] or path.name
    if len(systems) == 1:
        return [replace(systems[0], name=stem)]
    return [replace(system, name=f"{stem}-{system.formula}") for system in systems]
