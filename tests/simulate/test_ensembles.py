"""Energy without a thermostat and the distribution of the temperature with one, for both published potentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanhove.base.units import K_B_EV, KCAL_MOL_IN_EV
from vanhove.simulate._crystal import crystal
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Minimise, Produce
from vanhove.simulate._run import run
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")
KELVIN = 1000.0


def structure(name: str) -> Any:
    if name == "na2s-sis2":
        return packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
    return crystal("li2si2o5", supercell=(2, 1, 2))


def rows(folder: Path, stage: str) -> list[Any]:
    seen = [row for leg in sorted(folder.glob(f"legs/*-{stage}")) for row in Log(leg / "log.lammps").read()]
    return list({row.step: row for row in seen}.values())  # a leg begins with the row that the one before ended with


@pytest.mark.parametrize("name", ["na2s-sis2", "pedone"])
def test_energy_is_kept_over_a_thousand_steps(name: str, tmp_path: Path) -> None:
    """At 1 fs, 1000 K and the usual cutoff and accuracy.

    The energy moves by less than 1e-3 kT an atom, and the drift is below 1e-3 kT an atom and ps: 1 K in a ps would be
    1.5e-3.
    """
    atoms = structure(name)
    run(atoms, potential(name), (Minimise(), Hold(KELVIN, 2.0), Produce(KELVIN, 1.0, 0.1, thermostat=None)), tmp_path)
    seen = rows(tmp_path, "produce")
    thermal = K_B_EV * KELVIN / KCAL_MOL_IN_EV * len(atoms)
    total = np.array([row.total for row in seen])
    assert len(total) == 11
    assert np.ptp([row.potential for row in seen]) > 0.01 * thermal  # the atoms do move
    assert np.std(total) < 1e-3 * thermal
    assert abs(np.polyfit([row.step / 1000 for row in seen], total, 1)[0]) < 1e-3 * thermal


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nose-hoover", "langevin"])
@pytest.mark.parametrize("name", ["na2s-sis2", "pedone"])
def test_the_temperature_is_distributed_as_it_should(name: str, kind: str, tmp_path: Path) -> None:
    """Mean T and its spread √(2/N_f) over 30 ps, 300 values of which about half are new: errors 0.7 % and 6 % of it."""
    atoms = structure(name)
    stages = (Minimise(), Hold(KELVIN, 3.0, "settle", kind), Hold(KELVIN, 30.0, "hold", kind))
    run(atoms, potential(name), stages, tmp_path)
    kelvin = np.array([row.temperature for row in rows(tmp_path, "hold")])
    assert len(kelvin) == 301
    assert kelvin.mean() == pytest.approx(KELVIN, rel=0.02)
    assert kelvin.std() / kelvin.mean() == pytest.approx(np.sqrt(2 / (3 * len(atoms) - 3)), rel=0.2)
