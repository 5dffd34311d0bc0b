"""HDF5 without surprises: a file's objects are reached within the file only.

An HDF5 file can name other files (external links, virtual datasets, external storage), which a reader then opens
unasked: a trajectory from elsewhere must not be able to show what else lies on the disk.
"""

from __future__ import annotations

from typing import Any

from vanhove.base.errors import Refusal

DEEPEST = 16  # links that lead to links
# What a damaged file, or one of another layout, makes h5py and what reads through it raise.
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, OverflowError, OSError, RuntimeError)


def inner(group: Any, path: str, depth: int = 0) -> Any:
    """The object at ``path`` below ``group``; None where there is none, refused where it lies in another file."""
    import h5py

    node = group
    for part in path.strip("/").split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink) or depth > DEEPEST:
            raise _outside(group, path)
        if isinstance(link, h5py.SoftLink):
            node = inner(node.file if link.path.startswith("/") else node, link.path, depth + 1)
        else:
            node = node[part]
    if isinstance(node, h5py.Dataset) and (node.is_virtual or node.external):
        raise _outside(group, path)
    return node


def _outside(group: Any, path: str) -> Refusal:
    return Refusal(
        "The file refers to another file for its data, which is not followed", f"{group.file.filename}: {path}",
        "Copy the data into one file, for example with h5repack or h5copy",
    )  # fmt: skip
