"""NetCDF in AMBER's convention: every version of the format, LAMMPS's variables and units, AMBER's, and damage."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_files import Classic, as_amber, as_lammps_dumps, data_text
from written import NAMES, ORTHOGONAL, TRICLINIC, Floats, Truth, moved, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import format_of, scan

NPT = TRICLINIC * np.linspace(1, 1.05, 6)[:, None, None]
KINDS = ["unwrapped_coordinates", "coordinates", "scaled_coordinates"]


def written(path: Path, file: Classic) -> Path:
    path.write_bytes(file.bytes())
    return path


def as_hdf5(path: Path, file: Classic, **how: Any) -> Path:
    """The same variables as a netCDF-4 library lays them out."""
    import h5py

    with h5py.File(path, "w") as out:
        for name, value in file.attributes.items():
            out.attrs[name] = np.bytes_(value)
        for name, (dims, values, attributes) in file.variables.items():
            values = np.asarray(values)  # noqa: PLW2901
            chunks = (1, *values.shape[1:]) if dims[0] == "frame" else None
            data = out.create_dataset(name, data=values, chunks=chunks, **(how if chunks else {}))
            for key, value in attributes.items():
                data.attrs[key] = np.bytes_(value) if isinstance(value, str) else np.array([value])
    return path


def check(traj: vh.Trajectory, truth: Truth, *, placed: bool = True, single: bool = False) -> None:
    near = 5e-6 if single else 1e-9
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-9)
    np.testing.assert_allclose(traj.times, 0.2 * np.arange(6), rtol=1e-12)
    assert traj.spacing == pytest.approx(0.2, rel=1e-12)
    start = truth.unwrapped[0] if placed else truth.wrapped[0]
    np.testing.assert_allclose(traj.positions[0], start, atol=near)
    found = np.einsum("fai,fij->faj", traj.positions - truth.origins[:, None], np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved(found), moved(truth.fractional), atol=near)


@pytest.mark.parametrize("cell", [ORTHOGONAL, TRICLINIC, NPT], ids=["orthogonal", "triclinic", "npt"])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_lammps_dumps_gives_the_walk(tmp_path: Path, kind: str, single: bool, cell: Floats) -> None:
    truth = walk(cell)
    traj = vh.open(written(tmp_path / "a.nc", as_lammps_dumps(truth, kind, single=single)), species=NAMES)
    check(traj, truth, placed=kind == KINDS[0], single=single)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-6 if single else 1e-12)
    notes = traj.history[-1]["parameters"]["notes"]
    assert ("single precision" in notes) == single
    assert f"positions from {kind}" in notes


@pytest.mark.parametrize("version", [1, 2, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_classic_version(tmp_path: Path, version: int, shuffle: bool) -> None:
    truth = walk(TRICLINIC)
    path = written(tmp_path / "a.nc", as_lammps_dumps(truth, version=version, shuffle=shuffle))
    assert format_of(path) == "netcdf"
    check(vh.open(path, species=NAMES), truth)


@pytest.mark.parametrize("how", [{}, {"compression": "gzip", "shuffle": True}], ids=["plain", "packed"])
def test_netcdf4_through_hdf5(tmp_path: Path, how: dict[str, Any]) -> None:
    truth = walk(NPT)
    path = as_hdf5(tmp_path / "a.nc", as_lammps_dumps(truth), **how)
    assert format_of(path) == "netcdf"
    traj = vh.open(path, species=NAMES)
    check(traj, truth)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-12)


def test_image_flags_are_applied(tmp_path: Path) -> None:
    truth = walk(NPT)
    flags = {f"i{axis}": truth.images[:, :, k].astype("i4") for k, axis in enumerate("xyz")}
    traj = vh.open(written(tmp_path / "a.nc", as_lammps_dumps(truth, "coordinates", **flags)), species=NAMES)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    assert "image flags" in traj.history[-1]["parameters"]["notes"][0]


# units and times


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(("units", "ps"), [("metal", 1.0), ("real", 1e-3)])
def test_units_of_either_style_and_age(tmp_path: Path, units: str, ps: float, old: bool) -> None:
    truth = walk(ORTHOGONAL)
    path = written(tmp_path / "a.nc", as_lammps_dumps(truth, units=units, old=old, dt=2.0))
    traj = vh.open(path, species=NAMES)
    np.testing.assert_allclose(traj.times, 200.0 * ps * np.arange(6), rtol=1e-12)
    np.testing.assert_allclose(traj.velocities, truth.velocities / ps, rtol=1e-12)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-9)
    with pytest.warns(VanhoveWarning, match="overrides the file's times"):
        np.testing.assert_allclose(vh.open(path, species=NAMES, timestep=0.5).times, 50.0 * np.arange(6))


def test_units_that_are_not_known_are_asked_for(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    for said, says in (("lj", "Reduced units"), ("furlong", "furlong")):
        file = as_lammps_dumps(truth)
        for name in ("unwrapped_coordinates", "cell_lengths", "cell_origin"):
            file.variables[name][2]["units"] = said
        file.variables["velocities"][2]["units"] = file.variables["time"][2]["units"] = said
        path = written(tmp_path / "a.nc", file)
        with pytest.raises(Refusal, match=says) as caught:
            vh.open(path, species=NAMES)
        assert "units=" in caught.value.do
        traj = vh.open(path, species=NAMES, units="nano")
        np.testing.assert_allclose(traj.positions, 10 * truth.unwrapped, atol=1e-8)
        np.testing.assert_allclose(traj.velocities, 0.01 * truth.velocities)
        np.testing.assert_allclose(traj.times, 200.0 * np.arange(6), rtol=1e-12)
    file = as_lammps_dumps(truth)
    file.variables["velocities"][2]["units"] = "Bohr/atomic time units"
    assert not vh.open(written(tmp_path / "b.nc", file), species=NAMES).has_velocities


def test_lengths_in_nm_and_bohr(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    for said, factor in (("nanometers", 10.0), ("Bohr", 0.529177210903)):
        file = as_lammps_dumps(truth)
        for name in ("unwrapped_coordinates", "cell_lengths", "cell_origin"):
            file.variables[name][2]["units"] = said
        traj = vh.open(written(tmp_path / "a.nc", file), species=NAMES)
        np.testing.assert_allclose(traj.positions, factor * truth.unwrapped, rtol=1e-12)
        np.testing.assert_allclose(traj.cells[0], factor * ORTHOGONAL, rtol=1e-12)


def test_restarts_uneven_and_missing_times(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    file = as_lammps_dumps(truth)
    uneven = np.array([0, 10, 20, 40, 80, 160.0])
    file.variables["time"] = (("frame",), uneven, file.variables["time"][2])
    np.testing.assert_allclose(vh.open(written(tmp_path / "a.nc", file), species=NAMES).times, 0.002 * uneven)
    file.variables["time"] = (("frame",), np.array([0, 100, 200, 100, 200, 300.0]), file.variables["time"][2])
    with pytest.warns(VanhoveWarning, match="Steps go back"):
        traj = vh.open(written(tmp_path / "a.nc", file), species=NAMES)
    np.testing.assert_allclose(traj.times, [0, 0.2, 0.4, 0.6])
    np.testing.assert_allclose(traj.positions, truth.unwrapped[[0, 3, 4, 5]], atol=1e-9)
    for times in (None, np.zeros(6)):
        del file.variables["time"]
        if times is not None:
            file.variables = {"time": (("frame",), times, {}), **file.variables}
        path = written(tmp_path / "b.nc", file)
        with pytest.raises(Refusal, match="does not say when") as caught:
            vh.open(path, species=NAMES)
        assert "spacing=" in caught.value.do
        assert vh.open(path, species=NAMES, spacing=0.5).spacing == 0.5
        file.variables["time"] = (("frame",), np.zeros(6), {})


# atoms


def test_masses_charges_and_topology(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    weights = np.array([0, 22.98977, 28.0855, 32.06])[truth.types]
    charges = np.array([0, 1.0, 4.0, -2.0])[truth.types]
    traj = vh.open(written(tmp_path / "a.nc", as_lammps_dumps(truth, mass=weights, q=charges)))
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.masses, weights)
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, charges)
    varying = np.tile(charges, (6, 1))
    varying[5, 3] += 0.01
    traj = vh.open(written(tmp_path / "b.nc", as_lammps_dumps(truth, q=varying)), species=NAMES)
    assert traj.charges is None
    assert any("change" in note for note in traj.history[-1]["parameters"]["notes"])
    plain = written(tmp_path / "c.nc", as_lammps_dumps(truth))
    with pytest.raises(Refusal, match="which element each type is"):
        vh.open(plain)
    traj = vh.open(plain, topology=put(tmp_path / "c.data", data_text(truth)))
    check(traj, truth)
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, charges)
    with pytest.raises(Refusal, match="not of these atoms"):
        vh.open(plain, topology=put(tmp_path / "d.data", data_text(replace(truth, types=truth.types % 3 + 1))))


def test_amber_files_need_a_topology_or_labels(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    path = written(tmp_path / "a.nc", as_amber(truth))
    with pytest.raises(Refusal, match="which atoms") as caught:
        vh.open(path)
    assert "topology=" in caught.value.do
    with pytest.raises(Refusal, match="does not count steps"):
        vh.open(path, species=truth.species, timestep=0.002)
    for options in ({"species": truth.species}, {"topology": put(tmp_path / "a.data", data_text(truth))}):
        traj = vh.open(path, **options)  # type: ignore[arg-type]  # one of two options
        check(traj, truth, placed=False, single=True)
        np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-6)


def test_types_and_charges_may_be_written_once(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=30)
    file = as_lammps_dumps(truth, shuffle=False)
    del file.variables["id"]
    file.variables["type"] = (("atom",), truth.types.astype("i4"), {})
    file.variables["q"] = (("atom",), 0.5 * truth.types, {})
    traj = vh.open(written(tmp_path / "a.nc", file), species=NAMES)
    assert traj.n_frames == 30
    assert traj.species.tolist() == truth.species
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, 0.5 * truth.types)


@pytest.mark.parametrize("broken", ["id", "type"])
def test_atoms_that_change_are_refused_with_the_frame(tmp_path: Path, broken: str) -> None:
    file = as_lammps_dumps(walk(TRICLINIC))
    file.variables[broken][1][3, 4] += 1
    traj = vh.open(written(tmp_path / "a.nc", file), species=NAMES)
    with pytest.raises(Refusal, match=r"other atoms|another type") as caught:
        _ = traj.positions
    assert "frame 3" in caught.value.where


# what is broken


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    for version in (1, 2, 5):
        data = as_lammps_dumps(truth, version=version).bytes()
        frame = 8 * (1 + 3 + 3 + 3) + 20 * (4 + 4 + 24 + 24)
        path = tmp_path / f"{version}.nc"
        for lacking in (1, 8, frame - 1, frame, frame + 1, 3 * frame + 5):
            path.write_bytes(data[:-lacking])
            whole = 6 - -(-lacking // frame)
            with pytest.warns(VanhoveWarning, match="cut"):
                traj = vh.open(path, species=NAMES)
            assert traj.n_frames == whole
            np.testing.assert_allclose(traj.positions, truth.unwrapped[:whole], atol=1e-9)
        for cut in range(3, len(data) - 6 * frame + 40, 11):
            path.write_bytes(data[:cut])
            with pytest.raises(Refusal):
                vh.open(path, species=NAMES)


def test_the_count_of_a_streamed_file_is_taken_from_its_size(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    for version, unknown in ((2, 2**32 - 1), (5, 2**64 - 1)):
        file = as_lammps_dumps(truth, version=version)
        file.records = unknown
        check(vh.open(written(tmp_path / "a.nc", file), species=NAMES), truth)
        file.records = 2**31
        with pytest.warns(VanhoveWarning, match="2147483648 that its header counts"):
            assert vh.open(written(tmp_path / "a.nc", file), species=NAMES).n_frames == 6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"coordinates": None}, "no positions"), ({"cell_angles": None}, "no cell"),
        ({"cell_lengths": 0.0}, "not periodic"), ({"cell_lengths": 9.97e36}, "cell of frame 0"),
        ({"cell_lengths": np.nan}, "cell of frame 0"), ({"cell_angles": 170.0}, "no volume"),
        ({"time": 9.97e36}, "time of frame 0 was not written"),
    ],
)  # fmt: skip
def test_files_that_lack_something_say_what(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    file = as_lammps_dumps(walk(ORTHOGONAL), "coordinates")
    for name, value in change.items():
        if value is None:
            del file.variables[name]
        else:
            dims, values, attributes = file.variables[name]
            file.variables[name] = (dims, np.full_like(values, value), attributes)
    with pytest.raises(Refusal, match=says):
        vh.open(written(tmp_path / "a.nc", file), species=NAMES)


@pytest.mark.parametrize("value", [np.nan, np.inf, 9.96921e36])
@pytest.mark.parametrize("name", ["coordinates", "velocities"])
def test_numbers_that_are_none_name_frame_and_atom(tmp_path: Path, name: str, value: float) -> None:
    file = as_lammps_dumps(walk(ORTHOGONAL), "coordinates", shuffle=False)
    file.variables[name][1][2, 6, 1] = value
    traj = vh.open(written(tmp_path / "a.nc", file), species=NAMES)
    with pytest.raises(Refusal, match=r"position|velocity") as caught:
        _ = traj.positions
    assert "frame 2, atom 7" in caught.value.where


def test_hdf5_that_claims_what_no_file_holds(tmp_path: Path) -> None:
    import h5py

    path = as_hdf5(tmp_path / "a.nc", as_lammps_dumps(walk(ORTHOGONAL)))
    with h5py.File(path, "a") as file:
        del file["unwrapped_coordinates"]
        file.create_dataset("unwrapped_coordinates", shape=(10**7, 10**7, 3), dtype="f4", chunks=(1, 10, 3))
    with pytest.raises(Refusal, match="larger than its file"):
        vh.open(path, species=NAMES, format="netcdf")
    with h5py.File(path, "a") as file:
        del file["unwrapped_coordinates"]
        file["unwrapped_coordinates"] = h5py.ExternalLink("other.h5", "x")
    with pytest.raises(Refusal, match="another file"):
        vh.open(path, species=NAMES, format="netcdf")


def test_other_netcdf_and_hdf5_files_are_not_ours(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    traj = vh.from_arrays(truth.unwrapped, ORTHOGONAL, truth.species, range(6), wrapped=False)
    traj.save(tmp_path / "a.h5md")
    assert format_of(tmp_path / "a.h5md") == "h5md"
    with pytest.raises(Refusal, match="no positions"):
        vh.open(written(tmp_path / "b.nc", Classic(1, {"x": 2}, {"a": (("x",), np.zeros(2), {})}, {})), spacing=1.0)


def test_blocks_keep_to_the_memory_and_frames_can_be_sent_elsewhere(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=40)
    contents = scan(written(tmp_path / "a.nc", as_lammps_dumps(truth)), Options(species=NAMES))
    frames = pickle.loads(pickle.dumps(contents.frames))
    small = [block.positions for block in frames(40 * 24 * 20)]
    assert max(map(len, small)) <= 10
    np.testing.assert_array_equal(np.concatenate(small), np.concatenate([b.positions for b in frames(10**9)]))
    np.testing.assert_allclose(np.concatenate(small), truth.unwrapped, atol=1e-9)
