"""All Q at once: spectra fitted with a law of the width inside, so that lines too alike at one Q are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import CM2_S_PER_A2_PS

from .global_errors import Uncertain, Values, by_covariance, by_replicas, values_of
from .global_model import Together, solve
from .jackknife import FEWEST_PARTS
from .jump_laws import law_of
from .quasielastic_choice import scatter
from .quasielastic_input import arrays, balanced_at, centre_of, chosen_q, spectrum_of, used
from .quasielastic_model import Quasielastic, Terms
from .quasielastic_result import times_mev
from .resolutions import resolutions_of
from .transformed import TransformedResolution

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from .global_model import Solved
    from .jump_laws import Law
    from .quasielastic_input import Measured
    from .quasielastic_model import Spectrum

    Floats = NDArray[np.float64]

FLOOR = {None: 0, "flat": 1, "linear": 2}
MOST = 2  # components
SEEN = 2.0  # standard errors below which a value could as well be 0
NOT_SEEN = "Undetermined: the spectra don't tell this component from the rest."
SAID = {"D": ("cm²/s", "diffusion coefficient"), "tau": ("ps", "residence time"), "length": ("Å", "jump length √⟨l²⟩")}
ROUNDS = 2  # of weights from the scatter, where spectra have no errors


def fit_globally(
    measured: Dataset,
    resolution: Dataset | float | None = None,
    *,
    model: str | Sequence[str] = "chudley-elliott",
    components: int = 1,
    elastic: bool = True,
    background: Literal["linear", "flat"] | None = "linear",
    window: Sequence[float] | None = None,
    temperature: float | None = None,
    q: float | Sequence[float] | None = None,
    exclude_elastic: float | None = None,
    resolution_background: Literal["flat"] | None = "flat",
) -> Dataset:
    r"""Jump lengths and residence times from the spectra at all Q together (C7, C8).

    .. math:: S(Q,E) = R \otimes \Big[ A(Q)\, \delta(E) + \sum_k B_k(Q)\, \mathcal L\big(E; \Gamma(Q; l_k, \tau_k)\big)
        \Big] + b_0(Q) + b_1(Q) E

    Areas and background of each Q are found by linear least squares, no area negative, for every trial of the few
    numbers that all Q share: length and residence time of each component. These are fitted by lmfit from the best
    places of a grid. Two populations whose lines can't be told apart at any small Q are, since both must follow their
    law at every Q.

    Parameters
    ----------
    measured, resolution, background, window, temperature, q, exclude_elastic, resolution_background
        As for :func:`vanhove.spectra.fit_qens`. With a dimension ``replica`` (simulations, or groups of the ions of
        one) their mean is fitted.
    model
        The law of every component's width, see :func:`vanhove.spectra.fit_jump_model`, or one for each component in
        their order.
    components
        1 or 2.
    elastic
        With an elastic line at each Q.

    Returns
    -------
    Dataset
        By ``component``, narrowest first: ``length``, ``tau``, ``D`` with standard errors and ``verdict``; a value less
        than two standard errors from 0 is NaN, and the verdict says what is known. By q: ``width``, ``area``,
        ``area_elastic``, ``eisf``, with errors from the covariance of all parameters, ``redchi`` and ``fit(q,
        energy)``. Errors come from fits with each replica left out; of a single set of spectra from the covariance,
        multiplied by √(reduced χ²) where that is above 1, always where the spectra have no errors: their weights are
        then √(a + bS²), from the scatter about a first fit. Residuals that are correlated between energies and between
        Q, as those of a simulation are, are taken into account as far as they are seen; what moves all energies
        together is not seen, so that without replicas the error of D from one simulation is up to twice too small.
    """
    names = _names(model, components)
    laws = [law_of(name) for name in names]
    if background not in FLOOR:
        raise Refusal(f"background={background!r}", "", 'Give "linear", "flat" or None')
    wanted = chosen_q(_mean(measured), q)
    replicas = _replicas(measured, wanted)
    spectra = arrays(wanted)
    if not (np.isfinite(spectra.q).all() and (spectra.q > 0).all()):
        raise Refusal("A law of the width against Q needs spectra at Q above 0", f"q = {spectra.q}", "Choose with q=")
    found = resolutions_of(wanted, resolution, background=resolution_background)
    kelvin = balanced_at(measured, temperature)
    inside = used(spectra.energy, window, exclude_elastic)
    terms = Terms(components, elastic, FLOOR[background], "lorentzian")
    parts = [
        spectrum_of(spectra, i, inside, seen_by, kelvin, len(terms.linear)) for i, seen_by in enumerate(found.each)
    ]
    rows = [i for i, part in enumerate(parts) if part is not None]
    if len(rows) < 2:
        raise Refusal(
            f"{len(rows)} of {len(parts)} spectra have enough points to be fitted",
            "a law of the width against Q takes two at least",
            "Widen window=, or give spectra at more Q",
        )
    together, solved = _solved(
        spectra.q[rows], [part for part in parts if part is not None], laws, terms, weighted=spectra.errors is not None
    )
    values = values_of(together, solved)
    told = by_covariance(together, solved, errors_given=spectra.errors is not None)
    if replicas is not None and len(replicas) >= FEWEST_PARTS:
        told = replace(told, errors=by_replicas(together, solved, _left_out(replicas, spectra.energy, rows, together)))
    kept = measured.attrs.get("temperature", kelvin)
    known = {} if kept is None else {"temperature": float(kept)}
    units = str(measured["S"].attrs.get("units", "1"))
    verdicts = [_verdict(law.name, values, told.errors, k) for k, law in enumerate(laws)]
    return dataset(
        "spectra.fit_qens",
        {
            **_shared(laws, values, told.errors, verdicts),
            **_by_q(spectra, rows, together, values, told.errors, units),
        },
        {
            "q": Column(("q",), spectra.q, "1/Å", "Q"),
            "energy": Column(("energy",), spectra.energy, "meV", "energy transfer"),
            "component": Column(("component",), np.arange(components), "1", "line, the narrowest first"),
        },
        parameters=dict(
            resolution=found.source, model=names, components=components, elastic=elastic, background=background,
            window=window, temperature=temperature, q=q, exclude_elastic=exclude_elastic,
            resolution_background=resolution_background,
        ),
        history=history_of(measured),
        title=f"Fit of all Q of {measured.attrs.get('title', 'spectra')}",
        model=", ".join(names),
        resolution=found.source,
        resolution_fwhm=float(np.median([one.fwhm for one in found.each])),
        correction="classical" if kelvin is None else "detailed-balance",
        error=_error(told, 0 if replicas is None else len(replicas), errors_given=spectra.errors is not None),
        correlated=told.worth,
        between_q=told.between,
        report=solved.report,
        verdict=" ".join(f"{k}: {one}" for k, one in enumerate(verdicts)) if components > 1 else verdicts[0],
        **known,
    )  # fmt: skip


def _replicas(measured: Dataset, wanted: Dataset) -> Floats | None:
    """S as (replica, q, energy) at the q that are wanted; None of a single one."""
    if "replica" not in measured["S"].dims:
        return None
    chosen = measured["S"].sel(q=wanted["q"]).transpose("replica", "q", "energy")
    return np.asarray(chosen.values, np.float64)


def _mean(measured: Dataset) -> Dataset:
    """The mean over replicas if there are any, with the error of a mean where each has one."""
    if "S" not in measured or "replica" not in measured["S"].dims:
        return measured
    mean = measured[["S"]].mean("replica", skipna=False)
    if "S_error" in measured:
        mean["S_error"] = (measured["S_error"] ** 2).sum("replica", skipna=False) ** 0.5 / measured.sizes["replica"]
    mean.attrs, mean["S"].attrs = measured.attrs, measured["S"].attrs
    return mean


def _left_out(replicas: Floats, energy: Floats, rows: list[int], model: Together) -> list[list[Floats]]:
    """The spectra that are fitted, as means over all replicas but one, for each of them."""
    total, n = replicas.sum(axis=0), len(replicas)
    at = [np.searchsorted(energy, part.energy) for part in model.spectra]
    means = [(total - one) / (n - 1) for one in replicas]
    return [[mean[row, place] for row, place in zip(rows, at, strict=True)] for mean in means]


def _names(model: str | Sequence[str], components: int) -> list[str]:
    if isinstance(components, bool) or components not in range(1, MOST + 1):
        raise Refusal(f"components={components!r}", "", f"Give 1 to {MOST}")
    names = list(model) if isinstance(model, list | tuple) else [str(model)] * components
    if len(names) != components:
        raise Refusal(f"{len(names)} laws for {components} components", "", "Give one for all, or one for each")
    return names


def _solved(
    q: Floats, parts: list[Spectrum], laws: list[Law], terms: Terms, *, weighted: bool
) -> tuple[Together, Solved]:
    """The fit; without errors weighed by the scatter about an earlier one."""
    centres = np.array([_centre(part, terms) for part in parts])
    together = Together(q, parts, laws, centres, elastic=terms.elastic, background=terms.background)
    solved = solve(together)
    for _ in range(0 if weighted else ROUNDS):
        values = values_of(together, solved)
        fits = [together.design(i, row) @ values.amounts[i] * parts[i].errors for i, row in enumerate(values.width)]
        parts = [part._replace(errors=scatter(part.values, fit)) for part, fit in zip(parts, fits, strict=True)]
        together = Together(q, parts, laws, centres, elastic=terms.elastic, background=terms.background)
        solved = solve(together)
    return together, solved


def _centre(part: Spectrum, terms: Terms) -> float:
    """Where the elastic line is: known of a simulation, fitted with one line otherwise."""
    if isinstance(part.resolution, TransformedResolution):
        return 0.0
    one = Terms(1, terms.elastic, terms.background, "lorentzian")
    return Quasielastic(part, one).fit(centre_of(part)).values["centre"]


def _verdict(name: str, values: Values, errors: Values, k: int) -> str:
    length, tau, D = (_known(values, errors, what)[k] for what in ("length", "tau", "D"))
    if name == law_of("fick").name:
        return "fitted; Fick's law has neither length nor residence time" if D else NOT_SEEN
    if length and tau:
        return "fitted"
    if D:
        return "Only D is determined: length and residence time can't be separated at these Q."
    if tau:
        return "Only the residence time is determined: the widths are flat at these Q."
    return NOT_SEEN


def _known(values: Values, errors: Values, what: str) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = getattr(values, what) > SEEN * getattr(errors, what)
    return known


def _shared(laws: list[Law], values: Values, errors: Values, verdicts: list[str]) -> dict[str, Column]:
    """What all Q share, by component."""
    columns = {"verdict": Column(("component",), verdicts, "1", "what the spectra say")}
    has_length = np.array([law.shape is not None for law in laws])
    for name, (unit, what) in SAID.items():
        scale = CM2_S_PER_A2_PS if name == "D" else 1.0
        known = _known(values, errors, name) & (has_length | (name == "D"))
        for suffix, of, called in (("", values, what), ("_error", errors, f"standard error of the {what}")):
            columns[name + suffix] = Column(
                ("component",), np.where(known, scale * getattr(of, name), np.nan), unit, called
            )
    return columns


def _by_q(
    spectra: Measured, rows: list[int], model: Together, values: Values, errors: Values, units: str
) -> dict[str, Column]:
    """What each Q has of its own, NaN where it was not fitted."""
    lines, area = model.lines, times_mev(units)

    def placed(found: Floats) -> Floats:
        table = np.full((len(spectra.q), *found.shape[1:]), np.nan)
        table[rows] = found
        return table

    fit, redchi = np.full(spectra.values.shape, np.nan), []
    for i, (row, part) in enumerate(zip(rows, model.spectra, strict=True)):
        design = model.design(i, values.width[i])
        curve = design @ values.amounts[i]
        fit[row, np.searchsorted(spectra.energy, part.energy)] = curve * part.errors
        redchi.append(((part.values / part.errors - curve) ** 2).sum() / max(len(curve) - design.shape[1], 1))
    table = {
        "width": (("q", "component"), values.width, errors.width, "meV", "width of a line (HWHM)"),
        "area": (("q", "component"), values.amounts[:, :lines], errors.amounts[:, :lines], area, "area of a line"),
        "eisf": (("q",), values.eisf, errors.eisf, "1", "elastic incoherent structure factor"),
    }
    if model.elastic:
        still = values.amounts[:, lines], errors.amounts[:, lines]
        table["area_elastic"] = (("q",), *still, area, "area of the elastic line")
    columns = {}
    for name, (dims, found, error, unit, what) in table.items():
        columns[name] = Column(dims, placed(found), unit, what)
        columns[f"{name}_error"] = Column(dims, placed(error), unit, "its standard error")
    return {
        **columns,
        "redchi": Column(("q",), placed(np.array(redchi)), "1", "reduced χ²"),
        "S": Column(("q", "energy"), spectra.values, units, "spectrum"),
        "fit": Column(("q", "energy"), fit, units, "fit"),
    }


def _error(told: Uncertain, replicas: int, *, errors_given: bool) -> str:
    if replicas >= FEWEST_PARTS:
        return f"from fits with each of {replicas} replicas left out"
    said = "covariance with the errors given" if errors_given else "covariance, scaled by the scatter about the fit"
    if told.worth > 1.05:
        said += f"; {told.worth:.2g} points count as one, since residuals of neighbouring energies are alike"
    if told.between > 0:
        said += (
            f"; residuals of neighbouring Q are {told.between:.2f} correlated, which is in it. What moves all energies "
            "together, as it does in one simulation, is not: give groups of its ions as replicas"
        )
    return said
