"""Quasielastic widths, areas and EISF from measured or simulated spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .measured import opened
from .quasielastic_choice import fit_spectrum
from .quasielastic_input import arrays, balanced_at, centre_of, chosen_q, spectrum_of
from .quasielastic_model import Terms
from .quasielastic_parts import parts_of
from .quasielastic_result import lines_of, variables
from .quasielastic_window import common_window, inside_of, said_of
from .resolutions import resolutions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from .quasielastic_choice import Outcome
    from .quasielastic_model import Spectrum
    from .quasielastic_window import Window

    Floats = NDArray[np.float64]

MOST = 3  # lines
FLOOR = {None: 0, "flat": 1, "linear": 2}


def fit_qens(
    measured: Dataset,
    resolution: Dataset | str | float | None = None,
    *,
    lorentzians: int | Literal["auto"] = "auto",
    elastic: bool = True,
    background: Literal["linear", "flat"] | None = "linear",
    window: Sequence[float] | Literal["all"] | None = None,
    shape: Literal["lorentzian", "gaussian"] = "lorentzian",
    temperature: float | None = None,
    q: float | Sequence[float] | None = None,
    exclude_elastic: float | None = None,
    resolution_background: Literal["flat"] | None = "flat",
    jump_model: str | Sequence[str] | None = None,
) -> Dataset:
    r"""Widths, areas and EISF of quasielastic scattering at every Q, measured or simulated (C7).

    .. math:: S(Q,E) = R \otimes \Big[ A\, \delta(E - c) + \sum_n B_n\, \frac{1}{\pi}
        \frac{\Gamma_n}{(E - c)^2 + \Gamma_n^2} \Big] + b_0 + b_1 E, \qquad
        \mathrm{EISF} = \frac{A}{A + \sum_n B_n}

    Γ is the HWHM in meV. R has unit area and its peak at 0; the convolution keeps areas, takes lines of any width and
    cuts no tail. The fit is a weighted least-squares fit by lmfit from several starts. Points that are NaN, or whose
    error is NaN or not positive, count nowhere.

    Parameters
    ----------
    measured
        ``S(q, energy)`` and, if known, ``S_error``: a measurement or a simulation.
    resolution
        A measured S(q, energy) (vanadium, or the sample at low temperature) or its file, of which the spectrum nearest
        in q is used, refused where it is more than half a step of its q away; a single one serves all q. Or the FWHM
        (meV) of a Gaussian. None, of a simulated spectrum: the transform that made it; of a simulated experiment: the
        R that it was seen through. ``attrs["resolution"]`` says which it was.
    lorentzians
        How many lines, 0 to 3; ``"auto"`` chooses for every q: one more line must lower Schwarz's criterion by more
        than 6, with every line's area and width determined.
    elastic
        With the elastic line A.
    background
        ``"linear"``, ``"flat"`` or None.
    window
        Lowest and highest energy (meV) that are fitted, or ``"all"``. None: at each q 20 FWHM of the resolution on
        either side, and as far as 80 % of the intensity is. Further out are what is inelastic and what a background is
        that is no straight line, to which widths would be fitted. ``attrs["fitted_window"]`` says which it was.
    shape
        Of the lines; ``"gaussian"`` for Gaussians of the same HWHM.
    temperature
        K: the lines then obey detailed balance, times βE/(1 - exp(-βE)). By default those of a spectrum that says it
        does (``attrs["correction"]``), at its temperature, and no others.
    q
        Only the spectra nearest to these (1/Å).
    exclude_elastic
        Leave out energies nearer to 0 than this (meV).
    resolution_background
        ``"flat"`` takes a constant off a measured resolution: the lower of the means of its wings, 8 FWHM and more from
        the peak. None leaves it.
    jump_model
        Fit all q together, with the widths bound to this law of Q (see :func:`fit_jump_model`), or one law for each of
        1 or 2 ``lorentzians``: two populations whose widths can't be told apart q by q may be so. The result then holds
        ``D``, ``tau`` and ``length`` of each line, with errors.

    Returns
    -------
    Dataset
        By q and ``component``, narrowest first and counted from 0: ``width`` (HWHM), ``area``. By q:
        ``area_elastic``, ``eisf``, ``background``, ``slope``, ``centre``; all with standard errors from the covariance
        of the fit. Where χ² is larger than in 5 of 100 cases the errors are multiplied by √(reduced χ²)
        (``error_scale``), and always where the spectrum has no errors: each point's is then √(a + bS + cS²) from the
        scatter about the fit. ``redchi``, ``runs`` (the probability that residuals change sign so seldom),
        ``chosen``, ``criterion(q, lines)``, ``bad``, ``verdict`` and lmfit's ``report``. ``window_sensitivity`` is the
        change of a width with half of the window, where the line is not too wide for it; ``verdict`` says where it is
        more than two errors and more than chance, ``attrs["window_sensitivity"]`` at which q.

        A width that the spectrum does not determine (less than two standard errors or than 2 % of a measured
        resolution, wider than the window, of a line without area) is NaN, with a 95 % bound in ``width_upper`` or
        ``width_lower`` and a sentence in ``verdict``. ``fit``, ``elastic``, ``line``, ``floor``, ``resolution`` and
        ``residual`` are what is drawn.
    """
    numbers, seen = _numbers(lorentzians, elastic=elastic), opened(resolution)
    if background not in FLOOR:
        raise Refusal(f"background={background!r}", "", 'Give "linear", "flat" or None')
    if shape not in ("lorentzian", "gaussian"):
        raise Refusal(f"shape={shape!r}", "", 'Give "lorentzian" or "gaussian"')
    if jump_model is not None:
        if shape != "lorentzian":
            raise Refusal(f"shape={shape!r} with jump_model", "", "A law of the width is one of Lorentzians")
        return _together(
            measured, seen, model=jump_model, components=1 if lorentzians == "auto" else lorentzians,
            elastic=elastic, background=background, window=window, temperature=temperature, q=q,
            exclude_elastic=exclude_elastic, resolution_background=resolution_background,
        )  # fmt: skip
    wanted = chosen_q(measured, q)
    spectra = arrays(wanted)
    found = resolutions_of(wanted, seen, background=resolution_background)
    kelvin = balanced_at(measured, temperature)
    inside = inside_of(spectra, found.each, window, exclude_elastic)
    terms = Terms(max(numbers), elastic, FLOOR[background], shape)
    without = parts_of(wanted)
    parts: list[Spectrum | None] = []
    outcomes: list[Outcome | None] = []
    for i, seen_by in enumerate(found.each):
        free = len(terms.linear) + terms.lines + 1
        part = spectrum_of(spectra, i, inside[i], seen_by, kelvin, free)
        parts.append(part)
        if part is None:
            outcomes.append(None)
            continue
        outcomes.append(
            fit_spectrum(
                part, numbers, elastic=elastic, background=terms.background, shape=shape,
                centre=centre_of(part), errors_given=spectra.errors is not None,
                without=None if without is None else without[:, i, np.searchsorted(spectra.energy, part.energy)],
            )
        )  # fmt: skip
    if all(outcome is None for outcome in outcomes):
        raise Refusal(
            "No spectrum has enough points to be fitted",
            f"{int(inside.sum(axis=1).max())} energies in the window, some of them masked",
            "Widen window=, or use fewer lines",
        )
    units = str(measured["S"].attrs.get("units", "1"))
    kept = measured.attrs.get("temperature", kelvin)
    known = {} if kept is None else {"temperature": float(kept)}
    poor = [float(q) for q, one in zip(spectra.q, outcomes, strict=True) if one is None or one.bad]
    return dataset(
        "spectra.fit_qens",
        variables(outcomes, parts, spectra, numbers, units),
        {
            "q": Column(("q",), spectra.q, "1/Å", "Q"),
            "energy": Column(("energy",), spectra.energy, "meV", "energy transfer"),
            "component": Column(("component",), np.arange(lines_of(outcomes)), "1", "line, the narrowest first"),
            "lines": Column(("lines",), list(numbers), "1", "number of lines"),
        },
        parameters=dict(
            resolution=found.source, lorentzians=lorentzians, elastic=elastic, background=background, window=window,
            shape=shape, temperature=temperature, q=q, exclude_elastic=exclude_elastic,
            resolution_background=resolution_background, jump_model=None,
        ),
        history=history_of(measured),
        title=f"{measured.attrs.get('title', 'Spectra')}, quasielastic fit",
        resolution=found.source,
        resolution_fwhm=float(np.median([one.fwhm for one in found.each])),
        fitted_window=said_of(inside, spectra.energy, window),
        window_sensitivity=_hanging(outcomes, spectra.q),
        correction="classical" if kelvin is None else "detailed-balance",
        error=_whose_errors(measured, without, errors_given=spectra.errors is not None),
        verdict=_verdict(poor, len(spectra.q)),
        **known,
    )  # fmt: skip


def _together(
    measured: Dataset, resolution: Dataset | float | None, *, window: Window, q: float | Sequence[float] | None,
    **how: Any,
) -> Dataset:  # fmt: skip
    """The fit of all q at once, as a result of this observable."""
    from .global_fit import fit_globally

    ends = None if window == "all" else common_window(measured, resolution, q).tolist() if window is None else window
    result = fit_globally(measured, resolution, window=ends, q=q, **how)
    title = f"{measured.attrs.get('title', 'Spectra')}, all Q fitted together"
    return result.assign_attrs(observable="spectra.fit_qens", title=title)


def _hanging(outcomes: Sequence[Outcome | None], q: Floats) -> str:
    """Which widths change with the window by more than they should."""
    moved = [float(at) for at, one in zip(q, outcomes, strict=True) if one and any(m for _, m in one.change.values())]
    if not moved:
        return "No width changes by more than its error with half of the window."
    listed = ", ".join(f"{at:.4g}" for at in moved)
    return f"Widths at q = {listed} 1/Å change by more than their errors with half of the window."


def _numbers(lorentzians: int | str, *, elastic: bool) -> list[int]:
    if lorentzians == "auto":
        return list(range(0 if elastic else 1, MOST + 1))
    if isinstance(lorentzians, bool) or not isinstance(lorentzians, int) or not 0 <= lorentzians <= MOST:
        raise Refusal(f"lorentzians={lorentzians!r}", "", f'Give 0 to {MOST}, or "auto"')
    if lorentzians == 0 and not elastic:
        raise Refusal("lorentzians=0 with elastic=False", "nothing is left to be fitted", "Allow one of them")
    return [lorentzians]


def _whose_errors(measured: Dataset, without: Floats | None, *, errors_given: bool) -> str:
    enlarged = "multiplied by √(reduced χ²) where that is improbably large"
    if without is not None:
        return f"spread between fits with each of {len(without)} parts of the simulation left out, {enlarged}"
    if not errors_given:
        return "covariance, scaled by the scatter: the spectra have no errors"
    simulated = "nyquist" in measured.attrs and measured.attrs.get("noise", "none") == "none"
    known = "; what all points of a simulation have in common is not in it" if simulated else ""
    return f"covariance with the errors given, {enlarged}{known}"


def _verdict(poor: list[float], count: int) -> str:
    if not poor:
        return "All spectra are described."
    listed = ", ".join(f"{q:.4g}" for q in poor)
    if len(poor) == count:
        return (
            f"None of the {count} fits is a good one: see verdict at each q." if count > 1 else "The fit is not good."
        )
    return f"{len(poor)} of {count} fits are not good, at q = {listed} 1/Å: see verdict there."


def draw(result: Dataset, ax: Axes) -> None:
    """Widths against Q with their errors: open where the fit is bad, a triangle at the bound of an undetermined one."""
    order = np.argsort(result.q.values)
    nothing = np.full((len(order), result.sizes["component"]), np.nan)
    q = result.q.values[order]
    # a fit of all q together has no widths that are undetermined one by one, nor fits that are bad one by one
    bad = result.bad.values[order] > 0 if "bad" in result else np.zeros(len(q), bool)
    top = 0.0
    for k in range(result.sizes["component"]):
        width, error, lower, upper = (
            (result[name].values if name in result else nothing)[order, k]
            for name in ("width", "width_error", "width_lower", "width_upper")
        )
        colour = PALETTE[k % len(PALETTE)]
        name = ["narrow line", "second line", "third line"][k] if result.sizes["component"] > 1 else "width"
        for which, face, text in ((~bad, colour, name), (bad, "white", f"{name}, bad fit")):
            some = which & np.isfinite(width)
            if some.any():
                ax.errorbar(
                    q[some], width[some], yerr=np.nan_to_num(error[some]), fmt="o", ms=5, color=colour, mfc=face,
                    capsize=2.5, label=text,
                )  # fmt: skip
        for bound, marker in ((upper, "v"), (lower, "^")):
            some = np.isfinite(bound)
            if some.any():
                ax.plot(q[some], bound[some], marker, color=colour, mfc="none", ms=6, label=f"{name}, 95 % bound")
        tall = (width + np.nan_to_num(error))[np.isfinite(width)]
        top = max(top, tall.max(initial=0.0), upper[np.isfinite(upper)].max(initial=0.0))
    ax.set_xlim(0, 1.06 * float(q.max()) if q.max() > 0 else 1)
    ax.set_ylim(0, 1.12 * top if top > 0 else 1)
    ax.set_xlabel(label("Q", "1/Å"))
    ax.set_ylabel(label("width of the lines, HWHM", "meV"))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best")
