"""A density of states, its Debye–Waller factor and its multiphonon scattering, made to agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .low_end import LowEnd, low_end
from .multiphonon import States, recoil
from .rebinning import edges_of
from .sqe_parts import Average, Part, average, beyond_one, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Pair = tuple[float, float]

MOST_ROUNDS = 100
SETTLED = 1e-5  # of g's maximum, between two rounds
STEP = 0.5  # of each round: the first ones take several phonons' scattering for that of one, and overshoot
CLOSE = 0.25  # of a step: energies of two spectra that are no closer than this both stay


class Model(NamedTuple):
    """What is assumed of the scattering."""

    temperature: float
    classical: bool
    mass: float | None
    u2: float | None  # given; None: of its own g(E)
    factor: float  # 1 + the ratio of multiple to multiphonon scattering; 0 where only one phonon is looked at
    cutoff: float
    below: str


class Found(NamedTuple):
    """g on the joined energies, and what went with it."""

    energy: Floats
    g: Floats
    error: Floats
    rows: Ints
    more: Floats  # share of the scattering that was not by one phonon
    u2: float
    scale: float  # of the first spectrum, per scatterer
    joins: tuple[float, ...]  # what the spectra were multiplied by
    low: LowEnd | None
    rounds: int
    settled: bool


class Joined(NamedTuple):
    """One curve from all spectra: each from where the one before ends, scaled by the areas that they share."""

    energy: Floats
    value: Floats  # scale · (ħ²/2m) g of the first spectrum
    error: Floats
    rows: Ints
    source: Ints  # which spectrum each energy is from
    joins: tuple[float, ...]


def solve(parts: list[Part], spans: list[Pair], model: Model) -> Found:
    """Debye–Waller factor and multiphonon scattering from g, and g from them, until nothing changes."""
    lever = None if model.mass is None else recoil(model.mass)
    u2 = 0.0 if model.u2 is None else model.u2
    more = [np.zeros_like(part.S) for part in parts]
    previous = np.empty(0)
    settled, rounds = False, 0
    while not settled and rounds < MOST_ROUNDS:
        rounds += 1
        means = [_mean_over_rows(part, u2, taken, model) for part, taken in zip(parts, more, strict=True)]
        curve = _joined(parts, means, spans)
        inside = curve.energy <= model.cutoff
        if inside.sum() < 2:
            raise Refusal("Too few energies are left", f"{inside.sum()}", "Give a narrower elastic= or a wider cutoff=")
        low = low_end(curve.energy, curve.value, curve.error, model.below)
        norm = _area(curve.energy[inside], curve.value[inside], low)
        if not norm > 0:
            raise Refusal("The density of states has no positive area", "", "Look at the spectrum and at elastic=")
        g = curve.value / norm
        states = States(curve.energy[inside], g[inside], model.temperature, model.classical)
        own = u2 if model.u2 is not None or lever is None else 3 * lever * states.gamma
        if model.factor:
            # ⟨u²⟩/3γ stands for ħ²/2m where ⟨u²⟩ was given
            scale = norm * 3 * states.gamma / own
            more = [
                (1 - STEP) * old + STEP * scale / join * beyond_one(part, states, own, model.factor)
                for old, part, join in zip(more, parts, curve.joins, strict=True)
            ]
        settled = len(previous) == len(g) and bool(np.abs(g - previous).max() < SETTLED * np.abs(g).max())
        settled = settled and abs(own - u2) <= SETTLED * own
        previous, u2 = g, own
    return Found(
        curve.energy, g, curve.error / norm, curve.rows, _share(parts, more, curve), u2,
        np.nan if lever is None else norm / lever, curve.joins,
        None if low is None else low._replace(a=low.a / norm, a_error=low.a_error / norm), rounds, settled,
    )  # fmt: skip


def _mean_over_rows(part: Part, u2: float, taken: Floats, model: Model) -> Average:
    one = kernel(part, part.q**2 * u2 / 3, model.temperature, classical=model.classical)
    return average(part, one, taken)


def _joined(parts: list[Part], means: list[Average], spans: list[Pair]) -> Joined:
    joins: list[float] = []
    pieces: list[tuple[Floats, Floats, Floats, Ints, Ints]] = []
    end = 0.0
    for i, (part, mean) in enumerate(zip(parts, means, strict=True)):
        known = (mean.rows > 0) & np.isfinite(mean.value)
        if known.sum() < 2:
            raise Refusal(
                f"Spectrum {i + 1} has {known.sum()} energies left", "beside the elastic line, in its window and Q",
                "Give a narrower elastic=, or wider windows= and q=",
            )  # fmt: skip
        energy, value = part.energy[known], mean.value[known]
        join = 1.0
        if i:
            low = max(spans[i][0], float(energy[0]))
            areas = [_part_area(pieces[-1][0], pieces[-1][1], low, end), _part_area(energy, value, low, end)]
            if not min(areas) > 0:
                raise Refusal(
                    f"Spectra {i} and {i + 1} share no positive area", f"between {low:g} and {end:g} meV",
                    "Give windows that overlap further",
                )  # fmt: skip
            join = areas[0] / areas[1]
        new = energy > end + CLOSE * np.diff(energy).min() if i else np.ones(len(energy), bool)
        error, rows = mean.error[known], mean.rows[known]
        pieces.append((energy[new], join * value[new], join * error[new], rows[new], np.full(int(new.sum()), i)))
        joins.append(join)
        end = max(end, float(energy[-1]))
    energy, value, error = (np.concatenate([piece[k] for piece in pieces]) for k in range(3))
    rows, source = (np.concatenate([np.asarray(piece[k], np.int64) for piece in pieces]) for k in (3, 4))
    return Joined(energy, value, error, rows, source, tuple(joins))


def _part_area(x: Floats, y: Floats, low: float, high: float) -> float:
    """∫ y dx between two energies, bins that are cut counting in part."""
    if len(x) < 2:
        return 0.0
    return float((y * np.diff(np.clip(edges_of(x), low, high))).sum())


def _widths(energy: Floats) -> tuple[Floats, float]:
    """Widths of the bins and where the first begins, which is not below 0."""
    edges = edges_of(energy)
    edges[0] = max(edges[0], 0.0)
    return np.diff(edges), float(edges[0])


def _area(energy: Floats, values: Floats, low: LowEnd | None) -> float:
    width, begin = _widths(energy)
    lower = 0.0 if low is None else low.a * begin ** (low.power + 1) / (low.power + 1)
    return float((values * width).sum()) + lower


def _share(parts: list[Part], more: list[Floats], curve: Joined) -> Floats:
    """Which part of the scattering, summed over the rows, was not by one phonon."""
    share = np.zeros(len(curve.energy))
    for i, (part, taken) in enumerate(zip(parts, more, strict=True)):
        with np.errstate(invalid="ignore", divide="ignore"):
            here = np.where(part.used, taken, 0.0).sum(axis=0) / part.S.sum(axis=0)
        mine = curve.source == i
        share[mine] = here[np.searchsorted(part.energy, curve.energy[mine])]
    return share


def mean_energy(found: Found, cutoff: float) -> tuple[float, float]:
    """∫ E g dE with its standard error."""
    inside = found.energy <= cutoff
    energy, g, error = (array[inside] for array in (found.energy, found.g, found.error))
    width, begin = _widths(energy)
    low = 0.0 if found.low is None else found.low.a * begin ** (found.low.power + 2) / (found.low.power + 2)
    mean = float((energy * g * width).sum()) + low
    return mean, float(np.sqrt((((energy - mean) * error * width) ** 2).sum()))
