"""Profiles along an axis: planted slabs, sums in any cell that changes, counts by hand, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.elements import mass_of

SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])
LEFT_HANDED = np.array([[0, 0, 7.5], [0.5, 8.0, 0], [6.4, 1.0, 0.3]])


def gas(cells, species, seed):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-1, 2, (len(cells), len(species), 3)) @ cells
    return vh.from_arrays(positions, cells, species, 0.1 * np.arange(len(cells)), wrapped=False)


def breathing(cell, frames, seed):
    return cell * (1 + 0.05 * np.random.default_rng(seed).standard_normal((frames, 1, 1)))


@pytest.mark.parametrize("cell", [9.0 * np.eye(3), SKEWED, LEFT_HANDED], ids=["cube", "skewed", "left-handed"])
@pytest.mark.parametrize("axis", ["a", "b", "c"])
@pytest.mark.parametrize("width", [0.5, 3.3])
def test_they_integrate_to_the_atoms(cell, axis, width):
    traj = gas(breathing(cell, 7, 31), ["Li"] * 11 + ["S"] * 5, 32)
    result = vh.structure.profiles(traj, axis, width)
    total = (result.number.sum("position") * result.bin_volume).values
    np.testing.assert_allclose(total, [11, 5], rtol=1e-12)
    mass = 11 * mass_of("Li") + 5 * mass_of("S")
    assert float(result.density.mean()) == pytest.approx(mass * 1.66053906660 / traj.volumes.mean(), rel=1e-12)


def test_counts_by_hand():
    cells = breathing(SKEWED, 5, 33)
    traj = gas(cells, ["Li"] * 20 + ["S"] * 30, 34)
    result = vh.structure.profiles(traj, "b", 0.6)
    places = np.array([p @ np.linalg.inv(h) for p, h in zip(traj.positions, cells, strict=True)])[..., 1] % 1.0
    bins = result.sizes["position"]
    height = np.mean([np.linalg.det(h) / np.linalg.norm(np.cross(h[0], h[2])) for h in cells])
    assert bins == round(float(height) / 0.6)
    np.testing.assert_allclose(result.position, (np.arange(bins) + 0.5) * height / bins)
    for name, mine in (("Li", slice(0, 20)), ("S", slice(20, 50))):
        counts = np.array([np.histogram(p[mine], bins, (0, 1))[0] for p in places])
        one = result.sel(species=name)
        np.testing.assert_allclose(one.number, counts.mean(axis=0) / (traj.volumes.mean() / bins), rtol=1e-12)
    masses = np.array([np.histogram(p, bins, (0, 1), weights=traj.masses)[0] for p in places])
    np.testing.assert_allclose(result.density, masses.mean(axis=0) * 1.66053906660 / (traj.volumes.mean() / bins))


def test_a_planted_slab_in_a_tilted_cell():
    """Atoms between a fifth and half of the height, wherever the tilt puts them."""
    cell = np.array([[10.0, 0, 0], [0, 10.0, 0], [6.0, -4.0, 20.0]])
    rng = np.random.default_rng(35)
    positions = rng.uniform([0, 0, 0.2], [1, 1, 0.5], (4000, 3)) @ cell
    traj = vh.from_arrays(positions[None], cell, ["Na"] * 4000, [0.0], wrapped=False)
    result = vh.structure.profiles(traj, 2, 1.0)
    inside = (result.position > 4) & (result.position < 10)
    assert (result.number.values[0, ~inside] == 0).all()
    expected = 4000 / (10 * 10 * 20 * 0.3)
    np.testing.assert_allclose(result.number.values[0, inside], expected, rtol=0.15)


def test_planes_on_the_edges_of_slices_stay_together():
    z = np.arange(10) * 0.3
    positions = np.array([[x, y, h] for x in (0.1, 1.7) for y in (0.2, 2.9) for h in z])
    traj = vh.from_arrays(positions[None], 3.0 * np.eye(3), ["S"] * 40, [0.0], wrapped=False)
    result = vh.structure.profiles(traj, "c", 0.3)
    np.testing.assert_allclose(result.number * result.bin_volume, 4)


def test_errors_and_views():
    traj = gas(np.repeat(12.0 * np.eye(3)[None], 400, axis=0), ["Li"] * 50 + ["S"] * 50, 36)
    result = vh.structure.profiles(traj, "a", 2.0)
    expected = np.sqrt(50 / 6 * 5 / 6 / 400) / (12**3 / 6)  # binomial
    np.testing.assert_allclose(result.number_error, expected, rtol=0.9)
    assert np.mean(result.number_error) == pytest.approx(expected, rel=0.25)
    alone = vh.structure.profiles(traj.select("S"), "a", 2.0)
    np.testing.assert_array_equal(alone.number.sel(species="S"), result.number.sel(species="S"))
    heavier = vh.structure.profiles(traj.select("Li").with_isotopes({"Li": "6Li"}), "a", 2.0)
    assert heavier.species.values.tolist() == ["6Li"]
    assert np.isnan(vh.structure.profiles(traj[:1], "a", 2.0).number_error).all()


def test_blocks_within_a_small_budget_give_the_same(monkeypatch):
    traj = gas(breathing(12.0 * np.eye(3), 300, 37), ["Li"] * 100 + ["S"] * 100, 38)
    whole = vh.structure.profiles(traj, "c")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    part = vh.structure.profiles(traj, "c")
    np.testing.assert_array_equal(part.number, whole.number)
    np.testing.assert_allclose(part.density, whole.density, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(axis="z"), "axis of the cell"),
        (dict(axis=3), "axis=3"),
        (dict(axis="c", width=0.0), "width=0"),
        (dict(axis="c", width=float("nan")), "positive length"),
        (dict(axis="c", width=1e-6), "larger width"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.structure.profiles(gas(SKEWED[None], ["Li"] * 3, 39), **options)
