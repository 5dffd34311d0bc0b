"""From a study to its tasks: which runs there are, what is computed of each, and what joins them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest, file_identity
from vanhove.base.rooms import names_file

from . import simulation
from .followed import FOLLOW, QUANTITIES
from .material import potential_of
from .options import CALCULATOR, OF, PHASES, by_phase, entry_of, others_of, parameters_of, resolve, sources_of
from .planned import PlannedRun, planned_file
from .replicas import group_of
from .simulation import holds
from .tasks import Task
from .teaching import run_that_teaches

if TYPE_CHECKING:
    from vanhove.trajectory import Trajectory

    from .schema import Study

ARRHENIUS, CONDUCTIVITY, DIFFUSION, MSD = (
    f"dynamics.{name}" for name in ("arrhenius", "conductivity", "diffusion", "msd")
)
NERNST_EINSTEIN = "nernst-einstein"
DEFAULT_AT = 300.0  # K: where a battery works; what a law is extrapolated to when the study does not say


@dataclass(frozen=True)
class Followed:
    """What is followed over temperature: a variable of the datasets of several runs."""

    value: str  # one of QUANTITIES: "D", "sigma"
    species: str  # "" for all together
    phase: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that a study asks for: tasks in an order in which inputs come first."""

    study: Study
    runs: tuple[PlannedRun, ...]
    starts: tuple[PlannedRun, ...]
    tasks: tuple[Task, ...]
    _opened: dict[str, Trajectory] = field(default_factory=dict, hash=False, compare=False, repr=False)

    def trajectory(self, run: str, folder: Path) -> Trajectory:
        """The trajectory of a run or of a start, opened once; a simulated one lies in the results folder."""
        planned = self.run(run)
        if planned.key not in self._opened:
            self._opened[planned.key] = planned.open(folder)
        return self._opened[planned.key]

    def run(self, name: str) -> PlannedRun:
        """The run or the start of that name."""
        return next(one for one in (*self.runs, *self.starts) if one.name == name)

    @cached_property
    def by_key(self) -> dict[str, Task]:
        """The tasks by their keys."""
        return {task.key: task for task in self.tasks}

    @property
    def fingerprint(self) -> str:
        """Names the whole: same fingerprint, same summary."""
        return digest(*(task.key for task in self.tasks))

    def todo(self, folder: Path) -> list[Task]:
        """The tasks whose results are not in ``folder``, in order; an intermediate one only where it is wanted."""
        wanted: set[str] = set()
        todo: list[Task] = []
        for task in reversed(self.tasks):
            if is_done(task, folder) or (task.intermediate and task.key not in wanted):
                continue
            todo.append(task)
            wanted.update(task.inputs)
        return todo[::-1]


def is_done(task: Task, folder: Path) -> bool:
    """Whether the task's result lies in the results folder."""
    return simulation.done(task, folder) if simulation.simulates(task) else (folder / task.file).is_file()


def plan_of(study: Study) -> Plan:
    """The tasks of ``study``; refused when it asks for what its runs can't give."""
    graph = _Graph(study)
    graph.add_runs()
    _check_charges(study, graph.runs)
    for observable in study.observables:
        if entry_of(observable).takes != "values":
            for run in graph.runs:
                graph.of_run(observable, run)
    for observable in study.observables:
        if entry_of(observable).takes == "values":
            graph.over_temperature(observable)
    return Plan(study, tuple(graph.runs), tuple(graph.starts), tuple(graph.tasks), graph.opened)


class _Graph:
    """What :func:`plan_of` builds up."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.runs: list[PlannedRun] = []
        self.starts: list[PlannedRun] = []
        self.tasks: list[Task] = []
        self.opened: dict[str, Trajectory] = {}
        self._known: dict[tuple[str, str], list[Task]] = {}

    def add_runs(self) -> None:
        """The runs to simulate, with their tasks, then those that lie there as files."""
        if self.study.simulate is not None:
            for task, planned in simulation.tasks(self.study):
                self.tasks.append(task)
                (self.starts if task.function == simulation.GLASS else self.runs).append(PlannedRun(**planned))
        for entry in self.study.files:
            run, traj = planned_file(entry)
            self._must_be_new(run)
            self.runs.append(run)
            self.opened[run.key] = traj

    def _must_be_new(self, run: PlannedRun) -> None:
        for other in (*self.runs, *self.starts):
            if other.key == run.key:
                where = f"runs '{other.name}' and '{run.name}'"
                raise Refusal("Two runs are the same trajectory, read in the same way", where, "Remove one")
            if other.name == run.name:
                raise Refusal(f"Two runs are named '{run.name}'", "[[files]]", "Give one of them another name =")

    def of_run(self, observable: str, run: PlannedRun) -> list[Task]:
        """The tasks of an observable for one run, with those that it is made from.

        What only the structure decides that the run begins with is one and the same for all that begin with it.
        """
        run = self._place(observable, run)
        found = self._known.get((observable, run.name))
        if found is None:
            if entry_of(observable).takes == "dataset":
                found = list(self._from_datasets(observable, run))
            else:
                found = list(self._from_trajectory(observable, run))
            self._known[observable, run.name] = found
            self.tasks += found
        return found

    def _place(self, observable: str, run: PlannedRun) -> PlannedRun:
        """The run, or the structure that it begins with where nothing is asked of the run itself."""
        takes = entry_of(observable).takes
        if takes == "structure":
            return next((start for start in self.starts if start.name == run.start), run)
        if takes == "trajectory":
            return run
        places = [self._place(source, run) for source in (self._source(observable), *others_of(observable))]
        return run if run in places else places[0]

    def _source(self, observable: str) -> str:
        """The observable that another one is made from, as the study says or by default."""
        options = resolve(observable, self.study.observables.get(observable, {}))
        return str(options.get(OF, sources_of(observable)[0]))

    def _from_trajectory(self, observable: str, run: PlannedRun) -> Iterator[Task]:
        parameters = parameters_of(observable)
        options = resolve(observable, self.study.observables.get(observable, {}))
        if CALCULATOR in parameters and options.get(CALCULATOR) is None:
            options[CALCULATOR] = self._potential(observable)
        if "charges" in parameters and options["charges"] is None:
            options["charges"] = {s: q for s, q in self.study.analysis.charges.items() if holds(run.composition, s)}
        inputs: tuple[str, ...] = (run.key,)
        phases = (options.pop("phase") or [None]) if by_phase(observable) else [None]
        if "phases" in parameters and (phases != [None] or "phase" not in parameters):
            inputs += tuple(task.key for task in self.of_run(PHASES, run))
        if observable == CONDUCTIVITY:
            _must_know_temperature(observable, run)
            inputs += tuple(task.key for task in self._diffusion_in_frame(options["reference"], run))
        taught = run_that_teaches(observable, options, self.runs, run)
        models = {} if taught is None else {task.species: (task.key,) for task in self.of_run(observable, taught)}
        each = "species" in parameters and parameters["species"].default is inspect.Parameter.empty
        in_phase = [({} if phase is None else {"phase": phase}, phase or "") for phase in phases]
        if not each:
            for added, phase in in_phase:
                yield self._task(observable, {**options, **added}, inputs, run, phase=phase)
            return
        for species in dict.fromkeys(options.pop("species", None) or run.composition):
            if not holds(run.composition, species):
                raise Refusal(
                    f"There is no '{species}' in run '{run.name}'",
                    f"asked for in [observables] {observable.rpartition('.')[2]}",
                    nearest(species, list(run.composition)),
                )
            made_from = inputs + models.get(species, ())
            for added, phase in in_phase:
                yield self._task(observable, {**options, "species": species, **added}, made_from, run, species, phase)

    def _diffusion_in_frame(self, reference: str | None, run: PlannedRun) -> list[Task]:
        """The study's own diffusion coefficients, where they are of ions that move in that frame of reference."""
        drift = resolve(MSD, self.study.observables.get(MSD, {}))["drift"]
        found = self.of_run(DIFFUSION, run) if drift == reference else []
        return [task for task in found if not task.phase]  # current is carried by all ions

    def _potential(self, observable: str) -> dict[str, Any]:
        """The study's potential in words, for what needs forces and is given no other."""
        if self.study.material is None:
            raise Refusal(
                f"'{observable.rpartition('.')[2]}' needs forces", "the study has no [material] with a potential",
                'Write calculator = "module:factory" into its braces, such as "ase.calculators.emt:EMT"',
            )  # fmt: skip
        return potential_of(self.study.material).to_dict()

    def _from_datasets(self, observable: str, run: PlannedRun) -> Iterator[Task]:
        options = resolve(observable, self.study.observables.get(observable, {}))
        options.pop(OF, None)
        others = [task.key for other in others_of(observable) for task in self.of_run(other, run)]
        for made in self.of_run(self._source(observable), run):
            yield self._task(observable, options, (made.key, *others), run, made.species, made.phase)

    def over_temperature(self, observable: str) -> None:
        """What joins runs: the Arrhenius law of each quantity that the study computes (of D when it names none)."""
        if observable != ARRHENIUS:
            short = observable.rpartition(".")[2]
            raise Refusal(
                f"A study can't compute '{short}' by itself",
                "[observables]: it takes numbers, and a study does not know which",
                f"Remove it, and call vanhove.{observable} with numbers from the summary",
            )
        known = {run.temperature for run in self.runs if run.temperature is not None}
        if len(known) < 2:
            raise Refusal(
                "An Arrhenius law needs two or more temperatures",
                f"the runs of this study have {len(known)}",
                "Add runs at other temperatures (with temperature= for files), or remove arrhenius",
            )
        options = resolve(observable, {"at": DEFAULT_AT, **self.study.observables[observable]})
        computed = {task.function for task in self.tasks}
        asked = options.pop(FOLLOW)
        if asked is None:  # σ where it is computed, D where it is or where nothing else could be meant
            asked = ["D"] * (CONDUCTIVITY not in computed or DIFFUSION in computed)
            asked += ["sigma"] * (CONDUCTIVITY in computed)
        for name in asked:
            if name == "sigma":
                self._follow_conductivity(options)
            else:
                self._follow_species(name, options)

    def _follow_species(self, name: str, options: Mapping[str, Any]) -> None:
        by_species: dict[tuple[str, str], list[Task]] = {}
        for task in self._at_known_temperatures(QUANTITIES[name].observable):
            by_species.setdefault((task.species, task.phase), []).append(task)
        for (species, phase), tasks in by_species.items():
            self._join(Followed(name, species, phase), tasks, options)

    def _follow_conductivity(self, options: Mapping[str, Any]) -> None:
        tasks = self._at_known_temperatures(CONDUCTIVITY)
        present = dict.fromkeys(species for run in self.runs for species in run.composition)
        neutral = {label for task in tasks for label, charge in task.options["charges"].items() if charge == 0}
        charged = [species for species in present if not neutral & {species, element_of(species)}]
        alone = all(task.options.get("method", NERNST_EINSTEIN) == NERNST_EINSTEIN for task in tasks)
        # of ions that move together only the whole is a conductivity: the part of a species may be negative
        for species in [*(charged if alone else []), ""]:
            self._join(Followed("sigma", species), tasks, options)

    def _at_known_temperatures(self, observable: str) -> list[Task]:
        return [task for run in self.runs if run.temperature is not None for task in self.of_run(observable, run)]

    def _join(self, followed: Followed, tasks: list[Task], options: Mapping[str, Any]) -> None:
        quantity = QUANTITIES[followed.value]
        alike = {run.name: group_of(run) for run in self.runs}
        groups = list(dict.fromkeys(alike[task.run] for task in tasks))
        self.tasks.append(
            Task(
                label="-".join(filter(None, ["arrhenius", followed.value, followed.species, followed.phase])),
                function=ARRHENIUS,
                version=entry_of(ARRHENIUS).version,
                options={
                    **options,
                    "times_T": quantity.times_temperature,
                    "kind": quantity.kind,
                    "of": asdict(followed),
                    "temperatures": [task.temperature for task in tasks],
                    "groups": [groups.index(alike[task.run]) for task in tasks],  # of replicas
                },
                inputs=tuple(task.key for task in tasks),
                species=followed.species,
                phase=followed.phase,
            )
        )

    def _task(
        self,
        observable: str,
        options: Mapping[str, Any],
        inputs: tuple[str, ...],
        run: PlannedRun,
        species: str = "",
        phase: str = "",
    ) -> Task:
        entry = entry_of(observable)
        files = [options[name] for name in entry.files if names_file(options.get(name))]
        for path in files:
            if not Path(path).is_file():
                raise Refusal("There is no such file", f"{path}, for [observables] {observable}", "Check the path")
        return Task(
            label="-".join(filter(None, [observable.rpartition(".")[2], species, phase, run.name])),
            function=observable,
            version=entry.version,
            options=options,
            inputs=(*inputs, *(file_identity(path) for path in files)),
            run=run.name,
            species=species,
            phase=phase,
            temperature=run.temperature,
        )


def _must_know_temperature(observable: str, run: PlannedRun) -> None:
    if run.temperature is None:
        raise Refusal(
            f"The temperature of run '{run.name}' is not known",
            f"{observable.rpartition('.')[2]} needs it",
            "Give temperature= in its [[files]]",
        )


def _check_charges(study: Study, runs: list[PlannedRun]) -> None:
    charges = study.analysis.charges
    wanted = [
        name
        for name, options in study.observables.items()
        if "charges" in parameters_of(name) and "charges" not in options
    ]
    if wanted and not charges:
        short = wanted[0].rpartition(".")[2]
        raise Refusal(
            f"'{short}' needs the charges of the ions",
            "[analysis] has none",
            "Write charges = { Na = 1, Si = 4, S = -2 } there, with your species",
        )
    for run in runs if wanted else []:
        missing = [species for species in run.composition if not {species, element_of(species)} & set(charges)]
        if missing:
            raise Refusal(
                f"No charge is given for {', '.join(missing)}",
                f"run '{run.name}' has it, [analysis] charges has {', '.join(charges)}",
                "Give one for every species there; 0 leaves one out",
            )
    for label in [*charges, *study.analysis.mobile]:
        present = sorted({species for run in runs for species in run.composition})
        if not any(holds(run.composition, label) for run in runs):
            raise Refusal(f"No run has '{label}'", "named in [analysis]", nearest(label, present))
