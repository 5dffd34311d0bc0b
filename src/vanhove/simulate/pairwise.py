"""What every potential offers, and what pair potentials with charges have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, nearest
from vanhove.base.units import COULOMB_EV_A, KCAL_MOL_IN_EV

from .turnover import Turnover, turnover

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

COULOMB_KCAL_A = COULOMB_EV_A / KCAL_MOL_IN_EV  # e²/4πε₀ in kcal·Å/mol


class Potential(Protocol):
    """What a run must know of a potential, whichever engine computes it."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def source(self) -> str:
        """Where its numbers come from."""
        ...

    @property
    def good_for(self) -> str:
        """What it was made for."""
        ...

    @property
    def engine(self) -> str:
        """The engine that computes it: ``"lammps"``, ``"ase"`` or ``"cp2k"``."""
        ...

    @property
    def species(self) -> list[str] | None:
        """The species that it knows; None where it does not say."""
        ...

    @property
    def charges(self) -> Mapping[str, float] | None:
        """The charge of each species (e); None where it has none."""
        ...

    @property
    def turnovers(self) -> Mapping[str, Turnover]:
        """Where each pair's energy stops holding two atoms apart; empty where no pair energy tells."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """All that decides the forces, as JSON knows it."""
        ...

    def describe(self) -> str:
        """What a person should know of it."""
        ...


class LammpsPotential(Potential, Protocol):
    """A potential that LAMMPS computes."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that it plugs into LAMMPS."""
        ...

    def commands(self, order: Sequence[str]) -> list[str]:
        """LAMMPS commands in ``real`` units (kcal/mol, Å, fs), where type n is the n-th species of ``order``."""
        ...

    def environment(self) -> dict[str, str]:
        """What LAMMPS must find in its environment besides its own libraries; refused where it is not installed."""
        ...


class Term(Protocol):
    """The short-range part of one pair."""

    def energy(self, r: Floats) -> Floats:
        """In kcal/mol, r in Å."""
        ...

    def slope(self, r: Floats) -> Floats:
        """Its derivative, kcal/mol/Å."""
        ...

    def collapses(self, coulomb: float) -> bool:
        """Whether it goes to minus infinity at r = 0 together with ``coulomb``/r (kcal·Å/mol)."""
        ...

    def fault(self) -> str:
        """What is wrong with its numbers, empty where nothing is."""
        ...


AnyTerm = TypeVar("AnyTerm", bound=Term)


@dataclass(frozen=True)
class Pairwise(ABC, Generic[AnyTerm]):
    r"""Charges and a short-range term for each pair.

    .. math:: V_{ij}(r) = u_{ij}(r) + \frac{q_i q_j}{4\pi\epsilon_0 r}

    The short-range part ends at ``cutoff`` (Å) without a shift; the Coulomb part is summed over all images by PPPM, to
    ``accuracy`` of the force between two unit charges 1 Å apart, whatever the cutoff.
    """

    charges: Mapping[str, float]  # e
    pairs: Mapping[str, AnyTerm]  # "Na-S" → its term; one entry a pair
    cutoff: float = 10.0
    accuracy: float = 1e-4
    name: str = "pairwise"
    source: str = field(default="", compare=False)
    good_for: str = field(default="", compare=False)

    engine: ClassVar[str] = "lammps"
    packages: ClassVar[tuple[str, ...]] = ()
    form: ClassVar[str]
    form_name: ClassVar[str]
    strengths: ClassVar[tuple[str, ...]]  # the parameters that are zero where a pair has no short-range part

    def __post_init__(self) -> None:
        for label, charge in self.charges.items():
            if not is_species(label):
                raise Refusal(f"'{label}' is no element or isotope", f"charges of the potential '{self.name}'")
            self._must_be_finite(f"The charge of {label}", charge)
        if not (self.cutoff > 0 and 0 < self.accuracy < 1):
            raise Refusal(f"cutoff={self.cutoff} Å, accuracy={self.accuracy}", "", "Give positive numbers")
        for pair, term in self.pairs.items():
            for name, value in self._numbers(term).items():
                self._must_be_finite(f"{name} of {pair}", value)
            if term.fault():
                raise Refusal(f"{pair} has {term.fault()}", self.name, "Correct this pair")
        missing = [pair for pair in self.pair_labels if self._find(pair) is None]
        unknown = [pair for pair in self.pairs if not all(s in self.charges for s in pair.split("-"))]
        if missing or unknown or len(self.pairs) != len(self.pair_labels):
            raise Refusal(
                f"The pairs of '{self.name}' are not complete",
                f"species {', '.join(self.charges)}; missing pairs {missing or 'none'}, unknown {unknown or 'none'}",
                f"Give each pair once; one without a short-range part has {self.nothing}",
            )

    @property
    @abstractmethod
    def nothing(self) -> str:
        """The parameters of a pair without a short-range part, in words."""

    @abstractmethod
    def styles(self, order: Sequence[str], *, charged: bool) -> list[str]:
        """LAMMPS's ``pair_style`` and ``pair_coeff``; see :meth:`commands`."""

    @property
    def species(self) -> list[str]:
        """The species that it knows, in the order given."""
        return list(self.charges)

    @property
    def pair_labels(self) -> list[str]:
        """Every pair once, ``"Na-S"``."""
        return pair_labels(self.species)

    def term(self, pair: str) -> AnyTerm:
        """The short-range term of a pair, given in either order."""
        found = self._find(pair)
        if found is None:
            raise Refusal(f"The potential '{self.name}' has no pair '{pair}'", "", nearest(pair, self.pair_labels))
        return found

    def _find(self, pair: str) -> AnyTerm | None:
        return self.pairs.get(pair) or self.pairs.get("-".join(reversed(pair.split("-"))))

    def energy(self, pair: str, r: ArrayLike) -> Floats:
        """V(r) of two such atoms alone, Coulomb included (kcal/mol), r in Å."""
        distance = np.asarray(r, float)
        return np.asarray(self.term(pair).energy(distance) + self._coulomb(pair) / distance)

    def slope(self, pair: str, r: ArrayLike) -> Floats:
        """DV/dr of two such atoms alone, Coulomb included (kcal/mol/Å), r in Å."""
        distance = np.asarray(r, float)
        return np.asarray(self.term(pair).slope(distance) - self._coulomb(pair) / distance**2)

    def _coulomb(self, pair: str) -> float:
        first, second = pair.split("-")
        return COULOMB_KCAL_A * self.charges[first] * self.charges[second]

    @cached_property
    def turnovers(self) -> dict[str, Turnover]:
        """Inner turnover radius, barrier and minimum of every pair; see :mod:`vanhove.simulate.turnover`."""
        found = {}
        for pair in self.pair_labels:
            collapses = self.term(pair).collapses(self._coulomb(pair))
            found[pair] = turnover(pair, partial(self.energy, pair), partial(self.slope, pair), collapses=collapses)
        return found

    def describe(self) -> str:
        """A table for a person: parameters, inner turnover and minimum of every pair; charges, source, purpose."""
        lines = [
            f"{self.name}: {self.form_name}, cutoff {self.cutoff:g} Å, PPPM accuracy {self.accuracy:g}",
            "charges (e): " + ", ".join(f"{label} {charge:+g}" for label, charge in self.charges.items()),
            "",
            f"{'pair':<8}{self._heading()}{'turnover Å':>12}{'barrier kcal/mol':>18}{'minimum Å':>11}{'kcal/mol':>10}",
        ]
        bare = []
        for pair, found in self.turnovers.items():
            if any(self._numbers(self.term(pair))[name] for name in self.strengths):
                lines.append(f"{pair:<8}{self._row(self.term(pair))}{_said(found)}")
            else:
                bare.append(pair)
        lines += [f"by their charges alone: {', '.join(bare)}"] if bare else []
        said = [("good for", self.good_for), ("source", self.source)]
        return "\n".join([*lines, *(f"{what}: {text}" for what, text in said if text)])

    @abstractmethod
    def _heading(self) -> str: ...

    @abstractmethod
    def _row(self, term: AnyTerm) -> str: ...

    @staticmethod
    def _numbers(term: Any) -> dict[str, float]:
        return {name: float(value) for name, value in asdict(term).items()}

    def to_dict(self) -> dict[str, Any]:
        """All that decides the forces, as JSON knows it."""
        return {
            "form": self.form,
            "name": self.name,
            "charges": {label: float(charge) for label, charge in self.charges.items()},
            "pairs": {pair: self._numbers(self.term(pair)) for pair in self.pair_labels},
            "cutoff": float(self.cutoff),
            "accuracy": float(self.accuracy),
        }

    def commands(self, order: Sequence[str]) -> list[str]:
        """LAMMPS commands of this potential, where type n is the n-th species of ``order``; ``real`` units."""
        charged = any(self.charges[label] for label in order)  # PPPM refuses a system without charges
        kspace = [f"kspace_style pppm {float(self.accuracy)!r}"] if charged else []
        return [*self.styles(order, charged=charged), *kspace]

    def environment(self) -> dict[str, str]:
        """Nothing but LAMMPS's own libraries."""
        return {}

    def _must_be_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise Refusal(f"{what} is {value}", f"potential '{self.name}'", "Give a finite number")


def pair_labels(species: Sequence[str]) -> list[str]:
    """Every pair of ``species`` once, ``"Na-S"``."""
    return [f"{a}-{b}" for i, a in enumerate(species) for b in species[i:]]


def _said(found: Turnover) -> str:
    inner = "none" if found.radius == 0 else f"{found.radius:.4g}"
    barrier = "no barrier" if math.isinf(found.radius) else ("–" if not found.radius else f"{found.barrier:.3g}")
    if math.isnan(found.minimum):
        return f"{inner:>12}{barrier:>18}{'–':>11}{'–':>10}"
    return f"{inner:>12}{barrier:>18}{found.minimum_radius:>11.3f}{found.minimum:>10.1f}"
