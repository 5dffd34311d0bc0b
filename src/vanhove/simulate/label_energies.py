"""Whether energies belong to forces, to each other, and to those of the other systems.

Between two frames that lie close together the energy changes by the work of the forces,

    E' - E = -½ Σ (F + F')·Δr - ½ (W + W'):ε,

Δr the motion relative to the cell and ε its strain. In a run of neighbouring frames this finds wrong units, wrong signs
and energies of other frames, whatever the absolute values are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.units import BOHR, GPA_IN_EV_A3, HARTREE, KCAL_MOL_IN_EV

from .label_findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .label_data import Labelled, System

    Floats = NDArray[np.float64]

CLOSE, NEAR = 0.25, 0.12  # Å: mean steps up to which the work may tell the change of the energy, and must tell it
FEWEST = 8  # pairs of frames for a slope
AGREES = 0.8  # a correlation that is one
SLOPE = (0.75, 1.33)  # of the energy's change against the work; coarse steps lower it
STILL = 1e-4  # eV an atom: changes below are noise
FAR_OUT, ALONE = 15.0, 10.0  # robust standard deviations: of what no force explains, of single frames
KNOWN = 1.0  # of the bend: what a smooth way is off at most
SCATTERED = 0.1  # of the steps that may be long in a run
LEAST_JUMP = 2e-3  # eV an atom
LEAST_DRIFT, DRIFT = 5e-3, 3.0  # eV an atom; times the spread within a fifth of the frames
APART, FAR_APART = 5.0, 15.0  # eV an atom off what the others add up to: no bond, and no chemistry at all, is as strong
MEANINGS = {
    1 / HARTREE: "the energies are in hartree", HARTREE / BOHR: "the forces are in hartree/bohr",
    1 / BOHR: "energies and forces are in atomic units", BOHR: "the positions are in bohr",
    10.0: "the positions are in nm",
    1 / KCAL_MOL_IN_EV: "the energies are in kcal/mol", KCAL_MOL_IN_EV: "the forces are in kcal/mol/Å",
    1e3: "the energies are in meV", 1e-3: "the forces are in meV/Å",
    -1.0: "the forces are gradients, of the other sign",
}  # fmt: skip
VIRIALS = {
    -1.0: "it has the sign of a stress", GPA_IN_EV_A3: "it is in GPa times the volume", 1e-3: "it is in meV",
}  # fmt: skip


class Steps(NamedTuple):
    """From each frame to the next."""

    change: Floats  # of the energy, eV
    work: Floats  # -½ Σ (F + F')·Δr, eV
    strain: Floats | None  # -½ (W + W'):ε, eV; None where the cell stays or there are no virials
    bend: Floats  # ½ Σ |(F' - F)·Δr|, eV: the work is known to a part of that
    mean: Floats  # of the atoms' steps, Å
    steady: bool  # whether the cell stays


def steps_of(system: System) -> Steps:
    """The changes between neighbouring frames."""
    inverse = np.linalg.inv(system.cell)
    fractions = system.positions @ inverse
    moved = np.diff(fractions, axis=0)
    moved = (moved - np.rint(moved)) @ (system.cell[1:] + system.cell[:-1]) / 2
    work = -((system.forces[1:] + system.forces[:-1]) / 2 * moved).sum(axis=(1, 2))
    stretch = np.diff(system.cell, axis=0)
    steady = not np.abs(stretch).max(initial=0.0) > 1e-6
    strain = None
    if not steady and system.virial is not None:
        relative = (inverse[1:] + inverse[:-1]) / 2 @ stretch
        strain = -((system.virial[1:] + system.virial[:-1]) / 2 * relative).sum(axis=(1, 2))
    bend = np.abs((np.diff(system.forces, axis=0) * moved).sum(axis=2)).sum(axis=1) / 2
    return Steps(np.diff(system.energy), work, strain, bend, np.sqrt((moved**2).sum(axis=2)).mean(axis=1), steady)


def energies(system: System) -> list[Finding]:
    """What one system's energies say."""
    steps = steps_of(system)
    close = steps.mean < CLOSE
    usable = close & (steps.steady or steps.strain is not None)
    run = bool(usable.sum() >= max(FEWEST, len(close) // 2))
    found = list[Finding]()
    if run:
        found += _against_work(system, steps, usable)
    if (~close).sum() > SCATTERED * len(close):
        apart = np.flatnonzero(~close)
        found.append(Finding(
            "note", "jumps", system.name,
            f"between frames the atoms move {CLOSE:g} Å or more on average, {len(apart)} of {len(close)} times",
            "The frames do not follow each other: use them for structure and training, not for dynamics",
            tuple((apart + 1).tolist()),
        ))  # fmt: skip
    return found + _outliers(system, steps, usable if run else None) + _drift(system)


def _against_work(system: System, steps: Steps, usable: NDArray[np.bool_]) -> list[Finding]:
    work = steps.work + (steps.strain if steps.strain is not None else 0.0)
    slope, correlation = _slope(steps.change[usable], work[usable])
    if np.std(steps.change[usable]) < STILL * system.atoms and np.std(work[usable]) < STILL * system.atoms:
        return []
    if steps.strain is not None:
        rest = steps.change - steps.work
        pulled, sure = _slope(rest[usable], steps.strain[usable])
        if sure**2 > AGREES**2 and not SLOPE[0] < pulled < SLOPE[1]:
            meaning = _meaning(pulled, VIRIALS)
            return [Finding(
                "error", "units", system.name,
                f"as the cell changes, the energy changes by {pulled:.3g} times the virial's work{meaning}",
                "Correct the virials: W = -dE/dε, in eV",
            )]  # fmt: skip
    if correlation**2 < AGREES**2:
        if np.median(steps.mean[usable]) > NEAR:
            return []
        return [Finding(
            "error", "energies", system.name,
            f"the energies do not follow the forces' work (correlation {correlation:.2f} over {usable.sum()} steps)",
            "They may belong to other frames, or be those of another functional than the forces",
        )]  # fmt: skip
    if SLOPE[0] < slope < SLOPE[1]:
        return []
    by_atoms = ": the energies are an atom's" if abs(slope * system.atoms - 1) < 0.3 else ""
    meaning = by_atoms or _meaning(slope, MEANINGS)
    return [Finding(
        "error", "units", system.name, f"the energy changes by {slope:.3g} times the work of the forces{meaning}",
        "Energies must be in eV, forces in eV/Å and positions in Å: convert what is not",
    )]  # fmt: skip


def _slope(change: Floats, work: Floats) -> tuple[float, float]:
    """Of the change against the work, and their correlation, without the tenth of the steps that fits worst."""
    if not (work**2).sum() > 0 or not (change**2).sum() > 0:
        return 0.0, 0.0
    ratio = float(np.median(np.abs(change)) / max(float(np.median(np.abs(work))), 1e-300))
    sign = np.sign((change * work).sum())
    off = np.abs(change - sign * ratio * work)
    kept = off <= np.quantile(off, 0.9)
    x, y = work[kept], change[kept]
    norm = float(np.sqrt((x**2).sum() * (y**2).sum()))
    if norm == 0:
        return 0.0, 0.0
    # the axis of the cloud, so that noise of either does not lower it
    correlation = float((x * y).sum()) / norm
    return float(np.sign(correlation) * np.sqrt((y**2).sum() / (x**2).sum())), correlation


def _meaning(slope: float, table: dict[float, str]) -> str:
    for factor, words in table.items():
        if slope * factor > 0 and 0.8 < slope / factor < 1.25:
            return f": {words}, as it seems"
    return ""


def _outliers(system: System, steps: Steps, usable: NDArray[np.bool_] | None) -> list[Finding]:
    """Energies that leave the others: in a run by what the work does not explain."""
    found = []
    if usable is not None:
        rest = (steps.change - steps.work - (steps.strain if steps.strain is not None else 0.0)) / system.atoms
        least = np.maximum(np.maximum(LEAST_JUMP, FAR_OUT * _spread(rest[usable])), KNOWN * steps.bend / system.atoms)
        off = usable & (np.abs(rest) > least)
        if 0 < off.sum() <= len(off) // 4:
            frames = np.flatnonzero(off) + 1
            found.append(Finding(
                "doubt", "energies", system.name,
                f"the energy jumps by up to {np.abs(rest[off]).max() * 1e3:.1f} meV an atom that no force explains",
                "Runs of different settings may be joined there, or one calculation ended in another state",
                tuple(frames.tolist()),
            ))  # fmt: skip
    elif system.frames >= FEWEST:
        each = system.energy / system.atoms
        off = np.abs(each - np.median(each)) > max(ALONE * _spread(each), LEAST_JUMP)
        if 0 < off.sum() <= len(off) // 4:
            found.append(Finding(
                "doubt", "energies", system.name,
                f"energies are up to {np.abs(each - np.median(each)).max() * 1e3:.0f} meV an atom off the others",
                "Look at these frames: another state of the electrons, other settings, or atoms too close",
                tuple(np.flatnonzero(off).tolist()),
            ))  # fmt: skip
    return found


def _spread(values: Floats) -> float:
    """A standard deviation that few outliers do not change."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _drift(system: System) -> list[Finding]:
    if system.frames < 5 * FEWEST:
        return []
    fifths = np.array_split(system.energy / system.atoms, 5)
    means, within = np.array([part.mean() for part in fifths]), float(np.mean([part.std() for part in fifths]))
    rise = float(means[-1] - means[0])
    if abs(rise) < max(LEAST_DRIFT, DRIFT * within):
        return []
    return [Finding(
        "note", "energies", system.name,
        f"the energy drifts by {rise * 1e3:.0f} meV an atom from the first to the last fifth of the frames",
        "The run was not in equilibrium: a block of it is not like all of it",
    )]  # fmt: skip


def composition(data: Labelled) -> list[Finding]:
    """Systems whose mean energy is not what the elements of the others add up to, found one by one, the worst first."""
    systems = list(data.systems)
    counts = np.array([[system.species.count(name) for name in data.species] for system in systems], float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    each = np.array([system.energy.mean() / system.atoms for system in systems])
    left, found = list(range(len(systems))), list[Finding]()
    while len(left) > len(data.species) + 1:
        off, rest = _left_out(shares[left], each[left])
        if not np.nanmax(np.abs(off), initial=0.0) > APART:
            break
        worst = int(np.nanargmin(rest))
        if not np.abs(off[worst]) > APART:
            break
        system = systems[left.pop(worst)]
        found.append(Finding(
            "error" if abs(off[worst]) > FAR_APART else "doubt", "composition", system.name,
            f"its energy is {off[worst]:+.2f} eV an atom off what the other systems' elements add up to",
            "It may be in another unit, or computed with other potentials of the cores or another functional",
        ))  # fmt: skip
    return found


def _left_out(shares: Floats, each: Floats) -> tuple[Floats, Floats]:
    """How far each energy is off a fit to the others, and how well these fit without it; NaN where they can't tell."""
    off, rest = np.full(len(each), np.nan), np.full(len(each), np.nan)
    for k in range(len(each)):
        others = np.delete(np.arange(len(each)), k)
        if np.linalg.matrix_rank(shares[others]) < shares.shape[1]:
            continue
        atoms, *_ = np.linalg.lstsq(shares[others], each[others], rcond=None)
        off[k] = each[k] - shares[k] @ atoms
        rest[k] = float(np.abs(each[others] - shares[others] @ atoms).max())
    return off, rest
