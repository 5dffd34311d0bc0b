"""Bond angles: perfect polyhedra, random directions, counting one by one, errors, refusals, other people's data."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

import vanhove as vh
from vanhove.base.figures import new_axes
from vanhove.structure._rdf import first_peak

SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
TETRAHEDRAL = np.degrees(np.arccos(-1 / 3))


def still(positions, cell, species, frames=1):
    """The same positions in every frame."""
    positions = np.repeat(np.asarray(positions)[None], frames, axis=0)
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False)


def gas(cell, species, frames, seed):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (frames, len(species), 3)) @ cell
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False, temperature=300)


def tetrahedra(number, seed, bond=2.05):
    """PS4 in a leaning cell, turned at random, lying across its boundaries."""
    rng = np.random.default_rng(seed)
    cell = 6.0 * number * np.array([[1.0, 0, 0], [0.4, 0.9, 0], [-0.3, 0.5, 1.1]])
    centres = np.indices((number,) * 3).reshape(3, -1).T / number @ cell
    turned = Rotation.random(len(centres), random_state=seed).as_matrix() @ CORNERS.T
    corners = centres[:, None] + bond * turned.transpose(0, 2, 1)
    positions = np.concatenate([centres, corners.reshape(-1, 3)])
    positions += rng.integers(-1, 2, (len(positions), 3)) @ cell
    return still(positions, cell, ["P"] * len(centres) + ["S"] * 4 * len(centres))


def one_by_one(traj, first, middle, last, near, far):
    """All angles, by trying every image of every pair; frames one after the other."""
    found = []
    for positions, cell in zip(traj.positions, traj.cells, strict=True):
        shifts = np.array(list(product(range(-2, 3), repeat=3))) @ cell
        for j in np.flatnonzero(traj.species == middle):
            ends = []
            for name, reach in ((first, near), (last, far)):
                others = np.flatnonzero(traj.species == name)
                vectors = (positions[others] - positions[j])[:, None] + shifts
                length = np.linalg.norm(vectors, axis=2)
                ends.append([tuple(v) for v in vectors[(length < reach) & (length > 1e-9)]])
            for a, b in product(*ends):
                if a != b:
                    cosine = np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
                    found.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(found)


def test_perfect_tetrahedra():
    result = vh.structure.angles(tetrahedra(4, 81), "S-P-S")
    assert float(result["mean"]) == pytest.approx(TETRAHEDRAL, abs=1e-10)
    assert float(result.spread) == pytest.approx(0, abs=1e-4)
    np.testing.assert_array_equal(result.angle.values[result.P.values > 0], [109.5])
    assert float(result.P.sel(angle=109.5)) == 1
    np.testing.assert_array_equal(result.coordination, [4, 4])


@pytest.mark.parametrize("repeat", [1, 2, 4])
def test_rock_salt_even_in_its_smallest_cell(repeat):
    """Of the fifteen pairs of six neighbours twelve are at 90° and three at 180°; edges belong to the bin above."""
    a = 5.64
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sodium = (cubes[:, None] + fcc).reshape(-1, 3) * a
    positions = np.concatenate([sodium, sodium + np.array([a / 2, 0, 0])])
    salt = still(positions, repeat * a, ["Na"] * len(sodium) + ["Cl"] * len(sodium))
    result = vh.structure.angles(salt, "Cl-Na-Cl", 3.5)
    np.testing.assert_array_equal(result.angle.values[result.P.values > 0], [90.5, 179.5])
    np.testing.assert_allclose(result.P.sel(angle=[90.5, 179.5]), [0.8, 0.2], rtol=1e-14)
    np.testing.assert_array_equal(result.coordination, [6, 6])


@pytest.mark.parametrize("ends", [("S", "S"), ("S", "Cl"), ("Cl", "S"), ("P", "S"), ("P", "P")], ids="-".join)
def test_every_angle_one_by_one(ends):
    traj = gas(SKEWED, ["P"] * 4 + ["S"] * 9 + ["Cl"] * 5, 3, 82)
    near, far = (3.1 if ends[0] == ends[1] else 2.6), 3.1
    first, last = ends
    expected = one_by_one(traj, first, "P", last, near, far)
    result = vh.structure.angles(traj, f"{first}-P-{last}", {f"P-{first}": near, f"{last}-P": far}, width=5)
    counted = np.histogram(expected, np.arange(0, 181, 5))[0]
    np.testing.assert_allclose(result.P, counted / counted.sum() / 5, rtol=1e-12)
    assert float(result["mean"]) == pytest.approx(expected.mean(), rel=1e-12)
    assert float(result.spread) == pytest.approx(expected.std(), rel=1e-9)
    np.testing.assert_array_equal(result.cutoff, [near, far])


def test_cell_that_changes_and_positions_that_wander():
    rng = np.random.default_rng(83)
    cells = SKEWED * (1 + 0.03 * rng.standard_normal((4, 1, 1)))
    inside = rng.uniform(0, 1, (4, 20, 3))
    species = ["P"] * 5 + ["S"] * 15
    home = vh.from_arrays(inside @ cells, cells, species, np.arange(4), wrapped=False)
    away = vh.from_arrays(
        (inside + rng.integers(-3, 4, inside.shape)) @ cells, cells, species, np.arange(4), wrapped=False
    )
    a, b = (vh.structure.angles(traj, "S-P-S", 3.3, width=10) for traj in (home, away))
    np.testing.assert_allclose(a.P, b.P, atol=1e-12)
    expected = one_by_one(home, "S", "P", "S", 3.3, 3.3)
    assert float(a["mean"]) == pytest.approx(expected.mean())


def test_random_directions_follow_the_sine_and_are_flat_per_solid_angle():
    """Neighbours of an ideal gas lie in independent directions; χ² of all bins."""
    traj = gas(20.0 * np.eye(3), ["S"] * 250, 60, 84)
    plain = vh.structure.angles(traj, "S-S-S", 3.0, width=6)
    flat = vh.structure.angles(traj, "S-S-S", 3.0, width=6, weighting="sin")
    edges = np.radians(np.arange(0, 181, 6))
    solid = np.diff(-np.cos(edges)) / 2
    pairs = one_by_one_number(traj, 3.0)
    chi2 = (((plain.P * 6 - solid) ** 2) / solid).sum() * pairs
    assert stats.chi2(len(solid) - 1).sf(float(chi2)) > 1e-3
    np.testing.assert_allclose(flat.P * 180, plain.P * 6 / solid / (plain.P * 6 / solid).sum() * 30, rtol=1e-12)
    assert abs(float((flat.P * 180).mean()) - 1) < 1e-12
    assert float(abs(flat.P * 180 - 1).max()) < 0.5


def one_by_one_number(traj, reach):
    """Number of unordered pairs of neighbours."""
    total = 0
    for positions in traj.positions:
        apart = positions[:, None] - positions
        apart -= 20.0 * np.round(apart / 20.0)
        near = (np.linalg.norm(apart, axis=2) < reach).sum(axis=1) - 1
        total += (near * (near - 1) // 2).sum()
    return total


@pytest.mark.parametrize("weighting", [None, "sin"])
@pytest.mark.parametrize("width", [0.5, 1.0, 7.5])
def test_the_distribution_is_normalised(weighting, width):
    result = vh.structure.angles(
        gas(SKEWED, ["P"] * 4 + ["S"] * 9, 5, 85), "S-P-S", 3.5, width=width, weighting=weighting
    )
    assert float(result.P.sum() * width) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(result.angle, width * (np.arange(180 / width) + 0.5))


def test_several_at_once_are_those_one_by_one():
    traj = gas(SKEWED, ["P"] * 4 + ["S"] * 9, 12, 86)
    asked = ["S-P-S", "P-S-P", "S-S-S"]
    together = vh.structure.angles(traj, asked, 3.5)
    assert together.P.dims == ("triplet", "angle")
    for name in asked:
        one = vh.structure.angles(traj, name, 3.5)
        assert one.P.dims == ("angle",)
        assert str(one.triplet.values) == name
        for variable in ("P", "P_error", "mean", "mean_error", "spread", "coordination", "cutoff"):
            np.testing.assert_allclose(together[variable].sel(triplet=name), one[variable], rtol=1e-12)


def test_an_element_means_all_its_isotopes():
    rng = np.random.default_rng(87)
    positions = rng.uniform(0, 1, (4, 20, 3)) @ SKEWED
    mixed = vh.from_arrays(positions, SKEWED, ["P"] * 4 + ["32S", "34S"] * 8, np.arange(4), wrapped=False)
    plain = vh.from_arrays(positions, SKEWED, ["P"] * 4 + ["S"] * 16, np.arange(4), wrapped=False)
    a, b = (vh.structure.angles(traj, "S-P-S", 3.5) for traj in (mixed, plain))
    np.testing.assert_array_equal(a.P, b.P)
    expected = np.histogram(one_by_one(mixed, "32S", "P", "34S", 3.5, 3.5), np.arange(181))[0]
    apart = vh.structure.angles(mixed, "32S-P-34S", 3.5)
    np.testing.assert_allclose(apart.P, expected / expected.sum(), rtol=1e-12)


# cut-offs


def shaken_tetrahedra(frames=30, amplitude=0.08):
    still_ones = tetrahedra(3, 88)
    rng = np.random.default_rng(88)
    positions = still_ones.positions + amplitude * rng.standard_normal((frames, still_ones.n_atoms, 3))
    return vh.from_arrays(positions, still_ones.cells[0], still_ones.species, np.arange(frames), wrapped=False)


def test_the_default_is_the_first_minimum_of_g():
    traj = shaken_tetrahedra()
    result = vh.structure.angles(traj, "S-P-S")
    minimum = first_peak(vh.structure.rdf(traj, "P-S", r_max=8.0), "P-S").first_minimum
    np.testing.assert_array_equal(result.cutoff, [minimum, minimum])
    np.testing.assert_array_equal(result.coordination, [4, 4])
    assert float(result["mean"]) == pytest.approx(TETRAHEDRAL, abs=0.6)
    given = vh.structure.angles(traj, "S-P-S", minimum)
    np.testing.assert_array_equal(given.P, result.P)


def test_no_minimum_no_angle():
    traj = gas(15.0 * np.eye(3), ["P"] * 60 + ["S"] * 200, 40, 89)
    with pytest.raises(
        vh.Refusal, match=r"How far the bond P-S reaches.*no first peak within 8 Å.*Give it in Å as cutoff"
    ):
        vh.structure.angles(traj, "S-P-S")


# errors and blocks


def test_the_error_sees_frames_that_resemble_each_other():
    once = gas(SKEWED, ["P"] * 4 + ["S"] * 9, 50, 90)
    tenfold = vh.from_arrays(np.repeat(once.positions, 10, axis=0), SKEWED, once.species, np.arange(500), wrapped=False)
    a, b = (vh.structure.angles(traj, "S-P-S", 3.5, width=10) for traj in (once, tenfold))
    for name in ("P", "P_error", "mean", "mean_error", "coordination_error"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9)


def test_the_stated_error_is_the_spread_between_runs():
    runs = [vh.structure.angles(gas(SKEWED, ["P"] * 4 + ["S"] * 9, 40, 900 + k), "S-P-S", 3.5) for k in range(200)]
    z = np.array([(float(run["mean"]) - 90) / float(run.mean_error) for run in runs])
    # random directions average 90°; an atom and its own image are never both within 3.5 Å of a third
    assert stats.kstest(z, stats.t(9).cdf).pvalue > 1e-3


def test_one_frame_has_no_error():
    result = vh.structure.angles(gas(SKEWED, ["P"] * 4 + ["S"] * 9, 1, 91), "S-P-S", 3.5)
    assert np.isnan(result.P_error).all()
    assert np.isnan(result.mean_error)
    assert np.isfinite(result.P).all()


def test_cut_small_gives_the_same_as_in_one_piece(monkeypatch):
    traj = gas(SKEWED, ["P"] * 20 + ["S"] * 60, 47, 92)
    monkeypatch.setenv("VANHOVE_THREADS", "1")
    whole = vh.structure.angles(traj, "S-P-S", 3.0)
    monkeypatch.setenv("VANHOVE_THREADS", "3")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    pieces = vh.structure.angles(traj, "S-P-S", 3.0)
    np.testing.assert_array_equal(pieces.P, whole.P)
    np.testing.assert_allclose(pieces["mean"], whole["mean"], rtol=1e-13)


# the result


def test_the_result_says_what_it_is(tmp_path):
    traj = gas(SKEWED, ["P"] * 4 + ["S"] * 9, 4, 93)
    result = vh.structure.angles(traj, "S - P - S", 3.5)
    assert str(result.triplet.values) == "S-P-S"
    assert result.P.attrs["units"] == "1/°"
    assert json.loads(result.attrs["parameters"]) == {
        "triplets": "S-P-S",
        "cutoff": 3.5,
        "width": 1.0,
        "weighting": None,
    }
    assert result.attrs["temperature"] == 300
    vh.save(result, tmp_path / "a.nc")
    assert vh.load(tmp_path / "a.nc").identical(result)


def test_no_angle_at_all_is_said():
    traj = still([[1.0, 1, 1], [3.0, 1, 1]], 20.0, ["P", "S"])
    result = vh.structure.angles(traj, ["S-P-S"], 2.5)
    assert np.isnan(result.P).all()
    assert np.isnan(result["mean"]).all()
    assert result.attrs["note"] == "There is no angle S-P-S: no atom in the middle has two such bonds."
    np.testing.assert_array_equal(result.coordination, [[1, 1]])
    vh.draw(result, new_axes()).figure.canvas.draw()


def test_the_picture():
    traj = shaken_tetrahedra()
    ax = vh.draw(vh.structure.angles(traj, ["S-P-S", "S-S-S"], {"P-S": 2.6, "S-S": 4.0}), new_axes())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[0].startswith("S-P-S: 109.")
    assert ax.get_xlabel() == "angle (°)"
    assert ax.get_ylabel() == "P (1/°)"
    ax = vh.draw(vh.structure.angles(traj, "S-P-S", 2.6), new_axes())
    assert len(ax.get_legend().get_texts()) == 1


def test_refusals():
    traj = gas(SKEWED, ["P"] * 4 + ["S"] * 9, 2, 94)
    for options, message in [
        (dict(triplets="S-P"), "'S-P' is no triplet.*centre in the middle"),
        (dict(triplets="S--S"), "is no triplet"),
        (dict(triplets=[]), "No triplet was asked for"),
        (dict(triplets="S-Si-S"), "no 'Si'.*Did you mean 'S'"),
        (dict(triplets="S-P-S", cutoff=0.0), "cutoff of P-S is 0.0"),
        (dict(triplets="S-P-S", cutoff=np.nan), "cutoff of P-S is nan"),
        (dict(triplets="S-P-S", cutoff={"P-Cl": 3.0}), "cutoff names 'P-Cl'.*Did you mean 'P-S'"),
        (dict(triplets="S-P-S", cutoff=3.0, width=7.0), "7.0° don't divide 180°"),
        (dict(triplets="S-P-S", cutoff=3.0, width=0.0), "don't divide"),
        (dict(triplets="S-P-S", cutoff=3.0, width=np.nan), "don't divide"),
    ]:
        with pytest.raises(vh.Refusal, match=message):
            vh.structure.angles(traj, **options)


def test_options_of_a_study_and_of_the_command_line():
    from vanhove.cli.options import arguments
    from vanhove.study.options import parameters_of, resolve

    asked = {"triplets": ["S-P-S"], "cutoff": {"P-S": 2.6}, "width": 2, "weighting": "sin"}
    assert resolve("structure.angles", asked)["cutoff"] == {"P-S": 2.6}
    assert resolve("structure.angles", {"triplets": "S-P-S", "cutoff": 3, "weighting": "none"})["weighting"] is None
    parameters = list(parameters_of("structure.angles").values())[1:]
    for text, meant in [("2.6", 2.6), ("P-S=2.6,P-Cl=3", {"P-S": 2.6, "P-Cl": 3.0}), ("none", None)]:
        assert arguments("structure.angles", parameters, {"triplets": "S-P-S", "cutoff": text})["cutoff"] == meant
    read = arguments("structure.angles", parameters, {"triplets": "S-P-S,S-P-Cl"})
    assert read["triplets"] == ["S-P-S", "S-P-Cl"]


# other people's data


def test_li6ps5cl(shared_data):
    path = shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz"
    traj = vh.open(path, spacing=0.1, temperature=500)
    result = vh.structure.angles(traj, "S-P-S")
    np.testing.assert_array_equal(result.coordination, [4, 4])
    assert float(result["mean"]) == pytest.approx(TETRAHEDRAL, abs=0.3)
    assert float(result.P.idxmax("angle")) == pytest.approx(TETRAHEDRAL, abs=2)


def test_a_quick_quench_has_a_second_maximum_near_90(shared_data):
    path = shared_data / "na2s-sis2-md" / "prod_600K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, temperature=600)[::10]
    P = vh.structure.angles(traj, "S-Si-S", width=2).P
    top = P.values[1:-1][(P.values[1:-1] > P.values[:-2]) & (P.values[1:-1] > P.values[2:])]
    where = P.angle.values[np.isin(P.values, top)]
    assert (abs(where - 90) < 4).any()
    assert (abs(where - 107) < 4).any()
    assert float(P.sel(angle=99)) < 0.8 * min(float(P.sel(angle=91)), float(P.sel(angle=107)))
