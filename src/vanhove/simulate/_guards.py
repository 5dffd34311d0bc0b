"""Guards: what must hold while an engine runs, else it is stopped with the reason."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import K_B_EV, KCAL_MOL_IN_EV

from ._protocol import thermostat
from .contacts import TOUCHING, Contact, bounds, too_close
from .deck import CONTACTS, END
from .dump import open_dump
from .thermo import LOOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._protocol import Protocol
    from .deck import Start
    from .dump import DumpFile
    from .legs import Leg
    from .pairwise import Potential
    from .thermo import Row

    Floats = NDArray[np.float64]

RUNAWAY = 5.0  # times the highest target: no thermostat brings that back
SAFE_CLIMB = 30.0  # k_B T; a barrier that high is not crossed in a simulation (e^-30 is 1e-13)


class Stopped(Refusal):
    """The atoms could not be moved as was asked: the potential or the step is at fault, not what was typed."""


@dataclass(frozen=True)
class Guards:
    """The bounds of a run.

    ``temperature``: how far the mean over ``window`` ps may lie from its target, as a share of it; looked at from
    ``settle`` ps of a stage on, since a minimised structure takes half of the first kinetic energy (3000 K become
    1800 K within 0.2 ps, and 3000 K again after 0.8). ``silence``: seconds without a word from the engine. ``volume``:
    how far the volume under a pressure may go from where the run began, as a share of it.
    """

    temperature: float = 0.25
    window: float = 1.0
    settle: float = 2.0
    silence: float = 900.0
    volume: float = 0.5

    def __post_init__(self) -> None:
        for name in ("temperature", "window", "settle", "silence", "volume"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise Refusal(f"{name}={value} in Guards", "", "Give a positive number")


def check_before(start: Start, potential: Potential, protocol: Protocol) -> None:
    """Stop at a potential that can't hold its atoms apart, and a structure that begins inside a barrier."""
    thermal = K_B_EV * protocol.highest_temperature / KCAL_MOL_IN_EV
    for pair, found in potential.turnovers.items():
        if not set(pair.split("-")) <= set(start.order):
            continue
        if math.isinf(found.radius):
            raise Stopped(
                f"Nothing holds {pair} apart: their energy falls all the way in",
                f"potential '{potential.name}'",
                "Raise A or lower C of this pair; see .describe()",
            )
        if found.radius > 0 and found.climb < SAFE_CLIMB * thermal:
            raise Stopped(
                f"The barrier that holds {pair} apart is only {found.climb:.3g} kcal/mol high, "
                f"{found.climb / thermal:.1f} k_B T at {protocol.highest_temperature:g} K",
                f"potential '{potential.name}', at {found.radius:.3f} Å",
                f"Raise A or lower C of this pair until it is {SAFE_CLIMB:g} k_B T or more; see .describe()",
            )
    contact = _contact(start.positions, start.cell, start, bounds(potential, start.order))
    if contact is not None:
        raise Stopped(
            f"The structure has {_said(contact)}",
            "before the run",
            "Pack with a larger min_distance, or take another structure",
        )


class Watch:
    """Looks after one leg: its log, its close contacts, its silence. Raises a :class:`Stopped` that says why."""

    def __init__(
        self, guards: Guards, start: Start, limits: dict[str, float], timestep: float, *, changing: bool = False
    ) -> None:
        """``changing`` says whether the cell may change."""
        self._guards, self._start, self._limits, self._changing = guards, start, limits, changing
        self._ps = timestep / 1000
        self._recent: deque[tuple[float, float, float]] = deque()  # time of the stage, temperature, target
        self._stage = -1
        self._frames = 0
        self._heard = time.monotonic()

    def begin(self, leg: Leg, folder: Path) -> None:
        """A leg begins; what is known of its stage stays."""
        if leg.stage_number != self._stage:
            self._recent.clear()
            self._stage = leg.stage_number
        self._leg, self._folder = leg, folder
        self._frames = 0
        self._heard = time.monotonic()

    def see(self, row: Row) -> None:
        """One row of the log."""
        self._heard = time.monotonic()
        if not (math.isfinite(row.potential) and math.isfinite(row.temperature)):
            self.refuse(f"the energy is {row.potential}, the temperature {row.temperature}", row.step, LOOSE)
        if self._leg.stage_steps == 0:
            return  # a minimisation has no temperature
        self._check_volume(row)
        highest = max(self._leg.target(0), self._leg.target(self._leg.stage_steps))
        if row.temperature > RUNAWAY * highest:
            what = (
                f"the temperature is {row.temperature:.0f} K, more than {RUNAWAY:g} times the {highest:g} K asked for"
            )
            self.refuse(what, row.step, LOOSE)
        now = row.step * self._ps
        if self._recent and self._recent[-1][0] >= now:
            return  # a leg begins with the row that the one before ended with
        self._recent.append((now, row.temperature, self._leg.target(row.step)))
        while self._recent[0][0] < now - self._guards.window - self._ps / 2:
            self._recent.popleft()
        full = now - self._recent[0][0] >= self._guards.window - self._ps
        if thermostat(self._leg.stage) and full and now - self._guards.window >= self._guards.settle - self._ps:
            self._check_mean(row.step)

    def _check_volume(self, row: Row) -> None:
        began = float(np.linalg.det(self._start.cell))
        if abs(row.volume - began) > self._guards.volume * began:
            self.refuse(
                f"the cell's volume is {row.volume:.0f} Å³ where it was {began:.0f} Å³ when the run began",
                row.step,
                "Hold the temperature at a constant volume first, or choose another pressure; where it is meant, widen "
                "Guards(volume=...)",
            )

    def _check_mean(self, step: int) -> None:
        count = len(self._recent)
        mean = sum(temperature for _, temperature, _ in self._recent) / count
        target = sum(target for _, _, target in self._recent) / count
        if abs(mean - target) > self._guards.temperature * target:
            self.refuse(
                f"the mean temperature of the last {self._guards.window:g} ps is {mean:.0f} K where {target:.0f} K "
                f"± {100 * self._guards.temperature:g} % is asked for",
                step,
                "Shorten the time step or the thermostat's damping time; where it is meant, widen "
                "Guards(temperature=...)",
            )

    def look(self) -> None:
        """Contacts since the last look, and how long nothing was heard."""
        dump = open_dump(self._folder / CONTACTS)
        if dump is not None and dump.n_frames > self._frames:
            last = dump.n_frames
            steps, values = dump.read(last - 1, last)  # what fell together stays together: the latest tells
            self._frames = last
            self._check_contacts(values[0, :, :3], dump, last - 1, int(steps[0]))
        silent = time.monotonic() - self._heard
        if silent > self._guards.silence:
            said = f"the engine has said nothing for {silent:.0f} s"
            self.refuse(said, self._leg.start, "Look at its log and output", kind=Refusal)

    def finish(self) -> None:
        """The leg has ended: its last structure."""
        dump = open_dump(self._folder / END)
        if dump is not None:
            steps, values = dump.read(0, 1)
            self._check_contacts(values[0, :, :3], dump, 0, int(steps[0]))

    def _check_contacts(self, positions: Floats, dump: DumpFile, frame: int, step: int) -> None:
        cell = dump.boxes(frame, frame + 1)[1][0] if self._changing else self._start.cell
        contact = _contact(positions, cell, self._start, self._limits)
        if contact is not None:
            self.refuse(f"there are {_said(contact)}", step, LOOSE)

    def refuse(self, what: str, step: int, do: str, *, tail: str = "", kind: type[Refusal] = Stopped) -> None:
        """Stop with the stage, the step and where to read more."""
        leg = self._leg
        of = f"step {step} of {leg.stage_steps} ({step * self._ps:.2f} ps), " if leg.stage_steps else ""
        where = f"{of}log in {self._folder}" + (f"; its last lines: {tail}" if tail else "")
        raise kind(f"Stage '{leg.stage.name}' was stopped: {what}", where, do)


def _contact(positions: Floats, cell: Floats, start: Start, limits: dict[str, float]) -> Contact | None:
    return too_close(positions, cell, np.array(start.species), limits)


def _said(contact: Contact) -> str:
    first, second = contact.atoms
    limit = "which no two atoms are" if contact.bound <= TOUCHING else "below which the potential means nothing"
    atoms = f"{contact.pair} atoms {first} and {second} at {contact.distance:.3f} Å"
    return f"{atoms}, inside the {contact.bound:.3f} Å {limit}"
