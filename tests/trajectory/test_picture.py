"""The picture of the structure: geometry that can be counted, and what is said when it can't be drawn."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection

import vanhove as vh
from vanhove.trajectory.polyhedra import bonds, hulls, periodic
from vanhove.trajectory.scene import BALL, RINGS

CELL = 12.0
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


@pytest.fixture
def glass() -> vh.Trajectory:
    """Eight SiS4 on a lattice, one of them at the corner of the cell, and Na that walk far across its borders."""
    rng = np.random.default_rng(5)
    former = np.stack(np.meshgrid(*3 * [[0.0, CELL / 2]], indexing="ij"), axis=-1).reshape(-1, 3)
    anions = (former[:, None] + 2.1 * TETRAHEDRON).reshape(-1, 3)
    ions = rng.uniform(0, CELL, (6, 3))
    paths = ions + np.cumsum(rng.normal(0, 0.5, (200, 6, 3)), axis=0)
    frames = np.concatenate([paths, np.broadcast_to(np.vstack([former, anions]), (200, 40, 3))], axis=1)
    species = ["Na"] * 6 + ["Si"] * 8 + ["S"] * 32
    return vh.from_arrays(frames, CELL, species, 0.1 * np.arange(200), wrapped=False, temperature=900)


def collections(ax: object, kind: type) -> Iterator[object]:
    return (c for c in ax.collections if type(c) is kind)


def test_tetrahedra_at_the_border_are_whole(glass):
    ax = vh.draw_structure(glass, polyhedra=("Si", "S"))
    faces = [path for c in collections(ax, PolyCollection) for path in c.get_paths()]
    assert len(faces) == 8 * 4
    text = [t.get_text() for t in ax.get_legend().get_texts()]
    assert text == ["Na", "Si", "S", "SiS$_{4}$"]


def test_atoms_are_drawn_once_and_outer_ligands_beside_them(glass):
    ax = vh.draw_structure(glass, polyhedra=("Si", "S"))
    balls = sum(len(c.get_offsets()) for c in collections(ax, EllipseCollection)) / len(BALL)
    places = glass.positions[-1][14:]
    images = periodic(places - CELL * np.floor(places / CELL), CELL * np.eye(3))
    sites = np.vstack([glass.positions[-1][6:14]])
    outer = {b for _, b in bonds(sites, images[0], None).tolist() if images[1][b]}
    assert balls == 46 + len(outer)


@pytest.mark.parametrize(("corners", "faces"), [(4, 4), (6, 8)])
def test_hulls_have_the_faces_of_the_solid(corners, faces):
    octahedron = np.vstack([np.eye(3), -np.eye(3)])
    solid = TETRAHEDRON if corners == 4 else octahedron
    assert hulls(np.stack([solid, solid + 3.0])).shape == (2 * faces, 3, 3)


def test_images_of_a_skewed_cell_find_every_bond():
    rng = np.random.default_rng(9)
    cell = np.array([[7.0, 0, 0], [3.0, 6.0, 0], [-2.5, 2.0, 8.0]])
    places = rng.random((20, 3)) @ cell
    found = bonds(places[:5], periodic(places[5:], cell)[0], 3.0)
    shifts = np.stack(np.meshgrid(*3 * [np.arange(-3, 4)], indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    gap = places[:5, None, None] - places[None, 5:, None] - shifts
    expected = (np.linalg.norm(gap, axis=-1) < 3.0).sum(axis=(1, 2))
    assert np.bincount(found[:, 0], minlength=5).tolist() == expected.tolist()


def test_paths_stay_in_the_cell_and_break_at_its_borders(glass):
    ax = vh.draw_structure(glass, paths="Na", cell=False, view=(0.0, 0.0))  # seen along x: right is y, up is z
    pieces = np.concatenate([c.get_segments() for c in collections(ax, LineCollection)])
    steps = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1)
    assert steps.max() < CELL / 4
    assert pieces.min() > -steps.max() / 2 - 1e-9
    assert pieces.max() < CELL + steps.max() / 2 + 1e-9
    assert np.ptp(glass.select("Na").positions, axis=0).max() > CELL  # they did leave it


def test_a_straight_path_is_as_long_as_the_ions_way():
    times = np.arange(480) * 0.1
    way = np.zeros((480, 2, 3))
    way[:, 0, 1] = 5.0 + 0.05 * np.arange(480)
    traj = vh.from_arrays(way, 10.0, ["Li", "S"], times, wrapped=False)
    ax = vh.draw_structure(traj, paths="Li", cell=False, view=(0.0, 0.0))
    drawn = [c for c in collections(ax, LineCollection) if c.get_capstyle() == "round"]
    length = sum(np.linalg.norm(s[1] - s[0]) for c in drawn for s in c.get_segments())
    assert length == pytest.approx(0.05 * 470, rel=1e-9)  # from the middle of the first ten frames to that of the last


def test_paths_breathe_with_the_cell():
    cells = np.stack([np.eye(3) * (10 + 0.001 * f) for f in range(100)])
    fixed = np.broadcast_to([[0.25, 0.5, 0.75], [0.1, 0.2, 0.3]], (100, 2, 3)) @ cells
    traj = vh.from_arrays(fixed, cells, ["Li", "S"], 0.1 * np.arange(100), wrapped=False)
    ax = vh.draw_structure(traj, paths="Li", cell=False, view=(0.0, 0.0))
    pieces = np.concatenate([c.get_segments() for c in collections(ax, LineCollection)])
    assert np.ptp(pieces.reshape(-1, 2), axis=0).max() < 1e-9


def test_colour_bar_and_scale_bar_have_units(glass):
    ax = vh.draw_structure(glass, paths="Na")
    figure = ax.figure
    labels = [a.get_xlabel() for a in figure.axes]
    assert "displacement in 19.9 ps of Na (Å)" in labels
    assert "2 Å" in [t.get_text() for t in ax.texts]
    timed = vh.draw_structure(glass, paths="Na", color="time").figure
    assert "time on the paths of Na (ps)" in [a.get_xlabel() for a in timed.axes]


def test_colours_from_a_result(glass):
    xr = pytest.importorskip("xarray")
    result = xr.Dataset({"r2": (("lag", "atom"), np.ones((3, 46)) * np.arange(46), {"units": "Å²", "long_name": "r²"})})
    ax = vh.draw_structure(glass, color=result)
    assert ax.figure.axes[1].get_xlabel() == "displacement (Å)"
    ax = vh.draw_structure(glass, color=result.isel(atom=slice(6)), paths="Na")
    assert ax.figure.axes[1].get_xlabel() == "displacement (Å)"
    with pytest.raises(vh.Refusal, match="has 7 atoms"):
        vh.draw_structure(glass, color=result.isel(atom=slice(7)))
    with pytest.raises(vh.Refusal, match="along 'atom'"):
        vh.draw_structure(glass, color=xr.Dataset({"g": ("r", [1.0])}))


@pytest.mark.parametrize("mark", ["Si", [6, 7, 8, 9, 10, 11, 12, 13], np.arange(46) // 8 == 1])
def test_marked_atoms_have_rings(glass, mark):
    plain = sum(len(c.get_offsets()) for c in collections(vh.draw_structure(glass), EllipseCollection))
    ringed = sum(len(c.get_offsets()) for c in collections(vh.draw_structure(glass, mark=mark), EllipseCollection))
    assert ringed - plain == 8 * len(RINGS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(paths="Li"), "There is no 'Li'"),
        (dict(polyhedra=("P", "S")), "There is no 'P'"),
        (dict(frame=200), "200 frames"),
        (dict(color="time"), "without paths"),
        (dict(paths="Na", color="tme"), "Did you mean 'time'"),
        (dict(mark=np.ones(3, bool)), "46 atoms"),
        (dict(mark=[46]), "beyond"),
    ],
)
def test_what_cannot_be_drawn_is_refused(glass, options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.draw_structure(glass, **options)


def test_images_know_whose_they_are():
    cell = np.array([[7.0, 0, 0], [3.0, 6.0, 0], [-2.5, 2.0, 8.0]])
    places = np.random.default_rng(9).random((20, 3)) @ cell
    points, outside, origin = periodic(places, cell)
    shifts = (points - places[origin]) @ np.linalg.inv(cell)
    assert shifts == pytest.approx(np.round(shifts))
    assert ((np.abs(shifts) > 0.5).any(axis=1) == outside).all()


def test_what_is_no_polyhedron_to_look_at_is_refused():
    places = np.random.default_rng(3).uniform(0, CELL, (1, 150, 3))
    dense = vh.from_arrays(places, CELL, ["P"] * 10 + ["S"] * 140, [0.0], wrapped=False)
    with pytest.raises(vh.Refusal, match="no polyhedron to look at"):
        vh.draw_structure(dense, polyhedra=("P", "S", 5.0))


def test_ligands_of_two_kinds_of_polyhedra_are_drawn_once(glass):
    def balls(polyhedra: object) -> float:
        ax = vh.draw_structure(glass, polyhedra=polyhedra)
        return sum(len(c.get_offsets()) for c in collections(ax, EllipseCollection)) / len(BALL)

    assert balls([("Si", "S"), ("Si", "S")]) == balls(("Si", "S"))


def test_nothing_that_is_drawn_is_cut_off(glass):
    ax = vh.draw_structure(glass, polyhedra=("Si", "S"))
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for c in collections(ax, EllipseCollection):
        x, y = np.asarray(c.get_offsets()).T
        radius = np.asarray(c.get_widths()) / 2
        assert left <= (x - radius).min()
        assert (x + radius).max() <= right
        assert bottom <= (y - radius).min()
        assert (y + radius).max() <= top


def test_no_polyhedron_is_a_warning(glass):
    with pytest.warns(vh.VanhoveWarning, match="no polyhedron"):
        vh.draw_structure(glass, polyhedra=("Si", "S", 1.0))


def test_one_frame_has_atoms_and_no_paths(glass):
    assert vh.draw_structure(glass[:1]).collections
    with pytest.raises(vh.Refusal, match="two frames"):
        vh.draw_structure(glass[:1], paths="Na")


def test_the_same_picture_twice_is_the_same_bytes(glass):
    def picture() -> bytes:
        file = io.BytesIO()
        ax = vh.draw_structure(glass, paths="Na", polyhedra=("Si", "S"))
        ax.figure.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()

    assert picture() == picture()
