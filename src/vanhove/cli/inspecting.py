"""``vanhove inspect``: one screen on a trajectory: what is in it, what is missing, what is suspicious."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import DENSITY_G_CM3

from .text import aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

TOUCHING = 0.6  # Å; shorter than any bond: H–H is 0.74
FAR_APART = 0.25  # of the cell's width in one frame: half of it and the shortest image is a guess
DRIFT = 1.0  # Å over the run


def inspect(traj: Trajectory, name: str) -> list[str]:
    """The lines that describe ``traj``."""
    opened: dict[str, Any] = next((s["parameters"] for s in reversed(traj.history) if s["function"] == "open"), {})
    counts = ", ".join(f"{n} {label}" for label, n in traj.composition.items())
    stated = "not stated (--temperature)" if traj.temperature is None else f"{traj.temperature:g} K"
    rows = [
        ("file", f"{name}  ({opened.get('format', 'unknown format')})"),
        ("atoms", f"{traj.n_atoms}: {counts}"),
        ("frames", f"{traj.n_frames}"),
        ("time", _times(traj)),
        ("cell", _cell(traj)),
        ("density", f"{_density(traj):.3f} g/cm³"),
        ("positions", str(opened.get("unwrapping", "unwrapped"))),
        ("velocities", "stored" if traj.has_velocities else "none"),
        ("temperature", stated),
    ]
    if traj.charges is not None:
        rows.append(("charges", f"{traj.charges.sum():+.3g} e in all"))
    rows += [("note", str(note)) for note in opened.get("notes", [])]
    shortest, pair = closest(traj)
    if np.isfinite(shortest):
        rows.append(("closest", f"{shortest:.2f} Å, {pair[0]}–{pair[1]}, in the first frame"))
    doubts = suspicions(traj, shortest)
    rows += [("look at", doubt) for doubt in doubts] or [("suspicious", "nothing found")]
    return aligned(rows)


def suspicions(traj: Trajectory, shortest: float) -> list[str]:
    """What a person should look at before trusting results from ``traj``; reads every frame."""
    found = []
    if shortest < TOUCHING:
        found.append(
            f"atoms only {shortest:.2f} Å apart: check the cell, the units (Å) and whether coordinates are fractional"
        )
    try:
        _ = traj.n_frames > 1 and traj.spacing
    except Refusal as refusal:
        found.append(f"{refusal.what}: {refusal.where}. Correlations over time take an even part: traj[first:last]")
    step, drift = motion(traj)
    width = min(widths(traj.cells[0]))
    if step > FAR_APART * width:
        found.append(
            f"an atom moves {step:.1f} Å between two frames, in a cell {width:.1f} Å wide: frames too far apart to be "
            "unwrapped with certainty, or files that do not follow each other"
        )
    if drift > DRIFT:
        found.append(f"the centre of mass drifts {drift:.1f} Å over the run: keep drift removal on (it is the default)")
    return found


def closest(traj: Trajectory) -> tuple[float, tuple[str, str]]:
    """The shortest distance between two atoms of the first frame, and their species."""
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    cell = traj.cells[0]
    atoms = Atoms(np.zeros(traj.n_atoms), traj.read("positions", slice(0, 1))[0], cell=cell, pbc=True)
    reach = 1.2 * (np.abs(np.linalg.det(cell)) / traj.n_atoms) ** (1 / 3)  # wide enough to hold some neighbours
    first, second, distance = neighbor_list("ijd", atoms, reach)  # type: ignore[no-untyped-call]  # ase has no types here
    if len(distance) == 0:
        return np.inf, ("", "")
    best = int(np.argmin(distance))
    return float(distance[best]), (str(traj.species[first[best]]), str(traj.species[second[best]]))


def motion(traj: Trajectory) -> tuple[float, float]:
    """The longest step of an atom between two frames, and how far the centre of mass gets, both in Å."""
    from vanhove.trajectory.blocks import cut_frames

    if traj.n_frames < 2:
        return 0.0, 0.0
    weights = traj.masses / traj.masses.sum()
    start = weights @ traj.read_paths(slice(0, 1))[0]
    longest, drift = 0.0, 0.0
    for block in cut_frames(traj, 4 * 24 * traj.n_atoms):
        paths = traj.read_paths(slice(max(block.start - 1, 0), block.stop))
        steps = np.diff(paths, axis=0)
        longest = max(longest, float(np.einsum("fai,fai->fa", steps, steps).max(initial=0.0)) ** 0.5)
        centre = np.einsum("fai,a->fi", paths, weights) - start
        drift = max(drift, float(np.linalg.norm(centre, axis=1).max()))
    return longest, drift


def widths(cell: Floats) -> list[float]:
    """The cell's perpendicular widths (Å)."""
    volume = abs(float(np.linalg.det(cell)))
    return [volume / float(np.linalg.norm(np.cross(cell[i - 2], cell[i - 1]))) for i in range(3)]


def _times(traj: Trajectory) -> str:
    times = traj.times
    if len(times) < 2:
        return f"{times[0]:g} ps"
    steps = np.diff(times)
    every = f"every {np.median(steps):g} ps" if np.ptp(steps) < 1e-3 * steps.mean() else "unevenly"
    return f"{times[0]:g} to {times[-1]:g} ps, {every}"


def _cell(traj: Trajectory) -> str:
    cell = traj.cells[0]
    lengths = np.linalg.norm(cell, axis=1)
    angles = [
        np.degrees(np.arccos(np.dot(cell[i - 2], cell[i - 1]) / lengths[i - 2] / lengths[i - 1])) for i in range(3)
    ]
    shape = " × ".join(f"{length:.3f}" for length in lengths) + " Å"
    if max(abs(angle - 90) for angle in angles) > 0.05:
        shape += ", angles " + ", ".join(f"{angle:.1f}°" for angle in angles)
    if traj.constant_cell:
        return f"{shape}, constant, {traj.volumes[0]:.0f} Å³"
    volumes = traj.volumes
    return f"{shape} at first, changing, volume {volumes.min():.0f} to {volumes.max():.0f} Å³"


def _density(traj: Trajectory) -> float:
    return float(traj.masses.sum() / traj.volumes.mean() * DENSITY_G_CM3)
