"""Labelled frames: what they hold, choosing of them, adding, and folders of DeePMD's data that give them back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import Frames, springs

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import Labelled, System, labelled


def system(frames: Frames, name: str = "a", source: str = "made up", virial: bool = True) -> System:
    return System(
        name, frames.species, frames.cell, frames.positions, frames.energy, frames.forces,
        frames.virial if virial else None, source=source,
    )  # fmt: skip


def data(*names: str, frames: int = 6) -> Labelled:
    return Labelled.of([system(springs(frames, seed=k), name) for k, name in enumerate(names)])


def of_seed(name: str, species: list[str], frames: int, virial: bool, text: str, seed: int) -> System:
    """Numbers of all sizes."""
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return rng.choice([-1, 1], shape) * 10 ** rng.uniform(-12, 6, shape)

    cell, atoms = np.eye(3) * 5 + rng.uniform(-1, 1, (frames, 3, 3)), len(species)
    return System(
        name, tuple(species), cell, numbers(frames, atoms, 3), numbers(frames), numbers(frames, atoms, 3),
        numbers(frames, 3, 3) if virial else None, rng.integers(0, 10**9, frames), text,
    )  # fmt: skip


systems = st.builds(
    of_seed, st.just("x"), st.lists(st.sampled_from(["Li", "P", "S", "7Li"]), min_size=1, max_size=6),
    st.integers(1, 5), st.booleans(), st.text(st.characters(codec="utf-8"), max_size=20), st.integers(0, 2**32),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=systems, second=systems)
def test_what_is_saved_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, first: System, second: System
) -> None:
    both = Labelled.of([first, replace(second, name="y z")])
    where = tmp_path_factory.mktemp("saved") / "data"
    both.save(where)
    again = labelled(where)
    assert again == both
    assert again.fingerprint == both.fingerprint
    assert again.systems[0].frame_of.tolist() == first.frame_of.tolist()


def test_folders_are_those_of_deepmd(tmp_path: Path) -> None:
    one, two = springs(5), springs(3, ("S", "Li"), seed=2)
    Labelled.of([system(one, "one"), system(two, "two", virial=False)]).save(tmp_path / "d")
    assert (tmp_path / "d/two/type.raw").read_text().split() == ["2", "0"]
    assert (tmp_path / "d/two/type_map.raw").read_text().split() == ["Li", "P", "S"]
    shapes = {path.stem: np.load(path).shape for path in (tmp_path / "d/one/set.000").iterdir()}
    assert shapes == {"coord": (5, 24), "box": (5, 9), "energy": (5,), "force": (5, 24), "virial": (5, 9)}
    assert not (tmp_path / "d/two/set.000/virial.npy").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "d/one/set.000/force.npy").reshape(5, 8, 3), one.forces)
    plain = labelled([tmp_path / "d/one", tmp_path / "d/two"])  # without the record, as others' data are read
    assert plain.names == ("one", "two")
    assert plain.fingerprint == labelled(tmp_path / "d").fingerprint
    assert "DeePMD npy, 1 set" in plain.systems[0].source


def test_many_systems_of_several_sets_below_a_folder(tmp_path: Path) -> None:
    frames = springs(5)
    for name, dtype in (("a", np.float32), ("deep/b", np.float64)):
        folder = tmp_path / "all" / name
        folder.mkdir(parents=True)
        (folder / "type.raw").write_text("1 1 1 1\n0 2 2 2\n")
        (folder / "type_map.raw").write_text("P\nLi\nS\n")
        for k, part in enumerate((slice(0, 3), slice(3, 5))):
            (folder / f"set.{k:03d}").mkdir()
            for file, values in (
                ("coord", frames.positions), ("box", frames.cell), ("energy", frames.energy[:, None]),
                ("force", frames.forces), ("virial", frames.virial),
            ):  # fmt: skip
                np.save(folder / f"set.{k:03d}/{file}.npy", values[part].reshape(len(values[part]), -1).astype(dtype))
    found = labelled(tmp_path / "all")
    assert found.names == ("a", "deep-b")
    assert found.systems[1].species == frames.species
    for what in ("cell", "positions", "energy", "forces", "virial"):
        np.testing.assert_allclose(getattr(found.systems[0], what), getattr(frames, what), rtol=1e-6, atol=1e-5)
        np.testing.assert_array_equal(getattr(found.systems[1], what), getattr(frames, what))
    assert labelled(tmp_path / "all/a", name="mine").names == ("mine",)
    assert labelled(tmp_path / "all", name="mine").names == ("mine-a", "mine-deep-b")
    (tmp_path / "all/a/type_map.raw").unlink()
    assert labelled(tmp_path / "all/a", species=["P", "Li", "S"]).systems[0].species == frames.species
    with pytest.raises(Refusal, match="does not say which element"):
        labelled(tmp_path / "all/a")
    (tmp_path / "all/deep/b/set.001/virial.npy").unlink()
    with pytest.warns(VanhoveWarning, match="Some sets have virials"):
        assert labelled(tmp_path / "all/deep/b").systems[0].virial is None


@pytest.mark.parametrize(
    ("file", "what", "match"),
    [
        ("energy", lambda a: a[:-1], "not of as many frames"),
        ("force", lambda a: a[:, :-3], "does not hold 24 numbers"),
        ("force", lambda a: np.where(a == a.max(), np.nan, a), "forces is nan"),
        ("energy", lambda a: np.where(a == a.max(), np.inf, a), "energy is inf"),
        ("box", lambda a: 0 * a, "no volume"), ("energy", None, "The frames have no energy"),
        ("force", None, "The frames have no forces"), ("virial", lambda a: a[:, :6], "does not hold 9 numbers"),
    ],
)  # fmt: skip
def test_damaged_folders_are_refused(tmp_path: Path, file: str, what: object, match: str) -> None:
    data("a").save(tmp_path / "d")
    path = tmp_path / "d/a/set.000" / f"{file}.npy"
    if callable(what):
        np.save(path, what(np.load(path)))
    else:
        path.unlink()
    with pytest.raises(Refusal, match=match):
        labelled(tmp_path / "d/a")
    with pytest.raises(Refusal):
        labelled(tmp_path / "d")


def test_cut_and_changed_files_are_refused(tmp_path: Path) -> None:
    data("a", "b").save(tmp_path / "d")
    path = tmp_path / "d/a/set.000/force.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(Refusal, match="cut: 5 of 6"):
        labelled(tmp_path / "d")
    path.write_bytes(whole)
    np.save(path, np.load(path) * 1.000001)
    with pytest.raises(Refusal, match="not those that were saved"):
        labelled(tmp_path / "d")
    path.write_bytes(whole)
    record = json.loads((tmp_path / "d/systems.json").read_text())
    assert [entry["frames"] for entry in record["systems"]] == [6, 6]
    for broken in ({**record, "form": "x"}, {"form": record["form"]}, {**record, "systems": [{"name": "../d/a"}]}, []):
        (tmp_path / "d/systems.json").write_text(json.dumps(broken))
        with pytest.raises(Refusal, match="record can't be read"):
            labelled(tmp_path / "d")


def test_saving_never_touches_what_is_there(tmp_path: Path) -> None:
    one, other = data("a", "b"), data("a")
    one.save(tmp_path / "d")
    before = os.stat(tmp_path / "d/systems.json").st_mtime_ns
    assert one.save(tmp_path / "d") == tmp_path / "d"  # nothing to do
    assert os.stat(tmp_path / "d/systems.json").st_mtime_ns == before
    with pytest.raises(Refusal, match="Something else is there"):
        other.save(tmp_path / "d")
    assert labelled(tmp_path / "d") == one
    (tmp_path / "e").mkdir()
    other.save(tmp_path / "e")  # empty
    (tmp_path / "f").write_text("")
    with pytest.raises(Refusal, match="Something else"):
        other.save(tmp_path / "f")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e", "f"]  # no temporary is left


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("vanhove.simulate.label_store._write", full)
    with pytest.raises(OSError, match="disk full"):
        data("a").save(tmp_path / "d")
    assert not list(tmp_path.iterdir())


def test_choosing() -> None:
    both = data("a", "b")
    assert both.frames == 12
    assert both.species == ("Li", "P", "S")
    assert both.select("b").names == ("b",)
    assert both.select(["b", "a"]).names == ("b", "a")
    some = both.select({"a": [4, 1], "b": slice(0, 6, 2)})
    assert some.systems[0].frame_of.tolist() == [4, 1]
    np.testing.assert_array_equal(some.systems[0].energy, both.systems[0].energy[[4, 1]])
    np.testing.assert_array_equal(some.systems[1].virial, both.systems[1].virial[::2])
    assert both.select({"a": both.systems[0].energy < np.inf}).frames == 6
    for wrong, match in (("c", "no system 'c'"), ({"a": [9]}, "chooses no frames"), ({"a": "x"}, "chooses no frames")):
        with pytest.raises(Refusal, match=match):
            both.select(wrong)
    with pytest.raises(Refusal, match="no frames"):
        both.select({"a": []})


def test_adding() -> None:
    one, more = data("a"), data("a", frames=4)
    both = one + more
    assert both.names == ("a",)
    assert both.systems[0].frames == 10
    assert both.systems[0].frame_of.tolist() == [*range(6), *range(4)]
    bare = Labelled.of([system(springs(3), "a", virial=False)])
    assert (both + bare + bare).names == ("a", "a-2")
    assert (both + bare + bare).systems[1].frames == 6
    water = Labelled.of([system(springs(2, ("O", "H", "H")), "a", source="other")])
    assert (one + water).names == ("a", "a-2")
    assert (one + one).systems[0].source == "made up"
    with pytest.raises(Refusal, match="Two systems are called 'a'"):
        Labelled.of([*one, *water])


def test_systems_are_checked_and_do_not_change() -> None:
    frames = springs(3)
    fine = system(frames)
    frames.forces[0, 0, 0] = 99.0
    assert fine.forces[0, 0, 0] != 99.0
    with pytest.raises(ValueError, match="read-only"):
        fine.forces[0, 0, 0] = 1.0
    assert fine == replace(fine)
    assert fine != replace(fine, name="b")
    assert fine != replace(fine, virial=None)
    assert fine.fingerprint == replace(fine, name="b", source="").fingerprint
    for change, match in (
        (dict(species=("Li",) * 7), "positions has the shape"), (dict(species=("Xx",) * 8), "no element"),
        (dict(energy=frames.energy[:2]), "shape"), (dict(name="a/b"), "can't be called"),
        (dict(name=".a"), "can't be called"),
        (dict(forces=frames.forces * np.nan), "forces is nan.*frame 0, atom 1"),
        (dict(cell=frames.cell * 0), "no volume"),
        (dict(virial=frames.virial[:, :2]), "virial has the shape"),
        (dict(frame_of=np.arange(2)), "frame_of has the shape"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=match):
            replace(fine, **change)
    text = Labelled.of([fine]).describe()
    assert "Li4P1S3" in text
    assert "made up" in text


def test_what_is_no_labelled_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "words").write_text("nothing\nof\ninterest\n")
    for path, match in (
        (tmp_path / "nothing", "no such file"), (tmp_path / "empty", "is empty"),
        (tmp_path / "words", "No reader recognises"),
        (tmp_path, "holds no labelled frames"), ([], "No file"), (3, "takes the path"), ([3], "takes the path"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=match):
            labelled(path)
    with pytest.raises(Refusal, match="Did you mean 'outcar'"):
        labelled(tmp_path / "words", format="outcat")
