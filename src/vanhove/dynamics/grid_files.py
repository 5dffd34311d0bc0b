"""Densities for programs that draw isosurfaces: Gaussian cube and CHGCAR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.files import whole
from vanhove.base.units import BOHR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]


def write_density(
    result: Dataset, path: str | os.PathLike[str], *, what: Literal["density", "free_energy"] = "density"
) -> None:
    """Write a :func:`density` as a Gaussian cube (``x.cube``) or a CHGCAR (``CHGCAR…`` or ``x.vasp``).

    A cube has lengths in Bohr and the density in ions/Bohr³, a CHGCAR the density times the cell's volume (its mean is
    the number of ions), as programs that read them expect. The free energy is in eV in both; where no ion was seen it
    is a thousand times the largest one, since the formats know no gaps. The atoms are those that were not counted, at
    their mean places, which the points of the grid refer to: the first lies on the cell's origin.
    """
    if result.attrs.get("observable") != "dynamics.density":
        raise Refusal(
            "This is no density", str(result.attrs.get("observable", "")), "Give what dynamics.density returned"
        )
    if what not in ("density", "free_energy"):
        raise Refusal(f"what={what!r}", "", 'Pass "density" or "free_energy"')
    target = Path(path)
    values = np.asarray(result["P" if what == "density" else "free_energy"].values, np.float64)
    if what == "free_energy":
        if not np.isfinite(values).any():
            raise Refusal("There is no free energy in this result", "the trajectory had no temperature", "State it")
        values = np.where(np.isfinite(values), values, 1000 * max(1e-3, float(np.nanmax(values))))
    if target.suffix.lower() == ".cube":
        with whole(target) as temporary, open(temporary, "w", encoding="ascii") as file:
            _cube(file, result, values * BOHR**3 if what == "density" else values, what)
    elif target.name.upper().startswith("CHGCAR") or target.suffix.lower() == ".vasp":
        if result.sizes["atom"] == 0:
            raise Refusal("A CHGCAR needs atoms", "every atom is counted in this density", "Write a .cube file")
        with whole(target) as temporary, open(temporary, "w", encoding="ascii") as file:
            volume = abs(float(np.linalg.det(result["cell"].values)))
            _chgcar(file, result, values * volume if what == "density" else values, what)
    else:
        raise Refusal(f"{target.name} is no format for a density", "", "Name it x.cube, CHGCAR or x.vasp")


def _title(result: Dataset, what: str) -> str:
    """ASCII, since some readers of these formats know nothing else."""
    counted = str(result.attrs["species"]).encode("ascii", "replace").decode()
    return f"{what.replace('_', ' ')} of {counted}, {result.attrs['n_frames']} frames"


def _cube(file: TextIO, result: Dataset, values: Floats, what: str) -> None:
    from ase.data import atomic_numbers

    cell = result["cell"].values / BOHR
    numbers = [atomic_numbers[element_of(name)] for name in result["atom_species"].values.tolist()]
    places = np.mod(result["others"].values, 1.0) @ cell
    edges = cell / np.array(values.shape)[:, None]
    file.write(f"{_title(result, what)}\nlengths in Bohr, {'ions/Bohr^3' if what == 'density' else 'eV'}\n")
    file.write(f"{len(numbers):5d}" + _row(np.zeros(3), "12.6f"))
    file.writelines(f"{n:5d}" + _row(edge, "12.6f") for n, edge in zip(values.shape, edges, strict=True))
    file.writelines(f"{z:5d}{z:12.6f}" + _row(place, "12.6f") for z, place in zip(numbers, places, strict=True))
    for row in values.reshape(-1, values.shape[2]):  # z runs fastest, and every row of it begins a line
        _lines(file, row, 6, " %12.5E")


def _chgcar(file: TextIO, result: Dataset, values: Floats, what: str) -> None:
    kinds = np.array([element_of(name) for name in result["atom_species"].values.tolist()])
    different = list(dict.fromkeys(kinds.tolist()))
    by_kind = np.concatenate([np.flatnonzero(kinds == name) for name in different])
    file.write(f"{_title(result, what)}\n   1.00000000000000\n")
    file.writelines(_row(vector, " 21.16f") for vector in result["cell"].values)
    file.write("".join(f" {name:>4s}" for name in different) + "\n")
    file.write("".join(f" {int((kinds == name).sum()):5d}" for name in different) + "\nDirect\n")
    file.writelines(_row(place, " 19.16f") for place in np.mod(result["others"].values[by_kind], 1.0))
    file.write("\n" + "".join(f" {n:4d}" for n in values.shape) + "\n")
    _lines(file, values.ravel(order="F"), 5, " %17.11E")  # x runs fastest


def _row(numbers: Floats, form: str) -> str:
    return "".join(f"{x:{form}}" for x in numbers) + "\n"


def _lines(file: TextIO, values: Floats, columns: int, form: str) -> None:
    """Numbers in lines of so many, the last one shorter."""
    full = len(values) // columns * columns
    if full:
        np.savetxt(file, values[:full].reshape(-1, columns), fmt=form, delimiter="")
    if full < len(values):
        file.write("".join(form % x for x in values[full:]) + "\n")
