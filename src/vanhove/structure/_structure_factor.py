"""Static structure factors: what is seen of the structure in diffraction, pair by pair and in total."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset

from .averages import ratio, time_blocks
from .pairs import all_pairs, formula_place
from .q_shells import SEED, full_up_to, reciprocal_sums, smallest_vector
from .q_transform import reach, transformed_products
from .rows import Row, stack
from .weights import Weights, check_normalisation, pair_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

MOST_BINS = 100_000
TALL = 1.8  # rows that the total takes in a picture


def structure_factor(
    traj: Trajectory,
    q_max: float = 15.0,
    width: float = 0.05,
    method: Literal["reciprocal", "transform"] = "reciprocal",
    weights: Literal["neutron", "xray"] | None = None,
    convention: Literal["faber-ziman", "ashcroft-langreth", "number"] = "faber-ziman",
    *,
    normalised: bool = True,
    form_factors: Mapping[str, str] | None = None,
    q_vectors: Literal["all"] | int | None = None,
    r_max: float | None = None,
    lorch: bool = False,
) -> Dataset:
    r"""Partial structure factors S(Q), and the total that neutrons or X-rays measure (A2).

    .. math::

        A_{ij}(Q) = \frac{1}{N} \left\langle \mathrm{Re}\, \rho_i(\mathbf Q)\, \rho_j^*(\mathbf Q) \right\rangle, \qquad
        \rho_i(\mathbf Q) = \sum_{k \in i} e^{i \mathbf Q \cdot \mathbf r_k}

    averaged over the vectors of the cell with \|Q\| in a shell and over frames, every vector counting once; Q = 0 does
    not count. With the concentrations c the conventions are

    .. math::

        S_{ij}^{FZ} = 1 + \frac{A_{ij} - c_i \delta_{ij}}{c_i c_j} \to 1, \qquad
        S_{ij}^{AL} = \frac{A_{ij}}{\sqrt{c_i c_j}} \to \delta_{ij}, \qquad
        S_{ij}^{number} = A_{ij} \to c_i \delta_{ij}

    and the total is, whatever the convention of the partials, the full double sum (i ≠ j twice)

    .. math::

        S(Q) = 1 + \frac{1}{\langle b \rangle^2} \sum_{ij} c_i c_j\, b_i b_j\, [S_{ij}^{FZ}(Q) - 1] \to 1, \qquad
        \langle b \rangle = \sum_i c_i b_i

    with the bound coherent scattering lengths b of neutrons (Re b_i b_j* where they absorb) or the form factors
    f(Q) of X-rays in their place.

    Parameters
    ----------
    traj
        The atoms of this view; isotopes by ``traj.with_isotopes({"Li": "7Li"})``.
    q_max, width
        1/Å: how far, and the width of the shells from 0 on. Shells without a vector of the cell are NaN, so is
        everything below the first, 2π over the cell's largest width.
    method
        ``"reciprocal"``: the exact sum above. ``"transform"``: the Fourier transform of g(r) up to ``r_max``; that is
        the exact sum convolved with the transform of the cut-off, so peaks are never narrower than about 3.8/r_max.
    weights
        ``"neutron"`` or ``"xray"`` adds the total.
    convention
        Of the partials.
    normalised
        False: ``S_total`` is the sum itself, without 1 + and without dividing by ⟨b⟩²; it goes to 0.
    form_factors
        Which X-ray form factors to use, ``{"Fe": "Fe2+", "Na": "Na"}``. Where nothing is said, a species is the ion
        that the table has of its element (Li1+, Na1+, Si4+, Cl1-, O2-), or the neutral atom if there is none (P, S),
        or several, or no anion in the view. ``attrs["scatterers"]`` says which. Anomalous scattering is left out.
    q_vectors
        How many vectors of a shell and frame to use, where there are more: a part, drawn anew in each frame so that
        a long run sees them all. ``"all"``, a number, or None: 500, more in a run of fewer than 200 frames.
    r_max, lorch
        Of the transform: the distance it ends at, by default half the smallest width of the cell, and whether g - 1 is
        multiplied by Lorch's sin(πr/r_max)/(πr/r_max) for less ripple and broader peaks.

    Returns
    -------
    ``S(pair, q)`` for all unordered pairs, ``I(pair, q)`` = Q [S - S(∞)], ``S_total(q)`` and, where normalised,
    ``I_total(q)`` with ``weights``; each with its standard error from the spread of ten consecutive blocks of frames
    (NaN for one frame): small where the structure outlives a block, as a glass does. ``weight(pair, q)`` and
    ``normalisation(q)`` make the total from Faber-Ziman partials. Of the exact sum ``n_q`` is the number of vectors in
    a shell and frame, with Q and -Q as one, and ``q_mean`` the mean of their \|Q\|; ``q`` is the middle of the shell.
    """
    bins = _bins(q_max, width)
    _check(method, convention, q_vectors, r_max, lorch)
    q = np.asarray(width * (np.arange(bins) + 0.5), np.float64)
    mixture = _Mixture.of(traj)
    seen = None if weights is None else pair_weights(mixture.numbers, mixture.species, weights, q, form_factors)
    if seen is not None and normalised:
        check_normalisation(seen, mixture.numbers, mixture.species)
    if seen is None and form_factors:
        raise Refusal("form_factors without weights", "", 'Pass weights="xray"')
    if method == "reciprocal":
        products, counts, own, said = _reciprocal(traj, mixture, width, bins, q_vectors)
    else:
        products, counts, own, said = _transform(traj, mixture, q, r_max, lorch)

    variables = _partials(mixture, products, counts, convention, q)
    if seen is not None:
        variables |= _total(mixture, products, counts, seen, q, normalised=normalised)
        said |= {"weights": str(weights), "scatterers": seen.used, "scatterers_from": seen.source}
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.structure_factor",
        {**variables, **own},
        {
            "pair": Column(("pair",), mixture.labels, "1", "pair of species"),
            "q": Column(("q",), q, "1/Å", "wavevector"),
        },
        parameters=dict(
            q_max=q_max, width=width, method=method, weights=weights, convention=convention, normalised=normalised,
            form_factors=form_factors, q_vectors=q_vectors, r_max=r_max, lorch=lorch,
        ),
        history=list(traj.history),
        title="Structure factors",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        convention=convention,
        method=method,
        **known,
        **said,
    )  # fmt: skip


class _Mixture(NamedTuple):
    """Species in a formula's order, and their pairs; a lone atom has no like pair to show, but is in the total."""

    numbers: dict[str, int]
    species: list[str]
    c: Floats
    pairs: list[tuple[int, int]]
    shown: list[int]  # which of the pairs
    labels: list[str]  # of those

    @classmethod
    def of(cls, traj: Trajectory) -> _Mixture:
        numbers = traj.composition
        labels = all_pairs(numbers)
        if not labels:
            raise Refusal("There is no pair of atoms", "this view holds a single atom", "Choose more atoms")
        species = sorted(numbers, key=formula_place)
        pairs = list(combinations_with_replacement(range(len(species)), 2))
        shown = [k for k, (a, b) in enumerate(pairs) if a != b or numbers[species[a]] > 1]
        c = np.array([numbers[name] for name in species], float) / traj.n_atoms
        return cls(numbers, species, c, pairs, shown, labels)

    def like(self) -> Floats:
        """c_a δ_ab of every pair: what Re ρ_a ρ_b* / N is without any structure."""
        return np.array([self.c[a] if a == b else 0.0 for a, b in self.pairs])


def _bins(q_max: float, width: float) -> int:
    for name, value in (("q_max", q_max), ("width", width)):
        if not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive number in 1/Å")
    bins = int(q_max / width + 1e-9)
    if not 1 <= bins <= MOST_BINS:
        raise Refusal(f"{bins} shells of {width} 1/Å fit below q_max={q_max} 1/Å", "", "Give another width or q_max")
    return bins


def _check(method: str, convention: str, q_vectors: str | int | None, r_max: float | None, lorch: bool) -> None:
    if method not in ("reciprocal", "transform"):
        raise Refusal(f"method={method!r}", "", 'Pass "reciprocal" or "transform"')
    if convention not in ("faber-ziman", "ashcroft-langreth", "number"):
        raise Refusal(f"convention={convention!r}", "", 'Pass "faber-ziman", "ashcroft-langreth" or "number"')
    if method == "reciprocal" and (r_max is not None or lorch):
        raise Refusal(
            "r_max and lorch belong to the transform of g(r)", "", 'Pass method="transform", or leave them out'
        )
    if method == "transform" and q_vectors is not None:
        raise Refusal("The transform of g(r) uses no vectors of the cell", "", "Leave out q_vectors")
    if q_vectors is not None and q_vectors != "all" and not (isinstance(q_vectors, int) and q_vectors > 0):
        raise Refusal(f"q_vectors={q_vectors!r}", "", 'Pass "all" or how many of each shell')


def _reciprocal(
    traj: Trajectory, mixture: _Mixture, width: float, bins: int, q_vectors: Literal["all"] | int | None
) -> tuple[Floats, Floats, dict[str, Column], dict[str, str | float]]:
    """Σ ρ_a ρ_b* / N and the vectors they are sums over, (block, …); the variables and words of this route."""
    species = traj.species
    order = np.concatenate([np.flatnonzero(species == name) for name in mixture.species])
    starts = np.concatenate([[0], np.cumsum([mixture.numbers[name] for name in mixture.species])])
    q_full, drawn = full_up_to(traj, width, q_vectors)
    sums, way = reciprocal_sums(traj, order, starts, width, bins, q_full)
    if not sums.counts.any():
        raise Refusal(
            f"This cell has no Q below q_max={width * bins:g} 1/Å",
            f"its smallest is {smallest_vector(traj):.4g} 1/Å", "Give a larger q_max",
        )  # fmt: skip
    counts = sums.counts.sum(axis=0)
    mean = np.divide(sums.lengths.sum(axis=0), counts, out=np.full(bins, np.nan), where=counts > 0)
    own = {
        "n_q": Column(("q",), counts / traj.n_frames, "1", "vectors of the cell in a shell and frame, Q and -Q as one"),
        "q_mean": Column(("q",), mean, "1/Å", "mean length of these vectors"),
    }
    said: dict[str, str | float] = {"sums": way, "vectors": "every vector of the cell"}
    if q_full < width * bins:
        said["vectors"] = (
            f"every vector of the cell up to {q_full:.3g} 1/Å, beyond it some {drawn} of each shell and frame, "
            f"drawn anew in each frame (seed {SEED})"
        )
        said["thinned_above"] = q_full
    return sums.products / traj.n_atoms, sums.counts.astype(float), own, said


def _transform(
    traj: Trajectory, mixture: _Mixture, q: Floats, r_max: float | None, lorch: bool
) -> tuple[Floats, Floats, dict[str, Column], dict[str, str | float]]:
    """As :func:`_reciprocal`, with frames in the place of vectors."""
    far = reach(traj, r_max)
    frames = np.bincount(time_blocks(traj.n_frames)).astype(float)
    products = np.zeros((len(frames), len(mixture.pairs), len(q)))
    products[:, mixture.shown] = transformed_products(traj, mixture.labels, q, far, lorch) / traj.n_atoms
    products += mixture.like()[:, None] * frames[:, None, None]
    said: dict[str, str | float] = {"r_max": far, "window": "Lorch" if lorch else "cut off"}
    return products, np.repeat(frames[:, None], len(q), axis=1), {}, said


def _partials(mixture: _Mixture, products: Floats, counts: Floats, convention: str, q: Floats) -> dict[str, Column]:
    first, second = np.array(mixture.pairs).T
    ca, cb, like = mixture.c[first], mixture.c[second], mixture.like()
    if convention == "faber-ziman":
        scale, shift, limit = 1 / (ca * cb), 1 - like / (ca * cb), np.ones(len(like))
    elif convention == "ashcroft-langreth":
        scale, shift, limit = 1 / np.sqrt(ca * cb), np.zeros(len(like)), like / np.sqrt(ca * cb)
    else:
        scale, shift, limit = np.ones(len(like)), np.zeros(len(like)), like
    mean, error = ratio(products, counts[:, None, :])
    S = (scale[:, None] * mean + shift[:, None])[mixture.shown]
    S_error = (scale[:, None] * error)[mixture.shown]
    table = ("pair", "q")
    return {
        "S": Column(table, S, "1", "S(Q)"),
        "S_error": Column(table, S_error, "1", "standard error of S(Q) from blocks of frames"),
        "I": Column(table, q * (S - limit[mixture.shown][:, None]), "1/Å", "Q [S(Q) - S(∞)]"),
        "I_error": Column(table, q * S_error, "1/Å", "standard error of Q [S(Q) - S(∞)] from blocks of frames"),
    }


def _total(
    mixture: _Mixture, products: Floats, counts: Floats, seen: Weights, q: Floats, *, normalised: bool
) -> dict[str, Column]:
    first, second = np.array(mixture.pairs).T
    per_product = seen.pairs / (mixture.c[first] * mixture.c[second])[:, None]  # b_a b_b, twice for unlike pairs
    alone = (per_product * mixture.like()[:, None]).sum(axis=0)  # ⟨b²⟩
    mean, error = ratio(np.einsum("pq,bpq->bq", per_product, products), counts)
    total = mean - alone
    by = seen.normalisation if normalised else np.ones_like(q)
    units = "1" if normalised else {"barn": "barn/sr", "1": "1"}[seen.units]
    S = (1.0 if normalised else 0.0) + total / by
    said = "total S(Q)" if normalised else "Σ c_i c_j b_i b_j [S_ij(Q) - 1]"
    columns = {
        "S_total": Column(("q",), S, units, said),
        "S_total_error": Column(("q",), error / by, units, f"standard error of {said} from blocks of frames"),
        "weight": Column(
            ("pair", "q"), (seen.pairs / by)[mixture.shown], units, "weight of S - 1 (Faber-Ziman) in the total"
        ),
        "normalisation": Column(("q",), seen.normalisation, seen.units, "square of the mean scattering length"),
    }
    if normalised:
        columns["I_total"] = Column(("q",), q * (S - 1), "1/Å", "Q [S(Q) - 1]")
        columns["I_total_error"] = Column(("q",), q * error / by, "1/Å", "standard error of Q [S(Q) - 1]")
    return columns


def draw(result: Dataset, ax: Axes) -> None:
    """The total, if there is one, above the partials: each row to its own scale, grey lines at what it goes to."""
    q = result["q"].values
    rows = [
        Row(
            name,
            PALETTE[k % (len(PALETTE) - 1)],
            result["S"].values[k],
            result["S_error"].values[k],
            _limit(name, result),
        )
        for k, name in enumerate(result["pair"].values.tolist())
    ]
    if "S_total" in result:
        total, error = result["S_total"].values, result["S_total_error"].values
        rows.insert(0, Row("total", "#000000", total, error, _limit("total", result), TALL))
    stack(ax, q, rows)
    ax.set(xlim=(0, float(q[-1] + q[0])), ylabel="S(Q), each to its own scale", xlabel=axis_label("Q", "1/Å"))


def _limit(name: str, result: Dataset) -> float:
    """What a row goes to at large Q."""
    if name == "total":
        return 1.0 if "I_total" in result else 0.0
    if result.attrs["convention"] == "faber-ziman":
        return 1.0
    one = result.sel(pair=name)
    return float(np.nanmedian(one["S"].values - one["I"].values / result["q"].values))
