"""Meshes of q points and the modes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from vanhove.base.errors import Refusal

from .spectrum import PLANCK

Mesh = int | Sequence[int] | Literal["gamma"] | None

LARGE = 100  # atoms of a cell whose zone centre alone is enough, and whose modes are looked at one by one
MESH_LENGTH = 60.0  # Å: a mesh of q points resolves waves of this length
TRANSLATION = 0.5  # of a mode at the zone centre, that is the motion of the whole crystal


def mesh_of(mesh: Mesh, atoms: Any) -> list[int] | None:
    """Points along each reciprocal axis; None for the zone centre."""
    if mesh == "gamma" or (mesh is None and len(atoms) >= LARGE):
        return None
    if mesh is None:
        reciprocal = np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
        return [max(1, int(np.ceil(MESH_LENGTH * length))) for length in reciprocal]
    given: Any = mesh  # of the command line, too, where every number has a point
    numbers = np.atleast_1d(np.array([0.0] if isinstance(given, str) else given, np.float64))
    points = numbers.repeat(3) if numbers.size == 1 else numbers
    if points.shape != (3,) or not np.array_equal(points, np.rint(points)) or points.min() < 1:
        raise Refusal(f"mesh={mesh!r}", "", 'Give a whole number, three of them, or "gamma"')
    return [int(n) for n in points]


def over_zone(found: Any, points: list[int]) -> dict[str, Any]:
    """The modes of a mesh of q points, of which q and −q count once together."""
    # other symmetries would give the sums over equivalent atoms, not what each atom does
    found.run_mesh(points, with_eigenvectors=True, is_mesh_symmetry=False)
    mesh = found.mesh
    n = len(found.primitive)
    bands = 3 * n
    vectors = np.asarray(mesh.eigenvectors).transpose(0, 2, 1).reshape(-1, n, 3)
    weights = np.repeat(np.asarray(mesh.weights, np.float64) / np.sum(mesh.weights), bands)
    q = np.repeat(np.asarray(mesh.qpoints), bands, axis=0)
    uniform = np.sqrt(np.asarray(found.primitive.masses) / np.sum(found.primitive.masses))
    whole = np.square(np.abs(np.einsum("mka,k->ma", vectors, uniform))).sum(axis=-1)
    weights[(np.abs(q).max(axis=1) < 1e-9) & (whole > TRANSLATION)] = 0.0
    return {
        "frequencies": np.asarray(mesh.frequencies).ravel() * PLANCK, "weight": weights, "q_vector": q,
        "share": np.square(np.abs(vectors)).sum(axis=-1), "points": len(mesh.qpoints),
        "mesh": " × ".join(str(k) for k in points),
    }  # fmt: skip
