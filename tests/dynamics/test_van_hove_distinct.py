"""The distinct Van Hove function against sums over all images by hand, and against g(r)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from walks import SPACING, brownian

import vanhove as vh
from vanhove.dynamics.distinct_frames import chunks, same_vectors

Floats = NDArray[np.float64]
SKEWED = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 7.0]])
KINDS = ["Li"] * 4 + ["S"] * 5


def by_hand(
    paths: Floats, cell: Floats, sides: tuple[list[int], list[int]], pairs: list[tuple[int, int]], edges: Floats,
    inside: NDArray[np.bool_] | None = None,
) -> Floats:  # fmt: skip
    """G_d with every image, the ion itself left out; about those that are ``inside`` (frame, atom) at the origin."""
    begun = np.ones(paths.shape[:2], bool) if inside is None else inside
    images = np.array(list(product(range(-6, 7), repeat=3))) @ cell
    counts = np.zeros(len(edges) - 1)
    for (f, g), i, j in product(pairs, *sides):
        if not begun[f, i]:
            continue
        step = paths[g, j] - paths[f, i]
        base = step if i == j else step - np.round(step @ np.linalg.inv(cell)) @ cell
        far = np.linalg.norm(base + images, axis=1)
        if i == j:  # its path is unwrapped: no image is where it has gone
            far = far[(images != 0).any(axis=1)]
        counts += np.histogram(far, edges)[0]
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    return np.asarray(counts / (sum(begun[f, i] for (f, _), i in product(pairs, sides[0])) * shells))


def walkers(seed: int, frames: int = 30) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 9, (len(KINDS), 3)) + brownian(rng, frames, len(KINDS), 0.4)


def trajectory(paths: Floats, cell: Floats = SKEWED, kinds: list[str] = KINDS) -> vh.Trajectory:
    return vh.from_arrays(paths, cell, kinds, SPACING * np.arange(len(paths)), wrapped=False)


@pytest.mark.parametrize("pair", ["Li-Li", "Li-S", "S-Li"])
@pytest.mark.parametrize("r_max", [2.5, 8.0])
def test_it_equals_the_sum_over_images(pair: str, r_max: float) -> None:
    """Within half the cell, and beyond, where ions meet their own images."""
    paths = walkers(1)
    sides = tuple([k for k, kind in enumerate(KINDS) if kind == name] for name in pair.split("-"))
    edges = 0.5 * np.arange(int(r_max / 0.5) + 1)
    for origins, stride in (("all", 1), (7, 7)):
        result = vh.dynamics.van_hove_distinct(
            trajectory(paths), pair, [0.0, 0.1, 2.0], r_max, 0.5, drift=None, origins=origins
        )
        for k, lag in enumerate((0, 1, 20)):
            pairs = [(f, f + lag) for f in range(0, 30 - lag, stride)]
            expected = by_hand(paths, SKEWED, (sides[0], sides[1]), pairs, edges)
            np.testing.assert_allclose(result.G_d[k], expected, rtol=1e-9, atol=1e-12)
            assert int(result.n_origins[k]) == len(pairs)


@pytest.mark.parametrize("r_max", [3.0, 9.0])
def test_at_time_zero_it_is_the_density_times_g(r_max: float) -> None:
    traj = trajectory(walkers(2))
    for pair in ("Li-Li", "Li-S"):
        g = vh.structure.rdf(traj, pair, r_max=r_max, width=0.25).g[0]
        result = vh.dynamics.van_hove_distinct(traj, pair, [0.0], r_max, 0.25, origins="all")
        others = 3 if pair == "Li-Li" else 5
        np.testing.assert_allclose(result.density, others / abs(np.linalg.det(SKEWED)), rtol=1e-12)
        np.testing.assert_allclose(result.G_d[0], float(result.density[0]) * g, rtol=1e-9, atol=1e-12)


def test_blocks_and_uneven_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = walkers(3, 200)
    at_once = vh.dynamics.van_hove_distinct(trajectory(paths), "Li-S", [0.1, 5.0], 5.0, 0.5, origins="all")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    monkeypatch.setenv("VANHOVE_THREADS", "8")
    again = vh.dynamics.van_hove_distinct(trajectory(paths), "Li-S", [0.1, 5.0], 5.0, 0.5, origins="all")
    np.testing.assert_allclose(again.G_d, at_once.G_d, rtol=1e-12)
    steps = np.unique(np.round(np.geomspace(1, 200, 40)).astype(int)) - 1
    traj = vh.from_arrays(paths[steps], SKEWED, KINDS, SPACING * steps, wrapped=False)
    result = vh.dynamics.van_hove_distinct(traj, "Li-S", "log", 5.0, 0.5, drift=None, origins="all")
    for k in range(0, result.sizes["lag"], 5):
        lag = round(float(result.lag[k]) / SPACING)
        pairs = [(int(f), int(f) + lag) for f in steps if f + lag in steps]
        expected = by_hand(paths, SKEWED, ([0, 1, 2, 3], [4, 5, 6, 7, 8]), pairs, 0.5 * np.arange(11))
        np.testing.assert_allclose(result.G_d[k], expected, rtol=1e-9, atol=1e-12)


def test_an_ideal_gas_has_the_density_everywhere_at_any_time() -> None:
    rng = np.random.default_rng(4)
    paths = rng.uniform(0, 20, (60, 3)) + brownian(rng, 300, 60, 0.5)
    traj = trajectory(paths, 20 * np.eye(3), ["Li"] * 30 + ["S"] * 30)
    for pair in ("Li-Li", "Li-S"):
        result = vh.dynamics.van_hove_distinct(traj, pair, [0.0, 1.0, 10.0], 9.0, 1.0, drift=None)
        off = (result.G_d / result.density - 1).isel(r=slice(4, None))
        assert float(np.abs(off).max()) < 0.12
        assert (result.G_d_error.isel(lag=slice(0, 2)) > 0).any()


def test_drift_is_taken_off() -> None:
    paths = walkers(5)
    moving = paths + 0.3 * np.arange(30)[:, None, None]
    for drift in ("cell", "framework"):
        still, moved = (
            vh.dynamics.van_hove_distinct(trajectory(one), "Li-S", [1.0], 5.0, 0.5, drift=drift)
            for one in (paths, moving)
        )
        np.testing.assert_allclose(moved.G_d, still.G_d, rtol=1e-9, atol=1e-12)
    lost = vh.dynamics.van_hove_distinct(trajectory(moving), "Li-S", [1.0], 5.0, 0.5, drift=None)
    assert float(np.abs(lost.G_d - still.G_d).max()) > 1e-3


@pytest.mark.parametrize("drift", ["cell", "framework", None])
def test_a_breathing_crystal_stays_where_it_is(drift: str | None) -> None:
    lengths = 8 * (1 + 0.02 * np.sin(np.arange(20)))
    cells = np.eye(3) * lengths[:, None, None]
    fractions = np.array(list(product((0.1, 0.6), repeat=3)))
    paths = fractions * lengths[:, None, None]
    traj = vh.from_arrays(paths, cells, ["Li", "S"] * 4, SPACING * np.arange(20), wrapped=True)
    result = vh.dynamics.van_hove_distinct(traj, "Li-S", [0.0, 0.5], 7.0, 0.02, drift=drift, origins="all")
    early = vh.dynamics.van_hove_distinct(traj[:15], "Li-S", [0.0], 7.0, 0.02, drift=drift, origins="all")
    np.testing.assert_allclose(result.G_d[1], early.G_d[0], rtol=1e-9, atol=1e-12)


def test_flipped_cells_are_the_same_vectors() -> None:
    tilt = np.linspace(0, 0.9, 10)
    cells = np.array([[[10.0, 0, 0], [10 * t, 10, 0], [0, 0, 10]] for t in tilt])
    flipped = cells.copy()
    flipped[5:, 1, 0] -= 10  # as LAMMPS does beyond half a box
    np.testing.assert_allclose(same_vectors(flipped), cells, atol=1e-12)
    np.testing.assert_array_equal(same_vectors(cells), cells)


def test_chunks_hold_every_pair_once() -> None:
    for first, second in ((np.arange(50), np.arange(50) + 7), (np.arange(50) ** 2, np.arange(50) ** 2 + 1)):
        parts = list(chunks(first, second, 12))
        assert [k for part in parts for k in range(part.start, part.stop)] == list(range(50))
    assert max(part.stop - part.start for part in chunks(np.arange(50), np.arange(50) + 7, 12)) == 12


def test_auto_takes_what_is_affordable(monkeypatch: pytest.MonkeyPatch) -> None:
    from vanhove.dynamics import _van_hove_distinct

    traj = trajectory(walkers(6))
    assert vh.dynamics.van_hove_distinct(traj, "Li-S", [0.1]).attrs["stride"] == 1
    monkeypatch.setattr(_van_hove_distinct, "AFFORDABLE", 100.0)
    result = vh.dynamics.van_hove_distinct(traj, "Li-S", [0.1], 3.0)
    assert result.attrs["stride"] > 1
    assert int(result.n_origins[0]) == -(-29 // result.attrs["stride"])
    once = vh.dynamics.van_hove_distinct(traj, "Li-S", [0.1], 3.0, origins="first")
    assert int(once.n_origins[0]) == 1
    assert np.isnan(once.G_d_error).all()
    vh.draw(once)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(pair="Li"), "is no pair"), (dict(pair="Li-Na"), "no 'Na'"), (dict(lags=[0.25]), "no lag of 0.25 ps"),
        (dict(origins="some"), "origins='some'"), (dict(origins=0), "origins=0"), (dict(r_max=0.0), "r_max=0"),
        (dict(drift="atoms"), "drift='atoms'"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(vh.Refusal, match=says):
        vh.dynamics.van_hove_distinct(trajectory(walkers(7)), **{"pair": "Li-S", **options})


def test_a_single_ion_makes_no_like_pair() -> None:
    traj = trajectory(walkers(8)[:, 3:], SKEWED, KINDS[3:])
    with pytest.raises(vh.Refusal, match="only one Li"):
        vh.dynamics.van_hove_distinct(traj, "Li-Li")


@pytest.mark.parametrize("pair", ["Li-Li", "Li-S"])
@pytest.mark.parametrize("r_max", [2.5, 8.0])
def test_around_ions_that_are_in_a_phase_at_the_origin(pair: str, r_max: float) -> None:
    paths, rng = walkers(2), np.random.default_rng(3)
    inside = rng.random((30, len(KINDS))) < 0.4
    inside[:, 0] = False
    sides = tuple([k for k, kind in enumerate(KINDS) if kind == name] for name in pair.split("-"))
    edges = 0.5 * np.arange(int(r_max / 0.5) + 1)
    always = np.tile(np.arange(len(KINDS)) % 2 == 0, (30, 1))
    for mask in (inside, always):
        result = vh.dynamics.van_hove_distinct(
            trajectory(paths), pair, [0.0, 0.1, 2.0], r_max, 0.5, drift=None, origins="all", phase=mask
        )
        for k, lag in enumerate((0, 1, 20)):
            pairs = [(f, f + lag) for f in range(30 - lag)]
            expected = by_hand(paths, SKEWED, (sides[0], sides[1]), pairs, edges, mask)
            np.testing.assert_allclose(result.G_d[k], expected, rtol=1e-9, atol=1e-12)
