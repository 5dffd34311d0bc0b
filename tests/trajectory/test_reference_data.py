"""Real files that nobody here wrote, against numbers that were computed elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.trajectory.blocks import drift


def naive_msd(path: np.ndarray, lag: int) -> float:
    """Over all origins, origin by origin."""
    total = 0.0
    for origin in range(len(path) - lag):
        step = path[origin + lag] - path[origin]
        total += float(np.einsum("ai,ai->", step, step))
    return total / (len(path) - lag) / path.shape[1]


def test_li6ps5cl(shared_data: Path) -> None:
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1, temperature=500)
    assert (traj.n_atoms, traj.n_frames) == (416, 140)
    assert traj.composition == {"Li": 192, "Cl": 32, "S": 160, "P": 32}
    lithium = traj.select("Li")
    framework, none = drift(lithium, "framework", ["Li"]), drift(lithium, None)
    assert framework is not None
    assert none is None
    paths = lithium.read_paths()
    held = paths - framework[:, None]
    assert naive_msd(held, 10) == pytest.approx(1.60282, rel=1e-5)
    assert naive_msd(held, 50) == pytest.approx(5.11538, rel=1e-5)
    assert naive_msd(paths, 10) == pytest.approx(1.600296, rel=1e-5)
    assert naive_msd(paths, 50) == pytest.approx(5.112245, rel=1e-5)


def test_na2s_sis2(shared_data: Path) -> None:
    traj = vh.open(
        shared_data / "na2s-sis2-md" / "prod_600K.dump.gz", species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001
    )
    assert (traj.n_atoms, traj.n_frames, traj.spacing) == (3000, 201, pytest.approx(0.2))
    centre = drift(traj, "cell")
    assert centre is not None
    expected = {
        "Na": (1.361669, 3.191507, 5.221837), "Si": (0.265518, 0.384736, 0.503384), "S": (0.460804, 0.690562, 0.901021),
    }  # fmt: skip
    for species, numbers in expected.items():
        paths = traj.select(species).read_paths() - centre[:, None]
        assert [naive_msd(paths, lag) for lag in (5, 25, 50)] == pytest.approx(numbers, rel=2e-6)


@pytest.mark.parametrize("file", ["example_drift.XDATCAR", "example_LAMMPS_drift.traj"])
def test_a_known_drift(shared_data: Path, file: str) -> None:
    traj = vh.open(
        shared_data / "reader-cases" / file, species={1: "H", 2: "He"}, timestep=1.0 if "LAMMPS" in file else None,
        spacing=None if "LAMMPS" in file else 1.0,
    )  # fmt: skip
    assert traj.species.tolist() == ["H", *["He"] * 8]
    framework = drift(traj, "framework", ["H"])
    assert framework is not None
    np.testing.assert_allclose(
        framework - framework[0], np.array([0, -0.2, -0.4, -1.0])[:, None] * np.ones(3), atol=1e-9
    )
    moved = traj.read_paths() - framework[:, None]
    np.testing.assert_allclose(moved[:, 1:], moved[:1, 1:].repeat(4, axis=0), atol=1e-9)
    np.testing.assert_allclose(moved[:, 0] - moved[0, 0], np.array([0, 0.2, 0.4, 1.0])[:, None] * np.ones(3), atol=1e-9)


@pytest.mark.parametrize("file", ["example_center.XDATCAR", "example_LAMMPS_center.traj"])
def test_small_files_of_both_kinds_agree(shared_data: Path, file: str) -> None:
    traj = vh.open(
        shared_data / "reader-cases" / file, species={1: "H", 2: "He"}, timestep=1.0 if "LAMMPS" in file else None,
        spacing=None if "LAMMPS" in file else 1.0,
    )  # fmt: skip
    assert traj.species.tolist() == ["H", "He", "H"]
    np.testing.assert_allclose(traj.positions[:, 0, 0], [1.0, 2.0, 2.0, 2.0])
    np.testing.assert_allclose(traj.positions[0, 2], [1.1, 2.0, 1.0])
    np.testing.assert_allclose(traj.positions[-1, 1], [2.0, 2.0, 1.0])


def test_lgps_from_arrays(shared_data: Path) -> None:
    """Displacements by atom in JSON, framework frame, all origins."""
    told = json.loads((shared_data / "lgps-aimd" / "LGPS_600K_DiffusionAnalyzer.json").read_text())
    sites = told["structure"]["sites"]
    start = np.array([site["xyz"] for site in sites])
    paths = start + np.array(told["displacements"]).transpose(1, 0, 2)
    traj = vh.from_arrays(
        paths, told["structure"]["lattice"]["matrix"], [site["species"][0]["element"] for site in sites],
        told["time_step"] * told["step_skip"] / 1000 * np.arange(len(paths)), wrapped=False,
        temperature=told["temperature"],
    )  # fmt: skip
    assert (traj.n_atoms, traj.n_frames, traj.spacing) == (50, 1000, pytest.approx(0.02))
    msd = vh.dynamics.msd(traj, "Li", drift="framework", lags=[1.0, 10.0]).msd.values
    assert msd == pytest.approx([0.493636, 1.183463], rel=2e-6)
