"""Extended XYZ as ASE and others write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written import GENERAL, TRICLINIC, Truth, moved, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning


def atoms_of(truth: Truth, momenta: bool = False) -> list[object]:
    ase = pytest.importorskip("ase")
    images = []
    for frame in range(len(truth.unwrapped)):
        image = ase.Atoms(truth.species, positions=truth.unwrapped[frame], cell=truth.cells[frame], pbc=True)
        if momenta:
            image.set_velocities(truth.velocities[frame] / (1e3 * ase.units.fs))  # Å/ps in ASE's units
        images.append(image)
    return images


def comment(truth: Truth, frame: int, properties: str = "species:S:1:pos:R:3", more: str = "") -> str:
    lattice = " ".join(f"{x:.10f}" for x in truth.cells[frame].ravel())
    return f'Lattice="{lattice}" Properties={properties} pbc="T T T"{more}'


def text_of(truth: Truth, positions: np.ndarray, properties: str = "species:S:1:pos:R:3", more: str = "",
            after: np.ndarray | None = None) -> str:  # fmt: skip
    lines = []
    for frame in range(len(positions)):
        lines += [str(len(truth.ids)), comment(truth, frame, properties, more.format(frame=frame))]
        for a, name in enumerate(truth.species):
            numbers = [*positions[frame, a], *([] if after is None else after[frame, a])]
            lines.append(name + " " + " ".join(f"{x:.6f}" for x in numbers))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("suffix", [".xyz", ".extxyz", ".xyz.gz"])
@pytest.mark.parametrize("momenta", [False, True])
def test_what_ase_writes(tmp_path: Path, suffix: str, momenta: bool) -> None:
    io = pytest.importorskip("ase.io")
    cells = TRICLINIC * np.linspace(1, 1.03, 6)[:, None, None]
    truth = walk(cells if momenta else TRICLINIC)
    path = tmp_path / f"run{suffix}"
    io.write(path, atoms_of(truth, momenta), format="extxyz")
    traj = vh.open(path, spacing=0.2)
    assert traj.species.tolist() == truth.species
    assert traj.has_velocities == momenta
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-7)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.2)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-6)
    if momenta:
        np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-5, atol=1e-5)


def test_wrapped_positions_are_unwrapped(tmp_path: Path) -> None:
    truth = walk(GENERAL, step=0.8)
    path = put(tmp_path / "a.xyz", text_of(truth, truth.wrapped))
    traj = vh.open(path, spacing=1.0)
    np.testing.assert_allclose(moved(traj.positions), moved(truth.unwrapped), atol=1e-5)
    io = pytest.importorskip("ase.io")
    theirs = np.array([image.positions for image in io.read(path, index=":")])
    np.testing.assert_allclose(vh.open(path, spacing=1.0, unwrap="none").positions, theirs, atol=1e-12)


@pytest.mark.parametrize("name", ["vel", "velo", "velocities"])
def test_velocities_by_their_units(tmp_path: Path, name: str) -> None:
    truth = walk(GENERAL)
    path = put(
        tmp_path / "a.xyz",
        text_of(truth, truth.unwrapped, f"species:S:1:pos:R:3:{name}:R:3", after=truth.velocities),
    )
    assert not vh.open(path, spacing=1.0).has_velocities
    np.testing.assert_allclose(vh.open(path, spacing=1.0, units="metal").velocities, truth.velocities)
    np.testing.assert_allclose(vh.open(path, spacing=1.0, units="real").velocities, truth.velocities * 1e3)


def test_other_columns_are_passed_over(tmp_path: Path) -> None:
    truth = walk(GENERAL)
    lines = text_of(truth, truth.unwrapped).replace(
        "species:S:1:pos:R:3", "tag:I:1:species:S:1:forces:R:2:pos:R:3:fixed:L:1"
    )
    lines = "\n".join(
        f"7 {line.split()[0]} 1.5 -2e3 {' '.join(line.split()[1:])} T"
        if line[:1].isalpha() and "=" not in line
        else line
        for line in lines.split("\n")
    )
    np.testing.assert_allclose(vh.open(put(tmp_path / "a.xyz", lines), spacing=1.0).positions, truth.unwrapped)


def test_unwrapped_positions_and_ids_where_they_are(tmp_path: Path) -> None:
    truth = walk(GENERAL, atoms=6)
    lines = []
    rng = np.random.default_rng(1)
    for frame in range(6):
        lines += ["6", comment(truth, frame, "id:I:1:species:S:1:pos:R:3:unwrapped_position:R:3")]
        for a in rng.permutation(6).tolist():
            numbers = [*truth.wrapped[frame, a], *truth.unwrapped[frame, a]]
            lines.append(f"{truth.ids[a]} {truth.species[a]} " + " ".join(f"{x:.6f}" for x in numbers))
    traj = vh.open(put(tmp_path / "a.xyz", "\n".join(lines) + "\n"), spacing=1.0)
    np.testing.assert_allclose(traj.positions, truth.unwrapped)
    assert traj.species.tolist() == truth.species
    assert "file's own" in traj.history[-1]["parameters"]["unwrapping"]


@pytest.mark.parametrize("key", ["Time", "time"])
def test_times_in_the_comment(tmp_path: Path, key: str) -> None:
    truth = walk(GENERAL, frames=3)
    path = put(tmp_path / "a.xyz", text_of(truth, truth.unwrapped, more=f" {key}={{frame}}.25 energy=-3.0"))
    np.testing.assert_allclose(vh.open(path).times, [0.25, 1.25, 2.25])
    np.testing.assert_allclose(vh.open(path, units="real").times, np.array([0.25, 1.25, 2.25]) * 1e-3)
    assert "Time" in str(vh.open(path).history[-1]["parameters"]["notes"])
    with pytest.warns(VanhoveWarning, match="spacing=0.5 ps overrides"):
        assert vh.open(path, spacing=0.5).times.tolist() == [0.0, 0.5, 1.0]
    assert vh.open(path, spacing=1.0).times.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("key", ["Step", "step"])
def test_steps_in_the_comment(tmp_path: Path, key: str) -> None:
    truth = walk(GENERAL, frames=4)
    path = put(tmp_path / "a.xyz", text_of(truth, truth.unwrapped, more=f" {key}={{frame}}00 energy=-3.0"))
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open(path)
    assert "timestep=" in caught.value.do
    np.testing.assert_allclose(vh.open(path, timestep=0.002).times, [0, 0.2, 0.4, 0.6])
    np.testing.assert_allclose(vh.open(path, spacing=0.5).times, [0, 0.5, 1.0, 1.5])
    text = path.read_text()
    for changed in (
        text.replace("=200 ", "=final "),
        text.replace("=200 ", "=-1 "),
        text.replace("00 energy", " energy"),
    ):
        bad = put(tmp_path / "b.xyz", changed.replace("=1 ", "=0 ").replace("=2 ", "=0 ").replace("=3 ", "=0 "))
        with pytest.raises(
            Refusal, match=r"timestep=0\.002 can't be used.*not every comment has its own step="
        ) as caught:
            vh.open(bad, timestep=0.002)
        assert "spacing=" in caught.value.do
        assert vh.open(bad, spacing=0.5).n_frames == 4
    both = put(tmp_path / "c.xyz", text_of(truth, truth.unwrapped, more=f" Time={{frame}}.0 {key}={{frame}}00"))
    np.testing.assert_allclose(vh.open(both).times, [0, 1, 2, 3])
    np.testing.assert_allclose(vh.open(both, timestep=0.01).times, [0, 1, 2, 3])
    with pytest.warns(VanhoveWarning, match=r"timestep=0\.002 ps overrides the file's times"):
        np.testing.assert_allclose(vh.open(both, timestep=0.002).times, [0, 0.2, 0.4, 0.6])


def test_times_that_are_all_the_same_count_nothing(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=3)
    path = put(tmp_path / "a.xyz", text_of(truth, truth.unwrapped, more=" time=0.0"))
    with pytest.raises(Refusal, match="spacing="):
        vh.open(path)
    assert vh.open(path, spacing=0.5).n_frames == 3


@pytest.mark.parametrize(
    ("key", "options"), [("Time", {}), ("Step", dict(timestep=1.0)), ("Time", dict(spacing=1.0))]
)  # fmt: skip
def test_what_a_restart_wrote_again_replaces_what_it_repeats(
    tmp_path: Path, key: str, options: dict[str, float]
) -> None:
    truth = walk(GENERAL, frames=7, step=0.5)
    text = text_of(truth, truth.unwrapped, more=f" {key}={{frame}}")
    for written, counted in (("3", "1"), ("4", "2"), ("5", "3"), ("6", "4")):
        text = text.replace(f'" {key}={written}\n', f'" {key}={counted}\n')  # 0 1 2 1 2 3 4
    with pytest.warns(VanhoveWarning, match=f"{key}s go back within the file.*frames 1 to 2 lie before a restart"):
        traj = vh.open(put(tmp_path / "a.xyz", text), **options)
    np.testing.assert_allclose(traj.times, np.arange(5))
    np.testing.assert_allclose(moved(traj.positions), moved(truth.unwrapped[[0, 3, 4, 5, 6]]), atol=1e-5)
    assert "left out as repeated later in the file: 2 frames" in traj.history[-1]["parameters"]["notes"]
    row = text.split("\n")[22 * 5 + 4]
    with pytest.warns(VanhoveWarning, match="go back"), pytest.raises(Refusal, match="fewer than") as caught:
        _ = vh.open(put(tmp_path / "b.xyz", text.replace(row, row[:5])), **options).positions
    assert "frame 5, row" in caught.value.where  # counted in the file


def test_missing_times_and_cells(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=3)
    with pytest.raises(Refusal, match="spacing="):
        vh.open(put(tmp_path / "a.xyz", text_of(truth, truth.unwrapped)))
    plain = "2\nwater\nO 0 0 0\nH 0 0 1\n" * 2
    with pytest.raises(Refusal, match="no cell"):
        vh.open(put(tmp_path / "b.xyz", plain), spacing=1.0)


def test_labels_that_are_no_elements(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=2)
    text = text_of(truth, truth.unwrapped).replace("Na ", "A ").replace("Si ", "B ")
    path = put(tmp_path / "a.xyz", text)
    with pytest.raises(Refusal, match="species A"):
        vh.open(path, spacing=1.0)
    assert vh.open(path, spacing=1.0, species={"A": "23Na", "B": "Si"}).species.tolist() == [
        {"Na": "23Na"}.get(name, name) for name in truth.species
    ]


def test_faults_are_named(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=3)
    good = text_of(truth, truth.unwrapped)
    rows = good.split("\n")
    second = 22 + 4
    cases = [
        (rows[second], rows[second].rsplit(" ", 1)[0] + " nan", "'nan', not a finite number"),
        (rows[second], rows[second].rsplit(" ", 1)[0], "fewer than the 4 columns"),
        (rows[second], "Xe" + rows[second][2:], "another species"),
        (rows[23], rows[23].replace("Lattice", "Latice"), "no cell"),
        (rows[23], rows[23].replace("pos:R:3", "pos:R:3:vel:R:3"), "columns change"),
        (rows[22], "19", "number of atoms changes"),
    ]
    for old, new, says in cases:
        changed = [*rows]
        changed[changed.index(old, 22)] = new
        with pytest.raises(Refusal, match=says) as caught:
            _ = vh.open(put(tmp_path / "a.xyz", "\n".join(changed)), spacing=1.0).positions
        assert "frame 1" in caught.value.where


def test_cut_files_and_blank_ends(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=3)
    good = text_of(truth, truth.unwrapped)
    assert vh.open(put(tmp_path / "a.xyz", good + "\n\n"), spacing=1.0).n_frames == 3
    last = good.rindex("20\nLattice")
    for place in (last + 1, last + 30, last + 400, len(good) - 4):
        with pytest.warns(VanhoveWarning, match="frame 2"):
            traj = vh.open(put(tmp_path / "a.xyz", good[:place]), spacing=1.0)
        np.testing.assert_allclose(traj.positions, truth.unwrapped[:2])


def test_an_open_boundary_is_said(tmp_path: Path) -> None:
    truth = walk(GENERAL, frames=2)
    text = text_of(truth, truth.unwrapped).replace('pbc="T T T"', 'pbc="T T F"')
    with pytest.warns(VanhoveWarning, match="not periodic"):
        vh.open(put(tmp_path / "a.xyz", text), spacing=1.0)
