"""Densities of states of atoms whose spectrum is known: oscillators, Langevin particles, noise of a chosen spectrum."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from planted_velocities import thermal_speed2, trajectory, with_spectrum

import vanhove as vh
from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV
from vanhove.spectra.energies import PLANCK, energy_grid, lag_window, spectrum
from vanhove.spectra.velocity_correlation import chunks_of
from vanhove.spectra.zero_energy import diffusion_at_zero

SPACING = 0.01  # ps
FRICTION, SPEED2 = 4.0, 2.0  # of Langevin particles: 1/ps, Å²/ps² an axis


def oscillators(energies: list[float], frames: int = 6000, n: int = 12, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Paths and velocities of ``n`` oscillators at each energy (meV), with random phases and thermal amplitudes."""
    rng = np.random.default_rng(seed)
    omega = np.repeat(energies, n)[:, None] / HBAR
    t = SPACING * np.arange(frames)[:, None, None]
    amplitude, phase = rng.rayleigh(1.0, (len(omega), 3)) / omega, rng.uniform(0, 2 * np.pi, (len(omega), 3))
    return amplitude * np.sin(omega * t + phase), amplitude * omega * np.cos(omega * t + phase)


def langevin(seed: int, frames: int = 4000, n: int = 40, spacing: float = SPACING) -> tuple[np.ndarray, np.ndarray]:
    """Free particles of dv = -γv dt + noise, exactly: D = ⟨v²⟩/3γ."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    x = FRICTION * spacing
    keep = np.exp(-x)
    var_v, var_r = SPEED2 * (1 - keep**2), SPEED2 / FRICTION**2 * (2 * x - 3 + 4 * keep - keep**2)
    both = SPEED2 / FRICTION * (1 - keep) ** 2
    a, b = rng.normal(size=(2, frames, n, 3))
    start = np.sqrt(SPEED2) * rng.normal(size=(1, n, 3))
    velocities, _ = lfilter([1], [1, -keep], np.sqrt(var_v) * a, axis=0, zi=keep * start)
    shift = both / np.sqrt(var_v) * a + np.sqrt(var_r - both**2 / var_v) * b
    before = np.concatenate([start, velocities[:-1]])
    return np.cumsum((1 - keep) / FRICTION * before + shift, axis=0), velocities


@pytest.mark.parametrize("source", ["velocities", "positions"])
def test_oscillators_are_at_their_energies(source: str) -> None:
    """One line each, of the stated width, up to near the Nyquist energy of 207 meV."""
    planted = [5.0, 31.0, 80.0, 150.0]
    paths, velocities = oscillators(planted)
    species = np.repeat(["Li", "P", "S", "Cl"], 12).tolist()
    result = vh.spectra.vdos(trajectory(paths, velocities, SPACING, species), source=source, drift=None)
    assert result.species.values.tolist() == ["Li", "P", "S", "Cl", "total"]
    for name, energy in zip(species[::12], planted, strict=True):
        g = result.g.sel(species=name)
        assert float(result.energy[g.values.argmax()]) == pytest.approx(energy, abs=0.1)
        assert float(result.centre.sel(species=name)) == pytest.approx(energy, rel=0.005)
        near = np.abs(result.energy.values - energy) < 2.0
        second_moment = float(np.sqrt(np.average((result.energy[near] - energy) ** 2, weights=g[near])))
        assert 2.3548 * second_moment == pytest.approx(result.attrs["resolution_fwhm"], rel=0.04)
    np.testing.assert_allclose(np.trapezoid(result.g, result.energy), 1, rtol=1e-12)
    assert result.attrs["source"] == source
    assert result.attrs["resolution_hwhm"] == result.attrs["resolution_fwhm"] / 2
    assert float(result.weight_below.sel(species="Li")) == pytest.approx(0.5, abs=0.03)  # a line at the edge


def test_velocities_and_positions_agree_below_two_fifths_of_the_nyquist_energy() -> None:
    paths, velocities = with_spectrum(np.random.default_rng(4), lambda e: e**2 * np.exp(-e / 8), 3000, 30, SPACING)
    traj = trajectory(paths, velocities, SPACING)
    from_v, from_r = (vh.spectra.vdos(traj, "Li", source=source) for source in ("velocities", "positions"))
    low = from_v.energy.values < 0.4 * from_v.attrs["nyquist"]
    highest = float(from_v.g.max())
    np.testing.assert_allclose(from_r.g.values[:, low], from_v.g.values[:, low], atol=2e-3 * highest)
    assert float(from_r.mean_square_velocity[0]) == pytest.approx(float(from_v.mean_square_velocity[0]), rel=1e-3)
    assert np.abs(from_r.g - from_v.g).max() < 0.02 * highest  # the transfer function has no zero below Nyquist
    assert "between frames" in from_r.vacf.attrs["long_name"]


def test_the_correlation_is_that_of_a_double_loop() -> None:
    """All origins, none beyond the run, by species, whatever the chunks; g is its windowed transform."""
    rng = np.random.default_rng(2)
    velocities = rng.normal(size=(83, 5, 3))
    species = ["Li", "S", "Li", "S", "S"]
    for max_lag in (0.03, 0.1, 0.41, 0.82):
        result = vh.spectra.vdos(_quiet(velocities, species), drift=None, max_lag=max_lag)
        lags = result.sizes["lag"]
        assert lags == round(max_lag / SPACING) + 1
        for name, members in (("Li", [0, 2]), ("S", [1, 3, 4])):
            v = velocities[:, members]
            expected = [np.mean([(v[t] * v[t + m]).sum() / len(members) for t in range(83 - m)]) for m in range(lags)]
            # the transforms are of single precision
            np.testing.assert_allclose(result.vacf.sel(species=name), expected, atol=1e-6 * expected[0])
            window = lag_window(lags, SPACING)
            g = 2 * spectrum(np.array(expected), SPACING, window)[lags - 1 :] / expected[0]
            np.testing.assert_allclose(result.g.sel(species=name), g, atol=1e-6 * g.max())
        np.testing.assert_allclose(result.energy, energy_grid(lags, SPACING)[lags - 1 :])


def _quiet(velocities: np.ndarray, species: list[str]) -> vh.Trajectory:
    """Noise fills its axis up to the Nyquist energy; smoothed over four frames it ends there, as a crystal's does."""
    smooth = velocities.copy()
    smooth[1:-1] = (velocities[:-2] + 2 * velocities[1:-1] + velocities[2:]) / 4
    velocities[:] = smooth
    velocities[1:-1] = (smooth[:-2] + 2 * smooth[1:-1] + smooth[2:]) / 4
    velocities[[0, 1, -2, -1]] *= 0.05
    return trajectory(np.zeros_like(velocities), velocities, SPACING, species)


@pytest.mark.parametrize(("frames", "lags"), [(10, 2), (83, 83), (5000, 576), (4000, 2500), (300, 299), (2, 2)])
def test_chunks_hold_every_pair_of_frames_once(frames: int, lags: int) -> None:
    chunks = chunks_of(frames, lags)
    assert (chunks.count - 1) * chunks.size < frames <= chunks.count * chunks.size
    assert chunks.following * chunks.size >= lags - 1
    np.testing.assert_array_equal(chunks.origins.sum(axis=0), frames - np.arange(lags))
    assert chunks.part_of[-1] < 16


def test_white_noise_is_flat_and_said_to_be_folded() -> None:
    velocities = np.random.default_rng(5).normal(size=(4000, 40, 3))
    traj = trajectory(np.zeros_like(velocities), velocities, SPACING)
    with pytest.warns(vh.VanhoveWarning, match=r"Li has not ended at 206\.8 meV"):
        result = vh.spectra.vdos(traj, "Li", drift=None, resolution=4.0)
    nyquist = result.attrs["nyquist"]
    assert nyquist == pytest.approx(PLANCK / (2 * SPACING))
    assert _fits(result.g[0].values - 1 / nyquist, result.g_error[0].values, result)
    assert float(result.centre[0]) == pytest.approx(nyquist / 2, rel=0.01)


def test_positions_too_far_apart_are_said_to_be() -> None:
    paths, _ = oscillators([31.0], frames=6000)
    paths += np.random.default_rng(1).normal(0, 0.05, paths.shape)  # what a vibration is that no frame follows
    with pytest.warns(vh.VanhoveWarning, match="frames 0.1 ps apart"):
        vh.spectra.vdos(trajectory(paths, None, SPACING).every(10), "Li")


def test_langevin_particles_have_the_closed_form() -> None:
    """VACF 3⟨v²⟩exp(-γt), g a Lorentzian of HWHM ħγ, D = ⟨v²⟩/γ by g(0), within their errors."""
    paths, velocities = langevin(3, frames=12000)
    traj = trajectory(paths, velocities, SPACING)
    truth = SPEED2 / FRICTION * 1e-4
    for source in ("velocities", "positions"):
        result = vh.spectra.vdos(traj, "Li", source=source, drift=None)
        assert abs(float(result.D_zero[0]) - truth) < 3 * float(result.D_zero_error[0])
        assert float(result.D_zero_error[0]) < 0.1 * truth
        assert float(result.D_zero_upper[0]) > float(result.D_zero[0])
        assert str(result.verdict[0].values) == "settled"
        v2, g0 = float(result.mean_square_velocity[0]), float(result.g[0, 0])
        assert float(result.D_zero[0]) == pytest.approx(np.pi * HBAR * v2 * g0 / 6 * 1e-4, rel=1e-9)
        assert (
            abs(v2 - 3 * SPEED2) < 4 * float(result.mean_square_velocity_error[0]) + 0.02 * (source == "positions") * v2
        )
    result = vh.spectra.vdos(traj, "Li", drift=None)
    lag, energy = result.lag.values, result.energy.values
    assert _fits(result.vacf[0].values - 3 * SPEED2 * np.exp(-FRICTION * lag), result.vacf_error[0].values, result)
    width = HBAR * FRICTION
    near = energy < 30  # of 207 meV: what is folded back is less than 1 % there
    lorentzian = 2 / np.pi * width / (width**2 + energy**2)
    spread = np.hypot(result.g_error[0].values, 0.01 * lorentzian)
    assert _fits((result.g[0].values - lorentzian)[near], spread[near], result)


def test_three_routes_to_the_same_diffusion_coefficient() -> None:
    traj = trajectory(*langevin(16, frames=4000), SPACING)
    zero = vh.spectra.vdos(traj, "Li", drift=None).sel(species="Li")
    einstein = vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li", drift=None, lags="log"))
    integral = vh.dynamics.green_kubo(traj, "Li", drift=None, length=4.0, plateau=(1.5, 4.0))
    for other in (einstein, integral):
        assert abs(float(other.D) - float(zero.D_zero)) < 3 * np.hypot(float(other.D_error), float(zero.D_zero_error))


def _fits(difference: np.ndarray, error: np.ndarray, result: object) -> bool:
    """Differences as errors from few parts allow: of Student's t, none beyond 1 in 10⁵, their size on average one."""
    from scipy.stats import t

    pull = difference / error
    return bool(np.abs(pull).max() < t.isf(5e-6, result.attrs["n_parts"] - 1) and 0.5 < np.sqrt(np.mean(pull**2)) < 1.5)


def test_what_the_resolution_hides_is_refused() -> None:
    """Ions that rattle at 4 meV and do not diffuse: g(0) is only what the resolution spreads there."""
    paths, velocities = with_spectrum(
        np.random.default_rng(8), lambda e: e**2 * np.exp(-((e / 4) ** 2)), 6000, 20, SPACING
    )
    result = vh.spectra.vdos(trajectory(paths, velocities, SPACING), "Li", drift=None, resolution=1.0)
    assert np.isnan(result.D_zero[0])
    assert np.isnan(result.D_zero_error[0])
    assert 0 < float(result.D_zero_upper[0]) < 1e-4
    assert "depends on the resolution" in str(result.verdict[0].values)
    assert "upper bound" in str(result.verdict[0].values)


def test_a_narrow_peak_at_zero_that_is_smeared_gives_no_bound() -> None:
    paths, velocities = langevin(9, frames=6000)
    result = vh.spectra.vdos(trajectory(paths, velocities, SPACING), "Li", drift=None, resolution=20.0)
    assert np.isnan(result.D_zero[0])
    assert np.isnan(result.D_zero_upper[0])
    assert "the true one is larger" in str(result.verdict[0].values)


def test_g_at_zero_of_lithium_seven_at_600_kelvin() -> None:
    """7.5e-6 cm²/s is 1.02e-3 /meV, one-sided; 5.0e-6 is 0.68e-3."""
    mass = vh.base.elements.mass_of("7Li")
    v2 = 3 * thermal_speed2(mass, 600)
    for D, g in ((7.5e-6, 1.02e-3), (5.0e-6, 0.68e-3)):
        assert diffusion_at_zero(g, v2) == pytest.approx(D, rel=0.005)
        assert np.pi * HBAR * K_B * 600 * g / (2 * mass * U_A2_PER_PS2_IN_MEV) * 1e-4 == pytest.approx(D, rel=0.005)


def test_species_and_the_total() -> None:
    rng = np.random.default_rng(6)
    paths, velocities = with_spectrum(rng, lambda e: e * np.exp(-e / 10), 2000, 10, SPACING)
    species = ["S", "Li", "S", "P", "Li", "S", "Li", "Li", "P", "S"]
    traj = trajectory(paths, velocities, SPACING, species)
    everything = vh.spectra.vdos(traj)
    assert everything.species.values.tolist() == ["S", "Li", "P", "total"]
    np.testing.assert_allclose(everything.concentration, [0.4, 0.4, 0.2, 1.0])
    np.testing.assert_allclose(
        everything.g.sel(species="total"), everything.concentration[:3].values @ everything.g[:3].values
    )
    chosen = vh.spectra.vdos(traj, ["P", "Li"])
    assert chosen.species.values.tolist() == ["P", "Li"]
    np.testing.assert_allclose(chosen.concentration, [0.2, 0.4])
    np.testing.assert_allclose(chosen.g.sel(species="P"), everything.g.sel(species="P"), atol=1e-12)
    assert np.isnan(everything.D_zero.sel(species="total"))
    alone = vh.spectra.vdos(traj.select("Li"))  # the drift is still that of all atoms
    np.testing.assert_allclose(alone.g.sel(species="Li"), everything.g.sel(species="Li"), atol=1e-12)


def test_isotopes_change_masses_and_no_motion() -> None:
    paths, velocities = with_spectrum(np.random.default_rng(7), lambda e: e * np.exp(-e / 10), 2000, 6, SPACING)
    traj = trajectory(paths, velocities, SPACING, ["Li"] * 3 + ["S"] * 3)
    natural, heavy = (vh.spectra.vdos(each, drift=None) for each in (traj, traj.with_isotopes({"Li": "7Li"})))
    assert heavy.species.values.tolist() == ["7Li", "S", "total"]
    np.testing.assert_array_equal(heavy.g.values, natural.g.values)
    assert float(heavy.mass[0]) == pytest.approx(7.016, abs=1e-3)
    assert float(heavy.kinetic_temperature[0] / natural.kinetic_temperature[0]) == pytest.approx(7.016 / 6.94, rel=1e-3)
    by_element = vh.spectra.vdos(traj.with_isotopes({"Li": "7Li"}), "Li", drift=None)
    assert by_element.species.values.tolist() == ["7Li"]


def test_the_kinetic_temperature_and_a_wrong_clock() -> None:
    paths, velocities = with_spectrum(
        np.random.default_rng(10), lambda e: e * np.exp(-e / 10), 4000, 30, SPACING, thermal_speed2(6.94, 500)
    )
    traj = trajectory(paths, velocities, SPACING, temperature=500.0)
    result = vh.spectra.vdos(traj, "Li", drift=None)
    assert abs(float(result.kinetic_temperature[0]) - 500) < 4 * float(result.kinetic_temperature_error[0])
    slow = vh.from_arrays(paths, 40.0, ["Li"] * 30, 10 * traj.times, wrapped=False, temperature=500.0)
    with pytest.warns(vh.VanhoveWarning, match="kinetic energy of 5 K, and the trajectory states 500 K"):
        vh.spectra.vdos(slow, "Li", drift=None)


def test_what_stands_still_has_no_spectrum() -> None:
    paths, velocities = with_spectrum(np.random.default_rng(11), lambda e: e * np.exp(-e / 10), 2000, 6, SPACING)
    velocities[:, 3:] = 0
    traj = trajectory(paths, velocities, SPACING, ["Li"] * 3 + ["S"] * 3)
    result = vh.spectra.vdos(traj, drift=None)
    assert np.isnan(result.g.sel(species="S")).all()
    np.testing.assert_allclose(result.g.sel(species="total"), result.g.sel(species="Li"))
    assert str(result.verdict.sel(species="S").values) == "S does not move."
    with pytest.raises(vh.Refusal, match="Nothing moves"):
        vh.spectra.vdos(traj, "S", drift=None)
    vh.draw(result).figure.canvas.draw()


def test_the_resolution_and_its_reason() -> None:
    paths, velocities = langevin(12, frames=6000, n=6)
    traj = trajectory(paths, velocities, SPACING)
    usual = vh.spectra.vdos(traj, "Li", drift=None)
    assert usual.attrs["resolution_fwhm"] == 0.5
    assert usual.attrs["window"] == "Gaussian"
    assert usual.attrs["max_lag"] == pytest.approx(11.5, abs=0.1)
    short = vh.spectra.vdos(traj[:2000], "Li", drift=None)
    assert short.attrs["max_lag"] == pytest.approx(4.0, abs=0.02)  # a fifth of the run
    assert short.attrs["resolution_fwhm"] == pytest.approx(1.44, abs=0.01)
    assert "0.5 meV takes" in short.attrs["resolution_reason"]
    hann = vh.spectra.vdos(traj, "Li", drift=None, max_lag=10.0)
    assert hann.attrs["window"] == "Hann"
    assert hann.attrs["resolution_fwhm"] == pytest.approx(PLANCK / 10.0)
    with pytest.raises(vh.Refusal, match=r"A resolution of 0\.01 meV"):
        vh.spectra.vdos(traj, "Li", resolution=0.01)


def test_lags_of_more_than_half_the_run_leave_no_error() -> None:
    paths, velocities = langevin(13, frames=400, n=6)
    traj = trajectory(paths, velocities, SPACING)
    result = vh.spectra.vdos(traj, "Li", drift=None, max_lag=2.5)
    assert result.attrs["n_parts"] == 0
    assert result.attrs["error"] == "unknown: the longest lag is too much of the run"
    for name, values in result.data_vars.items():
        if str(name).endswith("_error"):
            assert np.isnan(values).all(), name
    assert np.isfinite(result.g).all()
    vh.draw(result).figure.canvas.draw()
    assert np.isfinite(vh.spectra.vdos(traj, "Li", drift=None, max_lag=1.9).g_error).all()


@pytest.mark.parametrize("memory", ["1MB", "60MB"])
def test_blocks_of_any_size_give_the_same(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, velocities = with_spectrum(np.random.default_rng(14), lambda e: e * np.exp(-e / 10), 3000, 40, SPACING)
    traj = trajectory(paths, velocities, SPACING, ["Li", "S"] * 20)
    whole = {source: vh.spectra.vdos(traj, source=source) for source in ("velocities", "positions")}
    monkeypatch.setenv("VANHOVE_MEMORY", memory)
    for source, expected in whole.items():
        result = vh.spectra.vdos(traj, source=source)
        np.testing.assert_allclose(result.vacf, expected.vacf, atol=1e-12)


def test_blocks_stay_inside_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    rng = np.random.default_rng(15)
    paths = np.cumsum(rng.normal(0, 0.01, (4000, 200, 3)), axis=0)
    velocities = np.convolve(rng.normal(size=4003), np.full(4, 0.5), "valid")[:, None, None] * rng.normal(size=(200, 3))
    traj = trajectory(paths, velocities, SPACING)
    budget = 12_000_000
    vh.spectra.vdos(traj[:500], "Li", drift=None, max_lag=1.0)  # what is loaded on the way is not the work's
    monkeypatch.setenv("VANHOVE_MEMORY", str(budget))
    tracemalloc.start()
    vh.spectra.vdos(traj, "Li", drift=None, max_lag=2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * budget


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (dict(species="Na"), "There is no 'Na'"),
        (dict(species=[]), "empty list"),
        (dict(source="forces"), "source='forces'"),
        (dict(source="velocities"), "has no velocities"),
        (dict(drift="framework"), "no framework"),
        (dict(max_lag=1e3), "max_lag=1000 ps"),
        (dict(max_lag=-1.0), "max_lag=-1 ps"),
        (dict(resolution=-1.0), "above 0"),
        (dict(below=0.0), "below=0"),
    ],
)
def test_what_can_not_be_is_refused(options: dict[str, object], match: str) -> None:
    paths, _ = oscillators([31.0], frames=500)
    with pytest.raises(vh.Refusal, match=match):
        vh.spectra.vdos(trajectory(paths, None, SPACING), **options)  # type: ignore[arg-type]  # wrong on purpose


def test_frames_have_to_be_even_and_more_than_two() -> None:
    paths, velocities = oscillators([31.0], frames=40)
    uneven = vh.from_arrays(paths, 40.0, ["Li"] * 12, np.geomspace(0.01, 4, 40), wrapped=False, velocities=velocities)
    with pytest.raises(vh.Refusal, match="not evenly spaced"):
        vh.spectra.vdos(uneven)
    with pytest.raises(vh.Refusal, match="no series in time"):
        vh.spectra.vdos(trajectory(paths, velocities, SPACING)[:2])


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    paths, velocities = oscillators([5.0, 31.0])
    result = vh.spectra.vdos(trajectory(paths, velocities, SPACING, ["Li"] * 12 + ["S"] * 12))
    vh.save(result, tmp_path / "g.nc")
    assert vh.load(tmp_path / "g.nc").identical(result)
    ax = vh.draw(result)
    assert ax.get_xlim()[1] < 50  # not the Nyquist energy
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Li", "S", "total"]


def test_lgps_vibrates_like_a_thiophosphate(shared_data: Path) -> None:
    """Ab-initio MD of Li10GeP2S12: 2 fs between frames by its kinetic energy; P-S stretches at 50 to 75 meV."""
    data = json.loads((shared_data / "lgps-aimd" / "LGPS_600K_DiffusionAnalyzer.json").read_text(encoding="utf-8"))
    sites = data["structure"]["sites"]
    paths = np.array([site["xyz"] for site in sites]) + np.array(data["displacements"]).transpose(1, 0, 2)
    lattice, species = (
        np.array(data["structure"]["lattice"]["matrix"]),
        [site["species"][0]["element"] for site in sites],
    )
    traj = vh.from_arrays(paths, lattice, species, 0.002 * np.arange(len(paths)), wrapped=False, temperature=600)
    result = vh.spectra.vdos(traj, resolution=4.0)
    assert float(result.kinetic_temperature.sel(species="total")) == pytest.approx(600, rel=0.05)
    high = result.g.sel(species="P", energy=slice(40, None))
    assert 60 < float(high.energy[high.values.argmax()]) < 72
    assert 28 < float(result.centre.sel(species="Li")) < 38
    with pytest.warns(vh.VanhoveWarning, match="kinetic energy of 5.* K, and the trajectory states 600 K"):
        vh.spectra.vdos(vh.from_arrays(paths, lattice, species, 10 * traj.times, wrapped=False, temperature=600))


@pytest.mark.slow
def test_one_standard_error_covers_64_to_72_of_100() -> None:
    """Of g, ⟨v²⟩ and D over 600 runs; D's contains what the resolution leaves."""
    truth = SPEED2 / FRICTION * 1e-4
    covered = []
    for seed in range(600):
        paths, velocities = langevin(1000 + seed, frames=1200, n=8, spacing=0.02)
        result = vh.spectra.vdos(trajectory(paths, velocities, 0.02), "Li", drift=None)
        v2, v2_error = float(result.mean_square_velocity[0]), float(result.mean_square_velocity_error[0])
        g, g_error = result.g.interp(energy=6.0), result.g_error.interp(energy=6.0)
        expected = 2 / np.pi * HBAR * FRICTION / ((HBAR * FRICTION) ** 2 + 36)
        covered.append([
            abs(v2 - 3 * SPEED2) < v2_error,
            abs(float(result.D_zero[0]) - truth) < float(result.D_zero_error[0]),
            abs(float(g[0]) - expected) < float(g_error[0]),
        ])  # fmt: skip
    share = np.mean(covered, axis=0)
    assert (share >= 0.62).all(), share
    assert (share <= 0.74).all(), share
