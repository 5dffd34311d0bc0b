"""Frames with the energies, forces and virials that a potential is trained on: what they hold, and choosing of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest
from vanhove.trajectory.opening import check_cells

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .label_findings import Finding

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LONGEST_NAME = 120
FARTHEST = 1e8  # no position, force, energy or virial is larger: what is was never written, or was damaged
ARRAYS = ("cell", "positions", "energy", "forces", "virial", "frame_of")
Which = str | Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class System:
    """Labelled frames of the same atoms in the same order.

    Attributes
    ----------
    name
        What it is called; the name of its folder where it is saved.
    species
        Symbol of every atom.
    cell
        (frame, 3, 3) Å, row vectors.
    positions
        (frame, atom, 3) Å, wrapped or not.
    energy
        (frame,) eV, the one whose derivative the forces are.
    forces
        (frame, atom, 3) eV/Å.
    virial
        (frame, 3, 3) eV, or None: W = -dE/dε = -σV with the stress σ positive in tension, as DeePMD's virial.npy has
        it. A compressed cell has a positive trace. Atoms' motion has no part in it.
    frame_of
        (frame,) the frame's number in its source.
    source
        The file that it came from and how that was made.
    """

    name: str
    species: tuple[str, ...]
    cell: Floats
    positions: Floats
    energy: Floats
    forces: Floats
    virial: Floats | None = None
    frame_of: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    source: str = ""

    def __post_init__(self) -> None:
        where = self.source or f"system '{self.name}'"
        _check_name(self.name)
        object.__setattr__(self, "species", tuple(str(symbol) for symbol in self.species))
        wrong = sorted({symbol for symbol in self.species if not is_species(symbol)})
        if wrong or not self.species:
            raise Refusal(f"'{wrong[0]}' is no element or isotope" if wrong else "The system has no atoms", where)
        frames, atoms = np.shape(self.energy)[0] if np.ndim(self.energy) else 0, len(self.species)
        if not len(self.frame_of):
            object.__setattr__(self, "frame_of", np.arange(frames, dtype=np.int64))
        shapes = dict(
            cell=(frames, 3, 3), positions=(frames, atoms, 3), energy=(frames,), forces=(frames, atoms, 3),
            virial=(frames, 3, 3), frame_of=(frames,),
        )  # fmt: skip
        for what, shape in shapes.items():
            given = getattr(self, what)
            if given is None:
                continue
            array = np.array(given, np.int64 if what == "frame_of" else np.float64)
            if array.shape != shape:
                raise Refusal(f"{what} has the shape {array.shape}, not {shape}", where, "Check how it was made")
            array.setflags(write=False)
            object.__setattr__(self, what, array)
        if not frames:
            raise Refusal("The system has no frames", where, "Leave it out")
        self._check_numbers(where)

    def _check_numbers(self, where: str) -> None:
        for what in ARRAYS[:-1]:
            array = getattr(self, what)
            if array is not None and not (array.max() < FARTHEST and array.min() > -FARTHEST):  # NaN is neither
                place = np.argwhere(~(np.abs(array) < FARTHEST))[0]
                atom = f", atom {place[1] + 1} in order" if what in ("positions", "forces") else ""
                raise Refusal(
                    f"{what} is {array[tuple(place)]:g}", f"{where}, frame {self.frame_of[place[0]]}{atom}",
                    "The calculation went wrong there: leave the frame out",
                )  # fmt: skip
        check_cells(self.cell, where)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        said = (self.name, self.species, self.source) == (other.name, other.species, other.source)
        return said and all(_same(getattr(self, what), getattr(other, what)) for what in ARRAYS)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"System('{self.name}', {self.formula}, {self.frames} frames{', virial' * (self.virial is not None)})"

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.energy)

    @property
    def atoms(self) -> int:
        """How many atoms a frame has."""
        return len(self.species)

    @property
    def formula(self) -> str:
        """``"Li48P16S64"``, elements by the alphabet."""
        return "".join(f"{symbol}{count}" for symbol, count in sorted(Counter(self.species).items()))

    @property
    def volume(self) -> Floats:
        """(frame,) Å³."""
        volume: Floats = np.abs(np.linalg.det(self.cell))
        return volume

    @cached_property
    def fingerprint(self) -> str:
        """Names the numbers; what the system is called and where it came from have no part in it."""
        parts = [getattr(self, what) for what in ARRAYS[:-1]]
        return digest(self.species, *(None if array is None else array.tobytes() for array in parts))

    def taken(self, frames: Any) -> System:
        """The same, of some frames only, in the order given: numbers, a slice or a mask."""
        index = np.arange(self.frames)
        try:
            index = index[frames if isinstance(frames, slice) else np.asarray(frames)]
        except (IndexError, TypeError, ValueError):
            raise Refusal(
                f"{str(frames)[:60]} chooses no frames of '{self.name}'", f"it has 0 to {self.frames - 1}",
                "Give their numbers, a slice or a mask",
            )  # fmt: skip
        index = np.atleast_1d(index)
        chosen = {what: getattr(self, what)[index] for what in ARRAYS if getattr(self, what) is not None}
        return replace(self, **chosen)

    def followed_by(self, other: System) -> System:
        """The frames of another system of the same atoms behind those of this one."""
        both: dict[str, Any] = {
            what: np.concatenate([getattr(self, what), getattr(other, what)])
            for what in ARRAYS
            if getattr(self, what) is not None
        }
        sources = dict.fromkeys([*self.source.split("; "), *other.source.split("; ")])
        return replace(self, **both, source="; ".join(filter(None, sources)))

    def fits(self, other: System) -> bool:
        """Whether frames of the other can stand behind those of this one."""
        return self.species == other.species and (self.virial is None) == (other.virial is None)


@dataclass(frozen=True)
class Labelled:
    """Systems of labelled frames; no two have the same name."""

    systems: tuple[System, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "systems", tuple(self.systems))
        if not self.systems:
            raise Refusal("There are no labelled frames")
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise Refusal(
                f"Two systems are called '{twice[0]}'", "", "Give them names of their own, or add them with +"
            )

    @classmethod
    def of(cls, systems: Iterable[System]) -> Labelled:
        """From systems that one has."""
        return cls(tuple(systems))

    def __add__(self, other: Labelled) -> Labelled:
        """Both together.

        Frames of a system that has the name and the atoms of one that is there follow those; where the atoms differ, or
        only one of the two has virials, the second is numbered: ``"Li2S-2"``.
        """
        return joined([*self.systems, *other.systems])

    def __iter__(self) -> Iterator[System]:
        return iter(self.systems)

    def __repr__(self) -> str:
        return f"Labelled({len(self.systems)} systems, {self.frames} frames of {', '.join(self.species)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the systems."""
        return tuple(system.name for system in self.systems)

    @property
    def frames(self) -> int:
        """Of all systems together."""
        return sum(system.frames for system in self.systems)

    @property
    def species(self) -> tuple[str, ...]:
        """All there are, by the alphabet."""
        return tuple(sorted({symbol for system in self.systems for symbol in system.species}))

    @property
    def fingerprint(self) -> str:
        """Names the numbers of all systems, in their order."""
        return digest([system.fingerprint for system in self.systems])

    def describe(self) -> str:
        """A table of the systems: what a person should know before training on them."""
        rows = [("system", "atoms", "frames", "force", "energy", "virial", "from")]
        for system in self.systems:
            force, each = float(np.sqrt((system.forces**2).mean())), system.energy / system.atoms
            energy, has = f"{each.mean():.3f} ± {each.std():.3f}", "yes" if system.virial is not None else "no"
            first = system.source.split("; ")[0]
            rows.append((system.name, system.formula, str(system.frames), f"{force:.2f}", energy, has, first))
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
        lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
        return "\n".join([*(line.rstrip() for line in lines), "force: root mean square, eV/Å; energy: eV an atom"])

    def select(self, which: Which) -> Labelled:
        """One system by its name, several by theirs, or some frames of each: ``{"Li2S": range(0, 100, 10)}``.

        Frames are counted from 0 within the system; a slice or a mask will do, too.
        """
        asked: dict[str, Any] = dict(which) if isinstance(which, Mapping) else {}
        if not isinstance(which, Mapping):
            asked = dict.fromkeys([which] if isinstance(which, str) else which, slice(None))
        known = {system.name: system for system in self.systems}
        for name in asked:
            if name not in known:
                raise Refusal(f"There is no system '{name}'", "", nearest(str(name), list(known)))
        return Labelled(tuple(known[name].taken(frames) for name, frames in asked.items()))

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write folders of DeePMD's npy data, one a system, and ``systems.json``, which says where they came from.

        The directory appears whole or not at all. One that is there is left alone: where it holds just these systems
        nothing is done, else it is refused. :func:`vanhove.simulate.labelled` reads it back, equal.
        """
        from .label_store import save

        return save(self, directory)

    def check(self) -> list[Finding]:
        """Look for what would spoil a training, worst first; an empty list where nothing was found.

        Units that can't be right, frames that are there twice, forces far out or that do not sum to zero, energies that
        jump or drift, systems whose energies do not belong together, atoms closer than any, frames that do not follow
        each other, missing virials.
        """
        from .label_checks import check

        return check(self)

    def split(
        self,
        held_out: float | Sequence[str] = 0.1,
        by: Literal["time", "system"] = "time",
        gap: int | None = None,
        *,
        seed: int = 1,
    ) -> tuple[Labelled, Labelled]:
        """What to train on, and what to keep out of the training to test it with; never neighbouring frames.

        Parameters
        ----------
        held_out
            The share of the frames to keep out; or the names of the systems.
        by
            ``"time"``: of every system a block of frames that follow each other, which begins where the seed says.
            ``"system"``: whole systems, chosen by the seed.
        gap
            Frames on each side of the block that belong to neither. Without it twice the correlation time of the
            energy, at least one.
        seed
            Decides which block, or which systems.
        """
        from .label_splits import split

        return split(self, held_out, by, gap, seed)


def joined(systems: Sequence[System]) -> Labelled:
    """All in one, by the rule of :meth:`Labelled.__add__`."""
    kept: dict[str, System] = {}
    for system in systems:
        name, number = system.name, 1
        while name in kept and not kept[name].fits(system):
            number += 1
            name = f"{system.name}-{number}"
        kept[name] = kept[name].followed_by(system) if name in kept else replace(system, name=name)
    return Labelled(tuple(kept.values()))


def _check_name(name: str) -> None:
    bad = not name or len(name) > LONGEST_NAME or name.startswith(".") or name != name.strip()
    if bad or any(sign in "/\\" or not sign.isprintable() for sign in name):
        raise Refusal(
            f"A system can't be called {name!r}"[:200], "", "Give it the name of a folder: no slash, no dot first"
        )


def _same(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
