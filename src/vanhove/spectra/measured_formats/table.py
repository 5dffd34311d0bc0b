"""What every format is brought to: spectra on one grid of energies, with what the file says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOSS = "E > 0 is energy that the neutron loses"
TO_MEV = {"meV": 1.0, "µeV": 1e-3, "1/cm": 0.1239841984}


class Table(NamedTuple):
    """S at each q and energy as a file has it; what the file does not say is None."""

    energy: Floats  # centres of bins, in ``energy_units``
    S: Floats  # (q, energy)
    error: Floats | None
    format: str  # for people: "LAMP"
    sign: str  # which sign of the energy is a loss, and who says so
    q: Floats | None = None  # 1/Å
    q_says: str = ""  # what stands in place of q
    energy_units: str | None = None  # of TO_MEV
    units: str = "1"
    temperature: float | None = None
    title: str = ""
    notes: tuple[str, ...] = ()  # what was done on reading


def centres(axis: Floats, cells: int, called: str, where: str) -> tuple[Floats, bool]:
    """The centres of ``cells`` bins from centres or edges, and whether they were edges."""
    if axis.ndim != 1 or len(axis) not in (cells, cells + 1):
        raise Refusal(
            f"The axis of {called} has the shape {axis.shape}", f"{where}, beside {cells} values of S",
            "Write the file again: an axis has as many values as S, or one more (edges of bins)",
        )  # fmt: skip
    if len(axis) == cells:
        return axis, False
    return 0.5 * (axis[1:] + axis[:-1]), True


def rising(energy: Floats, S: Floats, error: Floats | None, where: str) -> tuple[Floats, Floats, Floats | None]:
    """The same with energies that rise; falling ones are turned round, others refused."""
    if not np.isfinite(energy).all():
        raise Refusal(f"{int((~np.isfinite(energy)).sum())} energies are no numbers", where, "Write the file again")
    if len(energy) < 2:
        raise Refusal(f"The spectrum has {len(energy)} energies", where, "Give one with two or more")
    steps = np.diff(energy)
    if (steps > 0).all():
        return energy, S, error
    if (steps < 0).all():
        return energy[::-1], S[:, ::-1], None if error is None else error[:, ::-1]
    first = int(np.argmax(steps * np.sign(steps[0] or 1) <= 0))
    raise Refusal(
        f"The energies are not in order: {energy[first + 1]:g} comes after {energy[first]:g}", where,
        "Sort them, each once",
    )  # fmt: skip
