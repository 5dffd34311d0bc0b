"""A round of active learning with DeePMD-kit itself, labelled by a potential and by CP2K; skipped where one is not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import buckingham, cp2k, label, labelled, learn, parity, potential, run
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._protocol import Hold, Minimise
from vanhove.simulate.deepmd_home import find_deepmd
from vanhove.simulate.learn_start import rattle
from vanhove.simulate.point_frames import frames_of

CP2K_ENERGY = -2757.0  # eV, of these twelve atoms by these pseudopotentials
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lammps")]

PHASE: dict[str, Any] = {
    "steps": 300, "rate": [3e-3, 1e-4], "decay_every": 10,
    "energy": [0.02, 1], "force": [300, 1], "virial": [0.02, 0.1], "wall": "closest",
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 50, "checkpoint_every": 50, "phases": [PHASE],
    "network": {"cutoff": 5.0, "embedding": [6, 12], "axis": 4, "fitting": [24, 24]},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _there() -> None:
    try:
        find_deepmd()
    except Refusal as refusal:
        pytest.skip(str(refusal))


def test_a_round_with_a_potential_that_stands_in_for_first_principles(small: Any, tmp_path: Path) -> None:
    """A sodium thiosilicate by its published potential: rattled, learned, explored hot under a pressure, learned."""
    truth = potential("na2s-sis2", cutoff=7.0)
    melt = run(small, truth, [Minimise(), Hold(1500, 0.3)], tmp_path / "melt").structure
    explore = {"temperatures": [600, 1200], "pressures": [0], "ps": 0.5, "every": 0.02}
    found = learn({"melt": melt}, explore, truth, tmp_path / "learn", settings=SETTINGS, models=2, rounds=1,
                  rattled=20, per_round=6, progress=False)  # fmt: skip
    rounds = found.rounds
    print(found.verdict, rounds.to_dataframe().T.to_string(), sep="\n", file=sys.stderr)
    np.testing.assert_allclose(rounds.accurate + rounds.candidate + rounds.failed, 1)
    assert rounds.frames.values.tolist() == [50]
    assert 1 <= rounds.labelled.values[0] <= 6
    assert rounds.unlabelled.values[0] == 0
    # a small network, a few frames and some hundred steps: better than no model (0.71 of the forces where it was tried)
    typical = float(np.sqrt((found.data.systems[0].forces ** 2).mean()))
    assert rounds.force.values[0] < 0.85 * typical
    # the labels are those of the potential, in the cells that the pressure made
    new = labelled(tmp_path / "learn/round-001/train").systems[0]
    assert new.name == "melt-explored"
    assert np.linalg.det(new.cell).std() > 0
    atoms: Any = Atoms(new.species, positions=new.positions[0], cell=new.cell[0], pbc=True)
    again = label(atoms, truth, tmp_path / "again").systems[0]
    np.testing.assert_allclose(again.forces[0], new.forces[0], atol=1e-5)
    # trained once more, it knows them
    assert found.committee.train.frames == rounds.trained_on.values[0] + new.frames
    after = parity(found.committee, labelled(tmp_path / "learn/round-001/train")).attrs["force"]
    print(f"on the new frames: {rounds.force_new.values[0]:.3f} before, {after:.3f} after", file=sys.stderr)
    assert after < rounds.force_new.values[0]
    vh.draw(found.rounds).figure.canvas.draw()


@pytest.mark.usefixtures("cp2k_program")
def test_a_round_with_cp2k(tmp_path: Path) -> None:
    """Twelve atoms of Li2S: begun with a made-up potential, to save hours, then CP2K is asked for what was explored.

    The mesh is far too coarse: what is tested is the loop.
    """
    atoms = li2s()
    stand_in = buckingham(
        {"Li-S": (12500.0, 0.3, 0.0), "S-S": (30000.0, 0.35, 0.0), "Li-Li": (0.0, 1.0, 0.0)}, {"Li": 0.6, "S": -1.2},
        cutoff=7.0,
    )  # fmt: skip
    (frame,) = frames_of({"Li2S": atoms})
    begun = label({"Li2S": [one.atoms() for one in rattle(frame, 12, 1)]}, stand_in, tmp_path / "begun").systems[0]
    start = Labelled.of([replace(begun, energy=begun.energy - begun.energy[0] + CP2K_ENERGY)])
    coarse = cp2k("cheap", cutoff=120, rel_cutoff=25, eps_scf=1e-4)
    explore = {"temperatures": [300], "ps": 0.1, "every": 0.02}
    with pytest.warns(VanhoveWarning, match=r"only 5\.\d Å wide"):
        found = learn(start, explore, coarse, tmp_path / "learn", settings=SETTINGS, models=2, rounds=1, per_round=1,
                      trust=(1e-4, 100.0), progress=False)  # fmt: skip
    print(found.verdict, found.rounds.to_dataframe().T.to_string(), sep="\n", file=sys.stderr)
    assert found.rounds.labelled.values.tolist() == [1]
    new = labelled(tmp_path / "learn/round-001/train").systems[0]
    print(f"CP2K: {new.energy[0]:.2f} eV, forces to {np.abs(new.forces).max():.2f} eV/Å", file=sys.stderr)
    assert "CP2K" in new.source
    assert new.virial is not None
    assert new.energy[0] == pytest.approx(CP2K_ENERGY, abs=15)
    assert set(found.data.names) == {"Li2S", "Li2S-explored"}
    assert found.committee.train.frames == found.rounds.trained_on.values[0] + 1


def li2s() -> Any:
    """The conventional cell of the antifluorite."""
    sulfur = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    lithium = [[x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
    return Atoms("Li8S4", scaled_positions=[*lithium, *sulfur], cell=[5.69] * 3, pbc=True)
