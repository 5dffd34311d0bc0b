"""The numbers of a study: a few rows from each dataset, with errors, bounds and verdicts.

========================  ==========================  ===========================================  =======
name                      species                     value                                        unit
========================  ==========================  ===========================================  =======
atoms                                                 number of atoms of a run                     1
density                                               mean mass density of a run                   g/cm³
first_peak                a pair, "Si-S"              where its g(r) is first highest              Å
coordination              a pair                      n(r) at the first minimum of g(r)            1
angle                     "S-Si-S"                    mean bond angle                              °
unit_share                a unit, "PS4"               share of the formers in such units           1
Qn_share                  "Q3"                        share of the formers with so many bridges    1
bridging                                              share of the anions that bridge formers      1
volume                    a species                   mean Voronoi volume                          Å³
q4, q6, …                                             mean Steinhardt order parameter              1
phase_share               phase: glass, crystal, …    share of the atoms                           1
interface                 "lower", "upper"            where the step from glass to crystal is      Å
peak, peak_length         a pair or "total"           peak in the window, and 7.7/Q where it is S  1/Å, Å
R_chi                                                 distance from what was measured              1
D                         a species                   diffusion coefficient, or null and an upper  cm²/s
D_green_kubo              a species                   the same from velocities                     cm²/s
D_jumps                   a species                   ⟨l²⟩/6τ, of uncorrelated jumps              cm²/s
sigma                     a species, "" in all        conductivity, or a species' part of it       mS/cm
haven_ratio                                           of ions alone to ions together               1
alpha2_peak_time          a species                   τ*, where α₂ is highest                      ps
alpha2_peak               a species                   α₂ there                                     1
jump_rate                 a species                   jumps of an ion                              1/ps
jump_length               a species                   mean length of a jump                        Å
residence_time            a species, with the radius  mean residence in a cage; low: its bound     ps
cage_jump_rate            a species, with the radius  jumps of an ion from cage to cage            1/ps
site_residence_time       a species                   mean residence at a site                     ps
hop_rate                  a species, a kind of hop    hops of an ion                               1/ps
unassigned_share          a species                   share of ions and frames in no site          1
percolation_barrier       a species, with the axis    barrier of the easiest way; low: its bound   eV
displacement              "Na, fast", "Na, slow"      mean displacement of such ions               Å
former_coordination       "Na, fast", "Na, slow"      formers bonded to an anion near such ions    1
D2min                     a species                   mean squared non-affine displacement         Å²
softness_accuracy         a species                   balanced accuracy of what was held out       1
softness_ranking          a species                   share of pairs whose mobile ion is softer    1
softness                  "Na, mobile", …             mean softness of such ions, held out         1
hops_by_softness          a species                   slope of ln(rate of hops) against softness   1
hop_rate_soft, …_hard     a species                   rate of hops of ions with S > 0, with S < 0  1/ps
ion_share                 a species, phase: glass, …  share of the ions that are in the phase      1
band_centre               a species, "total"          mean energy of its density of states         meV
D_vdos                    a species                   D from its density of states at zero energy  cm²/s
low_energy_power          a species, "total"          n of a density of states that goes as Eⁿ     1
mean_energy                                           of a density of states from S(Q,E)           meV
qens_width                a species, with Q and line  half width of a quasielastic line            meV
D_qens                    a species                   D from the widths by a jump model            cm²/s
residence_qens            a species                   τ of that jump model                         ps
jump_length_qens          a species                   √⟨l²⟩ of that jump model                     Å
oscillator_energy         a species, with Q           E0 of a damped oscillator                    meV
oscillator_hwhm           a species, with Q           Γ/2 of it                                    meV
imaginary_modes                                       of a relaxed structure, at each q point      1
lowest_mode                                           its energy, below zero: imaginary            meV
lattice_centre            a species, "total"          mean energy of the lattice's modes           meV
participation                                         mean participation ratio of low modes        1
mode_motion               "translation", "ions", …    what moves in low modes                      1
unit_activity             "Si Q3", "PS4"              motion of such a unit in them, mean one: 1   1
u2                        a species, "Si Q3", …       mean squared displacement of vibrations      Å²
u2_lattice, u2_md         a species                   the same of the lattice and of a run         Å²
dos_common                a species, "total"          what g(E) of the lattice and a run share     1
imaginary_share           a species, "" in all        imaginary share of instantaneous modes       1
E_a                       a species                   activation energy of D, 95 % interval        eV
D_extrapolated            a species                   D at the row's temperature, with interval    cm²/s
E_a_sigma                 a species, "" in all        activation energy of σT                      eV
sigma_extrapolated        a species, "" in all        σ at the row's temperature, with interval    mS/cm
E_a_x, x_extrapolated     a species                   the same of what else is followed: x         eV, …
========================  ==========================  ===========================================  =======

What was asked for in a phase of a glass-ceramic, by the ions that begin there, names it in ``phase``: D, α₂, jumps.
Rows of one run name it and its temperature; rows that join runs have an empty ``run``: laws, and the means of replicas,
which have the name, the species and the temperature of what they are the means of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.units import DENSITY_G_CM3

from .dynamics_rows import DYNAMICS
from .lattice_rows import LATTICE
from .results import row
from .softness_rows import SOFTNESS
from .spectra_rows import SPECTRA
from .structure_rows import STRUCTURE

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .making_rows import Row
    from .tasks import Task


def rows_of_run(run: str, traj: Trajectory) -> list[Row]:
    """What was simulated: number of atoms, density."""
    return [
        row(name, value, unit, run=run, temperature=traj.temperature)
        for name, value, unit in (("atoms", traj.n_atoms, "1"), ("density", density_of(traj), "g/cm³"))
    ]


def density_of(traj: Trajectory) -> float:
    """Mean mass density (g/cm³): ρ = ⟨Σ m / V⟩."""
    return float((traj.masses.sum() / traj.volumes).mean() * DENSITY_G_CM3)


def rows_of_result(task: Task, result: Dataset) -> list[Row]:
    """The numbers of one dataset; none for an observable whose result is a curve."""
    summarise = {**STRUCTURE, **DYNAMICS, **SPECTRA, **SOFTNESS, **LATTICE}.get(task.function)
    return [] if summarise is None else summarise(task, result)
