"""The command: what it prints, how it fails (one message, exit code 2, nothing left behind), what it leaves."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import vanhove as vh
from vanhove.cli import main, options, text

MAP = ["--species", "1=Na,2=Si,3=S", "--timestep", "0.001"]


class Said(NamedTuple):
    code: int
    out: str
    err: str


Vanhove = Callable[..., Said]


@pytest.fixture
def vanhove(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Vanhove:
    """Runs the command in this process, in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["vanhove", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def dump_text(frames: int = 60, atoms: int = 36, seed: int = 5) -> str:
    """A LAMMPS dump, a frame each 0.1 ps at 1 fs a step: a third Na that walk, Si and S that shake."""
    rng = np.random.default_rng(seed)
    types = np.repeat([1, 2, 3], atoms // 3)
    steps = np.where(types == 1, 0.4, 0.0)[:, None] * rng.normal(0, 1, (frames, atoms, 3))
    positions = rng.uniform(0, 9, (atoms, 3)) + np.cumsum(steps, 0) + rng.normal(0, 0.05, (frames, atoms, 3))
    parts = []
    for frame in range(frames):
        parts.append(
            f"ITEM: TIMESTEP\n{100 * frame}\nITEM: NUMBER OF ATOMS\n{atoms}\n"
            "ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type xu yu zu\n"
        )
        for i in rng.permutation(atoms):
            x, y, z = positions[frame, i]
            parts.append(f"{i + 1} {types[i]} {x:.6f} {y:.6f} {z:.6f}\n")
    return "".join(parts)


@pytest.fixture(scope="module")
def text_of_dump() -> str:
    return dump_text()


@pytest.fixture
def dump(tmp_path: Path, text_of_dump: str) -> Path:
    path = tmp_path / "run.lammpstrj"
    path.write_text(text_of_dump)
    return path


def is_one_message(said: Said, *words: str) -> None:
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.count("vanhove: ") == 1
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err, said.err


def left_behind() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


# what it does


def test_list_has_every_observable(vanhove: Vanhove) -> None:
    from vanhove.registry import observables

    said = vanhove("list")
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == list(observables())
    assert all(len(line.split()) > 3 for line in lines)


def test_inspect_is_one_screen(vanhove: Vanhove, dump: Path) -> None:
    said = vanhove("inspect", dump, *MAP, "--temperature", "900")
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) < 25
    for fact in ("36: 12 Na, 12 Si, 12 S", "60", "0 to 5.9 ps, every 0.1 ps", "9.000", "constant", "729 Å³", "900 K"):
        assert fact in said.out, said.out
    assert "velocities" in said.out
    assert left_behind() == []


def test_inspect_says_what_is_suspicious(vanhove: Vanhove, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 9, (1, 36, 3)) + np.zeros((4, 1, 1))
    positions[:, 1] = positions[:, 0] + [0.2, 0, 0]  # two atoms nearly on each other
    positions += np.arange(4)[:, None, None] * [0.0, 0.0, 3.0]  # and all of them drift
    traj = vh.from_arrays(positions, 9.0, ["Na"] * 36, [0, 1, 2, 4], wrapped=False)
    traj.save(tmp_path / "x.h5md")
    said = vanhove("inspect", tmp_path / "x.h5md")
    assert said.code == 0, said.err
    for doubt in ("0.20 Å apart", "not evenly spaced", "centre of mass drifts 9.0 Å", "moves 3.0 Å between two frames"):
        assert doubt in said.out, said.out


def test_compute_msd_is_the_librarys(vanhove: Vanhove, dump: Path) -> None:
    said = vanhove("compute", "msd", dump, *MAP, "--of", "Na", "--drift", "framework", "--out", "x/msd.nc")
    assert said.code == 0, said.err
    saved = vh.load("x/msd.nc")
    traj = vh.open(dump, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)
    expected = vh.dynamics.msd(traj, "Na", drift="framework")
    np.testing.assert_array_equal(saved.msd, expected.msd)
    assert "Å²" in said.out
    assert "ps" in said.out
    assert "saved: x/msd.nc" in said.out
    assert left_behind() == ["x", "x/msd.nc"]


def test_species_without_an_equals_sign_are_the_observables(vanhove: Vanhove, dump: Path) -> None:
    by_species = vanhove("compute", "msd", dump, *MAP, "--species", "Na")
    assert by_species.code == 0, by_species.err
    assert by_species.out == vanhove("compute", "msd", dump, *MAP, "--of", "Na").out


def test_compute_diffusion_from_the_trajectory_and_from_the_msd(vanhove: Vanhove, dump: Path) -> None:
    assert vanhove("compute", "msd", dump, *MAP, "--of", "Na", "--out", "msd.nc").code == 0
    from_msd = vanhove("compute", "diffusion", "msd.nc")
    direct = vanhove("compute", "diffusion", dump, *MAP, "--of", "Na")
    assert from_msd.code == direct.code == 0, (from_msd.err, direct.err)
    assert from_msd.out == direct.out
    assert "cm²/s" in direct.out
    assert "verdict" in direct.out


def test_compute_rdf_with_its_own_options_and_a_figure(vanhove: Vanhove, dump: Path) -> None:
    said = vanhove(
        "compute", "rdf", dump, *MAP, "--r_max", "4", "--pairs", "Si-S,Na-S", "--out", "g.nc", "--figure", "g.svg"
    )
    assert said.code == 0, said.err
    g = vh.load("g.nc")
    assert g.pair.values.tolist() == ["Si-S", "Na-S"]
    assert float(g.r[-1]) < 4
    assert "<svg" in Path("g.svg").read_text()
    assert left_behind() == ["g.nc", "g.svg"]


def test_compute_conductivity_and_arrhenius(vanhove: Vanhove, dump: Path) -> None:
    charges = ["--charges", "Na=1,Si=4,S=-2"]
    said = vanhove("compute", "conductivity", dump, *MAP, "--temperature", "900", *charges)
    assert said.code == 0, said.err
    assert "mS/cm" in said.out
    said = vanhove(
        "compute", "arrhenius", "--temperatures", "1000,1250,1500", "--values", "1e-5,2e-5,3e-5", "--at", "300"
    )
    assert said.code == 0, said.err
    assert "eV" in said.out


def test_a_folder_of_results_is_reported_again(vanhove: Vanhove) -> None:
    is_one_message(vanhove("report", "nowhere"), "no finished study", "nowhere")
    assert left_behind() == []


def test_new_and_dry_run(vanhove: Vanhove) -> None:
    said = vanhove("new", "mine", "--study", "demo")
    assert said.code == 0, said.err
    before = left_behind()
    said = vanhove("run", "mine/study.toml", "--dry-run")
    assert said.code == 0, said.err
    assert "to do" in said.out
    assert "nothing was written" in said.out
    assert left_behind() == before
    is_one_message(vanhove("new", "mine", "--study", "demo"), "study already")
    is_one_message(vanhove("new", "other", "--study", "dem"), "Did you mean 'demo'?")


def test_a_study_of_a_file_is_run_once(vanhove: Vanhove, dump: Path) -> None:
    Path("study.toml").write_text(
        f"""title = "Na"
[[files]]
path = "{dump}"
temperature = 900
species = {{ 1 = "Na", 2 = "Si", 3 = "S" }}
timestep = 0.001
[observables]
msd = {{ species = ["Na"] }}
diffusion = {{}}
"""
    )
    said = vanhove("run", "study.toml", "--out", "out")
    assert said.code == 0, said.err
    page = Path("out/report.html")
    assert page.is_file()
    assert str(page) in said.out
    assert "cm²/s" in said.out
    rows = json.loads(Path("out/summary.json").read_text())["results"]
    assert {"name", "species", "temperature", "value", "error", "unit", "verdict", "run"} <= set(rows[0])
    page.unlink()
    again = vanhove("run", "study.toml", "--out", "out")
    assert again.code == 0
    assert "everything is done already" in again.err
    assert page.is_file()
    page.unlink()
    assert vanhove("report", "out").code == 0
    assert page.is_file()


@pytest.mark.slow
def test_doctor_tries_what_there_is(vanhove: Vanhove) -> None:
    said = vanhove("doctor")
    assert said.code == 0
    for word in ("Python", "cores", "memory", "cache", "kernels", "simulate", "deepmd", "chgnet"):
        assert word in said.out
    assert re.search(r"kernels +work", said.out)
    assert left_behind() == []


# how it fails


def test_a_dump_without_one_whole_frame(vanhove: Vanhove, tmp_path: Path, text_of_dump: str) -> None:
    path = tmp_path / "cut.lammpstrj"
    path.write_text(text_of_dump[:300])
    is_one_message(vanhove("compute", "msd", path, *MAP, "--of", "Na", "--out", "x.nc"), "cut.lammpstrj", "whole frame")
    assert left_behind() == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_dump_cut_after_whole_frames_is_used(
    vanhove: Vanhove, tmp_path: Path, text_of_dump: str, *, packed: bool
) -> None:
    path = tmp_path / ("cut.dump.gz" if packed else "cut.dump")
    whole = gzip.compress(text_of_dump.encode()) if packed else text_of_dump.encode()
    path.write_bytes(whole[: int(len(whole) * 0.8)])
    said = vanhove("compute", "msd", path, *MAP, "--of", "Na", "--out", "x.nc")
    assert said.code == 0, said.err
    warned = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "cut.dump" in warned[0]
    assert 40 < vh.load("x.nc").sizes["lag"] < 50


def test_a_wrong_species_map(vanhove: Vanhove, dump: Path) -> None:
    said = vanhove(
        "compute", "msd", dump, "--species", "1=Na,2=Si", "--timestep", "0.001", "--of", "Na", "--out", "x.nc"
    )
    is_one_message(said, "3", "species", "run.lammpstrj")
    is_one_message(vanhove("inspect", dump, "--species", "1:Na"), "1:Na", "Write it like --species 1=Na,2=Si,3=S")
    said = vanhove("compute", "msd", dump, *MAP, "--of", "Li", "--out", "x.nc")
    is_one_message(said, "There is no 'Li'")
    assert left_behind() == []


def test_a_missing_time(vanhove: Vanhove, dump: Path) -> None:
    said = vanhove("compute", "msd", dump, "--species", "1=Na,2=Si,3=S", "--of", "Na", "--figure", "x.png")
    is_one_message(said, "timestep", "run.lammpstrj")
    assert left_behind() == []


def test_positions_that_are_no_numbers(vanhove: Vanhove, tmp_path: Path, text_of_dump: str) -> None:
    path = tmp_path / "nan.dump"
    lines = text_of_dump.splitlines()
    atom = 45 * 30 + 20  # a line of frame 30
    lines[atom] = " ".join([*lines[atom].split()[:3], "nan", "1.0"])
    path.write_text("\n".join(lines) + "\n")
    said = vanhove("compute", "msd", path, *MAP, "--of", "Na", "--out", "x.nc", "--figure", "x.png")
    is_one_message(said, "nan.dump", "30", "finite")
    assert left_behind() == []


def test_a_typo_in_a_study(vanhove: Vanhove) -> None:
    vanhove("new", "mine", "--study", "demo")
    study = Path("mine/study.toml")
    study.write_text(study.read_text().replace("temperatures =", "temperaturs ="))
    before = left_behind()
    said = vanhove("run", "mine/study.toml")
    is_one_message(said, "temperaturs", "mine/study.toml", "Did you mean 'temperatures'?")
    assert left_behind() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compute", "msdd", "x"], "Did you mean 'msd'?"),
        (["compute", "msd", "x", "--of", "Na", "--drft", "cell"], "Did you mean 'drift'?"),
        (["compute", "msd", "x", "--of", "Na", "--drift", "cel"], "--drift cel"),
        (["compute", "rdf", "x", "--r_max", "far"], "--r_max far"),
        (["compute", "msd", "x"], "--of"),
        (["compute", "msd", "--of", "Na"], "needs a FILE"),
        (["compute", "msd", "none.dump", "--of", "Na"], "no such file"),
        (["compute", "msd", "x", "--of", "Na", "--out", "x.txt"], "x.nc"),
        (["compute", "msd", "x", "--of", "Na", "--figure", "x.pgn"], "png"),
        (["compute", "arrhenius", "x.dump"], "--temperatures"),
        (["compute", "diffusion", "none.nc"], "no result file"),
        (["inspect", "none.dump"], "no such file"),
        (["run", "none.toml"], "no such study"),
    ],
)
def test_wrong_usage_is_one_message(vanhove: Vanhove, words: list[str], expected: str) -> None:
    is_one_message(vanhove(*words), expected)
    assert left_behind() == []


@pytest.mark.parametrize("words", [["comput"], ["inspect"], ["new", "x"], ["inspect", "x", "--timestep", "fast"]])
def test_wrong_words_are_told_with_the_usage(vanhove: Vanhove, words: list[str]) -> None:
    said = vanhove(*words)
    assert said.code == 2
    assert "Usage: vanhove" in said.err
    assert "Traceback" not in said.err


def test_a_result_of_something_else_is_refused(vanhove: Vanhove, dump: Path) -> None:
    assert vanhove("compute", "rdf", dump, *MAP, "--r_max", "3", "--out", "g.nc").code == 0
    is_one_message(vanhove("compute", "diffusion", "g.nc"), "dynamics.msd", "structure.rdf")


def test_debug_shows_where_it_comes_from(vanhove: Vanhove) -> None:
    said = vanhove("compute", "msd", "none.dump", "--debug", "--of", "Na")
    assert said.code == 2
    assert "Traceback" in said.err
    assert "opening.py" in said.err
    assert said.err.rstrip().splitlines()[-1].strip() == "Check the path"


def test_what_the_system_refuses_is_one_message(vanhove: Vanhove, dump: Path) -> None:
    Path("file").write_text("")
    said = vanhove("compute", "msd", dump, *MAP, "--of", "Na", "--out", "file/x.nc")
    is_one_message(said, "file")


def test_ctrl_c(vanhove: Vanhove, dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vanhove.registry.draw", interrupted)
    said = vanhove("compute", "msd", dump, *MAP, "--of", "Na", "--out", "x.nc", "--figure", "x.png")
    assert said.code == 130
    assert "Traceback" not in said.err
    assert left_behind() == []


@pytest.mark.slow
def test_ctrl_c_ends_the_engine_too(tmp_path: Path) -> None:
    """A terminal's Ctrl-C while the demo simulates: exit code 130, and no process of it is left."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "vanhove", "demo", "demo"], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and demo.poll() is None and not list(tmp_path.glob("demo/runs/*/**/log.lammps")):
        time.sleep(0.2)
    assert demo.poll() is None, demo.stdout.read() if demo.stdout else ""
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert b"Traceback" not in output
    assert engines_in(tmp_path) == []


def engines_in(folder: Path) -> list[int]:
    """Processes that work below ``folder``."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                where = os.readlink(process / "cwd")
            except OSError:
                continue
            if where.startswith(f"{folder}/"):
                found.append(int(process.name))
    return found


def test_python_m_vanhove() -> None:
    done = subprocess.run([sys.executable, "-m", "vanhove", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"vanhove {vh.__version__}\n")


# its parts


def test_files_and_options_are_told_apart() -> None:
    files, given = options.split(["a.dump", "--r_max", "8", "b.dump", "--times-T", "--pairs=Si-S", "--pairs", "Na-S"])
    assert files == ["a.dump", "b.dump"]
    assert given == {"r_max": "8", "times_T": "true", "pairs": "Si-S,Na-S"}
    assert options.split(["--window", "-1,5"])[1] == {"window": "-1,5"}


@pytest.mark.parametrize(
    ("observable", "option", "written", "expected"),
    [
        ("structure.rdf", "r_max", "8", 8.0),
        ("structure.rdf", "pairs", "Si-S", "Si-S"),
        ("structure.rdf", "pairs", "Si-S, Na-S", ["Si-S", "Na-S"]),
        ("structure.rdf", "pairs", "none", None),
        ("dynamics.msd", "species", "7Li", "7Li"),
        ("dynamics.msd", "drift", "none", None),
        ("dynamics.msd", "drift", "framework", "framework"),
        ("dynamics.msd", "lags", "log", "log"),
        ("dynamics.msd", "lags", "1,2.5", [1.0, 2.5]),
        ("dynamics.msd", "lags", "5", [5.0]),
        ("dynamics.diffusion", "window", "2,5", [2.0, 5.0]),
        ("dynamics.conductivity", "charges", "Na=1,S=-2", {"Na": 1.0, "S": -2.0}),
        ("dynamics.arrhenius", "values", "1e-5,2e-5", [1e-5, 2e-5]),
    ],
)
def test_options_become_what_the_signature_asks_for(
    observable: str, option: str, written: str, expected: object
) -> None:
    from vanhove.study.options import parameters_of

    parameter = parameters_of(observable)[option]
    got = options.arguments(observable, [parameter], {option: written})[option]
    assert (list(got) if isinstance(got, tuple) else got) == expected


@pytest.mark.parametrize(
    ("value", "error", "unit", "expected"),
    [
        (2.3456e-5, 1.2e-6, "cm²/s", "(2.35 ± 0.12)e-05 cm²/s"),
        (2.05, 0.0123, "Å", "2.050 ± 0.012 Å"),
        (1234.5, 67.8, "mS/cm", "1234 ± 68 mS/cm"),
        (0.0, 0.25, "", "0.00 ± 0.25"),
        (3.0, None, "1", "3"),
        (None, None, "eV", "–"),
        (float("nan"), 1.0, "eV", "–"),
    ],
)
def test_numbers_are_written_as_far_as_they_are_known(
    value: float | None, error: float | None, unit: str, expected: str
) -> None:
    assert text.measured(value, error, unit) == expected
