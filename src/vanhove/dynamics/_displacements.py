"""Each ion's own squared displacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_atoms
from vanhove.trajectory.blocks import drift as drift_of
from vanhove.trajectory.budget import memory_budget

from .lags import chosen_lags
from .origin_sums import means, spread_of
from .pairs_by_lag import PairsByLag
from .phase_origins import Phase, origins_of, said_of, told
from .tiles import TILE, fields_of, tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_LINES = 8  # lags whose distribution is drawn


def displacements(
    traj: Trajectory,
    species: str | Sequence[str],
    lags: Literal["all", "log"] | Sequence[float] = "log",
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    origins: Literal["first", "all"] = "first",
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
) -> Dataset:
    r"""Squared displacement of every ion after chosen times (B1).

    .. math:: r^2_i(t) = |\mathbf u_i(t) - \mathbf u_i(0)|^2

    from the first frame of the trajectory on, as pictures of moved ions show it; or its mean over all origins. The mean
    over the ions is the MSD with the same ``origins``.

    Parameters
    ----------
    traj
        Frames at any times; ``traj[1000:]`` begins at another frame.
    species
        An element or isotope, or several together.
    lags
        ``"log"``: some 60 lags evenly spaced in ln t. A list in ps, or ``"all"``.
    drift
        Whose motion is taken off, as for :func:`vanhove.dynamics.msd`.
    origins
        ``"first"``: from the first frame. ``"all"``: the mean over all pairs of frames that are t apart.
    phase, phases
        Only displacements that begin while the ion is in this phase, as for :func:`vanhove.dynamics.msd`: with
        ``"first"`` the ions that are in it at the first frame.

    Returns
    -------
    Dataset
        ``r2(lag, atom)`` (Å²), with ``index`` (the atom's number in the trajectory) and ``atom_species``; ``mean`` over
        the ions, ``mean_error`` (one standard error from the spread between ions, as if each moved on its own; NaN for
        one ion), and ``median``. NaN for an ion that is not in ``phase`` at any origin of a lag; ``mean`` is over the
        displacements, so that ions count by how often they were.
    """
    if origins not in ("all", "first"):
        raise Refusal(f"origins={origins!r}", "", 'Pass "first" or "all"')
    first_only = origins == "first"
    chosen = origins_of(traj, species, phase, phases, first_only=first_only)
    ions = chosen.ions
    if ions.n_frames < 2 or ions.evenly_spaced:
        steps = chosen_lags(lags, ions.n_frames, ions.spacing)
        available = np.ones_like(steps) if first_only else ions.n_frames - steps
        pairs = PairsByLag(ions.times, np.asarray(steps * ions.spacing, np.float64), available, first_only)
    else:
        pairs = PairsByLag.chosen(ions.times, lags, first_only=first_only)
    sums, counts = _squares(ions, drift_of(ions, drift, chosen.mobile), pairs, chosen.inside)
    squares = means(sums, counts)
    n = ions.n_atoms
    mean = means(sums.sum(axis=1), counts.sum(axis=1))
    error = spread_of(squares.T, counts.T, 2)
    mine = np.flatnonzero(np.isin(traj.atom_numbers, ions.atom_numbers))
    some = (counts > 0).any(axis=1)
    median = np.full(len(squares), np.nan)
    median[some] = np.nanmedian(squares[some], axis=1)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.displacements",
        {
            "r2": Column(("lag", "atom"), squares, "Å²", "squared displacement"),
            "mean": Column(("lag",), mean, "Å²", "mean squared displacement"),
            "mean_error": Column(("lag",), error, "Å²", "standard error of the mean, of independent ions"),
            "median": Column(("lag",), median, "Å²", "median of the squared displacements"),
        },
        {
            "lag": Column(("lag",), pairs.lags, "ps", "lag"),
            "index": Column(("atom",), mine, "1", "number of the atom in the trajectory"),
            "atom_species": Column(("atom",), ions.species, "1", "species of the atom"),
        },
        parameters=dict(species=species, lags=lags, drift=drift, origins=origins, phase=chosen.phase or None),
        history=chosen.history(traj),
        title=f"Squared displacements of {name}{chosen.told}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=n,
        drift=drift or "none",
        origins=origins,
        **chosen.attributes,
        **known,
    )


def _squares(ions: Trajectory, path: Floats | None, pairs: PairsByLag, inside: Bools | None) -> tuple[Floats, Ints]:
    """Sums of the squared displacements over the origins, and how many these are: (lag, atom)."""
    from vanhove.kernels.intervals import add_squared_pairs
    from vanhove.kernels.origins import add_squared_origins

    frames, lags = ions.n_frames, len(pairs.lags)
    needed, budget = 16 * lags * ions.n_atoms, memory_budget()
    if needed > budget // 2:
        raise Refusal(
            f"Displacements of {ions.n_atoms} ions at {lags} lags take {needed / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB", 'Take lags="log" or a list, or raise VANHOVE_MEMORY',
        )  # fmt: skip
    table = np.empty((lags, ions.n_atoms))
    counts = np.repeat(pairs.n_origins[:, None], ions.n_atoms, axis=1)
    nowhere = np.full(lags, -1)  # the sums are not told apart by parts of the origins

    def work(atoms: slice) -> Sums:
        for rows, mine in tiles(ions, path, atoms, TILE):
            n = mine.stop - mine.start
            sums, each = np.zeros((3, n, lags)), np.arange(n)
            if inside is None:
                add_squared_pairs(
                    rows, pairs.times, pairs.origins, pairs.lags, pairs.tolerance, each, nowhere, sums,
                    np.empty((3, 1, n, 0)),
                )  # fmt: skip
            else:
                here = np.zeros((n, lags), np.int64)
                add_squared_origins(
                    rows, inside[mine], pairs.times, pairs.lags, pairs.tolerance, each, nowhere, sums, here,
                    np.empty((3, 1, n, 0)), np.empty((1, n, 0), np.int64), np.zeros(lags),
                )  # fmt: skip
                counts[:, mine] = here.T
            table[:, mine] = sums.sum(axis=0).T
        return {}

    fixed = 24 * TILE * (frames + 2 * lags) + needed
    add_blocks(cut_atoms(ions, 24 * frames * fields_of(ions), fixed=fixed), work, "displacements")
    return table, counts


def draw(result: Dataset, ax: Axes) -> None:
    """What share of the ions has gone further than a distance, one line a lag."""
    import matplotlib as mpl

    moved = np.flatnonzero(result["lag"].values > 0)
    taken = moved[np.unique(np.round(np.linspace(0, len(moved) - 1, min(MOST_LINES, len(moved)))).astype(int))]
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.88, max(len(taken), 1)))
    _, alone = said_of(result)
    ions = f"{result.attrs['species']}{told(str(result.attrs.get('phase', '')))}"
    for colour, k in zip(colours, taken.tolist(), strict=True):
        far = np.sqrt(result["r2"].values[k])
        far = np.sort(far[np.isfinite(far)])[::-1]
        shown = colour if len(taken) > 1 else alone
        ax.step(far, np.arange(1, len(far) + 1) / len(far), where="post", color=shown, label=f"{result.lag[k]:.3g} ps")
    ax.set(xlabel=label("distance gone", "Å"), ylabel=f"share of the {ions} beyond", ylim=(0, 1.02), xlim=(0, None))
    if len(taken):
        ax.legend(loc="upper right")
