"""Along one axis of the cell: which one, how high the cell is across it, and where the atoms are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AXES = "abc"


def axis_number(axis: str | int) -> int:
    """0, 1 or 2 of ``"a"``, ``"b"``, ``"c"``, or of the number itself."""
    text = str(axis).strip().lower()
    known = {**{name: k for k, name in enumerate(AXES)}, **{str(k): k for k in range(3)}}
    if text not in known:
        raise Refusal(f"axis={axis!r}", "it is an axis of the cell", 'Give "a", "b" or "c", or 0, 1 or 2')
    return known[text]


def heights(cells: Floats, axis: int) -> Floats:
    """The distance between the two faces that the axis joins (Å), of every cell."""
    lengths: Floats = 1 / np.linalg.norm(np.linalg.inv(cells)[..., axis], axis=-1)
    return lengths


def fractions_along(positions: Floats, cells: Floats, axis: int) -> Floats:
    """How far along the axis each atom is, from 0 to 1, (frame, atom)."""
    places: Floats = np.einsum("fax,fx->fa", positions, np.linalg.inv(cells)[..., axis])
    places -= np.floor(places)
    places[places >= 1.0] = 0.0  # 1 - 1e-17 is 1
    return places
