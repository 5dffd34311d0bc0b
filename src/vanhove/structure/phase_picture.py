"""Phases drawn: the profile with its interfaces, atoms by their phase, and bands behind any profile."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import PALETTE, PHASE_COLOURS, label

from .phase_labels import codes_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

STRIP = 0.34  # of the axes' height, for the atoms
FINE = 2000  # places that the bands are found by
MOST_DOTS = 20_000


def phase_at(result: Dataset, position: Floats) -> list[str]:
    """The phase at heights (Å) along the axis of a result that was made along one; empty where none was found."""
    if "interface" not in result or not np.isfinite(result["interface"].values).all():
        return [""] * len(position)
    names = result["label"].values[codes_at(result, np.asarray(position))]
    found: list[str] = names.tolist()
    return found


def shade_slices(ax: Axes, position: Floats, phases: Sequence[str] | NDArray[np.str_], at: float = 0.02) -> None:
    """Bands of the phases' colours behind a profile, one for each run of evenly spaced positions of one phase.

    Their names stand ``at`` this part of the axes' height.
    """
    phase = np.asarray(phases)
    if len(phase) < 2:
        return
    half = (position[1] - position[0]) / 2
    begins = np.concatenate([[0], np.flatnonzero(phase[1:] != phase[:-1]) + 1, [len(phase)]])
    for first, end in pairwise(begins.tolist()):
        name = str(phase[first])
        if name:
            low, high = float(position[first] - half), float(position[end - 1] + half)
            ax.axvspan(low, high, color=PHASE_COLOURS[name], alpha=0.13, linewidth=0, zorder=0)
            if high - low > 0.12 * len(position) * 2 * half:
                ax.text(
                    (low + high) / 2, at, name, transform=ax.get_xaxis_transform(), ha="center", va="bottom",
                    fontsize=9, color="#555555",
                )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """The profile with its fit, the phases as bands, the atoms coloured by phase above them; or the atoms alone."""
    if "position" not in result.dims:
        _atoms(result, ax)
        words = [
            str(result[name].attrs["long_name"]).removesuffix(" in the first frame") for name in ("along", "across")
        ]
        ax.set(xlabel=label(words[0], "Å"), ylabel=label(words[1], "Å"))
        _legend(result, ax)
        return
    height = float(result.attrs["height"])
    position, values = result["position"].values, result["profile"].values
    error = np.nan_to_num(result["profile_error"].values)
    fine = (np.arange(FINE) + 0.5) * height / FINE
    shade_slices(ax, fine, phase_at(result, fine))
    order = np.argsort(position)
    ax.fill_between(
        position[order], (values - error)[order], (values + error)[order], color="#000000", alpha=0.15, lw=0
    )
    ax.plot(position[order], values[order], color="#000000", marker="o", markersize=2.5, linewidth=0.8)
    if np.isfinite(result["fit"].values).all():
        ax.plot(position[order], result["fit"].values[order], color=PALETTE[1], linewidth=1.8)
        for middle in result["interface"].values:
            ax.axvline(float(middle), color=PALETTE[1], linewidth=0.9, linestyle=":")
    name = "disorder" if result.attrs["by"] == "amorphization" else "bond order q̄"
    top = 1.08 * float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    ax.set(xlim=(0, height), ylim=(0, top / (1 - STRIP)), xlabel=label(f"height along {result.attrs['axis']}", "Å"))
    ax.set_ylabel(name)
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
    strip: Any = ax.inset_axes((0, 1 - STRIP + 0.02, 1, STRIP - 0.02))
    _atoms(result, strip)
    strip.set(xlim=(0, height), xticks=[], yticks=[])
    strip.grid(visible=False)


def _atoms(result: Dataset, ax: Axes) -> None:
    """A dot for each atom of the first frame, or of as many as can be told apart."""
    phase, along, across = (result[name].values for name in ("phase", "along", "across"))
    some = np.zeros(len(phase), bool)
    some[:: -(-len(phase) // MOST_DOTS)] = True
    size = float(np.clip(14000 / max(int(some.sum()), 1), 0.6, 14))
    for name, colour in [*PHASE_COLOURS.items(), ("", "#7F7F7F")]:
        mine = some & (phase == name)
        if mine.any():
            ax.scatter(
                along[mine], across[mine], s=size, color=colour, linewidths=0, rasterized=True, label=name or "?"
            )
    ax.set(xlim=(0, float(along.max())), ylim=(0, float(across.max())))


def _legend(result: Dataset, ax: Axes) -> None:
    if (result["phase"].values != "").any():
        ax.set_ylim(top=1.12 * ax.get_ylim()[1])
        ax.legend(loc="upper center", ncols=3, markerscale=2, handletextpad=0.1)
