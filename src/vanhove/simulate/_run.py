"""Run a protocol under an engine, leg after leg; a stopped run goes on where it was, and ends with the same bits."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.files import digest
from vanhove.base.results import step
from vanhove.base.version import __version__

from . import output
from ._guards import Guards, Watch, check_before
from ._protocol import Protocol, Stage, as_protocol
from .contacts import bounds
from .deck import CONTACTS, DATA, Start, leg_input, start_of, write_data
from .engine import Lammps, Process, find_lammps
from .folder import Folder
from .legs import Leg, cut, default_leg_steps
from .pace import Pace, Progress
from .thermo import Log, Row, explain

if TYPE_CHECKING:
    from ase import Atoms

    from vanhove.trajectory import Trajectory

    from ._potential import Buckingham

ENGINES = ["lammps"]
POLL = 0.1  # s
SCRIPT = "in.lammps"


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
    def structure(self) -> Atoms:
        """The structure at the end, with velocities: another run can start from it."""
        return final_structure(self.directory)


def run(
    atoms: Atoms,
    potential: Buckingham,
    protocol: Protocol | Sequence[Stage],
    directory: str | os.PathLike[str],
    *,
    engine: str = "lammps",
    restart: bool = True,
    seed: int = 1,
    ranks: int | None = None,
    leg_steps: int | None = None,
    guards: Guards | None = None,
    progress: Progress | None = None,
) -> Finished:
    """Run ``protocol`` on ``atoms`` in ``directory``, at constant volume.

    The run is cut into legs, each an engine process that starts from the one before and counts when it is whole. Killed
    at any moment it goes on at the first leg that is not, and the trajectory is the one of an undisturbed run, bit by
    bit. A run that is whole is not done again.

    Parameters
    ----------
    atoms
        Structure; atoms with velocities go on moving with them, else velocities are drawn at the first temperature.
    potential
        :func:`vanhove.simulate.potential` or :func:`vanhove.simulate.buckingham`.
    protocol
        Stages, or a :class:`Protocol` with its time step and thermostat.
    directory
        The run's own folder.
    engine
        ``"lammps"``.
    restart
        Go on with the run that is there; False starts over and removes it.
    seed
        Draws the velocities.
    ranks
        MPI processes; by default one for every 200 atoms, at most one a core. A resumed run keeps its number.
    leg_steps
        Steps of a leg, by default chosen by the number of atoms.
    guards
        When to stop; see :class:`Guards`.
    progress
        Called a few times a second with stage, temperature (K), steps done, steps in all, ns/day, seconds left. What it
        raises stops the engine, and the run can be resumed.
    """
    if engine not in ENGINES:
        raise Refusal(f"There is no engine '{engine}'", "", nearest(engine, ENGINES))
    if ranks is not None and ranks < 1:
        raise Refusal(f"ranks={ranks}", "", "Give 1 or more")
    if leg_steps is not None and leg_steps < 1:
        raise Refusal(f"leg_steps={leg_steps}", "", "Give 1 or more")
    plan = as_protocol(protocol)
    start = start_of(atoms, potential)
    check_before(start, potential, plan)
    steps = leg_steps or default_leg_steps(len(start.species))
    asked = {
        "atoms": start.fingerprint, "potential": potential.to_dict(), "protocol": plan.to_dict(), "seed": seed,
        "leg_steps": steps,
    }  # fmt: skip
    folder = Folder(directory)
    with folder.locked() as lock:
        if not restart:
            folder.clear()
        record = _same_run(folder, asked)
        if record and record.get("finished") and not output.complete(folder, plan):
            warn("The run was finished and its files are gone: it is done again", str(folder.path))
            folder.clear()
            record = None
        if record and record.get("finished"):
            output.tidy(folder, cut(plan, steps))
            return Finished(folder.path, record["finished"])
        lammps = find_lammps()
        if record is None:
            record = _new_record(asked, lammps, ranks or lammps.ranks(len(start.species)), atoms)
            output.check_disk(folder, plan, len(start.species))
            write_data(start, folder.path / DATA)
            folder.write_record(record)
        elif record["engine"]["version"] != lammps.version:
            there = record["engine"]["version"]
            warn(f"The run goes on with LAMMPS {lammps.version}, it was begun with {there}", str(folder.path))
        work = _Work(folder, start, potential, plan, cut(plan, steps), seed, lammps, record["engine"]["ranks"], lock)
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
    atoms.info = {"history": json.dumps(record["history"])}
    return atoms


def _new_record(asked: dict[str, Any], lammps: Lammps, ranks: int, atoms: Atoms) -> dict[str, Any]:
    try:
        before = list(json.loads(atoms.info.get("history", "[]")))
    except (TypeError, ValueError):  # somebody else's "history"
        before = []
    parameters = {**asked, "engine": "lammps", "engine_version": lammps.version, "ranks": ranks}
    return {
        "asked": asked,
        "key": digest(json.dumps(asked, sort_keys=True)),
        "engine": {"name": "lammps", "version": lammps.version, "ranks": ranks},
        "vanhove": __version__,
        "history": [*before, step("simulate.run", **parameters)],
        "finished": None,
    }


def _same_run(folder: Folder, asked: dict[str, Any]) -> dict[str, Any] | None:
    record = folder.record()
    if record is None or record["key"] == digest(json.dumps(asked, sort_keys=True)):
        return record
    there = record["asked"]
    plain = json.loads(json.dumps(asked))
    differing = [name for name in asked if there.get(name) != plain[name]]
    raise Refusal(
        f"The folder holds another run: it differs in {', '.join(differing)}",
        str(folder.path),
        "Give another directory, or restart=False to remove that run",
    )


class _Work:
    """The legs of one run, done one after the other."""

    def __init__(
        self, folder: Folder, start: Start, potential: Buckingham, protocol: Protocol, legs: list[Leg], seed: int,
        lammps: Lammps, ranks: int, lock: int,
    ) -> None:  # fmt: skip
        self.folder, self.start, self.potential, self.protocol = folder, start, potential, protocol
        self.legs, self.seed, self.lammps, self.ranks, self.lock = legs, seed, lammps, ranks, lock

    def all_legs(self, guards: Guards, progress: Progress | None) -> None:
        """Do every leg that is not whole yet."""
        watch = Watch(guards, self.start, bounds(self.potential), self.protocol.timestep)
        pace = Pace(progress, sum(self.protocol.steps(s) for s in self.protocol.stages), self.protocol.timestep)
        for number, leg in enumerate(self.legs):
            if not self.folder.leg(leg).exists():
                self._leg(leg, self.legs[number - 1] if number else None, watch, pace)

    def _leg(self, leg: Leg, previous: Leg | None, watch: Watch, pace: Pace) -> None:
        attempt = self.folder.attempt(leg)
        text = leg_input(leg, previous, self.start, self.potential, self.protocol, self.seed)
        (attempt / SCRIPT).write_text(text, encoding="utf-8")
        command = self.lammps.command(self.ranks, SCRIPT)
        log = Log(attempt / "log.lammps")
        rows: list[Row] = []
        began = time.monotonic()
        watch.begin(leg, attempt)
        pace.begin(leg)
        with Process(command, attempt, self.lammps.environment(), self.lock) as process:
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
            end = explain(code, attempt / "log.lammps", attempt / "output.txt")
            at = rows[-1].step if rows else leg.start
            watch.refuse(f"LAMMPS ended with code {code}: {end.why}", at, end.do, tail=end.tail)
        output.check_leg(attempt, leg, self.protocol)
        watch.finish()
        (attempt / CONTACTS).unlink(missing_ok=True)
        later = [row.temperature for row in rows[1:]] or [row.temperature for row in rows]
        how = {
            "stage": leg.stage.name, "steps": [leg.start, leg.stop], "seconds": round(time.monotonic() - began, 3),
            "temperature": sum(later) / max(len(later), 1), "command": [Path(command[0]).name, *command[1:]],
            "lammps": self.lammps.version,
        }  # fmt: skip
        self.folder.keep(leg, attempt, how)
