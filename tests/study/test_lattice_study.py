"""Lattice dynamics in a study: one structure for all runs that begin with it, forces by the study's own potential."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.report import write
from vanhove.study import read_study, run
from vanhove.study.graph import plan_of

STUDY = """
title = "Copper"

[material]
structure = { crystal = "cell.cif", supercell = [2, 2, 2] }
potential = { calculator = "emt" }

[simulate]
temperatures = [300, 600]
produce = 0.3
every = 0.01

[analysis]
mobile = ["Cu"]

[observables]
phonons = {}
modes = {}
compare_dos = {}
compare_displacements = { cut = 4.0 }
lattice.displacements = { of = "phonons", temperature = 100 }
instantaneous_modes = { frames = 1 }
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    from ase.build import bulk

    bulk("Cu", cubic=True).write(tmp_path / "cell.cif")
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


def test_what_the_structure_decides_is_computed_once(study: Path) -> None:
    plan = plan_of(read_study(study))
    made = {task.label: task for task in plan.tasks}
    assert {"phonons-start", "modes-start", "displacements-start", "compare_dos-300K", "compare_dos-600K"} <= set(made)
    assert sum(task.function == "lattice.phonons" for task in plan.tasks) == 1
    phonons = made["phonons-start"]
    assert phonons.options["calculator"] == {"form": "calculator", "factory": "ase.calculators.emt:EMT", "options": {}}
    assert [plan.by_key[key].label for key in phonons.inputs] == ["start"]
    assert [plan.by_key[key].label for key in made["compare_dos-600K"].inputs] == ["phonons-start", "vdos-600K"]


@pytest.mark.filterwarnings("ignore::vanhove.VanhoveWarning")  # the walk that stands for a run
def test_numbers_and_page(study: Path, engine: Counter[str]) -> None:
    results = run(study, study.parent / "out")
    assert engine == {"start": 1, "300K": 1, "600K": 1}
    from ase.calculators.emt import EMT

    (record,) = results.find(observable="lattice.phonons")
    found = results.load(record)
    crystal = vh.simulate.crystal(study.parent / "cell.cif", supercell=(2, 2, 2))
    direct = vh.lattice.phonons(crystal, EMT())  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(found.frequencies, direct.frequencies, atol=1e-3)
    (imaginary,) = results.rows("imaginary_modes")
    assert (imaginary["value"], imaginary["run"], imaginary["temperature"]) == (0.0, "start", None)
    assert [row["temperature"] for row in results.rows("u2_lattice", species="Cu")] == [300.0, 600.0]
    assert [row["temperature"] for row in results.rows("u2", species="Cu")] == [100.0]
    assert results.rows("dos_common", species="Cu", run="600K")
    assert results.rows("imaginary_share", species="", run="300K")
    page = write(results.folder).read_text()
    assert "How the lattice vibrates" in page
    assert "Further results" not in page
    assert "of the structure &#39;start&#39;, relaxed" in page


def test_a_room_is_said_with_a_name_that_two_have(study: Path) -> None:
    assert "lattice.displacements" in read_study(study).observables
    study.write_text(STUDY.replace("lattice.displacements", '"lattice.displacements"'))
    assert "lattice.displacements" in read_study(study).observables
    study.write_text(STUDY.replace("lattice.displacements", "lattice.displacement"))
    with pytest.raises(vh.Refusal, match=r"there is no such observable.*lattice\.displacements"):
        read_study(study)


def test_forces_that_nobody_gives_are_asked_for(tmp_path: Path) -> None:
    walk = vh.from_arrays(np.zeros((3, 1, 3)), 5.0, ["Cu"], [0.0, 1.0, 2.0], wrapped=False)
    walk.save(tmp_path / "run.h5md")
    text = 'title = "t"\n[[files]]\npath = "run.h5md"\n[observables]\nphonons = {}\n'
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(vh.Refusal, match=r"'phonons' needs forces.*calculator = .module:factory"):
        plan_of(read_study(tmp_path / "study.toml"))
    (tmp_path / "study.toml").write_text(text.replace("{}", '{ calculator = "ase.calculators.emt:EMT" }'))
    (task,) = plan_of(read_study(tmp_path / "study.toml")).tasks
    assert task.run == "run"
