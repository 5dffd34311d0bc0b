"""Opening a file that does not say everything: what is not known is stood in for, so that the rest can be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_by_mass, is_species, mass_of
from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from vanhove.trajectory import Trajectory

_ASKED = re.compile(r"on the command line --(species|timestep|spacing)(?: (\S+))?")
STAND_INS = ("Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg")


@dataclass
class Opened:
    """A trajectory, and what had to be stood in for."""

    traj: Trajectory
    labels: dict[str, str] = field(default_factory=dict)  # stand-in species → what the file calls them
    clock: str = ""  # "timestep" or "spacing", where times are counted in steps or frames
    options: list[str] = field(default_factory=list)  # what to give, as written on the command line

    def name(self, species: str) -> str:
        """What a person calls an atom of ``species``."""
        label = self.labels.get(species)
        return species if label is None else f"type {label}" if label.isdigit() else f"'{label}'"


def opened(files: Sequence[Path], reading: Mapping[str, Any]) -> Opened:
    """Open ``files``; where they need an option that says what they do not, go on without it.

    A refusal that names ``--species``, ``--timestep`` or ``--spacing`` is about such an option; any other is raised.
    """
    import vanhove as vh

    given, labels, clock = dict(reading), dict[str, str](), ""
    told: dict[str, str] = {}
    while True:
        try:
            traj = vh.open(list(files), **given)
            break
        except Refusal as refusal:
            asked = _ASKED.search(refusal.do)
            if asked is None or asked.group(1) in told:
                raise
            option, example = asked.groups()
            told[option] = example or ".."
            if option == "species":
                labels, given["species"] = _stand_ins(str(example), reading.get("species") or {})
            else:
                clock, given[option] = option, 1.0
    options = [
        f"--{option} {_species_option(traj, labels, reading.get('species') or {}) if option == 'species' else '..'}"
        for option in told
    ]
    return Opened(traj, labels, clock, options)


def _stand_ins(example: str, known: Mapping[Any, str]) -> tuple[dict[str, str], dict[str, str]]:
    """For the labels of ``--species 1=..,2=..``: stand-ins and their labels, and the ``species`` to open with."""
    names = [part.partition("=")[0] for part in example.split(",")]
    species = {str(label): element for label, element in known.items()}
    species |= {name: name for name in names if name not in species and is_species(name)}
    free = iter(element for element in STAND_INS if element not in species.values())
    labels: dict[str, str] = {}
    for name in names:
        if name not in species:
            species[name] = next(free, STAND_INS[-1])
            labels[species[name]] = name
    return labels, species


def _species_option(traj: Trajectory, labels: Mapping[str, str], known: Mapping[Any, str]) -> str:
    """``"1=Na,2=..,3=S"``: what was given, and what the masses say where the file has them."""
    said = {str(label): element for label, element in known.items()}
    for stand_in, label in labels.items():
        masses = traj.masses[traj.species == stand_in]
        own = len(masses) > 0 and abs(float(masses[0]) - mass_of(stand_in)) > 1e-9 and float(np.ptp(masses)) == 0
        reduced = own and float(masses[0]) == 1.0
        said[label] = (element_by_mass(float(masses[0]), tolerance=0.5) if own and not reduced else None) or ".."
    return ",".join(f"{label}={element}" for label, element in said.items())
