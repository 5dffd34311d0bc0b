"""The outcomes of all q as the variables of one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.results import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .quasielastic_choice import Outcome
    from .quasielastic_input import Measured
    from .quasielastic_model import Spectrum

    Floats = NDArray[np.float64]

NOTHING = "Not fitted: too few usable points in the window."


def variables(
    outcomes: Sequence[Outcome | None],
    spectra: Sequence[Spectrum | None],
    measured: Measured,
    numbers: Sequence[int],
    units: str,
) -> dict[str, Column]:
    """Everything by q, with NaN where there was nothing to fit."""
    lines = lines_of(outcomes)
    area = times_mev(units)

    def by_q(value: Callable[[Outcome], float]) -> Floats:
        return np.array([np.nan if one is None else value(one) for one in outcomes], np.float64)

    def by_line(value: Callable[[Outcome, int], float]) -> Floats:
        table = np.full((len(outcomes), lines), np.nan)
        for i, one in enumerate(outcomes):
            for k in range(0 if one is None else one.fitted.terms.lines):
                table[i, k] = value(one, k + 1)  # type: ignore[arg-type]  # None has no lines
        return table

    def words(value: Callable[[Outcome], str], otherwise: str) -> list[str]:
        return [otherwise if one is None else value(one) for one in outcomes]

    eisf = [(np.nan, np.nan) if one is None else eisf_of(one) for one in outcomes]
    chosen = np.array([-1 if one is None else one.fitted.terms.lines for one in outcomes])
    criterion = np.array([[np.nan if o is None else o.criterion.get(n, np.nan) for n in numbers] for o in outcomes])
    singles = {
        "area_elastic": (area, "area of the elastic line"),
        "background": (units, "background at zero energy"),
        "slope": (_per_mev(units), "slope of the background"),
        "centre": ("meV", "energy of the elastic line"),
    }
    table = {
        "width": Column(("q", "component"), by_line(_width), "meV", "width of a line (HWHM)"),
        "width_error": Column(("q", "component"), by_line(_width_error), "meV", "its standard error"),
        "width_lower": Column(
            ("q", "component"), by_line(lambda o, k: o.width_lower.get(k, np.nan)), "meV",
            "95 % lower bound of a width that is not determined",
        ),
        "width_upper": Column(
            ("q", "component"), by_line(lambda o, k: o.width_upper.get(k, np.nan)), "meV",
            "95 % upper bound of a width that is not determined",
        ),
        **_without(outcomes, lines),
        "window_sensitivity": Column(
            ("q", "component"), by_line(lambda o, k: o.change.get(k, (np.nan, False))[0]), "meV",
            "change of a width with half of the window",
        ),
        "area": Column(
            ("q", "component"), by_line(lambda o, k: o.fitted.values[f"area_{k}"]), area, "area of a line"
        ),
        "area_error": Column(
            ("q", "component"), by_line(lambda o, k: _error(o, f"area_{k}")), area, "its standard error"
        ),
        "eisf": Column(("q",), [one[0] for one in eisf], "1", "elastic incoherent structure factor"),
        "eisf_error": Column(("q",), [one[1] for one in eisf], "1", "its standard error"),
    }  # fmt: skip
    for name, (unit, what) in singles.items():
        values = by_q(lambda o, name=name: o.fitted.values.get(name, np.nan))  # type: ignore[misc]
        table[name] = Column(("q",), values, unit, what)
        table[f"{name}_error"] = Column(
            ("q",), by_q(lambda o, name=name: _error(o, name)), unit, "its standard error"  # type: ignore[misc]
        )  # fmt: skip
    table |= {
        "chosen": Column(("q",), chosen, "1", "number of lines; -1 where nothing could be fitted"),
        "criterion": Column(("q", "lines"), criterion, "1", "Schwarz's criterion, lower is better"),
        "redchi": Column(("q",), by_q(lambda o: o.redchi), "1", "reduced χ²"),
        "runs": Column(("q",), by_q(lambda o: o.runs), "1", "probability of so few changes of the residuals' sign"),
        "error_scale": Column(("q",), by_q(lambda o: o.scale), "1", "what the errors of the fit were multiplied by"),
        "bad": Column(("q",), [int(o is None or o.bad) for o in outcomes], "1", "1 where the fit is a bad one"),
        "verdict": Column(("q",), words(lambda o: o.verdict, NOTHING), "1", "what is to be said of the fit"),
        "report": Column(("q",), words(lambda o: o.fitted.report, ""), "1", "lmfit's report"),
    }
    return table | _curves(outcomes, spectra, measured, lines, units)


def _without(outcomes: Sequence[Outcome | None], lines: int) -> dict[str, Column]:
    """The widths with each part of a simulation left out, where they are determined; nothing of measurements."""
    parts = max([0, *(len(next(iter(one.without.values()))) for one in outcomes if one is not None and one.without)])
    if not parts:
        return {}
    table = np.full((parts, len(outcomes), lines), np.nan)
    for i, one in enumerate(outcomes):
        for k in range(lines):
            if one is not None and f"width_{k + 1}" in one.without and k + 1 not in one.width_lower:
                table[:, i, k] = one.without[f"width_{k + 1}"]
    what = "width of a line (HWHM) with one part of the run left out"
    return {"width_without": Column(("part", "q", "component"), table, "meV", what)}


def lines_of(outcomes: Sequence[Outcome | None]) -> int:
    """The most lines that any spectrum has; 1 where none has any, so that there is a width to be NaN."""
    return max([1, *(one.fitted.terms.lines for one in outcomes if one is not None)])


def eisf_of(outcome: Outcome) -> tuple[float, float]:
    """A/(A + ΣB) and its standard error from the covariance of the areas; NaN without an elastic line."""
    fitted = outcome.fitted
    if not fitted.terms.elastic:
        return np.nan, np.nan
    names = [f"area_{k}" for k in range(1, fitted.terms.lines + 1)]
    elastic, rest = fitted.values["area_elastic"], sum(fitted.values[name] for name in names)
    total = elastic + rest
    gradient = {"area_elastic": rest / total**2, **dict.fromkeys(names, -elastic / total**2)}
    error = outcome.scale * fitted.of_function(gradient)
    return (elastic / total, error) if np.isfinite(error) else (np.nan, np.nan)


def _curves(
    outcomes: Sequence[Outcome | None],
    spectra: Sequence[Spectrum | None],
    measured: Measured,
    lines: int,
    units: str,
) -> dict[str, Column]:
    """What was fitted and what came out, on the energies of the spectra; NaN where a point was not used."""
    shape = measured.values.shape
    fit, residual, elastic, floor, seen = (np.full(shape, np.nan) for _ in range(5))
    each = np.full((shape[0], lines, shape[1]), np.nan)
    for i, (outcome, spectrum) in enumerate(zip(outcomes, spectra, strict=True)):
        if outcome is None or spectrum is None:
            continue
        at = np.searchsorted(measured.energy, spectrum.energy)
        fitted = outcome.fitted
        terms = fitted.columns * np.array([fitted.values[name] for name in fitted.terms.linear])
        fit[i, at] = fitted.curve
        residual[i, at] = (spectrum.values - fitted.curve) / spectrum.errors
        each[i, : fitted.terms.lines, at] = terms[:, : fitted.terms.lines]
        if fitted.terms.elastic:
            elastic[i, at] = terms[:, fitted.terms.lines]
        floor[i, at] = terms[:, fitted.terms.lines + fitted.terms.elastic :].sum(axis=1)
        seen[i, at] = spectrum.resolution.delta(spectrum.energy, fitted.values["centre"])
    both = ("q", "energy")
    curves = {
        "S": Column(both, measured.values, units, "spectrum"),
        "fit": Column(both, fit, units, "fit"),
        "residual": Column(both, residual, "1", "spectrum less fit, in standard errors"),
        "elastic": Column(both, elastic, units, "elastic line in the fit"),
        "line": Column(("q", "component", "energy"), each, units, "line in the fit"),
        "floor": Column(both, floor, units, "background in the fit"),
        "resolution": Column(both, seen, "1/meV", "resolution, at the centre of the fit"),
    }
    if measured.errors is not None:
        curves["S_error"] = Column(both, measured.errors, units, "standard error of the spectrum")
    return curves


def _width(outcome: Outcome, k: int) -> float:
    return np.nan if k in outcome.width_lower else outcome.fitted.values[f"width_{k}"]


def _width_error(outcome: Outcome, k: int) -> float:
    return np.nan if k in outcome.width_lower else _error(outcome, f"width_{k}")


def _error(outcome: Outcome, name: str) -> float:
    return outcome.scale * outcome.fitted.error(name)


def times_mev(units: str) -> str:
    """The unit of an area: that of S times meV."""
    if units == "1":
        return "meV"
    return "1" if units == "1/meV" else units.removesuffix("/meV") if units.endswith("/meV") else f"{units} meV"


def _per_mev(units: str) -> str:
    return {"1": "1/meV", "1/meV": "1/meV²"}.get(units, f"{units}/meV")


def joined(values: Any) -> str:
    """Numbers as one text, for an attribute."""
    return ", ".join(str(value) for value in values)
