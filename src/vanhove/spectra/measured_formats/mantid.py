"""Mantid's processed NeXus files: ``mantid_workspace_1/workspace`` with values, errors, axis1 and axis2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.links import inner

from .hdf import groups, matching, numbers, string, text
from .table import LOSS, Table, centres

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ENERGIES = {"DeltaE": "meV", "DeltaE_inWavenumber": "1/cm"}
MOMENTA = ("MomentumTransfer", "QSquared")


def recognises(file: Any) -> bool:
    """Whether the HDF5 file is one of Mantid's SaveNexusProcessed."""
    return any(re.fullmatch(r"mantid_workspace_\d+", name) for name, _ in groups(file))


def read(path: Path, file: Any) -> Table:
    """The one workspace of the file.

    Masked bins have the error 0 there. The tables ``masked_spectra`` and ``masked_bins`` are left alone: they number
    the masked spectra among themselves, not among all.
    """
    entries = [name for name, _ in groups(file) if name.startswith("mantid_workspace_")]
    if len(entries) != 1:
        raise Refusal(f"The file holds {len(entries)} workspaces", str(path), "Save the one wanted on its own")
    entry = inner(file, entries[0])
    where = f"{path}: {entries[0]}/workspace"
    group = inner(entry, "workspace")
    if group is None:
        if inner(entry, "event_workspace") is not None:
            raise Refusal(
                "The workspace holds events", str(path), "Histogram them in Mantid: Rebin, PreserveEvents off"
            )
        raise Refusal("There is no workspace in it", where, "Give what SaveNexusProcessed wrote of S(Q, E)")
    S, error = numbers(group, "values"), numbers(group, "errors")
    matching(S, error, f"{where}/values")
    along, across = _axis(group, "axis1", where), numbers(group, "axis2") if _numeric(group, "axis2") else None
    along_is, across_is = (_units(group, axis) for axis in ("axis1", "axis2"))
    if along_is in MOMENTA and across_is in ENERGIES and across is not None:
        S, error, along, across, along_is, across_is = S.T, error.T, across, along, across_is, along_is
    if along_is not in ENERGIES:
        raise Refusal(
            f"Its horizontal axis is '{along_is or 'without a unit'}'", f"{where}/axis1",
            "Give energy transfers: ConvertUnits to DeltaE, then SofQW",
        )  # fmt: skip
    energy, edges = centres(along, S.shape[1], "energies", f"{where}/axis1")
    notes: tuple[str, ...] = ()
    if edges and text(inner(group, "axis1").attrs.get("distribution")) == "0":
        width = np.abs(np.diff(along))
        S, error = S / width, error / width
        notes = ("counts in bins of energy were divided by their width",)
    q = None
    if across_is in MOMENTA and across is not None:
        q, _ = centres(across, S.shape[0], "momentum transfers", f"{where}/axis2")
        if across_is == "QSquared":
            q = np.sqrt(q)
    return Table(
        energy, S, error, "Mantid NeXus", f"{LOSS}, as in Mantid (DeltaE)", q=q, q_says=across_is,
        energy_units=ENERGIES[along_is], title=string(entry, "title"), notes=notes,
    )  # fmt: skip


def _numeric(group: Any, axis: str) -> bool:
    node = inner(group, axis)
    return node is not None and node.dtype.kind in "fiu"


def _units(group: Any, axis: str) -> str:
    node = inner(group, axis)
    return "" if node is None else text(node.attrs.get("units"))


def _axis(group: Any, name: str, where: str) -> Floats:
    """One axis for all spectra; some files repeat it for each."""
    axis = numbers(group, name)
    if axis.ndim == 1:
        return axis
    if not (axis == axis[0]).all():
        raise Refusal("Its spectra have different energies", f"{where}/{name}", "Rebin them alike in Mantid first")
    return np.asarray(axis[0])
