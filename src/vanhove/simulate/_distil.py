"""Distil a calculator: a DeePMD model that is trained on what any ASE calculator says, and is many times faster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.base.results import step
from vanhove.base.version import __version__

from ._parity import parity
from ._train import Committee, train
from .deepmd_home import find_deepmd
from .deepmd_settings import Settings, load_settings
from .distil_check import Checked, check_model, trial_of, verdict_of
from .distil_folder import DistilFolder
from .distil_sample import Sampling, label_samples, named, sample
from .engine import find_lammps
from .engines import find_engine
from .folder import key_of

if TYPE_CHECKING:
    from ase import Atoms
    from xarray import Dataset

    from ._calculator import Calculator
    from ._deepmd import DeepMD
    from ._labelled import Labelled
    from .training_status import Tell


@dataclass(frozen=True, repr=False)
class Distilled:
    """A model that was trained on a calculator, and how well it stands in for it."""

    directory: Path
    committee: Committee
    data: Labelled  # all that was labelled, trained on or held out
    parity: Dataset  # beside the calculator, on blocks of time that no model has seen
    check: Checked | None  # in the cell that it is for

    def __repr__(self) -> str:
        return f"Distilled({self.committee!r}: {self.verdict})"

    def potential(self, number: int = 0) -> DeepMD:
        """One of the models as a potential, for :func:`vanhove.simulate.run`."""
        return self.committee.potential(number)

    @property
    def speed(self) -> dict[str, float]:
        """In the cell of the check: seconds a step of calculator and model, on how many cores, and their ratio."""
        return asdict(self.check.speed) | {"ratio": self.check.speed.ratio} if self.check else {}

    @property
    def verdict(self) -> str:
        """What was found, in sentences."""
        return verdict_of(self.parity, self.check)


def distil(
    atoms: Atoms | Sequence[Atoms] | Mapping[str, Atoms],
    calculator: Calculator,
    directory: str | os.PathLike[str],
    *,
    temperatures: Sequence[float],
    frames: int = 400,
    every: float = 0.1,
    equilibrate: float = 0.5,
    timestep: float = 1.0,
    strain: float = 0.02,
    settings: str | os.PathLike[str] | Mapping[str, Any] | Settings = "small",
    models: int = 1,
    held_out: float = 0.1,
    check: Atoms | bool = True,
    target: float | None = None,
    check_ps: float = 2.0,
    seed: int = 1,
    ranks: int | None = None,
    restart: bool = True,
    progress: bool | Tell = True,
) -> Distilled:
    """Train a DeePMD model to stand in for a calculator (E6): sample, label, train, check.

    The calculator moves the atoms at every temperature; on its forces on frames of those runs the model is trained, and
    is then tried in the cell that it is for: where it goes there is labelled by the calculator, too.
    Killed at any moment it goes on where it was when it is called again.

    Parameters
    ----------
    atoms
        The structures to sample: one, several or a table of names. Of a disordered crystal give several orders.
    calculator
        :func:`calculator`.
    directory
        A folder for all of it.
    temperatures
        K, those of use and some above: what no frame shows the model makes up.
    frames
        How many in all; every structure at every temperature has its share.
    every
        ps between two of them. Frames nearer than a period of the fastest vibration are nearly the same.
    equilibrate
        ps before the first.
    timestep
        fs, of sampling and check.
    strain
        Every fourth frame is strained by up to so much before it is labelled, so that pressures are learned; 0 leaves
        all as they are.
    settings, models, held_out
        Of the training; see :func:`train`.
    check
        Atoms in which the model is tried: those that it is for, in a larger cell. True takes the first structure, False
        leaves the check out. It needs LAMMPS.
    target
        K of the check; without it the highest of the temperatures but one.
    check_ps
        How long the model moves those atoms.
    seed
        Decides velocities, strains, what is held out and how training begins.
    ranks
        Threads of the calculator and of the training, processes of the model in the check; by default as :func:`run`
        and :func:`train` have it.
    restart
        Go on with what is there; False starts over and removes it.
    progress
        Lines on the terminal; or what is called with a ``Status`` while the model is trained.

    Returns
    -------
    Distilled
        ``committee``, ``data``, ``parity``, ``check``, ``speed`` and ``verdict``; ``potential()`` for a run.
    """
    if getattr(calculator, "engine", None) != "ase":
        raise Refusal(
            f"A {type(calculator).__name__} is no calculator to distil", "", 'Give simulate.calculator("chgnet")'
        )
    structures = named(atoms)
    plan = Sampling(tuple(map(float, temperatures)), frames, every, equilibrate, timestep, strain, seed)
    plan.of_each(len(structures))  # refuses too few
    how = load_settings(settings)
    trial = None
    if check is not False:
        where = next(iter(structures.values())) if check is True else check
        trial = trial_of(where, plan, target, check_ps)
        find_lammps()  # hours of sampling are not to end with what could be said at once
    find_deepmd()
    find_engine(calculator)
    asked = {
        "atoms": {name: _fingerprint(one) for name, one in structures.items()}, "calculator": calculator.to_dict(),
        "sampling": plan.to_dict(), "settings": how.to_dict(), "held_out": held_out,
    }  # fmt: skip
    folder = DistilFolder(directory)
    with folder.locked():
        if not restart:
            folder.clear()
        if folder.record_of(asked) is None:
            history = [step("simulate.distil", **asked)]
            folder.write_record({"asked": asked, "key": key_of(asked), "vanhove": __version__, "history": history})
        runs = sample(structures, calculator, plan, folder.samples, ranks, show=progress is not False)
        data = label_samples(runs, calculator, plan, folder.labels, ranks)
        trained = train(
            data, folder.training, settings=how, models=models, seed=seed, held_out=held_out, threads=ranks,
            progress=progress,
        )  # fmt: skip
        found = parity(trained, trained.held_out)
        checked = check_model(trained, calculator, trial, data, folder.check, ranks, seed) if trial else None
        done = Distilled(folder.path, trained, data, found, checked)
        folder.write_findings(found, done.speed, done.verdict)
    return done


def _fingerprint(atoms: Any) -> str:
    from .point_frames import frames_of

    (frame,) = frames_of(atoms)
    return frame.fingerprint({})
