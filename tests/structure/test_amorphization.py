"""The amorphization profile: its definition on a real grid, flat in crystals, planted halves, periods, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from ceramics import PERIOD, antifluorite, ceramic
from scipy.special import ndtr

import vanhove as vh
from vanhove.structure.axis import heights
from vanhove.structure.period import period_along

TILTED = np.array([[13.0, 0, 0], [2.0, 12.0, 0], [5.0, -3.0, 18.0]])


def still(positions, cell, species="S"):
    return vh.from_arrays(positions[None], cell, [species] * len(positions), [0.0], wrapped=False)


def gas(cell, atoms, seed):
    return still(np.random.default_rng(seed).uniform(-1, 2, (atoms, 3)) @ cell, cell)


# the definition


def test_a_density_on_a_grid_cut_into_slabs_and_transformed():
    """The definition as it stands, in a right-angled cell: a three-dimensional grid, planes of it summed."""
    sides, sigma, slab, fine = np.array([11.0, 9.0, 16.0]), 0.5, 4.0, 0.1
    traj = gas(np.diag(sides), 60, 41)
    result = vh.structure.amorphization(traj, "c", slab=slab, sigma=sigma)
    points = [np.arange(round(side / fine)) * fine for side in sides]
    smeared = []
    for k in range(3):
        apart = points[k][:, None] - traj.positions[0][:, k]
        smeared.append(sum(np.exp(-((apart + n * sides[k]) ** 2) / (2 * sigma**2)) for n in range(-3, 4)))
    density = np.einsum("xa,ya,za->xyz", *smeared)
    expected = []
    for middle in result.position.values:
        away = np.abs((points[2] + fine / 2 - middle + sides[2] / 2) % sides[2] - sides[2] / 2)
        spectrum = np.abs(np.fft.fft2(density[:, :, away < slab / 2].sum(axis=2)))
        expected.append(spectrum.sum() - spectrum[0, 0])
    np.testing.assert_allclose(result.F, np.array(expected) / max(expected), rtol=0.02)  # steps of the grid's planes


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_sum_over_reciprocal_vectors(axis):
    """Atom by atom, vector by vector, in a tilted cell."""
    sigma, slab = 0.6, 3.7
    traj = gas(TILTED, 40, 42)
    result = vh.structure.amorphization(traj, axis, slab=slab, sigma=sigma)
    u, v = [k for k in range(3) if k != axis]
    places = traj.positions[0] @ np.linalg.inv(TILTED)
    height = float(heights(TILTED, axis))
    plane = TILTED[[u, v]]
    metric = np.linalg.inv(plane @ plane.T)
    numbers = np.stack(np.meshgrid(np.arange(-24, 25), np.arange(-24, 25), indexing="ij"), -1).reshape(-1, 2)
    numbers = numbers[(numbers != 0).any(axis=1)]
    damping = np.exp(-0.5 * sigma**2 * 4 * np.pi**2 * np.einsum("gi,ij,gj->g", numbers, metric, numbers))
    waves = np.exp(-2j * np.pi * numbers @ places[:, [u, v]].T)
    expected = []
    for middle in result.position.values:
        away = middle - places[:, axis] * height
        share = sum(
            ndtr((away + n * height + slab / 2) / sigma) - ndtr((away + n * height - slab / 2) / sigma)
            for n in range(-4, 5)
        )
        expected.append((np.abs(waves @ share) * damping).sum())
    np.testing.assert_allclose(result.F, np.array(expected) / max(expected), rtol=1e-4)


# crystals


@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_it_is_flat_in_a_crystal(tilt):
    positions, _ = antifluorite((3, 3, 5))
    straight = np.diag([3.0, 3, 5]) * PERIOD
    cell = straight + tilt * np.array([[0, 0, 0], [PERIOD, 0, 0], [2 * PERIOD, -PERIOD, 0]])
    result = vh.structure.amorphization(still(positions @ np.linalg.inv(straight) @ cell, cell), "c")
    assert float(result.slab) == pytest.approx(PERIOD, abs=0.03)
    assert "most like itself" in result.attrs["slab_from"]
    assert float(result.F.min()) > 0.985


def test_a_slab_of_another_width_is_not_flat():
    positions, _ = antifluorite((3, 3, 5))
    result = vh.structure.amorphization(still(positions, np.diag([3.0, 3, 5]) * PERIOD), "c", slab=0.8 * PERIOD)
    assert float(result.F.min()) < 0.9


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_crystal_half_random(axis):
    # F of atoms at random scatters by half of their number's relative scatter: 432 atoms in a slab make it 2 to 3 %
    cells = tuple(np.roll([6, 6, 12], axis - 2))
    made = ceramic(cells, core=(0.2, 0.7), graded=0.0, axis=axis, seed=43)
    result = vh.structure.amorphization(made.traj, axis)
    position, values = result.position.values, result.F.values
    slab = float(result.slab)
    assert slab == pytest.approx(PERIOD, abs=0.1)
    away = np.abs((position - made.interfaces.mean() + made.height / 2) % made.height - made.height / 2)
    half = (made.interfaces[1] - made.interfaces[0]) / 2
    crystal, glass = values[away < half - slab], values[away > half + slab]
    apart = glass.mean() - crystal.mean()
    assert apart > 10 * max(glass.std(), crystal.std()), "F tells the phases apart by more than ten times its scatter"
    low = np.flatnonzero(values < (glass.mean() + crystal.mean()) / 2)
    found = position[[low[0], low[-1]]]
    assert np.abs(found - made.interfaces).max() < slab
    assert float(result.F.max()) == 1.0


def test_squares_would_not_tell_them_apart():
    """What the definition warns of: by Parseval the sum of squares hardly differs."""
    made = ceramic((4, 4, 12), core=(0.25, 0.75), graded=0.0, seed=44)
    result = vh.structure.amorphization(made.traj, "c")
    glass, crystal = (result.F.values[k] for k in (np.r_[0:8, 40:48], np.r_[16:32]))
    assert glass.mean() / crystal.mean() > 1.8


def test_errors_frames_and_views(monkeypatch):
    made = ceramic((3, 3, 8), graded=0.0, frames=12, seed=45)
    whole = vh.structure.amorphization(made.traj, "c", slab=PERIOD)
    assert (whole.F_error > 0).all()
    assert float(whole.F_error.max()) < 0.02
    one = [vh.structure.amorphization(made.traj[k : k + 1], "c", slab=PERIOD) for k in (0, 5)]
    assert np.isnan(one[0].F_error).all()
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    np.testing.assert_allclose(vh.structure.amorphization(made.traj, "c", slab=PERIOD).F, whole.F, rtol=1e-12)
    anions = vh.structure.amorphization(made.traj.select("S"), "c", slab=PERIOD)
    assert not np.allclose(anions.F, whole.F, atol=1e-3)


def test_a_cell_that_breathes():
    """Slabs go with the cell: the same picture, a little larger, gives the same profile."""
    positions, species = antifluorite((3, 3, 6))
    scale = np.array([1.0, 1.02, 0.98, 1.01])[:, None, None]
    cell = np.diag([3.0, 3, 6]) * PERIOD
    traj = vh.from_arrays(positions * scale, cell * scale, species.tolist(), np.arange(4), wrapped=False)
    result = vh.structure.amorphization(traj, "c", slab=PERIOD)
    assert result.attrs["height"] == pytest.approx(6 * PERIOD * scale.mean())
    assert float(result.F.min()) > 0.95


# periods


def test_periods_of_crystals():
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    rng = np.random.default_rng(46)
    for a, repeat, expected in ((4.05, 6, 4.05), (5.64, 4, 5.64), (3.0, 8, 6.0)):  # a short one is found twice as long
        cubes = np.indices((repeat,) * 3).reshape(3, -1).T
        positions = (cubes[:, None] + fcc).reshape(-1, 3) * a + rng.normal(0, 0.1, (4 * repeat**3, 3))
        for axis in range(3):
            assert period_along(still(positions, repeat * a * np.eye(3)), axis) == pytest.approx(expected, abs=0.05)


def test_the_period_of_one_axis_is_not_that_of_another():
    basis = np.array([[0.1, 0.2, 0.3], [0.6, 0.1, 0.8], [0.3, 0.7, 0.55], [0.85, 0.5, 0.1]])
    sides, repeat = np.array([6.1, 8.1, 13.1]), np.array([6, 4, 3])
    cubes = np.indices(repeat).reshape(3, -1).T
    traj = still((cubes[:, None] + basis).reshape(-1, 3) * sides, np.diag(sides * repeat))
    for axis in range(3):
        assert period_along(traj, axis) == pytest.approx(sides[axis], abs=0.1)


def test_atoms_at_random_have_none():
    for seed in range(47, 57):
        traj = gas(np.diag([20.0, 22.0, 40.0]), 700, seed)
        assert np.isnan([period_along(traj, axis) for axis in range(3)]).all()
    result = vh.structure.amorphization(traj, "c")
    assert float(result.slab) == 5.0
    assert "no period was found" in result.attrs["slab_from"]


# refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(axis="x"), "axis of the cell"),
        (dict(axis="c", sigma=0.0), "sigma=0"),
        (dict(axis="c", slab=-2.0), "slab=-2"),
        (dict(axis="c", slab=18.5), "18 Å high"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.structure.amorphization(gas(TILTED, 10, 60), **options)
