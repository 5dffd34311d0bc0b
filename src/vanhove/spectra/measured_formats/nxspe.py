r"""NXSPE: counts of single detectors at their scattering angles; brought to bins of Q on request.

A detector at 2θ sees, at energy transfer E, Q² = k_i² + k_f² - 2 k_i k_f cos 2θ. Each of its bins goes as a whole to
the bin of Q that holds its centre; a bin of Q is the plain mean of what fell into it, σ = √(Σσ²)/n: weights 1/σ²
with σ² of the counts themselves would favour the low ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.spectra.instruments import RECOIL
from vanhove.trajectory.links import inner

from .hdf import groups, matching, number, numbers
from .table import LOSS, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

INFO = "NXSPE_info"


def recognises(file: Any) -> bool:
    """Whether the HDF5 file is an NXSPE one."""
    return any(inner(group, INFO) is not None for _, group in groups(file))


def read(path: Path, file: Any, edges: Sequence[float] | None) -> Table:
    """The file's detectors in the bins of Q between ``edges``."""
    name, entry = next((name, group) for name, group in groups(file) if inner(group, INFO) is not None)
    where = f"{path}: {name}"
    fixed = number(entry, f"{INFO}/fixed_energy")
    if fixed is None or not fixed > 0:
        raise Refusal("There is no single fixed energy", f"{where}/{INFO}/fixed_energy", "Save it with Efixed given")
    if inner(entry, "instrument") is not None and inner(entry, "instrument/fermi") is None:
        raise Refusal(
            "The file does not say that it is of direct geometry", f"{where}/instrument",
            "Bring indirect data to S(Q, E) in Mantid (SofQW) and give that",
        )  # fmt: skip
    S, error = numbers(entry, "data/data"), numbers(entry, "data/error")
    matching(S, error, f"{where}/data")
    energy_edges, angle = numbers(entry, "data/energy"), numbers(entry, "data/polar")
    if energy_edges.shape != (S.shape[1] + 1,) or angle.shape != (S.shape[0],):
        raise Refusal(
            f"{S.shape[0]} detectors of {S.shape[1]} bins have {angle.size} angles, {energy_edges.size} energies",
            f"{where}/data", "Write the file again: an angle a detector, one edge more than bins",
        )  # fmt: skip
    energy = 0.5 * (energy_edges[1:] + energy_edges[:-1])
    if energy.max() >= fixed:
        raise Refusal(
            f"Energy transfers go to {energy.max():g} meV, the incident energy is {fixed:g}", f"{where}/data/energy",
            "Direct geometry can't lose more than it has: check fixed_energy",
        )  # fmt: skip
    k_i, k_f = np.sqrt(fixed / RECOIL), np.sqrt((fixed - energy) / RECOIL)
    seen = np.sqrt(k_i**2 + k_f**2 - 2 * k_i * k_f * np.cos(np.radians(angle))[:, None])
    bins = _edges(edges, seen, where)
    notes = ["the mean of the detectors in each bin of Q"]
    if number(entry, f"{INFO}/ki_over_kf_scaling") == 0:
        S, error = S * (k_i / k_f), error * (k_i / k_f)
        notes.append("multiplied by k_i/k_f, which the file says had not been done")
    mean, spread = _in_bins(S, error, seen, bins)
    return Table(
        energy, mean, spread, "NXSPE", f"{LOSS}, as in NXSPE", q=0.5 * (bins[1:] + bins[:-1]), energy_units="meV",
        notes=tuple(notes),
    )  # fmt: skip


def _edges(edges: Sequence[float] | None, seen: Floats, where: str) -> Floats:
    low, high = float(seen.min()), float(seen.max())
    if edges is None:
        raise Refusal(
            "An NXSPE file holds detectors at angles, not Q", f"{where}, which reaches {low:.3g} to {high:.3g} 1/Å",
            f"Give the edges of bins of Q: q=numpy.arange({low:.2g}, {high:.2g}, {(high - low) / 50:.1g})",
        )  # fmt: skip
    bins = np.asarray(edges, np.float64).ravel()
    if len(bins) < 2 or not (np.diff(bins) > 0).all() or bins[0] < 0:
        raise Refusal(f"q={bins.tolist()[:6]}", "an NXSPE file needs edges of bins of Q", "Give two or more that rise")
    return bins


def _in_bins(S: Floats, error: Floats, seen: Floats, bins: Floats) -> tuple[Floats, Floats]:
    """Mean and its error in each bin of Q and energy; NaN where no detector is."""
    known = np.isfinite(S) & np.isfinite(error) & (error > 0)
    place = np.searchsorted(bins, seen, side="right") - 1
    used = known & (place >= 0) & (place < len(bins) - 1)
    shape = (len(bins) - 1, S.shape[1])
    flat = (place * S.shape[1] + np.arange(S.shape[1]))[used]
    size = shape[0] * shape[1]
    n, total, square = (
        np.bincount(flat, weights, size).reshape(shape) for weights in (None, S[used], error[used] ** 2)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / n, np.sqrt(square) / n
