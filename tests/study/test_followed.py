"""Laws of other quantities than D and σ, followed by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.schema import read_study

TEMPERATURES = (700, 1000)
BARRIER = 0.15  # eV
STUDY = """
title = "Hops"

[observables]
jumps = {{ species = "Na" }}
cages = {{ species = "Na", centres = "Si", radius = {radius} }}
arrhenius = {{ follow = {follow} }}
"""


def hopping(temperature: int) -> vh.Trajectory:
    """60 Na that hop by 3 Å at a rate with a barrier, some 10 ps apart, in a box with 8 Si that rest."""
    generator = np.random.default_rng(temperature)
    chance = 0.05 * np.exp(-BARRIER / (8.617333e-5 * temperature))
    steps = generator.normal(0, 1, (600, 60, 3))
    steps *= 3 / np.linalg.norm(steps, axis=2, keepdims=True) * (generator.random((600, 60, 1)) < chance)
    free = generator.uniform(0, 14, (60, 3)) + steps.cumsum(axis=0) + generator.normal(0, 0.2, (600, 60, 3))
    grid = 7.0 * np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3)
    still = np.broadcast_to(grid, (600, 8, 3)) + generator.normal(0, 0.05, (600, 8, 3))
    return vh.from_arrays(
        np.concatenate([free, still], axis=1), 14.0, ["Na"] * 60 + ["Si"] * 8, 0.1 * np.arange(600), wrapped=False,
        temperature=temperature,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hops")
    for temperature in TEMPERATURES:
        hopping(temperature).save(made / f"{temperature}.h5md")
    return made


def study(folder: Path, follow: str, radius: str = "4.0") -> Path:
    files = "".join(f'[[files]]\npath = "{temperature}.h5md"\n' for temperature in TEMPERATURES)
    path = folder / "study.toml"
    path.write_text(STUDY.format(follow=follow, radius=radius) + files)
    return path


def computed(folder: Path, follow: str, radius: str = "4.0") -> Results:
    return run(study(folder, follow, radius), folder / "out")


def test_rates_and_times_have_the_barrier_of_the_hops(folder: Path) -> None:
    results = computed(folder, '["jump_rate", "residence_time"]')
    labels = [record.label for record in results.find(observable="arrhenius")]
    assert labels == ["arrhenius-jump_rate-Na", "arrhenius-residence_time-Na"]
    (rate,) = results.rows("E_a_jump_rate", species="Na")
    assert abs(rate["value"] - BARRIER) < 3 * rate["error"]
    (stay,) = results.rows("E_a_residence_time", species="Na")
    assert stay["value"] > 0, "a time falls with temperature, and its barrier is positive, too"
    (far,) = results.rows("residence_time_extrapolated", species="Na")
    assert far["unit"] == "ps"
    assert far["low"] < far["value"] < far["high"]


def test_several_values_a_run_can_not_be_followed(folder: Path) -> None:
    with pytest.raises(vh.Refusal, match=r"residence_time can't be followed.*2 values a run along radius"):
        computed(folder, '"residence_time"', "[3.5, 4.0]")


def test_what_can_be_followed_is_named(folder: Path) -> None:
    with pytest.raises(vh.Refusal, match=r"'MSD'.*must be a list of D, sigma"):
        read_study(study(folder, '["MSD"]'))


def test_an_option_that_is_needed_is_asked_for(folder: Path) -> None:
    path = study(folder, '["D"]')
    path.write_text(
        path.read_text().replace('cages = { species = "Na", centres = "Si", ', 'cages = { species = "Na", ')
    )
    with pytest.raises(vh.Refusal, match="'cages' needs centres"):
        plan_of(read_study(path))
