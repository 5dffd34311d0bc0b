"""Phases of a glass-ceramic: which atoms are glass, which crystal, and which lie in the interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.budget import memory_budget

from ._steinhardt import atoms_of, plan
from .averages import ratio, time_blocks
from .axis import AXES, axis_number, fractions_along, heights
from .local_order import local_order
from .phase_labels import FOUND
from .phase_picture import draw, phase_at, shade_slices
from .phase_profile import Along, Levels, by_amorphization, by_order, levels_of
from .step import TENTH

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .bond_order import BondOrder

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int8]

__all__ = ["draw", "phase_at", "phases", "shade_slices"]

LABELS = ["glass", "interface", "crystal"]  # as numbers 0, 1, 2


def phases(
    traj: Trajectory,
    axis: str | int | None = None,
    by: Literal["amorphization", "order"] = "amorphization",
    slab: float | None = None,
    sigma: float = 0.5,
    species: str | Sequence[str] | None = None,
    neighbours: str | Sequence[str] | None = None,
    l: int = 6,  # noqa: E741 - as in steinhardt
    cutoff: float | None = None,
    number: int | None = None,
    per_frame: bool = False,
) -> Dataset:
    r"""Label every atom glass, crystal or interface (A11).

    Along an axis, a slab of crystal between two interfaces is fitted to a periodic profile,

    .. math:: F(\zeta) = F_c + (F_g - F_c)\, \Phi\!\left(\frac{d(\zeta)}{w}\right),

    with the distance d beyond the middle of the nearer interface, the normal distribution :math:`\Phi`, and a width w
    of its own on either side of each interface. The interface is where the fitted profile has run from 10 to 90 % of
    its step. It can't be narrower than about 0.7 of a slab, over which the profile is an average.

    About each atom, the order is the mean of q̄ over the atom and the two dozen atoms nearest to it, and over the
    frames; two levels are found in its distribution, and an atom between 10 and 90 % of the step is in an interface.

    Parameters
    ----------
    traj
        Its atoms are labelled, in their order: ``traj.where(result["phase"].values == "glass")`` is a phase.
    axis
        Of the cell, ``"a"``, ``"b"``, ``"c"`` or 0, 1, 2. None: with the amorphization the axis with the clearest step;
        with the order, labels about each atom instead of along an axis.
    by
        ``"amorphization"``, the profile of :func:`amorphization` (low in the crystal), or ``"order"``, the
        :func:`steinhardt` parameter averaged over neighbours (high in the crystal).
    slab, sigma
        As in :func:`amorphization`; with the order, ``slab`` is over what the profile is averaged, by default 5 Å.
    species
        Whose amorphization or order decides; all atoms by default. All atoms are labelled.
    neighbours, l, cutoff, number
        As in :func:`steinhardt`; ``"order"`` needs ``cutoff`` or ``number``.
    per_frame
        Also keeps the label of every atom in every frame, ``phase_frame(frame, atom)``, as numbers of ``label``.

    Returns
    -------
    ``phase(atom)``: along an axis the phase in which an atom is in most of the frames (``share(label, atom)``), with
    regions fitted to the mean over the run; ``fraction(label)`` of the atoms. Along an axis also the ``profile``, the
    ``fit``, where each ``interface(side)`` has run half of its step and how wide it is, with standard errors from the
    scatter about the fit. ``level(phase_level)`` and ``scatter(phase_level)`` are the profile's mean level and standard
    deviation in each phase. Where there are no two levels farther apart than the profile's scatter allows,
    ``attrs["verdict"]`` says so, and ``phase`` is empty; else it is "glass and crystal".
    """
    if by not in ("amorphization", "order"):
        raise Refusal(f"by={by!r}", "", 'Pass "amorphization" or "order"')
    kept = _room_for_frames(traj) if per_frame else None
    order = plan(traj, species, neighbours, [l], True, cutoff, number) if by == "order" else None
    if order is not None and axis is None:
        made, where = _about_atoms(traj, order, kept), None
    else:
        where = _axis_of_step(traj, axis, order, slab, sigma, species)
        made = _along_axis(traj, where, kept)
    variables: dict[str, Column] = {}
    coords = dict(made.coords)
    if where is not None:
        _profile_columns(where, "disorder" if by == "amorphization" else "q̄", variables, coords)
    variables |= made.variables
    if kept is not None:
        variables["phase_frame"] = Column(("frame", "atom"), kept, "1", "number of the label, -1 where there is none")
        coords["time"] = Column(("frame",), traj.times, "ps", "time of the frame")
    _picture_columns(traj, None if where is None else where.axis, variables)
    coords["label"] = Column(("label",), LABELS, "1", "phase")
    coords["atom_species"] = Column(("atom",), traj.species, "1", "species of the atom")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.phases",
        variables,
        coords,
        parameters=dict(
            axis=axis, by=by, slab=slab, sigma=sigma, species=species, neighbours=neighbours, l=l, cutoff=cutoff,
            number=number, per_frame=per_frame,
        ),
        history=list(traj.history),
        title="Phases",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        by=by,
        axis="" if where is None else AXES[where.axis],
        height=0.0 if where is None else where.step.height,
        verdict=made.verdict,
        **known,
    )  # fmt: skip


class _Made(NamedTuple):
    variables: dict[str, Column]
    coords: dict[str, Column]
    verdict: str


def _room_for_frames(traj: Trajectory) -> Codes:
    needed, budget = traj.n_frames * traj.n_atoms, memory_budget()
    if needed > budget:
        raise Refusal(
            f"The labels of every frame take {needed / 1e9:.1f} GB", f"the memory budget is {budget / 1e9:.1f} GB",
            "Leave out per_frame, choose fewer frames, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    return np.full((traj.n_frames, traj.n_atoms), -1, np.int8)


def _axis_of_step(
    traj: Trajectory,
    axis: str | int | None,
    order: BondOrder | None,
    slab: float | None,
    sigma: float,
    species: str | Sequence[str] | None,
) -> Along:
    """The profile along the axis asked for, or along the one with the clearest step."""
    if order is not None:
        return by_order(traj, order, axis_number(axis or 0), slab)
    some = traj.where(np.isin(np.arange(traj.n_atoms), atoms_of(traj, species)))
    if axis is not None:
        return by_amorphization(some, axis_number(axis), slab, sigma)
    high = [k for k in range(3) if slab is None or slab <= float(heights(traj.cells, k).mean())]
    if not high:
        raise Refusal(f"slab={slab}", "the cell is not as high along any axis", "Give a smaller width")
    return max((by_amorphization(some, k, slab, sigma) for k in high), key=lambda along: along.step.separation)


def _along_axis(traj: Trajectory, along: Along, kept: Codes | None) -> _Made:
    """Labels by where the atoms are between the interfaces."""
    step = along.step
    if not step.found:
        return _nothing(traj, f"no step: {along.about}")
    block_of, cells = time_blocks(traj.n_frames), traj.cells
    blocks = int(block_of[-1]) + 1

    def work(frames: slice) -> Sums:
        places = fractions_along(traj.read("positions", frames), cells[frames], along.axis)
        codes = step.place(places * step.height)
        if kept is not None:
            kept[frames] = codes
        parts = np.zeros((blocks, len(LABELS)))
        each = np.zeros((len(LABELS), traj.n_atoms))
        for k in range(len(LABELS)):
            mine = codes == k
            np.add.at(parts[:, k], block_of[frames], mine.sum(axis=1))
            each[k] = mine.sum(axis=0)
        return {"parts": parts, "each": each}

    total = add_blocks(cut_frames(traj, 12 * 8 * traj.n_atoms, fixed=3 * 8 * 3 * traj.n_atoms), work, "phases")
    share = total["each"].astype(np.float64) / traj.n_frames
    whole = (np.bincount(block_of) * traj.n_atoms)[:, None]
    fraction, moved = ratio(total["parts"], whole)
    errors = np.sqrt(np.nan_to_num(moved) ** 2 + _thickness_errors(along) ** 2)
    return _Made(_columns(np.argmax(share, axis=0), fraction, errors, share), {}, FOUND)


def _thickness_errors(along: Along) -> Floats:
    """Standard error of each label's share of the cell, from those of the interfaces' edges."""
    step = along.step
    middle, inner, outer = (np.nan_to_num(step.errors[k : k + 2]) for k in (2, 4, 6))
    inside = float((middle**2 + (TENTH * inner) ** 2).sum())
    outside = float((middle**2 + (TENTH * outer) ** 2).sum())
    widths = float(((TENTH * inner) ** 2 + (TENTH * outer) ** 2).sum())
    errors: Floats = np.sqrt(np.array([outside, widths, inside])) / step.height
    return errors


def _about_atoms(traj: Trajectory, order: BondOrder, kept: Codes | None) -> _Made:
    """Labels by the order about each atom."""
    sums, seen = local_order(traj, order)
    field, _ = ratio(sums, seen)
    levels = levels_of(field)
    if not levels.found:
        about = f"the two levels of the order about atoms, {levels.glass:.3g} and {levels.crystal:.3g}, are "
        return _nothing(traj, f"no step: {about}{levels.separation:.1f} times the scatter about them apart")
    by_block = levels.place(sums / np.where(seen > 0, seen, np.nan))
    parts = np.array([[(row == k).mean() for k in range(len(LABELS))] for row in by_block])
    codes = levels.place(field)
    fraction = np.array([(codes == k).mean() for k in range(len(LABELS))])
    blocks = len(parts)
    errors = parts.std(axis=0, ddof=1) / np.sqrt(blocks) if blocks > 1 else np.full(len(LABELS), np.nan)
    if kept is not None:
        _fill(traj, order, levels, kept)
    variables = _columns(codes, fraction, errors, None)
    variables["order"] = Column(("atom",), field, "1", "order about the atom")
    variables["level"] = Column(
        ("phase_level",), np.array([levels.glass, levels.crystal]), "1", "level of the order in each phase"
    )
    coords = {"phase_level": Column(("phase_level",), ["glass", "crystal"], "1", "phase")}
    return _Made(variables, coords, FOUND)


def _fill(traj: Trajectory, order: BondOrder, levels: Levels, kept: Codes) -> None:
    def visit(frames: slice, field: Floats) -> None:
        kept[frames] = levels.place(field)

    local_order(traj, order, visit)


def _nothing(traj: Trajectory, verdict: str) -> _Made:
    nothing = np.full(len(LABELS), np.nan)
    return _Made(_columns(np.full(traj.n_atoms, -1), nothing, nothing, None), {}, verdict)


def _columns(codes: NDArray[Any], fraction: Floats, errors: Floats, share: Floats | None) -> dict[str, Column]:
    names = np.array([*LABELS, ""])  # the last one for -1
    columns = {
        "phase": Column(("atom",), names[codes], "1", "phase of the atom"),
        "fraction": Column(("label",), fraction, "1", "share of the atoms"),
        "fraction_error": Column(("label",), errors, "1", "standard error of the share"),
    }
    if share is not None:
        columns["share"] = Column(("label", "atom"), share, "1", "share of the frames that the atom is in the phase")
    return columns


def _profile_columns(along: Along, name: str, variables: dict[str, Column], coords: dict[str, Column]) -> None:
    step = along.step
    where = step.place(along.position) if step.found else np.full(len(along.position), -1)
    levels, scatter = [], []
    for k in (0, 2):
        mine = along.values[where == k]
        levels.append(float(mine.mean()) if len(mine) else np.nan)
        scatter.append(float(mine.std(ddof=1)) if len(mine) > 1 else np.nan)
    variables["profile"] = Column(("position",), along.values, "1", name)
    variables["profile_error"] = Column(("position",), along.errors, "1", f"standard error of {name}")
    variables["fit"] = Column(("position",), along.fitted, "1", "fitted step")
    ends = {
        "interface": (step.middles, step.errors[2:4], "middle of the interface, where half of the step has run"),
        "width": (TENTH * (step.inner + step.outer), TENTH * np.hypot(step.errors[4:6], step.errors[6:8]),
                  "width of the interface, from 10 to 90 % of the step"),
    }  # fmt: skip
    for key, (values, errors, words) in ends.items():
        wrapped = values % step.height if key == "interface" else values
        variables[key] = Column(("side",), wrapped, "Å", words)
        variables[f"{key}_error"] = Column(("side",), errors, "Å", f"standard error of the {words.split(',')[0]}")
    outwards = np.array([-1.0, 1.0])
    for key, beyond, words in (
        ("crystal_end", -TENTH * step.inner, "where the crystal ends and the interface begins"),
        ("glass_end", TENTH * step.outer, "where the glass ends and the interface begins"),
    ):
        variables[key] = Column(("side",), (step.middles + outwards * beyond) % step.height, "Å", words)
    variables["level"] = Column(("phase_level",), np.array(levels), "1", f"mean {name} in each phase")
    variables["scatter"] = Column(
        ("phase_level",), np.array(scatter), "1", f"standard deviation of {name} in each phase"
    )
    coords["position"] = Column(("position",), along.position, "Å", f"height along {AXES[along.axis]}")
    coords["side"] = Column(("side",), ["lower", "upper"], "1", "interface below or above the crystal")
    coords["phase_level"] = Column(("phase_level",), ["glass", "crystal"], "1", "phase")


def _picture_columns(traj: Trajectory, axis: int | None, variables: dict[str, Column]) -> None:
    """Where the atoms of the first frame are, seen along the axis and across it."""
    high = heights(traj.cells[:1], 0), heights(traj.cells[:1], 1), heights(traj.cells[:1], 2)
    first = int(np.argmax(np.concatenate(high))) if axis is None else axis
    second = max((k for k in range(3) if k != first), key=lambda k: float(high[k][0]))
    positions = traj.read("positions", slice(0, 1))
    for name, k in (("along", first), ("across", second)):
        place = fractions_along(positions, traj.cells[:1], k)[0] * high[k][0]
        variables[name] = Column(("atom",), place, "Å", f"height along {AXES[k]} in the first frame")
