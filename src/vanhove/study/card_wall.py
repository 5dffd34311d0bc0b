"""Short-range safety: the energy of two atoms that are pressed together, and how close they come in a hot run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.results import Column, dataset
from vanhove.base.units import K_B_EV

from .card_bounds import FAILS, HOLDS, UNTESTED, Bounds, Judgement
from .card_steps import Outcome

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.simulate._labelled import Labelled

    from .card_contacts import Closest
    from .card_subject import Subject

    Floats = NDArray[np.float64]

NEAREST = 0.5  # Å, to which atoms are pressed together
OUTSIDE = 0.4  # Å beyond the closest distance of the frames: where the curve begins
STEP = 0.04  # Å
GIVE = 2.0  # k_B T that the energy may fall by on the way in: what is around the two is not at its best either
COLD = 1000.0  # K, where no temperature is known


def squeeze(subject: Subject, frames: Labelled, closest: Mapping[str, Closest], folder: Path) -> Outcome:
    """The energy of each pair of species, where two of them came closest in the frames, while they are pressed on.

    Both move along the line between them, their middle and all other atoms stay. The energies are counted from that at
    the closest distance.
    """
    known = {system.name: system for system in frames}
    series: dict[str, list[Atoms]] = {}
    radii: dict[str, Floats] = {}
    for pair, contact in closest.items():
        if contact.distance <= NEAREST + STEP:
            continue
        outward = np.arange(int(OUTSIDE / STEP), 0, -1) * STEP
        inward = np.arange(int((contact.distance - NEAREST) / STEP) + 1) * STEP
        radii[pair] = np.concatenate([contact.distance + outward, contact.distance - inward])
        system = known[contact.system]
        series[pair] = [_pressed(system, contact, radius) for radius in radii[pair]]
    energies = subject.energies(series, folder) if series else {}
    longest = max((len(each) for each in radii.values()), default=0)
    table = {name: np.full((len(radii), longest), np.nan) for name in ("r", "energy")}
    for row, (pair, each) in enumerate(radii.items()):
        table["r"][row, : len(each)] = each
        zero = energies[pair][int(OUTSIDE / STEP)]
        table["energy"][row, : len(each)] = energies[pair] - zero
    curve = dataset(
        "study.wall",
        {
            "r": Column(("pair", "step"), table["r"], "Å", "distance of the two atoms"),
            "energy": Column(("pair", "step"), table["energy"], "eV", "energy less that at the closest distance"),
            "closest": Column(("pair",), [closest[pair].distance for pair in radii], "Å", "closest in the frames"),
        },
        {"pair": Column(("pair",), np.array(list(radii), dtype=str), "1", "pair of species")},
        parameters=dict(nearest=NEAREST, step=STEP), history=[], title="Atoms pressed together",
    )  # fmt: skip
    return Outcome({}, {"curve": curve})


def _pressed(system: Any, contact: Closest, radius: float) -> Atoms:
    from ase import Atoms as AseAtoms

    positions = system.positions[contact.frame].copy()
    i, j = contact.atoms
    along = np.array(contact.vector) / contact.distance
    moved = (contact.distance - radius) / 2 * along
    positions[i] += moved
    positions[j] -= moved
    symbols = [element_of(label) for label in system.species]
    return AseAtoms(symbols, positions=positions, cell=system.cell[contact.frame], pbc=True)


def climb_of(radius: Floats, energy: Floats, closest: float, needed: float, give: float) -> tuple[str, float, float]:
    """How the energy goes on the way in from ``closest``: ``"wall"``, ``"turns"``, ``"low"`` or ``"nothing"``.

    With where (Å) and at what energy (eV): that of a wall is where it is as high as ``needed``, of one that turns its
    highest point, and of one that is too low what is reached at the end.
    """
    there = (radius <= closest + STEP / 2) & np.isfinite(radius)
    r, e = radius[there], energy[there]
    highest = -math.inf
    top = closest
    for here, value in zip(r.tolist(), e.tolist(), strict=True):
        if not math.isfinite(value):
            return "nothing", here, highest
        if value > highest:
            highest, top = value, here
        if highest >= needed:
            return "wall", here, highest
        if value < highest - give:
            return "turns", top, highest
    return "low", float(r[-1]), highest


def judge_wall(found: Outcome | None, hottest: float | None, bounds: Bounds) -> list[Judgement]:
    """Every pair of species in one judgement; those that have no wall are named."""
    if found is None or not found.curves["curve"].sizes["pair"]:
        text = "There are no frames from which atoms could be pressed together."
        return [Judgement("wall", "a repulsive wall", UNTESTED, text)]
    needed, thermal, kelvin = needed_climb(hottest, bounds.climb)
    bad, good = [], []
    for pair, (how, where, height) in walls(found.curves["curve"], needed, thermal).items():
        if how == "wall":
            good.append(f"{pair} at {where:.2f} Å")
        elif how == "turns":
            bad.append(f"{pair} turns over at {where:.2f} Å, {height:.3g} eV up: beyond it the two fall together")
        elif how == "low":
            bad.append(f"{pair} is only {height:.3g} eV up at {where:.2f} Å")
        else:
            bad.append(f"{pair} has no energy at {where:.2f} Å")
    rule = (
        f"Pressed together, from the closest that atoms come in the frames, their energy must rise by {needed:.3g} eV "
        f"({bounds.climb:g} k_BT at {kelvin:g} K{', since no temperature is known' if hottest is None else ''}) before "
        f"it falls, and before they are {NEAREST:g} Å apart."
    )
    if bad:
        return [Judgement("wall", "a repulsive wall", FAILS, f"{rule} {'; '.join(bad)}.")]
    return [Judgement("wall", "a repulsive wall", HOLDS, f"{rule} It does for every pair: {', '.join(good)}.")]


def needed_climb(hottest: float | None, climb: float) -> tuple[float, float, float]:
    """How high a wall must be (eV), k_B T (eV) and T (K) at the hottest temperature."""
    kelvin = COLD if hottest is None else hottest
    return climb * K_B_EV * kelvin, K_B_EV * kelvin, kelvin


def walls(curve: Dataset, needed: float, thermal: float) -> dict[str, tuple[str, float, float]]:
    """Of each pair how its energy goes; see :func:`climb_of`."""
    return {
        str(pair): climb_of(
            curve["r"].values[row], curve["energy"].values[row], float(curve["closest"].values[row]), needed,
            GIVE * thermal,
        )
        for row, pair in enumerate(curve["pair"].values)
    }  # fmt: skip


def judge_approach(
    found: Outcome | None, closest: Mapping[str, float], why_not: str, bounds: Bounds
) -> list[Judgement]:
    """The closest atoms of a hot run beside the closest of the training."""
    about = "closest approach in a hot run"
    if found is None:
        return [Judgement("approach", about, UNTESTED, why_not)]
    values = found.values
    run = f"{values['ps']:g} ps at {values['temperature']:g} K"
    if "stopped" in values:
        return [Judgement("approach", about, FAILS, f"The run of {run} came to no end. {values['stopped']}")]
    shares = {
        pair: distance / closest[pair] for pair, distance in values["closest"].items() if pair in closest
    }  # fmt: skip
    if not shares:
        return [Judgement("approach", about, UNTESTED, "No pair of the run is in the frames.")]
    worst = min(shares, key=lambda pair: shares[pair])
    text = (
        f"In {run} the closest are {worst} at {values['closest'][worst]:.2f} Å, {shares[worst]:.2f} of the "
        f"{closest[worst]:.2f} Å in the frames; the bound is {bounds.approach:g} for every pair."
    )
    return [Judgement("approach", about, HOLDS if shares[worst] >= bounds.approach else FAILS, text)]
