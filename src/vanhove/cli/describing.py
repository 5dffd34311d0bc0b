"""What there is to say of a trajectory, as a dictionary that is printed as lines or as JSON. Units are in the keys."""

from __future__ import annotations

from functools import reduce
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.units import DENSITY_G_CM3
from vanhove.trajectory.unwrap import how_unwrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.survey import Survey

    from .missing import Opened

    Floats = NDArray[np.float64]

SURE = 3.0  # standard errors
QUARTERS = 8  # values from which on the first and the last quarter are compared
SAME = 1e-3  # of the usual spacing: what times differ by is their rounding
FEW = 0.02  # of the intervals: so many of another length are exceptions, more are the rule
GROWS = 3.0  # times: from the first spacing to the last, where frames are spaced by the logarithm
COUNTED = {"timestep": "steps", "spacing": "frames"}  # where the option is missing
A_FRAMEWORK = 3.0  # times as far as all others a species gets that moves through a framework


def describe(opened: Opened, survey: Survey, files: list[str]) -> dict[str, Any]:
    """All facts; None where something is not known."""
    traj = opened.traj
    made: dict[str, Any] = next((s["parameters"] for s in reversed(traj.history) if s["function"] == "open"), {})
    composition = {opened.name(label): count for label, count in traj.composition.items()}
    units = reduce(gcd, composition.values())
    known = not opened.labels
    formula = "".join(f"{name}{n // units if n > units else ''}" for name, n in composition.items()) if known else None
    return {
        "files": files,
        "format": str(made.get("format", "")),
        "missing": opened.options,
        "atoms": traj.n_atoms,
        "atoms_in_all": traj.system.atoms_in_all,
        "composition": composition,
        "formula": formula,
        "formula_units": units if known else None,
        "frames": traj.n_frames,
        "times": {**times_of(traj.times), "counted_in": COUNTED.get(opened.clock, "ps")},
        "cell": cell_of(traj),
        "density_g_cm3": float(traj.masses.sum() / traj.volumes.mean() * DENSITY_G_CM3) if known else None,
        "unwrapping": how_unwrapped(traj.history),
        "notes": [str(note) for note in made.get("notes", [])],
        "velocities": traj.has_velocities,
        "temperature": _temperature(traj, survey, heat=known and not opened.clock),
        "drift": _drift(opened, survey),
        "longest_step": None if survey.longest is None else {
            "angstrom": survey.longest.distance, "atom": survey.longest.atom, "frame": survey.longest.frame,
            "of_the_width": survey.longest.distance / min(widths(traj.cells[0])),
        },
        "still": {opened.name(label): n for label, n in zip(survey.species, survey.still, strict=True) if n},
        "closest": _contact(opened, survey, survey.shortest),
        "tightest": _contact(opened, survey, survey.tightest) if known else None,
        "charge_e": None if traj.charges is None else float(traj.charges.sum()),
        "uncharged": traj.charges is not None and not traj.charges.any(),
        "looked_at": len(survey.frames),
    }  # fmt: skip


def times_of(times: Floats) -> dict[str, Any]:
    """First, last, and how far apart: the usual spacing with its exceptions, or the range where there is none."""
    said: dict[str, Any] = dict(first=float(times[0]), last=float(times[-1]), spacing=None, even=True, exceptions=[])
    if len(times) < 2:
        return said
    steps = np.diff(times)
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > SAME * usual)
    said["even"] = len(odd) == 0
    if len(odd) <= max(3, FEW * len(steps)) and 2 * len(odd) < len(steps):
        others = np.delete(steps, odd)
        said["spacing"] = float(f"{others.mean():.9g}")
        said["exceptions"] = [{"after_frame": int(frame), "spacing": float(steps[frame])} for frame in odd]
    else:
        said |= dict(shortest=float(steps.min()), longest=float(steps.max()))
        later = steps[1:]  # the first leads from zero to where the logarithm begins
        said["growing"] = bool((np.diff(later) > -SAME * usual).all() and later[-1] > GROWS * later[0])
    return said


def cell_of(traj: Trajectory) -> dict[str, Any]:
    """Lengths and angles of the mean cell, its volume, and how that spreads and drifts over the run."""
    cell, volumes = traj.cells.mean(axis=0), traj.volumes
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [float(cell[i - 2] @ cell[i - 1] / lengths[i - 2] / lengths[i - 1]) for i in range(3)]
    mean = float(volumes.mean())
    said: dict[str, Any] = {
        "lengths_angstrom": lengths.tolist(),
        "angles_degrees": np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist(),
        "constant": traj.constant_cell or bool((traj.cells == traj.cells[0]).all()),
        "volume_angstrom3": mean,
    }
    if not said["constant"]:
        said["volume_spread_percent"] = 100 * float(volumes.std()) / mean
        rise, surely = quarters(volumes)
        said |= dict(volume_drift_percent=100 * rise / mean, volume_drift_is_sure=surely)
    return said


def quarters(values: Floats) -> tuple[float, bool]:
    """By how much the mean of the last quarter is above that of the first, and whether that is no chance.

    Neighbouring values may say the same: every quarter counts as a fifth as many, and no fewer than two.
    """
    n = len(values) // 4
    if len(values) < QUARTERS:
        return float(values[-1] - values[0]), False
    first, last = values[:n], values[-n:]
    error = float(np.hypot(first.std(), last.std())) / max(2, n / 5) ** 0.5
    rise = float(last.mean() - first.mean())
    return rise, abs(rise) > SURE * error


def widths(cell: Floats) -> list[float]:
    """The cell's perpendicular widths (Å)."""
    return (1 / np.linalg.norm(np.linalg.inv(cell), axis=0)).tolist()  # type: ignore[no-any-return]  # numpy's own stub


def _temperature(traj: Trajectory, survey: Survey, *, heat: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"stated": traj.temperature, "kinetic": None, "at_least": None}
    kinetic = survey.kinetic[survey.kinetic > 0]
    if heat and len(kinetic):
        rise, surely = quarters(kinetic)
        fluctuation = float(kinetic.mean()) * (2 / (3 * traj.n_atoms)) ** 0.5  # of the canonical ensemble
        said |= dict(
            kinetic=float(kinetic.mean()), spread=float(kinetic.std()), drift=rise, drift_is_sure=surely,
            error=max(float(kinetic.std()), fluctuation) / max(1, len(kinetic) / 10) ** 0.5,
        )  # fmt: skip
    said["frames_at_rest"] = np.flatnonzero(survey.kinetic == 0).tolist() if traj.has_velocities else []
    said["straight"] = survey.straight if np.isfinite(survey.straight) else None
    least = survey.least[np.isfinite(survey.least)]
    if heat and len(least):
        said["at_least"] = float(np.median(least))
    return said


def _drift(opened: Opened, survey: Survey) -> dict[str, Any] | None:
    traj = opened.traj
    if len(survey.frames) < 2 or opened.labels:  # without masses there is no centre of mass
        return None
    counts = np.array([traj.composition[label] for label in survey.species])
    others = np.arange(len(counts)) != survey.fastest
    elapsed = float(traj.times[survey.frames[-1]] - traj.times[survey.frames[0]])
    said = _path(survey.centres, None if opened.clock else elapsed)
    rest = float((survey.spreads * counts)[others].sum() / max(counts[others].sum(), 1))
    if others.any() and survey.spreads[survey.fastest] > A_FRAMEWORK * rest:
        framework = np.einsum("fsi,s->fi", survey.middles[:, others], counts[others] / counts[others].sum())
        said["all_but"] = opened.name(survey.species[survey.fastest])
        said["framework"] = _path(framework, None if opened.clock else elapsed)
    return said


def _path(path: Floats, elapsed: float | None) -> dict[str, Any]:
    away = np.linalg.norm(path - path[0], axis=1)
    return {
        "angstrom": float(away.max()),
        "angstrom_per_ps": None if elapsed is None else float(away[-1]) / elapsed,
    }


def _contact(opened: Opened, survey: Survey, found: Any) -> dict[str, Any] | None:
    if found is None:
        return None
    contact, frame = found
    return {
        "angstrom": contact.distance,
        "bonds": contact.bonds if not opened.labels else None,
        "atoms": list(contact.atoms),
        "species": [opened.name(str(opened.traj.species[atom])) for atom in contact.atoms],
        "frame": frame,
        "frames_looked_at": list(survey.contact_frames),
    }
