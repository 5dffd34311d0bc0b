"""Jumps of single ions, found without sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.base.units import CM2_S_PER_A2_PS
from vanhove.trajectory.blocks import drift as drift_of

from .jump_search import RECROSSINGS, THRESHOLDS, find, vibration_of
from .phase_origins import Phase, origins_of, said_of
from .residence import BOUND, Survival, dispersion, survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .jump_search import Found
    from .phase_origins import Origins

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AMPLITUDES = 3.0  # of vibration: the least length of a jump
FEWEST_FRAMES = 10
BLURRED = 2.0  # how much more jumps a threshold of 3/4 finds than one of 5/4, where there is no gap below the jumps
FLOWS = 0.5  # jumps per ps and ion: half of all windows in which the vibration is seen hold one
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
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
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
    phase, phases
        Only jumps that begin (last frame before), waits that begin, and time that is spent in this phase, as for
        :func:`msd`: rates are those of an ion while it is there. So is the vibration.

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
        depends on them, so does every number here. With ``phase``, ``watched`` is each ion's time in it (ps).
    """
    for word, value in (("threshold", threshold), ("vibration", vibration)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise Refusal(f"{word}={value}", "", "Give a positive length in Å")
    for word, value in (("recrossing", recrossing), ("passing", passing)):
        if not (np.isfinite(value) and value >= 0):
            raise Refusal(f"{word}={value}", "", "Give a number of ps, 0 or more")
    if traj.n_frames < FEWEST_FRAMES:
        raise Refusal(f"{traj.n_frames} frames show no jumps", "", f"Give at least {FEWEST_FRAMES}")
    spacing = traj.spacing
    chosen = origins_of(traj, species, phase, phases)
    ions = chosen.ions
    reference = drift_of(ions, drift, chosen.mobile)
    path = np.zeros((ions.n_frames, 3)) if reference is None else reference
    seen = float(vibration) if vibration is not None else vibration_of(chosen, path, spacing)
    least = AMPLITUDES * seen if threshold is None else float(threshold)
    if not least > 0:
        raise Refusal("The ions do not move at all", "", "Give threshold= (Å)")
    if recrossing < spacing and recrossing > 0:
        warn(
            f"Returns within {recrossing:g} ps can't be seen", f"the frames are {spacing:g} ps apart",
            "Write frames more often",
        )  # fmt: skip
    found = find(chosen, path, spacing, least, recrossing, passing)
    return _result(traj, chosen, found, species, spacing, seen, least, dict(
        species=species, drift=drift, threshold=threshold, recrossing=recrossing, passing=passing, vibration=vibration,
        phase=chosen.phase or None,
    ))  # fmt: skip


def _result(
    traj: Trajectory, origins: Origins, found: Found, species: str | Sequence[str], spacing: float,
    vibration: float, threshold: float, parameters: dict[str, object],
) -> Dataset:  # fmt: skip
    from scipy.stats import chi2

    ions, begun = origins.ions, found.begun
    waiting, alive = _waits(found, spacing, ions.n_frames)
    run = spacing * (ions.n_frames - 1)
    watched = np.full(ions.n_atoms, run)
    if origins.inside is not None:
        watched = spacing * origins.inside[:, :-1].sum(axis=1)
    time = float(watched.sum())
    if not time > 0:
        raise Refusal("The ions are in this phase at the last frame only", "", "Choose another phase")
    ion, left, reached = found.table[begun].T
    ends, middle, waiting = found.places[begun], 0.5 * (left + reached), waiting[begun]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    number = len(ion)
    counts = np.bincount(ion, minlength=ions.n_atoms)
    rate, rates = number / time, found.others / time
    factor = dispersion(counts, watched)
    nothing = np.nan
    squares = np.bincount(ion, lengths**2, minlength=ions.n_atoms) / 6
    diffusion = float(squares.sum()) / time
    poisson = float(np.sqrt((lengths**4).sum())) / (6 * time)
    apart = float(((squares - diffusion * watched) ** 2).sum())  # of the ions, by how long each was watched
    among = np.sqrt(apart * ions.n_atoms / max(ions.n_atoms - 1, 1)) / time
    to_cm2 = CM2_S_PER_A2_PS if number else nothing
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
            "D": Column((), diffusion * to_cm2, "cm²/s", "⟨l²⟩/6τ of uncorrelated jumps"),
            "D_error": Column((), max(poisson, among) * to_cm2, "cm²/s", "standard error of ⟨l²⟩/6τ"),
            "atom": Column(("event",), place[ion], "1", "number of the atom in the trajectory"),
            "time": Column(("event",), ions.times[0] + spacing * middle, "ps", "middle of the jump"),
            "length": Column(("event",), lengths, "Å", "length of the jump"),
            "duration": Column(("event",), spacing * (reached - left), "ps", "duration of the jump"),
            "waiting": Column(("event",), waiting, "ps", "time since the ion's jump before"),
            "start": Column(("event", "axis"), ends[:, 0], "Å", "mean position before the jump"),
            "end": Column(("event", "axis"), ends[:, 1], "Å", "mean position after the jump"),
            "jumps_of_ion": Column(("ion",), counts, "1", "jumps of the ion"),
            "recrossings": Column(("ion",), found.returns, "1", "pairs of a jump and its return that were taken out"),
            "survival": Column(("wait",), alive.share, "1", "share of waits that last longer"),
            "survival_error": Column(("wait",), alive.error, "1", "standard error of the share"),
            **({"watched": Column(("ion",), watched, "ps", "time of the ion in the phase")} if origins.phase else {}),
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
        history=origins.history(traj),
        title=f"Jumps of {name}{origins.told}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        jumps=number,
        removed=int(found.returns.sum()),
        vibration=vibration,
        threshold=threshold,
        verdict=_verdict(number, rate, run, vibration, threshold, rates[:, RECROSSINGS.index(1.0)]),
        caveat=CAVEAT,
        **origins.attributes,
        **known,
    )  # fmt: skip


def _waits(found: Found, spacing: float, n_frames: int) -> tuple[Floats, Survival]:
    """How long each ion had waited for each jump (ps), NaN for its first one, and how long waits last."""
    ion, left, reached = found.table.T
    middle = 0.5 * (left + reached)
    again = np.zeros(len(ion), bool)
    again[1:] = ion[1:] == ion[:-1]
    waiting = np.full(len(ion), np.nan)
    waiting[1:][again[1:]] = np.diff(middle)[again[1:]]  # frames
    last = np.append(~again[1:], True) if len(ion) else again
    ended = again.copy()
    ended[1:] &= found.settled[:-1]  # waits that began in the phase
    cut = n_frames - 1 - middle[last & found.settled]  # from the last jump of an ion to the end of the run
    whole = np.rint(np.concatenate([waiting[ended], cut])).astype(np.int64)
    seen = np.repeat([True, False], [int(ended.sum()), len(cut)])
    return spacing * waiting, survival(whole, seen, spacing, n_frames - 1)


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
    _, colour = said_of(result)
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
