"""What moves in each normal mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .polyhedra import Bodies, bonds_of, formulas, polyanions
from .zone_centre import vectors_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

KINDS = ("translation", "rotation", "strain", "ions")
BLOCK = 2_000_000  # numbers in a block of modes
STRAIGHT = 1e-8  # of the largest moment of inertia: a body that has less about an axis does not turn about it
BARS = 60  # of the figure


def modes(
    phonons: Dataset,
    units: ArrayLike | None = None,
    *,
    formers: str | Sequence[str] | None = None,
    anions: str | Sequence[str] | None = None,
    cutoffs: Mapping[str, float] | None = None,
    below: float = 20.0,
) -> Dataset:
    r"""Participation ratio of every mode at the zone centre, and how its motion is shared out (D3).

    With eigenvectors of unit length, Σ|e_k|² = 1, the participation ratio is

    .. math:: p_j = \Bigl[ N \sum_k |\mathbf e_{jk}|^4 \Bigr]^{-1},

    1 when all atoms take part alike and 1/N when one does. |e_k|² = m_k u_k² is also the atom's share of the mode's
    kinetic energy. That of a polyanion with mass M, displaced by u_k = e_k/√m_k, splits without a rest into

    .. math::

        \sum_{k} m_k u_k^2 = M V^2 + \boldsymbol\omega^{\mathsf T} I \boldsymbol\omega
        + \sum_k m_k \bigl(\mathbf u_k - \mathbf V - \boldsymbol\omega \times \mathbf r_k\bigr)^2

    translation of its centre of mass with V, rotation (libration) about it with ω = I⁻¹ Σ m r × u, and internal strain:
    bonds and angles. What belongs to no polyanion is motion of the ions.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``. Of one with a mesh of q points those of the zone centre are computed.
    units
        The polyanion that each atom belongs to: whole numbers or names, one an atom, 0 or ``""`` for none. The atoms of
        a body must lie within half the cell of one another.
    formers, anions
        Instead: find them by bonds, ``"P"`` and ``"S"``. Where they hang together without end, as in Li2Si2O5, every
        former with its anions is a body, and a shared anion belongs to each of its bodies in equal parts.
    cutoffs
        Å, longest bonds by pair; by default 1.15 times the sum of the covalent radii.
    below
        meV: which modes the means of low ones are over.

    Returns
    -------
    Dataset
        ``participation(mode)``; ``motion(motion_kind, mode)``: translation, rotation, strain of all polyanions and
        ions, which add up to 1 (without polyanions all is ions); ``share(species, mode)``, which adds up to 1, too;
        ``body_motion(body, body_kind, mode)`` of every single polyanion, and ``body_label(body)``, its formula or its
        Qⁿ. ``attrs["bodies"]`` says what one is. Over the real modes below an energy: ``low_motion(motion_kind)``,
        ``low_participation``, and ``low_activity(label)``, how much a polyanion of that kind moves in them over how
        much one of them moves on average.
    """
    energies, vectors = vectors_of(phonons)
    n = vectors.shape[1]
    each = np.square(vectors).sum(axis=2)  # (mode, atom)
    participation = 1 / (n * np.square(each).sum(axis=1))
    species = phonons.atom_species.values
    names = list(dict.fromkeys(species.tolist()))
    share = np.stack([each[:, species == name].sum(axis=1) for name in names])
    if units is not None and (formers is not None or anions is not None):
        raise Refusal("units= and formers= are given", "", "Give one of them")
    if (formers is None) != (anions is None):
        raise Refusal("Polyanions are of formers and anions", "one of them is missing", "Give formers= and anions=")
    if not (np.isfinite(below) and below > 0):
        raise Refusal(f"below={below!r}", "", "Give an energy above 0, in meV")
    bodies, said = None, "none"
    labels: list[str] = []
    if units is not None:
        bodies, labels = _given(phonons, np.asarray(units))
        said = "as given"
    elif formers is not None and anions is not None:
        bodies, labels, said = polyanions(phonons, bonds_of(phonons, formers, anions, cutoffs))
    if bodies is None:
        parts = np.zeros((0, 3, len(energies)))
    else:
        parts = rigid_parts(vectors, phonons.atom_mass.values, bodies)
    of_bodies = parts.sum(axis=0) if len(parts) else np.zeros((3, len(energies)))
    motion = np.vstack([of_bodies, 1 - of_bodies.sum(axis=0)])
    low = (energies > 0) & (energies < below)
    names_of_bodies, activity = _activity(parts, labels, low)
    mode = ("mode",)
    return dataset(
        "lattice.modes",
        {
            "participation": Column(mode, participation, "1", "participation ratio"),
            "motion": Column(("motion_kind", "mode"), motion, "1", "share of the mode's kinetic energy"),
            "share": Column(("species", "mode"), share, "1", "share of the species in the mode"),
            "body_motion": Column(
                ("body", "body_kind", "mode"), parts, "1", "share of one polyanion in the mode's kinetic energy"
            ),
            "eigenvectors": Column(("mode", "atom", "axis"), vectors, "1", "eigenvector of the dynamical matrix"),
            "low_motion": Column(
                ("motion_kind",), _mean(motion, low), "1", "mean share of the kinetic energy, low modes"
            ),
            "low_participation": Column((), _mean(participation, low), "1", "mean participation ratio of low modes"),
            "low_activity": Column(("label",), activity, "1", "motion in low modes over that of a mean polyanion"),
        },
        {
            "frequencies": Column(mode, energies, "meV", "energy of the mode, below zero where it is imaginary"),
            "motion_kind": Column(("motion_kind",), list(KINDS), "1", "what moves"),
            "body_label": Column(("body",), np.array(labels, np.str_), "1", "formula or Qⁿ of the polyanion"),
            "label": Column(("label",), np.array(names_of_bodies, np.str_), "1", "formula or Qⁿ"),
            "body_kind": Column(("body_kind",), list(KINDS[:3]), "1", "how a polyanion moves"),
            "species": Column(("species",), np.array(names), "1", "element or isotope"),
            "axis": Column(("axis",), ["x", "y", "z"], "1", "axis"),
            "atom_species": Column(("atom",), species, "1", "species of the atom"),
        },
        parameters=dict(units=units, formers=formers, anions=anions, cutoffs=cutoffs, below=below),
        history=history_of(phonons),
        title="What moves in each mode",
        bodies=said,
        n_bodies=len(parts),
        below=float(below),
        low_modes=int(low.sum()),
        imaginary_modes=int((energies < -0.01).sum()),
    )


def _mean(values: Floats, low: NDArray[np.bool_]) -> Floats:
    """Over the low modes; NaN where there are none."""
    total: Floats = values[..., low].sum(axis=-1) / low.sum() if low.any() else np.full(values.shape[:-1], np.nan)
    return total


def _activity(parts: Floats, labels: list[str], low: NDArray[np.bool_]) -> tuple[list[str], Floats]:
    """Of each kind of polyanion, how much one moves in the low modes over what a mean one does."""
    names = sorted(set(labels))
    if not names or not low.any():
        return names, np.full(len(names), np.nan)
    each = parts[:, :, low].sum(axis=(1, 2))
    kind = np.array(labels)
    return names, np.array([each[kind == name].mean() for name in names]) / each.mean()


def _given(phonons: Dataset, labels: NDArray[np.generic]) -> tuple[Bodies, list[str]]:
    """The bodies that a label an atom makes, each in one piece about its first atom, and their formulas."""
    positions, cell = phonons.position.values, phonons.cell.values
    if labels.shape != (len(positions),):
        raise Refusal(f"units= has the shape {labels.shape}", f"there are {len(positions)} atoms", "Give one an atom")
    inside = np.flatnonzero(labels != labels.dtype.type())
    if len(inside) == 0:
        raise Refusal("No atom belongs to a polyanion", "", "Give units= some numbers above 0")
    _, body = np.unique(labels[inside], return_inverse=True)
    order = np.argsort(body, kind="stable")
    body, inside = body[order], inside[order]
    first = inside[np.unique(body, return_index=True)[1]][body]
    away = (positions[inside] - positions[first]) @ np.linalg.inv(cell)
    place = positions[first] + (away - np.rint(away)) @ cell
    bodies = Bodies(body, inside, place, np.ones(len(inside)))
    return bodies, formulas(bodies, phonons.atom_species.values.tolist())


def rigid_parts(vectors: Floats, masses: Floats, bodies: Bodies) -> Floats:
    """Translation, rotation and strain of every body in every mode, (body, kind, mode)."""
    starts, body = bodies.starts, bodies.body
    weight = (masses[bodies.atom] * bodies.part)[:, None]
    whole = np.add.reduceat(weight, starts)
    arm = bodies.place - (np.add.reduceat(weight * bodies.place, starts) / whole)[body]
    square = (arm**2).sum(axis=1)[:, None, None] * np.eye(3) - arm[:, :, None] * arm[:, None, :]
    inertia = np.add.reduceat(weight[:, :, None] * square, starts)
    # a body of two atoms, or a straight one, has an axis about which nothing turns
    inverse = np.linalg.pinv(inertia, rcond=STRAIGHT, hermitian=True)
    found = np.empty((len(starts), 3, len(vectors)))
    block = max(1, BLOCK // (3 * len(body)))
    for first in range(0, len(vectors), block):
        u = vectors[first : first + block, bodies.atom] / np.sqrt(masses[bodies.atom])[:, None]
        speed = np.add.reduceat(weight * u, starts, axis=1) / whole
        spin = np.add.reduceat(weight * np.cross(arm, u), starts, axis=1)
        omega = np.einsum("bxy,mby->mbx", inverse, spin)
        rest = u - speed[:, body] - np.cross(omega[:, body], arm)
        found[:, 0, first : first + block] = (whole * speed**2).sum(axis=2).T
        found[:, 1, first : first + block] = (omega * spin).sum(axis=2).T
        found[:, 2, first : first + block] = np.add.reduceat((weight * rest**2).sum(axis=2), starts, axis=1).T
    return found


def draw(result: Dataset, ax: Axes) -> None:
    """What moves by energy, as stacked shares of the modes of each interval, and the participation ratios above."""
    energies = result.frequencies.values
    edges = np.linspace(min(0.0, energies.min()), energies.max() + 1e-9, BARS + 1)
    which = np.clip(np.digitize(energies, edges) - 1, 0, BARS - 1)
    count = np.bincount(which, minlength=BARS)
    motion = result.motion if result.attrs["n_bodies"] else result["share"]
    bottom = np.zeros(BARS)
    names = [str(name) for name in motion[motion.dims[0]].values]
    for index, (name, values) in enumerate(zip(names, motion.values, strict=True)):
        height = np.divide(
            np.bincount(which, weights=values, minlength=BARS), count, where=count > 0, out=np.zeros(BARS)
        )
        ax.bar(edges[:-1], height, np.diff(edges), bottom, align="edge", color=PALETTE[index], alpha=0.75, label=name)
        bottom += height
    ax.plot(energies, result.participation, ".", color="#000000", ms=3.5, label="participation ratio")
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel("share of the motion; participation ratio")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
