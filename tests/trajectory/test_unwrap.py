"""Unwrapping: planted walks come back in any cell; in a changing cell nothing moves that did not move."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from ase.geometry import minkowski_reduce
from hypothesis import given, settings
from hypothesis import strategies as st
from written import COLUMNS, GENERAL, NAMES, ORTHOGONAL, TRICLINIC, Truth, dump_text, moved, put, walk

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


# wrapping and unwrapping


def by_27_images(d: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The shortest images of steps (atom, axis), by looking around each in a cell that ASE reduced."""
    reduced, _ = minkowski_reduce(cell)
    home = d - np.round(d @ np.linalg.inv(reduced)) @ reduced
    images = home[:, None] + np.array(list(product((-1, 0, 1), repeat=3))) @ reduced
    return np.take_along_axis(images, np.argmin((images**2).sum(axis=2), axis=1)[:, None, None], axis=1)[:, 0]


def half_width(cell: np.ndarray) -> float:
    """Half the smallest distance between opposite faces of the reduced cell."""
    reduced, _ = minkowski_reduce(cell)
    return float(0.5 / np.linalg.norm(np.linalg.inv(reduced), axis=0).max())


@st.composite
def cells_that_change(draw: st.DrawFn) -> np.ndarray:
    """A triclinic cell, skewed up to several times its own width, that strains and shears from frame to frame."""
    a, b, c = draw(st.lists(st.floats(4, 15), min_size=3, max_size=3))
    x, y, z = draw(st.lists(st.floats(-2.5, 2.5), min_size=3, max_size=3))
    cell = np.array([[a, 0, 0], [x * a, b, 0], [y * a, z * b, c]])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    strain = draw(st.floats(0, 0.03)) * np.cumsum(rng.normal(size=(12, 3, 3)), axis=0)
    return (np.eye(3) + strain) @ cell @ turn  # type: ignore[no-any-return]  # numpy's matmul of stacks


@settings(max_examples=60, deadline=None)
@given(cells_that_change(), st.integers(0, 2**32), st.floats(0.05, 0.999))
def test_unwrapping_undoes_wrapping(cells: np.ndarray, seed: int, far: float) -> None:
    """Atoms that step less than half the cell's width: their own path comes back, and their cell's images."""
    rng = np.random.default_rng(seed)
    frames, atoms = len(cells), 8
    origins = np.cumsum(rng.normal(scale=0.3, size=(frames, 3)), axis=0)  # the cell's corner wanders
    inside = np.empty((frames, atoms, 3))  # wrapped
    images = np.zeros((frames, atoms, 3))
    path = np.empty((frames, atoms, 3))  # of the wrapped atom's own steps
    inside[0] = path[0] = origins[0] + rng.uniform(0, 1, (atoms, 3)) @ cells[0]
    for f in range(1, frames):
        step = rng.normal(size=(atoms, 3))
        step *= far * half_width(cells[f]) / np.linalg.norm(step, axis=1, keepdims=True)
        path[f] = path[f - 1] + step
        crossed = np.floor((inside[f - 1] + step - origins[f]) @ np.linalg.inv(cells[f]))
        inside[f] = inside[f - 1] + step - crossed @ cells[f]
        images[f] = images[f - 1] + crossed
        # the shortest image in the reduced cell is the step, and so it is by brute force
        np.testing.assert_allclose(by_27_images(inside[f] - inside[f - 1], cells[f]), step, atol=1e-9)
    truth = inside + np.einsum("fai,fij->faj", images, cells)
    size = np.abs(truth).max()
    for raw, mode in ((inside, "tor"), (truth, "file"), (truth, "tor")):
        positions, paths = run(raw, cells, mode, origins)
        np.testing.assert_allclose(positions, truth, atol=1e-12 * size)
        np.testing.assert_allclose(paths, path, atol=1e-11 * size)
    positions, paths = run(inside, cells, "fractional", origins)
    np.testing.assert_allclose(positions, truth, atol=1e-12 * size)
    assert paths is positions


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.05, 0.999))
def test_in_a_fixed_cell_all_schemes_are_one(seed: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    cell = GENERAL @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    steps = rng.normal(size=(15, 6, 3))
    steps *= far * half_width(cell) / np.linalg.norm(steps, axis=2, keepdims=True)
    truth = 3.0 + np.cumsum(steps, axis=0)
    cells = np.broadcast_to(cell, (15, 3, 3))
    raw = wrap(truth, cells)
    paths = [run(raw, cells, mode, constant=True)[1] for mode in ("tor", "fractional")]
    np.testing.assert_array_equal(*paths)
    np.testing.assert_allclose(moved(paths[0]), moved(truth), atol=1e-9)
    changing = [run(raw, cells, mode)[1] for mode in ("tor", "fractional")]  # the same cell, given for every frame
    np.testing.assert_allclose(changing, paths, atol=1e-12)
    np.testing.assert_allclose(moved(run(truth, cells, "file")[1]), moved(truth), atol=1e-9)


@pytest.mark.parametrize("speed", [0.7, -0.7, 3.1])
def test_by_how_much_the_schemes_differ(speed: float) -> None:
    """An atom that flies through a breathing cell.

    The torus gives the flight back. The lattice moves an atom that is n cells away by n (L' - L) in every step; summed
    by parts, each boundary that was crossed at frame f adds L(now) - L(f) for good. That is Å where L itself has come
    back to what it was.
    """
    frames = 201
    lengths = 10 * (1 + 0.02 * np.sin(2 * np.pi * np.arange(frames) / 50))
    cells = np.eye(3) * lengths[:, None, None]
    flight = 4.0 + speed * np.arange(frames)
    inside, images = np.empty(frames), np.zeros(frames)
    inside[0] = flight[0]
    for f in range(1, frames):
        crossed = np.floor((inside[f - 1] + speed) / lengths[f])
        inside[f], images[f] = inside[f - 1] + speed - crossed * lengths[f], images[f - 1] + crossed
    raw = np.stack([inside, np.full(frames, 5.0), np.full(frames, 5.0)], axis=1)[:, None]
    tor, lattice = run(raw, cells, "tor")[1], run(raw, cells, "fractional")[1]
    np.testing.assert_allclose(tor[:, 0, 0], flight, atol=1e-9)
    crossings = np.flatnonzero(np.diff(images)) + 1
    expected = np.zeros(frames)
    for f in crossings.tolist():
        expected[f:] += (images[f] - images[f - 1]) * (lengths[f:] - lengths[f])
    np.testing.assert_allclose((lattice - tor)[:, 0, 0], expected, atol=1e-9)
    assert np.abs(expected).max() > 0.5
    assert len(crossings) > 12
    for path in (tor, lattice):
        np.testing.assert_allclose(path[:, 0, 1:], 5.0, atol=1e-12)


def breathing_dump(folder: Path) -> tuple[Path, Truth]:
    """Atoms that walk a dozen cells away from home, in a cell that breathes by 2 %."""
    cells = TRICLINIC * (1 + 0.02 * np.sin(np.arange(40)))[:, None, None]
    truth = walk(cells, frames=40, atoms=30, step=0.8)
    away = np.random.default_rng(9).integers(-12, 13, (30, 3))
    truth = replace(truth, unwrapped=np.round(truth.unwrapped + np.einsum("ai,fij->faj", away, cells), 6))
    return put(folder / "breathing.dump", dump_text(truth, COLUMNS["x+i"])), truth


def test_structure_never_sees_how_it_was_unwrapped(tmp_path: Path) -> None:
    """No pair changes its bin of g(r); what displacements are taken from would misplace atoms by ångströms."""
    path, truth = breathing_dump(tmp_path)
    runs = {mode: vh.open(path, species=NAMES, timestep=0.001, unwrap=mode) for mode in ("file", "tor", "fractional")}
    wrapped = {mode: wrap(run.positions - truth.origins[:, None], truth.cells) for mode, run in runs.items()}
    expected = vh.structure.rdf(
        vh.from_arrays(wrapped["file"], truth.cells, truth.species, np.arange(40), wrapped=False), r_max=4.0
    )
    for mode, traj in runs.items():
        np.testing.assert_allclose(wrapped[mode], wrapped["file"], atol=1e-9)
        found = vh.structure.rdf(traj, r_max=4.0)
        np.testing.assert_allclose(found.g, expected.g, rtol=1e-12)
        np.testing.assert_allclose(found.n, expected.n, rtol=1e-12)
    toroidal = wrap(runs["tor"].read_paths() - truth.origins[:, None], truth.cells)
    off = np.abs(toroidal - wrapped["tor"])
    assert 2.0 < np.minimum(off, 9 - off).max() < 4.5
    np.testing.assert_allclose(
        moved(runs["file"].read_paths()), moved(runs["tor"].read_paths()), atol=1e-9
    )  # the file's own flags and the shortest image agree on what moved


def test_a_drift_is_taken_off_exactly() -> None:
    """In a cell that breathes: whatever all atoms do together, over several cells, changes no displacement."""
    rng = np.random.default_rng(8)
    cells = TRICLINIC * (1 + 0.02 * np.sin(np.arange(120)))[:, None, None]
    steps, species = rng.normal(scale=0.2, size=(120, 12, 3)), ["Li"] * 5 + ["S"] * 7
    together = rng.normal(scale=0.3, size=(120, 1, 3)) + np.array([0.4, -0.2, 0.3])
    found = []
    for extra in (0.0, together):
        inside = np.empty((120, 12, 3))
        inside[0] = rng.uniform(0, 9, (12, 3)) if not found else found[0][0]
        for f in range(1, 120):
            inside[f] = wrap((inside[f - 1] + (steps + extra)[f])[None], cells[f : f + 1])[0]
        traj = vh.from_arrays(inside, cells, species, np.arange(120.0), wrapped=True)
        found.append((inside[0], traj))
    (_, still), (_, drifting) = found
    assert np.linalg.norm(moved(drifting.read_paths()).mean(axis=1)[-1]) > 40
    for drift in ("cell", "framework"):
        for lags in ("all", "log"):
            alone, both = (vh.dynamics.msd(traj, "Li", drift=drift, lags=lags).msd for traj in (still, drifting))
            np.testing.assert_allclose(both, alone, rtol=1e-10, atol=1e-10)
    assert float(vh.dynamics.msd(drifting, "Li", drift=None).msd[-1]) > 1000


# cells that turn into other cells


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
