"""What makes the ions move, in three sentences: their surroundings, the framework, and how they go.

Each is made of what the study has, at the lowest temperature that tells it, the mean where there are replicas. Where a
study has nothing to make a sentence of, that is what it says, and which line to add.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.study.replicas import mean_of

from .numbers import SPACE, finite, kelvin, subscripts, with_error

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.study.results import ResultRecord, Results

    from .findings import Findings

SURE, UNLIKELY = 0.01, 0.05  # p-values
CLEAR = 2.0  # standard errors from what it would be without
QUANTITIES = {"": ("turns", "°"), "translation_": ("shifts", "Å"), "tilt_": ("rolls", "°")}

DETAILS = {  # where each says in words what it found
    "softness.soft_ions": "summary", "dynamics.coupling": "verdict", "dynamics.bottleneck": "verdict",
}  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """One of the three; ``missing`` where the study has nothing to say, and how it would."""

    about: str
    text: str
    missing: bool = False


def mechanism(results: Results, found: Findings, ion: str, polyhedra: Sequence[tuple[str, str]]) -> list[Sentence]:
    """The three sentences about ``ion``; none where nothing moves in the study."""
    if not ion or not any(record.observable.startswith(("dynamics.", "softness.")) for record in results.results):
        return []
    said = [_surroundings(results, found, ion), _framework(results, ion, polyhedra), _motion(results, found, ion)]
    return [replace(one, text=one.text.replace(" ± ", f"{SPACE}±{SPACE}")) for one in said]


def _surroundings(results: Results, found: Findings, ion: str) -> Sentence:
    about = "Surroundings"
    every = _by_temperature(results, "soft_ions", ion)
    own = {
        T: kept for T, all_of in every.items() if (kept := [one for one in all_of if not one.attrs.get("trained_on")])
    }
    if not own:
        return _missing(about, "softness", f'soft_ions = {{ species = ["{ion}"] }}')
    temperature, there = next(iter(own.items()))
    accuracy, error = _mean(there, "accuracy")
    right = with_error(100 * accuracy, 100 * error, "%")
    if accuracy - CLEAR * (error if finite(error) else 0.0) <= 0.5:
        text = f"What surrounds {ion} does not tell whether it will move{_at(temperature)}: of ions that the model did "
        return Sentence(about, f"{text}not see it has {right} right, and guessing gives 50 %.")
    text = f"What surrounds {ion} tells whether it will move{_at(temperature)}: of ions that the model did not see it "
    text += f"has {right} right, where guessing gives 50 %"
    slope, slope_error = _mean(there, "slope")
    if finite(slope) and slope > CLEAR * slope_error:
        factor = with_error(math.exp(slope), math.exp(slope) * slope_error)
        text += f", and hops become {factor} times as frequent with every unit of softness"
    elif finite(slope):
        text += ", yet hops do not become more frequent with softness within the errors"
    one_model = len(own) == 1 and len(every) > 1
    return Sentence(about, f"{text}{_two_barriers(found, ion) if one_model else ''}.")


def _two_barriers(found: Findings, ion: str) -> str:
    """The barriers of hops of soft and hard ions, by one model for all temperatures."""
    laws = {law.quantity: law for law in found.laws if law.species == ion and finite(law.barrier)}
    if not {"soft_rate", "hard_rate"} <= set(laws):
        return ""
    soft, hard = laws["soft_rate"], laws["hard_rate"]
    apart = abs(hard.barrier - soft.barrier) / math.hypot(soft.barrier_error, hard.barrier_error)
    low, high = (with_error(law.barrier, law.barrier_error, "eV") for law in (soft, hard))
    if apart > CLEAR:
        return f"; the barrier of the hops is {low} for soft and {high} for hard ions"
    return f"; the barriers of the hops of soft and hard ions, {low} and {high}, are alike within their errors"


def _framework(results: Results, ion: str, polyhedra: Sequence[tuple[str, str]]) -> Sentence:
    about = "Framework"
    coupled, windows = _coupling(results, ion), _windows(results, ion)
    units = "-".join(polyhedra[0]) if polyhedra else "P-S"
    line = f'coupling = {{ ion = "{ion}", units = "{units}" }}'
    if coupled and windows:
        return Sentence(about, f"{coupled}; {windows}.")
    if coupled:
        return Sentence(about, f"{coupled}.")
    if windows:
        return Sentence(about, f"{windows[:1].upper()}{windows[1:]}; whether polyanions move, {line} would tell.")
    return _missing(about, "test of whether the framework takes part in jumps", line)


def _coupling(results: Results, ion: str) -> str:
    every = _by_temperature(results, "coupling", ion)
    tested = {T: kept for T, all_of in every.items() if (kept := [one for one in all_of if finite(_of(one, "p_any"))])}
    if not tested:
        first = next((all_of[0] for all_of in every.values()), None)
        return "" if first is None else f"Whether polyanions take part is not known: {first.attrs['verdict']}"
    temperature, there = next(iter(tested.items()))
    unit = f"the nearest {subscripts(there[0].attrs['unit_name'])}"
    p = _joint([_of(one, "p_any") for one in there])
    jumps = sum(int(one.attrs["compared"]) for one in there)
    said = f"(p = {p:.2g}, {jumps} jumps{_comma(temperature)}{_others(tested)}{_broken(there)})"
    if p < UNLIKELY:
        sure = "takes" if p < SURE else "perhaps takes"
        moves = _listed(_moves(there))
        return f"The framework {sure} part: when {ion} jumps, {unit} {moves}, compared with other times {said}"
    bounds = [
        f"{_mean(there, prefix + 'effect_upper')[0]:.2g}{'' if unit_of == '°' else ' '}{unit_of}"
        for prefix, (_, unit_of) in list(QUANTITIES.items())[:2]
        if all(f"{prefix}effect_upper" in one for one in there)
    ]
    most = f", which leaves room for a kick of at most {' and '.join(bounds)} (95 %)" if bounds else ""
    return f"No coupling was found: when {ion} jumps, {unit} turns and shifts as at any other time {said}{most}"


def _moves(there: Sequence[Dataset]) -> list[str]:
    """What polyanions do at a jump, of what is unlikely to be chance; at least the least likely."""
    p_values = {prefix: _joint([_of(one, f"{prefix}p_value") for one in there]) for prefix in QUANTITIES}
    least = min(p_values.values())
    said = []
    for prefix, p in p_values.items():
        if p < UNLIKELY or p == least:
            verb, unit = QUANTITIES[prefix]
            effect, error = _mean(there, f"{prefix}effect")
            size = with_error(abs(effect), error, unit)
            way = ("along with it", "against it") if verb == "rolls" else ("more", "less")
            said.append(f"{verb} by {size} {way[effect < 0]}")
    return said


def _windows(results: Results, ion: str) -> str:
    every = _by_temperature(results, "bottleneck", ion)
    tested = {
        T: kept for T, all_of in every.items() if (kept := [one for one in all_of if finite(_of(one, "p_value"))])
    }
    if not tested:
        return ""
    temperature, there = next(iter(tested.items()))
    p = _joint([_of(one, "p_value") for one in there])
    widening, error = _mean(there, "widening")
    passages = sum(int(one.attrs["compared"]) for one in there)
    said = f"(p = {p:.2g}, {passages} passages{_comma(temperature)}{_others(tested, 'p_value')})"
    if p >= UNLIKELY:
        size = with_error(widening, error, "Å²")
        return f"the windows that {ion} passes through are neither wider nor narrower then, by {size} {said}"
    share = 100 * abs(widening) / _mean(there, "mean")[0]
    sure = "" if p < SURE else " perhaps"
    way = "wider" if widening > 0 else "narrower"
    size = with_error(abs(widening), error, "Å²")
    return f"the windows that {ion} passes through are{sure} {size} ({share:.2g} %) {way} then {said}"


def _motion(results: Results, found: Findings, ion: str) -> Sentence:
    about = "Motion"
    parts = [*_stays(results, ion), *_barrier(found, ion), *_together(results), *_vibration(results, ion)]
    if not parts:
        return _missing(about, "jumps, conductivity or barrier", f'jumps = {{ species = ["{ion}"] }}')
    text = "; ".join(parts)
    return Sentence(about, f"{text[:1].upper()}{text[1:]}.")


def _stays(results: Results, ion: str) -> list[str]:
    """How long ions stay and how far they go: by jumps, else by cages, else how unlike each other they are."""
    for temperature, there in _by_temperature(results, "jumps", ion).items():
        wait, length = _mean(there, "waiting_time"), _mean(there, "mean_length")
        if finite(wait[0]):
            rhythm = f"{ion} jumps every {with_error(*wait, 'ps')}{_at(temperature)}"
            return [f"{rhythm}, by {with_error(*length, 'Å')} at a time{_blurred(there)}"]
    for temperature, there in _by_temperature(results, "cages", ion).items():
        known = [one for one in there if one["residence_time"].size == 1]
        stay = _mean(known, "residence_time", "residence_error") if known else (math.nan, math.nan)
        if finite(stay[0]):
            return [f"{ion} stays {with_error(*stay, 'ps')} in a cage{_at(temperature)}"]
    for temperature, there in _by_temperature(results, "non_gaussian", ion).items():
        height, time = _mean(there, "peak_height"), _mean(there, "peak_time")
        if finite(height[0]):
            lag = with_error(*time, "ps")
            return [
                f"after {lag}{_at(temperature)} some {ion} have moved and others not: α₂ is {with_error(*height)} then"
            ]
    return []


def _blurred(there: Sequence[Dataset]) -> str:
    """What counts as a jump, where vibration does not tell."""
    if not any("not set apart" in str(one.attrs.get("verdict", "")) for one in there):
        return ""
    least = float(np.mean([float(one.attrs["threshold"]) for one in there]))
    return f" (of {least:.2g} Å and more, which vibration does not set apart)"


def _barrier(found: Findings, ion: str) -> list[str]:
    for quantity, words in (("D", "diffusion"), ("jump_rate", "jumping"), ("residence_time", "leaving a cage")):
        for law in found.laws:
            if law.quantity == quantity and law.species == ion and finite(law.barrier):
                return [f"the barrier of {words} is {with_error(law.barrier, law.barrier_error, 'eV')}"]
    return []


def _together(results: Results) -> list[str]:
    """Whether ions move together, by the Haven ratio."""
    for temperature, there in _by_temperature(results, "conductivity", "").items():
        ratio, error = _mean(there, "haven_ratio")
        if finite(ratio) and finite(error):
            told = with_error(ratio, error)
            if abs(ratio - 1) < CLEAR * error:
                return [f"that ions move together does not show{_at(temperature)} (Haven ratio {told})"]
            how = "carry more" if ratio < 1 else "carry less"
            return [f"moving together, ions {how} current than alone{_at(temperature)} (Haven ratio {told})"]
    return []


def _vibration(results: Results, ion: str) -> list[str]:
    """The energy below which half of the ion's mean-square displacement is."""
    for there in _by_temperature(results, "lattice.displacements", "").values():
        for one in there:
            if ion not in one["species"].values:
                continue
            curve = one["cumulative"].sel(species=ion).values
            middle = float(np.interp(0.5 * curve[-1], curve, one["energy"].values))
            size = f"{float(one['total'].sel(species=ion)):.2g} Å²{_comma(float(one.attrs['temperature']))}"
            return [f"half of its vibration ({size}) is that of modes below {middle:.2g} meV"]
    return []


def _missing(about: str, what: str, line: str) -> Sentence:
    return Sentence(about, f"This study has no {what}: add {line} to its [observables].", missing=True)


def _by_temperature(results: Results, observable: str, ion: str) -> dict[float | None, list[Dataset]]:
    """The results about the ion, of all replicas, cold to hot; of one phase where there are only such."""
    kept: list[tuple[ResultRecord, Dataset]] = []
    for record in results.find(observable=observable):
        if record.species in ("", ion):
            one = results.load(record)
            if not ion or record.species or str(one.attrs.get("species", "")) == ion:
                kept.append((record, one))
    phases = {record.phase for record, _ in kept}
    phase = "" if "" in phases else next(iter(sorted(phases)), "")
    found: dict[float | None, list[Dataset]] = {}
    for record, one in sorted(kept, key=lambda pair: pair[0].temperature or 0.0):
        if record.phase == phase:
            found.setdefault(record.temperature, []).append(one)
    return found


def _of(one: Dataset, name: str) -> float:
    return float(one[name]) if name in one and one[name].size == 1 else math.nan


def _mean(there: Sequence[Dataset], name: str, error: str = "") -> tuple[float, float]:
    """Value and error: of one run its own, of replicas those of their mean."""
    values = [_of(one, name) for one in there]
    errors = [_of(one, error or f"{name}_error") for one in there]
    if len(there) == 1:
        return values[0], errors[0]
    mean = mean_of(values, errors)
    return mean.value, mean.error


def _joint(p_values: Sequence[float]) -> float:
    """The p-value of independent replicas together, by Fisher's method."""
    if len(p_values) == 1:
        return p_values[0]
    from scipy.stats import combine_pvalues

    return float(combine_pvalues(list(p_values)).pvalue)


def _others(tested: dict[float | None, list[Dataset]], name: str = "p_any") -> str:
    """At how many temperatures it was found, where there are several."""
    if len(tested) < 2:
        return ""
    number = sum(_joint([_of(one, name) for one in there]) < SURE for there in tested.values())
    return f"; p < {SURE:g} at {number} of {len(tested)} temperatures"


def _broken(there: Sequence[Dataset]) -> str:
    broken, units = (sum(int(one.attrs.get(name, 0)) for one in there) for name in ("broken", "units"))
    return f"; {broken} of {units} units break up on the way" if broken else ""


def _at(temperature: float | None) -> str:
    return "" if temperature is None else f" at {kelvin(temperature)}"


def _comma(temperature: float | None) -> str:
    return "" if temperature is None else f", {kelvin(temperature)}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def details(results: Results) -> list[str]:
    """What softness, coupling and windows say themselves in each run."""
    said = []
    for name, key in DETAILS.items():
        for record in results.find(observable=name):
            text = str(results.load(record).attrs[key])
            said.append(f"{record.run}: {text.rstrip('.')}.")
    return said
