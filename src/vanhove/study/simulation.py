"""The simulations of a study: a glass for each replica, then from it one run for each temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal

from .executor import cores
from .stages import making, protocol_of, running
from .tasks import Task

if TYPE_CHECKING:
    from vanhove.simulate._protocol import Protocol
    from vanhove.simulate.pairwise import Potential

    from .schema import Material, Simulate, Study

GLASS, RUN = "study.glass", "study.simulate"
TRAJECTORY = "trajectory.h5md"  # in a run's folder


def tasks(study: Study) -> Iterator[tuple[Task, dict[str, Any] | None]]:
    """Each simulation's task; a run's comes with what is planned of its trajectory."""
    from vanhove import simulate as room

    material, asked = study.material, study.simulate
    if material is None or asked is None:
        return
    composition = room.composition(material.formula, material.atoms)
    potential = _potential(material)
    known = potential.species or list(composition)
    missing = [label for label in composition if label not in known]
    if missing:
        raise Refusal(
            f"The potential '{material.potential}' has no {', '.join(missing)}",
            f"{material.formula} holds it; the potential knows {', '.join(known)}",
            "Choose another potential or formula",
        )
    version = room.TABLE["run"].version
    atoms = sum(composition.values())
    for replica in range(1, asked.replicas + 1):
        suffix = f"-r{replica}" if asked.replicas > 1 else ""
        packing = {
            "composition": composition,
            "density": material.density,
            "min_distance": material.min_distance,
            "seed": material.seed + replica - 1,
            "version": room.TABLE["packing"].version,
        }
        glass = Task(
            label=f"glass{suffix}",
            function=GLASS,
            version=version,
            options={"packing": packing, "potential": potential.to_dict(), "protocol": _glass(asked).to_dict()},
            intermediate=True,
            cores=_ranks(asked, atoms, asked.replicas),
        )
        yield glass, None
        for temperature in asked.temperatures:
            name = f"{temperature:g}K{suffix}"
            run = Task(
                label=name,
                function=RUN,
                version=version,
                options={"potential": potential.to_dict(), "protocol": _run(asked, temperature).to_dict()},
                inputs=(glass.key,),
                run=name,
                temperature=temperature,
                cores=_ranks(asked, atoms, asked.replicas * len(asked.temperatures)),
            )
            yield run, dict(
                name=name, temperature=temperature, replica=replica, kind="simulated", key=run.key,
                composition=composition, paths=(f"{directory(run)}/{TRAJECTORY}",),
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
    seed = material.seed
    if task.function == GLASS:
        packing = {name: value for name, value in task.options["packing"].items() if name != "version"}
        atoms, seed = room.packing(packing.pop("composition"), packing.pop("density"), **packing), packing["seed"]
    else:
        atoms = room.final_structure(folder / directory(before[task.inputs[0]]))
    room.run(
        atoms, _potential(material), Protocol.from_dict(task.options["protocol"]), folder / directory(task),
        seed=seed, ranks=task.cores, progress=progress,
    )  # fmt: skip


def _ranks(asked: Simulate, atoms: int, side_by_side: int) -> int:
    """Processes of one simulation: one core each gives the most steps in all where there are as many simulations."""
    from vanhove.simulate.engine import useful_ranks

    if asked.ranks is not None:
        return asked.ranks
    return max(1, min(useful_ranks(atoms), cores() // min(cores(), side_by_side)))


def _potential(material: Material) -> Potential:
    from vanhove import simulate as room

    found: Potential = room.potential(material.potential, cutoff=material.cutoff, accuracy=material.accuracy)
    return found


def _glass(asked: Simulate) -> Protocol:
    from vanhove.simulate._protocol import Hold, Minimise, Ramp, Stage

    if asked.stages is not None:
        return making(asked)
    stages: list[Stage] = [Minimise(), Hold(asked.mix.temperature, asked.mix.time, "mix")]
    if asked.glass_temperature < asked.mix.temperature:
        stages.append(Ramp(asked.mix.temperature, asked.glass_temperature, asked.quench.rate, "quench"))
    return protocol_of(stages, asked)


def _run(asked: Simulate, temperature: float) -> Protocol:
    from vanhove.simulate._protocol import Hold, Produce, Ramp, Stage

    if asked.stages is not None:
        return running(asked, temperature)
    stages: list[Stage] = []
    if temperature != asked.glass_temperature:
        name = "heat" if temperature > asked.glass_temperature else "cool"
        stages.append(Ramp(asked.glass_temperature, temperature, asked.quench.rate, name))
    if asked.equilibrate > 0:
        stages.append(Hold(temperature, asked.equilibrate, "equilibrate"))
    stages.append(Produce(temperature, asked.produce, asked.every, asked.velocities))
    return protocol_of(stages, asked, constrained=True)


def holds(composition: Mapping[str, int], species: str) -> bool:
    """Whether a run has atoms of ``species``; an element stands for its isotopes."""
    return any(species in (label, element_of(label)) for label in composition)
