"""Mean squared displacements, the fourth moment beside them, and their whole distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rows.base import HOME, OURS, Aim, Arrays, Check, Job, Row, Work, trajectory, universe

if TYPE_CHECKING:
    from systems import System

LAGS = 100  # on a logarithmic scale
BINS, WIDTH = 100, 0.1  # of the Van Hove function, Å


def means(by_atom: Any, sample: System) -> Arrays:
    """Of every species, from (lag, atom); lag 0 is no news."""
    return {label: np.asarray(by_atom)[1:, sample.of(label)].mean(axis=1) for label in ("S", "P", "Li")}


def ours(sample: System) -> Work:
    import vanhove as vh

    traj = trajectory(sample)
    return lambda: {name: vh.dynamics.msd(traj, name, drift=None).msd.values[1:] for name in ("S", "P", "Li")}


def mdanalysis(sample: System) -> Work:
    from MDAnalysis.analysis.msd import EinsteinMSD

    system = universe(sample, sample.positions)

    def job() -> Arrays:
        found = EinsteinMSD(system, select="all", msd_type="xyz", fft=True).run(verbose=False)
        return means(found.results.msds_by_particle, sample)

    return job


def tidynamics(sample: System) -> Work:
    from tidynamics import msd

    positions = sample.positions

    def job() -> Arrays:
        return means(np.stack([msd(positions[:, atom]) for atom in range(positions.shape[1])], axis=1), sample)

    return job


def freud(sample: System) -> Work:
    from freud.msd import MSD

    positions = sample.positions
    return lambda: means(MSD(mode="window").compute(positions).particle_msd, sample)


def kinisi(sample: System) -> Work:
    import scipp as sc
    from kinisi.analyze import DiffusionAnalyzer

    system, frames = universe(sample, sample.positions), len(sample.times)
    spacing = float(sample.times[1]) * sc.Unit("ps")
    lags = sc.arange("time interval", 1, frames, 1).to(dtype="float64") * spacing

    def job() -> Arrays:
        found = DiffusionAnalyzer.from_universe(
            system, specie="Li", time_step=spacing, step_skip=1 * sc.Unit("dimensionless"), dt=lags, progress=False
        )
        return {"Li": found.msd.values}

    return job


def log_lags(sample: System) -> list[int]:
    found: list[int] = np.unique(np.rint(np.geomspace(1, len(sample.times) - 1, LAGS)).astype(int)).tolist()
    return found


def displacements(sample: System) -> float:
    """Of the ions at those lags, all origins."""
    return float(len(sample.of("Li")) * sum(len(sample.times) - lag for lag in log_lags(sample)))


def ions_only(sample: System) -> tuple[Any, Any]:
    """A trajectory of the ions alone, and their positions."""
    import vanhove as vh

    positions = np.ascontiguousarray(sample.positions[:, sample.of("Li")], dtype=np.float64)
    del sample.positions  # what is left of it is of no use
    labels = ["Li"] * positions.shape[1]
    return vh.from_arrays(positions, sample.length, labels, sample.times, wrapped=False), positions


def times(sample: System, lags: list[int]) -> list[float]:
    return [float(sample.times[lag]) for lag in lags]


def ours_log(sample: System) -> Work:
    import vanhove as vh

    traj, _ = ions_only(sample)
    lags = times(sample, log_lags(sample))

    def job() -> Arrays:
        found = vh.dynamics.non_gaussian(traj, "Li", drift=None, lags=lags)
        return {"msd": found.msd.values[::10], "alpha2": found.alpha2.values[::10]}

    return job


def plain_moments(sample: System) -> Work:
    """The definition, at a tenth of the lags."""
    _, positions = ions_only(sample)
    lags = log_lags(sample)[::10]

    def job() -> Arrays:
        squares = (((positions[lag:] - positions[: len(positions) - lag]) ** 2).sum(axis=-1) for lag in lags)
        moments = np.array([[square.mean(), (square**2).mean()] for square in squares])
        return {"msd": moments[:, 0], "alpha2": 3 * moments[:, 1] / (5 * moments[:, 0] ** 2) - 1}

    return job


def share_of_lags(sample: System) -> float:
    lags, frames = log_lags(sample), len(sample.times)
    return sum(frames - lag for lag in lags[::10]) / sum(frames - lag for lag in lags)


def ours_all(sample: System) -> Work:
    import vanhove as vh

    traj, _ = ions_only(sample)

    def job() -> Arrays:
        found = vh.dynamics.non_gaussian(traj, "Li", drift=None)
        return {"msd": found.msd.sel(lag=found.lag > 0).values}

    return job


def ours_alone(sample: System) -> Work:
    import vanhove as vh

    traj, _ = ions_only(sample)
    return lambda: {"msd": vh.dynamics.msd(traj, "Li", drift=None).msd.values[1:]}


def ours_van_hove(sample: System) -> Work:
    import vanhove as vh

    traj, _ = ions_only(sample)
    lags = times(sample, log_lags(sample))

    def job() -> Arrays:
        return {"P": vh.dynamics.van_hove(traj, "Li", lags, BINS * WIDTH, WIDTH, drift=None).P.values[::10]}

    return job


def plain_van_hove(sample: System) -> Work:
    _, positions = ions_only(sample)
    lags = log_lags(sample)[::10]

    def job() -> Arrays:
        found = []
        for lag in lags:
            far = np.sqrt(((positions[lag:] - positions[: len(positions) - lag]) ** 2).sum(axis=-1))
            bins = np.minimum((far / WIDTH).astype(np.int64), BINS)
            found.append(np.bincount(bins.ravel(), minlength=BINS + 1)[:BINS] / (far.size * WIDTH))
        return {"P": np.array(found)}

    return job


def positions_in(sample: System) -> float:
    return float(len(sample.species) * len(sample.times))


MSD = Row(
    "msd", "MSD of every species, all lags, all origins",
    [
        Job(OURS, HOME, ours, "vh.dynamics.msd(traj, species, drift=None) of each species", threads=True,
            note="with errors, by axis, and in parts of the run"),
        Job("MDAnalysis", "mdanalysis", mdanalysis, "EinsteinMSD(u, select='all', msd_type='xyz', fft=True).run()"),
        Job("tidynamics", "mdanalysis", tidynamics, "tidynamics.msd(positions[:, atom]) of each atom"),
        Job("freud", "freud", freud, "freud.msd.MSD(mode='window').compute(positions)", "freud-analysis", threads=True,
            known="single precision: the difference of large sums loses the small displacements of short lags"),
        Job("kinisi", "kinisi", kinisi, "DiffusionAnalyzer.from_universe(u, specie='Li', dt=every lag)", threads=True,
            sizes="TS", note="the ions only; unwraps and estimates errors, too", equal=False,
            known="one displacement too many, which is zero, is counted at a lag"),
    ],
    "position", positions_in, [Check(name, 1e-3, 0.0) for name in ("S", "P", "Li")],
    [Aim(10, sizes="SM"), Aim(30, sizes="L")],
)  # fmt: skip
MSD_LOG = Row(
    "msd_log", "MSD and α₂ of the ions, 100 logarithmic lags, all origins",
    [
        Job(OURS, HOME, ours_log, "vh.dynamics.non_gaussian(ions, 'Li', drift=None, lags=[…])", threads=True),
        Job("numpy, a tenth", HOME, plain_moments, "the definition in numpy, one lag after the other",
            share=share_of_lags, note="no peer does this: the definition, timed at every tenth lag"),
    ],
    "displacement", displacements, [Check("msd", 1e-9, 0.0), Check("alpha2", 1e-7)], [Aim(ns=0.2, sizes="ML")],
)  # fmt: skip
MSD_ALL = Row(
    "alpha2", "MSD and α₂ of the ions, all lags, all origins",
    [
        Job(OURS, HOME, ours_all, "vh.dynamics.non_gaussian(ions, 'Li', drift=None)", threads=True),
        Job("vanhove, MSD alone", HOME, ours_alone, "vh.dynamics.msd(ions, 'Li', drift=None)", threads=True,
            equal=False, note="no peer does this: the aim is to stay near the MSD alone"),
    ],
    "position", lambda sample: float(len(sample.of("Li")) * len(sample.times)), [Check("msd", 1e-9, 0.0)],
    [Aim(1 / 3, against="vanhove, MSD alone")],
)  # fmt: skip
VAN_HOVE = Row(
    "van_hove", "Self Van Hove function of the ions, 100 logarithmic lags, all origins",
    [
        Job(OURS, HOME, ours_van_hove, "vh.dynamics.van_hove(ions, 'Li', [100 lags], 10, 0.1, drift=None)",
            threads=True, note="with errors and the Gaussian of the same width"),
        Job("numpy, a tenth", HOME, plain_van_hove, "norms, then numpy.bincount, one lag after the other",
            share=share_of_lags, note="peers take a hundred times as long; timed at every tenth lag"),
    ],
    "displacement", displacements, [Check("P", 1e-9)], [Aim(15)],
)  # fmt: skip
ROWS = [MSD, MSD_LOG, MSD_ALL, VAN_HOVE]
