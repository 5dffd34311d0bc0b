"""Energies, forces and virials of structures by a given engine: what a potential is trained on."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.progress import Progress

from ._cp2k import CP2K
from ._forces import forces
from .ase_points import AsePoints
from .cp2k_points import Cp2kPoints
from .cp2k_program import find_cp2k
from .engines import AseEngine, find_engine
from .folder import Folder
from .label_data import Labelled, System, joined
from .lammps_points import LammpsPoints
from .point_frames import Frame, frames_of
from .point_store import FAILED, Point, Store

if TYPE_CHECKING:
    from .pairwise import Potential

ENGINES = {"cp2k", "lammps", "ase"}
MOST_LISTED = 10


class Labeller(Protocol):
    """What computes labels."""

    @property
    def version(self) -> str:
        """The program, with its version."""
        ...

    @property
    def tried(self) -> dict[str, Any]:
        """What may be changed for a further attempt at frames that failed; empty where nothing may."""
        ...

    def label(self, todo: Sequence[tuple[str, Frame]], store: Store, lock: int, advance: Callable[[], None]) -> None:
        """Write the label of each frame into the store, or why it has none."""
        ...


def label(
    structures: Any,
    engine: Potential,
    directory: str | os.PathLike[str],
    *,
    ranks: int | None = None,
    restart: bool = True,
) -> Labelled:
    """Compute energy, forces and virial of each structure: labels to train a potential on (E5).

    Each frame is one finished file in ``directory``. Killed at any moment it goes on with those that are missing; more
    structures may be given later. A frame whose electrons did not come to rest is reported, skipped and never used; it
    is tried again when the engine's way to convergence is changed (``simulate.cp2k(..., minimizer="cg")``).

    Parameters
    ----------
    structures
        ``ase.Atoms``, a list of them, a trajectory of :func:`vanhove.open`, labelled frames, or a mapping of names to
        any of these. The names become those of the systems; without them the formula does.
    engine
        :func:`cp2k`; a potential that LAMMPS computes, its Coulomb sum to 1e-7; or :func:`calculator`.
    directory
        A folder for these labels; one engine with one set of settings a folder.
    ranks
        MPI processes of CP2K (by default 1) or LAMMPS, threads of a calculator (by default one a core).
    restart
        Go on with the labels that are there; False removes them.

    Returns
    -------
    Labelled
        The frames that have a label, in systems of the same atoms. ``frame_of`` counts them in what was given.
    """
    return _collected(*_computed(structures, engine, directory, ranks, restart=restart))


def energies(
    structures: Any, engine: Potential, directory: str | os.PathLike[str], *, ranks: int | None = None
) -> list[float]:
    """Energies (eV) of structures in the order given, however large: NaN where one has none."""
    named, store, _ = _computed(structures, engine, directory, ranks, restart=True)
    return [
        store.point(name, len(frame.species)).energy if store.has(name) else math.nan for name, frame in named
    ]  # fmt: skip


def _computed(
    structures: Any, engine: Potential, directory: str | os.PathLike[str], ranks: int | None, *, restart: bool
) -> tuple[list[tuple[str, Frame]], Store, str]:
    """The frames with their names in the store, where all are that could be computed, and what computed them."""
    if ranks is not None and ranks < 1:
        raise Refusal(f"ranks={ranks}", "", "Give 1 or more, or leave it out")
    settings = settings_of(engine)
    frames = frames_of(structures)
    _check_species(frames, engine)
    names = [frame.fingerprint(settings) for frame in frames]
    folder = Folder(directory)
    with folder.locked() as lock:
        store = Store(folder.path)
        if not restart:
            store.clear()
        record = _same_labels(store, settings)
        left = {name: frame for name, frame in zip(names, frames, strict=True) if not store.has(name)}
        version = record["version"] if record else ""
        if left:
            labeller = _labeller(engine, ranks)
            if version not in ("", labeller.version):
                warn(f"The labels go on with {labeller.version}, they were begun with {version}", str(folder.path))
            version = labeller.version
            store.write_record(settings=settings, name=engine.name, version=version)
            _compute(left, labeller, store, lock, len(names))
        return list(zip(names, frames, strict=True)), store, f"{engine.name}, {version}"


def settings_of(engine: Any) -> dict[str, Any]:
    """All that decides the labels, as JSON knows it."""
    if getattr(engine, "engine", None) not in ENGINES:
        raise Refusal(
            f"A {type(engine).__name__} computes no labels", "", "Give simulate.cp2k(), a potential or a calculator"
        )
    potential = forces(engine).potential if engine.engine == "lammps" else engine
    return dict(json.loads(json.dumps(potential.to_dict())))


def _labeller(engine: Any, ranks: int | None) -> Labeller:
    if isinstance(engine, CP2K):
        return Cp2kPoints(engine, find_cp2k(), ranks or 1)
    found = find_engine(engine)
    if isinstance(found, AseEngine):
        return AsePoints(found, ranks or found.ranks(0))
    return LammpsPoints(forces(engine, ranks=ranks), found.version)


def _check_species(frames: Sequence[Frame], engine: Potential) -> None:
    there = {element_of(label) for frame in frames for label in frame.species}
    for label in sorted(there):
        if engine.species is not None and label not in engine.species:
            raise Refusal(f"'{engine.name}' has no {label}", "", nearest(label, engine.species))


def _same_labels(store: Store, settings: dict[str, Any]) -> dict[str, Any] | None:
    record = store.record()
    if record is None or record["settings"] == settings:
        return record
    there = record["settings"]
    differing = [name for name in settings if there.get(name) != settings[name]]
    raise Refusal(
        f"The folder holds labels made otherwise: {', '.join(differing) or 'the engine'} differs", str(store.path),
        "Give another directory, or restart=False to remove those",
    )  # fmt: skip


def _compute(left: dict[str, Frame], labeller: Labeller, store: Store, lock: int, in_all: int) -> None:
    """Compute what is missing; what failed in the same way before is not tried again."""

    def hopeless(name: str) -> bool:
        failure = store.failure(name)
        return failure is not None and bool(labeller.tried) and failure["tried"] == labeller.tried

    todo = [(name, frame) for name, frame in left.items() if not hopeless(name)]
    if not todo:
        return
    with Progress("label", in_all) as progress:
        progress.advance(in_all - len(todo))
        labeller.label(todo, store, lock, progress.advance)


def _collected(named: Sequence[tuple[str, Frame]], store: Store, source: str) -> Labelled:
    """What has a label, by name and atoms; what has none is said."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[Frame, Point]]] = {}
    failed: list[tuple[Frame, dict[str, Any]]] = []
    for name, frame in named:
        if store.has(name):
            point = store.point(name, len(frame.species))
            groups.setdefault((frame.system, frame.species), []).append((frame, point))
        else:
            failed.append((frame, store.failure(name) or {"why": "it was not computed", "do": "Run again"}))
    if not groups:
        first = failed[0][1]
        raise Refusal(f"None of {len(failed)} structures has a label: {first['why']}", str(store.path), first["do"])
    _say_failed(failed, len(named), store)
    systems = ((name or formula(species), species, found) for (name, species), found in groups.items())
    return joined([_system(*one, source) for one in systems])


def _system(name: str, species: tuple[str, ...], found: Sequence[tuple[Frame, Point]], source: str) -> System:
    frames, points = [frame for frame, _ in found], [point for _, point in found]
    virials = [point.virial for point in points if point.virial is not None]
    return System(
        name, species, np.array([frame.cell for frame in frames]), np.array([frame.positions for frame in frames]),
        np.array([point.energy for point in points]), np.array([point.forces for point in points]),
        np.array(virials) if len(virials) == len(points) else None,
        np.array([frame.number for frame in frames]), f"labelled by {source}",
    )  # fmt: skip


def _say_failed(failed: Sequence[tuple[Frame, dict[str, Any]]], in_all: int, store: Store) -> None:
    by_why: dict[tuple[str, str], list[Frame]] = {}
    for frame, told in failed:
        by_why.setdefault((told["why"], told["do"]), []).append(frame)
    for (why, do), frames in by_why.items():
        listed = ", ".join(f"{frame.system} {frame.number}".strip() for frame in frames[:MOST_LISTED])
        more = " ..." if len(frames) > MOST_LISTED else ""
        warn(
            f"{len(frames)} of {in_all} structures have no label: {why}. They are left out",
            f"{store.path / FAILED}: {listed}{more}", do,
        )  # fmt: skip


def formula(species: Sequence[str]) -> str:
    """``"Li8S4"``, elements by the alphabet."""
    return "".join(f"{label}{count}" for label, count in sorted(Counter(species).items()))
