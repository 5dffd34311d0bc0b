"""ASE trajectories: as ASE writes them, by ASE's own reader as the oracle; damaged and malicious files are told."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import Trajectory
from ase.md.verlet import VelocityVerlet
from hypothesis import given, settings
from hypothesis import strategies as st
from written import GENERAL, TRICLINIC, Truth, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan


def images(truth: Truth, **options: Any) -> list[Atoms]:
    """The frames of ``truth`` as ASE's, positions wrapped."""
    settings = dict(pbc=True) | options
    frames = []
    for positions, velocities, cell in zip(truth.wrapped, truth.velocities, truth.cells, strict=True):
        atoms = Atoms(truth.species, positions=positions, cell=cell, **settings)
        atoms.set_velocities(velocities / (1e3 * units.fs))
        frames.append(atoms)
    return frames


def put(path: Path, frames: list[Atoms]) -> Path:
    with Trajectory(str(path), "w") as file:
        for atoms in frames:
            file.write(atoms)
    return path


@pytest.fixture
def truth() -> Truth:
    """A small step, so that the shortest image is the one; 60 frames, so that the list of frames moves twice."""
    return walk(TRICLINIC * np.linspace(1, 1.06, 60)[:, None, None], frames=60, atoms=12, step=0.5)


def test_what_ase_wrote(tmp_path: Path, truth: Truth) -> None:
    frames = images(truth)
    for atoms in frames:
        velocities = atoms.get_velocities()
        atoms.set_masses([7.016 if s == "Na" else None for s in atoms.symbols])
        atoms.set_velocities(velocities)
        atoms.set_initial_charges(np.arange(12) / 10)
    traj = vh.open(put(tmp_path / "a.traj", frames), spacing=0.5, temperature=300)
    assert (traj.n_frames, traj.n_atoms, traj.temperature) == (60, 12, 300)
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.times, np.arange(60) * 0.5)
    np.testing.assert_array_equal(traj.cells, truth.cells)
    start = truth.wrapped[0] - truth.unwrapped[0]
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-12)
    lattice = np.einsum("ai,fij->faj", start @ np.linalg.inv(truth.cells[0]), truth.cells)
    np.testing.assert_allclose(traj.positions, truth.unwrapped + lattice, atol=1e-9)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-6)
    np.testing.assert_array_equal(traj.masses, frames[0].get_masses())
    np.testing.assert_array_equal(traj.charges, np.arange(12) / 10)
    assert vh.open(tmp_path / "a.traj", spacing=0.5, species={"Na": "23Na"}).species.tolist() == [
        "23Na" if s == "Na" else s for s in truth.species
    ]


def test_a_fixed_cell_is_kept_once_and_zero_charges_are_none(tmp_path: Path) -> None:
    truth = walk(GENERAL, step=0.5)
    frames = images(truth)
    for atoms in frames:
        atoms.set_initial_charges(np.zeros(20))
    del frames[3].arrays["momenta"]
    traj = vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    assert traj.constant_cell
    assert traj.charges is None
    assert not traj.has_velocities
    assert any("some frames have no momenta" in str(step) for step in traj.history)


def test_blocks_fit_the_memory(tmp_path: Path, truth: Truth) -> None:
    contents = scan(put(tmp_path / "a.traj", images(truth)), Options(spacing=1.0))
    assert contents.frames is not None
    for memory, largest in ((1, 1), (24 * 12 * 2 * 7 * 40, 60)):
        blocks = list(contents.frames(memory))
        assert max(len(block.positions) for block in blocks) <= largest
        np.testing.assert_array_equal(
            np.concatenate([block.positions for block in blocks]), [atoms.positions for atoms in images(truth)]
        )


def run(path: Path, steps: int, *, append: bool = False, atoms: Atoms | None = None) -> Atoms:
    """Free flight with ASE's own molecular dynamics, every third step kept."""
    from ase.calculators.lj import LennardJones

    if atoms is None:
        rng = np.random.default_rng(5)
        atoms = Atoms("Li4", positions=rng.uniform(0, 9, (4, 3)), cell=np.eye(3) * 40, pbc=True)
        atoms.set_momenta(rng.normal(size=(4, 3)) * 0.3)
    atoms.calc = LennardJones(epsilon=1e-9, sigma=0.1)
    md = VelocityVerlet(atoms, 2 * units.fs, trajectory=str(path), loginterval=3, append_trajectory=append)
    md.run(steps)
    return atoms


def test_times_of_a_run_and_of_its_restart(tmp_path: Path) -> None:
    path = tmp_path / "md.traj"
    atoms = run(path, 12)
    run(path, 9, append=True, atoms=atoms)
    with Trajectory(str(path)) as file:
        assert len(file) == 5 + 4  # the frame that the second run starts from stands there twice
        theirs = np.array([image.positions for image in file])
        if "interval" not in (file.description or {}):
            pytest.skip("this ASE does not write how many steps lie between frames")
    traj = vh.open(path)
    np.testing.assert_allclose(traj.times, np.arange(8) * 0.006, rtol=1e-6)
    np.testing.assert_array_equal(traj.positions, np.delete(theirs, 5, axis=0))
    measured = np.diff(traj.positions, axis=0) / 0.006
    np.testing.assert_allclose(measured, traj.velocities[1:], rtol=1e-4)  # times and velocities agree
    assert any("left out as repeated" in str(step) for step in traj.history)
    with pytest.warns(VanhoveWarning, match="overrides the times"):
        assert vh.open(path, spacing=1.0).times[1] == 1.0


def test_without_its_interval_the_spacing_is_asked_for(tmp_path: Path, truth: Truth) -> None:
    with Trajectory(str(tmp_path / "a.traj"), "w") as file:
        file.set_description({"type": "molecular-dynamics", "timestep": units.fs})
        for atoms in images(truth):
            file.write(atoms)
    with pytest.raises(Refusal, match="spacing="):
        vh.open(tmp_path / "a.traj")
    history = str(vh.open(tmp_path / "a.traj", spacing=0.01).history)
    assert "time step was 1 fs" in history


def test_what_is_doubtful_or_missing(tmp_path: Path, truth: Truth) -> None:
    with pytest.warns(VanhoveWarning, match="not periodic along every axis"):
        vh.open(put(tmp_path / "a.traj", images(truth, pbc=[True, True, False])), spacing=1.0)
    frames = [Atoms("Li2", positions=np.ones((2, 3)) * k) for k in range(3)]
    with pytest.warns(VanhoveWarning, match="not periodic"), pytest.raises(Refusal, match="no cell"):
        vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    frames = images(truth)
    frames[7] = frames[7][::-1]
    with pytest.raises(Refusal, match=r"The atoms change.*frame 7 has other atoms"):
        vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    frames[7] = frames[6][:5]
    with pytest.raises(Refusal, match="The atoms change"):
        vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    frames[7] = frames[6].copy()
    frames[7].positions[3, 1] = np.nan
    traj = vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    with pytest.raises(Refusal, match="frame 7, atom 4"):
        _ = traj.positions
    frames = images(truth)
    for atoms in frames:
        atoms.numbers[2] = 0
    with pytest.raises(Refusal, match="species X"):
        vh.open(put(tmp_path / "a.traj", frames), spacing=1.0)
    (tmp_path / "a.traj.gz").write_bytes(gzip.compress((tmp_path / "a.traj").read_bytes()))
    with pytest.raises(Refusal, match="Unpack it"):
        vh.open(tmp_path / "a.traj.gz", spacing=1.0)
    put(tmp_path / "empty.traj", [])
    with pytest.raises(Refusal, match="no frame"):
        vh.open(tmp_path / "empty.traj", spacing=1.0)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "old.traj").write_bytes(b"PickleTrajectory\x80\x04cos\nsystem\n")
    with pytest.raises(Refusal, match=r"convert it: python -m ase\.io\.trajectory"):
        vh.open(tmp_path / "old.traj")


def ulm(items: list[dict[str, Any]], arrays: list[np.ndarray]) -> bytes:
    """A file by hand: all arrays first, at 64 and on (8 bytes each number), then the items, then their list."""
    data = b"".join(array.tobytes().ljust(-(-array.nbytes // 8) * 8, b"#") for array in arrays)
    places, body = [], b""
    for item in items:
        text = json.dumps(item).encode()
        places.append(64 + len(data) + len(body))
        body += len(text).to_bytes(8, "little") + text
    start = 64 + len(data) + len(body)
    head = b"- of Ulm" + b"ASE-Trajectory".ljust(16) + np.array([3, len(items), start], "<i8").tobytes()
    return head.ljust(64, b"\0") + data + body + np.array(places, "<i8").tobytes()


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<f8", ">f4"])
def test_other_kinds_of_numbers(tmp_path: Path, kind: str) -> None:
    positions = np.arange(12).reshape(2, 2, 3) / 8 + 0.5
    order = kind[0].replace("<", "little").replace(">", "big")
    item = {
        "_little_endian": order == "little", "pbc": True, "cell": [9.0, 9.0, 9.0],
        "numbers.": {"ndarray": [[2], "int64", 64]},
    }  # fmt: skip
    each = 48 if kind.endswith("8") else 24
    name = "float64" if kind.endswith("8") else "float32"
    items = [item | {"positions.": {"ndarray": [[2, 3], name, 80 + k * each]}} for k in range(2)]
    arrays = [np.array([3, 16], ">i8" if order == "big" else "<i8"), *positions.astype(kind)]
    (tmp_path / "a.traj").write_bytes(ulm(items, arrays))
    traj = vh.open(tmp_path / "a.traj", spacing=1.0)
    assert traj.species.tolist() == ["Li", "S"]
    np.testing.assert_array_equal(traj.positions, positions)
    np.testing.assert_array_equal(traj.cells[0], np.eye(3) * 9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the determinant of an absurd cell
@pytest.mark.parametrize(
    "change",
    [
        {"positions.": {"ndarray": [[2, 3], "object", 80]}},
        {"positions.": {"ndarray": [[2, 3], "f8,f8", 80]}},
        {"positions.": {"ndarray": [[-2, -3], "float64", 80]}},
        {"positions.": {"ndarray": [[2, 3], "float64", -8]}},
        {"positions.": {"ndarray": [[2, 1e400], "float64", 80]}},
        {"positions.": {"ndarray": [[10**12, 3], "float64", 80]}},
        {"positions.": {"ndarray": [[2, 3], "float64", 10**15]}},
        {"positions.": {"ndarray": "x"}},
        {"positions.": {"ndarray": [[3, 3], "float64", 80]}},
        {"positions.": 7},
        {"numbers.": {"ndarray": [[10**14], "int64", 64]}},
        {"numbers.": {"ndarray": [[0], "int64", 64]}},
        {"numbers.": {"ndarray": [[2], "int64", 80]}},
        {"cell": [[1, 2], [3]]},
        {"cell": "9 9 9"},
        {"cell": {"__ase_objtype__": "cell", "array": [9, 9, 9]}},
        {"cell": [[1e308] * 3] * 3},
        {"cell": [1, 0, 0]},
    ],
)
def test_what_no_file_should_say(tmp_path: Path, change: dict[str, Any]) -> None:
    item = {
        "pbc": True, "cell": [9.0, 9.0, 9.0], "numbers.": {"ndarray": [[2], "int64", 64]},
        "positions.": {"ndarray": [[2, 3], "float64", 80]},
    }  # fmt: skip
    (tmp_path / "a.traj").write_bytes(ulm([item | change], [np.array([3, 16]), np.full((2, 3), 0.5)]))
    with pytest.raises(Refusal) as caught:
        vh.open(tmp_path / "a.traj", spacing=1.0)
    assert "a.traj" in str(caught.value)


def test_deep_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.traj"
    data = bytearray(ulm([{"info": 0}], []))
    deep = b"[" * 200_000
    place = len(data)
    path.write_bytes(
        data[:32] + np.array([1, place + 8 + len(deep)], "<i8").tobytes() + data[48:] + len(deep).to_bytes(8, "little")
        + deep + np.array([place], "<i8").tobytes()
    )  # fmt: skip
    with pytest.raises(Refusal, match="damaged"):
        vh.open(path, spacing=1.0)


def test_cut_anywhere(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=4, atoms=3, step=0.3)
    path = put(tmp_path / "a.traj", images(truth))
    whole = path.read_bytes()
    kept = set()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                traj = vh.open(path, spacing=1.0)
                positions = traj.positions
        except Refusal:
            continue
        assert said
        kept.add(traj.n_frames)
        np.testing.assert_allclose(positions[0], truth.wrapped[0], atol=1e-12)
    assert 3 in kept


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = put(tmp_path / "a.traj", images(walk(GENERAL, frames=3, atoms=3, step=0.3))).read_bytes()
    path = tmp_path / "b.traj"

    @settings(max_examples=250, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 20), st.binary(max_size=9)), max_size=3))
    def damage(changes: list[tuple[int, int, bytes]]) -> None:
        data = whole
        for place, gone, new in changes:
            data = data[:place] + new + data[place + gone :]
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traj = vh.open(path, spacing=1.0, format="ase")
                positions = traj.positions
        except Refusal:
            return
        assert np.isfinite(positions).all()
        assert np.isfinite(traj.read_paths()).all()

    damage()


@pytest.mark.parametrize("name", ["center", "drift"])
def test_the_same_as_the_xdatcar_beside_it(shared_data: Path, name: str) -> None:
    folder = shared_data / "reader-cases"
    ase = vh.open(folder / f"example_ase_{name}.traj", spacing=1.0)
    vasp = vh.open(folder / f"example_{name}.XDATCAR", spacing=1.0)
    assert ase.species.tolist() == vasp.species.tolist()
    np.testing.assert_allclose(ase.read_paths(), vasp.read_paths(), atol=1e-6)
    np.testing.assert_allclose(ase.cells, vasp.cells, atol=1e-9)
