"""D from velocities: Langevin particles whose every correlation is known, and what can't be known from velocities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from langevin import bound_pairs, free, moving

import vanhove as vh
from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV

SPACING, FRICTION, SPEED2 = 0.02, 4.0, 2.0  # ps, 1/ps, Å²/ps²
TRUTH = SPEED2 / FRICTION * 1e-4  # cm²/s


def liquid(seed: int = 1, frames: int = 5000, n: int = 40) -> vh.Trajectory:
    return moving(*free(np.random.default_rng(seed), frames, n, SPACING, FRICTION, SPEED2), SPACING)


def test_langevin_particles_have_the_diffusion_coefficient_of_their_friction() -> None:
    """D = kT/(mγ), and the same from the positions."""
    traj = liquid()
    result = vh.dynamics.green_kubo(traj, "Li", drift=None)
    kT_over_m = SPEED2  # the planted ⟨v²⟩ of an axis
    temperature = kT_over_m * U_A2_PER_PS2_IN_MEV * traj.masses[0] / K_B
    assert float(result.D) == pytest.approx(
        K_B * temperature / (traj.masses[0] * U_A2_PER_PS2_IN_MEV) / FRICTION * 1e-4, abs=3 * float(result.D_error)
    )
    assert float(result.D_error) < 0.1 * TRUTH
    einstein = vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li", drift=None, lags="log"))
    assert abs(float(einstein.D - result.D)) < 3 * np.hypot(float(einstein.D_error), float(result.D_error))
    assert result.attrs["verdict"] == "diffusive"
    assert result.attrs["n_segments"] == 19  # of 5 ps and a frame in 100 ps


def test_the_correlation_and_its_integral_are_the_closed_forms() -> None:
    result = vh.dynamics.green_kubo(liquid(frames=20000), "Li", length=2.0, plateau=(1.5, 2.0), drift=None)
    lag = result.lag.values
    correlation = 3 * SPEED2 * np.exp(-FRICTION * lag)
    integral = TRUTH * (1 - np.exp(-FRICTION * lag))
    assert (np.abs(result.vacf - correlation) < 4.5 * result.vacf_error).all()
    assert (np.abs(result.running - integral)[1:] < 4.5 * result.running_error[1:] + 1e-3 * TRUTH).all()
    assert result.running.values[0] == 0


def test_the_correlation_is_that_of_a_double_loop() -> None:
    """All origins inside every segment, none beyond it; the integral by the trapezoid rule."""
    paths, velocities = free(np.random.default_rng(3), 130, 3, SPACING, FRICTION, SPEED2)
    traj = moving(paths, velocities, SPACING)
    result = vh.dynamics.green_kubo(traj, "Li", 3, 0.8, (0.4, 0.8), drift=None)
    expected = []
    for start in (0, 44, 89):
        v = velocities[start : start + 41]
        expected.append([np.mean([(v[t] * v[t + m]).sum() / 3 for t in range(41 - m)]) for m in range(41)])
    np.testing.assert_allclose(result.vacf, np.mean(expected, axis=0), rtol=0, atol=1e-12)
    running = [np.trapezoid(np.mean(expected, axis=0)[: m + 1], dx=SPACING) / 3e4 for m in range(41)]
    np.testing.assert_allclose(result.running, running, rtol=0, atol=1e-16)
    assert float(result.D) == pytest.approx(float(result.running[20:].mean()))


def test_bound_pairs_diffuse_as_their_centres() -> None:
    paths, velocities = bound_pairs(np.random.default_rng(5), 6000, 40, SPACING, FRICTION, SPEED2, 30.0)
    traj = moving(paths, velocities, SPACING)
    result = vh.dynamics.green_kubo(traj, "Li", length=4.0, plateau=(2.0, 4.0), drift=None)
    assert abs(float(result.D) - TRUTH / 2) < 3 * float(result.D_error)


@pytest.mark.parametrize("drift", ["cell", "framework"])
def test_the_motion_of_the_frame_is_taken_off(drift: str) -> None:
    paths, velocities = free(np.random.default_rng(7), 1500, 10, SPACING, FRICTION, SPEED2)
    wind = 3.0
    still = np.zeros((1500, 200, 3))
    paths = np.concatenate([paths, still], axis=1) + wind * SPACING * np.arange(1500)[:, None, None]
    velocities = np.concatenate([velocities, still], axis=1) + wind
    traj = moving(paths, velocities, SPACING, ["Li"] * 10 + ["S"] * 200)
    options = dict(segments=10, length=2.0, plateau=(1.0, 2.0))
    blown = vh.dynamics.green_kubo(traj, "Li", drift=drift, **options)
    calm = vh.dynamics.green_kubo(
        moving(paths[:, :10], velocities[:, :10] - wind, SPACING), "Li", drift=None, **options
    )
    tolerance = 1e-12 if drift == "framework" else 0.02
    assert float(blown.D) == pytest.approx(float(calm.D), rel=tolerance)


def test_what_still_drifts_has_no_plateau() -> None:
    result = vh.dynamics.green_kubo(liquid(), "Li", length=0.5, plateau=(0.02, 0.3), drift=None)
    assert np.isnan(result.D)
    assert np.isnan(result.D_error)
    assert "No plateau" in result.attrs["verdict"]


def test_velocities_are_needed_often_enough() -> None:
    traj = liquid()
    without = moving(traj.positions, None, SPACING)
    with pytest.raises(vh.Refusal, match=r"needs velocities.*diffusion of the msd"):
        vh.dynamics.green_kubo(without, "Li")
    with pytest.raises(vh.Refusal, match="forgotten between two frames"):
        vh.dynamics.green_kubo(traj.every(40), "Li", drift=None)
    with pytest.raises(vh.Refusal, match="All velocities are zero"):
        vh.dynamics.green_kubo(moving(traj.positions, 0 * traj.positions, SPACING), "Li", drift=None)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (dict(segments=1), "2 or more"),
        (dict(length=-1.0), "length of a segment"),
        (dict(length=80.0), "too short for 2 segments"),
        (dict(plateau=(3.0, 2.0)), "first and the last lag"),
        (dict(plateau=(3.0, 7.0)), "The plateau ends at 7 ps"),
        (dict(plateau=(3.0, 3.01)), "Give a wider one"),
        (dict(drift="centre"), "drift='centre'"),
    ],
)
def test_what_can_not_be_is_refused(options: dict[str, object], match: str) -> None:
    with pytest.raises(vh.Refusal, match=match):
        vh.dynamics.green_kubo(liquid(), "Li", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    for plateau in ((2.0, 5.0), (0.02, 0.3)):
        result = vh.dynamics.green_kubo(liquid(), "Li", plateau=plateau, drift=None)
        vh.save(result, tmp_path / "D.nc")
        assert vh.load(tmp_path / "D.nc").identical(result)
        vh.draw(result).figure.canvas.draw()


@pytest.mark.slow
def test_one_standard_error_covers_64_to_72_of_100() -> None:
    found = []
    for number in range(2000):
        rng = np.random.default_rng([20261120, number])
        paths, velocities = free(rng, 2100, 8, SPACING, FRICTION, SPEED2)
        result = vh.dynamics.green_kubo(moving(paths, velocities, SPACING), "Li", 20, 2.08, (1.6, 2.08), drift=None)
        found.append([float(result.D) / TRUTH, float(result.D_error) / TRUTH])
    value, error = np.array(found).T
    given = np.isfinite(value)
    assert given.mean() > 0.97
    assert np.mean(value[given]) == pytest.approx(1, abs=0.01)
    assert 0.64 <= np.mean(np.abs(value[given] - 1) < error[given]) <= 0.72
