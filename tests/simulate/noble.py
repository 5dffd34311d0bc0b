"""Atoms that attract and repel as those of a noble gas do, whatever they are called: cheap to move, solid when cold."""

from __future__ import annotations

from typing import Any

from ase.build import bulk

from vanhove.simulate import calculator

LJ: Any = calculator("lj", sigma=2.8, epsilon=0.2, rc=4.2, smooth=True)
SAMPLED: dict[str, Any] = dict(
    temperatures=(200, 400), frames=20, every=0.02, equilibrate=0.04, timestep=2.0, ranks=1, progress=False
)


def solid(repeat: int = 2) -> Any:
    """Li and S in layers: 4 repeat³ atoms in a cube of 4.4 repeat Å."""
    atoms: Any = bulk("Ar", "fcc", a=4.4, cubic=True) * (repeat, repeat, repeat)
    atoms.symbols[:] = "Li"
    atoms.symbols[::2] = "S"
    return atoms
