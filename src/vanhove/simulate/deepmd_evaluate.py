"""Energies, forces and virials of DeePMD models on many frames, by DeePMD's own process."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory import Trajectory

from . import deepmd_child
from .deepmd_home import find_deepmd
from .engine import Process
from .label_data import Labelled
from .thermo import explain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._deepmd import DeepMD

    Floats = NDArray[np.float64]

POLL, OUTPUT, ORDERS = 0.1, "output.txt", "orders.json"


@dataclass(frozen=True)
class Frames:
    """Frames of the same atoms: positions (frame, atom, 3) and cells (frame, 3, 3), Å."""

    name: str
    species: tuple[str, ...]
    positions: Floats
    cell: Floats
    numbers: NDArray[np.int64]  # in their source


@dataclass(frozen=True)
class Computed:
    """What a model says of frames: eV, eV/Å, eV."""

    energy: Floats
    forces: Floats
    virial: Floats


def evaluate(models: Sequence[DeepMD], frames: Sequence[Frames], threads: int | None = None) -> list[list[Computed]]:
    """Of each model what it says of each set of frames."""
    for model in models:
        for each in frames:
            strange = sorted(set(each.species) - set(model.species))
            if strange:
                raise Refusal(
                    f"The model '{model.name}' does not know {strange[0]}",
                    f"frames '{each.name}'; it was trained on {', '.join(model.species)}",
                )
    home = find_deepmd()
    with tempfile.TemporaryDirectory(prefix="vanhove-deepmd-") as name:
        folder = Path(name)
        for number, each in enumerate(frames):
            np.savez(
                folder / f"{number}.npz",
                coord=each.positions,
                cell=each.cell,
                species=np.array(each.species, dtype=str),
            )
        orders = {"models": [str(model.path) for model in models], "frames": [f"{n}.npz" for n in range(len(frames))]}
        (folder / ORDERS).write_text(json.dumps(orders), encoding="utf-8")
        command = home.script(os.path.abspath(deepmd_child.__file__), ORDERS)
        held = os.open(folder, os.O_RDONLY)
        try:
            environment = home.environment(threads or len(os.sched_getaffinity(0)))
            with Process(command, folder, environment, held) as process:
                while (code := process.wait(POLL)) is None:
                    pass
        finally:
            os.close(held)
        if code:
            end = explain(code, folder / OUTPUT)
            raise Refusal(f"DeePMD could not evaluate the frames: {end.why}", end.tail, "Check the model's file")
        return [[_read(folder / f"{m}-{n}.npz") for n in range(len(frames))] for m in range(len(models))]


def _read(path: Path) -> Computed:
    with np.load(path, allow_pickle=False) as found:
        computed = Computed(found["energy"], found["forces"], found["virial"])
    if not all(np.isfinite(array).all() for array in (computed.energy, computed.forces, computed.virial)):
        raise Refusal("The model gives what is no number", str(path.name), "Look at its learning curve; train it again")
    return computed


def frames_of(given: Any) -> list[Frames]:
    """Frames of labelled data, of a trajectory, or of ``ase.Atoms`` and sequences of them."""
    if isinstance(given, Labelled):
        return [Frames(one.name, one.species, one.positions, one.cell, one.frame_of) for one in given]
    if isinstance(given, Trajectory):
        species = tuple(str(one) for one in given.species)
        return [Frames("trajectory", species, given.positions, given.cells, np.arange(given.n_frames))]
    structures: list[Any] = [given] if hasattr(given, "get_positions") else list(_iterated(given))
    if not structures:
        raise Refusal("There are no frames")
    if not all(hasattr(one, "get_positions") for one in structures):
        raise Refusal(
            f"{str(given)[:60]!r} are no frames",
            "",
            "Give labelled frames, a trajectory, or ase.Atoms and lists of them",
        )
    groups: list[list[int]] = []
    for number, one in enumerate(structures):  # runs of the same atoms, so that the order stays
        same = groups and structures[groups[-1][-1]].get_chemical_symbols() == one.get_chemical_symbols()
        if same:
            groups[-1].append(number)
        else:
            groups.append([number])
    return [
        Frames(
            structures[group[0]].get_chemical_formula(), tuple(structures[group[0]].get_chemical_symbols()),
            np.array([structures[n].get_positions() for n in group]),
            np.array([_cell(structures[n]) for n in group]), np.array(group),
        )
        for group in groups
    ]  # fmt: skip


def _cell(structure: Any) -> Floats:
    if not structure.pbc.all():
        raise Refusal("A structure is not periodic in all directions", "", "Give it a cell, with pbc=True")
    return np.asarray(structure.cell.array, float)


def _iterated(given: Any) -> Iterable[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        return [given]
    return given
