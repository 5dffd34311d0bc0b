"""What a run asks of an engine, and those that there are: LAMMPS, ASE with a calculator, CP2K."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from vanhove.base.errors import Refusal, nearest

from . import ase_input, deck
from ._cp2k import CP2K
from ._deepmd import DeepMD
from .cp2k_engine import Cp2kEngine
from .cp2k_program import find_cp2k
from .deepmd_home import PACKAGE, deepmd_version
from .engine import Lammps, find_lammps
from .lammps_motion import write_held
from .legs import ATOM_STEPS

if TYPE_CHECKING:
    from ._calculator import Calculator
    from ._protocol import Protocol as Plan
    from .deck import Start
    from .legs import Leg
    from .pairwise import LammpsPotential, Potential

ASE_ATOM_STEPS = 100_000  # of a leg: some minutes of a universal potential on two cores
MODEL_ATOM_STEPS = 1_000_000  # of a leg: a minute of a small DeePMD model on one core
LEG_ATOM_STEPS = {"lammps": ATOM_STEPS, "ase": ASE_ATOM_STEPS, "cp2k": 0}
FEWEST_STEPS = {"cp2k": 25}  # of a leg, some minutes; elsewhere as legs.py has it


class Engine(Protocol):
    """An engine with the potential that it computes."""

    @property
    def name(self) -> str:
        """As ``engine=`` and the record say it."""
        ...

    @property
    def title(self) -> str:
        """As a sentence says it."""
        ...

    @property
    def version(self) -> str:
        """What does the run."""
        ...

    @property
    def script(self) -> str:
        """The name of a leg's input."""
        ...

    @property
    def log(self) -> str:
        """The name of the log that it writes, a table as LAMMPS's, in the same units."""
        ...

    def ranks(self, n_atoms: int) -> int:
        """How many processes, or threads, serve so many atoms well on this machine."""
        ...

    def command(self, ranks: int) -> list[str]:
        """The command that does one leg in its folder."""
        ...

    def environment(self, ranks: int) -> dict[str, str]:
        """The environment that it runs in."""
        ...

    def write_start(self, start: Start, folder: Path) -> None:
        """Write the structure as the first leg reads it."""
        ...

    def leg_input(self, leg: Leg, previous: Leg | None, start: Start, protocol: Plan, seed: int) -> str:
        """What a leg is told."""
        ...


@dataclass(frozen=True)
class LammpsEngine:
    """LAMMPS with a potential that it has a style for."""

    lammps: Lammps
    potential: LammpsPotential
    needs: Mapping[str, str]  # what the potential adds to the environment

    name: ClassVar[str] = "lammps"
    title: ClassVar[str] = "LAMMPS"
    script: ClassVar[str] = "in.lammps"
    log: ClassVar[str] = "log.lammps"

    @property
    def version(self) -> str:
        """LAMMPS's, and that of what the potential plugs into it."""
        return ", ".join([self.lammps.version, *_versions(self.potential.packages)])

    def ranks(self, n_atoms: int) -> int:
        """MPI processes."""
        return self.lammps.ranks(n_atoms)

    def command(self, ranks: int) -> list[str]:
        """LAMMPS, under the MPI launcher for more than one rank."""
        return self.lammps.command(ranks, self.script)

    def environment(self, ranks: int) -> dict[str, str]:  # noqa: ARG002 - the launcher is told of the ranks
        """With what the potential's own libraries need."""
        return self.lammps.environment(self.needs)

    def write_start(self, start: Start, folder: Path) -> None:
        """LAMMPS's data file."""
        deck.write_data(start, folder / deck.DATA)
        write_held(start.held, folder)

    def leg_input(self, leg: Leg, previous: Leg | None, start: Start, protocol: Plan, seed: int) -> str:
        """LAMMPS commands."""
        return deck.leg_input(leg, previous, start, self.potential, protocol, seed)


@dataclass(frozen=True)
class AseEngine:
    """A process of this Python that moves the atoms by the forces of an ASE calculator."""

    potential: Calculator
    version: str

    name: ClassVar[str] = "ase"
    title: ClassVar[str] = "The calculator's process"
    script: ClassVar[str] = "in.json"
    log: ClassVar[str] = ase_input.LOG

    def ranks(self, n_atoms: int) -> int:  # noqa: ARG002 - how a calculator's threads scale is its own affair
        """Threads of the calculator's libraries: every core."""
        return len(os.sched_getaffinity(0))

    def command(self, ranks: int) -> list[str]:  # noqa: ARG002 - threads are set in the environment
        """Python with the module that does a leg."""
        return self.module("vanhove.simulate.ase_child")

    def module(self, name: str) -> list[str]:
        """Python with a module that reads the input."""
        return [sys.executable, "-m", name, self.script]

    def environment(self, ranks: int) -> dict[str, str]:
        """With the number of threads, and the same modules to import as here."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(ranks))
        # threads that wait must sleep: spinning, they made a step of 0.1 s one of 2 s on a machine with other work
        waiting = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
        modules = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
        return {**waiting, **os.environ, **threads, "PYTHONPATH": modules}

    def write_start(self, start: Start, folder: Path) -> None:
        """A file of arrays."""
        ase_input.write_start(start, folder / ase_input.START)

    def leg_input(self, leg: Leg, previous: Leg | None, start: Start, protocol: Plan, seed: int) -> str:
        """What the process reads, as JSON."""
        told = ase_input.leg_input(leg, previous, start, self.potential.to_dict(), protocol, seed)
        return json.dumps(told, indent=1) + "\n"


def check_engine(asked: str | None, potential: Potential, protocol: Plan) -> None:
    """Refuse an engine that does not exist, does not compute this potential, or can't do what is planned."""
    if potential.engine != "lammps":
        ase_input.check(protocol)
    if asked is None or asked == potential.engine:
        return
    if asked not in LEG_ATOM_STEPS:
        raise Refusal(f"There is no engine '{asked}'", "", nearest(asked, [*LEG_ATOM_STEPS]))
    raise Refusal(
        f"The engine '{asked}' does not compute the potential '{potential.name}'",
        "",
        f'Leave engine out, or give "{potential.engine}"',
    )


def leg_atom_steps(potential: Any) -> int:
    """Steps of a leg times atoms: what a kill loses at most should be a minute or so of any potential."""
    return MODEL_ATOM_STEPS if isinstance(potential, DeepMD) else LEG_ATOM_STEPS[potential.engine]


def find_engine(potential: Any) -> Engine:
    """The engine of a potential; refused with the command that installs it where it is not there."""
    if potential.engine == "lammps":
        return LammpsEngine(find_lammps(), potential, potential.environment())
    if isinstance(potential, CP2K):
        return Cp2kEngine(potential, find_cp2k())
    module = potential.factory.partition(":")[0].partition(".")[0]
    if importlib.util.find_spec(module) is None:
        raise Refusal(
            f"The package {module} is not installed here", f"calculator '{potential.name}'", potential.install
        )
    packages = {"ase", *metadata.packages_distributions().get(module, [])}
    return AseEngine(potential, ", ".join(_versions(sorted(packages))))


def _versions(packages: Iterable[str]) -> list[str]:
    return [
        f"{package} {deepmd_version() if package == PACKAGE else metadata.version(package)}" for package in packages
    ]
