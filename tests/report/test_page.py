"""The page: what stands in it, what must not, and that it is one file that needs no other."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.results import load, save
from vanhove.report import write
from vanhove.report.numbers import plain, with_error, with_unit
from vanhove.study.results import read_results, write_lock

VOID = {"meta", "img", "br", "input", "link", "hr"}
LOADING = {"script", "link", "iframe", "object", "embed", "audio", "video", "source", "base"}


class Page(HTMLParser):
    """Collects tags with their attributes, ids, headings and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def parsed(page: Path) -> Page:
    return Page(page.read_text(encoding="utf-8"))


def keep(folder: Path, *labels: str) -> None:
    """Leave only some datasets in a study's record: fewer figures to draw."""
    results = read_results(folder)
    write_lock(replace(results, results=tuple(one for one in results.results if one.label in labels)))


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_page_is_whole_and_in_order(parsed):
    assert parsed.open == []
    assert [tag for tag, _ in parsed.tags].count("h1") == 1
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert parsed.all("html")[0]["lang"] == "en"
    assert len(parsed.all("main")) == 1


def test_nothing_is_loaded_from_anywhere(page, parsed):
    assert not parsed.all(*LOADING)
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png", "data:text/csv")), f"<{tag} {name}={value[:60]}>"
        assert not [name for name in attributes if name.startswith("on")]
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert str(page.parent) not in text


def test_words_of_the_study_are_escaped(page, parsed):
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    title = read_results(page.parent).title
    assert "<script>" in title
    assert title in parsed.text
    assert "A. <b>Nonymous</b>" in parsed.text
    assert "<img src='x'>" in parsed.text


def test_ids_are_unique_and_every_reference_finds_one(page, parsed):
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    text = page.read_text(encoding="utf-8")
    wanted = {found for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text) for found in pair if found}
    assert wanted <= set(ids)


def test_every_figure_has_a_picture_words_and_files(page, parsed):
    figures = [attributes["id"] for attributes in parsed.all("figure")]
    assert {"structure-picture", "msd-Na", "exponent-Si", "arrhenius-D-Na", "arrhenius-sigma-Na", "rdf-900K"} <= set(
        figures
    )
    assert len(parsed.all("figcaption")) == len(figures)
    assert [attributes["aria-label"] for attributes in parsed.all("svg")]
    assert len(parsed.all("svg")) == len(figures)
    assert all(attributes["viewbox"] for attributes in parsed.all("svg"))
    for name in figures:
        assert (page.parent / "figures" / f"{name}.svg").stat().st_size > 1000
        if name != "structure-picture":
            assert (page.parent / "figures" / f"{name}.csv").read_text().count("\n") > 1
    assert (page.parent / "figures" / "structure-picture.png").stat().st_size > 10_000


def test_the_answers_are_the_results(page, parsed):
    text = flat(parsed.text)
    assert "Na diffuses in every run; Si and S do not diffuse within the time of the runs." in text
    law = load(page.parent / "data" / "arrhenius-D-Na.nc")
    assert flat(with_error(float(law["E_a"]), float(law["E_a_error"]), "eV")) in text
    assert "2.12 Å" in text or "2.13 Å" in text
    assert "4.00 neighbours" in text
    sigma = float(load(page.parent / "data" / "arrhenius-sigma-Na.nc")["value_at"])
    assert flat(with_unit(plain(sigma, 2), "mS/cm")) in text


def test_a_refused_coefficient_is_a_bound_and_its_reason(page, parsed):
    text = flat(parsed.text)
    for run in read_results(page.parent).runs:
        result = load(page.parent / "data" / f"diffusion-Si-{run.name}.nc")
        assert np.isnan(float(result["D"]))
        assert flat(result.attrs["verdict"]).rstrip(".") in text
    table = text[text.index("By temperature") : text.index("± is one standard error.")]
    row = table[table.index("900 K") : table.index("1100 K")]
    assert row.count("≤") == 2
    assert row.count("not diffusive") == 2
    assert row.count("±") == 2  # D and σ of Na, and no other


def test_far_extrapolation_and_independent_ions_are_doubts(parsed):
    text = flat(parsed.text)
    assert "Far extrapolation." in text
    assert "Correlated motion." in text
    assert "Few temperatures." in text


def test_what_to_cite_and_the_fingerprint_are_there(parsed):
    text = flat(parsed.text)
    for doi in ("10.1016/j.cpc.2021.108171", "10.1051/sfn/201112010", "10.1021/acs.jctc.4c01249"):
        assert f"doi:{doi}" in text
    assert "f1ng3rpr1nt" in text
    assert 'potential = "na2s-sis2"' in text


def test_the_same_results_give_the_same_bytes(study):
    keep(study, "msd-Na-900K", "rdf-900K", "arrhenius-D-Na")
    first = write(study).read_bytes()
    figures = {path.name: path.read_bytes() for path in (study / "figures").iterdir()}
    assert write(study).read_bytes() == first
    assert {path.name: path.read_bytes() for path in (study / "figures").iterdir()} == figures
    assert not list(study.rglob("*.part"))


def test_a_value_from_a_chosen_window_is_marked_as_doubtful(study):
    keep(study, "diffusion-Si-900K")
    msd = load(study / "data" / "msd-Si-900K.nc")
    save(vh.dynamics.diffusion(msd, window=(5.0, 15.0)), study / "data" / "diffusion-Si-900K.nc")
    assert "doubtful" in Page(write(study).read_text(encoding="utf-8")).text


def test_without_trajectories_the_page_has_no_picture(study):
    keep(study, "rdf-900K")
    for path in (study / "runs").iterdir():
        path.unlink()
    found = Page(write(study).read_text(encoding="utf-8"))
    assert "structure-picture" not in [attributes["id"] for attributes in found.all("figure")]
    assert found.all("figure")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(vh.Refusal, match="no finished study"):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_how_the_runs_were_unwrapped_is_told(parsed: Page, study: Path) -> None:
    assert "unwrapped by the shortest image between frames" in parsed.text
    assert parsed.text.count("toroidal-view preserving") == 1  # all runs alike: said once
    results = read_results(study)
    keep(study, "rdf-900K")
    first, *others = results.runs
    other = replace(first, details={**first.details, "unwrapping": "positions taken as they stand"})
    write_lock(replace(read_results(study), runs=(other, *others)))
    text = Page(write(study).read_text(encoding="utf-8")).text
    assert "Positions of run 900K" in text
    assert "positions taken as they stand" in text
    assert "Positions of run 1100K" in text
