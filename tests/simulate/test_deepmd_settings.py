from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate.deepmd_settings import Wall, load_settings, shipped


def test_those_of_the_publication_are_as_published() -> None:
    lps = load_settings("lps")
    net = lps.network
    assert (net.cutoff, net.embedding, net.fitting) == (6.5, (25, 50, 100), (240, 240, 240))
    first, second = lps.phases
    assert first.steps == second.steps == 6_000_000
    assert (first.rate, second.rate) == ((1e-3, 1e-9), (1e-5, 1e-8))
    assert (first.energy, first.force, first.virial) == ((0.02, 2), (1000, 1), (0.02, 0.2))
    assert (second.energy, second.force, second.virial) == ((1, 1), (1, 1), (1, 1))
    assert isinstance(first.wall, Wall)
    assert first.wall.outer == 0.9
    assert second.wall is None
    assert len(lps.rounds) == 11
    assert lps.rounds[0].temperatures == (500, 800, 1000)
    assert {pressure for one in lps.rounds for pressure in one.pressures} == {0, 10, 50, 100, 1000, 2000, 5000, 10000}


@pytest.mark.parametrize("name", shipped())
def test_all_that_are_shipped_can_be_told(name: str, tmp_path: Path) -> None:
    settings = load_settings(name)
    told = settings.describe()
    for word in (settings.title, "cutoff", "phase 1", "ZBL"):
        assert word in told
    assert load_settings(settings.to_dict()).to_dict() == settings.to_dict()


def test_a_table_changes_what_is_shipped() -> None:
    small = load_settings("small")
    changed = load_settings({"base": "small", "network": {"cutoff": 5.0}, "phases": {"steps": 7, "rate": 0.01}})
    assert changed.network == small.network.model_copy(update={"cutoff": 5.0})
    assert [phase.steps for phase in changed.phases] == [7] * len(small.phases)
    assert changed.phases[0].rate == (0.01, 0.01)
    assert changed.phases[0].force == small.phases[0].force
    assert "changed: network, phases" in changed.source
    assert load_settings(changed) is changed
    one = {"steps": 5, "rate": 1e-3, "decay_every": 5, "energy": 1, "force": 1, "virial": 0}
    assert load_settings({"base": "small", "phases": [one, one]}).steps == 10


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "small"\nframes = 2\n')
    assert load_settings(path).frames == load_settings(str(path)).frames == 2


def test_a_wall_may_be_found_by_the_closest_two_atoms() -> None:
    settings = load_settings({"base": "small", "phases": {"wall": "closest"}})
    wall = settings.settled(2.0).phases[0].wall
    assert wall == Wall(inner=1.2, outer=1.7)
    fixed = load_settings("lps")
    assert fixed.settled(2.0).phases == fixed.phases


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"base": "tiny"}, "no settings 'tiny'.*Known: lps, small"),
        ({"base": "small", "network": {"cutof": 5}}, "network.cutof: there is no such key.*'cutoff'"),
        ({"base": "small", "phases": {"setps": 5}}, "phases.1.setps: there is no such key.*'steps'"),
        ({"base": "small", "phases": {"steps": 0}}, "phases.1.steps: it must be greater than or equal to 1"),
        ({"base": "small", "network": {"smooth_from": 7}}, "network: smooth_from must be below cutoff"),
        ({"base": "small", "network": {"axis": 99}}, "axis can't be more"),
        ({"base": "small", "phases": {"wall": {"inner": 1, "outer": 0.5}}}, "inner must be below outer"),
        ({"base": "small", "report_every": 300}, "checkpoint_every must be a multiple of report_every"),
        ({"frames": 1}, "it is missing.*base"),
        ({"base": "small", "phases": []}, "phases: .*at least 1 item"),
    ],
)
def test_mistakes_are_said_in_words(table: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        load_settings(table)


def test_a_wall_can_go_and_not_come() -> None:
    one: dict[str, Any] = {"steps": 5, "rate": 1e-3, "decay_every": 5, "energy": 1, "force": 1, "virial": 0}
    load_settings({"base": "small", "phases": [{**one, "wall": {"inner": 0.5, "outer": 0.9}}, one]})
    with pytest.raises(Refusal, match="with a wall can't follow one without"):
        load_settings({"base": "small", "phases": [one, {**one, "wall": "closest"}]})


def test_what_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"no settings 'smal'.*Did you mean 'small'"):
        load_settings("smal")
    broken = tmp_path / "broken.toml"
    broken.write_text("frames = \n")
    with pytest.raises(Refusal, match="can't be read as TOML"):
        load_settings(broken)
