"""The parts of an active learning: what is explored, trust levels, picks, when it ends, what it begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from labels import labels

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.simulate import calculator, cp2k, learned, potential
from vanhove.simulate._learn import learn
from vanhove.simulate.contacts import bond_bounds, too_close
from vanhove.simulate.learn_explore import Condition, Explored, conditions_of
from vanhove.simulate.learn_pick import judge, pick, trust_levels
from vanhove.simulate.learn_result import end_of, table
from vanhove.simulate.learn_settings import explorations
from vanhove.simulate.learn_start import LARGEST, begin_of, rattle
from vanhove.simulate.point_frames import Frame, frames_of

CELL = 8.0


def explored(
    n: int, planned: int = 0, name: str = "melt", kelvin: float = 600.0, close: tuple[int, ...] = (), stopped: str = ""
) -> Any:
    """Frames of two atoms 3 Å apart, 0.5 Å in those that are named."""
    places = np.tile([[0.0, 0, 0], [3.0, 0, 0]], (n, 1, 1))
    for frame in close:
        places[frame, 1, 0] = 0.5
    cell = np.tile(np.eye(3) * CELL, (n, 1, 1))
    return Explored(Condition(name, kelvin, None), ("Li", "S"), places, cell, planned or n, 0.05, stopped)


# --- what is explored ------------------------------------------------------------------------------------------------


def test_the_published_rounds_come_along() -> None:
    """Table S2 of the supporting information: three glasses, each at three temperatures and one or two pressures."""
    found = explorations("lps")
    assert len(found.listed) == 11
    assert found.usual_rounds == 13
    assert [(one.temperatures, one.pressures) for one in found.listed] == [
        *[((500, 800, 1000), pressures) for pressures in ((0, 50), (10, 1000), (5000, 10000))],
        *[((900, 1200, 1500), pressures) for pressures in ((0, 50), (10, 1000), (5000, 10000), (0, 50))],
        *[((1400, 1600, 1800), pressures) for pressures in ((10, 1000), (5000, 10000))],
        *[((400, 800, 1200), pressures) for pressures in ((100,), (2000,))],
    ]
    assert {one.timestep for one in found.listed} == {0.5}
    longer = explorations({"base": "lps", "ps": 20})
    assert {one.ps for one in longer.listed} == {20}
    assert longer.of(11) == longer.of(12)
    assert len(conditions_of(["a", "b", "c"], found.of(1))) == 18


def test_a_table_is_for_all_rounds_and_a_list_for_one_each() -> None:
    one = explorations({"temperatures": 900, "ps": 1, "every": 0.1})
    assert one.usual_rounds == 5
    assert one.of(4).conditions == [(900, None)]
    assert one.of(4).frames == 10
    two = explorations([{"temperatures": [300]}, {"temperatures": [300, 900], "pressures": 0}])
    assert [two.of(n).conditions for n in (1, 2, 3)] == [[(300, None)], [(300, 0), (900, 0)], [(300, 0), (900, 0)]]
    names = [each.name for each in conditions_of(["Li2S"], explorations({"temperatures": 300, "pressures": 50}).of(1))]
    assert names == ["Li2S-300K-50bar"]
    stage = two.of(2).protocol(300, 0.0).production
    assert stage is not None
    assert stage.pressure == 0.0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"temperature": [300]}, "temperature: there is no such key.*'temperatures'"),
        ({"pressures": [0]}, "temperatures: it is missing"),
        ({"temperatures": []}, "temperatures"),
        ({"temperatures": [-3]}, "temperatures: it must be greater than 0"),
        ({"temperatures": [300, 300.0]}, "temperatures has one twice"),
        ({"temperatures": [300], "ps": 1, "every": 0.8}, "every must be at most half of ps"),
        ({"temperatures": [300], "coupling": "isotrop"}, "coupling"),
        ([{"temperatures": [300]}, {"temperatures": ["hot"]}], "explore 2"),
        ("lsp", "no rounds 'lsp'.*'lps'"),
        ({"base": "small"}, "no rounds 'small'"),
        ([], "not said"),
        (300, "not said"),
    ],
)
def test_what_can_not_be_explored_is_refused(asked: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        explorations(asked)


# --- trust levels and picks ------------------------------------------------------------------------------------------


def test_trust_levels_are_what_the_rule_says() -> None:
    forces = [np.full((10, 4, 3), 1 / np.sqrt(3)), np.full((5, 2, 3), 1 / np.sqrt(3))]  # each force is 1 eV/Å
    spread = np.linspace(0, 0.2, 101)
    assert trust_levels(None, spread, forces) == pytest.approx((0.19, 1.0))
    assert trust_levels(None, 10 * spread, forces) == pytest.approx((0.25, 1.0))
    wild = [*forces, np.full((2, 4, 3), 100.0)]
    assert trust_levels(None, spread, wild) == pytest.approx((0.19, 1.0)), "a few wild frames do not decide"
    assert trust_levels((0.1, 0.3), spread, forces) == (0.1, 0.3)


def test_a_frame_is_accurate_a_candidate_or_failed() -> None:
    deviation = np.array([0.05, 0.2, 0.2, 0.9, 0.1])
    found = judge(explored(5, planned=8, close=(2,)), deviation, trust_levels((0.1, 0.5), deviation, []))
    assert found.accurate.tolist() == [True, False, False, False, False]
    assert found.candidate.tolist() == [False, True, False, False, True]
    assert found.failed == 5  # one touches, one is beyond, three were never reached


def test_models_that_agree_and_lead_a_run_astray_are_not_believed() -> None:
    trust = trust_levels((0.1, 0.5), np.empty(0), [])
    found = judge(explored(10, planned=50, stopped="the cell blew up"), np.full(10, 0.02), trust)
    assert not found.accurate.any()
    assert found.candidate.all()
    assert found.failed == 40
    chosen, rescued = pick([found], 3)
    assert len(chosen) == 3
    assert not rescued


def test_picks_are_not_neighbours_and_of_all_conditions() -> None:
    trust = trust_levels((0.1, 0.5), np.empty(0), [])
    wave = 0.3 + 0.1 * np.sin(np.arange(60))
    judged = [
        judge(explored(60, name=name, kelvin=kelvin), wave + 1e-3 * kelvin / 900, trust)
        for name in ("glass", "melt")
        for kelvin in (300.0, 600.0, 900.0)
    ]
    judged.append(judge(explored(60, name="rare"), np.where(np.arange(60) == 30, 0.3, 0.0), trust))
    chosen, rescued = pick(judged, 25)
    assert not rescued
    assert len(chosen) == 25
    runs = [one.run for one in chosen]
    assert [runs.count(run) for run in range(7)] == [4, 4, 4, 4, 4, 4, 1]
    for run in range(6):
        frames = np.sort([one.frame for one in chosen if one.run == run])
        assert (np.diff(frames) >= 2).all()
        assert int(np.argmax(wave)) in frames
        assert np.ptp(frames) > 45, "spread over the run"
    everything, _ = pick(judged, 10_000)
    for run in range(6):
        frames = np.sort([one.frame for one in everything if one.run == run])
        assert (np.diff(frames) >= 2).all()
    assert pick(judged, 25)[0] == chosen


def test_where_all_failed_the_least_wrong_are_taken() -> None:
    trust = trust_levels((0.1, 0.5), np.empty(0), [])
    failing = judge(explored(20, close=(0,)), np.linspace(0.6, 3, 20), trust)
    chosen, rescued = pick([failing], 3)
    assert rescued
    assert [one.frame for one in chosen] == [1, 3, 5]
    known = judge(explored(20), np.full(20, 0.01), trust)
    assert pick([known], 3) == ([], False)


# --- when it ends ----------------------------------------------------------------------------------------------------


def told(number: int, accurate: int, **changed: Any) -> dict[str, Any]:
    run = {"frames": 100, "seen": 100, "accurate": accurate, "candidate": 95 - accurate, "failed": 5, "stopped": ""}
    return {
        "round": number, "runs": [run], "force": 0.2 / number, "force_error": 0.01, "force_new": 0.3 / number,
        "force_new_error": 0.02, "trust": [0.1, 0.8], "picked": [{}] * 10, "labelled": 9, "unlabelled": 1,
        "trained_on": 50 * number, **changed,
    }  # fmt: skip


def test_it_ends_after_two_rounds_in_a_row() -> None:
    rounds = [told(n, accurate) for n, accurate in enumerate((40, 92, 70, 91, 94), 1)]
    ends = [end_of(rounds[:n], 0.9, 1) for n in range(1, 6)]
    assert [end.converged for end in ends] == [False, False, False, False, True]
    assert ends[0].verdict.startswith("Not converged: 40.0 % of the frames of the only round were accurate, and 90 %")
    assert ends[4].verdict == (
        "Converged: 91.0 % and 94.0 % of the frames of rounds 4 and 5 were accurate. "
        "Forces of frames held out are 0.04 eV/Å off."
    )
    assert "only 5 of the 7 listed" in end_of(rounds, 0.9, 7).verdict


def test_the_rounds_are_a_result_that_draws_itself(tmp_path: Path) -> None:
    rounds = [told(1, 40, force_error=None), told(2, 90), told(3, 91, force_new=None, force_new_error=None)]
    result = table(rounds, {"seed": 1}, "three", verdict="said", converged=1)
    assert result.accurate.values.tolist() == [0.4, 0.9, 0.91]
    total = result.accurate + result.candidate + result.failed
    np.testing.assert_allclose(total, 1)
    assert np.isnan(result.force_new.values[2])
    assert {array.attrs["units"] for array in result.data_vars.values()} == {"1", "eV/Å"}
    vh.save(result, tmp_path / "x.nc")
    ax = vh.draw(vh.load(tmp_path / "x.nc"))
    ax.figure.canvas.draw()
    assert ax.get_ylabel() == "share of the frames (%)"
    assert ax.get_xlabel() == "round"


# --- what it begins with ---------------------------------------------------------------------------------------------


def test_structures_are_rattled_and_strained() -> None:
    (frame,) = frames_of({"Li2S": antifluorite()})
    made = rattle(frame, 30, seed=1)
    assert len(made) == 30
    np.testing.assert_array_equal(made[0].positions, frame.positions)
    limits, species = bond_bounds(["Li", "S"]), np.array(frame.species)
    for one in made:
        assert too_close(one.positions, one.cell, species, limits) is None
    volumes = [np.linalg.det(one.cell) / np.linalg.det(frame.cell) for one in made[1:]]
    assert 0.005 < np.std(volumes) < 0.08
    away = [one.positions - frame.positions @ np.linalg.inv(frame.cell) @ one.cell for one in made[1:]]
    sizes = [float(np.std(each)) for each in away]
    assert sizes[0] < 0.02
    assert sizes[-1] == pytest.approx(LARGEST, rel=0.4)
    again = rattle(frame, 30, seed=1)
    assert all(np.array_equal(one.positions, other.positions) for one, other in zip(made, again, strict=True))
    assert not np.array_equal(rattle(frame, 30, seed=2)[3].positions, made[3].positions)
    touching = Frame("x", 0, frame.species, frame.cell * 0.3, frame.positions * 0.3)
    with pytest.raises(Refusal, match="without coming too close"):
        rattle(touching, 5, seed=1)


def antifluorite() -> Atoms:
    """Li2S, twelve atoms."""
    s = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    li = np.array([[x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)])
    return Atoms("Li8S4", scaled_positions=np.concatenate([li, s]), cell=[5.69] * 3, pbc=True)


def test_runs_begin_with_a_frame_of_every_system() -> None:
    data = labels()
    begin = begin_of(data, None, calculator("lj"), 20, 1)
    assert begin.data is data
    assert list(begin.structures) == ["one", "two"]
    np.testing.assert_array_equal(begin.structures["two"].positions, data.systems[1].positions[0])
    several = begin_of(data, {"big": antifluorite(), "pair": [antifluorite(), antifluorite()]}, calculator("lj"), 20, 1)
    assert list(several.structures) == ["big", "pair-1", "pair-2"]
    made = begin_of({"Li2S": antifluorite()}, None, calculator("lj"), 7, 1)
    assert made.data is None
    assert made.frames == 7
    assert list(made.structures) == ["Li2S"]
    assert made.fingerprint != begin_of({"Li2S": antifluorite()}, None, calculator("lj"), 8, 1).fingerprint


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"start": []}, "nothing to begin with"),
        ({"start": None}, "nothing to begin with"),
        ({"start": "nowhere"}, "no such file"),
        ({"start": Atoms("Li")}, "periodic"),
        ({"structures": Atoms("LiP", positions=[[0, 0, 0], [2, 2, 2]], cell=[6] * 3, pbc=True)}, "has P.*none of the"),
        ({"structures": {"a/b": antifluorite()}}, "can't be called 'a/b'"),
        ({"labeller": potential("na2s-sis2")}, "labeller 'na2s-sis2' has no Li"),
        ({"labeller": "cp2k"}, "computes no labels"),
        ({"models": 1}, "models=1.*nobody to disagree"),
        ({"rounds": 0}, "rounds=0"),
        ({"per_round": 0}, "per_round=0"),
        ({"rattled": 2}, "rattled=2"),
        ({"converged": 1.0}, "converged=1.0"),
        ({"held_out": 0}, "held_out=0"),
        ({"trust": (0.4, 0.1)}, "trust=.*the lower first"),
        ({"trust": (0.4,)}, "trust="),
        ({"settings": "smal"}, "no settings 'smal'"),
        ({"explore": {"temperatures": [300], "presures": [0]}}, "presures: there is no such key"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_done(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"start": labels(), "explore": {"temperatures": [300]}, "labeller": cp2k("lps"), **changed}
    with pytest.raises(Refusal, match=said):
        learn(directory=tmp_path / "learn", **given)
    assert not (tmp_path / "learn").exists()


def test_a_folder_without_a_round_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no round that is whole"):
        learned(tmp_path)


def test_frames_of_different_atoms_under_one_name_are_refused() -> None:
    other = antifluorite()
    other.symbols[0] = "S"
    with pytest.raises(Refusal, match="Structures of different atoms are called 'x'"):
        begin_of({"x": [antifluorite(), other]}, None, calculator("lj"), 5, 1)
