"""Replicas: the mean of several runs at a temperature, its error, and the law that is fitted to the means."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.study import Results, run
from vanhove.study.planned import PlannedRun
from vanhove.study.replicas import mean_of, rows_of_means, told_once
from vanhove.study.results import row

TEMPERATURES, REPLICAS = (800, 1200), 3
K_B = 8.617333e-5  # eV/K
STUDY = """
title = "Three glasses"

[analysis]
mobile = ["Na"]
charges = { Na = 1, Si = -1 }

[observables]
rdf = { r_max = 5, pairs = ["Si-Si"] }
msd = { species = ["Na", "Si"], drift = "none" }
diffusion = {}
conductivity = { reference = "none" }
arrhenius = {}
"""
RUN = """
[[files]]
path = "{0}-{1}.h5md"
replica = {1}
"""


def glass(temperature: int, replica: int) -> vh.Trajectory:
    """27 Na that walk, in each replica at a pace of its own, and a lattice of 27 rattling Si."""
    generator = np.random.default_rng([temperature, replica])
    pace = 20 * np.exp(0.2 * (replica - 2) - 0.3 / (K_B * temperature))
    free = np.cumsum(generator.normal(0, np.sqrt(2 * pace * 0.2), (300, 27, 3)), axis=0)
    free += generator.uniform(0, 12, (27, 3))
    lattice = 4.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    still = lattice + generator.normal(0, 0.15, (300, 27, 3))
    return vh.from_arrays(
        np.concatenate([free, still], axis=1), 12.0, ["Na"] * 27 + ["Si"] * 27, 0.2 * np.arange(300), wrapped=False,
        temperature=temperature,
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("glasses")
    text = STUDY
    for temperature in TEMPERATURES:
        for replica in range(1, REPLICAS + 1):
            glass(temperature, replica).save(folder / f"{temperature}-{replica}.h5md")
            text += RUN.format(temperature, replica)
    (folder / "study.toml").write_text(text)
    return run(folder / "study.toml", folder / "out")


def planned(name: str, temperature: float | None = 900.0, atoms: int = 10) -> PlannedRun:
    return PlannedRun(name, temperature, 1, "files", name, {"Na": atoms}, (name,))


def of_d(name: str, value: float | None, error: float | None = None, upper: float | None = None) -> dict[str, object]:
    verdict = "It rattles." if value is None else "diffusive"
    return row(
        "D", value, "cm²/s", species="Na", temperature=900.0, error=error, upper=upper, verdict=verdict, run=name
    )


@pytest.mark.parametrize(
    ("runs", "between", "low", "high"),
    # own errors of 1: where the spread says nothing new, the larger of two estimates is a generous one
    [(2, 5.0, 0.64, 0.73), (3, 1.0, 0.68, 0.76), (5, 0.7, 0.66, 0.75), (5, 5.0, 0.64, 0.73), (5, 0.0, 0.71, 0.80)],
)
def test_the_error_of_a_mean_holds_the_truth_in_two_of_three_cases(
    runs: int, between: float, low: float, high: float
) -> None:
    generator = np.random.default_rng(20261201)
    values = generator.normal(10, between, (2000, runs)) + generator.normal(0, 1, (2000, runs))
    means = [mean_of(each, [1.0] * runs) for each in values]
    assert low < np.mean([abs(mean.value - 10) < mean.error for mean in means]) < high
    assert np.mean([mean.low < 10 < mean.high for mean in means]) > 0.94


def test_an_error_is_never_below_what_the_runs_own_errors_leave() -> None:
    mean = mean_of([2.0, 2.0, 2.0, 2.0], [0.2] * 4)
    assert (mean.value, mean.error) == (2.0, pytest.approx(0.1))
    far = mean_of([1.0, 3.0], [0.1, 0.1])
    assert far.error == pytest.approx(np.tan(np.pi * 0.6827 / 2))  # t of one degree of freedom, times s/√2 = 1
    without = mean_of([1.0, 3.0], [np.nan, np.nan])
    assert without.error == far.error
    assert np.isnan(mean_of([2.075, 2.075, 2.075], [np.nan] * 3).error)  # the same bin: how sure it is, is not known


def test_the_law_of_glasses_that_differ_holds_its_barrier() -> None:
    """Each replica has a pace and a barrier of its own, which are in all of its temperatures."""
    generator = np.random.default_rng(20261202)
    kelvin = np.array([600.0, 800.0, 1000.0, 1200.0])
    repeats, glasses = 400, 4
    held = []
    for _ in range(repeats):
        barrier, pace = generator.normal(0.3, 0.01, glasses), generator.normal(0, 0.2, glasses)
        logs = pace[:, None] - barrier[:, None] / (K_B * kelvin) + generator.normal(0, 0.05, (glasses, len(kelvin)))
        means = [mean_of(np.exp(column), 0.05 * np.exp(column)) for column in logs.T]
        law = vh.dynamics.arrhenius(kelvin.tolist(), [mean.value for mean in means], [mean.error for mean in means])
        held.append(abs(float(law["E_a"]) - 0.3) < float(law["E_a_error"]))
    assert np.mean(held) > 0.66  # never less than it says; more, since what a glass has in all its runs cancels


def test_means_stand_in_the_summary(results: Results) -> None:
    for temperature in TEMPERATURES:
        runs = [one for one in results.rows("D", species="Na", temperature=temperature) if one["run"]]
        (mean,) = results.rows("D", species="Na", temperature=temperature, run="")
        assert len(runs) == REPLICAS
        assert mean["value"] == pytest.approx(np.mean([one["value"] for one in runs]))
        assert mean["error"] > np.sqrt(sum(one["error"] ** 2 for one in runs)) / REPLICAS * (1 - 1e-12)
        assert mean["low"] < mean["value"] < mean["high"]
        assert (mean["verdict"], mean["unit"]) == ("mean of 3 runs", "cm²/s")
        (still,) = results.rows("D", species="Si", temperature=temperature, run="")
        assert still["value"] is None
        assert still["upper"] > 0
        assert still["verdict"].startswith("0 of 3 runs diffuse")
    (peak,) = results.rows("first_peak", species="Si-Si", temperature=800.0, run="")
    assert abs(peak["value"] - 4) < 0.1
    assert peak["error"] > 0
    assert results.rows("sigma", species="Na", temperature=800.0, run="")[0]["value"] > 0
    assert not results.rows("atoms", run="")


def test_a_law_is_fitted_to_the_means(results: Results) -> None:
    (record,) = (one for one in results.find(observable="arrhenius") if one.label == "arrhenius-D-Na")
    law = results.load(record)
    means = [results.rows("D", species="Na", temperature=t, run="")[0] for t in TEMPERATURES]
    np.testing.assert_allclose(law["value"], [mean["value"] for mean in means])
    np.testing.assert_allclose(law["value_error"], [mean["error"] for mean in means])
    assert abs(float(law["E_a"]) - 0.3) < 3 * float(law["E_a_error"])


def test_refused_runs_do_not_drop_out() -> None:
    runs = [planned(name) for name in "abc"]
    rows = [of_d("a", 2e-5, 1e-6), of_d("b", None, upper=1e-6), of_d("c", 3e-5, 1e-6)]
    (mean,) = rows_of_means(rows, runs)
    assert mean["value"] is None
    assert mean["verdict"] == "2 of 3 runs diffuse, so there is no mean."
    assert mean["upper"] == pytest.approx((2e-5 + 3e-5 + 1e-6 + 2 * 1.644854e-6) / 3)


def test_a_table_tells_a_mean_instead_of_its_runs() -> None:
    runs = [planned("a"), planned("b"), planned("c", 1000.0)]
    rows = [of_d("a", 2e-5, 1e-6), of_d("b", 3e-5, 1e-6), {**of_d("c", 4e-5, 1e-6), "temperature": 1000.0}]
    told = told_once([*rows, *rows_of_means(rows, runs)])
    assert [(one["temperature"], one["run"]) for one in told] == [(900.0, ""), (1000.0, "c")]


def test_only_runs_of_the_same_atoms_are_replicas() -> None:
    runs = [planned("a"), planned("b"), planned("c", atoms=80), planned("d", atoms=80), planned("e", None)]
    rows = [of_d(name, 2e-5, 1e-6) for name in "abcde"]
    means = rows_of_means(rows, runs)
    assert [mean["verdict"] for mean in means] == ["mean of 2 runs of 10 atoms", "mean of 2 runs of 80 atoms"]
    assert rows_of_means(rows[:1], runs[:1]) == []


def test_a_unit_that_a_run_does_not_have_has_no_share_there() -> None:
    about = {"temperature": 900.0, "species": "P2S7"}
    (mean,) = rows_of_means([row("unit_share", 0.2, "1", run="a", **about)], [planned("a"), planned("b")])
    assert mean["value"] == pytest.approx(0.1)
    assert rows_of_means([row("angle", 100.0, "°", run="a", **about)], [planned("a"), planned("b")]) == []
