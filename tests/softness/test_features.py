"""F1: radial structure functions against a histogram by hand."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh

SKEWED = np.array([[6.0, 0.0, 0.0], [2.5, 5.0, 0.0], [-1.5, 2.0, 4.5]])


def by_hand(positions, cell, ions, others, width, bins, images=5):
    """Counts of (ion, shell): every image of every other atom, one distance after the other."""
    shifts = np.stack(np.meshgrid(*[np.arange(-images, images + 1)] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    table = np.zeros((len(ions), bins))
    for row, i in enumerate(ions):
        for j in others:
            for shift in shifts:
                distance = np.linalg.norm(positions[j] + shift - positions[i])
                shell = int(distance / width + 1e-9)  # an ion's own images may be on an edge but for rounding
                if shell < bins and (i != j or shift.any()):
                    table[row, shell] += 1
    return table


@pytest.fixture(scope="module")
def small() -> vh.Trajectory:
    """8 atoms in a skewed cell that is smaller than the reach of the shells, and breathes."""
    rng = np.random.default_rng(81)
    cells = SKEWED * np.linspace(1, 1.1, 4)[:, None, None]
    positions = rng.random((4, 8, 3)) @ cells
    return vh.from_arrays(positions, cells, ["Li"] * 3 + ["P"] + ["S"] * 4, [0.0, 1.0, 2.0, 3.0], wrapped=True)


def test_it_is_the_histogram_by_hand_in_a_small_skewed_cell(small: vh.Trajectory) -> None:
    found = vh.softness.features(small, "Li", width=0.5, cutoff=9.0)
    assert found["G"].shape == (4 * 3, 3 * 18)
    for frame in range(4):
        for pair, others in (("Li-Li", [0, 1, 2]), ("Li-P", [3]), ("Li-S", [4, 5, 6, 7])):
            mine = found["G"].values[found["frame"].values == frame][:, found["pair"].values == pair]
            expected = by_hand(small.positions[frame], small.cells[frame], [0, 1, 2], others, 0.5, 18)
            np.testing.assert_array_equal(mine, expected)


def test_samples_know_their_ion_frame_and_place(small: vh.Trajectory) -> None:
    found = vh.softness.features(small, "S", frames=[3, 1], width=0.5, cutoff=2.0, neighbours=["S", "Li"])
    assert found["frame"].values.tolist() == [1] * 4 + [3] * 4
    assert found["time"].values.tolist() == [1.0] * 4 + [3.0] * 4
    assert found["atom"].values.tolist() == [4, 5, 6, 7] * 2
    assert list(dict.fromkeys(found["pair"].values.tolist())) == ["S-S", "S-Li"]
    np.testing.assert_allclose(found["r"].values[:4], [0.25, 0.75, 1.25, 1.75])
    fraction = small.positions[3, 5] @ np.linalg.inv(small.cells[3])
    np.testing.assert_allclose([found[f"place_{a}"].values[5] for a in "abc"], fraction % 1, atol=1e-12)


def test_a_selection_still_sees_all_that_is_around_it(small: vh.Trajectory) -> None:
    whole, part = vh.softness.features(small, "Li"), vh.softness.features(small.select("Li"), "Li")
    np.testing.assert_array_equal(whole["G"].values, part["G"].values)
    some = vh.softness.features(small.where(np.arange(8) % 2 == 0), "Li")
    np.testing.assert_array_equal(some["G"].values, whole["G"].values[whole["atom"].values % 2 == 0])
    assert some["atom"].values.tolist()[:2] == [0, 1], "numbers count in the view"


def test_structures_without_time_are_taken(small: vh.Trajectory) -> None:
    from ase import Atoms

    frames = [Atoms(small.species, small.positions[k], cell=small.cells[k], pbc=True) for k in range(4)]
    np.testing.assert_allclose(
        vh.softness.features(frames, "Li")["G"].values, vh.softness.features(small, "Li")["G"].values
    )
    assert vh.softness.features(frames[0], "Li").sizes["sample"] == 3


def test_every_and_blocks_do_not_change_a_number(small: vh.Trajectory, monkeypatch: pytest.MonkeyPatch) -> None:
    full = vh.softness.features(small, "Li")
    half = vh.softness.features(small, "Li", every=2)
    np.testing.assert_array_equal(half["G"].values, full["G"].values[np.isin(full["frame"].values, [0, 2])])
    monkeypatch.setenv("VANHOVE_MEMORY", "3MB")
    np.testing.assert_array_equal(vh.softness.features(small, "Li")["G"].values, full["G"].values)


def test_the_mean_is_that_of_the_pair_distribution_function() -> None:
    rng = np.random.default_rng(82)
    gas = vh.from_arrays(rng.random((20, 400, 3)) * 20, 20.0, ["Na"] * 100 + ["S"] * 300, np.arange(20.0), wrapped=True)
    found = vh.softness.features(gas, "Na", width=0.5, cutoff=8.0, neighbours="S")
    g = (found["G"].mean("sample") / (found["shell"] * found["density"])).values
    expected = vh.structure.rdf(gas, pairs="Na-S", r_max=8.0, width=0.5)
    np.testing.assert_allclose(g, expected["g"].values[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 0.0}, "positive distance"),
        ({"cutoff": 0.1}, "holds a shell"),
        ({"every": 0}, "whole number"),
        ({"frames": [9]}, "there are 4"),
        ({"frames": [0], "every": 2}, "Give one of them"),
        ({"species": "Na"}, "There is no 'Na'"),
        ({"neighbours": "Na"}, "There is no 'Na'"),
        ({"neighbours": []}, "names no species"),
    ],
)
def test_bad_input_is_refused(small: vh.Trajectory, options: dict, said: str) -> None:
    with pytest.raises(vh.Refusal, match=said):
        vh.softness.features(small, **{"species": "Li", **options})


def test_what_is_no_trajectory_is_refused() -> None:
    with pytest.raises(vh.Refusal, match="ndarray is no trajectory"):
        vh.softness.features(np.zeros(3), "Li")


def test_what_does_not_fit_the_memory_is_refused(small: vh.Trajectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    with pytest.raises(vh.Refusal, match="memory budget"):
        vh.softness.features(small, "Li", width=0.0005)
