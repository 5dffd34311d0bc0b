"""The simulations of a study: a glass for each replica, then from it one run for each temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal

from .executor import cores
from .material import CRYSTAL, atoms_of, potential_of, recipe_of
from .protocols import making, running
from .tasks import Task

if TYPE_CHECKING:
    from ase import Atoms

    from .material import Material
    from .schema import Simulate, Study

GLASS, RUN = "study.glass", "study.simulate"
TRAJECTORY, STRUCTURE = "trajectory.h5md", "final.extxyz"  # in a run's folder


def tasks(study: Study) -> Iterator[tuple[Task, dict[str, Any]]]:
    """Each simulation's task with what is planned of what it leaves: a structure that runs begin with, or a run."""
    from vanhove import simulate as room

    material, asked = study.material, study.simulate
    if material is None or asked is None:
        return
    potential = potential_of(material)
    composition = composition_of(material)
    known = potential.species or list(composition)
    missing = [label for label in composition if label not in known]
    if missing:
        raise Refusal(
            f"The potential '{potential.name}' has no {', '.join(missing)}",
            f"{_formula(material, composition)} holds it; the potential knows {', '.join(known)}",
            "Choose another potential or formula",
        )
    version = room.TABLE["run"].version
    atoms = sum(composition.values())
    for replica in range(1, asked.replicas + 1):
        suffix = f"-r{replica}" if asked.replicas > 1 else ""
        recipe, files = _recipe(material, composition, replica)
        glass = Task(
            label=f"{'start' if material.kind == CRYSTAL else 'glass'}{suffix}",
            function=GLASS,
            version=version,
            options={**recipe, "potential": potential.to_dict(), "protocol": making(asked, material.kind).to_dict()},
            inputs=files,
            intermediate=True,
            cores=_ranks(asked, atoms, asked.replicas),
        )
        yield glass, dict(
            name=glass.label, temperature=None, replica=replica, kind="simulated", key=glass.key,
            composition=composition, paths=(f"{directory(glass)}/{STRUCTURE}",), open_options={"spacing": 1.0},
        )  # fmt: skip
        for temperature in asked.temperatures:
            name = f"{temperature:g}K{suffix}"
            run = Task(
                label=name,
                function=RUN,
                version=version,
                options={
                    "potential": potential.to_dict(),
                    "protocol": running(asked, temperature, material.kind).to_dict(),
                    **({"seed": recipe["structure"]["seed"]} if material.kind else {}),
                },
                inputs=(glass.key,),
                run=name,
                temperature=temperature,
                cores=_ranks(asked, atoms, asked.replicas * len(asked.temperatures)),
            )
            yield run, dict(
                name=name, temperature=temperature, replica=replica, kind="simulated", key=run.key,
                composition=composition, paths=(f"{directory(run)}/{TRAJECTORY}",), start=glass.label,
            )  # fmt: skip


def simulates(task: Task) -> bool:
    """Whether the task is a simulation."""
    return task.function in {GLASS, RUN}


def directory(task: Task) -> str:
    """The folder of a simulation, relative to the results folder."""
    return f"runs/{task.name}"


def done(task: Task, folder: Path) -> bool:
    """Whether the simulation is whole and what it leaves is there."""
    from vanhove.simulate.folder import Folder

    there = Folder(folder / directory(task))
    if not (there.final if task.function == GLASS else there.trajectory).is_file():
        return False
    record = there.record()
    return record is not None and record["finished"] is not None


def details(task: Task, folder: Path) -> dict[str, Any]:
    """How a finished simulation went: engine, stages with target and measured temperature, speed, what it has made."""
    from vanhove.simulate.folder import Folder

    record = Folder(folder / directory(task)).record() or {}
    finished = record.get("finished") or {}
    doubts = finished.get("check", {}).get("doubts", [])
    return {"engine": record.get("engine", {}), **finished, **({"warnings": doubts} if doubts else {})}


def steps(task: Task) -> int:
    """Time steps of a simulation."""
    from vanhove.simulate._protocol import Protocol

    protocol = Protocol.from_dict(task.options["protocol"])
    return sum(protocol.steps(stage) for stage in protocol.stages)


def perform(
    task: Task,
    study: Study,
    folder: Path,
    before: Mapping[str, Task],
    progress: Callable[[str, float, int, int, float, float], None],
) -> None:
    """Simulate: from a packing for a glass, from its glass for a run; goes on where it was stopped."""
    from vanhove import simulate as room
    from vanhove.simulate._protocol import Protocol

    material, asked = study.material, study.simulate
    if material is None or asked is None:
        raise ValueError(f"{task.label} simulates and the study does not")
    if task.function == RUN:
        atoms = _moving(room.final_structure(folder / directory(before[task.inputs[0]])))
        seed = task.options.get("seed", material.seed)
    elif material.kind:
        seed = task.options["structure"]["seed"]
        atoms = atoms_of(material, seed - recipe_of(material, 1)[0]["seed"] + 1)
    else:
        packing = {name: value for name, value in task.options["packing"].items() if name != "version"}
        atoms, seed = room.packing(packing.pop("composition"), packing.pop("density"), **packing), packing["seed"]
    room.run(
        atoms, potential_of(material), Protocol.from_dict(task.options["protocol"]), folder / directory(task),
        seed=seed, ranks=task.cores, progress=progress,
    )  # fmt: skip


def with_ranks_for(task: Task, study: Study, threads: int) -> Task:
    """``task`` with as many processes as serve it on ``threads`` cores, where the study leaves their number open."""
    from vanhove.simulate.engine import useful_ranks

    material, asked = study.material, study.simulate
    if material is None or asked is None or asked.ranks is not None:
        return task
    atoms = sum(composition_of(material).values())
    return replace(task, cores=min(useful_ranks(atoms), threads))


def composition_of(material: Material) -> dict[str, int]:
    """Atoms of each element."""
    from vanhove import simulate as room

    if material.kind:
        counts: dict[str, int] = dict(atoms_of(material).symbols.formula.count())
        return counts
    planned: dict[str, int] = room.composition(material.formula, material.atoms)
    return planned


def density_of_structure(material: Material) -> float:
    """Mass density (g/cm³) of a crystal or glass-ceramic."""
    from vanhove.base.units import DENSITY_G_CM3

    atoms = atoms_of(material)
    return float(atoms.get_masses().sum() / atoms.cell.volume * DENSITY_G_CM3)


def _formula(material: Material, composition: Mapping[str, int]) -> str:
    return material.formula or " ".join(f"{label}{count}" for label, count in composition.items())


def _recipe(material: Material, composition: Mapping[str, int], replica: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    from vanhove import simulate as room

    if material.kind:
        recipe, files = recipe_of(material, replica)
        return {"structure": recipe}, files
    packing = {
        "composition": composition,
        "density": material.density,
        "min_distance": material.min_distance,
        "seed": material.seed + replica - 1,
        "version": room.TABLE["packing"].version,
    }
    return {"packing": packing}, ()


def _moving(atoms: Atoms) -> Atoms:
    """Velocities are drawn anew where some atoms were held to the end."""
    momenta = atoms.arrays.get("momenta")
    if momenta is not None and not momenta.any(axis=1).all():
        del atoms.arrays["momenta"]
    return atoms


def _ranks(asked: Simulate, atoms: int, side_by_side: int) -> int:
    """Processes of one simulation: one core each gives the most steps in all where there are as many simulations."""
    from vanhove.simulate.engine import useful_ranks

    if asked.ranks is not None:
        return asked.ranks
    return max(1, min(useful_ranks(atoms), cores() // min(cores(), side_by_side)))


def holds(composition: Mapping[str, int], species: str) -> bool:
    """Whether a run has atoms of ``species``; an element stands for its isotopes."""
    return any(species in (label, element_of(label)) for label in composition)
