"""CP2K itself: forces and virials are slopes of its energy, its runs go on bit by bit; skipped where it is missing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from vanhove import Refusal
from vanhove.simulate import cp2k, label

pytestmark = [
    pytest.mark.usefixtures("cp2k_program"),
    pytest.mark.filterwarnings("ignore:A cell is only"),  # they are small on purpose
]

KILLED = """
import sys, warnings
from ase import Atoms
from vanhove.simulate import Hold, Produce, Protocol, cp2k, run

warnings.simplefilter("ignore")
atoms = Atoms("H2", positions=[(0, 0, 0), (0.75, 0.2, 0.2)], cell=[4.5, 4.5, 5.0], pbc=True)
plan = Protocol((Hold(300, 0.002), Produce(300, 0.004, 0.001)), timestep=0.25)
run(atoms, cp2k("cheap", cutoff=150, rel_cutoff=30), plan, sys.argv[1], leg_steps=8)
"""


def hydrogen() -> Any:
    return Atoms("H2", positions=[(0.1, 0.2, 0.3), (0.8, 0.4, 0.5)], cell=[4.5, 4.6, 5.0], pbc=True)


def lithium_sulfide() -> Any:
    """The conventional cell of antifluorite, 12 atoms, all moved a little."""
    sulfur = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    lithium = [(x, y, z) for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
    atoms: Any = Atoms("S4Li8", scaled_positions=sulfur + lithium, cell=[5.69] * 3, pbc=True)
    atoms.positions += np.random.default_rng(1).normal(0, 0.05, atoms.positions.shape)
    return atoms


def strained(atoms: Any, strain: Any) -> Any:
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + np.asarray(strain)), scale_atoms=True)
    return moved


def test_forces_and_virials_are_slopes_of_the_energy(tmp_path: Path) -> None:
    """A molecule of hydrogen: eV/Å, and the sign of the virial."""
    engine, base, step, stretch = cp2k("cheap", cutoff=200, eps_scf=1e-7), hydrogen(), 0.005, 0.004
    several = [base]
    for side in (step, -step):
        moved = base.copy()
        moved.positions[1, 0] += side
        several.append(moved)
    several += [strained(base, np.diag([0, 0, side])) for side in (stretch, -stretch)]
    systems = label(several, engine, tmp_path / "labels").systems
    assert len(systems) == 1
    (system,) = systems
    energy, virial = system.energy, system.virial
    assert virial is not None
    assert system.forces[0, 1, 0] == pytest.approx(-(energy[1] - energy[2]) / (2 * step), abs=2e-3)
    assert virial[0, 2, 2] == pytest.approx(-(energy[3] - energy[4]) / (2 * stretch), abs=2e-3)
    np.testing.assert_allclose(virial, virial.swapaxes(1, 2), atol=1e-9)
    assert energy[0] == pytest.approx(-31.7, abs=0.2)  # two atoms and a bond: -27.2 - 4.5


def test_one_step_is_not_enough_and_is_reported(tmp_path: Path) -> None:
    engine = cp2k("cheap", cutoff=120, rel_cutoff=20, max_scf=1, outer_scf=1)
    with pytest.raises(Refusal, match="None of 1 structures has a label: the electrons did not come to rest"):
        label(hydrogen(), engine, tmp_path / "labels")
    enough = cp2k("cheap", cutoff=120, rel_cutoff=20, minimizer="cg")
    assert label(hydrogen(), enough, tmp_path / "labels").frames == 1


def test_an_odd_number_of_electrons_and_a_missing_basis_are_the_settings_fault(tmp_path: Path) -> None:
    atom = Atoms("H", positions=[(0, 0, 0)], cell=[6.0] * 3, pbc=True)
    with pytest.raises(Refusal, match=r"odd number of electrons.*multiplicity=2"):
        label(atom, cp2k("cheap", cutoff=120, rel_cutoff=20), tmp_path / "odd")
    with pytest.raises(Refusal, match="requested basis set <NOPE>"):
        label(hydrogen(), cp2k("cheap", basis="NOPE"), tmp_path / "basis")
    spin = cp2k("cheap", cutoff=200, multiplicity=2, basis="TZVP-MOLOPT-GTH")  # one of short range is 1 eV off
    assert label(atom, spin, tmp_path / "spin").systems[0].energy[0] == pytest.approx(-13.6, abs=0.1)


@pytest.mark.slow
def test_two_ranks_give_the_same_numbers(tmp_path: Path) -> None:
    engine = cp2k("cheap", cutoff=150, rel_cutoff=30)
    one, two = (label(hydrogen(), engine, tmp_path / str(n), ranks=n).systems[0] for n in (1, 2))
    assert one.energy[0] == pytest.approx(two.energy[0], abs=1e-6)
    np.testing.assert_allclose(one.forces, two.forces, atol=1e-4)


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path: Path, processes: Any) -> None:
    from vanhove.simulate._run import Finished

    script = tmp_path / "run_it.py"
    script.write_text(KILLED)
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run([sys.executable, str(script), str(undisturbed)], check=True)
    process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)
    until = time.monotonic() + 600
    while not (folder / "legs" / "001-produce.attempt" / "points.bin").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while processes(folder) and time.monotonic() < until:
        time.sleep(0.02)
    assert processes(folder) == {}
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    whole, resumed = (Finished(path, {}).labels.systems[0] for path in (undisturbed, folder))
    assert whole.fingerprint == resumed.fingerprint


@pytest.mark.slow
def test_lithium_sulfide(tmp_path: Path) -> None:
    """Along one direction for all atoms, and with one strain, by central differences; each a full calculation."""
    engine, base = cp2k("cheap"), lithium_sulfide()
    rng, step = np.random.default_rng(8), 0.01
    direction = rng.normal(size=base.positions.shape)
    direction /= np.linalg.norm(direction)
    strain = np.diag([1.0, 0.0, 0.0])
    several = [base]
    for side in (step, -step):
        moved = base.copy()
        moved.positions += side * direction
        several.append(moved)
    several += [strained(base, 0.4 * side * strain) for side in (step, -step)]
    system = label(several, engine, tmp_path / "labels").systems[0]
    energy, virial = system.energy, system.virial
    assert virial is not None
    slope = -(energy[1] - energy[2]) / (2 * step)
    assert float((system.forces[0] * direction).sum()) == pytest.approx(slope, abs=5e-3)
    assert virial[0, 0, 0] == pytest.approx(-(energy[3] - energy[4]) / (0.8 * step), abs=0.2)
    assert energy[0] / 12 == pytest.approx(-229.388, abs=0.01)
