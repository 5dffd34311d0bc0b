"""Histograms of the DANSE programs: a group with ``data``, ``errors`` and ``grid`` of two axes, Q and energy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.links import inner

from .hdf import groups, matching, numbers, text
from .table import LOSS, Table, centres

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

JOULE_IN_MEV = 1 / 1.602176634e-22
ANGSTROM = 1e-10
MEV = 1e-4  # relative: they write 1 meV with six digits


def recognises(file: Any) -> bool:
    """Whether the HDF5 file holds such a histogram."""
    return any(_is_histogram(group) for _, group in groups(file))


def read(path: Path, file: Any) -> Table:
    """The one histogram of the file."""
    found = [(name, group) for name, group in groups(file) if _is_histogram(group)]
    if len(found) != 1:
        raise Refusal(
            f"The file holds {len(found)} histograms", f"{path}: {', '.join(name for name, _ in found)}",
            "Save the one that is wanted on its own",
        )  # fmt: skip
    name, group = found[0]
    where = f"{path}: {name}"
    axes = {axis.lower(): (axis, node) for axis, node in groups(inner(group, "grid"))}
    if set(axes) != {"q", "energy"}:
        raise Refusal(f"The axes are {', '.join(sorted(axes)) or 'none'}", f"{where}/grid", "Give I(Q, E)")
    S, error = numbers(group, "data"), numbers(group, "errors")
    matching(S, error, where)
    if int(np.ravel(axes["q"][1].attrs.get("index", 0))[0]) == 1:
        S, error = S.T, error.T
    axis = {}
    for place, key in enumerate(("q", "energy")):
        written, node = axes[key]
        at = "bin centers" if inner(node, "bin centers") is not None else "bin boundaries"
        middle, _ = centres(numbers(node, at), S.shape[place], written, f"{where}/grid/{written}")
        axis[key] = middle * _unit(text(node.attrs.get("unit")), key, f"{where}/grid/{written}")
    return Table(axis["energy"], S, error, "DANSE histogram", f"{LOSS}, as in DANSE", q=axis["q"], energy_units="meV")


def _is_histogram(group: Any) -> bool:
    return all(inner(group, part) is not None for part in ("data", "errors", "grid"))


def _unit(written: str, key: str, where: str) -> float:
    """What turns an axis into 1/Å or meV: its unit is written as a number times SI units, or by name."""
    plain = {"q": {"1/angstrom", "angstrom**-1", "1/å"}, "energy": {"mev"}}[key]
    if written.lower() in plain:
        return 1.0
    si = re.fullmatch(r"([-+.\deE]+)\*(m\*\*-1|(?:m\*\*2|kg|s\*\*-2)(?:\*(?:m\*\*2|kg|s\*\*-2)){2})", written)
    if si is None or (si.group(2) == "m**-1") != (key == "q"):
        raise Refusal(f"The unit '{written}' is not known", where, "Give Q in 1/Å and energies in meV")
    size = float(si.group(1)) * (ANGSTROM if key == "q" else JOULE_IN_MEV)
    return 1.0 if abs(size - 1) < MEV else size
