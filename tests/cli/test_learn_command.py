"""``vanhove learn``: its file, what it would do, and one message where it can't."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from vanhove.simulate import Labelled, System, learn
from vanhove.study.learn_file import Learn, read_learning

if TYPE_CHECKING:
    from conftest import Command

TOML = """
[learn]
title = "Argon and krypton"
models = 3
rounds = 4
per_round = 12
trust = [0.05, 0.4]
start = { frames = "frames" }
labeller = { calculator = "lj", sigma = 3.4, epsilon = 0.01 }

[learn.explore]
temperatures = [100, 200]
pressures = [0, 1000]
ps = 2.0

[learn.structures.crystal]
structure = "crystal.extxyz"
supercell = [2, 1, 1]
"""


@pytest.fixture
def here(vanhove: Command) -> Path:
    """The folder that the command runs in, with frames, a structure and the file."""
    generator = np.random.default_rng(5)
    places = 4.0 * np.array(list(np.ndindex(2, 2, 2))) + generator.normal(0, 0.1, (6, 8, 3))
    cells = np.tile(np.eye(3) * 8.0, (6, 1, 1))
    system = System("gas", ("Ar", "Kr") * 4, cells, places, np.zeros(6), np.zeros((6, 8, 3)))
    Labelled.of([system]).save("frames")
    write("crystal.extxyz", Atoms("ArKr", positions=[[0, 0, 0], [2.5, 2.5, 2.5]], cell=[5.0] * 3, pbc=True))
    Path("learn.toml").write_text(TOML, encoding="utf-8")
    assert vanhove.left()
    return Path()


def test_the_file_says_what_the_function_takes(here: Path) -> None:
    title, given = read_learning(here / "learn.toml")
    assert title == "Argon and krypton"
    assert given["start"] == [Path.cwd() / "frames"]
    assert given["labeller"].options == {"sigma": 3.4, "epsilon": 0.01}
    assert len(given["structures"]["crystal"]) == 4
    assert given["trust"] == (0.05, 0.4)
    assert given["explore"] == {"temperatures": [100, 200], "pressures": [0, 1000], "ps": 2.0}
    import inspect

    taken = inspect.signature(learn).parameters
    assert set(given) <= set(taken)
    usual = {name: field.default for name, field in Learn.model_fields.items() if not field.is_required()}
    for name in set(usual) - {"title", "structures"}:
        assert taken[name].default == usual[name], name


@pytest.mark.usefixtures("here")
def test_a_dry_run_says_what_would_be_done(vanhove: Command) -> None:
    before = vanhove.left()
    said = vanhove.works("learn learn.toml --out learned --dry-run").out
    assert vanhove.left() == before
    for line in (
        "start     6 frames of Ar, Kr, labelled",
        "a round   4 runs of 2 ps at 100, 200 K at 0, 1000 bar, 160 frames",
        "rounds    at most 4",
        "labels    at most 12 a round, by lj",
        "training  3 models of 40000 steps, in each round",
        "nothing was written",
    ):
        assert line in said


def test_the_published_rounds_are_planned(here: Path, vanhove: Command) -> None:
    text = (here / "learn.toml").read_text()
    head, _, tail = text.partition("[learn.explore]")
    Path("lps.toml").write_text(head + 'explore = "lps"\n' + tail[tail.index("[learn.structures") :])
    said = vanhove.works("learn lps.toml --dry-run").out
    assert "round 11" in said
    assert "6 runs of 5 ps at 500, 800, 1000 K at 0, 50 bar, 600 frames" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("per_round", "per_rounds"), ["learn.per_rounds (line 6)", "Did you mean 'per_round'?"]),
        (("temperatures", "temperature"), ["temperature: there is no such key", "Did you mean 'temperatures'?"]),
        (("calculator =", "calclator ="), ["learn.labeller", "it says no kind", "Did you mean 'calculator'?"]),
        (('frames = "frames"', 'frames = "framse"'), ["There is no such file", "framse"]),
        (('{ frames = "frames" }', "{ }"), ["learn.start", "Give frames, or a structure"]),
        (('"crystal.extxyz"', '"crystal.cif"'), ["There is no such structure", "crystal.cif"]),
        (("models = 3", "models = 1"), ["learn.models", "greater than or equal to 2"]),
        (("[0.05, 0.4]", "[0.4, 0.05]"), ["trust=", "the lower first"]),
        (('calculator = "lj", sigma = 3.4, epsilon = 0.01', 'cp2k = "lps"'), ["has no Ar"]),
        (('calculator = "lj", sigma = 3.4, epsilon = 0.01', 'cp2k = "lps", cut = 3'), ["can't be made", "cut"]),
        (("[learn]", "[lern]"), ["lern (line 2)", "Did you mean 'learn'?"]),
        (("models = 3", "models = "), ["not valid TOML"]),
    ],
)
def test_mistakes_are_one_message(here: Path, vanhove: Command, change: tuple[str, str], words: list[str]) -> None:
    text = (here / "learn.toml").read_text()
    assert change[0] in text
    Path("wrong.toml").write_text(text.replace(*change, 1))
    vanhove.refuses("learn wrong.toml --out learned", *words)


def test_files_that_are_not_there(here: Path, vanhove: Command) -> None:
    vanhove.refuses("learn missing.toml", "There is no such file", "missing.toml")
    vanhove.refuses("learn frames", "can't be read as text")
    Path("other.toml").write_text("[validate]\n")
    vanhove.refuses("learn other.toml", "The file says nothing to learn")
    vanhove.refuses("learn learn.toml --out crystal.extxyz", "Where it is to go is a file")
    assert (here / "learn.toml").exists()


def test_what_is_missing_is_said_before_anything_is_computed(
    here: Path, vanhove: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from vanhove.simulate import deepmd_home

    monkeypatch.delenv("VANHOVE_DEEPMD", raising=False)
    monkeypatch.setattr(deepmd_home, "_version", lambda _: None)
    said = vanhove("learn learn.toml --out learned")
    assert said.code == 2
    assert "DeePMD is not installed here" in said.err
    assert not (here / "learned" / "start").exists()
    assert tmp_path.exists()
