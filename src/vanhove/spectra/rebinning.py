r"""Spectra in other bins of Q and energy, and summed over Q, with their errors.

S is a density in energy and a mean over Q, so a new bin holds the mean of what lies in it, each old bin with the part o
of it that overlaps,

.. math:: S' = \frac{\sum o\,S}{\sum o}, \qquad \sigma'^2 = \frac{\sum o^2 \sigma^2}{(\sum o)^2},

over points that are not masked: areas ∫S dE are kept. Weights 1/σ² are not used, since σ² of counts follows the counts
and would favour the low ones. ``coverage`` = Σo over the new bin's area; where it is below a limit the bin is masked.
Neighbours that share an old bin have correlated errors; new edges on old ones, or bins several times as wide, avoid it.

Importing this file gives every ``xarray.Dataset`` the methods ``.rebin()`` and ``.sum_q()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of

from .given_numbers import numbers_of, range_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

CALLED = {"q": ("1/Å", "momentum transfer"), "energy": ("meV", "energy transfer")}
OWN = ("observable", "title", "parameters", "history", "version")  # attributes that each result has of its own
WHOLE = 1 - 1e-9  # of a bin, within rounding
ROUNDING = 1e-6  # 1/Å, of a Q that is asked for
DRAWN = 8  # spectra in a figure
MOST_BINS = 10_000_000


class Spectrum(NamedTuple):
    """S(q, energy) as arrays; ``error`` is None where there is none, masked points are NaN in both."""

    q: Floats
    energy: Floats
    S: Floats
    error: Floats | None
    units: str

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which points count."""
        good: NDArray[np.bool_] = np.isfinite(self.S)
        return good if self.error is None else good & np.isfinite(self.error) & (self.error > 0)


def spectrum_of(given: Any, called: str = "the dataset") -> Spectrum:
    """S(q, energy) of a measured or a simulated spectrum; anything else is refused."""
    if not isinstance(given, xr.Dataset) or "S" not in given:
        raise Refusal(f"{called} holds no S(q, energy)", f"a {type(given).__name__}", "Give what read_measured returns")
    dims = given["S"].dims
    if set(dims) != {"q", "energy"}:
        extra = [str(dim) for dim in dims if dim not in ("q", "energy")]
        choose = f"Choose one: .sel({extra[0]}=…)" if extra else "Give one with both"
        raise Refusal(f"{called} holds S({', '.join(map(str, dims))}), not S(q, energy)", "", choose)
    q, energy = (np.asarray(given[axis].values, np.float64) for axis in ("q", "energy"))
    for name, axis in (("q", q), ("energy", energy)):
        if len(axis) == 0 or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
            raise Refusal(f"The {name} of {called} are not rising numbers", "", f"Sort them: .sortby('{name}')")
    S = given["S"].transpose("q", "energy")
    error = given["S_error"].transpose("q", "energy").values.astype(float) if "S_error" in given else None
    return Spectrum(q, energy, S.values.astype(float), error, str(S.attrs.get("units", "1")))


def kept_attributes(given: Dataset) -> dict[str, Any]:
    """What stays true of a spectrum when it is rebinned, summed or subtracted from."""
    return {str(key): value for key, value in given.attrs.items() if key not in OWN}


def edges_of(middles: Floats) -> Floats:
    """Edges halfway between the centres of bins, the outer ones as far out as the next are in."""
    if len(middles) < 2:
        raise Refusal("A single bin has no width", f"at {middles.tolist()}", "Give a spectrum with two or more")
    between = 0.5 * (middles[1:] + middles[:-1])
    first, last = 2 * middles[0] - between[0], 2 * middles[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def overlap(old: Floats, new: Floats) -> Any:
    """Lengths that new bins (rows) share with old ones (columns), both by their edges, as a sparse matrix."""
    from scipy.sparse import csr_array

    first = np.maximum(np.searchsorted(old, new[:-1], side="right") - 1, 0)
    last = np.minimum(np.searchsorted(old, new[1:], side="left"), len(old) - 1)
    counts = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(len(counts)), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    lengths = np.minimum(old[columns + 1], new[rows + 1]) - np.maximum(old[columns], new[rows])
    return csr_array((np.maximum(lengths, 0.0), (rows, columns)), shape=(len(new) - 1, len(old) - 1))


class Rebinned(NamedTuple):
    """A spectrum in new bins, and which part of each was covered by points that count."""

    S: Floats
    error: Floats | None
    coverage: Floats


def in_bins(spectrum: Spectrum, q: Floats | None, energy: Floats | None, least: float = 0.5) -> Rebinned:
    """A spectrum in bins between edges of ``q`` and ``energy``, either None to leave it as it is."""
    known = spectrum.known
    S = np.where(known, spectrum.S, 0.0)
    square = None if spectrum.error is None else np.where(known, spectrum.error, 0.0) ** 2
    part = known.astype(float)
    area = np.ones((1, 1))
    for edges, old, transposed in ((q, spectrum.q, False), (energy, spectrum.energy, True)):
        if edges is None:
            continue
        shared = overlap(edges_of(old), edges)
        width = np.diff(edges)
        area = area * (width[None, :] if transposed else width[:, None])

        def summed(values: Floats, weights: Any, transposed: bool = transposed) -> Floats:
            out: Floats = (weights @ values.T).T if transposed else weights @ values
            return out

        S, part = summed(S, shared), summed(part, shared)
        square = None if square is None else summed(square, shared.power(2))
    coverage = np.minimum(part / area, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        enough = (coverage >= least * WHOLE) & (part > 0)
        mean = np.where(enough, S / part, np.nan)
        error = None if square is None else np.where(enough, np.sqrt(square) / part, np.nan)
    return Rebinned(mean, error, coverage)


def new_edges(asked: float | Sequence[float] | None, old: Floats, called: str) -> Floats | None:
    """Edges of new bins: those given, or of the width given over all old bins."""
    if asked is None:
        return None
    edges = numbers_of(asked, called, "Give a width, or two or more edges of bins that rise")
    if edges.ndim == 0:
        all_ = edges_of(old)
        if not edges > 0 or (all_[-1] - all_[0]) / edges > MOST_BINS:
            raise Refusal(f"{called}={asked!r}", f"bins of that width in {CALLED[called][0]}", "Give a larger width")
        count = max(1, int(np.ceil((all_[-1] - all_[0]) / edges * WHOLE)))
        grid: Floats = all_[0] + edges * np.arange(count + 1)
        return grid
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise Refusal(f"{called}={asked!r}", "", "Give a width, or two or more edges of bins that rise")
    return edges


def rebin(
    measured: Dataset,
    *,
    q: float | Sequence[float] | None = None,
    energy: float | Sequence[float] | None = None,
    least_coverage: float = 0.5,
) -> Dataset:
    r"""A spectrum in other bins of Q, of energy, or of both, with propagated errors (C7).

    Also the method ``measured.rebin(q=…, energy=…)``. A new bin is the mean of the points in it, each old bin counting
    with the part that overlaps, so that areas stay. Masked points don't count.

    Parameters
    ----------
    measured
        Anything with S(q, energy), measured or simulated.
    q, energy
        Edges of the new bins, or their width.
    least_coverage
        A new bin of which less than this part is covered by points that count is masked.

    Returns
    -------
    ``S(q, energy)``, ``S_error`` where there was one, and ``coverage(q, energy)``, the covered part of each bin.
    """
    spectrum = spectrum_of(measured)
    if q is None and energy is None:
        raise Refusal("Nothing to rebin", "", "Give q=, energy= or both: edges of bins, or their width")
    if not 0 <= least_coverage <= 1:
        raise Refusal(f"least_coverage={least_coverage:g}", "", "Give a part between 0 and 1")
    q_edges, energy_edges = new_edges(q, spectrum.q, "q"), new_edges(energy, spectrum.energy, "energy")
    done = in_bins(spectrum, q_edges, energy_edges, least_coverage)
    if not np.isfinite(done.S).any():
        raise Refusal("No point lies in the new bins", "", "Give bins within the measured range, or a lower coverage")
    coordinates = {
        "q": spectrum.q if q_edges is None else 0.5 * (q_edges[1:] + q_edges[:-1]),
        "energy": spectrum.energy if energy_edges is None else 0.5 * (energy_edges[1:] + energy_edges[:-1]),
    }
    return _result(
        "spectra.rebin", measured, coordinates, spectrum.units, done, "covered part of the bin",
        dict(q=q, energy=energy, least_coverage=least_coverage),
    )  # fmt: skip


def sum_q(measured: Dataset, *, q: tuple[float, float] | None = None, least_coverage: float = 1.0) -> Dataset:
    r"""The sum of all spectra over Q, with propagated errors (C7).

    .. math:: S(E) = \frac{N}{n(E)} \sum_Q S(Q, E), \qquad \sigma^2 = \frac{N^2}{n^2} \sum_Q \sigma_Q^2

    over the n of N spectra that reach the energy E. Also the method ``measured.sum_q()``.

    Parameters
    ----------
    measured
        Anything with S(q, energy).
    q
        From where to where to sum (1/Å); all Q by default.
    least_coverage
        Energies that a smaller part of the spectra reach are masked. By default all have to, since the sum of fewer
        has a step where one of them ends.

    Returns
    -------
    ``S(q, energy)`` with one q, the mean of those that were summed, ``S_error`` where there was one, and
    ``coverage(q, energy)`` = n/N. ``attrs["q_low"]``, ``["q_high"]`` and ``["n_q"]`` say which Q were summed.
    """
    spectrum = spectrum_of(measured)
    if not 0 < least_coverage <= 1:
        raise Refusal(f"least_coverage={least_coverage:g}", "", "Give a part above 0 and up to 1")
    low, high = range_of(q, "q", "1/Å")
    chosen = (spectrum.q >= low - ROUNDING) & (spectrum.q <= high + ROUNDING) & spectrum.known.any(axis=1)
    if not chosen.any():
        raise Refusal(f"No spectrum lies within q={q}", f"Q go from {spectrum.q[0]:g} to {spectrum.q[-1]:g} 1/Å",
                      "Give a wider range")  # fmt: skip
    known, N = spectrum.known[chosen], int(chosen.sum())
    n = known.sum(axis=0)
    coverage = n / N
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where((coverage >= least_coverage * WHOLE) & (n > 0), N / n, np.nan)
    if not np.isfinite(factor).any():
        raise Refusal(
            f"No energy is reached by {least_coverage:.0%} of the {N} spectra", "",
            "Give a narrower range q=, or a lower least_coverage",
        )  # fmt: skip
    total = factor * np.where(known, spectrum.S[chosen], 0.0).sum(axis=0)
    error = (
        None
        if spectrum.error is None
        else factor * np.sqrt((np.where(known, spectrum.error[chosen], 0.0) ** 2).sum(axis=0))
    )
    summed = Rebinned(total[None], None if error is None else error[None], coverage[None])
    momenta = spectrum.q[chosen]
    return _result(
        "spectra.sum_q", measured, {"q": np.array([momenta.mean()]), "energy": spectrum.energy}, spectrum.units, summed,
        "part of the spectra that reach the energy", dict(q=q, least_coverage=least_coverage),
        q_low=float(momenta[0]), q_high=float(momenta[-1]), n_q=N,
    )  # fmt: skip


def _result(
    name: str, measured: Dataset, coordinates: dict[str, Floats], units: str, done: Rebinned, covered: str,
    parameters: dict[str, Any], **known: float,
) -> Dataset:  # fmt: skip
    both = ("q", "energy")
    variables = {
        "S": Column(both, done.S, units, str(measured["S"].attrs.get("long_name", "dynamic structure factor")))
    }
    if done.error is not None:
        variables["S_error"] = Column(both, done.error, units, "its standard error")
    variables["coverage"] = Column(both, done.coverage, "1", covered)
    return dataset(
        name,
        variables,
        {key: Column((key,), values, *CALLED[key]) for key, values in coordinates.items()},
        parameters=parameters,
        history=history_of(measured),
        title=str(measured.attrs.get("title", "spectrum")),
        **{**kept_attributes(measured), **known},
    )


def draw(result: Dataset, ax: Axes) -> None:
    """S against energy, at up to eight Q from the lowest (blue) to the highest, on a logarithmic scale."""
    spectrum = spectrum_of(result)
    shown = np.unique(np.linspace(0, len(spectrum.q) - 1, min(DRAWN, len(spectrum.q))).round().astype(int))
    for place, row in enumerate(shown):
        S = np.where(spectrum.known[row] & (spectrum.S[row] > 0), spectrum.S[row], np.nan)
        ax.plot(spectrum.energy, S, ".-", color=PALETTE[place], ms=2.5, lw=0.8, label=f"{spectrum.q[row]:.3g} 1/Å")
    ax.set_yscale("log")
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label("S(Q, E)", spectrum.units))
    ax.legend(title="Q", ncols=2, fontsize="small")


_register: Any = xr.register_dataset_accessor  # which xarray has not typed
_register("rebin")(lambda measured: partial(rebin, measured))
_register("sum_q")(lambda measured: partial(sum_q, measured))
