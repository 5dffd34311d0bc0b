"""The whole way in one step: which ions of a run are soft, how sure that is, and whether the soft ones hop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset
from vanhove.dynamics._d2min import d2min
from vanhove.dynamics._jumps import jumps
from vanhove.structure._steinhardt import steinhardt

from ._features import features
from .agreement import Agreement, agreement
from .hopping import hop_probability
from .kept import MODEL, columns, model_of
from .labelling import LEFT_OUT, labels, labels_of_samples
from .order import order_of
from .scores import CLASS_COLOURS, distribution
from .strength import STRENGTHS
from .training import CHANCE, train

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .model import SoftnessModel

FRAMES = 20  # of the run, where nobody says how many
BINS = 8  # of S, in which hops are counted
HOP = "hop_threshold"  # Å, kept with the model
LABEL = {"units": "1", "long_name": "1 mobile, 0 immobile, -1 left out"}


class Judged(NamedTuple):
    """A model, what it says of the ions of the run, and how far that is right."""

    model: SoftnessModel
    scores: Dataset
    found: Agreement
    held_out: str  # in words
    trained_on: str  # in words; "" for this run
    summary: str
    verdict: str


def soft_ions(
    traj: Trajectory,
    species: str | Sequence[str],
    *,
    width: float = 0.2,
    cutoff: float = 10.0,
    surroundings: float = 5.0,
    step: float = 1.0,
    window: float | None = None,
    quantiles: float | Sequence[float] = 0.5,
    C: float | Sequence[float] = STRENGTHS,
    groups: str | None = None,
    every: int | None = None,
    within: float | None = None,
    threshold: float | None = None,
    order: int | None = 12,
    trained_on: Dataset | SoftnessModel | str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> Dataset:
    r"""Softness of the ions of a run, from a model of the same run or of another one, and their hops by it (F2-F4).

    .. math:: S(i) = \frac{1}{|\mathbf W|} \Big( \sum_k W_k \frac{G_k(i) - \bar G_k}{\sigma_k} + b \Big)

    Labels are made of D²_min, the model is a logistic regression, and every S is that of models from which the ion (or
    the stretch of the run) was held out. :func:`features`, :func:`labels`, :func:`train` and :func:`hop_probability`
    are the steps, to be taken one by one.

    Parameters
    ----------
    traj
        Frames close enough together to see jumps.
    species
        Whose softness.
    width, cutoff
        Of the shells (Å), as for :func:`features`.
    surroundings, step
        Å and ps: the cut-off and the step of :func:`vanhove.dynamics.d2min`.
    window, quantiles
        As for :func:`labels`; by default the run and its median.
    C, groups, seed
        As for :func:`train`. Of the several C that are the default each model chooses one by cross-validation of what
        it is trained on, without what is held out.
    every
        Each how many frames there are features, a multiple of the step; by default so that there are about 20.
    within
        ps, as for :func:`hop_probability`; a step of D²_min by default.
    threshold
        Å, the least length of a hop, as for :func:`vanhove.dynamics.jumps`. With ``trained_on`` that of the model's run
        by default, since rates of hops that are counted otherwise could not be compared.
    order
        Neighbours of the order parameter q̄6 that is kept beside the softness of every sample, of all species; left out
        where the run has no more atoms than that, and with None.
    trained_on
        The result of another run, a model of :func:`train`, or a file of either: nothing is trained, and S is what that
        model says of the ions of this run. Shells are the model's.

    Returns
    -------
    ``accuracy`` (balanced, of ions that the model did not see) with its standard error and ``training_accuracy``, that
    of what it did see; ``ranking``, the probability that a mobile ion is softer than an immobile one, which does not
    depend on where S is 0; ``S(atom)``, the mean softness of each ion; ``mean_S(group)`` of the mobile and the immobile
    with its error and ``P(group, S)``, their distributions; ``hops(bin)``, the probability to hop within the time at
    ``softness(bin)``, ``slope`` of the logarithm of the rate of hops against S, and ``soft_rate`` and ``hard_rate``,
    the rates of ions with S above and below 0; ``W(pair, r)`` beside ``g(pair, r)``. Variables that begin with
    ``model_`` and ``sample_`` are the model, for ``trained_on=`` of other runs, and the softness of every sample.
    """
    motion = d2min(traj, species, surroundings, step)
    marked = labels(motion, quantiles=quantiles, window=window)
    frames = _every(traj, step, motion, every)
    if trained_on is None:
        judged = _trained(features(traj, species, width, cutoff, every=frames), marked, C, groups, seed)
    else:
        judged = _taken_over(model_of(trained_on), traj, species, frames, marked)
    model, scores = judged.model, judged.scores
    if order is not None and order < traj.whole_system.n_atoms:
        scores = _with_order(traj, species, frames, order, scores)
    least = model.data.attrs.get(HOP) if threshold is None else threshold
    span, happened = step if within is None else within, jumps(traj, species, threshold=least)
    hops = hop_probability(scores, happened, span, BINS)
    sides = hop_probability(scores, happened, span, [-np.inf, 0.0, np.inf])
    labelled = scores.isel(sample=np.flatnonzero(scores["label"].values != LEFT_OUT))
    spread, weights = distribution(labelled), model.weights()
    atoms = np.unique(scores["atom"].values)
    mean = _mean_of_ions(scores, atoms)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    kept, told = columns(model, scores)
    told[f"{MODEL}{HOP}"] = float(happened.attrs["threshold"])
    one = judged.found
    return dataset(
        "softness.soft_ions",
        {
            "accuracy": Column((), one.accuracy, "1", "balanced accuracy of ions that the model did not see"),
            "accuracy_error": Column((), one.accuracy_error, "1", "its standard error"),
            "training_accuracy": Column((), model.training_accuracy, "1", "balanced accuracy of what was trained on"),
            "ranking": Column((), one.ranking, "1", "probability that a mobile ion is softer than an immobile one"),
            "ranking_error": Column((), one.ranking_error, "1", "standard error of that probability"),
            "S": Column(("atom",), mean, "1", "mean softness of the ion"),
            "P": Column(("group", "S_value"), spread["P"].values, "1", "distribution of softness"),
            "mean_S": Column(("group",), spread["mean"].values, "1", "mean softness"),
            "mean_S_error": Column(("group",), spread["mean_error"].values, "1", "standard error of the mean softness"),
            "hops": Column(("bin",), hops["P"].values, "1", f"probability to hop within {span:g} ps"),
            "hops_error": Column(("bin",), hops["P_error"].values, "1", "standard error of the probability"),
            "slope": Column((), float(hops["slope"]), "1", "slope of ln k against S"),
            "slope_error": Column((), float(hops["slope_error"]), "1", "standard error of the slope"),
            **{
                f"{name}_rate{end}": Column((), float(sides[f"rate{end}"][k]), "1/ps", f"{words}, S {where}")
                for k, name, where in ((0, "hard", "below 0"), (1, "soft", "above 0"))
                for end, words in (("", "rate of hops of ions"), ("_error", "error of the rate of hops of ions"))
            },
            "W": Column(("pair", "r"), weights["W"].values, "1", "weight of the standardised function"),
            "W_error": Column(("pair", "r"), weights["W_error"].values, "1", "standard error of the weight"),
            "g": Column(("pair", "r"), weights["g"].values, "1", "pair distribution function of the ions"),
            **kept,
        },
        {
            "index": Column(("atom",), atoms, "1", "number of the atom in the trajectory"),
            "atom_species": Column(("atom",), traj.species[atoms], "1", "species of the atom"),
            "group": Column(("group",), spread["group"].values, "1", "class of the ions"),
            "S_value": Column(("S_value",), spread["S"].values, "1", "softness S"),
            "softness": Column(("bin",), hops["S"].values, "1", "mean softness of the bin"),
            "pair": Column(("pair",), weights["pair"].values, "1", "ion and neighbour"),
            "r": Column(("r",), weights["r"].values, "Å", "middle of the shell"),
        },
        parameters=dict(
            species=species, width=width, cutoff=cutoff, surroundings=surroundings, step=step, window=window,
            quantiles=quantiles, C=C, groups=groups, every=every, within=within,
            threshold=threshold, order=order, trained_on=judged.trained_on or None, seed=seed,
        ),
        history=list(traj.history),
        title=f"Softness of {model.species}",
        fingerprint=traj.fingerprint,
        species=model.species,
        summary=judged.summary,
        held_out=judged.held_out,
        trained_on=judged.trained_on,
        within=float(span),
        hop_threshold=float(happened.attrs["threshold"]),
        verdict=f"{judged.verdict}; {hops.attrs['verdict']}",
        **told,
        **known,
    )  # fmt: skip


def _trained(found: Dataset, marked: Dataset, C: float | Sequence[float], groups: str | None, seed: int) -> Judged:
    """A model of this run; S is that of models from which the ion or the stretch of the run was held out."""
    model = train(found, marked, C, groups=groups, seed=seed)
    scores = model.held_out
    ranked = agreement(scores, scores["label"].values)
    one = ranked._replace(accuracy=model.accuracy, accuracy_error=model.accuracy_error)  # by folds, not by all at once
    told = model.data.attrs
    return Judged(model, scores, one, str(told["held_out"]), "", model.summary, str(told["verdict"]))


def _taken_over(
    model: SoftnessModel, traj: Trajectory, species: str | Sequence[str], every: int, marked: Dataset
) -> Judged:
    """What a model of another run says of the ions of this one."""
    told = model.data.attrs
    around = list(dict.fromkeys(pair.split("-")[1] for pair in model.data["pair"].values.tolist()))
    width, cutoff = float(told["width"]), float(told["cutoff"])
    found = features(traj, species, width, cutoff, neighbours=around, every=every)
    classes = labels_of_samples(marked, found)
    scores = model.score(found).assign(label=(("sample",), classes, LABEL))
    one = agreement(scores, classes)
    where = f"{model.species} at {float(told['temperature']):g} K" if "temperature" in told else "another run"
    there, here, ranked = (
        f"{100 * value:.1f} ± {100 * error:.1f} %"
        for value, error in (
            (model.accuracy, model.accuracy_error), (one.accuracy, one.accuracy_error), (one.ranking, one.ranking_error)
        )
    )  # fmt: skip
    holds = one.ranking - CHANCE * one.ranking_error > 0.5
    return Judged(
        model, scores, one, f"all of this run; the model is that of {where}", where,
        f"Softness of {model.species} by the model of {where}, which has {there} right of what was held out there. Of "
        f"this run, which it was not trained on, it has {here} right; of a mobile and an immobile sample the mobile is "
        f"the softer in {ranked}.",
        "holds here, too" if holds else "no better than guessing here",
    )  # fmt: skip


def _with_order(
    traj: Trajectory, species: str | Sequence[str], every: int, number: int, scores: Dataset
) -> Dataset:  # fmt: skip
    """The scores with q̄6 of every sample beside them."""
    found = steinhardt(traj.every(every), species, l=6, number=number, per_frame=True)
    about = {"units": "1", "long_name": str(found["q"].attrs["long_name"])}
    return scores.assign(q=(("sample",), order_of(found, scores), about))


def _every(traj: Trajectory, step: float, motion: Dataset, every: int | None) -> int:
    """Each how many frames there are features: where steps of D²_min begin, or they would have no label."""
    frames = max(1, round(step / traj.spacing))
    if every is None:
        return frames * max(1, motion.sizes["frame"] // FRAMES)
    if every < 1 or every % frames:
        raise Refusal(f"every={every}", f"a step of {step:g} ps is {frames} frames", "Give a multiple of that")
    return every


def _mean_of_ions(scores: Dataset, atoms: NDArray[np.int64]) -> NDArray[np.float64]:
    """NaN for an ion that no frame has a label of."""
    S = scores["S"].values
    known = np.isfinite(S)
    row = np.searchsorted(atoms, scores["atom"].values[known])
    counts = np.bincount(row, minlength=len(atoms))
    summed = np.bincount(row, S[known], minlength=len(atoms))
    mean: NDArray[np.float64] = np.divide(summed, counts, out=np.full(len(atoms), np.nan), where=counts > 0)
    return mean


def draw(result: Dataset, ax: Axes) -> None:
    """How S is distributed among the mobile and the immobile, and the probability to hop at the right."""
    S = result["S_value"].values
    half = 0.5 * float(S[1] - S[0]) if len(S) > 1 else 0.1
    edges = np.append(S - half, S[-1] + half)
    for k, name in enumerate(result["group"].values.tolist()):
        colour = CLASS_COLOURS.get(name, PALETTE[6])
        ax.stairs(result["P"].values[k], edges, fill=True, color=colour, alpha=0.3)
        ax.stairs(result["P"].values[k], edges, color=colour, label=name)
    right = ax.twinx()
    right.grid(visible=False)
    right.spines["right"].set_visible(True)
    softness, hops, error = (result[name].values for name in ("softness", "hops", "hops_error"))
    right.errorbar(softness, hops, error, color="black", marker="o", markersize=4, linewidth=1.2, label="hops")
    right.set_ylabel(f"probability to hop within {float(result.attrs['within']):g} ps")
    right.set_ylim(0, 1.35 * max(float(np.nanmax(hops + error)), 1e-6) if np.isfinite(hops + error).any() else 1)
    told = f"accuracy {100 * float(result['accuracy']):.1f} ± {100 * float(result['accuracy_error']):.1f} %"
    told += f", model of {result.attrs['trained_on']}" if result.attrs["trained_on"] else ", held out"
    ax.set(xlabel=f"softness S of {result.attrs['species']}", ylabel="distribution P(S)")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])  # room for the legend
    lines = [part for one in (ax, right) for part in zip(*one.get_legend_handles_labels(), strict=True)]
    ax.legend([line for line, _ in lines], [name for _, name in lines], title=told, loc="upper center", ncols=4)
