"""Folders of DeePMD's training data: sets in a row, types by name; jumps, cuts and absurd headers are told."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import GENERAL, NAMES, TRICLINIC, Truth, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan


def put(
    folder: Path, truth: Truth, *, cuts: tuple[int, ...] = (), kind: str = "f8", flat: bool = True, named: bool = True
) -> Path:
    """The frames of ``truth``, wrapped, in sets that end at ``cuts``."""
    folder.mkdir(exist_ok=True)
    np.savetxt(folder / "type.raw", truth.types - 1, fmt="%d")
    if named:
        (folder / "type_map.raw").write_text("\n".join(NAMES.values()) + "\n")
    parts = np.split(np.arange(len(truth.wrapped)), cuts)
    for number, frames in enumerate(parts):
        each = folder / f"set.{number:03d}"
        each.mkdir(exist_ok=True)
        coords, boxes = truth.wrapped[frames].astype(kind), truth.cells[frames].astype(kind)
        np.save(each / "coord.npy", coords.reshape(len(frames), -1) if flat else coords)
        np.save(each / "box.npy", boxes.reshape(len(frames), 9) if flat else boxes)
        np.save(each / "energy.npy", np.zeros(len(frames)))
    return folder


def small(cells: np.ndarray = TRICLINIC, frames: int = 14, step: float = 0.4) -> Truth:
    return walk(cells, frames=frames, atoms=12, step=step)


@pytest.mark.parametrize("kind", ["f8", "f4", ">f8"])
@pytest.mark.parametrize("flat", [True, False])
def test_sets_in_a_row(tmp_path: Path, kind: str, flat: bool) -> None:
    truth = small(TRICLINIC * np.linspace(1, 1.05, 14)[:, None, None])
    folder = put(tmp_path / "data", truth, cuts=(5, 9), kind=kind, flat=flat)
    traj = vh.open(folder, spacing=0.25)
    exact = 1e-9 if kind.endswith("8") else 1e-5
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.times, np.arange(14) * 0.25)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=exact)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=exact)
    moved = np.einsum("fai,fij->faj", traj.positions - truth.unwrapped, np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved, np.rint(moved[0])[None].repeat(14, axis=0), atol=exact * 10 + 0.02)
    assert any("need not follow each other" in str(step) for step in traj.history)
    one = vh.open(folder / "set.001", spacing=1.0)
    np.testing.assert_allclose(one.positions[0], truth.wrapped[5], atol=exact)
    assert one.n_frames == 4


def test_ten_sets_keep_their_order(tmp_path: Path) -> None:
    truth = small()
    folder = put(tmp_path / "data", truth, cuts=tuple(range(1, 12)))
    for number in range(12):  # names without leading zeros too
        (folder / f"set.{number:03d}").rename(folder / f"set.{number}")
    np.testing.assert_allclose(vh.open(folder, spacing=1.0, unwrap="none").positions, truth.wrapped, atol=1e-9)


def test_numbered_types(tmp_path: Path) -> None:
    truth = small()
    folder = put(tmp_path / "data", truth, named=False)
    with pytest.raises(Refusal, match=r"type 0 \(\d+ atoms\), type 1"):
        vh.open(folder, spacing=1.0)
    for species in ({0: "Na", 1: "Si", 2: "S"}, ["Na", "Si", "S"], truth.species):
        assert vh.open(folder, spacing=1.0, species=species).species.tolist() == truth.species
    (folder / "type_map.raw").write_text("O H")
    with pytest.raises(Refusal, match="Type 2 has no name"):
        vh.open(folder, spacing=1.0)


def test_blocks_fit_the_memory(tmp_path: Path) -> None:
    truth = small()
    contents = scan(put(tmp_path / "data", truth, cuts=(6,)), Options())
    assert contents.frames is not None
    blocks = list(contents.frames(1))
    assert {len(block.positions) for block in blocks} == {1}
    np.testing.assert_array_equal(np.concatenate([block.positions for block in blocks]), truth.wrapped)


def test_frames_that_jump(tmp_path: Path) -> None:
    truth = small(frames=40)
    with pytest.raises(Refusal, match="does not say when"):
        vh.open(put(tmp_path / "run", truth))
    mixed = np.random.default_rng(2).uniform(0, 1, truth.wrapped.shape) @ TRICLINIC
    other = Truth(mixed, truth.velocities, truth.cells, truth.origins * 0, truth.ids, truth.types)
    with pytest.warns(VanhoveWarning, match="frames jump: half of the atoms move"):
        traj = vh.open(put(tmp_path / "jumps", other), spacing=1.0)
    assert traj.n_frames == 40
    two = Truth(
        np.concatenate([truth.wrapped, mixed[:1], mixed[:1]]), truth.velocities, np.concatenate([truth.cells] * 2)[:42],
        np.zeros((42, 3)), truth.ids, truth.types,
    )  # fmt: skip
    with pytest.warns(VanhoveWarning, match="frames 39 and 40"):  # another run in the second set
        vh.open(put(tmp_path / "two", two, cuts=(40,)), spacing=1.0)


def test_what_is_missing_or_odd_is_refused(tmp_path: Path) -> None:
    truth = small()

    def refused(says: str, name: str = "data") -> None:
        with pytest.raises(Refusal, match=says) as caught:
            vh.open(tmp_path / name, spacing=1.0)
        assert str(tmp_path / name) in caught.value.where
        shutil.rmtree(tmp_path / "data")

    folder = put(tmp_path / "data", truth)
    (folder / "nopbc").touch()
    refused("no cell")
    (put(folder, truth) / "set.000" / "box.npy").unlink()
    refused("no cell")
    np.save(put(folder, truth) / "set.000" / "real_atom_types.npy", np.zeros((14, 12)))
    refused("mixed types")
    (put(folder, truth) / "type.raw").unlink()
    refused("types of the atoms are missing")
    (put(folder, truth) / "type.raw").write_text("0 1 1.5")
    refused("not whole numbers")
    (put(folder, truth) / "type.raw").write_text("0 1 1")
    refused("does not hold 9 numbers a frame")
    np.save(put(folder, truth) / "set.000" / "box.npy", np.ones((13, 9)))
    refused("not of as many frames")
    np.save(put(folder, truth) / "set.000" / "box.npy", np.zeros((14, 9)))
    refused("no volume")
    np.save(put(folder, truth) / "set.000" / "coord.npy", np.asfortranarray(truth.wrapped.reshape(14, -1)))
    refused("stored by columns")
    put(folder, truth)
    for name in ("coord", "box"):
        np.save(folder / "set.000" / f"{name}.npy", np.load(folder / "set.000" / f"{name}.npy")[:0])
    refused("no frame")
    (put(folder, truth) / "set.000" / "coord.npy").unlink()
    refused("No reader recognises")


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("unpickled",))

    folder = put(tmp_path / "data", small())
    np.save(folder / "set.000" / "coord.npy", np.array([[Trap()] * 36] * 14), allow_pickle=True)
    with pytest.raises(Refusal, match="plain numbers"):
        vh.open(folder, spacing=1.0)


def test_a_number_that_is_not_finite_is_found_when_read(tmp_path: Path) -> None:
    truth = small()
    folder = put(tmp_path / "data", truth, cuts=(8,))
    coords = np.load(folder / "set.001" / "coord.npy")
    coords[2, 3 * 4] = np.inf
    np.save(folder / "set.001" / "coord.npy", coords)
    with pytest.raises(Refusal, match="frame 2, atom 5") as caught:
        _ = vh.open(folder, spacing=1.0).positions
    assert "set.001" in caught.value.where


def test_cut_files(tmp_path: Path) -> None:
    truth = small()
    folder = put(tmp_path / "data", truth, cuts=(8,))
    whole = (folder / "set.001" / "coord.npy").read_bytes()
    (folder / "set.001" / "coord.npy").write_bytes(whole[:-300])
    with pytest.warns(VanhoveWarning, match=r"frame 4 of 6.*its 12 whole frames"):
        traj = vh.open(folder, spacing=1.0, unwrap="none")
    np.testing.assert_allclose(traj.positions, truth.wrapped[:12], atol=1e-9)
    (folder / "set.001").rename(folder / "set.002")
    (folder / "set.000").rename(folder / "set.003")
    with pytest.raises(Refusal, match="A set that others follow was cut"):
        vh.open(folder, spacing=1.0)


HEADERS = [
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 36), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (14, 360000000000000), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (-14, -36), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
    b"{'descr': '<f0', 'fortran_order': False, 'shape': (14, 36), }",
    b"{'descr': '|O', 'fortran_order': False, 'shape': (14, 36), }",
    b"{'descr': '<c16', 'fortran_order': False, 'shape': (14, 36), }",
    b"{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (14, 36), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (14.5, 36), }",
    b"__import__('os').abort()",
    b"(" * 5000,
    b"-" * 5000 + b"1",
]


@pytest.mark.parametrize("header", HEADERS)
def test_absurd_headers(tmp_path: Path, header: bytes) -> None:
    folder = put(tmp_path / "data", small())
    data = (folder / "set.000" / "coord.npy").read_bytes()[128:]
    start = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    (folder / "set.000" / "coord.npy").write_bytes(start + data)
    with pytest.raises(Refusal):
        vh.open(folder, spacing=1.0)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    folder = put(tmp_path / "data", walk(GENERAL, frames=3, atoms=4, step=0.3), cuts=(2,))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "energy.npy")
    whole = {path: path.read_bytes() for path in files}
    changes = st.tuples(
        st.sampled_from(files), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=6) | st.just(b"7")
    )

    @settings(max_examples=200, deadline=None)
    @given(st.lists(changes, min_size=1, max_size=3))
    def damage(changes: list[tuple[Path, int, int, bytes]]) -> None:
        for path, data in whole.items():
            path.write_bytes(data)
        for path, place, gone, new in changes:
            data = path.read_bytes()
            path.write_bytes(data[:place] + new + data[place + gone :])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traj = vh.open(folder, spacing=1.0)
                positions = traj.positions
        except Refusal:
            return
        assert np.isfinite(positions).all()
        assert np.isfinite(traj.read_paths()).all()

    damage()


def test_real_sets(shared_data: Path) -> None:
    folder = shared_data / "lips-dft"
    assert len(list(folder.iterdir())) == 18
    for each in sorted(folder.iterdir()):
        coords, boxes = (np.load(each / "set.000" / f"{name}.npy") for name in ("coord", "box"))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            traj = vh.open(each, spacing=1.0, unwrap="none")
        assert [("frames jump" in str(warning.message)) for warning in said] == [True] * each.name.startswith("glass")
        assert set(traj.species.tolist()) <= {"Li", "P", "S"}
        np.testing.assert_array_equal(traj.positions.reshape(len(coords), -1), coords.astype(float))
        np.testing.assert_array_equal(traj.cells[-1].ravel(), boxes[-1].astype(float))
    lithium = vh.open(folder / "Li7PS6", spacing=1.0).composition
    assert lithium == {"Li": 28, "P": 4, "S": 24}
