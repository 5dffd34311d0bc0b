"""Coherent and incoherent scattering, currents, and velocities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rows.base import HOME, OURS, Aim, Arrays, Check, Job, Row, Work, trajectory, universe
from rows.displacements import ions_only
from rows.structure import PAIRS, vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from systems import System

WAVES = 300
SPARSE = 100  # frames between the origins of dynasor's cheap run
ORDINARY = 10  # one vector in so many where the time is that of a vector, times their number
LABELS = ("Li", "P", "S")
POWDER = np.linspace(0.05, 3.0, 60)
POWDER_LAGS = 93
CHEAP = "dynasor, 1 % of the origins"


def waves(sample: System) -> NDArray[np.float64]:
    """Some of the cell's vectors, drawn evenly by length, always the same."""
    every = vectors(sample)
    weights = np.linalg.norm(every, axis=1) ** -2.0
    few = min(WAVES, len(every) // 2)
    return every[np.sort(np.random.default_rng(1).choice(len(every), few, replace=False, p=weights / weights.sum()))]


def window(sample: System) -> int:
    """Frames of the longest lag: half of the run."""
    return (len(sample.times) - 1) // 2


def named(found: Any, pattern: str, spread: float = 1.0) -> Arrays:
    """dynasor's partials: it adds both orderings of unlike species."""
    return {
        f"{a}-{b}": np.asarray(found[pattern.format(a, b)]) * spread / (1 if a == b else 2) for a, b in PAIRS
    }  # fmt: skip


def ours_coherent(sample: System) -> Work:
    import vanhove as vh

    traj, q = trajectory(sample), waves(sample)
    pairs = [f"{a}-{b}" for a, b in PAIRS]

    def job() -> Arrays:
        found = vh.spectra.coherent(traj, q, pairs=pairs, drift=None)
        return dict(zip(pairs, found.F.values, strict=True))

    return job


def dynasor_coherent(sample: System, step: int, moving: bool) -> Work:
    from dynasor import compute_dynamic_structure_factors

    from rows.dynasor_frames import Frames, quiet

    quiet()
    q, positions = waves(sample), sample.positions
    velocities = sample.velocities if moving else None

    def job() -> Arrays:
        found = compute_dynamic_structure_factors(
            Frames(sample, positions, velocities), q, dt=1e3 * float(sample.times[1]), window_size=window(sample),
            window_step=step, calculate_currents=moving, logging_interval=0,
        )  # fmt: skip
        if not moving:
            return named(found, "Fqt_coh_{}_{}")
        longitudinal = {f"L {key}": value for key, value in named(found, "Clqt_{}_{}").items()}
        return longitudinal | {f"T {key}": value for key, value in named(found, "Ctqt_{}_{}").items()}

    return job


def ours_currents(sample: System) -> Work:
    import vanhove as vh

    traj, q = trajectory(sample, velocities=sample.velocities), waves(sample)
    pairs = [f"{a}-{b}" for a, b in PAIRS]

    def job() -> Arrays:
        found = vh.spectra.currents(traj, q=q, pairs=pairs, drift=None)
        both = {}
        for name in ("L", "T"):
            values = found[f"F_{name}_pair"].values
            both |= {f"{name} {pair}": value for pair, value in zip(pairs, values, strict=True)}
        return both

    return job


def ours_incoherent(sample: System) -> Work:
    import vanhove as vh

    traj, q = trajectory(sample), waves(sample)

    def job() -> Arrays:
        found = {label: vh.spectra.incoherent(traj, label, q, drift=None).F.values for label in LABELS}
        return {label: values[::ORDINARY] for label, values in found.items()}

    return job


def dynasor_incoherent(sample: System, step: int) -> Work:
    from dynasor import compute_dynamic_structure_factors

    from rows.dynasor_frames import Frames, quiet

    quiet()
    positions, q = sample.positions, waves(sample)
    q = q[::ORDINARY] if step == 1 else q

    def job() -> Arrays:
        found = compute_dynamic_structure_factors(
            Frames(sample, positions), q, dt=1e3 * float(sample.times[1]), window_size=window(sample),
            window_step=step, calculate_incoherent=True, logging_interval=0,
        )  # fmt: skip
        total = len(sample.species)  # ours is of one atom
        return {
            label: np.asarray(found[f"Fqt_incoh_{label}"]) * total / len(sample.of(label)) for label in LABELS
        }  # fmt: skip

    return job


def share_of_waves(sample: System) -> float:
    count = len(waves(sample))
    return -(-count // ORDINARY) / count


def powder_lags(sample: System) -> list[int]:
    longest = window(sample)
    found: list[int] = np.unique(np.rint(np.geomspace(1, longest, POWDER_LAGS)).astype(int)).tolist()
    return found


def ours_powder(sample: System) -> Work:
    import vanhove as vh

    traj, _ = ions_only(sample)
    lags = [float(sample.times[lag]) for lag in powder_lags(sample)]

    def job() -> Arrays:
        found = vh.spectra.incoherent(traj, "Li", POWDER, lags=lags, drift=None, route="displacements")
        return {"F": found.F.sel(lag=found.lag > 0).values[::10, ::10]}

    return job


def plain_powder(sample: System) -> Work:
    _, positions = ions_only(sample)
    lags = powder_lags(sample)[::10]

    def job() -> Arrays:
        found = []
        for lag in lags:
            far = np.sqrt(((positions[lag:] - positions[: len(positions) - lag]) ** 2).sum(axis=-1))
            found.append([np.sinc(far * (q / np.pi)).mean() for q in POWDER[::10]])
        return {"F": np.array(found).T}

    return job


def share_of_powder(sample: System) -> float:
    lags, frames = powder_lags(sample), len(sample.times)
    return 0.1 * sum(frames - lag for lag in lags[::10]) / sum(frames - lag for lag in lags)


def ours_vacf(sample: System) -> Work:
    import vanhove as vh

    traj = trajectory(sample, velocities=sample.velocities)
    asked: dict[str, Any] = dict(source="velocities", drift=None, max_lag=float(sample.times[window(sample)]))

    def job() -> Arrays:
        found = vh.spectra.vdos(traj, list(LABELS), **asked)
        return dict(zip(LABELS, found.vacf.sel(species=list(LABELS)).values, strict=True))

    return job


def transport(sample: System) -> Work:
    from transport_analysis.velocityautocorr import VelocityAutocorr

    velocities = sample.velocities.astype(np.float32)
    system, last = universe(sample, velocities, velocities=velocities), window(sample) + 1

    def job() -> Arrays:
        each = VelocityAutocorr(system.atoms, dim_type="xyz", fft=True).run(verbose=False).results.vacf_by_particle
        return {label: each[:last, sample.of(label)].mean(axis=1) for label in LABELS}

    return job


def tidynamics(sample: System) -> Work:
    from tidynamics import acf

    velocities, last = sample.velocities, window(sample) + 1

    def job() -> Arrays:
        return {
            label: np.mean([acf(velocities[:, atom])[:last] for atom in sample.of(label)], axis=0) for label in LABELS
        }

    return job


def dynasor_vacf(sample: System) -> Work:
    from dynasor.tools.acfs import compute_acf

    rows, last = np.ascontiguousarray(sample.velocities.transpose(1, 2, 0)), window(sample) + 1
    del sample.velocities

    def job() -> Arrays:
        found = {}
        for label in LABELS:
            total = np.zeros(last)
            for row in rows[sample.of(label)].reshape(-1, rows.shape[-1]):
                total += compute_acf(row)[1][:last] * (row @ row / len(row))  # what it divides by
            found[label] = total / len(sample.of(label))
        return found

    return job


def mdanse_vacf(sample: System) -> Work:
    from rows.mdanse_files import job

    frames, kept = len(sample.times), window(sample)
    work = job(sample, "VelocityCorrelationFunction", frames=(0, frames, 1, frames // 2), interpolation_order=0)
    sum_in_angstrom = 300.0  # from the mean over axes, nm²/ps²

    def timed() -> Arrays:
        found = work()
        padded = {label: np.full(kept + 1, np.nan) for label in LABELS}
        for label, curve in padded.items():
            given = sum_in_angstrom * found[f"vcf/isotropic/{label}"][: kept + 1]
            curve[: len(given)] = given
        return padded

    return timed


def mdanse_incoherent(sample: System) -> Work:
    """Ten shells of as many of its own vectors as make a tenth of ours."""
    from rows.mdanse_files import job

    shells, frames = 10, len(sample.times)
    each = round(share_of_waves(sample) * len(waves(sample)) / shells)
    vectors_of = {"seed": 0, "shells": (3.0, 30.0, 3.0), "n_vectors": each, "width": 3.0}
    asked = {"frames": (0, frames, 1, frames // 2), "instrument_resolution": ("ideal", {})}
    work = job(sample, "DynamicIncoherentStructureFactor", **asked, q_vectors=("SphericalLatticeQVectors", vectors_of))
    return lambda: {"S": work()["disf/f(q,t)/S"]}


def modes(sample: System) -> float:
    return float(len(sample.species) * len(sample.times) * len(waves(sample)))


def dynamic(name: str, title: str, ours: Any, call: str, moving: bool, aims: list[Aim]) -> Row:
    more = ", calculate_currents=True" if moving else ""
    asked = f"compute_dynamic_structure_factors(frames, q, dt, window_size=half{more}"
    keys = [f"{a}-{b}" for a, b in PAIRS]
    jobs = [
        Job(OURS, HOME, ours, call, threads=True, note="every origin, with errors and spectra"),
        Job("dynasor", "dynasor", partial(dynasor_coherent, step=1, moving=moving),
            f"{asked}, window_step=1)", threads=True, sizes="TS", note="every origin"),
        Job(CHEAP, "dynasor", partial(dynasor_coherent, step=SPARSE, moving=moving),
            f"{asked}, window_step={SPARSE})", threads=True, equal=False, note="a hundredth of the statistics"),
    ]  # fmt: skip
    names = [f"{kind} {key}" for kind in "LT" for key in keys] if moving else keys
    return Row(name, title, jobs, "atom, Q and frame", modes, [Check(key, 0.02) for key in names], aims, sizes="TSM")


COHERENT = dynamic(
    "coherent", "F(Q,t) and S(Q,E) of six pairs, 300 vectors, lags to half of the run", ours_coherent,
    "vh.spectra.coherent(traj, q, pairs=pairs, drift=None)", False, [Aim(3, against=CHEAP), Aim(100, sizes="S")],
)  # fmt: skip
CURRENTS = dynamic(
    "currents", "Longitudinal and transverse currents of six pairs, 300 vectors, lags to half of the run",
    ours_currents, "vh.spectra.currents(traj, q=q, pairs=pairs, drift=None)", True, [Aim(8, against=CHEAP)],
)  # fmt: skip
INCOHERENT = Row(
    "incoherent", "F(Q,t) and S(Q,E) incoherent of every species, 300 vectors, lags to half of the run",
    [
        Job(OURS, HOME, ours_incoherent, "vh.spectra.incoherent(traj, species, q, drift=None) of each species",
            threads=True, note="every origin, with errors and spectra"),
        Job("dynasor", "dynasor", partial(dynasor_incoherent, step=1),
            "compute_dynamic_structure_factors(…, window_step=1, calculate_incoherent=True)", threads=True, sizes="TS",
            share=share_of_waves, note="every origin; timed at every tenth vector; the coherent part comes with it"),
        Job(CHEAP, "dynasor", partial(dynasor_incoherent, step=SPARSE),
            f"compute_dynamic_structure_factors(…, window_step={SPARSE}, calculate_incoherent=True)", threads=True,
            equal=False, note="a hundredth of the statistics"),
        Job("MDANSE", "mdanse", mdanse_incoherent, "DynamicIncoherentStructureFactor, frames=(0, T, 1, T/2)",
            threads=True, sizes="TS", share=share_of_waves, equal=False,
            note="vectors of its own, a tenth of ours; half of the origins"),
    ],
    "atom, Q and frame", modes, [Check(label, 1e-6) for label in LABELS], [Aim(45, sizes="S")], sizes="TSM",
)  # fmt: skip
POWDER_ROW = Row(
    "fs_powder", "F_s(Q,t) of the ions averaged over all directions, 60 Q, 93 logarithmic lags, all origins",
    [
        Job(OURS, HOME, ours_powder, "vh.spectra.incoherent(ions, 'Li', 60 Q, lags=[…], route='displacements')",
            threads=True, note="with errors"),
        Job("numpy, a hundredth", HOME, plain_powder, "numpy.sinc of each displacement, averaged",
            share=share_of_powder, note="no peer does this: the definition, at every tenth lag and Q"),
    ],
    "displacement",
    lambda sample: float(len(sample.of("Li")) * sum(len(sample.times) - lag for lag in powder_lags(sample))),
    [Check("F", 1e-4)], [Aim(ns=2.0, sizes="SML")],
)  # fmt: skip
VACF = Row(
    "vacf", "VACF of every species and its spectrum, lags to half of the run",
    [
        Job(OURS, HOME, ours_vacf, "vh.spectra.vdos(traj, species, source='velocities', max_lag=half, drift=None)",
            threads=True, note="the density of states and the errors of both, too"),
        Job("transport-analysis", "mdanalysis", transport,
            "VelocityAutocorr(u.atoms, dim_type='xyz', fft=True).run()"),
        Job("tidynamics", "mdanalysis", tidynamics, "tidynamics.acf(velocities[:, atom]) of each atom"),
        Job("dynasor", "dynasor", dynasor_vacf, "dynasor.tools.acfs.compute_acf(row) of each coordinate"),
        Job("MDANSE", "mdanse", mdanse_vacf, "VelocityCorrelationFunction, frames=(0, T, 1, T/2)", threads=True,
            sizes="TS", known="the first half of the run alone are origins; the axes' cross-correlations come with it"),
    ],
    "velocity", lambda sample: float(3 * len(sample.species) * len(sample.times)),
    [Check(label, 1e-4) for label in LABELS], [Aim(10)],
)  # fmt: skip
ROWS = [COHERENT, CURRENTS, INCOHERENT, POWDER_ROW, VACF]
