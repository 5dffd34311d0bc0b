"""Stores of every layout there has been still open, and give the numbers that were put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import vanhove as vh
from vanhove.trajectory.store import LAYOUT

DATA = Path(__file__).parent / "data"


def saved() -> vh.Trajectory:
    """What every stored file here holds: 5 atoms that leave a breathing cell within 6 frames."""
    frame, atom, axis = np.meshgrid(np.arange(6), np.arange(5), np.arange(3), indexing="ij")
    cell = np.array([[8.0, 0, 0], [1.5, 9.0, 0], [-1.0, 0.5, 10.0]])
    cells = cell * (1 + np.arange(6) / 128)[:, None, None]
    scaled = (atom + 0.5) / 5 + (axis + 1) * frame / 16
    positions = np.einsum("fai,fij->faj", scaled - np.floor(scaled), cells)
    velocities = (atom - 2) * 0.25 + axis + frame / 8.0
    traj = vh.from_arrays(
        positions, cells, ["Li", "Li", "P", "S", "S"], np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0]), wrapped=True,
        velocities=velocities, temperature=650, charges={"Li": 1, "P": 5, "S": -2},
    )  # fmt: skip
    return traj.with_isotopes({"Li": "7Li"})


def test_all_layouts_are_here() -> None:
    assert [path.name for path in sorted(DATA.glob("store-layout-*.h5md"))] == [
        f"store-layout-{layout}.h5md" for layout in range(1, LAYOUT + 1)
    ]


def test_every_layout_opens() -> None:
    expected = saved()
    for path in sorted(DATA.glob("store-layout-*.h5md")):
        traj = vh.open(path)
        assert traj.species.tolist() == ["7Li", "7Li", "P", "S", "S"]
        assert traj.temperature == 650
        assert traj.charges is not None
        for name in ("velocities", "times", "masses", "charges"):
            np.testing.assert_array_equal(getattr(traj, name), getattr(expected, name))
        for name in ("positions", "cells"):
            np.testing.assert_allclose(getattr(traj, name), getattr(expected, name), atol=1e-12)
        np.testing.assert_allclose(traj.read_paths(), expected.read_paths(), atol=1e-12)
        assert np.abs(traj.read_paths() - traj.positions).max() > 0.05  # the correction is there
        assert [step["function"] for step in traj.history] == [
            "from_arrays", "trajectory.with_isotopes", "trajectory.save", "open",
        ]  # fmt: skip
