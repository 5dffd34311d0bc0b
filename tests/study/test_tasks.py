"""A key changes when the result may, and not otherwise."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import vanhove as vh
import vanhove.dynamics
from vanhove.base.rooms import Entry
from vanhove.study.graph import Plan, plan_of
from vanhove.study.schema import read_study

Write = Callable[..., Path]
Change = tuple[str, str]


def plan(path: Path) -> Plan:
    return plan_of(read_study(path))


def keys(path: Path) -> dict[str, str]:
    return {task.label: task.key for task in plan(path).tasks}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {label for label in before.keys() | after.keys() if before.get(label) != after.get(label)}


def test_one_task_a_species_with_what_it_is_made_from_first(write_study: Write, calls: Counter[str]) -> None:
    tasks = plan(write_study()).tasks
    assert [task.label for task in tasks] == [
        "counted-Na-walk",
        "counted-Si-walk",
        "doubled-Na-walk",
        "doubled-Si-walk",
    ]
    assert tasks[2].inputs == (tasks[0].key,)
    assert tasks[0].options == {"scale": 2.0, "mode": "a", "species": "Na"}
    assert tasks[0].temperature == 900


def test_what_a_result_is_made_from_is_added(write_study: Write, calls: Counter[str]) -> None:
    tasks = plan(write_study("files", ("counted = { scale = 2.0 }\n", ""))).tasks
    assert [task.label for task in tasks] == [
        "counted-Na-walk",
        "counted-Si-walk",
        "doubled-Na-walk",
        "doubled-Si-walk",
    ]
    assert tasks[0].options["scale"] == 1.0


def test_keys_do_not_depend_on_how_the_same_is_written(write_study: Write, calls: Counter[str]) -> None:
    before = keys(write_study())
    assert keys(write_study()) == before
    assert keys(write_study("files", ("{ scale = 2.0 }", '{ mode = "a", scale = 2 }'))) == before
    swapped = keys(write_study("files", ("counted = { scale = 2.0 }\ndoubled = {}", "doubled={}\ncounted={scale=2.0}")))
    assert swapped == before


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        (("scale = 2.0", "scale = 3.0"), {"counted-Na-walk", "counted-Si-walk", "doubled-Na-walk", "doubled-Si-walk"}),
        (("doubled = {}", "doubled = { factor = 3 }"), {"doubled-Na-walk", "doubled-Si-walk"}),
        (("scale = 2.0", 'scale = 2.0, species = "Na"'), {"counted-Si-walk", "doubled-Si-walk"}),
        (('title = "Walkers"', 'title = "Others"'), set()),
    ],
)
def test_an_option_touches_what_it_decides(
    write_study: Write, calls: Counter[str], change: Change, touched: set[str]
) -> None:
    assert changed(keys(write_study()), keys(write_study("files", change))) == touched


def test_a_declared_version_touches_what_comes_after(
    write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(write_study())
    newer = Entry("_none", "newer", takes="dataset", version=2)
    monkeypatch.setitem(vanhove.dynamics.TABLE, "doubled", newer)
    assert changed(before, keys(write_study())) == {"doubled-Na-walk", "doubled-Si-walk"}


def test_a_file_is_known_by_its_content_not_its_name(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    before = keys(write_study())
    (tmp_path / "run.h5md").rename(tmp_path / "other.h5md")
    (tmp_path / "run.h5md").write_text("")  # the fixture makes it only where it is missing
    assert keys(write_study("files", ("run.h5md", "other.h5md"))) == before
    with (tmp_path / "other.h5md").open("ab") as file:
        file.write(b"\0")
    after = keys(write_study("files", ("run.h5md", "other.h5md")))
    assert len(changed(before, after)) == 4


def test_how_a_file_is_read_is_part_of_it(write_study: Write, calls: Counter[str]) -> None:
    warmer = keys(write_study("files", ('name = "walk"', 'name = "walk"\ntemperature = 800')))
    assert len(changed(keys(write_study()), warmer)) == 4


def test_simulations_come_first_and_share_a_glass(write_study: Write, calls: Counter[str]) -> None:
    found = plan(write_study("simulated"))
    labels = [task.label for task in found.tasks]
    assert labels[:3] == ["glass", "1000K", "1200K"]
    assert labels[3:] == ["counted-Na-1000K", "counted-S-1000K", "counted-Na-1200K", "counted-S-1200K"]
    glass, cold, hot = found.tasks[:3]
    assert cold.inputs == hot.inputs == (glass.key,)
    assert found.tasks[3].inputs == (cold.key,)
    assert [stage["name"] for stage in glass.options["protocol"]["stages"]] == ["minimise", "mix", "quench"]
    assert [stage["name"] for stage in cold.options["protocol"]["stages"]] == ["equilibrate", "produce"]
    assert [stage["name"] for stage in hot.options["protocol"]["stages"]] == ["heat", "equilibrate", "produce"]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (("temperatures = [1000, 1200]", "temperatures = [1000, 1100]"), {"glass", "1000K"}),
        (("produce = 1", "produce = 2"), {"glass"}),
        (("atoms = 48", "atoms = 54"), set()),
        (("atoms = 48", "atoms = 48\nseed = 2"), set()),
        (("atoms = 48", "atoms = 48\ncutoff = 9"), set()),
        (("produce = 1", "produce = 1\nranks = 1"), {"glass", "1000K", "1200K"}),
        (("counted = {", "counted = { scale = 3,"), {"glass", "1000K", "1200K"}),
    ],
)
def test_a_change_repeats_no_more_simulations_than_it_must(
    write_study: Write, calls: Counter[str], change: Change, kept: set[str]
) -> None:
    before, after = keys(write_study("simulated")), keys(write_study("simulated", change))
    simulations = {"glass", "1000K", "1200K"}
    assert {label for label in simulations if before[label] == after.get(label)} == kept


def test_replicas_have_glasses_of_their_own(write_study: Write, calls: Counter[str]) -> None:
    tasks = plan(write_study("simulated", ("produce = 1", "produce = 1\nreplicas = 2"))).tasks
    labels = [task.label for task in tasks[:6]]
    assert labels == ["glass-r1", "1000K-r1", "1200K-r1", "glass-r2", "1000K-r2", "1200K-r2"]
    assert len({task.key for task in tasks}) == len(tasks)
    assert plan(write_study("simulated")).tasks[0].key == tasks[0].key  # more replicas keep the one that is there


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("atoms = 48", "atoms = 47"), "no whole number of formula units"),
        (('potential = "na2s-sis2"', 'potential = "na2s-sis"'), "Did you mean 'na2s-sis2'"),
        (('formula = "Na2SiS3"', 'formula = "Li2SiS3"'), "has no Li"),
        (('["Na", "S"]', '["Na", "P"]'), "no 'P' in run '1000K'"),
        (("[observables]", '[analysis]\nmobile = ["Li"]\n[observables]'), "No run has 'Li'"),
    ],
)
def test_what_the_runs_cannot_give_is_refused(
    write_study: Write, calls: Counter[str], change: Change, said: str
) -> None:
    with pytest.raises(vh.Refusal, match=said):
        plan(write_study("simulated", change))


def test_a_file_that_can_not_be_read_is_refused(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    path = write_study()
    os.truncate(tmp_path / "run.h5md", 100)
    with pytest.raises(vh.Refusal):
        plan(path)
    (tmp_path / "run.h5md").unlink()
    with pytest.raises(vh.Refusal, match="no such file"):
        plan(path)


def test_a_trajectory_is_analysed_once(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    twice = ('name = "walk"', 'name = "walk"\n[[files]]\npath = "run.h5md"\nname = "again"')
    with pytest.raises(vh.Refusal, match="'walk' and 'again'"):
        plan(write_study("files", twice))
    species = ("scale = 2.0", 'species = ["Na", "Na"]')
    assert [task.label for task in plan(write_study("files", species)).tasks] == ["counted-Na-walk", "doubled-Na-walk"]


def test_a_simulation_and_a_file_have_names_of_their_own(write_study: Write, calls: Counter[str]) -> None:
    file = ("[observables]", '[[files]]\npath = "run.h5md"\nname = "1000K"\n[observables]')
    with pytest.raises(vh.Refusal, match="Two runs are named '1000K'"):
        plan(write_study("simulated", file))
