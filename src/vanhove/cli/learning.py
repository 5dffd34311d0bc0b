"""``vanhove learn``: an active learning from its file to its page, a page after every round."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vanhove.base.errors import Refusal

from .text import aligned

if TYPE_CHECKING:
    from vanhove.simulate._learn import Learned

NOT_CONVERGED = 1  # exit code: the rounds are spent, and the models not yet as sure as was asked
KINDS = ("accurate", "candidate", "failed")


def learn(
    file: Annotated[Path, typer.Argument(metavar="learn.toml")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where all of it goes; beside the file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
) -> None:
    """Learn a potential actively: explore, label what the models disagree on, train again; it goes on where it was."""
    from vanhove.study.learn_file import read_learning

    title, given = read_learning(file)
    if dry_run:
        from vanhove.simulate.learn_plan import plan_of

        typer.echo("\n".join([*aligned(plan_of(**given).describe()), "nothing was written"]))
        return
    folder = out or file.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise Refusal("Where it is to go is a file", str(folder), "Give the name of a folder: --out DIR")
    from vanhove.report.learning_page import write
    from vanhove.simulate._learn import learn as learn_it

    learned = learn_it(directory=folder, each_round=lambda so_far: _tell(so_far, title), **given)
    page = write(learned, title)
    typer.echo("\n".join([*_table(learned), "", learned.verdict, f"models: {folder}", f"report: {page}"]))
    if not learned.converged:
        raise typer.Exit(NOT_CONVERGED)


def _tell(so_far: Learned, title: str) -> None:
    from vanhove.report.learning_page import write

    write(so_far, title)
    typer.echo("  ".join(_row(so_far, -1)), err=True)


def _table(learned: Learned) -> list[str]:
    count = learned.rounds.sizes["round"]
    return aligned([_row(learned, number) for number in range(count)])


def _row(learned: Learned, number: int) -> list[str]:
    one = learned.rounds.isel(round=number)
    shares = [f"{100 * float(one[kind]):.1f} % {kind}" for kind in KINDS]
    return [f"round {int(one['round'])}", *shares, f"{int(one.labelled)} labelled", f"{float(one.force):.3g} eV/Å"]
