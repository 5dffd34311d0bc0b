"""Where displacements leave the Gaussian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset, history_of

from . import gaussian_reference
from .phase_origins import said_of, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

STANDS_OUT = 4.0  # standard errors: many lags and bins are looked at
TO_CM2_PER_S = 1e-4  # 1 Å²/ps
LEAST = 1e-4  # of the displacements beyond the Gaussian: less is not told


def gaussian_departure(van_hove: Dataset, r_c: float, *, D: float | None = None) -> Dataset:
    r"""Where and by how much displacements leave the Gaussian of the same MSD, or of the same D (B4).

    .. math::

        E(r, t) = \int_r^\infty \big[ P(r', t) - P_\mathrm{Gauss}(r', t) \big]\, \mathrm dr', \qquad
        P_\mathrm{Gauss} = 4 \pi r^2 (2 \pi \sigma^2)^{-3/2}\, e^{-r^2/2\sigma^2}

    with σ² = MSD/3, or 2Dt. The excess E is largest at the radius from which on P lies above the Gaussian: there the
    tail of ions that have gone further begins.

    Parameters
    ----------
    van_hove
        A result of :func:`vanhove.dynamics.van_hove`.
    r_c
        Å; the probability to have gone further is compared with the Gaussian's. Below the last bin.
    D
        cm²/s of the second Gaussian; None leaves it out (NaN).

    Returns
    -------
    Dataset
        For every lag: ``departure``, the radius where E is largest (Å), NaN where E is nowhere larger than four
        standard errors and 10⁻⁴ of all displacements, and ``excess`` = E there; ``departure_D`` and ``excess_D``
        against the Gaussian of D. The errors are those of ``van_hove``, and no smaller than ``n_independent``
        displacements of the Gaussian itself would have. ``beyond``: the probability to be further than ``r_c``,
        ``beyond_gaussian`` and ``beyond_D`` of the Gaussians. ``second_maximum``: where P has a maximum outside of
        its first one, about one jump length, and ``depth``, by how much P rises to it from the minimum between them;
        NaN where the rise is not four standard errors. ``attrs["verdict"]`` says at which lags there was a departure.
    """
    if "outside" not in van_hove or "P_gaussian" not in van_hove:
        raise Refusal("This is no result of van_hove", "", "Give what vh.dynamics.van_hove returned")
    width = float(van_hove.attrs["width"])
    edges: Floats = width * np.arange(1.0, van_hove.sizes["r"] + 1)
    if isinstance(r_c, str | bool) or not (np.isfinite(r_c) and 0 < r_c <= edges[-1] * (1 + 1e-9)):
        raise Refusal(f"r_c={r_c}", f"the distances go to {edges[-1]:g} Å", "Give a positive length below, in Å")
    if D is not None and (isinstance(D, str | bool) or not (np.isfinite(D) and D > 0)):
        raise Refusal(f"D={D}", "", "Give a positive diffusion coefficient in cm²/s")
    lag = van_hove["lag"].values
    tail, tail_error = van_hove["outside"].values, van_hove["outside_error"].values
    walk = np.full(lag.shape, np.nan) if D is None else 6 * D / TO_CM2_PER_S * lag
    # few displacements may agree by chance: an error is at least the one that the Gaussian's own would have
    root = np.sqrt(van_hove["n_independent"].values)[:, None]
    least = gaussian_reference.tail_scatter(van_hove["msd"].values, edges, fitted=True) / root
    same = _largest(van_hove["excess"].values, np.maximum(van_hove["excess_error"].values, least), edges)
    least = gaussian_reference.tail_scatter(walk, edges, fitted=False) / root
    of_d = _largest(tail - gaussian_reference.tail(walk, edges), np.maximum(tail_error, least), edges)
    at = np.array([float(r_c)])
    second, depth, depth_error = _second_maximum(van_hove)
    line = ("lag",)
    left = np.isfinite(same[0]) & (lag > 0)
    name = str(van_hove.attrs["species"])
    known = {key: van_hove.attrs[key] for key in ("temperature", "phase", "phase_share") if key in van_hove.attrs}
    return dataset(
        "dynamics.gaussian_departure",
        {
            "departure": Column(line, same[0], "Å", "radius beyond which there are more than the Gaussian has"),
            "excess": Column(line, same[1], "1", "by how much they are more"),
            "excess_error": Column(line, same[2], "1", "standard error of the excess"),
            "departure_D": Column(line, of_d[0], "Å", "the same radius for the Gaussian of D"),
            "excess_D": Column(line, of_d[1], "1", "the excess over the Gaussian of D"),
            "excess_D_error": Column(line, of_d[2], "1", "standard error of this excess, D being known"),
            "beyond": Column(line, _at(r_c, edges, tail, 1.0), "1", "probability to have gone further than r_c"),
            "beyond_error": Column(line, _at(r_c, edges, tail_error, 0.0), "1", "standard error of this probability"),
            "beyond_gaussian": Column(
                line, gaussian_reference.tail(van_hove["msd"].values, at)[:, 0], "1", "of the Gaussian of the same MSD"
            ),
            "beyond_D": Column(line, gaussian_reference.tail(walk, at)[:, 0], "1", "of the Gaussian of D"),
            "second_maximum": Column(line, second, "Å", "outer maximum of 4πr² G_s"),
            "depth": Column(line, depth, "1/Å", "rise of 4πr² G_s from the minimum inside of it"),
            "depth_error": Column(line, depth_error, "1/Å", "standard error of the rise"),
        },
        {"lag": Column(line, lag, "ps", "lag")},
        parameters=dict(r_c=r_c, D=D),
        history=history_of(van_hove),
        title=f"Departure of the displacements of {name}{told(str(known.get('phase', '')))} from the Gaussian",
        species=name,
        r_c=float(r_c),
        verdict=_verdict(lag, left),
        **({} if D is None else {"D": float(D)}),
        **known,
    )


def _verdict(lag: Floats, left: NDArray[np.bool_]) -> str:
    if not left.any():
        return "none: at no lag are there more long displacements than the Gaussian of the same MSD has"
    return (
        f"more long displacements than the Gaussian of the same MSD has at {int(left.sum())} of {int((lag > 0).sum())} "
        f"lags, between {lag[left].min():.4g} and {lag[left].max():.4g} ps"
    )


def _largest(excess: Floats, error: Floats, edges: Floats) -> tuple[Floats, Floats, Floats]:
    """Where along r the excess is largest, how large and with which error; NaN where it is not sure to be any."""
    known = np.where(np.isfinite(excess), excess, -np.inf)
    top = known.argmax(axis=1)
    rows = np.arange(len(top))
    value, spread = excess[rows, top], error[rows, top]
    sure = (value > STANDS_OUT * spread) & (value > LEAST)
    return np.where(sure, edges[top], np.nan), np.where(sure, value, np.nan), np.where(sure, spread, np.nan)


def _at(r_c: float, edges: Floats, values: Floats, inside: float) -> Floats:
    """``values`` (lag, upper edge) at ``r_c``, linear within a bin; ``inside`` is the value at r = 0."""
    whole = np.concatenate([[0.0], edges])
    filled = np.concatenate([np.full((len(values), 1), inside), values], axis=1)
    return np.array([np.interp(r_c, whole, row) for row in filled])


def _second_maximum(van_hove: Dataset) -> tuple[Floats, Floats, Floats]:
    """The outer of two maxima of P with the deepest valley between them, and the rise from there to it."""
    r = van_hove["r"].values
    found = np.full((3, van_hove.sizes["lag"]), np.nan)
    for k, (p, error) in enumerate(zip(van_hove["P"].values, van_hove["P_error"].values, strict=True)):
        inner, outer = _highest_so_far(p), len(p) - 1 - _highest_so_far(p[::-1])[::-1]
        fall, rise = p[inner] - p, p[outer] - p
        sure = (fall > STANDS_OUT * np.hypot(error[inner], error)) & (rise > STANDS_OUT * np.hypot(error[outer], error))
        if sure.any():
            valley = int(np.argmax(np.where(sure, np.minimum(fall, rise), -1.0)))
            top = outer[valley]
            found[:, k] = r[top], rise[valley], np.hypot(error[top], error[valley])
    return found[0], found[1], found[2]


def _highest_so_far(values: Floats) -> NDArray[np.intp]:
    """Where the highest of the values up to each place is."""
    new = np.concatenate([[True], values[1:] > np.maximum.accumulate(values)[:-1]])
    return np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))


def draw(result: Dataset, ax: Axes) -> None:
    """The probability to have gone further than r_c against time, with that of the Gaussians."""
    moved = result["lag"].values > 0
    lag = result["lag"].values[moved]
    (name, colour), r_c = said_of(result), float(result.attrs["r_c"])
    ax.set(xscale="log", yscale="log", xlabel=label("lag", "ps"), ylabel=f"probability beyond {r_c:g} Å")
    beyond, error = (result[key].values[moved] for key in ("beyond", "beyond_error"))
    seen = beyond > 0
    low = float(beyond[seen].min()) / 3 if seen.any() else 1e-6
    ax.fill_between(lag, np.maximum(beyond - error, low / 10), beyond + error, color=colour, alpha=0.25, lw=0)
    ax.plot(lag, np.where(seen, beyond, np.nan), color=colour, label=name)
    for key, style, words in (("beyond_gaussian", "--", "Gaussian, same MSD"), ("beyond_D", ":", "Gaussian of D")):
        values = result[key].values[moved]
        if np.isfinite(values).any():
            ax.plot(lag, np.maximum(values, 1e-300), color="#7F7F7F", ls=style, label=words)
    ax.set_ylim(max(low, 1e-9), 2.0)
    ax.legend(loc="lower right")
