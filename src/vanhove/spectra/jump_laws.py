r"""The laws of a quasielastic width against Q: what a jump length and a residence time say about it.

All but Fick's are written Γ(Q) = (ħ/τ) h(Q·length), HWHM in meV, where ``length`` = √⟨l²⟩ is scaled so that
D = length²/6τ: h(x) → x²/6, and with it Γ → ħDQ², where the law is that of long ways (small Q for jumps, large Q in a
cage).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.units import HBAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIRST_MODE = 2.0815759778181  # first zero of j₁', the slowest relaxation of a density in a sphere
PLATEAU = FIRST_MODE**2  # 4.333: Γ a²/ħD of diffusion inside a sphere of radius a, at small Q
LENGTH_OVER_RADIUS = (6 / PLATEAU) ** 0.5  # so that D = length²/6τ with τ = ħ/Γ of the plateau
FURTHEST = 16.0  # Q·a up to which the width inside a sphere is tabulated
HIGHEST = 48  # order of the spherical Bessel functions, and largest zero, that are summed over up to there


class Law(NamedTuple):
    """One law of Γ(Q)."""

    name: str  # for people
    shape: Callable[[Floats], Floats] | None  # h(Q·length); None: Fick's, which has no length
    plateau: str = "high"  # at which Q the width is flat and says τ alone; at the other end it says D alone

    def width(self, q: Floats, length: float, tau: float) -> Floats:
        """HWHM (meV) at ``q`` (1/Å) of jumps of a ``length`` (Å) every ``tau`` (ps)."""
        if self.shape is None:
            return fick(q, length**2 / (6 * tau))
        return HBAR / tau * self.shape(q * length)


def fick(q: Floats, D: float) -> Floats:
    """ħDQ² (meV), D in Å²/ps."""
    return HBAR * D * q**2


def chudley_elliott(x: Floats) -> Floats:
    """Jumps of one length in all directions: 1 - sin x / x."""
    small = x < 0.02
    series = x**2 / 6 * (1 - x**2 / 20)
    safe = np.where(small, 1.0, x)
    return np.where(small, series, 1 - np.sin(safe) / safe)


def singwi_sjolander(x: Floats) -> Floats:
    """Jumps of exponentially distributed length, l·exp(-l/l₀), ⟨l²⟩ = 6 l₀²: DQ²τ/(1 + DQ²τ) with DQ²τ = x²/6."""
    return x**2 / (6 + x**2)


def hall_ross(x: Floats) -> Floats:
    """Jumps with a Gaussian distribution of vectors: 1 - exp(-x²/6)."""
    return -np.expm1(-(x**2) / 6)


def confined(x: Floats) -> Floats:
    """Diffusion inside a sphere (Volino and Dianoux 1980): 1 up to Q ≈ π/a, x²/6 far beyond."""
    known, ratio = _sphere()
    reduced = np.asarray(x, np.float64) / LENGTH_OVER_RADIUS
    inside = np.interp(reduced, known, ratio)
    wall = (1 - ratio[-1]) * known[-1]  # the ions near the wall, of which there are ever fewer to see: 1 - 2.6/Qa
    beyond = 1 - wall / np.maximum(reduced, known[-1])
    values: Floats = np.where(reduced > known[-1], beyond, inside) * (1 + reduced**2 / PLATEAU)
    return values


def sphere_form_factor(x: Floats) -> Floats:
    """EISF of an ion that is anywhere in a sphere with the same probability: [3 j₁(x)/x]², x = Q·a."""
    small = x < 0.05
    safe = np.where(small, 1.0, x)
    exact = 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3
    return np.where(small, 1 - x**2 / 10, exact) ** 2


@cache
def _sphere() -> tuple[Floats, Floats]:
    r"""Q·a, and the HWHM of the quasielastic line over the sum of its two limits, 4.333 + (Qa)² in ħD/a².

    The line is Σ (2n + 1) A_nk(Qa) Lorentzian(x_nk² ħD/a²) over the zeros x_nk of j_n' above 0.
    """
    from scipy.optimize import brentq
    from scipy.special import spherical_jn

    def slope(x: Floats | float, order: int) -> Floats:
        return np.asarray(spherical_jn(order, x, derivative=True), np.float64)

    fine = np.linspace(1e-3, HIGHEST, 24 * HIGHEST)
    turns = [(n, i) for n in range(HIGHEST) for i in np.flatnonzero(np.diff(np.sign(slope(fine, n))))]
    n = np.array([order for order, _ in turns])
    x = np.array([brentq(slope, fine[i], fine[i + 1], args=(order,), xtol=1e-13) for order, i in turns])
    qa = np.concatenate([[1e-3], np.arange(0.1, FURTHEST, 0.04687)])  # no zero among them
    waves = spherical_jn(n[:, None], qa) * n[:, None] - qa * spherical_jn(n[:, None] + 1, qa)
    weight = 6 * x**2 / (x**2 - n * (n + 1)) * (2 * n + 1)
    areas = weight[:, None] * (waves / (qa**2 - x[:, None] ** 2)) ** 2
    rates = x**2

    def half(width: float, area: Floats, peak: float) -> float:
        return float((area * rates / (rates**2 + width**2)).sum() - peak / 2)

    widths = [
        brentq(half, 0.1, 10 * FURTHEST**2, args=(area, float((area / rates).sum())), xtol=1e-10) for area in areas.T
    ]
    return qa, np.array(widths) / (PLATEAU + qa**2)


LAWS = {
    "chudley-elliott": Law("Chudley–Elliott", chudley_elliott),
    "fick": Law("Fick", None),
    "singwi-sjolander": Law("Singwi–Sjölander", singwi_sjolander),
    "hall-ross": Law("Hall–Ross", hall_ross),
    "confined": Law("Diffusion inside a sphere", confined, plateau="low"),
}


def law_of(model: str) -> Law:
    """The law of that name, else a refusal with the names there are."""
    if model not in LAWS:
        raise Refusal(f"There is no law '{model}' of the width against Q", "", nearest(str(model), list(LAWS)))
    return LAWS[model]
