"""A second file of a trajectory: found beside the study, part of what the results are known by, told in the lock."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.results import read_results
from vanhove.study.schema import read_study
from vanhove.trajectory.writers import write

STUDY = """
title = "A dump that only numbers its types"
[[files]]
path = "trajectories/run.dump"
topology = "trajectories/start.data"
timestep = 0.001
temperature = 500
[observables]
msd = { species = ["Na"] }
rdf = { r_max = 4 }
"""
DATA = """LAMMPS data file

10 atoms
2 atom types
0 12 xlo xhi
0 12 ylo yhi
0 12 zlo zhi

Masses

1 22.99
2 35.45

Atoms # charge

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five Na and five Cl; the dump has types only, the data file their masses and charges."""
    rng = np.random.default_rng(6)
    paths = rng.uniform(0, 12, (10, 3)) + np.cumsum(rng.normal(0, 0.2, (60, 10, 3)), axis=0)
    place = tmp_path / "study" / "trajectories"
    write(vh.from_arrays(paths, 12.0, ["Na"] * 5 + ["Cl"] * 5, 0.1 * np.arange(60), wrapped=False), place / "x.dump")
    lines = (place / "x.dump").read_text().splitlines()
    plain = [" ".join(np.array(words)[[0, 1, 3, 4, 5]]) if len(words := line.split()) == 7 else line for line in lines]
    text = "\n".join(plain).replace("id type element xu yu zu mass", "id type xu yu zu")
    (place / "run.dump").write_text(text.replace("ITEM: UNITS\nmetal\n", "") + "\n")
    rows = [f"{i + 1} {1 + i // 5} {1 - 2 * (i // 5)} {x:.5f} {y:.5f} {z:.5f}" for i, (x, y, z) in enumerate(paths[0])]
    (place / "start.data").write_text(DATA + "\n".join(rows) + "\n")
    (tmp_path / "study" / "study.toml").write_text(STUDY)
    return tmp_path / "study"


def keys(folder: Path) -> list[str]:
    return [task.key for task in plan_of(read_study(folder / "study.toml")).tasks]


def test_it_is_found_beside_the_study_and_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # not relative to where one stands
    results: Results = run(folder / "study.toml", folder / "out")
    (one,) = results.runs
    assert one.details["composition"] == {"Na": 5, "Cl": 5}
    assert one.open_options["topology"] == str(folder / "trajectories" / "start.data")
    assert 'topology = "' in (folder / "out" / "study.lock.toml").read_text()
    (again,) = read_results(folder / "out").runs
    assert again.open().composition == {"Na": 5, "Cl": 5}
    assert "file's own unwrapped" in one.details["unwrapping"]


def test_what_it_holds_is_part_of_the_key(folder: Path, tmp_path: Path) -> None:
    before = keys(folder)
    shutil.move(folder, tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere"
    assert keys(moved) == before
    data = moved / "trajectories" / "start.data"
    status = os.stat(data)
    data.write_text(data.read_text().replace("22.99", "22.98"))
    os.utime(data, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not set(keys(moved)) & set(before)


def test_it_must_be_there(folder: Path) -> None:
    (folder / "trajectories" / "start.data").unlink()
    with pytest.raises(Refusal, match=r"no such file.*start\.data"):
        keys(folder)
    text = STUDY.replace("topology", "topolgy")
    (folder / "study.toml").write_text(text)
    with pytest.raises(Refusal, match="Did you mean 'topology'"):
        keys(folder)


def test_folders_and_files_beside_the_named_one_count(tmp_path: Path) -> None:
    """A DeePMD folder is one trajectory of many files: a change in any of them is another trajectory."""
    rng = np.random.default_rng(7)
    system = tmp_path / "system"
    (system / "set.000").mkdir(parents=True)
    (system / "type.raw").write_text("0 0 1\n")
    (system / "type_map.raw").write_text("Na Cl\n")
    coords = rng.uniform(0, 8, (20, 9))
    np.save(system / "set.000" / "coord.npy", coords)
    np.save(system / "set.000" / "box.npy", np.tile(8 * np.eye(3).ravel(), (20, 1)))
    (tmp_path / "study.toml").write_text(
        'title = "x"\n[[files]]\npath = "system"\nspacing = 0.1\n[observables]\nrdf = { r_max = 3 }\n'
    )
    with pytest.warns(VanhoveWarning):  # its frames jump
        before = keys(tmp_path)
    coords[3] += 0.25
    np.save(system / "set.000" / "coord.npy", coords)
    with pytest.warns(VanhoveWarning):
        assert not set(keys(tmp_path)) & set(before)
