"""The processes of a training: each model's one after the other, those of several models side by side."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal, warn

from .deepmd_training import AGAIN, OUTPUT, Member, Task
from .engine import Process
from .supervise import TORN
from .thermo import SIGNAL, explain
from .training_status import Status, Tell

if TYPE_CHECKING:
    from .deepmd_home import Home

POLL = 0.1  # s
_MOST = re.compile(r"max_nbor_size:\s*\[([^\]]*)\]")
_CLOSEST = re.compile(r"min_nbor_dist:\s*([\d.eE+-]+)")


def count_neighbours(
    home: Home, data: Path, folder: Path, species: Sequence[str], cutoff: float, threads: int, lock: int
) -> dict[str, Any]:
    """Of each species the most that any atom of the data has within the cutoff, and the closest two atoms (Å)."""
    folder.mkdir(parents=True, exist_ok=True)
    command = home.dp("neighbor-stat", "-s", str(data), "-r", repr(cutoff), "-t", *species)
    with Process(command, folder, home.environment(threads), lock) as process:
        while (code := process.wait(POLL)) is None:
            pass
    said = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace")
    most, closest = _MOST.search(said), _CLOSEST.search(said)
    if code or most is None or closest is None:
        raise _refusal(code, folder, "DeePMD could not count neighbours")
    numbers = [int(word) for word in most.group(1).replace(",", " ").split()]
    return {"cutoff": cutoff, "most": dict(zip(species, numbers, strict=True)), "closest": float(closest.group(1))}


def work(members: Sequence[Member], at_once: int, lock: int, tell: Tell) -> None:
    """Do what is left for every model, of so many models at the same time."""
    waiting = [member for member in members if not member.whole]
    going: dict[int, Iterator[Task | None]] = {}
    try:
        while waiting or going:
            while waiting and len(going) < at_once:
                member = waiting.pop(0)
                going[member.number] = _followed(member, lock)
            for number, steps in list(going.items()):
                try:
                    news = next(steps)
                except StopIteration:
                    del going[number]
                else:
                    if news is not None:
                        tell(_status(news, members[number], members))
    finally:
        for each in going.values():
            each.close()  # type: ignore[attr-defined]


def _followed(member: Member, lock: int) -> Iterator[Task | None]:
    """Do what is left for a model; gives its task when there is something to tell of it, else None, every moment."""
    for task in member.tasks():
        yield task
        with Process(task.command, task.folder, member.home.environment(member.threads), lock) as process:
            code = None
            while code is None:
                code = process.wait(POLL)
                rows = task.curve.read() if task.curve else []
                for row in rows:
                    task.see(row)
                yield task if rows else None
        if code == 0:
            task.then()
        elif task.may_fail and not _killed(code):
            said = explain(code, task.folder / OUTPUT).why
            warn(f"DeePMD's {task.doing} failed: {said}", str(task.folder), "The model works without it, more slowly")
        else:
            raise _refusal(code, task.folder, f"DeePMD's {task.doing} failed")


def _killed(code: int) -> bool:
    return code == TORN or code > SIGNAL


def _refusal(code: int, folder: Path, what: str) -> Refusal:
    end = explain(code, folder / OUTPUT)
    return Refusal(f"{what}: {end.why}", str(folder / OUTPUT), AGAIN if _killed(code) else "Read its output")


def _status(task: Task, member: Member, members: Sequence[Member]) -> Status:
    steps = member.plan.settings.steps
    left = sum(steps - one.step for one in members if not one.whole)
    speeds = [one.speed.value for one in members if not one.whole and math.isfinite(one.speed.value)]
    return Status(
        task.doing, member.number, len(members), task.phase, member.step, steps, member.row.force, member.row.held_out,
        member.speed.value, left / sum(speeds) if sum(speeds) > 0 else math.nan,
    )  # fmt: skip
