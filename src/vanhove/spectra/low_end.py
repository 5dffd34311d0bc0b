"""What a density of states does below the lowest energy that was measured, as far as its next points say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POWERS = {"linear": 1, "quadratic": 2}
FEWEST = 6  # points that a law is chosen from
DECIDED = 4.0  # in χ²: two standard deviations between laws with as many parameters


class LowEnd(NamedTuple):
    """The law a E^power, its standard error, and how it was chosen."""

    a: float
    a_error: float
    power: int
    says: str

    def at(self, energy: Floats) -> tuple[Floats, Floats]:
        """The law below the cut, and its standard error if it holds."""
        return self.a * energy**self.power, self.a_error * energy**self.power


def low_end(energy: Floats, g: Floats, error: Floats, below: str) -> LowEnd | None:
    """The law of the points between the first energy and twice that; None where none is asked for or to be had."""
    if below not in ("auto", "nan", *POWERS):
        raise Refusal(f"below={below!r}", "", 'Pass "auto", "linear", "quadratic" or "nan"')
    if below == "nan":
        return None
    near = (energy <= 2 * energy[0]) | (np.arange(len(energy)) < FEWEST)
    x, y = energy[near], g[near]
    sigma = error[near]
    known = np.isfinite(sigma) & (sigma > 0)
    sigma = np.where(known, sigma, 1.0) if known.all() else np.ones_like(sigma)
    fits = {}
    for name, power in POWERS.items():
        basis = x**power / sigma
        a = float((basis * y / sigma).sum() / (basis**2).sum())
        fits[name] = (a, float((basis**2).sum() ** -0.5), float(((y / sigma - a * basis) ** 2).sum()))
    gain = fits["quadratic"][2] - fits["linear"][2]  # > 0: linear is better
    better = "linear" if gain > 0 else "quadratic"
    chosen = better if below == "auto" else below
    a, a_error, _ = fits[chosen]
    ranged = f"from the points up to {x[-1]:.3g} meV"
    if below != "auto":
        how = f"as asked for, {ranged}"
    elif not known.all():
        how = f"the closer of E and E² {ranged}, without errors to judge by"
    elif abs(gain) < DECIDED:
        how = f"{ranged}, which do not tell E from E² (χ² differs by {abs(gain):.1f})"
    else:
        how = f"{ranged} (χ² lower by {abs(gain):.1f} than that of {'E²' if better == 'linear' else 'E'})"
    law = "E" if chosen == "linear" else "E²"
    says = f"g ∝ {law} below {energy[0]:.3g} meV, {how}"
    if a < 0:
        a, says = 0.0, f"{says}; they come out negative: 0 is drawn"
    return LowEnd(a, a_error if known.all() else np.nan, POWERS[chosen], says)
