"""``vanhove convert``: files in one format, or a part of them, into one file of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal

from .text import counted

if TYPE_CHECKING:
    from vanhove.trajectory import Trajectory


@dataclass(frozen=True)
class Wanted:
    """Which part is written, and how."""

    frames: str | None = None
    every: int = 1
    of: str | None = None
    wrapped: bool = False
    format: str | None = None
    overwrite: bool = False


def convert(files: Sequence[Path], reading: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """Read all but the last of ``files`` and write that one; returns the lines to print."""
    import vanhove as vh
    from vanhove.trajectory.writers import FORMATS, format_of, write

    *sources, out = files
    if not sources:
        raise Refusal("convert takes what is read and what is written", str(out), "vanhove convert run.dump run.h5md")
    part = _slice(wanted.frames)
    _check_out(out, [*sources, *[reading["topology"]] * (reading.get("topology") is not None)], wanted)
    name = wanted.format or format_of(out)  # a wrong name is said before anything is read
    traj = _part(vh.open(sources, **reading), part, wanted)
    lost = write(traj, out, format=name, wrapped=wanted.wrapped)
    called = FORMATS[name].name
    held = f"{counted(traj.n_frames, 'frame')} of {counted(traj.n_atoms, 'atom')}"
    said = [f"{out}: {held}, {called}, {_size(out.stat().st_size)}"]
    return said + ([f"not in {called}: {'; '.join(lost)}"] if lost else [])


def _check_out(out: Path, sources: Sequence[Path], wanted: Wanted) -> None:
    if out.is_dir():
        raise Refusal("What is to be written is a folder", str(out), "End with the name of a file")
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            raise Refusal("What is to be written is what is read", str(out), "Give it another name")
    if out.exists() and not wanted.overwrite:
        raise Refusal("There is a file of this name already", str(out), "Give another name, or --overwrite")


def _part(traj: Trajectory, frames: slice, wanted: Wanted) -> Trajectory:
    if frames != slice(None):
        traj = traj[frames]
    if wanted.every > 1:
        traj = traj.every(wanted.every)
    return traj if wanted.of is None else traj.select([label.strip() for label in wanted.of.split(",")])


def _slice(text: str | None) -> slice:
    """``"100:"``, ``":-1"`` or ``"10:20"``, as Python counts."""
    if text is None:
        return slice(None)
    try:
        first, last = (int(part) if part.strip() else None for part in text.split(":"))
    except ValueError:
        raise Refusal(f"--frames {text}", "", "Write it like --frames 100:200, --frames 100: or --frames :200")
    return slice(first, last)


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
