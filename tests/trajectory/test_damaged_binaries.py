"""Whatever happens to a binary trajectory: refused with its name, or finite numbers, and no memory for mere claims."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_files import Dcd, as_lammps_dumps, six_numbers, xtc_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from written import NAMES, TRICLINIC, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan

SMALL = walk(TRICLINIC, frames=3, atoms=12)
LABELS = ["Li"] * 12
STEPS = range(3)
FILES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a.dcd": (Dcd(SMALL.wrapped, six_numbers(SMALL.cells)).bytes(), dict(species=LABELS, timestep=1.0)),
    "big.dcd": (
        Dcd(SMALL.wrapped, six_numbers(SMALL.cells), order=">", marker=8, free=[1, 5, 6]).bytes(),
        dict(species=LABELS, timestep=1.0),
    ),
    "a.xtc": (xtc_bytes(SMALL.wrapped, SMALL.cells, STEPS, STEPS), dict(species=LABELS)),
    "wide.xtc": (xtc_bytes(SMALL.wrapped, SMALL.cells, STEPS, STEPS, wide=True, index=15), dict(species=LABELS)),
    "few.xtc": (xtc_bytes(SMALL.wrapped[:, :4], SMALL.cells, STEPS, STEPS), dict(species=LABELS[:4])),
    "a.nc": (as_lammps_dumps(SMALL, version=2).bytes(), dict(species=NAMES)),
    "five.nc": (as_lammps_dumps(SMALL, "coordinates", single=True).bytes(), dict(species=NAMES)),
}
BYTES = st.binary(min_size=1, max_size=8)
HUGE = 50e6  # bytes that reading any of these may take, in all; the files have a few kilobytes


def opens(path: Path, data: bytes, options: dict[str, Any]) -> None:
    path.write_bytes(data)
    refused = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traj = vh.open(path, **options)
            positions = traj.positions
    except Refusal as refusal:
        refused = str(refusal)
    if refused is not None:
        assert path.name in refused
        return
    assert np.isfinite(positions).all()
    assert np.isfinite(traj.read_paths()).all()
    assert np.isfinite(traj.times).all()


@pytest.mark.parametrize("name", FILES)
def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path, name: str) -> None:
    whole, options = FILES[name]
    opens(tmp_path / name, whole, options)
    tracemalloc.start()
    try:

        @settings(max_examples=100, deadline=None)
        @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), BYTES, st.integers(0, 8)), min_size=1, max_size=4))
        def damage(changes: list[tuple[int, bytes, int]]) -> None:
            data = whole
            for place, new, gone in changes:
                data = data[:place] + new + data[place + (len(new) if gone % 2 else gone) :]
            opens(tmp_path / name, data, options)

        damage()
        assert tracemalloc.get_traced_memory()[1] < HUGE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_the_head_of_a_file_may_say_anything(tmp_path: Path, name: str) -> None:
    whole, options = FILES[name]
    tracemalloc.start()
    try:
        for place in range(0, min(600, len(whole)), 4):
            for claim in (b"\x7f\xff\xff\x7f", b"\0\0\0\0"):
                opens(tmp_path / name, whole[:place] + claim + whole[place + 4 :], options)
        assert tracemalloc.get_traced_memory()[1] < HUGE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    whole, options = FILES[name]
    for cut in range(1, len(whole), 1 if len(whole) < 1000 else 11):
        opens(tmp_path / name, whole[:cut], options)


@pytest.mark.parametrize("ending", ["dcd", "xtc", "nc"])
def test_frames_come_within_the_memory(tmp_path: Path, ending: str) -> None:
    truth = walk(TRICLINIC, frames=400, atoms=500)  # 4.8 MB of positions
    path = tmp_path / f"a.{ending}"
    path.write_bytes({
        "dcd": lambda: Dcd(truth.wrapped, six_numbers(truth.cells)).bytes(),
        "xtc": lambda: xtc_bytes(truth.wrapped[:8], truth.cells[:8], range(8), range(8)) * 50,
        "nc": lambda: as_lammps_dumps(truth).bytes(),
    }[ending]())  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the XTC repeats its times
        contents = scan(path, Options(species=["Na"] * 500 if ending != "nc" else NAMES, spacing=1.0))
    assert contents.frames is not None
    sum(len(block.positions) for block in contents.frames(600_000))  # kernels are compiled, libraries loaded
    tracemalloc.start()
    try:
        frames = sum(len(block.positions) for block in contents.frames(600_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert frames == len(contents.times)
    assert peak < 1_000_000, f"{peak / 1e6:.2f} MB"
