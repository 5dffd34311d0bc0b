"""Bottlenecks: areas and distributions as planted, windows found, widening at jumps, skewed and changing cells."""

from __future__ import annotations

import numpy as np
import pytest
from planted_units import noise
from scipy.stats import kstest, norm

import vanhove as vh
from vanhove.dynamics.windows import areas

A = 6.0
FLAT = np.sqrt(3) * 3 / 4  # area of an equilateral triangle whose corners are 1 from its middle
CORNERS = np.stack([np.zeros(3), *(f(2 * np.pi * np.arange(3) / 3) for f in (np.cos, np.sin))], -1)
SKEWED = np.array([[18.0, 0, 0], [7.0, 18.0, 0], [-6.0, 8.0, 18.0]])


def world(seed, *, widen=0.0, differ=0.0, prefer=0.0, frames=2000, n=3, cell=SKEWED):
    """Ions that jump along x through triangles of S, which breathe; each has a size of its own."""
    rng = np.random.default_rng(seed)
    middles = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3) / n @ cell
    number = len(middles)
    index = np.arange(number).reshape(n, n, n)
    own = 2.0 + differ * rng.normal(size=number)
    size = own + 0.1 * noise(rng, frames, number)
    ions = np.empty((frames, number, 3))
    passages = []
    for i, (x, y, z) in enumerate(np.ndindex(n, n, n)):
        frame, place = 0, 0
        while frame < frames:
            ahead, behind = index[(x + place) % n, y, z], index[(x + place - 1) % n, y, z]
            hurry = np.exp(prefer * (own[[ahead, behind]] - 2.0))
            stay = 20 + int(rng.exponential(300 / hurry.sum()))
            ions[frame : frame + stay, i] = middles[i] + [place * A, 0, 0]
            frame += stay
            if frame < frames:
                forward = rng.random() < hurry[0] / hurry.sum()
                passages.append((i, frame, ahead if forward else behind))
                size[max(frame - 3, 0) : frame + 3, passages[-1][2]] += widen
                place += 1 if forward else -1
    corners = middles[:, None] + [A / 2, 0, 0] + size[..., None, None] * CORNERS
    ions += rng.normal(0, 0.08, ions.shape)
    positions = np.concatenate([corners.reshape(frames, -1, 3), ions], axis=1)
    species = ["S"] * (3 * number) + ["Li"] * number
    traj = vh.from_arrays(positions, cell, species, 0.05 * np.arange(frames), wrapped=False, temperature=600)
    return traj, FLAT * size**2, passages


def listed(number=27):
    return np.arange(3 * number).reshape(-1, 3).tolist()


def test_areas_of_polygons():
    rng = np.random.default_rng(1)
    square = np.array([[0.0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]])
    assert areas(square) == pytest.approx(6.0)
    assert areas(np.roll(square, 1, axis=0)[::-1]) == pytest.approx(6.0)
    triangle = rng.normal(size=(20, 3, 3))
    sides = np.linalg.norm(triangle - np.roll(triangle, 1, axis=1), axis=-1)
    s = sides.sum(axis=1) / 2
    heron = np.sqrt(s * (s - sides[:, 0]) * (s - sides[:, 1]) * (s - sides[:, 2]))
    np.testing.assert_allclose(areas(triangle), heron)
    hexagon = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3), np.zeros(6)], -1)
    assert areas(hexagon) == pytest.approx(1.5 * np.sqrt(3))


def test_a_breathing_triangle_has_the_planted_distribution():
    traj, planted, _ = world(2)
    result = vh.dynamics.bottleneck(traj, listed())
    np.testing.assert_allclose(result.area_of, planted.T, atol=1e-9)
    assert float(result["mean"]) == pytest.approx(planted.mean())
    assert float(result.spread) == pytest.approx(planted.std(), rel=1e-9)
    width = float(result.area[1] - result.area[0])
    assert float(result.distribution.sum()) * width == pytest.approx(1.0)
    edges = np.append(result.area - width / 2, result.area[-1] + width / 2)
    expected = np.diff(norm.cdf(np.sqrt(np.maximum(edges, 0) / FLAT), 2.0, 0.1)) / width  # ions' jumps widen nothing
    seen = expected * width > 0.005
    off = (result.distribution.values - expected)[seen] / result.distribution_error.values[seen]
    assert np.abs(off).max() < 4.5
    assert float(result["mean"]) == pytest.approx(FLAT * 4.01, abs=4 * float(result.mean_error))
    assert np.isnan(result.p_value)
    assert "areas alone" in result.attrs["verdict"]


def test_windows_are_found_and_are_those_passed():
    traj, planted, passages = world(3, differ=0.05)
    result = vh.dynamics.bottleneck(traj, "S", ion="Li")
    assert sorted(result.atoms.values.tolist()) == listed()
    np.testing.assert_allclose(result.area_of, planted.T, atol=1e-9)
    assert result.attrs["crossings"] == result.attrs["jumps"]
    assert result.attrs["jumps"] > 0.9 * len(passages)  # quick returns are taken out


@pytest.mark.parametrize("windows", ["S", "listed"])
def test_widening_at_jumps_is_found(windows):
    traj, planted, passages = world(4, widen=0.2, differ=0.1, prefer=2.0)
    result = vh.dynamics.bottleneck(traj, listed() if windows == "listed" else windows, ion="Li")
    at = np.mean([planted[frame, window] for _, frame, window in passages if 20 < frame < 1980])
    same = np.mean([planted[:, window].mean() for _, frame, window in passages if 20 < frame < 1980])
    assert float(result.p_value) < 0.01
    assert float(result.widening) == pytest.approx(at - same, abs=4 * float(result.widening_error) + 0.03)
    assert "wider" in result.attrs["verdict"]
    width = float(result.area[1] - result.area[0])
    assert float((result.at_jumps * result.area).sum()) * width == pytest.approx(
        float(result.average.sel(offset=0)), abs=width
    )


@pytest.mark.slow
def test_windows_that_differ_and_ions_that_choose_give_nothing():
    """Ions pass the wide ones four times as often as the narrow ones, and none takes notice: p is uniform."""
    found = []
    for seed in range(40):
        traj, planted, passages = world(100 + seed, differ=0.2, prefer=3.0, frames=1000)
        result = vh.dynamics.bottleneck(traj, listed(), ion="Li", permutations=199)
        found.append(float(result.p_value))
    assert np.mean([planted[frame, window] for _, frame, window in passages]) > 1.02 * planted.mean()
    assert kstest(found, "uniform").pvalue > 0.01


def test_wrapped_positions_and_a_breathing_cell():
    traj, _, _ = world(5, frames=200)
    scale = 1 + 0.02 * np.sin(np.arange(200) / 7.0)
    cells = scale[:, None, None] * SKEWED
    positions = traj.positions * scale[:, None, None]
    fractions = positions @ np.linalg.inv(cells)
    wrapped = (fractions - np.floor(fractions)) @ cells
    one = vh.from_arrays(positions, cells, traj.species, traj.times, wrapped=False)
    other = vh.from_arrays(wrapped, cells, traj.species, traj.times, wrapped=True)
    expected = vh.dynamics.bottleneck(traj, listed()).area_of.values * scale**2
    for view in (one, other):
        np.testing.assert_allclose(vh.dynamics.bottleneck(view, listed()).area_of, expected, atol=1e-9)


def test_given_jumps_and_cages_are_taken():
    traj, _, _ = world(6, frames=1500)
    jumps = vh.dynamics.jumps(traj, "Li")
    own = vh.dynamics.bottleneck(traj, "S", ion="Li", permutations=199)
    given = vh.dynamics.bottleneck(traj, "S", jumps=jumps, permutations=199)
    np.testing.assert_array_equal(own.average, given.average)
    assert float(own.p_value) == float(given.p_value)


def test_what_can_not_be_is_refused():
    traj, _, _ = world(7, frames=300)
    for windows, options in (
        ("S", {}), ("Cl", {"ion": "Li"}), ([[0, 1]], {}), ([[0, 1, 999]], {}), ([[0, 1, 1]], {}), (3, {}),
        ([[0, 1, 2], [3]], {}), ("S", {"ion": "Li", "window": 0.01}), ("S", {"ion": "Li", "window": 99.0}), ([], {}),
        ("S", {"jumps": vh.dynamics.jumps(traj[:200], "Li")}),
    ):  # fmt: skip
        with pytest.raises(vh.Refusal):
            vh.dynamics.bottleneck(traj, windows, **options)
