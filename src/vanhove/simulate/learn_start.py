"""What an active learning begins with: labelled frames, or structures that are rattled and labelled first."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest

from ._labelled import Labelled, labelled
from .contacts import NEAREST_BOND, bond_bounds, too_close
from .deck import drawn_from
from .point_frames import Frame, frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .label_data import System
    from .pairwise import Potential

    Floats = NDArray[np.float64]

SMALLEST, LARGEST = 0.01, 0.1  # Å, standard deviations of a rattled frame's displacements
STRAIN = 0.02  # standard deviation of each component of its strain
TRIES = 100  # to rattle a frame without bringing atoms too close


@dataclass(frozen=True)
class Begin:
    """Frames that are labelled, or those that are to be; the structures that runs begin with, by name."""

    data: Labelled | None
    to_label: dict[str, list[Frame]]
    structures: dict[str, Frame]
    fingerprint: str

    @property
    def species(self) -> tuple[str, ...]:
        """Those of the frames to begin with."""
        if self.data is not None:
            return self.data.species
        return tuple(sorted({label for frames in self.to_label.values() for label in frames[0].species}))

    @property
    def frames(self) -> int:
        """How many frames there are to begin with."""
        return self.data.frames if self.data is not None else sum(map(len, self.to_label.values()))


def begin_of(start: Any, structures: Any, labeller: Potential, rattled: int, seed: int) -> Begin:
    """Look at all that is given before anything is done; refused where the parts do not fit together."""
    data = _data(start)
    there = _named(frames_of(start)) if data is None else {system.name: [_first(system)] for system in data}
    given = {name: frames[0] for name, frames in there.items()} if structures is None else _each(structures)
    to_label = {} if data is not None else {
        name: [shaken for frame in frames for shaken in rattle(frame, rattled, seed)] for name, frames in there.items()
    }  # fmt: skip
    named = digest(*(frame.fingerprint({}) for frames in to_label.values() for frame in frames))
    begin = Begin(data, to_label, given, data.fingerprint if data is not None else named)
    for name, frame in given.items():
        strange = sorted(set(frame.species) - set(begin.species))
        if strange:
            raise Refusal(
                f"The structure '{name}' has {strange[0]}, which is in none of the frames to begin with",
                f"they hold {', '.join(begin.species)}", f"Add frames with {strange[0]}, or leave that structure out",
            )  # fmt: skip
    known = labeller.species
    if known is not None:
        for label in begin.species:
            if not {label, element_of(label)} & set(known):
                raise Refusal(f"The labeller '{labeller.name}' has no {label}", "", nearest(label, list(known)))
    return begin


def rattle(frame: Frame, count: int, seed: int) -> list[Frame]:
    r"""The structure and ``count`` - 1 more of it, strained and with its atoms displaced.

    Each frame has a standard deviation of its own for the displacements, evenly between 0.01 and 0.1 Å, and a strain
    (1 + ε) with symmetric ε of 2 %. Atoms are brought no closer than half a bond.
    """
    generator = np.random.default_rng([seed, drawn_from("rattle", frame.fingerprint({}))])
    species, limits = np.array(frame.species), bond_bounds(list(dict.fromkeys(frame.species)))
    made = [Frame(frame.system, 0, frame.species, frame.cell, frame.positions)]
    for number, size in enumerate(np.linspace(SMALLEST, LARGEST, max(count - 1, 1))[: count - 1], 1):
        for _ in range(TRIES):
            strain = generator.normal(scale=STRAIN, size=(3, 3))
            stretch = np.eye(3) + (strain + strain.T) / 2
            moved = (frame.positions + generator.normal(scale=size, size=frame.positions.shape)) @ stretch
            if too_close(moved, frame.cell @ stretch, species, limits) is None:
                made.append(Frame(frame.system, number, frame.species, frame.cell @ stretch, moved))
                break
        else:
            raise Refusal(
                f"The atoms of '{frame.system}' can't be displaced by {size:.2g} Å without coming too close",
                f"closer than {NEAREST_BOND:g} of a bond, {TRIES} times",
                "Check the structure, or give frames that are labelled already",
            )
    return made


def _data(start: Any) -> Labelled | None:
    """Labelled frames, where that is what was given."""
    if isinstance(start, Labelled):
        return start
    paths = isinstance(start, Sequence) and bool(start) and all(isinstance(one, str | os.PathLike) for one in start)
    if isinstance(start, str | os.PathLike) or paths:
        return labelled(start)
    if start is None or (isinstance(start, Sequence | Mapping) and not start):
        raise Refusal(
            "There is nothing to begin with", "start",
            "Give labelled frames, their files, or ase.Atoms that are rattled and labelled first",
        )  # fmt: skip
    return None


def _first(system: System) -> Frame:
    return Frame(system.name, 0, system.species, system.cell[0], system.positions[0])


def _each(structures: Any) -> dict[str, Frame]:
    """Every structure with a name of its own."""
    found = {}
    for name, frames in _named(frames_of(structures)).items():
        many = len(frames) > 1
        found.update({f"{name}-{number}" if many else name: frame for number, frame in enumerate(frames, 1)})
    return found


def _named(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """Frames by the name that was given to them, else by what they are made of."""
    from ._label import formula

    found: dict[str, list[Frame]] = {}
    for frame in frames:
        name = frame.system or formula(frame.species)
        _check_name(name)
        found.setdefault(name, []).append(Frame(name, frame.number, frame.species, frame.cell, frame.positions))
    for name, each in found.items():
        if len({one.species for one in each}) > 1:
            raise Refusal(f"Structures of different atoms are called '{name}'", "", "Give each kind a name of its own")
    return found


def _check_name(name: str) -> None:
    if "/" in name or name.startswith(".") or Path(name).name != name or any(sign in name for sign in '"$&'):
        raise Refusal(f"A structure can't be called {name!r}", "it names a folder", "Use letters, digits and -")
