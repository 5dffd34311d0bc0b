"""Coherent scattering against loops, closed forms, the static structure factor and dynasor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from crystals import brownian, crystal, mode_energy, skewed

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR
from vanhove.spectra.energies import detailed_balance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def densities(traj: vh.Trajectory, vectors: Floats) -> dict[str, NDArray[np.complex128]]:
    return {
        name: np.exp(1j * traj.positions[:, traj.species == name] @ vectors.T).sum(axis=1) for name in traj.composition
    }


def looped(a: NDArray[np.complex128], b: NDArray[np.complex128], lags: int, atoms: int) -> Floats:
    """Both directions of time, every origin, one lag after the other: (vector, lag)."""
    frames = len(a)
    pairs = ((a, b), (b, a))
    return np.array([
        sum((one[lag:] * other[: frames - lag].conj()).mean(axis=0).real for one, other in pairs) / (2 * atoms)
        for lag in range(lags)
    ]).T  # fmt: skip


def test_it_is_the_loop_over_origins_vectors_and_pairs_in_a_skewed_cell() -> None:
    traj = skewed()
    result = vh.spectra.coherent(traj, [0.9, 1.4, 1.9], width=0.3, max_lag=2.0, drift=None)
    vectors = 2 * np.pi * np.linalg.inv(traj.cells[0]).T
    grid = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    half = [tuple(n) > (0, 0, 0) for n in grid.tolist()]
    all_q = grid[half] @ vectors
    for k, middle in enumerate(result.q.values):
        mine = all_q[np.abs(np.linalg.norm(all_q, axis=1) - middle) < 0.15]
        assert len(mine) == result.n_vectors.values[k]
        np.testing.assert_allclose(result.q_mean.values[k], np.linalg.norm(mine, axis=1).mean(), rtol=1e-12)
        rho = densities(traj, mine)
        for pair in ("Li-Li", "Li-S", "S-S"):
            a, b = pair.split("-")
            expected = looped(rho[a], rho[b], result.sizes["lag"], traj.n_atoms).mean(axis=0)
            np.testing.assert_allclose(result.F.sel(pair=pair).values[k], expected, atol=1e-12)


def test_pairs_in_either_order_and_all_of_them_by_default() -> None:
    traj = brownian(1)
    every = vh.spectra.coherent(traj, [1.2])
    assert every.pair.values.tolist() == ["Li-Li", "Li-S", "S-S"]
    turned = vh.spectra.coherent(traj, [1.2], pairs="S-Li")
    assert turned.pair.values.tolist() == ["S-Li"]
    np.testing.assert_allclose(turned.S.values[0], every.S.sel(pair="Li-S").values, rtol=1e-9, atol=1e-15)


def test_partials_add_up_to_all_atoms() -> None:
    traj = skewed()
    parts = vh.spectra.coherent(traj, [1.2, 1.6])
    alike = vh.from_arrays(traj.positions, traj.cells[0], ["S"] * traj.n_atoms, traj.times, wrapped=False)
    whole = vh.spectra.coherent(alike, [1.2, 1.6], drift=None)
    parts = vh.spectra.coherent(traj, [1.2, 1.6], drift=None)
    weights = [1.0 if len(set(pair.split("-"))) == 1 else 2.0 for pair in parts.pair.values]
    for name in ("F", "S"):
        np.testing.assert_allclose(
            np.einsum("p,pqx->qx", weights, parts[name].values), whole[name].values[0], atol=1e-12
        )


def test_at_lag_zero_it_is_the_static_structure_factor() -> None:
    traj = skewed()
    static = vh.structure.structure_factor(traj, q_max=2.5, width=0.25, convention="number")
    known = static.n_q.values > 0
    result = vh.spectra.coherent(traj, static.q.values[known], width=0.25)
    for pair in result.pair.values:
        np.testing.assert_allclose(
            result.F.sel(pair=pair).values[:, 0], static.S.sel(pair=pair).values[known], rtol=1e-9
        )
    np.testing.assert_allclose(result.q_mean.values, static.q_mean.values[known], rtol=1e-9)


def test_an_ideal_gas_scatters_coherently_as_its_atoms_do() -> None:
    """F_ij = c_i δ_ij exp(-DQ²t), since no atom knows of another."""
    runs = [vh.spectra.coherent(brownian(seed), [1.0, 1.5], width=0.3, drift=None, max_lag=4.0) for seed in range(40)]
    F = np.mean([run.F.values for run in runs], axis=0)
    error = np.std([run.F.values for run in runs], axis=0) / np.sqrt(len(runs))
    D = 0.15**2 / (2 * 0.1)
    decay = np.exp(-D * runs[0].q_mean.values[:, None] ** 2 * runs[0].lag.values)
    for pair, share in (("Li-Li", 15 / 40), ("S-S", 25 / 40), ("Li-S", 0.0)):
        n = runs[0].pair.values.tolist().index(pair)
        # shells are narrow, but not infinitely: the mean of exp(-DQ²t) is not that of the mean Q
        assert (np.abs(F[n] - share * decay) < 4 * error[n] + 0.01 * share).all()


@pytest.mark.parametrize("lags", [4.0, 20.0])
def test_stated_errors_are_the_scatter_between_runs(lags: float) -> None:
    """Over 60 runs of an ideal gas that relaxes within a quarter of each run; errors are known to some 10 %."""
    runs = [vh.spectra.coherent(brownian(seed), [1.0, 1.5], width=0.3, drift=None, max_lag=lags) for seed in range(60)]
    for name in ("F", "S"):
        scatter = np.std([run[name].values for run in runs], axis=0, ddof=1)
        stated = np.sqrt(np.mean([run[f"{name}_error"].values ** 2 for run in runs], axis=0))
        ratio = stated / scatter
        assert 0.8 < np.median(ratio) < 1.25
        assert ratio.min() > 0.5
        assert ratio.max() < 2.0


def test_what_is_frozen_counts_as_known() -> None:
    """A crystal with one weak phonon: its Bragg peak is no fluctuation, however high."""
    traj = crystal((6, 2, 2), [((1, 0, 0), (1, 0, 0), 8.0)], frames=1000)
    bragg = vh.spectra.coherent(traj, np.array([[2 * np.pi / 4, 0, 0]]))
    assert bragg.F.values[0, 0, 0] > 0.9 * traj.n_atoms
    assert bragg.F_error.values[0, 0, 0] < 0.02 * bragg.F.values[0, 0, 0]


def test_phonons_of_a_chain_stand_on_its_dispersion() -> None:
    cells, highest = 16, 20.0
    modes = [((m, 0, 0), (1.0, 0, 0), float(mode_energy(m, cells, highest))) for m in range(1, 9)]
    traj = crystal((cells, 1, 1), modes, amplitude=0.005)
    q = 2 * np.pi / (cells * 4.0) * np.arange(1, 9)
    result = vh.spectra.coherent(traj, np.column_stack([q, 0 * q, 0 * q]))
    energy = result.energy.values
    loss = energy > 0
    for k, (_, _, expected) in enumerate(modes):
        peak = energy[loss][np.argmax(result.S.values[0, k][loss])]
        assert abs(peak - expected) <= energy[1] - energy[0]


def test_classical_moments_and_detailed_balance() -> None:
    traj = crystal((8, 1, 1), [((m, 0, 0), (1.0, 0, 0), 3.0 * m) for m in (1, 2, 3)], amplitude=0.005, frames=2000)
    q = np.array([[2 * np.pi / 32.0, 0, 0]])
    plain = vh.spectra.coherent(traj, q)
    balanced = vh.spectra.coherent(traj, q, correction="detailed-balance")
    factor = detailed_balance(plain.energy.values, 300.0)
    np.testing.assert_allclose(balanced.S.values, plain.S.values * factor)
    np.testing.assert_allclose(balanced.S_error.values, plain.S_error.values * factor)
    np.testing.assert_array_equal(balanced.F.values, plain.F.values)
    step = plain.energy.values[1] - plain.energy.values[0]
    np.testing.assert_allclose(np.trapezoid(plain.S.values, dx=step), plain.F.values[..., 0], rtol=1e-9)
    second = np.trapezoid(plain.S.values[0, 0] * plain.energy.values**2, dx=step)
    slope = -np.gradient(np.gradient(plain.F.values[0, 0], 0.02), 0.02)[2] * HBAR**2
    assert second == pytest.approx(slope, rel=0.2)


def test_a_coarser_resolution_folds_the_same_line() -> None:
    traj = crystal((8, 1, 1), [((1, 0, 0), (1.0, 0, 0), 6.0)], amplitude=0.005)
    q = np.array([[2 * np.pi / 32.0, 0, 0]])
    result = vh.spectra.coherent(traj, q, resolution=1.0)
    S, energy = result.S.values[0, 0], result.energy.values
    upper = energy > 0
    above = energy[upper][S[upper] > S[upper].max() / 2]
    assert above[-1] - above[0] == pytest.approx(1.0, abs=0.1)
    assert result.attrs["resolution_fwhm"] == 1.0


def test_a_breathing_cell_keeps_its_vectors() -> None:
    """Atoms at rest in fractional coordinates: ρ at fixed h, k, l does not change, though Q and the positions do."""
    rng = np.random.default_rng(5)
    fractional = rng.random((20, 3))
    breath = 1 + 0.02 * np.sin(0.3 * np.arange(50))
    cells = breath[:, None, None] * np.array([[8.0, 0, 0], [1.0, 9.0, 0], [0, 0.5, 10.0]])
    positions = fractional @ cells
    traj = vh.from_arrays(positions, cells, ["S"] * 20, 0.1 * np.arange(50), wrapped=True)
    result = vh.spectra.coherent(traj, [1.0, 1.5])
    np.testing.assert_allclose(result.F.values, result.F.values[..., :1].repeat(result.sizes["lag"], -1), rtol=1e-9)
    stretched = vh.from_arrays(
        fractional @ (cells * np.linspace(1, 1.2, 50)[:, None, None]),
        cells * np.linspace(1, 1.2, 50)[:, None, None], ["S"] * 20, 0.1 * np.arange(50), wrapped=True,
    )  # fmt: skip
    with pytest.raises(Refusal, match="cell changes too much"):
        vh.spectra.coherent(stretched, [1.0])


def test_the_drift_of_the_whole_is_no_motion() -> None:
    still = brownian(2, step=0.0, frames=60)
    moving = still.positions + 0.05 * np.arange(60)[:, None, None]
    traj = vh.from_arrays(moving, 10.0, still.species.tolist(), still.times, wrapped=False)
    seen = vh.spectra.coherent(traj, [1.3])
    np.testing.assert_allclose(seen.F.values, seen.F.values[..., :1].repeat(seen.sizes["lag"], -1), rtol=1e-9)
    as_simulated = vh.spectra.coherent(traj, [1.3], drift=None)
    assert as_simulated.F.values[0, 0, 20] < 0.9 * as_simulated.F.values[0, 0, 0]


def test_single_vectors_and_both_signs() -> None:
    traj = skewed()
    vectors = np.array([[1, 2, -1], [-1, -2, 1], [0, 0, 3]]) @ (2 * np.pi * np.linalg.inv(traj.cells[0]).T)
    result = vh.spectra.coherent(traj, vectors, drift=None, max_lag=1.0)
    np.testing.assert_allclose(result.q.values, np.linalg.norm(vectors, axis=1))
    assert result.hkl.values.tolist() == [[1, 2, -1], [-1, -2, 1], [0, 0, 3]]
    np.testing.assert_array_equal(result.F.values[:, 0], result.F.values[:, 1])
    rho = densities(traj, vectors)
    expected = looped(rho["Li"], rho["S"], result.sizes["lag"], traj.n_atoms)
    np.testing.assert_allclose(result.F.sel(pair="Li-S").values, expected, atol=1e-12)


def test_a_part_of_the_vectors_is_drawn_the_same_way_every_time() -> None:
    traj = brownian(3)
    some = vh.spectra.coherent(traj, [1.5, 2.5], width=0.4, q_vectors=6)
    assert some.n_vectors.values.tolist() == [6, 6]
    again = vh.spectra.coherent(traj, [1.5, 2.5], width=0.4, q_vectors=6)
    np.testing.assert_array_equal(some.F.values, again.F.values)


def test_overlapping_shells_share_vectors_and_empty_ones_are_said() -> None:
    traj = brownian(4)
    wide = vh.spectra.coherent(traj, [1.0, 1.1, 0.3], width=0.3)
    alone = vh.spectra.coherent(traj, [1.1], width=0.3)
    np.testing.assert_allclose(wide.F.values[:, 1], alone.F.values[:, 0], rtol=1e-12)
    assert wide.n_vectors.values[2] == 0
    assert np.isnan(wide.S.values[:, 2]).all()
    assert "0.3" in wide.attrs["verdict"]


def test_a_small_memory_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """In many parts of Q, each of which reads the frames again; a shell may lie in two of them."""
    traj = skewed(1000, 30)
    large = vh.spectra.coherent(traj, [1.0, 1.4, 1.8, 2.2])
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    small = vh.spectra.coherent(traj, [1.0, 1.4, 1.8, 2.2])
    for name in large.data_vars:
        np.testing.assert_allclose(small[name].values, large[name].values, rtol=1e-8, atol=1e-12)


def test_the_same_bits_whatever_the_number_of_threads_does_first() -> None:
    traj = skewed(300)
    first, second = (vh.spectra.coherent(traj, [1.0, 1.4, 1.8, 2.2]) for _ in range(2))
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name].values, second[name].values)


def test_large_cells_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The non-uniform FFT that takes over in cells of many atoms gives what the direct sums do."""
    from vanhove.spectra import density_modes

    traj = skewed(30)
    direct = vh.spectra.coherent(traj, [1.0, 1.5, 2.0])
    moving = vh.spectra.currents(traj, q=[1.0, 1.5, 2.0])
    monkeypatch.setattr(density_modes, "_grid_is_faster", lambda *_: True)
    np.testing.assert_allclose(vh.spectra.coherent(traj, [1.0, 1.5, 2.0]).F.values, direct.F.values, atol=1e-6)
    on_grid = vh.spectra.currents(traj, q=[1.0, 1.5, 2.0])
    for name in ("F_L", "F_T"):
        np.testing.assert_allclose(on_grid[name].values, moving[name].values, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(q=[0.01], width=0.1), "the nearest to 0.01 is 0.6283"),
        (dict(q=[-1.0]), "above 0"),
        (dict(q=[[0.7, 0.1, 0.0]]), "nearest is"),
        (dict(q=[[0.0, 0.0, 0.0]]), "Q = 0"),
        (dict(q=[[0.628318, 0.0, 0.0]], width=0.1), "width belongs to shells"),
        (dict(q=[1.0], width=-0.1), "width"),
        (dict(q=[1.0], q_vectors=0), "q_vectors"),
        (dict(q=[1.0], max_lag=1e6), "max_lag"),
        (dict(q=[1.0], max_lag=0.0), "max_lag"),
        (dict(q=[1.0], resolution=1e-5), "resolution"),
        (dict(q=[1.0], pairs=["Li-P"]), "no 'P'"),
        (dict(q=[1.0], pairs=[]), "pairs is empty"),
        (dict(q=[1.0], correction="quantum"), "correction"),
        (dict(q=[1.0], drift="framework"), "drift"),
    ],
)
def test_refusals(options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        vh.spectra.coherent(brownian(1), **options)


def test_the_nearest_vector_is_named() -> None:
    with pytest.raises(Refusal, match=r"0\.628319, 0, 0.* h, k, l = 1, 0, 0"):
        vh.spectra.coherent(brownian(1), np.array([[0.7, 0.1, 0.0]]))


def test_detailed_balance_needs_a_temperature() -> None:
    traj = crystal((4, 1, 1), [((1, 0, 0), (1, 0, 0), 5.0)], frames=50, temperature=None)
    with pytest.raises(Refusal, match="temperature"):
        vh.spectra.coherent(traj, [1.57], correction="detailed-balance")
    given = vh.spectra.coherent(traj, [1.57], correction="detailed-balance", temperature=300.0)
    assert given.attrs["temperature"] == 300.0


def test_uneven_frames_are_refused() -> None:
    traj = brownian(1)
    times = traj.times.copy()
    times[100:] += 0.03
    uneven = vh.from_arrays(traj.positions, 10.0, traj.species.tolist(), times, wrapped=False)
    with pytest.raises(Refusal, match="not evenly spaced"):
        vh.spectra.coherent(uneven, [1.0])
