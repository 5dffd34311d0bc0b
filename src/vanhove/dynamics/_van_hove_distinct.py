"""The distinct part of the Van Hove function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.structure.pairs import members, split_pair
from vanhove.trajectory.blocks import add_blocks
from vanhove.trajectory.budget import memory_budget, thread_count

from .displacement_counts import bins_below
from .distinct_frames import Reference, chunks, frames_at, stride_for
from .lags import chosen_lags
from .pairs_by_lag import PairsByLag
from .phase_origins import Phase, origins_of, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .phase_origins import Origins

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TIME_BLOCKS = 10  # stretches of the origins whose spread gives the error
AFFORDABLE = 4e9  # distances that origins="auto" takes at most: some ten seconds
MOST_LINES = 12  # lags drawn as lines; more are drawn as a map


def van_hove_distinct(
    traj: Trajectory,
    pair: str,
    lags: Literal["all", "log"] | Sequence[float] = "log",
    r_max: float = 10.0,
    width: float = 0.1,
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    origins: Literal["auto", "all", "first"] | int = "auto",
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
) -> Dataset:
    r"""Distinct part of the Van Hove function: who is where an ion was, a time later (B3).

    .. math::

        G_d(r, t) = \frac{1}{N_i} \Big\langle \sum_i \sum_{j \ne i} \delta\big(\mathbf r - \mathbf r_j(t_0 + t)
        + \mathbf r_i(t_0)\big) \Big\rangle

    averaged over directions and origins t_0: the number density of the atoms j at t_0 + t around where i was at t_0.
    At t = 0 it is ρ g(r) of :func:`vanhove.structure.rdf`, with the ρ of its g: N_j/V, and (N - 1)/V for like pairs. It
    ends at ρ for long times, but for what stays in its place; r → 0 fills up as ions follow each other into a site.

    Every periodic image within ``r_max`` counts, as in g(r). For like pairs the ion itself is left out where it has
    gone (that is the self part); its images are not.

    In a cell that changes, the later positions are seen in the cell of the origin: at their fractional coordinates, so
    that a crystal which only breathes stays where it is. The drift is taken off in fractional coordinates, too.

    Parameters
    ----------
    traj
        Frames at any times; see :func:`vanhove.dynamics.msd` for what a lag then is.
    pair
        ``"Li-S"``: S where Li was. ``"Li-Li"``: other Li where a Li was.
    lags
        ``"log"``: some 60 lags evenly spaced in ln t. A list in ps (0 is one), or ``"all"``.
    r_max, width
        Å. As many bins, from 0 on, as fit below ``r_max``.
    drift
        Whose motion is taken off, as for :func:`vanhove.dynamics.msd`; ``"framework"`` is all but the first species of
        the pair.
    origins
        ``"auto"``: of each lag's origins every n-th, n so that no more than 4·10⁹ distances are taken;
        ``attrs["stride"]`` is n. ``"all"``, only the ``"first"`` frame, or your own n.
    phase, phases
        Only ions i that are in this phase at t_0, as for :func:`vanhove.dynamics.msd`; the others j are all there are.

    Returns
    -------
    Dataset
        ``G_d`` (1/Å³) at the centres r of the bins, by their exact volumes, with ``G_d_error``, one standard error from
        the spread of ten consecutive blocks of origins: too small where a block is shorter than the lag or the
        structure's memory, NaN where there is one origin. ``density`` (1/Å³) is the ρ above, of the whole cell also
        where there is a ``phase``; ``n_origins`` the pairs of frames that were taken.
    """
    from vanhove.kernels.distinct_pairs import distinct_counts

    bins = bins_below(r_max, width)
    first_only = origins == "first"
    chosen, sides = _sides(traj, pair, phase, phases, first_only=first_only)
    stride_for(origins, 0, 1.0, 1.0)
    if traj.n_frames < 2 or traj.evenly_spaced:
        steps = chosen_lags(lags, traj.n_frames, traj.spacing)
        pairs = PairsByLag.of(traj.times, np.asarray(steps * traj.spacing, np.float64), first_only=first_only)
    else:
        pairs = PairsByLag.chosen(traj.times, lags, first_only=first_only)
    reference = Reference.of(traj, drift, chosen.mobile)
    stride = stride_for(origins, int(pairs.n_origins.sum()), _distances(traj, sides, bins * width), AFFORDABLE)
    frame_bytes = 3 * 24 * (sides.centres.n_atoms + sides.others.n_atoms)
    most = max(1, int(memory_budget() / thread_count() / 2 / frame_bytes))
    tasks = [(k, chunk) for k in range(len(pairs.lags)) for chunk in chunks(*_taken(pairs, k, stride), most)]
    shape = (TIME_BLOCKS, len(pairs.lags), bins)

    def work(one: slice) -> Sums:
        k, chunk = tasks[one.start]
        first, second = _taken(pairs, k, stride)
        block_of = np.arange(len(first)) * TIME_BLOCKS // len(first)
        first, second, block_of = first[chunk], second[chunk], block_of[chunk]
        early = reference.seen(frames_at(sides.centres, first), first, first)
        late = reference.seen(frames_at(sides.others, second), second, first)
        inside = np.ones(early.shape[:2], bool) if chosen.inside is None else chosen.inside.T[first]
        counted = distinct_counts(early, late, reference.cells_of(first), sides.same, inside, width, bins)
        counts, inverse, centres = np.zeros(shape, np.int64), np.zeros(len(pairs.lags)), np.zeros(shape[:2], np.int64)
        np.add.at(counts[:, k], block_of, counted)
        np.add.at(centres[:, k], block_of, inside.sum(axis=1))
        inverse[k] = (1 / np.abs(np.linalg.det(reference.cells_of(first)))).sum()
        return {"counts": counts, "inverse": inverse, "centres": centres}

    total = add_blocks([slice(k, k + 1) for k in range(len(tasks))], work, "distinct Van Hove function")
    n_origins = np.array([len(_taken(pairs, k, stride)[0]) for k in range(len(pairs.lags))])
    edges: Floats = width * np.arange(bins + 1.0)
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    counts, inverse = (np.asarray(total[name], np.float64) for name in ("counts", "inverse"))
    mean, error = _mean(counts / shells, total["centres"].astype(np.int64))
    partners = sides.others.n_atoms - np.count_nonzero(sides.same >= 0) / sides.centres.n_atoms
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    table = ("lag", "r")
    return dataset(
        "dynamics.van_hove_distinct",
        {
            "G_d": Column(table, mean, "1/Å³", "distinct part of the Van Hove function"),
            "G_d_error": Column(table, error, "1/Å³", "standard error of the distinct part"),
            "density": Column(("lag",), partners * inverse / n_origins, "1/Å³", "mean density of the others"),
            "n_origins": Column(("lag",), n_origins, "1", "pairs of frames that were taken"),
        },
        {
            "lag": Column(("lag",), pairs.lags, "ps", "lag"),
            "r": Column(("r",), 0.5 * (edges[1:] + edges[:-1]), "Å", "distance from where an ion was"),
        },
        parameters=dict(
            pair=pair, lags=lags, r_max=r_max, width=width, drift=drift, origins=origins, phase=chosen.phase or None
        ),
        history=chosen.history(traj),
        title=f"Van Hove function of {pair}{told(chosen.phase)}, distinct part",
        fingerprint=traj.fingerprint,
        pair=pair,
        width=float(width),
        drift=drift or "none",
        origins=origins,
        stride=stride,
        **chosen.attributes,
        **known,
    )


class _Sides(NamedTuple):
    """The atoms of both species of a pair."""

    centres: Trajectory
    others: Trajectory
    same: Ints  # which of the others each centre is; -1: none


def _sides(
    traj: Trajectory, pair: str, phase: Phase, phases: Dataset | NDArray[np.str_] | None, *, first_only: bool
) -> tuple[Origins, _Sides]:
    species, kind = np.unique(traj.species, return_inverse=True)
    inside = [np.isin(kind, members(name, species.tolist())) for name in split_pair(pair)]
    chosen = origins_of(traj, sorted(set(traj.species[inside[0]].tolist())), phase, phases, first_only=first_only)
    others = traj.where(inside[1])
    place = np.full(int(traj.atom_numbers.max()) + 1, -1, np.int64)
    place[others.atom_numbers] = np.arange(others.n_atoms)
    same = place[chosen.ions.atom_numbers]
    if chosen.ions.n_atoms == others.n_atoms == 1 and same[0] >= 0:
        raise Refusal(f"There is only one {split_pair(pair)[0]}: no pair {pair}", "", "Give another pair")
    return chosen, _Sides(chosen.ions, others, same)


def _taken(pairs: PairsByLag, k: int, stride: int) -> tuple[Ints, Ints]:
    """The earlier and the later frames of one lag."""
    first, second = pairs.at(k)
    return first[::stride], second[::stride]


def _distances(traj: Trajectory, sides: _Sides, reach: float) -> float:
    """Distances that one pair of frames takes, all images counted."""
    images = 8 * reach**3 / float(traj.volumes.min())
    return sides.centres.n_atoms * sides.others.n_atoms * max(1.0, 2 * images)


def _mean(sums: Floats, centres: Ints) -> tuple[Floats, Floats]:
    """Mean over ``centres`` (block of origins, lag) and its standard error, (lag, bin), from sums over the blocks."""
    total = np.where(centres.any(axis=0), centres.sum(axis=0), np.nan)[:, None]
    mean: Floats = sums.sum(axis=0) / total
    blocks = (centres > 0).sum(axis=0)[:, None]
    apart = (((sums - centres[..., None] * mean) / total) ** 2).sum(axis=0)
    error: Floats = np.full_like(mean, np.nan)
    np.sqrt(apart * blocks / np.maximum(blocks - 1, 1), out=error, where=blocks > 1)
    return mean, error


def draw(result: Dataset, ax: Axes) -> None:
    """G_d over the density: up to 12 lags as lines, more as a map over r and t."""
    if result.sizes["lag"] > MOST_LINES:
        _draw_map(result, ax)
    else:
        _draw_lines(result, ax)


def _draw_lines(result: Dataset, ax: Axes) -> None:
    import matplotlib as mpl

    r = result["r"].values
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.88, result.sizes["lag"]))
    for k, colour in enumerate(colours):
        one = result.isel(lag=k)
        g, error = (one[name].values / float(one["density"]) for name in ("G_d", "G_d_error"))
        ax.fill_between(r, g - np.nan_to_num(error), g + np.nan_to_num(error), color=colour, alpha=0.25, lw=0)
        ax.plot(r, g, color=colour, label=f"{float(one['lag']):.3g} ps")
    ax.axhline(1, color="#7F7F7F", lw=0.8, zorder=1)
    ax.set(xlabel=label("r", "Å"), ylabel=_label(result), xlim=(0, r[-1]), ylim=(0, None))
    ax.legend(loc="upper right", ncols=2 if result.sizes["lag"] > 5 else 1)


def _draw_map(result: Dataset, ax: Axes) -> None:
    from matplotlib.colors import TwoSlopeNorm

    shown = result.isel(lag=result["lag"].values > 0)
    lag, r = shown["lag"].values, shown["r"].values
    g = (shown["G_d"] / shown["density"]).transpose("lag", "r").values
    half = 0.5 * float(r[1] - r[0]) if len(r) > 1 else float(r[0])
    middle = np.sqrt(lag[1:] * lag[:-1])
    times = np.concatenate([[lag[0] ** 2 / middle[0]], middle, [lag[-1] ** 2 / middle[-1]]])
    high = max(2.0, float(np.quantile(g, 0.99)))
    norm = TwoSlopeNorm(1.0, vmin=0.0, vmax=high)
    image = ax.pcolormesh(times, np.append(r - half, r[-1] + half), g.T, norm=norm, cmap="RdBu_r", rasterized=True)
    ax.set(xlabel=label("lag", "ps"), ylabel=label("r", "Å"), xscale="log", ylim=(0, r[-1] + half))
    ax.set_xlim(times[0], times[-1])
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label=_label(result), extend="max")


def _label(result: Dataset) -> str:
    about = ", ".join(filter(None, [str(result.attrs["pair"]), str(result.attrs.get("phase", ""))]))
    return f"{about}: G(r, t) / ρ, distinct"
