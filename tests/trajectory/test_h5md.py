"""H5MD: our own store gives back what was saved, to the bit; the basic layout of others is understood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from written import GENERAL, NAMES, ORTHOGONAL, TRICLINIC, Truth, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning

# our own


@pytest.fixture
def breathing(tmp_path: Path) -> vh.Trajectory:
    """A run with everything: a changing cell, velocities, charges, temperature."""
    cells = TRICLINIC * np.linspace(1, 1.08, 9)[:, None, None]
    truth = walk(cells, frames=9)
    path = put(tmp_path / "run.dump", dump_text(truth, "id type x y z vx vy vz ix iy iz"))
    return vh.open(
        path, species=NAMES, timestep=0.001, units="metal", temperature=650, charges={"Na": 1, "Si": 4, "S": -2}
    )


def test_saved_and_opened_again_to_the_bit(breathing: vh.Trajectory, tmp_path: Path) -> None:
    isotopes = breathing.with_isotopes({"Na": "23Na"})
    isotopes.save(tmp_path / "run.h5md")
    back = vh.open(tmp_path / "run.h5md")
    assert back.species.tolist() == isotopes.species.tolist()
    assert back.temperature == 650
    assert back.charges is not None
    for name in ("positions", "velocities", "times", "cells", "masses", "charges"):
        np.testing.assert_array_equal(getattr(back, name), getattr(isotopes, name))
    np.testing.assert_array_equal(back.read_paths(), isotopes.read_paths())
    assert np.abs(back.read_paths() - back.positions).max() > 0.1  # the correction is there
    assert [s["function"] for s in back.history] == ["open", "trajectory.with_isotopes", "trajectory.save", "open"]
    assert list(back.history[:-2]) == list(isotopes.history)
    back.save(tmp_path / "again.h5md")
    np.testing.assert_array_equal(vh.open(tmp_path / "again.h5md").read_paths(), isotopes.read_paths())


def test_views_are_saved_as_they_are(breathing: vh.Trajectory, tmp_path: Path) -> None:
    view = breathing[2:].every(3).select(["Na", "S"])
    view.save(tmp_path / "view.h5md")
    back = vh.open(tmp_path / "view.h5md")
    assert (back.n_frames, back.n_atoms) == (view.n_frames, view.n_atoms)
    for name in ("positions", "velocities", "times", "cells"):
        np.testing.assert_array_equal(getattr(back, name), getattr(view, name))
    np.testing.assert_array_equal(back.read_paths(), view.read_paths())


def test_a_saved_selection_knows_that_it_is_a_part(breathing: vh.Trajectory, tmp_path: Path) -> None:
    from vanhove.trajectory.blocks import drift

    breathing.select("Na").save(tmp_path / "na.h5md")
    back = vh.open(tmp_path / "na.h5md")
    with pytest.warns(VanhoveWarning, match=f"{back.n_atoms} atoms of 20"):
        drift(back, "cell")
    back.save(tmp_path / "na2.h5md")
    assert vh.open(tmp_path / "na2.h5md").system.atoms_in_all == 20
    breathing.save(tmp_path / "all.h5md")
    assert vh.open(tmp_path / "all.h5md").system.atoms_in_all is None


def test_a_fixed_cell_is_stored_once(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    vh.from_arrays(truth.unwrapped, ORTHOGONAL, truth.species, np.arange(6.0), wrapped=False).save(tmp_path / "a.h5md")
    back = vh.open(tmp_path / "a.h5md")
    assert back.constant_cell
    assert back.temperature is None
    assert back.charges is None
    assert not back.has_velocities
    np.testing.assert_array_equal(back.read_paths(), truth.unwrapped)


def test_scattered_frames_and_atoms_come_back_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    positions = rng.normal(size=(700, 40, 3))
    labels = rng.choice(["Li", "S", "P"], 40).tolist()
    whole = vh.from_arrays(positions, 50.0, labels, np.arange(700.0), wrapped=False)
    whole.save(tmp_path / "a.h5md")
    stored = vh.open(tmp_path / "a.h5md")
    for view in (slice(None), slice(3, 600, 130), slice(1, 500, 2), slice(699, 700)):
        for species in ("Li", ["Li", "P"], ["Li", "S", "P"]):
            np.testing.assert_array_equal(stored[view].select(species).positions, whole[view].select(species).positions)
    np.testing.assert_array_equal(stored.read("positions", slice(120, 260), slice(5, 9)), positions[120:260, 5:9])


def test_a_store_is_unwrapped_already(breathing: vh.Trajectory, tmp_path: Path) -> None:
    breathing.save(tmp_path / "a.h5md")
    with pytest.raises(Refusal, match="comes too late"):
        vh.open(tmp_path / "a.h5md", unwrap="fractional")
    assert vh.open(tmp_path / "a.h5md", species={1: "Xe"}).species.tolist() == breathing.species.tolist()
    with pytest.warns(VanhoveWarning, match="overrides the times"):
        assert vh.open(tmp_path / "a.h5md", spacing=7.0).times[1] == 7.0


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    from vanhove.trajectory.source import Block
    from vanhove.trajectory.store import write_blocks

    def write(blocks: list[Block], frames: int) -> None:
        write_blocks(
            tmp_path / "a.h5md", blocks, species=["Li"] * 3, masses=np.ones(3), charges=None, cells=np.eye(3)[None] * 9,
            times=np.arange(float(frames)), temperature=None, history=[],
        )  # fmt: skip

    good = Block(np.zeros((2, 3, 3)))
    bad = Block(np.where(np.arange(18).reshape(2, 3, 3) == 13, np.nan, 0.0))
    with pytest.raises(Refusal, match="2 frames came where 5 were announced"):
        write([good], 5)
    with pytest.raises(Refusal, match="positions of frame 3 are not finite"):
        write([good, bad], 4)
    with pytest.raises(Refusal, match="More frames came than the 3 announced"):
        write([good, good], 3)
    with pytest.raises(Refusal, match="no frame to write"):
        write([], 4)
    assert list(tmp_path.iterdir()) == []
    write([good, good], 4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5md"]


def test_damaged_stores_are_refused(breathing: vh.Trajectory, tmp_path: Path) -> None:
    path = tmp_path / "a.h5md"
    breathing.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(Refusal, match="can't be read as HDF5"):
        vh.open(path)
    path.write_bytes(data)
    with h5py.File(path, "a") as file:
        del file["particles/all/velocity/value"]
        file["particles/all/velocity/value"] = np.zeros((2, 3, 3))
    with pytest.raises(Refusal, match="one shape"):
        vh.open(path)


def test_other_tools_open_our_store(breathing: vh.Trajectory, tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    breathing.save(tmp_path / "a.h5md")
    with mda.coordinates.H5MD.H5MDReader(str(tmp_path / "a.h5md")) as reader:
        theirs = np.array([frame.positions.copy() for frame in reader])
        np.testing.assert_allclose(theirs, breathing.positions, atol=1e-4)
        np.testing.assert_allclose([frame.time for frame in reader], breathing.times, atol=1e-9)
        theirs = np.array([frame.triclinic_dimensions.copy() for frame in reader])
    np.testing.assert_allclose(np.linalg.det(theirs), breathing.volumes, rtol=1e-5)


# others


def other(path: Path, truth: Truth, *, length: str = "nm", time: str = "fs", images: bool = False, edges: str = "fixed",
          group: str = "atoms", species: Any = None, clock: str = "array") -> Path:  # fmt: skip
    """A file in the basic layout, in the units asked for."""
    l_unit = {"nm": 10.0, "Angstrom": 1.0, "pm": 0.01}[length]
    t_unit = {"fs": 1e-3, "ps": 1.0}[time]
    frames = len(truth.unwrapped)
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = [1, 1]
        particles = file.create_group(f"particles/{group}")

        def element(name: str, values: Any, unit: str | None) -> None:
            node = particles.create_group(name)
            node["value"] = values
            if unit is not None:
                node["value"].attrs["unit"] = unit
            if clock == "array":
                node["step"] = np.arange(frames) * 10
                node["time"] = np.arange(frames) * 0.5 / t_unit
            else:
                node["step"], node["time"] = 10, 0.5 / t_unit
                node["time"].attrs["offset"] = 2.0 / t_unit
            node["time"].attrs["unit"] = time

        element("position", ((truth.wrapped if images else truth.unwrapped) / l_unit).astype("f8"), length)
        element("velocity", truth.velocities / (l_unit / t_unit), f"{length} {time}-1")
        if images:
            element("image", truth.images.astype("i4"), None)
        box = particles.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = ["periodic", "periodic", "periodic"]
        if edges == "fixed":
            box["edges"] = truth.cells[0] / l_unit
        elif edges == "lengths":
            box["edges"] = np.diag(truth.cells[0]) / l_unit
        else:
            node = box.create_group("edges")
            node["value"] = truth.cells / l_unit
            node["step"], node["time"] = np.arange(frames) * 10, np.arange(frames) * 0.5 / t_unit
        if species is not None:
            particles.create_dataset("species", data=species[0], dtype=species[1])
    return path


def plain(truth: Truth) -> Truth:
    """The same with the cell's corner at zero, as H5MD has it."""
    return replace(truth, unwrapped=truth.unwrapped - truth.origins[:, None], origins=truth.origins * 0)


@pytest.mark.parametrize("length", ["nm", "Angstrom", "pm"])
@pytest.mark.parametrize("edges", ["fixed", "moving"])
@pytest.mark.parametrize("images", [False, True])
def test_units_boxes_and_images(tmp_path: Path, length: str, edges: str, images: bool) -> None:
    cells = TRICLINIC * (np.linspace(1, 1.05, 6)[:, None, None] if edges == "moving" else 1)
    truth = plain(walk(cells, step=0.6))
    path = other(tmp_path / "a.h5", truth, length=length, edges=edges, images=images, species=(truth.types, "i4"))
    traj = vh.open(path, species=NAMES)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-9)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-12)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.5)
    assert traj.species.tolist() == truth.species
    assert traj.constant_cell == (edges == "fixed")


def test_lengths_for_a_box_and_an_increment_for_a_clock(tmp_path: Path) -> None:
    truth = plain(walk(ORTHOGONAL))
    path = other(tmp_path / "a.h5", truth, edges="lengths", clock="increment", time="ps", species=(truth.types, "i4"))
    traj = vh.open(path, species=NAMES)
    np.testing.assert_allclose(traj.cells[0], ORTHOGONAL)
    np.testing.assert_allclose(traj.times, 2.0 + np.arange(6) * 0.5)


def test_species_by_enumeration_by_string_or_asked_for(tmp_path: Path) -> None:
    truth = plain(walk(ORTHOGONAL))
    enum = h5py.enum_dtype({"Na": 1, "Si": 2, "S": 3}, basetype="i4")
    assert vh.open(other(tmp_path / "a.h5", truth, species=(truth.types, enum))).species.tolist() == truth.species
    strings = (np.array(truth.species, dtype="S2"), "S2")
    assert vh.open(other(tmp_path / "b.h5", truth, species=strings)).species.tolist() == truth.species
    with pytest.raises(Refusal, match="species 2"):
        vh.open(other(tmp_path / "c.h5", truth, species=(truth.types, "i4")))
    without = other(tmp_path / "d.h5", truth)
    assert vh.open(without, species=truth.species).species.tolist() == truth.species
    with h5py.File(without, "a") as file:
        file["particles/atoms/mass"] = np.array([{1: 22.99, 2: 28.09, 3: 32.06}[t] for t in truth.types.tolist()])
        file["particles/atoms/charge"] = np.array([{1: 1.0, 2: 4.0, 3: -2.0}[t] for t in truth.types.tolist()])
    traj = vh.open(without)
    assert traj.species.tolist() == truth.species
    assert traj.charges is not None
    assert set(traj.charges[traj.species == "S"].tolist()) == {-2.0}


def change(path: Path, what: str) -> None:
    with h5py.File(path, "a") as file:
        atoms = file["particles/atoms"]
        if what == "boundary":
            atoms["box"].attrs["boundary"] = np.array([1, 1, 1])
        elif what == "open":
            atoms["box"].attrs["boundary"] = ["periodic", "none", "periodic"]
        elif what == "no unit":
            del atoms["position/value"].attrs["unit"]
        elif what == "no box":
            del atoms["box"]
        elif what == "no time":
            del atoms["position/time"]
        elif what == "nan":
            atoms["position/value"][3, 7, 1] = np.nan
        elif what == "shape":
            del atoms["position/value"]
            atoms["position/value"] = np.zeros((6, 20, 2))
        elif what == "images":
            atoms["image"] = np.zeros((3, 20, 3))
        elif what == "groups":
            file.copy("particles/atoms", "particles/more")
        elif what == "flat":
            del file["particles"]
        elif what == "species":
            del atoms["species"]
            atoms["species"] = np.zeros(3, "i4")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no box", "no box"), ("shape", "not \\(frame, atom, 3\\)"), ("images", "different shapes"),
        ("groups", "Several"), ("flat", "no group of particles"), ("species", "3 species for 20"),
        ("no time", "does not say when"),
    ],
)  # fmt: skip
def test_what_is_missing_or_odd_is_refused(tmp_path: Path, what: str, says: str) -> None:
    truth = plain(walk(ORTHOGONAL))
    path = other(tmp_path / "a.h5", truth, species=(truth.types, "i4"))
    change(path, what)
    with pytest.raises(Refusal, match=says) as caught:
        vh.open(path, species=NAMES)
    assert str(path) in caught.value.where


@pytest.mark.parametrize(
    ("what", "says"), [("boundary", "taken as periodic"), ("open", "not periodic"), ("no unit", "unit")]
)
def test_what_is_doubtful_is_said(tmp_path: Path, what: str, says: str) -> None:
    truth = plain(walk(ORTHOGONAL))
    path = other(tmp_path / "a.h5", truth, length="Angstrom", species=(truth.types, "i4"))
    change(path, what)
    with pytest.warns(VanhoveWarning, match=says):
        np.testing.assert_allclose(vh.open(path, species=NAMES).positions, truth.unwrapped, atol=1e-9)


def test_a_number_that_is_not_finite_is_found_when_read(tmp_path: Path) -> None:
    truth = plain(walk(ORTHOGONAL))
    path = other(tmp_path / "a.h5", truth, species=(truth.types, "i4"))
    change(path, "nan")
    with pytest.raises(Refusal, match="not a finite number") as caught:
        _ = vh.open(path, species=NAMES).positions
    assert "frame 3, atom 7" in caught.value.where


def test_no_other_file_is_followed(tmp_path: Path) -> None:
    truth = plain(walk(ORTHOGONAL))
    secret = other(tmp_path / "secret.h5", truth, species=(truth.types, "i4"))
    for kind in ("external", "soft", "virtual", "storage"):
        path = other(tmp_path / f"{kind}.h5", truth, species=(truth.types, "i4"))
        with h5py.File(path, "a") as file:
            atoms = file["particles/atoms"]
            del atoms["position/value"]
            place = "particles/atoms/position/value"
            if kind == "external":
                atoms["position/value"] = h5py.ExternalLink(str(secret), place)
            elif kind == "soft":
                file["elsewhere"] = h5py.ExternalLink(str(secret), "particles")
                atoms["position/value"] = h5py.SoftLink("/elsewhere/atoms/position/value")
            elif kind == "virtual":
                layout = h5py.VirtualLayout((6, 20, 3), "f8")
                layout[:] = h5py.VirtualSource(str(secret), place, (6, 20, 3))
                atoms.create_virtual_dataset("position/value", layout)
            else:
                raw = tmp_path / "raw"
                raw.write_bytes(bytes(6 * 20 * 3 * 8))
                atoms["position"].create_dataset("value", (6, 20, 3), "f8", external=[(str(raw), 0, 2880)])
        with pytest.raises(Refusal, match="refers to another file"):
            vh.open(path, species=NAMES)
    # a link within the file is fine
    path = other(tmp_path / "inside.h5", truth, species=(truth.types, "i4"))
    with h5py.File(path, "a") as file:
        file.move("particles/atoms/position/value", "particles/numbers")
        file["particles/atoms/position/value"] = h5py.SoftLink("/particles/numbers")
    np.testing.assert_allclose(vh.open(path, species=NAMES).positions, truth.unwrapped, atol=1e-9)
    loop = other(tmp_path / "loop.h5", truth, species=(truth.types, "i4"))
    with h5py.File(loop, "a") as file:
        del file["particles/atoms/position/value"]
        file["particles/atoms/position/value"] = h5py.SoftLink("/particles/atoms/position/value")
    with pytest.raises(Refusal):
        vh.open(loop, species=NAMES)


def test_something_else_in_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.arange(3)
    with pytest.raises(Refusal, match="no group of particles"):
        vh.open(tmp_path / "a.h5")


def test_a_general_cell_from_mdanalysis(tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = plain(walk(GENERAL, step=0.5))
    universe = mda.Universe.empty(20, trajectory=True, velocities=True)
    units = dict(positions=True, velocities=True, lengthunit="nm", timeunit="fs", velocityunit="nm/ps")
    with mda.Writer(str(tmp_path / "a.h5md"), 20, **units) as writer:
        for frame in range(6):
            step = universe.trajectory.ts
            step.positions = truth.unwrapped[frame]
            step.triclinic_dimensions = np.diag([9.0, 10.0, 11.0])
            step.velocities = truth.velocities[frame]
            step.frame, step.data["step"], step.time = frame, frame, frame * 0.5
            writer.write(universe)
    traj = vh.open(tmp_path / "a.h5md", species=truth.species, unwrap="none")
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-4)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.5)
    np.testing.assert_allclose(traj.cells[0], np.diag([9.0, 10.0, 11.0]), atol=1e-4)
    np.testing.assert_allclose(traj.velocities, truth.velocities, atol=1e-4)
