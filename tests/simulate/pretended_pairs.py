"""An environment that pretends to have DeePMD-kit, and models that LAMMPS can run: atoms that push each other away.

A model's energy is Σ A exp(-r/ρ) over pairs of nearest images. Its A is off the true one by its number in the committee
and by how few frames it was trained on, so that models agree the better the more they have seen. LAMMPS, which has no
plugin for what is pretended, computes the same by its own ``buck``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pretended import pretended_environment

from vanhove.base.units import KCAL_MOL_IN_EV
from vanhove.simulate import buckingham
from vanhove.simulate._deepmd import DeepMD

if TYPE_CHECKING:
    from vanhove.simulate._potential import Buckingham

STRENGTH, SOFTNESS, CUTOFF = 300.0, 0.4, 3.9  # eV, Å, Å: nothing is left of it at the cutoff

FACTOR = """
import json, re

def factor(content):
    folder, number = re.search(rb"B.Li S(/.*?/training)/model-(\\d)", content).groups()
    systems = json.load(open(folder.decode() + "/data/train/systems.json"))["systems"]
    frames = sum(system["frames"] for system in systems)
    return 1 + 4 * (int(number) - 0.5) / frames
"""
INFER = (
    FACTOR
    + f"""
import numpy as np

class DeepPot:
    def __init__(self, path):
        self.strength = {STRENGTH} * factor(open(path, "rb").read())

    def get_type_map(self):
        return ["Li", "S"]

    def eval(self, coord, cell, types):
        frames, atoms = len(coord), len(types)
        places, cells = coord.reshape(frames, atoms, 3), cell.reshape(frames, 3, 3)
        away = places[:, :, None] - places[:, None]
        fractions = np.einsum("fijk,fkl->fijl", away, np.linalg.inv(cells))
        away = np.einsum("fijk,fkl->fijl", fractions - np.rint(fractions), cells)
        r = np.linalg.norm(away, axis=-1)
        pair = self.strength * np.exp(-r / {SOFTNESS}) * ~np.eye(atoms, dtype=bool)
        along = pair / {SOFTNESS} / np.where(r > 0, r, 1)
        forces = np.einsum("fij,fijk->fik", along, away)
        virial = np.einsum("fij,fijk,fijl->fkl", along, away, away) / 2
        return pair.sum(axis=(1, 2))[:, None] / 2, forces, virial.reshape(frames, 9)
"""
)


def truth() -> Buckingham:
    """What the models are to learn, as a labeller: by LAMMPS."""
    return pushing(1.0)


def pushing(factor: float) -> Buckingham:
    """The same, stronger by a factor."""
    term = (STRENGTH * factor / KCAL_MOL_IN_EV, SOFTNESS, 0.0)
    return buckingham(dict.fromkeys(("Li-Li", "Li-S", "S-S"), term), {"Li": 0.0, "S": 0.0}, cutoff=CUTOFF)


def pairs_environment(folder: Path) -> Path:
    """The folder of an environment, as ``VANHOVE_DEEPMD`` names one."""
    made = pretended_environment(folder)
    (infer,) = made.glob("lib/python3.*/site-packages/deepmd/infer.py")
    infer.write_text(INFER)
    return made


def _commands(self: DeepMD, order: Sequence[str]) -> list[str]:
    known: dict[str, Any] = {}
    exec(FACTOR, known)
    return pushing(known["factor"](self.path.read_bytes())).commands(order)


def lammps_computes_them(patch: Any) -> None:
    """Let LAMMPS compute what is pretended; ``patch`` is pytest's monkeypatch, or anything with its ``setattr``."""

    def environment(_: DeepMD) -> Mapping[str, str]:
        return {}

    patch.setattr(DeepMD, "commands", _commands)
    patch.setattr(DeepMD, "environment", environment)
    patch.setattr(DeepMD, "packages", ())
