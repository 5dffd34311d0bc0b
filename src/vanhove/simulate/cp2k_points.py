"""Single points by CP2K, each from single atoms' electrons: a label does not depend on which came before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

from .cp2k_input import INPUT, OUTPUT, single_point, warn_if_narrow
from .cp2k_output import read_output
from .cp2k_program import gave_up
from .engine import Process
from .point_store import Failure, Point
from .thermo import explain

if TYPE_CHECKING:
    from pathlib import Path

    from ._cp2k import CP2K
    from .cp2k_program import Program
    from .point_frames import Frame
    from .point_store import Store

POLL = 0.1  # s
BEGAN = "SCF WAVEFUNCTION OPTIMIZATION"  # from here on it is the structure that fails, not the settings
ODD = "Use the LSD option"
SURER = 'Try simulate.cp2k(..., minimizer="cg", max_scf=100) in the same folder: only what failed is computed again'
NOT_CONVERGED = "the electrons did not come to rest (SCF not converged)"


@dataclass(frozen=True)
class Cp2kPoints:
    """CP2K, one process a frame."""

    settings: CP2K
    program: Program
    ranks: int

    @property
    def version(self) -> str:
        """What computes."""
        return self.program.version

    @property
    def tried(self) -> dict[str, Any]:
        """What may be changed for a further attempt at frames that failed."""
        return self.settings.reaching

    def label(self, todo: Sequence[tuple[str, Frame]], store: Store, lock: int, advance: Callable[[], None]) -> None:
        """Compute frame after frame."""
        warn_if_narrow(frame.cell for _, frame in todo)
        for name, frame in todo:
            folder = store.attempt()
            found = self._computed(frame, folder, lock)
            if isinstance(found, Point):
                store.keep(name, found)
            else:
                store.fail(name, found, self.tried)
            advance()
        store.tidy()

    def _computed(self, frame: Frame, folder: Path, lock: int) -> Point | Failure:
        text = single_point(self.settings, frame.species, frame.cell, frame.positions)
        (folder / INPUT).write_text(text, encoding="utf-8")
        command = self.program.command(self.ranks, "-i", INPUT, "-o", OUTPUT)
        with Process(command, folder, self.program.environment(), lock) as process:
            while (code := process.wait(POLL)) is None:
                pass
        return outcome(folder / OUTPUT, code, frame.species, abs(float(np.linalg.det(frame.cell))))


def outcome(path: Path, code: int, species: Sequence[str], volume: float) -> Point | Failure:
    """What a calculation came to: a label, or why this structure has none; refused where CP2K itself went wrong."""
    text = path.read_text(errors="replace") if path.exists() else ""
    said = gave_up(text)
    if said and BEGAN in text:
        return Failure(NOT_CONVERGED if "not converged" in said.lower() else f"CP2K gave up: {said}", SURER, text)
    if said:
        do = "Give simulate.cp2k(..., multiplicity=2) or the right charge" if ODD in said else "Change the settings"
        raise Refusal(f"CP2K gave up: {said}", str(path.parent), do)
    if code != 0:
        end = explain(code, path, path.parent / "output.txt")
        raise Refusal(f"CP2K ended with code {code}: {end.why}", f"{path}: {end.tail}", end.do)
    return last_point(path, len(species), volume)


def last_point(path: Path, n_atoms: int, volume: float) -> Point | Failure:
    """The last calculation of an output: a label, or why it is none; refused where the output is not whole."""
    calculations = read_output(path).calculations
    last = calculations[-1] if calculations else None
    if last is None or last.forces is None or last.stress is None or last.forces.shape != (n_atoms, 3):
        lacking = [what for what in ("forces", "stress") if getattr(last, what, None) is None]
        what = "an energy" if last is None else " and ".join(lacking) or f"the forces of {n_atoms} atoms"
        raise Refusal(f"CP2K's output is not whole: it has no {what}", str(path), "Is the disk full? Run again")
    if not last.converged:
        return Failure(NOT_CONVERGED, SURER, path.read_text(errors="replace"))
    return Point(last.energy, last.forces, last.stress * volume)
