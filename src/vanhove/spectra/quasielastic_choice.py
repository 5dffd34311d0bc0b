"""How many lines a spectrum asks for, what of its fit is determined, and whether it is a good one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.fitting.choice import runs, schwarz

from .jackknife import covariance
from .quasielastic_model import Fitted, Quasielastic, Spectrum, Terms
from .quasielastic_window import change_with_half

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GAIN = 6.0  # of the criterion, that one more line must bring: strong evidence, 20 to 1
SURE = 3.0  # standard errors that the area of a line differs from 0 by, where the number of lines is chosen
SEEN = 2.0  # standard errors below which an area or a width could as well be 0
APART = 1.25  # ratio of two widths below which they are one line that is not quite a Lorentzian
TOO_NARROW = 0.02  # of the resolution's FWHM: less than a measured resolution is known to
TOO_WIDE = 2.0  # of half the window: beyond it a line is a background
UNLIKELY = 0.05  # probability of a χ², below which errors are enlarged by its square root
POOR, STRUCTURED, STRUCTURE = 2.0, 1.3, 1e-3  # reduced χ² of a bad fit; of one with structure; the runs' probability
ONE_SIDED = 2.706  # rise of χ² at a one-sided 95 % bound
ROUNDS = 4  # of the search for the law of the scatter
LEAST, TINY = 1e-4, 1e-24  # variance of a point, of the mean one's and of the peak's square
SIGNIFICANT = 1e-4  # of the runs, where there are no errors to compare with


@dataclass(frozen=True)
class Outcome:
    """The fit of one spectrum with everything that is said of it."""

    fitted: Fitted
    scale: float  # what the errors of the fit are multiplied by
    redchi: float  # NaN where the spectrum has no errors
    runs: float
    bad: bool
    verdict: str
    criterion: dict[int, float] = field(default_factory=dict)
    width_lower: dict[int, float] = field(default_factory=dict)  # 95 % bounds of widths that are not determined
    width_upper: dict[int, float] = field(default_factory=dict)
    without: dict[str, Floats] = field(default_factory=dict)  # what was fitted, with each part of a run left out
    change: dict[int, tuple[float, bool]] = field(default_factory=dict)  # of widths with half of the window; if too far


def fit_spectrum(
    spectrum: Spectrum,
    numbers: Sequence[int],
    *,
    elastic: bool,
    background: int,
    shape: Literal["lorentzian", "gaussian"],
    centre: float,
    errors_given: bool,
    without: Floats | None = None,
) -> Outcome:
    """Fit each of ``numbers`` of lines and take the one that the criterion prefers.

    ``centre`` is where the peak is, about. Without errors the weights are those that the scatter about the richest
    model asks for. ``without`` (part, point) are the values with each part of a run left out: errors then follow from
    what these make of the fit.
    """

    def model(number: int, of: Spectrum) -> Quasielastic:
        return Quasielastic(of, Terms(number, elastic, background, shape))

    first = min(1, max(numbers))
    fits = {first: model(first, spectrum).fit(centre)}
    centre = fits[first].values["centre"]  # one line is enough to find it for all others
    if not errors_given:
        rough = model(max(numbers), spectrum).fit(centre)
        spectrum = spectrum._replace(errors=scatter(spectrum.values, rough.curve))
        fits = {}
    fits = {number: fits.get(number) or model(number, spectrum).fit(centre) for number in numbers}
    richest = fits[max(numbers)]
    enlarged = max(1.0, reduced(richest, spectrum))  # misfit of all models alike speaks for none of them
    criterion = {
        number: schwarz(fit.chi2 / enlarged / spectrum.correlated, fit.parameters, spectrum.independent)
        for number, fit in fits.items()
    }
    chosen = min(numbers)
    for number in sorted(numbers)[1:]:
        scale = np.sqrt(enlarged * spectrum.correlated)
        if criterion[number] < criterion[chosen] - GAIN and _supported(fits[number], spectrum, scale):
            chosen = number
    return _judged(fits[chosen], model(chosen, spectrum), criterion, without, errors_given=errors_given)


def reduced(fitted: Fitted, spectrum: Spectrum) -> float:
    """χ² over the degrees of freedom."""
    return fitted.chi2 / max(len(spectrum.energy) - fitted.parameters, 1)


def scatter(values: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Errors √(a + bS + cS²) that fit the squared residuals: noise that is even, of counting, or a share of S."""
    from scipy.optimize import nnls

    squares, size = (values - curve) ** 2, np.maximum(curve, 0.0) / curve.max()
    design = np.stack([np.ones_like(size), size, size**2], axis=1)
    variance = np.full_like(size, squares.mean())
    for _ in range(ROUNDS):  # squares scatter by as much as they are
        least = np.maximum(variance, LEAST * squares.mean())
        amounts, _ = nnls(design / least[:, None], squares / least)
        variance = design @ amounts
    errors: np.ndarray = np.sqrt(np.maximum(variance, LEAST * squares.mean() + TINY * curve.max() ** 2))
    return errors


def _supported(fitted: Fitted, spectrum: Spectrum, scale: float) -> bool:
    """Whether every line has an area and a width of its own."""
    widths = [fitted.values[name] for name in fitted.terms.widths]
    apart = all(b > APART * a for a, b in pairwise(widths))
    areas = all(
        fitted.values[f"area_{k}"] > SURE * scale * fitted.error(f"area_{k}") for k in range(1, fitted.terms.lines + 1)
    )
    known = all(
        fitted.values[name] > SEEN * scale * fitted.error(name) and fitted.values[name] < TOO_WIDE * spectrum.reach
        for name in fitted.terms.widths
    )
    return apart and areas and known and not fitted.bound


def _judged(
    fitted: Fitted, model: Quasielastic, criterion: dict[int, float], without: Floats | None, *, errors_given: bool
) -> Outcome:
    from scipy.stats import chi2 as chi2_law

    spectrum = model.spectrum
    ratio = reduced(fitted, spectrum)
    chance = runs(((spectrum.values - fitted.curve) / spectrum.errors)[spectrum.apart])
    dof = max(spectrum.independent - fitted.parameters, 1.0)
    if errors_given:
        widened = chi2_law.sf(ratio * dof, dof) < UNLIKELY
        bad = ratio > POOR or (ratio > STRUCTURED and chance < STRUCTURE)
    else:
        widened, bad = True, chance < SIGNIFICANT
    misfit = ratio if widened else 1.0
    told, parts = (fitted, {}) if without is None else _by_parts(fitted, model, without)
    scale = float(np.sqrt(misfit if parts else spectrum.correlated * misfit))
    lower: dict[int, float] = {}
    upper: dict[int, float] = {}
    flags = list(_undetermined(fitted, told, model, scale, lower, upper))
    change = {k: one for k, one in change_with_half(fitted, told, model, scale).items() if k not in lower}
    flags += [_hanging(k, value) for k, (value, more) in change.items() if more]
    known = ratio if errors_given else np.nan
    rest = float(np.sqrt(np.mean((spectrum.values - fitted.curve) ** 2)) / np.abs(fitted.curve).max())
    measure = f"reduced χ² {ratio:.3g}" if errors_given else f"residuals of {100 * rest:.2g} % of the peak"
    larger = f"; errors multiplied by {np.sqrt(ratio):.2g}" if widened and errors_given else ""
    sentences = [_quality(fitted.terms.lines, measure, chance, bad=bad) + f"{larger}.", *flags]
    return Outcome(told, scale, known, chance, bad, " ".join(sentences), criterion, lower, upper, parts, change)


def _by_parts(fitted: Fitted, model: Quasielastic, without: Floats) -> tuple[Fitted, dict[str, Floats]]:
    """The fit with the covariance that ``without`` (part, point) shows, and what is fitted to each of these.

    They are so much alike that the fit follows them in proportion: nothing is fitted again.
    """
    follows = model.response(fitted)
    if follows is None:
        return fitted, {}
    moved = (without - model.spectrum.values) @ follows.T
    matrix = covariance(moved)
    names = fitted.free
    shared = {(a, b): float(matrix[i, j]) for i, a in enumerate(names) for j, b in enumerate(names)}
    each = {name: fitted.values[name] + moved[:, k] for k, name in enumerate(names)}
    return replace(fitted, covariance=shared), each


def _quality(lines: int, measure: str, chance: float, *, bad: bool) -> str:
    what = {0: "no quasielastic line", 1: "1 line"}.get(lines, f"{lines} lines")
    if bad:
        return f"Bad fit with {what}: {measure}{f', with structure (p = {chance:.1g})' if chance < STRUCTURE else ''}"
    doubt = f", but residuals are not quite random (p = {chance:.1g})" if chance < STRUCTURE else ""
    return f"Fitted with {what}, {measure}{doubt}"


def _hanging(k: int, change: float) -> str:
    much = f"{abs(change):.2g} meV {'less' if change < 0 else 'more'}"
    return f"With half of the window width {k} is {much}: it is not known as well as its error says."


def _undetermined(
    plain: Fitted, fitted: Fitted, model: Quasielastic, scale: float, lower: dict[int, float], upper: dict[int, float]
) -> Iterator[str]:
    """Sentences about widths that the spectrum does not determine; their bounds go into ``lower`` and ``upper``.

    ``plain`` has the covariance of independent points, by which χ² rises.
    """
    if not fitted.covariance:
        lower.update(dict.fromkeys(range(1, fitted.terms.lines + 1), np.nan))
        upper.update(lower)
        yield "The lines can't be told apart: the fit has no errors."
        return
    low, high = model.spectrum.bounds
    finest = 0.0 if model.spectrum.mirrored else TOO_NARROW * model.spectrum.resolution.fwhm
    for k, name in enumerate(fitted.terms.widths, 1):
        width, error = fitted.values[name], scale * fitted.error(name)
        area, area_error = fitted.values[f"area_{k}"], scale * fitted.error(f"area_{k}")
        # a width that is held at its bound has no error of either kind
        loose = 1.0 if fitted is plain else model.spectrum.correlated**0.5
        unit = scale * (fitted.error(name) / plain.error(name) if plain.error(name) > 0 else loose)
        if not area > SEEN * area_error:
            lower[k] = upper[k] = np.nan
            yield f"Line {k} is not seen: its area is {area:.3g} ± {area_error:.2g}."
        elif width > TOO_WIDE * model.spectrum.reach:
            lower[k], upper[k] = _bound(fitted, model, name, unit, low), np.nan
            yield f"Width {k} is not determined: wider than the window, above {lower[k]:.3g} meV (95 %)."
        elif not width > max(SEEN * error, finest):
            lower[k], upper[k] = np.nan, max(_bound(fitted, model, name, unit, high), finest)
            yield f"Width {k} is not determined: below {upper[k]:.3g} meV (95 %)."


def _bound(fitted: Fitted, model: Quasielastic, name: str, unit: float, end: float) -> float:
    """The width, towards ``end``, at which χ², all else fitted again, has risen to a one-sided 95 % bound.

    χ² rises by ``unit`` squared at one standard error.
    """
    allowed = fitted.chi2 + ONE_SIDED * unit**2
    start = dict(fitted.values)

    def rises(width: float) -> bool:
        return model.fit_from({**start, name: width}, fixed=[name]).chi2 > allowed

    inside, outside = fitted.values[name], end
    if not rises(outside):
        return outside
    while max(inside, outside) > 1.02 * min(inside, outside):
        middle = float(np.sqrt(inside * outside))
        inside, outside = (inside, middle) if rises(middle) else (middle, outside)
    return float(np.sqrt(inside * outside))
