"""The folder of a quasielastic fit: tables, figures and one page that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.files import write_text
from vanhove.base.results import save
from vanhove.base.version import __version__
from vanhove.spectra.fit_figures import eisf_figure, fit_figure, widths_figure

from .numbers import at_most, plain, with_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset

PAGE = "report.html"
DPI = 140
ALIKE = 4.0  # of the criterion: laws that are closer can't be told apart
LINES = ("narrow line", "second line", "third line")
QUANTITIES = {"D": "cm²/s", "tau": "ps", "length": "Å"}


class Answer(NamedTuple):
    """What was fitted, and to what."""

    fit: Dataset
    laws: Sequence[Dataset]  # of the widths of one line, a result each
    component: int
    together: Dataset | None  # all Q at once
    files: dict[str, str]  # what was read, by what it is


def write(answer: Answer, folder: Path) -> Path:
    """Write all files into ``folder``, which is there; returns the path of the page."""
    from jinja2 import Environment
    from markupsafe import Markup

    figures = folder / "figures"
    figures.mkdir()
    fit = answer.fit
    save(fit, folder / "qens.nc")
    if answer.together is not None:
        save(answer.together, folder / "together.nc")
    write_text(folder / "widths.csv", _csv(*widths_table(fit)))
    if answer.laws:
        write_text(folder / "jump_models.csv", _csv(*laws_table(answer.laws)))
    drawn = [(law.attrs["model"], law.momentum.values, law.line.values[0]) for law in answer.laws]
    overview = [
        _figure(
            widths_figure(fit, drawn, answer.component), figures / "widths.png", "Widths against Q, with the laws."
        ),
    ]
    if np.isfinite(fit.eisf.values).any():
        overview.append(_figure(eisf_figure(fit), figures / "eisf.png", "Elastic share of the scattering against Q."))
    names = [f"fit_q{q:.3f}" if len(_labels(fit)) < fit.sizes["q"] else f"fit_q{q:.2f}" for q in fit.q.values]
    fits = [
        _figure(fit_figure(fit, row), figures / f"{name}.png", str(fit.verdict.values[row]))
        for row, name in enumerate(names)
    ]
    data = resources.files("vanhove.report") / "data"
    template = Environment(autoescape=True).from_string((data / "fit.html.jinja").read_text(encoding="utf-8"))
    text = template.render(
        title=str(fit.attrs["title"]),
        what=_what(answer),
        lead=lead(answer),
        overview=overview,
        widths=_readable_widths(fit),
        error=str(fit.attrs["error"]),
        laws=_readable_laws(answer.laws),
        laws_note=_laws_note(answer),
        together=_readable_together(answer.together),
        together_note="" if answer.together is None else f"Errors: {answer.together.attrs['error']}.",
        doubts=_doubts(fit),
        fits=fits,
        facts=_facts(answer),
        reports=[
            {"about": f"Q = {q:.4g} 1/Å", "text": str(report)}
            for q, report in zip(fit.q.values, fit.report.values, strict=True)
            if report
        ],
        version=__version__,
        css=Markup((data / "page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
    )
    write_text(folder / PAGE, text)
    return folder / PAGE


def widths_table(fit: Dataset) -> tuple[list[str], list[list[Any]]]:
    """Everything by Q as columns with their units: a row each Q."""
    columns: dict[str, Any] = {"q (1/Å)": fit.q.values}
    for k in range(fit.sizes["component"]):
        for name in (
            "width", "width_error", "width_lower", "width_upper", "window_sensitivity", "area", "area_error",
        ):  # fmt: skip
            columns[_head(f"{name}_{k}", fit[name])] = fit[name].values[:, k]
    for name in (
        "area_elastic", "area_elastic_error", "eisf", "eisf_error", "background", "background_error", "slope",
        "slope_error", "centre", "centre_error", "chosen", "redchi", "runs", "error_scale", "bad", "verdict",
    ):  # fmt: skip
        columns[_head(name, fit[name])] = fit[name].values
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def laws_table(laws: Sequence[Dataset]) -> tuple[list[str], list[list[Any]]]:
    """A row each law: its numbers with errors, how well it describes the widths, what is to be said."""
    head = ["model"]
    for name, unit in QUANTITIES.items():
        head += [f"{name} ({unit})", f"{name}_error ({unit})"]
    rows = []
    for law in laws:
        row: list[Any] = [law.attrs["model"]]
        for name in QUANTITIES:
            row += [float(law[name]), float(law[f"{name}_error"])]
        rows.append([*row, float(law.redchi.values[0]), float(law.criterion.values[0]), law.attrs["verdict"]])
    return [*head, "redchi", "criterion", "verdict"], rows


def lead(answer: Answer) -> list[str]:
    """The answers in sentences, the most important first."""
    fit, said = answer.fit, [str(answer.fit.attrs["verdict"])]
    counts = [int(n) for n in fit.chosen.values if n >= 0]
    if counts and json.loads(fit.attrs["parameters"])["lorentzians"] == "auto":
        most = max(set(counts), key=counts.count)
        share = f"{counts.count(most)} of {len(counts)} spectra"
        said.append(f"{share} ask for {'no line' if most == 0 else '1 line' if most == 1 else f'{most} lines'}.")
    hanging = str(fit.attrs["window_sensitivity"])
    if not hanging.startswith("No width"):
        said.append(hanging)
    best = best_law(answer.laws)
    if best is not None:
        alike = [
            law.attrs["model"]
            for law in answer.laws
            if law is not best and not float(law.criterion.values[0]) > float(best.criterion.values[0]) + ALIKE
        ]
        others = f" {', '.join(alike)} can't be told from it." if alike else ""
        D = with_error(float(best.D), float(best.D_error), "cm²/s")
        ratio = float(best.redchi.values[0])
        misfit = f" It does not describe them well (reduced χ² {plain(ratio)})." if ratio > 2 else ""
        said.append(
            f"Of the jump models {best.attrs['model']} describes the widths of the {_line(answer)} best: D = {D}."
            f"{misfit}{others}"
        )
    elif any(np.isfinite(float(law.D)) for law in answer.laws):
        said.append("There are too few widths to choose between the jump models.")
    return said


def best_law(laws: Sequence[Dataset]) -> Dataset | None:
    """The law with the lowest criterion among those that give D; None where too few widths leave some without one."""
    known = [law for law in laws if np.isfinite(float(law.D))]
    if not all(np.isfinite(law.criterion.values[0]) for law in known):
        return None
    return min(known, key=lambda law: float(law.criterion.values[0]), default=None)


def remark(verdict: str) -> str:
    """What is said of a law beyond that it was fitted."""
    return verdict.removeprefix("fitted").removeprefix("; ")


def width_text(fit: Dataset, row: int, k: int) -> str:
    """A width with its error in µeV, its bound, or a dash."""
    width, error, low, high = (
        1e3 * float(fit[name].values[row, k]) for name in ("width", "width_error", "width_lower", "width_upper")
    )
    if np.isfinite(width):
        return with_error(width, error)
    if np.isfinite(high):
        return at_most(high)
    return f"≥ {plain(low, 2)}" if np.isfinite(low) else "–"


def _figure(figure: Figure, path: Path, caption: str) -> dict[str, Any]:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    path.write_bytes(file.getvalue())
    width, height = figure.get_size_inches() * figure.dpi
    address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return dict(
        name=path.stem, address=address, caption=caption, says=caption, width=round(width), height=round(height)
    )


def _labels(fit: Dataset) -> set[str]:
    return {f"{q:.2f}" for q in fit.q.values}


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if not np.isfinite(value) else f"{value:.8g}"


def _head(name: str, array: Any) -> str:
    units = str(array.attrs.get("units", "1"))
    return name if units == "1" else f"{name} ({units})"


def _line(answer: Answer) -> str:
    return "line" if answer.fit.sizes["component"] == 1 else LINES[answer.component]


def _what(answer: Answer) -> str:
    fit = answer.fit
    q = fit.q.values
    return (
        f"{len(q)} spectra, Q = {q.min():.3g} to {q.max():.3g} 1/Å. Energies: {fit.attrs['fitted_window']}. "
        f"Resolution: {fit.attrs['resolution']}."
    )


def _readable_widths(fit: Dataset) -> dict[str, Any]:
    lines = fit.sizes["component"]
    names = ["Γ (µeV)"] if lines == 1 else [f"Γ, {LINES[k]} (µeV)" for k in range(lines)]
    rows = []
    for i, q in enumerate(fit.q.values):
        eisf = with_error(float(fit.eisf[i]), float(fit.eisf_error[i])) if np.isfinite(fit.eisf[i]) else "–"
        ratio = float(fit.redchi[i])
        chosen = int(fit.chosen[i])
        rows.append([
            f"{q:.4g}", *(width_text(fit, i, k) for k in range(lines)), eisf, "–" if chosen < 0 else str(chosen),
            plain(ratio) if np.isfinite(ratio) else "–", "bad" if int(fit.bad[i]) else "good",
        ])  # fmt: skip
    return {"head": ["Q (1/Å)", *names, "EISF", "lines", "reduced χ²", "fit"], "rows": rows}


def _readable_laws(laws: Sequence[Dataset]) -> dict[str, Any] | None:
    if not laws:
        return None
    rows = []
    for law in laws:
        numbers = [
            with_error(float(law[name]), float(law[f"{name}_error"])) if np.isfinite(float(law[name])) else "–"
            for name in QUANTITIES
        ]
        measures = [plain(float(law[name].values[0])) for name in ("redchi", "criterion")]
        rows.append([law.attrs["model"], *numbers, *measures, remark(law.attrs["verdict"])])
    head = ["model", "D (cm²/s)", "τ (ps)", "length (Å)", "reduced χ²", "criterion", ""]
    return {"head": head, "rows": rows}


def _laws_note(answer: Answer) -> str:
    if not answer.laws:
        return ""
    used = f"Akaike's criterion: the lower, the better; laws within {ALIKE:g} of each other can't be told apart."
    return f"Fitted to the widths of the {_line(answer)}. {used} Errors: {answer.laws[0].attrs['error']}."


def _readable_together(together: Dataset | None) -> dict[str, Any] | None:
    if together is None:
        return None
    rows = []
    for k in range(together.sizes["component"]):
        numbers = [
            with_error(float(together[name][k]), float(together[f"{name}_error"][k]))
            if np.isfinite(float(together[name][k]))
            else "–"
            for name in QUANTITIES
        ]
        rows.append([LINES[k], *numbers, remark(str(together.verdict.values[k]))])
    return {"head": ["line", "D (cm²/s)", "τ (ps)", "length (Å)", ""], "rows": rows}


def _doubts(fit: Dataset) -> list[dict[str, str]]:
    """What is said of every q that is more than that it was fitted."""
    return [
        {"about": f"Q = {q:.4g} 1/Å", "text": str(verdict)}
        for q, verdict, bad in zip(fit.q.values, fit.verdict.values, fit.bad.values, strict=True)
        if bad or "not" in str(verdict)
    ]


def _facts(answer: Answer) -> list[tuple[str, str]]:
    attrs = answer.fit.attrs
    facts = [*answer.files.items(), ("Resolution", f"{attrs['resolution']}; FWHM {attrs['resolution_fwhm']:.4g} meV")]
    if "temperature" in attrs:
        facts.append(("Temperature", f"{attrs['temperature']:g} K"))
    balance = "detailed balance" if attrs["correction"] == "detailed-balance" else "symmetric"
    return [*facts, ("Lines", balance), ("Settings", str(attrs["parameters"]))]
