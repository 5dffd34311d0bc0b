"""What makes a calculator, and what it is asked for."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from vanhove.simulate import crystal
from vanhove.simulate.calling import CHGNET, made


class Universal(Calculator):
    """Has CHGNet's way of being asked, and notes what for."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - ASE's own way

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options, self.asked = options, list[str]()

    def calculate(
        self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes, task: str = "efsm"
    ) -> None:
        super().calculate(atoms, properties or self.implemented_properties, system_changes)
        self.asked.append(task)
        self.results |= {"energy": 1.0, "forces": np.zeros((len(self.atoms), 3))}
        if task == "efsm":
            self.results["stress"] = np.zeros(6)


@pytest.fixture
def universal(monkeypatch: pytest.MonkeyPatch) -> Any:
    names = CHGNET.partition(":")[0].split(".")
    for depth in range(len(names)):
        monkeypatch.setitem(sys.modules, ".".join(names[: depth + 1]), ModuleType(names[depth]))
    sys.modules["chgnet.model.dynamics"].CHGNetCalculator = Universal  # type: ignore[attr-defined]
    return made(CHGNET, {"use_device": "cpu"})


def test_options_are_passed_on() -> None:
    assert made("ase.calculators.lj:LennardJones", {"sigma": 3.4, "rc": 8.5}).parameters["sigma"] == 3.4


def test_chgnet_is_asked_for_energy_and_forces_and_for_more_where_that_is_wanted(universal: Any) -> None:
    atoms: Any = bulk("Cu")
    atoms.calc = universal
    assert universal.options == {"use_device": "cpu"}
    atoms.get_forces()
    assert atoms.get_potential_energy() == 1.0
    assert universal.asked == ["ef"]
    atoms.get_stress()
    assert universal.asked == ["ef", "efsm"]
    universal.calculate(atoms)
    assert universal.asked[-1] == "efsm"


def test_forces_of_chgnet_do_not_depend_on_what_else_is_asked() -> None:
    pytest.importorskip("chgnet")
    cell = crystal("li6ps5cl")
    calculator = made(CHGNET, {"use_device": "cpu"})
    calculator.calculate(cell, ["forces"], all_changes)
    forces, energy = calculator.results["forces"], calculator.results["energy"]
    calculator.calculate(cell, ["forces", "stress"], all_changes)
    np.testing.assert_allclose(forces, calculator.results["forces"], atol=1e-5)
    assert energy == pytest.approx(calculator.results["energy"], abs=1e-5)
