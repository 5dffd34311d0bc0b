"""A text file larger than its budget is streamed: what stays resident is the budget, not the file."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from written import new_cache

ATOMS, FRAMES = 1000, 1500  # 60 MB of text, 36 MB of positions
BUDGET = 16e6
KEPT = 14e6  # what the allocator keeps in each thread after it was freed, and the readers' pieces: 0 to 8 MB were seen

READ = """
import json, sys
import numpy as np
import vanhove as vh
from vanhove.trajectory.blocks import add_blocks, cut_atoms, cut_frames

def analyse(path):
    traj = vh.open(path, species={1: "Li"}, timestep=0.001)
    def by_atoms(atoms):
        return {"sum": (traj.read_paths(atoms=atoms)[-1] - traj.read_paths(atoms=atoms)[0]).sum(axis=0)}
    def by_frames(frames):
        return {"sum": traj.read("positions", frames).sum(axis=(0, 1))}
    moved = add_blocks(cut_atoms(traj, 3 * 24 * traj.n_frames), by_atoms, "atoms")["sum"]
    mean = add_blocks(cut_frames(traj, 2 * 24 * traj.n_atoms), by_frames, "frames")["sum"]
    return moved.tolist(), (mean / traj.n_frames / traj.n_atoms).tolist()

analyse(sys.argv[1])  # small: everything is compiled and loaded
vh.open(sys.argv[1], species={1: "Li"}, timestep=0.001).save(sys.argv[1] + ".h5md")
before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
result = analyse(sys.argv[2])
print(json.dumps([result, (int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before) * 1024]))
"""


def write(path: Path, frames: int, kind: str) -> np.ndarray:
    """A walk; returns its first and last frame and the mean of all."""
    rng = np.random.default_rng(12)
    here = rng.uniform(0, 30, (ATOMS, 3))
    start, total = np.round(here, 6), np.zeros(3)
    row = "%d 1 %.6f %.6f %.6f\n" * ATOMS
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else path.open("w") as file:
        for frame in range(frames):
            here = here + rng.normal(scale=0.1, size=(ATOMS, 3)) * (frame > 0)
            file.write(f"ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n{ATOMS}\nITEM: BOX BOUNDS pp pp pp\n")
            file.write("0 30\n" * 3 + f"ITEM: ATOMS id type {kind}\n")
            shown = here if "xu" in kind else here % 30
            file.write(row % tuple(np.c_[np.arange(1, ATOMS + 1), shown].ravel().tolist()))
            total += here.mean(axis=0)
    return np.array([(here - start).sum(axis=0), total / frames])


@pytest.mark.parametrize(("name", "kind"), [("large.dump", "x y z"), ("large.dump.gz", "xu yu zu")])
def test_text_to_cache_to_blocks_of_atoms(tmp_path: Path, name: str, kind: str) -> None:
    small, large = tmp_path / f"small-{name}", tmp_path / name
    write(small, 3, kind)
    moved, mean = write(large, FRAMES, kind)
    environment = dict(
        os.environ, VANHOVE_MEMORY="16MB", VANHOVE_CACHE=str(new_cache(tmp_path / "cache")), VANHOVE_PROGRESS="0"
    )
    done = subprocess.run(
        [sys.executable, "-c", READ, str(small), str(large)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (ours, mean_ours), grown = json.loads(done.stdout)
    np.testing.assert_allclose(ours, moved, atol=1e-2)
    np.testing.assert_allclose(mean_ours, mean, atol=1e-5)
    assert grown < BUDGET + KEPT, f"{grown / 1e6:.1f} MB resident beside what the code itself takes"
