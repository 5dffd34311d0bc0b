"""XDATCAR in all its styles, against the planted truth and against ASE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written import GENERAL, moved, put

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning

COUNTS, SYMBOLS = (3, 2, 4), ("Li", "P", "S")
LABELS = ["Li"] * 3 + ["P"] * 2 + ["S"] * 4


def scaled(frames: int = 5, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    path = rng.uniform(0, 1, (9, 3)) + np.cumsum(rng.normal(size=(frames, 9, 3)) * 0.08, axis=0)
    return np.round(path, 8)


def header(cell: np.ndarray, scale: str = "1.0", symbols: bool = True, comment: str = "a glass") -> str:
    rows = "\n".join("  ".join(f"{x:.10f}" for x in row) for row in cell)
    names = " ".join(SYMBOLS) + "\n" if symbols else ""
    return f"{comment}\n{scale}\n{rows}\n{names}{' '.join(map(str, COUNTS))}\n"


def frames_text(path: np.ndarray, title: str = "Direct configuration={:6d}", first: int = 1) -> list[str]:
    texts = []
    for number, frame in enumerate(path, first):
        rows = "\n".join("  ".join(f"{x:.8f}" for x in atom) for atom in frame)
        texts.append(f"{title.format(number)}\n{rows}\n")
    return texts


@pytest.mark.parametrize("name", ["XDATCAR", "XDATCAR.gz", "run1.out"])
def test_a_fixed_cell(tmp_path: Path, name: str) -> None:
    path = scaled()
    file = put(tmp_path / name, header(GENERAL) + "".join(frames_text(path % 1)))
    traj = vh.open(file, spacing=0.1, temperature=500)
    assert traj.species.tolist() == LABELS
    assert traj.constant_cell
    np.testing.assert_allclose(traj.cells[0], GENERAL, atol=1e-10)
    np.testing.assert_allclose(traj.times, np.arange(5) * 0.1)
    np.testing.assert_allclose(moved(traj.positions), moved(path @ GENERAL), atol=1e-6)
    np.testing.assert_allclose(traj.positions[0], (path[0] % 1) @ GENERAL, atol=1e-9)


def test_a_header_before_every_frame(tmp_path: Path) -> None:
    path = scaled()
    cells = GENERAL * np.linspace(1, 1.05, 5)[:, None, None]
    parts = [header(cell) + text for cell, text in zip(cells, frames_text(path), strict=True)]
    traj = vh.open(put(tmp_path / "XDATCAR", "".join(parts)), spacing=1.0)
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.cells, cells, atol=1e-9)
    np.testing.assert_allclose(traj.positions, np.einsum("fai,fij->faj", path, traj.cells), atol=1e-9)
    same = [header(GENERAL) + text for text in frames_text(path)]
    assert vh.open(put(tmp_path / "XDATCAR_2", "".join(same)), spacing=1.0).constant_cell


def test_runs_appended_to_one_file_and_several_files(tmp_path: Path) -> None:
    path = scaled(6)
    first = header(GENERAL) + "".join(frames_text(path[:4] % 1))
    second = header(GENERAL, comment="") + "".join(frames_text(path[4:] % 1))
    appended = vh.open(put(tmp_path / "XDATCAR", first + second), spacing=0.5)
    several = vh.open([put(tmp_path / "XDATCAR.1", first), put(tmp_path / "XDATCAR.2.gz", second)], spacing=0.5)
    for traj in (appended, several):
        np.testing.assert_allclose(traj.times, np.arange(6) * 0.5)
        np.testing.assert_allclose(moved(traj.positions), moved(path @ GENERAL), atol=1e-6)
    assert several.history[-1]["parameters"]["paths"] == ["XDATCAR.1", "XDATCAR.2.gz"]


@pytest.mark.parametrize("title", ["Konfig=   {}", "   ", "direct"])
def test_older_titles(tmp_path: Path, title: str) -> None:
    path = scaled()
    file = put(tmp_path / "XDATCAR", header(GENERAL) + "".join(frames_text(path, title)))
    np.testing.assert_allclose(vh.open(file, spacing=1.0).positions, path @ GENERAL, atol=1e-6)


def test_cartesian_rows_and_the_scale(tmp_path: Path) -> None:
    path = scaled()
    real = path @ GENERAL
    for scale, factor in (("2.0", 2.0), (f"{-8 * abs(np.linalg.det(GENERAL)):.10f}", 2.0)):
        file = put(
            tmp_path / "XDATCAR",
            header(GENERAL / 2, scale).replace("a glass", "x") + "".join(frames_text(real, "Cartesian")),
        )
        traj = vh.open(file, spacing=1.0)
        np.testing.assert_allclose(traj.cells[0], GENERAL / 2 * (factor if scale == "2.0" else 4.0), rtol=1e-8)
        np.testing.assert_allclose(traj.positions, real * (factor if scale == "2.0" else 4.0), rtol=1e-7)
    three = put(tmp_path / "XDATCAR3", header(GENERAL, "1.0 2.0 3.0") + "".join(frames_text(path)))
    np.testing.assert_allclose(vh.open(three, spacing=1.0).cells[0], GENERAL * [1, 2, 3], atol=1e-8)


def test_without_symbols(tmp_path: Path) -> None:
    file = put(tmp_path / "XDATCAR", header(GENERAL, symbols=False) + "".join(frames_text(scaled())))
    for species in (["Li", "P", "S"], {1: "Li", 2: "P", 3: "S"}, LABELS):
        assert vh.open(file, spacing=1.0, species=species).species.tolist() == LABELS
    with pytest.raises(Refusal, match="group 2 \\(2 atoms\\)") as caught:
        vh.open(file, spacing=1.0)
    assert "species=" in caught.value.do


def test_symbols_with_what_potentials_append(tmp_path: Path) -> None:
    text = header(GENERAL).replace("Li P S", "Li_sv P S/1a2b3c") + "".join(frames_text(scaled()))
    assert vh.open(put(tmp_path / "XDATCAR", text), spacing=1.0).species.tolist() == LABELS


def test_no_spacing_names_the_argument(tmp_path: Path) -> None:
    file = put(tmp_path / "XDATCAR", header(GENERAL) + "".join(frames_text(scaled())))
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open(file)
    assert "spacing=" in caught.value.do


def numbered(path: Path, numbers: list[object]) -> Path:
    """A file of frames with these numbers."""
    texts = frames_text(scaled(len(numbers)))
    titles = [f"Direct configuration={number:>6}" for number in numbers]
    rows = ["\n".join([title, *text.split("\n")[1:]]) for title, text in zip(titles, texts, strict=True)]
    return put(path, header(GENERAL) + "".join(rows))


@pytest.mark.parametrize(
    ("numbers", "note"),
    [
        ([1, 2, 3, 4], ""),
        ([7, 8, 9, 10], ""),  # a file that goes on with another
        ([0, 1, 2, 3], ""),
        ([10, 20, 30, 40], "the frames' numbers are 10 apart"),  # NBLOCK = 10
        ([1, 2, 3, 1, 2, 1, 2, 3], "3 runs one after the other"),
        ([10, 20, 30, 10, 20], "2 runs one after the other"),
        ([1, 1, 1], "3 runs one after the other"),
        ([999998, 999999, "******", "******"], ""),
        (["", "", "", ""], ""),
    ],
)
def test_numbers_that_are_those_of_runs(tmp_path: Path, numbers: list[object], note: str) -> None:
    traj = vh.open(numbered(tmp_path / "XDATCAR", numbers), spacing=0.1)
    assert traj.n_frames == len(numbers)
    assert note in "; ".join(traj.history[-1]["parameters"]["notes"])


@pytest.mark.parametrize(
    ("numbers", "where"),
    [
        ([1, 2, 3, 6, 7, 8], "frames 2 and 3 are numbered 3 and 6, where 1 apart is the rule"),
        ([10, 20, 40, 50, 60], "frames 1 and 2 are numbered 20 and 40, where 10 apart is the rule"),
        ([1, 2, 3, 3, 4], "frames 2 and 3 are numbered 3 and 3"),
        ([1, 2, 3, 4, 5, 3, 4, 5], "frames 4 and 5 are numbered 5 and 3"),
        ([1, 2, 3, 4, 10, 20, 30], "frames 3 and 4 are numbered 4 and 10, where 1 apart is the rule, and 2 more"),
    ],
)
def test_numbers_that_jump_are_told(tmp_path: Path, numbers: list[object], where: str) -> None:
    with pytest.warns(VanhoveWarning, match=where) as told:
        assert vh.open(numbered(tmp_path / "XDATCAR", numbers), spacing=0.1).n_frames == len(numbers)
    assert "Frames may be missing" in str(told[0].message)


def test_any_number_of_blank_lines(tmp_path: Path) -> None:
    texts = frames_text(scaled(2), "   ")
    few = header(GENERAL) + texts[0] + "\n" * 50 + texts[1] + "\n" * 3000
    assert vh.open(put(tmp_path / "XDATCAR", few), spacing=1.0).n_frames == 2
    endless = header(GENERAL) + texts[0] + "\n" * 30_000_000
    with pytest.raises(Refusal, match="More than 10000 blank lines") as caught:
        vh.open(put(tmp_path / "XDATCAR.gz", endless), spacing=1.0)
    assert "after frame 0" in caught.value.where


def test_cut_files(tmp_path: Path) -> None:
    path = scaled()
    text = header(GENERAL) + "".join(frames_text(path))
    start = text.index("Direct configuration=     4")
    for place in (start + 5, start + 40, start + 28 + 3 * 36 + 11, text.index("Direct configuration=     5") - 4):
        with pytest.warns(VanhoveWarning, match="frame 3"):
            traj = vh.open(put(tmp_path / "XDATCAR", text[:place]), spacing=1.0)
        np.testing.assert_allclose(traj.positions, path[:3] @ GENERAL, atol=1e-6)
    for place in (len(header(GENERAL)) - 3, len(header(GENERAL)) + 30):
        with pytest.raises(Refusal, match="no whole frame"):
            vh.open(put(tmp_path / "XDATCAR", text[:place]), spacing=1.0)
    whole = vh.open(put(tmp_path / "XDATCAR", text[:-1]), spacing=1.0)  # only the last line end is missing
    assert whole.n_frames == 5


def test_bad_rows_and_headers(tmp_path: Path) -> None:
    texts = frames_text(scaled())
    text = header(GENERAL) + "".join(texts)
    bad = texts[2].split("\n")[5]
    with pytest.raises(Refusal, match="'nan', not a finite number") as caught:
        _ = vh.open(put(tmp_path / "XDATCAR", text.replace(bad, "0.5 nan 0.5")), spacing=1.0).positions
    assert "frame 2, row 5 of 9" in caught.value.where
    with pytest.raises(Refusal, match="header can't be read"):
        vh.open(put(tmp_path / "XDATCAR", text.replace(bad, f"{bad}\n{bad}")), spacing=1.0)
    other = header(GENERAL).replace("3 2 4", "3 3 3") + texts[0]
    with pytest.raises(Refusal, match="species of the atoms changes"):
        vh.open(put(tmp_path / "XDATCAR", text + other), spacing=1.0)


def test_ase_reads_the_same(tmp_path: Path) -> None:
    io = pytest.importorskip("ase.io")
    file = put(tmp_path / "XDATCAR", header(GENERAL) + "".join(frames_text(scaled() % 1)))
    theirs = np.array([image.positions for image in io.read(file, index=":", format="vasp-xdatcar")])
    np.testing.assert_allclose(vh.open(file, spacing=1.0, unwrap="none").positions, theirs, atol=1e-9)
