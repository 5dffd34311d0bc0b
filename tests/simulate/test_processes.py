"""Nothing outlives its run, and a run that was killed goes on to the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate import supervise
from vanhove.simulate._run import run
from vanhove.simulate.engine import useful_ranks

Processes = Callable[[Path], dict[int, str]]
pytestmark = pytest.mark.usefixtures("lammps")

SCRIPT = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit that it is ignored
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Protocol, Hold, Minimise, Produce, Ramp

atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
forces = potential("na2s-sis2", cutoff=7.0)
protocol = Protocol((Minimise(), Hold(3000, 1.0, "mix"), Ramp(3000, 1500, 1000), Hold(1500, 1.0, "equilibrate"),
                     Produce(1500, 2.0, 0.02, velocities=True)))
if __name__ == "__main__":
    from vanhove.simulate._run import run
    run(atoms, forces, protocol, sys.argv[1], ranks=2, leg_steps=500)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run_it.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def undisturbed(script: Path, tmp_path_factory: pytest.TempPathFactory, lammps: Any) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


def started(script: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)


def wait_for(what: Callable[[], bool], seconds: float = 600.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


def arrays(folder: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(folder / "trajectory.h5md") as file:
        particles = file["particles/all"]
        return {
            "positions": particles["position/value"][:],
            "velocities": particles["velocity/value"][:],
            "times": particles["position/time"][:],
            "cell": particles["box/edges"][:],
            "final": (folder / "final.extxyz").read_text(),
        }


def assert_nothing_left(processes: Processes, folder: Path) -> None:
    until = time.monotonic() + 2.0
    while processes(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes(folder) == {}


def test_a_run_killed_four_times_ends_with_the_same_bits(
    script: Path, undisturbed: Path, tmp_path: Path, processes: Processes
) -> None:
    folder = tmp_path / "run"
    # in the minimisation or before, in the middle of a leg, between legs, and while the trajectory is near
    for leg, later in (
        ("000-minimise.attempt", 0.0),
        ("003-quench.attempt", 0.11),
        ("006-equilibrate", 0.0),
        ("008-produce.attempt", 0.07),
    ):
        process = started(script, folder)
        wait_for(lambda leg=leg: (folder / "legs" / leg).exists())  # type: ignore[misc]  # bound now
        time.sleep(later)
        process.kill()
        process.wait()
        assert_nothing_left(processes, folder)
        assert not (folder / "trajectory.h5md").exists()
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    expected, found = arrays(undisturbed), arrays(folder)
    assert found["positions"].shape == (101, 96, 3)
    for name, array in expected.items():
        assert np.array_equal(array, found[name]), name


def test_the_folder_and_the_clock_change_nothing(undisturbed: Path, script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    assert np.array_equal(arrays(undisturbed)["positions"], arrays(folder)["positions"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_python_is_killed(
    script: Path, tmp_path: Path, number: signal.Signals, processes: Processes
) -> None:
    process = started(script, tmp_path / "run")
    wait_for(lambda: any("hydra_pmi_proxy" in command for command in processes(tmp_path).values()))
    process.send_signal(number)
    process.wait()
    assert_nothing_left(processes, tmp_path)


@pytest.mark.parametrize("victim", ["mpiexec", "hydra_pmi_proxy", "supervise.py", "lmp"])
def test_nothing_is_left_when_a_part_is_killed(
    tmp_path: Path, relaxed: Any, forces: Any, victim: str, processes: Processes
) -> None:
    """The run ends with a message, whichever of its processes dies."""
    from vanhove.simulate._protocol import Hold

    killed: list[str] = []

    def kill_it(stage: str, temperature: float, *_: Any) -> None:
        if killed or temperature == 0:
            return
        for pid, command in processes(tmp_path).items():
            program = Path(command.split("\0")[0]).name
            if program == victim or (victim == "supervise.py" and victim in command):
                killed.append(command)
                os.kill(pid, signal.SIGKILL)
                return

    with pytest.raises(Refusal, match="Stage 'hold' was stopped: LAMMPS ended with code"):
        run(relaxed, forces, [Hold(300, 500)], tmp_path, ranks=2, leg_steps=10**6, progress=kill_it)
    assert killed
    assert_nothing_left(processes, tmp_path)


def test_ctrl_c_leaves_a_run_that_goes_on(
    script: Path, undisturbed: Path, tmp_path: Path, processes: Processes
) -> None:
    folder = tmp_path / "run"
    process = started(script, folder)
    wait_for((folder / "legs/004-quench.attempt").exists)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert b"KeyboardInterrupt" in said
    assert processes(tmp_path) == {}  # at once: the engine was ended in order
    assert (folder / "legs/003-quench").exists()
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    assert np.array_equal(arrays(undisturbed)["positions"], arrays(folder)["positions"])


def test_an_exception_of_the_progress_ends_the_engine(
    relaxed: Any, forces: Any, tmp_path: Path, processes: Processes
) -> None:
    from vanhove.simulate._protocol import Hold

    def enough(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(relaxed, forces, [Hold(300, 500)], tmp_path, ranks=2, progress=enough)
    assert processes(tmp_path) == {}


def test_the_supervisor_passes_on_how_its_command_ended(tmp_path: Path) -> None:
    def code(*command: str) -> int:
        supervised = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), *command]
        with subprocess.Popen(supervised, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            return process.wait()

    assert code("true") == 0
    assert code("sh", "-c", "exit 7") == 7
    assert code("sh", "-c", "kill -9 $$") == 137
    assert code(str(tmp_path / "absent")) == 127


def test_the_supervisor_ends_what_left_its_session(tmp_path: Path, processes: Processes) -> None:
    """A grandchild in a session of its own, whose parent has ended."""
    command = ["sh", "-c", f"cd {tmp_path}; setsid sleep 100 & sleep 1; exit 3"]
    supervised = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), *command]
    with subprocess.Popen(supervised, stdin=subprocess.PIPE) as process:
        wait_for(lambda: any("sleep\x00100" in command for command in processes(tmp_path).values()))
        assert process.wait() == 3
    assert processes(tmp_path) == {}


def test_ranks_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_RANKS", "3")
    assert useful_ranks(10) == 3
    monkeypatch.delenv("VANHOVE_RANKS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(4))
    assert [useful_ranks(n) for n in (10, 600, 10_000)] == [1, 3, 4]
    monkeypatch.setenv("VANHOVE_RANKS", "two")
    with pytest.raises(Refusal, match="VANHOVE_RANKS is 'two'"):
        useful_ranks(10)
