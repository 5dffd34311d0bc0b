"""What stands under a figure: what is seen, how it was made, at which temperature, in which units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.registry import observables

from .findings import quantity_of
from .numbers import kelvin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanhove.study.results import ResultRecord, RunRecord

SAYS = {
    "dynamics.diffusion": """
        The MSD (Å²) of {of} against lag (ps) {where}, with the window that D was looked for in and the straight line
        fitted to it by generalised least squares; its slope is 6 D.""",
    "dynamics.arrhenius": """
        {quantity} of {of} against 1000/T (1/K) on a logarithmic axis: points are the runs with their standard errors,
        the line is the weighted Arrhenius law with its 95 % band, drawn on to the temperature that it is extrapolated
        to. Runs whose value was refused are not in it.""",
    "structure.rdf": """
        Partial pair distribution functions g(r) of all pairs against distance r (Å) {where}, averaged over all
        frames; 1 is an ideal gas. The height of a peak that leaves the picture is written beside it; where pairs are
        stacked, each has its own scale. Bands: one standard error.""",
}
QUANTITIES = {"D": "Diffusion coefficient (cm²/s)", "sigma": "Conductivity times temperature (mS·K/cm)"}
LAWS = {"D": "D", "sigma": "σT"}
AXES = {"D": "D (cm²/s)", "sigma": "σT (mS·K/cm)"}


def caption_of(record: ResultRecord) -> str:
    """The caption of a result that its observable draws."""
    where = f"in run {record.run}{_at(record.temperature)}" if record.run else "over all runs"
    known = observables()
    line = known[record.observable].line if record.observable in known else record.observable
    sentence = SAYS.get(record.observable, f"{line[:1].upper()}{line[1:]}, {{where}}.")
    quantity = QUANTITIES.get(quantity_of(record), "The quantity")
    return " ".join(sentence.split()).format(of=record.species or "all ions", where=where, quantity=quantity)


def picture_caption(run: RunRecord, polyhedra: Sequence[tuple[str, str]], moved: str | None) -> str:
    """The caption of the picture of the structure."""
    parts = [f"Run {run.name}{_at(run.temperature)}: the last frame in its periodic cell, in parallel projection."]
    if polyhedra:
        parts.append(f"Translucent: {', '.join(f'{a}–{b}' for a, b in polyhedra)} polyhedra.")
    if moved is not None:
        parts.append(
            f"Lines: paths of {moved} through the run, smoothed over vibrations and wrapped into the cell, coloured by "
            "how far each ion got (Å)."
        )
    return " ".join([*parts, "What is far away fades."])


def _at(temperature: float | None) -> str:
    return "" if temperature is None else f" at {kelvin(temperature)}"
