"""Figures that put several runs beside each other: what one observable's own picture can't show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import label
from vanhove.dynamics._diffusion import SLOWEST as GATE

from .numbers import kelvin
from .panel import Panel, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.study.results import ResultRecord, Results

    Floats = NDArray[np.float64]

MOVED = {
    "cell": "The motion of the cell's centre of mass is taken off.",
    "framework": "The motion of the framework's centre is taken off.",
}
HIGHEST = 1.3  # exponent that is always in the picture
TRUSTED = 0.5  # of the longest lag: beyond, too few origins are left for a local slope


@dataclass(frozen=True)
class Run:
    """The MSD of one species in one run, with the window that its D was read in."""

    record: ResultRecord
    msd: Dataset
    diffusion: Dataset | None

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Lags that a logarithmic axis can show."""
        return np.asarray((self.msd["lag"].values > 0) & (self.msd["msd"].values > 0))

    def column(self, name: str) -> Floats:
        """A variable along those lags."""
        return np.asarray(self.msd[name].values, dtype=np.float64)[self.positive]

    @cached_property
    def window(self) -> tuple[float, float] | None:
        """The window (ps) of a D that was given."""
        if self.diffusion is None or not np.isfinite(float(self.diffusion["D"])):
            return None
        low, high = np.ravel(self.diffusion["window"].values)[:2]
        return float(low), float(high)

    def inside(self, lag: Floats) -> NDArray[np.bool_]:
        """Which lags are in the window."""
        if self.window is None:
            return np.zeros(len(lag), bool)
        low, high = self.window
        return np.asarray((lag >= low * (1 - 1e-9)) & (lag <= high * (1 + 1e-9)))


def mean_squared(results: Results, species: Iterable[str]) -> list[Panel]:
    """The MSD of each species at all temperatures, then the local exponents."""
    known = [(name, runs) for name in species if (runs := _runs(results, name))]
    return [*(_msd(name, runs) for name, runs in known), *(_exponent(name, runs) for name, runs in known)]


def _msd(species: str, runs: list[Run]) -> Panel:
    moved = MOVED.get(str(runs[0].msd.attrs.get("drift", "none")), "No drift is taken off.")
    thick = " Thick: the window that D was read in." if any(run.window for run in runs) else ""
    return Panel(
        slug(f"msd-{species}"),
        f"Mean squared displacement of {species}",
        f"Å² against lag (ps), logarithmic, at {_temperatures(runs)}, over all ions and {_origins(runs)}. {moved} "
        f"Bands: one standard error. Dashes: slope 1, diffusion.{thick}",
        lambda ax: _draw_msd(ax, runs),
        _table(runs, ["msd", "msd_error"]),
    )


def _exponent(species: str, runs: list[Run]) -> Panel:
    thick = "Thick: the window that D was read in." if any(run.window for run in runs) else "No D is given."
    return Panel(
        slug(f"exponent-{species}"),
        f"Where {species} diffuses",
        f"Local slope of the logarithmic MSD against lag (ps) at {_temperatures(runs)}: above 1 ions still fly, below "
        f"they rattle or go back and forth, 1 (line) is diffusion. D is refused where the window's exponent and its "
        f"error do not reach {GATE:g} (dashes). {thick}",
        lambda ax: _draw_exponent(ax, runs),
        _table(runs, ["exponent"]),
    )


def _runs(results: Results, species: str) -> list[Run]:
    found = []
    for record in results.find(observable="msd", of=species):
        fits = results.find(observable="diffusion", of=species, run=record.run)
        found.append(Run(record, results.load(record), results.load(fits[0]) if fits else None))
    return sorted(found, key=lambda run: run.record.temperature or 0.0)


def _temperatures(runs: list[Run]) -> str:
    named = list(dict.fromkeys(kelvin(run.record.temperature) or run.record.run for run in runs))
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _origins(runs: list[Run]) -> str:
    return "the first frame as origin" if runs[0].msd.attrs.get("origins") == "first" else "all time origins"


def _coloured(runs: list[Run]) -> Iterator[tuple[Run, Any, str | None]]:
    """Each run with the colour of its temperature, cold to hot, and the label of the first of that colour."""
    from matplotlib import colormaps

    known = sorted({run.record.temperature or 0.0 for run in runs})
    seen = set()
    for run in runs:
        temperature = run.record.temperature or 0.0
        place = known.index(temperature) / max(1, len(known) - 1)
        first = temperature not in seen
        seen.add(temperature)
        yield run, colormaps["plasma"](0.05 + 0.75 * place), (kelvin(temperature) or run.record.run) if first else None


def _draw_msd(ax: Axes, runs: list[Run]) -> None:
    ax.set(xscale="log", yscale="log", xlabel=label("lag", "ps"), ylabel=label("MSD", "Å²"))
    for run, colour, name in _coloured(runs):
        lag, values, error = run.column("lag"), run.column("msd"), run.column("msd_error")
        ax.fill_between(lag, np.maximum(values - error, 0.05 * values), values + error, color=colour, alpha=0.22, lw=0)
        ax.plot(lag, values, color=colour, lw=1.2, label=name)
        inside = run.inside(lag)
        ax.plot(lag[inside], values[inside], color=colour, lw=3.2, solid_capstyle="butt")
    lag, values = runs[-1].column("lag"), runs[-1].column("msd")
    if len(lag) > 1:
        ends = np.array([lag[-1] / 30, lag[-1] / 2])
        above = 1.7 * np.exp(np.max(np.interp(np.log(ends), np.log(lag), np.log(values)) - np.log(ends)))
        ax.plot(ends, above * ends, color="#7F7F7F", lw=1.1, ls="--", label="∝ lag")
    ax.legend(loc="upper left", handlelength=1.4)


def _draw_exponent(ax: Axes, runs: list[Run]) -> None:
    highest = HIGHEST
    ax.set(xscale="log", xlabel=label("lag", "ps"), ylabel="d ln MSD / d ln lag")
    ax.axhline(1.0, color="#444444", lw=1.0)
    ax.axhline(GATE, color="#7F7F7F", lw=1.0, ls="--")
    for run, colour, name in _coloured(runs):
        lag, values = run.column("lag"), run.column("exponent")
        shown = lag <= TRUSTED * lag[-1] if len(lag) else lag > 0
        inside = run.inside(lag)
        shown |= inside
        highest = max([highest, *(values[shown & np.isfinite(values)] + 0.1)])
        ax.plot(lag[shown], values[shown], color=colour, lw=1.2, label=name)
        ax.plot(lag[inside], values[inside], color=colour, lw=3.2, solid_capstyle="butt")
    ax.set_ylim(0, highest)
    ax.legend(loc="best", handlelength=1.4)


def _table(runs: list[Run], names: list[str]) -> dict[str, list[Any]]:
    """The curves, one under the other."""
    table: dict[str, list[Any]] = {"run": [], "temperature (K)": [], "lag (ps)": []}
    for run in runs:
        lag = run.column("lag").tolist()
        table["run"] += [run.record.run] * len(lag)
        table["temperature (K)"] += [run.record.temperature] * len(lag)
        table["lag (ps)"] += lag
        for name in names:
            table.setdefault(label(name, str(run.msd[name].attrs.get("units", "1"))), []).extend(
                run.column(name).tolist()
            )
    return table
