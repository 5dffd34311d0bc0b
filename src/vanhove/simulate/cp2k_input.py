"""What CP2K is given: one structure, and how its energy, forces and stress are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ._cp2k import CP2K

    Floats = NDArray[np.float64]

PROJECT = "cp2k"
INPUT, OUTPUT, WAVEFUNCTION = f"{PROJECT}.inp", f"{PROJECT}.out", f"{PROJECT}-RESTART.wfn"
BASES = ("BASIS_MOLOPT", "BASIS_MOLOPT_UCL")
PRECISION = 1e-12  # of the integrals
GRIDS = 4
NARROW = 7.0  # Å; the narrowest cell of the lithium thiophosphates' training data has 7.3
PRECONDITIONERS = {"diis": "FULL_SINGLE_INVERSE", "cg": "FULL_ALL"}
DAMPING = {"D3": "DFTD3", "D3BJ": "DFTD3(BJ)"}


def single_point(
    settings: CP2K, species: Sequence[str], cell: Floats, positions: Floats, *, begin_with: str = "", keep: bool = False
) -> str:
    """The input of one calculation.

    ``begin_with`` names a file of electrons to begin with instead of single atoms'; ``keep`` says whether those that
    were found are written to one.
    """
    elements = [element_of(label) for label in species]
    kinds = [
        _section("KIND", [f"BASIS_SET {settings.basis_of(element)}", "POTENTIAL GTH-PBE"], element)
        for element in dict.fromkeys(elements)
    ]
    vectors = [f"{name} {_row(vector)}" for name, vector in zip("ABC", cell, strict=True)]
    atoms = [f"{element} {_row(place)}" for element, place in zip(elements, positions, strict=True)]
    subsystem = [*_section("CELL", vectors), *_section("COORD", atoms), *(line for kind in kinds for line in kind)]
    printed = [*_section("FORCES", ["NDIGITS 12"], "ON"), *_section("STRESS_TENSOR", [], "ON")]
    lines = [
        *_section("GLOBAL", [f"PROJECT {PROJECT}", "RUN_TYPE ENERGY_FORCE", "PRINT_LEVEL MEDIUM"]),
        *_section("FORCE_EVAL", [
            "METHOD QUICKSTEP", "STRESS_TENSOR ANALYTICAL",
            *_section("DFT", _electrons(settings, begin_with, keep=keep)),
            *_section("SUBSYS", subsystem),
            *_section("PRINT", printed),
        ]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _electrons(settings: CP2K, begin_with: str, *, keep: bool) -> list[str]:
    lines = [
        *(f"BASIS_SET_FILE_NAME {file}" for file in BASES), "POTENTIAL_FILE_NAME GTH_POTENTIALS",
        f"CHARGE {settings.charge}", f"MULTIPLICITY {settings.multiplicity}",
    ]  # fmt: skip
    lines += ["UKS T"] if settings.multiplicity > 1 else []
    lines += [f"WFN_RESTART_FILE_NAME {begin_with}"] if begin_with else []
    grids = [f"CUTOFF {settings.cutoff!r}", f"REL_CUTOFF {settings.rel_cutoff!r}", f"NGRIDS {GRIDS}"]
    method = ["METHOD GPW", f"EPS_DEFAULT {PRECISION!r}", "EXTRAPOLATION ASPC", "EXTRAPOLATION_ORDER 3"]
    transformation = [
        f"MINIMIZER {settings.minimizer.upper()}",
        f"PRECONDITIONER {PRECONDITIONERS[settings.minimizer]}",
    ]
    rest = [
        f"SCF_GUESS {'RESTART' if begin_with else 'ATOMIC'}",
        f"EPS_SCF {settings.eps_scf!r}", f"MAX_SCF {settings.max_scf}",
        *_section("OT", transformation),
        *_section("OUTER_SCF", [f"EPS_SCF {settings.eps_scf!r}", f"MAX_SCF {settings.outer_scf}"]),
        *_section("PRINT", _section("RESTART", ["BACKUP_COPIES 0"], "ON" if keep else "OFF")),
    ]  # fmt: skip
    functional = _section("XC_FUNCTIONAL", [], "PBE")
    if settings.dispersion != "none":
        pairs = [f"TYPE {DAMPING[settings.dispersion]}", "PARAMETER_FILE_NAME dftd3.dat", "REFERENCE_FUNCTIONAL PBE"]
        functional += _section("VDW_POTENTIAL", ["POTENTIAL_TYPE PAIR_POTENTIAL", *_section("PAIR_POTENTIAL", pairs)])
    return [
        *lines, *_section("MGRID", grids), *_section("QS", method), *_section("SCF", rest), *_section("XC", functional),
    ]  # fmt: skip


def warn_if_narrow(cells: Iterable[Floats]) -> None:
    """Say that the Γ point alone does not serve a small cell."""
    width = min(float(1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()) for cell in cells)
    if width < NARROW:
        warn(
            f"A cell is only {width:.1f} Å wide, and electrons are computed at the Γ point alone", "CP2K",
            "Take a supercell, unless you only try things out",
        )  # fmt: skip


def _section(name: str, lines: Iterable[str], value: str = "") -> list[str]:
    return [f"&{name} {value}".rstrip(), *(f"  {line}" for line in lines), f"&END {name}"]


def _row(vector: Floats) -> str:
    return " ".join(repr(float(x)) for x in vector)
