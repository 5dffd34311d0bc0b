"""The page as a browser shows it: nothing fails, nothing overflows, every figure is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SIZES = [(1280, 800), (800, 900), (400, 800)]
TOO_NARROW = """() => [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .unseen, .skip, svg'))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
        || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
    .filter(e => getComputedStyle(e).display != 'inline').map(e => e.tagName + '.' + e.className)"""
FIGURES = """() => [...document.querySelectorAll('figure')].map(f => {
    const box = f.querySelector('svg').getBoundingClientRect();
    return [f.id, box.width, box.height, f.querySelector('figcaption').innerText.length]; })"""
CONTRAST = """() => {
    const light = c => { const v = c.map(x => x / 255)
        .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
    const rgb = s => s.match(/[\\d.]+/g).map(Number);
    const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
    return [...document.querySelectorAll('p, a, dt, dd, strong, th, td, li, h1, h2, h3, figcaption, .badge, pre, span')]
        .filter(e => !e.closest('.unseen, .skip') && e.innerText.trim())
        .map(e => { const a = light(rgb(getComputedStyle(e).color).slice(0, 3)), b = light(ground(e));
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName, e.innerText.slice(0, 30)]; })
        .filter(found => found[0] < 4.5); }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_the_page_in_a_browser(browser: Any, page: Path, size: tuple[int, int], scheme: str) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    tab = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("requestfailed", lambda request: said.append(f"failed: {request.url[:80]}"))
    tab.on("request", lambda request: asked.append(request.url[:40]))
    tab.goto(page.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate(TOO_NARROW) == []
    assert tab.locator("h1").count() == 1
    assert tab.locator("h1").is_visible()
    figures = tab.evaluate(FIGURES)
    assert len(figures) > 8
    for name, width, height, words in figures:
        assert width > 250, name
        assert height > 150, name
        assert words > 40, name
    assert tab.evaluate(CONTRAST) == []
    context.close()


def test_it_can_be_read_with_the_keyboard(browser: Any, page: Path) -> None:
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    reached = tab.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex == 0 && e.ariaLabel)")
    assert reached
    tab.close()


def test_it_fits_on_paper(browser: Any, page: Path) -> None:
    tab = browser.new_page(viewport={"width": 794, "height": 1123})  # A4 at 96 dots an inch
    tab.emulate_media(media="print")
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not tab.locator("nav").is_visible()
    tab.close()
