"""Active learning: models explore, what they disagree on is labelled, and they are trained again. It goes on alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.base.progress import overwrite, visible
from vanhove.base.results import step
from vanhove.base.version import __version__

from . import learn_result
from ._train import Committee, committee
from .deepmd_home import find_deepmd
from .engine import find_lammps
from .engines import find_engine
from .folder import key_of
from .learn_folder import HELD_OUT, TRAIN, LearnFolder
from .learn_plan import Plan, plan_of
from .learn_result import End, end_of, table
from .learn_round import committee_of, do_round, make_start, warn_of_nothing
from .training_folder import TrainingFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

    from ._deepmd import DeepMD
    from ._labelled import Labelled
    from .deepmd_settings import Settings
    from .pairwise import Potential

PathLike = str | os.PathLike[str]
BETWEEN = 0.2  # s between lines


@dataclass(frozen=True, repr=False)
class Learned:
    """What an active learning has come to."""

    directory: Path
    committee: Committee  # of the last round; where they were not enough, trained once more on all frames
    count: int  # rounds; more may have been made since
    converged: bool
    verdict: str  # a sentence: whether it converged, or why it ended

    def __repr__(self) -> str:
        return f"Learned({self.committee!r}: {self.verdict})"

    def potential(self, number: int = 0) -> DeepMD:
        """One of the models as a potential, for :func:`vanhove.simulate.run`."""
        return self.committee.potential(number)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What each round wrote down: its runs, its trust levels, its picks."""
        return LearnFolder(self.directory).whole_rounds()[: self.count]

    @cached_property
    def rounds(self) -> Dataset:
        """The rounds, as ``vh.draw`` shows them: accurate, candidate, failed (round), force, force_new and more."""
        record = LearnFolder(self.directory).record() or {}
        records = self.records
        return table(
            records, record["asked"], f"Active learning: {len(records)} rounds", verdict=self.verdict,
            converged=int(self.converged), rule=records[-1]["rule"],
        )  # fmt: skip

    @cached_property
    def data(self) -> Labelled:
        """All frames with a label, those held out last: to train a larger model on, for longer."""
        folder = LearnFolder(self.directory)
        return folder.frames(TRAIN, self.count + 1) + folder.frames(HELD_OUT, self.count + 1)


def learn(
    start: Any,
    explore: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    labeller: Potential,
    directory: PathLike,
    *,
    structures: Any = None,
    settings: str | os.PathLike[str] | Mapping[str, Any] | Settings = "small",
    models: int = 4,
    seed: int = 1,
    trust: tuple[float, float] | None = None,
    rounds: int | None = None,
    per_round: int = 20,
    converged: float = 0.9,
    rattled: int = 20,
    held_out: float = 0.1,
    ranks: int | None = None,
    threads: int | None = None,
    restart: bool = True,
    progress: bool | Callable[[str], None] = True,
    each_round: Callable[[Learned], None] | None = None,
) -> Learned:
    r"""Learn a potential actively: train, explore, pick by model deviation, label, and again (E6).

    .. math:: \epsilon = \max_i \sqrt{\frac1M \sum_{m=1}^{M} \left|\mathbf F_i^m - \bar{\mathbf F}_i\right|^2}

    of each frame that LAMMPS explores with the first of M models. Below the lower trust level a frame is accurate, from
    the higher one on it failed, between them it is a candidate. Some candidates are labelled, and all models are
    trained again from scratch, on all frames so far. Killed at any moment it goes on where it was when it is called
    again.

    Parameters
    ----------
    start
        Labelled frames, or what :func:`labelled` reads; or structures, as :func:`label` takes them: these are rattled
        and strained, and labelled first.
    explore
        What the runs of a round are: ``{"temperatures": [600, 900], "pressures": [0, 1000], "ps": 5, "every": 0.05,
        "timestep": 1.0, "coupling": "isotropic"}`` (K, bar, ps, ps, fs). Without pressures the cell is kept. Or a list
        of such tables, one a round, the last of them again and again; or ``"lps"``, the rounds of the lithium
        thiophosphates, ``{"base": "lps", "ps": 20}`` with changes.
    labeller
        :func:`cp2k`; a potential that LAMMPS computes; or :func:`calculator`.
    directory
        A folder for all of it, a folder a round.
    structures
        What runs begin with: ``ase.Atoms``, a list, or a mapping of names to them. By default the first frame of each
        system of ``start``.
    settings, models, seed
        Of the training, see :func:`train`. The seed also draws velocities and what is held out.
    trust
        The two levels, eV/Å. By default they are found anew in each round from the data: the lower is what 95 % of the
        frames that no model has seen stay below, at most a quarter of the higher, which is the typical force.
    rounds
        At most so many; by default 5, or two more than are listed. More may be asked for later.
    per_round
        At most so many frames are labelled in each.
    converged
        Ends when so large a share of the frames was accurate in two rounds in a row, and all listed were explored.
    rattled
        How many frames are made of each structure in ``start``.
    held_out
        The share of the frames that no model sees, of the start and of the labels of each round.
    ranks, threads
        Processes of the labeller, see :func:`label`; threads of a training, see :func:`train`.
    restart
        Go on with what is there; False removes it.
    progress
        A line on the terminal; or what is called with it. What it raises stops the work.
    each_round
        Called after each round with what was learned so far.

    Returns
    -------
    Learned
        ``rounds``, ``committee``, ``data``, ``converged``, ``verdict``, ``potential(0)``.
    """
    plan = plan_of(
        start, explore, labeller, structures=structures, settings=settings, models=models, seed=seed, trust=trust,
        rounds=rounds, per_round=per_round, converged=converged, rattled=rattled, held_out=held_out, ranks=ranks,
        threads=threads,
    )  # fmt: skip
    folder, asked = LearnFolder(directory), plan.to_dict()
    with folder.locked():
        if not restart:
            folder.clear()
        if folder.record_of(asked) is None:
            history = [step("simulate.learn", **asked)]
            folder.write_record({"asked": asked, "key": key_of(asked), "vanhove": __version__, "history": history})
        say = _Line() if progress is True else (progress or _nothing)
        try:
            return _rounds(folder, plan, say, each_round)
        finally:
            if isinstance(say, _Line):
                say.close()


def learned(directory: PathLike, *, converged: float = 0.9) -> Learned:
    """What the active learning in ``directory`` has come to so far; ``converged`` as :func:`learn` takes it."""
    folder = LearnFolder(directory)
    record, done = folder.record(), folder.whole_rounds()
    if record is None or not done:
        raise Refusal("There is no round that is whole", str(folder.path), "Make one with simulate.learn(...)")
    end = end_of(done, converged, len(record["asked"]["explore"]))
    after = TrainingFolder(folder.training(len(done) + 1))
    once_more = not end.converged and len(after.whole_models()) == record["asked"]["models"]
    return _learned(folder, len(done), end, once_more=once_more)


def _rounds(
    folder: LearnFolder, plan: Plan, say: Callable[[str], None], each_round: Callable[[Learned], None] | None
) -> Learned:
    done = folder.whole_rounds()
    end = _end(done, plan)
    if not end.converged and len(done) < plan.rounds:
        find_deepmd()  # what is missing is said before anything is computed
        find_lammps()
        find_engine(plan.labeller)
        make_start(folder, plan)
    while not end.converged and len(done) < plan.rounds:
        told = do_round(folder, len(done) + 1, plan, say)
        warn_of_nothing(told)
        done.append(told)
        end = _end(done, plan)
        if each_round is not None:
            each_round(_learned(folder, len(done), end))
    if not end.converged:
        committee_of(folder, len(done) + 1, plan, say)
    return _learned(folder, len(done), end, once_more=not end.converged)


def _learned(folder: LearnFolder, count: int, end: End, *, once_more: bool = False) -> Learned:
    """With the committee of the last of so many rounds, or of what was trained after it."""
    models = committee(folder.training(count + once_more))
    return Learned(folder.path, models, count, end.converged, end.verdict)


def _end(done: Sequence[dict[str, Any]], plan: Plan) -> End:
    """Whether the rounds so far are enough, or those up to an earlier one were."""
    listed = len(plan.explorations.listed)
    ends = [end_of(done[:count], plan.converged, listed) for count in range(1, len(done) + 1)]
    return next((end for end in ends if end.converged), ends[-1] if ends else End(False, "No round was made."))


class _Line:
    """One line on the terminal, overwritten."""

    def __init__(self) -> None:
        self._visible, self._shown = visible(), 0.0

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if self._visible and now - self._shown >= BETWEEN:
            self._shown = now
            overwrite(text)

    def close(self) -> None:
        if self._shown:
            overwrite()


def _nothing(_: str) -> None:
    pass


def draw(result: Dataset, ax: Axes) -> None:
    """Shares by round, and errors of the forces."""
    learn_result.draw(result, ax)
