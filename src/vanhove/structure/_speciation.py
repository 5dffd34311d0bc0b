"""Speciation: which units the formers and the anions of a network make, and how these hang together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset

from .averages import ratio
from .bonds import asked_cutoffs, first_bond, longest_bond, pair_functions
from .networks import Members, label_of, place_of
from .species_bars import draw_bars
from .tally import tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .averages import Numbers
    from .tally import Tally

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shares = dict[str, tuple[tuple[str, ...], tuple[Floats, Floats], str]]  # dims, values and errors, what it is

KINDS = ("corner", "edge", "face")
PHASES = ("glass", "interface", "crystal")  # as they are drawn; others follow by name


def speciation(
    traj: Trajectory,
    formers: str | Sequence[str],
    anions: str | Sequence[str],
    cutoffs: float | Mapping[str, float] | None = None,
    *,
    largest: int = 4,
    phase: Dataset | NDArray[Any] | None = None,
) -> Dataset:
    r"""Units of formers and anions (PS4, P2S6, P2S7, …), bridges between them, and Qⁿ.

    The atoms are a graph: a former and an anion are bonded where they are not farther apart than the cut-off of their
    pair, and so are two formers that have a bond of their own (P–P in P2S6). Its connected groups are the units. With
    :math:`N_u` units of kind u in a frame that hold :math:`f_u` formers each,

    .. math::

        \mathrm{fraction}(u) = \frac{\langle f_u N_u \rangle}{\sum_v \langle f_v N_v \rangle}, \qquad
        \mathrm{unit\_fraction}(u) = \frac{\langle N_u \rangle}{\sum_v \langle N_v \rangle}

    over all units that hold a former. Anions bonded to none stand apart, as ``lone``.

    Bonds reach across the boundaries of the cell, so that a unit cut by one is one unit. A group that is bonded to its
    own periodic image has no end and no formula: it is a ``"chain"``, ``"layer"`` or ``"network"`` when it runs through
    the cell in one, two or three directions. A unit with an end and more than ``largest`` formers is ``"larger"``.

    A *bridging* anion is bonded to two formers or more, a *non-bridging* one to one, a *free* one to none. A former
    that has n bridging anions is :math:`Q^n`: this counts anions, not the formers behind them, so that all Si in
    SiS2, whose tetrahedra share edges, are :math:`Q^4` though each has two neighbours only. A bond between formers
    does not count: P in P2S6 is :math:`Q^0`. Two formers that have one, two, or three and more anions in common share
    a *corner*, an *edge* or a *face*.

    Parameters
    ----------
    formers, anions
        ``"P"``, ``["Si", "P"]``; ``"S"``, ``["S", "Cl"]``. Formulas name them in this order. An element means all its
        isotopes.
    cutoffs
        Å, of each pair: ``{"P-S": 2.6, "P-P": 2.7}``; 0 says that a pair is never bonded; a single number is that of
        all pairs of former and anion. By default the first minimum of the pair's g(r), averaged over 100 frames of the
        run, where its first peak is at a covalent bond's distance: up to 1.15 times the sum of the covalent radii
        (P–S 2.4, P–P 2.5, Si–O 2.0 Å). Pairs whose first peak is farther, as P–Cl in an argyrodite and P–P in
        Li3PS4, have none. A bond between formers that fewer than about one former in a hundred has makes no peak: give
        its cut-off.
    largest
        Units of up to so many formers are named by their formula.
    phase
        In Python: the phase of every atom, (atom) or (frame, atom), or the result of ``structure.phases``, with its
        labels of every frame where it has kept them. Adds the shares within each phase; a unit belongs to the phases
        that its formers are in.

    Returns
    -------
    Shares, each with its standard error from the spread of ten consecutive blocks of frames (``…_error``, NaN for one
    frame) and each summing to 1: ``fraction(unit)``, ``unit_fraction(unit)``, ``Qn(n)``, ``sharing(kind)`` of the links
    between formers by what they share, ``bridging`` + ``non_bridging`` + ``free`` of the anions,
    ``coordination(former, around_former)`` by the number of anions around a former,
    ``anion_coordination(anion, around_anion)`` by the number of formers around an anion, and ``edge_sharing(edges)`` of
    the formers by the number of edges they share.
    Besides: ``lone(anion)``, the share of the anions that are free; ``homopolar(former)``, the share of the formers
    that are bonded to a former, and ``unit_homopolar(unit)``, the same of those in one kind of unit, which tells P2S6
    with its P–P bond (1) from two PS4 that share an edge (0); ``size(unit)``, formers per unit on average;
    ``fraction_by_frame(time, unit)``;
    ``cutoff(bond)``, 0 where a pair isn't bonded. Per phase: ``fraction_in``, ``unit_fraction_in``, ``Qn_in``.
    ``sharing`` is NaN where no formers are linked.
    """
    atoms = Members.of(traj, _names(formers), _names(anions))
    if largest < 1:
        raise Refusal(f"largest={largest}", "", "Give the number of formers up to which units are named, 1 or more")
    reach = _cutoffs(traj, atoms, cutoffs)
    names, code = _phases(traj, atoms, phase)
    found = tally(traj, atoms, reach, largest, code, max(1, len(names)))
    rows = sorted(found.units, key=lambda row: place_of(row, len(atoms.formers)))
    labels = [label_of(row, [*atoms.formers, *atoms.anions]) for row in rows]

    shares = _of_units(found, rows) | _of_formers(found) | _of_anions(found)
    if names:
        shares |= _in_phases(found, rows)
    variables = {}
    for name, (dims, (values, error), long_name) in shares.items():
        variables[name] = Column(dims, values, "1", long_name)
        variables[f"{name}_error"] = Column(dims, error, "1", f"standard error of the {long_name}")
    sizes = [found.units[row][0].sum() / found.units[row][1].sum() for row in rows]
    variables["size"] = Column(("unit",), sizes, "1", "formers per unit")
    series = np.stack([found.series[row] for row in rows], axis=-1) / len(atoms.former_kind)
    variables["fraction_by_frame"] = Column(("time", "unit"), series, "1", "share of the formers in each frame")
    variables["cutoff"] = Column(("bond",), list(reach.values()), "Å", "longest bond; 0: none")
    coordinates = {
        "unit": Column(("unit",), labels, "1", "formula of the unit"),
        "n": _counted(shares["Qn"], "n", "bridging anions of a former"),
        "kind": Column(("kind",), list(KINDS), "1", "what two linked formers share"),
        "former": Column(("former",), atoms.formers, "1", "former"),
        "anion": Column(("anion",), atoms.anions, "1", "anion"),
        "around_former": _counted(shares["coordination"], "around_former", "anions bonded to a former"),
        "around_anion": _counted(shares["anion_coordination"], "around_anion", "formers bonded to an anion"),
        "edges": _counted(shares["edge_sharing"], "edges", "edges that a former shares"),
        "bond": Column(("bond",), list(reach), "1", "pair"),
        "time": Column(("time",), traj.times, "ps", "time"),
    }
    if names:
        coordinates["phase"] = Column(("phase",), names, "1", "phase")
    return dataset(
        "structure.speciation",
        variables,
        coordinates,
        parameters=dict(
            formers=atoms.formers, anions=atoms.anions, cutoffs=cutoffs, largest=largest,
            phase=names or None,
        ),
        history=list(traj.history),
        title="Units of the network",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        **({} if traj.temperature is None else {"temperature": float(traj.temperature)}),
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """Stacked bars of the shares, of the units in each phase where phases are known; what is small stands beside."""
    draw_bars(result, ax)


def _names(names: str | Sequence[str]) -> list[str]:
    found = [names] if isinstance(names, str) else list(names)
    if not found:
        raise Refusal("Formers and anions are needed", "", 'Give them like formers="P", anions="S"')
    return found


def _cutoffs(traj: Trajectory, atoms: Members, cutoffs: float | Mapping[str, float] | None) -> dict[str, float]:
    """How far each bond reaches; 0 for pairs that aren't bonded."""
    bonds = [f"{former}-{anion}" for former in atoms.formers for anion in atoms.anions]
    between = [f"{a}-{b}" for a, b in combinations_with_replacement(atoms.formers, 2)]
    pairs = bonds + between if cutoffs is None or isinstance(cutoffs, Mapping) else bonds
    found = asked_cutoffs(cutoffs, pairs, "cutoffs", none_allowed=True)
    count = np.bincount(atoms.former_kind).tolist()
    alone = [f"{name}-{name}" for name, n in zip(atoms.formers, count, strict=True) if n == 1]
    missing = [pair for pair in bonds + between if pair not in found and pair not in alone]
    if missing:
        curves = pair_functions(traj, missing)
        found.update({pair: first_bond(curves, pair, "cutoffs", rare=pair in between) for pair in missing})
    reach = {pair: found.get(pair, 0.0) for pair in bonds + between}
    for former in atoms.formers:
        own = [f"{former}-{anion}" for anion in atoms.anions]
        if not any(reach[pair] for pair in own):
            up_to = ", ".join(f"{pair} {longest_bond(pair):.2f} Å" for pair in own)
            raise Refusal(
                f"{former} has no bonds to {', '.join(atoms.anions)}", f"no first peak of g(r) is within {up_to}",
                "Give the bonds' lengths in Å as cutoffs",
            )  # fmt: skip
    return reach


def _phases(traj: Trajectory, atoms: Members, phase: Dataset | NDArray[Any] | None) -> tuple[list[str], Ints]:
    """The phases that there are, and which one each former is in, (frame or one, former)."""
    if phase is None:
        return [], np.zeros((1, len(atoms.former_kind)), np.int64)
    labels = phase if isinstance(phase, np.ndarray) else _labels(phase)
    if labels.shape not in ((traj.n_atoms,), (traj.n_frames, traj.n_atoms)):
        raise Refusal(
            f"The phases have the shape {labels.shape}",
            f"the trajectory has {traj.n_frames} frames of {traj.n_atoms} atoms",
            "Give one label for each atom, or for each frame and atom",
        )
    mine = np.atleast_2d(labels)[:, atoms.atoms[: len(atoms.former_kind)]]
    different, code = np.unique(mine, return_inverse=True)
    names = [str(name) for name in different.tolist()]
    order = sorted(range(len(names)), key=lambda k: (PHASES.index(names[k]) if names[k] in PHASES else 9, names[k]))
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    return [names[k] for k in order], place[code].reshape(mine.shape)


def _labels(phases: Dataset) -> NDArray[Any]:
    """Of each frame where they were kept, else those of the whole run."""
    if "phase_frame" not in phases:
        return phases["phase"].values
    known = np.append(phases["label"].values, "unlabelled")  # -1 counts from the end
    labels: NDArray[Any] = known[phases["phase_frame"].values]
    return labels


def _share(table: Numbers) -> tuple[Floats, Floats]:
    """Each entry's share of its row, from (block, …, entry), and the error."""
    return ratio(table, table.sum(axis=-1, keepdims=True))


def _of_units(found: Tally, rows: list[tuple[int, ...]]) -> Shares:
    formers, units, bonded = np.stack([found.units[row] for row in rows], axis=-1).sum(axis=2)
    return {
        "fraction": (("unit",), _share(formers), "share of the formers that are in the unit"),
        "unit_fraction": (("unit",), _share(units), "share of the units with a former"),
        "unit_homopolar": (("unit",), ratio(bonded, formers), "share of the unit's formers bonded to a former"),
    }


def _in_phases(found: Tally, rows: list[tuple[int, ...]]) -> Shares:
    formers, units, _ = np.stack([found.units[row] for row in rows], axis=-1)
    return {
        "fraction_in": (("phase", "unit"), _share(formers), "share of the phase's formers that are in the unit"),
        "unit_fraction_in": (("phase", "unit"), _share(units), "share of the phase's units with a former"),
        "Qn_in": (("phase", "n"), _share(found.tables["bridging"].sum(axis=2)), "share of the phase's formers"),
    }


def _of_formers(found: Tally) -> Shares:
    around, homopolar = (found.tables[name].sum(axis=1) for name in ("coordination", "homopolar"))
    edges = found.tables["edges"].sum(axis=(1, 2))
    return {
        "Qn": (("n",), _share(found.tables["bridging"].sum(axis=(1, 2))), "share of the formers"),
        "coordination": (("former", "around_former"), _share(around), "share of the formers with so many anions"),
        "homopolar": (
            ("former",), ratio(homopolar[..., 1], homopolar.sum(axis=-1)), "share of the formers bonded to a former",
        ),
        "edge_sharing": (("edges",), _share(edges), "share of the formers that share so many edges"),
        "sharing": (("kind",), _share(found.links), "share of the links between formers"),
    }  # fmt: skip


def _of_anions(found: Tally) -> Shares:
    around = found.tables["anions"][:, 0]
    all_anions = around.sum(axis=1)
    number = all_anions.sum(axis=-1)
    each = ("anion", "around_anion")
    return {
        "anion_coordination": (each, _share(around), "share of the anions with so many formers"),
        "lone": (("anion",), ratio(around[..., 0], around.sum(axis=-1)), "share of the anions bonded to no former"),
        "free": ((), ratio(all_anions[:, 0], number), "share of all anions bonded to no former"),
        "non_bridging": ((), ratio(all_anions[:, 1], number), "share of all anions bonded to one former"),
        "bridging": (
            (),
            ratio(all_anions[:, 2:].sum(axis=-1), number),
            "share of all anions bonded to more",
        ),
    }


def _counted(share: tuple[tuple[str, ...], tuple[Floats, Floats], str], dim: str, what: str) -> Column:
    """The coordinate of a table that counts from 0."""
    return Column((dim,), np.arange(share[1][0].shape[-1]), "1", what)
