"""Fast and slow ions: how they sit among each other and among the anions, before they move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset
from vanhove.structure.averages import ratio, time_blocks
from vanhove.structure.bonds import first_bond, pair_functions
from vanhove.structure.pairs import members
from vanhove.structure.weights import ANIONS

from .lags import frames_apart
from .mobility import pair_curves, rank, surroundings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FORMERS = ("B", "C", "Al", "Si", "P", "Ge", "As", "Sn", "Sb")  # what makes networks with anions
AMONG_IONS = ["fast-fast", "slow-slow", "fast-slow", "fast-ion", "slow-ion", "ion-ion"]
WITH_ANIONS = ["fast-anion", "slow-anion", "ion-anion"]
WHICH = ["fast", "slow", "all"]
STRIP = 0.36  # of the axes' height, for the anions
COLOURS = {"fast": PALETTE[1], "slow": PALETTE[0], "ion": "#7F7F7F"}


def fast_slow(
    traj: Trajectory,
    species: str | Sequence[str],
    after: float,
    fraction: float = 0.25,
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    anions: str | Sequence[str] | None = None,
    formers: str | Sequence[str] | None = None,
    cutoff: float | None = None,
    ion_cutoff: float | None = None,
    former_cutoff: float | None = None,
    r_max: float = 10.0,
    width: float = 0.1,
) -> Dataset:
    r"""Fast and slow ions by their displacement, and what was around them when they set out (B11).

    At each origin t₀ = 0, t*, 2t*, … the ions are ranked by :math:`|\mathbf u_i(t_0 + t^*) - \mathbf u_i(t_0)|`; the
    first ``fraction`` of them are *fast*, the last *slow*. With their positions at t₀,

    .. math::

        g_{ab}(r) = \left\langle \frac{V\, N_{ab}(r)}{(N_a N_b - N_{a \cap b})\,
            \tfrac{4\pi}{3}(r_+^3 - r_-^3)} \right\rangle_{t_0}, \qquad
        Z_a = \left\langle \frac{\sum_{i \in a} \sum_{j \in \text{anions},\, r_{ij} \le r_c} z_j}
            {\sum_{i \in a} \sum_{j \in \text{anions},\, r_{ij} \le r_c} 1} \right\rangle_{t_0}

    where :math:`N_{ab}` counts pairs of different atoms and :math:`z_j` the formers bonded to anion j. Fast ions chosen
    at random have the g of all ions.

    Parameters
    ----------
    traj
        Only frames ``after`` apart are read, so that no two displacements share time.
    species
        The ions; several are ranked together.
    after
        ps, t*: often the peak of the non-Gaussian parameter, or 100.
    fraction
        Of the ions in either group, at most 0.5.
    drift
        Whose motion is taken off the displacements, as in :func:`msd`.
    anions, formers
        Species; by default the N, O, F, S, Cl, Se, Br, Te and I, and the B, C, Al, Si, P, Ge, As, Sn and Sb that are
        there. All of either count as one.
    cutoff, ion_cutoff
        Å: how near an anion, and another ion, is a neighbour. By default the first minimum of g between all ions and
        anions, and among all ions.
    former_cutoff
        Å, the length of a bond between former and anion; by default the first minimum of each pair's g(r).
    r_max, width
        Å, of g(r).

    Returns
    -------
    Dataset
        ``g(group, r)``: fast-fast, slow-slow, fast-slow, and fast, slow and all ions ("ion") against all ions and all
        anions. ``neighbours(ions, partner)``: fast, slow and other ions and anions near a fast, a slow, any ion.
        ``former_coordination(ions)``: formers bonded to an anion near such an ion (an anion near several counts for
        each). ``displacement(ions)``, their mean (Å). Standard errors are from the spread of ten consecutive blocks of
        origins, NaN with a single one. ``mobility(origin, atom)`` is 1 for a fast, -1 for a slow ion and 0 else.
        ``attrs["verdict"]`` says how many origins there were and what could not be found.
    """
    some = frames_apart(traj, after, "after")
    ions = some.select(species if isinstance(species, str) else list(species))
    everything = some.whole_system
    if not (np.isfinite(r_max) and np.isfinite(width) and 0 < width <= r_max):
        raise Refusal(f"r_max={r_max}, width={width}", "", "Give a width and a longer r_max in Å")
    for name, value in (("cutoff", cutoff), ("ion_cutoff", ion_cutoff), ("former_cutoff", former_cutoff)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive length in Å")
    mobile = set(ions.species.tolist())
    anion_names = _named(everything, anions, tuple(ANIONS), mobile, "anions")
    former_names = _named(everything, formers, FORMERS, mobile | set(anion_names), "formers")
    ranking = rank(some, ions, fraction, drift)
    negative = np.flatnonzero(np.isin(everything.species, anion_names))
    groups = AMONG_IONS + (WITH_ANIONS if len(negative) else [])
    bins = int(r_max / width + 1e-9)
    g, g_error, n, n_error = pair_curves(everything, ranking, negative, groups, width, bins)
    r = np.asarray(width * (np.arange(bins) + 0.5), np.float64)
    reach = {
        "ions": ion_cutoff or _first_minimum(r, g, g_error, n, groups, "ion-ion"),
        "anions": cutoff or _first_minimum(r, g, g_error, n, groups, "ion-anion"),
    }
    if len(negative) == 0:
        reach["anions"] = np.nan
    bonds = _bonds(everything, former_names, anion_names, former_cutoff) if np.isfinite(reach["anions"]) else []
    counted = (
        surroundings(everything, ranking, negative, reach, bonds) if np.isfinite(list(reach.values())).any() else {}
    )
    origins = len(ranking.order)
    sizes = np.array([ranking.each, ranking.each, ions.n_atoms - 2 * ranking.each])
    near, near_error = _neighbours(counted, sizes, origins)
    held, held_error = _former_coordination(counted, bonded=bool(bonds))
    gone, gone_error = ranking.means()
    table, by_partner = ("group", "r"), ("ions", "partner")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.fast_slow",
        {
            "g": Column(table, g, "1", "g(r) at the origins"),
            "g_error": Column(table, g_error, "1", "standard error of g(r)"),
            "n": Column(table, n, "1", "neighbours within the bin's upper edge"),
            "n_error": Column(table, n_error, "1", "its standard error"),
            "neighbours": Column(by_partner, near, "1", "neighbours at the origins"),
            "neighbours_error": Column(by_partner, near_error, "1", "its standard error"),
            "former_coordination": Column(("ions",), held, "1", "formers bonded to an anion near the ion"),
            "former_coordination_error": Column(("ions",), held_error, "1", "its standard error"),
            "displacement": Column(("ions",), gone, "Å", "mean displacement"),
            "displacement_error": Column(("ions",), gone_error, "Å", "its standard error"),
            "mobility": Column(("origin", "atom"), ranking.labels, "1", "1 fast, -1 slow, 0 between"),
        },
        {
            "group": Column(("group",), groups, "1", "pair of groups, centre first"),
            "r": Column(("r",), r, "Å", "distance"),
            "ions": Column(("ions",), WHICH, "1", "which ions"),
            "partner": Column(("partner",), ["fast", "slow", "ions", "anions"], "1", "kind of neighbour"),
            "origin": Column(("origin",), some.times[:-1], "ps", "time of the origin"),
            "index": Column(("atom",), ranking.atoms, "1", "number of the ion in the whole system"),
        },
        parameters=dict(
            species=species, after=after, fraction=fraction, drift=drift, anions=anions, formers=formers, cutoff=cutoff,
            ion_cutoff=ion_cutoff, former_cutoff=former_cutoff, r_max=r_max, width=width,
        ),
        history=list(traj.history),
        title=f"Fast and slow {name} over {after:g} ps",
        fingerprint=traj.fingerprint,
        species=name,
        after=after,
        drift=drift or "none",
        n_origins=origins,
        each=ranking.each,
        anions=", ".join(anion_names),
        formers=", ".join(former_names),
        cutoff=reach["anions"],
        ion_cutoff=reach["ions"],
        former_cutoff="; ".join(f"{length:.3g}" for _, _, length in bonds) or "none",
        verdict=_verdict(origins, reach, has_anions=len(negative) > 0, bonded=bool(bonds)),
        **known,
    )  # fmt: skip


def _named(
    everything: Trajectory, asked: str | Sequence[str] | None, usual: tuple[str, ...], taken: set[str], option: str
) -> list[str]:
    """The species that are meant, those that are there of the ``usual`` elements by default."""
    species = list(everything.composition)
    if asked is None:
        return [name for name in species if element_of(name) in usual and name not in taken]
    names = [asked] if isinstance(asked, str) else list(asked)
    found = list(dict.fromkeys(species[k] for name in names for k in members(name, species)))
    if taken & set(found):
        raise Refusal(
            f"{option}={asked!r}", f"{', '.join(sorted(taken & set(found)))} is something else here", "Leave it out"
        )
    return found


def _first_minimum(r: Floats, g: Floats, error: Floats, n: Floats, groups: list[str], group: str) -> float:
    """Where the first shell of a group ends; NaN where it can't be seen."""
    from xarray import Dataset

    from vanhove.structure._rdf import first_peak

    if group not in groups:
        return float("nan")
    k = groups.index(group)
    one = {name: (("pair", "r"), values[k : k + 1]) for name, values in (("g", g), ("n", n), ("g_error", error))}
    return first_peak(Dataset(one, {"pair": [group], "r": r}), group).first_minimum


def _bonds(
    everything: Trajectory, formers: list[str], anions: list[str], length: float | None
) -> list[tuple[Ints, Ints, float]]:
    """Formers and anions by species, with the length of their bonds; those that don't bond are left out."""
    pairs = [f"{former}-{anion}" for former in formers for anion in anions]
    if not pairs:
        return []
    curves = pair_functions(everything, pairs) if length is None else None
    found = []
    for pair in pairs:
        reach = length if curves is None else first_bond(curves, pair, "former_cutoff", rare=False)
        if reach:
            former, anion = (np.flatnonzero(everything.species == name) for name in pair.split("-"))
            found.append((former, anion, float(reach)))
    return found


def _neighbours(counted: dict[str, Floats], sizes: Ints, origins: int) -> tuple[Floats, Floats]:
    """(fast, slow, all; fast, slow, ions, anions) and their standard errors; NaN for what was not counted."""
    value, error = np.full((2, 3, 4), np.nan)
    for name, columns in (("ions", slice(0, 3)), ("anions", slice(3, 4))):
        if name not in counted:
            continue
        pairs = counted[name]
        if name == "ions":
            pairs = np.concatenate([pairs[..., :2], pairs.sum(axis=2, keepdims=True)], axis=2)
        else:
            pairs = pairs[..., None]
        by_ion = np.concatenate([pairs[:, :2], pairs.sum(axis=1, keepdims=True)], axis=1)
        in_group = np.array([sizes[0], sizes[1], sizes.sum()], np.float64)[:, None]
        frames = np.bincount(time_blocks(origins))[:, None, None]
        value[:, columns], error[:, columns] = ratio(by_ion, frames * in_group)
    return value, error


def _former_coordination(counted: dict[str, Floats], *, bonded: bool) -> tuple[Floats, Floats]:
    if not bonded or "formers" not in counted:
        return np.full(3, np.nan), np.full(3, np.nan)
    held, near = (
        np.concatenate([sums[:, :2], sums.sum(axis=1, keepdims=True)], axis=1)
        for sums in (counted["formers"], counted["anions"])
    )
    return ratio(held, near)


def _verdict(origins: int, reach: dict[str, float], *, has_anions: bool, bonded: bool) -> str:
    said = [
        f"averaged over {origins} origins that share no time"
        if origins > 1
        else "a single origin: the run is shorter than two such times, and there are no errors"
    ]
    if np.isnan(reach["ions"]):
        said.append("the first shell of ions has no end in g(r): give ion_cutoff")
    if not has_anions:
        said.append("there are no anions: name them")
    elif np.isnan(reach["anions"]):
        said.append("the first shell of anions has no end in g(r): give cutoff")
    elif not bonded:
        said.append("no former is bonded to an anion")
    return "; ".join(said)


def draw(result: Dataset, ax: Axes) -> None:
    """g(r) of fast and slow ions among each other, and above it that of the anions around them."""
    r = result["r"].values
    groups = result["group"].values.tolist()
    with_anions = "fast-anion" in groups
    top = _curves(result, ax, ["fast-fast", "slow-slow", "fast-slow", "ion-ion"])
    share = 1 - STRIP if with_anions else 1.0
    ax.set(xlim=(0, float(r[-1])), ylim=(0, top / share), xlabel=label("r", "Å"), ylabel="g(r)")
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, share + 0.02), ncols=4, fontsize="small", columnspacing=1.2)
    if not with_anions:
        return
    ax.yaxis.set_label_coords(-0.08, share / 2)
    strip: Any = ax.inset_axes((0, share + 0.03, 1, STRIP - 0.03))
    height = _curves(result, strip, ["fast-anion", "slow-anion", "ion-anion"])
    strip.set(xlim=(0, float(r[-1])), ylim=(0, height))
    strip.tick_params(axis="x", labelbottom=False)
    strip.set_ylabel("g(r)")
    strip.yaxis.set_label_coords(-0.08, 0.5)
    strip.legend(loc="upper right", ncols=3, fontsize="small", columnspacing=1.2)


def _curves(result: Dataset, ax: Axes, groups: list[str]) -> float:
    """Curves with their error bands; returns the height that shows them."""
    r = result["r"].values
    ax.axhline(1, color="#BBBBBB", linewidth=0.8, zorder=1)
    for group in groups:
        one = result.sel(group=group)
        g, error = one["g"].values, np.nan_to_num(one["g_error"].values)
        first, second = group.split("-")
        colour = PALETTE[2] if group == "fast-slow" else COLOURS[first]
        ax.plot(r, g, color=colour, lw=1.3, ls="--" if first == "ion" else "-", label=f"{first}–{second}", zorder=3)
        ax.fill_between(r, g - error, g + error, color=colour, alpha=0.25, lw=0)
    shown = result.sel(group=groups)
    known = ~(shown["g_error"].values > 0.3 * shown["g"].values)  # a few pairs at short distances make no scale
    return max(1.5, 1.3 * float(np.nanmax(np.where(known, shown["g"].values, 0.0), initial=0.0)))
