"""What a row of the table is: one piece of work, who does it, what must agree, and what we aim at."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from systems import System

OURS = "vanhove"
HOME = "vanhove"  # the environment of this package
Arrays = dict[str, "NDArray[Any]"]
Work = Callable[[], Arrays]


@dataclass(frozen=True)
class Job:
    """One way to do a row's work: ``prepare`` loads and builds (not timed) and gives the timed call.

    ``equal`` is False where the job is easier than the row's: it is timed, but is not what the ratio is taken to.
    ``share`` of the work is done and times are divided by it, where all of it would take hours. ``known`` says what is
    wrong with the results and why; such a job is no correct peer.
    """

    who: str
    home: str
    prepare: Callable[[System], Work]
    call: str
    package: str = ""  # whose version counts; the name without what follows a comma unless given
    threads: bool = False  # whether it can use several
    equal: bool = True
    share: float | Callable[[System], float] = 1.0
    known: str = ""
    note: str = ""
    sizes: str = "TSML"

    @property
    def distribution(self) -> str:
        return self.package or self.who.split(",")[0]


@dataclass(frozen=True)
class Check:
    """Two results agree where they differ by less than ``tolerance`` of |ours|, or of ``floor`` × its largest."""

    key: str
    tolerance: float
    floor: float = 1.0


@dataclass(frozen=True)
class Aim:
    """Reached if ``against`` (the fastest correct peer unless named) takes ``ratio`` times our CPU seconds or more,

    or if a unit of work takes us ``ns`` or less of one core, or the call ``seconds`` or less on the clock.
    """

    ratio: float | None = None
    against: str = ""
    ns: float | None = None
    seconds: float | None = None
    sizes: str = "SML"

    def __str__(self) -> str:
        if self.ns is not None:
            return f"≤ {self.ns:g} ns a unit"
        if self.seconds is not None:
            return f"≤ {self.seconds:g} s"
        return f"≥ {self.ratio:g}×" + (f" {self.against}" if self.against else "")


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    jobs: list[Job]
    unit: str
    work: Callable[[System], float]  # units done
    checks: list[Check]
    aims: list[Aim]
    sizes: str = "TSML"
    note: str = ""
    reasons: dict[str, str] = field(default_factory=dict)  # why an aim is missed, by size


def threads() -> int:
    """How many threads this process may use."""
    return int(os.environ.get("BENCH_THREADS", "1"))


def trajectory(sample: System, **more: Any) -> Any:
    """Ours, in memory."""
    import vanhove as vh

    more.setdefault("temperature", 600.0)
    return vh.from_arrays(
        sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False, **more
    )  # fmt: skip


def universe(sample: System, positions: NDArray[Any], **more: Any) -> Any:
    """MDAnalysis', in memory: float32, as it has them."""
    import MDAnalysis as mda
    import numpy as np

    system = mda.Universe.empty(len(sample.species), trajectory=True, velocities="velocities" in more)
    system.add_TopologyAttr("type", sample.species.tolist())
    edges = np.array([sample.length] * 3 + [90.0] * 3, np.float32)
    spacing = float(sample.times[1])
    system.load_new(positions.astype(np.float32), order="fac", dimensions=edges, dt=spacing, **more)
    return system
