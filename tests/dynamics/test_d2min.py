"""D²_min: affine motion gives nothing, closed forms, the definition ion by ion, measured grains, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.kernels.affine import nonaffine
from vanhove.structure.neighbours import neighbours_within

SKEWED = np.array([[9.0, 0, 0], [3.0, 8.5, 0], [-2.5, 3.2, 9.4]])
STRAIN = np.array([[1.04, 0.03, 0], [-0.02, 0.97, 0.05], [0.01, -0.04, 1.02]])


def fcc(repeat, a):
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return (cubes[:, None] + basis).reshape(-1, 3) * a


def trajectory(positions, cells, species, spacing=1.0, wrapped=False):
    return vh.from_arrays(positions, cells, species, spacing * np.arange(len(positions)), wrapped=wrapped)


# nothing


@pytest.mark.parametrize("cutoff", [4.0, 14.0], ids=["few", "images"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "unwrapped"])
def test_affine_motion_of_everything_is_nothing(cutoff, wrapped):
    """Strain, rotation and drift of a whole crystal and its cell, in steps; atoms cross the faces on the way."""
    places = np.random.default_rng(81).uniform(0, 1, (50, 3))
    cells = np.array([SKEWED @ np.linalg.matrix_power(STRAIN, k) for k in range(6)])
    positions = places @ cells + 0.9 * np.arange(6)[:, None, None]
    if wrapped:
        fractions = positions @ np.linalg.inv(cells)
        positions = (fractions - np.floor(fractions)) @ cells
    traj = trajectory(positions, cells, ["Li"] * 20 + ["S"] * 30, wrapped=wrapped)
    result = vh.dynamics.d2min(traj, "Li", cutoff)
    assert result.D2min.shape == (5, 20)
    assert float(result.D2min.max()) < 1e-20
    assert float(result.D_cum.max()) < 1e-9


def test_a_cell_that_is_named_anew_is_nothing():
    """The same lattice with other vectors, as where a simulation flips a strongly tilted cell."""
    places = np.random.default_rng(82).uniform(0, 1, (40, 3))
    tilt = np.array([0.40, 0.45, 0.50, 0.55, 0.60]) * 10
    cells = np.array([[[10.0, 0, 0], [t, 9, 0], [0, 0, 11]] for t in tilt])
    positions = places @ cells
    flipped = cells.copy()
    flipped[3:, 1, 0] -= 10.0
    fractions = positions @ np.linalg.inv(flipped)
    positions = (fractions - np.floor(fractions)) @ flipped
    result = vh.dynamics.d2min(trajectory(positions, flipped, ["Li"] * 40, wrapped=True), "Li", 4.5)
    assert float(result.D2min.max()) < 1e-20


# closed forms


def test_one_displaced_atom():
    a, moved = 4.0, np.array([0.31, -0.17, 0.23])
    positions = np.repeat(fcc(4, a)[None], 2, axis=0)
    positions[1, 0] += moved
    result = vh.dynamics.d2min(trajectory(positions, 4 * a, ["Li"] + ["S"] * 255), ["Li", "S"], 3.0)
    square = float(moved @ moved)
    assert float(result.D2min[0, 0]) == pytest.approx(square, rel=1e-12)  # its 12 neighbours lie all around
    shell = neighbours_within(positions[0], 4 * a * np.eye(3), np.array([0]), np.arange(256), 3.0).j
    np.testing.assert_allclose(result.D2min[0, shell], square / 12 * (1 - 3 / 12), rtol=1e-12)
    others = np.setdiff1d(np.arange(1, 256), shell)
    np.testing.assert_allclose(result.D2min[0, others], 0, atol=1e-25)
    assert (result.neighbours == 12).all()


def test_vibrations_add_up():
    """Independent vibration of variance s² along each axis, N neighbours: D² = 6 s² (1 - 3/N) + small change of J."""
    rng, s = np.random.default_rng(83), 0.01
    positions = fcc(5, 4.0) + rng.normal(0, s, (41, 500, 3))
    result = vh.dynamics.d2min(trajectory(positions, 20.0, ["S"] * 500), "S", 3.4)
    # of 3 N squares of 2 s² each, the ion's own motion is shared by all and 9 are fitted away
    expected = 6 * s**2 * (2 * 12 - 3) / 12
    assert float(result.D2min.mean()) == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(result.D_cum, np.sqrt(result.D2min).sum("frame"))
    assert float(result["mean"]) == pytest.approx(float(result.D2min.mean()))
    by_block = result.D2min.values.reshape(10, 4, 500).mean(axis=(1, 2))
    assert float(result.mean_error) == pytest.approx(by_block.std(ddof=1) / np.sqrt(10))
    assert float(result["median"]) == pytest.approx(np.median(result.D_cum))


def test_measured_grains(shared_data):
    """A published example in the plane: neighbours straight above and below that follow the grain open no third way."""
    before, after = (
        np.loadtxt(shared_data / "d2min" / name, delimiter=",", skiprows=1)[:, :2]
        for name in ("testInitialState.txt", "testFinalState.txt")
    )
    start, end = (np.column_stack([p[1:] - p[0], np.zeros(5)]) for p in (before, after))
    poles = np.array([[0, 0, 30.0], [0, 0, -30.0]])
    misfit, maps = np.empty(1), np.empty((1, 3, 3))
    nonaffine(np.array([0, 7]), np.concatenate([start, poles]), np.concatenate([end, poles]), misfit, maps)
    assert 7 * misfit[0] == pytest.approx(225.88325, abs=1e-5)
    assert 7 / 5 * misfit[0] == pytest.approx(45.17664957, abs=1e-6)
    np.testing.assert_allclose(maps[0, :2, :2], [[0.85612563, 0.16744188], [-0.12802889, 1.01981877]], atol=1e-8)
    positions = np.zeros((2, 8, 3))
    positions[:, :6, :2] = before, after
    positions[:, 6:] = positions[:, :1] + poles
    traj = trajectory(positions, 4000.0, ["Na"] + ["S"] * 7)
    assert 7 * float(vh.dynamics.d2min(traj, "Na", 60.0).D2min[0, 0]) == pytest.approx(225.88325, abs=1e-5)


# the definition


@pytest.mark.parametrize("cutoff", [3.6, 6.0])
@pytest.mark.parametrize("neighbours", [None, "S"])
def test_it_is_its_definition(cutoff, neighbours):
    rng = np.random.default_rng(84)
    cells = SKEWED * (1 + 0.02 * rng.standard_normal((9, 1, 1)))
    places = rng.uniform(0, 1, (30, 3)) + np.cumsum(rng.normal(0, 0.03, (9, 30, 3)), axis=0)
    positions = places @ cells
    traj = trajectory(positions, cells, ["Li"] * 10 + ["S"] * 20, spacing=0.5)
    result = vh.dynamics.d2min(traj, "Li", cutoff, step=1.0, neighbours=neighbours)
    around = np.arange(30) if neighbours is None else np.arange(10, 30)
    np.testing.assert_allclose(result.time, [0, 1, 2, 3])
    for k, f in enumerate(range(0, 8, 2)):
        pairs = neighbours_within(positions[f], cells[f], np.arange(10), around, cutoff)
        for ion in range(10):
            mine = pairs.i == ion
            start, j = pairs.vector[mine], pairs.j[mine]
            image = np.round((start - positions[f, j] + positions[f, ion]) @ np.linalg.inv(cells[f]))
            end = positions[f + 2, j] - positions[f + 2, ion] + image @ cells[f + 2]
            if len(j) < 4:
                assert np.isnan(result.D2min[k, ion])
                continue
            best = np.linalg.lstsq(start, end, rcond=None)[0]
            assert float(result.D2min[k, ion]) == pytest.approx(((end - start @ best) ** 2).sum() / len(j), rel=1e-9)


def test_a_selection_has_the_whole_system_around_it():
    rng = np.random.default_rng(85)
    positions = rng.uniform(0, 12, (60, 3)) + np.cumsum(rng.normal(0, 0.1, (5, 60, 3)), axis=0)
    traj = trajectory(positions, 12.0, ["S", "Li", "P"] * 20)
    whole = vh.dynamics.d2min(traj, "Li", 5.0)
    np.testing.assert_array_equal(vh.dynamics.d2min(traj.select("Li"), "Li", 5.0).D2min, whole.D2min)
    assert whole["index"].values.tolist() == list(range(1, 60, 3))
    some = vh.dynamics.d2min(traj.where(np.arange(60) < 30), ["Li", "P"], 5.0)
    assert some["index"].values.tolist() == [k for k in range(30) if k % 3]
    np.testing.assert_array_equal(some.D2min.values[:, ::2], whole.D2min.values[:, :10])


def test_too_few_and_flat_surroundings_are_counted():
    positions = np.array([
        [[5.0, 5, 5], [6, 5, 5], [5, 6, 5], [5, 5, 6]],  # three neighbours
        [[5.0, 5, 5], [6, 5, 5], [5, 6, 5], [5, 5, 6]],
    ])  # fmt: skip
    few = vh.dynamics.d2min(trajectory(positions, 30.0, ["Li"] + ["S"] * 3), "Li", 1.5)
    assert np.isnan(few.D2min).all()
    assert np.isnan(few.D_cum).all()
    assert few.undetermined.values.tolist() == [1]
    assert few.attrs["undetermined"] == 1
    sheet = np.stack([*(x.ravel() for x in np.meshgrid(np.arange(6.0), np.arange(6.0))), np.full(36, 3.3)], axis=1)
    flat = vh.dynamics.d2min(trajectory(np.stack([sheet, sheet + 0.1]), 30.0, ["Li"] * 36), "Li", 1.5)
    assert np.isnan(flat.D2min).all()


def test_uneven_frames_and_small_budgets(monkeypatch):
    rng = np.random.default_rng(86)
    positions = rng.uniform(0, 12, (60, 3)) + np.cumsum(rng.normal(0, 0.05, (41, 60, 3)), axis=0)
    species = ["Li"] * 30 + ["S"] * 30
    whole = vh.dynamics.d2min(trajectory(positions, 12.0, species), "Li", 5.0)
    extra = np.insert(positions, 7, positions[7] + 1.0, axis=0)  # a restart wrote a frame in between
    times = np.insert(np.arange(41.0), 7, 6.4)
    uneven = vh.from_arrays(extra, 12.0, species, times, wrapped=False)
    np.testing.assert_array_equal(vh.dynamics.d2min(uneven, "Li", 5.0).D2min, whole.D2min)
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    np.testing.assert_array_equal(vh.dynamics.d2min(trajectory(positions, 12.0, species), "Li", 5.0).D2min, whole.D2min)
    long = trajectory(np.zeros((9000, 60, 3)), 12.0, species)
    with pytest.raises(vh.Refusal, match="VANHOVE_MEMORY"):
        vh.dynamics.d2min(long, "Li", 5.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(species="Li", cutoff=0.0), "cutoff=0"),
        (dict(species="Li", cutoff=3.0, step=0.3), "frames are 0.2 ps apart.*step=0.2"),
        (dict(species="Li", cutoff=3.0, step=0.05), "step=0.2"),
        (dict(species="Li", cutoff=3.0, step=5.0), "the run lasts 0.8 ps"),
        (dict(species="Li", cutoff=3.0, step=-1.0), "step=-1"),
        (dict(species="Xe", cutoff=3.0, step=0.2), "There is no 'Xe'"),
    ],
)
def test_refusals(options, said):
    traj = trajectory(np.random.default_rng(87).uniform(0, 9, (5, 6, 3)), 9.0, ["Li"] * 6, spacing=0.2)
    with pytest.raises(vh.Refusal, match=said):
        vh.dynamics.d2min(traj, **options)
    with pytest.raises(vh.Refusal, match="One frame"):
        vh.dynamics.d2min(traj[:1], "Li", 3.0)
