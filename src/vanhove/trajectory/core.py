"""The Trajectory: an immutable, lazy view of atoms moving in periodic cells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of, mass_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest
from vanhove.base.results import step
from vanhove.base.version import __version__

from .budget import memory_budget
from .source import Block, Field, Source, numbers
from .times import FEWEST, TIME_TOLERANCE, even_series, even_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]


@dataclass(frozen=True)
class System:
    """All that was simulated, shared by every view of it."""

    source: Source
    species: NDArray[np.str_]
    masses: Floats
    charges: Floats | None
    cells: Floats  # (1, 3, 3) or (frame, 3, 3), row vectors a, b, c
    times: Floats  # (frame,) ps
    temperature: float | None = None
    atoms_in_all: int | None = None  # where these are a part of what was simulated: how many atoms that has
    drifts: dict[Any, Floats] = field(default_factory=dict, compare=False, repr=False)  # kept: each costs a full pass

    def __post_init__(self) -> None:
        frames, atoms = self.source.n_frames, self.source.n_atoms
        expected: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
            "species": (self.species, [(atoms,)]),
            "masses": (self.masses, [(atoms,)]),
            "charges": (self.charges, [(atoms,)]),
            "cells": (self.cells, [(1, 3, 3), (frames, 3, 3)]),
            "times": (self.times, [(frames,)]),
        }
        for name, (array, shapes) in expected.items():
            if array is not None and array.shape not in shapes:
                raise Refusal(
                    f"{name} has the shape {array.shape}",
                    f"the trajectory has {frames} frames of {atoms} atoms",
                    f"Give one of {shapes}",
                )
        if atoms == 0 or frames == 0:
            raise Refusal(f"A trajectory needs atoms and frames; it has {atoms} atoms, {frames} frames")


class Trajectory:
    """Atoms moving in periodic cells: lazy, immutable; slices and selections are views.

    Made by :func:`vanhove.open`, :func:`vanhove.from_arrays`, :func:`vanhove.from_ase` or
    :func:`vanhove.from_mdanalysis`. Positions are unwrapped by the lattice (Å), times are per frame (ps), cells are row
    vectors (Å). A view keeps referring to all atoms of its system for the drift, so that ``traj.select("Li")`` does not
    lose its own motion.
    """

    def __init__(
        self,
        system: System,
        history: Sequence[dict[str, Any]],
        frames: Index | None = None,
        atoms: Index | None = None,
    ) -> None:
        self.system = system
        self.history = tuple(history)
        self._frames = np.arange(system.source.n_frames) if frames is None else frames
        self._atoms = np.arange(system.source.n_atoms) if atoms is None else atoms

    # what it is

    @property
    def n_frames(self) -> int:
        """Number of frames of this view."""
        return len(self._frames)

    @property
    def n_atoms(self) -> int:
        """Number of atoms of this view."""
        return len(self._atoms)

    @property
    def species(self) -> NDArray[np.str_]:
        """Element or isotope of every atom."""
        return self.system.species[self._atoms]

    @property
    def masses(self) -> Floats:
        """Mass of every atom (u)."""
        return self.system.masses[self._atoms]

    @property
    def charges(self) -> Floats | None:
        """Charge of every atom (e), where it is known."""
        return None if self.system.charges is None else self.system.charges[self._atoms]

    @property
    def times(self) -> Floats:
        """Time of every frame (ps)."""
        return self.system.times[self._frames]

    @property
    def temperature(self) -> float | None:
        """Temperature (K), where it was stated."""
        return self.system.temperature

    @property
    def constant_cell(self) -> bool:
        """Whether one cell serves all frames."""
        return len(self.system.cells) == 1

    @property
    def cells(self) -> Floats:
        """The cell of every frame, (frame, 3, 3) row vectors (Å); read-only where one serves all frames."""
        if self.constant_cell:
            return np.broadcast_to(self.system.cells[0], (self.n_frames, 3, 3))
        return self.system.cells[self._frames]

    @property
    def volumes(self) -> Floats:
        """Volume of every frame's cell (Å³)."""
        volumes: Floats = np.abs(np.linalg.det(self.cells))
        return volumes

    @property
    def has_velocities(self) -> bool:
        """Whether velocities were stored."""
        return "velocities" in self.system.source.fields

    @property
    def spacing(self) -> float:
        """Time between frames (ps); refused where the frames are not evenly spaced."""
        times = self.times
        if len(times) < 2:
            raise Refusal("One frame has no spacing in time", "", "Give a trajectory of two or more frames")
        spacing = even_spacing(times)
        if spacing is None:
            steps = np.diff(times)
            rule = np.sort(steps)[len(steps) // 2]
            frame = int(np.argmax(np.abs(steps - rule) > TIME_TOLERANCE * abs(rule)))
            raise Refusal(
                "The frames are not evenly spaced in time",
                f"frame {frame} is at {times[frame]:g} ps and frame {frame + 1} at {times[frame + 1]:g} ps, where "
                f"{rule:g} ps is the rule",
                "Take the largest part that is with traj.uniform(), or one of your own with traj[first:last]",
            )
        return spacing

    @property
    def evenly_spaced(self) -> bool:
        """Whether all frames are the same time apart; one frame is not."""
        return self.n_frames > 1 and even_spacing(self.times) is not None

    @cached_property
    def fingerprint(self) -> str:
        """Names the content of this view: same fingerprint, same numbers."""
        system = self.system
        return digest(
            system.source.fingerprint, system.species.tolist(), system.masses.tobytes(), system.cells.tobytes(),
            system.times.tobytes(), None if system.charges is None else system.charges.tobytes(), system.temperature,
            system.atoms_in_all, self._frames.tobytes(), self._atoms.tobytes(),
        )  # fmt: skip

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {label}" for label, n in self.composition.items())
        kelvin = "" if self.temperature is None else f", {self.temperature:g} K"
        return f"<Trajectory: {self.n_frames} frames, {self.times[0]:g}–{self.times[-1]:g} ps, {counts}{kelvin}>"

    def __len__(self) -> int:
        return self.n_frames

    @property
    def composition(self) -> dict[str, int]:
        """Number of atoms of each species, in order of appearance."""
        labels, first, counts = np.unique(self.species, return_index=True, return_counts=True)
        return {str(labels[i]): int(counts[i]) for i in np.argsort(first)}

    # views

    def select(self, which: str | Sequence[str] | NDArray[np.bool_]) -> Trajectory:
        """The atoms of one or several species, or those of a boolean mask."""
        if isinstance(which, np.ndarray) and which.dtype == bool:
            return self.where(which)
        wanted = [which] if isinstance(which, str) else list(which)
        mine = self.species
        labels, which_label = np.unique(mine, return_inverse=True)
        elements = [element_of(label) for label in labels.tolist()]
        for label in wanted:
            if label not in labels and label not in elements:
                raise Refusal(f"There is no '{label}' in this trajectory", "", nearest(label, list(self.composition)))
        mask = (np.isin(labels, wanted) | np.isin(elements, wanted))[which_label]
        return self._view("select", dict(which=wanted), atoms=self._atoms[mask])

    def where(self, mask: NDArray[np.bool_]) -> Trajectory:
        """The atoms where ``mask`` (one value an atom) is true."""
        mask = np.asarray(mask, bool)
        if mask.shape != (self.n_atoms,):
            raise Refusal(
                f"A mask of shape {mask.shape} for {self.n_atoms} atoms", "", "Give one true or false an atom"
            )
        if not mask.any():
            raise Refusal("The mask leaves no atom")
        return self._view("where", dict(atoms=int(mask.sum())), atoms=self._atoms[mask])

    def __getitem__(self, frames: slice) -> Trajectory:
        if not isinstance(frames, slice):
            raise Refusal(
                f"traj[{frames!r}]", "a trajectory is cut by a slice of frames", f"Write traj[{frames!r}:] or the like"
            )
        chosen = self._frames[frames]
        if len(chosen) == 0 or (frames.step or 1) < 1:
            raise Refusal(f"traj[{frames}] leaves no frame of {self.n_frames}", "", "Give a rising, non-empty range")
        return self._view("frames", dict(frames=frames), frames=chosen)

    def every(self, n: int) -> Trajectory:
        """Every ``n``-th frame."""
        return self[::n]

    def uniform(self, spacing: float | None = None) -> Trajectory:
        """The largest part of the frames that is evenly spaced, for what needs it: a view, nothing is interpolated.

        Leaves out what a minimisation, a restart or another output added between the frames of an even series, and
        takes one of the even series that log-spaced frames contain. ``spacing`` (ps) names which.
        """
        if spacing is not None and not (np.isfinite(spacing) and spacing > 0):
            raise Refusal(f"spacing={spacing}", "", "Give a positive number of ps")
        times = self.times
        if self.n_frames < FEWEST:
            raise Refusal(f"{self.n_frames} frames are no series in time", "", f"Give at least {FEWEST}")
        frames = np.arange(self.n_frames)
        if spacing is not None or even_spacing(times) is None:
            frames = even_series(times, spacing)
        if len(frames) < FEWEST:
            steps = np.diff(times)
            raise Refusal(
                f"No {FEWEST} frames are " + ("evenly spaced" if spacing is None else f"{spacing:g} ps apart"),
                f"{self.n_frames} frames between {times[0]:g} and {times[-1]:g} ps, neighbours {steps.min():g} to "
                f"{steps.max():g} ps apart",
                "Write frames at an even spacing" + ("" if spacing is None else ", or leave spacing out"),
            )
        found = float(times[frames[-1]] - times[frames[0]]) / (len(frames) - 1)
        taken = dict(spacing=found, taken=len(frames), of=self.n_frames)
        return self._view("uniform", taken, frames=self._frames[frames])

    def with_isotopes(self, isotopes: Mapping[str, str]) -> Trajectory:
        """Elements renamed to isotopes, with the isotope's mass; velocities stay as they were simulated.

        ``traj.with_isotopes({"Li": "7Li"})``.
        """
        species, masses = self.system.species.astype("U8"), self.system.masses.copy()
        for label, isotope in isotopes.items():
            if not (species == label).any():
                raise Refusal(f"There is no '{label}' in this trajectory", "", nearest(label, list(self.composition)))
            if element_of(isotope) != element_of(label):
                raise Refusal(f"'{isotope}' is no isotope of {label}")
            masses[species == label] = mass_of(isotope)
            species[species == label] = isotope
        system = replace(self.system, species=species, masses=masses, drifts={})
        done = [*self.history, step("trajectory.with_isotopes", isotopes=dict(isotopes))]
        return Trajectory(system, done, self._frames, self._atoms)

    def at_temperature(self, temperature: float) -> Trajectory:
        """The same trajectory with its temperature stated (K)."""
        done = [*self.history, step("trajectory.at_temperature", temperature=temperature)]
        return Trajectory(replace(self.system, temperature=float(temperature)), done, self._frames, self._atoms)

    def _view(
        self, name: str, parameters: dict[str, Any], *, frames: Index | None = None, atoms: Index | None = None
    ) -> Trajectory:
        done = [*self.history, step(f"trajectory.{name}", **parameters)]
        shown = self._frames if frames is None else frames, self._atoms if atoms is None else atoms
        return Trajectory(self.system, done, *shown)

    # numbers

    def read(self, what: Field, frames: slice | None = None, atoms: slice | None = None, copy: bool = True) -> Floats:
        """A block of this view: (frame, atom, axis), float64. ``frames`` and ``atoms`` count within the view.

        Without ``copy`` it is not to be written on, and of numbers that lie in memory it is no copy.
        """
        if what == "velocities" and not self.has_velocities:
            raise Refusal(
                "This trajectory has no velocities", "",
                "Write them in the simulation and, for a LAMMPS dump or xyz that has them, open it with units=",
            )  # fmt: skip
        some, few = self._frames[frames or slice(None)], self._atoms[atoms or slice(None)]
        return numbers(self.system.source, what, some, few, copy=copy)

    def read_paths(self, frames: slice | None = None, atoms: slice | None = None, copy: bool = True) -> Floats:
        """A block of positions whose differences are displacements: toroidal-view preserving in a changing cell."""
        if "correction" not in self.system.source.fields:
            return self.read("positions", frames, atoms, copy=copy)
        paths = self.read("positions", frames, atoms)
        paths += self.read("correction", frames, atoms, copy=False)
        return paths

    @property
    def whole_system(self) -> Trajectory:
        """The same frames with every atom of the system."""
        return Trajectory(self.system, self.history, self._frames)

    @property
    def atom_numbers(self) -> Index:
        """Which atoms of :attr:`whole_system` this view shows, in its order."""
        return self._atoms.copy()

    @property
    def positions(self) -> Floats:
        """All lattice-unwrapped positions of this view (Å), when they fit into the memory budget."""
        self._must_fit()
        return self.read("positions")

    @property
    def velocities(self) -> Floats:
        """All velocities of this view (Å/ps), when they fit into the memory budget."""
        self._must_fit()
        return self.read("velocities")

    def _must_fit(self) -> None:
        needed, budget = self.n_frames * self.n_atoms * 24, memory_budget()
        if needed > budget:
            raise Refusal(
                f"These positions take {needed / 1e9:.1f} GB and the memory budget is {budget / 1e9:.1f} GB",
                "",
                "Choose fewer frames or atoms, raise VANHOVE_MEMORY, or work block by block with trajectory.blocks",
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this view as H5MD, whole or not at all; :func:`vanhove.open` reads it back, lazily.

        Of a selection the file holds the selected atoms only; it says so, since the drift can't be known from them.
        """
        from .blocks import cut_frames
        from .store import write_blocks

        corrected = "correction" in self.system.source.fields
        fields = 1 + corrected + self.has_velocities

        system_atoms = self.system.atoms_in_all or self.system.source.n_atoms

        def blocks() -> Iterator[Block]:
            for part in cut_frames(self, 24 * self.n_atoms * fields):
                yield Block(
                    self.read("positions", part),
                    self.read("correction", part) if corrected else None,
                    self.read("velocities", part) if self.has_velocities else None,
                )

        write_blocks(
            path, blocks(), species=self.species.tolist(), masses=self.masses, charges=self.charges,
            cells=self.system.cells if self.constant_cell else self.cells, times=self.times,
            temperature=self.temperature, history=[*self.history, step("trajectory.save", version=__version__)],
            atoms_in_all=system_atoms if self.n_atoms < system_atoms else None,
        )  # fmt: skip
