"""Coherent scattering: how the densities of two species follow each other, by wavevector, time and energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset

from .collective_correlation import ERROR, correlate
from .collective_figures import Curves, lines, show_map
from .lag_grids import Grids
from .pair_amplitudes import of_pairs
from .q_points import Points, listed, mean_cell, shells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

FEW = 5  # points up to which a picture has lines instead of a map


def coherent(
    traj: Trajectory,
    q: Sequence[float] | ArrayLike,
    *,
    pairs: Sequence[str] | str | None = None,
    max_lag: float | None = None,
    width: float | None = None,
    q_vectors: Literal["all"] | int = "all",
    resolution: float | None = None,
    correction: Literal["classical", "detailed-balance"] = "classical",
    temperature: float | None = None,
    drift: Literal["cell"] | None = "cell",
) -> Dataset:
    r"""Coherent intermediate scattering functions and dynamic structure factors of pairs of species (C5).

    .. math::

        F_{ij}(Q, t) = \frac{1}{N} \left\langle \rho_i(\mathbf Q, t_0 + t)\, \rho_j^*(\mathbf Q, t_0) \right\rangle,
        \qquad \rho_i(\mathbf Q, t) = \sum_{k \in i} e^{i \mathbf Q \cdot \mathbf r_k(t)}, \qquad
        S_{ij}(Q, E) = \frac{1}{2\pi\hbar} \int F_{ij}(Q, t)\, e^{-iEt/\hbar}\, dt

    over all origins, both directions of time and ±\ **Q**, so that F is real and even, and over the vectors of the cell
    in a shell of \|Q\|, each counting once. N is the number of all atoms of ``traj``. A pair is one ordering: the total
    is the sum over all pairs with unlike ones twice, Σ_ij b_i b_j S_ij. F_ij(Q, 0) is the ``"number"`` structure factor
    of :func:`vanhove.structure.structure_factor`.

    Only vectors of the cell's reciprocal lattice exist. In a cell that changes they are those of each frame's own cell,
    at the same h, k, l, and \|Q\| is that of the mean cell.

    Parameters
    ----------
    traj
        Evenly spaced frames. Of a selection N counts the selected atoms.
    q
        1/Å. Middles of shells, or vectors in rows of three, each by itself; a vector that is not of the cell is refused
        with the nearest that is.
    pairs
        ``"Li-S"`` or a list, in either order; every pair of species unless asked for.
    max_lag
        ps. Longest lag; half of the run unless asked for.
    width
        1/Å, of the shells; the smallest distance between two ``q`` unless asked for, of one the length of the cell's
        shortest vector.
    q_vectors
        How many vectors of a shell to use at most, drawn from it with a fixed seed; ``"all"`` of them by default.
    resolution
        meV, FWHM of a Gaussian line that S is folded with. None: the finest that the lags give, von Hann's window,
        h/``max_lag``. F is stored without any window.
    correction
        ``"detailed-balance"`` multiplies S by βE/(1 - e^{-βE}). F stays classical.
    temperature
        K, for that; the trajectory's own unless given.
    drift
        ``"cell"``: relative to the mass-weighted centre of all atoms of the system. None: as simulated, for a
        framework that is held fixed.

    Returns
    -------
    Dataset
        ``F(pair, q, lag)`` and ``S(pair, q, energy)`` (1/meV) per atom, in steps of h/2``max_lag`` up to the Nyquist
        energy; ``q_mean(q)``, the mean \|Q\| of the ``n_vectors(q)`` behind each, NaN where there are none, which
        ``attrs["verdict"]`` says. Of vectors q is \|Q\|, with ``q_vector(q, axis)`` and ``hkl(q, axis)``. Errors are
        one standard error, from the scatter that periodograms have: each by its own height, independent between
        vectors and frequencies. What stays the same during the run (a Bragg peak, the frozen part of a glass) counts as
        known: another glass would differ by more. Energies closer than the resolution have common errors.
    """
    kelvin = traj.temperature if temperature is None else float(temperature)
    grids = Grids.of(traj, max_lag, resolution, correction, kelvin)
    amplitudes = of_pairs(traj.composition, pairs)
    points, wide = wanted(traj, q, width, q_vectors)
    found = correlate(traj, points, grids, amplitudes.factors, amplitudes.pairs, reference=drift)
    table = ("pair", "q")
    what = "coherent intermediate scattering function", "coherent dynamic structure factor"
    own, coordinates, said = of_points(points, wide)
    known = {} if kelvin is None else {"temperature": kelvin}
    return dataset(
        "spectra.coherent",
        {
            "F": Column((*table, "lag"), found.by_lag[0], "1", what[0]),
            "F_error": Column((*table, "lag"), found.by_lag_error[0], "1", f"standard error of {what[0]}"),
            "S": Column((*table, "energy"), found.by_energy[0], "1/meV", what[1]),
            "S_error": Column((*table, "energy"), found.by_energy_error[0], "1/meV", f"standard error of {what[1]}"),
            **own,
        },
        {
            "pair": Column(("pair",), amplitudes.labels, "1", "pair of species"),
            **coordinates,
            **grids.coordinates,
        },
        parameters=dict(
            q=q, pairs=pairs, max_lag=max_lag, width=width, q_vectors=q_vectors, resolution=resolution,
            correction=correction, temperature=temperature, drift=drift,
        ),
        history=list(traj.history),
        title="Coherent scattering",
        fingerprint=traj.fingerprint,
        n_atoms=traj.n_atoms,
        n_frames=traj.n_frames,
        drift=drift or "none",
        error=ERROR,
        **said,
        **grids.attributes,
        **known,
    )  # fmt: skip


def wanted(
    traj: Trajectory, q: Sequence[float] | ArrayLike, width: float | None, q_vectors: Literal["all"] | int
) -> tuple[Points, float | None]:
    """The vectors that ``q`` means, and the width of the shells where it means shells."""
    cell = mean_cell(traj)
    if np.ndim(q) == 2:
        for name, value in (("width", width), ("q_vectors", None if q_vectors == "all" else q_vectors)):
            if value is not None:
                raise Refusal(f"{name} belongs to shells of |Q|", "q holds vectors", f"Leave {name} out")
        return listed(cell, q), None
    return shells(cell, np.atleast_1d(np.asarray(q, float)).tolist(), width, q_vectors)


def of_points(
    points: Points, width: float | None
) -> tuple[dict[str, Column], dict[str, Column], dict[str, str | float]]:
    """Variables, coordinates and attributes that tell which vectors are behind a result."""
    coordinates = {"q": Column(("q",), points.q, "1/Å", "wavevector transfer")}
    if width is None:
        coordinates["axis"] = Column(("axis",), ["x", "y", "z"], "1", "Cartesian axis")
        index = ["h", "k", "l"]
        coordinates["index"] = Column(("index",), index, "1", "axis of the reciprocal lattice")
        vectors = Column(("q", "axis"), points.vectors, "1/Å", "wavevector")
        hkl = Column(("q", "index"), points.hkl, "1", "in units of the simulated cell's reciprocal lattice")
        return {"q_vector": vectors, "hkl": hkl}, coordinates, {"average": "single wavevectors"}
    variables = {
        "q_mean": Column(("q",), points.q_mean, "1/Å", "mean length of the wavevectors"),
        "n_vectors": Column(("q",), points.counts, "1", "wavevectors, with Q and -Q as one"),
    }
    empty = points.q[points.counts == 0]
    named = ", ".join(f"{value:.3g}" for value in empty[:12]) + (", …" if len(empty) > 12 else "")
    verdict = f"No wavevector of the cell lies within {width / 2:.3g} 1/Å of Q = {named} 1/Å" if len(empty) else ""
    said: dict[str, str | float] = {"average": "shells", "width": width}
    return variables, coordinates, said | ({"verdict": verdict} if verdict else {})


def draw(result: Dataset, ax: Axes) -> None:
    """A map over Q and E with logarithmic colours of all pairs together, or of the first; up to five Q as lines."""
    names = [str(name) for name in result["pair"].values]
    species = {name for pair in names for name in pair.split("-")}
    unordered = {tuple(sorted(pair.split("-"))) for pair in names}
    whole = len(unordered) == len(names) == len(species) * (len(species) + 1) // 2
    if whole:
        twice = np.array([1.0 if len(set(pair.split("-"))) == 1 else 2.0 for pair in names])
        values = np.einsum("p,pqe->qe", twice, result["S"].values)
        error = np.sqrt(np.einsum("p,pqe->qe", twice**2, result["S_error"].values ** 2))
        title = "all atoms" if len(names) > 1 else names[0]
    else:
        values, error, title = result["S"].values[0], result["S_error"].values[0], names[0]
    curves = Curves(result["q"].values, result["energy"].values, values, error, "S(Q,E)", "1/meV")
    if len(np.unique(curves.q[np.isfinite(values).any(axis=1)])) > FEW:
        show_map(curves, ax)
    else:
        lines(curves, [f"Q = {value:.3g} 1/Å" for value in curves.q], ax)
    ax.set_title(title, fontsize="medium", loc="left")
