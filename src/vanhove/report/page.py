"""Writing the page of a finished study: one file that needs nothing from elsewhere."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from vanhove.base.files import write_text
from vanhove.base.version import __version__
from vanhove.study.expected import kept
from vanhove.study.results import read_results
from vanhove.study.toml_text import dumps

from . import answers
from .citing import references
from .findings import gather
from .matrix import by_temperature
from .mechanism import mechanism
from .panel import render
from .paper import beside, overlaid, sources
from .runs import datasets_table, facts, runs_table, stages_table, versions, what_ran
from .sections import mobile_of, picture, polyhedra_of, sections

PAGE = "report.html"


def write(folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` and ``figures/`` of the study in ``folder``; the page's path.

    Everything is read from the results folder, nothing is computed again. The page holds its style, its figures and
    their numbers, and loads nothing. The same results give the same bytes.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    results = read_results(folder)
    where = Path(folder)
    front = picture(results)
    found = gather(results, polyhedra_of(results), mobile_of(results))
    first = next(iter(mobile_of(results)), "")
    expected = kept(folder)
    overlays = [] if expected is None else expected.overlay
    parts = [
        dict(id=section.id, title=section.title, intro=section.intro, numbers=section.numbers, details=section.details,
             figures=[render(overlaid(panel, overlays), where) for panel in section.panels])
        for section in sections(results, found)
    ]  # fmt: skip
    said = results.settings.get("report", {})
    data = resources.files("vanhove.report") / "data"
    template = Environment(autoescape=True, trim_blocks=False).from_string(
        (data / "page.html.jinja").read_text(encoding="utf-8")
    )
    text = template.render(
        title=results.title,
        what=what_ran(results),
        authors=", ".join(said.get("authors", [])),
        notes=said.get("notes", "").strip(),
        lead=answers.lead(results, found),
        cards=answers.cards(results, found),
        moves=first,
        mechanism=mechanism(results, found, first, polyhedra_of(results)),
        numbers=by_temperature(results, found),
        picture=None if front is None else render(front, where),
        sections=parts,
        paper=None if expected is None else beside(results, expected),
        papers=[] if expected is None else sources(expected),
        runs=runs_table(results),
        stages=stages_table(results),
        engine=facts(results),
        doubts=answers.doubts(results, found),
        references=references(results),
        fingerprint=results.fingerprint,
        versions=versions(results),
        settings=dumps(results.settings),
        datasets=datasets_table(results),
        version=__version__,
        css=Markup((data / "page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
    )
    path = where / PAGE
    write_text(path, text)
    return path
