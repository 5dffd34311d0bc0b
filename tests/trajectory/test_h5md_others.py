"""H5MD in the habits of the programs that write it: group names, clocks, boxes, ids, images, units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5md_files import BREATHING, FRAMES, File, lengths, still
from written import GENERAL, NAMES, TRICLINIC, Truth

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan
from vanhove.trajectory.readers.h5md_units import unit_of


def lammps(path: Path, truth: Truth, *, unwrap: bool = False, every: int = 2) -> Path:
    """``dump h5md N position image velocity every 2 species charge``: no units, all in time, a box of three lengths."""
    steps = np.arange(FRAMES) * 100
    with File(path, "all") as file:
        positions = truth.unwrapped if unwrap else truth.wrapped
        file.moving("position", positions, steps=steps, times=steps * 1.0)
        file.moving("box/edges", lengths(truth), like="position")
        file.moving("image", truth.images.astype("i4"), like="position")
        file.moving("velocity", truth.velocities[::every] / 1e3, steps=steps[::every], times=steps[::every] * 1.0)
        file.moving("species", np.tile(truth.types, (FRAMES, 1)).astype("i4"), like="position")
        file.moving("charge", np.tile(truth.types / 10, (FRAMES, 1)), like="position")
    return path


def test_lammps(tmp_path: Path) -> None:
    truth = still()
    path = lammps(tmp_path / "run.h5", truth)
    with (
        pytest.warns(VanhoveWarning, match="units= names a LAMMPS unit style"),
        pytest.raises(Refusal, match="timestep="),
    ):
        vh.open(path, species=NAMES)
    traj = vh.open(path, species=NAMES, units="real")
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-9)  # the volume changes, and is read at every frame
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.times, np.arange(FRAMES) * 0.1)
    np.testing.assert_allclose(traj.charges, truth.types / 10)
    assert traj.species.tolist() == truth.species
    assert not traj.has_velocities
    history = str(traj.history)
    assert "not known at every frame" in history
    assert "'charge' is that of the first frame" in history
    together = vh.open(lammps(tmp_path / "all.h5", truth, every=1), species=NAMES, units="real")
    np.testing.assert_allclose(together.velocities, truth.velocities, rtol=1e-12)
    with pytest.warns(VanhoveWarning, match="Å is taken"):
        traj = vh.open(path, species=NAMES, timestep=0.001)
    np.testing.assert_allclose(traj.times, np.arange(FRAMES) * 0.1)


def test_what_was_said_beside_what_the_file_states(tmp_path: Path) -> None:
    truth = still()
    for name, counted in (("a.h5", dict(steps=np.arange(FRAMES))), ("b.h5", dict(steps=None))):
        with File(tmp_path / name, "all") as file:
            node = file.group.create_group("position")
            node["value"], node["time"] = truth.wrapped / 10, np.arange(FRAMES) * 0.5
            node["value"].attrs["unit"], node["time"].attrs["unit"] = "nm", "ps"
            if counted["steps"] is not None:
                node["step"] = counted["steps"]
            file.fixed("box/edges", truth.cells[0] / 10, "nm")
            file.fixed("species", truth.types)
    path = tmp_path / "a.h5"
    np.testing.assert_allclose(vh.open(path, species=NAMES).times, np.arange(FRAMES) * 0.5)
    np.testing.assert_allclose(vh.open(path, species=NAMES, timestep=0.5).times, np.arange(FRAMES) * 0.5)
    with pytest.warns(VanhoveWarning, match="timestep=0.002 ps overrides the file's times"):
        assert vh.open(path, species=NAMES, timestep=0.002).spacing == pytest.approx(0.002)
    with pytest.raises(Refusal, match="does not say at which steps"):
        vh.open(tmp_path / "b.h5", species=NAMES, timestep=0.002)
    with pytest.warns(VanhoveWarning) as told:
        traj = vh.open(path, species=NAMES, units="real")
    said = [str(each.message) for each in told]
    assert len(said) == 2
    assert "/particles/all/position/value is in nm" in said[0]
    assert "/particles/all/position/time is in ps" in said[1]
    np.testing.assert_allclose(traj.cells[0], truth.cells[0])


def test_a_run_that_went_back_within_its_file(tmp_path: Path) -> None:
    truth = still()
    with File(tmp_path / "a.h5", "all") as file:
        file.moving("position", truth.wrapped, "Angstrom", steps=np.array([0, 1, 2, 3, 2, 3, 4, 5]))
        file.moving("box/edges", lengths(truth), like="position")
        file.fixed("species", truth.types)
    with pytest.warns(VanhoveWarning, match="Times go back within the file.*frames 2 to 3 lie before a restart"):
        traj = vh.open(tmp_path / "a.h5", species=NAMES, timestep=0.5)
    kept = [0, 1, 4, 5, 6, 7]
    np.testing.assert_allclose(traj.times, 0.5 * np.arange(6))
    np.testing.assert_allclose(traj.cells, truth.cells[kept])
    scaled = np.einsum("fai,fij->faj", traj.positions - truth.wrapped[kept], np.linalg.inv(traj.cells))
    np.testing.assert_allclose(scaled, np.round(scaled), atol=1e-9)
    assert "left out as repeated by what follows: 2 frames" in traj.history[-1]["parameters"]["notes"]


def test_lammps_unwrapped_with_images_is_not_unwrapped_twice(tmp_path: Path) -> None:
    truth = still(step=3.0)
    with pytest.warns(VanhoveWarning, match="unwrapped already"):
        traj = vh.open(lammps(tmp_path / "a.h5", truth, unwrap=True), species=NAMES, units="real")
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    np.testing.assert_allclose(
        vh.open(lammps(tmp_path / "b.h5", truth), species=NAMES, units="real").positions, truth.unwrapped, atol=1e-9
    )


def espresso(path: Path, truth: Truth, *, ids: Any = None, species: str = "moving", mass: float = 1.0) -> np.ndarray:
    """All in time and in another order at every frame; one word for the boundary; units where a person named them."""
    rng = np.random.default_rng(3)
    order = np.array([rng.permutation(len(truth.ids)) for _ in range(FRAMES)])

    def mixed(values: Any) -> Any:
        values = np.broadcast_to(values, (FRAMES, *np.shape(values))) if np.ndim(values) == 1 else values
        return np.take_along_axis(values, order if values.ndim == 2 else order[:, :, None], axis=1)

    chunks = dict(maxshape=(None, None, None), chunks=(1, 7, 3))
    with File(path, "atoms", boundary="periodic") as file:
        steps = np.arange(FRAMES)
        file.moving("id", mixed(truth.ids) if ids is None else ids, steps=steps, times=steps * 0.5, time_unit="ps")
        file.moving("position", mixed(truth.wrapped) / 10, "nm", like="id", **chunks)
        file.moving("image", mixed(truth.images).astype("i4"), like="id", **chunks)
        file.moving("velocity", mixed(truth.velocities) / 10, "nm/ps", like="id", **chunks)
        file.moving("box/edges", lengths(truth) / 10, "nm", like="id")
        file.moving("mass", np.full((FRAMES, len(truth.ids)), mass), like="id")
        if species == "moving":
            file.moving("species", mixed(truth.types).astype("i4"), like="id")
        else:
            file.fixed("species", truth.types[order[0]].astype("i4"))
        file.moving("charge", mixed(truth.types * 1.602176634e-20), "C", like="id")
    return order


def test_espresso(tmp_path: Path) -> None:
    truth = still()
    espresso(tmp_path / "a.h5", truth)
    traj = vh.open(tmp_path / "a.h5", species=NAMES)
    assert traj.species.tolist() == truth.species  # by rising id
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-12)
    np.testing.assert_allclose(traj.charges, truth.types / 10)
    np.testing.assert_allclose(traj.times, np.arange(FRAMES) * 0.5)
    with pytest.raises(Refusal, match=r"species 1 \(mass 1, \d+ atoms; H\?\)"):  # reduced masses name nothing
        vh.open(tmp_path / "a.h5")


def test_atoms_that_become_others(tmp_path: Path) -> None:
    truth = still()
    order = espresso(tmp_path / "a.h5", truth)
    ids = np.take_along_axis(np.broadcast_to(truth.ids, order.shape), order, axis=1)
    for bad, says in ((999, "id changes.*frame 5"), (ids[5, 3], "id changes.*frame 5")):
        other = ids.copy()
        other[5, 2] = bad
        espresso(tmp_path / "a.h5", truth, ids=other)
        with pytest.raises(Refusal, match=says):
            _ = vh.open(tmp_path / "a.h5", species=NAMES).positions
    other = ids.copy()
    other[0, 2] = other[0, 3]
    espresso(tmp_path / "a.h5", truth, ids=other)
    with pytest.raises(Refusal, match="stands twice"):
        vh.open(tmp_path / "a.h5", species=NAMES)
    espresso(tmp_path / "a.h5", truth, species="fixed")
    with pytest.raises(Refusal, match=r"order changes.*frame 1"):
        _ = vh.open(tmp_path / "a.h5", species=NAMES).positions
    espresso(tmp_path / "a.h5", truth)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["particles/atoms/species/value"][4, 1] += 1
    with pytest.raises(Refusal, match=r"species changes.*frame 4"):
        _ = vh.open(tmp_path / "a.h5", species=NAMES).positions


def test_halmd(tmp_path: Path) -> None:
    """A fixed matrix for the box, species from zero, image flags, no units."""
    truth = still(np.broadcast_to(GENERAL, (FRAMES, 3, 3)).copy())
    with File(tmp_path / "a.h5", "A") as file:
        file.moving("position", truth.wrapped, steps=np.arange(FRAMES) * 50, times=np.arange(FRAMES) * 0.05)
        file.moving("image", truth.images, like="position")
        file.fixed("box/edges", GENERAL)
        file.fixed("species", (truth.types - 1).astype("u4"))
    with pytest.warns(VanhoveWarning, match="no unit"):
        traj = vh.open(tmp_path / "a.h5", species={0: "Na", 1: "Si", 2: "S"}, spacing=0.1)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    assert traj.constant_cell
    with pytest.raises(Refusal, match=r"Reduced units \(lj\)"):
        vh.open(tmp_path / "a.h5", species=["Na", "Si", "S"], units="lj")


def test_gromacs(tmp_path: Path) -> None:
    """A group called system, single precision, nm and ps, three vectors at every frame, ids once."""
    truth = still(TRICLINIC * BREATHING)
    steps = np.arange(FRAMES) * 500
    packed = dict(chunks=(3, 20, 3), compression="gzip", maxshape=(None, 20, 3))
    with File(tmp_path / "a.h5md", "system") as file:
        file.moving(
            "position",
            (truth.wrapped / 10).astype("f4"),
            "nm",
            steps=steps,
            times=steps * 0.002,
            time_unit="ps",
            **packed,
        )
        file.moving("velocity", (truth.velocities / 10).astype("f4"), "nm ps-1", like="position", **packed)
        file.moving("box/edges", (truth.cells / 10).astype("f4"), "nm", like="position")
        file.fixed("id", np.arange(20, 0, -1))
        file.fixed("mass", [{1: 22.98977, 2: 28.0855, 3: 32.06}[t] for t in truth.types.tolist()], "u")
        file.fixed("charge", truth.types * 0.5, "e")
    traj = vh.open(tmp_path / "a.h5md")
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.times, np.arange(FRAMES))
    np.testing.assert_allclose(traj.cells, truth.cells, rtol=1e-6)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-5)
    np.testing.assert_allclose(traj.velocities, truth.velocities, atol=1e-6)
    np.testing.assert_allclose(traj.charges, truth.types * 0.5)
    contents = scan(tmp_path / "a.h5md", Options())
    assert contents.frames is not None
    for memory in (1, 4 * 24 * 20 * 2, 4 * 24 * 20 * 4, 10**8):  # less than a row of chunks, and more
        blocks = [block.positions for block in contents.frames(memory)]
        np.testing.assert_array_equal(np.concatenate(blocks), (truth.wrapped / 10).astype("f4").astype("f8") * 10)
        assert len(blocks) == {1: 8, 10**8: 1}.get(memory, len(blocks))


def test_pyh5md_counts_by_increments(tmp_path: Path) -> None:
    truth = still()
    with File(tmp_path / "a.h5", "atoms") as file:
        file.moving("position", truth.unwrapped, "Ang", steps=20)
        file.group["position/step"].attrs["offset"] = 40
        file.moving("box/edges", lengths(truth), "Ang", steps=20)
        file.group["box/edges/step"].attrs["offset"] = 40
        file.fixed("species", truth.types)
    with pytest.raises(Refusal, match="timestep="):
        vh.open(tmp_path / "a.h5", species=NAMES)
    traj = vh.open(tmp_path / "a.h5", species=NAMES, timestep=0.01)
    np.testing.assert_allclose(traj.times, 0.4 + 0.2 * np.arange(FRAMES))
    np.testing.assert_allclose(traj.cells, truth.cells)


def test_mdanalysis_with_a_changing_cell(tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = still(TRICLINIC * BREATHING)
    universe = mda.Universe.empty(20, trajectory=True)
    units = dict(velocities=False, forces=False, lengthunit="nm", timeunit="fs")
    with mda.Writer(str(tmp_path / "a.h5md"), 20, **units) as writer:
        for frame in range(FRAMES):
            step = universe.trajectory.ts
            step.positions, step.triclinic_dimensions = truth.wrapped[frame], truth.cells[frame]
            step.frame, step.data["step"], step.time = frame, frame, frame * 0.5
            writer.write(universe)
    traj = vh.open(tmp_path / "a.h5md", species=truth.species)
    np.testing.assert_allclose(np.linalg.det(traj.cells), np.linalg.det(truth.cells), rtol=1e-5)
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-4)
    moved = np.einsum("fai,fij->faj", traj.positions - truth.unwrapped, np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved, np.rint(moved[:1]).repeat(FRAMES, axis=0), atol=1e-4)


@pytest.mark.parametrize("boxes", ["more", "fewer", "once"])
def test_boxes_at_other_steps(tmp_path: Path, boxes: str) -> None:
    truth = still()
    steps = np.arange(FRAMES) * 10
    with File(tmp_path / "a.h5", "all") as file:
        file.moving("position", truth.wrapped, "Angstrom", steps=steps, times=steps * 0.01, time_unit="ps")
        file.fixed("species", truth.types)
        if boxes == "more":  # a box at every half step too
            twice = np.repeat(lengths(truth), 2, axis=0)
            twice[1::2] = 1.0
            file.moving("box/edges", twice, "Angstrom", steps=np.arange(2 * FRAMES) * 5)
        elif boxes == "fewer":
            file.moving("box/edges", lengths(truth)[::2], "Angstrom", steps=steps[::2])
        else:
            file.moving("box/edges", lengths(truth)[:1], "Angstrom", steps=steps[:1])
    if boxes == "more":
        np.testing.assert_allclose(vh.open(tmp_path / "a.h5", species=NAMES).cells, truth.cells)
    elif boxes == "fewer":
        with pytest.raises(Refusal, match=r"not known at every frame.*4 boxes, 8 frames"):
            vh.open(tmp_path / "a.h5", species=NAMES)
    else:
        with pytest.warns(VanhoveWarning, match="taken as fixed"):
            assert vh.open(tmp_path / "a.h5", species=NAMES).constant_cell


@pytest.mark.parametrize("boundary", [(b"periodic", b"none", b"periodic"), np.array([True, False, True])])
def test_image_flags_along_an_open_boundary_mean_nothing(tmp_path: Path, boundary: Any) -> None:
    truth = still()
    images = truth.images.copy()
    images[:, :, 1] = -77
    with File(tmp_path / "a.h5", "all", boundary) as file:
        file.moving("position", truth.wrapped, "Angstrom", steps=np.arange(FRAMES))
        file.moving("image", images, like="position")
        file.moving("box/edges", lengths(truth), like="position")
        file.fixed("species", truth.types)
    with pytest.warns(VanhoveWarning, match="not periodic along every axis"):
        traj = vh.open(tmp_path / "a.h5", species=NAMES, timestep=1.0)
    np.testing.assert_allclose(traj.positions[..., 0], truth.unwrapped[..., 0], atol=1e-9)
    np.testing.assert_allclose(traj.positions[..., 1], truth.wrapped[..., 1], atol=1e-9)


def test_frames_that_were_never_written_are_left_out(tmp_path: Path) -> None:
    truth = still()

    def begun(frames: int, clocks: int) -> Path:
        with File(tmp_path / "a.h5", "all") as file:
            file.moving(
                "position", truth.wrapped[:frames], "Angstrom", steps=np.arange(clocks), times=np.arange(clocks) * 1.0,
                time_unit="ps", chunks=(1, 7, 3), maxshape=(None, 20, 3),
            )  # fmt: skip
            file.group["position/value"].resize(FRAMES, axis=0)
            file.moving("box/edges", lengths(truth), steps=np.arange(FRAMES))
            file.fixed("species", truth.types)
        return tmp_path / "a.h5"

    for frames, clocks in ((5, 8), (8, 5)):
        with pytest.warns(VanhoveWarning, match="frame 5 of 8.*its 5 whole frames"):
            traj = vh.open(begun(frames, clocks), species=NAMES, unwrap="none")
        np.testing.assert_allclose(traj.positions, truth.wrapped[:5])
    with pytest.raises(Refusal, match="no whole frame"):
        vh.open(begun(0, 8), species=NAMES)


def test_chunks_that_no_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = still()
    monkeypatch.setenv("VANHOVE_MEMORY", "10MB")
    with File(tmp_path / "a.h5", "all") as file:
        chunks = dict(chunks=(20_000, 20, 3), maxshape=(None, 20, 3), compression="gzip")
        file.moving("position", truth.wrapped, "Angstrom", steps=np.arange(FRAMES), **chunks)
        file.moving("box/edges", lengths(truth), like="position")
        file.fixed("species", truth.types)
    assert (tmp_path / "a.h5").stat().st_size < 1e5
    with pytest.raises(Refusal, match="h5repack"):
        vh.open(tmp_path / "a.h5", species=NAMES)
    with h5py.File(tmp_path / "b.h5", "w") as file:  # far more frames than were ever written
        file.create_dataset("particles/all/position/value", (10**12, 20, 3), "f8", chunks=(1, 20, 3))
    with pytest.raises(Refusal, match="no whole frame"):
        vh.open(tmp_path / "b.h5")


@pytest.mark.parametrize(
    ("text", "powers", "factor"),
    [
        ("nm", dict(length=1), 10.0), ("Ang", dict(length=1), 1.0), ("A", dict(length=1), 1.0),
        ("Å", dict(length=1), 1.0), ("10+3 m", dict(length=1), 1e13), ("0.5 nm", dict(length=1), 5.0),
        ("µm", dict(length=1), 1e4), ("nm ps-1", dict(length=1, time=-1), 10.0),
        ("nm/ps", dict(length=1, time=-1), 10.0), ("Angstrom*fs^-1", dict(length=1, time=-1), 1e3),
        ("m s-1", dict(length=1, time=-1), 1e-2), ("60 s", dict(time=1), 60e12), ("g mol-1", dict(mass=1), 1.0),
        ("g/mol", dict(mass=1), 1.0), ("kg", dict(mass=1), 6.02214076e26), ("u", dict(mass=1), 1.0),
        ("e", dict(charge=1), 1.0), ("C", dict(charge=1), 1 / 1.602176634e-19),
        ("sigma", dict(length=1), None), ("nm", dict(time=1), None), ("", dict(length=1), None),
        ("nm?", dict(length=1), None), ("nm+2", dict(length=1), None), ("nm+99999", dict(length=1), None),
        ("0 nm", dict(length=1), None), ("nm nm", dict(length=1), None),
    ],
)  # fmt: skip
def test_units_in_words(tmp_path: Path, text: str, powers: dict[str, int], factor: float | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1.0
        for said in (text, np.bytes_(text.encode()), np.array([text], dtype=h5py.string_dtype())):
            file["x"].attrs["unit"] = said
            found = unit_of(file["x"], **powers)
            assert found == (factor if factor is None else pytest.approx(factor, rel=1e-9))


def test_masses_in_other_units_and_in_none(tmp_path: Path) -> None:
    truth = still()
    weights = np.array([{1: 22.98977, 2: 28.0855, 3: 32.06}[t] for t in truth.types.tolist()])
    for unit, factor in (("kg", 1 / 6.02214076e26), ("g/mol", 1.0), (None, 1.0), ("epsilon", 1.0)):
        with File(tmp_path / "a.h5", "all") as file:
            file.moving("position", truth.wrapped, "Angstrom", steps=np.arange(FRAMES))
            file.moving("box/edges", lengths(truth), like="position")
            file.fixed("mass", weights * factor, unit)
        if unit == "epsilon":
            with pytest.raises(Refusal, match="does not say which element"):
                vh.open(tmp_path / "a.h5", timestep=1.0)
        else:
            traj = vh.open(tmp_path / "a.h5", timestep=1.0)
            assert traj.species.tolist() == truth.species
            np.testing.assert_allclose(traj.masses, weights)
