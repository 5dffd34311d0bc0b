"""Which element each atom is: by the person's map, by name, by mass, or a message that says all that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers.checks import settle_species

TYPES = np.array(["1", "2", "10", "2", "2"])
MASSES = np.array([22.99, 28.085, 32.06, 28.085, 28.085])
WHERE = Path("run.dump")


def test_by_map_by_name_and_by_mass() -> None:
    names = {1: "Na", "2": "29Si", 10: "S", 7: "never asked"}
    assert settle_species(TYPES, Options(names), WHERE).tolist() == ["Na", "29Si", "S", "29Si", "29Si"]
    assert settle_species(TYPES, Options(names), WHERE, masses=MASSES).tolist()[1] == "29Si"
    assert settle_species(np.array(["Li", "7Li"]), Options(), WHERE, masses=MASSES[:2]).tolist() == ["Li", "7Li"]
    assert settle_species(TYPES, Options(), WHERE, masses=MASSES).tolist() == ["Na", "Si", "S", "Si", "Si"]


def test_lists_count_from_one_or_from_zero() -> None:
    for first in (0, 1):
        labels = np.array([str(first + k) for k in (0, 1, 1, 2)])
        assert settle_species(labels, Options(["Li", "P", "S"]), WHERE).tolist() == ["Li", "P", "P", "S"]
        with pytest.raises(Refusal, match="names 2 atoms or types"):
            settle_species(labels, Options(["Li", "P"]), WHERE)


@pytest.mark.parametrize("masses", [np.ones(5), np.array([1.0, 2.5, 1.0, 2.5, 2.5])])
def test_reduced_masses_name_nothing(masses: np.ndarray) -> None:
    with pytest.raises(Refusal, match="does not say which element"):
        settle_species(TYPES, Options(), WHERE, masses=masses)


def test_the_message_lists_types_masses_and_counts() -> None:
    with pytest.raises(Refusal) as caught:
        settle_species(TYPES, Options(), WHERE, masses=np.array([23.3, 28.0, 99.5, 28.0, 30.0]))
    types = ["type 1 (mass 23.3, 1 atoms; Na?)", "type 2 (masses 28 to 30, 3 atoms)", "type 10 (mass 99.5, 1 atoms)"]
    assert caught.value.where == f"run.dump holds {', '.join(types)}"
    assert 'species={1: "..", 2: "..", 10: ".."}' in caught.value.do
    with pytest.raises(Refusal, match=r"species= does not name type 10.*type 1 \(mass 22.99, 1 atoms; Na\?\)"):
        settle_species(TYPES, Options({1: "Na", 2: "Si"}), WHERE, masses=MASSES)
    with pytest.raises(Refusal) as caught:
        settle_species(np.arange(500).astype(str), Options(), WHERE)
    assert "type 19 (1 atoms) and 480 more" in caught.value.where
    assert len(str(caught.value)) < 1200
