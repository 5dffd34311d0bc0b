"""The cache of large files: read once, rebuilt when it is not what it should be, bounded, safe for two processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from written import NAMES, TRICLINIC, Truth, dump_text, new_cache, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.cache import kept_store


@pytest.fixture(scope="module")
def truth() -> Truth:
    return walk(TRICLINIC * np.linspace(1, 1.05, 60)[:, None, None], frames=60, atoms=400)


@pytest.fixture(scope="module")
def text(truth: Truth) -> str:
    return dump_text(truth, "id type x y z ix iy iz vx vy vz")


@pytest.fixture
def run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dump whose positions do not fit into half the budget."""
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    monkeypatch.setenv("VANHOVE_CACHE", str(new_cache(tmp_path / "cache")))
    return put(tmp_path / "run.dump", text)


INDEX = b"FADB"  # begins HDF5's list of a data set's chunks


def stores(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "trajectories").glob("*.h5md"))


def open_(run: Path, **more: object) -> vh.Trajectory:
    return vh.open(run, species=NAMES, **{"timestep": 0.001, "units": "metal", **more})  # type: ignore[arg-type]  # options


def test_the_cache_holds_what_the_file_says(
    run: Path, truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traj = open_(run)
    assert stores(tmp_path) == []  # nothing is read yet
    positions, paths = traj.read("positions"), traj.read_paths()
    velocities = traj.read("velocities", slice(3, 9), slice(1, 7))
    assert len(stores(tmp_path)) == 1
    np.testing.assert_allclose(positions, truth.unwrapped, atol=1e-6)
    np.testing.assert_array_equal(velocities, truth.velocities[3:9, 1:7])
    monkeypatch.setenv("VANHOVE_MEMORY", "1GB")
    in_memory = open_(run)
    np.testing.assert_array_equal(in_memory.read("positions"), positions)
    np.testing.assert_array_equal(in_memory.read_paths(), paths)
    assert in_memory.fingerprint == traj.fingerprint


def test_it_is_read_once(run: Path, tmp_path: Path) -> None:
    open_(run).read("positions", slice(0, 1))
    (store,) = stores(tmp_path)
    before = store.stat().st_ino
    open_(run, timestep=0.002, temperature=300).read("positions", slice(0, 1))  # other times, the same positions
    assert [path.stat().st_ino for path in stores(tmp_path)] == [before]
    for option in ({"units": "real"}, {"unwrap": "tor"}, {"unwrap": "fractional"}, {"unwrap": "none"}):
        open_(run, **option).read("positions", slice(0, 1))
    assert len(stores(tmp_path)) == 5
    run.write_text(run.read_text().replace("ITEM: TIMESTEP\n0\n", "ITEM: TIMESTEP\n1\n"))
    open_(run).read("positions", slice(0, 1))
    assert len(stores(tmp_path)) == 6


@pytest.mark.parametrize("damage", ["empty", "half", "text", "foreign", "other", "index"])
def test_a_bad_store_is_written_again(run: Path, truth: Truth, tmp_path: Path, damage: str) -> None:
    open_(run).read("positions", slice(0, 1))
    (store,) = stores(tmp_path)
    data = store.read_bytes()
    assert INDEX in data
    if damage == "foreign":
        import h5py

        store.unlink()
        with h5py.File(store, "w") as file:
            file["x"] = 1
    elif damage == "other":
        vh.from_arrays(np.zeros((2, 3, 3)), 5.0, ["Li"] * 3, [0.0, 1.0], wrapped=False).save(store)
    else:
        store.write_bytes({"empty": b"", "half": data[: len(data) // 2], "text": b"not a store" * 50,
                           "index": data.replace(INDEX, b"LOST")}[damage])  # fmt: skip
    np.testing.assert_allclose(open_(run).read("positions"), truth.unwrapped, atol=1e-6)
    assert len(stores(tmp_path)) == 1


def test_leftovers_of_a_killed_run_go(run: Path, tmp_path: Path) -> None:
    traj = open_(run)
    folder = tmp_path / "cache" / "trajectories"
    folder.mkdir(parents=True)
    mine = folder / f".{traj.system.source.fingerprint}.h5md.abc.part"
    old, young = folder / ".00.h5md.abc.part", folder / ".11.h5md.abc.part"
    for path in (mine, old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 1e6, time.time() - 1e6))
    traj.read("positions", slice(0, 1))
    assert sorted(path.name for path in folder.glob(".*.part")) == [young.name]


def test_the_oldest_used_go_first(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {}
    for age, mode in enumerate(["file", "tor", "none"]):
        open_(run, unwrap=mode).read("positions", slice(0, 1))
        (new,) = [path for path in stores(tmp_path) if path not in names.values()]
        names[mode] = new
        os.utime(new, (1e9 + age, 1e9 + age))
    open_(run, unwrap="file").read("positions", slice(0, 1))  # used now
    sizes = sum(path.stat().st_size for path in names.values())
    monkeypatch.setenv("VANHOVE_CACHE_SIZE", str(sizes + 1000))
    open_(run, unwrap="fractional").read("positions", slice(0, 1))
    left = stores(tmp_path)
    assert names["file"] in left
    assert names["tor"] not in left
    monkeypatch.setenv("VANHOVE_CACHE_SIZE", "1kB")
    with pytest.raises(Refusal, match="VANHOVE_CACHE_SIZE"):
        open_(run, units="real").read("positions", slice(0, 1))


def test_no_cache_to_write_to(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("VANHOVE_CACHE", str(tmp_path / "blocked"))
    with pytest.raises(Refusal, match="no cache can be written") as caught:
        open_(run).read("positions", slice(0, 1))
    assert "VANHOVE_CACHE" in caught.value.do


def test_a_fault_in_the_file_leaves_nothing(run: Path, truth: Truth, tmp_path: Path) -> None:
    text = run.read_text()
    row = text.rstrip("\n").rsplit("\n", 1)[1]
    run.write_text(text.replace(row, row.rsplit(" ", 1)[0] + " nan"))
    with pytest.raises(Refusal, match="frame 59"):
        open_(run).read("positions", slice(0, 1))
    assert [path.name for path in (tmp_path / "cache" / "trajectories").iterdir()] == ["lock"]


READ = """
import sys
import vanhove as vh
from vanhove.trajectory import store
written = store.write_blocks
def noisy(*args, **kwargs):
    print("wrote", flush=True)
    return written(*args, **kwargs)
import vanhove.trajectory.file_source as source
source.write_blocks = noisy
traj = vh.open(sys.argv[1], species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, units="metal")
print(traj.fingerprint, traj.read("positions").sum().hex())
"""


def test_two_processes_write_it_once(run: Path, tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", READ, str(run)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0].split() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum(words.count("wrote") for words in said) == 1
    assert said[0][-2:] == said[1][-2:]
    assert said[0][-2] == open_(run).fingerprint  # the same name in every process
    assert len(stores(tmp_path)) == 1


def test_a_trajectory_can_be_pickled(run: Path, truth: Truth, tmp_path: Path) -> None:
    traj = open_(run)
    back = pickle.loads(pickle.dumps(traj.select("Na")[5:]))
    np.testing.assert_array_equal(back.read_paths(), traj.select("Na")[5:].read_paths())
    back.save(tmp_path / "a.h5md")
    stored = pickle.loads(pickle.dumps(vh.open(tmp_path / "a.h5md")))
    np.testing.assert_array_equal(stored.read_paths(), back.read_paths())


def test_two_threads_write_it_once(tmp_path: Path) -> None:
    """Two views of the same large file in one process: the second waits, and nobody's half-written store is removed."""
    written: list[Path] = []

    def opened(path: Path) -> Path | None:
        return path if path.read_text() == "whole" else None

    def write(path: Path) -> None:
        written.append(path)
        time.sleep(0.2)
        path.write_text("whole")

    def ask(_: int) -> Path:
        return kept_store(tmp_path, "0123456789abcdef", 1, opened, write)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert found == [tmp_path / "0123456789abcdef.h5md"] * 4
    assert len(written) == 1
