"""The results folder: what is written is read back."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from pathlib import Path

import pytest

import vanhove as vh
from vanhove.study.results import (
    COLUMNS,
    ResultRecord,
    Results,
    RunRecord,
    read_results,
    row,
    write_lock,
    write_summary,
)
from vanhove.study.toml_text import dumps


def a_study(folder: Path) -> Results:
    rows = [
        row("D", 2.5e-5, "cm²/s", species="Na", temperature=1100.0, error=1e-6, verdict="diffusive", run="1100K"),
        row(
            "D", math.nan, "cm²/s", species="Si", temperature=1100.0, upper=1e-7, verdict="caged, so no D", run="1100K"
        ),
    ]
    run = RunRecord(
        "1100K", 1100.0, 1, "simulated", (str(folder / "runs/a/trajectory.h5md"),), {}, 480, {"frames": 500}
    )
    mine = RunRecord("mine", None, 1, "files", ("/data/run.lammpstrj",), {"species": {1: "Na", "P": "P"}}, 3)
    result = ResultRecord("msd-Na-1100K", "dynamics.msd", "1100K", "Na", 1100.0, "data/msd-Na-1100K-ab.nc", "ab")
    cross = ResultRecord("arrhenius-Na", "dynamics.arrhenius", "", "Na", None, "data/arrhenius-Na-cd.nc", "cd")
    return Results(
        folder, 'Na "glass" \\ μ', (run, mine), (result, cross), rows, "f00", {"vanhove": "0.1.0"},
        {"analysis": {"mobile": ["Na"], "charges": {"Na": 1.0}}, "observables": {"msd": {}}},
    )  # fmt: skip


def write(results: Results) -> None:
    write_summary(results.folder, results.fingerprint, results.summary)
    write_lock(results)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    results = a_study(tmp_path)
    write(results)
    assert read_results(tmp_path) == results


def test_the_folder_may_be_moved(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write(a_study(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    back = read_results(tmp_path / "b")
    assert back.runs[0].paths == (str(tmp_path / "b" / "runs/a/trajectory.h5md"),)
    assert back.runs[1].paths == ("/data/run.lammpstrj",)


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    write(a_study(tmp_path))
    said = json.loads((tmp_path / "summary.json").read_text())
    assert said["fingerprint"] == "f00"
    assert said["results"][1]["value"] is None
    assert said["results"][1]["upper"] == 1e-7
    assert list(said["results"][0]) == list(COLUMNS)
    table = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert table[1]["value"] == ""
    assert table[1]["verdict"] == "caged, so no D"
    assert float(table[0]["value"]) == 2.5e-5


def test_finding(tmp_path: Path) -> None:
    results = a_study(tmp_path)
    assert [r.label for r in results.find(observable="msd")] == ["msd-Na-1100K"]
    assert [r.label for r in results.find(observable="dynamics.arrhenius", species="Na")] == ["arrhenius-Na"]
    assert results.find(species="S") == []
    assert results.rows("D", species="Si")[0]["upper"] == 1e-7
    with pytest.raises(vh.Refusal, match="1100K, mine"):
        results.run("900K")


def test_what_is_no_finished_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vh.Refusal, match="no finished study"):
        read_results(tmp_path)
    write(a_study(tmp_path))
    write_summary(tmp_path, "other", [])
    with pytest.raises(vh.Refusal, match="different runs"):
        read_results(tmp_path)
    (tmp_path / "study.lock.toml").write_text("title = ")
    with pytest.raises(vh.Refusal, match="can't be read"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        1, 1.5, 1e-30, -math.inf, True, "a\"b\\c\n\t\x7f\x01é", [1, 2], [[1.0], ["a"]], {"a b": 1, "": 2},
        [{"x": 1}, {}], {}, [],
    ],
)  # fmt: skip
def test_toml_comes_back(value: object) -> None:
    table = {"before": 1, "value": value, "nested": {"deep": {"value": value}}}
    assert tomllib.loads(dumps(table)) == table


def test_toml_has_no_none() -> None:
    assert tomllib.loads(dumps({"a": None, "b": [1, None], "c": {"d": None}})) == {"b": [1], "c": {}}
