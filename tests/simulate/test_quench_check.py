from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from argyrodite import argyrodite
from ase import Atoms
from ase.build import bulk

from vanhove.simulate._protocol import Hold, Ramp
from vanhove.simulate._run import run
from vanhove.simulate.quench_check import check, largest_hole


def checked(atoms: Any, began: Any = None) -> dict[str, Any]:
    cell = atoms.cell.array
    return check(
        atoms.get_chemical_symbols(), atoms.positions, cell, atoms.get_masses(), cell if began is None else began
    )


@pytest.mark.parametrize(("structure", "radius"), [("sc", 3**0.5 / 2), ("bcc", 5**0.5 / 4), ("fcc", 0.5)])
def test_the_holes_of_crystals(structure: str, radius: float) -> None:
    a = 4.0
    primitive = bulk("Cu", structure, a=a)
    for atoms in (primitive, primitive * (3, 2, 3), bulk("Cu", structure, a=a, cubic=True)):
        atoms.positions += [0.1, 7.2, -3.0]
        assert largest_hole(atoms.positions, atoms.cell.array) == pytest.approx(radius * a, abs=1e-6)


def test_a_planted_hole_is_found_and_doubted() -> None:
    generator = np.random.default_rng(4)
    cell = np.array([[16.0, 0, 0], [3, 15, 0], [-2, 1, 17]])
    positions = generator.uniform(0, 1, (160, 3)) @ cell
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 40, endpoint=False)] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell

    def on_grid(some: Any) -> float:
        images = (some[:, None] + shifts).reshape(-1, 3)
        return max(np.linalg.norm(images - point, axis=1).min() for point in grid)

    exact, rough = largest_hole(positions, cell), on_grid(positions)
    assert rough <= exact < rough + 0.35
    centre = np.array([0.0, 0.0, 0.0])  # in a corner of the cell: the boundary does not hide it
    images = positions[:, None] + shifts - centre
    away = np.linalg.norm(images, axis=2).min(axis=1)
    hollow = Atoms(f"Li{(away > 6).sum()}", positions=positions[away > 6], cell=cell, pbc=True)
    assert largest_hole(hollow.positions, cell) == pytest.approx(6, abs=0.6)
    assert "hole of" in checked(hollow)["doubts"][0]


def test_a_crystal_gives_no_doubt() -> None:
    found = checked(argyrodite())
    assert found["coordination"] == {"P": 4.0}
    assert found["density"] == pytest.approx(1.86, abs=0.01)
    assert found["doubts"] == []


def test_what_is_doubtful_is_said() -> None:
    atoms = argyrodite()
    sulphur = int(np.flatnonzero(atoms.symbols == "S")[-1])
    phosphorus = int(np.flatnonzero(atoms.symbols == "P")[0])
    atoms.positions[sulphur] = atoms.positions[phosphorus] + [2.0, 0, 0]
    wide = atoms.copy()
    found = checked(wide, began=atoms.cell.array * 0.9)
    assert any("P has 4.25 anions" in text for text in found["doubts"])
    assert any("density went from 2.5" in text for text in found["doubts"])


@pytest.mark.usefixtures("lammps")
def test_a_run_tells_what_it_made(relaxed: Any, forces: Any, tmp_path: Path) -> None:
    result = run(relaxed, forces, [Hold(2000, 0.1), Ramp(2000, 500, 5000)], tmp_path)
    found = result.summary["check"]
    structure = result.structure
    assert found["density"] == pytest.approx(2.01, abs=0.01)
    assert found["hole"] == pytest.approx(largest_hole(structure.positions, structure.cell.array), abs=1e-5)
    assert 3.5 < found["coordination"]["Si"] < 5.5
