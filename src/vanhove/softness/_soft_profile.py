"""Softness along an axis of the cell, beside the order of the atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of
from vanhove.structure.axis import AXES, axis_number

from .by_atoms import blocks_of, known_scores, means
from .order import order_of, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

SOFT, ORDERED = PALETTE[1], PALETTE[0]


def soft_profile(
    soft_ions: Dataset,
    axis: str | int,
    width: float = 2.0,
    order: Dataset | None = None,
) -> Dataset:
    r"""Mean softness in slabs along an axis, and the mean order of the same ions (F3).

    .. math:: S(\zeta) = \langle S(i) \rangle_{\zeta_i \in \text{slab}}

    Parameters
    ----------
    soft_ions
        The result of :func:`soft_ions`, or of ``model.score``.
    axis
        Of the cell: ``"a"``, ``"b"``, ``"c"`` or 0, 1, 2.
    width
        Å, of the slabs; the cell holds a whole number of them.
    order
        The result of :func:`vanhove.structure.steinhardt` of the same ions, with ``per_frame=True`` for its value in
        the very frames; that of ``soft_ions`` has q̄6 of its own.

    Returns
    -------
    ``S(position)`` and ``q(position)`` with standard errors from the spread between ions, ``samples(position)``; NaN
    where no ion is. ``position`` is the middle of the slab (Å, the mean height of the cell at 1).
    """
    scores = known_scores(soft_ions)
    k = axis_number(axis)
    name = f"place_{AXES[k]}"
    if name not in scores.coords or f"height_{AXES[k]}" not in scores.attrs:
        raise Refusal("These scores don't know where the ions are", "", "Give model.score(features)")
    high = float(scores.attrs[f"height_{AXES[k]}"])
    if not (np.isfinite(width) and 0 < width <= high):
        raise Refusal(f"width={width}", f"the cell is {high:.3g} Å high", "Give a smaller, positive width")
    bins = max(1, round(high / width))
    place = np.minimum((scores[name].values * bins).astype(np.int64), bins - 1)
    block = blocks_of(scores)
    S, S_error, seen = means(scores["S"].values, place, bins, block)
    variables = {
        "S": Column(("position",), S, "1", "mean softness"),
        "S_error": Column(("position",), S_error, "1", "standard error of the mean softness"),
        "samples": Column(("position",), seen, "1", "number of samples"),
    }
    if order is not None or "q" in scores:
        q, q_error, _ = means(order_of(order, scores), place, bins, block)
        variables["q"] = Column(("position",), q, "1", words_of(order, scores))
        variables["q_error"] = Column(("position",), q_error, "1", "standard error of the order parameter")
    return dataset(
        "softness.soft_profile",
        variables,
        {"position": Column(("position",), (np.arange(bins) + 0.5) * high / bins, "Å", f"position along {AXES[k]}")},
        parameters=dict(axis=axis, width=width, order=order is not None),
        history=history_of(scores),
        title=f"Softness of {scores.attrs['species']} along {AXES[k]}",
        species=scores.attrs["species"],
        axis=AXES[k],
        height=high,
    )


def draw(result: Dataset, ax: Axes) -> None:
    """S along the axis, and the order parameter on an axis of its own at the right."""
    position = result["position"].values
    ax.axhline(0, color="#BBBBBB", linewidth=0.8)
    ax.errorbar(position, result["S"].values, result["S_error"].values, color=SOFT, marker="o", markersize=3.5)
    ax.set(xlim=(0, float(result.attrs["height"])), xlabel=label(result["position"].attrs["long_name"], "Å"))
    ax.set_ylabel(f"softness S of {result.attrs['species']}", color=SOFT)
    if "q" in result:
        right = ax.twinx()
        right.grid(visible=False)
        right.spines["right"].set_visible(True)
        right.errorbar(
            position, result["q"].values, result["q_error"].values, color=ORDERED, marker="s", markersize=3.5,
            linestyle="--",
        )  # fmt: skip
        right.set_ylabel(str(result["q"].attrs["long_name"]), color=ORDERED)
