"""CP2K: energies and forces from first principles, by PBE with Gaussians and plane waves, in a process of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vanhove.base.elements import element_of, is_species
from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from .turnover import Turnover

Dispersion = Literal["D3", "D3BJ", "none"]
Minimiser = Literal["diis", "cg"]
DISPERSIONS = ["D3", "D3BJ", "none"]
MINIMISERS = ["diis", "cg"]
EVERY = "*"  # the basis of all elements that are not named
POTENTIAL = "GTH-PBE"
_NAME = re.compile(r"^[A-Za-z0-9][\w+*-]*$")
REACHING = ("max_scf", "outer_scf", "minimizer")  # how the electrons come to rest, not where


@dataclass(frozen=True)
class CP2K:
    """Settings of CP2K: PBE, pseudopotentials GTH-PBE, and what is chosen here."""

    basis: Mapping[str, str]
    cutoff: float  # Ry
    rel_cutoff: float  # Ry
    dispersion: Dispersion = "D3"
    charge: int = 0
    multiplicity: int = 1
    eps_scf: float = 1e-6
    max_scf: int = field(default=50, compare=False)
    outer_scf: int = field(default=6, compare=False)
    minimizer: Minimiser = field(default="diis", compare=False)
    name: str = field(default="CP2K", compare=False)
    source: str = field(default="", compare=False)
    good_for: str = field(default="", compare=False)

    engine: ClassVar[str] = "cp2k"
    charges: ClassVar[Mapping[str, float] | None] = None

    def __post_init__(self) -> None:
        for what in ("cutoff", "rel_cutoff", "eps_scf"):
            value = getattr(self, what)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise Refusal(f"{what}={value!r}", "simulate.cp2k", "Give a positive number")
            object.__setattr__(self, what, float(value))
        for what in ("max_scf", "outer_scf", "multiplicity"):
            value = getattr(self, what)
            if not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
                raise Refusal(f"{what}={value!r}", "simulate.cp2k", "Give a whole number from 1 on")
        if not isinstance(self.charge, int) or isinstance(self.charge, bool):
            raise Refusal(f"charge={self.charge!r}", "simulate.cp2k", "Give the charge of the cell, a whole number")
        for what, value, known in (
            ("dispersion", self.dispersion, DISPERSIONS),
            ("minimizer", self.minimizer, MINIMISERS),
        ):
            if value not in known:
                raise Refusal(f"{what}={value!r}", "simulate.cp2k", nearest(str(value), known))
        if not self.basis:
            raise Refusal("No basis was given", "simulate.cp2k", 'Give basis={"Li": "DZVP-MOLOPT-SR-GTH", ...}')
        for label, basis in self.basis.items():
            if label != EVERY and (not is_species(label) or element_of(label) != label):
                raise Refusal(f"'{label}' is no element", "basis of simulate.cp2k")
            if not _NAME.match(str(basis)):
                raise Refusal(f"{basis!r} is no name of a basis", f"for {label}", "Give one of CP2K's BASIS_MOLOPT")

    @property
    def species(self) -> list[str] | None:
        """The elements that it has a basis for; None where it has one for all."""
        return None if EVERY in self.basis else list(self.basis)

    @property
    def turnovers(self) -> Mapping[str, Turnover]:
        """None: electrons have no pair energies."""
        return {}

    def basis_of(self, label: str) -> str:
        """The basis of an element or isotope; refused where there is none."""
        element = element_of(label)
        found = self.basis.get(element, self.basis.get(EVERY))
        if found is None:
            raise Refusal(
                f"The settings '{self.name}' have no basis for {element}", f"they have one for {', '.join(self.basis)}",
                f'Give simulate.cp2k(..., basis={{"{element}": "DZVP-MOLOPT-SR-GTH"}}), and test the cutoff',
            )  # fmt: skip
        return found

    def to_dict(self) -> dict[str, Any]:
        """All that decides energies and forces, as JSON knows it: not how the electrons are brought to rest."""
        told = {name: value for name, value in asdict(self).items() if name not in (*REACHING, *_TOLD)}
        return {"form": "cp2k", "functional": "PBE", "pseudopotential": POTENTIAL, **told, "basis": dict(self.basis)}

    @property
    def reaching(self) -> dict[str, Any]:
        """How the electrons are brought to rest: what may be changed for frames where they were not."""
        return {name: getattr(self, name) for name in REACHING}

    def describe(self) -> str:
        """What a person should know of it."""
        basis = ", ".join(f"{'others' if label == EVERY else label} {name}" for label, name in self.basis.items())
        dispersion = {"D3": "D3 (damped to zero)", "D3BJ": "D3 (damped as by Becke and Johnson)", "none": "none"}
        told = [
            f"{self.name}: CP2K, PBE, pseudopotentials {POTENTIAL}, the Γ point alone",
            f"basis: {basis}",
            f"plane waves: {self.cutoff:g} Ry, {self.rel_cutoff:g} Ry relative, on four grids",
            f"dispersion: {dispersion[self.dispersion]}",
            f"electrons: to {self.eps_scf:g}, by {self.minimizer.upper()} in {self.outer_scf} × {self.max_scf} steps",
            "not for metals: the electrons need a gap",
        ]
        if self.charge or self.multiplicity > 1:
            told.append(f"cell: charge {self.charge:+d} e, multiplicity {self.multiplicity}")
        more = [("good for", self.good_for), ("source", self.source)]
        return "\n".join([*told, *(f"{what}: {text}" for what, text in more if text)])


_TOLD = ("name", "source", "good_for")


def cp2k(
    settings: str = "lps",
    *,
    cutoff: float | None = None,
    rel_cutoff: float | None = None,
    basis: str | Mapping[str, str] | None = None,
    dispersion: Dispersion | None = None,
    charge: int = 0,
    multiplicity: int = 1,
    eps_scf: float = 1e-6,
    max_scf: int = 50,
    outer_scf: int = 6,
    minimizer: Minimiser = "diis",
) -> CP2K:
    """CP2K as what computes energies, forces and stresses, for :func:`label` and :func:`run` (E5).

    PBE with pseudopotentials GTH-PBE, Gaussians of the MOLOPT sets with plane waves, orbital transformation, the Γ
    point. What is not given is as in the settings.

    Parameters
    ----------
    settings
        ``"lps"``: those of the training data of the lithium thiophosphates, for Li, P and S. ``"cheap"``: for trying
        things out. ``.describe()`` says what they are.
    cutoff, rel_cutoff
        Of the plane waves (Ry): the finest grid, and what decides which Gaussian goes to which grid. Test them with
        :func:`cp2k_convergence`.
    basis
        One name for all elements, or a name for each that is to differ: ``{"Cl": "TZVP-MOLOPT-GTH"}``.
    dispersion
        ``"D3"`` (damped to zero), ``"D3BJ"`` (damped as by Becke and Johnson), ``"none"``.
    charge, multiplicity
        Of the cell: its charge (e), and 2S + 1. An odd number of electrons needs a multiplicity of 2.
    eps_scf
        How far the electrons are brought to rest.
    max_scf, outer_scf
        Steps, and how often they begin anew with a fresh preconditioner. More for frames that did not converge.
    minimizer
        ``"diis"`` is fast, ``"cg"`` surer. These last three change how the electrons come to rest, not where.
    """
    import tomllib

    folder = resources.files("vanhove.simulate") / "data" / "cp2k"
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if settings not in known:
        raise Refusal(f"There are no settings '{settings}'", "simulate.cp2k", nearest(str(settings), known))
    data = tomllib.loads((folder / f"{settings}.toml").read_text(encoding="utf-8"))
    usual = CP2K(
        data["basis"], data["cutoff"], data["rel_cutoff"], data["dispersion"],
        name=f"CP2K {data['name']}", source=data["source"], good_for=data["good_for"],
    )  # fmt: skip
    chosen = {"cutoff": cutoff, "rel_cutoff": rel_cutoff, "dispersion": dispersion}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if basis is not None:
        given["basis"] = {EVERY: basis} if isinstance(basis, str) else {**usual.basis, **basis}
    made = replace(
        usual, **given, charge=charge, multiplicity=multiplicity, eps_scf=eps_scf, max_scf=max_scf, outer_scf=outer_scf,
        minimizer=minimizer,
    )  # fmt: skip
    named = ("basis", "cutoff", "rel_cutoff", "dispersion")
    changed = [name for name in named if getattr(made, name) != getattr(usual, name)]
    return replace(made, name=f"{usual.name} with other {' and '.join(changed)}") if changed else made


def from_dict(told: Mapping[str, Any], reaching: Mapping[str, Any]) -> CP2K:
    """The settings that :meth:`CP2K.to_dict` and :attr:`CP2K.reaching` wrote."""
    fixed: Sequence[str] = ("form", "functional", "pseudopotential")
    return CP2K(**{name: value for name, value in told.items() if name not in fixed}, **reaching)
