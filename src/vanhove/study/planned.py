"""The trajectories that a study works on: those that it simulates, those that lie there, and what runs begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .tasks import files_key

if TYPE_CHECKING:
    from vanhove.trajectory import Trajectory

    from .schema import File


@dataclass(frozen=True)
class PlannedRun:
    """A trajectory that will be there when the observables want it; of one frame, what runs begin with."""

    name: str
    temperature: float | None  # K
    replica: int
    kind: Literal["simulated", "files"]
    key: str
    composition: Mapping[str, int] = field(hash=False)  # atoms of each species
    paths: tuple[str, ...]  # absolute, or relative to the results folder
    open_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    start: str = ""  # the name of what it begins with, where that is simulated too

    def open(self, folder: Path) -> Trajectory:
        """The trajectory, lazily; a simulated one lies in the results folder."""
        import vanhove as vh

        paths = [folder / path for path in self.paths]
        return vh.open(paths[0] if len(paths) == 1 else paths, **self.open_options)


def planned_file(entry: File) -> tuple[PlannedRun, Trajectory]:
    """A trajectory that is there already, and opened."""
    import vanhove as vh

    options = entry.open_options
    paths = entry.path[0] if len(entry.path) == 1 else entry.path
    traj = vh.open(paths, **options)
    run = PlannedRun(
        name=str(entry.name), temperature=traj.temperature, replica=entry.replica, kind="files",
        key=_key(entry, traj),
        composition=traj.composition, paths=tuple(entry.path), open_options=options,
    )  # fmt: skip
    return run, traj


def _key(entry: File, traj: Trajectory) -> str:
    """Names the trajectory by what all its files hold: those beside the named one, and those in a folder, too."""
    from vanhove.trajectory.file_source import FileSource

    source, options = traj.system.source, entry.open_options
    files = list(source.files) if isinstance(source, FileSource) else [Path(path) for path in entry.path]
    if entry.topology is not None:  # where it lies does not matter
        files.append(Path(entry.topology))
        options["topology"] = True
    return files_key(files, options)
