"""What a ``study.toml`` may say. A mistake in it is one message that names the file, the key and the nearest word."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal
from vanhove.base.rooms import names_file
from vanhove.registry import ROOMS

from .expected import read_expected
from .material import CRYSTAL, Material, calculator_of, contradictions, with_absolute_paths
from .mistakes import Mistake, mistakes_of, refusal
from .options import NONE, check_observables, resolve
from .stages import REPLACED, Constrain, StageTable, mistakes


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _by_full_names(value: Any) -> Any:
    """``lattice.displacements = {}`` is a table in a table for TOML, and the full name of an observable for people."""
    if not isinstance(value, dict):
        return value
    named: dict[str, Any] = {}
    for name, options in value.items():
        inside = name in ROOMS and isinstance(options, dict)
        named |= {f"{name}.{short}": inner for short, inner in options.items()} if inside else {name: options}
    return named


MELTED = ("mix", "quench")  # what a glass is made by
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Temperature = Annotated[float, Field(gt=0, lt=20000, allow_inf_nan=False)]
Words = Annotated[list[str], BeforeValidator(_as_list)]
Observables = Annotated[dict[str, dict[str, Any]], Field(min_length=1), BeforeValidator(_by_full_names)]


class Section(BaseModel):
    """A table of the file: no key that it does not know, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Mix(Section):
    """The melt in which the packing forgets how it was made."""

    temperature: Temperature = 3000.0
    time: Positive = 10.0  # ps


class Quench(Section):
    """From the melt to the glass."""

    rate: Positive = 100.0  # K/ps
    to: Temperature | None = None  # K; the lowest of the temperatures when not given


class Simulate(Section):
    """How it is simulated: one glass a replica, then one run a temperature from it."""

    temperatures: Annotated[list[Temperature], Field(min_length=1)]
    mix: Mix = Mix()
    quench: Quench = Quench()
    equilibrate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0  # ps
    produce: Positive = 50.0  # ps
    every: Positive = 0.05  # ps between frames kept
    timestep: Positive = 0.001  # ps
    replicas: Annotated[int, Field(ge=1)] = 1
    velocities: bool = False  # whether frames hold velocities
    damping: Positive = 0.1  # ps, of the thermostat
    pressure_damping: Positive = 1.0  # ps, of the cell
    stages: list[StageTable] | None = None  # said one by one, instead of mix, quench and equilibrate
    constrain: Constrain | None = None  # what is held in the runs
    ranks: Annotated[int, Field(ge=1)] | None = None  # processes of each simulation; else as many as use all cores

    @property
    def glass_temperature(self) -> float:
        """The temperature (K) that the melt is quenched to."""
        return min(self.temperatures) if self.quench.to is None else self.quench.to


class File(Section):
    """A trajectory that is there already; what its file does not say itself is said here, as for ``vanhove.open``."""

    path: Annotated[Words, Field(min_length=1)]  # relative to the study.toml; several are joined in this order
    name: Annotated[str, Field(pattern=r"^[\w.+-]+$")] | None = None  # it names files
    temperature: Temperature | None = None
    replica: Annotated[int, Field(ge=1)] = 1
    species: dict[str, str] | None = None  # which element each type is: { 1 = "Na", 2 = "Si", 3 = "S" }
    timestep: Positive | None = None
    spacing: Positive | None = None
    unwrap: str | None = None
    format: str | None = None
    units: str | None = None
    topology: str | None = None  # a file, relative to the study.toml as path is

    @property
    def open_options(self) -> dict[str, Any]:
        """What :func:`vanhove.open` is told, without what is not said here."""
        given = self.model_dump(exclude={"path", "name", "replica"}, exclude_none=True)
        if self.species is not None:  # TOML's keys are strings; LAMMPS counts its types
            given["species"] = {int(k) if k.isdigit() else k: v for k, v in self.species.items()}
        return given


class Analysis(Section):
    """What is common to the observables."""

    mobile: Words = []  # the species that carries the current; pictures and summaries put it first
    charges: dict[str, float] = {}  # e, formal, for Nernst-Einstein; a potential's effective charges are another thing


class Report(Section):
    """What the page says besides the numbers."""

    authors: Words = []
    notes: str = ""
    expected: str | None = None  # a file with a paper's numbers, relative to the study.toml


class Study(Section):
    """A whole ``study.toml``."""

    title: str
    material: Material | None = None
    simulate: Simulate | None = None
    files: list[File] = []
    analysis: Analysis = Analysis()
    observables: Observables
    report: Report = Report()

    def calculator(self) -> Any:
        """What gives the forces of its potential on structures that there are."""
        if self.material is None:
            raise ValueError("a study without a material has no potential")
        return calculator_of(self.material, None if self.simulate is None else self.simulate.ranks)

    def resolved(self) -> dict[str, Any]:
        """All but the title as a file would say it, with nothing left to a default."""
        said = self.model_dump(exclude={"title", "material"}, exclude_none=True)
        if self.material is not None:
            said["material"] = self.material.said()
        if self.simulate is not None:
            said["simulate"]["quench"]["to"] = self.simulate.glass_temperature
            if self.material is not None and self.material.kind == CRYSTAL:
                said["simulate"] = {key: value for key, value in said["simulate"].items() if key not in MELTED}
            if self.simulate.stages is not None:
                said["simulate"] = {key: value for key, value in said["simulate"].items() if key not in REPLACED}
        said["observables"] = {
            name: {option: NONE if value is None else value for option, value in resolve(name, given).items()}
            for name, given in self.observables.items()
        }
        return said


def read_study(path: str | os.PathLike[str]) -> Study:
    """Read and check a study file; the paths in it become absolute, the observables' names full."""
    file = Path(path)
    if file.is_dir():
        raise Refusal("A study is a file, not a folder", str(file), f"Name {file / 'study.toml'}")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal("There is no such study", str(file), "Check the path, or make one with `vanhove new`")
    except UnicodeDecodeError as error:
        raise Refusal("The study is not UTF-8 text", f"{file}: {error}", "Save it as UTF-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refusal("The study is not valid TOML", f"{file}: {error}", "Correct that line")
    try:
        study = Study.model_validate(table)
    except ValidationError as error:
        raise refusal(file, text, mistakes_of(error, Study))
    problems = [*_contradictions(study), *check_observables(study.observables)]
    if problems:
        raise refusal(file, text, problems)
    resolved = _resolved(study, file.resolve().parent)
    from . import protocols  # it asks the rooms what a file of this package alone can't know

    problems = protocols.mistakes(resolved)
    if resolved.report.expected is not None:
        read_expected(resolved.report.expected)
    if problems:
        raise refusal(file, text, problems)
    return resolved


def _contradictions(study: Study) -> list[Mistake]:
    found: list[Mistake] = []
    if study.simulate is None and not study.files:
        found.append(Mistake("simulate", "there is nothing to analyse", "Add [simulate] with [material], or [[files]]"))
    if study.simulate is not None and study.material is None:
        found.append(Mistake("simulate", "what to simulate is not said", "Add [material]"))
    if study.material is not None and study.simulate is None:
        found.append(Mistake("material", "it is not simulated", "Add [simulate], or remove [material]"))
    if study.material is not None:
        found += contradictions(study.material)
    if study.simulate is not None:
        melted = study.material is None or study.material.kind != CRYSTAL
        found += _simulation_contradictions(study.simulate, melted=melted)
    names = [run.name for run in study.files if run.name is not None]
    found += [
        Mistake("files", f"two are named '{name}'", "Give each its own name")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    for key, labels in (("mobile", study.analysis.mobile), ("charges", list(study.analysis.charges))):
        found += [
            Mistake(f"analysis.{key}", f"'{label}' is no element or isotope")
            for label in labels
            if not is_species(label)
        ]
    return found


def _simulation_contradictions(simulate: Simulate, *, melted: bool) -> list[Mistake]:
    found = [*mistakes(simulate), *_constraint_mistakes(simulate)]
    if not melted and simulate.stages is None:
        found += [
            Mistake(f"simulate.{key}", "a crystal is not melted", "Leave it out, or say all [[simulate.stages]]")
            for key in MELTED
            if key in simulate.model_fields_set
        ]
    if len(set(simulate.temperatures)) < len(simulate.temperatures):
        found.append(Mistake("simulate.temperatures", "one is there twice", "For repeated runs set replicas"))
    if simulate.every > simulate.produce / 2:
        found.append(
            Mistake(
                "simulate.every",
                f"{simulate.every:g} ps between frames in a run of {simulate.produce:g} ps",
                "Keep frames more often, or produce for longer",
            )
        )
    if melted and simulate.stages is None and simulate.glass_temperature > simulate.mix.temperature:
        found.append(
            Mistake(
                "simulate.mix",
                f"its {simulate.mix.temperature:g} K are below the {simulate.glass_temperature:g} K of the glass",
                "Mix at a higher temperature",
            )
        )
    return found


def _constraint_mistakes(simulate: Simulate) -> list[Mistake]:
    if simulate.constrain is None:
        return []
    from vanhove.simulate._constrain import Constraint

    try:
        Constraint.from_dict(simulate.constrain.model_dump())
    except Refusal as refusal:
        return [Mistake("simulate.constrain", refusal.what, refusal.do)]
    return []


def _resolved(study: Study, folder: Path) -> Study:
    from vanhove.registry import full_name, observables

    known = observables()

    def absolute(path: str) -> str:
        return str(folder / Path(path).expanduser())

    def located(name: str, options: dict[str, Any]) -> dict[str, Any]:
        named = {option: options[option] for option in known[name].files if names_file(options.get(option))}
        return {**options, **{option: absolute(path) for option, path in named.items()}}

    files = [
        run.model_copy(
            update={
                "path": [absolute(path) for path in run.path],
                "topology": None if run.topology is None else absolute(run.topology),
                "name": run.name or re.sub(r"[^\w+-]+", "-", Path(run.path[0]).name.split(".")[0]),
            }
        )
        for run in study.files
    ]
    names = [str(run.name) for run in files]
    files = [  # two files of the same name in two folders are two runs
        run.model_copy(update={"name": f"{run.name}-{number}"}) if names.count(str(run.name)) > 1 else run
        for number, run in enumerate(files, 1)
    ]
    return study.model_copy(
        update={
            "files": files,
            "report": study.report.model_copy(
                update={} if study.report.expected is None else {"expected": absolute(study.report.expected)}
            ),
            "material": None if study.material is None else with_absolute_paths(study.material, folder),
            "observables": {
                (full := full_name(name)): located(full, options) for name, options in study.observables.items()
            },
        }
    )
