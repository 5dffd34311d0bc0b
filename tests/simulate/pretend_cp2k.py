"""A program that speaks as CP2K 2023.1 does and computes a pair energy of its own: to test what is around CP2K.

``PRETEND_SECONDS`` is how long a calculation takes. Electrons do not come to rest where two atoms are closer than 0.5 Å
or where one step is allowed; ``PRETEND`` names what else goes wrong: "basis" (before the electrons), "cholesky" (among
them), "newer" (versions that stop where the electrons do not come to rest), "cut" (the output ends in the forces).
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy as np

HARTREE, BOHR, GPA = 27.211386245988, 0.529177210903, 1 / 160.2176634
BOX = """
 *******************************************************************************
 *   ___                                                                       *
 *  /   \\                                                                      *
 * [ABORT]                                                                     *
 *  \\___/ {first:<69}*
 *    |   {second:<69}*
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \\                                          aobasis/basis_set_types.F:1509 *
 *******************************************************************************

"""


def energy(positions, cell):
    """Of exp(-r) between all atoms and their nearest images: eV, eV/Å, -dE/dε in eV, and the shortest distance."""
    between = positions[:, None] - positions[None]
    between -= np.rint(between @ np.linalg.inv(cell)) @ cell
    distance = np.linalg.norm(between, axis=-1) + np.diag(np.full(len(positions), 1e9))
    pull = np.exp(-distance)
    forces = (pull / distance)[:, :, None] * between
    virial = 0.5 * np.einsum("ija,ijb->ab", forces, between)
    return 0.5 * pull.sum(), forces.sum(axis=1), virial, distance.min()


class Job:
    def __init__(self, path):
        text = Path(path).read_text()
        block = text.split("&COORD\n")[1].split("&END")[0]
        rows = [line.split() for line in block.splitlines() if line.strip()]
        self.names = [row[0] for row in rows]
        self.positions = np.array([row[1:4] for row in rows], float)
        self.cell = np.array([re.search(rf"\n\s+{axis} (.+)", text)[1].split() for axis in "ABC"], float)
        self.limit = int(re.search(r"MAX_SCF (\d+)", text)[1])
        begun = re.search(r"WFN_RESTART_FILE_NAME (\S+)", text)
        if begun and not Path(begun[1]).exists():
            raise SystemExit("there are no electrons to begin with")
        self.keeps = re.search(r"&RESTART ON", text) is not None

    def said(self):
        time.sleep(float(os.environ.get("PRETEND_SECONDS", "0")))
        wrong = os.environ.get("PRETEND", "")
        if wrong == "basis":
            return BOX.format(first="The requested basis set <NOPE> for element <S> was", second="not found")
        value, forces, virial, shortest = energy(self.positions, self.cell)
        rest = self.limit > 1 and shortest > 0.5
        text = "\n SCF WAVEFUNCTION OPTIMIZATION\n\n"
        if wrong == "cholesky":
            return text + BOX.format(first="Cholesky decomposition failed.", second="")
        if not rest and wrong == "newer":
            return text + BOX.format(first="SCF run NOT converged. To continue, set the keyword", second="IGNORE")
        if rest:
            text += "  *** SCF run converged in     9 steps ***\n\n  outer SCF loop converged in   1 iterations\n"
        else:
            text += "  Leaving inner SCF loop after reaching     1 steps.\n"
            text += "  outer SCF loop FAILED to converge after    2 iterations or    2 steps\n"
            text += "\n *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***\n"
        text += f"\n ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]: {value / HARTREE:30.15f}\n"
        text += "\n ATOMIC FORCES in [a.u.]\n\n # Atom   Kind   Element          X              Y              Z\n"
        kinds = list(dict.fromkeys(self.names))
        scaled = forces / (HARTREE / BOHR)
        for number, (name, row) in enumerate(zip(self.names, scaled, strict=True), 1):
            text += f"{number:7d}{kinds.index(name) + 1:7d}      {name:<7}" + "".join(f"{x:18.12f}" for x in row) + "\n"
        if wrong == "cut":
            return text[:-30]
        text += " SUM OF ATOMIC FORCES" + "".join(f"{x:18.12f}" for x in [*scaled.sum(axis=0), 0.0]) + "\n\n"
        text += " STRESS| Analytical stress tensor [GPa]\n STRESS|                 x          y          z\n"
        stress = virial / abs(np.linalg.det(self.cell)) / GPA
        for axis, row in zip("xyz", stress, strict=True):
            text += f" STRESS|      {axis}" + "".join(f"{x:20.11E}" for x in row) + "\n"
        if self.keeps:
            Path("cp2k-RESTART.wfn").write_text("electrons")
        return text + "\n"


HEAD = " DBCSR| CPU Multiplication driver   BLAS\n\n CP2K| version string:     CP2K version 2023.1\n"
FOOT = "  **** **** ******  **  PROGRAM ENDED AT                 2026-01-01 00:00:00.000\n"


def shell():
    job = None

    def ready():
        print("* READY", flush=True)

    ready()
    while words := sys.stdin.readline().split():
        if words[0] == "LOAD":
            job = Job(words[1])
            print(HEAD + "         1")
        elif words[0] == "SET_POS":
            count = int(sys.stdin.readline())
            job.positions = np.array([float(sys.stdin.readline()) for _ in range(count)]).reshape(-1, 3)
            sys.stdin.readline()
            print("   0.1E-01")
        elif words[0] == "EVAL_EF":
            text = job.said()
            print(text)
            if "[ABORT]" in text:
                sys.exit(1)
        ready()
    print("* EOF")


def main(arguments):
    if arguments == ["--version"]:
        print(" CP2K version 2023.1\n Source code revision git:pretended")
    elif arguments == ["--shell"]:
        shell()
    else:
        text = Job(arguments[1]).said()
        whole = "[ABORT]" not in text and os.environ.get("PRETEND") != "cut"
        Path(arguments[3]).write_text(HEAD + text + (FOOT if whole else ""))
        sys.exit(1 if "[ABORT]" in text else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
