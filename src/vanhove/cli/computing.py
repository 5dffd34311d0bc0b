"""``vanhove compute``: any observable on any file, its options read off its signature."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove import registry
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import whole
from vanhove.study.options import entry_of, parameters_of, sources_of

from . import options as words
from .tables import table

if TYPE_CHECKING:
    import inspect

    from xarray import Dataset

PICTURES = ("png", "svg", "pdf")
MEASUREMENTS = ("spectra.read_measured", "spectra.rebin", "spectra.sum_q")  # what makes a measured spectrum
GRID_FILES = (".cube", ".vasp")  # of a density, for programs that draw isosurfaces


@dataclass(frozen=True)
class Step:
    """One function of the chain from a file to the result."""

    name: str  # "dynamics.msd"
    takes: str
    parameters: list[inspect.Parameter]

    def call(self, *beginning: Any, **arguments: Any) -> Dataset:
        """Load the function, and call it."""
        return registry.function(self.name)(*beginning, **arguments)


def chain(observable: str, *, from_result: bool) -> list[Step]:
    """The functions that make ``observable``, first to last.

    ``diffusion(msd)`` takes the result of another observable, named by its first argument: given a trajectory, the MSD
    is computed first.
    """
    name = registry.full_name(observable)
    takes = entry_of(name).takes
    parameters = list(parameters_of(name).values())[0 if takes == "values" else 1 :]
    files = entry_of(name).files  # a result is not said in words, but where a file may hold it
    last = Step(name, takes, [p for p in parameters if p.name in files or "Dataset" not in str(p.annotation)])
    return [last] if takes != "dataset" or from_result else [*chain(sources_of(name)[0], from_result=False), last]


def compute(
    observable: str, tokens: Sequence[str], reading: dict[str, Any], out: Path | None, figure: Path | None
) -> list[str]:
    """Compute, save and draw; returns the lines to print.

    ``tokens`` are the files and the observable's own options; ``reading`` are the arguments of ``vanhove.open``.
    """
    import vanhove as vh

    files, given = words.split(tokens)
    _check_outputs(observable, out, figure)
    measured = entry_of(registry.full_name(observable)).measured and _holds_a_measurement(files)
    from_result = bool(files) and all(name.endswith(".nc") for name in files)
    steps = chain(observable, from_result=from_result or measured)
    if steps[0].takes in ("dataset", "values"):  # what else there is as an option is meant for the observable
        wanted = {p.name for p in steps[0].parameters} if measured else set(reading)
        given |= {name: str(value) for name, value in reading.items() if value is not None and name in wanted}
    words.check_known(given, [p.name for step in steps for p in step.parameters], observable)
    calls = [words.arguments(step.name, step.parameters, given) for step in steps]
    beginning = [_measurement(files, reading)] if measured else _beginning(steps, files, reading)
    result = steps[0].call(*beginning, **calls[0])
    for step, arguments in zip(steps[1:], calls[1:], strict=True):
        result = step.call(result, **arguments)
    with ExitStack() as both:  # the data and the figure, or neither
        if out is not None and not _is_grid_file(out):
            vh.save(result, both.enter_context(whole(out)))
        if figure is not None:
            _picture(result, both.enter_context(whole(figure)), figure.suffix[1:].lower())
        if out is not None and _is_grid_file(out):
            vh.dynamics.write_density(result, out)
    written = ", ".join(str(path) for path in (out, figure) if path is not None)
    title = str(result.attrs.get("title", steps[-1].name))
    kept = f"saved: {written}" if written else "not saved: --out x.nc keeps the numbers, --figure x.png draws them"
    return [title, *table(result), kept]


def _holds_a_measurement(files: Sequence[str]) -> bool:
    """Whether there is one file and it is a measured spectrum."""
    from vanhove.spectra.measured import recognises

    if len(files) != 1 or files[0].endswith(".nc") or not Path(files[0]).is_file():
        return False
    return recognises(Path(files[0]))


def _measurement(files: Sequence[str], reading: dict[str, Any]) -> Dataset:
    import vanhove as vh

    result: Dataset = vh.spectra.read_measured(files[0], temperature=reading["temperature"], format=reading["format"])
    return result


def _picture(result: Dataset, path: Path, kind: str) -> None:
    from vanhove.base.figures import new_axes, style

    with style():
        axes = new_axes()
        registry.draw(result, axes)
        axes.figure.canvas.print_figure(path, format=kind)


def _beginning(steps: list[Step], files: list[str], reading: dict[str, Any]) -> list[Any]:
    """What the first function of the chain is computed from: a trajectory, a saved result or nothing."""
    import vanhove as vh

    first = steps[0]
    if first.takes == "values":
        if files:
            raise Refusal(
                f"{first.name} takes numbers, not files",
                ", ".join(files),
                f"Its options: {words.usage(first.parameters)}",
            )
        return []
    if not files:
        told = words.usage(p for step in steps for p in step.parameters)
        raise Refusal(f"{steps[-1].name} needs a FILE", "", f"Name a trajectory; its options: {told}")
    if first.takes == "dataset":
        if len(files) > 1:
            raise Refusal(f"{first.name} takes one result", ", ".join(files), "Name one .nc file")
        result = vh.load(files[0])
        sources, made = sources_of(first.name), str(result.attrs.get("observable", ""))
        may_be_measured = entry_of(first.name).measured and made in MEASUREMENTS
        if made not in sources and not may_be_measured:
            raise Refusal(
                f"{first.name} is computed from {' or '.join(sources)}", f"{files[0]} holds {made or 'no observable'}"
            )
        return [result]
    return [vh.open(files, **reading)]


def _is_grid_file(out: Path) -> bool:
    return out.suffix.lower() in GRID_FILES or out.name.upper().startswith("CHGCAR")


def _check_outputs(observable: str, out: Path | None, figure: Path | None) -> None:
    """Refuse a wrong name before the work, not after it."""
    grid = registry.full_name(observable) == "dynamics.density"
    if out is not None and out.suffix != ".nc" and not (grid and _is_grid_file(out)):
        others = ", or x.cube, CHGCAR or x.vasp" if grid else ""
        raise Refusal(f"--out {out}", "results are netCDF files", f"Name it {out.with_suffix('.nc')}{others}")
    if figure is not None and figure.suffix[1:].lower() not in PICTURES:
        raise Refusal(f"--figure {figure}", "", nearest(figure.suffix[1:], list(PICTURES)))
    for path in (out, figure):
        if path is not None and path.is_dir():
            raise Refusal(f"{path} is a folder", "", "Name a file")
