"""``vanhove fit``: measured or simulated spectra to widths, jump models and a page."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vanhove.base.errors import Refusal, nearest

from .text import aligned

if TYPE_CHECKING:
    from xarray import Dataset

KINDS = ["qens"]
NONE_GOOD = 1  # exit code: everything is written, but no fit describes its spectrum
LAWS = ["fick", "chudley-elliott", "singwi-sjolander", "hall-ross"]
ENOUGH = 3  # widths, for a law of two numbers to be tested by them


def fit(
    kind: Annotated[str, typer.Argument(metavar="qens", help="What is fitted.")],
    sample: Annotated[Path, typer.Argument(metavar="SAMPLE", help="S(Q,E): a measurement, or an .nc result.")],
    resolution: Annotated[
        str | None, typer.Argument(metavar="[RESOLUTION]", help="The same, or a FWHM in meV. Simulations need none.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to write; needed.")] = None,
    lorentzians: Annotated[str, typer.Option(metavar="N", help="auto, or 0 to 3.")] = "auto",
    elastic: Annotated[bool, typer.Option("--elastic/--no-elastic", help="With an elastic line.")] = True,
    background: Annotated[str, typer.Option(help="linear, flat or none.")] = "linear",
    window: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Energies that are fitted, meV; else 20 FWHM of the resolution."),
    ] = None,
    exclude_elastic: Annotated[
        float | None, typer.Option(help="Leave out energies nearer to 0 than this, meV.")
    ] = None,
    shape: Annotated[str, typer.Option(help="lorentzian or gaussian.")] = "lorentzian",
    q: Annotated[str | None, typer.Option(metavar="Q,Q,...", help="Only the spectra nearest to these, 1/Å.")] = None,
    temperature: Annotated[float | None, typer.Option(help="K: lines obey detailed balance.")] = None,
    can: Annotated[Path | None, typer.Option(metavar="FILE", help="The empty can, taken off the sample.")] = None,
    xi: Annotated[float, typer.Option(help="Times this.")] = 1.0,
    jump_model: Annotated[
        str, typer.Option(metavar="MODEL", help=f"auto (all), none, or some of {', '.join(LAWS)}, confined.")
    ] = "auto",
    component: Annotated[int, typer.Option(min=0, max=2, help="The line they are fitted to; 0 is the narrowest.")] = 0,
    together: Annotated[
        str | None, typer.Option("--global", metavar="MODEL", help="Fit all Q together, too: --lorentzians 1 or 2.")
    ] = None,
    q_of_file: Annotated[
        str | None, typer.Option(metavar="Q,Q,...", help="Q of each spectrum, for files that don't say.")
    ] = None,
    energy_units: Annotated[str | None, typer.Option(help="meV, ueV or 1/cm, for files that don't say.")] = None,
    flip_energy: Annotated[bool, typer.Option("--flip-energy", help="Files count energy gain as positive.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace DIR where it is there.")] = False,
) -> None:
    """Fit quasielastic spectra at every Q: DIR with widths, jump models, every figure and a page."""
    if kind not in KINDS:
        raise Refusal(f"There is nothing to fit called '{kind}'", "", nearest(kind, KINDS))
    if out is None:
        raise Refusal("The folder to write is not given", "", "Add --out DIR")
    _check_out(out, overwrite=overwrite)
    reading: dict[str, Any] = dict(q=numbers("--q-of-file", q_of_file), energy_units=energy_units,
                                   flip_energy=flip_energy)  # fmt: skip
    how: dict[str, Any] = dict(
        lorentzians=_count(lorentzians), elastic=elastic, background=None if background == "none" else background,
        window=window, shape=shape, temperature=temperature, q=numbers("--q", q), exclude_elastic=exclude_elastic,
    )  # fmt: skip
    lines, good = _fitted(sample, resolution, out, can, xi, reading, how, _laws(jump_model), component, together)
    typer.echo("\n".join(lines))
    if not good:
        raise typer.Exit(NONE_GOOD)


def numbers(option: str, text: str | None) -> list[float] | None:
    """``"0.5,0.7"`` as numbers."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Refusal(f"{option} {text}", "", f"Give numbers, like {option} 0.5,0.7")


def _count(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdigit():
        raise Refusal(f"--lorentzians {text}", "", "Give auto, or a number from 0 to 3")
    return int(text)


def _laws(text: str) -> list[str]:
    if text in ("auto", "none"):
        return LAWS if text == "auto" else []
    return [part.strip() for part in text.split(",")]


def _check_out(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise Refusal("What is to be written is a file", str(out), "Give the name of a folder")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise Refusal("There is a folder of this name already", str(out), "Give another name, or --overwrite")
    if not (out / "qens.nc").exists():
        raise Refusal("The folder holds no fit, and is not replaced", str(out), "Give another name")


def _fitted(
    sample: Path, resolution: str | None, out: Path, can: Path | None, xi: float, reading: dict[str, Any],
    how: dict[str, Any], laws: list[str], component: int, together: str | None,
) -> tuple[list[str], bool]:  # fmt: skip
    """Read, fit, write; the lines to print, and whether any fit is good."""
    import vanhove as vh
    from vanhove.report import fit_page

    for name in laws if together is None else [*laws, together]:
        _check_law(name)
    spectra = _read(sample, reading)
    seen_by = _resolution(resolution, reading)
    files = {"Sample": sample.name} | ({} if resolution is None else {"Resolution file": Path(resolution).name})
    if can is not None:
        spectra = vh.spectra.subtract_can(spectra, _read(can, reading), xi)
        files["Can"] = f"{can.name}, times {xi:g}"
    result = vh.spectra.fit_qens(spectra, seen_by, **how)
    answer = fit_page.Answer(
        fit=result,
        laws=_jump_models(result, laws, component),
        component=component,
        together=None if together is None else vh.spectra.fit_qens(spectra, seen_by, jump_model=together, **how),
        files=files,
    )
    with whole_folder(out) as folder:
        fit_page.write(answer, folder)
    said = [*_table(result), "", *fit_page.lead(answer), *_law_lines(answer), f"report: {out / fit_page.PAGE}"]
    return said, bool((result.bad.values == 0).any())


def _check_law(name: str) -> None:
    from vanhove.spectra.jump_laws import law_of

    law_of(name)


def _read(path: Path, reading: dict[str, Any]) -> Dataset:
    import vanhove as vh

    return vh.load(path) if path.suffix == ".nc" else vh.spectra.read_measured(path, **reading)


def _resolution(text: str | None, reading: dict[str, Any]) -> Dataset | float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return _read(Path(text), reading)


def _jump_models(result: Dataset, laws: list[str], component: int) -> list[Dataset]:
    """Each law fitted to the widths of a line; none where there are too few of them."""
    import numpy as np

    import vanhove as vh

    if component >= result.sizes["component"]:
        if not laws:
            return []
        said = f"the fits have {result.sizes['component']} at most, counted from 0"
        raise Refusal(f"--component {component}", said, "Give one of them")
    known = np.isfinite(result.width.values[:, component]) & (result.q.values > 0)
    if known.sum() < ENOUGH:
        return []
    return [vh.spectra.fit_jump_model(result, law, component=component) for law in laws]


def _table(result: Dataset) -> list[str]:
    from vanhove.report.fit_page import LINES, width_text
    from vanhove.report.numbers import with_error

    lines = result.sizes["component"]
    heads = ["Γ (µeV)"] if lines == 1 else [f"Γ {LINES[k]} (µeV)" for k in range(lines)]
    rows = [["Q (1/Å)", *heads, "EISF", "χ²/dof", ""]]
    for i, q in enumerate(result.q.values):
        eisf, error, ratio = (float(result[name].values[i]) for name in ("eisf", "eisf_error", "redchi"))
        widths = [width_text(result, i, k) for k in range(lines)]
        elastic = with_error(eisf, error) if math.isfinite(eisf) else "–"
        measure = f"{ratio:.3g}" if math.isfinite(ratio) else "–"
        rows.append([f"{q:.4g}", *widths, elastic, measure, "bad fit" if int(result.bad.values[i]) else ""])
    return aligned(rows)


def _law_lines(answer: Any) -> list[str]:
    """What a terminal shows of the laws, and of all Q together."""
    rows = [
        _law_row(law.attrs["model"], law.D, law.D_error, law.tau, law.tau_error, law.attrs["verdict"])
        for law in answer.laws
    ]
    one = answer.together
    for k in range(0 if one is None else one.sizes["component"]):
        D, D_error, tau, tau_error = (one[name][k] for name in ("D", "D_error", "tau", "tau_error"))
        rows.append(_law_row("all Q together", D, D_error, tau, tau_error, one.verdict[k].item()))
    return ["", *aligned(rows)] if rows else []


def _law_row(name: str, D: Any, D_error: Any, tau: Any, tau_error: Any, verdict: str) -> list[str]:
    from vanhove.report.fit_page import remark
    from vanhove.report.numbers import with_error

    cells = [
        f"{symbol} = {with_error(float(value), float(error), unit)}" if math.isfinite(float(value)) else ""
        for symbol, value, error, unit in (("D", D, D_error, "cm²/s"), ("τ", tau, tau_error, "ps"))
    ]
    return [name, *cells, remark(verdict)]


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that becomes it when the block ends well, and vanishes when it doesn't."""
    out.parent.mkdir(parents=True, exist_ok=True)
    parts = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    new, old = parts / "new", parts / "old"
    new.mkdir()
    try:
        yield new
        if out.exists():
            os.replace(out, old)
        os.replace(new, out)
    finally:
        shutil.rmtree(parts, ignore_errors=True)
