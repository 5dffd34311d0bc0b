"""Jump length, residence time and diffusion coefficient from quasielastic widths against Q."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import CM2_S_PER_A2_PS

from .confinement import cage_of
from .jump_fit import Fitted, fit, in_cage
from .jump_laws import LAWS, LENGTH_OVER_RADIUS, law_of
from .jump_widths import Run, runs_of
from .wording import with_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ALIKE = 4.0  # of Akaike's criterion: laws that are closer can't be told apart
DRAWN = 200  # points of the lines that are drawn
SAID = {"D": ("cm²/s", "diffusion coefficient"), "tau": ("ps", "residence time"), "length": ("Å", "jump length √⟨l²⟩")}


def fit_jump_model(
    widths: Dataset | Sequence[Any],
    model: str | Sequence[str] = "chudley-elliott",
    *,
    component: int = 0,
    window: tuple[float, float] | None = None,
) -> Dataset:
    r"""Jump length, residence time and D from quasielastic widths Γ(Q), HWHM in meV (C8).

    .. math::
        \text{Chudley–Elliott:}\quad & \Gamma = \frac{\hbar}{\tau}\left(1 - \frac{\sin Qd}{Qd}\right) \\
        \text{Singwi–Sjölander:}\quad & \Gamma = \frac{\hbar D Q^2}{1 + D Q^2 \tau} \\
        \text{Hall–Ross:}\quad & \Gamma = \frac{\hbar}{\tau}\left(1 - e^{-Q^2 \langle l^2 \rangle / 6}\right) \\
        \text{Fick:}\quad & \Gamma = \hbar D Q^2

    ``length`` is √⟨l²⟩, the jump length d where all jumps are alike, and D = length²/6τ for every law. ``"confined"``
    is diffusion inside a sphere of radius a (Volino and Dianoux 1980): the half width of all its quasielastic lines
    together, flat at 4.33 ħD/a² up to Q ≈ π/a, ħDQ² far beyond. Its τ is ħ over the plateau, so that
    length = 1.177 a.

    Parameters
    ----------
    widths
        The result of :func:`vanhove.spectra.fit_qens`, or ``(q, width)`` or ``(q, width, error)`` in 1/Å and meV.
        Several results, each with its temperature, or one with the dimension ``temperature``, give every value by
        temperature, ready for :func:`vanhove.dynamics.arrhenius`. NaN widths are left out, and so are those without a
        positive error where others have one.
    model
        ``"chudley-elliott"``, ``"fick"``, ``"singwi-sjolander"``, ``"hall-ross"`` or ``"confined"``; or several, or
        ``"auto"`` for all of them: the one with the lowest criterion is taken and ``attrs["chosen"]`` says which others
        can't be told from it.
    component
        Which line of a fit with several, from 0, the narrowest.
    window
        First and last Q (1/Å) that are used.

    Returns
    -------
    Dataset
        ``D``, ``tau``, ``length``, each with its standard error (from the covariance of length and τ) and its 95 %
        interval, ``D_interval(end)`` and so on. ``attrs["verdict"]`` is ``"fitted"`` or says what the widths leave
        open: where they go as Q² only D is known, where they are flat only τ; what is not known is NaN with an interval
        that ends at 0 or infinity. With errors the fit is weighted and the standard errors follow from them; where χ²
        is larger than in 5 of 100 cases, and where there are no errors, they follow from the scatter, and intervals
        from Student's t (``attrs["error"]``). Widths of one simulation err together: where they come with
        ``width_without``, errors follow from their covariance, and χ² is over what this leaves of it. By ``model``:
        ``criterion``, Akaike's with the correction for few points, ``redchi``, ``D_by_model`` and ``line(model,
        momentum)``, what is drawn.

        ``radius`` is that of the confining sphere. On the plateau the widths don't know it; where the result that was
        given has areas, it is then read off the EISF, 1 - p + p[3j₁(Qa)/Qa]² with the share p of the ions that move,
        and with it length and D (``attrs["verdict"]`` says so).
    """
    names = _models(model)
    runs, many = runs_of(widths, component, window)
    fits = [[_fitted(name, run) for name in names] for run in runs]
    criterion = np.array([[found.criterion for found in row] for row in fits])
    together = criterion.sum(axis=0)  # one law for all temperatures
    taken = int(np.nanargmin(together)) if np.isfinite(together).any() else 0
    chosen = [row[taken] for row in fits]
    along = ("temperature",) if many else ()
    furthest = max(float(run.widths.q.max(initial=0.0)) for run in runs) or 1.0
    momentum = np.linspace(0, 1.08 * furthest, DRAWN)
    q = np.unique(np.concatenate([run.widths.q for run in runs])) if many else runs[0].widths.q

    def each(values: Any) -> Floats:
        array = np.asarray(values, np.float64)
        return array if many else array[0]

    confined = names[taken] == "confined"
    variables = {
        **_quantities(chosen, along, each),
        "radius": Column(
            along, each([_radius(found.values, confined) for found in chosen]), "Å", "radius of the confining sphere"
        ),
        "radius_error": Column(along, each([_radius(found.errors, confined) for found in chosen]), "Å", "its error"),
        "criterion": Column((*along, "model"), each(criterion), "1", "Akaike's criterion, lower is better"),
        "redchi": Column((*along, "model"), each([[f.redchi for f in row] for row in fits]), "1", "reduced χ²"),
        "D_by_model": Column(
            (*along, "model"),
            CM2_S_PER_A2_PS * each([[f.values["D"] for f in row] for row in fits]),
            "cm²/s",
            "diffusion coefficient of each law",
        ),
        "D_by_model_error": Column(
            (*along, "model"),
            CM2_S_PER_A2_PS * each([[f.errors["D"] for f in row] for row in fits]),
            "cm²/s",
            "its standard error",
        ),
        "width": Column((*along, "q"), each([_on(q, run, "width") for run in runs]), "meV", "width (HWHM)"),
        "width_error": Column((*along, "q"), each([_on(q, run, "error") for run in runs]), "meV", "its standard error"),
        "line": Column(
            (*along, "model", "momentum"),
            each([[f.law.width(momentum, *f.best) for f in row] for row in fits]),
            "meV",
            "the law through the widths",
        ),
    }
    coords = {
        "q": Column(("q",), q, "1/Å", "Q"),
        "momentum": Column(("momentum",), momentum, "1/Å", "Q"),
        "model": Column(("model",), names, "1", "law of the width against Q"),
        "end": Column(("end",), ["low", "high"], "1", "end of the interval"),
    }
    if many:
        variables["verdict"] = Column(along, [found.verdict for found in chosen], "1", "what the widths say")
        coords["temperature"] = Column(along, [run.temperature for run in runs], "K", "temperature")
    known = {} if many or np.isnan(runs[0].temperature) else {"temperature": runs[0].temperature}
    return dataset(
        "spectra.fit_jump_model",
        variables,
        coords,
        parameters=dict(model=names, component=component, window=window),
        history=_history(widths),
        title=f"{chosen[0].law.name} law of the quasielastic width",
        model=names[taken],
        chosen=_choice(names, together, taken),
        verdict=_verdict(chosen, runs, many=many),
        error=_whose_errors(chosen, runs),
        report=chosen[0].report,
        component=component,
        **known,
    )


def _models(model: str | Sequence[str]) -> list[str]:
    if model == "auto":
        return list(LAWS)
    names = [str(name) for name in (model if isinstance(model, list | tuple) else [model])]
    for name in names:
        law_of(name)
    if not names or len(set(names)) < len(names):
        raise Refusal(f"model={model!r}", "", "Name one law or several different ones")
    return names


def _fitted(name: str, run: Run) -> Fitted:
    found = fit(law_of(name), run.widths)
    return in_cage(found, cage_of(run.elastic)) if name == "confined" else found


def _quantities(chosen: list[Fitted], along: tuple[str, ...], each: Any) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for name, (unit, what) in SAID.items():
        scale = CM2_S_PER_A2_PS if name == "D" else 1.0
        columns[name] = Column(along, scale * each([f.values[name] for f in chosen]), unit, what)
        columns[f"{name}_error"] = Column(
            along, scale * each([f.errors[name] for f in chosen]), unit, f"standard error of the {what}"
        )
        columns[f"{name}_interval"] = Column(
            (*along, "end"), scale * each([f.intervals[name] for f in chosen]), unit, f"95 % interval of the {what}"
        )
    return columns


def _history(widths: Any) -> list[dict[str, Any]]:
    first = widths if hasattr(widths, "attrs") else widths[0]
    return history_of(first) if hasattr(first, "attrs") else []


def _radius(of: dict[str, float], confined: bool) -> float:
    return of["length"] / LENGTH_OVER_RADIUS if confined else np.nan


def _on(q: Floats, run: Run, which: str) -> Floats:
    """The widths or errors of one run on the Q of all."""
    own: Floats | None = getattr(run.widths, which)
    if own is None or q is run.widths.q:
        return np.full(len(q), np.nan) if own is None else own
    values: Floats = np.full(len(q), np.nan)
    values[np.searchsorted(q, run.widths.q)] = own
    return values


def _choice(names: list[str], criterion: Floats, taken: int) -> str:
    if len(names) == 1:
        return f"{law_of(names[0]).name}, as asked for"
    if not np.isfinite(criterion).any():
        return f"{law_of(names[taken]).name}, for want of widths to compare the laws on"
    gain = criterion - criterion[taken]
    close = [law_of(name).name for name, more in zip(names, gain, strict=True) if 0 < more < ALIKE]
    worse = [f"{law_of(name).name} ({more:.3g})" for name, more in zip(names, gain, strict=True) if more >= ALIKE]
    said = f"{law_of(names[taken]).name} has the lowest criterion"
    said += f"; {' and '.join(close)} can't be told from it (within {ALIKE:g})" if close else ""
    return said + (f"; worse by: {', '.join(worse)}" if worse else "")


def _verdict(chosen: list[Fitted], runs: list[Run], *, many: bool) -> str:
    if not many or len({found.verdict for found in chosen}) == 1:
        return chosen[0].verdict
    return " ".join(f"{run.temperature:g} K: {found.verdict}" for run, found in zip(runs, chosen, strict=True))


def _whose_errors(chosen: list[Fitted], runs: list[Run]) -> str:
    if not chosen[0].with_errors:
        return "from the scatter of the widths about the law, all of the same weight"
    said = "from the errors of the widths"
    if all(run.widths.correlation is not None for run in runs):
        said += " and what they have in common from Q to Q, since they are of the same ions"
    return f"{said}, enlarged where they scatter more widely" if any(found.scaled for found in chosen) else said


def draw(result: Dataset, ax: Axes) -> None:
    """Widths with their errors and the law through them, the others that were compared as dashes."""
    several = "temperature" in result.dims
    panels = [result.isel(temperature=i) for i in range(result.sizes["temperature"])] if several else [result]
    names = [str(name) for name in result.model.values]
    for i, one in enumerate(panels):
        colour = PALETTE[i % len(PALETTE)]
        known = np.isfinite(one.width.values)
        error = np.nan_to_num(one.width_error.values[known])
        ax.errorbar(
            one.q.values[known], one.width.values[known], yerr=error, fmt="o", ms=4.5, capsize=2.5, color=colour,
            label=f"{float(one.temperature):g} K" if several else None,
        )  # fmt: skip
        for j, name in enumerate(names):
            chosen = name == result.attrs["model"]
            if several and not chosen:
                continue
            ax.plot(
                result.momentum.values, one.line.sel(model=name).values,
                color=colour if chosen else PALETTE[(j + 1) % len(PALETTE)], lw=1.6 if chosen else 1.0,
                ls="-" if chosen else "--", zorder=3 if chosen else 2,
                label=None if several else _legend(one, law_of(name).name) if chosen else law_of(name).name,
            )  # fmt: skip
    widths = result.width.values
    if np.isfinite(widths).any():
        ax.set_ylim(0, 1.25 * float(np.nanmax(widths + np.nan_to_num(result.width_error.values))))
    ax.set_xlim(0, float(result.momentum[-1]))
    ax.set_xlabel(label("Q", "1/Å"))
    ax.set_ylabel(label("HWHM", "meV"))
    ax.legend(loc="best")


def _legend(one: Dataset, name: str) -> str:
    lines = [name]
    D, error = float(one.D), float(one.D_error)
    if np.isfinite(D):
        power = int(np.floor(np.log10(abs(D)))) if D else 0
        lines.append(f"D = ({with_error(D / 10.0**power, error / 10.0**power)})·10$^{{{power}}}$ cm²/s")
    for symbol, key, unit in (("τ", "tau", "ps"), ("length", "length", "Å")):
        if np.isfinite(float(one[key])):
            lines.append(f"{symbol} = {with_error(float(one[key]), float(one[f'{key}_error']))} {unit}")
    return "\n".join(lines)
