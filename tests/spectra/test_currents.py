"""Currents against closed forms, their relation to S(Q,E), and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crystals import brownian, crystal, mode_energy, skewed

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR


def test_both_dispersions_of_a_crystal() -> None:
    cells = 12
    modes = [((m, 0, 0), (1.0, 0, 0), float(mode_energy(m, cells, 24.0))) for m in range(1, 7)]
    modes += [((m, 0, 0), (0, 1.0, 0), float(mode_energy(m, cells, 11.0))) for m in range(1, 7)]
    traj = crystal((cells, 2, 2), modes, amplitude=0.004)
    result = vh.spectra.currents(traj, (1, 0, 0), q_max=0.8)
    step = float(result.energy[1] - result.energy[0])
    assert result.sizes["q"] == 6
    np.testing.assert_allclose(result.q.values, 2 * np.pi / (cells * 4.0) * np.arange(1, 7))
    np.testing.assert_allclose(result.peak_L.values, [energy for _, _, energy in modes[:6]], atol=step)
    np.testing.assert_allclose(result.peak_T.values, [energy for _, _, energy in modes[6:]], atol=step)


def test_the_longitudinal_current_is_what_the_density_does() -> None:
    """Particles do not vanish: C_L(Q,E) = (E/ħQ)² S(Q,E), here at the lines of a crystal."""
    modes = [((m, 0, 0), (1.0, 0, 0), 4.0 * m) for m in (1, 2, 3)]
    traj = crystal((8, 1, 1), modes, amplitude=0.005, frames=6000)
    currents = vh.spectra.currents(traj, (1, 0, 0), q_max=0.6, resolution=0.3)
    coherent = vh.spectra.coherent(traj, currents.q_vector.values, resolution=0.3)
    energy = currents.energy.values
    for k, (_, _, line) in enumerate(modes):
        about = np.abs(energy - line) < 1.0
        from_density = (line / (HBAR * currents.q.values[k])) ** 2 * coherent.S.values[0, k, about].sum()
        assert currents.C_L.values[k, about].sum() == pytest.approx(from_density, rel=0.01)


def test_velocities_without_memory_or_neighbours_have_their_mean_square() -> None:
    traj = skewed(400)
    result = vh.spectra.currents(traj, q=[1.2, 1.6], width=0.4, drift=None)
    square = float((traj.velocities**2).mean())
    for name in ("F_L", "F_T"):
        assert (np.abs(result[name].values[:, 0] - square) < 5 * result[f"{name}_error"].values[:, 0]).all()
        later = np.abs(result[name].values[:, 1:]) / result[f"{name}_error"].values[:, 1:]
        assert np.mean(later > 2) < 0.1


def test_directions_are_made_short_and_pairs_add_up() -> None:
    traj = skewed()
    one, two = (vh.spectra.currents(traj, direction, q_max=2.0) for direction in ((1, -1, 0), (2, -2, 0)))
    np.testing.assert_array_equal(one.C_L.values, two.C_L.values)
    assert one.hkl.values[0].tolist() == [1, -1, 0]
    parts = vh.spectra.currents(traj, (1, -1, 0), q_max=2.0, pairs=["Li-Li", "Li-S", "S-S"])
    for name in ("F_L", "F_T", "C_L", "C_T"):
        total = np.einsum("p,pqx->qx", [1.0, 2.0, 1.0], parts[f"{name}_pair"].values)
        np.testing.assert_allclose(total, one[name].values, atol=1e-9)


def test_a_common_velocity_is_no_current() -> None:
    traj = skewed()
    fast = vh.from_arrays(
        traj.positions,
        traj.cells[0],
        traj.species.tolist(),
        traj.times,
        wrapped=False,
        velocities=traj.velocities + 50.0,
    )
    heavy = vh.spectra.currents(traj, (1, 0, 0)).F_L.values
    np.testing.assert_allclose(vh.spectra.currents(fast, (1, 0, 0)).F_L.values, heavy, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(), "Give one of them"),
        (dict(direction=(1, 0, 0), q=[1.0]), "Give one of them"),
        (dict(direction=(0, 0, 0)), "not all 0"),
        (dict(direction=(1, 0.5, 0)), "whole numbers"),
        (dict(direction=(1, 0, 0), q_max=0.1), "Give q_max"),
        (dict(direction=(1, 0, 0), width=0.1), "width belongs"),
        (dict(direction=(1, 0, 0), q_vectors=4), "q_vectors belongs"),
        (dict(q=[1.0], q_max=2.0), "q_max belongs"),
    ],
)
def test_refusals(options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        vh.spectra.currents(skewed(), **options)


def test_without_velocities_it_says_what_to_do() -> None:
    with pytest.raises(Refusal, match=r"vx vy vz.*or use coherent"):
        vh.spectra.currents(brownian(1), (1, 0, 0))
