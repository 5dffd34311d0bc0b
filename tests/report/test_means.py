"""The page of a study with replicas: the means lead, the runs are behind them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from vanhove.base.results import load
from vanhove.report import write
from vanhove.report.numbers import with_error
from vanhove.study.planned import PlannedRun
from vanhove.study.replicas import rows_of_means
from vanhove.study.results import read_results, row, write_lock, write_summary


@pytest.fixture
def replicas(study: Path) -> Path:
    """The study with what it found at 1100 K as if it were another run at 900 K; Si is refused, S has one value."""
    results = read_results(study)
    runs = [replace(one, temperature=900.0) if one.name == "1100K" else one for one in results.runs]
    records = [replace(one, temperature=900.0) if one.run == "1100K" else one for one in results.results]
    rows = list(results.summary)
    for record in records:
        if record.observable == "dynamics.diffusion":
            found = load(study / record.file)
            rows.append(
                row(
                    "D", float(found["D"]), "cm²/s", species=record.species, temperature=record.temperature,
                    error=float(found["D_error"]), upper=float(found["D_upper"]), verdict=found.attrs["verdict"],
                    run=record.run,
                )
            )  # fmt: skip
    rows += [
        row("jump_rate", 0.2, "1/ps", species="Na", temperature=900.0, error=0.1, run=run.name) for run in runs[:2]
    ]
    planned = [PlannedRun(one.name, one.temperature, 1, "files", one.name, {"Na": 108}, one.paths) for one in runs]
    rows += rows_of_means(rows, planned)
    write_lock(replace(results, runs=tuple(runs), results=tuple(records)))
    write_summary(study, results.fingerprint, rows)
    return study


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))


def test_means_lead_and_runs_stand_behind_them(replicas: Path) -> None:
    (mean,) = read_results(replicas).rows("D", species="Na", temperature=900.0, run="")
    html = write(replicas).read_text(encoding="utf-8")
    text = text_of(replicas / "report.html")
    table = text[text.index("By temperature") : text.index("Means of replicas")]
    assert with_error(1e5 * mean["value"], 1e5 * mean["error"]) in table
    assert table.count("2 runs") == 1
    assert table.count("0 of 2 diffuse") == 2
    assert "900 K" in table
    assert "1300 K" in table
    assert "900K" not in table, "a row is a temperature, not a run"
    behind = text[text.index("Each of the runs") :]
    assert "1100K" in behind
    assert "mean of 2 runs" in text[: text.index("By temperature")]
    assert html.index("<details>") < html.index("Diffusion coefficients and conductivity of each run")


def test_a_reason_that_replicas_share_is_told_once(replicas: Path) -> None:
    text = text_of(write(replicas))
    assert text.count("D of Si at 900 K.") <= 2  # the reason, and perhaps that its motion changes
    assert "(2 of 2 runs, the first of them told.)" in text
