"""Trajectories from arrays, from ase.Atoms and from MDAnalysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written import GENERAL, NAMES, TRICLINIC, Truth, dump_text, moved, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning

SINGLE = 3e-6  # Å: of positions of some ten Å in single precision


def test_arrays_are_checked() -> None:
    good = np.zeros((4, 2, 3))

    def begin(
        positions: object = good, cells: object = 5.0, species: object = ("Li", "S"), times: object = (0, 1, 2, 3),
        **more: object,
    ) -> vh.Trajectory:  # fmt: skip
        return vh.from_arrays(positions, cells, species, times, wrapped=True, **more)  # type: ignore[arg-type]  # bad ones

    assert begin().n_frames == 4
    for bad, says in [
        (dict(positions=np.zeros((4, 2))), "shape"),
        (dict(positions=np.where(np.arange(24).reshape(4, 2, 3) == 8, np.nan, 0)), "atom 0 in frame 1"),
        (dict(species=["Li"]), "species has the shape"),
        (dict(times=[0, 1, 2]), "times has the shape"),
        (dict(times=[0, 1, 1, 2]), "Frame 2 is at 1 ps, not after"),
        (dict(times=[0, 1, np.inf, 2]), "not a finite number"),
        (dict(cells=np.ones((3, 3, 3))), "no volume"),
        (dict(cells=np.stack([np.eye(3)] * 3)), "3 cells for 4 frames"),
        (dict(cells=[1, 2]), "cells has the shape"),
        (dict(velocities=np.zeros((4, 1, 3))), "velocities has the shape"),
        (dict(charges={"Li": 1}), "No charge is given for S"),
    ]:
        with pytest.raises(Refusal, match=says):
            begin(**bad)
    with pytest.warns(VanhoveWarning, match="'A' is no element"):
        assert begin(species=["A", "Li"]).masses[0] == 1.0


def test_from_ase_with_and_without_momenta() -> None:
    ase = pytest.importorskip("ase")
    truth = walk(TRICLINIC, step=0.5)
    images = [ase.Atoms(truth.species, positions=p, cell=TRICLINIC, pbc=True) for p in truth.wrapped]
    traj = vh.from_ase(images, spacing=0.5)
    np.testing.assert_allclose(traj.positions - traj.positions[0], truth.unwrapped - truth.unwrapped[0], atol=1e-9)
    assert not traj.has_velocities
    for image, v in zip(images, truth.velocities, strict=True):
        image.set_velocities(v / (1e3 * ase.units.fs))
    np.testing.assert_allclose(vh.from_ase(images, spacing=0.5).velocities, truth.velocities, rtol=1e-9)
    with pytest.raises(Refusal, match="other atoms"):
        vh.from_ase([images[0], images[1][::-1]], spacing=0.5)
    with pytest.raises(Refusal, match="no frame"):
        vh.from_ase([], spacing=0.5)


def test_from_ase_needs_cells_and_says_where_they_end() -> None:
    ase = pytest.importorskip("ase")
    free = ase.Atoms("LiS", positions=[[0, 0, 0], [0, 0, 2]])
    with pytest.raises(Refusal, match="Frame 0 has no cell") as caught:
        vh.from_ase([free, free], spacing=1.0)
    assert "atoms.cell" in caught.value.do
    boxed = ase.Atoms("LiS", positions=[[0, 0, 0], [0, 0, 2]], cell=[5, 5, 5], pbc=True)
    with pytest.raises(Refusal, match="Frame 1 has no cell"):
        vh.from_ase([boxed, free], spacing=1.0)
    assert vh.from_ase(boxed, spacing=1.0).n_frames == 1
    slab = ase.Atoms("LiS", positions=[[0, 0, 0], [0, 0, 2]], cell=[5, 5, 5], pbc=[True, True, False])
    with pytest.warns(VanhoveWarning, match="not periodic along every axis"):
        vh.from_ase([boxed, slab], spacing=1.0)


# MDAnalysis


def universe(truth: Truth, *, speeds: bool = False, labels: str = "elements", **more: Any) -> Any:
    """In memory, with the truth's wrapped positions and cells."""
    mda = pytest.importorskip("MDAnalysis")
    made = mda.Universe.empty(len(truth.ids), atom_resindex=[0] * len(truth.ids), trajectory=False)
    if labels:
        made.add_TopologyAttr(labels, truth.species if labels == "elements" else truth.types.astype(str))
    boxes = np.array([mda.lib.mdamath.triclinic_box(*cell) for cell in truth.cells])
    made.load_new(truth.wrapped, dimensions=boxes, velocities=truth.velocities if speeds else None, **more)
    return made


def at_zero(truth: Truth) -> Truth:
    """Its corner at zero, where MDAnalysis has all of them."""
    return replace(truth, unwrapped=truth.unwrapped - truth.origins[:, None], origins=0 * truth.origins)


@pytest.mark.parametrize("speeds", [False, True])
@pytest.mark.parametrize("breathing", [False, True])
def test_a_universe_in_memory(breathing: bool, speeds: bool) -> None:
    truth = at_zero(walk(TRICLINIC * np.linspace(1, 1.04 if breathing else 1, 6)[:, None, None], step=0.5))
    traj = vh.from_mdanalysis(universe(truth, speeds=speeds, dt=0.25), temperature=600)
    assert traj.species.tolist() == truth.species
    assert traj.constant_cell != breathing
    np.testing.assert_allclose(traj.cells, truth.cells, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(traj.times, 0.25 * np.arange(6))
    scaled = np.einsum("fai,fij->faj", traj.positions - truth.unwrapped, np.linalg.inv(truth.cells))
    np.testing.assert_allclose(scaled, np.round(scaled[0]) + 0 * scaled, atol=1e-5)
    assert traj.temperature == 600
    assert traj.has_velocities == speeds
    if speeds:
        np.testing.assert_allclose(traj.velocities, truth.velocities, atol=1e-6)
    assert traj.history[-1]["parameters"]["notes"] == ["single precision"]


@pytest.mark.filterwarnings("ignore:Reader has no dt")  # when the universe is made
def test_times_of_a_universe_are_not_assumed(tmp_path: Path) -> None:
    truth = at_zero(walk(GENERAL))
    for unknown in (universe(truth), universe(truth, dt=1)):
        with pytest.raises(Refusal, match="takes 1 ps") as caught:
            vh.from_mdanalysis(unknown)
        assert "spacing=" in caught.value.do
        assert vh.from_mdanalysis(unknown, spacing=1.0).spacing == 1.0
    with pytest.warns(VanhoveWarning, match="spacing=0.5 ps overrides"):
        assert vh.from_mdanalysis(universe(truth, dt=0.25), spacing=0.5).spacing == 0.5
    mda = pytest.importorskip("MDAnalysis")
    truth = at_zero(walk(TRICLINIC))
    path = str(put(tmp_path / "a.lammpsdump", dump_text(truth, "id type x y z")))
    kinds = dict(format="LAMMPSDUMP", topology_format="LAMMPSDUMP")
    with pytest.warns(UserWarning, match="Guessed all Masses"):
        read = mda.Universe(path, **kinds)
    with pytest.raises(Refusal, match="which element each type is"):
        vh.from_mdanalysis(read, spacing=0.1)
    with pytest.raises(Refusal, match="takes 1 ps"):
        vh.from_mdanalysis(read, species=NAMES)
    traj = vh.from_mdanalysis(read, species=NAMES, spacing=0.1)
    ours = vh.open(path, species=NAMES, spacing=0.1)
    np.testing.assert_allclose(traj.positions, ours.positions, atol=SINGLE)
    np.testing.assert_allclose(traj.masses, ours.masses)  # not the 1 u that was guessed


def test_some_atoms_of_a_universe() -> None:
    truth = at_zero(walk(TRICLINIC, step=0.5))
    everything = universe(truth, dt=0.5)
    part = vh.from_mdanalysis(everything.select_atoms("element S"))
    here = np.array(truth.species) == "S"
    assert part.species.tolist() == ["S"] * int(here.sum())
    np.testing.assert_allclose(moved(part.positions), moved(truth.unwrapped[:, here]), atol=2 * SINGLE)
    assert part.system.atoms_in_all == 20
    with pytest.raises(Refusal, match="no atom"):
        vh.from_mdanalysis(everything.select_atoms("element Xe"))
    renamed = vh.from_mdanalysis(everything, species={"Na": "7Li"}, charges={"Li": 1, "Si": 4, "S": -2})
    assert set(renamed.species) == {"7Li", "Si", "S"}
    assert renamed.charges is not None
    assert set(renamed.charges[renamed.species == "7Li"]) == {1.0}


def test_universes_that_lack_something(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = at_zero(walk(TRICLINIC))
    with pytest.raises(Refusal, match="which element each type is"):
        vh.from_mdanalysis(universe(truth, labels="types", dt=0.5))
    assert vh.from_mdanalysis(universe(truth, labels="types", dt=0.5), species=NAMES).species.tolist() == truth.species
    with pytest.raises(Refusal, match="which element each atom is"):
        vh.from_mdanalysis(universe(truth, labels="", dt=0.5))
    boxless = universe(truth, dt=0.5)
    boxless.load_new(truth.wrapped, dt=0.5)
    with pytest.raises(Refusal, match="Frame 0 has no box") as caught:
        vh.from_mdanalysis(boxless)
    assert "set_dimensions" in caught.value.do
    with pytest.raises(Refusal, match="takes a Universe"):
        vh.from_mdanalysis("run.xtc")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    with pytest.raises(Refusal, match="memory budget") as caught:
        vh.from_mdanalysis(universe(at_zero(walk(TRICLINIC, atoms=1000, frames=50)), dt=0.5))
    assert "vh.open" in caught.value.do
