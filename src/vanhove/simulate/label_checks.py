"""What would spoil a training: looked for in every system, and between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import GPA_IN_EV_A3
from vanhove.trajectory.closest import closest

from .label_energies import composition, energies
from .label_findings import SEVERITIES, Finding
from .label_repeats import repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .label_data import Labelled, System

    Floats = NDArray[np.float64]

WEAKEST, STRONGEST = 0.005, 20.0  # eV/Å: root mean squares outside are rather those of another unit
FAR_OUT = 8.0  # robust standard deviations of ln max|F|
LEAST_SPREAD = 0.08  # of ln max|F|: of a crystal at low temperature
LARGEST = 60.0  # eV/Å on an atom: nothing that a run visits
SHARE = 0.05  # of a force that may be left when those of all atoms are added
SAMPLED = 12  # frames whose contacts are looked at
TOUCHING, LONELY = 0.45, 1.6  # shortest distance, in sums of covalent radii
HIGHEST = 150.0  # GPa
LOPSIDED = 0.02  # of a virial's size, by which it may differ from its transpose


def check(data: Labelled) -> list[Finding]:
    """See :meth:`vanhove.simulate.Labelled.check`."""
    found = [*repeats(data), *composition(data)]
    for system in data.systems:
        found += [*_forces(system), *_contacts(system), *energies(system), *_virial(system)]
    order = {name: k for k, name in enumerate(data.names)}
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), order[one.system]))


def _forces(system: System) -> list[Finding]:
    found, size = [], np.sqrt((system.forces**2).sum(axis=2))
    typical = float(np.sqrt((system.forces**2).mean()))
    if not WEAKEST < typical < STRONGEST:
        guess = "in hartree/bohr, or the atoms are at rest" if typical < STRONGEST else "in kcal/mol/Å or meV/Å"
        found.append(Finding(
            "doubt", "units", system.name, f"forces of {typical:.2g} eV/Å on average: they may be {guess}",
            "They must be in eV/Å",
        ))  # fmt: skip
    largest = size.max(axis=1)
    with np.errstate(divide="ignore"):
        level = np.log(np.maximum(largest, 1e-12))
    middle = float(np.median(level))
    spread = max(1.4826 * float(np.median(np.abs(level - middle))), LEAST_SPREAD)
    out = np.flatnonzero(((level - middle) / spread > FAR_OUT) | (largest > LARGEST))
    if len(out):
        frame = int(out[np.argmax(largest[out])])
        atom = int(size[frame].argmax())
        found.append(Finding(
            "error" if largest[frame] > LARGEST else "doubt", "forces", system.name,
            f"forces far out: {largest[frame]:.1f} eV/Å on {system.species[atom]} {atom} in frame {frame}, "
            f"where the largest of a frame is {np.exp(middle):.1f}",
            "Look at these frames, and leave them out if the calculation failed", tuple(out.tolist()),
        ))  # fmt: skip
    left = np.linalg.norm(system.forces.sum(axis=1), axis=1) / np.sqrt(system.atoms)
    pushed = np.flatnonzero(left > SHARE * max(typical, WEAKEST)) if system.atoms > 1 else np.empty(0, np.intp)
    if len(pushed):
        found.append(Finding(
            "doubt", "forces", system.name,
            f"the forces do not sum to zero: {left.max() * np.sqrt(system.atoms):.2g} eV/Å are left",
            "They are not converged, belong to other atoms, or some atoms' are missing", tuple(pushed.tolist()),
        ))  # fmt: skip
    return found


def _contacts(system: System) -> list[Finding]:
    chosen = np.unique(np.linspace(0, system.frames - 1, SAMPLED).astype(int)).tolist()
    labels, near = np.array(system.species), dict[int, float]()
    for frame in chosen:
        contacts = closest(system.positions[frame], system.cell[frame], labels)
        near[frame] = np.inf if contacts is None else contacts[1].bonds
    shortest = min(near.values())
    if shortest < TOUCHING:
        frames = tuple(frame for frame, bonds in near.items() if bonds < TOUCHING)
        return [Finding(
            "error", "contacts", system.name, f"atoms are {shortest:.2f} covalent bonds apart",
            "Positions or cell may be in another unit, or of other atoms; no potential learns from such frames", frames,
        )]  # fmt: skip
    if shortest > LONELY and system.atoms > 1:
        return [Finding(
            "doubt", "units", system.name, f"no two atoms are closer than {shortest:.1f} covalent bonds",
            "Positions and cell may be in bohr: they must be in Å",
        )]  # fmt: skip
    return []


def _virial(system: System) -> list[Finding]:
    if system.virial is None:
        return [Finding(
            "note", "virial", system.name, "it has no virials",
            "A potential trained on it alone knows no pressure: keep the volume in its runs",
        )]  # fmt: skip
    found = []
    pressure = np.trace(system.virial, axis1=1, axis2=2) / (3 * system.volume) / GPA_IN_EV_A3
    high = np.flatnonzero(np.abs(pressure) > HIGHEST)
    if len(high):
        found.append(Finding(
            "doubt", "units", system.name,
            f"virials of up to {np.abs(pressure).max():.0f} GPa: they may be stresses, or in kbar",
            "They must be in eV: minus the stress times the volume", tuple(high.tolist()),
        ))  # fmt: skip
    apart = np.abs(system.virial - system.virial.transpose(0, 2, 1)).max(axis=(1, 2))
    size = np.sqrt((system.virial**2).mean())
    lopsided = np.flatnonzero(apart > LOPSIDED * max(size, 1e-3 * system.atoms))
    if len(lopsided):
        found.append(Finding(
            "doubt", "virial", system.name, "virials are not symmetric",
            "A cell does not turn by itself: check how they were made",
            tuple(lopsided.tolist()),
        ))  # fmt: skip
    return found
