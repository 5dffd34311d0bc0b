"""Densities of states of all species of 3000 atoms from their velocities: ours against dynasor, tidynamics and MDANSE.

    python benchmarks/vdos.py [--frames 5000] [--runs 5] [--json vdos.json]

Ours gives the autocorrelation functions, the densities of states and the errors of both from parts of the run. The
peers' job is the mean autocorrelation function of each species at the same lags, row by row as they offer it, and its
transform by dynasor or numpy. MDANSE reads the velocities from its own file, atom by atom, and gives the products of
different axes, too. It is timed on 189 atoms over as many frames, beside the others; its time for the 3000 is that,
scaled by atoms.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import through_mdanse
from common import SPACING, Peer, System, Timing, arguments, measure, prepared, report, system

import vanhove as vh

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECIES = ("S", "P", "Li")
LAGS = 500
FEW = {"cubes": 3, "ions": 54}  # 189 atoms


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


def mdanse(sample: System, folder: Path) -> Callable[[], object]:
    path = folder / "run.mdt"
    through_mdanse.write(sample, path, velocities(sample))
    frames = (0, len(sample.times), 1, LAGS)
    return through_mdanse.job("DensityOfStates", path, frames=frames, interpolation_order=0)


def main() -> None:
    asked = arguments("density of states of all species", frames=5000)
    peers = [Peer("dynasor", "dynasor", dynasor), Peer("tidynamics", "tidynamics", tidynamics)]
    few, sample = system(asked.frames, **FEW), system(asked.frames)
    factor = len(sample.species) / len(few.species)
    with TemporaryDirectory() as folder:
        slow = Peer("MDANSE", "MDANSE", lambda small: mdanse(small, Path(folder)))
        timings = measure(prepared(ours(few), [*peers, slow], few), asked.runs)
    size = f"{asked.frames} frames, {LAGS} lags, all origins"
    work = 3 * len(few.species) * asked.frames
    report(f"Density of states, {len(few.species)} atoms, {size}", timings, work=work, unit="velocity", json_path=None)
    found = measure(prepared(ours(sample), peers, sample), asked.runs)
    found += [
        Timing("MDANSE, scaled", t.version, t.cpu * factor, t.wall * factor, t.runs)
        for t in timings
        if t.name == "MDANSE"
    ]
    work = 3 * len(sample.species) * asked.frames
    title = f"Density of states, {len(sample.species)} atoms, {size}; MDANSE scaled by atoms from {len(few.species)}"
    report(title, found, work=work, unit="velocity", json_path=asked.json)


if __name__ == "__main__":
    main()
