"""One task with all that it needs, so that it can be carried out here or sent elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal
from vanhove.base.rooms import names_file

from . import simulation
from .analysis import compute
from .options import entry_of

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .planned import PlannedRun
    from .schema import Study
    from .tasks import Task

    Told = Callable[[str, float, int, int, float, float], None]


@dataclass(frozen=True)
class Errand:
    """A task, the datasets it is made from, and where the rest lies."""

    task: Task
    study: Study
    folder: Path  # of the results, absolute
    before: tuple[Task, ...] = ()  # the simulations that a simulation starts from
    run: PlannedRun | None = None  # whose trajectory is analysed
    inputs: tuple[Dataset, ...] = ()

    @property
    def simulates(self) -> bool:
        """Whether it is a simulation."""
        return simulation.simulates(self.task)

    def carry_out(self, told: Told, trajectory: Callable[[], Trajectory]) -> Dataset | None:
        """The dataset, which is not kept yet; of a simulation nothing, for it leaves its files in the folder."""
        task = self.task
        if self.simulates:
            simulation.perform(task, self.study, self.folder, {other.key: other for other in self.before}, told)
            return None
        try:
            return compute(task, self.inputs, trajectory, self.study.calculator)
        except Refusal as refused:
            raise Refusal(refused.what, " ".join(filter(None, [refused.where, f"[{task.label}]"])), refused.do)

    def files(self) -> Iterator[Path]:
        """The files that it reads, as far as the study names them."""
        if self.run is not None:
            yield from (self.folder / path for path in self.run.paths)
        if not self.simulates:
            for name in entry_of(self.task.function).files:
                if names_file(self.task.options.get(name)):
                    yield self.folder / self.task.options[name]
