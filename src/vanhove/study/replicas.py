r"""Runs of the same thing at the same temperature: their mean, with an error that the spread between them has a say in.

Replicas count the same, whatever their own errors are: an error of D grows with D, so that weights from the errors
would favour the slow runs. The error of the mean is the larger of what the runs' own errors σ_r leave, and of what the
spread s between the n runs says by Student's t (JCGM 100:2008, annex G; that the larger of the two counts is Birge's
rule, Phys. Rev. 40, 207, 1932):

.. math:: \sigma = \max\left(\frac{1}{n}\sqrt{\textstyle\sum_r \sigma_r^2},\; t_{n-1}\frac{s}{\sqrt{n}}\right)

with t of 68.27 % for the error and of 95 % for the interval. The spread of two runs may be small by chance and is then
not believed; where the runs differ by more than their own errors, the error holds the truth in 68 of 100 cases. Where
the own errors say all that there is to say, it holds it more often: in 75 of 100 cases with five runs, 82 with two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .results import row

if TYPE_CHECKING:
    from .planned import PlannedRun

    Row = dict[str, Any]
    Group = tuple[float, tuple[tuple[str, int], ...]]

LEVEL, WIDE_LEVEL = 0.6827, 0.95  # of the error, and of the interval from low to high
NORMAL_95 = 1.959964  # standard errors to either side
ONE_SIDED_95 = 1.644854
SAME = 1e-12  # of a value, that only rounding makes
OF_A_RUN = {"atoms", "density", "coupling_p", "window_p"}  # what was put in, and p-values, whose mean says nothing
ZERO_WHERE_ABSENT = {"unit_share", "Qn_share"}  # a kind of unit that a run does not have has a share there: none
DIFFUSIVE = "diffusive"


@dataclass(frozen=True)
class Mean:
    """The mean of runs, its standard error, and its 95 % interval."""

    value: float
    error: float
    low: float
    high: float


def mean_of(values: Sequence[float], errors: Sequence[float]) -> Mean:
    """The mean of independent runs; NaN where one of them has no value, for the others would be a choice.

    ``errors`` are the runs' own, NaN where there are none.
    """
    from scipy.stats import t

    numbers, own = np.asarray(values, np.float64), np.asarray(errors, np.float64)
    n, value = len(numbers), float(np.mean(numbers))
    within = float(np.sqrt(np.sum(own**2))) / n
    if n == 1 or not math.isfinite(value):
        reach = NORMAL_95 * within if math.isfinite(value) else math.nan
        return Mean(value, within if math.isfinite(value) else math.nan, value - reach, value + reach)
    between = float(np.std(numbers, ddof=1)) / n**0.5
    if between < SAME * abs(value):  # alike to the last digit, as positions of the same bin are
        between = 0.0 if math.isfinite(within) else math.nan
    error, reach = (
        float(np.fmax(normal * within, t.ppf((1 + level) / 2, n - 1) * between))
        for normal, level in ((1.0, LEVEL), (NORMAL_95, WIDE_LEVEL))
    )
    return Mean(value, error, value - reach, value + reach)


def group_of(run: PlannedRun) -> Group | None:
    """What runs share that are replicas: temperature and atoms; None for a run that has none known."""
    if run.temperature is None:
        return None
    return run.temperature, tuple(sorted(run.composition.items()))


def grouped(runs: Iterable[PlannedRun]) -> dict[Group, list[str]]:
    """The names of the runs of each group."""
    found: dict[Group, list[str]] = {}
    for run in runs:
        group = group_of(run)
        if group is not None:
            found.setdefault(group, []).append(run.name)
    return found


def rows_of_means(rows: Sequence[Row], runs: Sequence[PlannedRun]) -> list[Row]:
    """A row for each quantity of a temperature that several runs have, with an empty ``run``."""
    groups = {group: names for group, names in grouped(runs).items() if len(names) > 1}
    means: list[Row] = []
    for group, names in groups.items():
        several = sum(other[0] == group[0] for other in grouped(runs)) > 1
        size = f" of {sum(count for _, count in group[1])} atoms" if several else ""
        made = (_mean_row(listed, names, size) for listed in _by_quantity(rows, names).values())
        means += [one for one in made if one is not None]
    return means


def told_once(rows: Sequence[Row]) -> list[Row]:
    """The rows with the mean of replicas where the first of them stood, and the others left out."""

    def about(one: Row) -> tuple[Any, ...]:
        return tuple(one[column] for column in ("name", "species", "temperature", "phase", "unit"))

    means: dict[tuple[Any, ...], list[Row]] = {}
    for one in rows:
        if not one["run"]:
            means.setdefault(about(one), []).append(one)
    told, seen = [], set()
    for one in rows:
        key = about(one)
        if key not in means:
            told.append(one)
        elif key not in seen:
            seen.add(key)
            told += means[key]
    return told


def _by_quantity(rows: Sequence[Row], names: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for one in rows:
        if one["run"] in names and one["name"] not in OF_A_RUN:
            key = tuple(one[column] for column in ("name", "species", "temperature", "phase", "unit"))
            found.setdefault(key, []).append(one)
    return found


def _mean_row(rows: list[Row], names: Sequence[str], size: str) -> Row | None:
    """The mean of one quantity; None where a run has it twice, or lacks it so that nothing is known."""
    first = rows[0]
    if len({one["run"] for one in rows}) < len(rows):
        return None
    values, errors = _column(rows, "value"), _column(rows, "error")
    missing = len(names) - len(rows)
    if missing:
        if first["name"] not in ZERO_WHERE_ABSENT:
            return None
        values, errors = [*values, *[0.0] * missing], [*errors, *[0.0] * missing]
    about = {key: first[key] for key in ("species", "temperature", "phase")}
    counted = f"{len(names)} runs{size}"
    given = sum(math.isfinite(value) for value in values)
    if given < len(names):
        told = f"{given} of {counted} {_has(first)}, so there is no mean"
        return row(
            first["name"], math.nan, first["unit"], low=_bound(rows, "low", -ONE_SIDED_95),
            upper=_bound(rows, "upper", ONE_SIDED_95), verdict=f"{told}.", **about,
        )  # fmt: skip
    mean = mean_of(values, errors)
    return row(
        first["name"], mean.value, first["unit"], error=mean.error, low=mean.low, high=mean.high,
        verdict=f"mean of {counted}{_doubtful(rows)}", **about,
    )  # fmt: skip


def _has(one: Mapping[str, Any]) -> str:
    return "diffuse" if one["name"] in ("D", "sigma") else "have a value"


def _doubtful(rows: Sequence[Row]) -> str:
    """Where a value was given although its run does not support it."""
    if rows[0]["name"] != "D":
        return ""
    diffusive = sum(one["verdict"] == DIFFUSIVE for one in rows)
    return "" if diffusive == len(rows) else f", of which {diffusive} diffuse"


def _bound(rows: Sequence[Row], column: str, errors: float) -> float:
    """The mean of each run's 95 % bound: a bound of the mean, and a generous one; NaN where a run has none."""
    bounds = [one[column] if one["value"] is None else one["value"] + errors * (one["error"] or 0.0) for one in rows]
    if None in bounds or all(one["value"] is not None for one in rows):
        return math.nan
    return float(np.mean(bounds))


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [math.nan if one[name] is None else float(one[name]) for one in rows]
