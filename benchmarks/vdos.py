"""Densities of states of the three species of 3000 atoms from their velocities: ours against dynasor and tidynamics.

    python benchmarks/vdos.py [--frames 5000] [--runs 5] [--json vdos.json]

Ours gives the autocorrelation functions, the densities of states and the errors of both from parts of the run. The
peers' job is the mean autocorrelation function of each species at the same lags, row by row as they offer it, and its
transform by dynasor or numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from common import SPACING, Peer, System, arguments, measure, prepared, report, system

import vanhove as vh

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECIES = ("S", "P", "Li")
LAGS = 500


def velocities(sample: System) -> NDArray[np.float64]:
    """Differences of the positions: what they are does not matter here."""
    steps = np.diff(sample.positions, axis=0, prepend=sample.positions[:1])
    steps /= SPACING
    return steps


def ours(sample: System) -> Callable[[], object]:
    traj = vh.from_arrays(
        sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False,
        velocities=velocities(sample), temperature=600.0,
    )  # fmt: skip
    options = dict(source="velocities", drift=None, max_lag=(LAGS - 1) * SPACING)
    return lambda: vh.spectra.vdos(traj, list(SPECIES), **options).g.values  # type: ignore[arg-type]


def dynasor(sample: System) -> Callable[[], object]:
    from dynasor.tools.acfs import compute_acf, psd_from_acf

    by_atom = np.ascontiguousarray(velocities(sample).transpose(1, 2, 0))

    def job() -> object:
        spectra = {}
        for name in SPECIES:
            rows = by_atom[sample.species == name].reshape(-1, len(sample.times))
            mean = sum(compute_acf(row, SPACING)[1][:LAGS] for row in rows)
            spectra[name] = psd_from_acf(mean * np.hanning(2 * LAGS - 1)[LAGS - 1 :], SPACING)[1]
        return spectra

    return job


def tidynamics(sample: System) -> Callable[[], object]:
    from tidynamics import acf

    by_atom = np.ascontiguousarray(velocities(sample).transpose(1, 0, 2))

    def job() -> object:
        spectra = {}
        for name in SPECIES:
            mean = sum(acf(atom)[:LAGS] for atom in by_atom[sample.species == name])
            spectra[name] = np.fft.hfft(mean * np.hanning(2 * LAGS - 1)[LAGS - 1 :])
        return spectra

    return job


def main() -> None:
    asked = arguments("density of states of all species", frames=5000)
    sample = system(asked.frames)
    size = f"{len(sample.species)} atoms, {asked.frames} frames, {LAGS} lags, all origins"
    peers = [Peer("dynasor", "dynasor", dynasor), Peer("tidynamics", "tidynamics", tidynamics)]
    timings = measure(prepared(ours(sample), peers, sample), asked.runs)
    work = 3 * len(sample.species) * asked.frames
    report(f"Density of states, {size}", timings, work=work, unit="velocity", json_path=asked.json)


if __name__ == "__main__":
    main()
