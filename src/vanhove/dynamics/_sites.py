"""Ions on sites: occupancies, rates from site to site, residence times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset
from vanhove.structure.averages import ratio, time_blocks
from vanhove.trajectory.blocks import drift as drift_of

from .hop_classes import class_of_hops
from .residence import dispersion, mean_stay, survival
from .site_list import Sites, sites_of
from .site_search import sites_from_density
from .visits import Level, Places, Visits, check_times, track, visits_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LARGEST = 2.0  # Å: a sphere that nobody asked for is no larger
INNERS = (0.6, 0.8, 1.0)  # times ``inner``: how much the rate depends on it
SHORTEST = (0.0, 1.0, 2.0, 5.0)  # times ``residence``
MOST_SITES = 3000  # whose rates from each to each are given


def sites(
    traj: Trajectory,
    species: str | Sequence[str],
    sites: Any,
    *,
    method: Literal["spheres", "voronoi"] = "spheres",
    radius: float | Mapping[str, float] | None = None,
    inner: float = 0.8,
    residence: float = 0.1,
    returns: float = 0.0,
    names: Sequence[str] | None = None,
    fractional: bool = False,
    cages: str | Sequence[int] | None = None,
    doublet: float | None = None,
    drift: Literal["cell", "framework"] | None = None,
) -> Dataset:
    r"""Occupancies of sites, rates from site to site and residence times (B9).

    An ion enters a site when it comes nearer to it than ``inner`` times its radius, and has left it when it is farther
    than the radius. It *belongs* to the site that it last entered until it enters another one, so that going to and
    fro at a border is no hop. With n_ij hops from i to j, and the time T_i that ions belonged to i,

    .. math:: k_{ij} = n_{ij} / T_i, \qquad \tau_i = T_i / \textstyle\sum_j n_{ij}

    are the maxima of the likelihood of a Markov chain; stays that the run cuts off are in T_i. Sites keep their
    fractional coordinates in a cell that changes; every periodic image counts, in cells of any shape.

    Parameters
    ----------
    traj
        Evenly spaced frames.
    species
        The ions.
    sites
        ``ase.Atoms``, or the name of a file that ase reads: its atoms of ``species``, or all where it has none of
        them, repeated to fill the cell of ``traj``. Or positions (site, axis), or lists of them by name. Or
        ``"density"``: the maxima of the ions' own density.
    method
        ``"spheres"``, or ``"voronoi"``: the nearest site has the ion; it enters where its distance is less than
        ``inner`` times that to the second nearest.
    radius
        Å, for all sites or by name. By default half the distance of the closest two sites, 2 Å at most.
    inner
        Part of the radius within which an ion enters.
    residence
        ps. A visit that is shorter does not count: the ion was passing. Each exponential stay of mean τ is lost with
        the chance residence/τ.
    returns
        ps. A visit after which the ion is back no later than this does not count either.
    names
        One for every site, instead of those that ``sites`` has.
    fractional
        Positions are in fractions of the cell, not in Å (of the first frame).
    cages
        Centres of cages, a species or numbers of atoms from 0: hops are then told apart into ``"doublet"``,
        ``"intra-cage"`` and ``"inter-cage"``. A site is in the cage of its nearest centre in the first frame.
    doublet
        Å. Hops within a cage between sites that are closer are in a doublet; by default two sites, each of which is
        the other's nearest.
    drift
        Takes the motion of all atoms (``"cell"``) or of those that are no ions (``"framework"``) off, so that sites
        go with a crystal that drifts.

    Returns
    -------
    Dataset
        ``occupancy(site)``, the mean number of ions inside, with an error from ten blocks of the run; ``unassigned``,
        the share of ions and frames inside no site. ``rate(from_site, to_site)`` (1/ps; 0 with the error of one hop
        where there was none, NaN from a site that was empty) and ``rate_by_name``; ``residence(site)`` (ps), with the
        bound ``residence_least`` where none left; ``mean_residence`` over all sites. Errors are Poisson's, enlarged
        where ions differ significantly. ``survival(name, wait)``: share of stays at sites of a name that last longer
        (Kaplan-Meier). ``class_rate(hop_class)``: hops of a kind, per ion and time. Every hop with ``atom``, ``time``,
        ``left``, ``entered`` (numbers of sites). ``rate_at(inner_at, residence_at)``: hops per ion and time with other
        settings.
    """
    check_times(residence=residence, returns=returns)
    if method not in ("spheres", "voronoi"):
        raise Refusal(f"method={method!r}", "", 'Pass "spheres" or "voronoi"')
    if not 0 < inner <= 1:
        raise Refusal(f"inner={inner}", "", "Give a part of the radius, above 0 and up to 1")
    spacing = traj.spacing
    ions = traj.select(species if isinstance(species, str) else list(species))
    labels = sorted(set(ions.species.tolist()))
    reference = drift_of(ions, drift, labels)
    shift = np.zeros((traj.n_frames, 3)) if reference is None else reference - reference[0]

    def moved(frames: slice) -> Floats:
        positions: Floats = ions.read("positions", frames) - shift[frames, None]
        return positions

    if isinstance(sites, str) and sites == "density":
        found = sites_from_density(ions, moved)
        if names is not None:
            found = sites_of(found.fractions, traj, labels, names, fractional=True)
    else:
        found = sites_of(sites, traj, labels, names, fractional=fractional)
    radii = _radii(found, traj.cells[0], radius)
    if method == "spheres":
        _check_overlap(found, traj.cells[0], radii)

    def positions(frames: slice) -> tuple[Floats, Floats]:
        return moved(frames), found.fractions @ traj.cells[frames]

    number, divided = len(found.names), method == "voronoi"
    scale = np.ones(number) if divided else radii
    reach = 1.2 * (float(traj.volumes[0]) / number) ** (1 / 3) if divided else float(radii.max())
    leave = np.inf if divided else 1.0
    inners = np.unique(np.minimum(inner * np.array(INNERS) / INNERS[1], 1.0))
    usual = int(np.argmin(np.abs(inners - inner)))
    inners[usual] = inner
    places = Places(positions, scale, reach, divided)
    bytes_each = 48 * (ions.n_atoms + number)
    tracks = track(ions, places, [Level(one, leave) for one in inners], bytes_each)
    shortest = residence * np.array(SHORTEST)
    others = np.array(
        [[visits_of(t.entries, traj.n_frames, s / spacing, returns / spacing).ended.sum() for s in shortest]
         for t in tracks]
    )  # fmt: skip
    visits = visits_of(tracks[usual].entries, traj.n_frames, residence / spacing, returns / spacing)
    return _result(
        _Run(traj, ions, species, found, radii, spacing), visits, tracks[usual].counts, others, inners, shortest,
        class_of_hops(traj, found, visits, cages, doublet),
        dict(
            species=species, sites=_told(sites), method=method, radius=radius, inner=inner, residence=residence,
            returns=returns, names=names, fractional=fractional, cages=cages, doublet=doublet, drift=drift,
        ),
    )  # fmt: skip


def _told(sites: Any) -> Any:
    """The sites as the history can hold them."""
    if hasattr(sites, "get_scaled_positions"):
        return f"{sites.get_chemical_formula()}, {len(sites)} atoms"
    return sites


def _radii(found: Sites, cell: Floats, radius: float | Mapping[str, float] | None) -> Floats:
    """The radius of every site (Å)."""
    if radius is None:
        _, _, distance = found.nearest(cell)
        return np.full(len(found.names), min(LARGEST, 0.5 * float(distance.min(initial=np.inf))))
    if isinstance(radius, Mapping):
        missing = sorted(set(found.names) - set(radius))
        if missing:
            raise Refusal(f"radius has none for {', '.join(missing)}", "", "Give each name of a site a radius")
        radii = np.array([float(radius[name]) for name in found.names])
    else:
        radii = np.full(len(found.names), float(radius))
    if not (np.isfinite(radii) & (radii > 0)).all():
        raise Refusal(f"radius={radius}", "", "Give positive lengths in Å")
    return radii


def _check_overlap(found: Sites, cell: Floats, radii: Floats) -> None:
    """Say where spheres reach into each other; the site that is nearest in units of its radius has the ion there."""
    i, j, distance = found.nearest(cell)
    into = radii[i] + radii[j] - distance
    many = int((into > 1e-6).sum()) // 2
    if many:
        k = int(np.argmax(into))
        warn(
            f"{many} pairs of sites overlap",
            f"sites {i[k]} ({found.names[i[k]]}) and {j[k]} ({found.names[j[k]]}) are {distance[k]:.3g} Å apart, with "
            f"radii of {radii[i[k]]:.3g} and {radii[j[k]]:.3g} Å",
            'Give smaller radii, or method="voronoi"',
        )


class _Run(NamedTuple):
    """What the result is about."""

    traj: Trajectory
    ions: Trajectory
    species: str | Sequence[str]
    sites: Sites
    radii: Floats
    spacing: float


def _result(
    run: _Run, visits: Visits, counts: Floats, others: Ints, inners: Floats, shortest: Floats,
    classes: tuple[list[str], Ints], parameters: Mapping[str, object],
) -> Dataset:  # fmt: skip
    traj, ions, spacing, number = run.traj, run.ions, run.spacing, len(run.sites.names)
    frames = np.bincount(time_blocks(traj.n_frames)).astype(float)
    occupancy, occupancy_error = ratio(counts[:, :-1], frames[:, None])
    nowhere, nowhere_error = ratio(counts[:, -1], frames * ions.n_atoms)
    before, after = visits.hops
    left, entered = visits.place[before], visits.place[after]
    time = np.bincount(visits.place, visits.steps, minlength=number) * spacing
    watched = np.bincount(visits.ion, visits.steps, minlength=ions.n_atoms) * spacing
    factor = dispersion(np.bincount(visits.ion[before], minlength=ions.n_atoms), watched)
    stay = mean_stay(time, np.bincount(left, minlength=number), factor)
    every = mean_stay(np.array([time.sum()]), np.array([len(before)]), factor)

    words = list(dict.fromkeys(run.sites.names))
    word_of = np.array([words.index(name) for name in run.sites.names])
    rates: dict[str, Column] = {}
    if number <= MOST_SITES:
        table, error = _rates(left, entered, time, factor)
        rates["rate"] = Column(("from_site", "to_site"), table, "1/ps", "rate from site to site")
        rates["rate_error"] = Column(("from_site", "to_site"), error, "1/ps", "standard error of the rate")
    else:
        warn(f"The rates between {number} sites are not given", "", "Use rate_by_name and the list of hops")
    by_word = np.bincount(word_of, time, minlength=len(words))
    named, named_error = _rates(word_of[left], word_of[entered], by_word, factor)
    kinds, kind_of = classes
    many = np.bincount(kind_of, minlength=len(kinds))
    whole = max(float(watched.sum()), np.finfo(float).tiny)
    curves = [
        survival(visits.steps[mine], visits.ended[mine], spacing, traj.n_frames - 1)
        for mine in (visits.begun & (word_of[visits.place] == k) for k in range(len(words)))
    ]
    in_view = np.flatnonzero(np.isin(traj.atom_numbers, ions.atom_numbers))
    name = run.species if isinstance(run.species, str) else ", ".join(run.species)
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    pair, curve = ("from_name", "to_name"), ("name", "wait")
    return dataset(
        "dynamics.sites",
        {
            "occupancy": Column(("site",), occupancy, "1", "ions in the site"),
            "occupancy_error": Column(("site",), occupancy_error, "1", "standard error of the occupancy"),
            "unassigned": Column((), nowhere, "1", "share of ions and frames in no site"),
            "unassigned_error": Column((), nowhere_error, "1", "standard error of the share"),
            **rates,
            "rate_by_name": Column(pair, named, "1/ps", "rate from sites of a name to those of another"),
            "rate_by_name_error": Column(pair, named_error, "1/ps", "standard error of the rate"),
            "residence": Column(("site",), stay.mean, "ps", "mean residence at the site"),
            "residence_error": Column(("site",), stay.error, "ps", "standard error of the mean residence"),
            "residence_least": Column(("site",), stay.least, "ps", "95 % bound of the mean residence from below"),
            "mean_residence": Column((), every.mean[0], "ps", "mean residence over all sites"),
            "mean_residence_error": Column((), every.error[0], "ps", "standard error of the mean residence"),
            "survival": Column(curve, [one.share for one in curves], "1", "share of stays that last longer"),
            "survival_error": Column(curve, [one.error for one in curves], "1", "standard error of the share"),
            "class_rate": Column(("hop_class",), many / whole, "1/ps", "hops of a kind, per ion and time"),
            "class_rate_error": Column(
                ("hop_class",), factor * np.sqrt(np.maximum(many, 1)) / whole, "1/ps", "standard error of the rate"
            ),
            "class_hops": Column(("hop_class",), many, "1", "hops of a kind"),
            "atom": Column(("hop",), in_view[visits.ion[before]], "1", "number of the atom in the trajectory"),
            "time": Column(
                ("hop",), traj.times[0] + spacing * (visits.start[after] - 0.5), "ps", "time of the hop"
            ),
            "left": Column(("hop",), left, "1", "site before the hop"),
            "entered": Column(("hop",), entered, "1", "site after the hop"),
            "kind": Column(("hop",), kind_of, "1", "which of the kinds of hops"),
            "position": Column(("site", "axis"), run.sites.fractions, "1", "site in fractions of the cell"),
            "radius": Column(("site",), run.radii, "Å", "radius of the site"),
            "rate_at": Column(
                ("inner_at", "residence_at"), others / whole, "1/ps", "hops per ion and time with other settings"
            ),
        },
        {
            "site": Column(("site",), np.arange(number), "1", "number of the site"),
            "site_name": Column(("site",), run.sites.names, "1", "name of the site"),
            "from_site": Column(("from_site",), np.arange(number), "1", "number of the site"),
            "to_site": Column(("to_site",), np.arange(number), "1", "number of the site"),
            "name": Column(("name",), words, "1", "name of sites"),
            "from_name": Column(("from_name",), words, "1", "name of sites"),
            "to_name": Column(("to_name",), words, "1", "name of sites"),
            "hop_class": Column(("hop_class",), kinds, "1", "kind of hop"),
            "wait": Column(("wait",), curves[0].time, "ps", "length of the stay"),
            "axis": Column(("axis",), ["a", "b", "c"], "1", "axis of the cell"),
            "inner_at": Column(("inner_at",), inners, "1", "part of the radius within which an ion enters"),
            "residence_at": Column(("residence_at",), shortest, "ps", "shortest visit that counts"),
        },
        parameters=parameters,
        history=list(traj.history),
        title=f"{name} on sites",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        hops=len(before),
        passed=visits.short,
        returned=visits.returns,
        **known,
    )  # fmt: skip


def _rates(left: Ints, entered: Ints, time: NDArray[Any], factor: float) -> tuple[Floats, Floats]:
    """Hops from each to each per time at the first, and their standard errors; that of one hop where there was none."""
    number = len(time)
    hops = np.bincount(left * number + entered, minlength=number**2).reshape(number, number).astype(float)
    known = np.where(time > 0, time, np.nan)[:, None]
    return hops / known, factor * np.sqrt(np.maximum(hops, 1)) / known


def draw(result: Dataset, ax: Axes) -> None:
    """Occupancy of every site, in the colour of its name; (inset) how long stays last, beside an exponential."""
    names, number = result["name"].values.tolist(), result.sizes["site"]
    value, error = result["occupancy"].values, result["occupancy_error"].values
    mine = result["site_name"].values
    ax.set(xlabel="number of the site, by name and occupancy", ylabel="ions in the site")
    at, numbers = 0, []
    for k, name in enumerate(names):
        some = np.flatnonzero(mine == name)
        some = some[np.argsort(-value[some], kind="stable")]
        where = np.arange(at, at + len(some))
        colour = PALETTE[k % len(PALETTE)]
        ax.bar(where, value[some], width=0.85 if number < 60 else 1.0, color=colour, alpha=0.45, label=name)
        if number <= 60:
            ax.errorbar(where, value[some], np.nan_to_num(error[some]), fmt="none", ecolor=colour, lw=1)
        at += len(some)
        numbers += some.tolist()
    every = -(-number // 12)
    ax.set_xticks(range(0, number, every), [str(one) for one in numbers[::every]])
    top = float(np.nanmax(value, initial=0.0)) or 1.0
    ax.set_ylim(0, 2.2 * top)
    ax.legend(loc="upper left", title=f"unassigned {100 * float(result['unassigned']):.1f} %", title_fontsize="small")
    inset = ax.inset_axes((0.48, 0.58, 0.5, 0.38))
    shown_to = 0.0
    for k in range(len(names)):
        one = result.isel(name=k)
        wait, share = one["wait"].values, one["survival"].values
        shown = np.isfinite(share) & (share > 1e-3)
        inset.step(wait[shown], share[shown], where="post", color=PALETTE[k % len(PALETTE)], lw=1.3)
        shown_to = max(shown_to, float(wait[shown].max(initial=0.0)))
    mean = float(result["mean_residence"])
    if np.isfinite(mean):
        wait = result["wait"].values
        inset.plot(wait, np.exp(-wait / mean), color="#7F7F7F", lw=0.9, ls="--", label=f"exp(−t/{mean:.3g} ps)")
        inset.legend(fontsize="x-small", loc="upper right")
    inset.set(yscale="log", ylim=(1e-3, 1.3), xlim=(0, shown_to or 1.0))
    inset.set_xlabel(label("time at the site", "ps"), fontsize="small")
    inset.set_ylabel("share longer", fontsize="small")
    inset.tick_params(labelsize="x-small")
