"""A model beside its reference: errors of forces, energies and virials per system, and the worst frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset

from ._deepmd import DeepMD, deepmd
from ._labelled import Labelled, labelled
from ._train import Committee
from .deepmd_evaluate import evaluate, frames_of
from .parity_errors import Compared, all_together, compare, root_mean_square, worst_frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

Model = DeepMD | Committee | Labelled | str | os.PathLike[str]
SEED = 1


def parity(
    model: Model,
    data: Labelled | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    worst: int = 10,
    pairs: int = 20_000,
    threads: int | None = None,
) -> Dataset:
    r"""How well a model gives back the forces, energies and virials of labelled frames (E6).

    .. math:: R_F = \sqrt{\frac{1}{3 N n}\sum_{t=1}^{n}\sum_{i=1}^{N} |\mathbf F_i^\text{model} - \mathbf F_i|^2}

    for each system of N atoms and n frames; energies and virials are per atom.

    Parameters
    ----------
    model
        A committee (its first model), a potential that :func:`deepmd` returned, or a model's file. Of any other
        potential: the same frames as it labels them, what :func:`labelled` reads.
    data
        The reference. Take frames that the model was not trained on: ``committee.held_out``.
    worst
        How many of the worst frames to name.
    pairs
        How many force components to keep for the figure, of every system its share, drawn by chance.
    threads
        Of DeePMD's process; by default every core.

    Returns
    -------
    xarray.Dataset
        force, energy, virial (system) with errors; force_reference, the root mean square of the reference's forces;
        energy_offset, the mean of the energy's error; force_of (system, species); worst_force, worst_component,
        worst_system, worst_frame (worst); the pairs of the figure. Attributes force, energy and virial are of all
        systems together. Errors are standard errors from blocks of frames that follow each other.
    """
    if worst < 1 or pairs < 1:
        raise Refusal(f"worst={worst}, pairs={pairs}", "", "Give 1 or more")
    reference = data if isinstance(data, Labelled) else labelled(data)
    name, said = _labels(model, reference, threads)
    found = compare(said, reference)
    said = said.select(reference.names)  # in the same order
    named = worst_frames(found, worst)
    totals = {what: all_together(found, what) for what in ("force", "energy", "virial")}
    return dataset(
        "simulate.parity",
        {**_errors(found), **_worst(named), **_pairs(said, reference, pairs)},
        {
            "system": Column(("system",), list(reference.names), "1", "system"),
            "species": Column(("species",), list(reference.species), "1", "species"),
            "worst": Column(("worst",), np.arange(1, len(named) + 1), "1", "frames, the worst first"),
        },
        parameters=dict(worst=worst, pairs=pairs, model=name, data=reference.fingerprint, threads=threads), history=[],
        title=f"Parity of {name}", model=name,
        **{what: value for what, (value, _) in totals.items()},
        **{f"{what}_error": error for what, (_, error) in totals.items()},
    )  # fmt: skip


def _labels(model: Model, reference: Labelled, threads: int | None) -> tuple[str, Labelled]:
    """The model's name, and the reference's frames with its labels."""
    if isinstance(model, Labelled):
        return "labels", model
    potential = as_deepmd(model)
    computed = evaluate([potential], frames_of(reference), threads)[0]
    systems = [
        replace(system, energy=one.energy, forces=one.forces, virial=one.virial)
        for system, one in zip(reference, computed, strict=True)
    ]
    return potential.name, Labelled.of(systems)


def as_deepmd(model: Any) -> DeepMD:
    """A DeePMD model, whatever it is given as."""
    if isinstance(model, DeepMD):
        return model
    if isinstance(model, Committee):
        return model.potential(0)
    if isinstance(model, str | os.PathLike):
        return deepmd(model)
    raise Refusal(
        f"{str(model)[:60]!r} is no DeePMD model", "",
        "Give a committee, a model's file, or the same frames labelled by the potential",
    )  # fmt: skip


def _errors(found: Sequence[Compared]) -> dict[str, Column]:
    species = sorted({one for each in found for one in each.system.species})
    force = np.array([root_mean_square(one.force_squares) for one in found])
    energy = np.array([root_mean_square(one.energy**2) for one in found])
    nothing = (np.nan, np.nan)
    virial = np.array([
        root_mean_square((one.virial**2).mean(axis=(1, 2))) if one.virial is not None else nothing for one in found
    ])  # fmt: skip
    own = [np.sqrt((one.system.forces**2).mean()) for one in found]
    offset = [one.energy.mean() for one in found]
    of = [[one.force_of(label) for label in species] for one in found]
    at = ("system",)
    return {
        "force": Column(at, force[:, 0], "eV/Å", "error of a force component"),
        "force_error": Column(at, force[:, 1], "eV/Å", "standard error of it"),
        "energy": Column(at, energy[:, 0], "eV", "error of the energy an atom"),
        "energy_error": Column(at, energy[:, 1], "eV", "standard error of it"),
        "virial": Column(at, virial[:, 0], "eV", "error of a virial component an atom"),
        "virial_error": Column(at, virial[:, 1], "eV", "standard error of it"),
        "force_reference": Column(at, own, "eV/Å", "force component of the reference"),
        "energy_offset": Column(at, offset, "eV", "mean of model minus reference, energy an atom"),
        "frames": Column(at, [one.system.frames for one in found], "1", "frames"),
        "force_of": Column(("system", "species"), of, "eV/Å", "error of a force component of a species"),
    }


def _worst(named: Sequence[tuple[str, int, float, float]]) -> dict[str, Column]:
    systems, frames, squares, largest = zip(*named, strict=True)
    return {
        "worst_system": Column(("worst",), list(systems), "1", "system of a bad frame"),
        "worst_frame": Column(("worst",), list(frames), "1", "its number in its source"),
        "worst_force": Column(("worst",), list(squares), "eV/Å", "error of a force component in it"),
        "worst_component": Column(("worst",), list(largest), "eV/Å", "largest error of a force component in it"),
    }


def _pairs(said: Labelled, reference: Labelled, count: int) -> dict[str, Column]:
    """Force components by chance, and all energies, of reference and model."""
    generator = np.random.default_rng(SEED)
    share = max(1, count // len(reference.systems))
    forces: list[tuple[Floats, Floats, NDArray[np.str_]]] = []
    energies: list[tuple[Floats, Floats, NDArray[np.int64]]] = []
    for number, (system, other) in enumerate(zip(reference, said, strict=True)):
        theirs, ours = system.forces.reshape(-1), other.forces.reshape(-1)
        chosen = np.sort(generator.choice(len(theirs), min(share, len(theirs)), replace=False))
        forces.append((theirs[chosen], ours[chosen], np.array(system.species)[chosen // 3 % system.atoms]))
        each = (system.energy / system.atoms, other.energy / system.atoms)
        energies.append((*each, np.full(system.frames, number)))
    force, energy = ([np.concatenate(part) for part in zip(*both, strict=True)] for both in (forces, energies))
    return {
        "pair_reference": Column(("pair",), force[0], "eV/Å", "force component, reference"),
        "pair_model": Column(("pair",), force[1], "eV/Å", "force component, model"),
        "pair_species": Column(("pair",), force[2], "1", "species"),
        "energy_reference": Column(("frame",), energy[0], "eV", "energy an atom, reference"),
        "energy_model": Column(("frame",), energy[1], "eV", "energy an atom, model"),
        "frame_system": Column(("frame",), energy[2], "1", "which system, from 0"),
    }


def draw(result: Dataset, ax: Axes) -> None:
    """Force components of the model against those of the reference; on the line they agree."""
    theirs, ours = result.pair_reference.values, result.pair_model.values
    end = 1.05 * max(np.abs(theirs).max(), np.abs(ours).max(), 1e-9)
    ax.plot([-end, end], [-end, end], color="#7F7F7F", lw=0.9, zorder=1)
    colours = {str(one): colour_of(str(one), number) for number, one in enumerate(result.species.values)}
    order = np.random.default_rng(SEED).permutation(len(theirs))  # no species hides another
    each = [colours[one] for one in result.pair_species.values[order].tolist()]
    ax.scatter(theirs[order], ours[order], s=3, lw=0, alpha=0.5, c=each, rasterized=True)
    for species, colour in colours.items():
        ax.plot([], [], "o", color=colour, label=species)
    ax.set_axisbelow(True)
    ax.set_xlim(-end, end)
    ax.set_ylim(-end, end)
    ax.set_aspect("equal")
    ax.set_xlabel(label("force component, reference", "eV/Å"))
    ax.set_ylabel(label("force component, model", "eV/Å"))
    ax.text(0.97, 0.04, f"rms error {result.attrs['force']:.3g} eV/Å", transform=ax.transAxes, ha="right")
    ax.legend(loc="upper left")
