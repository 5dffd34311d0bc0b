"""Damped oscillators fitted to one spectrum: areas by linear least squares inside, energies and damping by lmfit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .global_errors import worth_of
from .global_model import positive
from .quasielastic_choice import UNLIKELY, scatter

if TYPE_CHECKING:
    from lmfit.minimizer import MinimizerResult
    from numpy.typing import NDArray

    from .oscillator_lines import Lines

    Floats = NDArray[np.float64]

PLACES = {1: 24, 2: 14, 3: 10}  # energies on the grid that starts are looked for on, by the number of oscillators
DAMPINGS = np.array([0.1, 0.4, 1.2, 4.0])  # Γ/E₀ there
STARTS = 3  # the best of them, fitted each
FAR = 8.0  # logarithm that no parameter strays from its start by
STEP = 1e-4  # of a logarithm, in numerical derivatives
LIMIT = 100.0  # Γ over the highest energy, where all but a Lorentzian is out of sight
ALIKE = 3.84  # Δχ² within which a Lorentzian fits as well (95 %)


class Points(NamedTuple):
    """One spectrum."""

    energy: Floats
    values: Floats
    errors: Floats
    lines: Lines
    elastic: bool
    background: int  # coefficients


@dataclass(frozen=True)
class Oscillators:
    """What was fitted, by ascending E0, with one standard error of each; NaN where it isn't determined."""

    E0: Floats
    E0_error: Floats
    gamma: Floats
    gamma_error: Floats
    rate: Floats  # E₀²/Γ
    rate_error: Floats
    amplitude: Floats  # areas of the classical lines
    amplitude_error: Floats
    overdamped: NDArray[np.bool_]
    redchi: float
    fit: Floats
    each: Floats  # (oscillator, energy)
    verdict: str
    report: str


def fit_oscillators(points: Points, count: int, *, errors_given: bool) -> Oscillators:
    """The best of the fits from several starts; without errors weighed by the scatter about a first fit."""
    best = _best(points, _starts(points, count))
    if not errors_given:
        points = points._replace(errors=scatter(points.values, _curve(points, _values(best, count))))
        best = _best(points, [_values(best, count)])
    logs = _values(best, count)
    logs = logs[np.argsort(logs[:, 0])]
    return _judged(points, logs, float(best.chisqr), _report(best), errors_given=errors_given)


def _design(points: Points, logs: Floats) -> Floats:
    """Terms in units of the errors, oscillators (ln E0, ln Γ) first."""
    columns = [points.lines.oscillator(*np.exp(row).tolist()) for row in logs]
    return np.stack([*columns, *_rest(points)], axis=1) / points.errors[:, None]


def _rest(points: Points) -> list[Floats]:
    still = [points.lines.delta()] * points.elastic
    return [*still, *(points.energy**power for power in range(points.background))]


def _amounts(points: Points, design: Floats, count: int) -> Floats:
    seen = points.values / points.errors
    return positive(design.T @ design, design.T @ seen, count + points.elastic)


def _misfit(points: Points, logs: Floats) -> Floats:
    design = _design(points, logs)
    misfit: Floats = points.values / points.errors - design @ _amounts(points, design, len(logs))
    return misfit


def _curve(points: Points, logs: Floats) -> Floats:
    design = _design(points, logs)
    curve: Floats = design @ _amounts(points, design, len(logs)) * points.errors
    return curve


def _starts(points: Points, count: int) -> list[Floats]:
    """Energies and dampings of the best few of a grid."""
    top = float(np.abs(points.energy).max())
    finest = max(float(np.diff(points.energy).min()), top / 300)
    places = np.geomspace(2 * finest, 0.95 * top, PLACES[count])
    grid = np.log([(E0, ratio * E0) for E0 in places for ratio in DAMPINGS])
    whole = _design(points, grid)
    matrix, right = whole.T @ whole, whole.T @ (points.values / points.errors)
    choices = np.array(list(combinations(range(len(grid)), count)))
    rest = np.broadcast_to(np.arange(len(grid), len(right)), (len(choices), len(right) - len(grid)))
    used = np.concatenate([choices, rest], axis=1)
    part, wanted = matrix[used[:, :, None], used[:, None, :]], right[used]
    amounts = positive(part, wanted, count + points.elastic)
    chi2 = np.einsum("ni,nij,nj->n", amounts, part, amounts) - 2 * (amounts * wanted).sum(axis=1)
    return [grid[choices[row]] for row in np.argsort(chi2, kind="stable")[:STARTS]]


def _best(points: Points, starts: Sequence[Floats]) -> MinimizerResult:
    fits = [_minimized(points, start) for start in starts]
    return min(fits, key=lambda found: float(found.chisqr))


def _minimized(points: Points, start: Floats) -> MinimizerResult:
    import lmfit

    parameters = lmfit.Parameters()
    for k, row in enumerate(start, 1):
        for name, value in zip(("ln_E0", "ln_gamma"), row.tolist(), strict=True):
            parameters.add(f"{name}_{k}", value=value, min=value - FAR, max=value + FAR)

    def misfit(p: lmfit.Parameters) -> Floats:
        return _misfit(points, np.array([p[name].value for name in p]).reshape(-1, 2))

    return lmfit.minimize(misfit, parameters, scale_covar=False)


def _values(found: MinimizerResult, count: int) -> Floats:
    return np.array([found.params[name].value for name in found.params], np.float64).reshape(count, 2)


def _report(found: MinimizerResult) -> str:
    import lmfit

    return str(lmfit.fit_report(found))


def _judged(points: Points, logs: Floats, chi2: float, report: str, *, errors_given: bool) -> Oscillators:
    """Errors, and which oscillators are no more than a Lorentzian to these points."""
    from scipy.stats import chi2 as chi2_law

    count, n = len(logs), len(points.energy)
    design = _design(points, logs)
    amounts = _amounts(points, design, count)
    free = design.shape[1] + logs.size
    worth = worth_of(points.values / points.errors - design @ amounts, points.energy)
    dof = max(n / worth - free, 1.0)
    ratio = chi2 / max(n - free, 1)
    enlarged = ratio if not errors_given or chi2_law.sf(ratio * dof, dof) < UNLIKELY else 1.0
    unit = worth * enlarged
    merged = [
        bool(logs[k, 1] - logs[k, 0] > np.log(2)) and _as_lorentzian(points, logs, k) - chi2 < ALIKE * unit
        for k in range(count)
    ]
    covariance = _covariance(points, logs, design, amounts) * unit
    ways = {"E0": (1.0, 0.0), "gamma": (0.0, 1.0), "rate": (2.0, -1.0)}
    found: dict[str, Floats] = {}
    for name, way in ways.items():
        values = np.exp(logs @ np.array(way))
        spread = [_spread(covariance, k, np.array(way)) for k in range(count)]
        known = np.array([name == "rate" or not one for one in merged])
        known &= np.array(spread) < 0.5
        found[name] = np.where(known, values, np.nan)
        found[f"{name}_error"] = np.where(known, values * spread, np.nan)
    area_errors = np.sqrt(np.diag(covariance)[logs.size : logs.size + count])
    each = (design[:, :count] * amounts[:count] * points.errors[:, None]).T
    return Oscillators(
        **found, amplitude=amounts[:count], amplitude_error=area_errors, overdamped=logs[:, 1] > logs[:, 0] + np.log(2),
        redchi=ratio if errors_given else np.nan, fit=design @ amounts * points.errors, each=each,
        verdict=_sentence(found, merged, amounts[:count], area_errors), report=report,
    )  # fmt: skip


def _as_lorentzian(points: Points, logs: Floats, k: int) -> float:
    """χ² with oscillator ``k`` so far overdamped that only E₀²/Γ is left of it, all areas and that fitted again."""
    from scipy.optimize import minimize_scalar

    gamma = np.log(LIMIT * np.abs(points.energy).max())
    rate = 2 * logs[k, 0] - logs[k, 1]

    def chi2(ln_rate: float) -> float:
        changed = logs.copy()
        changed[k] = (ln_rate + gamma) / 2, gamma
        return float((_misfit(points, changed) ** 2).sum())

    return float(minimize_scalar(chi2, bounds=(rate - 1, rate + 1), method="bounded").fun)


def _covariance(points: Points, logs: Floats, design: Floats, amounts: Floats) -> Floats:
    """Of (ln E0, ln Γ) of each oscillator, then of the linear terms, for errors that are right."""
    count, slopes = len(logs), []
    for k in range(count):
        for j in range(2):
            up, down = logs.copy(), logs.copy()
            up[k, j] += STEP
            down[k, j] -= STEP
            ends = [points.lines.oscillator(*np.exp(one[k]).tolist()) for one in (up, down)]
            slopes.append((ends[0] - ends[1]) / (2 * STEP) * amounts[k] / points.errors)
    J = np.concatenate([np.stack(slopes, axis=1), design], axis=1)
    size = np.linalg.norm(J, axis=0)
    size[size == 0] = 1.0
    inverse: Floats = np.linalg.pinv((J / size).T @ (J / size), rcond=1e-12, hermitian=True) / np.outer(size, size)
    return inverse


def _spread(covariance: Floats, k: int, way: Floats) -> float:
    own = covariance[2 * k : 2 * k + 2, 2 * k : 2 * k + 2]
    return float(np.sqrt(max(float(way @ own @ way), 0.0)))


def _sentence(found: dict[str, Floats], merged: list[bool], area: Floats, area_error: Floats) -> str:
    said = []
    for k, one in enumerate(merged):
        name = f"Oscillator {k}" if len(merged) > 1 else "The oscillator"
        if not area[k] > 2 * area_error[k]:
            said.append(f"{name} is not seen: its area is {area[k]:.3g} ± {area_error[k]:.2g}.")
        elif one:
            said.append(
                f"{name} is so far overdamped that E0 and Γ can't be separated: only E0²/Γ, the half width of the "
                "Lorentzian that it has become, is known."
            )
        elif np.isnan(found["E0"][k]) or np.isnan(found["gamma"][k]):
            said.append(f"{name} is not determined: its energy or its damping has an error of half of it or more.")
    return " ".join(said) or "fitted"
