"""Currents: how atoms move along and across a wavevector together, where sound and phonons are seen as peaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset

from ._coherent import of_points, wanted
from .collective_correlation import ERROR, correlate
from .collective_figures import mesh, reach
from .lag_grids import Grids
from .pair_amplitudes import of_all, of_pairs
from .q_points import along, mean_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

FARTHEST = 2.5  # 1/Å, along a direction unless more is asked for
GROUPS = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])  # along Q; the mean of two axes across
NAMES = (("L", "longitudinal"), ("T", "transverse"))


def currents(
    traj: Trajectory,
    direction: Sequence[int] | None = None,
    *,
    q_max: float | None = None,
    q: Sequence[float] | ArrayLike | None = None,
    pairs: Sequence[str] | str | None = None,
    max_lag: float | None = None,
    width: float | None = None,
    q_vectors: Literal["all"] | int = "all",
    resolution: float | None = None,
    drift: Literal["cell"] | None = "cell",
) -> Dataset:
    r"""Spectra of the longitudinal and the transverse current (C6).

    .. math::

        \mathbf j(\mathbf Q, t) = \sum_k \mathbf v_k(t)\, e^{i \mathbf Q \cdot \mathbf r_k(t)}, \qquad
        C_L(Q, t) = \frac{1}{N} \langle j_\parallel(t_0 + t)\, j_\parallel^*(t_0) \rangle, \qquad
        C_T(Q, t) = \frac{1}{2N} \langle \mathbf j_\perp(t_0 + t) \cdot \mathbf j_\perp^*(t_0) \rangle

    with the components along **Q** and across it, the mean over the two axes across; over all origins, both directions
    of time and ±\ **Q**. C(Q, E) is its Fourier transform as S(Q, E) is that of F. Particles do not vanish, so
    C_L(Q, E) = (E/ħQ)² S(Q, E). At t = 0 both are ⟨v²⟩ per axis for independent velocities.

    Parameters
    ----------
    traj
        With velocities, in evenly spaced frames a few fs apart. The current is that of all its atoms, each counting
        once; ``traj.select("Li")`` has that of its own.
    direction
        h, k, l in the reciprocal lattice of the simulated cell, like (1, 0, 0): every vector along it up to ``q_max``.
    q_max
        1/Å; 2.5 unless asked for.
    q
        Instead of a direction, as for :func:`coherent`: the middles of shells of \|Q\| (1/Å), averaged over the
        vectors in each as of a powder, or vectors in rows of three.
    pairs
        ``"Li-S"`` or a list: adds the currents of these pairs of species, per atom of all.
    max_lag, width, q_vectors, resolution, drift
        As for :func:`coherent`; the drift is the velocity of the centre as well.

    Returns
    -------
    Dataset
        ``C_L(q, energy)`` and ``C_T(q, energy)`` in Å²/ps²/meV, ``F_L(q, lag)`` and ``F_T(q, lag)`` in Å²/ps², without
        any window; with ``pairs`` also ``C_L_pair(pair, q, energy)`` and so on. Errors as for :func:`coherent`.
        ``peak_L(q)`` and ``peak_T(q)`` (meV) are the energies at which each is highest: the dispersion, on the grid of
        energies.
    """
    if not traj.has_velocities:
        raise Refusal(
            "Currents need velocities, and this trajectory has none", "differences of positions are averages over a "
            "frame's spacing", "Write them in the simulation, every 1 to 10 fs (LAMMPS: vx vy vz in the dump, opened "
            "with units=; CP2K: the velocities' file), or use coherent, whose S(Q,E) is (ħQ/E)² C_L",
        )  # fmt: skip
    grids = Grids.of(traj, max_lag, resolution, "classical", None)
    if (direction is None) == (q is None):
        raise Refusal("Currents are along a direction or at q", "", "Give one of them: direction=(1, 0, 0) or q=[…]")
    if direction is not None:
        for name, given in (("width", width is not None), ("q_vectors", q_vectors != "all")):
            if given:
                raise Refusal(f"{name} belongs to shells of |Q|", "there is a direction", f"Leave {name} out")
        points, wide = along(mean_cell(traj), direction, FARTHEST if q_max is None else q_max), None
    else:
        if q_max is not None:
            raise Refusal("q_max belongs to a direction", "q says how far", "Leave q_max out")
        assert q is not None
        points, wide = wanted(traj, q, width, q_vectors)
    whole = of_all(traj.composition)
    parts = of_pairs(traj.composition, pairs) if pairs is not None else None
    factors = whole.factors if parts is None else np.concatenate([whole.factors, parts.factors])
    products = whole.pairs + ([] if parts is None else [(a + 1, b + 1) for a, b in parts.pairs])
    found = correlate(traj, points, grids, factors, products, weights=GROUPS, reference=drift)

    own, coordinates, said = of_points(points, wide)
    variables: dict[str, Column] = {}
    for g, (letter, word) in enumerate(NAMES):
        for name, what, units, axis, values, errors in (
            ("C", "spectrum of the {} current", "Å²/ps²/meV", "energy", found.by_energy, found.by_energy_error),
            ("F", "correlation of the {} current", "Å²/ps²", "lag", found.by_lag, found.by_lag_error),
        ):
            said_of = what.format(word)
            stem, error = f"{name}_{letter}", f"standard error of the {said_of}"
            variables[stem] = Column(("q", axis), values[g, 0], units, said_of)
            variables[f"{stem}_error"] = Column(("q", axis), errors[g, 0], units, error)
            if parts is not None:
                table = ("pair", "q", axis)
                variables[f"{stem}_pair"] = Column(table, values[g, 1:], units, f"{said_of}, by pair")
                variables[f"{stem}_pair_error"] = Column(table, errors[g, 1:], units, error)
        peaks = grids.energy[grids.lags - 1 :][np.argmax(found.by_energy[g, 0][:, grids.lags - 1 :], axis=1)]
        peaks = np.where(points.counts > 0, peaks, np.nan)
        variables[f"peak_{letter}"] = Column(("q",), peaks, "meV", f"energy of the highest {word} current")
    if parts is not None:
        coordinates["pair"] = Column(("pair",), parts.labels, "1", "pair of species")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "spectra.currents",
        {**variables, **own},
        {**coordinates, **grids.coordinates},
        parameters=dict(
            direction=direction, q_max=q_max, q=q, pairs=pairs, max_lag=max_lag, width=width, q_vectors=q_vectors,
            resolution=resolution, drift=drift,
        ),
        history=list(traj.history),
        title="Currents" if direction is None else f"Currents along ({', '.join(str(int(n)) for n in direction)})",
        fingerprint=traj.fingerprint,
        n_atoms=traj.n_atoms,
        n_frames=traj.n_frames,
        drift=drift or "none",
        error=ERROR,
        **said,
        **grids.attributes,
        **known,
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """E against Q, longitudinal to the right and transverse to the left, each with its highest points."""
    energy = result["energy"].values
    known = np.flatnonzero(np.isfinite(result["C_L"].values).all(axis=1))
    known = known[np.argsort(result["q"].values[known], kind="stable")]
    q, loss = result["q"].values[known], energy >= 0
    one, other = (result[f"C_{letter}"].values[known][:, loss] for letter, _ in NAMES)
    # from the left: transverse from far to near, nothing about Q = 0, longitudinal
    gap = min(q[0], np.diff(q).min() if len(q) > 1 else q[0]) / 2
    x = np.concatenate([-q[::-1], q])
    values = np.concatenate([other[::-1], one]).T
    image = mesh(ax, x, energy[loss], values)
    ax.axvspan(-q[0] + gap, q[0] - gap, color="#FFFFFF", zorder=2, lw=0)
    ax.axvline(0, color="#7F7F7F", lw=0.9, zorder=3)
    for sign, (letter, word) in zip((1, -1), NAMES, strict=True):
        peaks = result[f"peak_{letter}"].values[known]
        ax.plot(sign * q, peaks, "o", ms=4, mfc="#009E73", mec="#FFFFFF", mew=0.8, zorder=4)
        ax.text(0.5 + 0.25 * sign, 1.02, word, transform=ax.transAxes, ha="center", va="bottom")
    far = reach(energy, np.stack([result[f"C_{letter}"].values[known] for letter, _ in NAMES]))
    ax.set_ylim(0, min(1.15 * far, float(energy[-1])))
    ax.set_xlim(-q[-1] - gap, q[-1] + gap)
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_xlabel(axis_label("Q", "1/Å"))
    ax.set_ylabel(axis_label("energy", "meV"))
    figure: Any = ax.figure
    figure.colorbar(image, ax=ax, label=axis_label("C(Q,E)", "Å²/ps²/meV"), extend="min")
