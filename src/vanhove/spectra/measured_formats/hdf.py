"""HDF5 files of measurements: opened without following anything out of the file, their arrays checked as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.links import UNREADABLE, inner

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAGIC = b"\x89HDF\r\n\x1a\n"
HDF4 = b"\x0e\x03\x13\x01"
LARGEST = 500_000_000  # values of one array: no reduced spectrum has as many


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, read only; whatever a damaged one raises is refused with its name."""
    import h5py

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            yield file
    except Refusal:
        raise
    except UNREADABLE as error:
        said = " ".join(str(error).split())
        raise Refusal("The file is truncated or damaged", f"{path}: {said}", "Copy it again, or write it again")


def groups(group: Any) -> Iterator[tuple[str, Any]]:
    """The groups right below ``group`` by name."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            continue  # what lies elsewhere is nobody's entry
        node = group[name]
        if isinstance(node, h5py.Group):
            yield str(name), node


def numbers(group: Any, path: str) -> Floats:
    """The array at ``path``; refused with its name where there is none or it holds something else."""
    import h5py

    where = f"{group.file.filename}: {group.name.rstrip('/')}/{path}"
    node = inner(group, path)
    if not isinstance(node, h5py.Dataset):
        raise Refusal("The file has no such array", where, "Check the file: the program that wrote it writes one")
    if node.dtype.kind not in "fiu" or node.size == 0 or node.size > LARGEST:
        raise Refusal(f"The array is of type {node.dtype} and shape {node.shape}", where, "Give numbers")
    found = node[()]
    if node.dtype == np.float32 and node.ndim == 1:
        found = [float(f"{value:.6g}") for value in found]  # 1.1 in four bytes is meant as 1.1, not as 1.10000002
    return np.asarray(found, np.float64)


def number(group: Any, path: str) -> float | None:
    """The single number at ``path``, None where there is none."""
    if inner(group, path) is None:
        return None
    found = numbers(group, path).ravel()
    return float(found[0]) if len(found) == 1 else None


def text(value: Any) -> str:
    """An attribute or a string in a file as text, "" for none."""
    if value is None:
        return ""
    first = np.asarray(value).ravel()
    item = first[0] if first.size else ""
    read = item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
    return read.strip("\x00 \n")


def string(group: Any, path: str) -> str:
    """The string at ``path``, "" where there is none."""
    node = inner(group, path)
    return "" if node is None or not hasattr(node, "dtype") else text(node[()])


def matching(S: Floats, error: Floats, where: str) -> None:
    """Refuse spectra that are no matrix, or whose errors have another shape."""
    if S.ndim != 2 or S.shape != error.shape:
        raise Refusal(
            f"S has the shape {S.shape}, its errors {error.shape}", where, "Both are to be (spectra, energies)"
        )
