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
    doubts = suspicions(traj)
    rows += [("look at", doubt) for doubt in doubts] or [("suspicious", "nothing found")]
    return aligned(rows)


def suspicions(traj: Trajectory) -> list[str]:
    """What a person should look at before trusting results from ``traj``; reads every frame."""
    found = []
    nearest, pair = closest(traj)
    if nearest < TOUCHING:
        found.append(
            f"{pair[0]} and {pair[1]} are {nearest:.2f} Å apart in the first frame: check the cell, the units (Å) and "
            "that fractional coordinates were read as such"
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
    import freud

    if traj.n_atoms < 2:
        return np.inf, ("", "")
    cell = traj.cells[0]
    positions = traj.read("positions", slice(0, 1))[0]
    # freud's box is upper triangular: turn cell and atoms together
    turned = np.linalg.cholesky(cell @ cell.T)
    box = freud.box.Box.from_matrix(turned.T)
    points = box.wrap((positions @ np.linalg.inv(cell)) @ turned)
    query = freud.locality.AABBQuery(box, points)
    reach = (np.abs(np.linalg.det(cell)) / traj.n_atoms) ** (1 / 3)  # about one atom lies within it
    near = query.query(points, dict(mode="ball", r_max=min(reach, 0.49 * min(widths(cell))), exclude_ii=True))
    pairs = near.toNeighborList()
    if len(pairs.distances) == 0:
        return np.inf, ("", "")
    best = int(np.argmin(pairs.distances))
    first, second = (str(traj.species[i]) for i in pairs[:][best])
    return float(pairs.distances[best]), (first, second)


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
    if max(abs(angle - 90) for angle in angles) > 1e-3:
        shape += ", angles " + ", ".join(f"{angle:.1f}°" for angle in angles)
    if traj.constant_cell:
        return f"{shape}, constant, {traj.volumes[0]:.0f} Å³"
    volumes = traj.volumes
    return f"{shape} at first, changing, volume {volumes.min():.0f} to {volumes.max():.0f} Å³"


def _density(traj: Trajectory) -> float:
    return float(traj.masses.sum() / traj.volumes.mean() * DENSITY_G_CM3)
