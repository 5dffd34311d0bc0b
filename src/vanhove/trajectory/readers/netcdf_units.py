"""The units of a netCDF trajectory: what its variables state, what the convention says, what LAMMPS's styles mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import BOHR

from .clocks import decimal
from .lammps_units import STYLES, unit_style

if TYPE_CHECKING:
    from pathlib import Path

    from vanhove.trajectory.contents import Options

    from .netcdf_files import NetCDF, Variable

LENGTHS = {
    "angstrom": 1.0, "å": 1.0, "a": 1.0, "nanometer": 10.0, "nm": 10.0, "bohr": BOHR, "meter": 1e10, "centimeter": 1e8,
    "micrometer": 1e4,
}  # fmt: skip
TIMES = {
    "picosecond": 1.0, "ps": 1.0, "femtosecond": 1e-3, "fs": 1e-3, "nanosecond": 1e3, "ns": 1e3, "microsecond": 1e6,
    "second": 1e12,
}  # fmt: skip


class Units:
    """Factors to Å, ps and Å/ps of a file's variables, their ``scale_factor`` included."""

    def __init__(self, file: NetCDF, options: Options, path: Path) -> None:
        self._options, self._path = options, path
        self._style = None if options.units is None else unit_style(options.units, str(path))
        self.of_lammps = "LAMMPS" in str(file.attributes.get("program", ""))
        self._spoken = {name: _said(variable) for name, variable in file.variables.items()}

    @property
    def style(self) -> str:
        """What decides whether charges are in e: the style that was given, or that lengths in m, cm or µm speak of."""
        length = _of(self._spoken.get("cell_lengths") or "angstrom", LENGTHS)
        return self._options.units or ("si" if length is not None and length > LENGTHS["nm"] else "")

    def length(self, variable: Variable) -> float:
        """Å; a unit that is not known is refused."""
        said = _said(variable) or self._spoken.get("cell_lengths") or "angstrom"
        factor = _of(said, LENGTHS)
        if factor is None and self._style is not None:
            factor = self._style.length
        if factor is None and said == "lj":
            unit_style("lj", str(self._path))  # refuses
        if factor is None:
            raise Refusal(
                f"The unit of length '{said[:40]}' is not known",
                str(self._path),
                "Give units=, LAMMPS's style of the run",
            )
        return factor * scale(variable)

    def time(self, variable: Variable) -> float | None:
        """The time in ps; None where its unit is not known."""
        factor = _of(_said(variable) or "picosecond", TIMES)
        if factor is None and self._style is not None:
            factor = self._style.time
        return None if factor is None else factor * scale(variable)

    def speed(self, variable: Variable) -> float | None:
        """The speed in Å/ps; None where its unit is not known."""
        said = _said(variable)
        if said is None and self.of_lammps:  # its older versions state the units of the cell and the time alone
            length, time = (self._spoken.get(name) or "" for name in ("cell_lengths", "time"))
            said = "electron" if length.lower() == "bohr" else f"{length}/{time}"
        length, _, time = (said or "angstrom/picosecond").partition("/")
        over, under = _of(length, LENGTHS), _of(time, TIMES)
        if over is not None and under is not None:
            return over / under * scale(variable)
        style = STYLES.get(said or "") or self._style
        return None if style is None else style.speed * scale(variable)


def scale(variable: Variable) -> float:
    """What the numbers of a variable are multiplied by; of one in single precision the decimal number it stands for."""
    value = variable.attributes.get("scale_factor")
    if value is None or isinstance(value, str) or value.size != 1 or value.dtype.kind not in "fiu":
        return 1.0
    number = value.reshape(())[()]
    return decimal(np.float32(number)) if value.dtype.itemsize == 4 and value.dtype.kind == "f" else float(number)


def _said(variable: Variable) -> str | None:
    said = variable.attributes.get("units")
    return said.strip() or None if isinstance(said, str) else None


def _of(word: str, table: dict[str, float]) -> float | None:
    word = word.strip().lower()
    return table.get(word, table.get(word.removesuffix("s")))
