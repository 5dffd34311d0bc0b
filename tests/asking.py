"""What the tests that go through all observables ask them with, and the trajectory that they are asked of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

import vanhove as vh


def measured(width: float, temperature: float = 300.0) -> xr.Dataset:
    """S(q, energy) with errors: an elastic line, weaker at high Q, and beside it a Lorentzian of that width (meV)."""
    q, energy = np.linspace(0.2, 4.0, 20), np.linspace(-25, 25, 251)
    line = np.exp(-width * q[:, None] ** 2) * np.exp(-0.5 * (energy / 0.2) ** 2)
    S = line + 0.1 * width * q[:, None] ** 2 / (energy**2 + width**2 + 0.04)
    return xr.Dataset(
        {
            "S": (("q", "energy"), S, {"units": "1", "long_name": "dynamic structure factor"}),
            "S_error": (("q", "energy"), 0.02 * np.sqrt(S), {"units": "1", "long_name": "its standard error"}),
        },
        {"q": q, "energy": energy},
        {"title": "made", "temperature": temperature},
    )


@cache
def trajectory() -> vh.Trajectory:
    """24 Na that walk through 12 Si and 36 S that shake, 200 frames, with velocities that last some frames."""
    rng = np.random.default_rng(20261120)
    steps = rng.normal(0, 1, (200, 72, 3)) * np.where(np.arange(72) < 24, 0.3, 0.0)[:, None]
    positions = rng.uniform(0, 12, (72, 3)) + np.cumsum(steps, axis=0) + rng.normal(0, 0.05, (200, 72, 3))
    species = ["Na"] * 24 + ["Si"] * 12 + ["S"] * 36
    velocities = np.apply_along_axis(np.convolve, 0, rng.normal(0, 3, (203, 72, 3)), np.full(4, 0.5), "valid")
    return vh.from_arrays(
        positions, 12.0, species, 0.1 * np.arange(200), wrapped=False, velocities=velocities, temperature=1300
    )


@cache
def vibrations() -> xr.Dataset:
    """The density of states of that trajectory."""
    found: xr.Dataset = vh.spectra.vdos(trajectory())
    return found


# What observables are asked with, by the names of their arguments; one that needs another adds it here, with its own
# name before it where others have an argument of that name, too.
ARGUMENTS: dict[str, Any] = {
    "species": "Na",
    "charges": {"Na": 1, "Si": 4, "S": -2},
    "temperatures": [1100.0, 1300.0, 1500.0],
    "values": [1.2e-5, 2.6e-5, 4.4e-5],
    "lengths": [20.0, 30.0, 40.0],
    "units": "cm²/s",
    "triplets": "S-Si-S",
    "formers": "Si",
    "anions": "S",
    "axis": "c",
    "cutoff": 4.0,
    "sites.sites": {"a": [[3.0, 3.0, 3.0], [3.0, 9.0, 3.0]], "b": [[9.0, 3.0, 9.0], [9.0, 9.0, 9.0]]},
    "cages.centres": "Si",
    "cages.radius": [3.0, 4.0],
    "cutoffs": {"Si-S": 2.6, "Si-Si": 0.0},
    "compare_structure_factor.measured": ([2.0, 3.0, 4.0, 5.0, 6.0], [1.1, 0.9, 1.2, 1.0, 0.95]),
    "compare_structure_factor.pair": "Na-S",
    "compare_structure_factor.window": (1.5, 7.0),
    "peaks.window": (1.5, 7.0),
    "fast_slow.after": 2.0,
    "fast_slow.former_cutoff": 2.6,
    "rotation.units": [[k, *range(3 * k - 36, 3 * k - 33)] for k in range(24, 36)],
    "coupling.ion": "Na",
    "coupling.units": [[k, *range(3 * k - 36, 3 * k - 33)] for k in range(24, 36)],
    "bottleneck.windows": [[3 * k - 36, 3 * k - 35, 3 * k - 34] for k in range(24, 36)],
    "bottleneck.ion": "Na",
    "scan.widths": [0.5, 1.0],
    "scan.cutoffs": [3.0, 5.0],
    "scan.strengths": [0.1, 1.0],
    "scan.quantiles": [0.4, 0.5],
    "scan.every": 20,
    "soft_profile.width": 3.0,
    "gaussian_departure.r_c": 3.0,
    "van_hove_distinct.pair": "Na-S",
    "green_kubo.length": 2.0,
    "green_kubo.plateau": (1.0, 2.0),
    "incoherent.q": [0.8, 1.2, 1.6],
    "coherent.q": [0.8, 1.1, 1.4, 1.7, 2.0, 2.3],
    "currents.direction": (1, 0, 0),
    "at_q.q_vectors": [(0.5, 0, 0), (1, 0.5, 0)],
    "at_q.supercell": (2, 2, 1),
    "vdos.species": None,
    "low_energy_law.window": (2.0, 16.0),
    "neutron_sqe.q": [0.6, 0.9, 1.2],
    "instrument.resolution": 0.8,
    "diffusion_table.routes": {"MSD": (1.1e-5, 1e-6), "VDOS": 1.3e-5, "QENS": "0.9e-5 ± 0.2e-5"},
    "diffusion_table.species": "Na",
    "subtract_can.can": measured(0.02),
    "subtract_can.xi": 0.5,
    "dos_from_sqe.elastic": (-1.0, 1.0),
    "dos_from_sqe.mass": "Na",
    "elastic_scan.measured_by_temperature": {T: measured(1e-3 * T, T) for T in (100.0, 150.0, 200.0, 250.0)},
    "elastic_scan.window": (-0.6, 0.6),
    "elastic_scan.quasielastic": (1.0, 4.0),
    "phonons.calculator": "asking:soft_spheres",
    "phonons.largest_force": 1e3,
    "compare_dos.vdos": vibrations,
    "compare_displacements.vdos": vibrations,
    "displacements.formers": None,
    "displacements.anions": None,
    "displacements.cutoffs": None,
    "modes.units": None,
    "modes.cutoffs": {"Si-S": 3.2},
    "instantaneous_modes.calculator": "asking:soft_spheres",
    "instantaneous_modes.frames": 2,
}


def soft_spheres() -> Callable[[Any], Any]:
    """Forces (eV/Å) of spheres that push each other apart where they overlap."""

    def forces(atoms: Any) -> Any:
        from ase.neighborlist import neighbor_list

        i, distance, vector = neighbor_list("idD", atoms, 3.0)
        push = -0.5 * (3.0 - distance) / distance
        return np.stack([np.bincount(i, push * vector[:, k], len(atoms)) for k in range(3)], axis=1)

    return forces


def asked(name: str, parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """The arguments of the observable ``name`` ("dynamics.msd") for those of its parameters that it is asked with."""
    own = f"{name.split('.')[1]}."
    keys = {p.name: own + p.name if own + p.name in ARGUMENTS else p.name for p in parameters}
    given = {p.name: ARGUMENTS[keys[p.name]] for p in parameters if keys[p.name] in ARGUMENTS or p.default is p.empty}
    return {option: value() if callable(value) else value for option, value in given.items()}
