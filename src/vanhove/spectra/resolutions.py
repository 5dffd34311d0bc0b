"""Which resolution belongs to which spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.fitting.convolution import MeasuredResolution, PseudoVoigtResolution

from .transformed import transform_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.fitting.convolution import Resolution

    Floats = NDArray[np.float64]

SAME_Q = 1e-3  # 1/Å: below it two q are one
WINGS = 8.0  # FWHM from the peak, beyond which a measured resolution shows its background
FEWEST = 5  # points of such a wing on either side


class Found(NamedTuple):
    """The resolution of every spectrum, in their order, and where it is from, for people."""

    each: list[Resolution]
    source: str


def resolutions_of(
    spectra: Dataset, resolution: Dataset | float | None, *, background: Literal["flat"] | None = "flat"
) -> Found:
    """The resolution of each q of ``spectra``.

    A number is the FWHM (meV) of a Gaussian. Of a measured resolution the spectrum nearest in q is taken, refused where
    it is further away than half a step of its q; one spectrum alone serves all q. None: the transform that made a
    simulated spectrum, the R of a simulated experiment, or its ``resolution_fwhm``. ``background="flat"`` takes off the
    lower of the mean heights of both wings of a measured one, beyond 8 FWHM.
    """
    q = q_of(spectra)
    if resolution is None:
        return _own(spectra, len(q))
    if isinstance(resolution, int | float | np.number):
        return Found([PseudoVoigtResolution(float(resolution))] * len(q), f"Gaussian, FWHM {float(resolution):g} meV")
    if not hasattr(resolution, "data_vars") or "S" not in resolution:
        raise Refusal(
            f"A resolution of type {type(resolution).__name__}", "",
            "Give a Dataset with S(q, energy), as read_measured returns, or a FWHM in meV",
        )  # fmt: skip
    return _measured(resolution, q, background)


def q_of(spectra: Dataset) -> Floats:
    """The q of the spectra (1/Å); one NaN for a spectrum that has none."""
    if "S" not in spectra or set(spectra["S"].dims) - {"q", "energy"} or "energy" not in spectra["S"].dims:
        dims = tuple(spectra["S"].dims) if "S" in spectra else ()
        raise Refusal(
            f"Spectra with the dimensions {dims}" if dims else "There is no S in this result",
            "S(q, energy) is what can be fitted",
            "Choose one of the others first: spectra.sel(pair='Li-Li')" if dims else "Give a spectrum",
        )
    return np.atleast_1d(np.asarray(spectra["q"].values, np.float64)) if "q" in spectra.coords else np.array([np.nan])


def rows(spectra: Dataset, name: str) -> Floats:
    """A variable of the spectra as (q, energy), ascending in energy as they come."""
    values = spectra[name]
    ordered = values.transpose("q", "energy") if "q" in values.dims else values
    return np.atleast_2d(np.asarray(ordered.values, np.float64))


def _own(spectra: Dataset, count: int) -> Found:
    transform = transform_of(spectra)
    if transform is not None:
        name = str(spectra.attrs["window"])
        return Found([transform] * count, f"its own transform, {name} window, FWHM {transform.fwhm:.4g} meV")
    if "R" in spectra:
        return _of_experiment(spectra)
    if "resolution_fwhm" in spectra.attrs:
        fwhm = float(spectra.attrs["resolution_fwhm"])
        return Found([PseudoVoigtResolution(fwhm)] * count, f"Gaussian, FWHM {fwhm:.4g} meV, as its attributes say")
    raise Refusal(
        "There is no resolution for these spectra", "they do not say how they were transformed",
        "Give resolution=: a spectrum from read_measured, or its FWHM in meV",
    )  # fmt: skip


def _of_experiment(spectra: Dataset) -> Found:
    """What ``instrument`` put into the spectra: a line by its formula, or R(q, energy) itself."""
    share = spectra.attrs.get("resolution_share")
    if share is not None:
        fwhm = np.atleast_1d(np.asarray(spectra["fwhm"].values, np.float64))
        name = "Gaussian" if share == 0 else f"pseudo-Voigt, {share:.3g} of it Lorentzian"
        lines: list[Resolution] = [PseudoVoigtResolution(width, float(share)) for width in fwhm.tolist()]
        return Found(lines, f"that of the simulated experiment, {name}, FWHM {np.median(fwhm):.4g} meV")
    energy = np.asarray(spectra["energy"].values, np.float64)
    return Found(
        [MeasuredResolution(energy, line) for line in rows(spectra, "R")],
        "R(q, energy) of the simulated experiment, as measured",
    )


def _measured(resolution: Dataset, wanted: Floats, background: Literal["flat"] | None) -> Found:
    there = q_of(resolution)
    energy = np.asarray(resolution["energy"].values, np.float64)
    values = rows(resolution, "S")
    errors = rows(resolution, "S_error") if "S_error" in resolution else None
    which = [0] * len(wanted) if len(there) == 1 else _nearest(there, wanted)
    made: dict[int, MeasuredResolution] = {}
    for k in sorted(set(which)):
        sigma = None if errors is None else errors[k]
        try:
            made[k] = MeasuredResolution(energy, values[k], sigma)
            flat = _wings(made[k]) if background == "flat" else 0.0
            if flat != 0:
                made[k] = MeasuredResolution(energy, values[k], sigma, flat)
        except Refusal as error:
            at = f"the resolution at q = {there[k]:.4g} 1/Å" if np.isfinite(there[k]) else "the resolution"
            raise Refusal(error.what, f"{at}: {error.where}", error.do) from error
    off = " (background off)" if background == "flat" else ""
    source = "one measured spectrum for all q" if len(there) == 1 else "measured, nearest in q"
    return Found([made[k] for k in which], source + off)


def _nearest(there: Floats, wanted: Floats) -> list[int]:
    """The spectrum of the resolution for each q, none further than half of its step there."""
    order = np.argsort(there)
    reach = np.empty_like(there)
    steps = np.diff(there[order])
    reach[order] = np.maximum(np.append(steps, 0.0), np.insert(steps, 0, 0.0)) / 2 + SAME_Q
    which: list[int] = []
    for q in wanted:
        k = int(np.argmin(np.abs(there - q)))
        if not abs(there[k] - q) <= reach[k]:
            raise Refusal(
                f"There is no resolution for q = {q:.4g} 1/Å",
                f"the nearest is at {there[k]:.4g} 1/Å, further than half of its step",
                "Measure or rebin the resolution at these q, or leave this q out with q=",
            )
        which.append(k)
    return which


def _wings(resolution: MeasuredResolution) -> float:
    """The background of a resolution in its own unit: the lower of both wings' means, none where wings are short."""
    e, r = resolution.energy, resolution.values * resolution.area
    wings: Sequence[Floats] = (r[e < -WINGS * resolution.fwhm], r[e > WINGS * resolution.fwhm])
    if min(len(wing) for wing in wings) < FEWEST:
        return 0.0
    return float(min(wing.mean() for wing in wings))
