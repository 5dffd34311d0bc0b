"""The numbers of a section as a table: a line for each quantity, a column for each temperature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vanhove.study.replicas import told_once

from .numbers import at_most, finite, kelvin, plain, with_error, with_unit
from .runs import Table

if TYPE_CHECKING:
    from vanhove.study.results import Results

TRANSPORT = {
    "D_green_kubo": "D from velocities", "D_vdos": "D from the density of states at zero energy",
    "D_qens": "D from quasielastic widths", "haven_ratio": "Haven ratio",
}  # fmt: skip
JUMPS = {
    "alpha2_peak_time": "τ*, where α₂ is highest", "alpha2_peak": "α₂ at τ*",
    "jump_rate": "Jump rate", "jump_length": "Jump length", "D_jumps": "D of uncorrelated jumps",
    "residence_time": "Residence in a cage", "cage_jump_rate": "Jump rate, cage to cage",
    "site_residence_time": "Residence at a site", "hop_rate": "Hop rate", "unassigned_share": "Share in no site",
    "D2min": "Mean D²min",
}  # fmt: skip
PLACES = {
    "percolation_barrier": "Barrier of the easiest way", "displacement": "Displacement",
    "former_coordination": "Formers at anions nearby", "ion_share": "Share of the ions",
}  # fmt: skip
CAUSES = {
    "softness_accuracy": "Accuracy of softness, held out", "softness_ranking": "Mobile softer than immobile",
    "softness": "Mean softness", "hops_by_softness": "Slope of ln(hop rate) with softness",
    "hop_rate_soft": "Hop rate, S > 0", "hop_rate_hard": "Hop rate, S < 0",
    "coupling_p": "p-value of coupling",  # effects are told where it is small: they are chosen for being large
    "window_area": "Area of windows", "window_widening": "Widening at jumps", "window_p": "p-value of the widening",
    "libration": "Libration", "reorientation_rate": "Turns of polyanions",
}  # fmt: skip
SPECTRA = {
    "band_centre": "Mean energy of vibrations", "low_energy_power": "n of g ∝ Eⁿ at low energy",
    "mean_energy": "Mean energy of g(E)", "qens_width": "Quasielastic half width", "D_qens": "D of the jump model",
    "residence_qens": "τ of the jump model", "jump_length_qens": "Jump length of the jump model",
    "oscillator_energy": "Oscillator's energy", "oscillator_hwhm": "Oscillator's half width",
}  # fmt: skip
LATTICE = {
    "imaginary_modes": "Imaginary modes", "lowest_mode": "Lowest mode", "lattice_centre": "Mean energy of the modes",
    "dos_common": "g(E) in common with MD", "u2_lattice": "⟨u²⟩ of the lattice", "u2_md": "⟨u²⟩ in MD",
    "u2": "⟨u²⟩ of vibrations", "participation": "Participation ratio, low modes",
    "mode_motion": "Share of the motion, low modes", "unit_activity": "Motion of a unit in low modes, mean: 1",
    "imaginary_share": "Share of imaginary instantaneous modes",
}  # fmt: skip
STRUCTURE = {
    "first_peak": "First peak of g(r)", "coordination": "Neighbours", "angle": "Bond angle",
    "unit_share": "Share of formers", "Qn_share": "Share of formers", "bridging": "Bridging anions",
    "volume": "Voronoi volume", "phase_share": "Share of atoms", "interface": "Interface", "peak": "Peak",
    "peak_length": "Length of a peak", "R_chi": "R_χ",
}  # fmt: skip


def listed(results: Results, names: Mapping[str, str]) -> Table | None:
    """The rows of the summary with these names; of replicas only their mean. None where there is nothing to tell."""
    order = list(names)
    shown = told_once([row for row in results.summary if row["name"] in names])
    shown.sort(key=lambda row: order.index(row["name"]))
    columns = list(dict.fromkeys(map(_column, sorted(shown, key=lambda row: row["temperature"] or 0.0))))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in shown:
        about = ", ".join(filter(None, [row["species"], row["phase"]]))
        lines.setdefault((names[row["name"]], about), {}).setdefault(_column(row), _told(row))
    rows = [
        [quantity, about or "–", *(cells.get(column, "–") for column in columns)]
        for (quantity, about), cells in lines.items()
        if set(cells.values()) != {"–"}
    ]
    return Table(["Quantity", "Of", *columns], rows) if rows else None


def _column(row: Mapping[str, Any]) -> str:
    return kelvin(row["temperature"]) or str(row["run"])


def _told(row: Mapping[str, Any]) -> str:
    if finite(row["value"]):
        return with_error(row["value"], row["error"], row["unit"])
    if finite(row["upper"]):
        return at_most(row["upper"], row["unit"])
    if finite(row["low"]):
        return with_unit(f"≥ {plain(row['low'], 2)}", row["unit"])
    some = re.match(r"([1-9]\d* of \d+ runs)", row["verdict"])
    return f"in {some[1]} only" if some else "–"
