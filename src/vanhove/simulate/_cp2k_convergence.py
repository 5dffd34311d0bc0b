"""How fine a mesh CP2K's forces need, by trying."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset

from ._cp2k import CP2K, cp2k
from ._label import label

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray
    from xarray import Dataset

    from .label_data import System

    Floats = NDArray[np.float64]

RY_CUTOFFS = (300.0, 400.0, 500.0, 600.0, 800.0)


def cp2k_convergence(
    atoms: Atoms,
    directory: str | os.PathLike[str],
    *,
    engine: CP2K | None = None,
    cutoffs: Sequence[float] = RY_CUTOFFS,
    rel_cutoffs: Sequence[float] = (),
    tolerance: float = 0.01,
    ranks: int | None = None,
) -> Dataset:
    r"""Energies, forces and virials of one structure by the cutoffs of CP2K's mesh, and the coarsest that will do (E5).

    .. math:: \Delta(c) = \max_i |\mathbf F_i(c) - \mathbf F_i(c_\mathrm{max})|

    A mesh will do where :math:`\Delta` is at most the tolerance there and for all finer ones. The finest of all is what
    the others are compared with, so nothing is known of its own error: of it the net force tells, which is zero but for
    the mesh.

    Parameters
    ----------
    atoms
        One structure, such as a frame of a melt: of a perfect crystal symmetry makes the forces zero at any cutoff.
    directory
        A folder for the calculations; each is kept, and more cutoffs may be given later.
    engine
        The other settings; without it those of ``simulate.cp2k()``.
    cutoffs, rel_cutoffs
        In Ry, two or more of one; without ``rel_cutoffs`` that of the engine.
    tolerance
        Of forces, in eV/Å.
    ranks
        As for :func:`label`.

    Returns
    -------
    Dataset
        Differences by (cutoff, rel_cutoff) from the finest mesh. ``attrs["cutoff"]`` and ``attrs["rel_cutoff"]`` are
        what to give to :func:`cp2k`, NaN where none but the finest will do; ``attrs["verdict"]`` says it in words.
    """
    settings = cp2k() if engine is None else engine
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise Refusal(f"tolerance={tolerance}", "", "Give a positive number of eV/Å")
    axes = [_axis("cutoffs", cutoffs), _axis("rel_cutoffs", rel_cutoffs or [settings.rel_cutoff])]
    if len(axes[0]) * len(axes[1]) < 2:
        raise Refusal("One mesh can't be compared with another", f"cutoffs={list(cutoffs)}", "Give two cutoffs or more")
    meshes = [[_computed(atoms, settings, c, r, Path(directory), ranks) for r in axes[1]] for c in axes[0]]
    finest = meshes[-1][-1]
    columns: dict[str, Column] = {}
    for name, of, units, said in (
        ("force_difference", _force_difference, "eV/Å", "largest difference of a force from the finest mesh's"),
        ("energy_difference", _energy_difference, "eV", "energy an atom, less the finest mesh's"),
        ("virial_difference", _virial_difference, "eV", "largest difference of a virial an atom"),
        ("net_force", _net_force, "eV/Å", "net force an atom, zero but for the mesh"),
    ):
        values = np.array([[of(mesh, finest) for mesh in row] for row in meshes])
        columns[name] = Column(("cutoff", "rel_cutoff"), values, units, said)
    chosen = _chosen(columns["force_difference"].values <= tolerance)
    cutoff, rel_cutoff = (math.nan, math.nan) if chosen is None else (axes[0][chosen[0]], axes[1][chosen[1]])
    return dataset(
        "simulate.cp2k_convergence",
        columns,
        {
            "cutoff": Column(("cutoff",), np.array(axes[0]), "Ry", "cutoff of the finest grid"),
            "rel_cutoff": Column(("rel_cutoff",), np.array(axes[1]), "Ry", "relative cutoff"),
        },
        parameters=dict(
            engine=settings.to_dict(), cutoffs=axes[0], rel_cutoffs=axes[1], tolerance=tolerance, ranks=ranks
        ),
        history=[], title="Forces by the mesh of CP2K", cutoff=cutoff, rel_cutoff=rel_cutoff,
        verdict=_verdict(chosen, axes, columns, tolerance),
    )  # fmt: skip


def _axis(name: str, values: Sequence[float]) -> list[float]:
    found = sorted({float(value) for value in values})
    if not found or not all(math.isfinite(value) and value > 0 for value in found):
        raise Refusal(f"{name}={list(values)}", "", "Give positive numbers of Ry")
    return found


def _computed(atoms: Any, settings: CP2K, cutoff: float, rel_cutoff: float, folder: Path, ranks: int | None) -> System:
    mesh = replace(settings, cutoff=cutoff, rel_cutoff=rel_cutoff, name=f"CP2K at {cutoff:g} and {rel_cutoff:g} Ry")
    return label(atoms, mesh, folder / f"{cutoff:g}-{rel_cutoff:g}", ranks=ranks).systems[0]


def _force_difference(mesh: System, finest: System) -> float:
    return float(np.linalg.norm(mesh.forces - finest.forces, axis=-1).max())


def _energy_difference(mesh: System, finest: System) -> float:
    return float((mesh.energy - finest.energy)[0]) / mesh.atoms


def _virial_difference(mesh: System, finest: System) -> float:
    if mesh.virial is None or finest.virial is None:
        return math.nan
    return float(np.abs(mesh.virial - finest.virial).max()) / mesh.atoms


def _net_force(mesh: System, _: System) -> float:
    return float(np.linalg.norm(mesh.forces.sum(axis=1))) / mesh.atoms


def _chosen(within: NDArray[np.bool_]) -> tuple[int, int] | None:
    """The coarsest mesh that will do with all that are finer; the finest itself has nothing to be compared with."""
    for c, r in np.ndindex(within.shape):
        if (c, r) != (within.shape[0] - 1, within.shape[1] - 1) and within[c:, r:].all():
            return c, r
    return None


def _verdict(chosen: tuple[int, int] | None, axes: list[list[float]], columns: dict[str, Column], limit: float) -> str:
    finest = f"{axes[0][-1]:g} and {axes[1][-1]:g} Ry"
    net = columns["net_force"].values
    if chosen is None:
        return f"No mesh coarser than {finest} gives its forces to {limit:g} eV/Å: try finer ones."
    there, net_there = columns["force_difference"].values[chosen], net[chosen]
    found = f"{axes[0][chosen[0]]:g} and {axes[1][chosen[1]]:g} Ry"
    return (
        f"{found} will do: forces are within {there:.2g} eV/Å of those at {finest} (asked: {limit:g}); "
        f"the net force an atom is {net_there:.2g} eV/Å, {net[-1, -1]:.2g} at {finest}."
    )
