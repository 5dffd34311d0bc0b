from __future__ import annotations

import numpy as np
import pytest

from vanhove.simulate.deepmd_input import faded, listed, training_input, wall_table, zbl
from vanhove.simulate.deepmd_settings import load_settings


def test_deepmd_is_told_what_the_settings_say() -> None:
    lps = load_settings("lps")
    counts = {"Li": 60, "P": 20, "S": 58}
    told = training_input(lps, lps.phases[0], ("Li", "P", "S"), counts, (["a", "b"], ["c"]), (0.25, 0.75), (1, 2, 3))
    descriptor, fitting = told["model"]["descriptor"], told["model"]["fitting_net"]
    assert told["model"]["type_map"] == ["Li", "P", "S"]
    assert (descriptor["rcut"], descriptor["neuron"], fitting["neuron"]) == (6.5, [25, 50, 100], [240, 240, 240])
    assert descriptor["sel"] == [68, 24, 64]
    assert told["learning_rate"] == {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-9, "decay_steps": 5000}
    assert told["loss"] == {
        "type": "ener", "start_pref_e": 0.02, "limit_pref_e": 2, "start_pref_f": 1000, "limit_pref_f": 1,
        "start_pref_v": 0.02, "limit_pref_v": 0.2,
    }  # fmt: skip
    training = told["training"]
    assert training["numb_steps"] == 6_000_000
    assert training["training_data"]["systems"] == ["a", "b"]
    assert training["training_data"]["sys_probs"] == [0.25, 0.75]
    assert training["validation_data"]["systems"] == ["c"]
    assert (descriptor["seed"], fitting["seed"], training["seed"]) == (1, 2, 3)
    assert (told["model"]["sw_rmax"], told["model"]["sw_rmin"]) == (0.9, 0.6)
    second = training_input(lps, lps.phases[1], ("Li", "P", "S"), counts, (["a"], []), (1.0,), (1, 2, 3))
    assert "use_srtab" not in second["model"]
    assert "validation_data" not in second["training"]


@pytest.mark.parametrize(("most", "length"), [(0, 4), (1, 4), (10, 12), (40, 44), (58, 64)])
def test_neighbour_lists_have_room_to_spare(most: int, length: int) -> None:
    assert listed(most) == length


def test_the_wall_is_that_of_two_nuclei() -> None:
    """Close by it is the bare Coulomb energy; farther out as LAMMPS's pair style zbl prints it."""
    r = np.array([1e-4])
    assert zbl("S", "P", r) == pytest.approx(14.3996454784255 * 16 * 15 / r, rel=2e-2)
    length = 0.46850 / (16**0.23 + 3**0.23)
    x = 1.0 / length
    shares = (0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162)
    by_hand = 14.3996454784255 * 48 * sum(share * np.exp(-decay * x) for share, decay in shares)
    assert zbl("7Li", "S", np.array([1.0])) == pytest.approx(by_hand, rel=1e-12)


def test_it_fades_without_a_kink() -> None:
    r = np.linspace(0.01, 6.0, 600)
    energy = faded(zbl("S", "S", r), r, 6.0)
    assert energy[-1] == pytest.approx(0, abs=1e-12)
    assert np.gradient(energy, r)[-1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(energy[r < 3], zbl("S", "S", r)[r < 3])
    assert (np.diff(energy) <= 0).all()


def test_the_table_has_a_column_for_each_pair() -> None:
    table = np.array(
        [[float(word) for word in line.split()] for line in wall_table(["Li", "P", "S"], 6.0).splitlines()]
    )
    assert table.shape == (600, 1 + 6)
    np.testing.assert_allclose(np.diff(table[:, 0]), 0.01, rtol=1e-6)
    for column, pair in enumerate([("Li", "Li"), ("Li", "P"), ("Li", "S"), ("P", "P"), ("P", "S"), ("S", "S")], 1):
        assert table[99, column] == pytest.approx(zbl(*pair, np.array([1.0]))[0], rel=1e-9)
