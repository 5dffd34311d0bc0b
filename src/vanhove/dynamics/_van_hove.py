"""The self part of the Van Hove function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import drift as drift_of

from . import gaussian_reference
from .displacement_counts import bins_below, lengths
from .phase_origins import Phase, origins_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .displacement_counts import Counts

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_GROUPS = 8  # fewer ions say too little of how much ions differ
MOST_LINES = 12  # lags drawn as lines; more are drawn as a map
CUT = 0.98  # of the values of a map are shown by colour, the few highest alike


def van_hove(
    traj: Trajectory,
    species: str | Sequence[str],
    lags: Literal["all", "log"] | Sequence[float] = "log",
    r_max: float = 10.0,
    width: float = 0.1,
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    origins: Literal["all", "first"] | int = "all",
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
) -> Dataset:
    r"""Self part of the Van Hove function: how far ions have gone after a time (B3).

    .. math::

        G_s(r, t) = \frac{1}{N} \Big\langle \sum_{i=1}^{N} \delta\big(\mathbf r - \mathbf u_i(t_0 + t)
        + \mathbf u_i(t_0)\big) \Big\rangle, \qquad P(r, t) = 4 \pi r^2 G_s(r, t)

    averaged over directions and over the origins t_0. P(r, t) dr is the probability that an ion is between r and
    r + dr away from where it was; the part that is further away than the last bin is ``beyond``, so that
    :math:`\sum P\,\Delta r` + ``beyond`` is 1.

    Parameters
    ----------
    traj
        Frames at any times; see :func:`vanhove.dynamics.msd` for what a lag then is.
    species
        An element or isotope, or several together.
    lags
        ``"log"``: some 60 lags evenly spaced in ln t. A list in ps, or ``"all"``.
    r_max, width
        Å. As many bins, from 0 on, as fit below ``r_max``.
    drift
        Whose motion is taken off, as for :func:`vanhove.dynamics.msd`.
    origins
        ``"all"`` frames, only the ``"first"``, or a number n: every n-th frame. None is left out unless asked for.
    phase, phases
        Only displacements that begin while the ion is in this phase, as for :func:`vanhove.dynamics.msd`.

    Returns
    -------
    Dataset
        ``P`` (1/Å), the mean over each bin, and ``G_s`` = P/4πr² (1/Å³) at the bins' centres r; ``beyond``. ``msd`` of
        the same displacements, not of their bins. ``P_gaussian`` and ``beyond_gaussian`` are those of a Gaussian of
        this MSD. ``outside(lag, r)`` is the probability to be further than the bin's *upper edge*, and ``excess`` by
        how much it is larger than the Gaussian's. Errors are one standard error, a jackknife over up to 32 groups of
        ions (so that of ``excess`` knows the error of the MSD, too); with fewer than 8 ions, that of ``n_independent``
        displacements, which is rather too large. ``attrs["error"]`` says which. Where ions come into ``phase`` and
        leave it, ``n_displacements`` that begin in it.
    """
    bins = bins_below(r_max, width)
    chosen = origins_of(traj, species, phase, phases, first_only=origins == "first")
    ions = chosen.ions
    path = drift_of(ions, drift, chosen.mobile)
    found = lengths(ions, path, lags, origins, width, bins, chosen.inside)
    edges: Floats = width * np.arange(bins + 1.0)
    r = 0.5 * (edges[1:] + edges[:-1])
    whole, error, how = _with_errors(found, edges)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    name = species if isinstance(species, str) else ", ".join(species)
    line, table = ("lag",), ("lag", "r")
    shell = 4 * np.pi * r**2
    begun = {}
    if chosen.inside is not None:
        counted = found.displacements.sum(axis=0)
        begun["n_displacements"] = Column(line, counted, "1", "displacements that begin in the phase")
    return dataset(
        "dynamics.van_hove",
        {
            "P": Column(table, whole["P"], "1/Å", "4πr² G_s(r)"),
            "P_error": Column(table, error["P"], "1/Å", "standard error of 4πr² G_s(r)"),
            "G_s": Column(table, whole["P"] / shell, "1/Å³", "self part of the Van Hove function"),
            "G_s_error": Column(table, error["P"] / shell, "1/Å³", "standard error of the self part"),
            "beyond": Column(line, whole["tail"][:, -1], "1", "probability to be beyond the last bin"),
            "beyond_error": Column(line, error["tail"][:, -1], "1", "standard error of this probability"),
            "outside": Column(table, whole["tail"], "1", "probability to be beyond the bin's upper edge"),
            "outside_error": Column(table, error["tail"], "1", "standard error of this probability"),
            "excess": Column(table, whole["excess"], "1", "by how much outside is more than the Gaussian's"),
            "excess_error": Column(table, error["excess"], "1", "standard error of the excess"),
            "msd": Column(line, whole["msd"], "Å²", "mean squared displacement"),
            "msd_error": Column(line, error["msd"], "Å²", "standard error of the mean squared displacement"),
            "P_gaussian": Column(
                table, gaussian_reference.density(whole["msd"], edges), "1/Å", "4πr² G of the Gaussian of the same MSD"
            ),
            "beyond_gaussian": Column(
                line, gaussian_reference.tail(whole["msd"], edges[-1:])[:, 0], "1", "the Gaussian beyond the last bin"
            ),
            "n_origins": Column(line, found.n_origins, "1", "pairs of frames"),
            "n_independent": Column(line, found.independent, "1", "independent displacements of the same weight"),
            **begun,
        },
        {"lag": Column(line, found.lag, "ps", "lag"), "r": Column(("r",), r, "Å", "distance gone")},
        parameters=dict(
            species=species, lags=lags, r_max=r_max, width=width, drift=drift, origins=origins,
            phase=chosen.phase or None,
        ),
        history=chosen.history(traj),
        title=f"Van Hove function of {name}{chosen.told}, self part",
        fingerprint=traj.fingerprint,
        species=name,
        width=float(width),
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        drift=drift or "none",
        origins=origins,
        error=how,
        **chosen.attributes,
        **known,
    )  # fmt: skip


def _with_errors(found: Counts, edges: Floats) -> tuple[dict[str, Floats], dict[str, Floats], str]:
    """What is known of all ions together, and one standard error of it."""
    counts, squares = found.by_group.sum(axis=0).astype(np.float64), found.squares.sum(axis=0)
    whole = _curves(counts, squares, edges, found.displacements.sum(axis=0))
    groups = len(found.displacements)
    if groups < FEWEST_GROUPS:
        width, n = edges[1], found.independent[:, None]

        def binomial(p: Floats) -> Floats:
            return np.asarray(np.sqrt(np.maximum(p * (1 - p), 0) / n), np.float64)

        few = {
            "P": binomial(whole["P"] * width) / width, "tail": binomial(whole["tail"]),
            "excess": binomial(whole["tail"]), "msd": whole["msd"] * np.sqrt(2 / (3 * found.independent)),
        }  # fmt: skip
        return whole, few, "that of so many independent displacements: too few ions to compare"
    mean = {name: np.zeros_like(values) for name, values in whole.items()}
    squared = {name: np.zeros_like(values) for name, values in whole.items()}
    for group in range(groups):  # one after the other: 32 tables of all lags and bins would not fit
        rest = _curves(
            counts - found.by_group[group], squares - found.squares[group], edges,
            found.displacements.sum(axis=0) - found.displacements[group],
        )  # fmt: skip
        for name, values in rest.items():
            off = values - whole[name]
            mean[name] += off / groups
            squared[name] += off**2 / groups
    error = {name: np.sqrt((groups - 1) * np.maximum(squared[name] - mean[name] ** 2, 0)) for name in whole}
    return whole, error, f"jackknife over {groups} groups of ions"


def _curves(counts: Floats, squares: Floats, edges: Floats, n: Ints) -> dict[str, Floats]:
    """What follows from the ``counts`` (lag, bin and beyond) of ``n`` displacements a lag."""
    each = np.where(n > 0, n, np.nan)
    tail = np.cumsum(counts[:, ::-1], axis=1)[:, -2::-1] / each[:, None]
    msd = squares / each
    return {
        "P": counts[:, :-1] / (each[:, None] * np.diff(edges)), "tail": tail,
        "excess": tail - gaussian_reference.tail(msd, edges[1:]), "msd": msd,
    }  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """4πr²G_s of up to 12 lags as lines, of more as a map over r and t."""
    if result.sizes["lag"] > MOST_LINES:
        draw_map(result, ax)
    else:
        draw_lines(result, ax)


def draw_lines(result: Dataset, ax: Axes) -> None:
    """4πr²G_s against r, one line a lag coloured by it, with its error band and the Gaussian of the same MSD dashed."""
    import matplotlib as mpl

    r = result["r"].values
    moved = np.flatnonzero(result["lag"].values > 0)
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.88, max(len(moved), 1)))
    top = 0.0
    for colour, k in zip(colours, moved.tolist(), strict=True):
        one = result.isel(lag=k)
        p, error = one["P"].values, np.nan_to_num(one["P_error"].values)
        ax.fill_between(r, p - error, p + error, color=colour, alpha=0.25, lw=0)
        ax.plot(r, p, color=colour, label=f"{float(one['lag']):.3g} ps")
        ax.plot(r, one["P_gaussian"].values, color=colour, lw=0.9, ls="--")
        top = max(top, float(p.max()))
    ax.set(xlabel=label("r", "Å"), ylabel=label("4πr² Gₛ(r, t)", "1/Å"), xlim=(0, r[-1]), ylim=(0, 1.05 * top or 1.0))
    if len(moved):
        ax.plot([], [], color="#7F7F7F", lw=0.9, ls="--", label="Gaussian, same MSD")
        ax.legend(loc="upper right", ncols=2 if len(moved) > 5 else 1)


def draw_map(result: Dataset, ax: Axes) -> None:
    """4πr²G_s as a map over r and logarithmic t, with the root of the MSD."""
    from matplotlib.colors import PowerNorm

    shown = result.isel(lag=result["lag"].values > 0)
    lag, r, p = shown["lag"].values, shown["r"].values, shown["P"].values
    ax.set(xlabel=label("lag", "ps"), ylabel=label("r", "Å"), xscale="log")
    positive = p[p > 0]
    if len(lag) < 2 or len(positive) == 0:
        return
    half = 0.5 * float(r[1] - r[0]) if len(r) > 1 else float(r[0])
    middle = np.sqrt(lag[1:] * lag[:-1])
    times = np.concatenate([[lag[0] ** 2 / middle[0]], middle, [lag[-1] ** 2 / middle[-1]]])
    norm = PowerNorm(0.5, vmin=0, vmax=float(np.quantile(positive, CUT)))
    image = ax.pcolormesh(times, np.append(r - half, r[-1] + half), p.T, norm=norm, cmap="magma_r", rasterized=True)
    ax.plot(lag, np.sqrt(shown["msd"].values), color="#0072B2", lw=1.4, ls="--", label="√MSD")
    ax.set(ylim=(0, r[-1] + half), xlim=(times[0], times[-1]))
    ax.grid(visible=False)
    ax.legend(loc="upper left")
    figure: Any = ax.figure
    figure.colorbar(image, ax=ax, label=label("4πr² Gₛ(r, t)", "1/Å"), extend="max")
