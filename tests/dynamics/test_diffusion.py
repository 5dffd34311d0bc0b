"""D with its error and verdict: planted walks are recovered, cages refused, window and bound are what is said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from walks import SPACING, brownian, cage, fractional, hops, ions

import vanhove as vh

PER_FRAME = 1e-4 / SPACING  # Å² a frame in cm²/s


def measured(paths: np.ndarray, **options: object) -> tuple:
    msd = vh.dynamics.msd(ions(paths), "Li", drift=None)
    return msd, vh.dynamics.diffusion(msd, **options)


def refused(result: object, says: str) -> None:
    assert says in result.attrs["verdict"]
    assert result.attrs["verdict"].endswith(".")
    assert np.isnan(result.D)
    assert np.isnan(result.D_error)


# what is given


def test_a_random_walk() -> None:
    _, result = measured(brownian(np.random.default_rng(1), 2000, 100))
    assert result.attrs["verdict"] == "diffusive"
    assert abs(result.D - 0.5 * PER_FRAME) < 3 * result.D_error
    assert 0.002 < result.D_error / result.D < 0.01
    assert result.D_upper == pytest.approx(float(result.D + 1.645 * result.D_error))
    assert result.exponent == pytest.approx(1, abs=4 * float(result.exponent_error))
    assert abs(result.intercept) < 0.2
    assert result.D.attrs["units"] == "cm²/s"
    assert result.attrs["ageing"].startswith("none seen")


def test_the_theory_of_the_error_is_that_of_the_best_estimate() -> None:
    """With a free intercept: σ/D = √(8/3NT) for long random walks with all lags (Michalet 2010), found to 10 %."""
    rng = np.random.default_rng(2)
    _, result = measured(brownian(rng, 4000, 6))  # fewer than 8 ions: the error is the model's alone
    assert result.D_error / result.D == pytest.approx(np.sqrt(8 / (3 * 6 * 4000)), rel=0.2)


def test_a_hopping_ion_that_vibrates() -> None:
    rng = np.random.default_rng(3)
    paths = hops(rng, 4000, 80, 0.02, 3.0) + cage(rng, 4000, 80, 2.0, 0.3)
    _, result = measured(paths, jump_length=3.0)
    assert result.attrs["verdict"] == "diffusive"
    assert result.window[0] > 2 * SPACING  # behind the vibration
    assert abs(result.D - 0.02 * 9 / 6 * PER_FRAME) < 3 * result.D_error
    assert result.jump_length == 3.0


def test_flight_before_diffusion_is_left_out() -> None:
    """Velocities that are forgotten in 20 frames: the MSD grows as t² and then as t, D = Σ velocity correlation."""
    velocities = cage(np.random.default_rng(4), 6000, 60, 20.0, 0.2)
    _, result = measured(np.cumsum(velocities, axis=0))
    keep = np.exp(-1 / 20)
    expected = 0.2**2 * (0.5 + keep / (1 - keep))
    assert result.attrs["verdict"] == "diffusive"
    assert result.window[0] > 20 * SPACING
    assert abs(result.D / (expected * PER_FRAME) - 1) < 3 * result.D_error / result.D


def test_one_axis_only() -> None:
    """Ions in channels: three times fewer displacements, an error √3 times as large."""
    rng = np.random.default_rng(5)
    straight = np.zeros((2000, 6, 3))
    straight[..., 2] = brownian(rng, 2000, 6)[..., 0] * np.sqrt(3)
    _, result = measured(straight)
    _, free = measured(brownian(rng, 2000, 6))
    assert abs(result.D - 0.5 * PER_FRAME) < 3 * result.D_error
    assert result.D_error / free.D_error == pytest.approx(np.sqrt(3), rel=0.15)


def test_differences_between_ions_are_in_the_error() -> None:
    rng = np.random.default_rng(6)
    factor = np.repeat([0.5, 1.5], 50)[:, None]
    _, result = measured(brownian(rng, 2000, 100)[:, rng.permutation(100)] * factor)
    _, alike = measured(brownian(rng, 2000, 100))
    # half the ions with D₁, half with D₂: the mean has the error |D₁ - D₂|/2/√N at least
    assert result.D_error > 0.9 * (1.5**2 - 0.5**2) / 4 * PER_FRAME / 10 > 2 * alike.D_error


def test_ions_that_move_together_are_in_the_error() -> None:
    """Eight copies of ten ions know no more than ten ions."""
    runs = []
    for seed in range(9):
        walk = brownian(np.random.default_rng([7, seed]), 2000, 10)
        few, many = (measured(np.tile(walk, (1, copies, 1)))[1] for copies in (1, 8))
        runs.append([float(many.D / few.D), float(many.D_error / few.D_error)])
    value, error = np.nanmedian(runs, axis=0)
    assert value == pytest.approx(1, abs=0.01)
    assert error == pytest.approx(1, abs=0.25)  # 1/√8 if they were taken for eighty


def test_the_same_from_all_and_from_logarithmic_lags() -> None:
    traj = ions(brownian(np.random.default_rng(8), 1000, 40))
    both = [vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li", lags=lags)) for lags in ("all", "log")]
    assert float(both[0].D) == pytest.approx(float(both[1].D), rel=0.01)
    assert both[0].D_error == pytest.approx(float(both[1].D_error), rel=0.15)


def test_one_origin() -> None:
    paths = brownian(np.random.default_rng(9), 500, 400)
    result = vh.dynamics.diffusion(vh.dynamics.msd(ions(paths), "Li", drift=None, origins="first"))
    assert abs(result.D - 0.5 * PER_FRAME) < 3 * result.D_error
    assert 0.02 < result.D_error / result.D < 0.1  # √(2/3·400) at least: no origins to average over
    assert result.attrs["ageing"] == "not tested"


# what is refused


@pytest.mark.parametrize("relaxation", [5.0, 50.0])
def test_a_caged_ion(relaxation: float) -> None:
    msd, result = measured(cage(np.random.default_rng(10), 2000, 40, relaxation, 1.0))
    refused(result, "slower than diffusion")
    assert float(result.exponent + result.exponent_error) < 0.9
    assert 0 < result.D_upper < 2 * float(msd.msd[-500] / msd.lag[-500]) / 6 * 1e-4


def test_ten_picoseconds_of_a_caged_crystal_say_how_much_longer() -> None:
    """Ions that rattle by 0.3 Å an axis about sites 3.4 Å apart, kept for 10 ps."""
    grid = 3.4 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3).astype(float)
    rattle = grid + cage(np.random.default_rng(21), 500, 64, 10.0, 0.3)
    traj = vh.from_arrays(rattle, 13.6, ["Li"] * 64, 0.02 * np.arange(500), wrapped=False)
    result = vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li"))
    refused(result, "Not diffusive")
    verdict = result.attrs["verdict"]
    assert "rattle" in verdict
    assert f"less than one jump ({float(result.jump_length):.2f} Å)" in verdict
    said = re.search(r"at least (\d+) times as long, (\d+) ps instead of 10 ps", verdict)
    assert said, verdict
    factor, needed = (int(number) for number in said.groups())
    assert needed == pytest.approx(10 * factor, rel=0.05)
    # one jump at the bound of D, at the start of a window that ends at three quarters of the run
    assert needed == pytest.approx(
        float(result.jump_length) ** 2 / (6 * float(result.D_upper) * 1e4) * 2 / 0.75, rel=0.1
    )


def test_how_much_longer_is_no_more_than_it_takes() -> None:
    """Rare jumps out of a cage: a run of the length that their D needs is not called too short by the advice."""
    d = 2e-4 * 3.0**2 / 6  # Å² a frame
    paths = hops(np.random.default_rng(22), 2000, 40, 2e-4, 3.0) + cage(np.random.default_rng(23), 2000, 40, 5.0, 0.4)
    _, result = measured(paths)
    refused(result, "Run at least")
    needed = re.search(r"([\d.]+) (ps|ns) instead of", result.attrs["verdict"])
    assert needed, result.attrs["verdict"]
    frames = float(needed.group(1)) * (1000 if needed.group(2) == "ns" else 1) / SPACING
    assert 2000 < frames < 9 * 6 * 0.4**2 / (6 * d) * 2 / 0.75


def test_an_anomalous_walk() -> None:
    for seed in range(5):
        _, result = measured(fractional(np.random.default_rng([11, seed]), 1000, 40, 0.7))
        refused(result, "slower than diffusion")
        assert result.exponent == pytest.approx(0.7, abs=0.2)


def test_flight() -> None:
    paths = brownian(np.random.default_rng(12), 500, 20, 0.05) + 0.5 * np.arange(500)[:, None, None]
    _, result = measured(paths)
    refused(result, "faster than diffusion")
    assert np.isnan(result.D_upper)


def test_less_than_a_jump() -> None:
    _, result = measured(brownian(np.random.default_rng(13), 500, 40, 0.01), jump_length=3.0)
    refused(result, "less than the length of one jump (3.00 Å)")
    assert result.D_upper > 0.5e-4 * PER_FRAME


def test_too_short_a_run() -> None:
    for frames in (2, 5, 12):
        _, result = measured(brownian(np.random.default_rng(14), frames, 1))
        refused(result, "too short")
        assert result.D_upper > 0
        assert np.isnan(result.window).all()


def test_ions_that_stand_still() -> None:
    still = np.broadcast_to(np.random.default_rng(15).uniform(0, 20, (10, 3)), (100, 10, 3))
    _, result = measured(still)
    refused(result, "do not move")
    assert result.D_upper == 0


def test_the_jump_length_comes_from_the_ions_own_distances() -> None:
    grid = 3.4 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3).astype(float)
    rattle = grid + np.random.default_rng(16).normal(0, 0.2, (300, 64, 3))
    traj = vh.from_arrays(rattle, 13.6, ["Li"] * 64, SPACING * np.arange(300), wrapped=False)
    msd = vh.dynamics.msd(traj, "Li")
    assert msd.attrs["jump_length"] == pytest.approx(3.4, abs=0.11)
    assert vh.dynamics.diffusion(msd).jump_length == msd.attrs["jump_length"]


# windows


def test_a_given_window_gives_d_whatever_the_verdict() -> None:
    msd, refused_result = measured(fractional(np.random.default_rng(17), 1000, 40, 0.7))
    assert np.isnan(refused_result.D)
    result = vh.dynamics.diffusion(msd, window=(2.0, 10.0))
    assert "slower than diffusion" in result.attrs["verdict"]
    assert result.D > 0
    assert result.D_error > 0
    assert 2.0 <= result.window[0] < 2.3
    assert 9.0 < result.window[1] <= 10.0
    assert result.attrs["window_reason"] == "given"


def test_a_given_window_is_the_one_that_is_fitted() -> None:
    """A path that is fast for two picoseconds and slower afterwards has either slope, as asked."""
    lag = SPACING * np.arange(200)
    msd, _ = measured(brownian(np.random.default_rng(17), 200, 40))
    bent = np.where(lag < 2, 6 * lag, 12 + 3 * (lag - 2))
    for window, slope in (((0.1, 1.8), 6.0), ((2.5, 15.0), 3.0)):
        result = vh.dynamics.diffusion(msd.assign(msd=("lag", bent)), window=window)
        assert float(result.D) == pytest.approx(slope / 6 * 1e-4, rel=1e-6)


@pytest.mark.parametrize("window", [(5.0, 1.0), (1.0,), (np.nan, 3.0), (-1.0, 3.0)])
def test_no_window_is_refused(window: tuple[float, ...]) -> None:
    msd, _ = measured(brownian(np.random.default_rng(18), 100, 10))
    with pytest.raises(vh.Refusal, match="first and the last lag"):
        vh.dynamics.diffusion(msd, window=window)


def test_a_window_without_lags_is_refused() -> None:
    msd, _ = measured(brownian(np.random.default_rng(18), 100, 10))
    with pytest.raises(vh.Refusal, match="Give a wider one"):
        vh.dynamics.diffusion(msd, window=(50.0, 60.0))


def test_only_an_msd_is_taken() -> None:
    import xarray as xr

    with pytest.raises(vh.Refusal, match=r"dynamics\.msd"):
        vh.dynamics.diffusion(xr.Dataset())


def test_ageing_is_said() -> None:
    """The second half walks twice as fast."""
    steps = (
        np.random.default_rng(19).normal(size=(2000, 60, 3)) * np.where(np.arange(2000) < 1000, 1, 1.4)[:, None, None]
    )
    _, result = measured(np.cumsum(steps, axis=0))
    assert result.attrs["ageing"].startswith("The motion changes along the run")
    first, second = (0.5 * PER_FRAME, 0.5 * 1.4**2 * PER_FRAME)
    assert float(result.D) == pytest.approx((first + second) / 2, rel=0.05)
    assert float(result.D_error) == pytest.approx((second - first) / 2, rel=0.15)


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    msd = vh.dynamics.msd(ions(brownian(np.random.default_rng(20), 300, 30), temperature=700), "Li")
    result = vh.dynamics.diffusion(msd)
    assert result.attrs["temperature"] == 700
    vh.save(msd, tmp_path / "msd.nc")
    vh.save(result, tmp_path / "diffusion.nc")
    assert vh.load(tmp_path / "diffusion.nc").identical(result)
    again = vh.dynamics.diffusion(vh.load(tmp_path / "msd.nc"))
    assert float(again.D) == float(result.D)
    for drawn in (
        result,
        vh.dynamics.diffusion(msd, window=(1, 2)),
        measured(brownian(np.random.default_rng(1), 3, 1))[1],
    ):
        vh.draw(drawn).figure.canvas.draw()


# reference data


def test_argyrodite_is_not_yet_diffusive_in_14_ps(shared_data: Path) -> None:
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1)
    msd = vh.dynamics.msd(traj, "Li", drift="framework")
    result = vh.dynamics.diffusion(msd)
    assert np.isnan(result.D)
    assert 1.2e-5 < result.D_upper < 2e-5
    chosen = vh.dynamics.diffusion(msd, window=(2, 5))
    assert float(chosen.D) == pytest.approx(1.4654e-5, rel=0.1)  # ordinary least squares there


def test_the_glass_diffuses_at_1000_k_only_by_its_sodium(shared_data: Path) -> None:
    folder = shared_data / "na2s-sis2-md"
    species = {1: "Na", 2: "Si", 3: "S"}
    hot = vh.open(folder / "prod_1000K.dump.gz", species=species, timestep=0.001)
    sodium = vh.dynamics.diffusion(vh.dynamics.msd(hot, "Na"))
    assert sodium.attrs["verdict"] == "diffusive"
    assert float(sodium.D) == pytest.approx(3.06e-5, rel=0.1)
    for name in ("Si", "S"):
        result = vh.dynamics.diffusion(vh.dynamics.msd(hot, name))
        refused(result, "slower than diffusion")
        assert 0 < result.D_upper < 5e-6
    cold = vh.open(folder / "prod_600K.dump.gz", species=species, timestep=0.001)
    refused(vh.dynamics.diffusion(vh.dynamics.msd(cold, "Na")), "slower than diffusion")


# a peer


@pytest.mark.slow
def test_kinisi_agrees_in_the_same_window() -> None:
    """Its sampling of the same linear model; its covariance is an approximation, ours counts every overlap."""
    pytest.importorskip("kinisi")
    import scipp
    from ase import Atoms
    from kinisi.analyze import DiffusionAnalyzer

    paths = brownian(np.random.default_rng(21), 200, 20) + 25
    frames = [Atoms("Li20S", np.vstack([frame % 50, [[5, 5, 5]]]), cell=[50] * 3, pbc=True) for frame in paths]
    theirs = DiffusionAnalyzer.from_ase(
        frames, "Li", time_step=SPACING * scipp.Unit("ps"), step_skip=1 * scipp.Unit("dimensionless"), progress=False
    )
    theirs.diffusion(1.0 * scipp.Unit("ps"), progress=False, random_state=np.random.RandomState(1))
    _, ours = measured(paths, window=(1.0, 19.9))
    assert float(ours.D) == pytest.approx(float(np.mean(theirs.D.values)), abs=float(ours.D_error))
    assert 0.5 < float(ours.D_error) / np.std(theirs.D.values) < 1.5
