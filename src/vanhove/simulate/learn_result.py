"""What the rounds of an active learning found: a result, its figure, and whether they are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.figures import label
from vanhove.base.results import Column, dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

IN_A_ROW = 2  # rounds
KINDS = ("accurate", "candidate", "failed")
COLOURS = {"accurate": "#56B4E9", "candidate": "#E69F00", "failed": "#7F7F7F"}
LINES = (("force", "#000000", "o-", "held out"), ("force_new", "#D55E00", "s--", "picked, not yet seen"))


class End(NamedTuple):
    """Whether the rounds are enough, and a sentence that says why."""

    converged: bool
    verdict: str


def share(told: dict[str, Any], kind: str) -> float:
    """Of the frames that a round's runs were to give."""
    return float(sum(run[kind] for run in told["runs"]) / sum(run["frames"] for run in told["runs"]))


def end_of(rounds: Sequence[dict[str, Any]], wanted: float, listed: int) -> End:
    """Converged are two rounds in a row with the accurate share that is wanted, once all listed ones have been made."""
    shares = [share(told, "accurate") for told in rounds]
    last, count = shares[-IN_A_ROW:], len(rounds)
    parts = " and ".join(f"{100 * one:.1f} %" for one in last)
    which = f"rounds {count - 1} and {count}" if len(last) > 1 else "the only round"
    said = f"{parts} of the frames of {which} were accurate"
    error = f"Forces of frames held out are {rounds[-1]['force']:.3g} eV/Å off."
    enough = len(last) == IN_A_ROW and min(last) >= wanted
    if enough and count >= listed:
        return End(True, f"Converged: {said}. {error}")
    if enough:
        return End(False, f"Not converged: {said}, but only {count} of the {listed} listed rounds were made. {error}")
    asked = f"{100 * wanted:g} % in two rounds in a row were asked for"
    return End(False, f"Not converged: {said}, and {asked}. {error}")


def table(rounds: Sequence[dict[str, Any]], parameters: dict[str, Any], title: str, **said: Any) -> Dataset:
    """The rounds as a result."""
    at = ("round",)

    def numbers(name: str) -> list[float]:
        return [np.nan if told[name] is None else float(told[name]) for told in rounds]

    def of_runs(value: Any) -> list[int]:
        return [sum(value(run) for run in told["runs"]) for told in rounds]

    shares = {kind: [share(told, kind) for told in rounds] for kind in KINDS}
    variables = {
        "accurate": Column(at, shares["accurate"], "1", "share of the frames that are known"),
        "candidate": Column(at, shares["candidate"], "1", "share of the frames that are worth a label"),
        "failed": Column(at, shares["failed"], "1", "share of the frames that mean nothing, or were never reached"),
        "frames": Column(at, of_runs(lambda run: run["frames"]), "1", "frames that the runs were to give"),
        "seen": Column(at, of_runs(lambda run: run["seen"]), "1", "frames that they gave"),
        "runs": Column(at, [len(told["runs"]) for told in rounds], "1", "runs"),
        "stopped": Column(at, of_runs(lambda run: bool(run["stopped"])), "1", "runs that were stopped"),
        "picked": Column(at, [len(told["picked"]) for told in rounds], "1", "frames picked"),
        "labelled": Column(at, [told["labelled"] for told in rounds], "1", "frames that got a label"),
        "unlabelled": Column(at, [told["unlabelled"] for told in rounds], "1", "frames whose label failed: left out"),
        "trained_on": Column(at, [told["trained_on"] for told in rounds], "1", "frames that the committee had seen"),
        "force": Column(at, numbers("force"), "eV/Å", "error of a force component, frames held out"),
        "force_error": Column(at, numbers("force_error"), "eV/Å", "standard error of it"),
        "force_new": Column(at, numbers("force_new"), "eV/Å", "error of a force component, frames picked in the round"),
        "force_new_error": Column(at, numbers("force_new_error"), "eV/Å", "standard error of it"),
        "trust_low": Column(at, [told["trust"][0] for told in rounds], "eV/Å", "deviation below which one is accurate"),
        "trust_high": Column(at, [told["trust"][1] for told in rounds], "eV/Å", "deviation from which on one failed"),
    }
    numbered = Column(at, [told["round"] for told in rounds], "1", "round")
    return dataset(
        "simulate.learn", variables, {"round": numbered}, parameters=parameters, history=[], title=title, **said
    )


def draw(result: Dataset, ax: Axes) -> None:
    """Shares by round as bars, and by the axis on the right errors of the forces as lines."""
    from matplotlib.ticker import MaxNLocator

    at = result["round"].values
    below = np.zeros(len(at))
    for kind in KINDS:
        values = 100 * result[kind].values
        ax.bar(at, values, 0.6, below, color=COLOURS[kind], alpha=0.75, label=kind)
        below += values
    ax.set(ylim=(0, 100), xlim=(at[0] - 0.6, at[-1] + 0.6))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    ax.set_xlabel("round")
    ax.set_ylabel(label("share of the frames", "%"))
    right = ax.twinx()
    top = 0.0
    for name, colour, style, said in LINES:
        values, errors = result[name].values, result[f"{name}_error"].values
        known = np.isfinite(values)
        if known.any():
            right.errorbar(
                at[known], values[known], np.nan_to_num(errors[known]), fmt=style, color=colour, ms=5, capsize=2,
                label=f"force error, {said}",
            )  # fmt: skip
            top = max(top, float(values[known].max()))
    right.set_ylim(0, 1.25 * top or 1.0)
    right.spines["right"].set_visible(True)
    right.set_ylabel(label("force error, rms", "eV/Å"))
    right.grid(visible=False)
    handles = [one for axes in (ax, right) for one in axes.get_legend_handles_labels()[0]]
    names = [one for axes in (ax, right) for one in axes.get_legend_handles_labels()[1]]
    ax.legend(handles, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1.2)
