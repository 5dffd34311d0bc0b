"""A paper's numbers: read and checked, compared with ours, kept with the results and shown in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import vanhove as vh
from vanhove.study import run
from vanhove.study.expected import Expected, compare, kept, read_expected
from vanhove.study.results import row

Write = Callable[..., Path]
TEXT = """\
source = "A. Author, J. Journal 1, 2 (2023)"

[[quantity]]
name = "D"
species = "Na"
temperature = 900
value = 2e-5
error = 3e-6
unit = "cm²/s"
where = "table 1"

[[quantity]]
name = "first_peak"
species = "Si-S"
temperature = 900
value = 2.1
unit = "Å"

[[overlay]]
file = "points.csv"
figure = "msd-Na"
x = "lag"
y = "msd"
error = "error"
label = "theirs"
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "points.csv").write_text("# digitised by nobody\nlag, msd, error\n1, 2.5, 0.1\n10, 25, 1\n")
    (folder / "expected.toml").write_text(text, encoding="utf-8")
    return folder / "expected.toml"


def test_numbers_and_points_are_read_with_their_source(tmp_path: Path) -> None:
    expected = read_expected(write(tmp_path))
    assert {one.source for one in expected.quantity} == {"A. Author, J. Journal 1, 2 (2023)"}
    assert expected.overlay[0].points == [(1, 2.5, 0.1), (10, 25, 1)]


def test_ours_and_theirs(tmp_path: Path) -> None:
    summary = [
        row("D", 9e-5, "cm²/s", species="Na", temperature=900, run="900K-r1", error=1e-6),
        row("D", 2.8e-5, "cm²/s", species="Na", temperature=900, error=4e-6),
        row("D", 1e-6, "cm²/s", species="Na", temperature=900, phase="glass"),
        row("first_peak", 2.1, "Å", species="S-Si", temperature=900, run="900K"),
    ]
    diffusion, peak = compare(summary, read_expected(write(tmp_path)))
    assert diffusion.value == 2.8e-5  # the mean of the replicas
    assert diffusion.sigmas == pytest.approx(0.8e-5 / 5e-6)
    assert diffusion.factor == pytest.approx(1.4)
    assert peak.value == 2.1
    assert peak.sigmas is None
    none, _ = compare(
        [row("D", None, "cm²/s", species="Na", temperature=900, upper=1e-7)], read_expected(write(tmp_path))
    )
    assert none.ours is not None
    cold = read_expected(write(tmp_path, ('species = "Si-S"\ntemperature = 900', 'species = "Si-S"')))
    rows = [row("first_peak", value, "Å", species="Si-S", temperature=t) for value, t in ((2.2, 1200), (2.15, 600))]
    assert compare(rows, cold)[1].value == 2.15
    assert none.factor is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value = 2.1", "valu = 2.1", ["valu", "Did you mean 'value'?"]),
        ("value = 2.1", 'value = "2.1 Å"', ["value", "won't do"]),
        ('x = "lag"', 'x = "lags"', ["no column 'lags'", "points.csv", "'lag'"]),
        ("points.csv", "point.csv", ["points of an overlay can't be read", "point.csv"]),
        ('source = "', 'source = ', ["can't be read", "expected.toml"]),
    ],
)  # fmt: skip
def test_a_mistake_in_it_is_named(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    with pytest.raises(vh.Refusal) as refused:
        read_expected(write(tmp_path, (old, new)))
    for part in said:
        assert part in str(refused.value)


def test_a_study_keeps_it_and_its_report_shows_it(tmp_path: Path, write_study: Write) -> None:
    write(tmp_path)
    write_study()
    lines = (
        'title = "Walkers"', "[[files]]", 'path = "run.h5md"', "[observables]", "msd = {}", "diffusion = {}",
        "[report]", 'expected = "expected.toml"',
    )  # fmt: skip
    (tmp_path / "study.toml").write_text("\n".join(lines))
    results = run(tmp_path / "study.toml", tmp_path / "out")
    assert isinstance(kept(results.folder), Expected)
    from vanhove.report import write as write_report

    page = write_report(results.folder).read_text(encoding="utf-8")
    for part in ("Against the paper", "A. Author", "table 1", "not computed", "Open symbols: theirs"):
        assert part in page
    (tmp_path / "study.toml").write_text("\n".join(lines[:-2]))
    run(tmp_path / "study.toml", tmp_path / "out")
    assert kept(tmp_path / "out") is None
