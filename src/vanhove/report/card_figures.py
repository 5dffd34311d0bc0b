"""Figures of a model card: parity, model deviation, walls, drift, and each comparison with the reference."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import PALETTE, colour_of, label
from vanhove.registry import draw

from .panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

Curves = dict[str, "Dataset"]
BOUND = "#7F7F7F"
SCALE = 10.0  # eV, up to which a wall is drawn
MOST_PAIRS = 6  # of g(r), one above the other


def panels(section: str, curves: Curves, content: dict[str, Any]) -> list[Panel]:
    """The figures of one section of the card."""
    if section == "parity":
        return [*_parity(curves, "parity", "on frames held out"), *_deviation(curves, "parity", "frames held out")]
    if section == "larger":
        return [*_parity(curves, "larger", "in the larger cell"), *_deviation(curves, "larger", "the larger cell")]
    if section == "drift":
        return _drift(curves, content)
    if section == "wall":
        return _walls(curves, content)
    return _physics(curves)


def _parity(curves: Curves, of: str, where: str) -> list[Panel]:
    found = curves.get(f"{of}-parity")
    if found is None:
        return []
    numbers = {
        "species": found.pair_species.values.tolist(), "reference (eV/Å)": found.pair_reference.values.tolist(),
        "potential (eV/Å)": found.pair_model.values.tolist(),
    }  # fmt: skip
    energies = {
        "system": [str(found.system.values[number]) for number in found.frame_system.values],
        "reference (eV)": found.energy_reference.values.tolist(), "potential (eV)": found.energy_model.values.tolist(),
    }  # fmt: skip
    return [
        Panel(
            f"{of}-forces", f"Forces {where}", "Components of forces of the potential against those of the reference; "
            "on the line they agree.", partial(draw_on, found), numbers, painted=True,
        ),
        Panel(
            f"{of}-energies", f"Energies {where}", "Energy an atom, each system's mean of potential and of reference "
            "taken off: what a system's shape adds.", partial(_energies, found), energies,
        ),
    ]  # fmt: skip


def draw_on(result: Dataset, ax: Axes) -> None:
    """As ``vh.draw`` draws it."""
    draw(result, ax)


def _energies(found: Dataset, ax: Axes) -> None:
    which = found.frame_system.values
    end = 0.0
    for number, name in enumerate(found.system.values.tolist()):
        mine = which == number
        theirs, ours = (1000 * found[one].values[mine] for one in ("energy_reference", "energy_model"))
        theirs, ours = theirs - theirs.mean(), ours - ours.mean()
        end = max(end, float(np.abs([theirs, ours]).max()))
        shown = str(name) if len(found.system) <= len(PALETTE) else None
        ax.plot(theirs, ours, "o", ms=3.5, alpha=0.7, mew=0, color=PALETTE[number % len(PALETTE)], label=shown)
    end = 1.08 * end or 1.0
    ax.plot([-end, end], [-end, end], color=BOUND, lw=0.9, zorder=1)
    ax.set(xlim=(-end, end), ylim=(-end, end), aspect="equal")
    ax.set_xlabel(label("energy, reference", "meV/atom"))
    ax.set_ylabel(label("energy, potential", "meV/atom"))
    if len(found.system) <= len(PALETTE):
        ax.legend(loc="upper left", handletextpad=0.2)


def _deviation(curves: Curves, of: str, where: str) -> list[Panel]:
    found = curves.get(f"{of}-deviation")
    if found is None:
        return []
    numbers = {
        "system": found.system.values.tolist(), "frame": found.number.values.tolist(),
        "largest (eV/Å)": found.deviation_max.values.tolist(), "mean (eV/Å)": found.deviation_mean.values.tolist(),
    }  # fmt: skip
    caption = "How much the models of the committee disagree on forces: the largest of each frame, and its mean."
    return [Panel(f"{of}-deviation", f"Model deviation, {where}", caption, partial(draw_on, found), numbers)]


def _drift(curves: Curves, content: dict[str, Any]) -> list[Panel]:
    found = curves.get("drift-curve")
    if found is None:
        return []
    values = content["found"]["drift"]
    numbers = {"time (ps)": found.time.values.tolist(), "energy (meV)": found.energy.values.tolist()}
    caption = (
        f"Change of the energy an atom at constant energy, {values['temperature']:g} K, steps of "
        f"{1000 * values['timestep']:g} fs. Dashed: a drift at the bound, {content['bounds']['drift']:g} meV an atom "
        "and ps."
    )
    drawn = partial(_drift_on, found, content["bounds"]["drift"])
    return [Panel("drift", "Drift of the energy", caption, drawn, numbers)]


def _drift_on(found: Dataset, bound: float, ax: Axes) -> None:
    time, energy = found.time.values, found.energy.values
    ax.plot(time, energy, color=PALETTE[0])
    if len(time) > 1:
        away, middle = time - time.mean(), energy.mean()
        ax.plot(time, middle + float(found.attrs["drift"]) * away, color=PALETTE[1], lw=1.2, label="drift")
        for sign, said in ((1, "bound"), (-1, None)):
            ax.plot(time, middle + sign * bound * away, color=BOUND, lw=0.9, ls="--", label=said)
        ax.legend(loc="upper left")
    ax.set_xlabel(label("time", "ps"))
    ax.set_ylabel(label("energy", "meV/atom"))


def _walls(curves: Curves, content: dict[str, Any]) -> list[Panel]:
    found = curves.get("wall-curve")
    if found is None or not found.sizes["pair"]:
        return []
    numbers = {
        "pair": [str(pair) for pair in found.pair.values for _ in range(found.sizes["step"])],
        "distance (Å)": found.r.values.ravel().tolist(), "energy (eV)": found.energy.values.ravel().tolist(),
    }  # fmt: skip
    where = "training" if "range" in content["found"] else "frames"
    caption = (
        f"Energy while two atoms are pressed together, where they came closest in the {where} (circles), the others at "
        "rest. Dashed: how high it must rise before it falls."
    )
    return [Panel("wall", "Atoms pressed together", caption, partial(_walls_on, found, content), numbers)]


def _walls_on(found: Dataset, content: dict[str, Any], ax: Axes) -> None:
    from vanhove.study.card_wall import needed_climb

    needed, _, _ = needed_climb(content["hot"], content["bounds"]["climb"])
    top = max(SCALE, 2.5 * needed)
    lowest = -0.1 * top
    for row, pair in enumerate(found.pair.values.tolist()):
        r, energy = found.r.values[row], found.energy.values[row]
        colour = PALETTE[row % len(PALETTE)]
        style = "-" if row < len(PALETTE) else "--"
        ax.plot(r, energy, color=colour, ls=style, label=pair)
        ax.plot([float(found.closest.values[row])], [0.0], "o", color=colour, ms=4, mfc="white", zorder=4)
        inside = energy[np.isfinite(energy)]
        lowest = min(lowest, max(float(inside.min(initial=0.0)), -0.6 * top))
    ax.axhline(needed, color=BOUND, lw=0.9, ls="--")
    ax.set(ylim=(1.1 * lowest, top), xlim=(0.4, None))
    ax.set_xlabel(label("distance", "Å"))
    ax.set_ylabel(label("energy", "eV"))
    ax.legend(ncols=2 if found.sizes["pair"] > MOST_PAIRS else 1, loc="upper right")


def _physics(curves: Curves) -> list[Panel]:
    told = []
    pairs = curves.get("physics-peaks")
    if pairs is not None:
        caption = "Lines: the potential; grey: the reference; each pair on a scale of its own."
        size = (4.7, max(3.55, 0.62 * pairs.sizes["pair"] + 1.2))
        told.append(Panel("rdf", "g(r) beside the reference", caption, partial(_rdf_on, pairs), _table(pairs), size))
    dos = curves.get("physics-vibrations")
    if dos is not None:
        caption = (
            f"Vibrational densities of states, resolution {dos.attrs['resolution_fwhm']:.2g} meV; grey: the reference."
        )
        size = (4.7, max(3.55, 0.62 * dos.sizes["species"] + 1.2))
        panel = Panel("vdos", "Vibrations beside the reference", caption, partial(_dos_on, dos), _table(dos), size)
        told.append(panel)
    msd = curves.get("physics-displacements")
    if msd is not None:
        caption = "Mean squared displacements up to a quarter of the shorter run; dashed: the reference."
        told.append(Panel("msd", "Displacements beside the reference", caption, partial(_msd_on, msd), _table(msd)))
    return told


def _table(found: Dataset) -> dict[str, list[Any]]:
    from .panel import numbers_of

    return numbers_of(found)


def _rdf_on(found: Dataset, ax: Axes) -> None:
    names = found.pair.values.tolist()
    seen = (found.g.values > 0).any(axis=(0, 1))
    _stacked(ax, found.r.values, found.g.values, names, [PALETTE[k % len(PALETTE)] for k in range(len(names))])
    ax.set(xlim=(max(0.0, float(found.r.values[seen][0]) - 0.3), float(found.r.values[-1])))
    ax.set_xlabel(label("r", "Å"))
    ax.set_ylabel("g(r), each on its own scale")


def _dos_on(found: Dataset, ax: Axes) -> None:
    names = found.species.values.tolist()
    energy, g = found.energy.values, found.g.values
    _stacked(ax, energy, g, names, [colour_of(name, k) for k, name in enumerate(names)])
    weight = np.cumsum(np.abs(g), axis=-1)
    last = max(int(np.searchsorted(each, 0.99 * each[-1])) for each in weight.reshape(-1, len(energy)))
    ax.set(xlim=(0, float(energy[min(last + 2, len(energy) - 1)])))
    ax.set_xlabel(label("energy", "meV"))
    ax.set_ylabel("density of states, shifted")


def _stacked(ax: Axes, x: Any, values: Any, names: list[str], colours: list[str]) -> None:
    """Rows, each scaled to the reference's maximum; (run, row, x), the potential first."""
    for k, name in enumerate(names):
        base = len(names) - 1 - k
        highest = float(np.nanmax(values[:, k]))
        scale = 0.85 / highest if highest > 0 and math.isfinite(highest) else 1.0
        ax.axhline(base, color="#CCCCCC", lw=0.7, zorder=1)
        ax.fill_between(x, base, base + scale * values[1, k], color="#9A9A9A", alpha=0.55, lw=0, zorder=2)
        ax.plot(x, base + scale * values[0, k], color=colours[k], lw=1.3, zorder=3)
        ax.text(1.01, base + 0.3, name, transform=ax.get_yaxis_transform(), color=colours[k], va="center", fontsize=9.5)
    ax.grid(visible=False, axis="y")
    ax.set(ylim=(-0.1, len(names)), yticks=[])


def _msd_on(found: Dataset, ax: Axes) -> None:
    for row, name in enumerate(found.species.values.tolist()):
        colour = colour_of(name, row)
        ax.plot(found.lag.values, found.msd.values[row, 0], color=colour, label=name)
        ax.plot(found.lag.values, found.msd.values[row, 1], color=colour, ls="--")
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("mean squared displacement", "Å²"))
    ax.legend(loc="upper left")
