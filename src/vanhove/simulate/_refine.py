"""Potential parameters against a measured structure factor: trial runs, each kept, and the distance R_χ of each."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.files import digest
from vanhove.base.results import Column, dataset

from ._protocol import Protocol, as_protocol
from ._run import run
from .pairwise import Pairwise

if TYPE_CHECKING:
    from ase import Atoms
    from xarray import Dataset

    from .stages import Stage

CHARGES = "charges"
Trial = tuple[float, ...]  # a factor for each parameter
Factors = Mapping[str, Sequence[float] | Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Refined:
    """What a refinement found."""

    trials: Dataset  # R_chi(trial), R_chi_error(trial), factor(trial, parameter)
    potential: Pairwise[Any]  # that of the best trial
    directory: Path  # of the best trial's run


def refine(
    atoms: Atoms,
    potential: Pairwise[Any],
    protocol: Protocol | Sequence[Stage],
    measured: Any,
    window: Sequence[float],
    directory: str | os.PathLike[str],
    *,
    vary: Factors,
    further: int = 0,
    weights: Literal["neutron", "xray"] = "xray",
    kind: Literal["S", "S-1", "I", "sum"] | None = None,
    columns: Sequence[int] | None = None,
    width: float = 0.05,
    seed: int = 1,
    ranks: int | None = None,
) -> Refined:
    r"""Scale parameters of a pair potential until its S(Q) is nearest to a measured one (E7).

    .. math:: R_\chi(\mathbf f) = \sqrt{\frac{\sum_k [m_k - c_k(\mathbf f)]^2}{\sum_k m_k^2}}

    for factors f on the parameters, every combination of those given, then ``further`` ones by a simplex (Nelder and
    Mead, on ln f) from the best, within the lowest and the highest given. All trials begin with the same atoms, the
    same velocities and the same protocol. Each run is kept in a folder of its own: called again, with more
    factors or more of ``further``, nothing that was run is run again.

    Parameters
    ----------
    atoms
        What every trial begins with.
    potential
        What is refined: by name, or from :func:`buckingham` or :func:`pedone`.
    protocol
        With a production, of which S(Q) is computed; it may make the glass, too.
    measured, window, kind, columns
        As for :func:`vanhove.structure.compare_structure_factor`.
    directory
        A folder for the runs.
    vary
        Which parameters, and by which factors: ``{"S-S": {"C": [1, 2, 4]}}``, or of all charges together
        ``{"charges": [0.9, 1.0, 1.1]}``.
    further
        How many trials more, at most.
    weights
        What was measured with.
    width
        1/Å, of the bins of the computed S(Q).
    seed, ranks
        As for :func:`run`.

    Returns
    -------
    Refined
        ``trials``, the ``potential`` of the best one, and the ``directory`` of its run. The error of R_χ is that of the
        computed points, taken as independent; ``trials.attrs["verdict"]`` says whether the best is better than the
        second by more than it. A nearer S(Q) alone is no better potential: look at bonds and densities, too.
    """
    plan = as_protocol(protocol)
    if plan.production is None:
        raise Refusal("The protocol produces no trajectory", "", "End it with simulate.Produce(...)")
    names = _parameters(potential, vary)
    lists = [_factors(vary, name) for name in names]
    folder, q_max = Path(directory), float(window[1]) + 2 * width
    found: dict[Trial, tuple[float, float]] = {}

    def tried(factors: Trial) -> float:
        if factors not in found:
            found[factors] = _distance(factors)
        return found[factors][0]

    def _distance(factors: Trial) -> tuple[float, float]:
        from vanhove.structure import compare_structure_factor, structure_factor

        changed = scaled(potential, dict(zip(names, factors, strict=True)))
        finished = run(atoms, changed, plan, _folder(folder, changed), seed=seed, ranks=ranks)
        computed = structure_factor(finished.trajectory, q_max, width, weights=weights)
        compared = compare_structure_factor(computed, measured, window, kind=kind, columns=columns)
        return float(compared["R_chi"]), _error(compared)

    for combination in product(*lists):
        tried(combination)
    if further > 0:
        _simplex(tried, lists, min(found, key=lambda one: found[one][0]), further)
    best = min(found, key=lambda one: found[one][0])
    nearest_potential = scaled(potential, dict(zip(names, best, strict=True)))
    parameters = dict(
        vary={" ".join(name): list(values) for name, values in zip(names, lists, strict=True)}, further=further,
        window=[float(one) for one in window], weights=weights, kind=kind, width=width, seed=seed,
        potential=potential.to_dict(), protocol=plan.to_dict(),
    )  # fmt: skip
    return Refined(_table(found, names, potential, parameters), nearest_potential, _folder(folder, nearest_potential))


def scaled(potential: Pairwise[Any], factors: Mapping[tuple[str, ...], float]) -> Pairwise[Any]:
    """The potential with parameters multiplied: ``{("S-S", "C"): 4.0, ("charges",): 0.9}``."""
    pairs, charges = dict(potential.pairs), dict(potential.charges)
    for name, factor in factors.items():
        if name == (CHARGES,):
            charges = {label: charge * factor for label, charge in charges.items()}
        else:
            pair, parameter = name
            pairs[pair] = replace(pairs[pair], **{parameter: getattr(pairs[pair], parameter) * factor})
    return replace(potential, pairs=pairs, charges=charges)


def _parameters(potential: Pairwise[Any], vary: Factors) -> list[tuple[str, ...]]:
    if not isinstance(potential, Pairwise):
        raise Refusal("Only a pair potential can be refined", f"this is {potential!r}"[:80], "Train a model instead")
    if not vary:
        raise Refusal("Nothing is varied", "", 'Give vary={"S-S": {"C": [1, 2, 4]}}')
    names: list[tuple[str, ...]] = []
    for label, asked in vary.items():
        if label == CHARGES:
            names.append((CHARGES,))
            continue
        if label not in potential.pairs:
            raise Refusal(f"The potential has no pair '{label}'", "vary", nearest(label, [*potential.pairs, CHARGES]))
        known = [name for name, value in vars(potential.pairs[label]).items() if isinstance(value, float | int)]
        for parameter in asked:
            if parameter not in known:
                raise Refusal(f"The pair {label} has no '{parameter}'", "vary", nearest(str(parameter), known))
            if not getattr(potential.pairs[label], str(parameter)):
                warn(f"{parameter} of {label} is 0, and stays 0 by any factor", "vary", "Give it a value first")
            names.append((label, str(parameter)))
    return names


def _factors(vary: Factors, name: tuple[str, ...]) -> list[float]:
    asked: Any = vary[name[0]] if len(name) == 1 else vary[name[0]][name[1]]  # type: ignore[call-overload]
    values = sorted({float(value) for value in asked}) if isinstance(asked, Sequence) else []
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise Refusal(f"{asked!r} are no factors", f"vary, {' '.join(name)}", "Give a list of positive numbers")
    return values


def _folder(folder: Path, potential: Pairwise[Any]) -> Path:
    return folder / f"trial-{digest(repr(potential.to_dict()))[:12]}"


def _error(compared: Dataset) -> float:
    """Standard error of R_χ by those of the computed points: dR/dc = (c - m)/(R Σm²)."""
    away, spread = compared["difference"].values, compared["computed_error"].values
    R, norm = float(compared["R_chi"]), float((compared["measured"].values ** 2).sum())
    return float(np.sqrt(np.nansum((away * spread) ** 2)) / (R * norm)) if R > 0 else 0.0


def _simplex(tried: Any, lists: Sequence[Sequence[float]], best: Trial, further: int) -> None:
    from scipy.optimize import minimize

    open_ = [place for place, values in enumerate(lists) if len(values) > 1]
    if not open_:
        raise Refusal("There is no room between the factors", "one for each parameter", "Give two or more of one")
    bounds = [(math.log(lists[place][0]), math.log(lists[place][-1])) for place in open_]
    start = np.array([math.log(best[place]) for place in open_])

    def distance(logarithms: Any) -> float:
        factors = list(best)
        for place, value in zip(open_, logarithms, strict=True):
            factors[place] = round(math.exp(value), 6)  # the same trial is the same run
        found: float = tried(tuple(factors))
        return found

    corners = list(_corners(start, bounds))
    minimize(
        distance, start, method="Nelder-Mead", bounds=bounds,
        options={"maxfev": further + len(corners), "initial_simplex": corners, "xatol": 1e-3, "fatol": 1e-5},
    )  # fmt: skip


def _corners(start: Any, bounds: Sequence[tuple[float, float]]) -> Iterator[Any]:
    """The best one, and from it half way to the farther end of each parameter."""
    yield start
    for place, (low, high) in enumerate(bounds):
        corner = start.copy()
        end = high if high - start[place] >= start[place] - low else low
        corner[place] = (start[place] + end) / 2
        yield corner


def _table(
    found: Mapping[Trial, tuple[float, float]], names: Sequence[tuple[str, ...]], potential: Pairwise[Any],
    parameters: Mapping[str, Any],
) -> Dataset:  # fmt: skip
    order = sorted(found, key=lambda one: found[one][0])
    distances, errors = np.array([found[one] for one in order]).T
    result = dataset(
        "simulate.refine",
        {
            "R_chi": Column(("trial",), distances, "1", "relative distance of S(Q) from the measured one"),
            "R_chi_error": Column(("trial",), errors, "1", "standard error of it by that of the computed points"),
            "factor": Column(("trial", "parameter"), np.array(order), "1", "factor on the parameter"),
        },
        {
            "trial": Column(("trial",), np.arange(1, len(order) + 1), "1", "trial, the best first"),
            "parameter": Column(("parameter",), [" ".join(name) for name in names], "1", "parameter"),
        },
        parameters=dict(parameters), history=[], title=f"Refinement of {potential.name}",
    )  # fmt: skip
    result.attrs["verdict"] = _verdict(distances, errors)
    return result


def _verdict(distances: Any, errors: Any) -> str:
    if len(distances) < 2:
        return "One trial: there is nothing to compare it with."
    apart, error = distances[1] - distances[0], math.hypot(errors[0], errors[1])
    better = "better than the second by more than" if apart > error else "not better than the second by more than"
    return f"The best trial is {better} their standard error ({apart:.2g}, {error:.2g})."
