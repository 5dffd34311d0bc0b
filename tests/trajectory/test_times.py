"""Which frames are evenly spaced, which part of them is, and which lags lie between them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from written import COLUMNS, NAMES, ORTHOGONAL, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.times import even_series, even_spacing, lags_between

Floats = NDArray[np.float64]


def at(times: object) -> vh.Trajectory:
    """One atom that is at x = its frame's time."""
    when = np.asarray(times, float)
    positions = np.stack([when, 0 * when, 0 * when], axis=1)[:, None]
    return vh.from_arrays(positions, 1e6, ["Li"], when, wrapped=False)


def longest(times: Floats) -> int:
    """Length of the longest evenly spaced series, by trying every pair of frames as its beginning."""
    known, best = set(times.tolist()), 1
    for first, second in combinations(sorted(known), 2):
        n, step = 2, second - first
        while first + n * step in known:
            n += 1
        best = max(best, n)
    return best


BURST = np.array([0, 1, 2, 4, 8, 16, 32, 64])
DECADES = np.concatenate([np.arange(10), np.arange(10, 100, 10), np.arange(100, 1001, 100)])


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 166, 1000, 2000, 3000], [0, 1000, 2000, 3000]),  # a minimisation that ended at step 166
        ([0, 1000, 2000, 2500, 3000, 4000], [0, 1000, 2000, 3000, 4000]),  # a restart file in between
        ([0, 1000, 2000, 3000, 3000.5, 4000.5, 5000.5], [0, 1000, 2000, 3000]),  # a second run that began elsewhere
        (np.delete(np.arange(101), 51), np.arange(0, 101, 2)),  # a frame lost: every second one lasts longest
        (DECADES, np.arange(0, 1001, 100)),
        ((BURST + 128 * np.arange(30)[:, None]).ravel(), 64 * np.arange(60)),  # the burst's last is half a block on
        ([5, 6, 8, 12, 20, 36], None),
    ],
    ids=["even", "minimisation", "restart", "elsewhere", "lost", "decades", "bursts", "doubling"],
)
def test_the_largest_even_part(times: object, taken: object) -> None:
    traj = at(times)
    if taken is None:
        with pytest.raises(Refusal, match="No 3 frames are evenly spaced") as caught:
            traj.uniform()
        assert "6 frames between 5 and 36 ps, neighbours 1 to 16 ps apart" in caught.value.where
        return
    part = traj.uniform()
    np.testing.assert_array_equal(part.times, taken)
    np.testing.assert_array_equal(part.positions[:, 0, 0], taken)  # frames of the file, none made up
    assert part.spacing == part.times[1] - part.times[0]
    told = part.history[-1]
    assert told["function"] == "trajectory.uniform"
    assert told["parameters"] == {"spacing": part.spacing, "taken": part.n_frames, "of": traj.n_frames}
    assert part.uniform().fingerprint == part.fingerprint


def test_a_spacing_can_be_named() -> None:
    traj = at((BURST + 128 * np.arange(30)[:, None]).ravel() * 0.002)
    assert traj.uniform(0.256).n_frames == 30
    assert traj.uniform(spacing=0.002).times.tolist() == [0.0, 0.002, 0.004]
    even = at(0.1 * np.arange(100))
    np.testing.assert_allclose(even.uniform(0.5).times, 0.5 * np.arange(20))
    with pytest.raises(Refusal, match=r"No 3 frames are 0.25 ps apart") as caught:
        even.uniform(0.25)
    assert "leave spacing out" in caught.value.do
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(Refusal, match="spacing="):
            even.uniform(bad)
    with pytest.raises(Refusal, match="2 frames are no series"):
        even[:2].uniform()


def test_it_is_a_view_of_a_view() -> None:
    traj = at([0, 1, 2, 2.5, 3, 4, 5, 6])
    assert traj[1:7].uniform().times.tolist() == [1, 2, 3, 4, 5]
    assert traj.uniform()[1:].every(2).times.tolist() == [1, 3, 5]
    assert traj.uniform().system is traj.system


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(0, 60), min_size=3, max_size=25))
def test_no_even_part_is_larger(whole: set[int]) -> None:
    times = np.array(sorted(whole), float)
    found = even_series(times, None)
    if longest(times) < 3:
        assert len(found) < 3
        return
    assert len(found) == longest(times)
    assert even_spacing(times[found]) is not None


def test_printed_times_are_even_within_their_rounding() -> None:
    times = np.round(np.arange(5000) / 3, 5)
    with_restart = np.insert(times, 2000, times[1999] + 0.1)
    assert at(times).evenly_spaced
    assert not at(with_restart).evenly_spaced
    np.testing.assert_array_equal(at(with_restart).uniform().times, times)
    assert not at([1.0]).evenly_spaced


def test_a_million_frames() -> None:
    even = 0.002 * np.arange(1_000_000)
    times = np.sort(np.append(even, [0.0005, 7.0007, 1000.0003]))
    np.testing.assert_array_equal(times[even_series(times, None)], even)
    np.testing.assert_array_equal(times[even_series(times, 0.01)], even[::5])


def test_the_refusal_says_where_and_names_the_way_out() -> None:
    with pytest.raises(Refusal, match="not evenly spaced") as caught:
        _ = at([0, 166, 1000, 2000, 3000]).spacing
    assert "frame 0 is at 0 ps and frame 1 at 166 ps, where 1000 ps is the rule" in caught.value.where
    assert "traj.uniform()" in caught.value.do


def test_lags_and_how_often_they_are() -> None:
    lags, counts = lags_between(np.array([0.0, 1.0, 2.0, 2.5]) + 1e-5 * np.array([0, 1, -1, 1]))  # rounded
    np.testing.assert_allclose(lags, [0.5, 1.0, 1.5, 2.0, 2.5], atol=2e-5)
    assert counts.tolist() == [1, 2, 1, 1, 1]


def test_a_dump_whose_minimisation_left_a_frame(tmp_path: Path) -> None:

    truth = walk(ORTHOGONAL, frames=6)
    path = put(tmp_path / "a.dump", dump_text(truth, COLUMNS["xu"], steps=[0, 166, 1000, 2000, 3000, 4000]))
    traj = vh.open(path, species=NAMES, timestep=0.001)
    np.testing.assert_allclose(traj.times, [0, 0.166, 1, 2, 3, 4])
    part = traj.uniform()
    np.testing.assert_allclose(part.times, np.arange(5.0))
    np.testing.assert_array_equal(part.positions, truth.unwrapped[[0, 2, 3, 4, 5]])
    part.save(tmp_path / "even.h5md")
    assert vh.open(tmp_path / "even.h5md").spacing == 1.0
