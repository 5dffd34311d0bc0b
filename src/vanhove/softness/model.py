"""A trained model of softness: plain numbers, and what they say of ions that it has not seen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base import results
from vanhove.base.errors import Refusal, nearest
from vanhove.base.figures import colour_of
from vanhove.base.results import Column, dataset, history_of
from vanhove.structure.pairs import split_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

PLACES = ("frame", "atom", "time", "place_a", "place_b", "place_c")


def distance(table: Floats, weight: Floats, intercept: float, mean: Floats, deviation: Floats) -> Floats:
    """Signed distance of samples (sample, feature) from a plane in the space of standardised features."""
    length = float(np.linalg.norm(weight))
    if length == 0:
        return np.zeros(len(table))
    scaled = weight / deviation
    S: Floats = (np.einsum("sf,f->s", table, scaled) + (intercept - float(mean @ scaled))) / length
    return S


@dataclass(frozen=True)
class SoftnessModel:
    """What :func:`vanhove.softness.train` gives: ``data`` holds all of it as one dataset."""

    data: Dataset

    @property
    def accuracy(self) -> float:
        """Balanced accuracy of what was held out, from 0.5 (guessing) to 1."""
        return float(self.data["accuracy"])

    @property
    def accuracy_error(self) -> float:
        """Standard error of :attr:`accuracy` from the spread of the folds."""
        return float(self.data["accuracy_error"])

    @property
    def training_accuracy(self) -> float:
        """Balanced accuracy of what was trained on; much above :attr:`accuracy`, and the model learns by heart."""
        return float(self.data["training_accuracy"])

    @property
    def intercept(self) -> float:
        """The b of the plane W·x + b = 0."""
        return float(self.data["intercept"])

    @property
    def species(self) -> str:
        """Whose softness it is."""
        return str(self.data.attrs["species"])

    def weights(self, pair: str | Sequence[str] | None = None) -> Dataset:
        """The weights ``W(pair, r)`` of standardised functions, beside ``g(pair, r)`` of the ions trained on.

        Positive where more neighbours at this distance make an ion softer. ``W_error`` is the standard error from
        leaving out a part of the groups after the other. The g(r) is in shells as wide as the model's.
        """
        names = self.data["pair"].values
        known = list(dict.fromkeys(names.tolist()))
        asked = known if pair is None else [pair] if isinstance(pair, str) else list(pair)
        for name in asked:
            if name not in known:
                raise Refusal(f"There is no pair '{name}' in this model", "", nearest(name, known))
        variables = {
            "W": ("weight", "weight of the standardised function"),
            "W_error": ("weight_error", "standard error of the weight"),
            "g": ("g", "pair distribution function of the ions"),
        }
        return dataset(
            "softness.weights",
            {
                name: Column(("pair", "r"), np.array([self.data[key].values[names == p] for p in asked]), "1", words)
                for name, (key, words) in variables.items()
            },
            {
                "pair": Column(("pair",), asked, "1", "ion and neighbour"),
                "r": Column(("r",), self.data["r"].values[names == asked[0]], "Å", "middle of the shell"),
            },
            parameters=dict(pair=asked),
            history=history_of(self.data),
            title=f"Weights of the softness of {self.species}",
            intercept=self.intercept,
            accuracy=self.accuracy,
            accuracy_error=self.accuracy_error,
        )

    def score(self, features: Dataset) -> Dataset:
        """The softness ``S(sample)`` of every sample, also of another structure than the model's own."""
        self._refuse_others(features)
        S = distance(
            np.asarray(features["G"].values, np.float64), self.data["weight"].values, self.intercept,
            self.data["mean"].values, self.data["deviation"].values,
        )  # fmt: skip
        return self._scores(features, S, history_of(features), 0)

    @property
    def held_out(self) -> Dataset:
        """S of the samples that the model was made of, each found by models that it was held out from."""
        return self._scores(self.data, self.data["S"].values, history_of(self.data), 1)

    def _scores(self, source: Dataset, S: Floats, history: list[dict[str, object]], held_out: int) -> Dataset:
        names = ("temperature", "fingerprint", "height_a", "height_b", "height_c", "last_time")
        variables = {"S": Column(("sample",), S, "1", "softness")}
        if held_out:
            variables["label"] = Column(("sample",), source["label"].values, "1", "1 mobile, 0 immobile, -1 left out")
        return dataset(
            "softness.score",
            variables,
            {
                name: Column(
                    ("sample",), source[name].values, str(source[name].attrs["units"]), source[name].attrs["long_name"]
                )
                for name in PLACES
                if name in source.coords
            },
            parameters=dict(model=self.summary, held_out=bool(held_out)),
            history=history,
            title=f"Softness of {self.species}",
            species=self.species,
            held_out=held_out,
            accuracy=self.accuracy,
            accuracy_error=self.accuracy_error,
            **{name: source.attrs[name] for name in names if name in source.attrs},
        )

    def _refuse_others(self, features: Dataset) -> None:
        if "G" not in features:
            raise Refusal("There is no G in this dataset", "", "Give the result of vanhove.softness.features")
        mine, theirs = self.data["pair"].values.tolist(), features["pair"].values.tolist()
        if mine != theirs:
            raise Refusal(
                f"The features are of {', '.join(dict.fromkeys(theirs))}",
                f"the model was trained on {', '.join(dict.fromkeys(mine))}",
                "Compute them with the same species, width and cutoff, and neighbours= in the model's order",
            )
        if not np.array_equal(self.data["r"].values, features["r"].values):
            raise Refusal(
                f"The features are of shells of {features.attrs['width']:g} Å up to {features.attrs['cutoff']:g} Å",
                f"the model was trained on {self.data.attrs['width']:g} and {self.data.attrs['cutoff']:g} Å",
                "Compute them with the same width and cutoff",
            )

    @property
    def summary(self) -> str:
        """What was learnt, from what, and what was held out."""
        told, data = self.data.attrs, self.data
        held, trained = int(data["fold_held_out"].mean()), int(data["fold_trained"].mean())
        among = f", chosen among {told['C_among']} without what was held out" if told.get("C_among") else ""
        return (
            f"Softness of {self.species} from {told['mobile']} mobile and {told['immobile']} immobile samples, "
            f"shells of {told['width']:g} Å up to {told['cutoff']:g} Å, C = {told['C']:g}{among}. "
            f"Balanced accuracy of what was held out {100 * self.accuracy:.1f} ± {100 * self.accuracy_error:.1f} % "
            f"(of what was trained on {100 * self.training_accuracy:.1f} %): {told['verdict']}. "
            f"Held out: {told['held_out']}; {held} samples beside {trained} trained on."
        )

    def __repr__(self) -> str:
        return f"<SoftnessModel of {self.species}: {100 * self.accuracy:.1f} ± {100 * self.accuracy_error:.1f} %>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all numbers of the model as netCDF 4, whole or not at all."""
        results.save(self.data, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> SoftnessModel:
        """Read a model that :meth:`save` wrote; a file of numbers, nothing in it is executed."""
        data = results.load(path)
        if "weight" not in data or data.attrs.get("observable") != "softness.weights":
            raise Refusal("The file holds no model of softness", str(path), "Give one that model.save wrote")
        return SoftnessModel(data)


def draw(result: Dataset, ax: Axes) -> None:
    """W(r) of each pair with its error, all to one scale, and in grey the g(r) of the ions, each to its row."""
    if "weight" in result:
        result = SoftnessModel(result).weights()
    pairs, r = result["pair"].values.tolist(), result["r"].values
    W, error, g = (result[name].values for name in ("W", "W_error", "g"))
    scale = 1.25 * max(float(np.ptp(np.append(W, 0.0))), 1e-12)
    edge = ax.get_yaxis_transform()
    for k, name in enumerate(pairs):
        base = float(len(pairs) - 1 - k) - (float(min(W.min(), 0.0)) / scale)
        colour = colour_of(split_pair(name)[1], k)
        bottom = len(pairs) - 1.0 - k
        ax.fill_between(r, bottom, bottom + 0.8 * g[k] / max(float(g[k].max()), 1e-12), color="#E2E2E2", linewidth=0)
        ax.axhline(base, color="#BBBBBB", linewidth=0.7)
        ax.fill_between(r, base + (W[k] - error[k]) / scale, base + (W[k] + error[k]) / scale, color=colour, alpha=0.3)
        ax.plot(r, base + W[k] / scale, color=colour)
        ax.text(1.01, bottom + 0.45, name, transform=edge, color=colour, va="center")
        span = f"{W[k].min():.2g} to {W[k].max():.2g}".replace("-", "\N{MINUS SIGN}")
        ax.text(1.01, bottom + 0.25, span, transform=edge, va="center", fontsize=7, color="#555555")
    ax.fill_between([], [], color="#E2E2E2", label="g(r)")
    ax.plot([], [], color="#555555", label="W(r), one scale for all pairs")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    ax.grid(visible=False, axis="y")
    ax.set(xlim=(0, float(r[-1]) + 0.5 * float(r[1] - r[0])), ylim=(-0.05, len(pairs)), yticks=[])
    ax.set(xlabel="r (Å)", ylabel="weight W(r)")
