"""The studies to begin with can be read, planned, and are what the repository shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import vanhove as vh
from vanhove.study import new, read_study
from vanhove.study.graph import plan_of
from vanhove.study.templates import templates

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
    with pytest.raises(vh.Refusal, match="Known: demo, empty, na2s-sis2"):
        new(tmp_path / "a", "li3ps4")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("folder", sorted(path.name for path in STUDIES.iterdir() if path.is_dir()))
def test_the_repository_shows_what_is_packaged(folder: str) -> None:
    assert (STUDIES / folder / "study.toml").read_text(encoding="utf-8") == templates()[folder]
