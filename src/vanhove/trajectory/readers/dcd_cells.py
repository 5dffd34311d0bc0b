"""The cell of a DCD, which is kept in one of several ways that the file does not name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .cells import cells_of, cosines_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Where lengths and angles (α, β, γ) stand: as most write them, and as CHARMM did before its version 22.
LENGTHS, ANGLES = [0, 2, 5], [4, 3, 1]
OLD_LENGTHS, OLD_ANGLES = [0, 1, 2], [3, 4, 5]
FIRST_WITH_SHAPE = 22
RIGHT = "three lengths at right angles"
OF_OTHERS = 24  # the version that LAMMPS, NAMD, OpenMM and VMD put into the header


def cells_of_dcd(raw: Floats, version: int, path: Path, notes: list[str]) -> Floats:
    """Row vectors (frame, 3, 3) from the six numbers of every frame.

    They are a, γ, b, β, α, c with the angles as cosines (LAMMPS, NAMD, OpenMM, VMD) or in degrees (MDAnalysis, old
    NAMD); or the lower triangle of CHARMM's symmetric matrix; or, before CHARMM 22, a, b, c, α, β, γ. Which of them is
    told from the numbers, and where several are possible from the version: 24 is that of programs that write angles.
    """
    if not np.isfinite(raw).all():
        frame = int(np.argmin(np.isfinite(raw).all(axis=1)))
        raise Refusal(
            f"The cell of frame {frame} is not finite", f"{path}: {_told(raw[frame])}", "Use the frames before it"
        )
    possible = _possible(raw, version)
    if not possible:
        raise Refusal(
            "The cell is none that is known", f"{path}: {_told(raw[0])} in frame 0",
            "Write the trajectory in another format, with its cells",
        )  # fmt: skip
    names = list(possible)  # those with angles first
    chosen = names[-1] if version > OF_OTHERS else names[0]
    if chosen != RIGHT:
        notes.append(f"the cell is read as {chosen}")
    return possible[chosen]


def _possible(raw: Floats, version: int) -> dict[str, Floats]:
    """The cells by every meaning that the six numbers can have in all frames."""
    found: dict[str, Floats] = {}
    if 0 < version < FIRST_WITH_SHAPE:
        lengths, degrees = raw[:, OLD_LENGTHS], raw[:, OLD_ANGLES]
        if _angles(degrees) and (lengths > 0).all():
            found["lengths, then angles in degrees"] = cells_of(lengths, cosines_of(degrees))
    lengths, between = raw[:, LENGTHS], raw[:, ANGLES]
    if not (lengths > 0).all():  # the diagonal of the symmetric matrix stands there too
        return found
    if not between.any():
        found[RIGHT] = cells_of(lengths, between)
        return found
    if (np.abs(between) <= 1).all() and _solid(between):
        found["lengths and cosines of angles"] = cells_of(lengths, between)
    if _angles(between):
        found["lengths and angles in degrees"] = cells_of(lengths, cosines_of(between))
    symmetric = raw[:, [0, 1, 3, 1, 2, 4, 3, 4, 5]].reshape(-1, 3, 3)
    if (np.linalg.eigvalsh(symmetric) > 0).all() and not (between == 90).all():
        found["CHARMM's symmetric matrix"] = symmetric
    return found


def _angles(degrees: Floats) -> bool:
    """Whether these can be angles of cells, in degrees."""
    return bool(((degrees > 1) & (degrees < 180)).all()) and _solid(cosines_of(degrees))


def _solid(cosines: Floats) -> bool:
    """Whether there are three vectors with such angles between them in every frame."""
    a, b, c = cosines.T
    return bool((1 - a**2 - b**2 - c**2 + 2 * a * b * c > 0).all())


def _told(numbers: Floats) -> str:
    return ", ".join(f"{number:g}" for number in numbers.tolist())
