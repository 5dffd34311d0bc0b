"""Text in zstd: the same numbers as unpacked, however it was packed; cut, damaged and malicious files are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import GENERAL, NAMES, TRICLINIC, Truth, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.readers import packing, text
from vanhove.trajectory.readers.text import Lines, TextFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
WINDOW, CHECKSUM = zstd.CompressionParameter.window_log, zstd.CompressionParameter.checksum_flag


@pytest.fixture
def truth() -> Truth:
    return walk(TRICLINIC, frames=7, atoms=12)


def dumped(path: Path, packed: bytes) -> vh.Trajectory:
    path.write_bytes(packed)
    return vh.open(path, species=NAMES, timestep=0.001)


def test_every_text_format(tmp_path: Path, truth: Truth) -> None:
    cell = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in GENERAL)
    rows = "0.1 0.2 0.3\n0.5 0.5 0.9\n0 0 1\n"
    xdatcar = f"glass\n1.0\n{cell}\nLi S\n1 2\n" + f"Direct configuration= 1\n{rows}" * 3
    xyz = f'3\nLattice="{cell.replace(chr(10), " ")}" Time=1.0\nLi 0.1 0.2 0.3\nS 1 2 3\nS 4 5 6.5\n'
    files = {"a.dump": dump_text(truth), "XDATCAR": xdatcar, "a.xyz": xyz}
    for name, content in files.items():
        options = dict(species=NAMES, timestep=0.001) if name == "a.dump" else dict(spacing=1.0)
        plain = vh.open(put(tmp_path / name, content), **options)  # type: ignore[arg-type]  # one dictionary a file
        (tmp_path / f"{name}.zst").write_bytes(zstd.compress(content.encode()))
        packed = vh.open(tmp_path / f"{name}.zst", **options)  # type: ignore[arg-type]  # one dictionary a file
        np.testing.assert_array_equal(packed.read_paths(), plain.read_paths())
        assert packed.species.tolist() == plain.species.tolist()


def test_however_it_was_packed(tmp_path: Path, truth: Truth) -> None:
    whole = dump_text(truth).encode()
    third = len(whole) // 3
    parts = [whole[:third], whole[third : 2 * third], whole[2 * third :]]
    pieces = zstd.ZstdCompressor()
    flushed = b"".join(pieces.compress(part, zstd.ZstdCompressor.FLUSH_BLOCK) for part in parts) + pieces.flush()
    ways = {
        "one": zstd.compress(whole),
        "best": zstd.compress(whole, 19),
        "checked": zstd.compress(whole, options={CHECKSUM: 1}),
        "in a row": b"".join(zstd.compress(part) for part in parts),
        "as it was written": flushed,
        "beside what is skipped": SKIPPABLE + zstd.compress(parts[0]) + SKIPPABLE * 2 + zstd.compress(whole[third:]),
        "with empty ones": zstd.compress(b"") + zstd.compress(whole) + zstd.compress(b"") + SKIPPABLE,
    }
    for way, packed in ways.items():
        np.testing.assert_allclose(
            dumped(tmp_path / "a.zst", packed).positions, truth.unwrapped, atol=1e-9, err_msg=way
        )


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path, truth: Truth) -> None:
    frames = dump_text(truth).encode().split(b"ITEM: TIMESTEP")[1:]
    packed = [zstd.compress(b"ITEM: TIMESTEP" + frame) for frame in frames]
    for missing in (1, len(packed[-1]) // 2, len(packed[-1]) - 2):
        with pytest.warns(VanhoveWarning, match="cut"):
            traj = dumped(tmp_path / "a.zst", b"".join(packed)[:-missing])
        np.testing.assert_allclose(traj.positions, truth.unwrapped[:6], atol=1e-9)
    (tmp_path / "a.zst").write_bytes(packed[0][:-20])
    with pytest.raises(Refusal, match="no whole frame"):
        vh.open(tmp_path / "a.zst", format="lammps-dump")


def test_damage_is_refused(tmp_path: Path, truth: Truth) -> None:
    whole = dump_text(truth).encode()
    packed = zstd.compress(whole, options={CHECKSUM: 1})
    for bad in (packed + b"what is this?", packed[:200] + b"\0" * 40 + packed[240:], packed[:-4] + b"\0\1\2\3"):
        with pytest.raises(Refusal, match="zstd data is damaged") as caught:
            dumped(tmp_path / "a.zst", bad)
        assert "a.zst" in caught.value.where


def test_too_wide_a_window_is_refused_with_advice(tmp_path: Path, truth: Truth) -> None:
    packer = zstd.ZstdCompressor(options={WINDOW: 30})
    packed = packer.compress(dump_text(truth).encode() * 9) + packer.flush()
    with pytest.raises(Refusal, match="zstd -d --long=31"):
        dumped(tmp_path / "a.zst", packed)
    packer = zstd.ZstdCompressor(options={WINDOW: 27})
    packed = packer.compress(dump_text(truth).encode()) + packer.flush()
    assert dumped(tmp_path / "a.zst", packed).n_frames == 7


def test_without_the_library_there_is_one_clear_line(
    tmp_path: Path, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = zstd.compress(dump_text(truth).encode())
    monkeypatch.setitem(sys.modules, zstd.__name__, None)
    monkeypatch.delattr(sys.modules["backports" if "backports" in zstd.__name__ else "compression"], "zstd")
    with pytest.raises(Refusal, match=r"pip install backports\.zstd"):
        dumped(tmp_path / "a.zst", packed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400), st.booleans(), st.data())
def test_any_bytes_in_any_pieces(parts: list[bytes], size: int, gz: bool, data: st.DataObject) -> None:
    import gzip
    import tempfile

    pack = gzip.compress if gz else zstd.compress
    whole = b"".join(parts)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PIECE", data.draw(st.integers(1, 50)))
        patch.setattr(text, "PACKED", data.draw(st.integers(1, 50)))
        path = Path(folder) / "a"
        path.write_bytes(b"".join(pack(part) for part in parts) or pack(b""))
        with TextFile(path) as file:
            start = data.draw(st.integers(0, len(whole)))
            room = bytearray(size)
            for at in (start, start // 2, len(whole) + 1):
                done = file.read_into(at, memoryview(room))
                assert bytes(room[:done]) == whole[at : at + size]
            assert not file.cut


def test_damaged_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    whole = zstd.compress(dump_text(walk(TRICLINIC, frames=3, atoms=6), "id type x y z ix iy iz").encode())
    path = tmp_path / "a.dump.zst"

    @settings(max_examples=120, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 40), st.binary(max_size=6)), min_size=1))
    def damage(changes: list[tuple[int, int, bytes]]) -> None:
        data = whole
        for place, gone, new in changes[:3]:
            data = data[:place] + new + data[place + gone :]
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                positions = vh.open(path, species=NAMES, timestep=1.0, format="lammps-dump").positions
        except Refusal:
            return
        assert np.isfinite(positions).all()

    damage()


def test_names_without_their_packing() -> None:
    assert [packing.bare_name(name) for name in ("a.xyz.gz", "a.xyz.zst", "XDATCAR")] == ["a.xyz", "a.xyz", "XDATCAR"]


BOMB = """
import json, sys
from pathlib import Path
import vanhove as vh
from vanhove.trajectory.readers.text import Lines, TextFile

def told(path, **options):
    try:
        return f"{vh.open(path, species={1: 'Li'}, timestep=1.0, **options).n_frames} frames"
    except vh.Refusal as refusal:
        return str(refusal)

told(sys.argv[1])
before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
said = [told(path, format="lammps-dump") for path in sys.argv[1:]]
print(json.dumps([said, (int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before) * 1024]))
"""


def test_what_unpacks_to_much_takes_no_memory(tmp_path: Path, truth: Truth) -> None:
    header = dump_text(truth).encode().partition(b"\n1 ")[0]
    packer = zstd.ZstdCompressor(1)
    nothing = packer.compress(bytes(1 << 26)) + packer.flush()
    packer = zstd.ZstdCompressor(1)
    blank = packer.compress(b"\n" * (1 << 26)) + packer.flush()
    small, endless, empty = (tmp_path / name for name in ("small.zst", "endless.zst", "empty.zst"))
    small.write_bytes(zstd.compress(dump_text(truth).encode()))
    endless.write_bytes(zstd.compress(header) + nothing * 8)  # a row of 512 MB
    empty.write_bytes(blank * 8)  # as much of empty lines
    assert endless.stat().st_size + empty.stat().st_size < 1e6
    environment = dict(os.environ, VANHOVE_PROGRESS="0")
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(small), str(endless), str(empty)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, grown = json.loads(done.stdout)
    assert "rows take more than" in said[1]
    assert "holds no frame" in said[2] or "no full set" in said[2] or "no ids" in said[2]
    assert grown < 256e6, f"{grown / 1e6:.0f} MB"


def test_rows_wider_than_rows_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST", 1 << 12)
    monkeypatch.setattr(text, "PIECE", 1 << 10)
    path = tmp_path / "a"
    path.write_bytes(b"x" * 9000)
    with TextFile(path) as file, pytest.raises(Refusal, match="A line goes on"):
        Lines(file).line()
    path.write_bytes((b"x" * 2000 + b"\n") * 9)
    with TextFile(path) as file:
        assert Lines(file).skip(9) == (0, 9 * 2001)
    monkeypatch.setattr(text, "WIDEST", 100)
    with TextFile(path) as file, pytest.raises(Refusal, match="9 rows take more"):
        Lines(file).skip(9)
