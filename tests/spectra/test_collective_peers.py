"""Coherent scattering and currents against dynasor: all origins, the same lags, before any window."""

from __future__ import annotations

import numpy as np
import pytest
from crystals import crystal, skewed
from dynasor_frames import Frames

import vanhove as vh

dynasor = pytest.importorskip("dynasor", reason="dynasor is not installed")
LAGS = 40


@pytest.mark.parametrize("which", ["skewed", "crystal"])
def test_partials_and_currents_of_single_vectors(which: str) -> None:
    if which == "skewed":
        traj = skewed()
        hkl = np.array([[1, 0, 0], [0, 1, -1], [2, -1, 1], [1, 1, 3], [0, 0, 2]])
    else:
        modes = [((1, 0, 0), (1.0, 0, 0), 5.0), ((0, 1, 0), (0, 0, 1.0), 3.0)]
        whole = crystal((4, 2, 2), modes, frames=150)
        species = ["Li", "S"] * (whole.n_atoms // 2)
        traj = vh.from_arrays(
            whole.positions, whole.cells[0], species, whole.times, wrapped=False, velocities=whole.velocities
        )
        hkl = np.array([[1, 0, 0], [5, 0, 0], [1, 2, 0], [0, 1, 4]])
    vectors = hkl @ (2 * np.pi * np.linalg.inv(traj.cells[0]).T)
    spacing = float(traj.times[1])
    theirs = dynasor.compute_dynamic_structure_factors(
        Frames(traj), vectors, dt=1e3 * spacing, window_size=LAGS, window_step=1, calculate_currents=True
    )
    options = dict(max_lag=LAGS * spacing, drift=None)
    coherent = vh.spectra.coherent(traj, vectors, **options)
    currents = vh.spectra.currents(traj, q=vectors, pairs=["Li-Li", "Li-S", "S-S"], **options)
    scale = float(np.abs(theirs.Fqt_coh).max())
    for pair in ("Li-Li", "Li-S", "S-S"):
        orderings = 1 if len(set(pair.split("-"))) == 1 else 2  # dynasor adds up both
        key = pair.replace("-", "_")
        np.testing.assert_allclose(
            orderings * coherent.F.sel(pair=pair).values, theirs[f"Fqt_coh_{key}"], atol=1e-6 * scale
        )
        for name, peer in (("F_L_pair", "Clqt"), ("F_T_pair", "Ctqt")):
            ours = orderings * currents[name].sel(pair=pair).values
            largest = float(np.abs(theirs[peer]).max())
            np.testing.assert_allclose(ours, theirs[f"{peer}_{key}"], atol=1e-6 * largest)
    np.testing.assert_allclose(currents.F_L.values, theirs.Clqt, atol=1e-6 * float(np.abs(theirs.Clqt).max()))
    np.testing.assert_allclose(currents.F_T.values, theirs.Ctqt, atol=1e-6 * float(np.abs(theirs.Ctqt).max()))


def test_shells_are_means_over_the_same_vectors() -> None:
    traj = skewed()
    result = vh.spectra.coherent(traj, [1.0, 1.5], width=0.4, max_lag=LAGS * 0.05, drift=None)
    q = dynasor.qpoints.get_spherical_qpoints(traj.cells[0], q_max=1.8)
    lengths = np.linalg.norm(q, axis=1)
    for k, middle in enumerate((1.0, 1.5)):
        mine = q[np.abs(lengths - middle) < 0.2]
        theirs = dynasor.compute_dynamic_structure_factors(Frames(traj), mine, dt=50.0, window_size=LAGS, window_step=1)
        np.testing.assert_allclose(
            result.F.sel(pair="S-S").values[k], theirs.Fqt_coh_S_S.mean(axis=0), rtol=1e-6, atol=1e-8
        )
