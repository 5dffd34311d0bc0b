"""The wavevectors that were asked for: lengths, of which a powder average is taken, or vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# orders of the rules of Lebedev (1976, 1977, 1999) with positive weights only: they integrate every polynomial up to
# the order over the sphere
ORDERS = (3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 29, 31, 35, 41, 47, 53, 59)
# An order L averages motion along one line, Gaussian with √⟨r²⟩ = r, to 1e-3 while L ≥ 4 + 2.75 Qr (isotropic motion is
# averaged by any rule); measured over all orientations of the line.
ORDER_AT_REST, ORDER_PER_QR = 4.0, 2.75
TURN = (0.61, 1.13, 2.07)  # rad, the rules' own axes are not those of a cubic crystal


@dataclass(frozen=True)
class Wanted:
    """Wavevectors (1/Å)."""

    lengths: Floats  # (q)
    vectors: Floats | None  # (q, axis); None where an average over directions is wanted

    @property
    def powder(self) -> bool:
        """Whether directions are averaged over."""
        return self.vectors is None


def wanted(q: Any) -> Wanted:
    """``q`` as a person gave it: one length, a list of them, or a table of vectors."""
    try:
        given = np.asarray(q, dtype=np.float64)
    except (TypeError, ValueError):
        raise Refusal(f"q={q!r}", "", "Give |Q| in 1/Å, a list of them, or an (n, 3) table of vectors")
    if given.ndim > 2 or given.size == 0 or (given.ndim == 2 and given.shape[1] != 3):
        raise Refusal(
            f"q has the shape {given.shape}", "", "Give |Q| in 1/Å, a list of them, or an (n, 3) table of vectors"
        )
    if not np.isfinite(given).all():
        raise Refusal("q has a value that is no number", "", "Give finite wavevectors in 1/Å")
    if given.ndim == 2:
        lengths = np.linalg.norm(given, axis=1)
        if not (lengths > 0).all():
            raise Refusal("q has the vector 0", "nothing is seen there", "Leave it out")
        return Wanted(lengths, given)
    lengths = np.atleast_1d(given)
    if not (lengths > 0).all():
        raise Refusal(f"q={lengths.min():g} 1/Å", "a |Q| is above 0", "Leave it out; vectors go in rows of three")
    return Wanted(lengths, None)


def order_for(q: float, distance: float) -> int:
    """Order of the rule that averages displacements of ``distance`` (Å, root mean square) at ``q``, or the last."""
    needed = ORDER_AT_REST + ORDER_PER_QR * q * distance
    return next((order for order in ORDERS if order >= needed), ORDERS[-1])


def order_of(directions: int) -> int:
    """Order of the smallest rule with so many directions, of Q and -Q one; refused where there is none."""
    if isinstance(directions, bool) or not isinstance(directions, int | np.integer) or directions < 1:
        raise Refusal(f"directions={directions!r}", "", "Give a whole number of directions, 1 or more")
    for order in ORDERS:
        if len(half_sphere(order)[1]) >= directions:
            return order
    most = len(half_sphere(ORDERS[-1])[1])
    raise Refusal(f"directions={directions}", f"the largest rule has {most}", 'Take route="displacements": it is exact')


@cache
def half_sphere(order: int) -> tuple[Floats, Floats]:
    """Directions (direction, axis), of ± one, and their weights, which add up to 1."""
    from scipy.integrate import lebedev_rule
    from scipy.spatial.transform import Rotation

    points, weights = lebedev_rule(order)
    turned = Rotation.from_euler("zyz", TURN).apply(points.T)
    upper = turned[:, 2] > 0
    return turned[upper], weights[upper] / weights[upper].sum()
