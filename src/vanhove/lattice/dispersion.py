"""Energies of the modes along paths through the zone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .spectrum import PLANCK
from .subject import rebuilt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

SAME = 1e-6  # r.l.u., between points that are one
CLOSE = 0.06  # of the axis: letters that are nearer would run into each other


def dispersion(
    phonons: Dataset,
    path: str | None = None,
    *,
    points: int = 200,
    special: Mapping[str, ArrayLike] | None = None,
) -> Dataset:
    r"""ħω_j(q) along a path through the zone, of a result of ``lattice.phonons``.

    Parameters
    ----------
    phonons
        With force constants of a supercell: without one, waves within the cell are all that is known.
    path
        Letters of special points: ``"GXWKG"``; a comma is a leap. By default ASE's path for the lattice.
    points
        Of the whole path.
    special
        Other points by their letters: ``{"M": (0.5, 0, 0)}`` in reciprocal lattice units of the cell.

    Returns
    -------
    Dataset
        ``frequencies(q, branch)`` (meV), below zero where imaginary, in order of energy; ``distance(q)`` along the path
        (1/Å, with 2π); ``q_vector(q, axis)``; ``letter(q)``, the special points, elsewhere ``""``.
    """
    from ase.cell import Cell

    found = rebuilt(phonons)
    made: Any = Cell  # ASE types only some of its methods
    cell = made(phonons.cell.values)
    given = None if special is None else {name: np.asarray(at, float) for name, at in special.items()}
    try:
        way: Any = cell.bandpath(path, npoints=points, special_points=given)
    except (KeyError, ValueError, RuntimeError) as error:
        raise Refusal(f"path={path!r} is no path", str(error), "Give letters of special points, such as GX")
    letters = [_letter(q, way.special_points) for q in way.kpts]
    found.run_band_structure([way.kpts])
    energies = np.asarray(found.band_structure.frequencies[0]) * PLANCK
    distance, _, _ = way.get_linear_kpoint_axis()
    return dataset(
        "lattice.dispersion",
        {"frequencies": Column(("q", "branch"), energies, "meV", "energy of the mode, below zero where imaginary")},
        {
            "distance": Column(("q",), distance, "1/Å", "way through the zone"),
            "q_vector": Column(("q", "axis"), way.kpts, "1", "wave vector in reciprocal lattice units"),
            "letter": Column(("q",), np.array(letters), "1", "special point"),
        },
        parameters=dict(path=way.path, points=points, special=special),
        history=history_of(phonons),
        title="Dispersion of the normal modes",
        path=str(way.path),
    )


def _letter(q: Floats, special: Mapping[str, Floats]) -> str:
    return next((name for name, at in special.items() if np.abs(q - at).max() < SAME), "")


def draw(result: Dataset, ax: Axes) -> None:
    """All branches over the way through the zone, with the letters of its special points."""
    distance, letters = result.distance.values, result.letter.values.tolist()
    leap = np.flatnonzero(np.diff(distance) < SAME) + 1  # one place on the way, two wave vectors
    for part in np.split(np.arange(len(distance)), leap):
        ax.plot(distance[part], result.frequencies[part], color=PALETTE[0], lw=1.3)
    marks: dict[float, str] = {}
    for at, name in zip(distance.tolist(), letters, strict=True):
        if name:
            shown = "Γ" if name == "G" else name
            before = marks.get(at)
            marks[at] = shown if before in (None, shown) else f"{before}|{shown}"
    for at in marks:
        ax.axvline(at, color="#B0B0B0", lw=0.8)
    if float(result.frequencies.min()) < 0:
        ax.axhline(0, color="#7F7F7F", lw=0.8)
    near = CLOSE * (distance[-1] - distance[0])
    shown_at, low = list(marks), False
    for left, at in pairwise(shown_at):
        low = not low and at - left < near
        if low:
            marks[at] = f"\n{marks[at]}"  # one line down, beside its neighbour's
    ax.set_xticks(shown_at, list(marks.values()))
    ax.set_xlim(distance[0], distance[-1])
    ax.set_xlabel("wave vector")
    ax.set_ylabel(label("E", "meV"))
