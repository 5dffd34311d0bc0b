"""What convert writes, and that it never leaves or destroys what it should not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh
from vanhove.trajectory.writers import FORMATS

MAP = "--species 1=Na,2=Si,3=S --timestep 0.001"
SPECIES = {1: "Na", 2: "Si", 3: "S"}


@pytest.mark.parametrize("suffix", [suffix for known in FORMATS.values() for suffix in known.suffixes])
def test_what_is_written_needs_no_option(vanhove: Any, dump: Path, suffix: str) -> None:
    said = vanhove.works(f"convert {dump} run{suffix} {MAP} --temperature 900")
    assert f"run{suffix}: 60 frames of 36 atoms" in said.out
    assert ("not in" in said.out) == (suffix not in FORMATS["h5md"].suffixes)
    assert vanhove.left() == [f"run{suffix}"]
    traj, again = vh.open(dump, species=SPECIES, timestep=0.001), vh.open(f"run{suffix}")
    np.testing.assert_array_equal(again.positions, traj.positions)
    np.testing.assert_array_equal(again.times, traj.times)
    assert again.species.tolist() == traj.species.tolist()
    assert "missing" not in vanhove.works(f"inspect run{suffix}").out


def test_a_part(vanhove: Any, dump: Path) -> None:
    traj = vh.open(dump, species=SPECIES, timestep=0.001)
    vanhove.works(f"convert {dump} a.xyz {MAP} --frames 10:-10 --every 5 --of Na,S")
    again = vh.open("a.xyz")
    np.testing.assert_array_equal(again.times, traj.times[10:-10:5])
    np.testing.assert_array_equal(again.positions, traj.select(["Na", "S"])[10:-10].every(5).positions)


def test_several_files_become_one(vanhove: Any, dump: Path) -> None:
    vanhove.works(f"convert {dump} a.dump {MAP} --frames :30")
    vanhove.works(f"convert {dump} b.dump {MAP} --frames 30:")
    vanhove.works("convert a.dump b.dump both.h5md")
    traj = vh.open(dump, species=SPECIES, timestep=0.001)
    np.testing.assert_array_equal(vh.open("both.h5md").positions, traj.positions)


def test_wrapped_and_named_formats(vanhove: Any, dump: Path) -> None:
    vanhove.works(f"convert {dump} out {MAP} --to lammps-dump --wrapped")
    assert "x y z ix iy iz" in Path("out").read_text()
    traj = vh.open(dump, species=SPECIES, timestep=0.001)
    np.testing.assert_allclose(vh.open("out").positions, traj.positions, atol=1e-9)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("convert {dump}", "what is read and what is written"),
        ("convert {dump} run.xzy {map}", "Did you mean '.xyz'?"),
        ("convert {dump} run.xyz {map} --to extxy", "Did you mean 'extxyz'?"),
        ("convert {dump} {dump} {map}", "is what is read"),
        ("convert {dump} link.dump {map} --overwrite", "is what is read"),
        ("convert {dump} folder.xyz {map}", "is a folder"),
        ("convert {dump} there.xyz {map}", "--overwrite"),
        ("convert {dump} run.xyz", "on the command line --species 1=..,2=..,3=.."),
        ("convert {dump} run.xyz {map} --frames 5", "--frames 100:200"),
        ("convert {dump} run.xyz {map} --frames 100:", "leaves no frame"),
        ("convert {dump} run.xyz {map} --of Li", "There is no 'Li'"),
        ("convert {dump} run.h5md {map} --wrapped", "unwrapped"),
        ("convert none.dump run.h5md {map}", "no such file"),
        ("convert {dump} run.h5md {map} --topology none.data", "no such file"),
    ],
)
def test_refusals_leave_everything_as_it_was(vanhove: Any, dump: Path, line: str, words: str) -> None:
    Path("folder.xyz").mkdir()
    Path("there.xyz").write_text("mine")
    Path("link.dump").hardlink_to(dump)
    before = dump.read_text()
    vanhove.refuses(line.format(dump=dump, map=MAP), words)
    assert dump.read_text() == before
    assert Path("there.xyz").read_text() == "mine"


def test_overwrite(vanhove: Any, dump: Path) -> None:
    Path("there.xyz").write_text("mine")
    vanhove.works(f"convert {dump} there.xyz {MAP} --overwrite")
    assert vh.open("there.xyz").n_frames == 60


def test_a_damaged_file_leaves_nothing(vanhove: Any, tmp_path: Path, dump_text: str) -> None:
    lines = dump_text.splitlines()
    lines[45 * 50 + 20] = "1 1 x y z"
    (tmp_path / "bad.dump").write_text("\n".join(lines) + "\n")
    for suffix in ("h5md", "xyz", "dump"):
        vanhove.refuses(f"convert {tmp_path / 'bad.dump'} run.{suffix} {MAP}", "frame 50")


SLOW = """
import sys, time
from vanhove.trajectory.writers import h5md, rows

def slowly(stream):
    def streamed(traj, what, most=None):
        for piece in stream(traj, what, 2):
            yield piece
            time.sleep(0.05)
    return streamed

h5md.stream, rows.stream = slowly(h5md.stream), slowly(rows.stream)
sys.argv = ["vanhove", *sys.argv[1:]]
from vanhove.cli import main
main()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("out", ["run.h5md", "run.dump", "run.xyz.gz"])
def test_a_killed_conversion_leaves_nothing_that_looks_whole(
    tmp_path: Path, dump: Path, out: str, end: signal.Signals
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    work = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + SLOW,
         "convert", str(dump), str(folder / out), *MAP.split()],
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and work.poll() is None and not _begun(folder):
        time.sleep(0.01)
    assert work.poll() is None
    os.kill(work.pid, end)
    work.wait(60)
    left = [path.name for path in folder.iterdir()]
    assert all(name.startswith(".") and name.endswith(".part") for name in left)
    if end == signal.SIGINT:
        assert (work.returncode, left) == (130, [])


def _begun(folder: Path) -> bool:
    return any(path.name.endswith(".part") and path.stat().st_size > 2000 for path in folder.iterdir())


DATA = """LAMMPS data file

36 atoms
3 atom types
0 9 xlo xhi
0 9 ylo yhi
0 9 zlo zhi

Masses

1 22.99
2 28.086
3 32.06

Atoms # atomic

"""


def test_a_topology_says_what_the_trajectory_does_not(vanhove: Any, dump: Path) -> None:
    types = [1] * 12 + [2] * 6 + [3] * 18
    rows = [f"{i} {kind} {0.2 * i:.2f} {0.1 * i:.2f} 0.5" for i, kind in enumerate(types, 1)]
    Path("start.data").write_text(DATA + "\n".join(rows) + "\n")
    options = f"{dump} --timestep 0.001 --topology start.data"
    assert "36: 12 Na, 6 Si, 18 S" in vanhove.works(f"inspect {options}").out
    assert "Å²" in vanhove.works(f"compute msd {options} --of Na").out
    vanhove.works(f"convert {dump} run.xyz --timestep 0.001 --topology start.data")
    assert vh.open("run.xyz").composition == {"Na": 12, "Si": 6, "S": 18}
    vanhove.refuses(f"convert {dump} start.data --timestep 0.001 --topology start.data --to h5md", "is what is read")
