"""Paths of named ions and the jumps marked on them: at the right time, at the right place, of the right ion."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from pictured import CELL, FRAMES, FROM, JUMP_AT, JUMPER, SPACING, TO, hopping

import vanhove as vh
from vanhove.trajectory.composing import ENLARGED, compose
from vanhove.trajectory.paths import trace
from vanhove.trajectory.scene import PATH_FOG, faded
from vanhove.trajectory.shading import JUMP_COLOUR

xr = pytest.importorskip("xarray")
MIDDLE = JUMP_AT - SPACING / 2
ABOUT_S = xr.DataArray([1.0, 2.0], dims="atom", coords={"index": ("atom", [0, 1])})


@pytest.fixture(scope="module")
def traj() -> vh.Trajectory:
    return hopping()


def events(atoms: list[int], times: list[float], **attributes: object) -> object:
    number = len(atoms)
    return xr.Dataset(
        {"atom": ("event", atoms), "time": ("event", times, {"units": "ps"}), "rate": ((), 0.1),
         "length": ("event", np.full(number, 4.0)), "duration": ("event", np.full(number, 0.1))}, attrs=attributes,
    )  # fmt: skip


def red(traj: vh.Trajectory, **options: object) -> tuple[np.ndarray, np.ndarray]:
    """The pieces and the balls that are marked."""
    scene = compose(traj, **options).scene
    pieces = [lines.segments for lines in scene.lines if lines.kind == "jumps"]
    balls = [atoms.places for atoms in scene.atoms if atoms.kind == "jumps"]
    assert len(pieces) == len(balls) == 1
    return pieces[0], balls[0]


@pytest.mark.parametrize(
    "mark", [[(JUMPER, MIDDLE)], events([JUMPER], [MIDDLE], species="Li")], ids=["pairs", "dataset"]
)
def test_a_jump_is_marked_where_the_ion_was(traj, mark):
    pieces, balls = red(traj, paths=[JUMPER], mark=mark, points=FRAMES // 2)  # the jump lies between two points
    assert balls == pytest.approx(0.5 * (FROM + TO)[None], abs=1e-6)
    assert pieces[..., 0] == pytest.approx(5.0)
    assert pieces[..., 2] == pytest.approx(3.0)
    low, high = pieces[..., 1].min(), pieces[..., 1].max()
    assert low < 2.8
    assert high > 5.2
    assert -0.5 < low < high < CELL  # the smooth curve overshoots a sudden jump by little


def test_marks_of_a_web_are_on_the_path_of_the_ion_that_jumped(traj):
    pieces, _ = red(traj, paths="Li", mark=[(JUMPER, MIDDLE)])
    assert pieces[..., 2] == pytest.approx(3.0)
    rest, ball = red(traj, paths="Li", mark=[(JUMPER, 5.0)])
    assert rest[..., 1] == pytest.approx(2.0, abs=0.1)
    assert ball[0] == pytest.approx(FROM, abs=0.1)


def test_the_artist_is_red_and_where_the_jump_is(traj):
    ax = vh.draw_structure(traj, paths=[JUMPER], mark=[(JUMPER, MIDDLE)], view=(0.0, 0.0), color="time")
    colour = faded(np.array([to_rgb(JUMP_COLOUR)]), np.array([0.5]), PATH_FOG)[0]
    found = np.concatenate([
        np.array(c.get_segments())[np.isclose(c.get_colors()[:, :3], colour, atol=1e-6).all(axis=1)]
        for c in ax.collections if type(c) is LineCollection and len(c.get_colors()) == len(c.get_segments())
    ])  # fmt: skip
    assert len(found) >= 5
    assert found[..., 1] == pytest.approx(3.0)  # up is z, right is y
    assert np.ptp(found[..., 0]) > 2.4
    assert "jumps" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert ax.figure.axes[1].get_xlabel() == f"time on the path of Li {JUMPER} (ps)"


def test_a_long_jump_is_marked_for_as_long_as_it_takes(traj):
    slow = events([JUMPER], [20.0]).assign(duration=("event", [8.0]))
    scene = compose(traj, paths=[JUMPER], mark=slow).scene
    marked = next(lines for lines in scene.lines if lines.kind == "jumps")
    assert marked.tips.times.min() == pytest.approx(16.0, abs=0.1)
    assert marked.tips.times.max() == pytest.approx(24.0, abs=0.1)


def test_a_jump_across_the_border_of_a_skewed_cell_is_marked_inside():
    cell = np.array([[10.0, 0, 0], [3, 9, 0], [-2, 2, 8]])
    frames = np.broadcast_to(np.array([[5.0, 5, 5], [1, 1, 1]]), (FRAMES, 2, 3)).copy()
    frames[:, 0] = np.array([0.5, 0.9, 0.5]) @ cell
    frames[200:, 0] = np.array([0.5, 1.1, 0.5]) @ cell
    traj = vh.from_arrays(frames, cell, ["Li", "S"], SPACING * np.arange(FRAMES), wrapped=False)
    pieces, balls = red(traj, paths="Li", mark=[(0, MIDDLE)])
    fractions = pieces @ np.linalg.inv(cell)
    assert fractions[..., [0, 2]] == pytest.approx(0.5)
    assert np.ptp(fractions[:, :, 1], axis=1).max() < 0.1  # no piece runs through the whole cell
    assert fractions[..., 1].min() < 0.05
    assert fractions[..., 1].max() > 0.95
    along = (balls @ np.linalg.inv(cell))[0, 1]
    assert min(along, 1 - along) < 0.05


def test_jumps_of_a_selection_are_those_of_its_ions(traj):
    lithium = traj.select("Li")
    second = events([1], [MIDDLE], species="Li", fingerprint=lithium.fingerprint)
    pieces, _ = red(traj, paths="Li", mark=second)
    assert pieces[..., 2] == pytest.approx(3.0)
    pieces, _ = red(lithium, paths="Li", mark=events([JUMPER], [MIDDLE], species="Li", fingerprint=traj.fingerprint))
    assert pieces[..., 2] == pytest.approx(3.0)


def test_jumps_that_the_package_finds_are_marked():
    rng = np.random.default_rng(8)
    places = np.array([[2.0, 2, 2], [7, 7, 7], [5, 5, 5]])
    frames = places + rng.normal(0, 0.1, (600, 3, 3))
    frames[300:, 2] += [0, 3.0, 0]
    traj = vh.from_arrays(frames, 10.0, ["S", "Li", "Li"], 0.05 * np.arange(600), wrapped=False)
    found = vh.dynamics.jumps(traj, "Li", drift=None)
    assert found["atom"].values.tolist() == [2]
    picture = compose(traj, paths="Li", mark=found)
    assert picture.jumps == "jumps"
    pieces, _ = red(traj, paths="Li", mark=found)
    assert np.ptp(pieces[..., 1]) > 1.8
    assert np.ptp(pieces[..., 0]) < 0.3


def test_how_many_jumps_are_shown_is_said(traj):
    many = events([JUMPER, 2, JUMPER, JUMPER], [MIDDLE, 5.0, 30.0, 999.0], species="Li")
    assert compose(traj, paths=[JUMPER], mark=many).jumps == "jumps (2 of 4)"


@pytest.mark.parametrize("paths", ["Li", [4, 2, 3], np.array([0, 0, 1, 1, 1, 0], bool)])
def test_paths_are_of_a_species_of_numbers_or_of_a_mask(traj, paths):
    lines = compose(traj, paths=paths).scene.lines[0]
    assert sorted(lines.tips.texts) == [
        "Li, atom 2: 0.00 Å in all", "Li, atom 3: 4.00 Å in all", "Li, atom 4: 0.00 Å in all"
    ]  # fmt: skip
    mine = lines.tips.owner == [text.startswith(f"Li, atom {JUMPER}") for text in lines.tips.texts].index(True)
    assert lines.segments[mine][0, 0] == pytest.approx(FROM)
    assert lines.segments[mine][-1, 1] == pytest.approx(TO)


def test_few_named_ions_have_finer_paths(traj):
    def pieces(**options: object) -> int:
        return len(compose(traj, **options).scene.lines[0].segments)

    assert pieces(paths="Li") == 3 * 47 * 5
    assert pieces(paths=[JUMPER]) == 239 * 5
    assert pieces(paths=[JUMPER], points=10) == 9 * 5


def test_a_path_has_the_colours_of_what_the_ion_was_in(traj):
    """One label before the jump, another after it, along the path of the ion that jumps."""
    cage = xr.DataArray(
        np.repeat([[0], [3]], FRAMES // 2, axis=0), dims=("frame", "atom"), name="cage", attrs={"long_name": "cage"}
    )
    picture = compose(traj, paths=[JUMPER], color=cage)
    assert [name for name, _ in picture.shading.entries] == ["0", "3"]
    assert picture.shading.name == "cage"
    lines = picture.scene.lines[0]
    before, after = (np.array(to_rgb(colour)) for _, colour in picture.shading.entries)
    assert np.allclose(lines.colours[lines.tips.times < JUMP_AT - 0.2], before)
    assert np.allclose(lines.colours[lines.tips.times > JUMP_AT + 0.2], after)
    atoms = {tip: colour for some in picture.scene.atoms for tip, colour in zip(some.tips, some.colours, strict=True)}
    assert atoms[f"Li, atom {JUMPER}: 3"] == pytest.approx(after)


def test_a_path_has_the_colours_of_the_cages_that_the_package_finds():
    """From the cage of the S at 2, 5, 5 to that of the S at 8, 5, 5 and on; the other Li stays and has no colour."""
    frames = np.broadcast_to(np.array([[2.0, 5, 5], [8, 5, 5], [5, 1, 1], [3, 5, 5], [1, 1, 1.0]]), (300, 5, 3)).copy()
    frames[100:, 3] = [7, 5, 5]
    frames[250:, 3] = [3, 5, 5]
    traj = vh.from_arrays(frames, 12.0, ["S", "S", "Cl", "Li", "Li"], 0.1 * np.arange(300), wrapped=False)
    found = vh.dynamics.cages(traj, "Li", "S", 2.5)
    picture = compose(traj, paths=[3], color=found, mark=found)
    assert [name for name, _ in picture.shading.entries] == ["S 0", "S 1"]
    assert picture.jumps == "jumps"
    lines = picture.scene.lines[0]
    first, second = (np.array(to_rgb(colour)) for _, colour in picture.shading.entries)
    for begin, end, tint in ((0.5, 9.8, first), (10.2, 24.8, second), (25.2, 29.0, first)):
        here = (lines.tips.times > begin) & (lines.tips.times < end)
        assert np.allclose(lines.colours[here], tint)
    with pytest.raises(vh.Refusal, match="hop among 0 places"):
        compose(traj, paths=[4], color=found)


def test_what_is_near_a_path_is_shown_around_it_in_one_piece():
    """An ion that leaves a skewed cell twice: a straight path, and every image of the others within reach of it."""
    cell = np.array([[10.0, 0, 0], [3, 9, 0], [-2, 2, 8]])
    rest = np.random.default_rng(12).random((30, 3)) @ cell
    steps = np.array([0.4, 0.5, 0.6]) + np.linspace(0, 2.2, 300)[:, None] * [0, 1, 0]
    frames = np.concatenate([(steps @ cell)[:, None], np.broadcast_to(rest, (300, 30, 3))], axis=1)
    traj = vh.from_arrays(frames, cell, ["Li", *30 * ["S"]], 0.1 * np.arange(300), wrapped=False)
    scene = compose(traj, paths=[0], near=4.0, mark=[(0, 15.0)]).scene
    path = scene.lines[0].segments
    assert path[1:, 0] == pytest.approx(path[:-1, 1])
    assert np.linalg.norm(path[-1, 1] - path[0, 0]) > 2.0 * 9.4
    way = path.reshape(-1, 3)
    shifts = np.stack(np.meshgrid(*3 * [np.arange(-4, 5)], indexing="ij"), axis=-1).reshape(-1, 1, 3) @ cell
    images = (rest + shifts).reshape(-1, 3)
    images = images[((images > way.min(axis=0) - 4) & (images < way.max(axis=0) + 4)).all(axis=1)]
    expected = images[(np.linalg.norm(images[:, None] - way, axis=-1) <= 4.0).any(axis=1)]
    shown = next(atoms for atoms in scene.atoms if atoms.kind == "atoms")
    drawn = shown.places[[tip.startswith("S") for tip in shown.tips]]
    assert drawn[np.lexsort(drawn.T)] == pytest.approx(expected[np.lexsort(expected.T)])
    balls = next(atoms.places for atoms in scene.atoms if atoms.kind == "jumps")
    assert np.linalg.norm(way - balls[0], axis=1).min() < 0.05
    assert not any(lines.kind == "cell" for lines in scene.lines)
    assert (scene.corners.min(axis=0) <= np.vstack([drawn, way]).min(axis=0) + 1e-9).all()


def test_a_path_through_thousands_of_cells_is_not_drawn_in_one_piece():
    frames = np.zeros((100, 2, 3))
    frames[:, 1] = np.linspace(0, 4000, 100)[:, None]
    traj = vh.from_arrays(frames, 10.0, ["S", "Li"], np.arange(100), wrapped=False)
    assert compose(traj, paths=[1]).scene.lines
    with pytest.raises(vh.Refusal, match=r"cells.*part of the time"):
        compose(traj, paths=[1], near=3.0)


def test_polyhedra_near_a_path_are_whole(traj):
    anions = np.array([5.0, 5, 5]) + 2.0 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    more = np.concatenate([traj.positions, np.broadcast_to(anions, (FRAMES, 4, 3))], axis=1)
    units = vh.from_arrays(more, CELL, [*traj.species, *4 * ["S"]], traj.times, wrapped=False)
    scene = compose(units, paths=[JUMPER], near=3.0, polyhedra=("P", "S")).scene
    assert len(scene.faces[0].corners) == 4
    tips = [tip for atoms in scene.atoms for tip in atoms.tips]
    assert sum(tip.startswith("S, atom 6") for tip in tips) == 1
    assert not any(tip.startswith("S, atom 1") for tip in tips)  # far from the path
    assert compose(units, paths=[JUMPER], near=0.5, polyhedra=("P", "S")).scene.faces == []


def test_long_trajectories_are_thinned_and_that_is_said():
    frames = np.zeros((4100, 2, 3))
    frames[:, 1, 0] = np.linspace(0, 8, 4100)
    traj = vh.from_arrays(frames, 10.0, ["S", "Li"], 0.01 * np.arange(4100), wrapped=False)
    ax = vh.draw_structure(traj, paths="Li", points=10)
    assert "paths from every 2nd frame" in [text.get_text() for text in ax.texts]
    read = trace(traj, np.array([1]), "Li", np.eye(3) * 10, 10)
    assert read.every == 2
    assert read.times == pytest.approx(np.linspace(read.times[0], read.times[-1], len(read.times)), abs=0.02)
    assert read.fractions[:, 0, 0] == pytest.approx(0.8 * read.times / 40.99, abs=1e-3)


def test_marks_and_sizes_of_atoms_go_together_with_paths(traj):
    picture = compose(traj, paths=[JUMPER], mark=[2], enlarge=[JUMPER])
    atoms = picture.scene.atoms[0]
    assert atoms.ringed.tolist() == [False, False, True, False, False, False]
    assert atoms.radii[JUMPER] == pytest.approx(ENLARGED * atoms.radii[2])
    assert picture.balls[0][1] != "#E69F00"  # what the picture is not about recedes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(mark=[(JUMPER, 20.0)]), "Name the ions whose paths"),
        (dict(paths=[2], mark=[(JUMPER, 20.0)]), "None of the 1 jumps is on the paths.*Name the ions that jump"),
        (dict(paths="Li", mark=[(JUMPER, 200.0)]), "None of the 1 jumps"),
        (dict(paths="Li", mark=[(9, 20.0)]), "beyond the 6"),
        (dict(paths="Li", mark=[(2.5, 20.0)]), "number of an atom, time"),
        (dict(paths="Li", mark=xr.Dataset({"g": ("r", [1.0])})), "has no jumps"),
        (dict(paths="Li", mark=events([3], [20.0], species="P")), "does not fit"),
        (dict(paths=[]), "names no atom"),
        (dict(paths=[7]), "beyond the 6"),
        (dict(paths="Li", points=1), "two points"),
        (dict(near=3.0), "Name the ions whose paths"),
        (dict(paths="Li", near=-1.0), "positive length"),
        (dict(paths="Li", color=ABOUT_S), "no value of the ions"),
    ],
)  # fmt: skip
def test_what_cannot_be_marked_is_refused(traj, options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.draw_structure(traj, **options)
