"""The process that moves atoms by CP2K's forces: one leg, in the folder that it is started in.

    python -m vanhove.simulate.cp2k_child in.json RANKS

CP2K is started once, as a shell that is told positions and computes when it is asked; what it found is read from what
it prints, where it also says whether the electrons came to rest. Forces of electrons that did not are never used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vanhove.base.errors import Refusal

from ._cp2k import from_dict
from .ase_child import do_leg
from .cp2k_engine import POINTS, write_point
from .cp2k_input import INPUT, OUTPUT, WAVEFUNCTION, single_point
from .cp2k_points import last_point
from .cp2k_program import find_cp2k, gave_up
from .point_store import Failure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .point_store import Point

    Floats = NDArray[np.float64]

READY = "* READY"
LAST = "last.out"  # what CP2K printed of the last step; all of it goes to cp2k.out, too
END_WITHIN = 30.0  # s


class Shell:
    """CP2K awake, with one structure."""

    def __init__(self, ranks: int) -> None:
        program = find_cp2k()
        self._process = subprocess.Popen(
            program.command(ranks, "--shell"), env=program.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, errors="replace",
        )  # fmt: skip
        self._answer()
        # into a file of its own it would be written some time later
        for command in ("HARSH", "UNITS_EV_A", f"LOAD {INPUT} __STD_OUT__"):
            self._tell(command)

    def compute(self, positions: Floats) -> str:
        """What CP2K prints of energy, forces and stress at these positions (Å)."""
        numbers = [repr(float(x)) for x in positions.ravel()]
        self._tell("\n".join(["SET_POS", str(len(numbers)), *numbers, "*END"]))
        return self._tell("EVAL_EF")

    def _tell(self, command: str) -> str:
        """Give a command, and wait for the answer."""
        if self._process.stdin is None:
            raise Stopped("CP2K takes no commands")
        with suppress(BrokenPipeError):  # it has ended: its last words say why
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        if self._process.stdout is None:
            raise Stopped("CP2K gives no answers")
        lines: list[str] = []
        with open(OUTPUT, "a", encoding="utf-8") as record:
            for line in self._process.stdout:
                if line.strip() == READY:
                    return "".join(lines)
                record.write(line)
                lines.append(line)
        said = gave_up("".join(lines))
        raise Stopped(f"CP2K gave up: {said}" if said else "CP2K ended, and does not say why")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Stopped(RuntimeError):
    """CP2K did not do what it was told."""


class Electrons:
    """Energies and forces of the shell as ASE asks for them, each written down as a label."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._last: tuple[Floats, Point] | None = None

    def get_potential_energy(self, atoms: Any, force_consistent: bool = False) -> float:  # noqa: ARG002
        """In eV."""
        return self._point(atoms).energy

    def get_forces(self, atoms: Any) -> Floats:
        """In eV/Å."""
        return self._point(atoms).forces

    def _point(self, atoms: Any) -> Point:
        positions = atoms.get_positions()
        if self._last is not None and np.array_equal(self._last[0], positions):
            return self._last[1]
        Path(LAST).write_text(self._shell.compute(positions), encoding="utf-8")
        found = last_point(Path(LAST), len(positions), float(atoms.get_volume()))
        if isinstance(found, Failure):
            raise Stopped(f"SCF run NOT converged: {found.why}")
        write_point(Path(POINTS), found, positions)
        self._last = positions, found
        return found


def main(script: str, ranks: int) -> None:
    """Do one leg."""
    orders = json.loads(Path(script).read_text(encoding="utf-8"))
    settings = from_dict(orders["potential"], orders["reaching"])
    with np.load(orders["from"], allow_pickle=False) as file:
        species, cell, positions = file["species"].tolist(), file["cell"], file["positions"]
    text = single_point(settings, species, cell, positions, begin_with=orders["begin_with"], keep=True)
    Path(INPUT).write_text(text, encoding="utf-8")
    with Shell(ranks) as shell:
        do_leg(orders, Electrons(shell))
    _spare(Path(orders["begin_with"]).parent.name)


def _spare(previous: str) -> None:
    """Remove the electrons of legs that no leg begins with any more; those of the leg before serve a second attempt."""
    for file in Path("..").glob(f"*/{WAVEFUNCTION}"):
        if file.parent.name != previous and file.parent.resolve() != Path.cwd().resolve():
            file.unlink()


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except (Stopped, Refusal) as refusal:
        sys.exit(f"ERROR: {refusal}")
