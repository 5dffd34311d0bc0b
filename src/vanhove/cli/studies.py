"""``vanhove run``, ``demo`` and ``new``: a study from its file to its page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vanhove.base.files import write_text

from .text import aligned, summary
from .watching import Watch

if TYPE_CHECKING:
    from vanhove.study.tasks import Task


def run(file: Path, out: Path | None, *, dry_run: bool = False, scheduler: str | None = None) -> list[str]:
    """Run a study, on a cluster where one is named, and write its page; returns the numbers and where the page is."""
    if dry_run:
        return _planned(file, out)
    from vanhove import report, study
    from vanhove.study.replicas import told_once

    with ExitStack() as opened:
        cluster = opened.enter_context(study.Cluster(scheduler)) if scheduler is not None else None
        results = study.run(file, out, progress=opened.enter_context(Watch()), executor=cluster)
    page = report.write(results.folder)
    return [*summary(told_once(results.summary)), "", f"numbers: {results.folder / 'summary.csv'}", f"report:  {page}"]


def demo(folder: Path) -> list[str]:
    """Run the packaged demo in ``folder``; its study is left there to be read and changed."""
    from vanhove.study.templates import STUDY, templates

    file, text = folder / STUDY, templates()["demo"]
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)
    return run(file, folder)


def new(folder: Path, name: str) -> list[str]:
    """Begin a study from a packaged one."""
    import shlex
    import tomllib

    from vanhove.study.templates import new as begin

    file = begin(folder, name)
    small = file.with_name("small.toml")
    if not small.exists():
        return [f"{file} is yours to change; then: vanhove run {file}"]
    tables = {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))}
    rows = [(str(path), table["title"]) for path, table in tables.items() if "title" in table]
    command = shlex.join(["vanhove", "run", str(small), "--out", str(folder / "small")])
    return [*aligned(rows), f"They are yours to change; begin with: {command}"]


def _planned(file: Path, out: Path | None) -> list[str]:
    from vanhove.study.runner import preview

    kept, todo = preview(file, out)
    rows = [_row("done", task) for task in kept] + [_row("to do", task) for task in todo]
    return [*(aligned(rows) if rows else []), f"{len(kept)} tasks are done, {len(todo)} to do; nothing was written"]


def _row(state: str, task: Task) -> tuple[str, str, str]:
    return state, task.label, task.function
