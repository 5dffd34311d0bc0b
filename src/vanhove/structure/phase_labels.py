"""The phase of any atoms at any time, from what :func:`vanhove.structure.phases` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.budget import memory_budget
from vanhove.trajectory.times import lag_tolerance

from .axis import AXES, axis_number, fractions_along, heights

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int8]

ROUNDING = 1e-6  # ps
FAR = 0.2  # of its height: a cell that differs by more is another one
FOUND = "glass and crystal"  # the verdict where there are phases


class Labels(NamedTuple):
    """Which phase atoms are in."""

    names: list[str]
    codes: Codes  # (atom, frame) numbers of the names, -1: none; one frame where an atom keeps its label


def labels_of(phases: Dataset | NDArray[Any], traj: Trajectory, atoms: Trajectory) -> Labels:
    """The labels of ``atoms``, a selection of ``traj``, in every frame.

    A result along an axis labels atoms by where they are between its interfaces, in every frame, whichever atoms it was
    made from. One about atoms, and an array of labels, (atom) or (frame, atom), is about the atoms of ``traj`` or of
    the whole system.
    """
    if isinstance(phases, np.ndarray):
        different, code = np.unique(phases, return_inverse=True)
        return Labels([str(name) for name in different], columns_of(code.reshape(phases.shape), traj, atoms, "labels"))
    if phases.attrs.get("observable") != "structure.phases":
        raise Refusal("phases= is no result of phases", "", "Give what vh.structure.phases returned")
    if phases.attrs["verdict"] != FOUND:
        raise Refusal(
            "No phases were found", str(phases.attrs["verdict"]),
            "Give phases=, a result of structure.phases with an axis or settings that show them",
        )  # fmt: skip
    names = [str(name) for name in phases["label"].values]
    if "interface" in phases:
        return Labels(names, _by_place(phases, atoms))
    if "phase_frame" in phases:
        table = phases["phase_frame"].transpose("frame", "atom").values[_frames_of(phases, atoms)]
    else:
        table = np.array([names.index(name) for name in phases["phase"].values])
    species = phases["atom_species"].values
    whole = traj.whole_system
    of = traj if len(species) == traj.n_atoms else whole
    if len(species) != of.n_atoms or (species != of.species).any():
        raise Refusal(
            f"The phases are those of {len(species)} other atoms", f"the trajectory has {traj.n_atoms}",
            "Find them in this trajectory, or in all of its system",
        )  # fmt: skip
    return Labels(names, columns_of(table, of, atoms, "phases"))


def codes_at(phases: Dataset, position: Floats) -> Codes:
    """Numbers of the label at heights (Å) along the axis of a result that was made along one."""
    height = float(phases.attrs["height"])
    lower, upper = phases["interface"].values
    half = ((upper - lower) % height) / 2
    apart = (position - lower - half + height / 2) % height - height / 2
    side = (apart > 0).astype(np.intp)
    outwards = np.array([-1.0, 1.0])
    crystal, glass = (
        half + (outwards * (phases[name].values - phases["interface"].values) + height / 2) % height - height / 2
        for name in ("crystal_end", "glass_end")
    )
    away = np.abs(apart)
    number = {str(name): k for k, name in enumerate(phases["label"].values)}
    codes: Codes = np.where(
        away < crystal[side], number["crystal"], np.where(away > glass[side], number["glass"], number["interface"])
    ).astype(np.int8)
    return codes


def columns_of(table: NDArray[Any], of: Trajectory, atoms: Trajectory, what: str) -> NDArray[Any]:
    """What a table (atom) or (frame, atom) of all atoms of ``of`` says of some of them: (atom, frame or one)."""
    if table.shape not in ((of.n_atoms,), (of.n_frames, of.n_atoms)):
        raise Refusal(
            f"The {what} have the shape {table.shape}",
            f"the trajectory has {of.n_frames} frames of {of.n_atoms} atoms",
            "Give one for each atom, or for each frame and atom",
        )
    place = np.full(int(of.atom_numbers.max()) + 1, -1)
    place[of.atom_numbers] = np.arange(of.n_atoms)
    return np.ascontiguousarray(np.atleast_2d(table)[:, place[atoms.atom_numbers]].T)


def _by_place(phases: Dataset, atoms: Trajectory) -> Codes:
    axis = axis_number(str(phases.attrs["axis"]))
    height, here = float(phases.attrs["height"]), float(heights(atoms.cells, axis).mean())
    if abs(here - height) > FAR * height:
        raise Refusal(
            f"The phases were found in a cell {height:.4g} Å high along {AXES[axis]}", f"this one is {here:.4g} Å high",
            "Find them in this trajectory",
        )  # fmt: skip
    needed, budget = atoms.n_frames * atoms.n_atoms, memory_budget()
    if needed > budget // 8:  # masks of it lie beside it, and blocks of paths
        raise Refusal(
            f"The phase of every ion in every frame takes {needed / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB", "Choose fewer frames or ions, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    codes = np.empty((atoms.n_atoms, atoms.n_frames), np.int8)
    cells = atoms.cells

    def work(frames: slice) -> Sums:
        places = fractions_along(atoms.read("positions", frames), cells[frames], axis)
        codes[:, frames] = codes_at(phases, places * height).T
        return {}

    add_blocks(cut_frames(atoms, 14 * 8 * atoms.n_atoms, fixed=needed), work, "phases of the ions")
    return codes


def _frames_of(phases: Dataset, atoms: Trajectory) -> NDArray[np.intp]:
    """Which frame of the result each frame is, by its time."""
    known, times = phases["time"].values, atoms.times
    near: NDArray[np.intp] = np.rint(np.interp(times, known, np.arange(len(known)))).astype(np.intp)
    off = np.abs(known[near] - times) > (lag_tolerance(known) if len(known) > 1 else ROUNDING)
    if off.any():
        raise Refusal(
            f"The phases were not found at {times[off][0]:g} ps", "their labels of every frame are of other frames",
            "Find them in this trajectory, or without per_frame",
        )  # fmt: skip
    return near
