"""The benchmark of scale, small: half a gigabyte that lies nowhere, within a budget of a tenth."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "scale.py"
OFF = {"msd": 0.02, "rdf": 0.05, "van_hove": 0.05, "coherent": 0.1}  # chance, of so few ions and frames


@pytest.fixture(scope="module")
def scale() -> Any:
    spec = importlib.util.spec_from_file_location("scale_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks for it there
    spec.loader.exec_module(module)
    return module


def test_a_block_is_the_same_whenever_it_is_read(scale: Any) -> None:
    source = scale.Generated(5000, 2)
    frames, atoms = np.arange(5000), np.arange(source.n_atoms)
    everything = source.read("positions", frames, atoms)
    assert (source.read("positions", frames, atoms[13:60]) == everything[:, 13:60]).all()
    some = source.read("positions", frames[1900:4200:7], atoms[::3])
    assert (some == everything[1900:4200:7, ::3]).all()
    assert (scale.Generated(5000, 2).read("positions", frames[4000:], atoms) == everything[4000:]).all()
    assert source.given == everything.nbytes + 5000 * 47 * 24 + some.nbytes


def test_ions_walk_and_the_framework_stays(scale: Any) -> None:
    source = scale.Generated(3 * scale.STRETCH, 2)
    paths = source.trajectory().read_paths()
    still, walking = paths[:, :40], paths[:, 40:]
    assert abs(still.std(axis=0).mean() / scale.VIBRATION - 1) < 0.02
    steps = np.diff(walking, axis=0)
    assert abs(steps.std() / scale.STEP - 1) < 0.01
    at_seams = steps[[scale.STRETCH - 1, 2 * scale.STRETCH - 1]]  # from one stretch to the next
    assert abs(at_seams.std() / scale.STEP - 1) < 0.15
    assert source.trajectory().composition == {"S": 32, "P": 8, "Li": 40}


def test_what_is_made_is_what_is_kept_in_memory(scale: Any) -> None:
    made = scale.Generated(500, 2).trajectory()
    kept = vh.from_arrays(made.positions, made.cells[0], made.species, made.times, wrapped=False, temperature=600)
    one, other = (vh.dynamics.msd(traj, "Li", lags="log") for traj in (made, kept))
    np.testing.assert_array_equal(one["msd"], other["msd"])


def test_the_table_keeps_what_was_measured_before(scale: Any) -> None:
    measured = dict(
        observable="rdf", gigabytes=50.0, atoms=10, frames=5, memory="2GB", threads=2, before=300.0, peak=900.0,
        wall=10.0, cpu=20.0, generating=5.0, passes=1.0, chunked=1.0, off=1e-3, numbers="a", version="1", machine="m",
        day="2026-11-20",
    )  # fmt: skip
    first = scale.kept([], scale.Measured(**measured))
    again = scale.kept(first, scale.Measured(**measured | dict(peak=800.0)))
    assert [one["peak"] for one in again] == [800.0]
    both = scale.kept(again, scale.Measured(**measured | dict(observable="msd")))
    assert [one["observable"] for one in both] == ["msd", "rdf"]
    assert "| g(r) of all pairs to 6 Å, all frames | 50 GB: 10 atoms, 5 frames | 2GB, 2 threads | 800 |" in scale.table(
        both
    )


@pytest.mark.slow
def test_half_a_gigabyte_within_a_tenth(tmp_path: Path) -> None:
    file = tmp_path / "scale.json"
    command = [sys.executable, str(SCRIPT), "--gigabytes", "0.5", "--memory", "100MB", "--threads", "2", "--cubes", "5"]
    done = subprocess.run(
        [*command, "--json", str(file)], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    records = json.loads(file.read_text())
    assert [one["observable"] for one in records] == list(OFF)
    for one in records:
        assert one["gigabytes"] == pytest.approx(0.5, rel=1e-3)
        assert one["peak"] - one["before"] < 130, one  # MB; blocks and what libraries take beside them
        assert one["off"] < OFF[one["observable"]], one
