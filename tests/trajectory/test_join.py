"""Several files in a row: times that count, times that are given, restarts, and files that do not belong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from written import COLUMNS, NAMES, ORTHOGONAL, TRICLINIC, Truth, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning


def part(truth: Truth, frames: slice) -> Truth:
    changed = {name: getattr(truth, name)[frames] for name in ("unwrapped", "velocities", "cells", "origins")}
    return replace(truth, **changed)


def two(tmp_path: Path, truth: Truth, first: slice, second: slice, kind: str = "xu") -> list[Path]:
    paths = []
    for name, frames in (("a.dump", first), ("b.dump.gz", second)):
        steps = (100 * np.arange(len(truth.unwrapped)))[frames].tolist()
        paths.append(put(tmp_path / name, dump_text(part(truth, frames), COLUMNS[kind], steps=steps)))
    return paths


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("breathing", [False, True])
def test_files_that_follow_each_other(tmp_path: Path, kind: str, breathing: bool) -> None:
    cells = TRICLINIC * (np.linspace(1, 1.05, 10)[:, None, None] if breathing else 1)
    truth = walk(cells, frames=10, step=0.6)
    joined = vh.open(two(tmp_path, truth, slice(0, 4), slice(4, 10), kind), species=NAMES, timestep=0.001)
    whole = vh.open(put(tmp_path / "whole.dump", dump_text(truth, COLUMNS[kind])), species=NAMES, timestep=0.001)
    np.testing.assert_allclose(joined.times, whole.times)
    np.testing.assert_allclose(joined.cells, whole.cells)
    np.testing.assert_allclose(joined.positions, whole.positions, atol=1e-9)
    np.testing.assert_allclose(joined.read_paths(), whole.read_paths(), atol=1e-9)


def test_image_flags_that_began_anew(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL, frames=10, step=0.6)
    first, second = part(truth, slice(0, 5)), part(truth, slice(5, 10))
    shift = second.images[0]  # the second run read wrapped positions
    second = replace(second, unwrapped=second.unwrapped - shift @ ORTHOGONAL)
    paths = [
        put(tmp_path / "a.dump", dump_text(first)),
        put(tmp_path / "b.dump", dump_text(second, steps=[500, 600, 700, 800, 900])),
    ]
    np.testing.assert_allclose(vh.open(paths, species=NAMES, timestep=1.0).positions, truth.unwrapped, atol=1e-9)


def test_a_restart_replaces_the_frames_that_it_repeats(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL, frames=10)
    once = vh.open(two(tmp_path, truth, slice(0, 5), slice(4, 10)), species=NAMES, timestep=1.0)
    np.testing.assert_array_equal(once.positions, truth.unwrapped)
    with pytest.warns(VanhoveWarning, match="last 3 frames of a file are left out"):
        traj = vh.open(two(tmp_path, truth, slice(0, 7), slice(4, 10)), species=NAMES, timestep=1.0)
    np.testing.assert_array_equal(traj.positions, truth.unwrapped)
    np.testing.assert_allclose(traj.times, np.arange(10) * 100)


def test_a_second_run_that_counts_from_zero(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL, frames=5)
    paths = [put(tmp_path / name, dump_text(truth)) for name in ("a.dump", "b.dump")]
    with pytest.raises(Refusal, match="begins before") as caught:
        vh.open(paths, species=NAMES, timestep=0.001)
    assert "spacing=" in caught.value.do
    np.testing.assert_allclose(vh.open(paths, species=NAMES, spacing=0.2).times, np.arange(10) * 0.2)


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    a = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL)))
    other_atoms = put(tmp_path / "b.dump", dump_text(walk(ORTHOGONAL, seed=99), steps=list(range(600, 1200, 100))))
    other_columns = put(
        tmp_path / "c.dump", dump_text(walk(ORTHOGONAL), COLUMNS["x"], steps=list(range(600, 1200, 100)))
    )
    with pytest.raises(Refusal, match="same atoms"):
        vh.open([a, other_atoms], species=NAMES, timestep=1.0)
    with pytest.raises(Refusal, match="same columns"):
        vh.open([a, other_columns], species=NAMES, timestep=1.0)
    vh.open(a, species=NAMES, timestep=1.0).save(tmp_path / "d.h5md")
    with pytest.raises(Refusal, match="Stores are not joined"):
        vh.open([tmp_path / "d.h5md", tmp_path / "d.h5md"])
    with pytest.raises(Refusal, match="timestep="):
        vh.open([a, a], species=NAMES)
