"""Lattices whose modes are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP, WIDTH = 2.5, 12.0  # Å: between neighbours of the chain, of its cell
SPRINGS = np.array([3.0, 1.0, 1.0])  # eV/Å² along x and across


def chain(cells: int = 1) -> Any:
    """Na and Cl by turns along x."""
    from ase import Atoms

    unit = Atoms("NaCl", [[0, 0, 0], [STEP, 0, 0]], cell=[2 * STEP, WIDTH, WIDTH], pbc=True)
    return unit.repeat((cells, 1, 1))


def chain_forces(springs: Floats = SPRINGS) -> Callable[[Any], Floats]:
    """Springs between neighbours of the chain, one stiffness along each axis."""

    def forces(atoms: Any) -> Floats:
        position = atoms.positions
        length = atoms.cell.array[0, 0]
        turn = np.argsort(np.rint(position[:, 0] / STEP) % len(atoms))
        away = np.diff(position[turn], axis=0, append=position[turn][:1])
        away[:, 0] = (away[:, 0] + length / 2) % length - length / 2 - STEP
        away[:, 1:] = (away[:, 1:] + WIDTH / 2) % WIDTH - WIDTH / 2
        pull = springs * away
        found = np.empty_like(position)
        found[turn] = pull - np.roll(pull, 1, axis=0)
        return found

    return forces


def bonded(reference: Any, pairs: Any, stiffness: Any) -> Callable[[Any], Floats]:
    """Springs at their natural length between pairs (i, j, shift in cells) of the structure ``reference``."""
    i, j = np.asarray(pairs[0]), np.asarray(pairs[1])
    shift = np.asarray(pairs[2]) @ reference.cell.array
    natural = np.linalg.norm(reference.positions[j] + shift - reference.positions[i], axis=1)

    def forces(atoms: Any) -> Floats:
        away = atoms.positions - reference.positions
        away -= np.rint(away @ np.linalg.inv(reference.cell.array)) @ reference.cell.array
        place = reference.positions + away
        vector = place[j] + shift - place[i]
        length = np.linalg.norm(vector, axis=1)
        pull = (stiffness * (length - natural) / length)[:, None] * vector
        found = np.zeros_like(place)
        np.add.at(found, i, pull)
        np.add.at(found, j, -pull)
        return found

    return forces


def neighbours(atoms: Any, reach: float) -> tuple[Any, Any, Any]:
    """Pairs within reach, each once."""
    from ase.neighborlist import neighbor_list

    i, j, shift = neighbor_list("ijS", atoms, reach)
    once = (i < j) | ((i == j) & ([tuple(s) > (0, 0, 0) for s in shift]))
    return i[once], j[once], shift[once]


def molecules(seed: int = 7) -> tuple[Any, Callable[[Any], Floats]]:
    """Eight stiff PS4 in a cube with Li between, held by soft springs."""
    from ase import Atoms

    rng = np.random.default_rng(seed)
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    symbols, places = [], []
    for centre in np.array(list(np.ndindex(2, 2, 2))) * 6.0 + 1.0:
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        symbols += ["P", "S", "S", "S", "S", "Li"]
        places += [centre, *(centre + corners @ turn), centre + 3.0]
    atoms = Atoms(symbols, places, cell=[12.0] * 3, pbc=True)
    i, j, shift = neighbours(atoms, 5.0)
    unit = np.arange(48) // 6
    lithium = atoms.numbers == 3
    inside = (unit[i] == unit[j]) & ~lithium[i] & ~lithium[j] & (shift == 0).all(axis=1)
    return atoms, bonded(atoms, (i, j, shift), np.where(inside, 2000.0, 0.05))
