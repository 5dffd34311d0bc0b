"""Stores that are damaged inside, where opening an HDF5 file does not look: refused, never read as zeros."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

import vanhove as vh
from vanhove.base.errors import Refusal

INDEX = b"FADB"  # begins HDF5's list of a data set's chunks
POSITIONS = "particles/all/position/value"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    positions = np.random.default_rng(1).normal(size=(300, 600, 3))
    vh.from_arrays(positions, 30.0, ["Li"] * 600, np.arange(300.0), wrapped=False).save(tmp_path / "run.h5md")
    return tmp_path / "run.h5md"


def test_a_list_of_chunks_that_is_damaged(store: Path) -> None:
    data = store.read_bytes()
    assert INDEX in data
    store.write_bytes(data.replace(INDEX, b"LOST"))
    with pytest.raises(Refusal, match="The store can't be read") as caught:
        vh.open(store)
    assert str(store) in caught.value.where
    assert "Convert the trajectory again" in caught.value.do


def test_chunks_that_were_never_written(store: Path) -> None:
    with h5py.File(store, "r+") as file:
        del file[POSITIONS]
        file.create_dataset(POSITIONS, (300, 600, 3), "f8", chunks=(128, 512, 3))[:128] = 1.0
    with pytest.raises(Refusal, match="position/value has 2 chunks of 6"):
        vh.open(store)


def test_a_chunk_that_is_damaged(store: Path) -> None:
    """Of a store that a person repacked with checksums: the others are read."""
    with h5py.File(store, "r+") as file:
        positions = file[POSITIONS][:]
        del file[POSITIONS]
        file.create_dataset(POSITIONS, data=positions, chunks=(128, 512, 3), fletcher32=True)
        place = file[POSITIONS].id.get_chunk_info_by_coord((128, 0, 0)).byte_offset
    with store.open("r+b") as raw:
        raw.seek(place + 1000)
        raw.write(b"damage")
    traj = vh.open(store)
    np.testing.assert_array_equal(traj[:128].positions, positions[:128])
    for view in (traj, traj.every(7), traj.where(np.arange(600) % 3 == 0)):
        with pytest.raises(Refusal, match="The store can't be read") as caught:
            _ = view.positions
        assert str(store) in caught.value.where


def test_a_store_that_went_away(store: Path) -> None:
    sent = pickle.dumps(vh.open(store).system.source)
    store.unlink()
    with pytest.raises(Refusal, match="damaged or gone"):
        pickle.loads(sent)
