"""Splits of labelled frames: by blocks of time with a gap, by systems; never neighbours, never the same frame twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import springs

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import Labelled, System
from vanhove.simulate.label_splits import correlation_gap


def data(*frames: int) -> Labelled:
    made = []
    for k, count in enumerate(frames):
        one = springs(count, ("Li", "S", "S"), seed=k, step=0.2)
        made.append(System(f"s{k}", one.species, one.cell, one.positions, one.energy, one.forces, one.virial))
    return Labelled.of(made)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=3), share=st.floats(0.02, 0.7),
    gap=st.none() | st.integers(1, 6), seed=st.integers(0, 99),
)  # fmt: skip
def test_by_time(counts: list[int], share: float, gap: int | None, seed: int) -> None:
    whole = data(*counts)
    if not any(round(share * count) and count >= 8 + round(share * count) + 2 * (gap or 6) for count in counts):
        return
    train, out = whole.split(share, gap=gap, seed=seed)
    assert train.names == whole.names
    for system in whole:
        kept = train.select(system.name).systems[0].frame_of
        if system.name not in out.names:
            assert kept.tolist() == list(range(system.frames))
            continue
        tested = out.select(system.name).systems[0].frame_of
        assert (np.diff(tested) == 1).all()
        assert len(tested) == round(share * system.frames)
        assert len(kept) >= 2
        nearest = np.abs(kept[:, None] - tested[None]).min()
        apart = gap or correlation_gap(system.energy)
        assert nearest == apart + 1
        lost = system.frames - len(kept) - len(tested)
        assert lost <= 2 * apart
    again, same = whole.split(share, gap=gap, seed=seed)
    assert (again, same) == (train, out)


def test_a_system_keeps_its_block_whatever_stands_beside_it() -> None:
    alone, beside = data(50, 40), data(50)
    assert alone.split(0.2)[1].select("s0") == beside.split(0.2)[1]
    blocks = {beside.split(0.2, seed=seed)[1].systems[0].frame_of[0] for seed in range(20)}
    assert len(blocks) > 8


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=6), share=st.floats(0.05, 0.9), seed=st.integers(0, 99))
def test_by_system(counts: list[int], share: float, seed: int) -> None:
    whole = data(*counts)
    train, out = whole.split(share, by="system", seed=seed)
    assert sorted(train.names + out.names) == sorted(whole.names)
    assert train.frames + out.frames == whole.frames
    assert abs(out.frames - share * whole.frames) <= max(counts)


def test_by_name() -> None:
    train, out = data(5, 4, 3).split(["s1"])
    assert (train.names, out.names) == (("s0", "s2"), ("s1",))
    with pytest.raises(Refusal, match="no system 's9'"):
        data(5).split(["s9"])
    with pytest.raises(Refusal, match="Every system is kept out"):
        data(5).split(["s0"])


def test_the_gap_follows_the_correlation() -> None:
    rng = np.random.default_rng(5)
    white = rng.normal(size=4000)
    slow = np.empty(4000)
    slow[0] = 0
    for k in range(1, 4000):  # τ = ½ (1 + a) / (1 - a) = 9.5 frames
        slow[k] = 0.9 * slow[k - 1] + white[k]
    assert correlation_gap(white) <= 2
    assert 15 <= correlation_gap(slow) <= 23
    assert correlation_gap(np.arange(50.0)) == 1
    assert correlation_gap(np.ones(50)) == 1
    assert correlation_gap(white[:3]) == 1


def test_frames_on_both_sides_are_said() -> None:
    (one,) = data(30)
    with pytest.warns(VanhoveWarning, match="of the frames kept out are trained on, too"):
        Labelled.of([one, replace(one, name="copy")]).split(0.5, by="system")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (dict(held_out=0.0), "held_out=0.0"), (dict(held_out=1.5), "held_out=1.5"),
        (dict(gap=0), "neighbouring frames"),
        (dict(by="frame"), "by='frame'"), (dict(held_out=0.001), "No system is long enough"),
        (dict(by="system"), "one system"),
        (dict(gap=40), "No system is long enough"), (dict(held_out=[]), "no labelled frames"),
    ],
)  # fmt: skip
def test_what_can_not_be_split_is_refused(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(Refusal, match=match):
        data(30).split(**arguments)
