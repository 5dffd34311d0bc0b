"""A computed S(Q) or g(r) in the form that a measurement is published in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.scattering import neutron

from .pairs import split_pair

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

Kind = Literal["S", "S-1", "I", "sum", "g", "G", "T"]

AXES = {"S": "q", "S-1": "q", "I": "q", "sum": "q", "g": "r", "G": "r", "T": "r"}
SAID = {
    "S": "S(Q)", "S-1": "S(Q) - 1", "I": "I(Q) = Q [S(Q) - 1]", "sum": "Σ c_i c_j b_i b_j [S_ij(Q) - 1]",
    "g": "g(r)", "G": "G(r) = 4πρr [g(r) - 1]", "T": "T(r) = 4πρr g(r)",
}  # fmt: skip


def window_of(window: Sequence[float]) -> tuple[float, float]:
    """The two ends of a window, checked."""
    given = [float(value) for value in window]
    if len(given) != 2 or not np.isfinite(given).all() or given[0] >= given[1]:
        raise Refusal(f"window={list(window)}", "", "Give (low, high), low first")
    return given[0], given[1]


class Form(NamedTuple):
    """A computed curve: x, y, the standard error of y, and what it is."""

    x: Floats
    y: Floats
    error: Floats
    units: str
    said: str


def in_form(computed: Dataset, kind: Kind, pair: str | None) -> Form:
    """The total of ``computed``, or one pair of it, as ``kind``; without shells that hold no vector."""
    if kind not in SAID:
        raise Refusal(f"kind={kind!r}", "", nearest(str(kind), list(SAID)))
    axis = AXES[kind]
    if axis not in computed.coords:
        there = [name for name, of in AXES.items() if of in computed.coords]
        raise Refusal(
            f"{SAID[kind]} is not in this result", str(computed.attrs.get("observable", "")),
            f"Choose another kind ({', '.join(there)}), or give a result of {_maker(axis)}",
        )  # fmt: skip
    x, y, error, units = _of_q(computed, kind, pair) if axis == "q" else _of_r(computed, kind, pair)
    known = np.isfinite(y)
    return Form(x[known], y[known], error[known], units, SAID[kind] + (f" of {pair}" if pair else ""))


def _maker(axis: str) -> str:
    return "structure_factor" if axis == "q" else "rdf"


def _one(result: Dataset, pair: str) -> Dataset:
    labels = result["pair"].values.tolist()
    turned = "-".join(split_pair(pair)[::-1])
    name = pair if pair in labels else turned
    if name not in labels:
        raise Refusal(f"'{pair}' is not in this result", "", nearest(pair, labels))
    return result.sel(pair=name)


def _of_q(result: Dataset, kind: Kind, pair: str | None) -> tuple[Floats, Floats, Floats, str]:
    x = result["q"].values
    if "q_mean" in result:
        x = np.where(np.isfinite(result["q_mean"].values), result["q_mean"].values, x)
    if pair is not None:
        if result.attrs.get("convention") != "faber-ziman" or kind == "sum":
            raise Refusal(
                f"{SAID[kind]} of a single pair", f"the partials are {result.attrs.get('convention')}",
                "Compare a pair as S, S-1 or I of Faber-Ziman partials",
            )  # fmt: skip
        one = _one(result, pair)
        return x, *_scaled(kind, x, one["S"].values - 1, one["S_error"].values), "1/Å" if kind == "I" else "1"
    if "S_total" not in result:
        raise Refusal(
            "This result has no total to compare", "it was computed without weights",
            'Compute it with weights="neutron" or "xray", or compare one pair="P-S"',
        )  # fmt: skip
    normalised = "I_total" in result
    by = result["normalisation"].values
    total, error = result["S_total"].values - (1 if normalised else 0), result["S_total_error"].values
    if kind == "sum":
        units = "barn/sr" if result["normalisation"].attrs["units"] == "barn" else "1"
        return x, total * by if normalised else total, error * by if normalised else error, units
    if not normalised:
        total, error = total / by, error / by
    return x, *_scaled(kind, x, total, error), "1/Å" if kind == "I" else "1"


def _scaled(kind: Kind, q: Floats, rest: Floats, error: Floats) -> tuple[Floats, Floats]:
    """S, S - 1 or I, from S - 1."""
    return (q * rest, q * error) if kind == "I" else (rest + (kind == "S"), error)


def _of_r(result: Dataset, kind: Kind, pair: str | None) -> tuple[Floats, Floats, Floats, str]:
    r = result["r"].values
    labels = result["pair"].values.tolist()
    densities = {split_pair(label)[1]: float(one) for label, one in zip(labels, result["density"].values, strict=True)}
    names = list(dict.fromkeys(name for label in labels for name in split_pair(label)))
    if not all(name in densities for name in names):
        raise Refusal("The densities of all species are not in this result", "", "Compute g(r) of all pairs")
    rho = sum(densities.values())
    if pair is not None:
        one = _one(result, pair)
        g, error = one["g"].values, one["g_error"].values
        rho = densities[split_pair(pair)[1]]
    else:
        g, error = _neutron_g(result, {name: densities[name] / rho for name in names})
    if kind == "g":
        return r, g, error, "1"
    scale = 4 * np.pi * rho * r
    return r, scale * (g - (kind == "G")), scale * error, "1/Å²"


def _neutron_g(result: Dataset, c: dict[str, float]) -> tuple[Floats, Floats]:
    """Σ c_i c_j b_i b_j g_ij / ⟨b⟩²; the error as if the pairs' were independent."""
    labels = {frozenset(split_pair(label)): label for label in result["pair"].values.tolist()}
    b = {name: neutron(name).b for name in c}
    mean = abs(sum(c[name] * b[name] for name in c)) ** 2
    g, square = np.zeros(result.sizes["r"]), np.zeros(result.sizes["r"])
    for one, other in combinations_with_replacement(c, 2):
        weight = (1 + (one != other)) * c[one] * c[other] * (b[one] * b[other].conjugate()).real / mean
        label = labels.get(frozenset((one, other)))
        if label is None:
            raise Refusal(
                f"{one}-{other} is not in this result", "a total needs every pair", "Compute g(r) of all pairs"
            )
        g += weight * result["g"].sel(pair=label).values
        square += (weight * result["g_error"].sel(pair=label).values) ** 2
    return g, np.sqrt(square)
