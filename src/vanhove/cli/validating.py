"""``vanhove validate``: a potential against frames, against itself and against a reference, with a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanhove.base.errors import Refusal

from .options import species_map
from .text import aligned

if TYPE_CHECKING:
    from vanhove.study.validation import Card

FAILED = 1  # exit code: the card is written, and some judgement is not within its bound
MODELS = (".pb", ".pth")
WHAT = {
    "parity": "errors on frames held out", "larger": "a larger cell", "wall": "pressing atoms together",
    "drift": "a run at constant energy", "hot": "a hot run", "physics": "a run beside the reference",
}  # fmt: skip


def validate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model file, a training's folder, a potential, or validate.toml.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA", help="Labelled frames held out; files .pb are more models of a committee."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The card's folder; needed.")] = None,
    trained_on: Annotated[list[Path] | None, typer.Option(metavar="DATA", help="Frames it was trained on.")] = None,
    larger: Annotated[list[Path] | None, typer.Option(metavar="DATA", help="Labelled frames of a larger cell.")] = None,
    start: Annotated[Path | None, typer.Option(metavar="FILE", help="The structure that runs begin from.")] = None,
    reference: Annotated[list[Path] | None, typer.Option(metavar="RUN", help="A run to compare with.")] = None,
    species: Annotated[str | None, typer.Option(metavar="1=Li,2=S", help="Elements of the reference's types.")] = None,
    timestep: Annotated[float | None, typer.Option(help="ps per step, for references that count steps.")] = None,
    spacing: Annotated[float | None, typer.Option(help="ps between its frames, where it counts nothing.")] = None,
    temperature: Annotated[float | None, typer.Option(help="K, of the runs; else the reference's.")] = None,
    hot: Annotated[float | None, typer.Option(help="K, of the hot run.")] = None,
    step: Annotated[float | None, typer.Option(help="ps, the time step that is judged; 0.001.")] = None,
    ranks: Annotated[int | None, typer.Option(min=1, help="Processes or threads of the engines.")] = None,
) -> None:
    """Test a potential and write its card: DIR/card.html and DIR/card.json."""
    if out is None:
        raise Refusal("The folder to write is not given", "", "Add --out DIR")
    said: dict[str, Any] = dict(
        trained_on=trained_on or None, larger=larger or None, temperature=temperature, ranks=ranks,
        held_out=[path for path in data or [] if path.suffix not in MODELS] or None,
    )  # fmt: skip
    if Path(model).suffix == ".toml":
        given = _of_file(Path(model), {**said, "data": data, "start": start, "reference": reference, "hot": hot})
    else:
        more = [path for path in data or [] if path.suffix in MODELS]
        given = {"potential": [model, *more] if more else model, **said}
        given |= _runs(start, reference, species, timestep, spacing, temperature, hot, step)
    card = _made(given, out)
    typer.echo("\n".join([*_table(card), "", card.sentence, f"card: {_page(card, out)}"]))
    if card.verdict == "fails":
        raise typer.Exit(FAILED)


def _of_file(file: Path, said: dict[str, Any]) -> dict[str, Any]:
    from vanhove.study.card_plan import read_validation

    also = [name for name, value in said.items() if value]
    if also:
        options = ", ".join("DATA" if name in ("data", "held_out") else f"--{name.replace('_', '-')}" for name in also)
        raise Refusal(f"{file} says what is validated, and so does {options}", "", "Say it in the file")
    return read_validation(file)


def _runs(
    start: Path | None, reference: list[Path] | None, species: str | None, timestep: float | None,
    spacing: float | None, temperature: float | None, hot: float | None, step: float | None,
) -> dict[str, Any]:  # fmt: skip
    import vanhove as vh
    from vanhove.study.card_plan import reference_of, structure_of

    given: dict[str, Any] = {}
    changed: dict[str, Any] = {name: value for name, value in (("hot", hot), ("timestep", step)) if value is not None}
    if changed:
        given["moves"] = vh.study.Moves(**changed)
    if start is not None:
        given["start"] = structure_of(start)
    if reference:
        kinds = species_map(species) if species else None
        options = dict(species=kinds, timestep=timestep, spacing=spacing, temperature=temperature)
        given["reference"] = reference_of(reference, options)
    return given


def _made(given: dict[str, Any], out: Path) -> Card:
    from vanhove import study

    def tell(step: str) -> None:
        print(f"{WHAT.get(step, step)} ...", file=sys.stderr, flush=True)

    card: Card = study.validate(given.pop("potential"), out, **given, progress=tell)
    return card


def _page(card: Card, out: Path) -> Path:
    from vanhove.report import write_card

    return out / write_card(card.directory).name


def _table(card: Card) -> list[str]:
    return aligned([[one.verdict, one.about] for one in card.judgements])
