"""ILL LAMP: ``entry1/data1`` with DATA (Y, X), errors, X the energies and Y the momentum transfers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.trajectory.links import inner

from .hdf import matching, numbers, string, text
from .table import LOSS, Table, centres

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "entry1/data1"
TEMPERATURE = re.compile(r"(?:\(Sample\)\s+temperature|Sample\s+temperature\s+\[K\])\s*=\s*([-+.\deE]+)")
COLDEST = 0.0  # K: parameters that nobody filled in are 0


def recognises(file: Any) -> bool:
    """Whether the HDF5 file is one that LAMP wrote."""
    return inner(file, f"{GROUP}/DATA") is not None


def read(path: Path, file: Any) -> Table:
    """The workspace of the file."""
    group = inner(file, GROUP)
    S, error = numbers(group, "DATA"), numbers(group, "errors")
    where = f"{path}: {GROUP}"
    matching(S, error, f"{where}/DATA")
    says_x, says_y = (text(inner(group, axis).attrs.get("long_name")) for axis in ("X", "Y"))
    for axis, says, wanted in (("X", says_x, "energy"), ("Y", says_y, "wavevector")):
        # models are written with axes that are only called X and Y
        if len(says) > 1 and wanted not in says.lower():
            raise Refusal(
                f"The axis {axis} is '{says}'",
                where,
                "Bring it to S(Q, E) in LAMP first (t2e, sqw_rebin), then save it",
            )
    energy, _ = centres(numbers(group, "X"), S.shape[1], "energies (X)", where)
    q, _ = centres(numbers(group, "Y"), S.shape[0], "momentum transfers (Y)", where)
    return Table(
        energy, S, error, "LAMP", f"{LOSS}, as in LAMP (ħω = E_i - E_f)", q=q,
        energy_units="µeV" if re.search(r"micro|µ|\bue", says_x, re.IGNORECASE) else "meV",
        temperature=_temperature(string(group, "PARAMETERS")), title=text(inner(group, "DATA").attrs.get("long_name")),
    )  # fmt: skip


def _temperature(parameters: str) -> float | None:
    found = [float(number) for number in TEMPERATURE.findall(parameters)]
    warm = [kelvin for kelvin in found if kelvin > COLDEST]
    return warm[0] if warm else None
