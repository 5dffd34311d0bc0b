"""The Trajectory: immutable views, selections, spacing, fingerprints, and what opening refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import NAMES, ORTHOGONAL, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal

LABELS = ["Li", "P", "S", "Li", "7Li", "S"]


@pytest.fixture
def traj() -> vh.Trajectory:
    rng = np.random.default_rng(1)
    return vh.from_arrays(
        rng.normal(size=(30, 6, 3)), 12.0, LABELS, np.arange(30) * 0.5, wrapped=False,
        velocities=rng.normal(size=(30, 6, 3)), temperature=500,
    )  # fmt: skip


def test_selections(traj: vh.Trajectory) -> None:
    assert traj.select("S").species.tolist() == ["S", "S"]
    assert traj.select("Li").species.tolist() == ["Li", "Li", "7Li"]  # an element holds its isotopes
    assert traj.select("7Li").n_atoms == 1
    assert traj.select(["P", "S"]).species.tolist() == ["P", "S", "S"]
    mask = np.array([True, False] * 3)
    np.testing.assert_array_equal(traj.select(mask).positions, traj.positions[:, mask])
    np.testing.assert_array_equal(traj.where(mask).velocities, traj.velocities[:, mask])
    with pytest.raises(Refusal, match="no 'Na'"):
        traj.select("Na")
    with pytest.raises(Refusal, match="mask of shape"):
        traj.where(np.ones(4, bool))
    with pytest.raises(Refusal, match="no atom"):
        traj.where(np.zeros(6, bool))


@settings(max_examples=40, deadline=None)
@given(
    st.slices(30).filter(lambda s: (s.step or 1) > 0), st.integers(1, 5),
    st.lists(st.sampled_from(["Li", "P", "S"]), min_size=1, unique=True),
)  # fmt: skip
def test_views_are_what_numpy_would_give(frames: slice, every: int, species: list[str]) -> None:
    rng = np.random.default_rng(1)
    positions = rng.normal(size=(30, 6, 3))
    traj = vh.from_arrays(positions, 12.0, LABELS, np.arange(30.0), wrapped=False)
    mask = np.isin([label.lstrip("7") for label in LABELS], species)
    expected = positions[frames][::every][:, mask]
    if len(expected) == 0:
        with pytest.raises(Refusal):
            _ = traj[frames].every(every)
        return
    view = traj[frames].every(every).select(species)
    np.testing.assert_array_equal(view.positions, expected)
    np.testing.assert_array_equal(view.times, np.arange(30.0)[frames][::every])
    np.testing.assert_array_equal(view.read("positions", slice(0, 2), slice(1, 3)), expected[:2, 1:3])
    assert view.whole_system.n_atoms == 6
    assert len(view.history) == 4


def test_bad_slices(traj: vh.Trajectory) -> None:
    for bad in (slice(40, 50), slice(None, None, -1)):
        with pytest.raises(Refusal, match="leaves no frame"):
            _ = traj[bad]
    with pytest.raises(Refusal, match="slice of frames"):
        _ = traj[3]  # type: ignore[index]  # what a person may try


def test_what_is_read_may_be_written_on(traj: vh.Trajectory) -> None:
    before = traj.positions
    block = traj.read("positions", slice(0, 5), slice(0, 2))
    block[:] = 0
    traj.read_paths()[:] = 0
    np.testing.assert_array_equal(traj.positions, before)
    assert block.flags.c_contiguous
    assert traj.select(["P", "Li"]).every(7).positions.flags.c_contiguous


def test_spacing() -> None:
    def spaced(times: list[float] | np.ndarray) -> float:
        return vh.from_arrays(np.zeros((len(times), 1, 3)), 5.0, ["Li"], times, wrapped=False).spacing

    assert spaced([1.0, 1.5, 2.0]) == 0.5
    assert spaced(np.round(np.arange(5000) / 3, 5)) == pytest.approx(1 / 3, rel=1e-6)  # printed, so rounded
    with pytest.raises(Refusal, match="not evenly spaced") as caught:
        spaced([0, 1, 2, 3, 4.5, 5.5])
    assert "frame 3 is at 3 ps" in caught.value.where
    with pytest.raises(Refusal, match="no spacing"):
        spaced([0.0])


def test_fingerprints_tell_contents_apart(traj: vh.Trajectory, tmp_path: Path) -> None:
    seen = {
        traj.fingerprint, traj[1:].fingerprint, traj.select("Li").fingerprint, traj.at_temperature(600).fingerprint,
        traj.with_isotopes({"P": "31P"}).fingerprint,
        vh.from_arrays(traj.positions, 12.0, LABELS, traj.times, wrapped=False, temperature=500).fingerprint,
        vh.from_arrays(traj.positions, 12.1, LABELS, traj.times, wrapped=False, temperature=500).fingerprint,
        vh.from_arrays(
            traj.positions, 12.0, LABELS, traj.times, wrapped=False, temperature=500,
            charges={"Li": 1, "P": 5, "S": -2},
        ).fingerprint,
    }  # fmt: skip
    assert len(seen) == 8
    assert traj[2:10].fingerprint == traj[2:][:8].fingerprint


def test_isotopes_keep_velocities(traj: vh.Trajectory) -> None:
    heavy = traj.with_isotopes({"Li": "6Li"})
    assert heavy.species.tolist() == ["6Li", "P", "S", "6Li", "7Li", "S"]
    assert heavy.masses[0] == pytest.approx(6.015, abs=1e-3)
    np.testing.assert_array_equal(heavy.velocities, traj.velocities)
    assert traj.species[0] == "Li"
    with pytest.raises(Refusal, match="no isotope of Li"):
        traj.with_isotopes({"Li": "7Be"})


def test_open_refuses_what_it_cannot_take(traj: vh.Trajectory, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no such file"):
        vh.open(tmp_path / "missing.dump")
    (tmp_path / "empty").write_text("")
    with pytest.raises(Refusal, match="empty"):
        vh.open(tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("dear diary\n" * 20)
    with pytest.raises(Refusal, match="No reader recognises") as caught:
        vh.open(tmp_path / "notes.txt")
    assert "'xdatcar'" in caught.value.do
    with pytest.raises(Refusal, match="no format 'lamps-dump'"):
        vh.open(tmp_path / "notes.txt", format="lamps-dump")
    with pytest.raises(Refusal, match="No file was named"):
        vh.open([])
    for thing in (traj, [traj], b"a.dump", 7, np.zeros(3)):
        with pytest.raises(Refusal, match="takes the path of a file") as caught:
            vh.open(thing)  # type: ignore[arg-type]  # what a person may try
        assert "vh.from_mdanalysis takes an MDAnalysis Universe" in caught.value.do
    with pytest.raises(Refusal, match=r"vanhove\.trajectory\.core\.Trajectory"):
        vh.open(traj)  # type: ignore[arg-type]  # as above
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL)))
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open([path] * 4, species=NAMES)
    assert caught.value.where == f"{path} and 3 more"
    for option in (dict(timestep=0), dict(timestep=-1.0), dict(spacing=float("nan")), dict(temperature=0)):
        with pytest.raises(Refusal, match="positive number"):
            vh.open(path, species=NAMES, **option)
    with pytest.raises(Refusal, match="unwrap='total'"):
        vh.open(path, species=NAMES, timestep=1.0, unwrap="total")  # type: ignore[arg-type]  # what a person may try
    with pytest.raises(Refusal, match="dump"):
        vh.open(path, format="xdatcar", spacing=1.0)


def test_charges_are_complete_or_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL)))
    traj = vh.open(path, species=NAMES, timestep=1.0, charges={"Na": 1, "Si": 4, "S": -2})
    assert traj.charges is not None
    assert set(traj.charges[traj.species == "S"].tolist()) == {-2.0}
    with pytest.raises(Refusal, match="No charge is given for"):
        vh.open(path, species=NAMES, timestep=1.0, charges={"Na": 1, "Si": 4})


def test_too_much_for_one_array(traj: vh.Trajectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    large = vh.from_arrays(np.zeros((500, 100, 3)), 5.0, ["Li"] * 100, np.arange(500.0), wrapped=False)
    with pytest.raises(Refusal, match="memory budget") as caught:
        _ = large.positions
    assert "VANHOVE_MEMORY" in caught.value.do
