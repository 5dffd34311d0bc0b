"""A mistake in a study is one message: which file, which key, what to write instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import vanhove as vh
from vanhove.study.schema import read_study

Write = Callable[..., Path]


def test_a_study_is_read(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    study = read_study(write_study())
    assert study.files[0].path == [str(tmp_path / "run.h5md")]
    assert study.files[0].name == "walk"
    assert list(study.observables) == ["dynamics.counted", "dynamics.doubled"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[analysis]", "[analisys]", ["analisys (line 7)", "Did you mean 'analysis'?"]),
        ('name = "walk"', 'nam = "walk"', ["entry 1 of files, nam (line 5)", "Did you mean 'name'?"]),
        ('path = "run.h5md"', 'pfad = "run.h5md"', ["entry 1 of files, pfad", "no such key", "path"]),
        ("counted =", "countd =", ["observables.countd (line 11)", "Did you mean 'counted'?"]),
        ("scale = 2.0", "scael = 2.0", ["observables.counted.scael (line 11)", "Did you mean 'scale'?"]),
        ("scale = 2.0", "traj = 2.0", ["observables.counted.traj", "has no such option"]),
        ("scale = 2.0", 'scale = "big"', ["observables.counted.scale", "'big' won't do", "must be a number"]),
        ("scale = 2.0", 'mode = "c"', ["observables.counted.mode", "must be 'a' or 'b'"]),
        ("scale = 2.0", "species = 3", ["must be a list of species"]),
        ("doubled = {}", "doubled = 3", ["observables.doubled (line 12)", "must be a table"]),
        ("doubled = {}", '"dynamics.counted" = {}', ["there already as 'counted'"]),
        ('mobile = ["Na"]', "mobile = 3", ["analysis.mobile", "3 won't do", "must be a list"]),
        ('mobile = ["Na"]', 'mobile = ["Xx"]', ["'Xx' is no element"]),
        ('mobile = ["Na"]', 'charges = { Na = "+1" }', ["analysis.charges.Na", "'+1' won't do", "must be a number"]),
        ('title = "Walkers"', "title = 3", ["title (line 1)", "must be a string"]),
        ('title = "Walkers"\n', "", ["title: it is missing"]),
        ('title = "Walkers"', 'title = "Walkers', ["not valid TOML", "line 1"]),
        ('title = "Walkers"', 'title = "a"\ntitle = "b"', ["not valid TOML", "line 2"]),
        ('[[files]]\npath = "run.h5md"\nname = "walk"\n', "", ["nothing to analyse", "[[files]]"]),
        ("counted = { scale = 2.0 }\ndoubled = {}\n", "", ["observables", "must not be empty"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named(write_study: Write, calls: Counter[str], old: str, new: str, said: list[str]) -> None:
    with pytest.raises(vh.Refusal) as refused:
        read_study(write_study("files", (old, new)))
    for part in ["study.toml", *said]:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("formula", "formla", ["material.formla (line 4)", "Did you mean 'formula'?"]),
        ("atoms = 48", "atoms = 48.5", ["material.atoms (line 5)", "48.5 won't do", "must be"]),
        ("atoms = 48", 'atoms = "48"', ["material.atoms", "must be a whole number"]),
        ("[1000, 1200]", "[1000, -1200]", ["entry 2 of simulate.temperatures", "-1200 won't do", "greater than 0"]),
        ("[1000, 1200]", "1000", ["simulate.temperatures", "must be a list"]),
        ("[1000, 1200]", "[]", ["simulate.temperatures", "must not be empty"]),
        ("[1000, 1200]", "[1000, 1000]", ["simulate.temperatures", "twice", "replicas"]),
        ("produce = 1", "produce = nan", ["simulate.produce", "must be a finite number"]),
        ("every = 0.1", "every = 2", ["simulate.every", "2 ps between frames"]),
        ("every = 0.1", "mix = { temperature = 900 }", ["simulate.mix", "below the 1000 K"]),
        ("every = 0.1", "mix = { temprature = 900 }", ["simulate.mix.temprature", "'temperature'"]),
        ("[material]", "[material2]", ["material2", "Did you mean 'material'?"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_simulation_is_named(
    write_study: Write, calls: Counter[str], old: str, new: str, said: list[str]
) -> None:
    with pytest.raises(vh.Refusal) as refused:
        read_study(write_study("simulated", (old, new)))
    for part in ["study.toml", *said]:
        assert part in str(refused.value)


def test_several_mistakes_are_one_message(write_study: Write, calls: Counter[str]) -> None:
    with pytest.raises(vh.Refusal, match=r"2 mistakes in .*materal.*produc ") as refused:
        read_study(write_study("simulated", ("[material]", "[materal]"), ("produce", "produc")))
    assert "Did you mean 'material'? (2)" in str(refused.value)
    assert "missing" not in str(refused.value)


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vh.Refusal, match="no such study"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(vh.Refusal, match="not a folder"):
        read_study(tmp_path)
    (tmp_path / "latin.toml").write_bytes("title = 'Å'".encode("latin-1"))
    with pytest.raises(vh.Refusal, match="UTF-8"):
        read_study(tmp_path / "latin.toml")


def test_none_is_written_as_a_word(write_study: Write, calls: Counter[str]) -> None:
    from vanhove.study.options import resolve

    study = read_study(write_study("files", ("scale = 2.0", 'mode = "none"')))
    assert resolve("dynamics.counted", study.observables["dynamics.counted"]) == {"scale": 1.0, "mode": None}


def test_files_without_a_name_are_called_by_their_file(write_study: Write, calls: Counter[str]) -> None:
    more = '[[files]]\npath = ["b/run.h5md", "run 2.h5md"]\n[[files]]\npath="a b.xyz"'
    names = [run.name for run in read_study(write_study("files", ('name = "walk"', more))).files]
    assert names == ["run-1", "run-2", "a-b"]
