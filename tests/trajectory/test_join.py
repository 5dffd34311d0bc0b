"""Several files in a row: times that count, times that are given, restarts, and files that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from written import COLUMNS, NAMES, ORTHOGONAL, TRICLINIC, Truth, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Contents, Options, RawBlock
from vanhove.trajectory.readers.join import join


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


def xdatcar(truth: Truth, frames: slice, *, moving: bool = False) -> str:
    """Eight decimals, as VASP writes them, wrapped; the cell once or before every frame."""
    kinds, counts = np.unique(truth.types, return_counts=True)
    order = np.argsort(truth.types, kind="stable")
    lines: list[str] = []
    for number in range(*frames.indices(len(truth.unwrapped))):
        if not lines or moving:
            lines += ["a run", "1.0", *(" ".join(f"{x:.9f}" for x in row) for row in truth.cells[number])]
            lines += [" ".join(NAMES[k] for k in kinds.tolist()), " ".join(map(str, counts.tolist()))]
        lines.append(f"Direct configuration= {number + 1:5d}")
        lines += [" ".join(f"{x:.8f}" for x in row) for row in truth.scaled[number, order]]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("breathing", [False, True])
@pytest.mark.parametrize("name", ["XDATCAR-2", "XDATCAR-2.gz"])
def test_a_frame_that_ends_one_file_and_begins_the_next_is_taken_once(
    tmp_path: Path, name: str, breathing: bool
) -> None:
    cells = TRICLINIC * (np.linspace(1, 1.05, 12)[:, None, None] if breathing else 1)
    truth = walk(cells, frames=12, step=0.6)
    whole = vh.open(put(tmp_path / "XDATCAR", xdatcar(truth, slice(0, 12), moving=breathing)), spacing=0.5)
    for first, second, repeated in ((slice(0, 5), slice(4, 12), 1), (slice(0, 5), slice(5, 12), 0)):
        paths = [
            put(tmp_path / "XDATCAR-1.gz", xdatcar(truth, first, moving=breathing)),
            put(tmp_path / name, xdatcar(truth, second, moving=breathing)),
        ]
        joined = vh.open(paths, spacing=0.5)
        np.testing.assert_allclose(joined.times, 0.5 * np.arange(12))
        np.testing.assert_allclose(joined.cells, whole.cells)
        np.testing.assert_allclose(joined.positions, whole.positions, atol=1e-9)
        notes = joined.history[-1]["parameters"]["notes"]
        assert ("left out as repeated by what follows: 1 frame" in notes) == bool(repeated)
        assert joined.fingerprint != whole.fingerprint


def test_the_same_frame_may_be_wrapped_in_one_file_only(tmp_path: Path) -> None:
    """Dumps that count from zero again, told apart by spacing=; the second begins with wrapped positions."""
    truth = walk(TRICLINIC, frames=9, step=0.6)
    wrapped = replace(truth, unwrapped=truth.wrapped)
    paths = [
        put(tmp_path / "a.dump", dump_text(part(truth, slice(0, 5)))),
        put(tmp_path / "b.dump", dump_text(part(wrapped, slice(4, 9)))),
    ]
    traj = vh.open(paths, species=NAMES, spacing=0.1)
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(9))
    np.testing.assert_allclose(traj.positions[:5], truth.unwrapped[:5], atol=1e-9)
    three = vh.open([*paths, paths[1]], species=NAMES, spacing=0.1)
    assert three.n_frames == 14  # the third begins elsewhere than the second ended
    one = [put(tmp_path / f"{k}.dump", dump_text(part(truth, slice(0, 1)))) for k in range(2)]
    assert vh.open([*one, paths[0]], species=NAMES, spacing=0.1).times.tolist() == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4]
    )


def timed_xyz(truth: Truth, times: list[float]) -> str:
    lines: list[str] = []
    for frame, time in enumerate(times):
        lattice = " ".join(f"{x:.10f}" for x in truth.cells[frame].ravel())
        lines += [
            str(len(truth.types)),
            f'Lattice="{lattice}" Properties=species:S:1:unwrapped_position:R:3 Time={time}',
        ]
        lines += [
            f"{name} {x:.8f} {y:.8f} {z:.8f}"
            for name, (x, y, z) in zip(truth.species, truth.unwrapped[frame], strict=True)
        ]
    return "\n".join(lines) + "\n"


def test_a_run_that_went_back_within_its_file(tmp_path: Path) -> None:
    """Any format that counts: what the restart wrote again replaces what it repeats, in one file or in several."""
    truth = walk(ORTHOGONAL, frames=10)
    again = part(truth, slice(None))
    order = [0, 1, 2, 3, 4, 3, 4, 5, 6]
    again = replace(again, **{
        name: getattr(again, name)[order] for name in ("unwrapped", "velocities", "cells", "origins")
    })  # fmt: skip
    path = put(tmp_path / "a.xyz", timed_xyz(again, [0.1 * k for k in order]))
    with pytest.warns(VanhoveWarning, match=r"frame 5 is at .*0\.3.*, frame 4 at 0\.4"):
        traj = vh.open(path)
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(7))
    np.testing.assert_allclose(traj.positions, truth.unwrapped[:7], atol=1e-7)
    assert any("repeated" in note and "2 frames" in note for note in traj.history[-1]["parameters"]["notes"])
    following = put(tmp_path / "b.xyz", timed_xyz(part(truth, slice(6, 10)), [0.6, 0.7, 0.8, 0.9]))
    with pytest.warns(VanhoveWarning, match="Times go back within the file"):
        joined = vh.open([path, following])
    np.testing.assert_allclose(joined.times, 0.1 * np.arange(10))
    np.testing.assert_allclose(joined.positions, truth.unwrapped, atol=1e-7)


@dataclass(frozen=True)
class Counted:
    """Frames of one atom that is at x = its frame's number, given in blocks of two."""

    frames: int

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        for first in range(0, self.frames, 2):
            numbers = np.arange(first, min(first + 2, self.frames), dtype=float)
            yield RawBlock(numbers[:, None, None] * np.ones(3), -numbers[:, None, None] * np.ones(3))


def contents(times: list[float]) -> Contents:
    return Contents(
        paths=(Path("a.run"),), format="some", species=np.array(["Li"]), times=np.array(times),
        cells=10 * np.eye(3)[None], continuous=True, has_velocities=True, frames=Counted(len(times)),
    )  # fmt: skip


def test_frames_of_any_reader_are_left_out_as_its_times_say() -> None:
    with pytest.warns(VanhoveWarning, match="Times go back"):
        joined = join([contents([0, 1, 2, 3, 1.5, 2.5, 2.5, 4])], Options())
    assert joined.times.tolist() == [0, 1, 1.5, 2.5, 4]
    assert joined.frames is not None
    blocks = list(joined.frames(10**6))
    assert np.concatenate([block.positions[:, 0, 0] for block in blocks]).tolist() == [0, 1, 4, 6, 7]
    assert np.concatenate([block.velocities[:, 0, 0] for block in blocks if block.velocities is not None])[-1] == -7
    both = join([contents([0, 1, 2, 2]), contents([2, 3, 4])], Options())
    assert both.times.tolist() == [0, 1, 2, 3, 4]
    assert both.breaks == (2,)
    assert both.frames is not None
    assert [block.positions[:, 0, 0].tolist() for block in both.frames(10**6)] == [[0, 1], [0, 1], [2]]
    whole = contents([0, 1, 2])
    assert join([whole], Options()) is whole
    same = join([contents([0, 1]), contents([0, 1, 2])], Options(spacing=0.5))  # ends at x = 1, begins at x = 0: apart
    assert same.times.tolist() == [0, 1, 1.5, 2.5, 3.5]


def test_three_runs_each_restarted_from_within_the_one_before(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=12, step=0.6)
    cuts = [slice(0, 6), slice(4, 9), slice(8, 12)]
    paths = []
    for number, frames in enumerate(cuts):
        steps = (100 * np.arange(12))[frames].tolist()
        paths.append(put(tmp_path / f"{number}.dump", dump_text(part(truth, frames), COLUMNS["x"], steps=steps)))
    with pytest.warns(VanhoveWarning, match="last 2 frames of a file are left out"):
        traj = vh.open(paths, species=NAMES, timestep=0.001)
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(12))
    start = truth.unwrapped[0] - traj.positions[0]
    np.testing.assert_allclose(traj.positions + start, truth.unwrapped, atol=1e-9)


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
