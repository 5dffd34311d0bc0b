"""One process at a time writes into a results folder, and a killed one blocks nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vanhove as vh
from vanhove.study.folder import held

HOLDS = """
import sys, time
from pathlib import Path
from vanhove.study.folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(out)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(vh.Refusal, match=f"Another process runs .* process {other.pid}"), held(out):
            pytest.fail("held twice")
        os.kill(other.pid, signal.SIGKILL)
    with held(out):
        pass


def test_a_folder_that_stays_empty_goes_again(tmp_path: Path) -> None:
    with held(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / ".lock").exists()
    assert list(tmp_path.iterdir()) == []
    with held(tmp_path / "a"):
        (tmp_path / "a" / "kept").write_text("")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with held(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_dir()


def test_what_a_killed_run_left_half_written_is_swept_up(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".msd.nc.x1.part").write_text("half")
    (tmp_path / ".summary.json.x2.part").write_text("half")
    (tmp_path / "data" / "msd.nc").write_text("whole")
    with held(tmp_path):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == {"data", "msd.nc"}


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(vh.Refusal, match="can't be made"), held(tmp_path / "file" / "out"):
        pytest.fail("held")
