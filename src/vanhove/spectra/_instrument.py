"""A simulated spectrum as a spectrometer would have measured it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of

from .instruments import Geometry, Preset, geometry_of, preset
from .resolution_shape import shape_of
from .seen import Simulated, smoothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Resolution = float | Sequence[float] | str | os.PathLike[str] | Dataset

SHOWN = 5  # Q that are drawn
DEEPEST = 1e-4  # of the highest point, that a picture goes down to


def instrument(
    sqe: Dataset,
    resolution: Resolution,
    *,
    resolution_background: Literal["flat"] | None = "flat",
    geometry: str | None = None,
    e_i: float | None = None,
    e_f: float | None = None,
    two_theta: Sequence[float] | None = None,
    q: Sequence[float] | None = None,
    energy: Sequence[float] | None = None,
    background: float = 0.0,
    counts: float | None = None,
    seed: int = 0,
) -> Dataset:
    r"""A simulated spectrum as a spectrometer would have measured it (C10).

    .. math:: S_{meas}(Q, E) = \int R(Q, E - E')\, S(Q, E')\, dE' + b, \qquad \int R\, dE = 1

    where R is the resolution. The convolution goes through the correlation function: the simulated F(Q, t), which no
    window has touched yet, times the Fourier transform of R. The finite resolution that ``sqe`` itself was shown with
    is replaced, not added to. Where ``sqe`` obeys detailed balance, R acts on the spectrum that does. Of a spectrum
    without F(q, lag) a Gaussian is taken out of a Gaussian; otherwise a warning says that it is smoothed twice.

    Points that no detector sees are NaN. With 2θ between the lowest and the highest scattering angle

    .. math:: Q^2 = k_i^2 + k_f^2 - 2 k_i k_f \cos 2\theta, \qquad \frac{\hbar^2}{2m}(k_i^2 - k_f^2) = E

    Parameters
    ----------
    sqe
        S(q, energy) of ``neutron_sqe``, of ``incoherent``, or of one pair of ``coherent``.
    resolution
        The full width at half maximum (meV) of a Gaussian; (FWHM, share of a Lorentzian) of a pseudo-Voigt; a measured
        spectrum, as ``read_measured`` returns it, or its file, brought to unit area with its peak at 0, each Q taking
        the nearest Q's; or an instrument by name, which says resolution and geometry: ``"OSIRIS-PG002"``,
        ``"BASIS-Si111"``, ``"ARCS-25"``, ``"ARCS-50"``, ``"ARCS-180"``, ``"IN5-5A"``. Finer than h/T of the longest lag
        is refused.
    resolution_background
        ``"flat"`` takes a constant off a measured resolution, as for ``fit_qens``; None leaves it.
    geometry
        An instrument whose Q and E range to use, by name (``"MARI-30"``, ``"MARI-180"``, whose resolution depends on
        the chopper, as well as those above).
    e_i, e_f
        meV: the incident energy of direct, or the final energy of indirect geometry.
    two_theta
        Lowest and highest scattering angle, degrees. Without them all angles from 0 to 180.
    q
        Q (1/Å) of the measurement; the simulation is interpolated linearly between its own.
    energy
        (lowest, highest) in meV, or three or more energies to give the spectrum at. By default the instrument's band,
        else all. Beyond h/2Δt of the frames is refused.
    background
        A constant (in the unit of S) that is added.
    counts
        Neutrons expected in all points together: S is then what a Poisson-distributed number of them gives, and
        ``S_error`` its counting error. Without, ``S_error`` is the simulation's statistical error.
    seed
        Of the counting noise.

    Returns
    -------
    Dataset
        ``S(q, energy)`` in the unit of ``sqe``, with ``S_error`` where there is one; ``R(q, energy)``, the resolution
        at these energies (1/meV), and its full width ``fwhm(q)``; without counting noise ``S_without(part, q, energy)``
        where ``sqe`` has its ``F_without``. ``attrs["kinematics"]`` says what was masked,
        ``attrs["instrument"]`` and ``attrs["source"]`` which instrument, and where its numbers come from.
    """
    known, given = _named(resolution, geometry)
    where = geometry_of(known, e_i, e_f, two_theta)
    simulated = Simulated.of(sqe)
    if q is not None:
        simulated = simulated.at_q(_numbers("q", q))
    shape = shape_of(given, simulated.q, resolution_background)
    _check_resolution(shape.widths, simulated)
    grid = _energies(energy, known if given is not resolution else None, simulated)
    line = smoothing(simulated, shape)
    S, error = simulated.through(line, grid.asked)
    without = simulated.parts_through(line, grid.asked) if counts is None else None
    S, error = S[:, grid.kept] + background, None if error is None else error[:, grid.kept]
    seen, kinematics = _mask(where, simulated.q, grid.values)
    S = np.where(seen, S, np.nan)
    if counts is None:
        error = None if error is None else np.where(seen, error, np.nan)
    else:
        S, error = _counted(S, grid.values, counts, seed)
    unit = str(sqe["S"].attrs["units"])
    variables = {
        "S": Column(("q", "energy"), S, unit, "S(Q,E) as measured"),
        "R": Column(("q", "energy"), shape.on(grid.values), "1/meV", "resolution"),
        "fwhm": Column(("q",), shape.widths, "meV", "full width at half maximum of the resolution"),
    }
    if error is not None:
        of = "of the simulation" if counts is None else "of counting"
        variables["S_error"] = Column(("q", "energy"), error, unit, f"standard error of S(Q,E), {of}")
    if without is not None:
        variables["S_without"] = Column(
            ("part", "q", "energy"), np.where(seen, without[..., grid.kept] + background, np.nan), unit,
            "S(Q,E) with one part of the simulation left out",
        )  # fmt: skip
    kept = ("temperature", "correction", "fingerprint", "trajectory", "species", "scatterers", "scatterers_from")
    named: dict[str, str | float] = {} if known is None else {"instrument": known.says, "source": known.source}
    if shape.share is not None:
        named["resolution_share"] = shape.share  # of a Lorentzian in a pseudo-Voigt
    return dataset(
        "spectra.instrument",
        variables,
        {
            "q": Column(("q",), simulated.q, "1/Å", "wavevector"),
            "energy": Column(("energy",), grid.values, "meV", "energy transfer, positive where the neutron loses"),
        },
        parameters=dict(
            resolution=_parameter(resolution), resolution_background=resolution_background, geometry=geometry,
            e_i=e_i, e_f=e_f, two_theta=two_theta, q=q, energy=energy, background=background, counts=counts, seed=seed,
        ),
        history=history_of(sqe),
        title="Simulated experiment" + (f": {known.name}" if known else ""),
        resolution_fwhm=float(shape.widths.mean()),
        window=shape.name if counts is None else f"{shape.name} resolution",  # counted points are independent
        nyquist=simulated.nyquist,
        finest=simulated.finest,
        kinematics=kinematics,
        noise="none" if counts is None else f"Poisson, {counts:g} neutrons expected, seed {seed}",
        **named,
        **{name: sqe.attrs[name] for name in kept if name in sqe.attrs},
    )  # fmt: skip


class _Grid(NamedTuple):
    """Where the spectrum is given: at ``asked``, or at those of its own energies that are ``kept``."""

    values: Floats
    asked: Floats | None
    kept: slice


def _named(resolution: Resolution, geometry: str | None) -> tuple[Preset | None, Resolution]:
    """The instrument that a name stands for, and the resolution as anything but a name."""
    where = None if geometry is None else preset(geometry)
    if not isinstance(resolution, str) or os.path.exists(resolution):
        return where, resolution
    known = preset(resolution)
    if known.fwhm is None:
        raise Refusal(
            f"The resolution of {known.name} is not known by its name", known.source,
            f'Pass its full width in meV, and geometry="{known.name}"',
        )  # fmt: skip
    return where or known, known.fwhm


def _parameter(resolution: Resolution) -> object:
    """The resolution as a parameter of the result."""
    return resolution if isinstance(resolution, str | os.PathLike | float | int | Sequence) else "a measured spectrum"


def _numbers(name: str, given: Sequence[float]) -> Floats:
    values = np.atleast_1d(np.asarray(given, np.float64))
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise Refusal(f"{name}={given!r}", "", "Give a list of numbers")
    return values


def _check_resolution(widths: Floats, simulated: Simulated) -> None:
    finest = simulated.finest
    if widths.min() < finest * (1 - 1e-9):
        needed = finest / widths.min() * simulated.last * simulated.spacing
        raise Refusal(
            f"A resolution of {widths.min():.4g} meV (FWHM) needs lags up to {needed:.4g} ps",
            f"those of the simulation give {finest:.4g} meV",
            "Correlate over longer lags (max_lag), run longer, or take a coarser resolution",
        )


def _energies(energy: Sequence[float] | None, known: Preset | None, simulated: Simulated) -> _Grid:
    own = simulated.energy
    given = known.band if energy is None and known is not None else energy
    if given is None:
        return _Grid(own, None, slice(None))
    values = _numbers("energy", given)
    if len(values) < 2 or not (np.diff(values) > 0).all():
        raise Refusal(f"energy={energy!r}", "", "Give (lowest, highest) in meV, or three or more rising energies")
    if np.abs(values).max() > simulated.nyquist * (1 + 1e-9):
        raise Refusal(
            f"Energies to {np.abs(values).max():.4g} meV are beyond what these frames know",
            f"frames every {simulated.spacing:g} ps end at h/2Δt = {simulated.nyquist:.4g} meV",
            "Give a narrower energy=(lowest, highest), or frames closer together",
        )
    if len(values) > 2:
        return _Grid(values, values, slice(None))
    step = own[1] - own[0]
    inside = np.flatnonzero((own >= values[0] - 1e-9 * step) & (own <= values[1] + 1e-9 * step))
    if len(inside) < 2:
        raise Refusal(
            f"No two energies are between {values[0]:g} and {values[1]:g} meV", f"they are {step:.4g} meV apart",
            "Give a wider band, or the energies themselves",
        )  # fmt: skip
    kept = slice(int(inside[0]), int(inside[-1]) + 1)
    return _Grid(own[kept], None, kept)


def _mask(where: Geometry | None, q: Floats, energy: Floats) -> tuple[NDArray[np.bool_], str]:
    if where is None:
        return np.ones((len(q), len(energy)), bool), "nothing masked: no geometry was given"
    seen = where.reachable(q[:, None], energy)
    if not seen.any():
        raise Refusal("This instrument sees none of these Q and energies", str(where), "Simulate other Q")
    return seen, f"{where}: {100 * (1 - seen.mean()):.3g} % of the points are out of reach"


def _counted(S: Floats, energy: Floats, counts: float, seed: int) -> tuple[Floats, Floats]:
    """What a number of neutrons makes of the spectrum; a point without one keeps the error of one."""
    if not (np.isfinite(counts) and counts > 0):
        raise Refusal(f"counts={counts}", "", "Give the number of neutrons expected in all")
    width = np.gradient(energy)
    expected = np.where(np.isfinite(S), np.maximum(S, 0.0) * width, 0.0)
    of_one = expected.sum() / (counts * width)  # S of one neutron
    found = np.random.default_rng(seed).poisson(expected * (counts / expected.sum()))
    masked = np.where(np.isfinite(S), 1.0, np.nan)
    return masked * found * of_one, masked * np.sqrt(np.maximum(found, 1)) * of_one


def draw(result: Dataset, ax: Axes) -> None:
    """Some Q on a logarithmic axis, each line ending where no detector sees it, and the resolution (dashed)."""
    q, energy, S = (result[name].values for name in ("q", "energy", "S"))
    visible = np.flatnonzero(np.isfinite(S).any(axis=1))
    rows = visible[np.unique(np.linspace(0, len(visible) - 1, min(SHOWN, len(visible))).round().astype(int))]
    counted = result.attrs["noise"] != "none"
    highest = float(np.nanmax(S[rows]))
    for k, row in enumerate(rows.tolist()):
        colour, name = PALETTE[k % len(PALETTE)], f"Q = {q[row]:.3g} 1/Å"
        if counted:
            error = result["S_error"].values[row]
            ax.errorbar(energy, S[row], error, fmt=".", ms=3, lw=0.7, color=colour, label=name)
            continue
        ax.plot(energy, S[row], color=colour, label=name)
        if "S_error" in result:
            error = result["S_error"].values[row]
            ax.fill_between(energy, S[row] - error, S[row] + error, color=colour, alpha=0.25, lw=0)
    line = result["R"].values[rows[0]]
    if line.max() > 0:
        ax.plot(energy, line / line.max() * np.nanmax(S[rows[0]]), color="#000000", ls="--", lw=1.0, label="resolution")
    ax.set_yscale("log")
    lowest = float(np.nanmin(np.where(S[rows] > 0, S[rows], np.nan)))
    ax.set_ylim(max(lowest, DEEPEST * highest) / 1.5, 2 * highest)
    ax.set_xlim(float(energy[0]), float(energy[-1]))
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label("S(Q,E)", str(result["S"].attrs["units"])))
    ax.legend(loc="upper right")
