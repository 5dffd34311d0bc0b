"""Ions that move together: both collective routes, the frame of reference, the Haven ratio, their errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langevin import LENGTH, bound_pairs, free, moving

import vanhove as vh
from vanhove.base.units import CM2_S_PER_A2_PS, HBAR, K_B_EV, SIGMA_MS_CM

SPACING, FRICTION, SPEED2, KELVIN = 0.05, 4.0, 2.0, 600.0  # ps, 1/ps, Å²/ps², K
UNIT = SIGMA_MS_CM * CM2_S_PER_A2_PS / (LENGTH**3 * K_B_EV * KELVIN)  # mS/cm of one charge whose D is 1 Å²/ps
FAST = dict(length=3.0, plateau=(2.0, 3.0))
SALT = {"Li": 1.0, "Cl": -1.0}


def salt(seed: int = 1, frames: int = 4000, n: int = 10) -> vh.Trajectory:
    """``n`` Li and ``n`` Cl that know nothing of each other: σ = 2 n UNIT D."""
    paths, velocities = free(np.random.default_rng(seed), frames, 2 * n, SPACING, FRICTION, SPEED2)
    return moving(paths, velocities, SPACING, ["Li"] * n + ["Cl"] * n, temperature=KELVIN)


def pairs(seed: int = 1, frames: int = 6000, n: int = 10, species: str = "Na") -> vh.Trajectory:
    paths, velocities = bound_pairs(np.random.default_rng(seed), frames, n, SPACING, FRICTION, SPEED2, 30.0)
    return moving(paths, velocities, SPACING, ["Li"] * n + [species] * n, temperature=KELVIN)


def conductivity(traj: vh.Trajectory, charges: dict[str, float], method: str, **options: Any) -> Any:
    return vh.dynamics.conductivity(traj, charges, method=method, reference=options.pop("reference", None), **options)


def sigma(result: Any) -> tuple[float, float]:
    return float(result.sigma_total), float(result.sigma_total_error)


@pytest.mark.parametrize("method", ["einstein", "green-kubo"])
def test_independent_ions_have_a_haven_ratio_of_one(method: str) -> None:
    result = conductivity(salt(), SALT, method, **(FAST if method == "green-kubo" else {}))
    truth = 20 * UNIT * SPEED2 / FRICTION
    value, error = sigma(result)
    assert abs(value - truth) < 3 * error
    assert 0.02 * truth < error < 0.3 * truth
    assert abs(float(result.haven_ratio) - 1) < 3 * float(result.haven_ratio_error)
    assert result.attrs["verdict"] == "diffusive"
    assert float(result.sigma.sum()) == pytest.approx(value)
    assert float(result.sigma_total_upper) == pytest.approx(value + 1.645 * error)


@pytest.mark.parametrize("n", [3, 20])
def test_a_walk_that_all_ions_share_is_found_to_be_one(n: int) -> None:
    """With no window given: so many ions on one path differ too much from random walks for a D of their own."""
    rng = np.random.default_rng(2)
    paths = rng.uniform(0, LENGTH, (n, 3)) + np.cumsum(rng.normal(size=(3000, 1, 3)), axis=0)
    traj = moving(paths, None, SPACING, ["Li"] * n, temperature=KELVIN)
    with pytest.warns(vh.VanhoveWarning, match="add up"):
        result = conductivity(traj, {"Li": 1}, "einstein")
    assert float(result.haven_ratio) == pytest.approx(1 / n, abs=3 * float(result.haven_ratio_error))
    assert abs(float(result.sigma_total) - n**2 * UNIT * 0.5 / SPACING) < 3 * float(result.sigma_total_error)


@pytest.mark.parametrize("method", ["einstein", "green-kubo"])
def test_ions_that_move_as_one_conduct_as_one_of_their_number(method: str) -> None:
    """N on the same path: the collective MSD is N times each ion's, H = 1/N."""
    n = 8
    paths, velocities = free(np.random.default_rng(2), 6000, 1, SPACING, FRICTION, SPEED2)
    start = np.random.default_rng(3).uniform(0, LENGTH, (n, 3))
    together = moving(paths + start, np.repeat(velocities, n, axis=1), SPACING, ["Li"] * n, temperature=KELVIN)
    options: dict[str, Any] = FAST if method == "green-kubo" else {"window": (1.0, 8.0)}
    known = vh.dynamics.diffusion(vh.dynamics.msd(together, "Li", drift=None, lags="log"), window=(1.0, 8.0))
    with pytest.warns(vh.VanhoveWarning, match="add up"):
        result = conductivity(together, {"Li": 1}, method, diffusion={"Li": known}, **options)
    np.testing.assert_allclose(result.running, n * result.self.sel(pair="Li-Li"), rtol=1e-9, atol=1e-9)
    tolerance = 1e-9 if method == "green-kubo" else 3 * float(result.haven_ratio_error)
    assert float(result.haven_ratio) == pytest.approx(1 / n, abs=tolerance)


def test_bound_pairs_by_both_routes() -> None:
    """Pairs of like charge carry twice what their ions would alone; of unlike charge nothing."""
    traj = pairs()
    truth = 2 * 20 * UNIT * SPEED2 / FRICTION / 2
    both = {}
    for method in ("einstein", "green-kubo"):
        with pytest.warns(vh.VanhoveWarning, match="add up"):
            result = conductivity(traj, {"Li": 1, "Na": 1}, method, **(FAST if method == "green-kubo" else {}))
        both[method] = sigma(result)
        assert abs(both[method][0] - truth) < 3 * both[method][1]
        assert abs(float(result.haven_ratio) - 0.5) < 3 * float(result.haven_ratio_error)
    (one, its_error), (other, other_error) = both.values()
    assert abs(one - other) < 3 * np.hypot(its_error, other_error)
    nothing = conductivity(traj, {"Li": 1, "Na": -1}, "einstein")
    assert np.isnan(nothing.sigma_total)
    assert np.isnan(nothing.haven_ratio)
    assert "no steady conduction" in nothing.attrs["verdict"]
    assert 0 < float(nothing.sigma_total_upper) < 0.1 * truth
    polarised = conductivity(traj, {"Li": 1, "Na": -1}, "green-kubo", **FAST)
    value, error = sigma(polarised)
    assert abs(value) < 3 * error
    assert error < 0.1 * truth
    assert np.isnan(polarised.haven_ratio)


@pytest.mark.parametrize("method", ["einstein", "green-kubo"])
def test_a_neutral_salt_does_not_know_its_frame(method: str) -> None:
    """In a cell that drifts, with a framework: the total in each frame is the same to rounding."""
    n, frames = 10, 3000
    rng = np.random.default_rng(4)
    paths, velocities = free(rng, frames, 2 * n + 5, SPACING, FRICTION, SPEED2)
    paths += 0.3 * SPACING * np.arange(frames)[:, None, None]
    traj = moving(paths, velocities + 0.3, SPACING, ["Li"] * n + ["Cl"] * n + ["S"] * 5, temperature=KELVIN)
    charges = {"Li": 1.0, "Cl": -1.0, "S": 0.0}
    options: dict[str, Any] = FAST if method == "green-kubo" else {}
    found = [conductivity(traj, charges, method, reference=frame, **options) for frame in ("cell", "framework", None)]
    for other in found[1:]:
        for name in ("running", "sigma_total", "sigma_total_error"):
            np.testing.assert_allclose(
                other[name], found[0][name], rtol=1e-10, atol=1e-10 * float(found[0].sigma_total)
            )
    assert not np.allclose(found[0].self, found[2].self, rtol=1e-3)


def test_parts_are_those_of_a_double_loop() -> None:
    traj = salt(frames=60, n=3)
    charges = {"Li": 1.0, "Cl": -2.0}
    with pytest.warns(vh.VanhoveWarning, match="add up"):
        result = conductivity(traj, charges, "einstein", lags=[0.5, 1.0], window=(0.05, 1.0))
    q, paths = np.array([1.0] * 3 + [-2.0] * 3), traj.positions
    for row, lag in enumerate((10, 20)):
        steps = paths[lag:] - paths[:-lag]
        products = np.einsum("i,j,tia,tja->ij", q, q, steps, steps) / len(steps) * UNIT / (6 * lag * SPACING)
        blocks = {"Li-Li": products[:3, :3], "Li-Cl": 2 * products[:3, 3:], "Cl-Cl": products[3:, 3:]}
        for pair, block in blocks.items():
            own = 0.0 if pair == "Li-Cl" else np.trace(block)
            at = result.sel(pair=pair).isel(lag=row)
            assert float(at.self) == pytest.approx(own, rel=1e-10)
            assert float(at.distinct) == pytest.approx(block.sum() - own, rel=1e-9, abs=1e-9)
        assert float(result.running[row]) == pytest.approx(products.sum(), rel=1e-10)
        assert float(result.msd[row]) == pytest.approx(products.sum() / UNIT * 6 * lag * SPACING / 15, rel=1e-10)


def test_the_parts_add_up_and_have_errors() -> None:
    for method, options in (("einstein", {}), ("green-kubo", FAST)):
        result = conductivity(salt(), SALT, method, **options)
        both = (result.self + result.distinct).sum("pair")
        np.testing.assert_allclose(both, result.running, rtol=1e-9, atol=1e-9)
        assert result["pair"].values.tolist() == ["Li-Li", "Li-Cl", "Cl-Cl"]
        assert (result.self.sel(pair="Li-Cl") == 0).all()
        assert (np.abs(result.distinct) < 4.5 * result.distinct_error + 1e-9).all(), "nothing is shared here"


def test_the_spectrum_is_that_of_the_friction() -> None:
    """Re σ(ω) = σ γ²/(γ² + ω²) of Langevin ions, smeared by the window; its area is ⟨J²⟩."""
    result = conductivity(salt(frames=20000), SALT, "green-kubo", length=5.0, plateau=(2.0, 3.0))
    frequency = result.energy.values / HBAR
    truth = 20 * UNIT * SPEED2 / FRICTION / (1 + (frequency / FRICTION) ** 2)
    smeared = slice(1, 20)  # the window of 5 ps is wide against 1/γ
    off = np.abs(result.spectrum.values - truth)[smeared]
    assert (off < 4 * result.spectrum_error.values[smeared] + 0.03 * truth[0]).all()
    assert result.energy.attrs["units"] == "meV"
    assert result.attrs["resolution"] == pytest.approx(2 * np.pi * HBAR / 5.0)


def test_a_cell_that_breathes_counts_by_its_mean_volume() -> None:
    """The fractions walk in a cubic cell whose edge swings by 1 %."""
    frames, n = 3000, 10
    rng = np.random.default_rng(6)
    edge = LENGTH * (1 + 0.01 * np.sin(np.arange(frames) / 7.0))
    cells = edge[:, None, None] * np.eye(3)
    walk = rng.uniform(0, 1, (2 * n, 3)) + np.cumsum(rng.normal(0, 0.5 / LENGTH, (frames, 2 * n, 3)), axis=0)
    times = SPACING * np.arange(frames)
    species = ["Li"] * n + ["Cl"] * n
    traj = vh.from_arrays(walk % 1 * edge[:, None, None], cells, species, times, wrapped=True, temperature=KELVIN)
    result = conductivity(traj, SALT, "einstein")
    D = 0.125 / SPACING
    truth = 2 * n * SIGMA_MS_CM * CM2_S_PER_A2_PS * D / ((edge**3).mean() * K_B_EV * KELVIN)
    assert abs(float(result.sigma_total) - truth) < 3 * float(result.sigma_total_error)
    assert float(result.density[0]) == pytest.approx(n / (edge**3).mean())


def test_uneven_frames_have_their_pairs_of_frames() -> None:
    traj = salt(frames=2500)
    kept = np.sort(np.random.default_rng(8).permutation(2500)[:1800])
    uneven = vh.from_arrays(
        traj.positions[kept], LENGTH, traj.species.tolist(), traj.times[kept], wrapped=False, temperature=KELVIN
    )
    known = {name: vh.dynamics.diffusion(vh.dynamics.msd(traj, name, drift=None), window=(1.0, 6.0)) for name in SALT}
    options: dict[str, Any] = dict(window=(1.0, 6.0), diffusion=known)
    all_, some = (conductivity(each, SALT, "einstein", **options) for each in (traj, uneven))
    assert float(some.sigma_total) == pytest.approx(float(all_.sigma_total), abs=float(all_.sigma_total_error))
    assert float(some.sigma_total_error) == pytest.approx(float(all_.sigma_total_error), rel=0.3)


def test_a_run_that_is_too_short_says_how_long_it_takes() -> None:
    result = conductivity(salt(frames=300, n=100), SALT, "einstein")
    assert np.isnan(result.sigma_total)
    assert "The run is too short" in result.attrs["verdict"]
    assert "it takes some" in result.attrs["verdict"]
    assert float(result.sigma_total_upper) > 100 * UNIT * SPEED2 / FRICTION


def test_what_can_not_be_is_refused() -> None:
    traj = salt(frames=400)
    with pytest.raises(vh.Refusal, match=r"needs velocities.*method=\"einstein\""):
        conductivity(moving(traj.positions, None, SPACING, traj.species.tolist(), temperature=300), SALT, "green-kubo")
    for method in ("einstein", "green-kubo"):
        with pytest.raises(vh.Refusal, match="every atom is of a charged species"):
            conductivity(traj, SALT, method, reference="framework", **FAST)
    with pytest.raises(vh.Refusal, match="first and the last lag"):
        conductivity(traj, SALT, "einstein", window=(3.0, 1.0))
    with pytest.raises(vh.Refusal, match="holds 0 lags"):
        conductivity(traj, SALT, "einstein", window=(100.0, 200.0))
    with pytest.raises(vh.Refusal, match="forgotten between two frames"):
        conductivity(traj.every(15), SALT, "green-kubo", length=3.0, plateau=(0.0, 3.0))
    uneven = vh.from_arrays(
        traj.positions, LENGTH, traj.species.tolist(), np.geomspace(1, 20, 400), wrapped=False,
        velocities=traj.velocities, temperature=300,
    )  # fmt: skip
    with pytest.raises(vh.Refusal, match=r"traj\.uniform"):
        conductivity(uneven, SALT, "green-kubo", **FAST)


@pytest.mark.parametrize("method", ["einstein", "green-kubo"])
def test_it_comes_back_from_its_file_and_draws(method: str, tmp_path: Path) -> None:
    for options in (FAST, {"length": 0.5, "plateau": (0.0, 0.4), "window": (1.0, 4.0)}):
        result = conductivity(salt(), SALT, method, **options)
        vh.save(result, tmp_path / "sigma.nc")
        assert vh.load(tmp_path / "sigma.nc").identical(result)
        vh.draw(result).figure.canvas.draw()


def test_argyrodite(shared_data: Path) -> None:
    """Li6PS5Cl by ab-initio MD: the collective MSD of Li in the framework's frame, computed elsewhere."""
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1, temperature=500)
    result = vh.dynamics.conductivity(
        traj.select("Li"), {"Li": 1}, method="einstein", reference="framework", lags=[1.0]
    )
    assert float(result.msd[0]) == pytest.approx(1.681114, abs=1e-5)
    single = float(result.self[0, 0] / result.running[0] * result.msd[0])
    assert single == pytest.approx(1.60282, abs=1e-5)
    assert np.isnan(result.sigma_total)  # 14 ps


def test_lgps(shared_data: Path) -> None:
    """Li10GeP2S12: the MSDs, and the textbook line through a single origin's, by another code's numbers."""
    data = json.loads((shared_data / "lgps-aimd" / "LGPS_600K_DiffusionAnalyzer.json").read_text(encoding="utf-8"))
    sites = data["structure"]["sites"]
    paths = np.array([site["xyz"] for site in sites]) + np.array(data["displacements"]).transpose(1, 0, 2)
    traj = vh.from_arrays(
        paths, np.array(data["structure"]["lattice"]["matrix"]), [site["species"][0]["element"] for site in sites],
        0.02 * np.arange(len(paths)), wrapped=False, temperature=600,
    )  # fmt: skip
    msd = vh.dynamics.msd(traj, "Li", drift="framework", lags=[1.0, 10.0])
    np.testing.assert_allclose(msd.msd, [0.493636, 1.183463], atol=1e-6)
    first = vh.dynamics.msd(traj, "Li", drift="framework", origins="first")
    D = np.polyfit(first.lag, first.msd, 1)[0] / 6 * CM2_S_PER_A2_PS
    assert pytest.approx(4.259769e-7, rel=1e-6) == D
    known = vh.dynamics.diffusion(first, window=(1.0, 10.0))
    result = vh.dynamics.conductivity(traj.select("Li"), {"Li": 1}, reference="framework", diffusion={"Li": known})
    assert float(result.sigma[0] / result.D[0]) * D == pytest.approx(27.2048, abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["einstein", "green-kubo"])
def test_one_standard_error_covers_64_to_72_of_100(method: str) -> None:
    """σ of 8 ions among still atoms: random walks for the spreading charge, Langevin particles for its current."""
    found = []
    for number in range(2000):
        rng = np.random.default_rng([20261120, number])
        if method == "einstein":
            paths, velocities = np.cumsum(rng.normal(size=(1000, 8, 3)), axis=0), np.zeros((1000, 8, 3))
            truth, options = 8 * UNIT * 0.5 / SPACING, {}
        else:
            paths, velocities = free(rng, 2100, 8, SPACING, FRICTION, SPEED2)
            truth, options = 8 * UNIT * SPEED2 / FRICTION, dict(length=2.5, plateau=(1.7, 2.5))
        still = np.zeros((len(paths), 20, 3))
        paths, velocities = (np.concatenate([each, still], axis=1) for each in (paths, velocities))
        traj = moving(paths, velocities, SPACING, ["Li"] * 8 + ["S"] * 20, temperature=KELVIN)
        truth *= (1 - traj.masses[:8].sum() / traj.masses.sum()) ** 2  # what the ions move the cell's centre by
        options["reference"] = "cell"
        result = conductivity(traj, {"Li": 1.0, "S": 0.0}, method, **options)
        found.append([each / truth for each in sigma(result)])
    value, error = np.array(found).T
    given = np.isfinite(value)
    assert given.mean() > 0.95
    assert np.mean(value[given]) == pytest.approx(1, abs=0.02)
    assert 0.64 <= np.mean(np.abs(value[given] - 1) < error[given]) <= 0.72
