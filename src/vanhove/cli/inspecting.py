"""``vanhove inspect``: one screen on a trajectory: what is in it, what is missing, what is suspicious."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vanhove.base.results import plain

from .describing import describe
from .doubts import doubts
from .missing import opened
from .text import kelvin as kelvin_text

WIDTH = 100  # columns of a line
MOST_NOTES, MOST_DOUBTS = 4, 4  # that are printed; --json has all
TELLING = 0.5  # of the stated temperature: from there on a lower bound is worth a word
COLD = 10.0  # K; and from there on where none is stated
SMALL = 0.001  # Å
MEANING = {
    "--species": "which element each type is",
    "--timestep": "how many ps a step is",
    "--spacing": "how many ps lie between frames",
}


def inspect(files: Sequence[Path], reading: Mapping[str, Any], *, as_json: bool) -> tuple[list[str], bool]:
    """The lines that describe ``files``, and whether all is there that reading them takes."""
    from vanhove.trajectory.survey import survey

    found = opened(files, reading)
    seen = survey(found.traj)
    facts = describe(found, seen, [str(path) for path in files])
    facts["suspicious"] = doubts(facts, seen)
    if as_json:
        return [json.dumps(plain(facts), indent=1, ensure_ascii=False, allow_nan=False)], not found.options
    return lines(facts), not found.options


def lines(facts: Mapping[str, Any]) -> list[str]:
    """A line or two for everything that is known."""
    rows = [
        ("file", f"{', '.join(facts['files'])} ({facts['format'] or 'unknown format'})"),
        *[("missing", f"{MEANING[option.split()[0]]}: give {option}") for option in facts["missing"]],
        ("atoms", _atoms(facts)),
        ("frames", f"{facts['frames']}: {_times(facts['times'])}"),
        ("cell", _cell(facts["cell"])),
    ]
    if facts["density_g_cm3"] is not None:
        rows.append(("density", f"{facts['density_g_cm3']:.3f} g/cm³"))
    rows += [
        ("positions", facts["unwrapping"]),
        ("velocities", "stored" if facts["velocities"] else "none"),
        ("temperature", _temperature(facts["temperature"])),
    ]
    if facts["drift"] is not None:
        rows.append(("drift", _drift(facts["drift"])))
    if facts["closest"] is not None:
        rows.append(("closest", _contact(facts["closest"])))
    if facts["charge_e"] is not None:
        rows.append(("charges", f"{facts['charge_e']:+.3g} e in all"))
    rows += [("note", note) for note in _some(facts["notes"], MOST_NOTES)]
    if facts["looked_at"] < facts["frames"]:
        rows.append(("looked at", f"{facts['looked_at']} of {facts['frames']} frames for all but times and cells"))
    rows += [("look at", doubt) for doubt in _some(facts["suspicious"], MOST_DOUBTS)]
    if not facts["suspicious"]:
        rows.append(("suspicious", "nothing found"))
    return _wrapped(rows)


def _wrapped(rows: Sequence[tuple[str, str]]) -> list[str]:
    margin = max(len(name) for name, _ in rows) + 2
    return [
        line
        for name, text in rows
        for line in textwrap.wrap(
            text, WIDTH, initial_indent=name.ljust(margin), subsequent_indent=" " * margin, break_on_hyphens=False
        )
    ]


def _some(texts: list[str], most: int) -> list[str]:
    left = len(texts) - most
    return texts if left <= 0 else [*texts[:most], f"{left} more: --json lists all"]


def _atoms(facts: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in facts["composition"].items())
    said = f"{facts['atoms']}: {counts}"
    if facts["formula"] is not None and facts["formula_units"] > 1 and len(facts["composition"]) > 1:
        said += f" = {facts['formula_units']} × {facts['formula']}"
    if facts["atoms_in_all"] is not None:
        said += f", a part of {facts['atoms_in_all']} that were simulated"
    return said


def _times(times: Mapping[str, Any]) -> str:
    unit, first, last = times["counted_in"], times["first"], times["last"]
    if first == last:
        return f"at {first:g} {unit}"
    if unit == "frames":
        return "at times that the file does not say"
    reach = f"{first:g} to {last:g} {unit}"
    if times["spacing"] is None:
        how = "spacing grows from" if times["growing"] else "unevenly,"
        return f"{reach}, {how} {times['shortest']:g} to {times['longest']:g} {unit}"
    odd = len(times["exceptions"])
    return f"{reach}, every {times['spacing']:g} {unit}" + (f", {odd} exception{'s' * (odd > 1)}" if odd else "")


def _cell(cell: Mapping[str, Any]) -> str:
    said = " × ".join(f"{length:.3f}" for length in cell["lengths_angstrom"]) + " Å"
    angles = cell["angles_degrees"]
    if max(abs(angle - 90) for angle in angles) > 0.005:
        said += ", angles " + ", ".join(f"{angle:.2f}°" for angle in angles)
    if cell["constant"]:
        return f"{said}, constant, {cell['volume_angstrom3']:.0f} Å³"
    return (
        f"{said} on average, changing, {cell['volume_angstrom3']:.0f} Å³ ± {cell['volume_spread_percent']:.2g} %, "
        f"drifts by {cell['volume_drift_percent']:+.2g} % over the run"
    )


def _temperature(kelvin: Mapping[str, Any]) -> str:
    stated, least = kelvin["stated"], kelvin["at_least"]
    said = "not stated (--temperature)" if stated is None else f"{stated:g} K as stated"
    if kelvin["kinetic"] is not None:
        said += f", {kelvin_text(kelvin['kinetic'])} by the velocities"
        if kelvin["spread"] > 0:
            change = "+-"[kelvin["drift"] < 0] + kelvin_text(abs(kelvin["drift"]))
            said += f" (spread {kelvin_text(kelvin['spread'])}, {change} from the first to the last quarter)"
    elif least is not None and least > (TELLING * stated if stated else COLD):
        said += f", {kelvin_text(least)} or more by the steps between frames"
    return said


def _drift(drift: Mapping[str, Any]) -> str:
    def path(one: Mapping[str, Any]) -> str:
        if one["angstrom"] < SMALL:
            return f"less than {SMALL} Å"
        rate = one["angstrom_per_ps"]
        return f"{one['angstrom']:.3f} Å" + ("" if rate is None else f" ({rate:.1g} Å/ps)")

    said = f"centre of mass {path(drift)}"
    return said + (f", framework (all but {drift['all_but']}) {path(drift['framework'])}" if "all_but" in drift else "")


def _contact(contact: Mapping[str, Any]) -> str:
    frames = contact["frames_looked_at"]
    where = "the first frame" if frames == [0] else f"frame {contact['frame']} of the {len(frames)} looked at"
    return f"{contact['angstrom']:.2f} Å, {'–'.join(contact['species'])}, in {where}"
