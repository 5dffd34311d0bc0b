"""vasprun.xml: planted truth, ASE, killed runs, machine-learned steps, and XML that means harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ab_initio_files import MASSES, SYMBOLS, calculation, document, scaled, structure
from written import GENERAL, moved, new_cache, put

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan
from vanhove.trajectory.readers import vasprun as reader

NPT = GENERAL * np.linspace(1, 1.04, 6)[:, None, None]


def write(path: Path, text: str) -> Path:
    """Latin letters as VASP writes them."""
    return put(path, text) if path.suffix == ".gz" else (path.write_bytes(text.encode("latin-1")), path)[1]


@pytest.mark.parametrize("name", ["vasprun.xml", "vasprun.xml.gz", "run1.out"])
def test_molecular_dynamics(tmp_path: Path, name: str) -> None:
    path = scaled()
    text = document(path % 1).replace("\xe4", "a")
    traj = vh.open(write(tmp_path / name, text))
    assert traj.species.tolist() == SYMBOLS
    np.testing.assert_allclose(traj.masses, [MASSES[name] for name in SYMBOLS])
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.002, rtol=1e-14)  # every step, whatever NBLOCK says
    assert traj.temperature == 700
    assert traj.constant_cell
    assert not traj.has_velocities
    np.testing.assert_allclose(traj.cells[0], GENERAL)
    np.testing.assert_allclose(traj.positions[0], (path[0] % 1) @ GENERAL, atol=1e-12)
    np.testing.assert_allclose(moved(traj.positions), moved(path @ GENERAL), atol=1e-6)
    assert traj.history[-1]["parameters"]["format"] == "vasprun"


def test_a_changing_cell_and_letters_of_latin(tmp_path: Path) -> None:
    path = scaled()
    traj = vh.open(write(tmp_path / "vasprun.xml", document(path, NPT)), unwrap="none")
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.cells, NPT, atol=1e-8)
    np.testing.assert_allclose(traj.positions, np.einsum("fai,fij->faj", path, traj.cells), atol=1e-12)


def test_ase_reads_the_same(tmp_path: Path) -> None:
    io = pytest.importorskip("ase.io")
    file = write(tmp_path / "vasprun.xml", document(scaled() % 1, NPT).replace("\xe4", "a"))
    images = io.read(file, index=":", format="vasp-xml")
    traj = vh.open(file, unwrap="none")
    np.testing.assert_allclose(traj.positions, [image.positions for image in images], atol=1e-12)
    np.testing.assert_allclose(traj.cells, [image.cell.array for image in images], atol=1e-14)
    assert traj.species.tolist() == images[0].get_chemical_symbols()


def test_steps_of_a_force_field_stand_outside_calculations(tmp_path: Path) -> None:
    path = scaled()
    for learned in ((1, 2, 4), tuple(range(6))):
        traj = vh.open(write(tmp_path / "vasprun.xml", document(path, learned=learned)))
        np.testing.assert_allclose(traj.positions, path @ GENERAL, atol=1e-12)
        np.testing.assert_allclose(traj.times, np.arange(6) * 0.002)


@pytest.mark.parametrize(("version", "stride"), [("6.4.2", 1), ("6.4.3", 10), ("6.5.0", 10), ("6.4.3 refit", 10)])
def test_thinned_output_of_a_force_field(tmp_path: Path, version: str, stride: int) -> None:
    told = dict(version=version, ML_LMLFF=".TRUE.", ML_MODE="run", ML_OUTBLOCK="10", NSW="60")
    file = write(tmp_path / "vasprun.xml", document(scaled(), **told))
    np.testing.assert_allclose(vh.open(file).times, np.arange(6) * 0.002 * stride)
    file = write(tmp_path / "vasprun.xml", document(scaled(), **{**told, "ML_MODE": "train"}))
    np.testing.assert_allclose(vh.open(file).times, np.arange(6) * 0.002)


def test_what_is_no_dynamics_has_no_times(tmp_path: Path) -> None:
    file = write(tmp_path / "vasprun.xml", document(scaled(), IBRION="2"))
    with pytest.warns(VanhoveWarning, match="no molecular dynamics"), pytest.raises(Refusal, match="spacing="):
        vh.open(file)
    with pytest.warns(VanhoveWarning, match="IBRION=2"):
        assert vh.open(file, spacing=1.0).temperature is None
    single = vh.open(write(tmp_path / "one.xml", document(scaled(1), IBRION="-1", NSW="0")))
    assert single.n_frames == 1
    with pytest.warns(VanhoveWarning, match="more steps than"), pytest.raises(Refusal, match="spacing="):
        vh.open(write(tmp_path / "vasprun.xml", document(scaled(), NSW="3")))
    with pytest.raises(Refusal, match="spacing="):
        vh.open(write(tmp_path / "vasprun.xml", document(scaled(), POTIM=None)))
    with pytest.warns(VanhoveWarning, match="overrides"):
        traj = vh.open(write(tmp_path / "vasprun.xml", document(scaled())), spacing=0.5)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.5)
    with pytest.warns(VanhoveWarning, match="overrides"):
        assert vh.open(tmp_path / "vasprun.xml", timestep=0.001).times[-1] == 0.005


def test_what_vasp_made_of_the_input_counts(tmp_path: Path) -> None:
    path = scaled()
    text = document(path).replace(" </incar>", '  <i name="IBRION"> 2</i>\n  <i name="POTIM"> 9.0</i>\n </incar>')
    np.testing.assert_allclose(vh.open(write(tmp_path / "a.xml", text)).times, np.arange(6) * 0.002)
    text = document(path, POTIM=None).replace(" </incar>", '  <i name="POTIM"> 9.0</i>\n </incar>')
    np.testing.assert_allclose(vh.open(write(tmp_path / "b.xml", text)).times, np.arange(6) * 0.009)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (dict(TEEND="300"), None), (dict(SMASS="-3"), None), (dict(SMASS="-1"), 700), (dict(MDALGO="0"), 700),
        (dict(MDALGO="3", SMASS="-3"), 700), (dict(MDALGO="1", SMASS="-3"), None), (dict(TEEND=None), 700),
        (dict(MDALGO="1", SMASS="-3", ANDERSEN_PROB="0.1"), 700), (dict(TEBEG=None), None),
    ],
)  # fmt: skip
def test_the_temperature_is_that_of_a_thermostat(
    tmp_path: Path, changes: dict[str, str | None], expected: float | None
) -> None:
    file = write(tmp_path / "vasprun.xml", document(scaled(2), **changes))
    assert vh.open(file).temperature == expected
    assert vh.open(file, temperature=55).temperature == 55


def test_runs_that_follow_each_other(tmp_path: Path) -> None:
    path = scaled(8)
    first = write(tmp_path / "1.xml", document(path[:5] % 1))
    second = write(tmp_path / "2.xml", document(path[5:] % 1))
    with pytest.raises(Refusal, match="give spacing="):
        vh.open([first, second])
    traj = vh.open([first, second], spacing=0.002)
    np.testing.assert_allclose(traj.times, np.arange(8) * 0.002)
    np.testing.assert_allclose(moved(traj.positions), moved(path @ GENERAL), atol=1e-6)
    both = tmp_path / "both.xml"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(Refusal, match="behind the end of the run"):
        vh.open(both)


def test_isotopes_and_labels_that_are_none(tmp_path: Path) -> None:
    text = document(scaled())
    assert set(vh.open(write(tmp_path / "a.xml", text), species={"Li": "7Li"}).species) == {"7Li", "P", "S"}
    assert vh.open(write(tmp_path / "a.xml", text), species=["P"] * 9).species.tolist() == ["P"] * 9
    strange = write(tmp_path / "b.xml", text.replace("<c>Li</c>", "<c>L.</c>").replace("6.941", "1.500"))
    with pytest.raises(Refusal, match="which element"):
        vh.open(strange)
    assert set(vh.open(strange, species={"L.": "Li"}).species) == {"Li", "P", "S"}


def test_a_killed_run_gives_its_whole_frames(tmp_path: Path) -> None:
    path = scaled()
    text = document(path)
    third = text.index("<calculation>", text.index("<calculation>", text.index("<calculation>") + 1) + 1)
    inside = text.index("<structure", third)
    places = [third - 1, third + 7, inside - 3, inside + 4, text.index("positions", inside) + 40]
    for place in [*places, text.index("</structure>", inside) + 11]:
        with pytest.warns(VanhoveWarning, match="2 whole frames, 0 to 1"):
            traj = vh.open(write(tmp_path / "vasprun.xml", text[:place]))
        np.testing.assert_allclose(traj.positions, path[:2] @ GENERAL, atol=1e-9)
    with pytest.warns(VanhoveWarning, match="3 whole frames"):
        assert vh.open(write(tmp_path / "vasprun.xml", text[: text.index("</structure>", inside) + 12])).n_frames == 3
    with pytest.warns(VanhoveWarning, match="before </modeling>"):
        assert vh.open(write(tmp_path / "vasprun.xml", text[:-20])).n_frames == 6
    for place in (300, text.index("initialpos"), text.index("<calculation>") + 40):
        with pytest.raises(Refusal, match="no whole frame"):
            vh.open(write(tmp_path / "vasprun.xml", text[:place]))
    with pytest.raises(Refusal, match="no frame"):
        vh.open(write(tmp_path / "vasprun.xml", text[: text.index("<calculation>")] + "</modeling>"))
    packed = write(tmp_path / "vasprun.xml.gz", text)
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.warns(VanhoveWarning):
        vh.open(packed)


@pytest.mark.parametrize("word", ["nan", "****************", "-Infinity"])
def test_what_is_no_number_is_named(tmp_path: Path, word: str) -> None:
    path = scaled()
    bad = f"{path[3, 4, 1]:16.8f}"
    with pytest.raises(Refusal, match=r"not a (finite )?number") as caught:
        _ = vh.open(write(tmp_path / "vasprun.xml", document(path).replace(bad, " " + word))).positions
    assert "frame 3, row 5 of 9" in caught.value.where
    cells = document(path).replace("<calculation>", "<calculation >", 1).replace("8.00000000", word)
    with pytest.raises(Refusal, match="cell"):
        vh.open(write(tmp_path / "vasprun.xml", cells))


def test_damage_is_named(tmp_path: Path) -> None:
    path = scaled()
    text = document(path)
    row = f"   <v>{path[3, 4, 0]:16.8f}{path[3, 4, 1]:16.8f}{path[3, 4, 2]:16.8f} </v>\n"
    for new, what in ((row + row, "10 positions"), ("", "8 positions"), (row.replace("<v>", "<b>"), "8 or 9")):
        with pytest.raises(Refusal, match=what) as caught:
            vh.open(write(tmp_path / "vasprun.xml", text.replace(row, new, 1)))
        assert "frame 3" in caught.value.where
    two = row.replace(f"{path[3, 4, 2]:16.8f}", "")
    with pytest.raises(Refusal, match="fewer than the 3 columns"):
        _ = vh.open(write(tmp_path / "vasprun.xml", text.replace(row, two, 1))).positions
    for old, new, what in [
        (' </structure>\n  <varray name="forces"', ' <varray name="forces"', "inside another"),
        ("<scstep>", "</structure><scstep>", "ends twice"), ("<scstep>", "<!-- --><scstep>", "comment"),
        ("&amp;", "&", "INCAR"), ("<incar>", "<incar", "can't be read"),
        ("<atoms>", "<atoms><x>" + "<x>" * 100, "too deep"), ('name="basis"', 'name="bases"', "no basis"),
        ("a gl", "x" * 3000000, ""),
    ]:  # fmt: skip
        if what:
            with pytest.raises(Refusal, match=what):
                vh.open(write(tmp_path / "vasprun.xml", text.replace(old, new)))
        else:
            assert vh.open(write(tmp_path / "vasprun.xml", text.replace(old, new))).n_frames == 6
    endless = text.replace("<incar>", '<incar x="' + "y" * 5000000)
    with pytest.raises(Refusal, match="does not end"):
        vh.open(write(tmp_path / "vasprun.xml", endless))
    long = text.replace("</structure>", "", 20).replace("</modeling>", "<v></v>" * 500000)
    with pytest.raises(Refusal):
        vh.open(write(tmp_path / "vasprun.xml", long))


BOMB = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 10 + '"><!ENTITY c "' + "&b;" * 10 + '">]>'
SECRET = '<!DOCTYPE modeling [<!ENTITY secret SYSTEM "{}">]>'


def test_entities_are_refused(tmp_path: Path) -> None:
    text = document(scaled())
    secret = tmp_path / "secret.txt"
    secret.write_text("Li")
    start = text.index("<modeling>")
    for declared in (BOMB, SECRET.format(secret.as_uri()), '<!DOCTYPE modeling SYSTEM "http://localhost:9/a.dtd">'):
        for body in (
            text[start:],
            text[start:].replace("<c>Li", "<c>&secret;"),
            text[start:].replace("gl\xe4ss", "&c;"),
        ):
            with pytest.raises(Refusal, match="declares a document type"):
                vh.open(write(tmp_path / "vasprun.xml", text[:start] + declared + body))
    with pytest.raises(Refusal, match="undefined entity"):
        vh.open(write(tmp_path / "vasprun.xml", text.replace("<c>Li", "<c>&secret;")))
    late = text.replace("<scstep>", BOMB + "<scstep>", 1)
    with pytest.raises(Refusal, match="declaration"):
        vh.open(write(tmp_path / "vasprun.xml", late))


def test_line_breaks_are_no_matter(tmp_path: Path) -> None:
    path = scaled()
    text = document(path, NPT)
    expected = vh.open(write(tmp_path / "a.xml", text)).positions
    for changed in (text.replace("\n", "\r\n"), text.replace("\n", " "), text.replace("<v>", "\n<v>\n")):
        np.testing.assert_array_equal(vh.open(write(tmp_path / "b.xml", changed)).positions, expected)


def test_small_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "vasprun.xml", document(scaled(), NPT))
    frames = scan(file, Options()).frames
    assert frames is not None
    whole = np.concatenate([block.positions for block in frames(10**9)])
    monkeypatch.setattr(reader, "PIECE", 37)  # tags fall across the pieces that are read
    contents = scan(file, Options())
    assert contents.frames is not None
    blocks = list(contents.frames(1))
    assert len(blocks) == 6
    np.testing.assert_array_equal(np.concatenate([block.positions for block in blocks]), whole)


GROWTH = """
import json, sys
from pathlib import Path
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan

def read(path):
    contents = scan(Path(path), Options())
    return sum(len(block.positions) for block in contents.frames(8_000_000))

read(sys.argv[1])
before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
frames = read(sys.argv[2])
print(json.dumps([frames, (int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before) * 1024]))
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = scaled(2)
    text = document(path, NSW="1000000")
    begin, end = text.index("<calculation>"), text.index(structure(GENERAL, path[-1], "finalpos"))
    steps = text[begin:end] + calculation(GENERAL, path[0]) * 200
    small, large = write(tmp_path / "a.xml", text), tmp_path / "b.xml"
    with large.open("wb") as file:
        file.write(text[:begin].encode("latin-1"))
        for _ in range(130):
            file.write(steps.encode())
        file.write(text[end:].encode())
    assert large.stat().st_size > 60e6
    environment = dict(os.environ, VANHOVE_CACHE=str(new_cache(tmp_path / "cache")), VANHOVE_PROGRESS="0")
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(small), str(large)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    frames, grown = json.loads(done.stdout)
    assert frames == 130 * 202
    assert grown < 30e6, f"{grown / 1e6:.1f} MB: 8 MB of blocks and what is known of {frames} frames were expected"
