"""An observable that waits the first time it is computed, to be killed; also what a worker of the tests preloads."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import warn
from vanhove.base.results import Column, dataset
from vanhove.base.rooms import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

    import vanhove as vh

BEGUN = "begun"  # the file that says which process waits
LONGEST = 900.0  # s


def waiting(traj: vh.Trajectory, species: str, *, marks: str) -> Dataset:
    """The mean position; where ``marks`` holds no file BEGUN, this process first waits to be killed."""
    begun = Path(marks) / BEGUN
    if not begun.exists():
        part = begun.with_suffix(".part")
        part.write_text(str(os.getpid()))
        part.rename(begun)
        time.sleep(LONGEST)
    warn(f"{species} has waited", "in a test")
    mean = traj.select(species).positions.mean(axis=(0, 1))
    return dataset(
        "dynamics.waiting", {"mean": Column(("axis",), mean, "Å", "mean position")},
        {"axis": Column(("axis",), ["x", "y", "z"], "1", "axis")},
        parameters=dict(species=species, marks=marks), history=list(traj.history), title="Waiting",
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """The mean position along each axis."""
    ax.bar(result["axis"].values, result["mean"].values)
    ax.set_ylabel("mean position (Å)")


def dask_setup(_: Any) -> None:
    """Make the observable known; a worker that preloads this file calls it."""
    import vanhove.dynamics as room

    sys.modules["vanhove.dynamics._waiting"] = sys.modules[__name__]
    room.TABLE["waiting"] = Entry("_waiting", "waits, for a test")
    vars(room)["waiting"] = waiting
