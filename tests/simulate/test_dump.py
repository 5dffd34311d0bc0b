from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate.dump import open_dump


def write_dump(
    path: Path, frames: np.ndarray, *, ranks: int = 3, triclinic: bool = False, seed: int = 0, columns: str = "xu yu zu"
) -> None:
    """The format as LAMMPS writes it: atoms shuffled and dealt to ranks anew in every frame."""
    generator = np.random.default_rng(seed)
    names = f"id type {columns}".encode()
    with open(path, "wb") as file:
        for step, frame in enumerate(frames):
            atoms, width = frame.shape[0], frame.shape[1] + 2
            file.write(struct.pack("<q10sii", -10, b"DUMPCUSTOM", 1, 2))
            file.write(struct.pack("<qqi6i", 100 * step, atoms, int(triclinic), *[0] * 6))
            file.write(struct.pack("<6d", 0, 5, 0, 6, 0, 7) + (struct.pack("<3d", 1, 2, 3) if triclinic else b""))
            file.write(struct.pack("<ii?i", width, 0, False, len(names)) + names + struct.pack("<i", ranks))
            ids = generator.permutation(atoms)
            for part in np.split(ids, np.sort(generator.integers(0, atoms + 1, ranks - 1))):
                table = np.column_stack([part + 1, np.ones(len(part)), frame[part]])
                file.write(struct.pack("<i", table.size) + table.astype("<f8").tobytes())


@pytest.mark.parametrize("ranks", [1, 2, 5])
@pytest.mark.parametrize("triclinic", [False, True])
def test_frames_come_back_in_order_of_id(tmp_path: Path, ranks: int, triclinic: bool) -> None:
    frames = np.random.default_rng(1).normal(size=(7, 11, 6))
    write_dump(tmp_path / "f.bin", frames, ranks=ranks, triclinic=triclinic, columns="xu yu zu vx vy vz")
    dump = open_dump(tmp_path / "f.bin")
    assert dump is not None
    assert (dump.n_frames, dump.n_atoms, dump.ranks) == (7, 11, ranks)
    assert dump.columns[2:] == ("xu", "yu", "zu", "vx", "vy", "vz")
    steps, values = dump.read(2, 6)
    assert steps.tolist() == [200, 300, 400, 500]
    assert np.array_equal(values, frames[2:6])


@pytest.mark.parametrize("budget", [1, 5000, 10**9])
def test_blocks_are_the_whole(tmp_path: Path, budget: int) -> None:
    frames = np.random.default_rng(1).normal(size=(9, 11, 3))
    write_dump(tmp_path / "f.bin", frames)
    dump = open_dump(tmp_path / "f.bin")
    assert dump is not None
    blocks = list(dump.blocks(budget))
    assert np.array_equal(np.concatenate([values for _, values in blocks]), frames)
    if budget > 1:
        assert all(values.nbytes * 2 <= budget for _, values in blocks)


def test_a_dump_that_is_being_written_shows_its_whole_frames(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(3, 11, 3))
    write_dump(tmp_path / "f.bin", frames)
    raw = (tmp_path / "f.bin").read_bytes()
    growing = tmp_path / "g.bin"
    assert open_dump(growing) is None
    seen = []
    for length in range(0, len(raw) + 1, 37):
        growing.write_bytes(raw[:length])
        dump = open_dump(growing)
        seen.append(dump.n_frames if dump else 0)
    growing.write_bytes(raw[:-1])
    dump = open_dump(growing)
    assert dump is not None
    assert sorted(set(seen)) == [0, 1, 2]
    assert dump.n_frames == 2
    assert np.array_equal(dump.read(0, 2)[1], frames[:2])
    with pytest.raises(Refusal, match="ends before frame 3"):
        dump.read(0, 3)


def test_damage_is_seen(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(3, 11, 3))
    path = tmp_path / "f.bin"
    write_dump(path, frames, ranks=1)
    raw = bytearray(path.read_bytes())
    dump = open_dump(path)
    assert dump is not None

    def damaged(at: int, new: bytes) -> Any:
        path.write_bytes(raw[:at] + new + raw[at + len(new) :])
        return open_dump(path)

    with pytest.raises(Refusal, match="no binary dump"):
        damaged(8, b"SOMETHING!")
    with pytest.raises(Refusal, match="does not begin"):
        damaged(dump.frame_bytes + 9, b"?").read(0, 3)
    with pytest.raises(Refusal, match="do not add up"):
        damaged(dump.frame_bytes + dump.header, struct.pack("<i", 54)).read(0, 3)
    with pytest.raises(Refusal, match="not numbered"):
        damaged(dump.header + 4, struct.pack("<d", 77)).read(0, 3)
