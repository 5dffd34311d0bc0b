"""Softness in a study: one model for all runs, barriers of soft and hard ions, softness along an axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.report import write
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.schema import read_study

BARRIERS = {"hard": 0.20, "soft": 0.10}  # eV
TEMPERATURES = (700, 1000)
CELL, FRAMES, SPACING = 40.0, 400, 0.1
STUDY = """
title = "Soft and hard"

[analysis]
mobile = ["Na"]

[observables]
soft_ions = { species = "Na", width = 0.5, cutoff = 4.0, window = 5, every = 20, surroundings = 6.0, order = 4TRAINED }
soft_profile = { axis = "c", width = 10 }
scan = { species = "Na", widths = [1.0], cutoffs = [3.0, 4.0], strengths = [0.01], quantiles = [0.5], every = 50 }
arrhenius = { follow = ["soft_rate", "hard_rate"] }
"""


def hopping(temperature: int) -> vh.Trajectory:
    """Na that rattle, and hop to and fro; soft are those whose sulfur is at 3.1 Å, not at 2.5 Å, above the middle.

    So seldom that few go back within the picosecond in which a return is no jump.
    """
    rng = np.random.default_rng(temperature)
    grid = (np.indices((5, 5, 5)).reshape(3, -1).T + 0.5) * CELL / 5
    soft = grid[:, 2] + rng.normal(0, 4, 125) > CELL / 2
    barrier = np.where(soft, BARRIERS["soft"], BARRIERS["hard"])
    chance = 0.3 * np.exp(-barrier / (8.617333e-5 * temperature)) * SPACING
    hops = np.cumsum(rng.random((FRAMES, 125)) < chance, axis=0) % 2
    way = np.array([2.4, 0, 0])
    ions = grid + hops[:, :, None] * way + rng.normal(0, 0.12, (FRAMES, 125, 3))
    far = np.where(soft, 3.1, 2.5)[:, None] * np.array([0, 1.0, 0])
    still = np.concatenate(
        [grid + far, grid + way + far, grid + np.array([1.2, -4, 0])]
    )  # a sulfur at either end of a hop
    frame = np.concatenate([ions, still + rng.normal(0, 0.1, (FRAMES, *still.shape))], axis=1)
    return vh.from_arrays(
        frame, CELL, ["Na"] * 125 + ["S"] * len(still), SPACING * np.arange(FRAMES), wrapped=False,
        temperature=temperature,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("soft")
    for temperature in TEMPERATURES:
        hopping(temperature).save(made / f"{temperature}K.h5md")
    return made


def study(folder: Path, trained: str) -> Path:
    files = "".join(f'[[files]]\npath = "{temperature}K.h5md"\n' for temperature in TEMPERATURES)
    path = folder / "study.toml"
    path.write_text(STUDY.replace("TRAINED", trained) + files)
    return path


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    done = run(study(folder, ', trained_on = "700K"'), folder / "out")
    write(folder / "out")
    return done


def test_one_model_serves_all_runs(results: Results) -> None:
    cold, hot = (results.load(one) for one in results.find(observable="soft_ions"))
    assert cold.attrs["trained_on"] == ""
    assert hot.attrs["trained_on"] == "Na at 700 K"
    np.testing.assert_array_equal(cold["W"], hot["W"])
    for row in results.rows("softness_accuracy"):
        # most in the upper half did not hop: they are there by chance, and nothing about them could be told
        assert row["value"] - 3 * row["error"] > 0.5
    assert "hops are more likely the softer" in results.rows("softness_accuracy", run="1000K")[0]["verdict"]
    for label in ("700K", "1000K"):
        rows = {row["species"]: row["value"] for row in results.rows("softness", run=label)}
        assert rows["Na, mobile"] > 0 > rows["Na, immobile"]
        ranking = results.rows("softness_ranking", run=label)[0]
        assert ranking["value"] - 3 * ranking["error"] > 0.5


def test_barriers_of_the_soft_and_the_hard_are_those_planted(results: Results) -> None:
    for name, barrier in BARRIERS.items():
        law = results.rows(f"E_a_{name}_rate")[0]
        assert abs(law["value"] - barrier) < 3 * law["error"]
        assert law["error"] < 0.07  # some 25 hops of hard ions at the lower temperature leave 0.2 of ln k


def test_the_soft_end_of_the_cell_is_soft(results: Results) -> None:
    profile = results.load(results.find(observable="soft_profile", run="700K")[0])
    assert profile["S"].values[0] < 0 < profile["S"].values[-1]
    assert np.isfinite(profile["q"]).all()
    assert results.find(observable="scan", run="700K")


def test_only_what_the_model_is_taken_to_hangs_on_it(folder: Path) -> None:
    tasks = {t.label: t for t in plan_of(read_study(study(folder, ', trained_on = "700K"'))).tasks}
    own = {t.label: t for t in plan_of(read_study(study(folder, ""))).tasks}
    first, second = "soft_ions-Na-700K", "soft_ions-Na-1000K"
    assert tasks[first].key == own[first].key
    assert tasks[second].key != own[second].key
    assert tasks[first].key in tasks[second].inputs


def test_a_model_may_lie_in_a_file(folder: Path, results: Results) -> None:
    source = results.find(observable="soft_ions", run="700K")[0]
    (folder / "model.nc").write_bytes((results.folder / source.file).read_bytes())
    plan = plan_of(read_study(study(folder, ', trained_on = "model.nc"')))
    task = next(t for t in plan.tasks if t.label == "soft_ions-Na-700K")
    assert task.options["trained_on"] == str(folder / "model.nc")
    with pytest.raises(vh.Refusal, match="no such file"):
        plan_of(read_study(study(folder, ', trained_on = "nothing.nc"')))


@pytest.mark.parametrize("named", ['"glass"', "3", "['700K']"])
def test_a_run_that_is_not_there_is_refused(folder: Path, named: str) -> None:
    with pytest.raises(vh.Refusal, match=r"no run .*trained_on"):
        plan_of(read_study(study(folder, f", trained_on = {named}")))
    assert plan_of(read_study(study(folder, ', trained_on = "none"')))


def test_the_page_shows_them(results: Results) -> None:
    text = (results.folder / "report.html").read_text()
    for words in ("Softness of Na along c", "their mean order", "hops of soft ions"):
        assert words in text, words
