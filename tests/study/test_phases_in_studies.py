"""Studies by phase: a task, a row and a place on the page for each phase asked for; the labels are found once a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import vanhove as vh
from vanhove.cli import app
from vanhove.report import write
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.schema import read_study

HEIGHT, FRAMES, IONS = 60.0, 150, 120
STEPS = {"glass": 0.5, "crystal": 0.2}  # Å a frame and axis
TEMPERATURES = (700, 900)
STUDY = """
title = "A glass-ceramic"

[analysis]
mobile = ["Na"]
charges = { Na = 1, S = -2 }

[observables]
phases = { axis = "c", species = "S", slab = 5.0 }
phase_fraction = { species = "Na" }
msd = { species = "Na", phase = PHASE, drift = "none" }
diffusion = { jump_length = 1.0 }
non_gaussian = { species = "Na", lags = "log", phase = "glass", drift = "none" }
conductivity = { charges = { Na = 1, S = 0 }, reference = "none" }
arrhenius = { follow = "D" }
"""


def ceramic(temperature: int) -> vh.Trajectory:
    """S on a lattice in the middle of a cell and at random elsewhere, and Na that walks across the axis."""
    rng = np.random.default_rng(temperature)
    grid = (np.indices((4, 4, 12)).reshape(3, -1).T + 0.25) * 5.0
    crystal = np.abs(grid[:, 2] - HEIGHT / 2) < HEIGHT / 4
    host = np.where(crystal[:, None], grid, rng.uniform(0, 1, grid.shape) * [20, 20, HEIGHT / 2] - [0, 0, HEIGHT / 4])
    host = host + rng.normal(0, 0.1, (FRAMES, *host.shape))
    start = rng.uniform(0, 1, (IONS, 3)) * [20, 20, HEIGHT]
    quick = (np.abs(start[:, 2] - HEIGHT / 2) > HEIGHT / 4)[:, None]
    steps = np.where(quick, STEPS["glass"], STEPS["crystal"]) * (temperature / 900) ** 2 * np.array([1, 1, 0])
    ions = start + np.cumsum(rng.normal(size=(FRAMES, IONS, 3)) * steps, axis=0)
    return vh.from_arrays(
        np.concatenate([host, ions], axis=1), [20.0, 20.0, HEIGHT], ["S"] * len(grid) + ["Na"] * IONS,
        0.1 * np.arange(FRAMES), wrapped=False, temperature=temperature,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ceramic")
    for temperature in TEMPERATURES:
        ceramic(temperature).save(made / f"{temperature}.h5md")
    return made


def study(folder: Path, phase: str) -> Path:
    files = "".join(f'[[files]]\npath = "{temperature}.h5md"\n' for temperature in TEMPERATURES)
    path = folder / "study.toml"
    path.write_text(STUDY.replace("PHASE", phase) + files)
    return path


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    done = run(study(folder, '["glass", "crystal"]'), folder / "out")
    write(folder / "out")
    return done


def test_a_row_for_each_phase(results: Results) -> None:
    rows = results.rows("D", species="Na", run="900")
    assert [row["phase"] for row in rows] == ["glass", "crystal"]
    for row in rows:
        true = 2 * STEPS[row["phase"]] ** 2 / (6 * 0.1) * 1e-4
        assert row["verdict"] == "diffusive"
        assert abs(row["value"] - true) < 4 * row["error"]
    laws = results.rows("E_a", species="Na")
    assert [row["phase"] for row in laws] == ["glass", "crystal"]
    shares = results.rows("ion_share", species="Na", run="900")
    assert [row["phase"] for row in shares] == ["glass", "interface", "crystal"]
    assert sum(row["value"] for row in shares) == pytest.approx(1)
    assert results.rows("alpha2_peak", run="900")[0]["phase"] == "glass"
    assert results.rows("D", of="Na (glass)", run="900") == rows[:1]
    assert "D,Na,900.0,glass," in (results.folder / "summary.csv").read_text()


def test_the_labels_are_found_once_and_as_the_study_says(results: Results) -> None:
    assert len(results.find(observable="phases")) == len(TEMPERATURES)
    msd = results.load(results.find(observable="msd", of="Na (glass)")[0])
    assert msd.attrs["phase"] == "glass"
    assert '"species": ["S"]' in msd.attrs["history"]


def test_the_current_is_that_of_all_ions(results: Results) -> None:
    sigma = results.rows("sigma", species="Na", run="900")[0]
    assert sigma["phase"] == ""
    glass, crystal = (row["value"] for row in results.rows("D", species="Na", run="900"))
    own = results.load(results.find(observable="conductivity", run="900")[0])
    assert min(glass, crystal) < float(own.D.sel(species="Na")) < max(glass, crystal)


def test_the_page_tells_the_phases_apart(results: Results) -> None:
    text = (results.folder / "report.html").read_text()
    for words in ("Mean squared displacement of Na (glass)", "Mean squared displacement of Na (crystal)",
                  "D(Na (glass))", "D of Na (crystal)", "Share of the ions"):  # fmt: skip
        assert words in text, words


def test_one_phase_or_none(folder: Path) -> None:
    one = plan_of(read_study(study(folder, '"glass"')))
    assert {task.phase for task in one.tasks if task.function == "dynamics.msd"} == {"glass"}
    none = plan_of(read_study(study(folder, '"none"')))
    assert {task.phase for task in none.tasks if task.function == "dynamics.msd"} == {""}
    for said, words in (('"glas"', "must be 'glass', 'crystal' or 'interface'"), ('["glass", 3]', "3 won't do")):
        with pytest.raises(vh.Refusal, match=words):
            read_study(study(folder, said))


def test_on_the_command_line(folder: Path) -> None:
    out = folder / "msd.nc"
    asked = ["compute", "msd", str(folder / "900.h5md"), "--of", "Na", "--phase"]
    made = CliRunner().invoke(app, [*asked, "crystal", "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "Mean squared displacement of Na in the crystal" in made.output
    assert vh.load(out).attrs["phase"] == "crystal"
    refused = CliRunner().invoke(app, [*asked, "glas"])
    assert "It must be 'glass', 'crystal' or 'interface' or none" in str(refused.exception)
