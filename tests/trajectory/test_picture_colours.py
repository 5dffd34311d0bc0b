"""Colours of atoms in the picture: what they are of, whose they are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from pictured import FRAMES, SPECIES, hopping

import vanhove as vh
from vanhove.base.figures import PHASE_COLOURS, SPECIES_COLOURS
from vanhove.trajectory.composing import ENLARGED, FAINT, RADII, compose
from vanhove.trajectory.scene import BALL, FOG, PATH_FOG, mix
from vanhove.trajectory.shading import NONE, RANGE

xr = pytest.importorskip("xarray")
LI = [2, 3, 4]


@pytest.fixture(scope="module")
def traj() -> vh.Trajectory:
    return hopping()


def drawn(traj: vh.Trajectory, **options: object) -> dict[int, tuple[tuple[float, ...], float]]:
    """Colour and radius of every atom, by its number."""
    found = {}
    for atoms in compose(traj, **options).scene.atoms:
        for tip, colour, radius in zip(atoms.tips, atoms.colours, atoms.radii, strict=True):
            found[int(tip.split("atom ")[1].split(":")[0])] = (tuple(np.round(colour, 6)), float(radius))
    return found


def in_map(value: float, low: float, high: float, name: str = "viridis") -> tuple[float, ...]:
    share = (value - low) / (high - low)
    table = colormaps[name](np.linspace(*RANGE, 256))
    return tuple(np.round(table[min(int(share * 256), 255)][:3], 6))


def faint(species: str) -> tuple[float, ...]:
    return tuple(np.round(mix(np.array(to_rgb(SPECIES_COLOURS[species])), np.ones(3), FAINT), 6))


def steinhardt(traj: vh.Trajectory, values: list[float], index: list[int], **attributes: object) -> object:
    names = traj.species[index]
    return xr.Dataset(
        {"q": ("atom", values, {"units": "1", "long_name": "order"}), "mean": ((), 0.3)},
        coords={"index": ("atom", index), "atom_species": ("atom", names)}, attrs=attributes,
    )  # fmt: skip


def test_values_are_colours_in_the_atoms_order(traj):
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    found = drawn(traj, color=values)
    assert {atom: colour for atom, (colour, _) in found.items()} == {
        atom: in_map(value, 1.0, 9.0) for atom, value in enumerate(values)
    }


def test_the_artist_has_the_colour_of_the_value():
    """A ball is discs of its colour, lightened and darkened by known amounts; the fog is that of its depth."""
    one = vh.from_arrays([[[5.0, 5, 5], [5, 1, 1]]], 10.0, ["Li", "S"], [0.0], wrapped=False)
    ax = vh.draw_structure(one, color=np.array([0.25, 1.0]), view=(0.0, 0.0))
    tints = np.concatenate([c.get_facecolor() for c in ax.collections if type(c) is EllipseCollection])
    base = np.array(in_map(0.25, 0.25, 1.0))
    centres = np.concatenate([c.get_offsets() for c in ax.collections if type(c) is EllipseCollection])
    mine = tints[centres[:, 1] > 3]
    expected = [
        mix(mix(base, np.ones(3), max(amount, 0)) * (1 - max(-amount, 0)), np.ones(3), 0.5 * PATH_FOG)
        for _, _, amount in BALL
    ]
    assert FOG > PATH_FOG
    assert mine[:, :3] == pytest.approx(np.array(expected), abs=1e-6)


def test_a_result_of_some_atoms_leaves_the_others_faint(traj):
    found = drawn(traj, color=steinhardt(traj, [0.1, 0.5, 0.3], LI))
    assert [found[atom][0] for atom in LI] == [in_map(v, 0.1, 0.5) for v in (0.1, 0.5, 0.3)]
    assert found[0][0] == faint("S")
    assert found[5][0] == faint("P")
    names = [name for name, _, _ in compose(traj, color=steinhardt(traj, [0.1, 0.5, 0.3], LI)).balls]
    assert names == ["S", "P"]


def test_numbers_that_count_in_a_selection_are_found_by_species_and_fingerprint(traj):
    lithium = traj.select("Li")
    mine = steinhardt(lithium, [0.1, 0.5, 0.3], [0, 1, 2])
    assert [drawn(traj, color=mine)[atom][0] for atom in LI] == [in_map(v, 0.1, 0.5) for v in (0.1, 0.5, 0.3)]
    two = steinhardt(lithium, [0.1, 0.5], [1, 2])
    assert drawn(traj, color=two)[3][0] == in_map(0.1, 0.1, 0.5)
    # Number 2 is a Li in both: what was analysed decides.
    one = steinhardt(lithium, [0.1], [2])
    assert drawn(traj, color=one)[2][0] != faint("Li")
    one.attrs["trajectory"] = lithium.fingerprint
    found = drawn(traj, color=one)
    assert found[4][0] != faint("Li")
    assert found[2][0] == faint("Li")


def test_a_selection_takes_its_part_of_a_result_of_everything(traj):
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    found = drawn(traj.select("Li"), color=values)
    assert [found[atom][0] for atom in (0, 1, 2)] == [in_map(v, 1.5, 9.0) for v in (4.0, 1.5, 9.0)]
    assert traj.select("Li").atom_numbers.tolist() == LI
    by_index = steinhardt(traj, [0.1, 0.5, 0.3, 0.9], [0, *LI])
    found = drawn(traj.select("Li"), color=by_index)
    assert [found[atom][0] for atom in (0, 1, 2)] == [in_map(v, 0.3, 0.9) for v in (0.5, 0.3, 0.9)]


def test_results_of_the_package_are_drawn_as_they_come():
    rng = np.random.default_rng(11)
    traj = vh.from_arrays(rng.uniform(0, 12, (12, 40, 3)), 12.0, ["S"] * 15 + ["Na"] * 25, np.arange(12), wrapped=False)
    volume = vh.structure.voronoi(traj)
    found = drawn(traj, color=volume)
    sizes = volume["volume"].values
    assert found[7][0] == in_map(sizes[7], sizes.min(), sizes.max())
    assert compose(traj, color=volume).shading.name == "Voronoi volume (Å³)"
    order = vh.structure.steinhardt(traj, "Na", cutoff=6.0)
    low, high = order["q"].values.min(), order["q"].values.max()
    assert drawn(traj, color=order)[15][0] == in_map(float(order["q"][0]), low, high)
    moved = vh.dynamics.d2min(traj, "Na", cutoff=8.0, step=1.0)
    assert compose(traj, color=moved).shading.name == "sum of the roots over all steps (Å)"
    assert compose(traj, color=moved["D2min"], frame=4).shading.name == "mean squared non-affine displacement (Å²)"
    gone = vh.dynamics.displacements(traj, "Na", [2.0, 5.0], drift=None)
    assert compose(traj, color=gone).shading.name == "displacement in 5 ps (Å)"
    far = np.sqrt(gone["r2"].values[-1])
    assert drawn(traj, color=gone)[20][0] == in_map(far[5], far.min(), far.max())
    large = drawn(traj, enlarge=(gone, 6.0))
    assert [large[atom][1] > RADII["Na"] for atom in range(15, 40)] == (far > 6.0).tolist()


def test_squared_displacements_are_distances_at_their_lag(traj):
    r2 = xr.Dataset(
        {"r2": (("lag", "atom"), np.array([[1.0, 4.0, 9.0], [16.0, 25.0, 36.0]]), {"units": "Å²"})},
        coords={"lag": ("lag", [1.0, 10.0], {"units": "ps"})}, attrs={"species": "Li"},
    )  # fmt: skip
    assert compose(traj, color=r2).shading.name == "displacement in 10 ps (Å)"
    assert drawn(traj, color=r2)[3][0] == in_map(5.0, 4.0, 6.0)
    assert compose(traj, color=r2.isel(lag=0)).shading.name == "displacement in 1 ps (Å)"
    large = compose(traj, enlarge=(r2, 4.5)).balls[-1]
    assert large[0] == "displacement in 10 ps > 4.5 Å (2)"
    found = drawn(traj, color=r2, enlarge=(r2, 4.5))
    assert [found[atom][1] for atom in LI] == [RADII["Li"], ENLARGED * RADII["Li"], ENLARGED * RADII["Li"]]


@pytest.mark.parametrize("which", ["Li", LI, np.isin(np.arange(6), LI)])
def test_atoms_are_enlarged(traj, which):
    found = drawn(traj, enlarge=which)
    assert [found[atom][1] > RADII[SPECIES[atom]] for atom in range(6)] == [atom in LI for atom in range(6)]


def test_a_comparison_of_a_result_is_a_mask(traj):
    order = steinhardt(traj, [0.1, 0.5, 0.3], LI)
    found = drawn(traj, enlarge=order["q"] > 0.2)
    assert [found[atom][1] > RADII["Li"] for atom in LI] == [False, True, True]
    assert len(compose(traj, mark=order["q"] > 0.2).scene.atoms) == 1


def test_phases_are_labels_with_their_colours(traj):
    phases = xr.Dataset({"phase": ("atom", ["glass", "", "crystal", "glass", "interface", "crystal"])})
    found = drawn(traj, color=phases)
    assert found[0][0] == tuple(np.round(to_rgb(PHASE_COLOURS["glass"]), 6))
    assert found[1][0] == NONE
    ax = vh.draw_structure(traj, color=phases)
    legends = [artist for artist in ax.get_children() if type(artist).__name__ == "Legend"]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends][-1] == [
        "glass",
        "interface",
        "crystal",
    ]
    assert len(ax.figure.axes) == 1  # no colour bar


def test_whole_numbers_and_truth_are_labels_unless_there_are_many():
    many = vh.from_arrays(np.random.default_rng(1).uniform(0, 9, (1, 30, 3)), 9.0, ["S"] * 30, [0.0], wrapped=False)
    assert [name for name, _ in compose(many, color=np.arange(30) % 4 - 1).shading.entries] == ["0", "1", "2"]
    assert [name for name, _ in compose(many, color=np.arange(30) > 3).shading.entries] == ["no", "yes"]
    assert compose(many, color=np.arange(30)).shading.bar is not None
    assert len({colour for _, colour in compose(many, color=np.arange(30) % 15).shading.entries}) == 15
    with pytest.raises(vh.Refusal, match="30 different labels"):
        compose(many, color=[str(k) for k in range(30)])


def test_a_legend_has_the_labels_that_occur(traj):
    shading = compose(traj, color=np.array(list("aabcab")), paths="Li").shading
    assert [name for name, _ in shading.entries] == ["a", "b", "c"]
    shading = compose(traj, color=np.array(list("aabbab")), paths=[3]).shading
    assert [name for name, _ in shading.entries] == ["b"]


def test_values_of_frames_are_those_of_the_frame_that_is_drawn(traj):
    values = np.arange(FRAMES)[:, None] * np.ones(6) + np.arange(6)
    assert drawn(traj, color=values, frame=7)[2][0] == in_map(2.0, 0.0, 5.0)
    assert compose(traj, color=values, frame=7).scene.atoms[0].tips[2] == "Li, atom 2: 9"
    few = xr.DataArray(values[::100], dims=("frame", "atom"), coords={"time": ("frame", [0.0, 10, 20, 30])}, name="v")
    assert compose(traj, color=few, frame=290).scene.atoms[0].tips[0] == "S, atom 0: 300"


def test_nothing_known_is_grey(traj):
    assert drawn(traj, color=["a", None, "b", "b", "", "a"])[1][0] == NONE
    found = drawn(traj, color=np.array([1.0, np.nan, 2, 3, 4, 5]))
    assert found[1][0] == NONE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(color=np.ones(5)), "has 5 atoms.*6 atoms are drawn: 2 S, 3 Li, 1 P"),
        (dict(color=np.ones((3, 6))), "400 frames"),
        (dict(color=np.ones((2, 2, 2))), r"Give \(atom\)"),
        (dict(color=np.full(6, np.nan)), "no value to colour by"),
        (dict(color=np.ones(6) * 1j), "neither numbers nor labels"),
        (dict(color=xr.DataArray([1.0], dims="r")), "no dimension 'atom'"),
        (dict(color=xr.DataArray(np.ones((5, 6)), dims=("frame", "atom"))), "5 frames"),
        (dict(enlarge=xr.DataArray(np.ones(6), dims="atom")), "Give the threshold"),
        (dict(enlarge=(np.array(list("abcdef")), 2.0)), "needs numbers"),
        (dict(enlarge=["Li"]), "neither a species"),
        (dict(enlarge=[9]), "beyond"),
    ],
)
def test_what_does_not_fit_is_refused(traj, options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.draw_structure(traj, **options)


def test_the_species_of_a_result_have_to_agree(traj):
    wrong = steinhardt(traj, [0.1, 0.5, 0.3], LI).assign_coords(atom_species=("atom", ["S", "S", "S"]))
    with pytest.raises(vh.Refusal, match="their species are compared"):
        vh.draw_structure(traj, color=wrong)


def test_as_many_of_two_species_is_no_guess():
    two = vh.from_arrays(np.random.default_rng(2).uniform(0, 9, (1, 7, 3)), 9.0, ["S"] * 3 + ["Li"] * 3 + ["P"], [0.0],
                         wrapped=False)  # fmt: skip
    with pytest.raises(vh.Refusal, match="more than one species"):
        vh.draw_structure(two, color=np.ones(3))
    named = xr.Dataset({"r2": ("atom", [1.0, 4.0, 9.0])}, attrs={"species": "Li"})
    assert drawn(two, color=named)[4][0] == in_map(4.0, 1.0, 9.0)
