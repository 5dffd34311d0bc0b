"""A trajectory much larger than the memory it may take gives the same numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vanhove.trajectory.source import Block
from vanhove.trajectory.store import write_blocks

ATOMS, FRAMES, CELL, STEP = 800, 210_000, 25.0, 0.05  # 4.03 GB of positions

ANALYSIS = """
import json, sys
import vanhove as vh
traj = vh.open(sys.argv[1])
m = vh.dynamics.msd(traj, "Li", drift="cell")
g = vh.structure.rdf(traj, r_max=8.0)
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"peak": peak, "msd": m.msd.values[:200000:997].tolist(), "g": g.g.values.tolist()}))
"""


def walk(frames: int, atoms: int, block: int = 1000) -> Iterator[Block]:
    rng = np.random.default_rng(20261120)
    here = rng.uniform(0, CELL, (atoms, 3))
    for start in range(0, frames, block):
        steps = rng.normal(scale=STEP, size=(min(block, frames - start), atoms, 3))
        path = here + np.cumsum(steps, axis=0)
        here = path[-1]
        yield Block(path)


def analyse(path: Path, memory: str) -> dict[str, object]:
    environment = dict(os.environ, VANHOVE_MEMORY=memory, VANHOVE_PROGRESS="0")
    done = subprocess.run(
        [sys.executable, "-c", ANALYSIS, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_four_gigabytes_within_a_budget_of_half_a_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "large.h5md"
    try:
        write_blocks(
            path, walk(FRAMES, ATOMS), species=["Li"] * 300 + ["S"] * 500, masses=np.ones(ATOMS), charges=None,
            cells=np.eye(3)[None] * CELL, times=np.arange(FRAMES) * 0.1, temperature=600.0, history=[],
        )  # fmt: skip
        assert path.stat().st_size > 4.0e9
        small, large = analyse(path, "500MB"), analyse(path, "4GB")
    finally:
        path.unlink(missing_ok=True)
    assert float(str(small["peak"])) < 1500, f"{small['peak']} MB resident"
    np.testing.assert_allclose(small["msd"], large["msd"], rtol=1e-10)
    np.testing.assert_allclose(small["g"], large["g"], rtol=1e-12)
    lags = np.arange(0, 200000, 997)
    expected = 3 * STEP**2 * lags * (1 - 1 / ATOMS)  # a free walk without the centre's share
    few = (lags > 0) & (lags < FRAMES // 100)
    np.testing.assert_allclose(np.array(small["msd"])[few], expected[few], rtol=0.1)
