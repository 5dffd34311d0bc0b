"""The widths that a jump law is fitted to, from the result of a fit or from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .confinement import Elastic
from .jackknife import FEWEST_PARTS, covariance
from .jump_fit import Widths

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]


class Run(NamedTuple):
    """Widths of one component at one temperature, with the share of the line that is narrower still."""

    widths: Widths
    elastic: Elastic | None
    temperature: float  # K, NaN where it isn't known


def runs_of(
    widths: Dataset | Sequence[Any], component: int, window: tuple[float, float] | None
) -> tuple[list[Run], bool]:
    """One run for each temperature, and whether there may be several of them."""
    if window is not None and not (len(window) == 2 and window[0] < window[1]):
        raise Refusal(f"window={window!r}", "", "Give the first and the last Q in 1/Å")
    several = _several(widths)
    if several is None:
        return [_run(widths, component, window)], False
    runs = [_run(one, component, window) for one in several]
    kelvin = [run.temperature for run in runs]
    if not np.isfinite(kelvin).all() or len(set(kelvin)) < len(kelvin):
        raise Refusal(
            f"{len(runs)} sets of widths with the temperatures {kelvin}",
            "several are told apart by their temperatures",
            'Set attrs["temperature"] (K) of each',
        )
    return sorted(runs, key=lambda run: run.temperature), True


def _several(widths: Any) -> list[Any] | None:
    """Each temperature's result, or None for one set of widths."""
    if hasattr(widths, "data_vars"):
        if "temperature" not in widths.dims:
            return None
        return [widths.isel(temperature=i) for i in range(widths.sizes["temperature"])]
    listed = isinstance(widths, list | tuple) and len(widths) > 0 and all(hasattr(one, "data_vars") for one in widths)
    return list(widths) if listed else None


def _run(widths: Any, component: int, window: tuple[float, float] | None) -> Run:
    temperature, elastic, parts = np.nan, None, None
    if hasattr(widths, "data_vars"):
        q, width, error = _from_result(widths, component)
        elastic = _elastic(widths, component, window)
        parts = _parts(widths, component)
        own = widths.coords["temperature"] if "temperature" in widths.coords else widths.attrs.get("temperature")
        temperature = np.nan if own is None else float(own)
    else:
        q, width, error = _from_arrays(widths)
    used = _inside(q, window) & np.isfinite(width)
    if error is not None and (np.isfinite(error) & (error > 0)).any():
        used &= np.isfinite(error) & (error > 0)
        together = None if parts is None else _correlation(parts[:, used])
        return Run(Widths(q[used], width[used], error[used], together), elastic, temperature)
    return Run(Widths(q[used], width[used], None), elastic, temperature)


def _inside(q: Floats, window: tuple[float, float] | None) -> NDArray[np.bool_]:
    low, high = (0.0, np.inf) if window is None else window
    inside: NDArray[np.bool_] = (q > 0) & (q >= low) & (q <= high)
    return inside


def _from_result(result: Dataset, component: int) -> tuple[Floats, Floats, Floats | None]:
    if "width" not in result or "q" not in result.coords:
        raise Refusal(
            f"A result with {', '.join(map(str, result.data_vars)) or 'nothing in it'}",
            "a jump law is fitted to width(q)",
            "Give the result of spectra.fit_qens, or (q, width, error)",
        )
    found: list[Floats | None] = []
    for name in ("width", "width_error"):
        if name not in result:
            found.append(None)
            continue
        array = _of_component(result[name], component)
        if array.dims != ("q",):
            raise Refusal(f"{name} has the dimensions {array.dims}", "", "Give one width for each q")
        found.append(np.asarray(array.values, np.float64))
    width, error = found
    assert width is not None
    return np.asarray(result.q.values, np.float64), width, error


def _parts(result: Dataset, component: int) -> Floats | None:
    """The widths (part, q) with each part of a simulation left out; None of measured ones."""
    if "width_without" not in result:
        return None
    array = _of_component(result["width_without"], component)
    return np.asarray(array.transpose("part", "q").values, np.float64)


def _correlation(without: Floats) -> Floats | None:
    """Of the errors of widths at different Q; None where some are not known with each part left out."""
    if len(without) < FEWEST_PARTS or not np.isfinite(without).all():
        return None
    matrix = covariance(without)
    sigma = np.sqrt(np.diag(matrix))
    correlation: Floats = matrix / np.outer(sigma, sigma)
    return correlation


def _of_component(array: Any, component: int) -> Any:
    lines = array.sizes.get("component", 1)
    if not 0 <= component < lines:
        raise Refusal(f"component={component!r}", f"the fit has {lines}, counted from 0", "Give one of them")
    return array.isel(component=component) if "component" in array.dims else array


def _elastic(result: Dataset, component: int, window: tuple[float, float] | None) -> Elastic | None:
    r"""Share of what is narrower than a component: (A + Σ_{j<k} B_j) / (A + Σ_{j≤k} B_j), each Q by itself.

    The areas' covariance is not in the result. They share one sum, so that what one gains the other loses: its error is
    (B σ_A + A σ_B)/(A + B)², the largest that can be.
    """
    if "area" not in result or "component" not in result.area.dims:
        return None
    q, areas = np.asarray(result.q.values, np.float64), result.area.transpose("q", "component").values
    zero = np.zeros_like(q)
    still = np.nan_to_num(result.area_elastic.values) if "area_elastic" in result else zero
    narrower = still + np.nan_to_num(areas[:, :component]).sum(axis=1)
    own = areas[:, component]
    total = narrower + own
    with np.errstate(divide="ignore", invalid="ignore"):
        share = narrower / total
    used = _inside(q, window) & np.isfinite(share) & (total > 0) & (narrower > 0)
    if "area_error" not in result:
        return Elastic(q[used], share[used], None)
    errors = result.area_error.transpose("q", "component").values
    of_still = np.nan_to_num(result.area_elastic_error.values) if "area_elastic_error" in result else zero
    of_narrower = np.hypot(of_still, np.linalg.norm(np.nan_to_num(errors[:, :component]), axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = (own * of_narrower + narrower * errors[:, component]) / total**2
    used &= np.isfinite(error) & (error > 0)
    return Elastic(q[used], share[used], error[used])


def _from_arrays(widths: Any) -> tuple[Floats, Floats, Floats | None]:
    if not isinstance(widths, list | tuple) or len(widths) not in (2, 3):
        raise Refusal(
            f"widths={type(widths).__name__}",
            "",
            "Give the result of spectra.fit_qens, (q, width) or (q, width, error)",
        )
    try:
        q, width, *rest = (np.atleast_1d(np.asarray(column, np.float64)) for column in widths)
    except (TypeError, ValueError) as error:
        raise Refusal("q, width and error are not numbers", str(error), "Give them in 1/Å and meV") from error
    if q.ndim != 1 or any(column.shape != q.shape for column in (width, *rest)):
        raise Refusal(
            f"q, width and error have the shapes {[column.shape for column in (q, width, *rest)]}",
            "",
            "Give lists of the same length",
        )
    return q, width, rest[0] if rest else None
