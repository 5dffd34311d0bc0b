"""Train a committee of DeePMD models on labelled frames; a training that was stopped goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal, warn
from vanhove.base.files import digest
from vanhove.base.results import step
from vanhove.base.version import __version__

from . import learning_curve
from ._deepmd import DeepMD, deepmd
from ._labelled import Labelled, labelled
from .deepmd_home import find_deepmd
from .deepmd_settings import Settings, Wall, load_settings
from .deepmd_training import Member, Plan
from .folder import key_of
from .training_folder import DATA, TrainingFolder
from .training_status import LiveLine, Status, Tell
from .training_work import count_neighbours, work

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

PathLike = str | os.PathLike[str]
GPU = Path("/dev/nvidia0")


@dataclass(frozen=True, repr=False)
class Committee:
    """Models trained on the same frames by the same settings, from different random numbers."""

    directory: Path
    models: tuple[Path, ...]  # the files that runs take: compressed, where that could be done
    settings: Settings
    species: tuple[str, ...]
    fingerprint: str  # names the content of all models
    summary: tuple[dict[str, Any], ...]  # of each model: seconds a step, device, DeePMD's version

    def __repr__(self) -> str:
        return f"Committee({len(self.models)} trained, of {', '.join(self.species)}, in {self.directory})"

    def potential(self, number: int = 0) -> DeepMD:
        """One of the models as a potential, for :func:`vanhove.simulate.run`."""
        return deepmd(self.models[number], species=self.species)

    @property
    def curves(self) -> Dataset:
        """The learning curves, as ``vh.draw`` shows them: force(model, step), force_held_out, energy, virial, rate.

        Attributes: the device and the seconds a step of the last phase.
        """
        folder = TrainingFolder(self.directory)
        phases = [phase.steps for phase in self.settings.phases]
        files = [folder.curve_files(number, len(phases)) for number in range(len(self.models))]
        asked = (folder.record() or {})["asked"]
        found = learning_curve.curves(files, phases, asked, f"Training: {self.settings.title or 'own settings'}")
        last = [one["phases"][-1] for one in self.summary]
        timed = [one["seconds_per_step"] for one in last if one["seconds_per_step"]]
        found.attrs["device"] = ", ".join(sorted({one["device"] or "not said" for one in last}))
        if timed:
            found.attrs["seconds_per_step"] = sum(timed) / len(timed)
        return found

    @cached_property
    def train(self) -> Labelled:
        """The frames that they were trained on."""
        return labelled(TrainingFolder(self.directory).train)

    @cached_property
    def held_out(self) -> Labelled:
        """The frames that no model has seen."""
        folder = TrainingFolder(self.directory).held_out
        if not folder.is_dir():
            raise Refusal("Nothing was held out of this training", str(self.directory), "Give frames of your own")
        return labelled(folder)


def train(
    data: Labelled | PathLike | Sequence[PathLike],
    directory: PathLike,
    *,
    settings: str | os.PathLike[str] | Mapping[str, Any] | Settings = "small",
    models: int = 1,
    seed: int = 1,
    held_out: float | Sequence[str] | Labelled | None = 0.1,
    at_once: int | None = None,
    threads: int | None = None,
    restart: bool = True,
    progress: bool | Tell = True,
) -> Committee:
    r"""Train DeePMD models on frames with energies, forces and virials (E6).

    .. math:: L = p_E \frac{|\Delta E|^2}{N} + \frac{p_F}{3N} \sum_i |\Delta \mathbf F_i|^2
        + \frac{p_W}{9N} \|\Delta \mathbf W\|^2

    is made small by Adam, a few frames a step, while its rate falls and the prefactors p go from their first values to
    their last. DeePMD-kit does it in processes of its own; on a GPU, where its TensorFlow finds one. Each model is then
    frozen and compressed. Killed at any moment it goes on at the last checkpoint when it is called again.

    Parameters
    ----------
    data
        What :func:`labelled` returned, or what it reads.
    directory
        The training's own folder.
    settings
        ``"small"``: some minutes on two cores; ``"lps"``: as published for Li-P-S, weeks of a core; a TOML file, or a
        table: ``{"base": "small", "network": {"cutoff": 6.5}}`` changes some of those.
    models
        How many; they differ by their random numbers. More than were trained before are added.
    seed
        Decides all of those, and which frames are held out.
    held_out
        A share of the frames, in blocks that follow each other; the names of whole systems; frames of your own; or
        None. No model sees them, and the learning curve follows the errors on them.
    at_once
        How many models are trained side by side; by default one for every core, and one where there is a GPU.
    threads
        Of each process; by default the cores are shared among the models that are trained at once.
    restart
        Go on with the training that is there; False starts over and removes it.
    progress
        A line on the terminal; or what is called with a ``Status`` at every report. What it raises stops the training.

    Returns
    -------
    Committee
        ``models``, ``potential(0)``, ``curves``, ``train`` and ``held_out``, ``settings``, ``summary``.
    """
    how = load_settings(settings)
    for name, value in (("models", models), ("at_once", at_once), ("threads", threads)):
        if value is not None and value < 1:
            raise Refusal(f"{name}={value}", "", "Give 1 or more")
    frames = data if isinstance(data, Labelled) else labelled(data)
    trained, kept = _split(frames, held_out, seed)
    asked = {
        "settings": how.to_dict(), "species": list(trained.species), "train": trained.fingerprint,
        "held_out": kept.fingerprint if kept else None, "seed": seed,
    }  # fmt: skip
    folder = TrainingFolder(directory)
    with folder.locked() as lock:
        if not restart:
            folder.clear()
        record = folder.record_of(asked)
        if record is None:
            trained.save(folder.train)
            if kept:
                kept.save(folder.held_out)
            record = {"asked": asked, "key": key_of(asked), "title": how.title, "vanhove": __version__,
                      "history": [step("simulate.train", **asked)], "neighbours": None}  # fmt: skip
            folder.write_record(record)
        missing = [number for number in range(models) if folder.model_record(number) is None]
        if missing:
            side_by_side = at_once or (1 if GPU.exists() else min(len(missing), _cores()))
            each = threads or max(1, _cores() // side_by_side)
            _train(folder, record, how, trained, kept, models, side_by_side, each, lock, _teller(progress))
    return committee(folder.path)


def committee(directory: PathLike) -> Committee:
    """The models that a training in ``directory`` has finished."""
    folder = TrainingFolder(directory)
    record = folder.record()
    numbers = folder.whole_models() if record else []
    if record is None or not numbers:
        raise Refusal("There is no trained model", str(folder.path), "Train one with simulate.train(...)")
    told = [folder.model_record(number) or {} for number in numbers]
    asked = record["asked"]
    return Committee(
        folder.path, tuple(folder.model_file(number) for number in numbers),
        load_settings({**asked["settings"], "title": record["title"]}), tuple(asked["species"]),
        digest([sorted(one["content"].items()) for one in told]), tuple(told),
    )  # fmt: skip


def training_settings(asked: str | os.PathLike[str] | Mapping[str, Any]) -> Settings:
    """Settings of a training, as :func:`train` takes them: ``training_settings("lps").describe()`` shows them."""
    return load_settings(asked)


def draw(result: Dataset, ax: Axes) -> None:
    """Learning curves."""
    learning_curve.draw(result, ax)


def _train(
    folder: TrainingFolder, record: dict[str, Any], how: Settings, trained: Labelled, kept: Labelled | None,
    models: int, at_once: int, threads: int, lock: int, tell: Tell,
) -> None:  # fmt: skip
    home = find_deepmd()
    if record["neighbours"] is None:
        tell(Status("counting neighbours", 0, models, 0, 0, how.steps, *[float("nan")] * 4))
        cutoff = how.network.cutoff
        record["neighbours"] = count_neighbours(
            home, folder.train, folder.neighbours, trained.species, cutoff, _cores(), lock
        )
        folder.write_record(record)
    settled = how.settled(record["neighbours"]["closest"])
    _check_wall(settled, record["neighbours"]["closest"])
    there = tuple(f"../../{DATA}/{folder.train.name}/{name}" for name in trained.names)
    apart = tuple(f"../../{DATA}/{folder.held_out.name}/{name}" for name in (kept.names if kept else ()))
    counted = record["neighbours"]
    seed = int(record["asked"]["seed"])
    shares = _shares(trained, how.sampling)
    plan = Plan(settled, trained.species, there, apart, shares, seed, counted["most"], counted["closest"])
    members = [Member(folder.model(number), number, plan, home, threads) for number in range(models)]
    try:
        work(members, at_once, lock, tell)
    finally:
        if isinstance(tell, LiveLine):
            tell.close()


def _split(
    frames: Labelled, held_out: float | Sequence[str] | Labelled | None, seed: int
) -> tuple[Labelled, Labelled | None]:
    if held_out is None or (isinstance(held_out, float | int) and held_out == 0):
        return frames, None
    if not isinstance(held_out, Labelled):
        return frames.split(held_out, by="time" if isinstance(held_out, float | int) else "system", seed=seed)
    strange = sorted(set(held_out.species) - set(frames.species))
    if strange:
        raise Refusal(f"The frames held out have {strange[0]}, those to train on have not", "", "Add some to train on")
    return frames, held_out


def _shares(frames: Labelled, sampling: str) -> tuple[float, ...]:
    counts = [system.frames * (system.atoms if sampling == "atoms" else 1) for system in frames]
    return tuple(count / sum(counts) for count in counts)


def _check_wall(settings: Settings, closest: float) -> None:
    for number, phase in enumerate(settings.phases, 1):
        if isinstance(phase.wall, Wall) and phase.wall.outer > closest:
            warn(
                f"The wall of phase {number} reaches to {phase.wall.outer:g} Å, and atoms of the data come as close as "
                f"{closest:.3f} Å: there the model can't learn the forces", "", "Give a lower outer",
            )  # fmt: skip


def _teller(progress: bool | Tell) -> Tell:
    if callable(progress):
        return progress
    return LiveLine() if progress else lambda _: None


def _cores() -> int:
    return len(os.sched_getaffinity(0))
