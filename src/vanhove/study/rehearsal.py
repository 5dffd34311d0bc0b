"""Trying the analysis of a study on a few atoms before hours of simulation: options that can't work are refused now."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.units import DENSITY_G_CM3

from . import simulation
from .analysis import compute
from .options import PHASES

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .graph import Plan
    from .planned import PlannedRun
    from .tasks import Task

OF_A_STRUCTURE = {  # of polyanions, of places in a crystal, of atoms by their numbers, of many ions to learn from
    "dynamics.rotation", "dynamics.coupling", "dynamics.bottleneck", "dynamics.sites",
    "lattice.modes", "lattice.displacements", "softness.soft_ions", "softness.scan",
}  # fmt: skip
UNITS = 2  # formula units: two atoms of a kind make a pair
STEP = 0.1  # Å, of the walk between frames
STIFFNESS = 5.0  # eV/Å²


def rehearse(plan: Plan) -> None:
    """Compute every result of the first simulated run for a few walking atoms, and what joins runs from those."""
    run = next(run for run in plan.runs if run.kind == "simulated")
    traj = _few_atoms(plan, run)
    made: dict[tuple[str, str], Dataset] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VanhoveWarning)  # about a run that is none
        for task in plan.tasks:
            if simulation.simulates(task) or task.run not in (run.name, run.start, ""):
                continue
            sources = [plan.by_key[key] for key in task.inputs if key in plan.by_key]  # the others are files
            wanted = [(source.function, source.species) for source in sources if not simulation.simulates(source)]
            if any(function == PHASES for function, _ in wanted):
                continue  # atoms at random have no phases
            if all(source in made for source in wanted):  # a law may join files of other species too
                tried = _tried(task, [made[source] for source in wanted], traj)
                if tried is not None:
                    made[task.function, task.species] = tried


def _tried(task: Task, inputs: list[Dataset], traj: Trajectory) -> Dataset | None:
    """The result; None of what is refused because a few atoms at random have no structure."""
    try:
        return compute(task, inputs, lambda: traj, springs)
    except Refusal as refused:
        if task.function in OF_A_STRUCTURE:
            return None
        raise Refusal(refused.what, " ".join(filter(None, [refused.where, f"[{task.label}]"])), refused.do)


def springs() -> Callable[[Any], Any]:
    """Forces (eV/Å) of springs from each atom to all others, at rest in the first structure of so many atoms."""
    rest: dict[int, Any] = {}

    def forces(atoms: Any) -> Any:
        away = atoms.positions - rest.setdefault(len(atoms), atoms.positions.copy())
        return STIFFNESS * (away.mean(axis=0) - away)

    return forces


def _few_atoms(plan: Plan, run: PlannedRun) -> Trajectory:
    """Atoms at random in a cell of the study's density that walk for as many frames as the run will have."""
    import vanhove as vh
    from vanhove.base.elements import mass_of

    material, asked = plan.study.material, plan.study.simulate
    if material is None or asked is None:
        raise ValueError("a study without simulations has nothing to rehearse")
    density = material.density or simulation.density_of_structure(material)
    divisor = math.gcd(*run.composition.values())
    species = [label for label, count in run.composition.items() for _ in range(min(count, UNITS * count // divisor))]
    side = (sum(mass_of(label) for label in species) * DENSITY_G_CM3 / density) ** (1 / 3)
    frames = round(asked.produce / asked.every) + 1
    generator = np.random.default_rng(0)
    moves = generator.normal(scale=STEP, size=(frames, len(species), 3))
    moves[0] = generator.uniform(0, side, (len(species), 3))
    return vh.from_arrays(
        moves.cumsum(axis=0), side, species, np.arange(frames) * asked.every, wrapped=False,
        temperature=run.temperature, velocities=moves / asked.every if asked.velocities else None,
    )  # fmt: skip
