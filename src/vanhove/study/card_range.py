"""What a model was trained on, and so where it may be used: species, cells, densities, temperatures, distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.units import DENSITY_G_CM3

from .card_steps import Outcome

if TYPE_CHECKING:
    from vanhove.simulate._labelled import Labelled, System

    from .card_contacts import Closest

FEWEST_FAR = 1e-9


def range_of(frames: Labelled, closest: Mapping[str, Closest]) -> Outcome:
    """Of the frames of a training, system by system."""
    return Outcome({
        "species": list(frames.species), "frames": frames.frames, "fingerprint": frames.fingerprint,
        "largest": max(system.atoms for system in frames), "systems": [system_of(system) for system in frames],
        "closest": {pair: one.distance for pair, one in closest.items()},
        "closest_in": {pair: f"{one.system} {one.frame}" for pair, one in closest.items()},
    })  # fmt: skip


def system_of(system: System) -> dict[str, Any]:
    """A row of the card's table."""
    from ase.data import atomic_masses, atomic_numbers

    mass = sum(float(atomic_masses[atomic_numbers[element_of(label)]]) for label in system.species)
    density = DENSITY_G_CM3 * mass / system.volume
    each = system.energy / system.atoms
    return {
        "name": system.name, "formula": system.formula, "atoms": system.atoms, "frames": system.frames,
        "density": [float(density.min()), float(density.max())], "energy": [float(each.min()), float(each.max())],
        "force": float(np.sqrt((system.forces**2).mean())), "virials": system.virial is not None,
        "source": system.source,
    }  # fmt: skip


def said_range(found: Outcome | None, temperatures: Sequence[float]) -> list[str]:
    """The range in sentences."""
    if found is None:
        return ["The frames it was trained on were not given: its range of validity is not known."]
    values = found.values
    density = [end for system in values["systems"] for end in system["density"]]
    kelvin = (
        f"Temperatures of the training: {_ends(temperatures)} K." if temperatures
        else "Temperatures of the training were not said."
    )  # fmt: skip
    return [
        f"Species: {', '.join(values['species'])}; cells of up to {values['largest']} atoms.",
        f"Densities {_ends(density)} g/cm³.",
        kelvin,
        "Atoms as close as "
        + ", ".join(f"{pair} {distance:.2f} Å" for pair, distance in values["closest"].items())
        + "; what comes closer is extrapolated.",
    ]


def _ends(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.4g}" if high - low < FEWEST_FAR else f"{low:.3g} to {high:.3g}"
