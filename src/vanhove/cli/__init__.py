"""The ``vanhove`` command: thin over the library. Everything heavy is imported inside the commands."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.version import __version__

from .fitting import fit
from .learning import learn
from .validating import validate

WRONG, INTERRUPTED = 2, 130  # exit codes: wrong usage or input; Ctrl-C

app = typer.Typer(
    name="vanhove",
    help="Ion conductors from atoms to spectra: simulate, analyse, report.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help loads in half the time
    pretty_exceptions_enable=False,
)

File = Annotated[list[Path], typer.Argument(metavar="FILE", help="Trajectory files; several are joined in order.")]
Species = Annotated[
    list[str] | None,
    typer.Option(metavar="1=Na,2=Si,3=S", help="Element of each type. For compute also the ions: --species Na."),
]
Timestep = Annotated[float | None, typer.Option(help="ps per step, for files that count steps.")]
Spacing = Annotated[float | None, typer.Option(help="ps between frames, for files that count nothing.")]
Temperature = Annotated[float | None, typer.Option(help="K.")]
Unwrap = Annotated[str | None, typer.Option(help="file, tor, fractional or none; default by what the file has.")]
Format = Annotated[str | None, typer.Option(help="Forces a reader by name.")]
Units = Annotated[str | None, typer.Option(help="LAMMPS unit style, for a dump's velocities.")]
Topology = Annotated[
    Path | None, typer.Option(metavar="DATA", help="A file that says what the trajectory does not: a LAMMPS data file.")
]


def main() -> None:
    """Run the command; what a person did wrong is one message and exit code 2."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments  # wherever it stands
    warnings.simplefilter("default", VanhoveWarning)
    warnings.showwarning = _one_line  # type: ignore[assignment]  # what it has no use for has no name
    try:
        app([word for word in arguments if word != "--debug"], prog_name="vanhove")
    except (Refusal, OSError) as error:
        if debug:
            import traceback

            traceback.print_exception(error)
        print(_message(error), file=sys.stderr)
        sys.exit(WRONG)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _message(error: Refusal | OSError) -> str:
    """What is wrong, and below it where and what to do."""
    if isinstance(error, Refusal):
        parts = [part.strip() for part in (error.what, error.where, error.do) if part.strip()]
        return "\n  ".join([f"vanhove: {parts[0]}", *parts[1:]])
    return f"vanhove: {error.strerror or error}" + (f"\n  {error.filename}" if error.filename else "")


def _one_line(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, VanhoveWarning):
        print(f"warning: {message}", file=sys.stderr)


def _say(lines: list[str]) -> None:
    print("\n".join(lines))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vanhove {__version__}")
        raise typer.Exit


def _reading(
    types: list[str], timestep: float | None, spacing: float | None, temperature: float | None, unwrap: str | None,
    format: str | None, units: str | None, topology: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of ``vanhove.open``."""
    from .options import species_map

    return dict(
        species=species_map(",".join(types)) if types else None, timestep=timestep, spacing=spacing,
        temperature=temperature, unwrap=unwrap, format=format, units=units, topology=topology,
    )  # fmt: skip


@app.callback(epilog="--debug, with any command, shows where an error comes from.")
def _all(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the results go.")] = Path("demo"),
) -> None:
    """From a glass recipe to a report, in minutes."""
    from .studies import demo as run_demo

    _say(run_demo(folder))


@app.command()
def run(
    study: Annotated[Path, typer.Argument(metavar="study.toml")],
    out: Annotated[Path | None, typer.Option(help="Results folder; beside the study when not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Send the tasks to a Dask cluster: tcp://machine:8786.")
    ] = None,
) -> None:
    """Run a study; what is done already is not done again."""
    from .studies import run as run_study

    _say(run_study(study, out, dry_run=dry_run, scheduler=scheduler))


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    study: Annotated[str, typer.Option(metavar="NAME", help="The study to begin from.")],
) -> None:
    """Begin a study: DIR/study.toml, with every key explained."""
    from .studies import new as new_study

    _say(new_study(folder, study))


@app.command(epilog="Exit code 2 where something must be given before the files can be used: it is shown as missing.")
def inspect(
    files: File,
    species: Species = None,
    timestep: Timestep = None,
    spacing: Spacing = None,
    temperature: Temperature = None,
    unwrap: Unwrap = None,
    format: Format = None,
    units: Units = None,
    topology: Topology = None,
    json: Annotated[bool, typer.Option("--json", help="The same, complete, as JSON.")] = False,
) -> None:
    """What is in a trajectory, what is missing, what is suspicious."""
    from .inspecting import inspect as described

    reading = _reading(species or [], timestep, spacing, temperature, unwrap, format, units, topology)
    lines, complete = described(files, reading, as_json=json)
    _say(lines)
    if not complete:
        raise typer.Exit(WRONG)


@app.command(
    epilog="The format is that of OUT's name: .h5md (everything), .extxyz or .xyz, .lammpstrj or .dump, the text "
    "formats also with .gz. Frames are counted from 0: --frames 100: leaves the first hundred out."
)
def convert(
    files: Annotated[list[Path], typer.Argument(metavar="IN... OUT", help="What is read, and last what is written.")],
    species: Species = None,
    timestep: Timestep = None,
    spacing: Spacing = None,
    temperature: Temperature = None,
    unwrap: Unwrap = None,
    format: Format = None,
    units: Units = None,
    topology: Topology = None,
    frames: Annotated[str | None, typer.Option(metavar="FIRST:LAST", help="A part of the frames.")] = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Every N-th of them.")] = 1,
    of: Annotated[str | None, typer.Option(metavar="Li,S", help="Atoms of these species only.")] = None,
    wrapped: Annotated[bool, typer.Option("--wrapped", help="Atoms put back into the cell.")] = False,
    to: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="h5md, extxyz or lammps-dump, whatever the name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT where it is there.")] = False,
) -> None:
    """Write a trajectory, or a part of it, in another format."""
    from .converting import Wanted
    from .converting import convert as converted

    reading = _reading(species or [], timestep, spacing, temperature, unwrap, format, units, topology)
    wanted = Wanted(frames=frames, every=every, of=of, wrapped=wrapped, format=to, overwrite=overwrite)
    _say(converted(files, reading, wanted))


@app.command("list")
def list_() -> None:
    """Every observable, one line each."""
    from vanhove.registry import observables

    from .text import aligned

    _say(aligned([[name, entry.line] for name, entry in observables().items()]))


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog="An observable's own options follow the files, as its function names them: "
    "vanhove compute msd run.dump --species 1=Na,2=Si,3=S --timestep 0.001 --of Na --drift framework. "
    "--of is the observable's species; lists are written a,b and mappings Na=1,S=-2. "
    "What is made of another result (diffusion) takes that one's .nc file, or computes it from the trajectory.",
)
def compute(
    observable: Annotated[str, typer.Argument(metavar="OBSERVABLE", help="As in vanhove list.")],
    rest: Annotated[list[str] | None, typer.Argument(metavar="FILE", help="Trajectory files, or .nc results.")] = None,
    species: Species = None,
    timestep: Timestep = None,
    spacing: Spacing = None,
    temperature: Temperature = None,
    unwrap: Unwrap = None,
    format: Format = None,
    units: Units = None,
    topology: Topology = None,
    out: Annotated[Path | None, typer.Option(metavar="x.nc", help="Save the numbers.")] = None,
    figure: Annotated[Path | None, typer.Option(metavar="x.png", help="Save the figure (png, svg, pdf).")] = None,
) -> None:
    """Compute, show, save and draw one observable."""
    from .computing import compute as computed

    ions = [word for text in species or [] if "=" not in text for word in ("--of", text)]
    types = [text for text in species or [] if "=" in text]
    reading = _reading(types, timestep, spacing, temperature, unwrap, format, units, topology)
    _say(computed(observable, [*(rest or []), *ions], reading, out, figure))


app.command(
    epilog="DIR holds report.html, widths.csv, jump_models.csv, qens.nc and figures/. Exit code 1 where all of that is "
    "written but no fit is a good one."
)(fit)

app.command(
    epilog="DIR holds card.html, card.json, data/, figures/ and the runs; the same command goes on where it was "
    "stopped. Exit code 1 where all of that is written but some judgement is not within its bound."
)(validate)

app.command(
    epilog="The same command goes on where it was stopped. Exit code 1 where the rounds are spent before two in a row "
    "were accurate enough."
)(learn)


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study's results folder.")]) -> None:
    """Write the page of a finished study again: DIR/report.html."""
    from vanhove.report import write

    _say([f"report: {write(folder)}"])


@app.command()
def doctor() -> None:
    """Which engines and extras work here."""
    from .checkup import checkup

    _say(checkup())
