"""Shares as stacked bars, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

LETTER = 0.023  # of the bar's length, that a letter takes
BESIDE = 3  # lines that fit beside a bar
TINY = 0.0005  # shares that would be written as 0.0 %
TONES = ["#DCE6F0", "#A9C4DE", "#6FA0C8", "#3B7BAF", "#1F5688", "#10395F", "#08213A"]  # of what is counted, 0 lightest


class Bar(NamedTuple):
    """One bar: what it shows, its parts' names and shares, and their colours."""

    name: str
    parts: list[str]
    shares: list[float]
    colours: list[str]


def draw_bars(result: Dataset, ax: Axes) -> None:
    """All shares of a speciation; where phases are known, the units and Qⁿ of each."""
    bars = _bars(result)
    for k, bar in enumerate(bars):
        _draw(bar, len(bars) - 1 - k, ax)
    ax.set(
        xlim=(0, 1), xlabel="share", yticks=range(len(bars)), yticklabels=[bar.name for bar in reversed(bars)],
        ylim=(-0.6, len(bars) - 0.4),
    )  # fmt: skip
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)


def _bars(result: Dataset) -> list[Bar]:
    units = result["unit"].values.tolist()
    colours = [PALETTE[k % len(PALETTE)] for k in range(len(units))]
    counted = [f"Q{_raised(n)}" for n in result["n"].values.tolist()]
    if "phase" in result.coords:
        phases = result["phase"].values.tolist()
        found = [
            Bar(f"formers, {p}", units, result["fraction_in"].sel(phase=p).values.tolist(), colours) for p in phases
        ]
        found.append(Bar("formers, all", units, result["fraction"].values.tolist(), colours))
        return found + [Bar(f"Qⁿ, {p}", counted, result["Qn_in"].sel(phase=p).values.tolist(), TONES) for p in phases]
    found = [
        Bar("formers in units", units, result["fraction"].values.tolist(), colours),
        Bar("units", units, result["unit_fraction"].values.tolist(), colours),
        Bar("Qⁿ of formers", counted, result["Qn"].values.tolist(), TONES),
    ]
    anions = [str(n) for n in result["around_former"].values.tolist()]
    for former in result["former"].values.tolist():
        shares = result["coordination"].sel(former=former).values.tolist()
        found.append(Bar(f"anions at {former}", anions, shares, TONES))
    if np.isfinite(result["sharing"].values).all():
        kinds = result["kind"].values.tolist()
        found.append(Bar("shared by formers", kinds, result["sharing"].values.tolist(), PALETTE))
    names = ["free", "non_bridging", "bridging"]
    shares = [float(result[name]) for name in names]
    found.append(Bar("anions", [name.replace("_", "-") for name in names], shares, [PALETTE[k] for k in (4, 5, 0)]))
    return found


def _draw(bar: Bar, height: int, ax: Axes) -> None:
    left = 0.0
    small: list[tuple[float, str]] = []
    for k, (name, share) in enumerate(zip(bar.parts, bar.shares, strict=True)):
        if not share > 0:
            continue
        colour = bar.colours[k % len(bar.colours)]
        ax.barh(height, share, left=left, height=0.62, color=colour, edgecolor="white", linewidth=0.8, zorder=3)
        if share >= LETTER * max(len(name), len(f"{share:.1%}") - 1):
            ax.text(
                left + share / 2, height, f"{name}\n{share:.1%}", color=_ink(colour), ha="center", va="center",
                fontsize=8, zorder=4, linespacing=1.05,
            )  # fmt: skip
        elif share >= TINY:
            small.append((share, name))
        left += share
    if len(small) > BESIDE:
        small.sort(reverse=True)
        rest = sum(share for share, _ in small[BESIDE - 1 :])
        small = [*small[: BESIDE - 1], (rest, "others")]
    beside = "\n".join(f"{name}: {share:.1%}" for share, name in small)
    ax.text(1.01, height, beside, transform=ax.get_yaxis_transform(), va="center", fontsize=7.5)


def _ink(colour: str) -> str:
    """Black or white, whichever is read more easily on ``colour``."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def _raised(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))
