"""Blocks: cut to the budget, mapped in order, added to the same bits; the drift of the frame of reference."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import add_blocks, cut, cut_atoms, cut_frames, drift, in_order
from vanhove.trajectory.budget import memory_budget, parse_size, thread_count


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 10**7), st.integers(0, 10**6), st.integers(1, 8))
def test_slices_cover_everything_once_and_fit(n: int, each: int, fixed: int, threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VANHOVE_MEMORY", "100MB")
        blocks = cut(n, each, fixed=fixed, threads=threads)
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(n))
    largest = max(block.stop - block.start for block in blocks)
    assert largest == 1 or threads * (fixed + largest * each) <= 100e6 * 1.01 + threads * each
    assert len(blocks) >= min(n, threads)


def test_frames_and_atoms_are_cut_within_a_view() -> None:
    traj = vh.from_arrays(np.zeros((40, 6, 3)), 5.0, ["Li"] * 2 + ["S"] * 4, np.arange(40.0), wrapped=False)
    view = traj[4:].select("S")
    assert cut_frames(view, 10)[-1].stop == 36
    assert cut_atoms(view, 10)[-1].stop == 4


def test_results_come_in_order_and_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_THREADS", "3")
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(40):
            taken.append(i)
            yield i

    def work(i: int) -> int:
        time.sleep(0.001 * (i % 5))
        return i * i

    for given_, result in enumerate(in_order(work, items())):
        assert result == given_**2
        assert len(taken) <= given_ + 5  # three at work, one waiting, one given
    assert len(taken) == 40


def test_a_fault_in_a_block_is_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_THREADS", "4")

    def work(block: slice) -> dict[str, np.ndarray]:
        if block.start >= 3:
            raise Refusal(f"bad {block.start}")
        return {"n": np.ones(1)}

    with pytest.raises(Refusal, match="bad 3"):
        add_blocks([slice(i, i + 1) for i in range(20)], work, "test")
    assert threading.active_count() < 10


def test_the_sum_has_the_same_bits_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).normal(size=(1000, 5))
    blocks = [slice(i, i + 10) for i in range(0, 1000, 10)]

    def work(block: slice) -> dict[str, np.ndarray]:
        time.sleep(0.0005 * (block.start % 30 == 0))
        return {"sum": numbers[block].sum(axis=0)}

    results = set()
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("VANHOVE_THREADS", threads)
        results.add(add_blocks(blocks, work, "test")["sum"].tobytes())
    assert len(results) == 1
    with pytest.raises(Refusal, match="nothing to add up"):
        add_blocks([], work, "test")


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 5e8), ("2 GB", 2e9), ("1.5GiB", 1.5e9), ("100k", 1e5), ("1e6", 1e6)]
)
def test_sizes(text: str, size: float) -> None:
    assert parse_size(text, "X") == int(size)


def test_the_budget_and_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_MEMORY", "lots")
    with pytest.raises(Refusal, match="VANHOVE_MEMORY is 'lots'"):
        memory_budget()
    monkeypatch.setenv("VANHOVE_MEMORY", "250MB")
    assert memory_budget() == 250_000_000
    monkeypatch.delenv("VANHOVE_MEMORY")
    assert memory_budget() > 10_000_000
    for bad in ("0", "two", "-1"):
        monkeypatch.setenv("VANHOVE_THREADS", bad)
        with pytest.raises(Refusal, match="VANHOVE_THREADS"):
            thread_count()


# drift


def moving() -> tuple[vh.Trajectory, np.ndarray]:
    rng = np.random.default_rng(8)
    path = np.cumsum(rng.normal(size=(50, 9, 3)), axis=0)
    return vh.from_arrays(path, 100.0, ["Li"] * 4 + ["P", "S", "S", "S", "S"], np.arange(50.0), wrapped=False), path


def test_the_cell_frame_weighs_by_mass_and_the_framework_does_not() -> None:
    traj, path = moving()
    masses = traj.masses
    np.testing.assert_allclose(drift(traj, "cell"), np.einsum("fai,a->fi", path, masses / masses.sum()))
    np.testing.assert_allclose(drift(traj, "framework", ["Li"]), path[:, 4:].mean(axis=1))
    assert drift(traj, None) is None


def test_a_selection_refers_to_its_whole_system() -> None:
    traj, path = moving()
    lithium = traj[10:].every(2).select("Li")
    masses = traj.masses
    np.testing.assert_allclose(drift(lithium, "cell"), np.einsum("fai,a->fi", path[10::2], masses / masses.sum()))
    np.testing.assert_allclose(drift(lithium, "framework", ["Li"]), path[10::2, 4:].mean(axis=1))
    heavy = lithium.with_isotopes({"Li": "7Li"})
    assert not np.allclose(drift(heavy, "cell"), drift(lithium, "cell"), rtol=1e-12)  # the masses changed


def test_drifts_that_have_no_meaning() -> None:
    traj, _ = moving()
    with pytest.raises(Refusal, match="no framework"):
        drift(traj, "framework", ["Li", "P", "S"])
    with pytest.raises(Refusal, match="drift='all'"):
        drift(traj, "all")  # type: ignore[arg-type]  # what a person may try
    one = vh.from_arrays(np.zeros((3, 1, 3)), 5.0, ["Li"], np.arange(3.0), wrapped=False)
    with pytest.raises(Refusal, match="single atom"):
        drift(one, "cell")
