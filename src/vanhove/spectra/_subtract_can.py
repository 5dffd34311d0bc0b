"""A measured spectrum without what its container scatters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of

from .given_numbers import numbers_of, range_of
from .rebinning import Spectrum, kept_attributes, spectrum_of
from .same_grid import on_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Can = Dataset | str | os.PathLike[str]

REGIONS = 32  # of a spectrum, in each of which its mean must not be negative
FEWEST = 4  # points in a region
UNLIKELY = 0.05  # that one of all regions is called negative by chance


def subtract_can(
    sample: Dataset,
    can: Can,
    xi: float | Sequence[float],
    *,
    elastic: tuple[float, float] | None = None,
) -> Dataset:
    r"""The sample's spectrum less ξ times that of its empty container (C7).

    .. math:: S = S_{sample} - \xi \, S_{can}, \qquad \sigma^2 = \sigma_{sample}^2 + \xi^2 \sigma_{can}^2

    One ξ for all energies: the sample's self-shielding and its path length, which change with energy and angle, are not
    included. Both measurements have to be normalised alike.

    Parameters
    ----------
    sample, can
        S(q, energy) with the sample in its can, and of the empty can, or the can's file. A can on another grid is
        brought to the sample's: energies by overlapping bins, which keeps areas, momentum transfers by straight lines
        between neighbours. Where the can was not measured the result is masked.
    xi
        Part of the can's scattering that is left with the sample in it, between 0 and about 1; or one for each Q.
    elastic
        Energies (meV) about the elastic line, for a second hint.

    Returns
    -------
    Dataset
        ``S(q, energy)``, ``S_error``; ``can(q, energy)``, what was subtracted; ``xi(q)``; and the hint ``xi_hint(q)``:
        the largest ξ that leaves no region of the spectrum negative by more than chance allows (95 % for all regions
        of a spectrum together). A larger ξ warns. ``attrs["xi_hint"]`` is the same for all Q taken together. With
        ``elastic``, ``xi_elastic(q)``: the ξ that takes the elastic line away altogether, an upper bound, and ξ itself
        for a sample without one.
    """
    from .measured import opened

    container: Dataset = opened(can)
    own, empty = spectrum_of(sample, "sample"), spectrum_of(container, "can")
    factors = _factors(xi, own)
    S_can, can_error = on_grid(empty, own, "can", "sample")
    with np.errstate(invalid="ignore"):
        taken = factors[:, None] * S_can
        S = own.S - taken
        error = None
        taken_error = None if can_error is None else factors[:, None] * can_error
        if own.error is not None and taken_error is not None:
            error = np.hypot(own.error, taken_error)
    if not np.isfinite(S).any():
        raise Refusal("Sample and can share no point", "Q or energies do not overlap", "Give a can measured alike")
    here = Spectrum(own.q, own.energy, S_can, can_error, own.units)
    hints, overall = _hints(own, here)
    beyond = factors > hints * (1 + 1e-9)
    if beyond.any():
        worst = int(np.argmax(np.where(beyond, factors - hints, -np.inf)))
        warn(
            f"ξ = {factors[worst]:.3g} makes a part of the spectrum at q = {own.q[worst]:.3g} negative",
            f"at most {hints[worst]:.3g} does not; {int(beyond.sum())} of {len(hints)} Q", "Give a smaller ξ",
        )  # fmt: skip
    both = ("q", "energy")
    variables = {
        "S": Column(both, S, own.units, "dynamic structure factor without the can"),
        "can": Column(both, taken, own.units, "what was subtracted: ξ times the can"),
        "xi": Column(("q",), factors, "1", "ξ, the part of the can that was subtracted"),
        "xi_hint": Column(("q",), hints, "1", "largest ξ that leaves no region negative"),
    }
    if error is not None:
        variables["S_error"] = Column(both, error, own.units, "its standard error")
    if taken_error is not None:
        variables["can_error"] = Column(both, taken_error, own.units, "standard error of what was subtracted")
    if elastic is not None:
        variables |= _elastic_hint(own, here, elastic)
    return dataset(
        "spectra.subtract_can",
        variables,
        {
            "q": Column(("q",), own.q, "1/Å", "momentum transfer"),
            "energy": Column(("energy",), own.energy, "meV", "energy transfer"),
        },
        parameters=dict(can=str(container.attrs.get("title", "can")), xi=xi, elastic=elastic),
        history=history_of(sample),
        title=f"{sample.attrs.get('title', 'spectrum')}, without the can",
        **{
            **kept_attributes(sample),
            "can": str(container.attrs.get("measured", container.attrs.get("title", "can"))),
            "xi_hint": overall,
            "hint": _says(hints, overall),
            "self_shielding": "not included: one ξ for all energies of a spectrum",
        },
    )


def _factors(xi: float | Sequence[float], sample: Spectrum) -> Floats:
    factors = numbers_of(xi, "xi", "Give a number from 0 on, or one for each Q")
    if factors.ndim == 0:
        factors = np.full(len(sample.q), float(factors))
    if factors.shape != sample.q.shape or not (np.isfinite(factors) & (factors >= 0)).all():
        raise Refusal(f"xi={xi!r}", f"for {len(sample.q)} Q", "Give a number from 0 on, or one for each Q")
    return factors


class Regions(NamedTuple):
    """Sums over the regions of a spectrum: of the sample and of the can, with their standard errors."""

    sample: Floats
    sample_error: Floats
    can: Floats
    can_error: Floats


def _hints(sample: Spectrum, can: Spectrum) -> tuple[Floats, float]:
    """The largest ξ for each spectrum, and for all together; NaN where errors are not known."""
    if sample.error is None or can.error is None:
        return np.full(len(sample.q), np.nan), np.nan
    both = sample.known & can.known
    values = [np.where(both, array, 0.0) for array in (sample.S, sample.error, can.S, can.error)]
    values = [value**power for value, power in zip(values, (1, 2, 1, 2), strict=True)]
    each = [_largest(_regions([v[row] for v in values], both[row])) for row in range(len(both))]
    return np.array(each), _largest(_regions([v.sum(axis=0) for v in values], both.sum(axis=0) > 0))


def _regions(values: list[Floats], known: NDArray[np.bool_]) -> Regions:
    """The sums over neighbouring energies of S and σ² of sample and can."""
    at = np.flatnonzero(known)
    number = min(REGIONS, len(at) // FEWEST)
    if number == 0:
        return Regions(*(np.empty(0) for _ in range(4)))
    starts = np.linspace(0, len(at), number, endpoint=False).astype(int)
    s, s2, c, c2 = (np.add.reduceat(value[at], starts) for value in values)
    return Regions(s, np.sqrt(s2), c, np.sqrt(c2))


def _largest(regions: Regions) -> float:
    """The largest ξ with s - ξc ≥ -z √(σ_s² + ξ²σ_c²) in every region; infinite where nothing bounds it.

    A region that is negative before anything is subtracted says nothing about the can.
    """
    from scipy.special import ndtri

    if len(regions.sample) == 0:
        return np.nan
    s, sigma_s, c, sigma_c = regions
    z = -float(ndtri(UNLIKELY / len(s)))
    bounds = (c > z * sigma_c) & (s > -z * sigma_s)  # the can is seen, and the sample not negative without it
    if not bounds.any():
        return np.inf
    s, sigma_s, c, sigma_c = (array[bounds] for array in regions)
    root = (s * sigma_c) ** 2 + (c * sigma_s) ** 2 - (z * sigma_s * sigma_c) ** 2
    limit = (s * c + z * np.sqrt(np.maximum(root, 0.0))) / (c**2 - (z * sigma_c) ** 2)
    return max(float(limit.min()), 0.0)


def _says(hints: Floats, overall: float) -> str:
    if np.isnan(hints).all():
        return "none: without errors of both spectra nothing says what is negative"
    if np.isinf(overall):
        return "none: the can is too weak to make anything negative"
    return f"ξ up to {overall:.3g} leaves no part of all spectra together negative; spectrum by spectrum see xi_hint"


def _elastic_hint(sample: Spectrum, can: Spectrum, window: tuple[float, float]) -> dict[str, Column]:
    """The ratio of the elastic lines of sample and can, each above the mean of its shoulders."""
    low, high = range_of(window, "elastic", "meV")
    width = high - low
    line = (sample.energy >= low) & (sample.energy <= high)
    shoulders = ((sample.energy >= low - width / 2) & (sample.energy <= high + width / 2)) & ~line
    if line.sum() < 2 or shoulders.sum() < 2:
        raise Refusal(
            f"elastic={window} holds {int(line.sum())} energies, its shoulders {int(shoulders.sum())}", "",
            "Give a wider window that lies within the spectrum",
        )  # fmt: skip
    heights, squares = [], []
    for one in (sample, can):
        known = one.known
        n_line, n_side = ((known & chosen).sum(axis=1) for chosen in (line, shoulders))
        weights = np.where(known & line, 1 / np.maximum(n_line, 1)[:, None], 0.0)
        weights = weights - np.where(known & shoulders, 1 / np.maximum(n_side, 1)[:, None], 0.0)
        whole = (n_line == line.sum()) & (n_side > 0)
        heights.append(np.where(whole, (weights * np.where(known, one.S, 0.0)).sum(axis=1), np.nan))
        sigma = np.full(one.S.shape, np.nan) if one.error is None else one.error
        squares.append((weights**2 * np.where(known, sigma, 0.0) ** 2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = heights[0] / heights[1]
        error = np.sqrt(squares[0] + ratio**2 * squares[1]) / np.abs(heights[1])
    said = "ξ that takes the whole elastic line away: an upper bound"
    return {
        "xi_elastic": Column(("q",), ratio, "1", said),
        "xi_elastic_error": Column(("q",), np.where(np.isfinite(ratio), error, np.nan), "1", "its standard error"),
    }


def draw(result: Dataset, ax: Axes) -> None:
    """Means over Q: the sample in its can, what was subtracted, and what is left with its errors."""
    S, can = result["S"].values, result["can"].values
    shown = np.isfinite(S).any(axis=0)
    n = np.maximum(np.isfinite(S).sum(axis=0), 1)[shown]
    energy = result["energy"].values[shown]
    left, taken = (np.nansum(np.where(np.isfinite(S), array, np.nan), axis=0)[shown] / n for array in (S, can))
    ax.plot(energy, left + taken, color="#7F7F7F", lw=1.0, label="with can")
    ax.plot(energy, taken, color=PALETTE[1], lw=1.0, label="can, times ξ")
    if "S_error" in result:
        spread = np.sqrt(np.nansum(result["S_error"].values ** 2, axis=0)[shown]) / n
        ax.fill_between(energy, left - spread, left + spread, color=PALETTE[0], alpha=0.3, lw=0)
    ax.plot(energy, left, color=PALETTE[0], lw=1.4, label="without can")
    top = float(np.nanmax(left + taken))
    # the elastic line is a hundred times what is beside it, and that may be negative: all are to be seen
    ax.set_yscale("asinh", linear_width=max(abs(top) / 300, 1e-300))
    ax.axhline(0, color="#BBBBBB", lw=0.7, zorder=1)
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label("S(E), mean over Q", str(result["S"].attrs["units"])))
    ax.legend()
