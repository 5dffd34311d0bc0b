"""Cages around moving centres: the rule frame by frame, planted chains, radii, returns, images, refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_residence import CELL, Floats, caged, chain

import vanhove as vh


def naive(traj: vh.Trajectory, radius: float, back: int) -> tuple[int, int]:
    """Jumps and steps of all ions by the rule, ion by ion and frame by frame, every image looked at."""
    images = np.array(list(product([-2, -1, 0, 1, 2], repeat=3)))
    positions, cells = traj.positions, traj.cells
    li, s = (np.flatnonzero(traj.species == name) for name in ("Li", "S"))
    jumps = steps = 0
    for ion in li:
        visits: list[list[int]] = []
        for f in range(traj.n_frames):
            apart = (positions[f, s] - positions[f, ion]) @ np.linalg.inv(cells[f])
            apart -= np.round(apart)
            distance = np.linalg.norm((apart[:, None] + images) @ cells[f], axis=2).min(axis=1)
            cage = int(np.argmin(distance))
            if distance[cage] >= radius or (visits and visits[-1][0] == cage):
                continue
            if len(visits) > 1 and visits[-2][0] == cage and f - visits[-1][1] <= back:
                visits.pop()
                continue
            visits.append([cage, f])
        if visits:
            jumps += len(visits) - 1
            steps += traj.n_frames - 1 - visits[0][1]
    return jumps, steps


@pytest.mark.parametrize("radius", [2.0, 3.5, 6.0])
@pytest.mark.parametrize("returns", [0.0, 1.0])
def test_it_is_the_rule_in_a_cell_that_changes(radius: float, returns: float) -> None:
    """Brownian ions among moving centres in a skewed cell that breathes; spheres overlap at 3.5 Å and beyond."""
    rng = np.random.default_rng(20261140)
    cells = CELL * (1 + 0.03 * np.sin(np.arange(300) / 20))[:, None, None]
    places = rng.uniform(0, 1, (12, 3)) + np.cumsum(rng.normal(0, 0.03, (300, 12, 3)), axis=0)
    labels = ["Li"] * 6 + ["S"] * 5 + ["P"]
    traj = vh.from_arrays(places @ cells, cells, labels, 0.2 * np.arange(300), wrapped=False)
    jumps, steps = naive(traj, radius, round(returns / 0.2))
    result = vh.dynamics.cages(traj, "Li", "S", radius, returns=returns)
    assert int(result.hops) == jumps > 10
    assert float(result.residence_time) == pytest.approx(0.2 * steps / jumps, rel=1e-12)
    assert result.sizes["hop"] == jumps


def test_planted_rates_are_found() -> None:
    rng = np.random.default_rng(20261141)
    places = chain(rng, 4000, 40, 0.01)
    result = vh.dynamics.cages(caged(places, rng), "Li", "S", [1.2, 1.5], returns=0.0)
    assert result.hops.values.tolist() == [int((np.diff(places, axis=0) != 0).sum())] * 2
    assert float(np.abs(result.residence_time - 50).max()) < 3 * float(result.residence_error.max())
    assert abs(float(result.rate[0]) - 0.02) < 3 * float(result.rate_error[0])
    assert float(result.outside.max()) == 0
    np.testing.assert_allclose(result.occupancy.sum("cage"), 40)
    shown = (result.wait > 0) & (result.survival[0] > 0.05)
    off = (result.survival[0] - 0.99 ** (result.wait / 0.5)) / result.survival_error[0]
    assert float(np.abs(off.where(shown)).max()) < 4


def test_the_residence_grows_as_the_radius_shrinks() -> None:
    """An ion in an open landscape: it comes over the middle more often than deep into the next cage."""
    rng = np.random.default_rng(20261142)
    path = np.cumsum(rng.normal(0, 0.25, (20000, 10, 3)), axis=0)
    grid = 7.0 * np.array(list(product([0, 1], repeat=3)))
    everything = np.concatenate([path, np.broadcast_to(grid, (20000, 8, 3))], axis=1)
    traj = vh.from_arrays(everything, 14.0, ["Li"] * 10 + ["S"] * 8, 0.1 * np.arange(20000), wrapped=False)
    result = vh.dynamics.cages(traj, "Li", "S", [2.5, 3.0, 3.5, 4.0])
    assert (np.diff(result.residence_time) < -3 * result.residence_error.values[1:]).all()
    assert (np.diff(result.outside) < 0).all()


def test_returns_within_the_set_time_do_not_count() -> None:
    positions = np.zeros((200, 3, 3))
    positions[:, 2, 0] = 6.0
    positions[100:108, 0, 0] = 6.0  # 8 frames in the other cage
    positions[150:, 0, 0] = 6.0
    traj = vh.from_arrays(positions, 30.0, ["Li", "S", "S"], 0.1 * np.arange(200), wrapped=False)
    for returns, hops, returned in [(0.0, 3, 0), (0.7, 3, 0), (0.8, 1, 1), (1.0, 1, 1)]:
        result = vh.dynamics.cages(traj, "Li", "S", 3.0, returns=returns)
        assert (int(result.hops), int(result.returned)) == (hops, returned)
    assert result.time.values.tolist() == pytest.approx([14.95])
    assert (result.left.values.tolist(), result.entered.values.tolist()) == ([1], [2])
    assert float(result.residence_time) == pytest.approx(19.9)


def test_an_ion_that_never_changes_gives_a_bound() -> None:
    traj = caged(np.zeros((50, 5), np.int64), np.random.default_rng(2))
    with pytest.warns(vh.VanhoveWarning, match="No ion changes"):
        result = vh.dynamics.cages(traj, "Li", "S", 1.5)
    assert np.isnan(result.residence_time)
    assert float(result.residence_least) == pytest.approx(5 * 24.5 / 2.9957, rel=1e-3)
    assert vh.draw(result) is not None


@pytest.mark.filterwarnings("ignore:No ion changes")
def test_centres_by_number_mask_and_bonds() -> None:
    """A PS4 and a free S: the free one is found by what it is not bonded to."""
    rng = np.random.default_rng(3)
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    frame = np.concatenate([[[6.0, 6, 6], [0, 6, 6]], [[0, 0, 0]], corners, [[7, 7, 7.0]]])
    labels = ["Li", "Li", "P", "S", "S", "S", "S", "S"]
    positions: Floats = frame + rng.normal(0, 0.01, (20, 8, 3))
    traj = vh.from_arrays(positions, 14.0, labels, 0.1 * np.arange(20), wrapped=False)
    free = vh.dynamics.cages(traj, "Li", "S", 3.0, free_of="P")
    assert free.cage.values.tolist() == [7]
    assert free.identical(vh.dynamics.cages(traj, "Li", [7], 3.0).assign_attrs(free.attrs))
    mask = np.arange(8) == 7
    assert vh.dynamics.cages(traj, "Li", mask, 3.0).cage.values.tolist() == [7]
    assert vh.dynamics.cages(traj, "Li", "S", 3.0).sizes["cage"] == 5
    assert vh.dynamics.cages(traj, "Li", 7.0, 3.0).cage.values.tolist() == [7]
    one = traj.select("Li")
    assert vh.dynamics.cages(one, "Li", "S", 3.0).sizes["cage"] == 5


def test_what_it_refuses() -> None:
    traj = caged(np.zeros((20, 3), np.int64), np.random.default_rng(4))
    for options, said in [
        (dict(centres="S", radius=-1.0), "radius"), (dict(centres="S", radius=[]), "radius"),
        (dict(centres="Li", radius=3.0), "ions and centres"), (dict(centres=[99], radius=3.0), "count from 0"),
        (dict(centres=[], radius=3.0), "no centre"), (dict(centres="Cl", radius=3.0), "no 'Cl'"),
        (dict(centres="S", radius=3.0, returns=-1.0), "returns"),
    ]:  # fmt: skip
        with pytest.raises(vh.Refusal, match=said):
            vh.dynamics.cages(traj, "Li", **options)
    times = np.append(0.5 * np.arange(19), 30.0)
    uneven = vh.from_arrays(traj.positions, CELL, traj.species, times, wrapped=False)
    with pytest.raises(vh.Refusal, match="uniform"):
        vh.dynamics.cages(uneven, "Li", "S", 3.0)
