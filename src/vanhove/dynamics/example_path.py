"""The path of one ion and of the polyanion beside it, as it is shown in pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import drift

from .images import shortest
from .orientations import smoothed

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .polyanions import Units

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Example(NamedTuple):
    """One ion and the unit beside it along the run."""

    ion: int
    unit: int
    path: Floats  # (frame) Å: net displacement of the ion
    centre: Floats  # of the unit's first atom
    others: Floats  # root mean square over its other atoms


def example_of(
    traj: Trajectory, ions: Trajectory, units: Units, places: Floats, jumped: Ints, past_units: Ints, longest: int,
    wanted: int | None, calm: int, beginning: int, reference: Literal["cell", "framework"] | None,
) -> Example:  # fmt: skip
    """Net displacements of an ion and of the polyanion next to it."""
    mine = np.flatnonzero(np.isin(traj.atom_numbers, ions.atom_numbers))
    if wanted is not None and wanted not in mine:
        raise Refusal(f"example={wanted} is none of the ions", "atoms count from 0 in the trajectory", "Give an ion's")
    atom = int(wanted) if wanted is not None else int(jumped[longest]) if longest >= 0 else int(mine[0])
    path = drift(traj, reference, sorted(set(ions.species.tolist())))

    def paths(atoms: Ints) -> Floats:
        """Smoothed paths of some atoms, (frame, atom, axis), in the order given."""
        order = np.searchsorted(np.sort(atoms), atoms)
        found = traj.where(np.isin(np.arange(traj.n_atoms), atoms)).read_paths()[:, order]
        return smoothed(found if path is None else found - path[:, None], calm)

    own = paths(np.array([atom]))
    if wanted is None and longest >= 0:
        unit = int(past_units[longest, 0])
    else:
        events = np.flatnonzero(jumped == atom)
        here = own[:, 0].mean(axis=0) - places
        near = int(np.linalg.norm(shortest(here, traj.cells.mean(axis=0)), axis=1).argmin())
        unit = int(past_units[events[0], 0]) if len(events) else near

    def net(some: Floats) -> Floats:
        apart = some - some[:beginning].mean(axis=0)
        far: Floats = np.sqrt((apart**2).sum(axis=-1).mean(axis=1))
        return far

    members = paths(units.atoms[unit])
    return Example(atom, unit, net(own), net(members[:, :1]), net(members[:, 1:]))
