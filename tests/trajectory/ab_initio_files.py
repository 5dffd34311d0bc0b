"""Files that VASP and CP2K write, made by hand of trajectories whose truth is known."""

from __future__ import annotations

import numpy as np
from written import GENERAL, TRICLINIC

# vasprun.xml of VASP

SYMBOLS, MASSES = ["Li"] * 3 + ["P"] * 2 + ["S"] * 4, {"Li": 6.941, "P": 30.974, "S": 32.066}
KINDS = list(MASSES)
MD = dict(IBRION="0", POTIM="2.00000000", NSW="6", TEBEG="700.0", TEEND="700.0", SMASS="0.0", MDALGO="2", NBLOCK="5")


def scaled(frames: int = 6, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    path = rng.uniform(0, 1, (9, 3)) + np.cumsum(rng.normal(size=(frames, 9, 3)) * 0.07, axis=0)
    return np.round(path, 8)


def vectors(name: str, rows: np.ndarray, indent: str = "   ") -> str:
    body = "".join(f"{indent} <v>" + "".join(f"{x:16.8f}" for x in row) + " </v>\n" for row in rows)
    return f'{indent}<varray name="{name}" >\n{body}{indent}</varray>\n'


def structure(cell: np.ndarray, rows: np.ndarray, name: str = "", more: str = "") -> str:
    title = f' name="{name}" ' if name else ""
    reciprocal = vectors("rec_basis", np.linalg.inv(cell).T)
    crystal = f'  <crystal>\n{vectors("basis", cell)}   <i name="volume">  {np.linalg.det(cell):.8f} </i>\n{reciprocal}'
    return f" <structure{title}>\n{crystal}  </crystal>\n{vectors('positions', rows, '  ')}{more} </structure>\n"


def calculation(cell: np.ndarray, rows: np.ndarray) -> str:
    energies = "".join(f'    <i name="{name}">    -36.51831988 </i>\n' for name in ("e_fr_energy", "e_0_energy"))
    energy = f"   <energy>\n{energies}   </energy>\n"
    steps = f'  <scstep>\n   <time name="total">    0.04    0.04</time>\n{energy}  </scstep>\n' * 2
    forces = vectors("forces", rows, "  ") + vectors("stress", cell, "  ")
    return f"<calculation>\n{steps}{structure(cell, rows)}{forces}{energy} </calculation>\n"


def head(cell: np.ndarray, rows: np.ndarray, incar: dict[str, str], resolved: dict[str, str]) -> str:
    def listed(values: dict[str, str]) -> str:
        kinds = {name: 'type="int" ' if value.lstrip("-").isdigit() else "" for name, value in values.items()}
        return "".join(f'  <i {kinds[name]}name="{name}">  {value}</i>\n' for name, value in values.items())

    atoms = "".join(f"    <rc><c>{name:2s}</c><c>{KINDS.index(name) + 1:4d}</c></rc>\n" for name in SYMBOLS)
    types = "".join(
        f"    <rc><c>{SYMBOLS.count(name)}</c><c>{name:2s}</c><c>{mass:16.8f}</c><c>  1.0</c><c> PAW {name}</c></rc>\n"
        for name, mass in MASSES.items()
    )
    fixed = '  <varray name="selective" >\n' + '   <v type="logical" > F  F  F </v>\n' * 9 + "  </varray>\n"
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator>
  <i name="program" type="string">vasp </i>
  <i name="version" type="string">{resolved.get("version", "5.4.4")}  </i>
 </generator>
 <incar>
  <i type="string" name="SYSTEM"> a gl\xe4ss &amp; more</i>
{listed(incar)} </incar>
 <primitive_cell>
{structure(2 * cell, rows[:1], "primitive_cell")} </primitive_cell>
 <kpoints>
{vectors("kpointlist", np.zeros((1, 3)))} </kpoints>
 <parameters>
  <separator name="ionic" >
{listed(resolved)}  </separator>
 </parameters>
 <atominfo>
  <atoms>       9 </atoms>
  <types>       3 </types>
  <array name="atoms" >
   <dimension dim="1">ion</dimension>
   <field type="string">element</field>
   <field type="int">atomtype</field>
   <set>
{atoms}   </set>
  </array>
  <array name="atomtypes" >
   <dimension dim="1">type</dimension>
   <field type="int">atomspertype</field>
   <field type="string">element</field>
   <field>mass</field>
   <field>valence</field>
   <field type="string">pseudopotential</field>
   <set>
{types}   </set>
  </array>
 </atominfo>
{structure(cell, rows, "initialpos", fixed + vectors("velocities", rows, "  "))}"""


def document(
    path: np.ndarray, cells: np.ndarray = GENERAL, *, learned: tuple[int, ...] = (), **changes: str | None
) -> str:
    """The file of a run along ``path``; the steps ``learned`` were made by a force field."""
    told = {name: value for name, value in {**MD, **changes}.items() if value is not None}
    boxes = np.broadcast_to(cells, (len(path), 3, 3))
    steps = [
        structure(boxes[f], path[f]) + vectors("forces", path[f], " ")
        if f in learned
        else calculation(boxes[f], path[f])
        for f in range(len(path))
    ]
    return (
        head(boxes[0], path[0], {}, told)
        + "".join(steps)
        + structure(boxes[-1], path[-1], "finalpos")
        + "</modeling>\n"
    )


# positions, velocities, cells and the input of CP2K

LABELS = ["Li"] * 4 + ["P", "S", "S", "S"]
AU_SPEED = 2.18769126364e6 * 1e-2  # Å/ps: the atomic unit of velocity (CODATA 2018) in m/s
STEP = 0.5  # fs
NPT = TRICLINIC * np.linspace(1, 1.02, 9)[:, None, None]
Frames = list[int]
INPUT = """! a run
@SET T 600
&GLOBAL
  PROJECT X
  run_type MD
&END GLOBAL
&MOTION
  &MD
    ENSEMBLE NVT
    TEMPERATURE [K] 600
    &THERMOSTAT
      TYPE CSVR
    &END
  &END MD
  &PRINT
    &CELL
      &EACH
        MD 5
      &END
    &END CELL
    &VELOCITIES
      UNIT angstrom*fs^-1
    &END
  &END
&END MOTION
&FORCE_EVAL
  &SUBSYS
    &CELL  # the box
      CELL_LINES
      &CELL_REF
        ABC 99 99 99
      &END
    &END CELL
    &COORD
      Li 0.1 0.2 0.3
    &END
  &END SUBSYS
&END FORCE_EVAL"""


def motion(steps: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Positions (Å) and velocities (Å/ps) of atoms that drift and swing, as time itself has them."""
    rng = np.random.default_rng(8)
    start, drift = rng.uniform(0, 9, (8, 3)), rng.normal(scale=8, size=(8, 3))
    swing, rate, phase = rng.uniform(0.1, 0.4, (8, 3)), rng.uniform(20, 90, (8, 3)), rng.uniform(0, 6, (8, 3))
    t = np.array(steps)[:, None, None] * STEP / 1e3
    positions = start + drift * t + swing * np.sin(rate * t + phase)
    return positions, drift + swing * rate * np.cos(rate * t + phase)


def xyz(steps: Frames, values: np.ndarray, labels: list[str] = LABELS, step: float = STEP, time: bool = True) -> str:
    text = ""
    for number, frame in zip(steps, values, strict=True):
        when = f", time = {number * step:12.3f}" if time else ""
        text += f"{len(labels):8d}\n i = {number:8d}{when}, E = {-12.3456789:20.10f}\n"
        text += "".join(
            f"{name:>3s}" + "".join(f"{x:20.10f}" for x in row) + "\n" for name, row in zip(labels, frame, strict=True)
        )
    return text


def table(steps: Frames, cells: np.ndarray) -> str:
    names = "".join(f"       {vector}{axis} [Angstrom]" for vector in "ABC" for axis in "xyz")
    text = f"#   Step   Time [fs]{names}      Volume [Angstrom^3]\n"
    for number, cell in zip(steps, np.broadcast_to(cells, (len(steps), 3, 3)), strict=True):
        vectors = "".join(f" {x:19.10f}" for x in cell.ravel())
        text += f"{number:8d}{number * STEP:12.3f}{vectors} {np.linalg.det(cell):24.10f}\n"
    return text
