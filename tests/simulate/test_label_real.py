"""The published DFT frames of the Li-P-S system: what they hold, and what the checks say of real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vanhove.simulate import labelled


def test_the_lips_frames(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "lips-dft"
    if not path.is_dir():
        pytest.skip("the frames are not there")
    data = labelled(path)
    assert len(data.systems) == 18
    assert data.frames == 8663
    assert data.species == ("Li", "P", "S")
    counts = {system.name: system.frames for system in data}
    assert {name: count for name, count in counts.items() if count != 500} == {
        "glass-67": 579,
        "glass-70": 425,
        "glass-75": 159,
    }
    spread = {system.name: float(system.forces.std()) for system in data}
    sulfides = [name for name in spread if name not in ("Li", "P", "S", "P2S5", "P4S3", "Li3P")]
    assert all(0.75 < spread[name] < 1.25 for name in sulfides), spread
    assert all(0.5 < value < 1.45 for value in spread.values()), spread
    assert all(system.virial is not None for system in data)
    assert labelled(data.save(tmp_path / "copy")) == data

    found = data.select(["Li2S", "beta-Li3PS4", "Li7PS6", "P", "Li4P2S6", "glass-75"]).check()
    assert [str(one) for one in found if one.severity != "note"] == []
    assert {one.kind for one in found if one.system == "glass-75"} == {"jumps"}  # picked frames, not a run

    train, test = data.split(0.1, seed=2)
    assert test.names == data.names
    assert 0.08 < test.frames / data.frames < 0.12
    for system in test:
        assert np.abs(train.select(system.name).systems[0].frame_of[:, None] - system.frame_of).min() >= 2
