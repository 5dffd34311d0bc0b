"""A protocol cut into legs: short pieces, each an engine process of its own that starts from the one before.

A run that is killed goes on at the first leg that is not whole. Since every run is cut at the same places and
every leg starts from a restart file, a resumed run and an undisturbed one are the same, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._protocol import Minimise, Produce, Protocol, Stage, temperatures

ATOM_STEPS = 10_000_000  # of a leg: about 10 s of a Coulomb potential on two cores; what a kill loses at most
ROUND = 500  # steps


@dataclass(frozen=True)
class Leg:
    """Steps ``start`` to ``stop`` of one stage; a minimisation is one leg without steps."""

    number: int
    stage_number: int
    stage: Stage
    start: int
    stop: int
    stage_steps: int
    done_before: int  # steps of the whole run before this leg

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"{self.number:03d}-{self.stage.name}"

    def target(self, step: int) -> float:
        """The thermostat's temperature (K) at a step of the stage."""
        first, last = temperatures(self.stage)
        return first + (last - first) * step / max(self.stage_steps, 1)


def default_leg_steps(n_atoms: int, atom_steps: int = ATOM_STEPS, fewest: int = ROUND) -> int:
    """Steps of a leg, by the size and the engine alone: the same wherever the run is made."""
    return max(fewest, atom_steps // max(n_atoms, 1) // ROUND * ROUND)


def cut(protocol: Protocol, leg_steps: int) -> list[Leg]:
    """The legs of a protocol. Production is cut between frames, so that every leg begins with one."""
    legs: list[Leg] = []
    done = 0
    for stage_number, stage in enumerate(protocol.stages):
        steps = protocol.steps(stage)
        if isinstance(stage, Minimise):
            legs.append(Leg(len(legs), stage_number, stage, 0, 0, 0, done))
            continue
        length = leg_steps
        if isinstance(stage, Produce):
            every = protocol.frame_steps(stage)
            length = max(leg_steps // every, 1) * every
        for start in range(0, steps, length):
            stop = min(start + length, steps)
            legs.append(Leg(len(legs), stage_number, stage, start, stop, steps, done + start))
        done += steps
    return legs
