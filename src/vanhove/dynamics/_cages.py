"""Ions in cages around moving centres: how long they stay, and how often they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset

from .residence import BOUND, Survival, dispersion, mean_stay, survival
from .visits import Level, Places, Visits, check_times, track, visits_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

BONDED = 1.25  # times the sum of the covalent radii


def cages(
    traj: Trajectory,
    species: str | Sequence[str],
    centres: str | Sequence[str] | Sequence[int] | NDArray[np.bool_],
    radius: float | Sequence[float],
    *,
    free_of: str | None = None,
    returns: float = 1.0,
) -> Dataset:
    r"""Mean residence of ions in cages, spheres around atoms that move themselves (B9).

    An ion enters a cage where it comes nearer to the centre than the radius; where spheres overlap, the nearest centre
    has it. It belongs to the cage that it last entered until it enters another one. So an ion that only leaves the
    sphere has not left its cage, and a small radius makes fewer jumps than a large one. Then

    .. math:: \tau = \frac{\text{time of all ions}}{\text{number of jumps between cages}}

    is the maximum of the likelihood with the ends of the run as stays that were cut off. Every periodic image of a
    centre counts, in cells of any shape that may change.

    Parameters
    ----------
    traj
        Evenly spaced frames.
    species
        The ions.
    centres
        The atoms in the middle of the cages: a species, numbers of atoms of ``traj`` from 0, or a mask. They are
        taken from the whole system where they are a species.
    radius
        Å; or several, each of which is worked out. Half the distance between neighbouring centres and more: where
        spheres do not touch an ion may be nowhere for long.
    free_of
        Only centres with no atom of this species bonded to them in the first frame: ``"P"`` takes the free S of an
        argyrodite, and leaves those of its PS4 out.
    returns
        ps. A visit to another cage after which the ion is back no later than this does not count.

    Returns
    -------
    Dataset
        ``residence_time`` (ps), its standard error ``residence_error`` (Poisson's, or from the spread between ions
        where that is significantly larger), and ``residence_least``, a 95 % bound; ``hops``, the number of jumps, and
        ``returned``, the visits that did not count; ``rate`` per ion. ``survival(wait)``: share of stays that last
        longer, by Kaplan and Meier, of stays whose beginning was seen. ``occupancy(cage)``: ions that belong to a
        cage; ``outside``, the share of ions and frames within no sphere. For every jump (``hop``) its ``atom``, its
        ``time``, and the centres ``left`` and ``entered`` (numbers in the whole system). With several radii
        everything has the dimension ``radius``, and a jump its ``hop_radius``.
    """
    check_times(returns=returns)
    radii = np.atleast_1d(np.asarray(radius, float))
    if radii.ndim != 1 or len(radii) == 0 or not (np.isfinite(radii) & (radii > 0)).all():
        raise Refusal(f"radius={radius}", "", "Give one positive length in Å, or several")
    spacing = traj.spacing
    chosen = traj.select(species if isinstance(species, str) else list(species))
    middle = _centres(traj, centres, free_of)
    both = np.intersect1d(chosen.atom_numbers, middle)
    if len(both):
        raise Refusal(f"{len(both)} atoms are ions and centres at once", "", "Choose other centres")
    everything = traj.whole_system
    mask = np.zeros(everything.n_atoms, bool)
    mask[chosen.atom_numbers] = mask[middle] = True
    view = everything.where(mask)
    rows, spots = np.searchsorted(view.atom_numbers, chosen.atom_numbers), np.searchsorted(view.atom_numbers, middle)

    def positions(frames: slice) -> tuple[Floats, Floats]:
        block = view.read("positions", frames)
        return block[:, rows], block[:, spots]

    places = Places(positions, np.ones(len(middle)), float(radii.max()))
    tracks = track(chosen, places, [Level(r, r) for r in radii], 24 * view.n_atoms)
    found = [visits_of(one.entries, traj.n_frames, 0.0, returns / spacing) for one in tracks]
    outside = np.array([one.counts[:, -1].sum() / one.counts.sum() for one in tracks])
    parameters = dict(species=species, centres=centres, radius=radius, free_of=free_of, returns=returns)
    result = _result(traj, chosen, species, middle, radii, found, outside, spacing, parameters)
    return result.isel(radius=0) if np.ndim(radius) == 0 else result


def _centres(
    traj: Trajectory, centres: str | Sequence[str] | Sequence[int] | NDArray[np.bool_], free_of: str | None
) -> Ints:
    """Numbers of the centres in the whole system."""
    everything = traj.whole_system
    given = (
        [centres] if isinstance(centres, str | float | int) else list(centres)
    )  # one number, as the command reads it
    if len(given) == 0:
        raise Refusal("There is no centre", "", "Name a species, or give numbers of atoms")
    if all(isinstance(one, str) for one in given):
        found = everything.select([str(one) for one in given]).atom_numbers
    elif np.asarray(given).dtype == bool:
        mask = np.asarray(given)
        if mask.shape != (traj.n_atoms,):
            raise Refusal(f"A mask of {len(mask)} for {traj.n_atoms} atoms", "", "Give one true or false an atom")
        found = traj.atom_numbers[mask]
    else:
        numbers = np.asarray(given, float)
        if not np.array_equal(numbers, np.floor(numbers)) or numbers.min() < 0 or numbers.max() >= traj.n_atoms:
            raise Refusal(f"centres={centres}", f"atoms count from 0 to {traj.n_atoms - 1}", "Give such numbers")
        found = traj.atom_numbers[np.unique(numbers.astype(int))]
    if free_of is not None:
        found = _unbonded(everything, np.asarray(found, np.int64), free_of)
    if len(found) == 0:
        raise Refusal("There is no centre", "", "Choose others")
    return np.asarray(found, np.int64)


def _unbonded(everything: Trajectory, centres: Ints, species: str) -> Ints:
    """Those of the centres that have no bond to an atom of ``species`` in the first frame."""
    from ase.data import atomic_numbers, covalent_radii

    from vanhove.base.elements import element_of
    from vanhove.structure.neighbours import neighbours_within

    others = everything.select(species).atom_numbers
    labels, which = np.unique(everything.species, return_inverse=True)
    size = np.array([covalent_radii[atomic_numbers[element_of(one)]] for one in labels.tolist()])[which]
    longest = BONDED * float(size[centres].max() + size[others].max())
    pairs = neighbours_within(
        everything.read("positions", slice(0, 1))[0], everything.cells[0], centres, others, longest
    )
    bonded = pairs.i[pairs.distance < BONDED * (size[pairs.i] + size[pairs.j])]
    return np.setdiff1d(centres, bonded)


def _result(
    traj: Trajectory, ions: Trajectory, species: str | Sequence[str], middle: Ints, radii: Floats, found: list[Visits],
    outside: Floats, spacing: float, parameters: Mapping[str, object],
) -> Dataset:  # fmt: skip
    from scipy.stats import chi2

    n_frames, n_radii = traj.n_frames, len(radii)
    hops = np.array([int(one.ended.sum()) for one in found])
    times = np.array([one.steps.sum() for one in found]) * spacing
    factor = np.ones(n_radii)
    occupancy = np.zeros((n_radii, len(middle)))
    alive: list[Survival] = []
    for k, one in enumerate(found):
        watched = np.bincount(one.ion, one.steps, minlength=ions.n_atoms) * spacing
        factor[k] = dispersion(np.bincount(one.ion[one.ended], minlength=ions.n_atoms), watched)
        occupancy[k] = np.bincount(one.place, one.steps, minlength=len(middle)) / max(n_frames - 1, 1)
        alive.append(survival(one.steps[one.begun], one.ended[one.begun], spacing, n_frames - 1))
        if not hops[k]:
            warn(
                f"No ion changes its cage of {radii[k]:g} Å", f"in {times[k]:g} ps of all ions together",
                "Give a longer run, or a larger radius",
            )  # fmt: skip
    stay = mean_stay(times, hops, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(times > 0, hops / times, np.nan)
        error = np.where(times > 0, factor * np.sqrt(np.maximum(hops, 1)) / times, np.nan)
        upper = np.where(times > 0, chi2.ppf(BOUND, 2 * hops + 2) / 2 / times, np.nan)
    in_view = np.flatnonzero(np.isin(traj.atom_numbers, ions.atom_numbers))
    ion, left, entered, frame = (
        np.concatenate(parts)
        for parts in zip(
            *((one.ion[one.hops[0]], *(one.place[at] for at in one.hops), one.start[one.hops[1]]) for one in found),
            strict=True,
        )
    )
    by, curve = ("radius",), ("radius", "wait")
    name = species if isinstance(species, str) else ", ".join(species)
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "dynamics.cages",
        {
            "residence_time": Column(by, stay.mean, "ps", "mean residence in a cage"),
            "residence_error": Column(by, factor * stay.error, "ps", "standard error of the mean residence"),
            "residence_least": Column(by, stay.least, "ps", "95 % bound of the mean residence from below"),
            "hops": Column(by, hops, "1", "jumps from cage to cage"),
            "returned": Column(by, [one.returns for one in found], "1", "visits to another cage that did not count"),
            "rate": Column(by, rate, "1/ps", "jumps of an ion per time"),
            "rate_error": Column(by, error, "1/ps", "standard error of the rate"),
            "rate_upper": Column(by, upper, "1/ps", "95 % bound of the rate"),
            "outside": Column(by, outside, "1", "share of ions and frames within no sphere"),
            "survival": Column(curve, [one.share for one in alive], "1", "share of stays that last longer"),
            "survival_error": Column(curve, [one.error for one in alive], "1", "standard error of the share"),
            "occupancy": Column(("radius", "cage"), occupancy, "1", "ions that belong to the cage"),
            "atom": Column(("hop",), in_view[ion], "1", "number of the atom in the trajectory"),
            "time": Column(("hop",), traj.times[0] + spacing * (frame - 0.5), "ps", "time of the jump"),
            "left": Column(("hop",), middle[left], "1", "atom in the middle of the cage before"),
            "entered": Column(("hop",), middle[entered], "1", "atom in the middle of the cage after"),
        },
        {
            "radius": Column(by, radii, "Å", "radius of the cages"),
            "wait": Column(("wait",), alive[0].time, "ps", "length of the stay"),
            "cage": Column(("cage",), middle, "1", "atom in the middle of the cage"),
            "hop_radius": Column(("hop",), np.repeat(radii, hops), "Å", "radius of the cages"),
        },
        parameters=parameters,
        history=list(traj.history),
        title=f"Residence of {name} in cages",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_cages=len(middle),
        **known,
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """How long stays last, for every radius, with the exponential of the mean residence."""
    every = result if "radius" in result.dims else result.expand_dims("radius")
    ax.set(xlabel=label("time in the cage", "ps"), ylabel="share of stays that last longer", yscale="log")
    lowest, last = 0.5, 0.0
    for k, radius in enumerate(every["radius"].values):
        one = every.isel(radius=k)
        wait, share, error = (one[name].values for name in ("wait", "survival", "survival_error"))
        mean, wrong = float(one["residence_time"]), float(one["residence_error"])
        words = f"{radius:g} Å: {mean:.3g} ± {wrong:.2g} ps" if np.isfinite(mean) else f"{radius:g} Å: no jump"
        colour = PALETTE[k % len(PALETTE)]
        shown = np.isfinite(share) & (share > 0)
        ax.fill_between(
            wait[shown], np.maximum(share - error, 1e-6)[shown], (share + error)[shown], color=colour, alpha=0.2, lw=0
        )
        ax.step(wait[shown], share[shown], where="post", color=colour, label=words)
        if np.isfinite(mean):
            ax.plot(wait, np.exp(-wait / mean), color=colour, lw=0.9, ls="--")
        if shown.any():
            lowest, last = min(lowest, float(share[shown].min())), max(last, float(wait[shown][-1]))
    ax.set_ylim(max(1e-3, 0.5 * lowest), 1.2)
    ax.set_xlim(0, last or float(every["wait"].values[-1]))
    ax.legend(loc="upper right")
