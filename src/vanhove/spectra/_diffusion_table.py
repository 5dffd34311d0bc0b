"""Diffusion coefficients by every route, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset

from .agreement import Agreement, agreement, scores
from .routes import Ion, Route, ion_of, opened, read_route

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Given = Dataset | float | tuple[float, float] | str | os.PathLike[str] | Mapping[str, float]

NARROW = 1.5  # below it, the axis does not begin at 0
WIDE = 5.0  # largest over smallest, from which on a picture has a logarithmic axis
STRONG = 1.5  # a factor that is worth saying without errors


def diffusion_table(
    routes: Mapping[str, Given],
    *,
    species: str | None = None,
    mass: float | None = None,
    temperature: float | None = None,
) -> Dataset:
    r"""Diffusion coefficients by every route, side by side with their errors, as D and as g(0) (C12).

    .. math:: g(0) = \frac{2 m D}{\pi \hbar k_B T}, \qquad \int_0^\infty g(E)\, dE = 1

    joins the density of states at zero energy, as inelastic scattering sees it, to D. Every pair of routes is compared,
    z = (D - D') / √(σ² + σ'²). Where χ² about the weighted mean of all is not larger than it is in 5 of 100 cases, that
    mean is given; otherwise none is, and the verdict names what stands apart. No route is left out.

    Parameters
    ----------
    routes
        By what each is to be called: the result of ``diffusion``, ``green_kubo``, ``vdos`` (its ``D_zero``) or
        ``fit_jump_model``, or its .nc file; a value, or (value, standard error), in cm²/s, or as text
        ``"5.0e-6 ± 0.4e-6"``; or ``{"g0": …, "g0_error": …}``, a density of states at zero energy in 1/meV.
    species
        Whose D it is (``"7Li"``); by default what the results say. It chooses from a result of several species, and
        its mass is the one in g(0).
    mass, temperature
        u and K, of g(0); by default the species' and the results'. Results at other temperatures are refused.

    Returns
    -------
    Dataset
        ``D(route)``, ``D_error`` (NaN where none is known), ``D_upper`` (one-sided 95 %, where the route has one), and
        ``g0(route)`` with its error (1/meV; NaN without mass or temperature); ``z(route, other)``; ``said(route)``, the
        route's own verdict; ``mean`` and ``mean_error``. Routes from one trajectory share their ions: together they
        count as much as the best of them, and their z is smaller than it would be between independent ones.
        ``attrs["verdict"]`` is the comparison in a sentence, ``attrs["spread"]`` the largest D over the smallest.
    """
    if not isinstance(routes, Mapping) or not routes:
        raise Refusal("diffusion_table needs routes by name", "", 'Pass {"MSD": result, "QENS": (5.0e-6, 0.4e-6)}')
    given = {str(label): opened(str(label), route) for label, route in routes.items()}
    ion = ion_of(list(given.values()), species, mass, temperature)
    table = [read_route(label, route, ion) for label, route in given.items()]
    D, error, upper = (np.array([getattr(route, name) for route in table]) for name in ("D", "error", "upper"))
    found = agreement(D, error, [route.origin for route in table])
    factor = ion.g_over_d
    labels = [route.label for route in table]
    known = np.isfinite(D)
    spread = float(D[known].max() / D[known].min()) if known.any() else np.nan
    told: dict[str, Any] = {name: value for name, value in vars(ion).items() if value is not None}
    return dataset(
        "spectra.diffusion_table",
        {
            "D": Column(("route",), D, "cm²/s", "diffusion coefficient"),
            "D_error": Column(("route",), error, "cm²/s", "its standard error"),
            "D_upper": Column(("route",), upper, "cm²/s", "one-sided 95 % bound of D"),
            "g0": Column(("route",), D * factor, "1/meV", "density of states at zero energy, one-sided"),
            "g0_error": Column(("route",), error * factor, "1/meV", "its standard error"),
            "said": Column(("route",), [route.said for route in table], "1", "what the route says of itself"),
            "z": Column(("route", "other"), scores(D, error), "1", "standard errors by which the first D is larger"),
            "mean": Column((), found.mean, "cm²/s", "weighted mean, where all agree"),
            "mean_error": Column((), found.error, "cm²/s", "its standard error"),
        },
        {
            "route": Column(("route",), labels, "1", "route"),
            "other": Column(("other",), labels, "1", "route it is compared with"),
        },
        parameters=dict(routes=_parameter(table), species=species, mass=mass, temperature=temperature),
        history=[],
        title="Diffusion coefficients by route" + (f" of {ion.species}" if ion.species else ""),
        verdict=_verdict(table, found, ion),
        spread=spread,
        chi2=found.chi2,
        **told,
    )


def _parameter(table: list[Route]) -> dict[str, Any]:
    def number(value: float) -> float | None:  # JSON knows no NaN
        return value if np.isfinite(value) else None

    return {
        route.label: {"D": number(route.D), "D_error": number(route.error), "trajectory": route.origin}
        for route in table
    }


def _verdict(table: list[Route], found: Agreement, ion: Ion) -> str:
    there = [route for route in table if np.isfinite(route.D)]
    refused = [route.label for route in table if not np.isfinite(route.D)]
    unknown = [route.label for route in there if not route.error > 0]
    parts = []
    if len(there) < 2:
        parts.append(f"{len(there) or 'No'} route of {len(table)} gives a D: there is nothing to compare")
    elif len(there) - len(unknown) < 2:
        parts.append(f"Without errors nothing can be said to agree{_factor(there)}")
    elif found.agree:
        parts.append(f"All routes agree: {found.mean:.3g} ± {found.error:.2g} cm²/s")
    else:
        parts.append(_disagreement(table, found, there))
    if unknown and len(there) - len(unknown) > 1:
        parts.append(f"without an error, and not in the comparison: {', '.join(unknown)}{_factor(there)}")
    if refused:
        parts.append(f"no D from {', '.join(refused)}")
    if ion.species is None and ion.mass is None:
        parts.append("g(0) needs a species or a mass")
    elif ion.temperature is None:
        parts.append("g(0) needs a temperature")
    return "; ".join(parts) + "."


def _disagreement(table: list[Route], found: Agreement, there: list[Route]) -> str:
    apart = [table[k] for k in found.apart]
    rest = [route for route in there if route not in apart and route.error > 0]
    if not rest:
        return f"No two routes agree{_factor([route for route in there if route.error > 0])}"
    weights = np.array([route.error**-2 for route in rest])
    level = float(weights @ [route.D for route in rest] / weights.sum())
    told = [
        f"{route.label} is {route.D / level:.2g} times as large as "
        + (f"{rest[0].label}" if len(rest) == 1 else "the others")
        for route in apart
    ]
    return f"The routes do not agree: {', '.join(told)}"


def _factor(there: list[Route]) -> str:
    low, high = min(there, key=lambda route: route.D), max(there, key=lambda route: route.D)
    if high.D < STRONG * low.D:
        return ""
    return f" ({high.label} is {high.D / low.D:.2g} times as large as {low.label})"


def draw(result: Dataset, ax: Axes) -> None:
    """A point with its error for every route, bounds as arrows, and the mean's band where all agree; g(0) on top."""
    known = np.concatenate([result[name].values for name in ("D", "D_upper")])
    known = known[np.isfinite(known)]
    power = int(np.floor(np.log10(known.max()))) if len(known) else 0
    scale = 10.0**-power
    D, error, upper = (scale * result[name].values for name in ("D", "D_error", "D_upper"))
    rows = np.arange(len(D))[::-1]
    ax.set_yticks(rows, [str(label) for label in result["route"].values])
    ax.set_ylim(-0.7, len(D) - 0.3)
    ax.set_xlabel(f"D ($10^{{{power}}}$ cm²/s)")
    ax.grid(visible=False, axis="y")
    mean, reach = scale * float(result["mean"]), scale * float(result["mean_error"])
    if np.isfinite(mean):
        name = f"mean: ({mean:.3g} ± {reach:.2g})·$10^{{{power}}}$ cm²/s"
        ax.axvspan(mean - reach, mean + reach, color="#7F7F7F", alpha=0.2, lw=0, label=name)
        ax.axvline(mean, color="#7F7F7F", lw=0.9)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
    for row, value, spread, bound in zip(rows, D, error, upper, strict=True):
        if np.isfinite(value):
            ax.errorbar(value, row, xerr=np.nan_to_num(spread), fmt="o", color=PALETTE[0], ms=6, capsize=3)
        elif np.isfinite(bound):
            ax.errorbar(bound, row, xerr=0.12 * bound, xuplims=True, fmt="|", color=PALETTE[1], ms=10, capsize=3)
        else:
            ax.annotate("refused", (0.02, row), xycoords=("axes fraction", "data"), va="center", color="#7F7F7F")
    if len(known) and known.max() > WIDE * known.min():
        ax.set_xscale("log")
    elif len(known) and known.max() > NARROW * known.min():
        ax.set_xlim(left=0)
    ratios = result["g0"].values / result["D"].values
    if np.isfinite(ratios).any():
        _densities(ax, float(np.nanmean(ratios)) / scale)


def _densities(ax: Axes, factor: float) -> None:
    """g(0) on the upper axis, ``factor`` times what is below."""
    power = int(np.floor(np.log10(factor * ax.get_xlim()[1])))
    there, back = factor * 10.0**-power, 10.0**power / factor
    top = ax.secondary_xaxis("top", functions=(partial(np.multiply, there), partial(np.multiply, back)))
    top.set_xlabel(f"g(0) ($10^{{{power}}}$/meV)")
