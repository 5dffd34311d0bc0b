"""Every observable works in a study with no code of its own: it is computed, kept, drawn and explained on the page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vanhove as vh
from asking import ARGUMENTS, asked, trajectory
from vanhove import registry
from vanhove.base.results import plain
from vanhove.report import write
from vanhove.report.captions import SAYS
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.options import given_by_study
from vanhove.study.schema import read_study
from vanhove.study.toml_text import dumps

OBSERVABLES = registry.observables()
OF_VALUES = {name for name, entry in OBSERVABLES.items() if entry.takes == "values"}
OF_MEASUREMENTS = {"spectra.subtract_can"}  # no trajectory has a can
NAMES = sorted(set(OBSERVABLES) - OF_VALUES - OF_MEASUREMENTS)
DRAWN_TOGETHER = {"dynamics.msd"}  # a figure for a species, not one for a result
TOLD_BY_OTHERS = {"dynamics.conductivity"}  # one temperature: its number stands in the table
AT_LEAST = 80  # letters of a caption


def options(name: str) -> dict[str, object] | None:
    """What the study says of an observable; None where what it needs is not among the shared arguments."""
    left_out = {*given_by_study(name), "charges"}
    parameters = inspect.signature(registry.function(name)).parameters
    try:
        given = asked(name, [p for option, p in parameters.items() if option not in left_out])
    except KeyError:
        return None
    return {option: plain(value) for option, value in given.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("all")
    trajectory().save(folder / "walk.h5md")
    study = {
        "title": "All that there is",
        "files": [{"path": "walk.h5md", "name": "walk"}],
        "analysis": {"mobile": ["Na"], "charges": ARGUMENTS["charges"]},
        "observables": {name: said for name in NAMES if (said := options(name)) is not None},
    }
    (folder / "study.toml").write_text(dumps(study))
    done = run(folder / "study.toml", folder / "out")
    write(folder / "out")
    return done


@pytest.fixture(scope="module")
def captions(results: Results) -> dict[str, str]:
    """The captions of the page by the names of its figures."""
    text = (results.folder / "report.html").read_text()
    found: Iterator[tuple[str, str]] = (
        (match[1], re.sub(r"<[^>]*>", "", match[2]))
        for match in re.finditer(r'<figure id="([^"]+)".*?<figcaption>(.*?)</figcaption>', text, re.DOTALL)
    )
    return dict(found)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_computed_and_shown(name: str, results: Results, captions: dict[str, str]) -> None:
    assert options(name) is not None, "tests/asking.py lacks an argument that it needs"
    records = results.find(observable=name)
    assert records
    for record in records:
        assert results.load(record).attrs["observable"] == name
    shown = [record.label for record in records if record.label in captions]
    if name in DRAWN_TOGETHER:
        shown = [f"msd-{record.species}" for record in records]
    elif name in TOLD_BY_OTHERS:
        return
    assert shown
    for label in shown:
        assert len(captions[label]) > AT_LEAST, captions[label]
        assert (results.folder / "figures" / f"{label}.svg").stat().st_size > 1000


@pytest.mark.parametrize("name", sorted(set(NAMES) - DRAWN_TOGETHER))
def test_its_caption_is_written_for_it(name: str) -> None:
    assert name in SAYS, "report/captions.py has only a line of the list for it"


@pytest.mark.parametrize("name", sorted(OF_VALUES - {"dynamics.arrhenius"}))
def test_what_takes_numbers_is_refused_in_plain_words(name: str, results: Results, tmp_path: Path) -> None:
    short = name.partition(".")[2]
    files = {"path": str(results.folder.parent / "walk.h5md")}
    (tmp_path / "study.toml").write_text(dumps({"title": "t", "files": [files], "observables": {short: {}}}))
    with pytest.raises(vh.Refusal, match=f"can't compute '{short}' by itself"):
        plan_of(read_study(tmp_path / "study.toml"))


def test_no_section_is_left_for_what_fits_nowhere(results: Results) -> None:
    assert "Further results" not in (results.folder / "report.html").read_text()
