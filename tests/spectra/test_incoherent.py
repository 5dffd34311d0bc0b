"""F(Q,t) and S(Q,E) of single atoms against naive loops, closed forms and dynasor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV
from vanhove.spectra.energies import PLANCK, detailed_balance, lag_window, spectrum
from vanhove.spectra.self_directions import ORDERS, half_sphere, order_for

Q = [0.4, 0.9, 1.7]
SKEWED = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.0, 2.5, 10.0]])


def ions(paths: np.ndarray, spacing: float = 0.1, label: str = "Li", cell: Any = 30.0, **options: Any) -> vh.Trajectory:
    times = options.pop("times", spacing * np.arange(len(paths)))
    return vh.from_arrays(paths, cell, [label] * paths.shape[1], times, wrapped=False, **options)


def walk(seed: int, frames: int, n: int, step: float) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(0, step, (frames, n, 3)), axis=0)


def incoherent(traj: vh.Trajectory, q: Any = Q, **options: Any) -> Any:
    return vh.spectra.incoherent(traj, traj.species[0], q, **{"drift": None, **options})


def naive(paths: np.ndarray, lags: int, q: Any) -> np.ndarray:
    table = np.asarray(q, float)
    found = np.empty((len(table), lags))
    for m in range(lags):
        moved = paths[m:] - paths[: len(paths) - m]
        for k, one in enumerate(table):
            phase = moved @ one if table.ndim == 2 else one * np.linalg.norm(moved, axis=-1) / np.pi
            found[k, m] = (np.cos(phase) if table.ndim == 2 else np.sinc(phase)).mean()
    return found


def half_width(energy: np.ndarray, line: np.ndarray) -> float:
    right, at = line[line.size // 2 :], energy[line.size // 2 :]
    below = int(np.argmax(right < right[0] / 2))
    return float(np.interp(-right[0] / 2, -right[below - 1 : below + 1], at[below - 1 : below + 1]))


# against loops


def test_powder_average_of_every_displacement() -> None:
    paths = walk(1, 120, 5, 0.25)
    result = incoherent(ions(paths), route="displacements")
    assert result.attrs["route"] == "displacements"
    assert result.sizes["lag"] == 60  # half of the run
    np.testing.assert_allclose(result.F, naive(paths, 60, Q), atol=3e-5)
    np.testing.assert_array_equal(result.F[:, 0], 1)


@pytest.mark.parametrize("route", ["fft", "displacements"])
@pytest.mark.parametrize("max_lag", [2.0, 11.9])
def test_single_vectors(route: str, max_lag: float) -> None:
    paths, vectors = walk(2, 120, 5, 0.25), np.array([[0.4, 0, 0], [0.3, -0.8, 1.1]])
    result = incoherent(ions(paths), vectors, route=route, max_lag=max_lag)
    np.testing.assert_allclose(result.F, naive(paths, result.sizes["lag"], vectors), atol=1e-12)
    assert float(result.lag[-1]) == pytest.approx(max_lag)
    np.testing.assert_allclose(result.q, np.linalg.norm(vectors, axis=1))
    np.testing.assert_array_equal(result.q_vector, vectors)


def test_a_vector_and_its_opposite_are_the_same() -> None:
    traj = ions(walk(3, 100, 4, 0.3))
    both = incoherent(traj, [[0.5, 0.2, -1.0], [-0.5, -0.2, 1.0]])
    np.testing.assert_allclose(both.F[0], both.F[1], atol=1e-13)


def test_species_together_are_their_mean_and_drift_is_removed() -> None:
    paths = walk(4, 80, 9, 0.2) + np.linspace(0, 40, 80)[:, None, None]
    traj = vh.from_arrays(paths, 30.0, ["Li"] * 3 + ["S"] * 6, 0.1 * np.arange(80), wrapped=False)
    li, s, both = (vh.spectra.incoherent(traj, of, Q, route="displacements") for of in ("Li", "S", ["Li", "S"]))
    np.testing.assert_allclose(both.F, (3 * li.F + 6 * s.F) / 9, atol=3e-5)
    centre = np.einsum("fai,a->fi", paths, traj.masses / traj.masses.sum())
    np.testing.assert_allclose(li.F, naive(paths[:, :3] - centre[:, None], 40, Q), atol=3e-5)


def test_origins_that_were_asked_for() -> None:
    paths, vectors = walk(5, 90, 4, 0.3), np.array([[0.4, 0.1, 0.9]])
    for origins, taken in (("first", slice(0, 1)), (7, slice(None, None, 7))):
        powder = incoherent(ions(paths), origins=origins)
        single = incoherent(ions(paths), vectors, origins=origins)
        for m in (0, 3, 40):
            moved = (paths[m:] - paths[: 90 - m])[taken]
            far = np.linalg.norm(moved, axis=-1)
            np.testing.assert_allclose(powder.F[:, m], [np.sinc(q * far / np.pi).mean() for q in Q], atol=1e-4)
            np.testing.assert_allclose(single.F[:, m], np.cos(moved @ vectors[0]).mean(), atol=1e-12)
            assert int(powder.n_origins[m]) == len(moved)


def test_skewed_cell_and_wrapped_frames() -> None:
    """Positions put back into the cell frame by frame scatter as the path does."""
    paths = walk(6, 100, 6, 0.3) + np.random.default_rng(6).uniform(0, 1, (6, 3)) @ SKEWED
    fractions = paths @ np.linalg.inv(SKEWED)
    wrapped = (fractions - np.floor(fractions)) @ SKEWED
    traj = vh.from_arrays(wrapped, SKEWED, ["Li"] * 6, 0.1 * np.arange(100), wrapped=True)
    np.testing.assert_allclose(incoherent(traj).F, naive(paths, 50, Q), atol=3e-5)


def test_a_breathing_cell_takes_displacements_not_positions() -> None:
    frames, n = 100, 8
    scale = 1 + 0.02 * np.sin(np.arange(frames))
    cells = scale[:, None, None] * np.eye(3) * 8.0
    paths = walk(7, frames, n, 0.4) + np.random.default_rng(7).uniform(0, 8, (n, 3))
    wrapped = paths % (8.0 * scale)[:, None, None]
    traj = vh.from_arrays(wrapped, cells, ["Li"] * n, 0.1 * np.arange(frames), wrapped=True)
    result = incoherent(traj)
    np.testing.assert_allclose(result.F, naive(traj.read_paths(), 50, Q), atol=3e-5)
    assert np.abs(result.F.values - naive(traj.positions, 50, Q)).max() > 1e-3


def test_unevenly_spaced_frames_have_f_only() -> None:
    steps = np.unique(np.round(np.geomspace(1, 3000, 90)).astype(int))
    paths = walk(8, 3001, 40, 0.05)[steps]
    traj = ions(paths, times=0.01 * steps)
    result = incoherent(traj, lags="log")
    assert "S" not in result
    assert "a spectrum needs every lag of evenly spaced frames" in result.attrs["verdict"]
    known = np.exp(-0.5 * (0.05 * np.array(Q)[:, None]) ** 2 * result.lag.values / 0.01)
    assert float((np.abs(result.F - known) < 3 * np.maximum(result.F_error, 1e-3)).mean()) > 0.95
    vector = [[0.0, 0.0, 1.2]]
    single = incoherent(traj, vector, lags="log")
    k = single.sizes["lag"] // 2
    i, j = np.array([(i, j) for i, a in enumerate(steps) for j, b in enumerate(steps) if
                     abs(0.01 * (b - a) - float(single.lag[k])) < 1e-6]).T  # fmt: skip
    np.testing.assert_allclose(single.F[0, k], np.cos(1.2 * (paths[j] - paths[i])[..., 2]).mean(), atol=1e-12)
    assert float(incoherent(traj, max_lag=5.0).lag[-1]) <= 5.0


def test_log_lags_are_some_of_all() -> None:
    traj = ions(walk(9, 200, 10, 0.3))
    every, few = incoherent(traj), incoherent(traj, lags="log")
    listed = incoherent(traj, lags=[0.5, 15.0])
    np.testing.assert_allclose(few.F, every.F.sel(lag=few.lag, method="nearest"), atol=3e-5)
    np.testing.assert_allclose(listed.F[:, 0], every.F[:, 5], atol=3e-5)
    assert float(few.lag[-1]) == pytest.approx(9.9)
    assert "S" not in few
    assert "S" not in listed
    vectors = incoherent(traj, [[0.4, 0, 0]], lags=[0.5, 15.0])
    np.testing.assert_allclose(vectors.F[0, 0], incoherent(traj, [[0.4, 0, 0]]).F[0, 5], atol=1e-12)


# the two routes


def test_both_routes_agree_on_motion_along_one_line() -> None:
    """The hardest case for directions: all atoms hop along the same axis."""
    rng = np.random.default_rng(10)
    paths = np.zeros((300, 12, 3))
    paths[..., 0] = np.cumsum(rng.normal(0, 0.3, (300, 12)), axis=0)
    exact, other = incoherent(ions(paths), route="displacements"), incoherent(ions(paths), route="fft")
    assert float(np.abs(exact.F - other.F).max()) < 1.2e-3
    assert other.attrs["directions_error"] < 1e-3
    assert other.attrs["directions"] > 50
    # what remains of S is in the same proportion
    np.testing.assert_allclose(other.S, exact.S, atol=2e-3 * float(exact.S.max()))


def test_both_routes_agree_better_on_motion_in_all_directions() -> None:
    traj = ions(walk(11, 300, 30, 0.2))
    exact, other = incoherent(traj, route="displacements"), incoherent(traj, route="fft", directions=40)
    # a sample of few paths is not quite the same in all directions, but by far less than it is off for being few
    assert (np.abs(exact.F - other.F)[:, 1:] < 0.1 * exact.F_error[:, 1:]).all()
    np.testing.assert_allclose(other.F_error, exact.F_error, rtol=0.1, atol=1e-12)
    assert other.attrs["directions"] == 43


def test_too_few_directions_are_told() -> None:
    paths = np.zeros((300, 12, 3))
    paths[..., 0] = np.cumsum(np.random.default_rng(12).normal(0, 0.7, (300, 12)), axis=0)
    with pytest.warns(VanhoveWarning, match="off the average over all directions"):
        assert incoherent(ions(paths), route="fft", directions=3, max_lag=5.0).attrs["directions_error"] > 5e-3


def test_the_quicker_route_is_taken_and_said() -> None:
    short = incoherent(ions(walk(13, 200, 8, 0.2)))
    assert short.attrs["route"] == "displacements"
    assert "by FFT over" in short.attrs["route_choice"]
    still = np.random.default_rng(13).normal(0, 0.02, (20_000, 8, 3))  # little motion: few directions
    long = incoherent(ions(still, spacing=0.01), 0.5)
    assert long.attrs["route"] == "fft"
    exact = incoherent(ions(still, spacing=0.01), 0.5, route="displacements", lags="log")
    np.testing.assert_allclose(long.F.sel(lag=exact.lag, method="nearest"), exact.F, atol=1e-6)


@pytest.mark.parametrize("order", [5, 11, 23, 41])
def test_rules_are_exact_up_to_their_order(order: int) -> None:
    directions, weights = half_sphere(order)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    axes = np.random.default_rng(1).normal(size=(20, 3))
    cosines = directions @ (axes / np.linalg.norm(axes, axis=1)[:, None]).T
    for power in range(0, order, 2):
        np.testing.assert_allclose(weights @ cosines**power, 1 / (power + 1), rtol=1e-9)


def test_the_count_of_directions_keeps_its_promise() -> None:
    """Gaussian motion along any one line, up to the largest rule: the average is good to 1e-3."""
    from scipy.special import erf

    rng = np.random.default_rng(2)
    lines = rng.normal(size=(200, 3))
    lines /= np.linalg.norm(lines, axis=1)[:, None]
    for x in np.arange(0.25, 20, 0.25):
        directions, weights = half_sphere(order_for(1.0, x))
        found = weights @ np.exp(-0.5 * (x * directions @ lines.T) ** 2)
        np.testing.assert_allclose(found, np.sqrt(np.pi / 2) / x * erf(x / np.sqrt(2)), atol=1e-3)
    assert order_for(10.0, 100.0) == ORDERS[-1]


# closed forms


def test_brownian_motion_has_a_lorentzian_of_half_width_hbar_d_q2() -> None:
    spacing, diffusion = 0.01, 0.6  # ps, Å²/ps
    paths = walk(14, 4000, 96, float(np.sqrt(2 * diffusion * spacing)))
    q = [1.0, 1.6, 2.2]
    result = incoherent(ions(paths, spacing), q, max_lag=10.0)
    known = np.exp(-diffusion * np.square(q)[:, None] * result.lag.values)
    off = np.abs(result.F.values - known)[:, 1:] / result.F_error.values[:, 1:]
    assert off.max() < 4.5
    for k, one in enumerate(q):
        width = HBAR * diffusion * one**2
        line = spectrum(known[k], spacing, lag_window(result.sizes["lag"], spacing))
        broadened = half_width(result.energy.values, line)  # with the window's share
        found = half_width(result.energy.values, result.S.values[k])
        assert broadened == pytest.approx(width, rel=0.35)
        assert found == pytest.approx(broadened, rel=0.06)
        quasi = np.abs(result.energy.values) < 8 * width
        pull = (result.S.values[k] - line)[quasi] / result.S_error.values[k, quasi]
        assert np.sqrt(np.mean(pull**2)) < 1.6
    assert result.attrs["resolution_fwhm"] == pytest.approx(PLANCK / 10.0)


def test_the_gaussian_approximation_of_gaussian_walks() -> None:
    traj = ions(walk(15, 600, 60, 0.1))
    result, msd = incoherent(traj), vh.dynamics.msd(traj, "Li", drift=None).msd.values[:300]
    np.testing.assert_allclose(result.F, np.exp(-np.square(Q)[:, None] * msd / 6), atol=0.02)
    small = np.square(Q)[:, None] * msd < 1e-2  # where it is exact
    np.testing.assert_allclose(
        (1 - result.F.values)[small], -np.expm1(-np.square(Q)[:, None] * msd / 6)[small], rtol=2e-2
    )


def gas(mass: float, kelvin: float, spacing: float, frames: int, n: int) -> np.ndarray:
    velocities = np.random.default_rng(16).normal(size=(n, 3))
    velocities *= np.sqrt(3 * K_B * kelvin / (mass * U_A2_PER_PS2_IN_MEV) / np.square(velocities).sum(axis=1).mean())
    return spacing * np.arange(frames)[:, None, None] * velocities


@pytest.mark.parametrize("route", ["displacements", "fft"])
def test_free_flight_recoils(route: str) -> None:
    """F, the moments of the classical line and those with detailed balance, of a Maxwell gas of Li."""
    mass, kelvin, spacing, q = 6.94, 300.0, 0.004, np.array([1.0, 2.0])
    traj = ions(gas(mass, kelvin, spacing, 401, 2000), spacing, temperature=kelvin)
    options = {} if route == "displacements" else {"directions": 43}
    result = incoherent(traj, q, route=route, max_lag=1.0, **options)
    kt = K_B * kelvin
    recoil = (HBAR * q) ** 2 / (mass * U_A2_PER_PS2_IN_MEV)  # ħ²Q²/m, meV
    known = np.exp(-0.5 * (recoil * kt)[:, None] * (result.lag.values / HBAR) ** 2)
    assert float((np.abs(result.F - known) / np.maximum(result.F_error, 1e-7)).max()) < 4.5
    energy = result.energy.values
    second = np.trapezoid(energy**2 * result.S.values, energy, axis=1)
    window = 2 * (np.pi * HBAR / (2 * 1.0)) ** 2  # that of von Hann adds its own
    np.testing.assert_allclose(second - window, kt * recoil, rtol=2e-3)
    quantum = incoherent(traj, q, route=route, max_lag=1.0, correction="detailed-balance", **options)
    first = np.trapezoid(energy * quantum.S.values, energy, axis=1)
    np.testing.assert_allclose(first - window / (2 * kt), recoil / 2, rtol=2e-3)
    np.testing.assert_allclose(quantum.S, result.S * detailed_balance(energy, kelvin), rtol=1e-12)
    np.testing.assert_allclose(quantum.S_error, result.S_error * detailed_balance(energy, kelvin), rtol=1e-12)
    assert quantum.attrs["correction"] == "detailed-balance"
    assert quantum.attrs["temperature"] == kelvin


def test_harmonic_oscillators_have_lines_at_multiples_of_their_energy() -> None:
    """F = exp(-Q²⟨x²⟩(1 - cos ωt)), of thermal oscillators: lines at nħω, the elastic one of exp(-Q²⟨x²⟩) I₀."""
    from scipy.special import ive

    level, spread, spacing, q = 10.0, 0.09, 0.02, 2.0  # meV, ⟨x²⟩ in Å² an axis
    rng = np.random.default_rng(17)
    t = spacing * np.arange(2000)[:, None, None]
    cosine, sine = rng.normal(0, np.sqrt(spread), (2, 3000, 3))
    paths = cosine * np.cos(level * t / HBAR) + sine * np.sin(level * t / HBAR)
    result = incoherent(ions(paths, spacing), q)
    u = q**2 * spread
    known = np.exp(-u * (1 - np.cos(level * result.lag.values / HBAR)))
    np.testing.assert_allclose(result.F[0], known, atol=0.02)
    energy, line = result.energy.values, result.S.values[0]
    for n in range(3):
        near = np.abs(energy - n * level) < level / 2
        assert np.trapezoid(line[near], energy[near]) == pytest.approx(ive(n, u), abs=0.01)
        assert energy[near][np.argmax(line[near])] == pytest.approx(n * level, abs=energy[1] - energy[0])


def test_frozen_atoms_scatter_elastically() -> None:
    paths = np.broadcast_to(np.random.default_rng(18).uniform(0, 20, (30, 3)), (400, 30, 3))
    for q in (Q, [[0.3, 0.2, 0.1]]):
        result = incoherent(ions(paths), q)
        np.testing.assert_allclose(result.F, 1, rtol=1e-13)
        np.testing.assert_allclose(result.F_end, 1, rtol=1e-13)
        assert float(result.F_error.max()) < 1e-13
        line = result.S.values[0]
        assert float(result.S_error.max()) <= 1e-6 * line.max()
        assert 2 * half_width(result.energy.values, line) == pytest.approx(result.attrs["resolution_fwhm"], rel=0.01)
        assert "elastic or narrower" in result.attrs["verdict"]


def test_the_end_is_the_elastic_part_of_a_cage() -> None:
    """An Ornstein-Uhlenbeck cage that is faster than the lags: F ends at exp(-Q²⟨x²⟩)."""
    rng, keep, spread = np.random.default_rng(19), np.exp(-0.2), 0.16
    kicks = rng.normal(size=(1500, 64, 3)) * np.sqrt(spread * (1 - keep**2))
    kicks[0] /= np.sqrt(1 - keep**2)
    result = incoherent(ions(np.asarray(lfilter([1], [1, -keep], kicks, axis=0))))
    known = np.exp(-np.square(Q) * spread)
    assert (np.abs(result.F_end.values - known) < 3.5 * result.F_end_error.values).all()
    assert (result.F_end_error.values < 0.02).all()
    np.testing.assert_allclose(
        result.F_end, result.F.sel(lag=slice(0.8 * float(result.lag[-1]) - 1e-9, None)).mean("lag")
    )


def test_the_integral_is_one_and_the_resolution_is_as_asked() -> None:
    traj = ions(walk(20, 500, 12, 0.05))
    for options in ({}, {"resolution": 1.0}):
        result = incoherent(traj, **options)
        np.testing.assert_allclose(np.trapezoid(result.S, result.energy, axis=1), 1, rtol=1e-10)
    assert result.attrs["resolution_fwhm"] == 1.0
    assert result.attrs["window"] == "Gaussian"
    assert result.attrs["nyquist"] == pytest.approx(PLANCK / 0.2)
    assert result.attrs["correction"] == "classical"


# errors


@pytest.mark.parametrize(("n", "seed"), [(8, 21), (40, 22)])
def test_errors_cover(n: int, seed: int) -> None:
    """Of 120 samples of hoppers in a soft cage two thirds lie within one error of the mean of all, in F and in S."""
    rng = np.random.default_rng(seed)

    def sample() -> np.ndarray:
        jumps = 2.5 * rng.normal(size=(250, n, 3)) * (rng.uniform(size=(250, n, 1)) < 0.03)
        return np.cumsum(jumps, axis=0) + lfilter([0.2], [1, -0.8], rng.normal(size=(250, n, 3)), axis=0)

    found = [incoherent(ions(sample()), [0.5, 1.2]) for _ in range(120)]
    for name, error, some in (("F", "F_error", [1, 5, 30, 124]), ("S", "S_error", [124, 127, 140, 180, 240])):
        values = np.array([one[name].values[:, some] for one in found])
        errors = np.array([one[error].values[:, some] for one in found])
        inside = (np.abs(values - values.mean(axis=0)) < errors).mean()
        assert 0.6 < inside < 0.75, name
        assert 0.85 < float(np.sqrt(values.var(axis=0).mean() / np.square(errors).mean())) < 1.15, name
    ends = np.array([one.F_end.values for one in found])
    sigma = np.array([one.F_end_error.values for one in found])
    assert 0.55 < (np.abs(ends - ends.mean(axis=0)) < sigma).mean() < 0.78


def test_few_atoms_have_the_error_of_a_gaussian_walk() -> None:
    found = [incoherent(ions(walk(100 + k, 400, 3, 0.15)), [0.5, 1.0]) for k in range(80)]
    assert np.isnan(found[0].S_error).all()
    assert "too few atoms" in found[0].attrs["error"]
    for lag in (1, 10, 60):
        values = np.array([one.F.values[:, lag] for one in found])
        typical = np.array([one.F_error.values[:, lag] for one in found])
        ratio = values.std(axis=0) / np.sqrt(np.square(typical).mean(axis=0))
        assert ((ratio > 0.7) & (ratio < 1.3)).all(), (lag, ratio)


def test_every_part_is_left_out_in_turn() -> None:
    """40 atoms are 32 groups, 16 parts of two: F without one is F of the others."""
    paths = walk(24, 150, 40, 0.2)
    result = incoherent(ions(paths), route="fft", directions=25)
    assert result.F_without.sizes == {"part": 16, "q": 3, "lag": 75}
    part = np.arange(40) * 32 // 40 // 2
    for k in (0, 7, 15):
        others = incoherent(ions(paths[:, part != k]), route="fft", directions=25)
        np.testing.assert_allclose(result.F_without[k], others.F, atol=1e-12)
    assert "F_without" not in incoherent(ions(paths[:, :7]))
    assert "F_without" not in incoherent(ions(paths), lags="log")


# memory and threads


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    traj = ions(walk(23, 300, 70, 0.2))
    for q in (Q, [[0.3, 0.4, 0.5]]):
        whole = incoherent(traj, q)
        monkeypatch.setenv("VANHOVE_MEMORY", "3MB")
        monkeypatch.setenv("VANHOVE_THREADS", "1")
        small = incoherent(traj, q)
        monkeypatch.delenv("VANHOVE_MEMORY")
        monkeypatch.delenv("VANHOVE_THREADS")
        for name in ("F", "S", "F_error", "S_error", "F_end", "F_without"):
            np.testing.assert_allclose(small[name], whole[name], rtol=1e-9, atol=1e-12)


def test_more_than_the_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_MEMORY", "3MB")
    with pytest.raises(Refusal, match="Take fewer Q, a shorter max_lag"):
        incoherent(ions(walk(24, 4000, 2, 0.1)), np.linspace(0.1, 3, 60))


# what the data can't answer


def test_widths_below_the_resolution_are_named() -> None:
    result = incoherent(ions(walk(25, 400, 20, 0.1)), [0.2, 3.0])
    assert result.attrs["verdict"].startswith("At Q = 0.2 1/Å F is still above 1/e after")
    assert incoherent(ions(walk(25, 400, 20, 0.1)), [3.0]).attrs["verdict"].startswith("wider than the resolution")


def test_frames_too_far_apart_are_told() -> None:
    with pytest.warns(VanhoveWarning, match=r"At Q = 2.5 1/Å some .* of the intensity is spread over all energies"):
        incoherent(ions(walk(26, 300, 20, 0.6)), [0.3, 2.5])


@pytest.mark.parametrize(
    ("q", "options", "said"),
    [
        (0.0, {}, "above 0"),
        ([1.0, -1.0], {}, "above 0"),
        ([[1.0, 2.0]], {}, "shape"),
        ([], {}, "shape"),
        ("Li", {}, "Give .Q."),
        ([np.nan], {}, "no number"),
        ([[0, 0, 0]], {}, "vector 0"),
        (1.0, {"max_lag": 100.0}, "the run is 9.9 ps long"),
        (1.0, {"max_lag": 0.01}, "0.1 ps apart"),
        (1.0, {"max_lag": -1.0}, "above 0"),
        (1.0, {"route": "slow"}, "auto"),
        (1.0, {"lags": "some"}, "all"),
        (1.0, {"lags": [0.0]}, "none above 0"),
        (1.0, {"origins": 0}, "whole number"),
        (1.0, {"origins": 5, "route": "fft"}, "each of them an origin"),
        (1.0, {"directions": 5, "route": "displacements"}, "exact"),
        (1.0, {"directions": 5000, "route": "fft"}, "largest rule has 601"),
        (1.0, {"directions": 0, "route": "fft"}, "whole number"),
        ([[1.0, 0, 0]], {"directions": 5}, "vectors have their own"),
        (1.0, {"correction": "quantum"}, "detailed-balance"),
        (1.0, {"correction": "detailed-balance"}, "needs the temperature"),
        (1.0, {"temperature": -5.0}, "above 0"),
        (1.0, {"lags": "log", "resolution": 1.0}, "belongs to a spectrum"),
        (1.0, {"lags": "log", "correction": "detailed-balance"}, "belongs to a spectrum"),
        (1.0, {"resolution": 1e-4}, "needs lags up to"),
    ],
)
def test_refusals(q: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        incoherent(ions(walk(27, 100, 4, 0.1)), q, **options)


def test_one_frame_is_refused() -> None:
    with pytest.raises(Refusal, match="no displacements"):
        incoherent(ions(walk(28, 1, 4, 0.1)))
    assert incoherent(ions(walk(28, 2, 4, 0.01))).sizes["lag"] == 2


# a peer


def test_agrees_with_dynasor_at_vectors_of_a_skewed_cell(tmp_path: Path) -> None:
    dynasor = pytest.importorskip("dynasor")
    ase = pytest.importorskip("ase")
    from ase.io import write

    names = ["Li"] * 9 + ["S"] * 7
    paths = walk(29, 60, 16, 0.15) + np.random.default_rng(29).uniform(0, 1, (16, 3)) @ SKEWED
    write(tmp_path / "x.xyz", [ase.Atoms(names, frame, cell=SKEWED, pbc=True) for frame in paths], format="extxyz")
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 2], [-1, 2, 1]]) @ (2 * np.pi * np.linalg.inv(SKEWED).T)
    theirs = dynasor.compute_dynamic_structure_factors(
        dynasor.Trajectory(str(tmp_path / "x.xyz"), trajectory_format="extxyz", atomic_indices="read_from_trajectory"),
        vectors, dt=20.0, window_size=20, window_step=1, calculate_incoherent=True,
    )  # fmt: skip
    traj = vh.from_arrays(paths, SKEWED, names, 0.02 * np.arange(60), wrapped=False)
    for label, n in (("Li", 9), ("S", 7)):
        ours = vh.spectra.incoherent(traj, label, vectors, drift=None, max_lag=0.4)
        # theirs is a share of all atoms
        np.testing.assert_allclose(ours.F, theirs[f"Fqt_incoh_{label}"] * len(names) / n, atol=1e-7)
