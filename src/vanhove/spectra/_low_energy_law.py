"""How a density of states begins: as a parabola, as a straight line or as another power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .dos_series import series_of
from .excess import excess
from .low_energy import FORMULAS, LAWS, Curve, Laws, fit_laws, folded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from .dos_series import Series

    Floats = NDArray[np.float64]

SHOWN = 1.6  # times the end of the window: what the figure holds
STILL = "none"  # the law of what does not move
ROOM = 0.09  # of the axes' height, that a line of the legend takes above the curves
LAW_COLOURS = {"linear": "#D55E00", "quadratic": "#0072B2", "power": "#009E73"}


def low_energy_law(
    dos: Dataset | Sequence[Dataset],
    window: Sequence[float],
    *,
    unstable_fraction: float | None = None,
) -> Dataset:
    r"""The law by which a density of states begins: aE², αE + c or AEⁿ, with errors and a preference (C3).

    The vibrations of Debye's solid have a g(E) as E²; overdamped instantaneous normal modes of a liquid have one as E,
    with :math:`\alpha = \sum_j 1/(3\pi N \Gamma_j^2)`, so that

    .. math:: \langle \Gamma^{-2} \rangle = \pi \alpha \, \frac{3N}{N_\mathrm{INM}}

    Each law is folded with the resolution and fitted by generalised least squares to the means of g over cells as wide
    as its lines: what lies closer is not independent, and what is left of that is in the covariance.

    Parameters
    ----------
    dos
        A result of :func:`vanhove.spectra.vdos`, :func:`vanhove.spectra.neutron_dos` or
        :func:`vanhove.spectra.dos_from_sqe`; or several of them at different temperatures, for a table by temperature.
    window
        First and last energy (meV): above the quasielastic line, below the first band.
    unstable_fraction
        N_INM/3N, the share of the modes that are unstable (imaginary), for ⟨Γ⁻²⟩ itself.

    Returns
    -------
    Dataset
        By species where ``dos`` has them, and by temperature where several are given: ``linear`` α (1/meV²) with
        ``linear_offset`` c (1/meV); ``quadratic`` a (1/meV³); ``power`` n with ``power_amplitude`` A (1/meV, at 1 meV);
        each with one standard error. ``criterion(law)``, Akaike's for few points; ``preferred`` is the lower one of
        parabola and line, or the power where that is lower by more than 4: 1 and 2 are among its exponents. ``verdict``
        says how clear that is.

        ``inverse_square_damping``: ⟨Γ⁻²⟩ (1/meV²) where ``unstable_fraction`` is given, else ⟨Γ⁻²⟩ N_INM/3N = πα; NaN
        where the linear law is not preferred. Of several temperatures ``excess``, ∫g over the window more than at the
        lowest, and ``centre``, the mean energy (meV) where the results have it.

        Where no law passes through the points, their scatter enlarges the errors (``error_scale``); where no errors are
        given, it is all there is. Of a simulation the relative error of g, known from few parts of the run at each
        energy, is taken to be the same all over the window.
    """
    given = series_of(dos)
    start, end = _checked_window(window)
    if unstable_fraction is not None and not 0 < unstable_fraction <= 1:
        raise Refusal(f"unstable_fraction={unstable_fraction!r}", "", "Give the share N_INM/3N, above 0 and up to 1")
    fits = [
        [_fit(result, g, error, start, end) for g, error in zip(values, errors, strict=True)]
        for result, values, errors in zip(given.results, given.curves("g"), given.errors(), strict=True)
    ]
    of = unstable_fraction or 1.0
    damping = np.array([[_damping(f, of) for f in row] for row in fits])
    what = "⟨Γ⁻²⟩ of the unstable modes" if unstable_fraction else "⟨Γ⁻²⟩ N_INM/3N = πα"
    preferred = [[f.preferred if f else STILL for f in row] for row in fits]
    verdicts = [[f.sentence if f else "Nothing moves." for f in row] for row in fits]
    first = given.results[0].attrs
    kept = {name: first[name] for name in ("fingerprint", "resolution_fwhm", "window") if name in first}
    if given.temperatures is None and "temperature" in first:
        kept["temperature"] = first["temperature"]
    return dataset(
        "spectra.low_energy_law",
        {
            **_parameter(given, fits, "linear", "linear", 0, "1/meV²", "slope α of αE + c"),
            **_parameter(given, fits, "linear_offset", "linear", 1, "1/meV", "c of αE + c"),
            **_parameter(given, fits, "quadratic", "quadratic", 0, "1/meV³", "a of aE²"),
            **_parameter(given, fits, "power", "power", 1, "1", "exponent n of AEⁿ"),
            **_parameter(given, fits, "power_amplitude", "power", 0, "1/meV", "AEⁿ at 1 meV"),
            "criterion": given.column(
                [[[f.by_name[law].criterion if f else np.nan for law in LAWS] for f in row] for row in fits],
                "1", "Akaike's criterion for few points", "law",
            ),
            "chi2": given.column(
                [[[f.by_name[law].chi2 if f else np.nan for law in LAWS] for f in row] for row in fits],
                "1", "χ² of the law", "law",
            ),
            "preferred": given.column(preferred, "1", "law preferred"),
            "verdict": given.column(verdicts, "1", "how clear the preference is"),
            "points": given.column([[f.points if f else 0 for f in row] for row in fits], "1", "independent points"),
            "error_scale": given.column(
                [[f.scale if f else np.nan for f in row] for row in fits], "1", "what the errors were enlarged by"
            ),
            "inverse_square_damping": given.column(damping[..., 0], "1/meV²", what),
            "inverse_square_damping_error": given.column(damping[..., 1], "1/meV²", f"standard error: {what}"),
            **_between_temperatures(given, (start, end)),
            **_drawn(given, fits, end),
        },
        {
            "law": Column(("law",), list(LAWS), "1", "law"),
            **({"species": Column(("species",), given.species, "1", "element or isotope")} if given.species else {}),
            **(
                {"temperature": Column(("temperature",), given.temperatures, "K", "temperature")}
                if given.temperatures else {}
            ),
            "energy": Column(("energy",), _shown_energies(given, end), "meV", "energy"),
        },
        parameters=dict(window=[start, end], unstable_fraction=unstable_fraction),
        history=[step for result in given.results for step in history_of(result)],
        title=f"Law of the density of states from {start:g} to {end:g} meV",
        window_start=start,
        window_end=end,
        preferred=_in_words(given, preferred),
        **({"verdict": verdicts[0][0]} if len(fits) == len(fits[0]) == 1 else {}),
        **kept,
    )  # fmt: skip


def _checked_window(window: Sequence[float]) -> tuple[float, float]:
    if len(window) != 2 or not np.isfinite(list(window)).all() or not 0 <= window[0] < window[1]:
        raise Refusal(f"window={window!r}", "", "Give the first and the last energy in meV")
    return float(window[0]), float(window[1])


def _fit(result: Dataset, g: Floats, error: Floats, start: float, end: float) -> Laws | None:
    """The laws of one curve; None of a species that stands still."""
    energy, there = result.energy.values, np.isfinite(g)
    if not there.any():
        return None
    if end > energy[there][-1] or start < energy[there][0] - 1e-9:
        raise Refusal(
            f"The window {start:g}–{end:g} meV leaves the density of states",
            f"it goes from {energy[there][0]:.4g} to {energy[there][-1]:.4g} meV", "Give a window inside",
        )  # fmt: skip
    inside = there & (energy >= start) & (energy <= end)
    tied = "window" in result.attrs and "resolution_fwhm" in result.attrs
    fwhm = float(result.attrs.get("resolution_fwhm", 0.0))
    curve = Curve(
        energy[inside], g[inside], error[inside], fwhm if np.isfinite(fwhm) else 0.0, tied, "g_without" in result
    )
    return fit_laws(curve)


def _parameter(
    given: Series, fits: list[list[Laws | None]], name: str, law: str, which: int, units: str, long_name: str
) -> dict[str, Column]:
    values, errors = (
        [[float(getattr(f.by_name[law], key)[which]) if f else np.nan for f in row] for row in fits]
        for key in ("parameters", "errors")
    )
    return {
        name: given.column(values, units, long_name),
        f"{name}_error": given.column(errors, units, f"standard error: {long_name}"),
    }


def _damping(fit: Laws | None, unstable_fraction: float) -> tuple[float, float]:
    if fit is None or fit.preferred != "linear":
        return np.nan, np.nan
    law = fit.by_name["linear"]
    factor = np.pi / unstable_fraction
    return factor * float(law.parameters[0]), factor * float(law.errors[0])


def _between_temperatures(given: Series, window: tuple[float, float]) -> dict[str, Column]:
    """How intensity in the window and the band's centre change with temperature."""
    if given.temperatures is None:
        return {}
    more = [excess(result, given.results[0], window) for result in given.results]
    rows = 1 if given.species is None else len(given.species)
    value, error = (np.array([np.reshape(each[i], rows) for each in more]) for i in (0, 1))
    value[0] = error[0] = 0.0  # the reference itself
    long_name = f"share of g in the window, more than at {given.temperatures[0]:g} K"
    found = {
        "excess": given.column(value, "1", long_name),
        "excess_error": given.column(error, "1", f"standard error: {long_name}"),
    }
    if all("centre" in result for result in given.results):
        for name, long_name in (("centre", "mean energy"), ("centre_error", "standard error: mean energy")):
            values = np.array([np.reshape(result[name].values, rows) for result in given.results])
            found[name] = given.column(values, "meV", long_name)
    return found


def _in_words(given: Series, preferred: list[list[str]]) -> str:
    """The preferred law where it is the same all over, else that of each: ``"200 K Li quadratic, 600 K Li linear"``."""
    if len({law for row in preferred for law in row if law != STILL}) == 1:
        return next(law for row in preferred for law in row if law != STILL)
    kelvin = [""] if given.temperatures is None else [f"{each:g} K " for each in given.temperatures]
    names = [""] if given.species is None else [f"{each} " for each in given.species]
    return ", ".join(
        f"{at}{name}{law}"
        for at, row in zip(kelvin, preferred, strict=True)
        for name, law in zip(names, row, strict=True)
    )


def _shown_energies(given: Series, end: float) -> Floats:
    energy: Floats = given.results[0].energy.values
    return energy[(energy >= 0) & (energy <= SHOWN * end)]


def _drawn(given: Series, fits: list[list[Laws | None]], end: float) -> dict[str, Column]:
    """The curves and the laws at the first result's energies."""
    shown = _shown_energies(given, end)

    def there(curves: list[list[Floats]]) -> list[list[Floats]]:
        return [
            [np.interp(shown, result.energy.values, values) for values in row]
            for result, row in zip(given.results, curves, strict=True)
        ]

    laws = [
        [
            [
                folded(law, f.by_name[law].parameters, shown, float(result.attrs.get("resolution_fwhm", 0.0)))
                if f else np.full(len(shown), np.nan)
                for law in LAWS
            ]
            for f in row
        ]
        for result, row in zip(given.results, fits, strict=True)
    ]  # fmt: skip
    return {
        "g": given.column(there(given.curves("g")), "1/meV", "density of states", "energy"),
        "g_error": given.column(there(given.errors()), "1/meV", "standard error: density of states", "energy"),
        "fit": given.column(laws, "1/meV", "law with the resolution", "law", "energy"),
    }


def draw(result: Dataset, ax: Axes) -> None:
    """g(E) with its error band, the window shaded, and the laws; by temperature only the preferred law of each."""
    start, end = float(result.attrs["window_start"]), float(result.attrs["window_end"])
    name = ""
    if "species" in result.dims:
        names = result.species.values.tolist()
        moving = [each for each in names if (result.preferred.sel(species=each) != STILL).any()]
        name = "total" if "total" in moving else moving[0]
        result = result.sel(species=name)
    ax.axvspan(start, end, color="#7F7F7F", alpha=0.12, lw=0)
    if "temperature" in result.dims:
        for index, kelvin in enumerate(result.temperature.values.tolist()):
            one = result.sel(temperature=kelvin)
            colour = PALETTE[index % len(PALETTE)]
            said = f"{kelvin:g} K: {FORMULAS.get(str(one.preferred.values), STILL)}"
            _draw_curve(one, ax, colour, said)
            _draw_law(one, ax, str(one.preferred.values), colour, None)
    else:
        _draw_curve(result, ax, "#000000", name or "g")
        for law in LAWS:
            said = FORMULAS[law] if law != "power" else f"{FORMULAS[law]}, n = {float(result.power):.2f}"
            mark = "  (preferred)" if law == str(result.preferred.values) else ""
            _draw_law(result, ax, law, LAW_COLOURS[law], said + mark)
    inside = result.energy.values <= SHOWN * end
    top = float(np.nanmax(result.g.values[..., inside]))
    ax.set_xlim(0, SHOWN * end)
    ax.set_ylim(min(0.0, float(np.nanmin(result.g.values))), (1 + ROOM * len(ax.get_legend_handles_labels()[0])) * top)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("g" if name in ("", "total") else f"g of {name}", "1/meV"))
    ax.legend(loc="upper left")


def _draw_curve(one: Dataset, ax: Axes, colour: str, said: str) -> None:
    energy, g, error = one.energy.values, one.g.values, np.nan_to_num(one.g_error.values)
    ax.fill_between(energy, g - error, g + error, color=colour, alpha=0.2, lw=0)
    ax.plot(energy, g, color=colour, lw=1.3, label=said)


def _draw_law(one: Dataset, ax: Axes, law: str, colour: str, said: str | None) -> None:
    if law in LAWS:
        ax.plot(one.energy.values, one.fit.sel(law=law).values, color=colour, ls="--", lw=1.5, label=said)
