"""The response at chosen wavevectors of a crystal's unit cell, in any Brillouin zone, averaged over replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset
from vanhove.base.scattering import NEUTRON_SOURCE
from vanhove.base.units import K_B
from vanhove.dynamics.plateau import mean_and_error
from vanhove.trajectory import Trajectory

from .collective_correlation import ERROR, Correlated, correlate
from .collective_figures import reach
from .lag_grids import Grids
from .pair_amplitudes import of_all, of_neutrons, of_pairs
from .q_points import in_unit_cells, mean_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

SAME_CELL = 0.02  # by so much may the cells of replicas differ: what Q in units of each does to their lengths
OFFSET = 0.55  # of the highest, between the lines of a picture


class _Means(NamedTuple):
    """Over replicas, with standard errors."""

    by_lag: Floats
    by_lag_error: Floats
    by_energy: Floats
    by_energy_error: Floats


def at_q(
    trajs: Trajectory | Sequence[Trajectory],
    q_vectors: ArrayLike,
    supercell: Sequence[int],
    weights: Literal["neutron"] | None = None,
    *,
    pairs: Sequence[str] | str | None = None,
    max_lag: float | None = None,
    resolution: float | None = None,
    correction: Literal["classical", "detailed-balance"] = "classical",
    temperature: float | None = None,
    drift: Literal["cell"] | None = "cell",
) -> Dataset:
    r"""Dynamic structure factor and susceptibility at wavevectors of the unit cell (C6).

    .. math::

        S(\mathbf Q, E) = \frac{1}{2\pi\hbar N} \int \left\langle A(\mathbf Q, t)\, A^*(\mathbf Q, 0) \right\rangle
        e^{-iEt/\hbar}\, dt, \qquad A(\mathbf Q, t) = \sum_k b_k\, e^{i \mathbf Q \cdot \mathbf r_k(t)}, \qquad
        \chi''(\mathbf Q, E) = \pi \beta E\, S(\mathbf Q, E)

    with b = 1 or the coherent scattering lengths of neutrons, averaged over ±\ **Q** and both directions of time. The
    simulated S is classical; with detailed balance S_q = S βE/(1 - e^{-βE}), and χ'' = π(1 - e^{-βE}) S_q is the same
    number. A mode with the polarisation **e** is seen by (**Q**·\ **e**)²: a transverse phonon of wavevector **q** is
    invisible at **q** itself, and seen at **G** + **q** in another zone with **G** along **e**.

    Parameters
    ----------
    trajs
        One trajectory, or several replicas of it: the same atoms, temperature and spacing of frames, each evenly
        spaced; what is longer than the shortest is used whole.
    q_vectors
        (n, 3) in reciprocal lattice units of the unit cell, in any Brillouin zone: ``[(0, 1.5, 4)]``. One that is not
        commensurate with the supercell is refused, with the nearest that are.
    supercell
        How many unit cells the simulated cell holds along a, b and c: ``(2, 10, 10)``.
    weights
        ``"neutron"``: b of Sears's table, S in barn/sr/meV. None: all atoms alike, S in 1/meV.
    pairs
        ``"Li-S"`` or a list: adds the partial spectra of these pairs of species, without weights.
    max_lag, resolution, drift
        As for :func:`coherent`.
    correction
        ``"detailed-balance"``: S is S_q.
    temperature
        K; the trajectories' own unless given.

    Returns
    -------
    Dataset
        ``S(q, energy)`` and ``chi(q, energy)`` per atom, and ``F(q, lag)``, never windowed, always classical. ``q`` is
        \|Q\| (1/Å) in the order asked for, ``hkl(q, axis)`` is **Q** as asked for. Of several replicas errors are
        those of the mean, by Student's t such that one covers the truth in 68 of 100; of one they are as for
        :func:`coherent`. ``attrs["error"]`` says which.
    """
    runs = [trajs] if isinstance(trajs, Trajectory) else list(trajs)
    kelvin = _temperature(runs, temperature)
    _check_alike(runs, supercell)
    if weights not in (None, "neutron"):
        raise Refusal(f"weights={weights!r}", "", 'Pass "neutron" or None')
    composition = runs[0].composition
    amplitudes, used = (of_all(composition), "") if weights is None else of_neutrons(composition)
    parts = of_pairs(composition, pairs) if pairs is not None else None
    count = len(amplitudes.pairs)
    factors = amplitudes.factors if parts is None else np.concatenate([amplitudes.factors, parts.factors])
    products = amplitudes.pairs + ([] if parts is None else [(a + count, b + count) for a, b in parts.pairs])
    shortest = runs[int(np.argmin([traj.n_frames for traj in runs]))]
    grids = Grids.of(shortest, max_lag, resolution, correction, kelvin)
    found, lengths = [], []
    for traj in runs:
        points = in_unit_cells(mean_cell(traj), supercell, q_vectors)
        mine = grids._replace(frames=traj.n_frames)
        found.append(_summed(correlate(traj, points, mine, factors, products, reference=drift), count))
        lengths.append(points.q)
    mean = _over_replicas(found)
    chi = np.pi * grids.energy / (K_B * kelvin) / grids.factor  # of S as it is given
    units = "1/meV" if weights is None else "barn/sr/meV"
    length_units = "1" if weights is None else "barn/sr"
    table = ("q", "energy")
    variables = {
        "S": Column(table, mean.by_energy[0], units, "dynamic structure factor"),
        "S_error": Column(table, mean.by_energy_error[0], units, "standard error of the dynamic structure factor"),
        "chi": Column(table, chi * mean.by_energy[0], units, "imaginary part of the dynamic susceptibility"),
        "chi_error": Column(
            table, np.abs(chi) * mean.by_energy_error[0], units, "standard error of the dynamic susceptibility"
        ),
        "F": Column(("q", "lag"), mean.by_lag[0], length_units, "intermediate scattering function"),
        "F_error": Column(
            ("q", "lag"), mean.by_lag_error[0], length_units, "standard error of the scattering function"
        ),
        "hkl": Column(
            ("q", "axis"), points.hkl / np.asarray(supercell), "1", "in reciprocal lattice units of the unit cell"
        ),
    }
    coordinates = {
        "q": Column(("q",), np.mean(lengths, axis=0), "1/Å", "wavevector transfer"),
        "axis": Column(("axis",), ["h", "k", "l"], "1", "axis of the reciprocal lattice"),
        **grids.coordinates,
    }
    if parts is not None:
        of_pair = ("pair", *table)
        variables["S_pair"] = Column(of_pair, mean.by_energy[1:], "1/meV", "partial dynamic structure factor")
        variables["S_pair_error"] = Column(
            of_pair, mean.by_energy_error[1:], "1/meV", "standard error of the partial dynamic structure factor"
        )
        coordinates["pair"] = Column(("pair",), parts.labels, "1", "pair of species")
    said = {} if weights is None else {"weights": weights, "scatterers": used, "scatterers_from": NEUTRON_SOURCE}
    return dataset(
        "spectra.at_q",
        variables,
        coordinates,
        parameters=dict(
            q_vectors=q_vectors, supercell=supercell, weights=weights, pairs=pairs, max_lag=max_lag,
            resolution=resolution, correction=correction, temperature=temperature, drift=drift,
        ),
        history=list(runs[0].history),
        title="Response at wavevectors of the unit cell",
        fingerprint=" ".join(traj.fingerprint for traj in runs),
        n_atoms=runs[0].n_atoms,
        n_replicas=len(runs),
        drift=drift or "none",
        error=ERROR if len(runs) == 1 else f"spread between {len(runs)} replicas, Student's t",
        temperature=kelvin,
        **grids.attributes,
        **said,
    )  # fmt: skip


def _temperature(runs: list[Trajectory], given: float | None) -> float:
    """K, of all runs."""
    if not runs:
        raise Refusal("There is no trajectory", "", "Give one, or a list of replicas")
    known = {traj.temperature for traj in runs}
    if given is None and len(known) > 1:
        raise Refusal(
            "The replicas are not of one temperature", f"they say {', '.join(map(str, known))} K",
            "Give replicas of one temperature, or temperature= if they are",
        )  # fmt: skip
    kelvin = known.pop() if given is None else float(given)
    if kelvin is None:
        raise Refusal(
            "The susceptibility needs the temperature, and no trajectory has one", "",
            "Pass temperature= in K, or open the file with temperature=",
        )  # fmt: skip
    if not (np.isfinite(kelvin) and kelvin > 0):
        raise Refusal(f"temperature={kelvin:g} K", "", "Give a temperature above 0")
    return kelvin


def _check_alike(runs: list[Trajectory], supercell: Sequence[int]) -> None:
    """Refuse what are no replicas of each other; warn where the supercell can't be what was simulated."""
    first = runs[0]
    for n, traj in enumerate(runs[1:], 2):
        cell = np.abs(np.linalg.norm(mean_cell(traj), axis=1) / np.linalg.norm(mean_cell(first), axis=1) - 1).max()
        for what, differs in (
            ("atoms", traj.composition != first.composition),
            ("spacing of frames", abs(traj.spacing - first.spacing) > 1e-6 * first.spacing),
            ("cell", cell > SAME_CELL),
        ):
            if differs:
                raise Refusal(
                    f"Trajectory {n} is no replica of the first: another {what}", f"{traj!r} and {first!r}",
                    "Give runs of the same system, written at the same spacing",
                )  # fmt: skip
    cells = int(np.prod(np.asarray(supercell, float))) if np.shape(supercell) == (3,) else 1
    atoms = first.whole_system.n_atoms
    if cells > 0 and atoms % cells:
        warn(
            f"{atoms} atoms are no whole number of atoms in each of {cells} unit cells", f"supercell={supercell!r}",
            "Check it, unless there are vacancies: wavevectors are in units of the unit cell that it names",
        )  # fmt: skip


def _summed(found: Correlated, count: int) -> Correlated:
    """The first ``count`` products are parts of one total: real and imaginary lengths."""
    values = [np.concatenate([each[0, :count].sum(axis=0, keepdims=True), each[0, count:]]) for each in found]
    for k in (1, 3):
        total = np.sqrt((found[k][0, :count] ** 2).sum(axis=0, keepdims=True))
        values[k] = np.concatenate([total, found[k][0, count:]])
    return Correlated(*values)


def _over_replicas(found: list[Correlated]) -> _Means:
    if len(found) == 1:
        return _Means(*found[0])
    by_lag, by_lag_error = mean_and_error(np.stack([one.by_lag for one in found]))
    by_energy, by_energy_error = mean_and_error(np.stack([one.by_energy for one in found]))
    return _Means(by_lag, by_lag_error, by_energy, by_energy_error)


def draw(result: Dataset, ax: Axes) -> None:
    """χ'' against E with its error, one line a Q, each above the one before."""
    energy = result["energy"].values
    chi, error = result["chi"].values, result["chi_error"].values
    loss = energy >= 0
    step = OFFSET * float(np.nanmax(chi[:, loss])) if len(chi) > 1 else 0.0
    for k, (values, spread, hkl) in enumerate(zip(chi, error, result["hkl"].values, strict=True)):
        colour = PALETTE[k % len(PALETTE)]
        name = ", ".join(f"{n:.3g}" for n in hkl)
        base = k * step
        ax.fill_between(
            energy[loss], base + (values - spread)[loss], base + (values + spread)[loss], color=colour, alpha=0.25, lw=0
        )
        ax.plot(energy[loss], base + values[loss], color=colour)
        ax.text(1.01, base, f"({name})", transform=ax.get_yaxis_transform(), color=colour, va="center", fontsize=9)
        ax.axhline(base, color="#BBBBBB", lw=0.7, zorder=1)
    ax.set_xlim(0, min(1.1 * reach(energy, chi), float(energy[-1])))
    ax.set_xlabel(axis_label("energy", "meV"))
    ax.set_ylabel(axis_label("χ″, each above the one before" if step else "χ″", result["chi"].attrs["units"]))
    ax.set_title("Q (r.l.u.)", loc="right", fontsize="medium")
