"""What inspect says of a trajectory: facts in one screen, and nothing suspicious that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.elements import mass_of
from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV
from vanhove.trajectory.writers import write

MAP = "--species 1=Na,2=Si,3=S --timestep 0.001"
Look = Callable[..., str]


def crystal(frames: int = 40, kelvin: float = 600.0, spacing: float = 0.1, seed: int = 3, **more: Any) -> vh.Trajectory:
    """27 Na and 27 Cl that rattle about the places of rock salt, with velocities of ``kelvin``."""
    rng = np.random.default_rng(seed)
    grid = np.indices((3, 3, 6)).reshape(3, -1).T
    species = np.array(["Na", "Cl"])[grid.sum(axis=1) % 2].tolist()
    masses = np.array([mass_of(label) for label in species])
    places = grid * [4.0, 4.0, 3.0] + rng.normal(0, 0.1, (frames, 54, 3))
    velocities = rng.normal(size=(frames, 54, 3)) * np.sqrt(K_B * kelvin / U_A2_PER_PS2_IN_MEV / masses)[:, None]
    given: dict[str, Any] = dict(velocities=velocities, temperature=600.0, cells=np.diag([12.0, 12.0, 18.0]))
    given |= dict(positions=places, times=spacing * np.arange(frames)) | more
    return vh.from_arrays(species=species, wrapped=False, **given)


@pytest.fixture
def look(vanhove: Any, tmp_path: Path) -> Look:
    """The screen on a trajectory: at most 24 lines of at most 100 columns, the same facts as JSON."""

    def looked(traj: vh.Trajectory, options: str = "") -> str:
        traj.save(tmp_path / "x.h5md")
        out = vanhove.works(f"inspect {tmp_path / 'x.h5md'} {options}").out
        lines = out.splitlines()
        assert len(lines) <= 24
        assert max(len(line) for line in lines) <= 100
        facts = json.loads(vanhove.works(f"inspect {tmp_path / 'x.h5md'} --json {options}").out)
        assert (facts["atoms"], facts["frames"]) == (traj.n_atoms, traj.n_frames)
        assert ("nothing found" in out) == (not facts["suspicious"])
        return re.sub(r"\s+", " ", out)

    return looked


def test_one_screen(vanhove: Any, dump: Path) -> None:
    said = vanhove.works(f"inspect {dump} {MAP} --temperature 900")
    for fact in (
        "36: 12 Na, 6 Si, 18 S = 6 × Na2SiS3", "60: 0 to 5.9 ps, every 0.1 ps", "9.000", "constant", "729 Å³", "900 K",
        "file's own unwrapped", "velocities", "framework (all but Na)",
    ):  # fmt: skip
        assert fact in re.sub(r"\s+", " ", said.out), said.out
    assert vanhove.left() == []


def test_nothing_is_wrong_with_a_crystal(look: Look) -> None:
    said = look(crystal())
    for fact in (
        "nothing found",
        "600 K as stated",
        "K by the velocities",
        "stored",
        "27 × NaCl",
        "0 to 3.9 ps, every",
    ):
        assert fact in said, said


def test_nothing_is_wrong_with_a_skewed_crystal(look: Look) -> None:
    primitive = 4.0 * np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cell = np.array([[1, 0, 0], [2, 1, 0], [0, 1, 1]]) @ (3 * primitive)  # the same lattice in other words
    corners = np.indices((3, 3, 3)).reshape(3, -1).T @ primitive
    frames = corners + np.array([0.0, 0.001, 0.0])[:, None, None] * (-1.0) ** np.arange(27)[:, None]
    said = look(vh.from_arrays(frames, cell, ["Na"] * 27, [0, 1, 2], wrapped=True, temperature=300))
    for fact in ("nothing found", "angles", "2.83 Å, Na–Na", "shortest image"):
        assert fact in said, said


def test_what_is_missing_is_told_with_what_is_known(vanhove: Any, dump: Path) -> None:
    said = vanhove(f"inspect {dump}")
    assert said.code == 2
    assert said.err == ""
    for fact in (
        "give --species 1=..,2=..,3=..", "give --timestep ..", "36: 12 type 1, 6 type 2, 18 type 3",
        "60: 0 to 5900 steps, every 100 steps", "9.000", "729 Å³",
    ):  # fmt: skip
        assert fact in said.out, said.out
    for unknown in ("density", "by the steps", "Ac", "drift", " ps,"):
        assert unknown not in said.out, said.out
    said = vanhove(f"inspect {dump} --species 1=Na,2=Si --timestep 0.001")
    assert said.code == 2
    assert "give --species 1=Na,2=Si,3=.." in said.out
    assert "12 Na, 6 Si, 18 type 3" in said.out
    facts = json.loads(vanhove(f"inspect {dump} --species 1=Na,2=Si,3=S --json").out)
    assert facts["missing"] == ["--timestep .."]
    assert facts["density_g_cm3"] > 0


def test_masses_suggest_the_species(vanhove: Any, tmp_path: Path, dump_text: str) -> None:
    lines = dump_text.replace("ITEM: ATOMS id type xu yu zu", "ITEM: ATOMS id type xu yu zu mass").splitlines()
    masses = {"1": " 22.9", "2": " 28.2", "3": " 33"}  # close, but of no element: 33 of none at all
    rows = [line + masses[line.split()[1]] if len(line.split()) == 5 else line for line in lines]
    (tmp_path / "run.dump").write_text("\n".join(rows) + "\n")
    said = vanhove(f"inspect {tmp_path / 'run.dump'} --timestep 0.001")
    assert said.code == 2
    assert "give --species 1=Na,2=Si,3=.." in said.out, said.out


def test_a_file_without_clock(vanhove: Any, tmp_path: Path) -> None:
    (tmp_path / "XDATCAR").write_text(
        "NaCl\n1.0\n6 0 0\n0 6 0\n0 0 6\nNa Cl\n1 1\n"
        + "".join(f"Direct configuration= {n}\n0.1 0.{n} 0.2\n0.5 0.5 0.5\n" for n in range(1, 4))
    )
    said = vanhove(f"inspect {tmp_path / 'XDATCAR'}")
    assert said.code == 2
    assert "how many ps lie between frames: give --spacing .." in said.out
    assert "at times that the file does not say" in said.out
    assert "Å/ps" not in said.out


def test_other_refusals_stay(vanhove: Any, dump: Path) -> None:
    vanhove.refuses(f"inspect {dump} --species 1=Nx,2=Si,3=S", "'Nx' is no element")
    vanhove.refuses("inspect none.dump", "no such file")


def test_atoms_too_close_drift_and_uneven_times(look: Look) -> None:
    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 9, (1, 36, 3)) + np.zeros((4, 1, 1))
    positions[:, 1] = positions[:, 0] + [0.2, 0, 0]  # two atoms nearly on each other
    positions += np.arange(4)[:, None, None] * [0.0, 0.0, 3.0]  # and all of them drift
    said = look(vh.from_arrays(positions, 9.0, ["Na"] * 36, [0, 1, 2, 4], wrapped=False))
    for doubt in (
        "only 0.20 Å apart", "not evenly spaced", "2 ps after frame 2", "centre of mass drifts 9.0 Å",
        "moves 3.0 Å between two frames",
    ):  # fmt: skip
        assert doubt in said, said


def test_a_density_that_is_none_of_a_solid(look: Look) -> None:
    traj = crystal()
    assert "density of" not in look(traj)
    said = look(crystal(positions=traj.positions * 3, cells=traj.cells[0] * 3, velocities=None))
    assert "a density of 0.0374 g/cm³" in said, said


@pytest.mark.parametrize(
    ("factor", "stated", "doubt"),
    [
        (1.0, 600, None), (1.0, None, None), (1.0, 300, "check --temperature"),
        (1e3, 600, "factor of about 1000, check their unit"), (1e-3, 600, "factor of about 0.001, check their unit"),
        (1e-3, None, "check their unit"),
    ],
)  # fmt: skip
def test_velocities_against_the_stated_temperature(
    look: Look, factor: float, stated: float | None, doubt: str | None
) -> None:
    traj = crystal(spacing=20.0)  # so far apart that steps between frames tell nothing
    said = look(crystal(velocities=traj.velocities * factor, temperature=stated, spacing=20.0))
    assert (doubt is None) == ("nothing found" in said), said
    assert doubt is None or doubt in said, said


def free(spacing: float, stated: float | None = 600.0) -> vh.Trajectory:
    """Atoms that fly freely at 600 K, a frame each 5 fs, with the times as ``spacing`` (ps) has them."""
    start = crystal(frames=1)
    paths = start.positions + start.velocities * (0.005 * np.arange(30))[:, None, None]
    return crystal(frames=30, positions=paths, velocities=None, spacing=spacing, temperature=stated)


def test_a_time_step_that_is_too_short(look: Look) -> None:
    assert "nothing found" in look(free(0.005))
    assert "by the steps between frames" in look(free(0.005, stated=None))
    said = look(free(0.005e-3))
    assert "too short by a factor of about 1000 or more" in said, said
    assert "--timestep" in look(free(0.005e-3, stated=None))


def test_a_time_step_that_is_too_long(look: Look) -> None:
    assert "too long by a factor of about 1000" in look(free(5.0))  # in free flight it shows
    rattling = crystal(velocities=None, spacing=100.0)
    assert "nothing found" in look(rattling)  # atoms may have gone there and back


def test_temperature_and_volume_that_change(look: Look) -> None:
    traj = crystal(frames=80)
    warming = np.linspace(0.8, 1.2, 80)[:, None, None] ** 0.5
    said = look(crystal(frames=80, velocities=traj.velocities * warming))
    rise = re.search(r"temperature changes by \+(\d+) K", said)
    assert rise is not None, said
    assert abs(int(rise.group(1)) - 180) < 60  # three standard errors
    growing = np.diag([12.0, 12.0, 18.0]) * np.linspace(1, 1.03, 80)[:, None, None]
    said = look(crystal(frames=80, cells=growing))
    assert "volume changes by +6." in said, said
    assert "changing" in said
    breathing = np.diag([12.0, 12.0, 18.0]) * (1 + 0.003 * np.sin(np.arange(80))[:, None, None])
    said = look(crystal(frames=80, cells=breathing))
    assert "nothing found" in said, said
    assert "drifts by" in said


def test_what_stands_still(look: Look) -> None:
    traj = crystal()
    held, speeds = traj.positions.copy(), traj.velocities.copy()
    held[:, :10], speeds[:, :10] = held[0, :10], 0.0
    said = look(crystal(positions=held, velocities=speeds))
    assert "some atoms never move (5 Cl, 5 Na)" in said, said
    kelvin = re.search(r"(\d+) K by the velocities", said)
    assert kelvin is not None
    assert abs(int(kelvin.group(1)) - 600) < 30  # those that are held are not counted
    assert "all frames are the same" in look(crystal(positions=np.broadcast_to(held[0], held.shape), velocities=None))


def test_velocities_that_are_zero(look: Look) -> None:
    traj = crystal()
    assert "all velocities are zero" in look(crystal(velocities=0 * traj.velocities))
    speeds = traj.velocities.copy()
    speeds[:3] = 0
    said = look(crystal(velocities=speeds))
    assert "velocities of the first 3 frames are zero" in said, said
    assert "convert --frames 3:" in said


def test_frames_before_the_run(look: Look) -> None:
    """A minimisation writes few steps at odd numbers, in which nothing has begun."""
    times = np.concatenate([[0, 0.166], 1 + 0.1 * np.arange(38)])
    said = look(crystal(times=times, velocities=None))
    assert "the first 2 frames are not evenly spaced with the others" in said, said
    assert "convert --frames 2:" in said
    resting = crystal().positions.copy()
    resting[:4] = resting[4] + 1e-4 * (resting[:4] - resting[4])
    said = look(crystal(positions=resting, velocities=None))
    assert "atoms hardly move until frame 4" in said, said


def test_times(look: Look) -> None:
    growing = np.concatenate([[0], 0.01 * 1.2 ** np.arange(39)])
    said = look(crystal(times=growing, velocities=None))
    assert "spacing grows from" in said, said
    assert "nothing found" in said, said
    gap = 0.1 * np.arange(40) + 1.5 * (np.arange(40) > 17)
    said = look(crystal(times=gap, velocities=None))
    assert "1.6 ps after frame 17, where 0.1 is the rule" in said, said
    uneven = np.cumsum(np.random.default_rng(1).uniform(0.1, 1, 40))
    assert "unevenly" in look(crystal(times=uneven, velocities=None))


def test_a_frame_that_is_there_twice(look: Look) -> None:
    positions = crystal().positions.copy()
    positions[21] = positions[20]
    assert "frame 21 repeats the one before it" in look(crystal(positions=positions, velocities=None))


def test_charges(look: Look) -> None:
    assert "nothing found" in look(crystal(charges={"Na": 1.0, "Cl": -1.0}))
    assert "add up to +5.4 e" in look(crystal(charges={"Na": 1.0, "Cl": -0.8}))
    assert "all charges are zero" in look(crystal(charges={"Na": 0.0, "Cl": 0.0}))


@pytest.mark.parametrize("suffix", [".h5md", ".lammpstrj"])
def test_of_a_very_long_run_some_frames(
    vanhove: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    traj = crystal(frames=400)
    write(traj, tmp_path / f"x{suffix}")
    monkeypatch.setattr("vanhove.trajectory.survey.LOOKED_AT", 100 * 54 * 48)
    said = vanhove.works(f"inspect {tmp_path / f'x{suffix}'} --temperature 600")
    assert "100 of 400 frames" in said.out, said.out
    assert "nothing found" in said.out, said.out
    assert "0 to 39.9 ps" in said.out
    last = json.loads(vanhove.works(f"inspect {tmp_path / f'x{suffix}'} --json").out)["closest"]["frames_looked_at"][-1]
    assert last == (399 if suffix == ".h5md" else 99)
