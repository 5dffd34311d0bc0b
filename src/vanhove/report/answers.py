"""The first screen: what moves, how fast, with which barrier; and, further down, what the results can't say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .findings import ALONE, FITTED
from .matrix import D_UNIT, known_means
from .numbers import finite, interval, kelvin, plain, with_error, with_unit
from .sections import mobile_of, species_of

if TYPE_CHECKING:
    from vanhove.study.results import Results

    from .findings import Coefficient, Findings

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
        *_coldest(results, found, mobile),
        *_barriers(found, mobile),
        *_extrapolated(found),
        *_shells(found),
    ]


def doubts(results: Results, found: Findings) -> list[Doubt]:
    """What the reader should know before believing: far extrapolations, refusals, warnings of the runs."""
    return [*_assumed(found), *_refused(found), *_unstable(results), *_warned(results)]


def _coldest(results: Results, found: Findings, mobile: list[str]) -> Iterator[Card]:
    """D where it is lowest: of replicas the mean, if there is one."""
    for name in species_of(results):
        if name.partition(" (")[0] not in mobile:
            continue
        means = [row for row in known_means(results, "D", name) if finite(row["value"])]
        mine = [one for one in found.coefficients if one.species == name and one.diffusive]
        several = {row["temperature"] for row in results.rows("D", of=name, run="")}
        alone = [one for one in mine if one.temperature not in several]
        told = [(row["temperature"], row["value"], row["error"], str(row["verdict"])) for row in means]
        told += [(one.temperature, one.value, one.error, "") for one in alone]
        if told:
            temperature, value, error, note = min(told, key=lambda one: one[0] or 0.0)
            if len(told) > 1:
                note = f"{note}; " if note else ""
                note += "the coldest at which it diffuses" if several else "the coldest run in which it diffuses"
            yield Card(
                f"D of {name}{_at(temperature)}", with_unit(with_error(value, error), D_UNIT),
                note or "± one standard error",
            )  # fmt: skip


def _barriers(found: Findings, mobile: list[str]) -> Iterator[Card]:
    for law in found.laws:
        if law.quantity == "D" and law.species.partition(" (")[0] in mobile and finite(law.barrier):
            value = with_unit(with_error(law.barrier, law.barrier_error), "eV")
            ends = f"± one standard error, {min(law.temperatures):g} to {kelvin(max(law.temperatures))}"
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
    if any(one.route == ALONE for one in found.conductivities):
        yield Doubt(
            "The Nernst–Einstein conductivity takes the ions to move independently; what they do together can raise or "
            "lower the real one.",
            "Correlated motion",
        )


def _refused(found: Findings) -> Iterator[Doubt]:
    """Why a D is refused, and where motion changes along a run; of replicas one says it for all."""
    groups: dict[tuple[str, float | str], list[Coefficient]] = {}
    for one in found.coefficients:
        groups.setdefault((one.species, one.temperature or one.run), []).append(one)
    for (species, _), runs in groups.items():
        about = f"D of {species}{_at(runs[0].temperature) or ', ' + runs[0].run}"
        for texts in (
            [one.verdict.rstrip(".") + "." for one in runs if not one.diffusive],
            [one.changes for one in runs if one.changes],
        ):
            others = f" ({len(texts)} of {len(runs)} runs, the first of them told.)" if len(runs) > 1 else ""
            if texts:
                yield Doubt(f"{texts[0]}{others}", about)


def _unstable(results: Results) -> Iterator[Doubt]:
    """Structures that are at no minimum along some modes."""
    for row in results.rows("imaginary_modes"):
        if row["value"]:
            yield Doubt(
                f"{row['value']:.3g} of its modes are imaginary: along them the relaxed structure is at no minimum. "
                "They are in no g(E) and in no ⟨u²⟩.",
                f"Lattice of {row['run']}",
            )


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
