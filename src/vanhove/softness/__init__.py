"""Softness: how mobile an ion is by the look of its surroundings."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "features": Entry("_features", "radial structure functions of ions, what softness is made of", id="F1"),
    "scan": Entry("_scan", "accuracy of models of softness by shells, regularisation and threshold", id="F2"),
    "soft_ions": Entry(
        "_soft_ions", "softness of ions by a model of their run, or of another one, and hops by softness", id="F3",
        version=2, files=("trained_on",),
    ),
    "soft_profile": Entry(
        "_soft_profile", "softness along an axis, beside the order of the ions", id="F3", takes="dataset",
        sources=("soft_ions",),
    ),
}  # fmt: skip

FUNCTIONS = {  # that nobody lists, since they need a model or labels
    "labels": "labelling",
    "distribution": "scores",
    "with_order": "order",
    "hop_probability": "hopping",
    "barrier": "barriers",
}
OTHERS = {**FUNCTIONS, "weights": "model", "score": "scores"}  # whose results are drawn

__getattr__, __dir__ = serve(
    __name__,
    {
        **TABLE,
        **FUNCTIONS,
        "join": "joining",
        "labels_of_samples": "labelling",
        "train": "training",
        "SoftnessModel": "model",
    },
)
