"""Training: the plane in the space of surroundings that tells mobile ions from immobile ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset, history_of

from .labelling import IMMOBILE, LEFT_OUT, MOBILE, label_attributes, labels_of_samples
from .model import SoftnessModel
from .plane import balanced_accuracy, fit, one_thread
from .splits import split
from .strength import candidates, chosen

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from .plane import Plane
    from .splits import Fold, Split

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CHANCE = 2.0  # standard errors from 50 %: closer, and there is nothing that was learnt


class Held(NamedTuple):
    """What the folds found: each one's accuracies, plane and C, and the S of every sample while it was held out."""

    accuracy: Floats
    training: Floats
    planes: list[Plane]
    S: Floats
    strengths: list[float]


def train(
    features: Dataset,
    labels: Dataset | NDArray[Any] | Sequence[Any],
    C: float | Sequence[float] = 1.0,
    *,
    groups: str | Sequence[Any] | NDArray[Any] | None = None,
    gap: float | None = None,
    test_fraction: float = 0.2,
    repeats: int = 3,
    seed: int = 0,
    balance: bool = True,
) -> SoftnessModel:
    r"""Train a model of softness: logistic regression on standardised radial structure functions (F2).

    .. math::

        S(i) = \frac{1}{|\mathbf W|} \Big( \sum_k W_k \frac{G_k(i) - \bar G_k}{\sigma_k} + b \Big)

    S is the signed distance to the plane, positive where an ion is expected to be mobile. The mean and the standard
    deviation of each feature are those of the training set. Minimised is
    :math:`\tfrac12 |\mathbf W|^2 + C \sum_i \ln(1 + e^{-y_i(\mathbf W \cdot \mathbf x_i + b)})`.

    The accuracy is that of ions whose group was held out, as a whole, while a model was trained on the others:
    stretches of the run, with what lies within the gap of them used for neither, or ions. The balanced accuracy is the
    mean of the shares of mobile and of immobile ions that are recognised: 0.5 by guessing, however many there are of
    each. Its standard error is the spread of the folds. The model itself is then trained on all labelled samples.

    Parameters
    ----------
    features
        Of :func:`vanhove.softness.features`.
    labels
        Of :func:`vanhove.softness.labels`, or one value for each sample: true or 1 mobile, false or 0 immobile, -1 left
        out.
    C
        Inverse strength of the regularisation; or several, of which the smallest within a standard error of the best is
        taken. Each model chooses by cross-validation of what it is trained on, so that the accuracy of what is held out
        from it stays honest.
    groups
        What is held out: ``"frames"`` (stretches of the run), ``"atoms"``, or the group of each sample, for example
        the run that it is from. By default frames, or atoms where there are few frames or where the label of each ion
        is the same in all of them (held-out frames would show the same ions again).
    gap
        ps around held-out frames that are not trained on; by default the window of the labels, one frame at the least.
    test_fraction
        Share of the groups that each fold holds out; every group is held out once in each repetition.
    repeats, seed
        Repetitions with other folds, and the random numbers that draw them.
    balance
        Whether the two classes weigh the same, however many ions are in each.
    """
    strengths = candidates(C)
    if "G" not in features:
        raise Refusal("There is no G in this dataset", "", "Give the result of vanhove.softness.features")
    table = np.asarray(features["G"].values, np.float64)
    classes = labels_of_samples(labels, features)
    counts = {code: int((classes == code).sum()) for code in (MOBILE, IMMOBILE)}
    for code, word in ((MOBILE, "mobile"), (IMMOBILE, "immobile")):
        if counts[code] == 0:
            raise Refusal(f"No sample is {word}", f"{len(classes)} samples", "Give labels of both classes")
    said = label_attributes(labels)
    window = 0.0 if said.get("whole_run", 1) else float(said["window"])
    folds = split(features, classes, groups, gap, window, test_fraction, repeats, seed)

    def pick(trained: Bools) -> float:
        way = groups if folds.kind == "groups" else folds.kind
        return chosen(strengths, trained, features, classes, way, folds.gap, seed, balance)

    used = classes != LEFT_OUT
    with one_thread():
        held = _held_out(table, classes, folds, pick, balance)
        strength = pick(used)
        plane = fit(table[used], classes[used], strength, balance)
    accuracy, accuracy_error = _with_error(held.accuracy, folds.per_repeat)
    training, training_error = _with_error(held.training, folds.per_repeat)
    verdict = "learnt" if accuracy - CHANCE * accuracy_error > 0.5 else "no better than guessing"
    names = (
        "species", "width", "cutoff", "temperature", "fingerprint", "height_a", "height_b", "height_c", "last_time",
    )  # fmt: skip
    kept = ("frame", "atom", "time", "place_a", "place_b", "place_c")
    samples = {n: Column(("sample",), features[n].values, **_said(features, n)) for n in kept if n in features.coords}
    return SoftnessModel(
        dataset(
            "softness.weights",
            {
                "weight": Column(("feature",), plane.weight, "1", "weight W of the standardised function"),
                "weight_error": Column(("feature",), _jackknife(held.planes, folds), "1", "standard error of W"),
                "intercept": Column((), plane.intercept, "1", "intercept b"),
                "mean": Column(("feature",), plane.mean, "1", "mean of the training set"),
                "deviation": Column(("feature",), plane.deviation, "1", "standard deviation of the training set"),
                "g": Column(("feature",), _g(features), "1", "mean over ions, over that of a gas"),
                "accuracy": Column((), accuracy, "1", "balanced accuracy of what was held out"),
                "accuracy_error": Column((), accuracy_error, "1", "its standard error"),
                "training_accuracy": Column((), training, "1", "balanced accuracy of what was trained on"),
                "training_accuracy_error": Column((), training_error, "1", "its standard error"),
                "fold_accuracy": Column(("fold",), held.accuracy, "1", "balanced accuracy of the fold"),
                "fold_trained": Column(("fold",), [int(f.train.sum()) for f in folds.folds], "1", "samples trained on"),
                "fold_held_out": Column(("fold",), [int(f.test.sum()) for f in folds.folds], "1", "samples held out"),
                "fold_C": Column(("fold",), held.strengths, "1", "C of the fold"),
                "S": Column(("sample",), held.S, "1", "softness, found while the sample was held out"),
                "label": Column(("sample",), classes, "1", "1 mobile, 0 immobile, -1 left out"),
            },
            {
                "pair": Column(("feature",), features["pair"].values, "1", "ion and neighbour"),
                "r": Column(("feature",), features["r"].values, "Å", "middle of the shell"),
                **samples,
            },
            parameters=dict(
                C=C, groups=folds.kind, gap=folds.gap, test_fraction=test_fraction, repeats=repeats, seed=seed,
                balance=balance,
            ),
            history=history_of(features),
            title=f"Model of the softness of {features.attrs['species']}",
            held_out=folds.told,
            gap=folds.gap,
            mobile=counts[MOBILE],
            immobile=counts[IMMOBILE],
            C=strength,
            C_among=", ".join(f"{one:g}" for one in strengths) if len(strengths) > 1 else "",
            verdict=verdict,
            **{name: features.attrs[name] for name in names if name in features.attrs},
            **{f"label_{n}": said[n] for n in ("low", "high", "window") if n in said},
        )
    )  # fmt: skip


def cross_validate(table: Floats, classes: Ints, folds: Split, C: float, balance: bool) -> tuple[float, float]:
    """Balanced accuracy of what is held out, and its standard error."""
    with one_thread():
        held = _held_out(table, classes, folds, lambda _: C, balance)
    return _with_error(held.accuracy, folds.per_repeat)


def _held_out(table: Floats, classes: Ints, folds: Split, pick: Callable[[Bools], float], balance: bool) -> Held:
    held, training, planes, strengths = [], [], [], []
    sums, seen = np.zeros(len(classes)), np.zeros(len(classes))
    for fold in folds.folds:
        _refuse_empty(fold, classes, folds)
        strengths.append(pick(fold.train))
        plane = fit(table[fold.train], classes[fold.train], strengths[-1], balance)
        S = plane.of(table[fold.test])
        sums[fold.test] += S
        seen[fold.test] += 1
        held.append(balanced_accuracy(S, classes[fold.test]))
        training.append(balanced_accuracy(plane.of(table[fold.train]), classes[fold.train]))
        planes.append(plane)
    if not np.isfinite(held).any():
        raise Refusal("No fold holds out both classes", folds.told, "Give other groups, or a larger test_fraction")
    mean = np.divide(sums, seen, out=np.full(len(sums), np.nan), where=seen > 0)
    return Held(np.array(held), np.array(training), planes, mean, strengths)


def _refuse_empty(fold: Fold, classes: Ints, folds: Split) -> None:
    if len(np.unique(classes[fold.train])) < 2:
        where = f"{int(fold.train.sum())} samples beside {int(fold.test.sum())} held out"
        if folds.gap:
            where += f" and a gap of {folds.gap:g} ps"
        raise Refusal("A fold is trained on one class only", where, "Give a longer run, a shorter gap or other groups")


def _with_error(values: Floats, per_repeat: int) -> tuple[float, float]:
    """Mean of all folds; repetitions see the same ions again, so that the error is that of one of them."""
    known = values[np.isfinite(values)]
    error = float(known.std(ddof=1)) / np.sqrt(min(per_repeat, len(known))) if len(known) > 1 else np.nan
    return float(known.mean()), float(error)


def _jackknife(planes: list[Plane], folds: Split) -> Floats:
    """Standard error of the weights from models that each left a part of the groups out."""
    some = np.array([plane.weight for plane in planes[: folds.per_repeat]])
    apart = ((some - some.mean(axis=0)) ** 2).sum(axis=0)
    error: Floats = np.sqrt((len(some) - 1) / len(some) * apart)
    return error


def _g(features: Dataset) -> Floats:
    expected = features["shell"].values * features["density"].values
    mean: Floats = features["G"].values.mean(axis=0) / expected
    return mean


def _said(features: Dataset, name: str) -> dict[str, str]:
    attributes = features[name].attrs
    return {"units": str(attributes["units"]), "long_name": str(attributes["long_name"])}
