"""Any ASE calculator as a potential: named, never pickled, and called in a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from .turnover import Turnover

_FACTORY = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


class Known(NamedTuple):
    """What is known of a calculator with a short name."""

    factory: str
    good_for: str
    source: str
    install: str


KNOWN = {
    "chgnet": Known(
        "chgnet.model.dynamics:CHGNetCalculator",
        "inorganic crystals of all elements, without fitting; trained on relaxations by PBE, it is known to be too "
        "soft: barriers come out too low and ions too fast",
        "B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
        'Run: pip install "vanhove[chgnet]"',
    ),
    "emt": Known(
        "ase.calculators.emt:EMT",
        "trying things out on Al, Cu, Ag, Au, Ni, Pd, Pt",
        "K. W. Jacobsen, P. Stoltze, J. K. Nørskov, Surf. Sci. 366, 394 (1996), as in ASE",
        "Run: pip install ase",
    ),
    "lj": Known(
        "ase.calculators.lj:LennardJones",
        "trying things out: noble gases with their sigma and epsilon",
        "Lennard-Jones, as in ASE",
        "Run: pip install ase",
    ),
}


@dataclass(frozen=True)
class Calculator:
    """An ASE calculator by the name of what makes it, ``"module:factory"``, and the options that it is given."""

    factory: str
    options: Mapping[str, Any]
    name: str
    source: str = field(default="", compare=False)
    good_for: str = field(default="", compare=False)
    install: str = field(default="Install it, or correct the name", compare=False)

    engine: ClassVar[str] = "ase"
    species: ClassVar[list[str] | None] = None
    charges: ClassVar[Mapping[str, float] | None] = None

    @property
    def turnovers(self) -> Mapping[str, Turnover]:
        """None: a calculator has no pair energies."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """All that decides the forces, as JSON knows it; the package's version is the engine's."""
        return {"form": "calculator", "factory": self.factory, "options": dict(self.options)}

    def describe(self) -> str:
        """What a person should know of it."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        said = [
            f"{self.name}: the ASE calculator {self.factory}({options})",
            "charges: none; give them when the trajectory is opened: open(path, charges={...})",
            "cutoff: its own",
        ]
        more = [("good for", self.good_for), ("source", self.source)]
        return "\n".join([*said, *(f"{what}: {text}" for what, text in more if text)])


def calculator(factory: str, *, source: str = "", good_for: str = "", **options: Any) -> Calculator:
    """An ASE calculator as a potential; :func:`vanhove.simulate.run` moves the atoms by its forces.

    It runs in a process of its own, which imports the module and calls the factory with the options.

    Parameters
    ----------
    factory
        ``"module:factory"``, such as ``"mace.calculators:mace_mp"``, or a short name: ``"chgnet"``, ``"emt"``,
        ``"lj"``.
    source, good_for
        What :meth:`Calculator.describe` should say.
    options
        What the factory is given: numbers, text, lists and tables of them.
    """
    known = KNOWN.get(factory)
    if known is None and not _FACTORY.match(factory):
        advice = "Give module:factory, such as mace.calculators:mace_mp, or a short name. " + nearest(factory, [*KNOWN])
        raise Refusal(f"'{factory}' names no calculator", "", advice)
    try:
        plain = json.loads(json.dumps(options, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"An option of '{factory}' can't be written down: {error}", "", "Give numbers, text, lists, tables"
        )
    if known is None:
        return Calculator(factory, plain, factory, source, good_for)
    return Calculator(known.factory, plain, factory, source or known.source, good_for or known.good_for, known.install)
