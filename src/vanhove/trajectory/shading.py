"""Numbers and labels as colours, with what a colour bar or a legend says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, PHASE_COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RANGE = (0.14, 0.88)  # of a colour map: its ends are too close to black and to the paper
NONE = (0.733, 0.733, 0.733)
JUMP_COLOUR = "#E4002B"
NEAR_JUMPS = "#D55E00"  # of the palette: too close to the red of jumps


@dataclass(frozen=True)
class Shading:
    """How numbers become colours; ``bar`` for a colour bar, or ``entries`` (label, colour) for a legend."""

    name: str
    bar: Any = None  # matplotlib's ScalarMappable
    entries: tuple[tuple[str, str], ...] = ()  # of the labels that occur
    tints: tuple[str, ...] = ()  # of all labels

    def colours(self, values: Floats) -> Floats:
        """(…, rgb): grey where there is no value."""
        from matplotlib.colors import to_rgb

        if self.bar is not None:
            mapped: Floats = np.asarray(self.bar.to_rgba(np.ma.masked_invalid(values)))[..., :3]
            return mapped
        table = np.array([*(to_rgb(tint) for tint in self.tints), NONE])
        found: Floats = table[np.where(np.isnan(values), len(self.tints), values).astype(int)]
        return found


def shading_of(values: Floats, name: str, labels: Sequence[str], *, colours: str, marked: bool = False) -> Shading:
    """A colour for each label, else a colour map over the range of the values."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        raise Refusal(f"'{name}' has no finite value to colour by" if name else "There is no value to colour by")
    if not labels:
        return _continuous(float(finite.min()), float(finite.max()), name, colours)
    tints = _tints(labels, marked=marked)
    entries = tuple((labels[code], tints[code]) for code in np.unique(finite).astype(int).tolist())
    return Shading(name, entries=entries, tints=tuple(tints))


def _continuous(low: float, high: float, name: str, colours: str) -> Shading:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    table = ListedColormap(colormaps[colours](np.linspace(*RANGE, 256))).with_extremes(bad=NONE)
    return Shading(name, bar=ScalarMappable(Normalize(low, high), table))


def _tints(labels: Sequence[str], *, marked: bool) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    free = [colour for colour in PALETTE if not (marked and colour == NEAR_JUMPS)]
    if all(one in PHASE_COLOURS for one in labels):
        return [PHASE_COLOURS[one] for one in labels]
    if len(labels) > len(free):
        return [to_hex(colour) for colour in colormaps["tab20"](np.arange(len(labels)))]
    return free[: len(labels)]
