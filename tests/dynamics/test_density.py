"""The density of ions: normalisation, planted channels and barriers, changing cells, and files that others read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io.cube import read_cube

import vanhove as vh
from vanhove.base.units import K_B_EV
from vanhove.dynamics.grid_files import BOHR

KELVIN = 800.0
SKEWED = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 1.5, 10.0]])


def trajectory(fractions: np.ndarray, cell: np.ndarray, *, drift: np.ndarray | None = None) -> vh.Trajectory:
    """Li at these fractions, (frame, ion, axis), unwrapped or not, beside four S that shake a little."""
    frames = len(fractions)
    rng = np.random.default_rng(1)
    cells = np.broadcast_to(cell, (frames, 3, 3)) if cell.ndim == 2 else cell
    still = np.array([[0.1, 0.1, 0.1], [0.6, 0.6, 0.1], [0.6, 0.1, 0.6], [0.1, 0.6, 0.6]])
    sulphur = still + 0.002 * rng.normal(size=(frames, 4, 3))
    sulphur += (still - sulphur).mean(axis=1, keepdims=True)  # their centre stands still
    everything = np.einsum("fai,fij->faj", np.concatenate([fractions, sulphur], axis=1), cells)
    if drift is not None:
        everything += drift[:, None]
    species = ["Li"] * fractions.shape[1] + ["S"] * 4
    given = cell if cell.ndim == 2 else cells
    return vh.from_arrays(everything, given, species, 0.1 * np.arange(frames), wrapped=False, temperature=KELVIN)


def channel(rng: np.random.Generator, frames: int, ions: int, axis: int, barrier: float, width: float) -> np.ndarray:
    """Fractions in a straight channel along ``axis``, with barrier/2 (1 - cos 2πs) along it, a Gaussian across."""
    s = np.linspace(0, 1, 20001)
    weight = np.exp(-barrier / (2 * K_B_EV * KELVIN) * (1 - np.cos(2 * np.pi * s)))
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    fractions = 0.5 + width * rng.normal(size=(frames, ions, 3))
    fractions[..., axis] = np.interp(rng.uniform(size=(frames, ions)), cumulative / cumulative[-1], s)
    return fractions


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_it_adds_up_to_the_number_of_ions(sigma: float) -> None:
    rng = np.random.default_rng(2)
    traj = trajectory(rng.uniform(-2, 3, (50, 7, 3)), SKEWED)
    result = vh.dynamics.density(traj, "Li", 0.4, sigma=sigma)
    assert result.P.dims == ("x", "y", "z")
    assert result.P.attrs["units"] == "1/Å³"
    assert float(result.P.sum()) * result.attrs["voxel_volume"] == pytest.approx(7, rel=1e-12)
    assert (result.P >= 0).all()
    lengths = np.linalg.norm(SKEWED, axis=1)
    for axis, length in zip("xyz", lengths, strict=True):
        assert length / result.sizes[axis] <= 0.4 + 1e-12
        assert float(result[axis][0]) == 0


def test_every_ion_is_in_its_voxel() -> None:
    """Against a plain loop: voxels are centred on k/n, and what lies beyond the last one belongs to the first."""
    rng = np.random.default_rng(3)
    fractions = rng.uniform(-1, 2, (20, 5, 3))
    fractions[0, 0], fractions[0, 1], fractions[0, 2] = 0.0, -1e-17, 1 - 1e-17
    result = vh.dynamics.density(trajectory(fractions, SKEWED), "Li", 1.0, drift=None)
    n = np.array(result.P.shape)
    expected = np.zeros(n)
    for point in fractions.reshape(-1, 3):
        place = np.rint(point * n).astype(int) % n
        expected[tuple(place)] += 1
    np.testing.assert_allclose(result.P, expected / (20 * result.attrs["voxel_volume"]), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("cell", [np.diag([8.0, 9.0, 10.0]), SKEWED], ids=["straight", "skewed"])
def test_a_planted_channel_percolates_along_its_axis_at_its_barrier(axis: int, cell: np.ndarray) -> None:
    rng = np.random.default_rng([4, axis])
    planted = 0.12
    result = vh.dynamics.density(trajectory(channel(rng, 2000, 40, axis, planted, 0.04), cell), "Li", 0.4)
    others = [k for k in range(3) if k != axis]
    assert np.isnan(result.percolation[others]).all()
    assert np.isnan(result.barrier[others]).all()
    assert (result.barrier_lower[others] > 0.3).all()
    assert np.isnan(result.barrier_lower[axis])
    barrier, error = float(result.barrier[axis]), float(result.barrier_error[axis])
    assert error < 0.01
    # of 20 to 25 voxels along the channel the highest and the lowest are averages over one, and chosen for it
    assert barrier == pytest.approx(planted, abs=3 * error + 0.02 * planted)
    assert float(result.bottleneck[axis, axis]) == pytest.approx(0.5, abs=0.08)
    assert float(result.percolation_bohr[axis]) == pytest.approx(float(result.percolation[axis]) * BOHR**3)
    highest = float(result.P.max())
    assert barrier == pytest.approx(-K_B_EV * KELVIN * np.log(float(result.percolation[axis]) / highest), rel=1e-9)
    assert f"along {'abc'[axis]}." in result.attrs["verdict"]
    assert float(result.free_energy.min()) == 0


def test_a_diagonal_channel_runs_along_both_its_axes() -> None:
    rng = np.random.default_rng(5)
    s = rng.uniform(size=(500, 40))
    fractions = np.stack([s, s, np.full_like(s, 0.5)], axis=-1) + 0.02 * rng.normal(size=(500, 40, 3))
    result = vh.dynamics.density(trajectory(fractions, np.diag([8.0, 8.0, 8.0])), "Li", 0.5)
    assert np.isfinite(result.percolation[:2]).all()
    assert np.isnan(result.percolation[2])


def test_cages_do_not_percolate_however_they_are_smoothed() -> None:
    rng = np.random.default_rng(6)
    fractions = rng.choice([0.25, 0.75], (1, 8, 3)) + 0.02 * rng.normal(size=(400, 8, 3))
    traj = trajectory(fractions, np.diag([10.0, 10, 10]))
    for sigma in (0.0, 0.3):
        result = vh.dynamics.density(traj, "Li", 0.25, sigma=sigma)
        assert np.isnan(result.percolation).all()
        assert result.attrs["verdict"].startswith("Nothing runs through")
        vh.draw(result).figure.canvas.draw()


def test_the_level_is_that_of_a_search_over_levels() -> None:
    """Against labelling the region above every level, three cells wide: does it reach its own image?"""
    from scipy.ndimage import label

    rng = np.random.default_rng(7)
    for _ in range(5):
        traj = trajectory(rng.uniform(size=(3, 200, 3)), np.diag([5.0, 6.0, 4.0]))
        result = vh.dynamics.density(traj, "Li", 1.0)
        P = result.P.values
        tiled = np.tile(P, (3, 3, 3))
        for axis in range(3):
            runs = []
            for level in np.unique(P[P > 0]):
                marks = label(tiled >= level)[0]
                whole = np.moveaxis(marks.reshape(3, P.shape[0], 3, P.shape[1], 3, P.shape[2]), (0, 2, 4), (0, 1, 2))
                step = [1, 1, 1]
                step[axis] = 2
                apart = [(0, 1)] * 3
                apart[axis] = (0, 2)
                middle = whole[(1, 1, 1)]
                images = np.moveaxis(whole, axis, 0)
                met = any(
                    ((middle > 0) & (middle == images[i, j, k])).any()
                    for i in (0, 2)
                    for j in range(3)
                    for k in range(3)
                )
                if met:
                    runs.append(level)
            expected = max(runs) if runs else np.nan
            np.testing.assert_allclose(float(result.percolation[axis]), expected, rtol=1e-12)


def test_smoothing_is_a_convolution() -> None:
    fractions = np.full((4, 1, 3), 0.5)
    result = vh.dynamics.density(trajectory(fractions, np.diag([12.0, 12, 12])), "Li", 0.3, drift=None, sigma=0.6)
    x = 12 * (result.x.values - 0.5)
    profile = result.P.values[:, 20, 20]
    inside = np.abs(x) < 4 * 0.6 - 1e-9
    expected = np.exp(-(x**2) / (2 * 0.6**2)) / (2 * np.pi * 0.6**2) ** 1.5
    np.testing.assert_allclose(profile[inside], expected[inside], rtol=2e-3)
    assert (profile[np.abs(x) > 4 * 0.6 + 1e-9] == 0).all()
    assert float(result.bottleneck_count.isnull().sum()) == 3


def test_a_drift_is_taken_off_and_a_breathing_cell_followed() -> None:
    rng = np.random.default_rng(8)
    fractions = channel(rng, 300, 10, 2, 0.05, 0.03)
    plain = vh.dynamics.density(trajectory(fractions, SKEWED), "Li", 0.5)
    away = np.cumsum(rng.normal(size=(300, 3)), axis=0)
    away -= away.mean(axis=0)
    drifting = vh.dynamics.density(trajectory(fractions, SKEWED, drift=away), "Li", 0.5)
    assert float(np.abs(drifting.P - plain.P).sum() / plain.P.sum()) < 0.01  # but for ions on the edges of voxels
    lost = vh.dynamics.density(trajectory(fractions, SKEWED, drift=away), "Li", 0.5, drift=None)
    assert float(np.abs(lost.P - plain.P).sum() / plain.P.sum()) > 0.5
    plain = vh.dynamics.density(trajectory(fractions, SKEWED), "Li", 0.51)
    breath = 1 + 0.03 * np.sin(np.arange(300) / 7)
    breathing = vh.dynamics.density(trajectory(fractions, SKEWED * breath[:, None, None]), "Li", 0.51)
    ratio = np.linalg.det(breathing["cell"].values) / np.linalg.det(SKEWED)
    np.testing.assert_allclose(breathing["cell"], SKEWED * breath.mean(), rtol=1e-12)
    assert breathing.P.shape == plain.P.shape
    assert float(np.abs(breathing.P * ratio - plain.P).sum() / plain.P.sum()) < 0.01


def test_without_a_temperature_there_is_a_level_and_no_barrier() -> None:
    rng = np.random.default_rng(9)
    traj = trajectory(channel(rng, 300, 10, 0, 0.0, 0.03), SKEWED)
    bare = vh.from_arrays(traj.positions, SKEWED, traj.species.tolist(), traj.times, wrapped=False)
    result = vh.dynamics.density(bare, "Li", 0.5)
    assert np.isfinite(result.percolation[0])
    assert np.isnan(result.barrier).all()
    assert np.isnan(result.free_energy).all()
    assert "Without a temperature" in result.attrs["verdict"]
    vh.draw(result).figure.canvas.draw()


def test_what_is_refused(tmp_path: Path) -> None:
    traj = trajectory(np.full((3, 2, 3), 0.5), SKEWED)
    for bad in (dict(spacing=0.0), dict(spacing=np.nan), dict(sigma=-0.1), dict(sigma=5.0), dict(drift="other")):
        with pytest.raises(vh.Refusal):
            vh.dynamics.density(traj, "Li", **bad)
    with pytest.raises(vh.Refusal, match="no framework"):
        vh.dynamics.density(traj, ["Li", "S"])
    with pytest.raises(vh.Refusal, match="memory"):
        vh.dynamics.density(traj, "Li", 1e-3)
    result = vh.dynamics.density(traj, "Li", 1.0)
    for name in ("x.xyz", "density"):
        with pytest.raises(vh.Refusal, match="no format"):
            vh.dynamics.write_density(result, tmp_path / name)
    with pytest.raises(vh.Refusal, match="no density"):
        vh.dynamics.write_density(vh.dynamics.msd(traj, "Li"), tmp_path / "x.cube")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["density", "free_energy"])
def test_a_cube_comes_back(tmp_path: Path, what: str) -> None:
    rng = np.random.default_rng(10)
    result = vh.dynamics.density(trajectory(channel(rng, 50, 20, 1, 0.05, 0.1), SKEWED), "Li", 0.7)
    path = tmp_path / "li.cube"
    vh.dynamics.write_density(result, path, what=what)
    with open(path, encoding="ascii") as file:
        found = read_cube(file)
    np.testing.assert_allclose(found["atoms"].cell.array, SKEWED, atol=1e-4)
    assert found["atoms"].get_chemical_formula() == "S4"
    np.testing.assert_allclose(found["atoms"].get_scaled_positions(), result["others"], atol=1e-4)
    np.testing.assert_allclose(found["origin"], 0, atol=1e-9)
    if what == "density":
        np.testing.assert_allclose(found["data"], result.P.values * BOHR**3, rtol=1e-5)
        volume = abs(np.linalg.det(SKEWED)) / BOHR**3
        assert found["data"].mean() * volume == pytest.approx(20, rel=1e-5)
    else:
        seen = np.isfinite(result.free_energy.values)
        np.testing.assert_allclose(found["data"][seen], result.free_energy.values[seen], rtol=1e-5, atol=1e-9)
        assert (found["data"][~seen] > 10).all()


def test_a_chgcar_comes_back(tmp_path: Path) -> None:
    from ase.calculators.vasp import VaspChargeDensity

    rng = np.random.default_rng(11)
    result = vh.dynamics.density(trajectory(channel(rng, 50, 20, 1, 0.05, 0.1), SKEWED), "Li", 0.7)
    for name in ("CHGCAR", "li.vasp"):
        path = tmp_path / name
        vh.dynamics.write_density(result, path)
        found = VaspChargeDensity(str(path))
        np.testing.assert_allclose(found.chg[0], result.P.values, rtol=1e-9)
        np.testing.assert_allclose(found.atoms[0].cell.array, SKEWED, rtol=1e-9)
        np.testing.assert_allclose(found.atoms[0].get_scaled_positions(), result["others"], atol=1e-9)
    lines = (tmp_path / "CHGCAR").read_text(encoding="ascii").splitlines()
    assert [int(n) for n in lines[13].split()] == list(result.P.shape)
    total = sum(float(x) for line in lines[14:] for x in line.split())
    assert total / result.P.size == pytest.approx(20, rel=1e-9)
    assert not list(tmp_path.glob(".*"))


def test_a_bound_is_none_where_a_flat_channel_was_hardly_seen() -> None:
    """A channel without a barrier, one voxel wide, with three visits expected in each voxel: some stay empty."""
    unseen = 0
    for number in range(40):
        rng = np.random.default_rng([12, number])
        fractions = np.full((60, 1, 3), 0.5)
        fractions[:, 0, 2] = rng.uniform(size=60)
        result = vh.dynamics.density(trajectory(fractions, np.diag([8.0, 8.0, 10.0])), "Li", 0.5, drift=None)
        unseen += np.isnan(float(result.barrier[2]))
        assert not float(result.barrier_lower[2]) > 0
    assert unseen > 10


def test_a_barrier_error_covers_what_was_planted() -> None:
    rng = np.random.default_rng(13)
    hits, runs = 0, 60
    for _ in range(runs):
        fractions = channel(rng, 400, 60, 1, 0.10, 0.02)
        result = vh.dynamics.density(trajectory(fractions, np.diag([4.0, 9.0, 4.0])), "Li", 0.9, drift=None)
        # along the channel in ten voxels: means of the planted weight over the first and the middle one
        s = (np.arange(2000) + 0.5) / 2000 * 0.1 - 0.05
        weight = [
            np.exp(-0.05 / (K_B_EV * KELVIN) * (1 - np.cos(2 * np.pi * (s + place)))).mean() for place in (0, 0.5)
        ]
        truth = -K_B_EV * KELVIN * np.log(weight[1] / weight[0])
        hits += abs(float(result.barrier[1]) - truth) < float(result.barrier_error[1])
    assert 0.5 < hits / runs < 0.85
