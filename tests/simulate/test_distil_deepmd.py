"""A calculator distilled by DeePMD-kit itself and tried in LAMMPS; skipped where they are not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from noble import LJ, SAMPLED, solid

from vanhove.base.errors import Refusal
from vanhove.simulate import distil
from vanhove.simulate.deepmd_home import find_deepmd

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 50, "checkpoint_every": 100,
    "network": {"cutoff": 4.2, "embedding": [4, 8], "axis": 2, "fitting": [16, 16]},
    "phases": {"steps": 600, "rate": [5e-3, 1e-4], "decay_every": 10},
}  # fmt: skip


@pytest.mark.usefixtures("lammps")
def test_a_lennard_jones_solid_is_distilled(tmp_path: Path) -> None:
    """The model stands in for its calculator in a larger cell, and the trial measures how well and how fast."""
    try:
        find_deepmd()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    given = {**SAMPLED, "settings": SETTINGS, "frames": 60, "check": solid(3), "target": 300, "check_ps": 0.2}
    found = distil(solid(), LJ, tmp_path / "d", **given)
    size = float(np.sqrt((found.data.systems[0].forces ** 2).mean()))
    assert found.parity.attrs["force"] < 0.5 * size
    check = found.check
    assert check is not None
    assert check.parity.attrs["force"] < 0.7 * size
    assert int(check.parity.frames.sum()) == 6
    assert [one.pair for one in check.approaches] == ["Li-Li", "Li-S", "S-S"]
    assert all(min(one.data, one.model) > 2.0 for one in check.approaches)
    assert found.speed["atoms"] == 108
    assert found.speed["ratio"] == pytest.approx(found.speed["calculator"] / found.speed["model"])
    assert min(found.speed["calculator"], found.speed["model"]) > 0
    assert "108 atoms at 300 K" in found.verdict
    again = distil(solid(), LJ, tmp_path / "d", **given)
    assert again.committee == found.committee
    assert again.verdict == found.verdict
