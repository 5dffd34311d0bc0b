"""Features of several runs as one, for a model that is trained on all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset, history_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

SAMPLES = ("frame", "time", "place_a", "place_b", "place_c")


def join(runs: Sequence[Dataset]) -> Dataset:
    """Features of several runs or structures as one dataset, ``run(sample)`` telling them apart.

    Ions get numbers of their own in each run. Labels are joined alike, by :func:`labels_of_samples` of each run, and
    ``groups=joined["run"].values`` holds whole runs out:
    ``train(join(some), np.concatenate([labels_of_samples(l, f) for l, f in zip(labels, some)]), groups=…)``.
    """
    given = [] if hasattr(runs, "data_vars") else list(runs)
    if not given or any("G" not in one for one in given):
        raise Refusal("There is nothing to join", "", "Give a list of results of vanhove.softness.features")
    first = given[0]
    for one in given[1:]:
        same = all(np.array_equal(one[name].values, first[name].values) for name in ("pair", "r"))
        if not same or one.attrs["species"] != first.attrs["species"]:
            raise Refusal("The features are not of the same pairs and shells", "", "Compute all with the same options")
    counts = [one.sizes["sample"] for one in given]
    offsets = np.cumsum([0, *(int(one["atom"].max()) + 1 for one in given[:-1])])

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([one[name].values for one in given])

    def meant(name: str) -> NDArray[Any]:
        values: NDArray[Any] = np.average([one[name].values for one in given], axis=0, weights=counts)
        return values

    atoms = np.concatenate([one["atom"].values + offset for one, offset in zip(given, offsets, strict=True)])
    parts = {
        name: Column(("sample",), joined(name), first[name].attrs["units"], first[name].attrs["long_name"])
        for name in SAMPLES
    }
    names = ("species", "width", "cutoff")
    return dataset(
        "softness.features",
        {
            "G": Column(("sample", "feature"), joined("G"), "1", "neighbours in the shell"),
            "shell": Column(("feature",), first["shell"].values, "Å³", "its volume"),
            "density": Column(("feature",), meant("density"), "1/Å³", "density of the neighbour species"),
        },
        {
            "pair": Column(("feature",), first["pair"].values, "1", "ion and neighbour"),
            "r": Column(("feature",), first["r"].values, "Å", "middle of the shell"),
            "atom": Column(("sample",), atoms, "1", "number of the ion, counted through all runs"),
            "run": Column(("sample",), np.repeat(np.arange(len(given)), counts), "1", "number of the run"),
            **parts,
        },
        parameters=dict(runs=[one.attrs.get("fingerprint", "") for one in given]),
        history=history_of(first),
        title=first.attrs["title"],
        runs=json.dumps([one.attrs.get("fingerprint", "") for one in given]),
        **{name: first.attrs[name] for name in names},
    )
