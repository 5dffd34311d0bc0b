"""The numbers that the page leads with, taken from the datasets of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .numbers import finite

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.study.results import ResultRecord, Results

DIFFUSIVE = "diffusive"
FITTED = "fitted"
UNITS = {"D": "cm²/s", "sigma": "mS/cm"}
SYMBOLS = {
    "sigma": "σ", "peak_time": "τ*", "jump_rate": "jump rate", "residence_time": "residence time",
    "soft_rate": "hop rate (soft)", "hard_rate": "hop rate (hard)",
}  # fmt: skip
ALONE = "nernst-einstein"  # each ion moves as if it were alone
ROUTES = {
    ALONE: "σ is the Nernst–Einstein conductivity.",
    "einstein": "σ is from the collective displacement of the charges.",
    "green-kubo": "σ is from the autocorrelation of the current.",
}


@dataclass(frozen=True)
class Coefficient:
    """The diffusion coefficient of a species in a run: a value, or a bound and the reason."""

    run: str
    temperature: float | None  # K
    species: str  # with the phase where it is that of one: "Na (glass)"
    value: float  # cm²/s; NaN where it is refused
    error: float
    upper: float
    verdict: str
    changes: str  # how the motion changes along the run; "" where it doesn't

    @property
    def given(self) -> bool:
        """Whether there is a value."""
        return finite(self.value)

    @property
    def diffusive(self) -> bool:
        """Whether the run supports it."""
        return self.given and self.verdict == DIFFUSIVE


@dataclass(frozen=True)
class Law:
    """An Arrhenius law, and its value with the 95 % interval where it was extrapolated to."""

    quantity: str  # "D", "sigma", or what else the study follows
    species: str
    barrier: float  # eV
    barrier_error: float
    at: float  # K; NaN where several were asked for
    value: float
    low: float
    high: float
    unit: str
    temperatures: tuple[float, ...]  # K, of the values it joins
    verdict: str  # "fitted", or what is wrong
    crossover: str  # whether it bends

    @property
    def name(self) -> str:
        """``"D of Na"``, ``"σ"``."""
        symbol = SYMBOLS.get(self.quantity, self.quantity)
        return f"{symbol} of {self.species}" if self.species else symbol


@dataclass(frozen=True)
class Conductivity:
    """What one species adds to the conductivity in a run, or all together (""): a value or a bound."""

    run: str
    temperature: float | None  # K
    species: str
    value: float  # mS/cm; NaN where the species has no diffusion coefficient
    error: float
    upper: float
    route: str = ALONE


@dataclass(frozen=True)
class Bond:
    """The first shell of a pair."""

    pair: str
    temperature: float | None  # K
    position: float  # Å
    coordination: float


@dataclass(frozen=True)
class Findings:
    """All of them."""

    coefficients: list[Coefficient]  # cold to hot
    laws: list[Law]
    conductivities: list[Conductivity]  # cold to hot
    bonds: list[Bond]


def gather(results: Results, pairs: list[tuple[str, str]], mobile: list[str]) -> Findings:
    """The numbers of a study; ``pairs`` are those whose first shell is told.

    Of the laws of the conductivity those of the ``mobile`` species count, where there are any: what the network would
    carry belongs to no measurement.
    """
    laws = _laws(results)
    carried = {law.species for law in laws if law.quantity == "sigma"} & set(mobile) or {""}
    laws = [law for law in laws if law.quantity != "sigma" or law.species in carried]
    return Findings(_coefficients(results), laws, _conductivities(results), _bonds(results, pairs))


def _coefficients(results: Results) -> list[Coefficient]:
    """Every diffusion coefficient, cold to hot."""
    found = []
    for record in _by_temperature(results.find(observable="diffusion")):
        result = results.load(record)
        found.append(
            Coefficient(
                record.run, record.temperature, record.of, _number(result, "D"), _number(result, "D_error"),
                _number(result, "D_upper"), str(result.attrs.get("verdict", "")), _changes(result),
            )
        )  # fmt: skip
    return found


def _laws(results: Results) -> list[Law]:
    """Every Arrhenius law, also those that could not be fitted."""
    found = []
    for record in results.find(observable="arrhenius"):
        result = results.load(record)
        quantity = quantity_of(record)
        unit = UNITS.get(quantity, str(result["value_at"].attrs.get("units", "")))
        found.append(
            Law(
                quantity, record.of, _number(result, "E_a"), _number(result, "E_a_error"), _number(result, "at"),
                _number(result, "value_at"), _number(result, "value_at_low"), _number(result, "value_at_high"),
                unit, tuple(result["temperature"].values.tolist()),
                str(result.attrs.get("verdict", "")), str(result.attrs.get("crossover", "")),
            )
        )  # fmt: skip
    return found


def carriers(found: Findings, mobile: list[str]) -> list[str]:
    """Whose conductivity is shown: that of the mobile species, or the whole ("") where only that was computed."""
    there = {one.species for one in found.conductivities}
    return [name for name in mobile if name in there] or sorted(there & {""})


def said_of_conductivity(found: Findings) -> str:
    """By which route it was computed."""
    said = [ROUTES.get(route, "") for route in dict.fromkeys(one.route for one in found.conductivities)]
    return " ".join(said)


def quantity_of(record: ResultRecord) -> str:
    """What an Arrhenius law is of, as its label says: "arrhenius-D-Na"; "" for anything else."""
    if not record.observable.endswith("arrhenius"):
        return ""
    word = record.label.split("-")[1]
    return "sigma" if word.startswith("sigma") else word  # "sigma_total" is a sigma


def _conductivities(results: Results) -> list[Conductivity]:
    found = []
    for record in _by_temperature(results.find(observable="conductivity")):
        result = results.load(record)
        route = str(result.attrs.get("method", ALONE))
        if route != ALONE:  # a species' part holds its correlations with the others: only the whole is a conductivity
            value, error, upper = (_number(result, f"sigma_total{end}") for end in ("", "_error", "_upper"))
            found.append(Conductivity(record.run, record.temperature, "", value, error, upper, route))
            continue
        for species in result["species"].values.tolist():
            one = result.sel(species=species)
            value, error, upper = (_number(one, f"sigma{end}") for end in ("", "_error", "_upper"))
            found.append(Conductivity(record.run, record.temperature, species, value, error, upper, route))
    return found


def _bonds(results: Results, pairs: list[tuple[str, str]]) -> list[Bond]:
    """The first shells of some pairs at the lowest temperature."""
    found = []
    for centre, ligand in pairs:
        peaks = results.rows("first_peak", species=f"{centre}-{ligand}")
        known = [row for row in peaks if finite(row["value"])]
        if known:
            coldest = min(known, key=lambda row: (row["temperature"] or 0.0, bool(row["run"])))  # a mean first
            same = {key: coldest[key] for key in ("species", "run", "temperature")}
            counts = [row["value"] for row in results.rows("coordination", **same)]
            coordination = float("nan") if not counts or counts[0] is None else float(counts[0])
            found.append(Bond(coldest["species"], coldest["temperature"], float(coldest["value"]), coordination))
    return found


def _changes(result: Dataset) -> str:
    said = str(result.attrs.get("ageing", ""))
    return said if said.startswith("The motion changes") else ""


def _number(result: Dataset, name: str) -> float:
    return float(result[name]) if name in result.variables and result[name].size == 1 else float("nan")


def _by_temperature(records: list[ResultRecord]) -> list[ResultRecord]:
    return sorted(records, key=lambda record: record.temperature or 0.0)
