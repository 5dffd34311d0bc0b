"""The picture as a page: what is in the file, and what a browser makes of it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictured import JUMP_AT, JUMPER, hopping

import vanhove as vh
from vanhove.trajectory import structure_page as module
from vanhove.trajectory.composing import compose

TETRAHEDRON = 2.0 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


@pytest.fixture(scope="module")
def traj() -> vh.Trajectory:
    """The jumping ion, and a PS4 in the middle of the cell whose P is what a pointer at the middle meets."""
    hops = hopping()
    anions = np.broadcast_to(5.0 + TETRAHEDRON, (hops.n_frames, 4, 3))
    return vh.from_arrays(
        np.concatenate([hops.positions, anions], axis=1), 10.0, [*hops.species.tolist(), *4 * ["S"]], hops.times,
        wrapped=False, temperature=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    return dict(paths=[JUMPER], mark=[(JUMPER, JUMP_AT)], polyhedra=("P", "S"), color="time")


@pytest.fixture(scope="module")
def page(traj: vh.Trajectory, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vh.structure_page(
        traj, tmp_path_factory.mktemp("page") / "picture.html", title='Li <hops> & "jumps"', **options
    )


def data_of(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="scene">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_page_holds_what_the_picture_holds(page, traj, options):
    scene, data = compose(traj, **options).scene, data_of(page)
    assert np.reshape(data["atoms"]["xyz"], (-1, 3)) == pytest.approx(
        np.concatenate([atoms.places for atoms in scene.atoms]), abs=6e-4
    )
    assert np.reshape(data["lines"]["xyz"], (-1, 2, 3)) == pytest.approx(
        np.concatenate([lines.segments for lines in scene.lines]), abs=6e-4
    )
    tints = np.array([[int(tint[k : k + 2], 16) for k in (1, 3, 5)] for tint in data["palette"]]) / 255
    drawn = np.concatenate([lines.colours for lines in scene.lines])
    assert tints[data["lines"]["colour"]] == pytest.approx(drawn, abs=0.003)
    assert data["groups"] == ["S", "Li", "P", "polyhedra", "paths", "jumps", "cell"]
    assert len(data["faces"]["colour"]) == 4
    assert f"Li, atom {JUMPER}" in data["atoms"]["tip"]
    assert ["PS₄", "#CC79A7", "solid"] in data["key"]
    assert data["shading"]["ticks"][-1] == "39.9"


def test_the_page_needs_nothing_from_elsewhere(page):
    text = page.read_text("utf-8")
    assert not re.search(r'(src|href)=(?!"data:)|@import|url\(|https?:', text)
    assert "<hops>" not in text
    assert len(text) < 1_000_000


def test_values_are_said_of_atoms(traj, tmp_path):
    labels = np.array(["a</script>", "b"])[np.arange(10) % 2]
    data = data_of(vh.structure_page(traj, tmp_path / "labels.html", color=labels))
    assert data["atoms"]["tip"][2] == "Li, atom 2: a</script>"
    assert data["shading"]["bar"] is None
    assert [name for name, _ in data["shading"]["entries"]] == ["a</script>", "b"]


def test_the_same_page_twice_and_nothing_half(traj, options, tmp_path):
    first = vh.structure_page(traj, tmp_path / "one" / "a.html", **options)
    assert first.read_bytes() == vh.structure_page(traj, tmp_path / "b.html", **options).read_bytes()
    with pytest.raises(vh.Refusal, match="no 'K'"):
        vh.structure_page(traj, tmp_path / "c.html", paths="K")
    with pytest.raises(vh.Refusal, match="no option 'colour'"):
        vh.structure_page(traj, tmp_path / "c.html", colour="time")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.html", "one"]


def test_more_than_a_browser_can_turn_is_refused(traj, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEAVIEST", 100)
    with pytest.raises(vh.Refusal, match="can't be turned"):
        vh.structure_page(traj, tmp_path / "c.html", paths="Li")


# in a browser


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    """The page, opened; nothing may be said on the console, and nothing asked for elsewhere."""
    one = browser.new_page(viewport={"width": 1000, "height": 700})
    said: list[str] = []
    asked: list[str] = []
    one.on("console", lambda message: said.append(message.text))
    one.on("pageerror", lambda error: said.append(str(error)))
    one.on("request", lambda request: asked.append(request.url[:60]))
    one.goto(page.as_uri())
    yield one
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()[:60]]
    one.close()


def pixels(tab: Any) -> np.ndarray:
    from matplotlib.image import imread

    tab.wait_for_timeout(100)
    return np.asarray(imread(io.BytesIO(tab.locator("canvas").screenshot())))[..., :3]


def reds(picture: np.ndarray) -> int:
    r, g, b = np.moveaxis(picture, -1, 0)
    return int(((r > 0.75) & (g < 0.35) & (b < 0.45)).sum())


def test_the_page_shows_the_structure_and_its_jumps(tab):
    picture = pixels(tab)
    assert 0.02 < (picture.min(axis=-1) < 0.9).mean() < 0.6
    assert reds(picture) > 50
    assert tab.locator("h1").inner_text() == 'Li <hops> & "jumps"'
    said = tab.locator("aside").inner_text()
    for words in ("jumps", "PS₄", f"time on the path of Li {JUMPER} (ps)", "39.9"):
        assert words in said
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_turns_and_comes_back(tab):
    first = pixels(tab)
    tab.mouse.move(300, 300)
    tab.mouse.down()
    tab.mouse.move(380, 340)
    tab.mouse.up()
    turned = pixels(tab)
    assert np.abs(turned - first).mean() > 0.01
    tab.mouse.wheel(0, -500)
    assert np.abs(pixels(tab) - turned).mean() > 0.01
    assert tab.evaluate("document.activeElement.tagName") == "CANVAS"
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Home")
    tab.mouse.move(2, 2)
    assert np.abs(pixels(tab)[20:-20, 20:-20] - first[20:-20, 20:-20]).mean() < 1e-3  # less the outline of the focus


def test_things_are_switched_off_and_on(tab):
    first, shown = pixels(tab), int(tab.locator("canvas").get_attribute("data-shown"))
    tab.locator("input[name=jumps]").uncheck()
    assert reds(pixels(tab)) == 0
    tab.locator("input[name=polyhedra]").uncheck()
    tab.locator("input[name=paths]").uncheck()
    tab.wait_for_timeout(100)
    assert int(tab.locator("canvas").get_attribute("data-shown")) < shown
    for name in ("jumps", "polyhedra", "paths"):
        tab.locator(f"input[name={name}]").check()
    assert np.array_equal(pixels(tab), first)


def test_pointing_at_an_atom_names_it(tab):
    box = tab.locator("canvas").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert tab.locator("#tip").inner_text() == "P, atom 5"
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    assert not tab.locator("#tip").is_visible()


def test_it_fits_a_telephone(browser, page):
    tab = browser.new_page(viewport={"width": 380, "height": 700})
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("canvas").bounding_box()["height"] > 300
    tab.close()
