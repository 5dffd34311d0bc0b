"""Run a protocol under an engine, leg after leg; a stopped run goes on where it was, and ends with the same bits."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vanhove.base.errors import Refusal, warn
from vanhove.base.results import step
from vanhove.base.version import __version__

from . import output
from ._constrain import Constraint, as_constraint
from ._guards import Guards, Stopped, Watch, check_before
from ._protocol import Protocol, Stage, as_protocol
from .contacts import bounds
from .deck import CONTACTS, Start, start_of
from .engine import Process
from .engines import FEWEST_STEPS, Engine, check_engine, find_engine, leg_atom_steps
from .folder import Folder, key_of
from .legs import ROUND, Leg, cut, default_leg_steps
from .pace import Pace, Progress
from .thermo import LOOSE, Log, Row, explain, means

if TYPE_CHECKING:
    from ase import Atoms

    from vanhove.trajectory import Trajectory

    from .label_data import Labelled
    from .pairwise import Potential

POLL = 0.1  # s


@dataclass(frozen=True)
class Finished:
    """A run that is whole."""

    directory: Path
    summary: dict[str, Any]  # steps, seconds, ns_per_day, and for every stage its target and measured temperature

    @property
    def trajectory(self) -> Trajectory:
        """The production, opened lazily."""
        from vanhove.trajectory import open as open_trajectory

        path = Folder(self.directory).trajectory
        if not path.exists():
            raise Refusal("This run has no trajectory", str(self.directory), "Give its protocol a Produce stage")
        return open_trajectory(path)

    @property
    def labels(self) -> Labelled:
        """The production's frames with the energies, forces and virials of first principles that moved the atoms."""
        from .cp2k_engine import labels_of

        return labels_of(self.directory)

    @property
    def structure(self) -> Atoms:
        """The structure at the end, with velocities: another run can start from it."""
        return final_structure(self.directory)


def run(
    atoms: Atoms,
    potential: Potential,
    protocol: Protocol | Sequence[Stage],
    directory: str | os.PathLike[str],
    *,
    engine: str | None = None,
    restart: bool = True,
    seed: int = 1,
    ranks: int | None = None,
    leg_steps: int | None = None,
    guards: Guards | None = None,
    progress: Progress | None = None,
    constrain: Constraint | str | None = None,
) -> Finished:
    """Run ``protocol`` on ``atoms`` in ``directory``.

    The run is cut into legs, each an engine process that starts from the one before and counts when it is whole. Killed
    at any moment it goes on at the first leg that is not, and the trajectory is the one of an undisturbed run, bit by
    bit. A run that is whole is not done again.

    Parameters
    ----------
    atoms
        Structure; atoms with velocities go on moving with them, else velocities are drawn at the first temperature.
    potential
        :func:`vanhove.simulate.potential`, :func:`vanhove.simulate.buckingham`, :func:`vanhove.simulate.pedone`,
        :func:`vanhove.simulate.deepmd`, :func:`vanhove.simulate.calculator` or :func:`vanhove.simulate.cp2k`.
    protocol
        Stages, or a :class:`Protocol` with its time step and thermostat.
    directory
        The run's own folder.
    engine
        ``"lammps"``, ``"ase"`` or ``"cp2k"``; the potential knows which one computes it.
    restart
        Go on with the run that is there; False starts over and removes it.
    seed
        Draws the velocities, and the noise of a Langevin thermostat.
    ranks
        MPI processes of LAMMPS, by default one for every 200 atoms, at most one a core; threads of a calculator, by
        default one a core; MPI processes of CP2K, by default one. A resumed run keeps its number.
    leg_steps
        Steps of a leg, by default chosen by engine and number of atoms.
    guards
        When to stop; see :class:`Guards`.
    progress
        Called a few times a second with stage, temperature (K), steps done, steps in all, ns/day, seconds left. What it
        raises stops the engine, and the run can be resumed.
    constrain
        :func:`constrain`: what of the framework is held, in all stages; the same as the protocol's own ``constrain``.
    """
    plan = as_protocol(protocol)
    if constrain is not None:
        plan = replace(plan, constrain=as_constraint(constrain))
    check_engine(engine, potential, plan)
    if ranks is not None and ranks < 1:
        raise Refusal(f"ranks={ranks}", "", "Give 1 or more")
    if leg_steps is not None and leg_steps < 1:
        raise Refusal(f"leg_steps={leg_steps}", "", "Give 1 or more")
    start = start_of(atoms, potential, plan)
    check_before(start, potential, plan)
    fewest = FEWEST_STEPS.get(potential.engine, ROUND)
    steps = leg_steps or default_leg_steps(len(start.species), leg_atom_steps(potential), fewest)
    asked = {
        "atoms": start.fingerprint, "potential": potential.to_dict(), "protocol": plan.to_dict(), "seed": seed,
        "leg_steps": steps,
        **({"held": [stage.fingerprint for stage in start.held]} if start.held else {}),
    }  # fmt: skip
    folder = Folder(directory)
    with folder.locked() as lock:
        if not restart:
            folder.clear()
        record = folder.record_of(asked)
        if record and record.get("finished") and not output.complete(folder, plan):
            warn("The run was finished and its files are gone: it is done again", str(folder.path))
            folder.clear()
            record = None
        if record and record.get("finished"):
            output.tidy(folder, cut(plan, steps))
            return Finished(folder.path, record["finished"])
        found = find_engine(potential)
        if record is None:
            record = _new_record(asked, found, ranks or found.ranks(len(start.species)), atoms)
            output.check_disk(folder, plan, len(start.species))
            found.write_start(start, folder.path)
            folder.write_record(record)
        elif record["engine"]["version"] != found.version:
            there = record["engine"]["version"]
            warn(f"The run goes on with {found.name} {found.version}, it was begun with {there}", str(folder.path))
        work = _Work(folder, start, potential, plan, cut(plan, steps), seed, found, record["engine"]["ranks"], lock)
        work.all_legs(guards or Guards(), progress)
        finished = output.collect(folder, work.legs, plan, start, record)
        return Finished(folder.path, finished)


def final_structure(directory: str | os.PathLike[str]) -> Atoms:
    """The structure at the end of the run in ``directory``, with velocities and the run's history."""
    from ase.io import read

    folder = Folder(directory)
    record = folder.record()
    if not record or not record.get("finished") or not folder.final.exists():
        raise Refusal("There is no finished run", str(folder.path), "Run it to its end first")
    atoms = cast("Atoms", read(folder.final, index=-1, format="extxyz"))
    for name, array in atoms.arrays.items():
        if array.dtype.kind == "O":  # words
            atoms.arrays[name] = array.astype(str)
    atoms.info = {"history": json.dumps(record["history"])}
    return atoms


def _new_record(asked: dict[str, Any], engine: Engine, ranks: int, atoms: Atoms) -> dict[str, Any]:
    try:
        before = list(json.loads(atoms.info.get("history", "[]")))
    except (TypeError, ValueError):  # somebody else's "history"
        before = []
    parameters = {**asked, "engine": engine.name, "engine_version": engine.version, "ranks": ranks}
    return {
        "asked": asked,
        "key": key_of(asked),
        "engine": {"name": engine.name, "version": engine.version, "ranks": ranks},
        "vanhove": __version__,
        "history": [*before, step("simulate.run", **parameters)],
        "finished": None,
    }


class _Work:
    """The legs of one run, done one after the other."""

    def __init__(
        self, folder: Folder, start: Start, potential: Potential, protocol: Protocol, legs: list[Leg], seed: int,
        engine: Engine, ranks: int, lock: int,
    ) -> None:  # fmt: skip
        self.folder, self.start, self.potential, self.protocol = folder, start, potential, protocol
        self.legs, self.seed, self.engine, self.ranks, self.lock = legs, seed, engine, ranks, lock

    def all_legs(self, guards: Guards, progress: Progress | None) -> None:
        """Do every leg that is not whole yet."""
        limits = bounds(self.potential, self.start.order)
        watch = Watch(guards, self.start, limits, self.protocol.timestep, changing=self.protocol.changes_cell)
        pace = Pace(progress, sum(self.protocol.steps(s) for s in self.protocol.stages), self.protocol.timestep)
        for number, leg in enumerate(self.legs):
            if not self.folder.leg(leg).exists():
                self._leg(leg, self.legs[number - 1] if number else None, watch, pace)

    def _leg(self, leg: Leg, previous: Leg | None, watch: Watch, pace: Pace) -> None:
        attempt = self.folder.attempt(leg)
        text = self.engine.leg_input(leg, previous, self.start, self.protocol, self.seed)
        (attempt / self.engine.script).write_text(text, encoding="utf-8")
        command = self.engine.command(self.ranks)
        log = Log(attempt / self.engine.log)
        rows: list[Row] = []
        began = time.monotonic()
        watch.begin(leg, attempt)
        pace.begin(leg)
        with Process(command, attempt, self.engine.environment(self.ranks), self.lock) as process:
            code = None
            while code is None:
                code = process.wait(POLL)
                new = log.read()
                for row in new:
                    watch.see(row)
                rows += new
                watch.look()
                pace.tell(rows[-1] if rows else None)
        if code != 0:
            end = explain(code, log.path, attempt / "output.txt")
            at = rows[-1].step if rows else leg.start
            kind = Stopped if end.do == LOOSE else Refusal  # killed, or no memory: the atoms are not to blame
            said = f"{self.engine.title} ended with code {code}: {end.why}"
            watch.refuse(said, at, end.do, tail=end.tail, kind=kind)
        output.check_leg(attempt, leg, self.protocol)
        watch.finish()
        (attempt / CONTACTS).unlink(missing_ok=True)
        how = {
            "stage": leg.stage.name, "steps": [leg.start, leg.stop], "seconds": round(time.monotonic() - began, 3),
            **means(rows, len(self.start.species), self.protocol.timestep / 1000),
            "command": [Path(command[0]).name, *command[1:]], "engine_version": self.engine.version,
        }  # fmt: skip
        self.folder.keep(leg, attempt, how)
