"""The process that labels structures by an ASE calculator, in the folder that it is started in.

python -m vanhove.simulate.points_child in.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .ase_child import calculator_of
from .ase_points import ASKED
from .point_frames import Frame
from .point_store import Point, Store


def main(script: str) -> None:
    """Label one structure after the other."""
    orders = json.loads(Path(script).read_text(encoding="utf-8"))
    store, calculator = Store(Path(orders["store"])), calculator_of(orders["potential"])
    with np.load(ASKED, allow_pickle=False) as file:
        for number, name in enumerate(file["names"].tolist()):
            species = tuple(file[f"{number}-species"].tolist())
            frame = Frame("", number, species, file[f"{number}-cell"], file[f"{number}-positions"])
            store.keep(name, _point(frame, calculator))


def _point(frame: Frame, calculator: Any) -> Point:
    from ase.calculators.calculator import PropertyNotImplementedError

    atoms: Any = frame.atoms()  # ASE types only some of its methods
    atoms.calc = calculator
    energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces(), float)
    try:
        stress = np.array(atoms.get_stress(voigt=False), float)
    except PropertyNotImplementedError:
        return Point(energy, forces, None)
    return Point(energy, forces, -stress * atoms.get_volume())


if __name__ == "__main__":
    main(sys.argv[1])
