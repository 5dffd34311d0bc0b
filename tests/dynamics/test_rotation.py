"""Rotation: diffusion, libration, turns and translation as planted; units found; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from planted_units import TETRAHEDRON, A, lattice, noise, random_walk, tetrahedra, turn
from scipy.spatial.transform import Rotation

import vanhove as vh
from vanhove.dynamics.orientations import (
    fitted,
    inverse_of,
    product_of,
    rotated,
    rotation_vector,
    smoothed,
    steady,
    symmetries,
)  # fmt: skip
from vanhove.dynamics.polyanions import units_of

SKEWED = np.array([[14.5, 0, 0], [6.0, 14.0, 0], [-5.0, 6.5, 15.0]])


def as_scipy(q):
    return Rotation.from_quat(np.roll(q, -1, axis=-1).reshape(-1, 4))


# quaternions


def test_quaternions_are_rotations():
    rng = np.random.default_rng(1)
    a, b, v = rng.normal(size=(50, 4)), rng.normal(size=(50, 4)), rng.normal(size=(50, 3))
    a, b = (q / np.linalg.norm(q, axis=-1, keepdims=True) for q in (a, b))
    np.testing.assert_allclose(rotated(a, v), as_scipy(a).apply(v), atol=1e-12)
    np.testing.assert_allclose(rotated(product_of(a, b), v), rotated(a, rotated(b, v)), atol=1e-12)
    np.testing.assert_allclose(rotated(inverse_of(a), rotated(a, v)), v, atol=1e-12)
    np.testing.assert_allclose(rotation_vector(a), np.degrees(as_scipy(a).as_rotvec()), atol=1e-9)
    assert np.abs(rotation_vector(np.array([1.0, 0, 0, 0]))).max() == 0


def test_the_best_fit_is_that_of_kabsch():
    rng = np.random.default_rng(2)
    shapes, vectors = rng.normal(size=(30, 5, 3)), rng.normal(size=(30, 5, 3))
    shapes -= shapes.mean(axis=1, keepdims=True)
    vectors -= vectors.mean(axis=1, keepdims=True)
    found, overlap = fitted(shapes, vectors)
    for k in range(30):
        expected, distance = Rotation.align_vectors(vectors[k], shapes[k])
        np.testing.assert_allclose(as_scipy(found[k]).as_matrix()[0], expected.as_matrix(), atol=1e-9)
        left = (vectors[k] ** 2).sum() + (shapes[k] ** 2).sum() - 2 * overlap[k]
        assert left == pytest.approx(distance**2, rel=1e-9)


def test_running_means():
    values = np.random.default_rng(3).normal(size=(20, 2))
    expected = [values[max(f - 3, 0) : f + 4].mean(axis=0) for f in range(20)]
    np.testing.assert_allclose(smoothed(values, 3), expected, atol=1e-12)
    still = np.tile(turn(np.array([0.1, 0.2, 0.3])), (20, 1, 1)) * np.where(np.arange(20) % 2, -1, 1)[:, None, None]
    assert np.abs(np.diff(steady(still, 3), axis=0)).max() < 1e-12


@pytest.mark.parametrize(
    ("shape", "kinds", "number"),
    [
        (np.vstack([np.zeros(3), TETRAHEDRON]), "PSSSS", 12),
        (np.vstack([np.zeros(3), np.eye(3), -np.eye(3)]), "XFFFFFF", 24),
        (np.array([[0, 0, 0], [1, 0, 0], [-0.5, 0.75**0.5, 0], [-0.5, -(0.75**0.5), 0]]) * 1.4, "BOOO", 6),
        (np.vstack([np.zeros(3), TETRAHEDRON]), "PSSSO", 3),
        (np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]), "OHH", 2),
    ],
    ids=["tetrahedron", "octahedron", "triangle", "thiophosphate", "water"],
)
def test_proper_symmetries_of_a_shape(shape, kinds, number):
    rng = np.random.default_rng(4)
    own = np.stack([Rotation.random(rng=rng).apply(shape + rng.normal(0, 0.03, shape.shape)) for _ in range(3)])
    own -= own.mean(axis=1, keepdims=True)
    found = symmetries(own, list(kinds))
    assert found.shape[1] == number
    assert (found[:, 0, 0] > 0.99).all()


# what is planted


def test_rotational_diffusion_is_exponential():
    """C_l = exp(−l(l+1) D_r t), by the errors that are stated; all lags share the data, so each is looked at alone."""
    rng, D, spacing = np.random.default_rng(5), 0.05, 0.02
    traj = tetrahedra(random_walk(rng, 3000, 64, D, spacing), lattice(4), 4, spacing=spacing)
    result = vh.dynamics.rotation(traj, "PS4", cutoffs=3.0, lags=[0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0])
    for order in (1, 2):
        one = result.sel(l=order)
        off = (one.C - np.exp(-order * (order + 1) * D * result.lag)) / one.C_error
        assert float(np.abs(off).max()) < 3.5
        assert float(one.relaxation_time) == pytest.approx(
            1 / (order * (order + 1) * D), abs=3 * float(one.relaxation_time_error)
        )
    assert "rotate rather than librate" in result.attrs["verdict"]


def test_correlation_is_that_of_a_naive_loop():
    rng = np.random.default_rng(6)
    traj = tetrahedra(random_walk(rng, 40, 8, 0.5, 0.05), lattice(2), 2)
    result = vh.dynamics.rotation(traj, "PS4", cutoffs=3.0, lags="all")
    positions = traj.positions.reshape(40, 8, 5, 3)
    u = positions[:, :, 1:] - positions[:, :, :1]
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    for lag in (0, 1, 7, 39):
        cosine = (u[: 40 - lag] * u[lag:]).sum(axis=-1)
        assert float(result.C[0, lag]) == pytest.approx(cosine.mean(), abs=1e-12)
        assert float(result.C[1, lag]) == pytest.approx((1.5 * cosine**2 - 0.5).mean(), abs=1e-12)


def test_libration_has_its_amplitude():
    rng, sigma = np.random.default_rng(7), 4.0
    quaternions = turn(np.radians(sigma) * noise(rng, 3000, 27, 3))
    quaternions = product_of(quaternions, random_walk(rng, 1, 27, 0, 1))  # sites that point anywhere
    result = vh.dynamics.rotation(tetrahedra(quaternions, lattice(3), 3), "PS4", cutoffs=3.0)
    rms, error = float(result.libration_rms), float(result.libration_rms_error)
    assert rms == pytest.approx(sigma * np.sqrt(3), abs=3 * error)
    assert error < 0.1
    assert float(result.libration.sum()) == pytest.approx(1.0)
    assert len(result.event) == 0
    assert float(result.rate_upper) == pytest.approx(2.996 / (27 * 2999 * 0.05), rel=1e-3)
    assert np.isnan(result.relaxation_time).all()
    assert "no reorientation" in result.attrs["verdict"]


def test_turns_are_found_where_planted():
    """120° about a bond, within 0.5 ps, each unit at its own times; libration of 5° an axis beside."""
    rng = np.random.default_rng(8)
    frames, number = 2000, 27
    site = np.empty((frames, number, 4))
    planted = []
    for u in range(number):
        now, f = np.array([1.0, 0, 0, 0]), 0
        for when in sorted(rng.choice(np.arange(100, frames - 100, 60), size=u % 4, replace=False).tolist()):
            axis = rotated(now, TETRAHEDRON[rng.integers(4)])
            axis /= np.linalg.norm(axis)
            site[f:when, u] = now
            share = np.linspace(0, 1, 11)[:, None]
            site[when : when + 11, u] = product_of(turn(share * np.radians(120) * axis), now[None])
            now, f = site[when + 10, u], when + 10
            planted.append((u, (when + 5) * 0.05))
        site[f:, u] = now
    quaternions = product_of(turn(np.radians(5) * noise(rng, frames, number, 3)), site)
    traj = tetrahedra(quaternions, lattice(3), 3, rng=rng, shake=0.03)
    result = vh.dynamics.rotation(traj, "PS4", cutoffs=3.0)
    assert result.unit_of.values.tolist() == [u for u, _ in planted]
    assert np.abs(result.time.values - [t for _, t in planted]).max() < 0.3
    np.testing.assert_allclose(result.turn, 120, atol=4)
    assert float(result.libration_rms) == pytest.approx(5 * np.sqrt(3), rel=0.08)  # turns and shaking add to it
    assert f"{len(planted)} reorientations" in result.attrs["verdict"]


def test_a_look_over_the_edge_is_no_turn():
    """70° towards the next orientation and back: nearer to that one, but it was not entered."""
    away = np.concatenate([np.linspace(0, 70, 20), np.linspace(70, 0, 20)])
    angle = np.zeros((200, 1, 1))
    angle[50:90, 0, 0] = away
    quaternions = np.tile(turn(np.radians(angle) * TETRAHEDRON[0] / np.linalg.norm(TETRAHEDRON[0])), (1, 8, 1))
    result = vh.dynamics.rotation(tetrahedra(quaternions, lattice(2), 2), "PS4", cutoffs=3.0)
    assert len(result.event) == 0


def test_centres_move_as_planted():
    rng = np.random.default_rng(9)
    walk = np.cumsum(rng.normal(0, 0.1, (1500, 64, 3)), axis=0)
    walk -= walk.mean(axis=1, keepdims=True)
    quaternions = turn(np.radians(5) * noise(rng, 1500, 64, 3))
    drifting = 0.01 * np.arange(1500)[:, None, None] * np.ones(3)
    traj = tetrahedra(quaternions, lattice(4) + walk + drifting, 4)
    result = vh.dynamics.rotation(traj, "PS4", cutoffs=3.0, lags=[0.05, 0.5, 2.0])
    steps = np.array([1, 10, 40])
    off = (result.msd.values - 3 * 0.01 * steps * 63 / 64) / result.msd_error.values
    assert np.abs(off).max() < 3.5


def test_a_skewed_cell_and_wrapped_positions_make_no_difference():
    rng = np.random.default_rng(10)
    quaternions = turn(np.radians(6) * noise(rng, 100, 8, 3))
    centres = lattice(2) / (2 * A) @ SKEWED
    whole = tetrahedra(quaternions, centres, 2, cell=SKEWED)
    fractions = whole.positions @ np.linalg.inv(SKEWED)
    wrapped = vh.from_arrays(
        (fractions - np.floor(fractions)) @ SKEWED, SKEWED, whole.species, whole.times, wrapped=True
    )
    one, other = (vh.dynamics.rotation(traj, "PS4", cutoffs=3.0) for traj in (whole, wrapped))
    for name in ("C", "libration", "libration_rms"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-9)
    # the root of a difference of sums: rounding to 1e-16 of them is 1e-8 Å here
    np.testing.assert_allclose(one.misfit, other.misfit, atol=1e-7)
    np.testing.assert_allclose(one.msd, other.msd, atol=1e-9)


# units


def test_units_of_all_kinds():
    rng = np.random.default_rng(11)
    traj = tetrahedra(random_walk(rng, 3, 8, 0.1, 0.05), lattice(2), 2)
    expected = np.arange(40).reshape(8, 5)
    for units in ("PS4", "P-S", expected.tolist(), expected):
        np.testing.assert_array_equal(
            units_of(traj, units, None if not isinstance(units, str) else 3.0).atoms, expected
        )


def test_molecules_of_two_formers_across_the_boundary():
    """P2S7: two P with a S between them and three at each; the cell cuts through it."""
    middle = np.array([0.2, 7.0, 7.0])
    formers = middle + np.array([[-1.7, 0, 1.0], [1.7, 0, 1.0]])
    arms = np.array([[-0.6, 1.7, 0.8], [-0.6, -1.7, 0.8], [-1.2, 0, -1.6]])
    positions = np.vstack([formers, middle, formers[0] + arms, formers[1] + arms * [-1, 1, 1]])
    positions = np.vstack([positions, [[7.0, 1.0, 1.0]]]) % 14.0
    species = ["P", "P", *["S"] * 7, "Cl"]
    wobble = 0.02 * np.random.default_rng(12).normal(size=(20, 10, 3))
    traj = vh.from_arrays(positions + wobble, 14.0, species, 0.1 * np.arange(20), wrapped=False)
    found = units_of(traj, "P2S7", {"P-S": 2.6, "P-P": 0.0})
    assert sorted(found.atoms[0].tolist()) == list(range(9))
    assert found.atoms[0, :2].tolist() == [0, 1]
    vectors = found.vectors(traj.positions, np.ascontiguousarray(traj.cells), found.are_small(traj))
    bonds = vectors[:, 0, found.bonds[0, :, 1]] - vectors[:, 0, found.bonds[0, :, 0]]
    assert np.linalg.norm(bonds, axis=-1).max() < 2.6
    result = vh.dynamics.rotation(traj, "P2S7", cutoffs={"P-S": 2.6, "P-P": 0.0}, drift=None)
    assert float(result.libration_rms) < 3.0


def test_what_can_not_be_is_refused():
    traj = tetrahedra(random_walk(np.random.default_rng(13), 12, 8, 0.1, 0.05), lattice(2), 2)
    for units in ("PS3", "PX4", "ps4", "P4", "P2S7", [[0, 1]], [[0, 1, 99]], [[0, 1, 1]], [[0, 1, 2], [1, 0, 2]], 3):
        with pytest.raises(vh.Refusal):
            vh.dynamics.rotation(traj, units, cutoffs=3.0)
    line = vh.from_arrays(
        np.tile([[3.0, 3, 3], [4.5, 3, 3], [1.5, 3, 3]], (5, 1, 1)),
        12.0,
        ["C", "O", "O"],
        np.arange(5.0),
        wrapped=False,
    )
    with pytest.raises(vh.Refusal, match="line"):
        vh.dynamics.rotation(line, [[0, 1, 2]])


def test_units_that_break_up_are_told():
    traj = tetrahedra(random_walk(np.random.default_rng(14), 30, 8, 0.01, 0.05), lattice(2), 2)
    positions = traj.positions.copy()
    positions[20:, 1] += 0.7 * (positions[20:, 1] - positions[20:, 0])
    broken = vh.from_arrays(positions, 14.0, traj.species, traj.times, wrapped=False)
    with pytest.warns(vh.VanhoveWarning, match="break up"):
        result = vh.dynamics.rotation(broken, "PS4", cutoffs=3.0)
    assert result.attrs["broken"] == 1
