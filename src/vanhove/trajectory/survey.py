"""What a trajectory looks like, from one walk through it: where it drifts, how far atoms get, how hot they are.

Of a very long trajectory some frames are looked at: rows of consecutive ones all along the run where any frame can be
had at once, the first ones where a file has to be read forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV

from .budget import memory_budget
from .closest import Contact, closest
from .streaming import only, stream, walks_forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .core import Trajectory
    from .source import Block

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

LOOKED_AT = 1_000_000_000  # bytes of positions and velocities: a few seconds
ROWS = 10  # of consecutive frames, where not all are looked at
CONTACT_FRAMES, CONTACT_ATOMS = 9, 1_000_000  # frames in which the closest atoms are sought, and atoms in all of them


class Longest(NamedTuple):
    """The longest step between two neighbouring frames."""

    distance: float  # Å
    atom: int
    frame: int  # the one it leads to


@dataclass(frozen=True)
class Survey:
    """See :func:`survey`; temperatures in K, lengths in Å."""

    frames: Index  # that were looked at
    species: tuple[str, ...]
    centres: Floats  # (frame, axis): of mass
    middles: Floats  # (frame, species, axis): plain means
    spreads: Floats  # (species,): mean squared displacement from the first to the last frame, without the drift
    longest: Longest | None
    still: tuple[int, ...]  # atoms of each species that never move
    steps: Floats  # (interval,): mean squared step between neighbouring frames, without the drift; NaN where none are
    repeats: tuple[int, ...]  # frames in which no atom is elsewhere than in the one before
    least: Floats  # (interval,): the lowest temperature that such steps can have; NaN where there are none
    straight: float  # correlation of steps that follow each other: 1 in free flight, NaN where not known
    kinetic: Floats  # (frame,): from velocities; empty without
    shortest: tuple[Contact, int] | None  # and its frame
    tightest: tuple[Contact, int] | None
    contact_frames: tuple[int, ...]

    @property
    def fastest(self) -> int:
        """Which species got farthest."""
        return int(np.argmax(self.spreads))


def survey(traj: Trajectory) -> Survey:
    """Walk through ``traj`` once, in bounded memory and time."""
    frames = _looked_at(traj)
    view = only(traj, frames)
    walk = _Walk(view, np.diff(frames) == 1, _contact_frames(len(frames), traj.n_atoms))
    most = max(1, memory_budget() // 8 // (8 * 24 * traj.n_atoms))
    for piece in stream(view, "looking through", most):
        walk.take(piece.frames, piece.block)
    return walk.survey(frames)


def _looked_at(traj: Trajectory) -> Index:
    """The frames that are looked at: all, where they are not too many."""
    each = 24 * traj.n_atoms * (1 + traj.has_velocities)
    most = max(2, LOOKED_AT // each)
    if traj.n_frames <= most:
        return np.arange(traj.n_frames)
    if walks_forward(traj):
        return np.arange(most)
    rows = min(ROWS, most // 2)
    length = most // rows
    starts = np.linspace(0, traj.n_frames - length, rows).astype(int)
    return np.unique(starts[:, None] + np.arange(length))


def _contact_frames(frames: int, atoms: int) -> list[int]:
    count = int(np.clip(CONTACT_ATOMS // atoms, 1, min(CONTACT_FRAMES, frames)))
    return sorted({round(frame) for frame in np.linspace(0, frames - 1, count)})


class _Walk:
    """What a walk gathers; frames are counted among those looked at."""

    def __init__(self, view: Trajectory, next_to: NDArray[np.bool_], contact_frames: list[int]) -> None:
        labels, self._label = np.unique(view.species, return_inverse=True)
        self._labels = tuple(str(label) for label in labels)
        self._species, self._masses, self._cells = view.species, view.masses, view.cells
        self._total, self._next_to, self._contact_frames = float(view.masses.sum()), next_to, contact_frames
        everything = view.system.atoms_in_all is None and view.n_atoms == view.system.source.n_atoms
        self._whole = everything and view.n_atoms > 1  # whose centre's motion is no heat
        self._apart = np.diff(view.times)
        n = view.n_frames
        self._centres, self._middles = np.empty((n, 3)), np.empty((n, len(labels), 3))
        self._steps, self._least = np.full((2, max(n - 1, 0)), np.nan)
        self._kinetic: list[float] = []
        self._reach = np.zeros(view.n_atoms)  # square of each atom's longest step
        self._repeats: list[int] = []
        self._last_step: tuple[int, Floats] | None = None  # and the frame that it leads away from
        self._follow = np.zeros(2)  # sums of m d·d' and of m d² over steps that follow each other
        self._longest = Longest(0.0, 0, 0)
        self._first = self._last = np.empty((0, 3))
        self._shortest: tuple[Contact, int] | None = None
        self._tightest: tuple[Contact, int] | None = None

    def take(self, frames: slice, block: Block) -> None:
        """The next frames."""
        for frame in range(frames.start, frames.stop):
            if frame in self._contact_frames:
                self._meet(frame, block.positions[frame - frames.start])
        paths = block.positions if block.correction is None else block.positions + block.correction
        self._centres[frames] = np.einsum("fai,a->fi", paths, self._masses) / self._total
        for number in range(len(self._labels)):
            self._middles[frames, number] = paths[:, self._label == number].mean(axis=1)
        begun = frames.start > 0
        if begun:
            paths = np.concatenate([self._last[None], paths])
        else:
            self._first = paths[0].copy()
        self._step(paths, frames.start - begun)
        self._last = paths[-1].copy()
        if block.velocities is not None:
            self._heat(block.velocities)

    def _step(self, paths: Floats, start: int) -> None:
        """The steps between frames, the first of which leads away from frame ``start``."""
        real = np.flatnonzero(self._next_to[start : start + len(paths) - 1])
        if len(real) == 0:
            return
        steps = paths[real + 1] - paths[real]
        squares = np.einsum("fai,fai->fa", steps, steps)
        np.maximum(self._reach, squares.max(axis=0), out=self._reach)
        self._repeats += (start + real[squares.max(axis=1) == 0] + 1).tolist()
        row, atom = np.unravel_index(int(np.argmax(squares)), squares.shape)
        if squares[row, atom] > self._longest.distance**2:
            self._longest = Longest(float(squares[row, atom]) ** 0.5, int(atom), start + int(real[row]) + 1)
        here = start + real
        shift = np.diff(self._centres, axis=0)[here] if self._whole else np.zeros((len(here), 3))
        lost = np.einsum("fi,fi->f", shift, shift)
        self._steps[here] = np.maximum(squares.mean(axis=1) - lost, 0.0) if self._whole else squares.mean(axis=1)
        weighed = squares @ self._masses - self._total * lost
        self._straighten(here, steps, shift, weighed)
        self._least[here] = _kelvin(weighed / self._apart[here] ** 2, self._freedom(len(self._masses)))

    def _straighten(self, here: Index, steps: Floats, shift: Floats, weighed: Floats) -> None:
        if self._last_step is not None:
            before, last = self._last_step
            here, steps = np.append(before, here), np.concatenate([last[None], steps])
            drift = np.diff(self._centres[before : before + 2], axis=0) if self._whole else np.zeros((1, 3))
            shift = np.concatenate([drift, shift])
            weighed = np.append(np.nan, weighed)  # of each pair the later step is enough
        pairs = np.flatnonzero(np.diff(here) == 1)
        product = np.einsum("fai,fai,a->f", steps[pairs], steps[pairs + 1], self._masses, optimize=True)
        product -= self._total * np.einsum("fi,fi->f", shift[pairs], shift[pairs + 1])
        self._follow += product.sum(), weighed[pairs + 1].sum()
        self._last_step = int(here[-1]), steps[-1].copy()

    def _heat(self, velocities: Floats) -> None:
        moving = (velocities != 0).any(axis=2).sum(axis=1)
        energy = np.einsum("fai,fai,a->f", velocities, velocities, self._masses, optimize=True)
        free = moving == velocities.shape[1]
        if self._whole:  # where some stand still, the others' momentum is not conserved
            momentum = np.einsum("fai,a->fi", velocities, self._masses)
            energy -= np.where(free, np.einsum("fi,fi->f", momentum, momentum) / self._total, 0.0)
        freedom = np.where(free, self._freedom(velocities.shape[1]), 3 * moving)
        self._kinetic += np.where(moving > 0, _kelvin(energy, np.maximum(freedom, 1)), 0.0).tolist()

    def _freedom(self, atoms: int) -> int:
        """Degrees of freedom: the centre's three are no heat."""
        return max(3 * atoms - 3 * self._whole, 1)

    def _meet(self, frame: int, positions: Floats) -> None:
        found = closest(positions, self._cells[frame], self._species)
        if found is None:
            return
        if self._shortest is None or found[0].distance < self._shortest[0].distance:
            self._shortest = found[0], frame
        if self._tightest is None or found[1].bonds < self._tightest[0].bonds:
            self._tightest = found[1], frame

    def survey(self, frames: Index) -> Survey:
        """All that was gathered; frames by their numbers in the trajectory."""
        numbers = frames.tolist()
        moved = self._last - self._first
        moved -= (self._masses @ moved) / self._total if self._whole else 0.0
        count = len(self._labels)
        squares = np.einsum("ai,ai->a", moved, moved)
        members = np.bincount(self._label, minlength=count)
        seen = self._next_to.any()
        still = np.bincount(self._label[self._reach == 0], minlength=count) if seen else np.zeros(count, int)
        longest = self._longest

        def renamed(contact: tuple[Contact, int] | None) -> tuple[Contact, int] | None:
            return None if contact is None else (contact[0], numbers[contact[1]])

        return Survey(
            frames=frames, species=self._labels, centres=self._centres, middles=self._middles,
            spreads=np.bincount(self._label, squares, count) / members,
            longest=Longest(longest.distance, longest.atom, numbers[longest.frame]) if seen else None,
            still=tuple(still.tolist()), steps=self._steps, least=self._least,
            straight=float(self._follow[0] / self._follow[1]) if self._follow[1] > 0 else np.nan,
            kinetic=np.array(self._kinetic),
            repeats=tuple(numbers[frame] for frame in self._repeats),
            shortest=renamed(self._shortest), tightest=renamed(self._tightest),
            contact_frames=tuple(numbers[frame] for frame in self._contact_frames),
        )  # fmt: skip


def _kelvin(weighed: Floats, freedom: Floats | int) -> Floats:
    """T of Σ m v² (u Å²/ps²) = f k_B T."""
    kelvin: Floats = weighed * U_A2_PER_PS2_IN_MEV / (K_B * freedom)
    return np.maximum(kelvin, 0.0)
