"""How much the models of a committee disagree: where they do, none of them has seen the like."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset

from ._parity import as_deepmd
from ._train import Committee
from .deepmd_evaluate import Computed, Frames, evaluate, frames_of
from .learning_curve import plain_logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from ._deepmd import DeepMD

    Floats = NDArray[np.float64]

FEWEST = 2
BINS = 60


def deviation(
    committee: Committee | Sequence[DeepMD | str | os.PathLike[str]],
    frames: Any,
    *,
    threads: int | None = None,
) -> Dataset:
    r"""Model deviation: the spread of a committee's forces, frame by frame (E6).

    .. math:: \epsilon_i = \sqrt{\frac1M \sum_{m=1}^{M} \left|\mathbf F_i^m - \bar{\mathbf F}_i\right|^2}

    of the force on atom i over M models. The largest and the mean over the atoms are given; with M, not M - 1, below
    the sum, as in DP-GEN and in LAMMPS's ``pair_style deepmd``, so that trust levels can be compared. It says where
    models trained on the same frames disagree, not how large their errors are: what all of them get wrong alike it
    can't see.

    Parameters
    ----------
    committee
        What :func:`train` returned, or two model files and more.
    frames
        Labelled frames, a trajectory, ``ase.Atoms`` or a list of them.
    threads
        Of DeePMD's process; by default every core.

    Returns
    -------
    xarray.Dataset
        deviation_max, deviation_mean, deviation_min (frame), eV/Å; energy (frame), the standard deviation of the energy
        an atom; virial (frame), that of a virial component an atom, root mean square; atom_of_max (frame), the atom;
        system and number (frame) say which frame it is.
    """
    models = [committee.potential(n) for n in range(len(committee.models))] if isinstance(committee, Committee) else [
        as_deepmd(one) for one in ([committee] if isinstance(committee, str | os.PathLike) else committee)
    ]  # fmt: skip
    if len(models) < FEWEST:
        raise Refusal(f"{len(models)} model has nobody to disagree with", "", "Train more: train(..., models=4)")
    sets = frames_of(frames)
    said = evaluate(models, sets, threads)
    columns = [_of(each, [one[number] for one in said]) for number, each in enumerate(sets)]
    together = {name: np.concatenate([column[name] for column in columns]) for name in columns[0]}
    units = {
        "deviation_max": ("eV/Å", "largest model deviation of a force"),
        "deviation_mean": ("eV/Å", "mean model deviation of the forces"),
        "deviation_min": ("eV/Å", "smallest model deviation of a force"),
        "energy": ("eV", "standard deviation of the energy an atom"),
        "virial": ("eV", "standard deviation of a virial component an atom"),
        "atom_of_max": ("1", "atom with the largest deviation, from 0"),
        "number": ("1", "the frame's number in its source"),
    }
    variables = {name: Column(("frame",), together[name], *told) for name, told in units.items()}
    names = [each.name for each in sets for _ in each.numbers]
    return dataset(
        "simulate.deviation",
        {**variables, "system": Column(("frame",), names, "1", "system")},
        {"frame": Column(("frame",), np.arange(len(names)), "1", "frame")},
        parameters=dict(models=[model.model for model in models], frames=len(names), threads=threads), history=[],
        title=f"Model deviation of {len(models)} models", models=len(models),
    )  # fmt: skip


def _of(frames: Frames, said: Sequence[Computed]) -> dict[str, Any]:
    spread = force_deviation(np.array([one.forces for one in said]))
    atoms = len(frames.species)
    virials = np.array([one.virial for one in said]) / atoms
    return {
        "deviation_max": spread.max(axis=1), "deviation_mean": spread.mean(axis=1), "deviation_min": spread.min(axis=1),
        "energy": np.std([one.energy for one in said], axis=0) / atoms,
        "virial": np.sqrt((virials.std(axis=0) ** 2).mean(axis=(1, 2))),
        "atom_of_max": spread.argmax(axis=1), "number": frames.numbers,
    }  # fmt: skip


def force_deviation(forces: Floats) -> Floats:
    """(frame, atom) of forces (model, frame, atom, 3)."""
    return np.asarray(np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)))


def draw(result: Dataset, ax: Axes) -> None:
    """How many frames have which deviation: the largest of a frame, and its mean."""
    from matplotlib.ticker import MaxNLocator

    lines = (("deviation_max", "largest of a frame"), ("deviation_mean", "mean of a frame"))
    values = np.concatenate([result[name].values for name, _ in lines])
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1e-3, 1.0)
    edges = list(np.geomspace(low * 0.9, high * 1.1, BINS + 1))
    for number, (name, said) in enumerate(lines):
        ax.hist(result[name].values, edges, histtype="stepfilled", color=PALETTE[number], alpha=0.6, label=said)
    plain_logarithmic(ax.xaxis)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_axisbelow(True)
    ax.set_xlabel(label("model deviation of the forces", "eV/Å"))
    ax.set_ylabel("frames")
    ax.legend()
