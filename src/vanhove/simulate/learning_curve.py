"""The learning curve of a training: what DeePMD writes while it trains, followed, put together and drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.files import write_text
from vanhove.base.results import Column, dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

HELD_OUT, TRAINED = "_val", "_trn"  # DeePMD's endings
QUANTITIES = {
    "rmse_f": ("force", "eV/Å", "error of a force component"),
    "rmse_e": ("energy", "eV", "error of the energy an atom"),
    "rmse_v": ("virial", "eV", "error of a virial component an atom"),
}
SMOOTHED = 20  # a line is the running median over this part of the curve
TOP = 20  # times the last errors: what is larger is the very beginning


class Row(NamedTuple):
    """One report: errors (root mean square) of the frames trained on just now, and of some held out."""

    step: int
    rate: float
    errors: dict[str, float]  # by DeePMD's names: "rmse_f_val"

    @property
    def force(self) -> float:
        """Of the forces that it trains on, eV/Å."""
        return self.errors.get("rmse_f" + TRAINED, math.nan)

    @property
    def held_out(self) -> float:
        """Of forces held out, eV/Å; NaN where nothing is."""
        return self.errors.get("rmse_f" + HELD_OUT, math.nan)


class CurveFile:
    """Follows ``lcurve.out`` while it grows; :meth:`read` gives the rows that came since the last call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._names: list[str] = []

    def read(self) -> list[Row]:
        """New whole rows."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return []
        end = new.rfind(b"\n") + 1
        self._at += end
        rows = []
        for line in new[:end].decode(errors="replace").splitlines():
            words = line.split()
            if words[:2] == ["#", "step"]:
                self._names = words[2:]
            elif words and not line.startswith("#"):
                row = _row(words, self._names)
                if row is not None:
                    rows.append(row)
        return rows

    def cut(self, step: int) -> None:
        """Take off what was reported after ``step``: a training that goes on from there reports it again."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if line.startswith("#") or _step(line) <= step]
        write_text(self.path, "\n".join(kept) + "\n")


def _row(words: list[str], names: list[str]) -> Row | None:
    try:
        numbers = [float(word) for word in words[1:]]
        named = dict(zip(names, numbers, strict=True))
        return Row(int(words[0]), named.pop("lr"), named)
    except (ValueError, KeyError):  # torn, or without a header: not a row that can be trusted
        return None


def _step(line: str) -> float:
    words = line.split()
    return int(words[0]) if words and words[0].isdigit() else math.inf


def curves(files: Sequence[Sequence[Path]], steps: Sequence[int], parameters: dict[str, Any], title: str) -> Dataset:
    """The curves of models, each of phases with so many steps, as one result."""
    columns: list[dict[int, Row]] = []
    for phases in files:
        rows: dict[int, Row] = {}
        before = 0
        for path, length in zip(phases, steps, strict=True):
            for row in CurveFile(path).read():
                if row.step > 0 or before == 0:  # a later phase begins where the one before ended
                    rows[before + row.step] = row
            before += length
        columns.append(rows)
    at = np.array(sorted(set().union(*columns)), int)
    if not len(at):
        raise Refusal("The training has reported nothing yet", title, "Wait for it")
    ends = np.cumsum(steps)
    rates = [next(rows[step].rate for rows in columns if step in rows) for step in at]
    variables = {"rate": Column(("step",), rates, "1", "learning rate")}
    for name, (ours, unit, long_name) in QUANTITIES.items():
        for ending, where, said in ((TRAINED, "", "in training"), (HELD_OUT, "_held_out", "held out")):
            values = _of(columns, at, lambda row, key=name + ending: row.errors.get(key, math.nan))
            if np.isfinite(values).any():
                variables[ours + where] = Column(("model", "step"), values, unit, f"{long_name}, {said}")
    return dataset(
        "simulate.train",
        {**variables, "phase": Column(("step",), np.searchsorted(ends, at, "left") + 1, "1", "phase of the training")},
        {
            "model": Column(("model",), np.arange(len(files)), "1", "model"),
            "step": Column(("step",), at, "1", "step of the training"),
        },
        parameters=parameters, history=[], title=title,
    )  # fmt: skip


def _of(columns: Sequence[dict[int, Row]], at: NDArray[Any], value: Any) -> Floats:
    """(model, step), NaN where a model has no report."""
    return np.array([[value(rows[step]) if step in rows else math.nan for step in at] for rows in columns])


def draw(result: Dataset, ax: Axes) -> None:
    """Errors of the forces against steps: dots are reports of a few frames, lines their running median."""
    steps = result.step.values
    lines = [("force", "--", "in training"), ("force_held_out", "-", "held out")]
    shown = [line for line in lines if line[0] in result]
    last = []
    for name, style, said in shown:
        for number, values in enumerate(result[name].values):
            colour = PALETTE[number % len(PALETTE)]
            known = np.isfinite(values)
            smooth = running_median(values[known], max(int(known.sum()) // SMOOTHED, 1))
            who = f"model {number}, {said}" if result.sizes["model"] > 1 else said
            if name == shown[-1][0]:
                ax.plot(steps[known], values[known], ".", color=colour, ms=4, alpha=0.35, mew=0)
            ax.plot(steps[known], smooth, style, color=colour, lw=1.6, label=who)
            last += [*smooth[-1:]]
    for end in steps[:-1][np.diff(result.phase.values) > 0]:
        ax.axvline(end, color="#7F7F7F", lw=0.9, ls=":")
    plain_logarithmic(ax.yaxis)
    if last:
        low, high = ax.get_ylim()
        ax.set_ylim(low, min(high, TOP * max(last)))
    ax.set_xlabel("step")
    ax.set_ylabel(label("force error, rms", "eV/Å"))
    ax.legend(loc="upper right", ncols=1 + (len(last) > 4))


def plain_logarithmic(axis: Any) -> None:
    """A logarithmic axis whose ticks are 0.2, 0.3, 0.5, not powers of ten: errors seldom span more than two decades."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def running_median(values: Floats, width: int) -> Floats:
    """Over ``width`` values to each side, fewer at the ends."""
    return np.array([np.median(values[max(i - width, 0) : i + width + 1]) for i in range(len(values))])
