"""The first screen: what moves, how fast, with which barrier; and, further down, what the results can't say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .findings import FITTED
from .numbers import at_most, finite, interval, kelvin, plain, shared_power, times, with_error, with_unit
from .sections import mobile_of, species_of

if TYPE_CHECKING:
    from vanhove.study.results import Results

    from .findings import Coefficient, Conductivity, Findings

D_UNIT = "cm²/s"
FAR = 1.5  # an extrapolation is far when its 1/T is so many times the largest 1/T of the runs
FEW = 3  # temperatures: so few can't tell a straight line from a bent one
WARNINGS = ("warnings", "guards", "notes")  # what a run's record may hold


@dataclass(frozen=True)
class Card:
    """One headline number."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """One number, or the bound in its place."""

    text: str
    badge: str = ""
    kind: str = ""  # of the badge: "good" or "bad"


@dataclass(frozen=True)
class Row:
    """The numbers of one run."""

    name: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class Matrix:
    """Numbers by temperature: a row a run, a column a species, and the conductivity."""

    heads: list[str]
    rows: list[Row]
    note: str


@dataclass(frozen=True)
class Doubt:
    """One thing that a reader should know."""

    text: str
    about: str = ""


def lead(results: Results, found: Findings) -> str:
    """One sentence: which species diffuse and which do not."""
    always, never, sometimes = [], [], []
    for name in species_of(results):
        mine = [one for one in found.coefficients if one.species == name]
        diffusing = sum(one.diffusive for one in mine)
        if not mine:
            continue
        if diffusing == len(mine):
            always.append(name)
        elif diffusing:
            sometimes.append(f"{name} diffuses in {diffusing} of {len(mine)} runs")
        else:
            never.append(name)
    parts = []
    if always:
        parts.append(f"{_listed(always)} {'diffuses' if len(always) == 1 else 'diffuse'} in every run")
    parts += sometimes
    if never:
        parts.append(f"{_listed(never)} {'does' if len(never) == 1 else 'do'} not diffuse within the time of the runs")
    return f"{'; '.join(parts)}." if parts else ""


def cards(results: Results, found: Findings) -> list[Card]:
    """The headline numbers."""
    mobile = mobile_of(results)
    return [
        *_coldest(found, mobile),
        *_barriers(found, mobile),
        *_extrapolated(found),
        *_shells(found),
    ]


def by_temperature(results: Results, found: Findings) -> Matrix | None:
    """D of every species and the conductivity, in every run."""
    runs: dict[str, float | None] = {one.run: one.temperature for one in found.coefficients}
    runs.update({one.run: one.temperature for one in found.conductivities})
    if not runs:
        return None
    known = list(runs.values())
    alone = len(set(known)) == len(known) and None not in known  # a temperature names its run
    heads, columns = ["Temperature" if alone else "Run"], []
    for name in species_of(results):
        mine = {one.run: one for one in found.coefficients if one.species == name}
        if mine:
            power = shared_power([one.value if one.given else one.upper for one in mine.values()])
            heads.append(f"D({name}) / {f'{times(power)[2:]} ' if power else ''}{D_UNIT}")
            columns.append({run: _diffusion_cell(one, power) for run, one in mine.items()})
    for name in mobile_of(results):
        carried = {one.run: one for one in found.conductivities if one.species == name}
        if carried:
            heads.append(f"σ({name}) / mS/cm")
            columns.append({run: _conductivity_cell(one) for run, one in carried.items()})
    rows = [
        Row(kelvin(temperature) if alone else run, [column.get(run) for column in columns])
        for run, temperature in runs.items()
    ]
    note = "± is one standard error."
    if any(not one.given for one in found.coefficients):
        note += " A D that its run does not support is replaced by an upper bound (95 %)."
    if found.conductivities:
        note += " σ is the Nernst–Einstein conductivity."
    return Matrix(heads, rows, note)


def doubts(results: Results, found: Findings) -> list[Doubt]:
    """What the reader should know before believing: far extrapolations, refusals, warnings of the runs."""
    return [*_assumed(found), *_refused(found), *_warned(results)]


def _diffusion_cell(one: Coefficient, power: int) -> Cell:
    scale = 10.0**-power
    if one.diffusive:
        return Cell(with_error(scale * one.value, scale * one.error), "diffusive", "good")
    if one.given:
        return Cell(with_error(scale * one.value, scale * one.error), "doubtful", "bad")
    return Cell(at_most(scale * one.upper) if finite(one.upper) else "no value", "not diffusive", "bad")


def _conductivity_cell(one: Conductivity) -> Cell:
    if finite(one.value):
        return Cell(with_error(one.value, one.error))
    return Cell(at_most(one.upper) if finite(one.upper) else "no value")


def _coldest(found: Findings, mobile: list[str]) -> Iterator[Card]:
    for name in mobile:
        mine = [one for one in found.coefficients if one.species == name and one.diffusive]
        if mine:
            value = with_unit(with_error(mine[0].value, mine[0].error), D_UNIT)
            also = "the coldest run in which it diffuses" if len(mine) > 1 else "± one standard error"
            yield Card(f"D of {name}{_at(mine[0].temperature)}", value, also)


def _barriers(found: Findings, mobile: list[str]) -> Iterator[Card]:
    for law in found.laws:
        if law.quantity == "D" and law.species in mobile and finite(law.barrier):
            value = with_unit(with_error(law.barrier, law.barrier_error), "eV")
            ends = f"± one standard error, {min(law.temperatures):g} to {max(law.temperatures):g} K"
            yield Card(f"Activation energy, {law.name}", value, ends)


def _extrapolated(found: Findings) -> Iterator[Card]:
    for law in found.laws:
        if law.quantity == "sigma" and finite(law.value):
            between = f"{interval(law.low, law.high, law.unit)} (95 %)" if finite(law.low) else "no interval"
            yield Card(
                f"Conductivity{' by ' + law.species if law.species else ''} at {kelvin(law.at)}",
                with_unit(plain(law.value, 2), law.unit),
                f"extrapolated: {between}",
            )


def _shells(found: Findings) -> Iterator[Card]:
    for bond in found.bonds:
        note = f", {plain(bond.coordination, 3)} neighbours" if finite(bond.coordination) else ""
        name = bond.pair.replace("-", "–")
        yield Card(f"{name} distance{_at(bond.temperature)}", f"{bond.position:.2f} Å", f"first peak of g(r){note}")


def _assumed(found: Findings) -> Iterator[Doubt]:
    for law in found.laws:
        if law.verdict != FITTED:
            yield Doubt(law.verdict, f"Arrhenius law, {law.name}")
        if law.crossover.startswith("two slopes"):
            yield Doubt(f"{law.crossover[:1].upper()}{law.crossover[1:]}.", f"Arrhenius law, {law.name}")
    straight = [law for law in found.laws if finite(law.barrier)]
    few = [law.name for law in straight if len(set(law.temperatures)) <= FEW]
    if few:
        yield Doubt(
            f"{FEW} temperatures or fewer can't show whether the law of {_listed(few)} bends.", "Few temperatures"
        )
    far = [law for law in straight if finite(law.value) and min(law.temperatures) > FAR * law.at]
    if far:
        yield Doubt(
            f"{_listed([law.name for law in far])} at {kelvin(far[0].at)} comes from runs at "
            f"{min(far[0].temperatures):g} K and above. The interval holds the errors of these runs, not what a glass "
            "transition, another mechanism or the history of the material may change on the way.",
            "Far extrapolation",
        )
    if found.conductivities:
        yield Doubt(
            "The Nernst–Einstein conductivity takes the ions to move independently; what they do together can raise or "
            "lower the real one.",
            "Correlated motion",
        )


def _refused(found: Findings) -> Iterator[Doubt]:
    for one in found.coefficients:
        if not one.diffusive:
            yield Doubt(one.verdict.rstrip(".") + ".", f"D of {one.species}{_at(one.temperature) or ', ' + one.run}")
        if one.changes:
            yield Doubt(one.changes, f"D of {one.species}{_at(one.temperature) or ', ' + one.run}")


def _warned(results: Results) -> Iterator[Doubt]:
    for run in results.runs:
        for key in WARNINGS:
            said = run.details.get(key, [])
            for text in said if isinstance(said, list) else [said]:
                yield Doubt(str(text), f"Run {run.name}")


def _at(temperature: float | None) -> str:
    return "" if temperature is None else f" at {kelvin(temperature)}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
