"""The barrier of hops by softness, from runs at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import K_B_EV
from vanhove.fitting.line import straight_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

FEWEST = 2  # temperatures of a line
SAME = 1e-9


def barrier(probabilities: Sequence[Dataset]) -> Dataset:
    r"""Barrier E(S) and Σ(S) of hops: the Arrhenius law of each softness (F4).

    .. math:: \ln \frac{k(S, T)}{1/\mathrm{ps}} = \Sigma(S) - \frac{E(S)}{k_B T}

    Where softness is what the barrier is made of, E(S) falls with S, while Σ(S) is the same for all or falls, too; then
    the lines of all S meet at one temperature, above which surroundings no longer matter.

    Parameters
    ----------
    probabilities
        Of :func:`hop_probability` at two temperatures or more, all with the same ``edges`` and one model.

    Returns
    -------
    ``E(S)`` in eV and ``Sigma(S)`` with standard errors; of three temperatures or more they include the scatter about
    the line, where it is larger than the errors promise (``birge(S)``). ``rate(temperature, S)`` is what was fitted.
    ``slope`` is that of E against S (eV), ``meeting`` the temperature at which the lines meet (K): NaN where they
    don't.
    """
    if hasattr(probabilities, "data_vars"):
        raise Refusal("One probability is given", "a barrier is a slope", "Give a list, of two temperatures or more")
    given = list(probabilities)
    if len(given) < FEWEST:
        raise Refusal(f"{len(given)} temperatures are given", "a barrier is a slope", "Give two or more")
    if any("temperature" not in one.attrs for one in given):
        raise Refusal("A probability does not say its temperature", "", "Open its run with temperature=")
    given.sort(key=lambda one: float(one.attrs["temperature"]))
    kelvin = np.array([float(one.attrs["temperature"]) for one in given])
    if len(np.unique(kelvin)) < FEWEST:
        raise Refusal("All runs are at one temperature", "", "Give two or more")
    low, high = given[0]["low"].values, given[0]["high"].values
    for one in given[1:]:
        if one.sizes["bin"] != len(low) or not np.allclose(one["low"].values, low, atol=SAME):
            raise Refusal("The bins of S are not the same at all temperatures", "", "Pass the same list of edges=")
    rate = np.array([one["rate"].values for one in given])
    error = np.array([one["rate_error"].values for one in given])
    middle = 0.5 * (low + high)
    found = np.array([_line(kelvin, rate[:, k], error[:, k]) for k in range(len(middle))])
    E, E_error, Sigma, Sigma_error, birge, points = found.T
    slope, slope_error, meeting = _trends(middle, E, E_error, Sigma, Sigma_error)
    return dataset(
        "softness.barrier",
        {
            "E": Column(("S",), E, "eV", "barrier of hops"),
            "E_error": Column(("S",), E_error, "eV", "standard error of the barrier"),
            "Sigma": Column(("S",), Sigma, "1", "logarithm of the prefactor in 1/ps"),
            "Sigma_error": Column(("S",), Sigma_error, "1", "standard error of that logarithm"),
            "birge": Column(("S",), birge, "1", "scatter about the line over what the errors promise"),
            "points": Column(("S",), points, "1", "temperatures of the line"),
            "rate": Column(("temperature", "S"), rate, "1/ps", "rate of hops"),
            "rate_error": Column(("temperature", "S"), error, "1/ps", "standard error of the rate"),
            "slope": Column((), slope, "eV", "slope of the barrier against S"),
            "slope_error": Column((), slope_error, "eV", "standard error of the slope"),
            "meeting": Column((), meeting, "K", "temperature at which the rates of all S meet"),
        },
        {
            "S": Column(("S",), middle, "1", "softness S, middle of the bin"),
            "temperature": Column(("temperature",), kelvin, "K", "temperature"),
        },
        parameters=dict(temperatures=kelvin),
        history=history_of(given[0]),
        title=f"Barrier of {given[0].attrs['species']} by softness",
        species=given[0].attrs["species"],
    )


def _line(kelvin: Floats, rate: Floats, error: Floats) -> tuple[float, float, float, float, float, int]:
    """Barrier and Σ with their errors, the scatter, and the number of points; NaN where fewer than two have a rate."""
    known = (np.nan_to_num(rate) > 0) & np.isfinite(error)
    number = int(known.sum())
    if number < FEWEST or len(np.unique(kelvin[known])) < FEWEST:
        return np.nan, np.nan, np.nan, np.nan, np.nan, number
    line = straight_line(1 / (K_B_EV * kelvin[known]), np.log(rate[known]), error[known] / rate[known])
    birge = float(np.sqrt(line.chi2 / line.dof)) if line.dof > 0 else np.nan
    wider = max(1.0, birge) if np.isfinite(birge) else 1.0
    return -line.slope, wider * line.slope_error, line.intercept, wider * line.intercept_error, birge, number


def _trends(S: Floats, E: Floats, E_error: Floats, Sigma: Floats, Sigma_error: Floats) -> tuple[float, float, float]:
    """Slope of E(S), its error, and dE/dΣ as a temperature: where Σ - E/k_BT no longer depends on S."""
    known = np.isfinite(E_error) & np.isfinite(Sigma_error) & (np.nan_to_num(E_error) > 0)
    if known.sum() < 2:
        return np.nan, np.nan, np.nan
    line = straight_line(S[known], E[known], E_error[known])
    other = straight_line(S[known], Sigma[known], Sigma_error[known])
    meeting = line.slope / other.slope / K_B_EV if other.slope != 0 else np.nan
    return line.slope, line.slope_error, meeting if meeting > 0 else np.nan


def draw(result: Dataset, ax: Axes) -> None:
    """E(S) with its errors, and Σ(S) on an axis of its own at the right."""
    S = result["S"].values
    ax.errorbar(S, result["E"].values, result["E_error"].values, color=PALETTE[1], marker="o", markersize=4)
    ax.set(xlabel=f"softness S of {result.attrs['species']}")
    ax.set_ylabel("barrier E(S) (eV)", color=PALETTE[1])
    right = ax.twinx()
    right.grid(visible=False)
    right.spines["right"].set_visible(True)
    right.errorbar(
        S, result["Sigma"].values, result["Sigma_error"].values, color=PALETTE[0], marker="s", markersize=4,
        linestyle="--",
    )  # fmt: skip
    right.set_ylabel("Σ(S), logarithm of the prefactor in 1/ps", color=PALETTE[0])
