"""The process that labels structures by an ASE calculator, in the folder that it is started in.

python -m vanhove.simulate.points_child in.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .ase_points import ASKED
from .calling import made
from .point_frames import Frame
from .point_store import Point, Store


def main(script: str) -> None:
    """Label one structure after the other."""
    orders = json.loads(Path(script).read_text(encoding="utf-8"))
    store, potential = Store(Path(orders["store"])), orders["potential"]
    calculator = made(potential["factory"], potential["options"])
    with np.load(ASKED, allow_pickle=False) as file:
        for number, name in enumerate(file["names"].tolist()):
            species = tuple(file[f"{number}-species"].tolist())
            frame = Frame("", number, species, file[f"{number}-cell"], file[f"{number}-positions"])
            store.keep(name, _point(frame, calculator))


def _point(frame: Frame, calculator: Any) -> Point:
    from ase.calculators.calculator import PropertyNotImplementedError

    atoms: Any = frame.atoms()  # ASE types only some of its methods
    atoms.calc = calculator
    try:  # first: a calculator that leaves out what is not asked for would compute twice
        virial = -np.array(atoms.get_stress(voigt=False), float) * atoms.get_volume()
    except PropertyNotImplementedError:
        virial = None
    return Point(float(atoms.get_potential_energy()), np.array(atoms.get_forces(), float), virial)


if __name__ == "__main__":
    main(sys.argv[1])
