"""Who agrees with whom, who is the fastest correct peer, and whether the aim is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rows.base import OURS, Aim, Check, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Entry = dict[str, Any]


def difference(check: Check, ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """The largest, as a share of ours; infinite where shapes differ or only one side has a number."""
    if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
        return float("inf")
    there = np.isfinite(ours)
    if not there.any():
        return float("inf")
    a, b = ours[there].astype(np.float64), theirs[there].astype(np.float64)
    scale = np.maximum(np.abs(a), check.floor * np.abs(a).max())
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(a == b, 0.0, np.abs(a - b) / scale)
    return float(off.max())


def agreement(checks: list[Check], ours: Mapping[str, NDArray[Any]], theirs: Mapping[str, NDArray[Any]]) -> Entry:
    """``agrees`` is None where nothing can be compared; ``difference`` is the worst against its tolerance."""
    found = {
        check.key: difference(check, ours[check.key], theirs[check.key]) for check in checks if check.key in theirs
    }
    if not found:
        return {"agrees": None, "difference": None, "where": ""}
    excess = {check.key: found[check.key] / check.tolerance for check in checks if check.key in found}
    worst = max(excess, key=lambda key: excess[key])
    return {"agrees": excess[worst] <= 1, "difference": found[worst], "where": worst}


def best(job: Entry, clock: str) -> float:
    """The least of a job's runs with one and with all threads, of the whole work; infinite if it failed."""
    values: list[float] = [run[clock] / run["share"] for run in job.get("runs", [])]
    return min(values, default=float("inf"))


def standing(jobs: list[Entry]) -> Entry:
    """The fastest correct peer and our ratio to it, by CPU and on the clock."""
    ours = next(job for job in jobs if job["who"] == OURS)
    correct = [
        job for job in jobs if job["who"] != OURS and job["equal"] and job.get("runs") and job["agrees"] is not False
    ]
    found: Entry = {"fastest": None, "ratio_cpu": None, "ratio_wall": None}
    if ours.get("runs") and correct:
        fastest = min(correct, key=lambda job: best(job, "cpu"))
        found["fastest"] = fastest["who"]
        found["ratio_cpu"] = best(fastest, "cpu") / best(ours, "cpu")
        found["ratio_wall"] = min(best(job, "wall") for job in correct) / best(ours, "wall")
    return found


def reached(aim: Aim, jobs: list[Entry], found: Entry) -> tuple[float | None, bool | None]:
    """The number that the aim is about, and whether it is good enough; None where a job is missing."""
    by_name = {job["who"]: job for job in jobs if job.get("runs")}
    if OURS not in by_name:
        return None, None
    ours = by_name[OURS]
    if aim.ns is not None:
        value = 1e9 * best(ours, "cpu") / ours["runs"][0]["units"]
        return value, value <= aim.ns
    if aim.seconds is not None:
        value = best(ours, "wall")
        return value, value <= aim.seconds
    assert aim.ratio is not None
    if aim.against:
        if aim.against not in by_name:
            return None, None
        value = best(by_name[aim.against], "cpu") / best(ours, "cpu")
    elif found["ratio_cpu"] is None:
        return None, None
    else:
        value = found["ratio_cpu"]
    return value, value >= aim.ratio


def verdict(row: Row, size: str, jobs: list[Entry]) -> Entry:
    """Everything that the table says of a row beside its timings."""
    found = standing(jobs)
    aims = []
    for aim in row.aims:
        if size in aim.sizes:
            value, good = reached(aim, jobs, found)
            aims.append({"aim": str(aim), "value": value, "reached": good})
    unexplained = [
        job["who"] for job in jobs if job["equal"] and job.get("agrees") is False and not job["known"]
    ]  # fmt: skip
    return {**found, "aims": aims, "unexplained": unexplained}
