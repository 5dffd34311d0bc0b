"""Labelled frames whose truth is known, and the files that VASP and CP2K write of them, made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

GPA = 1 / 160.2176634  # eV/Å³
HARTREE, BOHR = 27.211386245988, 0.529177210903
TRICLINIC = np.array([[7.0, 0.1, -0.2], [1.4, 6.5, 0.3], [-0.7, 1.1, 8.0]])


@dataclass(frozen=True)
class Frames:
    """Atoms that swing in a field of springs, with its energies, forces and virials."""

    species: tuple[str, ...]
    cell: np.ndarray  # (frame, 3, 3)
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    virial: np.ndarray

    def part(self, frames: slice | list[int]) -> Frames:
        changed = {name: getattr(self, name)[frames] for name in ("cell", "positions", "energy", "forces", "virial")}
        return replace(self, **changed)


def springs(
    frames: int = 12, species: tuple[str, ...] = ("Li",) * 4 + ("P",) + ("S",) * 3, *, seed: int = 5,
    breathing: float = 0.0, step: float = 0.04, first: float = 0.0,
) -> Frames:  # fmt: skip
    """A crystal of springs between all atoms' nearest images, moved along a smooth path.

    E = ½ Σ_pairs k (|r_ij| - d)²; its forces and virial -dE/dε are exact.
    """
    rng = np.random.default_rng(seed)
    atoms = len(species)
    side = int(np.ceil(atoms ** (1 / 3)))
    cells = TRICLINIC * (side / 2)
    grid = np.array([[i, j, k] for i in range(side) for j in range(side) for k in range(side)][:atoms]) / side
    start = (grid + 0.1 + 0.03 * rng.normal(size=grid.shape)) @ cells
    swing, phase = rng.normal(size=(atoms, 3)) * 0.15, rng.uniform(0, 6, (atoms, 3))
    rate = rng.uniform(0.5, 2, (atoms, 3))
    t = first + step * np.arange(frames)[:, None, None] * 10
    path = start + swing * np.sin(rate * t + phase)
    strain = 1 + breathing * np.sin(0.9 * t + 1)
    cell = cells * strain * (1 + 0.4 * breathing * np.cos(0.7 * t) * np.eye(3)[0])
    scaled = path @ np.linalg.inv(cells)
    positions = np.einsum("fai,fij->faj", scaled, cell)
    pairs = np.array([(i, j) for i in range(atoms) for j in range(i)])
    stiff, length = rng.uniform(0.05, 0.3, len(pairs)), rng.uniform(2, 4, len(pairs))
    image = np.rint(grid[pairs[:, 0]] - grid[pairs[:, 1]])  # the same at all times: no spring jumps
    between = np.einsum("fpi,fij->fpj", scaled[:, pairs[:, 0]] - scaled[:, pairs[:, 1]] - image, cell)
    far = np.linalg.norm(between, axis=2)
    energy = 0.5 * (stiff * (far - length) ** 2).sum(axis=1) - 40.0 * atoms
    pull = -(stiff * (far - length) / far)[:, :, None] * between  # on the first of each pair
    forces = np.zeros_like(positions)
    np.add.at(forces, (slice(None), pairs[:, 0]), pull)
    np.add.at(forces, (slice(None), pairs[:, 1]), -pull)
    virial = np.einsum("fpi,fpj->fij", between, pull)
    return Frames(species, cell, positions, energy, forces, virial)


def rows(table: np.ndarray, form: str) -> str:
    return "".join(" <v>" + "".join(format(x, form) for x in row) + " </v>\n" for row in table)


def varray(name: str, table: np.ndarray, form: str = "24.16f") -> str:
    return f'<varray name="{name}" >\n{rows(table, form)}</varray>\n'


def energies(free: float, work: float = 0.0) -> str:
    values = {"e_fr_energy": free + work, "e_wo_entrp": free + 0.01, "e_0_energy": free + 0.005}
    return (
        "<energy>\n"
        + "".join(f' <i name="{name}"> {value:.10f} </i>\n' for name, value in values.items())
        + "</energy>\n"
    )


def vasprun(
    frames: Frames, *, steps: int | list[int] = 3, nelm: int = 60, pstress: float = 0.0, learned: tuple[int, ...] = (),
    stress: bool = True, ended: bool = True,
) -> str:  # fmt: skip
    """The file of a run; ``steps`` electronic steps in each ionic one; ``learned`` ones were made by a force field."""
    kinds = sorted(set(frames.species), key=frames.species.index)
    atoms = "".join(f"<rc><c>{name:2s}</c><c>{kinds.index(name) + 1}</c></rc>\n" for name in frames.species)
    types = "".join(f"<rc><c>1</c><c>{name}</c><c>  6.94</c><c>1</c><c> PAW</c></rc>\n" for name in kinds)
    counts = [steps] * len(frames.energy) if isinstance(steps, int) else steps
    text = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator><i name="program" type="string">vasp </i><i name="version" type="string">6.3.0  </i></generator>
<kpoints>
<varray name="kpointlist" ><v> 0.0 0.0 0.0 </v></varray>
<varray name="weights" ><v> 1.0 </v></varray>
</kpoints>
<parameters><separator name="electronic" ><i name="ENMAX">  400.0</i><i type="int" name="NELM">  {nelm}</i>
<i type="string" name="GGA">PE</i><i name="PSTRESS">  {pstress}</i></separator>
<separator name="ionic" ><i type="int" name="IBRION">  0</i><i name="POTIM"> 1.0</i></separator></parameters>
<atominfo>
<array name="atoms" ><field type="string">element</field><field type="int">atomtype</field><set>
{atoms}</set></array>
<array name="atomtypes" ><field type="int">atomspertype</field><field type="string">element</field><field>mass</field>
<field>valence</field><field type="string">pseudopotential</field><set>
{types}</set></array>
</atominfo>
"""
    text += _structure(frames, 0, ' name="initialpos" ')
    for f in range(len(frames.energy)):
        structure = _structure(frames, f)
        volume = np.linalg.det(frames.cell[f])
        forces = varray("forces", frames.forces[f])
        if stress:
            forces += varray("stress", frames.virial[f] / volume / GPA * 10)
        if f in learned:
            text += structure + forces
            continue
        electrons = "".join(
            f"<scstep>\n<time name='total'> 0.1</time>\n{energies(-1.0 - n)}</scstep>\n" for n in range(counts[f])
        )
        work = pstress * 0.1 * GPA * volume
        text += f"<calculation>\n{electrons}{structure}{forces}{energies(frames.energy[f], work)}</calculation>\n"
    return text + (_structure(frames, -1, ' name="finalpos" ') + "</modeling>\n" if ended else "")


def _structure(frames: Frames, f: int, name: str = "") -> str:
    inside = frames.positions[f] @ np.linalg.inv(frames.cell[f])
    basis = varray("basis", frames.cell[f]) + varray("rec_basis", np.linalg.inv(frames.cell[f]).T)
    return f"<structure{name}>\n<crystal>\n{basis}</crystal>\n{varray('positions', inside)}</structure>\n"


def outcar(
    frames: Frames, *, converged: list[bool] | None = None, nelm: int = 60, learned: tuple[int, ...] = (),
    stress: bool = True, ended: bool = True,
) -> str:  # fmt: skip
    """The file of a run, to the decimals of VASP."""
    kinds = sorted(set(frames.species), key=frames.species.index)
    counts = "".join(f"{frames.species.count(name):4d}" for name in kinds)
    text = " vasp.6.3.0 20Jan22 (build Feb 01 2022 10:00:00) complex\n\n INCAR:\n"
    text += "".join(f" POTCAR:    PAW_PBE {name}_sv 10Sep2004\n" for name in kinds)
    for name in kinds:
        title = f"PAW_PBE {name}_sv 10Sep2004"
        text += f" POTCAR:    {title}\n   VRHFIN ={name}: 1s2s\n   LEXCH  = PE\n   TITEL  = {title}\n"
    text += f"   number of dos      NEDOS =    301   number of ions     NIONS = {len(frames.species):6d}\n"
    text += f"   ions per type =           {counts}\n\n Electronic Relaxation 1\n   ENCUT  =  400.0 eV  29.40 Ry\n"
    text += f"   NELM   = {nelm:6d};   NELMIN=  2; NELMDL= -5     # of ELM steps \n   GGA     =    PE    GGA type\n"
    text += _lattice(frames.cell[0])
    for f in range(len(frames.energy)):
        rest = converged is None or converged[f]
        dashes = "-" * 40
        for n in range(1, (4 if rest else nelm) + 1):
            text += f"\n{dashes} Iteration {f + 1:6d}({n:4d})  {dashes}\n\n"
            text += f"  free energy    TOTEN  = {-1.0 - n:18.8f} eV\n"
        if rest:
            text += "\n------------------------ aborting loop because EDIFF is reached -----------------------\n\n"
        if f in learned:
            text += "\n  ML FORCE on cell =-STRESS in cart. coord. units (eV/cell)\n"
        if stress:
            v = frames.virial[f] / np.linalg.det(frames.cell[f]) / GPA * 10
            six = [v[0, 0], v[1, 1], v[2, 2], v[0, 1], v[1, 2], v[2, 0]]
            text += (
                "  in kB  "
                + "".join(f"{x:12.5f}" for x in six)
                + "\n  external pressure =  0.1 kB  Pullay stress = 0.00 kB\n"
            )
        text += "\n VOLUME and BASIS-vectors are now :\n" + _lattice(frames.cell[f])
        text += (
            " POSITION                                       TOTAL-FORCE (eV/Angst)" + " (ML)" * (f in learned) + "\n"
        )
        text += " " + "-" * 83 + "\n"
        table = np.hstack([frames.positions[f], frames.forces[f]])
        text += "".join(
            "".join(f"{x:13.5f}" for x in r[:3]) + "   " + "".join(f"{x:14.6f}" for x in r[3:]) + "\n" for r in table
        )
        text += (
            " "
            + "-" * 83
            + "\n    total drift:                                0.000000      0.000000     -0.000000\n\n"
        )
        if f in learned:
            text += f"  free  energy ML TOTEN  = {7.0:18.8f} eV\n"
            continue
        text += (
            "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  ---------------------------------------------------\n"
        )
        text += f"  free  energy   TOTEN  = {frames.energy[f]:18.8f} eV\n\n"
        text += f"  energy  without entropy= {frames.energy[f] + 0.01:18.8f}"
        text += f"  energy(sigma->0) = {frames.energy[f] + 0.005:18.8f}\n"
    return text + ("\n General timing and accounting informations for this job:\n" if ended else "")


def _lattice(cell: np.ndarray) -> str:
    text = "  volume of cell : 100.0\n      direct lattice vectors                 reciprocal lattice vectors\n"
    both = np.hstack([cell, np.linalg.inv(cell).T])
    return text + "".join("    " + "".join(f"{x:13.9f}" for x in row) + "\n" for row in both) + "\n"


def cp2k_xyz(frames: Frames, values: np.ndarray, steps: list[int]) -> str:
    text = ""
    for step, energy, table in zip(steps, frames.energy / HARTREE, values, strict=True):
        text += f"{len(frames.species):8d}\n i = {step:8d}, time = {0.5 * step:12.3f}, E = {energy:20.10f}\n"
        text += "".join(
            f"{name:>3s}" + "".join(f"{x:20.10f}" for x in row) + "\n"
            for name, row in zip(frames.species, table, strict=True)
        )
    return text


def cp2k_cell(frames: Frames, steps: list[int]) -> str:
    names = "".join(f"       {vector}{axis} [Angstrom]" for vector in "ABC" for axis in "xyz")
    text = f"#   Step   Time [fs]{names}      Volume [Angstrom^3]\n"
    for step, cell in zip(steps, frames.cell, strict=True):
        text += f"{step:8d}{0.5 * step:12.3f}" + "".join(f" {x:19.10f}" for x in cell.ravel())
        text += f" {np.linalg.det(cell):24.10f}\n"
    return text


def cp2k_run(
    folder: Path, frames: Frames, *, steps: list[int] | None = None, cells: bool = True, version: float = 2023.1
) -> Path:
    """All files of a run in a folder; its output is what is returned."""
    numbers = list(range(len(frames.energy))) if steps is None else steps
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "X-pos-1.xyz").write_text(cp2k_xyz(frames, frames.positions, numbers))
    (folder / "X-frc-1.xyz").write_text(cp2k_xyz(frames, frames.forces / (HARTREE / BOHR), numbers))
    if cells:
        (folder / "X-1.cell").write_text(cp2k_cell(frames, numbers))
    out = folder / "X.out"
    out.write_text(cp2k_output(frames, version=version, run="MD", forces=False))
    return out


def cp2k_output(
    frames: Frames, *, version: float = 2023.1, run: str = "ENERGY_FORCE", unit: str = "GPa", forces: bool = True,
    converged: list[bool | None] | None = None, outer: bool = False, ended: bool = True,
) -> str:  # fmt: skip
    """The output of calculations one after the other, as the version prints it."""
    scale = dict(GPa=1.0, bar=1e4)[unit]
    text = " DBCSR| CPU Multiplication driver                                           XSMM\n\n"
    text += f" CP2K| version string:                                       CP2K version {version}\n"
    text += " CP2K| Input file name                                                 run.inp\n\n"
    text += " GLOBAL| Project name                                                       X\n"
    text += f" GLOBAL| Run type                                                   {run}\n\n"
    for vector, row in zip("abc", frames.cell[0], strict=True):
        length = (
            f"|{vector}| = {np.linalg.norm(row):12.6f}" if version > 8 else f" |{vector}| = {np.linalg.norm(row):11.3f}"
        )
        text += f" CELL| Vector {vector} [angstrom]: " + "".join(f"{x:10.3f}" for x in row) + f"   {length}\n"
    text += "\n FUNCTIONAL| PBE:\n FUNCTIONAL| J.P.Perdew, K.Burke, M.Ernzerhof\n\n"
    text += " vdW POTENTIAL|          DFT-D3 (Version 3.1)\n"
    text += " QS| Density cutoff [a.u.]:                                                250.0\n\n"
    text += _atoms(frames, version)
    for f in range(len(frames.energy)):
        good = True if converged is None else converged[f]
        if good is not None:
            text += (
                f"\n  *** SCF run converged in    {f + 9} steps ***\n"
                if good
                else "  Leaving inner SCF loop after reaching    20 steps.\n"
            )
        if good is False:
            text += "\n *** WARNING in qs_scf.F:598 :: SCF run NOT converged ***\n"
        if outer:
            text += "\n  outer SCF loop converged in   2 iterations or   22 steps\n"
        name = "(a.u.): " if version < 8 else "[a.u.]:" if version < 2025 else "[hartree]"
        text += f"\n ENERGY| Total FORCE_EVAL ( QS ) energy {name}  {frames.energy[f] / HARTREE:24.15f}\n\n"
        if forces:
            text += _forces(frames, f, version)
        v = frames.virial[f] / np.linalg.det(frames.cell[f]) / GPA * scale
        if version < 8:
            text += f" STRESS TENSOR [{unit}]\n\n            X               Y               Z\n"
            text += "".join(
                f"  {axis}" + "".join(f"{x:16.8f}" for x in row) + "\n" for axis, row in zip("XYZ", v, strict=True)
            )
            text += f"\n  1/3 Trace(stress tensor):  {np.trace(v) / 3:15.8E}\n\n"
        else:
            text += f" STRESS| Analytical stress tensor [{unit}]\n"
            text += " STRESS|                        x                   y                   z\n"
            text += "".join(
                f" STRESS|      {a} " + "".join(f"{x:20.11E}" for x in row) + "\n"
                for a, row in zip("xyz", v, strict=True)
            )
            text += f" STRESS| 1/3 Trace {np.trace(v) / 3:20.11E}\n\n"
            text += " STRESS| Eigenvectors and eigenvalues\n STRESS|      x  1.0 0.0 0.0\n\n"
    return text + ("\n  **** **** ******  **  PROGRAM ENDED AT        2023-07-01 18:20:32.755\n" if ended else "")


def _atoms(frames: Frames, version: float) -> str:
    kinds = sorted(set(frames.species), key=frames.species.index)
    lines = []
    for n, (name, row) in enumerate(zip(frames.species, frames.positions[0], strict=True), 1):
        place = "".join(f"{x:14.6f}" for x in row)
        lines.append(f"{n:7d}{kinds.index(name) + 1:5d} {name:2s} {8:4d}{place}   6.0000  15.9994\n")
    if version < 2024:
        return (
            " MODULE QUICKSTEP:  ATOMIC COORDINATES IN angstrom\n\n"
            "  Atom  Kind  Element       X           Y           Z          Z(eff)       Mass\n\n"
            + "".join(lines) + "\n\n"
        )  # fmt: skip
    head = "   Atom Kind Element         X             Y             Z       Z(eff)     Mass\n"
    return " MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM\n\n" + head + "".join(lines) + "\n"


def _forces(frames: Frames, f: int, version: float) -> str:
    values = frames.forces[f] / (HARTREE / BOHR)
    if version >= 2025:
        text = " FORCES| Atomic forces [hartree/bohr]\n"
        text += " FORCES|   Atom     x               y               z             |f|\n"
        for n, row in enumerate(values, 1):
            text += f" FORCES| {n:6d} " + "".join(f"{x:16.8E}" for x in (*row, np.linalg.norm(row))) + "\n"
        return text + " FORCES| Sum     0.0 0.0 0.0\n FORCES| Total atomic force    0.0\n\n"
    text = " ATOMIC FORCES in [a.u.]\n\n # Atom   Kind   Element          X              Y              Z\n"
    for n, (name, row) in enumerate(zip(frames.species, values, strict=True), 1):
        text += f"{n:7d}      1      {name:2s}     " + "".join(f"{x:15.8f}" for x in row) + "\n"
    return text + " SUM OF ATOMIC FORCES           0.0  0.0  0.0  0.0\n\n"
