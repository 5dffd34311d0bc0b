r"""How surely a fit of all Q knows its parameters, also where its residuals are not independent.

Spectra of one simulation are: neighbouring energies share a window over the lags, E and -E are the same, and the same
ions scatter at every Q. With the residuals' correlation ρ between Q, and c points of a spectrum worth one, the
covariance of the least squares is

.. math:: s^2 c\, H^{-1} \Big[ \sum_{ij} \rho_{ij} J_i^T J_j \Big] H^{-1}, \qquad H = \sum_i J_i^T J_i

J what the parameters do to the spectra beyond what amplitudes can make up for. Where residuals are independent, as
counts are, it is H⁻¹ s². What moves all energies together is not in a simulation's residuals: the fit has followed it.
Only replicas show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .global_model import Together, again
from .jackknife import standard_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .global_model import Solved

    Floats = NDArray[np.float64]

STEP = 1e-4  # of a logarithm, in numerical derivatives
SEEN = 4.0  # standard errors from 0 that a correlation of residuals is taken for one
LONGEST = 60  # steps of energy over which residuals may be correlated


class Values(NamedTuple):
    """Everything that a fit of all Q says, or one standard error of each."""

    length: Floats  # (component,), Å
    tau: Floats  # (component,), ps
    D: Floats  # (component,), Å²/ps
    width: Floats  # (q, component), meV
    amounts: Floats  # (q, linear term)
    eisf: Floats  # (q,); NaN without an elastic line


@dataclass(frozen=True)
class Uncertain:
    """Standard errors, and what was found of the residuals."""

    errors: Values
    worth: float  # points of a spectrum that carry what one independent point would
    between: float  # mean correlation of the residuals of neighbouring Q


def values_of(model: Together, solved: Solved) -> Values:
    """What the fit says."""
    width = model.widths(solved.lengths.tolist(), solved.taus.tolist())
    amounts = np.array([model.amounts(i, model.design(i, row)).values for i, row in enumerate(width)])
    eisf = np.full(len(width), np.nan)
    total = amounts[:, : model.lines + 1].sum(axis=1)
    if model.elastic:
        np.divide(amounts[:, model.lines], total, out=eisf, where=total > 0)
    return Values(solved.lengths, solved.taus, solved.lengths**2 / (6 * solved.taus), width, amounts, eisf)


def by_replicas(model: Together, solved: Solved, without: list[list[Floats]]) -> Values:
    """From fits to the spectra with each replica left out: whatever is correlated, it is so in every replica."""
    found = []
    for values in without:
        parts = [part._replace(values=own) for part, own in zip(model.spectra, values, strict=True)]
        other = Together(
            model.q, parts, model.laws, np.array(model.centres), elastic=model.elastic, background=model.background
        )
        found.append(values_of(other, again(other, solved)))
    return Values(*(standard_error(np.stack(each)) for each in zip(*found, strict=True)))


def by_covariance(model: Together, solved: Solved, *, errors_given: bool) -> Uncertain:
    """From the residuals of this fit alone."""
    values = values_of(model, solved)
    designs = [model.design(i, row) for i, row in enumerate(values.width)]
    residuals = [model.amounts(i, design).residual for i, design in enumerate(designs)]
    slopes = _slopes(model, solved, values.width)
    varied = np.flatnonzero(np.abs(slopes).sum(axis=(0, 1)) > 0)
    whole = [
        _derivative(model, i, values.width[i], designs[i], values.amounts[i], slopes[i]) for i in range(len(designs))
    ]
    reduced = [J - A @ np.linalg.lstsq(A, J, rcond=None)[0] for J, A in zip(whole, designs, strict=True)]
    free = sum(design.shape[1] for design in designs) + len(varied)
    ratio = solved.chi2 / max(sum(map(len, residuals)) - free, 1)
    worth, rho = _correlations(residuals, [spectrum.energy for spectrum in model.spectra])
    scale = worth * (max(ratio, 1.0) if errors_given else ratio)
    covariance = np.full((slopes.shape[2], slopes.shape[2]), np.nan)
    part = _sandwich([J[:, varied] for J in reduced], rho)
    if part is not None:
        covariance[:] = 0.0  # what is held has no error
        covariance[np.ix_(varied, varied)] = scale * part
    amounts, eisf = [], []
    for one, design, J in zip(values.amounts, designs, whole, strict=True):
        inverse = np.linalg.pinv(design.T @ design)
        shift = inverse @ design.T @ J
        spread = scale * inverse + shift @ covariance @ shift.T
        amounts.append(np.sqrt(np.diag(spread)))
        eisf.append(_share_error(one, spread, model.lines) if model.elastic else np.nan)
    width = np.sqrt(np.einsum("qki,ij,qkj->qk", slopes, covariance, slopes))
    errors = Values(*_shared(values, covariance), width, np.array(amounts), np.array(eisf))
    return Uncertain(errors, worth, _neighbours(rho))


def _shared(values: Values, covariance: Floats) -> tuple[Floats, Floats, Floats]:
    """Errors of length, tau and D from the covariance of the logarithms of the first two."""
    found = []
    for k in range(len(values.length)):
        own = covariance[2 * k : 2 * k + 2, 2 * k : 2 * k + 2]
        ways = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]])
        found.append(np.sqrt(np.einsum("ai,ij,aj->a", ways, own, ways)))
    length, tau, D = np.array(found).T
    return values.length * length, values.tau * tau, values.D * D


def _slopes(model: Together, solved: Solved, widths: Floats) -> Floats:
    """What ln length and ln tau do to the widths: (q, component, parameter)."""
    slopes = np.zeros((*widths.shape, 2 * model.lines))
    for k, law in enumerate(model.laws):
        length, tau = float(solved.lengths[k]), float(solved.taus[k])
        slopes[:, k, 2 * k + 1] = -widths[:, k]
        if law.shape is not None:
            ends = (law.width(model.q, length * np.exp(sign * STEP), tau) for sign in (1, -1))
            slopes[:, k, 2 * k] = np.subtract(*ends) / (2 * STEP)
    return slopes


def _derivative(model: Together, i: int, widths: Floats, design: Floats, amounts: Floats, slopes: Floats) -> Floats:
    """What the parameters do to spectrum ``i``, in units of its errors: (point, parameter)."""
    lines = model.lines
    moved = model.design(i, widths * (1 + STEP))[:, :lines]
    by_width = (moved - design[:, :lines]) / (STEP * widths) * amounts[:lines]
    result: Floats = by_width @ slopes
    return result


def _sandwich(J: list[Floats], rho: Floats | None) -> Floats | None:
    """H⁻¹ [Σ ρ_ij J_iᵀ J_j] H⁻¹; None where the parameters can't be told apart at all."""
    H = sum((part.T @ part for part in J), np.zeros((J[0].shape[1], J[0].shape[1])))
    try:
        inverse: Floats = np.asarray(np.linalg.inv(H), np.float64)
    except np.linalg.LinAlgError:
        return None
    if (np.diag(inverse) <= 0).any():
        return None
    if rho is None:
        return inverse
    together = np.stack(J)  # the energies are common
    meat = np.einsum("ij,iep,jeq->pq", rho, together, together)
    result: Floats = inverse @ meat @ inverse
    return result


def _correlations(residuals: list[Floats], energies: list[Floats]) -> tuple[float, Floats | None]:
    """How many points are worth one, and the correlation between Q where neighbours show one that is no chance."""
    common = all(np.array_equal(energy, energies[0]) for energy in energies)
    worth = float(np.mean([worth_of(r, e) for r, e in zip(residuals, energies, strict=True)]))
    if not common or len(residuals) < 2:
        return worth, None
    rho: Floats = np.asarray(np.corrcoef(np.stack(residuals)), np.float64)
    return worth, rho if _neighbours(rho) > SEEN * (worth / len(residuals[0]) / (len(rho) - 1)) ** 0.5 else None


def _neighbours(rho: Floats | None) -> float:
    return 0.0 if rho is None else float(np.diag(rho, 1).mean())


def worth_of(residual: Floats, energy: Floats) -> float:
    r"""How many points of a spectrum carry what one independent point would.

    1 + 2Σρ over neighbouring energies, up to the first that chance could give, times 1 + ρ of E with -E.
    """
    n = len(residual)
    if n < 4:
        return 1.0
    centred = residual - residual.mean()
    square = float(centred @ centred)
    chance = SEEN / n**0.5
    total = 1.0
    for k in range(1, min(LONGEST, n // 4)):
        value = float(centred[k:] @ centred[:-k]) / square
        if value < chance / 2:
            break
        total += 2 * value
    mirror = np.searchsorted(energy, -energy - 1e-9)
    there = (mirror < n) & np.isclose(
        energy[np.minimum(mirror, n - 1)], -energy, atol=1e-6 * abs(energy[-1] - energy[0])
    )
    if there.sum() < n / 2:
        return total
    both = float(centred[there] @ centred[mirror[there]]) / square
    return total * (1 + both) if both > chance else total


def _share_error(amounts: Floats, covariance: Floats, lines: int) -> float:
    """Standard error of the EISF."""
    total = amounts[: lines + 1].sum()
    if not total > 0:
        return np.nan
    gradient = np.zeros(len(amounts))
    gradient[: lines + 1] = -amounts[lines] / total**2
    gradient[lines] += 1 / total
    return float((gradient @ covariance @ gradient) ** 0.5)
