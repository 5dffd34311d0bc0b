"""Matplotlib's SVG, made fit to stand in a page beside others: no names that clash, no style that leaks."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RASTER_DPI = 260  # of what is painted into an SVG as an image
_PREAMBLE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>\*\{([^}]*)\}</style>\s*</defs>", re.DOTALL)
_OPENING = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="([^"]*)"')
_ID = re.compile(r'\bid="([^"]*)"')
_HREF = re.compile(r'\b(?:xlink:)?href="#([^"]*)"')
_URL = re.compile(r"url\(#([^)]*)\)")


def drawn(figure: Figure) -> str:
    """The figure as a standalone SVG file; the same figure gives the same text."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing, dpi=RASTER_DPI)
    return file.getvalue()


def inlined(svg: str, name: str, says: str) -> str:
    """An SVG element for a page: its ids begin with ``name``, and a screen reader says ``says``."""
    found = _VIEW_BOX.search(svg)
    box = found.group(1) if found else "0 0 400 300"
    style = _STYLE.search(svg)
    kept = style.group(1) if style else ""
    body = _PREAMBLE.sub("", svg)
    for part in (_COMMENT, _METADATA, _STYLE):
        body = part.sub("", body)
    width = box.split()[2]
    opening = (
        f'<svg viewBox="{box}" role="img" aria-label="{escape(says)}" style="{kept}; max-width: {width}pt" '
        f'preserveAspectRatio="xMidYMid meet">'
    )
    body = _ID.sub(rf'id="{name}-\1"', body)
    body = _HREF.sub(rf'href="#{name}-\1"', body)
    body = _URL.sub(rf"url(#{name}-\1)", body)
    return _OPENING.sub(lambda _: opening, body, count=1).strip()
