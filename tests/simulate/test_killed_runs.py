"""Runs with frozen atoms, rigid units and pressures: killed at random moments they end as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Processes = Callable[[Path], dict[int, str]]
pytestmark = pytest.mark.usefixtures("lammps")

HERE = str(Path(__file__).parent)
COMMON = f"""
import sys
sys.path.insert(0, {HERE!r})
from vanhove.simulate._constrain import constrain
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp
from vanhove.simulate._run import run
"""
PRESSURE = (
    COMMON
    + """
frozen = dict(frozen="Si")
pressure = dict(pressure=1000, coupling="triclinic")
atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
protocol = Protocol((Minimise(), Hold(2000, 0.4, "melt", **frozen), Ramp(2000, 1500, 1000, **frozen),
                     Hold(1500, 0.4, "press", **pressure), Produce(1500, 1.0, 0.02, velocities=True, **pressure)))
run(atoms, potential("na2s-sis2", cutoff=7.0), protocol, sys.argv[1], ranks=1, leg_steps=250)
"""
)
RIGID = (
    COMMON
    + """
from argyrodite import argyrodite, made_up
protocol = Protocol((Minimise(), Hold(600, 0.4), Produce(600, 1.0, 0.02, velocities=True)),
                    constrain=constrain("no-rotation"))
run(argyrodite(), made_up(), protocol, sys.argv[1], ranks=1, leg_steps=250)
"""
)
SCRIPTS = {"pressure": PRESSURE, "rigid": RIGID}


def run_it(script: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)


def what_is_left(folder: Path) -> dict[str, Any]:
    import h5py

    found: dict[str, Any] = {"final": (folder / "final.extxyz").read_text()}
    with h5py.File(folder / "trajectory.h5md") as file:
        file["particles/all"].visititems(
            lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    finished = json.loads((folder / "run.json").read_text())["finished"]
    return found | {"stages": finished["stages"], "legs": sorted(leg.name for leg in (folder / "legs").iterdir())}


@pytest.mark.parametrize(
    ("what", "kills"),
    [
        ("pressure", 3),
        ("rigid", 2),
        pytest.param("pressure", 10, marks=pytest.mark.slow),
        pytest.param("rigid", 10, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(
    what: str, kills: int, tmp_path: Path, processes: Processes
) -> None:
    script = tmp_path / "run_it.py"
    script.write_text(SCRIPTS[what])
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    began = time.monotonic()
    subprocess.run([sys.executable, str(script), str(undisturbed)], check=True)
    whole = time.monotonic() - began
    moments = np.random.default_rng(len(what) + kills)
    done_before = 0
    for kill in range(kills):
        process = run_it(script, folder)
        # into the part that is still to do, which begins when a new leg is tried
        until = time.monotonic() + 120
        while not list(folder.glob("legs/*.attempt")) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        time.sleep(moments.uniform(0, whole / (2 * kills)))
        process.kill()
        process.wait()
        until = time.monotonic() + 10
        while processes(folder) and time.monotonic() < until:
            time.sleep(0.02)
        assert processes(folder) == {}
        done = len([leg for leg in folder.glob("legs/*") if not leg.name.endswith(".attempt")])
        assert done >= done_before, kill
        done_before = done
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    expected, found = what_is_left(undisturbed), what_is_left(folder)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.array_equal(value, found[name]), name
