"""Damped oscillators in a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .oscillator_fit import Oscillators, Points, fit_oscillators
from .oscillator_lines import BareLines, Lines, MeasuredLines, Response, SimulatedLines
from .quasielastic_input import FEWEST, arrays, chosen_q, used
from .quasielastic_result import times_mev
from .resolutions import Found, resolutions_of
from .transformed import TransformedResolution, transform_of
from .wording import with_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.fitting.convolution import Resolution

    from .quasielastic_input import Measured

    Floats = NDArray[np.float64]

MOST = 3  # oscillators
FLOOR = {None: 0, "flat": 1, "linear": 2}
SHOWN = 6  # spectra in a picture
SAID = {
    "E0": "energy of an undamped oscillator, E0",
    "gamma": "damping Γ, a full width",
    "rate": "E0²/Γ, half width of what is left of an overdamped oscillator",
}


def fit_oscillator(
    spectrum: Dataset,
    *,
    resolution: Dataset | float | None = None,
    temperature: float | None = None,
    window: Sequence[float] | None = None,
    oscillators: int = 1,
    elastic: bool = False,
    background: Literal["linear", "flat"] | None = None,
    q: float | Sequence[float] | None = None,
) -> Dataset:
    r"""Energy and damping of oscillators in S(Q,E) or in χ''(Q,E), at every Q (C9).

    .. math:: \chi''(E) \propto \frac{\Gamma E}{(E^2 - E_0^2)^2 + (\Gamma E)^2}, \qquad
        S(E) = R \otimes \frac{\chi''(E)}{\pi (1 - e^{-E/k_B T})}

    Γ is the Γ of this formula: where an oscillator is weakly damped, the full width of its peak at E₀; ``hwhm`` is Γ/2.
    Classically S = χ'' k_BT/πE, a line whose area is ``amplitude``. Where Γ > 2E₀ it is overdamped: one peak at zero
    energy, and far beyond only its half width E₀²/Γ is left.

    Parameters
    ----------
    spectrum
        ``S(q, energy)`` and, if known, ``S_error``, measured or simulated; without S, a ``chi(q, energy)``.
    resolution
        As for :func:`vanhove.spectra.fit_qens`. None: the transform that made a simulated spectrum, or the width that
        its attributes say; without either the lines are fitted as they are (``attrs["resolution"]`` says so), and Γ
        contains the resolution.
    temperature
        K, of the Bose factor. By default that of the spectrum; a simulated one whose ``attrs["correction"]`` is
        ``"classical"`` has none. χ'' needs none.
    window
        Lowest and highest energy (meV) that are fitted.
    oscillators
        1 to 3.
    elastic
        With an elastic line.
    background
        ``"flat"``, ``"linear"`` or None.
    q
        Only the spectra nearest to these (1/Å).

    Returns
    -------
    Dataset
        By q and ``component``, ascending in energy: ``E0``, ``gamma``, ``hwhm``, ``rate`` = E₀²/Γ (meV),
        ``amplitude`` (area of the classical line; of χ'' the static susceptibility), with one standard error each from
        the covariance, and ``overdamped``, 1 where Γ > 2E₀. Where a Lorentzian fits as well, so that E₀ and Γ can't be
        separated, both are NaN and ``rate`` is not; ``verdict(q)`` says so. Errors are multiplied by √(reduced χ²)
        where χ² is larger than in 5 of 100 cases, and where the spectrum has none, and enlarged as far as residuals of
        neighbouring energies, and of E and -E, are seen to be alike. ``fit`` and ``line`` are what is drawn.
    """
    if isinstance(oscillators, bool) or oscillators not in range(1, MOST + 1):
        raise Refusal(f"oscillators={oscillators!r}", "", f"Give 1 to {MOST}")
    if background not in FLOOR:
        raise Refusal(f"background={background!r}", "", 'Give "linear", "flat" or None')
    response = "S" not in spectrum and "chi" in spectrum
    given = spectrum.rename({"chi": "S", **_renamed(spectrum)}) if response else spectrum
    wanted = chosen_q(given, q)
    spectra = arrays(wanted)
    seen_by = _resolutions(wanted, resolution)
    kelvin = None if response else _kelvin(spectrum, temperature)
    inside = used(spectra.energy, window, None)
    free = 3 * oscillators + elastic + FLOOR[background]
    parts: list[Points | None] = []
    for row in range(len(spectra.q)):
        good = inside & np.isfinite(spectra.values[row])
        if good.sum() < free + FEWEST:
            parts.append(None)
            continue
        energy = spectra.energy[good]
        errors = np.ones(len(energy)) if spectra.errors is None else spectra.errors[row][good]
        lines = _lines(energy, None if seen_by is None else seen_by.each[row], kelvin, response=response)
        parts.append(Points(energy, spectra.values[row][good], errors, lines, elastic, FLOOR[background]))
    if all(part is None for part in parts):
        raise Refusal(
            "No spectrum has enough points to be fitted",
            f"{int(inside.sum())} energies in the window, some of them masked",
            "Widen window=, or fit fewer oscillators",
        )
    found = [
        None if part is None else fit_oscillators(part, oscillators, errors_given=spectra.errors is not None)
        for part in parts
    ]
    source = "none: the damping contains the resolution" if seen_by is None else seen_by.source
    known = {} if kelvin is None else {"temperature": kelvin}
    return dataset(
        "spectra.fit_oscillator",
        _variables(found, parts, spectra, oscillators, str(given["S"].attrs.get("units", "1")), response=response),
        {
            "q": Column(("q",), spectra.q, "1/Å", "Q"),
            "energy": Column(("energy",), spectra.energy, "meV", "energy transfer"),
            "component": Column(("component",), np.arange(oscillators), "1", "oscillator, ascending in energy"),
        },
        parameters=dict(
            resolution=source, temperature=temperature, window=window, oscillators=oscillators, elastic=elastic,
            background=background, q=q,
        ),
        history=history_of(spectrum),
        title=f"Oscillators in {spectrum.attrs.get('title', 'a spectrum')}",
        resolution=source,
        fitted="chi" if response else "S",
        correction="classical" if kelvin is None else "detailed-balance",
        verdict=_verdict(found, spectra.q),
        **known,
    )  # fmt: skip


def _renamed(spectrum: Dataset) -> dict[str, str]:
    return {"chi_error": "S_error"} if "chi_error" in spectrum else {}


def _resolutions(spectra: Dataset, resolution: Dataset | float | None) -> Found | None:
    if resolution is None and transform_of(spectra) is None and "resolution_fwhm" not in spectra.attrs:
        return None
    return resolutions_of(spectra, resolution)


def _kelvin(spectrum: Dataset, temperature: float | None) -> float | None:
    """Temperature of the Bose factor; None of a classical spectrum."""
    if spectrum.attrs.get("correction") == "classical" and temperature is None:
        return None
    kelvin = spectrum.attrs.get("temperature") if temperature is None else temperature
    if kelvin is None:
        raise Refusal("A spectrum of oscillators needs its temperature", "the spectrum says none", "Give temperature=")
    if not kelvin > 0:
        raise Refusal(f"temperature={kelvin!r}", "", "Give a positive temperature in K")
    return float(kelvin)


def _lines(energy: Floats, resolution: Resolution | None, kelvin: float | None, *, response: bool) -> Lines:
    if resolution is None:
        lines: Lines = BareLines(energy, kelvin)
    elif isinstance(resolution, TransformedResolution):
        lines = SimulatedLines(energy, resolution, kelvin)
    else:
        lines = MeasuredLines(energy, resolution, kelvin)
    return Response(energy, lines) if response else lines


def _variables(
    found: Sequence[Oscillators | None], parts: Sequence[Points | None], spectra: Measured, count: int, units: str, *,
    response: bool,
) -> dict[str, Column]:  # fmt: skip
    """Everything by q, NaN where there was nothing to fit."""
    nothing = np.full(count, np.nan)

    def placed(name: str) -> Floats:
        return np.array([nothing if one is None else getattr(one, name) for one in found], np.float64)

    both, area = ("q", "component"), units if response else times_mev(units)
    columns: dict[str, Column] = {}
    for name, what in SAID.items():
        columns[name] = Column(both, placed(name), "meV", what)
        columns[f"{name}_error"] = Column(both, placed(f"{name}_error"), "meV", "its standard error")
    called = "static susceptibility" if response else "area of the classical line"
    columns["hwhm"] = Column(both, placed("gamma") / 2, "meV", "half width Γ/2")
    columns["hwhm_error"] = Column(both, placed("gamma_error") / 2, "meV", "its standard error")
    columns["amplitude"] = Column(both, placed("amplitude"), area, called)
    columns["amplitude_error"] = Column(both, placed("amplitude_error"), area, "its standard error")
    columns["overdamped"] = Column(both, placed("overdamped"), "1", "1 where Γ > 2 E0")
    columns["redchi"] = Column(("q",), [np.nan if o is None else o.redchi for o in found], "1", "reduced χ²")
    words = ["Not fitted: too few usable points in the window." if one is None else one.verdict for one in found]
    columns["verdict"] = Column(("q",), words, "1", "what is to be said of the fit")
    columns["report"] = Column(("q",), ["" if one is None else one.report for one in found], "1", "lmfit's report")
    fit: Floats = np.full(spectra.values.shape, np.nan)
    line: Floats = np.full((len(found), count, len(spectra.energy)), np.nan)
    for i, (one, part) in enumerate(zip(found, parts, strict=True)):
        if one is not None and part is not None:
            at = np.searchsorted(spectra.energy, part.energy)
            fit[i, at] = one.fit
            for k, own in enumerate(one.each):
                line[i, k, at] = own
    columns["S"] = Column(("q", "energy"), spectra.values, units, "spectrum")
    if spectra.errors is not None:
        columns["S_error"] = Column(("q", "energy"), spectra.errors, units, "its standard error")
    columns["fit"] = Column(("q", "energy"), fit, units, "fit")
    columns["line"] = Column(("q", "component", "energy"), line, units, "oscillator in the fit")
    return columns


def _verdict(found: Sequence[Oscillators | None], q: Floats) -> str:
    said = [None if one is None else one.verdict for one in found]
    if len(set(said)) == 1 and said[0] is not None:
        return said[0]
    poor = ", ".join(f"{value:.4g}" for value, word in zip(q, said, strict=True) if word != "fitted")
    return f"Not everything is determined at q = {poor} 1/Å: see verdict there."


def draw(result: Dataset, ax: Axes) -> None:
    """Spectra, one above the other, with the fits and, of a single one, its parts."""
    rows = np.flatnonzero(np.isfinite(result.fit.values).any(axis=1))
    if len(rows) > SHOWN:
        rows = rows[np.linspace(0, len(rows) - 1, SHOWN).round().astype(int)]
    energy = result.energy.values
    step = 0.0
    for place, i in enumerate(rows):
        one = result.isel(q=int(i))
        shown = np.isfinite(one.fit.values)
        lift, colour = place * step, PALETTE[place % len(PALETTE)]
        if place == 0:
            step = 0.6 * float(np.nanmax(one.fit.values))
        values = one.S.values[shown] + lift
        error = one.S_error.values[shown] if "S_error" in result else None
        ax.errorbar(energy[shown], values, yerr=error, fmt=".", ms=3, lw=0.7, color=colour, alpha=0.55, zorder=1)
        name = f"{float(one.q):.3g} 1/Å" if np.isfinite(float(one.q)) else "fit"
        ax.plot(energy[shown], one.fit.values[shown] + lift, color=colour, label=name, zorder=3)
        if len(rows) == 1:
            for k in range(one.sizes["component"]):
                ax.plot(
                    energy[shown],
                    one.line.values[k, shown],
                    ls="--",
                    lw=1.1,
                    color=PALETTE[1 + k],
                    label=_legend(one, k),
                )
    ax.set_xlabel(label("energy transfer", "meV"))
    symbol = "χ''" if result.attrs["fitted"] == "chi" else "S(Q,E)"
    ax.set_ylabel(label(symbol + (", each above the last" if len(rows) > 1 else ""), str(result.S.attrs["units"])))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best")


def _legend(one: Dataset, k: int) -> str:
    def told(name: str) -> str:
        return with_error(float(one[name][k]), float(one[f"{name}_error"][k]))

    if np.isfinite(float(one.E0[k])):
        state = ", overdamped" if float(one.overdamped[k]) else ""
        return f"$E_0$ = {told('E0')},\nΓ = {told('gamma')} meV{state}"
    return f"$E_0^2/Γ$ = {told('rate')} meV"
