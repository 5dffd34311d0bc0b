"""What is held: polyanions found by their bonds, degrees of freedom, frozen atoms; nothing is run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from argyrodite import CELL, argyrodite
from ase import Atoms
from ase.build import molecule

from vanhove.base.errors import Refusal
from vanhove.simulate._constrain import CONSTRAINTS, Constraint, constrain
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol
from vanhove.simulate.constraints import Held, held_in_stages
from vanhove.simulate.polyanions import find_polyanions


def held(atoms: Any, kind: str | None = None, *, stage: Any = None, **options: Any) -> Held:
    protocol = Protocol((stage or Hold(300, 1),), constrain=constrain(kind, **options) if kind else None)
    stages, _ = held_in_stages(protocol, atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array, atoms.arrays)
    return stages[0]


def test_the_tetrahedra_of_an_argyrodite_are_found() -> None:
    atoms = argyrodite()
    assert atoms.get_chemical_formula() == "Cl4Li24P4S20"
    for shift in (0.0, 3.3):  # wherever the boundary cuts them
        moved = atoms.copy()
        moved.positions += shift
        moved.wrap()
        found = find_polyanions(moved.get_chemical_symbols(), moved.positions, moved.cell.array)
        assert np.bincount(found.unit).tolist() == [32, 5, 5, 5, 5]
        assert not found.endless.any()
        whole = moved.positions + found.image @ moved.cell.array
        for number in range(1, 5):
            unit = whole[found.unit == number]
            assert np.linalg.norm(unit - unit.mean(axis=0), axis=1).max() < 2.1
            kinds = moved.symbols[found.unit == number]
            assert sorted(kinds) == ["P", "S", "S", "S", "S"]


def test_what_each_constraint_holds() -> None:
    atoms = argyrodite()
    species = np.array(atoms.get_chemical_symbols())
    units = find_polyanions(species.tolist(), atoms.positions, atoms.cell.array).unit
    rigid, still = held(atoms, "rigid-polyanions"), held(atoms, "no-rotation")
    assert np.array_equal(rigid.body, units)
    assert (rigid.bodies, rigid.turning, rigid.freedom) == (4, True, 3 * 32 + 6 * 4 - 3)
    assert (still.bodies, still.turning, still.freedom) == (4, False, 3 * 32 + 3 * 4 - 3)
    assert not rigid.fixed.any()
    fixed = held(atoms, "fixed-polyanions")
    assert np.array_equal(fixed.fixed, units > 0)
    assert fixed.freedom == 3 * 32  # among fixed atoms the momentum of the others is not kept
    anions = held(atoms, "fixed-anions")
    assert np.array_equal(anions.fixed, (units == 0) & (species != "Li"))
    assert anions.fixed.sum() == 8
    framework = held(atoms, "fixed-framework")
    assert np.array_equal(framework.fixed, species != "Li")
    assert np.array_equal(held(atoms, "fixed-framework", mobile=["Li", "Cl"]).fixed, np.isin(species, ["P", "S"]))


def test_a_bond_between_formers_makes_one_unit() -> None:
    """P2S6 with its P-P bond, across a boundary; a straight unit has two ways to turn."""
    ethane: Any = molecule("C2H6")
    unit = Atoms("P2S6", positions=ethane.positions * (2.2 / 1.53), cell=[15] * 3, pbc=True)
    unit.positions[2:] = unit.positions[[0] * 3 + [1] * 3] + 1.25 * (
        unit.positions[2:] - unit.positions[[0] * 3 + [1] * 3]
    )
    unit.wrap()
    found = find_polyanions(unit.get_chemical_symbols(), unit.positions, unit.cell.array)
    assert set(found.unit) == {1}
    straight = Atoms("CS2Li2", positions=[[0, 0, 0], [1.6, 0, 0], [-1.6, 0, 0], [5, 5, 5], [8, 8, 8]], cell=[12] * 3)
    straight.pbc = True
    assert held(straight, "rigid-polyanions", formers="C", anions="S").freedom == 5 + 6 - 3


def test_endless_units_are_no_bodies() -> None:
    chain = Atoms("Si2O2", positions=[[0, 0, 0], [3.2, 0, 0], [1.6, 0, 0], [4.8, 0, 0]], cell=[6.4, 9, 9], pbc=True)
    chain += Atoms("Li", positions=[[3, 4, 4]])
    assert held(chain, "fixed-polyanions").fixed.sum() == 4
    with pytest.raises(Refusal, match=r'goes on through the whole cell.*Choose "fixed-polyanions"'):
        held(chain, "no-rotation")


def test_frozen_atoms_are_chosen_by_element_number_or_array() -> None:
    atoms = argyrodite()
    species = np.array(atoms.get_chemical_symbols())
    atoms.set_array("region", np.where(atoms.positions[:, 2] < CELL / 2, "crystal", "glass"))
    atoms.set_array("layer", (atoms.positions[:, 2] // 2).astype(int))
    for chosen, expected in (
        ("P", species == "P"),
        (["P", "S"], np.isin(species, ["P", "S"])),
        ([0, 3], np.isin(np.arange(52), [0, 3])),
        (np.array([0, 3]), np.isin(np.arange(52), [0, 3])),
        ({"region": "crystal"}, atoms.arrays["region"] == "crystal"),
        ({"region": "crystal", "layer": [0, 1]}, (atoms.arrays["region"] == "crystal") & (atoms.arrays["layer"] < 2)),
    ):
        for stage in (Minimise(frozen=chosen), Hold(300, 1, frozen=chosen), Produce(300, 1, 0.1, frozen=chosen)):
            found = held(atoms, stage=stage)
            assert np.array_equal(found.fixed, expected)
            assert found.freedom == 3 * (~expected).sum()
            data = json.loads(json.dumps(Protocol((stage,)).to_dict()))
            assert Protocol.from_dict(data) == Protocol((stage,))


def test_a_constraint_is_plain_data() -> None:
    for kind in CONSTRAINTS:
        one = constrain(kind)
        protocol = Protocol((Hold(300, 1),), constrain=one)
        assert Protocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol
    named: Any = "no-rotation"
    assert Protocol((Hold(300, 1),), constrain=named) == Protocol((Hold(300, 1),), constrain=constrain("no-rotation"))
    full = constrain("no-rotation", formers="P", anions=["S", "Cl"], cutoffs={"P-S": 2.6})
    assert Constraint.from_dict(json.loads(json.dumps(full.to_dict()))) == full


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Protocol((Hold(300, 1),), constrain="rotation"), "no constraint 'rotation'"),  # type: ignore[arg-type]
        (lambda: constrain("rigid-polyanion"), "Did you mean 'rigid-polyanions'"),
        (lambda: constrain("no-rotation", mobile="Li"), "mobile= says nothing"),
        (lambda: constrain("fixed-framework", cutoffs={"P-S": 2.0}), "looks for no polyanion"),
        (lambda: constrain("no-rotation", formers="Px"), "'Px' is no element"),
        (lambda: constrain("no-rotation", cutoffs={"P-S": -1}), "positive length"),
        (lambda: Constraint.from_dict({"kind": "no-rotation", "turn": True}), "turn"),
        (lambda: held(argyrodite(), "no-rotation", formers="Si"), "no Si in the structure"),
        (lambda: held(argyrodite(), "no-rotation", cutoffs={"P-S": 1.0}), "no polyanions"),
        (lambda: held(argyrodite(), "no-rotation", cutoffs={"P-O": 1.0}), "no bond here"),
        (lambda: held(argyrodite(), "fixed-framework", mobile="Na"), "no Na"),
        (lambda: held(Atoms("NaLiCl2", cell=[9] * 3, pbc=True), "fixed-framework"), "mobile is not said"),
        (lambda: held(Atoms("LiCl", cell=[9] * 3, pbc=True), "no-rotation"), "no polyanions"),
        (lambda: held(argyrodite(), stage=Hold(300, 1, frozen={"region": "crystal"})), "no array 'region'"),
        (lambda: held(argyrodite(), stage=Hold(300, 1, frozen="Na")), "no Na"),
        (lambda: held(argyrodite(), stage=Hold(300, 1, frozen=[52])), "no atom 52"),
        (lambda: held(argyrodite(), stage=Hold(300, 1, frozen={"numbers": 1})), "No atom is frozen"),
        (lambda: held(argyrodite(), stage=Hold(300, 1, frozen=["Li", "P", "S", "Cl"])), "left to move"),
        (lambda: held(argyrodite(), "rigid-polyanions", stage=Hold(300, 1, frozen="P")), "A part of a rigid body"),
        (lambda: Hold(300, 1, frozen=[]), "no atoms to choose"),
        (lambda: Hold(300, 1, frozen=[-1]), "no atoms to choose"),
        (lambda: Hold(300, 1, frozen=3), "no atoms to choose"),
        (lambda: Hold(300, 1, frozen=["P", 3]), "no atoms to choose"),
        (lambda: Hold(300, 1, frozen="P", pressure=1), "can't change around frozen atoms"),
        (lambda: Protocol((Hold(300, 1, pressure=1),), constrain=constrain("no-rotation")), "cell can't change"),
    ],
)
def test_what_can_not_be_held_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        wrong()
