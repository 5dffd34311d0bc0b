"""The page of an active learning: its verdict, its rounds, what each explored, the curves of the last training."""

from __future__ import annotations

import base64
import io
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.files import write_text
from vanhove.base.version import __version__
from vanhove.registry import draw

from .numbers import plain, with_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray import Dataset

    from vanhove.simulate._learn import Learned

PAGE = "report.html"
DPI = 140
Table = dict[str, Any]  # head and rows, as the template takes it


def write(learned: Learned, title: str = "") -> Path:
    """Write ``report.html`` into the folder of an active learning; its path. The page loads nothing."""
    from jinja2 import Environment
    from markupsafe import Markup

    rounds, records = learned.rounds, learned.records
    data = resources.files("vanhove.report") / "data"
    template = Environment(autoescape=True).from_string((data / "learn.html.jinja").read_text(encoding="utf-8"))
    models = learned.committee
    curves = models.curves
    figures = [
        _figure(rounds, "rounds", "Shares of the explored frames by round, and errors of the forces: of frames held "
                "out, and of those that were picked in the round, before they were trained on."),
        _figure(curves, "curves", "The last training: errors of the forces while it went on."),
    ]  # fmt: skip
    spread = _last_spread(learned)
    if spread is not None:
        low, high = records[-1]["trust"]
        said = (
            f"How much the models disagreed in round {records[-1]['round']}; trust levels {low:.3g}, {high:.3g} eV/Å."
        )
        figures.append(_figure(spread, "deviation", said, lines=(low, high)))
    text = template.render(
        title=title or "Active learning",
        what=f"{len(models.models)} models of {', '.join(models.species)}; {learned.data.frames} frames with a label.",
        lead=[learned.verdict, str(rounds.attrs["rule"])],
        figures=figures,
        rounds=_rounds_table(rounds),
        each=[{"number": record["round"], "remarks": _remarks(record), **_runs_table(record)} for record in records],
        facts=_facts(learned),
        version=__version__,
        css=Markup((data / "page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
    )
    path = learned.directory / PAGE
    write_text(path, text)
    return path


def _rounds_table(rounds: Dataset) -> Table:
    head = ["round", "accurate", "candidates", "failed", "runs stopped", "labelled", "trained on",
            "force error, held out (eV/Å)", "of the frames picked (eV/Å)", "trust levels (eV/Å)"]  # fmt: skip
    rows = []
    for k, number in enumerate(rounds["round"].values):
        one = rounds.isel(round=k)
        lost = f", {int(one.unlabelled)} failed" if int(one.unlabelled) else ""
        rows.append([
            str(int(number)), *(_percent(float(one[kind])) for kind in ("accurate", "candidate", "failed")),
            f"{int(one.stopped)} of {int(one.runs)}", f"{int(one.labelled)}{lost}", str(int(one.trained_on)),
            _error(one, "force"), _error(one, "force_new"),
            f"{plain(float(one.trust_low))}, {plain(float(one.trust_high))}",
        ])  # fmt: skip
    return {"head": head, "rows": rows}


def _runs_table(record: dict[str, Any]) -> Table:
    rows = []
    for number, run in enumerate(record["runs"]):
        pressure = "constant volume" if run["pressure"] is None else f"{run['pressure']:g}"
        picked = [one for one in record["picked"] if one["run"] == number]
        counts = [str(run[kind]) for kind in ("accurate", "candidate", "failed")]
        rows.append([run["structure"], f"{run['temperature']:g}", pressure, *counts, str(len(picked)), run["stopped"]])
    head = ["structure", "T (K)", "p (bar)", "accurate", "candidates", "failed", "picked", "stopped"]
    return {"head": head, "rows": rows}


def _remarks(record: dict[str, Any]) -> str:
    if record["rescued"]:
        return "No frame was a candidate: those that failed by the least were picked."
    return "" if record["picked"] else "No frame was picked."


def _facts(learned: Learned) -> list[tuple[str, str]]:
    models = learned.committee
    curves = models.curves
    asked = learned.rounds.attrs["parameters"]
    speed = curves.attrs.get("seconds_per_step")
    facts = [("Training", models.settings.describe()), ("Device", str(curves.attrs["device"]))]
    if speed is not None:
        facts.append(("A step", f"{1000 * speed:.3g} ms"))
    return [*facts, ("Models", ", ".join(os.path.relpath(one, learned.directory) for one in models.models)),
            ("Asked for", str(asked))]  # fmt: skip


def _last_spread(learned: Learned) -> Dataset | None:
    from vanhove.base.results import load

    path = learned.directory / f"round-{learned.records[-1]['round']:03d}" / "deviation.nc"
    return load(path) if path.exists() else None


def _figure(result: Dataset, name: str, caption: str, lines: Sequence[float] = ()) -> dict[str, Any]:
    from vanhove.base.figures import new_axes, style

    with style():
        axes = new_axes()
        draw(result, axes)
        for at in lines:
            axes.axvline(at, color="#000000", lw=1.0, ls=":")
        file = io.BytesIO()
        figure: Any = axes.figure
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
        width, height = figure.get_size_inches() * figure.dpi
    address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return dict(name=name, address=address, caption=caption, width=round(width), height=round(height))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _error(one: Dataset, name: str) -> str:
    value = float(one[name])
    return with_error(value, float(one[f"{name}_error"])) if np.isfinite(value) else "–"
