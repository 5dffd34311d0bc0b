"""What comparing the lattice with MD needs: the run's density of states, resolved by its grid, and a figure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of
from vanhove.base.results import load

from .spectrum import STEPS_IN_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

TOTAL = "total"
ROOM = 1.5  # times the energy that the curves end at: what is said of them stands behind
LEVEL = 1.08  # times the highest of its curves is the height of a level


def both(phonons: Dataset, vdos: Dataset | str | os.PathLike[str]) -> tuple[Dataset, list[str]]:
    """The density of states of MD, read where a file is named, and the species that both have."""
    opened: Any = load(vdos) if isinstance(vdos, str | os.PathLike) else vdos
    for given, name in ((phonons, "lattice.phonons"), (opened, "spectra.vdos")):
        if given.attrs.get("observable") != name:
            raise Refusal(f"A result of {given.attrs.get('observable', 'something else')}", "", f"Give that of {name}")
    theirs = opened.species.values.tolist()
    names = [name for name in phonons.species.values.tolist() if name in theirs]
    if not set(names) - {TOTAL}:
        raise Refusal("The two have no species in common", f"{theirs} in MD", "Give runs of one material")
    if set(phonons.species.values.tolist()) != set(theirs):
        names = [name for name in names if name != TOTAL]  # a total over other atoms is another
    return opened, names


def resolved(vdos: Dataset, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Energies (meV) and g (species, energy) of MD, with points enough in the width of a line."""
    found = vdos.sel(species=list(names))
    energy, g = found.energy.values, found.g.values
    if float(energy[1] - energy[0]) > float(vdos.attrs["resolution_fwhm"]) / 2:
        fine = np.linspace(0, energy[-1], STEPS_IN_WIDTH * (len(energy) - 1) + 1)
        g = np.array([np.interp(fine, energy, row) for row in g])
        energy = fine
    return energy, g


def draw_levels(
    ax: Axes, energy: Floats, md: Floats, lattice: Floats, names: Sequence[str], said: Sequence[str], shown: float
) -> None:
    """Each species on its own level and scale: MD filled, the lattice a line; E holds ``shown`` of all curves."""
    last = 0
    for index, name in enumerate(reversed(names)):
        row = len(names) - 1 - index
        colour = "#000000" if name == TOTAL else colour_of(element_of(name), index)
        highest = LEVEL * float(np.nanmax([md[row], lattice[row]]))
        ax.fill_between(energy, index, index + md[row] / highest, color=colour, alpha=0.25, lw=0)
        ax.plot(energy, index + lattice[row] / highest, color=colour, lw=1.4)
        ax.text(
            0.99, index + 0.6, f"{name}\n{said[row]}", transform=ax.get_yaxis_transform(), ha="right", va="center",
            color=colour,
        )  # fmt: skip
        for curve in (md[row], lattice[row]):
            held = np.cumsum(np.clip(np.nan_to_num(curve), 0, None))
            last = max(last, int((held >= shown * held[-1]).argmax()))
    ax.plot([], [], color="#555555", label="lattice")
    ax.fill_between([], [], color="#555555", alpha=0.25, lw=0, label="MD")
    ax.set_xlim(0, energy[min(int(ROOM * last) + 1, len(energy) - 1)])
    ax.set_ylim(0, len(names))
    ax.set_yticks([])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
