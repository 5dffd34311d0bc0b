"""Normal modes of the frames of a run as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.budget import memory_budget

from .forces import evaluate, forces_of, named
from .spectrum import broadened, grid, normal_modes
from .subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

IMAGINARY = 0.01  # meV, that an energy is below zero by at least: less is rounding
MATRICES = 5  # of 3N × 3N numbers, that the modes of a frame take at a time


def instantaneous_modes(
    traj: Trajectory,
    calculator: Any,
    *,
    frames: int | Sequence[int] = 10,
    displacement: float = 0.01,
    resolution: float = 0.5,
) -> Dataset:
    r"""Share of imaginary modes among the instantaneous normal modes of a run (D4).

    The dynamical matrix of each frame as it stands, not relaxed,

    .. math::

        D_{kk'} = \frac{1}{\sqrt{m_k m_{k'}}} \frac{\partial^2 U}{\partial r_k\, \partial r_{k'}}, \qquad
        D\, \mathbf e_j = \omega_j^2\, \mathbf e_j,

    by central differences of the forces on 2 · 3N displaced copies. In a harmonic crystal all ω² are positive at any
    temperature; along a run, ω² < 0 are the directions in which the atoms stand on a barrier or on a shoulder of the
    energy, as they do in a liquid and as ions do that hop. The linear law g ∝ E at low energy is ascribed to such modes
    (:func:`vanhove.spectra.low_energy_law`).

    Parameters
    ----------
    traj
        All atoms of the system.
    calculator
        As for ``lattice.phonons``; it should be the potential that made the run.
    frames
        How many, evenly over the run, or their numbers.
    displacement
        Å, to either side.
    resolution
        FWHM (meV) of the Gaussian that each mode is in g.

    Returns
    -------
    Dataset
        ``frequencies(time, mode)`` (meV), below zero for imaginary modes, without the three translations;
        ``imaginary(time)``, their share of all modes, with mean ``fraction`` and its standard error from the spread
        over the frames (NaN for one); ``species_imaginary(species)``, the share of each species' motion that is in
        imaginary modes; ``g(energy)`` (1/meV) over all modes, the imaginary ones below zero.
    """
    if isinstance(frames, int):
        if frames < 1:
            raise Refusal(f"frames={frames}", "", "Give a number of frames, 1 or more")
        chosen = np.unique(np.rint(np.linspace(0, traj.n_frames - 1, min(frames, traj.n_frames))).astype(int))
    else:
        chosen = np.unique([range(traj.n_frames)[int(k)] for k in frames])
    if len(chosen) == 0:
        raise Refusal("frames= is empty", "", "Give some")
    for name, value in (("displacement", displacement), ("resolution", resolution)):
        if not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value!r}", "", "Give a number above 0")
    needed = MATRICES * 8 * (3 * traj.n_atoms) ** 2
    if needed > memory_budget():
        raise Refusal(
            f"The modes of {traj.n_atoms} atoms take {needed / 1e9:.1f} GB",
            f"the memory budget is {memory_budget() / 1e9:.1f} GB", "Take a smaller system, or set VANHOVE_MEMORY",
        )  # fmt: skip
    forces = forces_of(calculator)
    species = traj.species.tolist()
    names = list(dict.fromkeys(species))
    member = np.array([[s == name for s in species] for name in names], np.float64)
    found, motion = [], []
    for frame in chosen:
        atoms = subject_of(traj, int(frame)).atoms
        energies, vectors = normal_modes(dynamical_matrix(atoms, forces, displacement), traj.masses)
        soft = energies < -IMAGINARY
        found.append(energies)
        motion.append(member @ np.square(vectors[soft]).sum(axis=(0, 2)))
    energies = np.array(found)
    share = (energies < -IMAGINARY).mean(axis=1)
    # each atom moves along three axes
    of_species = np.mean(motion, axis=0) / (3 * member.sum(axis=1))
    error = float(share.std(ddof=1) / np.sqrt(len(share))) if len(share) > 1 else np.nan
    energy, g = _signed(energies, resolution)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "lattice.instantaneous_modes",
        {
            "frequencies": Column(("time", "mode"), energies, "meV", "energy of the mode, below zero: imaginary"),
            "imaginary": Column(("time",), share, "1", "share of imaginary modes"),
            "fraction": Column((), float(share.mean()), "1", "mean share of imaginary modes"),
            "fraction_error": Column((), error, "1", "standard error of the mean share"),
            "species_imaginary": Column(
                ("species",), of_species, "1", "share of the motion of a species that is in imaginary modes"
            ),
            "g": Column(("energy",), g, "1/meV", "density of instantaneous normal modes"),
        },
        {
            "time": Column(("time",), traj.times[chosen], "ps", "time"),
            "species": Column(("species",), np.array(names), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy, below zero: imaginary"),
        },
        parameters=dict(calculator=named(calculator), frames=frames, displacement=displacement, resolution=resolution),
        history=list(traj.history),
        title=f"Instantaneous normal modes of {len(chosen)} frames",
        fingerprint=traj.fingerprint,
        resolution_fwhm=float(resolution),
        **known,
    )


def dynamical_matrix(atoms: Any, forces: Callable[[Sequence[Any]], list[Floats]], displacement: float) -> Floats:
    """The dynamical matrix (eV/Å²/u) of a cell at the zone centre, by central differences."""
    n = len(atoms)

    def displaced() -> Iterator[Any]:
        for coordinate in range(3 * n):
            for side in (displacement, -displacement):
                copy = atoms.copy()
                copy.positions[coordinate // 3, coordinate % 3] += side
                yield copy

    values = evaluate(displaced(), 6 * n, forces, folder=None, identity="").reshape(3 * n, 2, 3 * n)
    root = np.repeat(np.sqrt(atoms.get_masses()), 3)
    constants: Floats = -(values[:, 0] - values[:, 1]) / (2 * displacement)
    return constants / np.outer(root, root)


def _signed(energies: Floats, resolution: float) -> tuple[Floats, Floats]:
    """Density over energies of both signs; lines near 0 stay on their own side of it."""
    flat = energies.ravel()
    above = grid(np.abs(flat), resolution)
    weights = np.stack([flat < 0, flat >= 0]) / len(flat)
    below_g, above_g = broadened(np.abs(flat), weights, above, resolution)
    # 0 belongs to both sides: to each with its half
    middle = [(below_g[0] + above_g[0]) / 2]
    g: Floats = np.concatenate([below_g[:0:-1], middle, above_g[1:]])
    return np.concatenate([-above[:0:-1], above]), g


def draw(result: Dataset, ax: Axes) -> None:
    """Density of real modes, and to the left of zero over the imaginary ones, with their shares."""
    energy, g = result.energy.values, result.g.values
    left = energy <= 0
    ax.plot(energy, g, color="#000000", lw=1.2)
    colour = colour_of("Si")
    error = float(result.fraction_error)
    said = f"{100 * float(result.fraction):.2f}" + (f" ± {100 * error:.2f}" if np.isfinite(error) else "")
    ax.fill_between(energy[left], g[left], color=colour, alpha=0.5, lw=0, label=f"imaginary: {said} %")
    for name, value in zip(result.species.values.tolist(), result.species_imaginary.values, strict=True):
        ax.plot([], [], "o", color=colour_of(element_of(name)), label=f"of the motion of {name}: {100 * value:.2f} %")
    ax.axvline(0, color="#7F7F7F", lw=0.8)
    lowest = float(result.frequencies.min())
    ax.set_xlim(min(1.1 * lowest, -0.05 * energy[-1]), energy[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel(label("E, imaginary below zero", "meV"))
    ax.set_ylabel(label("g", "1/meV"))
    ax.legend(loc="best")
