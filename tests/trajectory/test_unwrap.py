"""Unwrapping: planted walks come back in any cell; in a changing cell nothing moves that did not move."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import GENERAL, ORTHOGONAL, TRICLINIC, moved, walk

import vanhove as vh
from vanhove.trajectory.unwrap import Unwrap, Unwrapper

SKEWED = np.array([[9.0, 0, 0], [8.5, 9.0, 0], [12.5, 8.0, 9.0]])


def kulke_vermaas(wrapped: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The toroidal-view-preserving path written out: each step of the wrapped atom by its shortest image."""
    path = wrapped.copy()
    images = np.array([(i, j, k) for i in range(-3, 4) for j in range(-3, 4) for k in range(-3, 4)])
    for f in range(1, len(wrapped)):
        for a in range(wrapped.shape[1]):
            steps = wrapped[f, a] - wrapped[f - 1, a] + images @ cells[f]
            path[f, a] = path[f - 1, a] + steps[np.argmin(np.einsum("ni,ni->n", steps, steps))]
    return path


def run(
    raw: np.ndarray, cells: np.ndarray, mode: Unwrap, origins: np.ndarray | None = None,
    cuts: list[int] | None = None, constant: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Positions and paths by the unwrapper, fed in one block or in several."""
    where = np.zeros((len(raw), 3)) if origins is None else origins
    unwrapper = Unwrapper(mode, constant_cell=constant)
    edges = [0, *(cuts or []), len(raw)]
    blocks = [unwrapper.step(raw[a:b].copy(), cells[a:b], where[a:b]) for a, b in pairwise(edges)]
    positions = np.concatenate([block.positions for block in blocks])
    corrections = [block.correction for block in blocks if block.correction is not None]
    return positions, positions + np.concatenate(corrections) if corrections else positions


@pytest.mark.parametrize(
    "cell", [ORTHOGONAL, TRICLINIC, GENERAL, SKEWED], ids=["orthogonal", "triclinic", "general", "skewed"]
)
def test_a_walk_in_a_fixed_cell(cell: np.ndarray) -> None:
    truth = walk(cell, frames=40, step=0.6 if cell is SKEWED else 1.2)
    for raw in (truth.wrapped, truth.unwrapped):  # unwrapped positions given as wrapped do no harm
        positions, paths = run(raw, truth.cells, "tor", truth.origins, constant=True)
        np.testing.assert_allclose(moved(positions), moved(truth.unwrapped), atol=1e-9)
        np.testing.assert_array_equal(positions[0], raw[0])
        assert paths is positions


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=3), st.integers(0, 10**6),
    st.lists(st.integers(1, 11), unique=True, max_size=4),
)  # fmt: skip
def test_blocks_give_the_whole(tilts: list[float], seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    cell = np.array([[8.0, 0, 0], [tilts[0] * 8, 9.0, 0], [tilts[1] * 8, tilts[2] * 9, 10.0]])
    cells = cell * (1 + 0.03 * np.cumsum(rng.normal(size=12)))[:, None, None]
    truth = walk(cells, frames=12, atoms=5, seed=seed, step=0.5)
    for mode in ("tor", "fractional", "file"):
        whole = run(truth.wrapped, truth.cells, mode, truth.origins)
        parts = run(truth.wrapped, truth.cells, mode, truth.origins, sorted(cuts))
        np.testing.assert_array_equal(whole[0], parts[0])
        np.testing.assert_array_equal(whole[1], parts[1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3), st.integers(0, 10**6))
def test_a_breathing_cell_against_the_scheme_written_out(tilts: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.array([[8.0, 0, 0], [tilts[0] * 8, 9.0, 0], [tilts[1] * 8, tilts[2] * 9, 10.0]])
    cells = cell * (1 + 0.01 * rng.normal(size=(15, 1, 1)))
    truth = walk(cells, frames=15, atoms=6, seed=seed, step=0.5)
    corner = truth.origins + rng.normal(scale=0.1, size=(15, 3))  # a barostat moves the corner too
    truth = replace(truth, unwrapped=truth.unwrapped - truth.origins[:, None] + corner[:, None], origins=corner)
    wrapped = truth.wrapped
    positions, paths = run(wrapped, truth.cells, "tor", truth.origins)
    np.testing.assert_allclose(paths, kulke_vermaas(wrapped, truth.cells), atol=1e-9)
    # positions are the atom plus whole vectors of its own cell: wrapping them gives it back
    n = np.einsum("fai,fij->faj", positions - wrapped, np.linalg.inv(truth.cells))
    np.testing.assert_allclose(n, np.round(n), atol=1e-9)
    # image flags lead to the same path
    from_flags = run(truth.unwrapped, truth.cells, "file", truth.origins)[1]
    np.testing.assert_allclose(moved(from_flags), moved(paths), atol=1e-9)


UPRIGHT = np.array([[8.0, 0, 0], [4.1, 9, 0], [0.5, -5.0, 10]])
FLIP = np.array([[1, 0, 0], [-1, 1, 0], [0, 1, 1]])  # a barostat turns a strongly tilted cell into FLIP @ cell


def wrap(raw: np.ndarray, cells: np.ndarray) -> np.ndarray:
    scaled = np.einsum("fai,fij->faj", raw, np.linalg.inv(cells))
    return np.einsum("fai,fij->faj", scaled - np.floor(scaled), cells)


@pytest.mark.parametrize("mode", ["tor", "file"])
def test_nothing_moves_when_a_cell_is_flipped(mode: Unwrap) -> None:
    flipped = (np.arange(12) // 4 % 2 == 1)[:, None, None]
    cells = np.where(flipped, FLIP @ UPRIGHT, UPRIGHT)
    raw = np.broadcast_to(np.random.default_rng(6).uniform(-60, 60, (30, 3)), (12, 30, 3)).copy()  # boxes away
    positions, paths = run(raw if mode == "file" else wrap(raw, cells), cells, mode)
    np.testing.assert_allclose(moved(positions), 0, atol=1e-9)
    np.testing.assert_allclose(moved(paths), 0, atol=1e-9)


@pytest.mark.parametrize("mode", ["tor", "file"])
def test_a_breathing_cell_that_is_flipped(mode: Unwrap) -> None:
    """Far images move with the lattice by ångströms; the paths of atoms at rest move by what the wrapped atoms do."""
    rng = np.random.default_rng(6)
    upright = UPRIGHT * (1 + 0.01 * np.sin(np.arange(12)))[:, None, None]
    cells = np.where((np.arange(12) // 4 % 2 == 1)[:, None, None], FLIP @ upright, upright)
    images = rng.integers(-6, 7, (30, 3))
    raw = (0.5 + rng.uniform(-0.05, 0.05, (30, 3))) @ UPRIGHT + np.einsum("ai,fij->faj", images, upright)
    wrapped = wrap(raw, cells)
    positions, paths = run(raw if mode == "file" else wrapped, cells, mode)
    assert np.abs(moved(raw)).max() > 0.8
    assert np.abs(moved(paths)).max() < 0.25  # an atom wraps to another side of a flipped cell: one vector's breathing
    n = np.einsum("fai,fij->faj", positions - wrapped, np.linalg.inv(cells))
    np.testing.assert_allclose(n, np.round(n), atol=1e-9)
    np.testing.assert_allclose(moved(paths), moved(kulke_vermaas(wrapped, cells)), atol=1e-9)


def test_an_atom_at_rest_in_a_shrinking_cell_stays_at_rest() -> None:
    cells = np.eye(3) * np.linspace(10.0, 9.0, 11)[:, None, None]
    raw = np.broadcast_to([4.0, 5.0, 6.0], (11, 1, 3)).copy()
    far = raw + np.array([7, -4, 2]) * np.diagonal(cells, axis1=1, axis2=2)[:, None]  # the same atom, boxes away
    for given_, wrapped in ((raw, True), (far, False)):
        traj = vh.from_arrays(given_, cells, ["Li"], np.arange(11.0), wrapped=wrapped)
        np.testing.assert_allclose(moved(traj.read_paths()), 0, atol=1e-12)
        lengths = cells[:, 0, 0][:, None, None]
        np.testing.assert_allclose(traj.positions % lengths, raw, atol=1e-9)
    assert np.abs(moved(vh.from_arrays(far, cells, ["Li"], np.arange(11.0), wrapped=False).positions)).max() > 5


def test_an_atom_that_crosses_on_the_second_frame() -> None:
    cells = np.eye(3) * np.array([10.0, 9.8, 9.6, 9.4])[:, None, None]
    raw = np.full((4, 1, 3), 5.0)
    raw[:, 0, 0] = [9.7, 0.1, 0.5, 0.9]  # 9.7 → 9.9 of a cell of 9.8, then on by 0.4 a frame
    traj = vh.from_arrays(raw, cells, ["Li"], np.arange(4.0), wrapped=True)
    np.testing.assert_allclose(np.diff(traj.read_paths()[:, 0, 0]), [0.2, 0.4, 0.4], atol=1e-12)
    np.testing.assert_allclose(traj.positions[1:, 0, 0], raw[1:, 0, 0] + cells[1:, 0, 0], atol=1e-12)


def test_the_schemes_differ_where_they_must() -> None:
    """An atom a box away in a cell that grows: the lattice frame moves it along, the torus does not."""
    cells = np.eye(3) * np.array([10.0, 10.5, 11.0])[:, None, None]
    raw = np.array([9.9, 0.2, 0.3])[:, None, None] * np.ones(3)
    tor = vh.from_arrays(raw, cells, ["Li"], np.arange(3.0), wrapped=True)
    np.testing.assert_allclose(np.diff(tor.read_paths()[:, 0, 0]), [0.8, 0.1], atol=1e-12)
    lattice = run(raw, cells, "fractional")[1]
    np.testing.assert_allclose(np.diff(lattice[:, 0, 0]), [0.8, 0.6], atol=1e-12)
    np.testing.assert_allclose(run(raw, cells, "none")[1], raw)


def test_a_break_is_joined_by_the_shortest_image() -> None:
    """A second file whose image flags began anew goes on where the first one ended."""
    truth = walk(TRICLINIC, frames=10, step=0.6)
    raw = truth.unwrapped.copy()
    raw[5:] -= (truth.images[4][:, :, None] * TRICLINIC).sum(axis=1)  # flags counted from zero again
    joined = Unwrapper("file", constant_cell=True, breaks=(5,)).step(raw.copy(), truth.cells, truth.origins)
    np.testing.assert_allclose(joined.positions, truth.unwrapped, atol=1e-9)
    alone = Unwrapper("file", constant_cell=True).step(raw.copy(), truth.cells, truth.origins)
    np.testing.assert_array_equal(alone.positions, raw)
