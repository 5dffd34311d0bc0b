"""Jumps of single ions, found without sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import CM2_S_PER_A2_PS
from vanhove.trajectory.blocks import cut_atoms, in_order
from vanhove.trajectory.blocks import drift as drift_of

from .residence import BOUND, dispersion, survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AMPLITUDES = 3.0  # of vibration: the least length of a jump
WINDOW = 1.0  # ps in which the vibration is seen
FEWEST_IN_WINDOW = 5  # frames
STAY = 0.1  # ps that an ion has to be somewhere to have arrived; two frames at least
MEMORY = 5.0  # ps over which a place is averaged
SHIFT = 1.0  # ps after which a place less than a jump away is where the ion is
FEWEST_FRAMES = 10
BLURRED = 2.0  # how much more jumps a threshold of 3/4 finds than one of 5/4, where there is no gap below the jumps
FLOWS = 0.5  # jumps per ps and ion: half of all windows in which the vibration is seen hold one
THRESHOLDS = (0.75, 1.0, 1.25, 1.5)  # times the threshold: how much the rate depends on it
RECROSSINGS = (0.0, 0.5, 1.0, 2.0)  # times the time within which returns don't count
CAVEAT = "jumps are taken as uncorrelated: returns after the set time, and chains of jumps, make the tracer's D differ"


def jumps(
    traj: Trajectory,
    species: str | Sequence[str],
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    threshold: float | None = None,
    recrossing: float = 1.0,
    passing: float = 0.3,
    vibration: float | None = None,
) -> Dataset:
    r"""Jumps of ions between the places where they stay, without sites: in crystals and in glasses (B8).

    An ion stays at a place, the running mean **c** of its path. It has jumped when it is found, for at least 0.1 ps
    and two frames, about another mean that is

    .. math:: |\mathbf c' - \mathbf c| \ge \ell, \qquad \ell = 3\,\langle u^2 \rangle^{1/2}

    or more away, with ⟨u²⟩ the (three-dimensional) mean squared amplitude of vibration: the median over ions and
    windows of 1 ps of the variance of the path. The jump begins with the last frame within ℓ/2 of the old place and
    ends with the first one within ℓ/2 of the new one. A place that drifts, or moves by less than ℓ, is followed, not
    counted. One pass over the frames of every ion.

    Parameters
    ----------
    traj
        Evenly spaced frames, close enough to see a stay: 0.2 ps or less.
    species
        An element or isotope, or several.
    drift
        Whose motion is taken off, as in :func:`msd`.
    threshold
        ℓ in Å, instead of the one that follows from the vibration.
    recrossing
        ps. A jump and the next one that leads back to where the first began (closer than ℓ) are both taken out where
        the ion stayed no longer between them; ``recrossings`` counts such pairs. With 0 only those go that the frames
        don't resolve.
    passing
        ps. An ion that stayed shorter somewhere and went straight on was on its way: one jump, not two.
    vibration
        ⟨u²⟩^½ in Å, where it is known.

    Returns
    -------
    Dataset
        For every jump (``event``), by atom and time: ``atom`` (number in ``traj``), ``time`` (ps, middle), ``length``
        (Å, between the means over up to 5 ps before and after), ``duration`` (ps), ``waiting`` (ps since the ion's
        jump before; NaN for its first one), ``start`` and ``end`` (Å, unwrapped, in the chosen frame of reference).
        ``rate`` (per ion, 1/ps) with one standard error (Poisson's, or the spread between ions where that is
        significantly larger) and the 95 % bound ``rate_upper``; ``waiting_time`` = all time/jumps, so that waits which
        the run cut off count, too; ``mean_length``, ``mean_squared_length``; ``D`` = ⟨l²⟩/6τ with the spread between
        ions as its error, right for uncorrelated jumps only. ``survival`` is the share of waits longer than
        ``wait`` (Kaplan-Meier). ``rate_at(threshold_at, recrossing_at)`` is the rate with other settings: where it
        depends on them, so does every number here.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    for word, value in (("threshold", threshold), ("vibration", vibration)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise Refusal(f"{word}={value}", "", "Give a positive length in Å")
    for word, value in (("recrossing", recrossing), ("passing", passing)):
        if not (np.isfinite(value) and value >= 0):
            raise Refusal(f"{word}={value}", "", "Give a number of ps, 0 or more")
    if traj.n_frames < FEWEST_FRAMES:
        raise Refusal(f"{traj.n_frames} frames show no jumps", "", f"Give at least {FEWEST_FRAMES}")
    spacing = ions.spacing
    reference = drift_of(ions, drift, sorted(set(ions.species.tolist())))
    path = np.zeros((ions.n_frames, 3)) if reference is None else reference
    seen = float(vibration) if vibration is not None else _vibration(ions, path, spacing)
    least = AMPLITUDES * seen if threshold is None else float(threshold)
    if not least > 0:
        raise Refusal("The ions do not move at all", "", "Give threshold= (Å)")
    if recrossing < spacing and recrossing > 0:
        warn(
            f"Returns within {recrossing:g} ps can't be seen", f"the frames are {spacing:g} ps apart",
            "Write frames more often",
        )  # fmt: skip
    found = _find(ions, path, spacing, least, recrossing, passing)
    return _result(traj, ions, found, species, spacing, seen, least, dict(
        species=species, drift=drift, threshold=threshold, recrossing=recrossing, passing=passing, vibration=vibration,
    ))  # fmt: skip


class Found(NamedTuple):
    """The jumps of all ions."""

    table: Ints  # (jump, [ion, last frame before, first frame after])
    places: Floats  # (jump, [before, after], axis)
    counts: Ints  # (ion)
    returns: Ints  # (ion)
    others: Ints  # (threshold, recrossing): jumps of all ions with other settings


def _blocks(ions: Trajectory) -> list[slice]:
    fields = 3 if "correction" in ions.system.source.fields else 2
    return cut_atoms(ions, 24 * ions.n_frames * fields, fixed=200 * ions.n_frames)


def _vibration(ions: Trajectory, path: Floats, spacing: float) -> float:
    """Root mean squared distance of ions from where they stay."""
    from vanhove.kernels.hops import window_variances

    length = max(FEWEST_IN_WINDOW, round(WINDOW / spacing))
    windows = ions.n_frames // length
    if windows == 0:
        length, windows = ions.n_frames, 1

    def work(atoms: slice) -> Floats:
        block = ions.read_paths(atoms=atoms)
        variances = np.empty((windows, block.shape[1]))
        window_variances(block, path, length, variances)
        return variances

    variances = np.concatenate(list(in_order(work, _blocks(ions))), axis=1)
    return float(np.sqrt(np.median(variances)))


def _find(ions: Trajectory, path: Floats, spacing: float, threshold: float, recrossing: float, passing: float) -> Found:
    from vanhove.kernels.hops import jumps_of

    def in_frames(time: float, least: int) -> int:
        return max(least, round(time / spacing))

    stay, memory, shift = in_frames(STAY, 2), in_frames(MEMORY, 2), in_frames(SHIFT, 3)

    def work(atoms: slice) -> Found:
        block = ions.read_paths(atoms=atoms)
        counts, returns = np.zeros((2, block.shape[1]), np.int64)
        others = np.zeros((len(THRESHOLDS), len(RECROSSINGS)), np.int64)
        table, places = np.empty((0, 3), np.int64), np.empty((0, 2, 3))
        more, unused = np.zeros((2, block.shape[1]), np.int64)
        for i, of_threshold in enumerate(THRESHOLDS):
            for k, of_time in enumerate(RECROSSINGS):
                usual = of_threshold == 1.0 and of_time == 1.0
                rows, ends = jumps_of(
                    block, path, of_threshold * threshold, stay, memory, in_frames(passing, 0),
                    in_frames(of_time * recrossing, 0), shift, counts if usual else more,
                    returns if usual else unused,
                )  # fmt: skip
                others[i, k] = len(rows)
                if usual:
                    table, places = rows.copy(), ends.copy()
        table[:, 0] += atoms.start
        return Found(table, places, counts, returns, others)

    tables, places, counts, returns, others = zip(*in_order(work, _blocks(ions)), strict=True)
    return Found(
        np.concatenate(tables), np.concatenate(places), np.concatenate(counts), np.concatenate(returns),
        np.sum(others, axis=0),
    )  # fmt: skip


def _result(
    traj: Trajectory, ions: Trajectory, found: Found, species: str | Sequence[str], spacing: float,
    vibration: float, threshold: float, parameters: dict[str, object],
) -> Dataset:  # fmt: skip
    from scipy.stats import chi2

    ion, left, reached = found.table.T
    lengths = np.linalg.norm(found.places[:, 1] - found.places[:, 0], axis=1)
    number = len(ion)
    middle = 0.5 * (left + reached)
    again = np.zeros(number, bool)
    again[1:] = ion[1:] == ion[:-1]
    waiting = np.full(number, np.nan)
    waiting[1:][again[1:]] = spacing * np.diff(middle)[again[1:]]
    run = spacing * (ions.n_frames - 1)
    time = run * ions.n_atoms
    rate, rates = number / time, found.others / time
    factor = dispersion(found.counts, np.full(ions.n_atoms, run))
    squares = np.bincount(ion, lengths**2, minlength=ions.n_atoms) / (6 * run)
    nothing = np.nan
    diffusion = float(squares.mean()) * CM2_S_PER_A2_PS if number else nothing
    poisson = np.sqrt((lengths**4).sum()) / (6 * run * ions.n_atoms) * CM2_S_PER_A2_PS if number else nothing
    among = squares.std(ddof=1) / np.sqrt(ions.n_atoms) * CM2_S_PER_A2_PS if ions.n_atoms > 1 else 0.0
    last = np.append(~again[1:], True) if number else again
    cut = ions.n_frames - 1 - middle[last]  # from the last jump of an ion to the end of the run
    whole = np.rint(np.concatenate([waiting[again] / spacing, cut])).astype(np.int64)
    ended = np.repeat([True, False], [int(again.sum()), len(cut)])
    alive = survival(whole, ended, spacing, ions.n_frames - 1)
    place = np.flatnonzero(np.isin(traj.atom_numbers, ions.atom_numbers))
    name = species if isinstance(species, str) else ", ".join(species)
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    mean = float(lengths.mean()) if number else nothing
    square = float((lengths**2).mean()) if number else nothing
    spread = lengths.std(ddof=1) / np.sqrt(number) if number > 1 else nothing
    spread_square = (lengths**2).std(ddof=1) / np.sqrt(number) if number > 1 else nothing
    return dataset(
        "dynamics.jumps",
        {
            "rate": Column((), rate, "1/ps", "jumps of an ion per time"),
            "rate_error": Column((), factor * np.sqrt(max(number, 1)) / time, "1/ps", "standard error of the rate"),
            "rate_upper": Column((), chi2.ppf(BOUND, 2 * number + 2) / 2 / time, "1/ps", "95 % bound of the rate"),
            "waiting_time": Column((), 1 / rate if number else nothing, "ps", "mean time between jumps of an ion"),
            "waiting_time_error": Column(
                (), factor / rate / np.sqrt(number) if number else nothing, "ps", "standard error of the waiting time"
            ),
            "mean_length": Column((), mean, "Å", "mean length of a jump"),
            "mean_length_error": Column((), spread, "Å", "standard error of the mean length"),
            "mean_squared_length": Column((), square, "Å²", "mean squared length of a jump"),
            "mean_squared_length_error": Column((), spread_square, "Å²", "standard error of the mean squared length"),
            "D": Column((), diffusion, "cm²/s", "⟨l²⟩/6τ of uncorrelated jumps"),
            "D_error": Column((), max(poisson, among), "cm²/s", "standard error of ⟨l²⟩/6τ"),
            "atom": Column(("event",), place[ion], "1", "number of the atom in the trajectory"),
            "time": Column(("event",), ions.times[0] + spacing * middle, "ps", "middle of the jump"),
            "length": Column(("event",), lengths, "Å", "length of the jump"),
            "duration": Column(("event",), spacing * (reached - left), "ps", "duration of the jump"),
            "waiting": Column(("event",), waiting, "ps", "time since the ion's jump before"),
            "start": Column(("event", "axis"), found.places[:, 0], "Å", "mean position before the jump"),
            "end": Column(("event", "axis"), found.places[:, 1], "Å", "mean position after the jump"),
            "jumps_of_ion": Column(("ion",), found.counts, "1", "jumps of the ion"),
            "recrossings": Column(("ion",), found.returns, "1", "pairs of a jump and its return that were taken out"),
            "survival": Column(("wait",), alive.share, "1", "share of waits that last longer"),
            "survival_error": Column(("wait",), alive.error, "1", "standard error of the share"),
            "rate_at": Column(("threshold_at", "recrossing_at"), rates, "1/ps", "rate with other settings"),
        },
        {
            "axis": Column(("axis",), ["x", "y", "z"], "1", "Cartesian axis"),
            "ion": Column(("ion",), place, "1", "number of the atom in the trajectory"),
            "wait": Column(("wait",), alive.time, "ps", "waiting time"),
            "threshold_at": Column(("threshold_at",), threshold * np.array(THRESHOLDS), "Å", "least length of a jump"),
            "recrossing_at": Column(
                ("recrossing_at",), float(str(parameters["recrossing"])) * np.array(RECROSSINGS), "ps",
                "time within which returns do not count",
            ),
        },
        parameters=parameters,
        history=list(traj.history),
        title=f"Jumps of {name}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        jumps=number,
        removed=int(found.returns.sum()),
        vibration=vibration,
        threshold=threshold,
        verdict=_verdict(number, rate, run, vibration, threshold, rates[:, RECROSSINGS.index(1.0)]),
        caveat=CAVEAT,
        **known,
    )  # fmt: skip


def _verdict(number: int, rate: float, run: float, vibration: float, threshold: float, rates: Floats) -> str:
    """What a person has to know before using the rate."""
    seen = f"vibration {vibration:.2f} Å, jumps from {threshold:.2f} Å on"
    if number == 0:
        return f"no jump in {run:g} ps; {seen}"
    if rate > FLOWS:
        return f"an ion jumps every {1 / rate:.2g} ps, which is hardly a stay: it flows; {seen}"
    near = rates[[0, 2]]  # with a threshold a quarter smaller, and larger
    if near[0] > BLURRED * near[1]:
        return (
            f"jumps are not set apart from vibration: one per ion every {1 / rate:.3g} ps, but every "
            f"{1 / near[0]:.3g} ps with a threshold of {THRESHOLDS[0] * threshold:.2f} Å; {seen}"
        )
    return f"{number} jumps, one per ion every {1 / rate:.3g} ps; {seen}"


def draw(result: Dataset, ax: Axes) -> None:
    """How long the jumps are, and (inset) how long ions wait between them, beside an exponential of the same mean."""
    colour = colour_of(str(result.attrs["species"]))
    lengths = result["length"].values
    ax.set(xlabel=label("jump length", "Å"), ylabel="jumps")
    if len(lengths) == 0:
        ax.plot([float(result.attrs["threshold"])], [0], color=colour)
        ax.text(0.5, 0.5, str(result.attrs["verdict"]), transform=ax.transAxes, ha="center", wrap=True)
        return
    edges = np.linspace(0, 1.05 * lengths.max(), 50).tolist()
    ax.hist(lengths, edges, histtype="stepfilled", color=colour, alpha=0.35)
    ax.hist(lengths, edges, histtype="step", color=colour)
    ax.axvline(float(result.attrs["threshold"]), ymax=0.5, color="#7F7F7F", lw=0.9, ls=":")
    ax.axvline(float(result["mean_length"]), ymax=0.5, color=colour, lw=0.9, ls="--")
    ax.set_ylim(0, 1.9 * ax.get_ylim()[1])  # room for the inset
    inset = ax.inset_axes((0.42, 0.56, 0.56, 0.40))
    wait, share, error = (result[name].values for name in ("wait", "survival", "survival_error"))
    shown = np.isfinite(share) & (share > 0)
    inset.fill_between(
        wait[shown], np.maximum(share - error, 1e-4)[shown], (share + error)[shown], color=colour, alpha=0.25, lw=0
    )
    inset.step(wait[shown], share[shown], where="post", color=colour, lw=1.3)
    mean = float(result["waiting_time"])
    inset.plot(wait, np.exp(-wait / mean), color="#7F7F7F", lw=0.9, ls="--", label=f"exp(−t/{mean:.3g} ps)")
    inset.set_yscale("log")
    inset.set_ylim(max(1e-3, 0.5 * float(share[shown].min())), 1.3)
    inset.set_xlim(0, wait[shown][-1] if shown.any() else wait[-1])
    inset.set_xlabel(label("waiting time", "ps"), fontsize="small")
    inset.set_ylabel("share longer", fontsize="small")
    inset.tick_params(labelsize="x-small")
    inset.legend(fontsize="x-small", loc="upper right")
