"""How the command fails: one message, exit code 2, nothing left behind; 130 after Ctrl-C."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import vanhove as vh

MAP = "--species 1=Na,2=Si,3=S --timestep 0.001"
BOTH = "--out x.nc --figure x.png"


def test_a_dump_without_one_whole_frame(vanhove: Any, tmp_path: Path, dump_text: str) -> None:
    path = tmp_path / "cut.lammpstrj"
    path.write_text(dump_text[:300])
    vanhove.refuses(f"compute msd {path} {MAP} --of Na {BOTH}", "cut.lammpstrj", "whole frame")


@pytest.mark.parametrize("packed", [False, True])
def test_a_dump_cut_after_whole_frames_is_used(vanhove: Any, tmp_path: Path, dump_text: str, *, packed: bool) -> None:
    path = tmp_path / ("cut.dump.gz" if packed else "cut.dump")
    whole = gzip.compress(dump_text.encode()) if packed else dump_text.encode()
    path.write_bytes(whole[: int(len(whole) * 0.8)])
    said = vanhove.works(f"compute msd {path} {MAP} --of Na --out x.nc")
    warned = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "cut.dump" in warned[0]
    assert 40 < vh.load("x.nc").sizes["lag"] < 50


def test_a_wrong_species_map(vanhove: Any, dump: Path) -> None:
    vanhove.refuses(
        f"compute msd {dump} --species 1=Na,2=Si --timestep 0.001 --of Na {BOTH}", "3", "species", "run.lammpstrj"
    )
    vanhove.refuses(f"inspect {dump} --species 1:Na", "1:Na", "Write it like --species 1=Na,2=Si,3=S")
    vanhove.refuses(f"compute msd {dump} {MAP} --of Li {BOTH}", "There is no 'Li'")


def test_a_missing_time(vanhove: Any, dump: Path) -> None:
    vanhove.refuses(f"compute msd {dump} --species 1=Na,2=Si,3=S --of Na {BOTH}", "timestep", "run.lammpstrj")


def test_positions_that_are_no_numbers(vanhove: Any, tmp_path: Path, dump_text: str) -> None:
    path = tmp_path / "nan.dump"
    lines = dump_text.splitlines()
    atom = 45 * 30 + 20  # a line of frame 30
    lines[atom] = " ".join([*lines[atom].split()[:3], "nan", "1.0"])
    path.write_text("\n".join(lines) + "\n")
    vanhove.refuses(f"compute msd {path} {MAP} --of Na {BOTH}", "nan.dump", "30", "finite")


def test_a_typo_in_a_study(vanhove: Any) -> None:
    vanhove.works("new mine --study demo")
    study = Path("mine/study.toml")
    study.write_text(study.read_text().replace("temperatures =", "temperaturs ="))
    vanhove.refuses("run mine/study.toml", "temperaturs", "mine/study.toml", "Did you mean 'temperatures'?")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compute msdd x", "Did you mean 'msd'?"),
        ("compute msd x --of Na --drft cell", "Did you mean 'drift'?"),
        ("compute msd x --of Na --drift cel", "It must be 'cell' or 'framework' or none"),
        ("compute rdf x --r_max far", "It must be a number"),
        ("compute msd x", "--of"),
        ("compute msd --of Na", "needs a FILE"),
        ("compute msd none.dump --of Na", "no such file"),
        ("compute msd x --of Na --out x.txt", "x.nc"),
        ("compute msd x --of Na --figure x.pgn", "png"),
        ("compute arrhenius x.dump", "--temperatures"),
        ("compute arrhenius x.dump --temperatures 300,400 --values 1,2", "takes numbers, not files"),
        ("compute diffusion none.nc", "no result file"),
        ("compute diffusion none.nc --timestep 0.001", "no option --timestep"),
        ("inspect none.dump", "no such file"),
        ("run none.toml", "no such study"),
        ("run none.toml --scheduler nowhere", "no scheduler to be reached"),
        ("new x --study dem", "Did you mean 'demo'?"),
        ("report nowhere", "no finished study"),
    ],
)
def test_wrong_usage_is_one_message(vanhove: Any, line: str, expected: str) -> None:
    vanhove.refuses(line, expected)


@pytest.mark.parametrize("line", ["comput", "inspect", "new x", "inspect x --timestep fast"])
def test_wrong_words_are_told_with_the_usage(vanhove: Any, line: str) -> None:
    said = vanhove(line)
    assert said.code == 2
    assert "Usage: vanhove" in said.err
    assert "Traceback" not in said.err


def test_a_result_of_something_else_is_refused(vanhove: Any, dump: Path) -> None:
    vanhove.works(f"compute rdf {dump} {MAP} --r_max 3 --out g.nc")
    vanhove.refuses("compute diffusion g.nc", "dynamics.msd", "structure.rdf")


def test_debug_shows_where_it_comes_from(vanhove: Any) -> None:
    said = vanhove("compute msd none.dump --debug --of Na")
    assert said.code == 2
    assert "Traceback" in said.err
    assert "opening.py" in said.err
    assert said.err.rstrip().splitlines()[-1].strip() == "Check the path"


def test_what_the_system_refuses_is_one_message(vanhove: Any, dump: Path) -> None:
    Path("file").write_text("")
    vanhove.refuses(f"compute msd {dump} {MAP} --of Na --out file/x.nc", "file")


def test_ctrl_c(vanhove: Any, dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vanhove.registry.draw", interrupted)
    said = vanhove(f"compute msd {dump} {MAP} --of Na {BOTH}")
    assert said.code == 130
    assert "Traceback" not in said.err
    assert vanhove.left() == []


@pytest.mark.slow
def test_ctrl_c_ends_the_engine_too(tmp_path: Path) -> None:
    """A terminal's Ctrl-C while the demo simulates: exit code 130, and no process of it is left."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
        "sys.argv = ['vanhove', 'demo', 'demo']; from vanhove.cli import main; main()"
    )
    demo = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and demo.poll() is None and not list(tmp_path.rglob("log.lammps")):
        time.sleep(0.2)
    assert demo.poll() is None, demo.communicate()[0]
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert b"Traceback" not in output
    assert b"the same command goes on from here" in output
    assert processes_in(tmp_path) == []


def processes_in(folder: Path) -> list[int]:
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
