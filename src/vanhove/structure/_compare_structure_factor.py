"""A computed S(Q) beside a measured one, and one number for how far they are apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of

from .curve_kinds import AXES, Kind, in_form, window_of
from .measured_curves import Curve, read_curve, sorted_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Measured = str | os.PathLike[str] | Sequence[Any] | NDArray[Any] | Dataset

FEWEST = 3  # points that are compared
KEPT = ("trajectory", "temperature", "weights", "scatterers")  # of what the computed result says


def compare_structure_factor(
    computed: Dataset,
    measured: Measured,
    window: Sequence[float],
    *,
    kind: Kind | None = None,
    pair: str | None = None,
    columns: Sequence[int] | None = None,
) -> Dataset:
    r"""A computed and a measured curve on the measured points, and the distance R_χ between them (A3).

    .. math:: R_\chi = \sqrt{\frac{\sum_k [m_k - c_k]^2}{\sum_k m_k^2}}

    over the measured points m in the window, with the computed curve interpolated to them, linearly. A value of S
    stands at the mean \|Q\| of its shell's vectors (``q_mean``), not at the shell's middle. R_χ depends on what is
    compared: of S it is many times smaller than of S - 1, so the kind is part of the result.

    Parameters
    ----------
    computed
        A result of ``structure_factor`` with ``weights``, or of ``rdf`` with all pairs (then totals are those of
        neutrons).
    measured
        A file of two or three columns (.dat, .txt, .csv, and .sq, .fq, .gr with the headers of PDFgetX, PDFgetN and
        their like), the third the standard error; arrays (x, y) or (x, y, error); or another result.
    window
        From where to where to compare, (low, high) in 1/Å or Å. Its measured points have to lie within the computed
        curve: nothing is extrapolated.
    kind
        What the measured curve is: ``"S"``; ``"S-1"``; ``"I"``, that is Q [S - 1], which also goes by the name F(Q);
        ``"sum"``, Σ c_i c_j b_i b_j [S_ij - 1] in barn/sr (neutrons) or electrons²; of g(r): ``"g"``, ``"G"`` =
        4πρr [g - 1], ``"T"`` = 4πρr g, the totals divided by ⟨b⟩². By default what the file's name says (.sq: S,
        .fq: I, .gr: G), else S or g. The computed curve is brought to this form.
    pair
        Compare this partial instead of the total.
    columns
        Which columns of a file are x, y and the error, counted from 0.

    Returns
    -------
    ``R_chi``, and on the measured points in the window ``measured``, ``computed`` and ``difference`` = measured -
    computed, with the errors that are known. ``attrs["kind"]`` says what was compared.
    """
    curve = _curve(measured, kind, pair, columns, "q" if "q" in computed.coords else "r")
    chosen: Kind = kind or curve.kind or ("S" if "q" in computed.coords else "g")  # type: ignore[assignment]  # of KINDS
    form = in_form(computed, chosen, pair)
    axis = AXES[chosen]
    unit = str(computed[axis].attrs["units"])
    low, high = window_of(window)
    inside = (curve.x >= low) & (curve.x <= high)
    x, y, error = curve.x[inside], curve.y[inside], curve.error[inside]
    if len(x) < FEWEST:
        raise Refusal(
            f"The measurement has {len(x)} points between {low:g} and {high:g} {unit}",
            f"{curve.name} goes from {curve.x[0]:.4g} to {curve.x[-1]:.4g} {unit}", "Give a wider window",
        )  # fmt: skip
    if x[0] < form.x[0] or x[-1] > form.x[-1]:
        raise Refusal(
            f"The window holds points from {x[0]:.4g} to {x[-1]:.4g} {unit}",
            f"the computed curve goes from {form.x[0]:.4g} to {form.x[-1]:.4g} {unit}",
            "Narrow the window, or compute further; nothing is extrapolated",
        )  # fmt: skip
    if not (y**2).sum() > 0:
        raise Refusal("The measured curve is zero in this window", curve.name, "Give another window")
    here = np.interp(x, form.x, form.y)
    # of two neighbours interpolated the error is at most the larger one's
    spread = np.interp(x, form.x, form.error)
    R = float(np.sqrt(((y - here) ** 2).sum() / (y**2).sum()))
    called = {"q": "wavevector", "r": "distance"}[axis]
    return dataset(
        "structure.compare_structure_factor",
        {
            "R_chi": Column((), R, "1", f"relative distance of {form.said}"),
            "measured": Column((axis,), y, form.units, f"measured {form.said}"),
            "measured_error": Column((axis,), error, form.units, "standard error of the measured curve"),
            "computed": Column((axis,), here, form.units, f"computed {form.said}"),
            "computed_error": Column((axis,), spread, form.units, "standard error of the computed curve"),
            "difference": Column((axis,), y - here, form.units, "measured less computed"),
            "difference_error": Column(
                (axis,), np.hypot(error, spread), form.units, "standard error of the difference"
            ),
        },
        {axis: Column((axis,), x, unit, called)},
        parameters=dict(measured=curve.name, window=[low, high], kind=chosen, pair=pair, columns=columns),
        history=history_of(computed),
        title=f"{form.said}, computed and measured",
        kind=form.said,
        measured=curve.name,
        **{key: computed.attrs[key] for key in KEPT if key in computed.attrs},
    )


def _curve(measured: Measured, kind: Kind | None, pair: str | None, columns: Sequence[int] | None, axis: str) -> Curve:
    if isinstance(measured, str | os.PathLike):
        return read_curve(measured, columns)
    if columns is not None:
        raise Refusal("columns without a file", "", "Leave them out, or give the path of a file")
    from xarray import Dataset

    if isinstance(measured, Dataset):
        return _of_dataset(measured, kind, pair, axis)
    try:
        parts = list(np.asarray(measured, float).T) if isinstance(measured, np.ndarray) else list(measured)
    except (TypeError, ValueError):
        parts = []
    if len(parts) not in (2, 3):
        raise Refusal(
            "This is no measured curve", f"a {type(measured).__name__}",
            "Give a file, arrays (x, y) or (x, y, error), an array of two or three columns, or another result",
        )  # fmt: skip
    return sorted_curve(parts[0], parts[1], parts[2] if len(parts) == 3 else None, "the arrays given")


def _of_dataset(measured: Dataset, kind: Kind | None, pair: str | None, axis: str) -> Curve:
    """Another result of ours in the same form, or the one curve of any other dataset."""
    name = str(measured.attrs.get("title", "the dataset given"))
    if measured.attrs.get("observable") in ("structure.structure_factor", "structure.rdf"):
        form = in_form(measured, kind or ("S" if axis == "q" else "g"), pair)
        return sorted_curve(form.x, form.y, form.error, name)
    curves = [str(key) for key, one in measured.data_vars.items() if one.dims == (axis,)]
    curves = [key for key in curves if not key.endswith("_error")]
    if len(curves) != 1:
        raise Refusal(
            f"The measured dataset has {len(curves)} curves along {axis}", ", ".join(curves),
            "Give one with a single curve",
        )  # fmt: skip
    error = measured.get(f"{curves[0]}_error")
    return sorted_curve(
        measured[axis].values, measured[curves[0]].values, None if error is None else error.values, name
    )


def draw(result: Dataset, ax: Axes) -> None:
    """Measured points, the computed line, and their difference below."""
    axis = "q" if "q" in result.coords else "r"
    x, measured, computed = (result[name].values for name in (axis, "measured", "computed"))
    difference, error = result["difference"].values, result["measured_error"].values
    spread = np.nan_to_num(result["computed_error"].values)
    if np.isfinite(error).any():
        ax.errorbar(x, measured, yerr=np.nan_to_num(error), fmt="none", color="#7F7F7F", linewidth=0.7, zorder=2)
    ax.plot(x, measured, ".", color="#000000", markersize=3.5, label="measured", zorder=3)
    ax.plot(x, computed, color=PALETTE[0], label="computed", zorder=4)
    ax.fill_between(x, computed - spread, computed + spread, color=PALETTE[0], alpha=0.3, linewidth=0)
    lowest = float(min(measured.min(), (computed - spread).min()))
    room = 0.06 * float(np.ptp(np.concatenate([measured, computed])))
    shift = lowest - room - float(difference.max())
    distance = f"R$_\\chi$ = {float(result['R_chi']):.3g}"
    ax.axhline(shift, color="#BBBBBB", linewidth=0.7, zorder=1)
    ax.plot(x, difference + shift, color=PALETTE[1], linewidth=1.1, label="difference, shifted", zorder=3)
    ax.text(0.98, 0.02, distance, transform=ax.transAxes, ha="right", va="bottom", fontsize=9.5)
    ax.set(xlim=(float(x[0]), float(x[-1])), xlabel=axis_label({"q": "Q", "r": "r"}[axis], result[axis].attrs["units"]))
    ax.set_ylabel(axis_label(str(result.attrs["kind"]), result["measured"].attrs["units"]))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1.0, handlelength=1.2)
