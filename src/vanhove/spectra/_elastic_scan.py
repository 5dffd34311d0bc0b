"""What a scan over temperature says: elastic intensity, ⟨u²⟩ from it, and where quasielastic scattering sets in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import K_B
from vanhove.fitting.line import straight_line

from .given_numbers import numbers_of, range_of
from .rebinning import ROUNDING, Spectrum, edges_of, spectrum_of
from .same_grid import on_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Pair = tuple[float, float]
    Scan = Mapping[float, Dataset | str | os.PathLike[str]]

FEWEST_Q = 3  # for a slope against Q² with an error
FEWEST_BELOW = 3  # temperatures that show what vibrations alone do
SURELY = 3.0  # standard errors above that
SURELY_ALONE = 4.0  # where only the last temperature lies above
APART = 2.0  # factor between the spectra in the figure
SHADED = 0.57  # of the figure's height: what is left for the inset
DEEPEST = 1e-7  # of the highest point: nothing below is drawn


def elastic_scan(
    measured_by_temperature: Scan,
    *,
    window: Pair,
    quasielastic: Pair,
    q: Pair | None = None,
    intercept: bool = True,
) -> Dataset:
    r"""Elastic intensity, ⟨u²⟩ and quasielastic intensity against temperature (C11).

    .. math:: \ln \frac{I(Q, T)}{I(Q, T_0)} = c - \tfrac13 Q^2 \, [\langle u^2 \rangle(T) - \langle u^2 \rangle(T_0)]

    with I the intensity in the elastic ``window``, T₀ the lowest temperature and ⟨u²⟩ the trace over the three axes
    (per axis it is a third). The line is fitted with weights 1/σ²; its c is free, since multiple scattering makes it
    negative. It holds for Gaussian motion that is faster than the window is narrow: a bent ln I, told by ``redchi``,
    means neither.

    Quasielastic scattering sets in where the intensity in that window leaves, upwards and for good, the straight line
    that it follows at lower temperatures against the mean of ½E coth(E/2k_BT), which is what vibrations do.

    Parameters
    ----------
    measured_by_temperature
        ``{T in K: S(q, energy)}``, of one sample, all normalised alike; or the files of the spectra. Other grids are
        brought to that of the lowest temperature.
    window
        Energies (low, high), meV, that count as elastic: about the width of the resolution.
    quasielastic
        Range of |E| (meV), on either side, that counts as quasielastic.
    q
        From where to where (1/Å); all Q by default.
    intercept
        False fixes c at 0.

    Returns
    -------
    Dataset
        ``S(temperature, energy)``, summed over the Q, without points that are masked at any temperature;
        ``elastic(temperature, q)`` = I(T)/I(T₀); ``u2(temperature)`` (Å², relative to T₀) and ``redchi(temperature)``
        of its fit; ``quasielastic(temperature)``; ``onset`` (K), the first temperature with quasielastic scattering;
        all with standard errors, which the reference makes common in part. ``attrs["onset"]`` is a sentence.
    """
    from .measured import opened

    if isinstance(measured_by_temperature, Mapping):
        measured_by_temperature = {T: opened(one) for T, one in measured_by_temperature.items()}
    kelvin, spectra = _on_one_grid(measured_by_temperature, q)
    first = spectra[0]
    elastic_low, elastic_high = range_of(window, "window", "meV")
    low, high = range_of(quasielastic, "quasielastic", "meV")
    if not elastic_low <= 0 <= elastic_high or not high > low >= 0:
        raise Refusal(
            f"window={window}, quasielastic={quasielastic}", "",
            "Give energies (low, high) about 0 for the one, and a range of |E| from 0 on for the other",
        )  # fmt: skip
    line = (first.energy >= elastic_low) & (first.energy <= elastic_high)
    beside = (np.abs(first.energy) >= low) & (np.abs(first.energy) <= high)
    for chosen, called, given in ((line, "window", window), (beside, "quasielastic", quasielastic)):
        if not chosen.any():
            raise Refusal(
                f"No energy lies in {called}={given}",
                f"energies go from {first.energy[0]:g} to {first.energy[-1]:g} meV in steps of about "
                f"{np.diff(first.energy).mean():.3g}", "Give another range",
            )  # fmt: skip
    areas = [_area(one, line) for one in spectra]
    ratio, ratio_error = _normalised(areas)
    slopes = [_slope(first.q, ratio[i], ratio_error[i], intercept=intercept) for i in range(1, len(kelvin))]
    u2, u2_error, redchi = (
        np.array([start, *rest]) for start, rest in zip((0.0, 0.0, np.nan), zip(*slopes, strict=True), strict=True)
    )
    S, S_error = _summed(spectra)
    width = np.diff(edges_of(first.energy))
    quasi = (S * width)[:, beside].sum(axis=1)
    quasi_error = np.sqrt(((S_error * width)[:, beside] ** 2).sum(axis=1))
    onset, sentence = _onset(kelvin, first.energy[beside], quasi, quasi_error)
    each, both = ("temperature",), ("temperature", "q")
    units = first.units
    area_units = "1" if units == "1/meV" else units if units == "1" else f"{units} meV"
    lowest: Dataset = opened(measured_by_temperature[min(measured_by_temperature, key=float)])
    return dataset(
        "spectra.elastic_scan",
        {
            "S": Column(("temperature", "energy"), S, units, "dynamic structure factor, summed over Q"),
            "S_error": Column(("temperature", "energy"), S_error, units, "its standard error"),
            "elastic": Column(both, ratio, "1", "elastic intensity over that at the lowest temperature"),
            "elastic_error": Column(both, ratio_error, "1", "its standard error"),
            "u2": Column(each, u2, "Å²", "⟨u²⟩, trace, above that at the lowest temperature"),
            "u2_error": Column(each, u2_error, "Å²", "its standard error"),
            "redchi": Column(each, redchi, "1", "reduced χ² of ln I against Q²"),
            "quasielastic": Column(each, quasi, area_units, "intensity in the quasielastic window"),
            "quasielastic_error": Column(each, quasi_error, area_units, "its standard error"),
            "onset": Column((), onset, "K", "first temperature with quasielastic scattering"),
        },
        {
            "temperature": Column(each, kelvin, "K", "temperature"),
            "q": Column(("q",), first.q, "1/Å", "momentum transfer"),
            "energy": Column(("energy",), first.energy, "meV", "energy transfer"),
        },
        parameters=dict(temperatures=kelvin, window=window, quasielastic=quasielastic, q=q, intercept=intercept),
        history=history_of(lowest),
        title=f"Elastic scan of {lowest.attrs.get('title', 'a sample')}",
        window_low=elastic_low,
        window_high=elastic_high,
        quasielastic_low=low,
        quasielastic_high=high,
        reference=f"{kelvin[0]:g} K: ⟨u²⟩ is what is more than at that temperature",
        onset=sentence,
    )


def _on_one_grid(given: Scan, q: Pair | None) -> tuple[Floats, list[Spectrum]]:
    """The temperatures, rising, and their spectra on the grid of the lowest."""
    if not isinstance(given, Mapping) or len(given) < 2:
        raise Refusal("A scan needs two temperatures or more", "", "Give {temperature in K: S(q, energy)}")
    kelvin = np.sort(numbers_of(list(given), "temperatures", "Give {temperature in K: S(q, energy)}"))
    if not (np.isfinite(kelvin) & (kelvin > 0)).all():
        raise Refusal(f"Temperatures {kelvin.tolist()}", "", "Give positive ones, in K")
    by_kelvin = {float(T): one for T, one in given.items()}
    spectra = [spectrum_of(by_kelvin[T], f"the spectrum at {T:g} K") for T in kelvin.tolist()]
    first = spectra[0]
    low, high = range_of(q, "q", "1/Å")
    chosen = (first.q >= low - ROUNDING) & (first.q <= high + ROUNDING)
    if not chosen.any():
        raise Refusal(f"No spectrum lies within q={q}", f"Q go from {first.q[0]:g} to {first.q[-1]:g} 1/Å",
                      "Give a wider range")  # fmt: skip
    alike = []
    for T, one in zip(kelvin.tolist(), spectra, strict=True):
        S, error = on_grid(one, first, f"spectrum at {T:g} K", "lowest temperature")
        alike.append(
            Spectrum(first.q[chosen], first.energy, S[chosen], None if error is None else error[chosen], first.units)
        )
    return kelvin, alike


def _area(spectrum: Spectrum, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Intensity and its error in a window for each Q; NaN where a point of it is masked."""
    width = np.diff(edges_of(spectrum.energy))[chosen]
    whole = spectrum.known[:, chosen].all(axis=1)
    area = np.where(whole, (np.nan_to_num(spectrum.S[:, chosen]) * width).sum(axis=1), np.nan)
    if spectrum.error is None:
        return area, np.full(len(area), np.nan)
    return area, np.where(whole, np.sqrt((np.nan_to_num(spectrum.error[:, chosen] * width) ** 2).sum(axis=1)), np.nan)


def _normalised(areas: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Over the first, with errors; that of the first itself is 0."""
    intensity, sigma = (np.stack([area[k] for area in areas]) for k in range(2))
    positive = (intensity > 0) & (intensity[0] > 0)
    if not positive[0].any():
        raise Refusal("There is no elastic intensity at the lowest temperature", "", "Look at window=")
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(positive, intensity / intensity[0], np.nan)
        error = ratio * np.hypot(sigma / intensity, sigma[0] / intensity[0])
    error[0] = np.where(np.isfinite(ratio[0]), 0.0, np.nan)
    return ratio, error


def _slope(q: Floats, ratio: Floats, error: Floats, *, intercept: bool) -> tuple[float, float, float]:
    """⟨u²⟩, its standard error, and the reduced χ² of ln I against Q²."""
    known = np.isfinite(ratio) & (ratio > 0)
    weighted = bool(np.isfinite(error[known]).all()) and bool((error[known] > 0).all())
    x, y = q[known] ** 2, np.log(ratio[known])
    sigma = error[known] / ratio[known] if weighted else None
    if known.sum() < (FEWEST_Q if intercept else FEWEST_Q - 1):
        return np.nan, np.nan, np.nan
    if intercept:
        fit = straight_line(x, y, sigma)
        return -3 * fit.slope, 3 * fit.slope_error, fit.chi2 / fit.dof if fit.dof else np.nan
    weight = np.ones_like(x) if sigma is None else sigma**-2.0
    slope = float((weight * x * y).sum() / (weight * x**2).sum())
    chi2 = float((weight * (y - slope * x) ** 2).sum()) / (len(x) - 1)
    spread = float((weight * x**2).sum() ** -0.5) * (1.0 if weighted else chi2**0.5)
    return -3 * slope, 3 * spread, chi2 if weighted else np.nan


def _summed(spectra: list[Spectrum]) -> tuple[Floats, Floats]:
    """N/n times the sum over the n of N Q that all temperatures reach at an energy; NaN where that is less than half.

    What one temperature has masked counts at none, so that they can be compared.
    """
    common = np.logical_and.reduce([one.known for one in spectra])
    N = int(common.any(axis=1).sum())
    n = common.sum(axis=0)
    if not (N and (n >= N / 2).any()):
        raise Refusal(
            "No energies were measured at all temperatures", "at the same Q", "Give other Q, or a narrower q="
        )
    factor = np.where((n >= N / 2) & (n > 0), N / np.maximum(n, 1), np.nan)
    S = np.stack([factor * np.where(common, one.S, 0.0).sum(axis=0) for one in spectra])
    error = np.full(S.shape, np.nan)
    for row, one in zip(error, spectra, strict=True):
        if one.error is not None:
            row[:] = factor * np.sqrt((np.where(common, one.error, 0.0) ** 2).sum(axis=0))
    return S, error


class Line(NamedTuple):
    """Where vibrations alone would have the intensity, and how surely."""

    value: Floats
    error: Floats


def _onset(kelvin: Floats, energy: Floats, quasi: Floats, error: Floats) -> tuple[float, str]:
    """The first temperature from which on all intensities lie above the line of the lower ones, and a sentence."""
    if not np.isfinite(quasi).all():
        return np.nan, "not looked for: the quasielastic window is masked in part; give a narrower one, or other Q"
    if not (np.isfinite(error) & (error > 0)).all():
        return np.nan, "not looked for: without errors nothing says what stands out"
    if len(kelvin) <= FEWEST_BELOW:
        return np.nan, f"not looked for with fewer than {FEWEST_BELOW + 1} temperatures"
    size = np.maximum(np.abs(energy), 1e-9)
    x = np.array([float((0.5 * size / np.tanh(size / (2 * K_B * T))).mean()) for T in kelvin])
    for k in range(FEWEST_BELOW, len(kelvin)):
        below = straight_line(x[:k], quasi[:k], error[:k])
        vibrations = Line(*below.at(x[k:]))
        above = (quasi[k:] - vibrations.value) / np.hypot(error[k:], vibrations.error)
        if (above > (SURELY if len(above) > 1 else SURELY_ALONE)).all():
            return float(kelvin[k]), (
                f"between {kelvin[k - 1]:g} and {kelvin[k]:g} K: from there on the intensity stays above what "
                f"vibrations do below, at {kelvin[k]:g} K by {above[0]:.1f} standard errors"
            )
    return np.nan, f"none up to {kelvin[-1]:g} K: the intensity grows as vibrations make it"


def draw(result: Dataset, ax: Axes) -> None:
    """S(E) by temperature, each a factor above the one before, the windows shaded; inset: ⟨u²⟩ against temperature."""
    from matplotlib import colormaps

    kelvin, energy, S = (result[name].values for name in ("temperature", "energy", "S"))
    low, high = (float(result.attrs[f"quasielastic_{end}"]) for end in ("low", "high"))
    reach = min(3 * high, float(np.abs(energy).max()))
    near = np.abs(energy) <= reach
    colours = colormaps["viridis"](np.linspace(0.0, 0.85, len(kelvin)))
    for place, (T, row) in enumerate(zip(kelvin, S, strict=True)):
        shown = near & np.isfinite(row) & (row > 0)
        ax.plot(energy[shown], APART**place * row[shown], color=colours[place], lw=1.1, label=f"{T:g} K")
    for left, right in ((-high, -low), (low, high)):
        ax.axvspan(left, right, ymax=SHADED, color=PALETTE[4], alpha=0.16, lw=0, zorder=0)
    left, right = float(result.attrs["window_low"]), float(result.attrs["window_high"])
    ax.axvspan(left, right, ymax=SHADED, color="#7F7F7F", alpha=0.22, lw=0, zorder=0)
    ax.set_yscale("log")
    bottom, top = ax.get_ylim()
    bottom = max(bottom, DEEPEST * top)
    ax.set_ylim(bottom, top * (top / bottom) ** (1 / SHADED - 1))  # room for the inset
    ax.set_xlim(-reach, reach)
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label(f"S(E), each × {APART:g}", str(result["S"].attrs["units"])))
    handles, names = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], names[::-1], loc="upper left", fontsize="x-small", ncols=1 + len(kelvin) // 9)
    inset = ax.inset_axes((0.60, 0.62, 0.38, 0.35))
    inset.errorbar(
        kelvin, result["u2"].values, np.nan_to_num(result["u2_error"].values), fmt="o-", ms=3, lw=1.0, color=PALETTE[0]
    )
    if np.isfinite(float(result["onset"])):
        inset.axvline(float(result["onset"]), color=PALETTE[4], lw=1.0, ls="--")
    inset.set_xlabel(axis_label("temperature", "K"), fontsize="small")
    inset.set_ylabel(axis_label("⟨u²⟩ − ⟨u²⟩₀", "Å²"), fontsize="small")
    inset.tick_params(labelsize="x-small")
