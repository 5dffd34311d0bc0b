"""A run's folder: who works in it, which run it holds, how far it came.

run.json            what was asked for, with which engine; at the end what was measured
lock                held by the process that runs it
start.data          the structure as LAMMPS reads it (start.npz, as the process of a calculator does)
held-000.dat        what a stage holds, where one does
legs/000-minimise/  one folder a leg: input, log, output, how it went
trajectory.h5md     the production
final.extxyz        the structure at the end, with velocities
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.base.files import digest, write_text

if TYPE_CHECKING:
    from .legs import Leg

RUN, LOCK, LEGS, TRAJECTORY, FINAL = "run.json", "lock", "legs", "trajectory.h5md", "final.extxyz"
LEG = "leg.json"
ATTEMPT = ".attempt"
WAIT_FOR_LOCK = 60.0  # s; the engine of a process that was killed, or of a worker that is closing, is ended meanwhile


class Folder:
    """Paths and records of one run."""

    holds, record_name = "run", RUN

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.path = Path(directory).absolute()
        self.trajectory, self.final = self.path / TRAJECTORY, self.path / FINAL

    def record(self) -> dict[str, Any] | None:
        """What run.json says, None where there is none."""
        path = self.path / self.record_name
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Refusal(f"The {self.holds}'s record can't be read", f"{path}: {error}", "Give restart=False")
        return record

    def record_of(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """The record, where it is of what is asked for; refused where the folder holds something else."""
        record = self.record()
        if record is None or record["key"] == key_of(asked):
            return record
        there = record["asked"]
        plain = json.loads(json.dumps(asked))
        differing = [name for name in asked if there.get(name) != plain[name]]
        raise Refusal(
            f"The folder holds another {self.holds}: it differs in {', '.join(differing)}",
            str(self.path),
            f"Give another directory, or restart=False to remove that {self.holds}",
        )

    def write_record(self, record: dict[str, Any]) -> None:
        """Write run.json."""
        write_text(self.path / self.record_name, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def leg(self, leg: Leg) -> Path:
        """Where a whole leg lies."""
        return self.path / LEGS / leg.name

    def attempt(self, leg: Leg) -> Path:
        """An empty folder to try a leg in."""
        folder = self.path / LEGS / (leg.name + ATTEMPT)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def keep(self, leg: Leg, attempt: Path, how: dict[str, Any]) -> None:
        """The leg is whole: give it its name."""
        write_text(attempt / LEG, json.dumps(how, indent=1) + "\n")
        attempt.rename(self.leg(leg))

    def leg_record(self, leg: Leg) -> dict[str, Any]:
        """How a whole leg went."""
        record: dict[str, Any] = json.loads((self.leg(leg) / LEG).read_text(encoding="utf-8"))
        return record

    def clear(self) -> None:
        """Remove what a run left; nothing that is not a run's."""
        shutil.rmtree(self.path / LEGS, ignore_errors=True)
        for name in (TRAJECTORY, FINAL, "start.data", "start.npz", RUN):
            (self.path / name).unlink(missing_ok=True)
        for held in self.path.glob("held-*.dat"):
            held.unlink()

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the run; the descriptor is what the engine's supervisor keeps open until all ranks are gone."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._wait_for(descriptor)
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            holder = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
            for name in (TRAJECTORY, FINAL, self.record_name):
                for part in self.path.glob(f".{name}.*.part"):  # a killed run was writing it
                    part.unlink()
            yield descriptor
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        until = time.monotonic() + WAIT_FOR_LOCK
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Refusal(
                        f"Another process is at work on this {self.holds}",
                        f"{self.path}: {_holder(descriptor)}",
                        "Wait for it",
                    )
                time.sleep(0.05)
            else:
                return


def key_of(asked: dict[str, Any]) -> str:
    """Names what was asked for."""
    return digest(json.dumps(asked, sort_keys=True))


def _holder(descriptor: int) -> str:
    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {said['pid']} on {said['host']} since {said['since']}"
    except (ValueError, KeyError):
        return "it has not said who it is"
