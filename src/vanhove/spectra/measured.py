"""Measured spectra: S(q, energy) with its errors from the files that instruments' programs write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset, load
from vanhove.base.units import K_B

from . import rebinning  # what it returns has .rebin() and .sum_q()
from .given_numbers import numbers_of
from .measured_formats import columns as columns_format
from .measured_formats import danse, dave, hdf, lamp, mantid, nxspe
from .measured_formats.table import TO_MEV, Table, rising

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

FORMATS = ("columns", "mantid", "nxspe", "dave", "lamp", "danse")
LARGEST = 200_000_000  # bytes of text
HEAD = 4096
SURELY = 3.0  # standard errors by which a spectrum has to contradict detailed balance
COLD_ENOUGH = 0.5  # of k_B T: nearer to the elastic line the two sides hardly differ


def read_measured(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    q: float | Sequence[float] | None = None,
    temperature: float | None = None,
    energy_units: str | None = None,
    columns: Sequence[str] | None = None,
    flip_energy: bool = False,
) -> Dataset:
    r"""A measured S(q, energy) with its errors, whatever the program that wrote it.

    Formats are recognised by what is in a file: plain columns, Mantid's processed NeXus (.nxs) and NXSPE, DAVE's
    grouped ASCII (.grp), ILL LAMP (.hdf), histograms of DANSE (.h5). Points that were masked, that is with an error of
    0 or less or that are no numbers, are NaN in S and in its error and count nowhere. E > 0 is neutron energy loss.

    Parameters
    ----------
    path
        The file.
    format
        Forces a reader: ``"columns"``, ``"mantid"``, ``"nxspe"``, ``"dave"``, ``"lamp"``, ``"danse"``.
    q
        Q (1/Å) of each spectrum, where the file does not say; of an NXSPE file, which holds detectors at angles, the
        edges of the bins of Q to put them into.
    temperature
        K, of the sample; by default what the file says.
    energy_units
        ``"meV"``, ``"µeV"`` or ``"1/cm"``, where the file does not say; without it columns and DAVE files that say
        nothing are taken to be in meV.
    columns
        What the columns of a text file are, in their order: ``("q", "energy", "S", "error")``, with ``"-"`` for one to
        leave out.
    flip_energy
        The file counts energy *gain* as positive: turn it round.

    Returns
    -------
    Dataset
        ``S(q, energy)`` and ``S_error`` (one standard error; not there where the file has none), with
        ``attrs["format"]``, ``attrs["energy_sign"]`` and what else was settled. It can be rebinned and summed:
        ``.rebin(q=…, energy=…)`` and ``.sum_q()``.
    """
    file = Path(path)
    asked = None if q is None else np.atleast_1d(numbers_of(q, "q", "Give Q in 1/Å")).tolist()
    table = _read(file, format, asked, columns)
    units = _units(table, energy_units, str(file))
    momenta = _momenta(table, asked, str(file))
    energy = np.asarray(table.energy, np.float64) * TO_MEV[units]
    energy, S, error = rising(-energy if flip_energy else energy, table.S, table.error, str(file))
    order = np.argsort(momenta, kind="stable")
    momenta, S, error = momenta[order], S[order], None if error is None else error[order]
    if len(momenta) > 1 and not (np.diff(momenta) > 0).all():
        raise Refusal("Two spectra have the same Q", f"{file}: {momenta.tolist()}", "Give each once")
    S, error, masked = _masked(S, error, str(file))
    kelvin = table.temperature if temperature is None else float(temperature)
    if kelvin is not None and not kelvin > 0:
        raise Refusal(f"temperature={temperature!r}", "", "Give a positive temperature in K")
    _check_sign(energy, S, error, kelvin, str(file))
    sign = "turned round on request: E > 0 is energy that the neutron loses" if flip_energy else table.sign
    variables = {"S": Column(("q", "energy"), S, table.units, "dynamic structure factor, as measured")}
    if error is not None:
        variables["S_error"] = Column(("q", "energy"), error, table.units, "its standard error")
    known: dict[str, Any] = {} if kelvin is None else {"temperature": kelvin}
    return dataset(
        "spectra.read_measured",
        variables,
        {
            "q": Column(("q",), momenta, "1/Å", "momentum transfer"),
            "energy": Column(("energy",), energy, "meV", "energy transfer"),
        },
        parameters=dict(
            path=file.name, format=format, q=asked, temperature=temperature, energy_units=energy_units,
            columns=columns, flip_energy=flip_energy,
        ),
        history=[],
        title=table.title or file.stem,
        format=table.format,
        measured=file.name,
        energy_sign=sign,
        energy_units_of_file=units if energy_units or table.energy_units else f"{units}, taken for granted",
        masked_points=masked,
        errors="as in the file" if error is not None else "none in the file",
        notes="; ".join(table.notes) or "none",
        **known,
    )  # fmt: skip


def opened(given: Any) -> Any:
    """The spectrum itself where a file's path is given: of ``vh.save`` (.nc), or of an instrument's program."""
    if not isinstance(given, str | os.PathLike):
        return given
    return load(given) if Path(given).suffix == ".nc" else read_measured(given)


def recognises(path: Path) -> bool:
    """Whether a file that may also be a trajectory is a measured spectrum: HDF5 by its layout, text by its numbers."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(hdf.MAGIC):
        with hdf.opened(path) as file:
            return any(reader.recognises(file) for reader in (nxspe, mantid, lamp, danse))
    if not head.strip() or b"\x00" in head:
        return False
    lines = head.decode(errors="replace").splitlines()
    if dave.recognises(lines):
        return True
    rows = [line.replace(",", " ").split() for line in lines[:-1] if line.strip() and not line.lstrip().startswith("#")]
    return bool(rows) and all(len(row) in (3, 4) and _are_numbers(row) for row in rows[1:])  # the first may name them


def _are_numbers(words: Sequence[str]) -> bool:
    try:
        np.array(words, np.float64)
    except ValueError:
        return False
    return True


def _read(path: Path, format: str | None, q: list[float] | None, columns: Sequence[str] | None) -> Table:
    """Recognise the file and read it; an option that its format has no use for is refused."""
    if format is not None and format not in FORMATS:
        raise Refusal(f"format={format!r}", "", nearest(format, list(FORMATS)))
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        size = path.stat().st_size
    except OSError as failed:
        raise Refusal("The measurement can't be read", f"{path}: {failed.strerror or failed}", "Check the path")
    if not head.strip():
        raise Refusal("The file is empty", str(path), "Copy it again")
    if head.startswith(hdf.HDF4):
        raise Refusal("The file is HDF4", str(path), "Convert it to HDF5, for example with h4toh5 or nxconvert")
    if head.startswith(hdf.MAGIC):
        if columns is not None:
            raise Refusal("columns= is for text files", str(path), "Leave it out")
        return _read_hdf(path, format, q)
    if format not in (None, "columns", "dave"):
        raise Refusal(
            f"The file is not HDF5, as format={format!r} would be", str(path), "Check the file, or the format"
        )
    if b"\x00" in head:
        raise Refusal("The file is neither HDF5 nor text", str(path), f"Give one of the formats {', '.join(FORMATS)}")
    if size > LARGEST:
        raise Refusal(f"A text file of {size / 1e6:.0f} MB", str(path), "Reduce the data before")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if format == "dave" and not dave.recognises(lines):
        raise Refusal("The file does not begin like DAVE's grouped ASCII", str(path), "Leave out format=")
    if format != "columns" and columns is None and dave.recognises(lines):
        return dave.read(path, lines)
    return columns_format.read(path, lines, q, columns)


def _read_hdf(path: Path, format: str | None, q: list[float] | None) -> Table:
    readers: dict[str, Any] = {"mantid": mantid, "lamp": lamp, "danse": danse}
    with hdf.opened(path) as file:
        if "observable" in file.attrs:
            raise Refusal("This is a result of vanhove", str(path), "Open it with vh.load")
        if format == "nxspe" or (format is None and nxspe.recognises(file)):
            if not nxspe.recognises(file):
                _not_one(path, file, "nxspe")
            return nxspe.read(path, file, q)
        if format in readers and not readers[format].recognises(file):
            _not_one(path, file, format)
        for name, reader in readers.items():
            if format in (None, name) and reader.recognises(file):
                table: Table = reader.read(path, file)
                return table
        return _not_one(path, file, format)


def _not_one(path: Path, file: Any, format: str | None) -> NoReturn:
    holds = ", ".join(sorted(map(str, file))[:6]) or "nothing"
    raise Refusal(
        f"The HDF5 file is not one of format={format!r}" if format else "The HDF5 file is of no layout that is known",
        f"{path} holds {holds}", "Known are Mantid's processed NeXus and NXSPE, ILL LAMP, and histograms of DANSE",
    )  # fmt: skip


def _units(table: Table, asked: str | None, where: str) -> str:
    if asked is None:
        return table.energy_units or "meV"
    unit = {"μeV": "µeV", "ueV": "µeV"}.get(asked, asked)
    if unit not in TO_MEV:
        raise Refusal(f"energy_units={asked!r}", "", 'Give "meV", "µeV" or "1/cm"')
    if table.energy_units not in (None, unit):
        raise Refusal(
            f"energy_units={asked!r}", f"{where} says {table.energy_units}", "Leave it out, or check the file"
        )
    return unit


def _momenta(table: Table, asked: list[float] | None, where: str) -> Floats:
    """Q of each spectrum: the file's, or those asked for where it has none."""
    if table.q is not None:
        if asked is not None and table.format not in ("NXSPE", "columns"):
            raise Refusal("q= where the file has its own Q", where, "Leave it out, or use .rebin(q=…) afterwards")
        momenta = table.q
    elif asked is None:
        raise Refusal(
            f"The file says '{table.q_says or 'nothing'}' of its spectra where Q is to be", where,
            "Bring it to S(Q, E) first (SofQW in Mantid), or give q=, one value a spectrum",
        )  # fmt: skip
    else:
        momenta = np.asarray(asked)
    if len(momenta) != len(table.S):
        raise Refusal(f"q= has {len(momenta)} values", f"{where} has {len(table.S)} spectra", "Give one each")
    if not (np.isfinite(momenta) & (momenta >= 0)).all():
        raise Refusal(f"q={momenta.tolist()[:6]}", where, "Momentum transfers are numbers from 0 on, in 1/Å")
    return momenta


def _masked(S: Floats, error: Floats | None, where: str) -> tuple[Floats, Floats | None, int]:
    """S and its error with NaN in both where a point does not count, and how many those are."""
    good = np.isfinite(S) if error is None else np.isfinite(S) & np.isfinite(error) & (error > 0)
    if not good.any():
        raise Refusal("All points are masked: errors of 0 or less, or no numbers", where, "Give data with their errors")
    if error is None:
        warn("The file has no errors", where, "Fits will weigh all points alike")
    return (
        np.where(good, S, np.nan),
        None if error is None else np.where(good, error, np.nan),
        int((~good).sum()),
    )


def _check_sign(energy: Floats, S: Floats, error: Floats | None, kelvin: float | None, where: str) -> None:
    """Warn where gain outweighs loss as much as loss should gain: then the energy has the other sign.

    Detailed balance makes ln S(E) - ln S(-E) = E/k_BT; the slope is fitted to all pairs further than half of k_BT out.
    """
    if kelvin is None or error is None:
        return
    mirrored, spread = (
        np.stack([np.interp(-energy, energy, row, left=np.nan, right=np.nan) for row in rows]) for rows in (S, error)
    )
    x = energy / (K_B * kelvin)
    with np.errstate(invalid="ignore", divide="ignore"):
        strong = (S / error > SURELY) & (mirrored / spread > SURELY) & (x > COLD_ENOUGH)
        ratio = np.where(strong, np.log(S / mirrored), 0.0)
        weight = np.where(strong, 1 / ((error / S) ** 2 + (spread / mirrored) ** 2), 0.0)
    if not strong.any():
        return
    slope = float((weight * ratio * x).sum() / (weight * x**2).sum())
    if slope + SURELY * float((weight * x**2).sum() ** -0.5) < 0:
        warn(
            "The side of E < 0 outweighs that of E > 0, as if E > 0 were energy gain", where,
            "If the file counts gain as positive, give flip_energy=True",
        )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """S against energy at up to eight Q, on a logarithmic scale, each a factor above the one before."""
    rebinning.draw(result, ax)
    ax.set_xlabel(label("energy transfer", "meV"))
