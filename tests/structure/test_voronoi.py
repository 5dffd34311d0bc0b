"""Voronoi volumes: perfect lattices, closed forms, sums, random points told apart, a peer, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.structure.tessellation import cell_volumes

CELLS = {
    "cube": 12.0 * np.eye(3),
    "skewed": np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]]),
    "leaning": np.array([[6.0, 0, 0], [14.0, 7.0, 0], [-9.0, 17.0, 8.0]]),  # far from reduced
    "left-handed": np.array([[0, 0, 7.5], [0.5, 8.0, 0], [6.4, 1.0, 0.3]]),
    "needle": np.diag([2.5, 30.0, 3.0]),
}
BASES = {
    "sc": [[0, 0, 0]],
    "bcc": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "fcc": [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "diamond": [[x + s, y + s, z + s] for x, y, z in [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
                for s in (0, 0.25)],
}  # fmt: skip


def gas(cell, atoms, seed, frames=1):
    return np.random.default_rng(seed).uniform(-1, 2, (frames, atoms, 3)) @ cell


def trajectory(positions, cells, species):
    return vh.from_arrays(positions, cells, species, 0.1 * np.arange(len(positions)), wrapped=False)


# closed forms


@pytest.mark.parametrize("lattice", BASES)
@pytest.mark.parametrize("repeat", [1, 3])
def test_perfect_lattices(lattice, repeat):
    """Many planes meet in one point there; in one unit cell all neighbours are images."""
    a, basis = 4.05, np.array(BASES[lattice])
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    positions = (cubes[:, None] + basis).reshape(-1, 3) * a + 0.1234567
    volumes = cell_volumes(positions[None], repeat * a * np.eye(3)[None])
    np.testing.assert_allclose(volumes, a**3 / len(basis), rtol=1e-12)


def test_hexagonal_close_packing():
    a = 3.0
    cell = a * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]])
    positions = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]) @ cell
    np.testing.assert_allclose(cell_volumes(positions[None], cell[None]), np.linalg.det(cell) / 2, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_one_atom_has_the_whole_cell(cell):
    volumes = cell_volumes(np.array([[[0.3, -4.0, 11.0]]]), cell[None])
    np.testing.assert_allclose(volumes, abs(np.linalg.det(cell)), rtol=1e-12)


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (1.4, 0.9), (0.5, 2.0), (0.0, 4.5)])
def test_planes_of_the_radical_tessellation(first, second):
    """Two atoms in a column: the planes between them lie where the definition says, also behind the smaller atom."""
    side, height, apart = 3.0, 10.0, 4.0
    positions = np.array([[[1.0, 1.0, 2.0], [1.0, 1.0, 2.0 + apart]]])
    volumes = cell_volumes(positions, np.diag([side, side, height])[None], np.array([first, second]))
    up = (apart**2 + first**2 - second**2) / (2 * apart)
    down = ((height - apart) ** 2 + first**2 - second**2) / (2 * (height - apart))
    expected = side**2 * max(up + down, 0.0)
    np.testing.assert_allclose(volumes[0], [expected, side**2 * height - expected], rtol=1e-12)


def test_an_atom_inside_a_much_larger_one_has_no_cell():
    positions = gas(CELLS["cube"], 60, 5)
    positions[0, 1] = positions[0, 0] + [0.3, 0.1, 0.2]
    radii = np.where(np.arange(60) == 0, 3.0, 1.0)
    volumes = cell_volumes(positions, CELLS["cube"][None], radii)
    assert volumes[0, 1] == 0.0
    np.testing.assert_allclose(volumes.sum(), 12.0**3, rtol=1e-12)


# what holds everywhere


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("atoms", [2, 7, 200])
@pytest.mark.parametrize("radical", [False, True], ids=["plain", "radical"])
def test_volumes_sum_to_the_cell(cell, atoms, radical):
    radii = np.random.default_rng(6).uniform(0, 2, atoms) if radical else None
    volumes = cell_volumes(gas(cell, atoms, 7, frames=3), np.array([cell, 1.1 * cell, cell]), radii)
    whole = abs(np.linalg.det(cell))
    np.testing.assert_allclose(volumes.sum(axis=1), [whole, 1.331 * whole, whole], rtol=1e-10)
    assert (volumes >= -1e-9).all()


def test_a_void_between_atoms():
    """Cells that reach far beyond the usual neighbours."""
    rng = np.random.default_rng(8)
    positions = rng.uniform(0, 1, (1, 300, 3)) * [20, 20, 6]
    cell = np.diag([20.0, 20.0, 45.0])
    assert cell_volumes(positions, cell[None]).sum() == pytest.approx(20 * 20 * 45, rel=1e-10)


def test_equal_radii_change_nothing():
    positions = gas(CELLS["skewed"], 40, 9)
    plain = cell_volumes(positions, CELLS["skewed"][None])
    np.testing.assert_allclose(cell_volumes(positions, CELLS["skewed"][None], np.full(40, 1.7)), plain, rtol=1e-12)


@pytest.mark.parametrize("radical", [False, True], ids=["plain", "radical"])
def test_points_thrown_at_random_fall_into_the_cells(radical):
    """The definition itself: a point belongs to the atom or image with the smallest d² - R²."""
    cell, rng = CELLS["skewed"], np.random.default_rng(10)
    positions = gas(cell, 12, 11)
    radii = rng.uniform(0, 1.5, 12) if radical else np.zeros(12)
    volumes = cell_volumes(positions, cell[None], radii)[0]
    points = rng.uniform(0, 1, (40_000, 3)) @ cell
    wrapped = positions[0] - np.floor(positions[0] @ np.linalg.inv(cell)) @ cell
    images = np.indices((3, 3, 3)).reshape(3, -1).T - 1  # enough: the points are in the cell, which is nearly reduced
    best, owner = np.full(len(points), np.inf), np.zeros(len(points), int)
    for atom in range(12):
        for image in images @ cell:
            power = ((points - wrapped[atom] - image) ** 2).sum(axis=1) - radii[atom] ** 2
            owner[power < best] = atom
            np.minimum(best, power, out=best)
    expected = len(points) * volumes / volumes.sum()
    found = np.bincount(owner, minlength=12)
    assert (np.abs(found - expected) < 4.5 * np.sqrt(expected + 1)).all()


def test_agrees_with_freud():
    freud = pytest.importorskip("freud")
    cell = np.array([[22.0, 0, 0], [9.0, 20.0, 0], [-7.0, 8.5, 21.0]])
    positions = gas(cell, 500, 12)
    box = freud.box.Box.from_matrix(cell.T)
    theirs = freud.locality.Voronoi().compute((box, box.wrap(positions[0]))).volumes
    np.testing.assert_allclose(cell_volumes(positions, cell[None])[0], theirs, atol=2e-3)  # positions in float32


# the observable


def test_means_and_distribution():
    cells = np.array([12.0, 12.3, 11.8, 12.1])[:, None, None] * np.eye(3)
    positions = np.random.default_rng(13).uniform(0, 12, (4, 90, 3))
    species = ["Li"] * 30 + ["S"] * 60
    result = vh.structure.voronoi(trajectory(positions, cells, species))
    each = cell_volumes(positions, cells)
    np.testing.assert_allclose(result.volume, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.volume_error, each.std(axis=0, ddof=1) / 2, rtol=1e-10)
    assert float(result.volume.sum()) == pytest.approx(np.linalg.det(cells).mean(), rel=1e-10)
    for name, mine in (("Li", each[:, :30]), ("S", each[:, 30:])):
        one = result.sel(species=name)
        assert float(one["mean"]) == pytest.approx(mine.mean())
        assert float(one["mean_error"]) == pytest.approx(mine.mean(axis=1).std(ddof=1) / 2)
        assert float(one.spread) == pytest.approx(mine.std())
        assert float(one.P.sum() * 0.25 + one.beyond) == pytest.approx(1)
        counts = np.histogram(mine, np.arange(len(result["size"]) + 1) * 0.25)[0]
        np.testing.assert_allclose(one.P * 0.25 * mine.size, counts, atol=1e-9)
    assert result.atom_species.values.tolist() == species


def test_only_the_atoms_of_the_view_share_the_space():
    traj = trajectory(gas(CELLS["cube"], 50, 14), CELLS["cube"], ["Li"] * 20 + ["S"] * 30)
    assert float(vh.structure.voronoi(traj.select("Li")).volume.sum()) == pytest.approx(12.0**3)


def test_radii_by_element():
    positions = gas(CELLS["cube"], 50, 15)
    traj = trajectory(positions, CELLS["cube"], ["Li"] * 20 + ["S"] * 30).with_isotopes({"Li": "7Li"})
    result = vh.structure.voronoi(traj, radii={"Li": 0.8, "S": 1.8})
    expected = cell_volumes(positions, CELLS["cube"][None], np.repeat([0.8, 1.8], [20, 30]))
    np.testing.assert_allclose(result.volume, expected[0], rtol=1e-12)


def test_blocks_within_a_small_budget_give_the_same(monkeypatch):
    traj = trajectory(gas(CELLS["cube"], 60, 16, frames=12), CELLS["cube"], ["S"] * 60)
    whole = vh.structure.voronoi(traj)
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    np.testing.assert_allclose(vh.structure.voronoi(traj).volume, whole.volume, rtol=1e-12)


def test_refusals():
    positions = gas(CELLS["cube"], 4, 17)
    positions[0, 2] = positions[0, 0]
    traj = trajectory(positions, CELLS["cube"], ["Li", "Li", "S", "S"])
    with pytest.raises(vh.Refusal, match="same place"):
        vh.structure.voronoi(traj)
    with pytest.raises(vh.Refusal, match="radii of S"):
        vh.structure.voronoi(traj, radii={"Li": 1.0})
    with pytest.raises(vh.Refusal, match="width=0"):
        vh.structure.voronoi(traj, width=0)
