"""The MSD against double loops, closed forms, invariances, reference data and the peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from walks import LENGTH, SPACING, brownian, cage, ions

import vanhove as vh
from vanhove.dynamics.lags import independent_displacements, local_exponent

Floats = NDArray[np.float64]


def double_loop(paths: Floats, drift: Floats | None = None) -> Floats:
    """(lag, axis), every pair of frames."""
    u = paths if drift is None else paths - drift[:, None]
    by_axis = [((u[m:] - u[: len(u) - m]) ** 2).mean(axis=(0, 1)) for m in range(len(u))]
    return np.array(by_axis)


def random_paths(seed: int, frames: int = 101, n: int = 7) -> Floats:
    return brownian(np.random.default_rng(seed), frames, n) + 10.0


# exactness


@pytest.mark.parametrize("velocity", [0.0, 50.0])
@pytest.mark.parametrize("frames", [2, 3, 101, 600])
def test_it_equals_the_double_loop(frames: int, velocity: float) -> None:
    """Also on paths that fly thousands of cells away, where squares of positions would cancel badly."""
    paths = random_paths(frames, frames) + velocity * np.arange(frames)[:, None, None] * [1.0, -2.0, 0.5] + 1e4
    result = vh.dynamics.msd(ions(paths), "Li", drift=None)
    expected = double_loop(paths)
    np.testing.assert_allclose(result.msd_axis, expected, rtol=0, atol=1e-10 * expected.max())
    np.testing.assert_allclose(result.msd, result.msd_axis.sum("axis"), rtol=1e-13)
    np.testing.assert_allclose(result.lag, SPACING * np.arange(frames))
    assert result.msd[0] == 0


def test_chosen_lags_equal_the_double_loop() -> None:
    paths = random_paths(1, 300)
    expected = double_loop(paths)
    some = vh.dynamics.msd(ions(paths), "Li", drift=None, lags=[0, 0.1, 2.5, 29.9])
    np.testing.assert_allclose(some.msd_axis, expected[[0, 1, 25, 299]], rtol=1e-12)
    logarithmic = vh.dynamics.msd(ions(paths), "Li", drift=None, lags="log")
    frames = np.round(logarithmic.lag.values / SPACING).astype(int)
    np.testing.assert_allclose(logarithmic.msd_axis, expected[frames], rtol=1e-12)
    assert frames[0] == 1
    assert frames[-1] == 299
    many = vh.dynamics.msd(ions(paths), "Li", drift=None, lags=SPACING * np.arange(5, 205))  # by FFT
    np.testing.assert_allclose(many.msd_axis, expected[5:205], rtol=1e-10)


def test_the_first_frame_as_the_only_origin() -> None:
    paths = random_paths(2)
    result = vh.dynamics.msd(ions(paths), "Li", drift=None, origins="first")
    np.testing.assert_allclose(result.msd_axis, ((paths - paths[0]) ** 2).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(result.n_independent, 7)
    some = vh.dynamics.msd(ions(paths), "Li", drift=None, origins="first", lags=[1.0, 5.0])
    np.testing.assert_allclose(some.msd, result.msd.values[[10, 50]], rtol=1e-12)


def test_parts_and_groups_add_up_to_the_whole() -> None:
    paths = random_paths(3, 333, 45)
    result = vh.dynamics.msd(ions(paths), "Li", drift=None, lags="log")
    frames = np.round(result.part_lag.values / SPACING).astype(int)
    parts = result.sizes["part"]
    origins = np.diff(np.arange(parts + 1)[:, None] * (333 - frames) // parts, axis=0)
    weights = origins[:, None] * result.ions.values[:, None]
    np.testing.assert_allclose(np.nansum(result.msd_part * weights, axis=(0, 1)) / weights.sum((0, 1)), result.msd)
    assert result.ions.sum() == 45


@pytest.mark.parametrize("memory", ["1MB", "3MB"])
def test_blocks_give_the_whole(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traj = ions(random_paths(4, 900, 40))
    at_once = {lags: vh.dynamics.msd(traj, "Li", lags=lags) for lags in ("all", "log")}
    monkeypatch.setenv("VANHOVE_MEMORY", memory)
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    for lags, expected in at_once.items():
        found = vh.dynamics.msd(ions(random_paths(4, 900, 40)), "Li", lags=lags)
        for name in ("msd", "msd_axis", "msd_part", "msd_error"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)


# frames of reference and cells


def test_drift_is_taken_off_in_every_frame_of_reference() -> None:
    rng = np.random.default_rng(5)
    paths = brownian(rng, 200, 10) + brownian(rng, 200, 1, 3.0)
    species = ["Li"] * 4 + ["S"] * 6
    traj = ions(paths, species)
    masses = traj.masses
    centre = np.einsum("fai,a->fi", paths, masses / masses.sum())
    for drift, path in (("cell", centre), ("framework", paths[:, 4:].mean(axis=1)), (None, None)):
        for view in (traj, traj.select("Li")):
            result = vh.dynamics.msd(view, "Li", drift=drift)
            expected = double_loop(paths[:, :4], path)
            np.testing.assert_allclose(result.msd_axis, expected, rtol=0, atol=1e-10 * expected.max())
    with pytest.raises(vh.Refusal, match="no framework"):
        vh.dynamics.msd(traj, ["Li", "S"], drift="framework")
    both = vh.dynamics.msd(traj, ["Li", "S"], drift=None)
    np.testing.assert_allclose(both.msd, double_loop(paths).sum(axis=1), rtol=0, atol=1e-10 * both.msd.values.max())


def test_wrapped_in_a_skewed_cell() -> None:
    cell = np.array([[9.0, 0, 0], [7.0, 8.0, 0], [-6.0, 5.0, 7.0]])
    paths = brownian(np.random.default_rng(6), 150, 5, 0.5)
    wrapped = ((paths @ np.linalg.inv(cell)) % 1.0) @ cell
    traj = vh.from_arrays(wrapped, cell, ["Li"] * 5, SPACING * np.arange(150), wrapped=True)
    expected = double_loop(paths)
    result = vh.dynamics.msd(traj, "Li", drift=None)
    np.testing.assert_allclose(result.msd_axis, expected, rtol=0, atol=1e-10 * expected.max())


def test_a_breathing_cell_moves_nothing() -> None:
    """Ions that stand still in wrapped coordinates have no MSD, however many cells away their path is."""
    frames = 60
    lengths = 20 * (1 + 0.02 * np.sin(np.arange(frames)))
    cells = np.eye(3) * lengths[:, None, None]
    inside = np.broadcast_to(np.random.default_rng(7).uniform(2, 17, (6, 3)), (frames, 6, 3))
    away = inside + 5 * lengths[:, None, None]
    for positions, wrapped in ((inside, True), (away, False)):
        traj = vh.from_arrays(positions, cells, ["Li"] * 6, SPACING * np.arange(frames), wrapped=wrapped)
        assert vh.dynamics.msd(traj, "Li", drift=None).msd.max() < 1e-20


# invariances


def test_a_supercell_and_another_order_of_atoms_change_nothing() -> None:
    paths = random_paths(9, 120, 12)
    alone = vh.dynamics.msd(ions(paths), "Li")
    shuffled = paths[:, np.random.default_rng(9).permutation(12)]
    np.testing.assert_allclose(vh.dynamics.msd(ions(shuffled), "Li").msd, alone.msd, rtol=1e-11)
    doubled = np.concatenate([paths, paths + np.array([LENGTH, 0, 0])], axis=1)
    np.testing.assert_allclose(vh.dynamics.msd(ions(doubled), "Li").msd, alone.msd, rtol=1e-11)


def test_a_rotation_moves_shares_between_axes() -> None:
    paths = random_paths(10) * [1.0, 2.0, 3.0]
    turned = paths @ np.array([[0, 1.0, 0], [0, 0, 1], [1, 0, 0]])
    before, after = (vh.dynamics.msd(ions(one), "Li", drift=None) for one in (paths, turned))
    np.testing.assert_allclose(after.msd, before.msd, rtol=1e-11)
    np.testing.assert_allclose(after.msd_axis, before.msd_axis.values[:, [2, 0, 1]], rtol=0, atol=1e-9)


def test_isotopes_are_the_element() -> None:
    traj = ions(random_paths(11))
    np.testing.assert_array_equal(
        vh.dynamics.msd(traj.with_isotopes({"Li": "7Li"}), "Li").msd, vh.dynamics.msd(traj, "Li").msd
    )


# closed forms and statistics


def test_a_random_walk_grows_as_6dt_with_the_error_stated() -> None:
    result = vh.dynamics.msd(ions(brownian(np.random.default_rng(12), 2000, 200)), "Li", drift=None)
    early = slice(1, 400)
    off = (result.msd / (3 * result.lag / SPACING) - 1)[early]
    assert abs(off[0]) < 4 * np.sqrt(2 / 3 / (2000 * 200))
    assert (abs(off) < 4 * np.sqrt(2 / (3 * result.n_independent[early]))).all()
    assert (abs(off) < 5 * (result.msd_error / result.msd)[early]).all()
    np.testing.assert_allclose(result.exponent[early], 1, atol=0.05)
    assert np.isnan(result.exponent[0])


def test_a_cage_ends_at_its_plateau() -> None:
    result = vh.dynamics.msd(ions(cage(np.random.default_rng(13), 4000, 50, 5.0, 0.4)), "Li", drift=None)
    lag = result.lag.values / SPACING
    np.testing.assert_allclose(result.msd[1:400], 6 * 0.4**2 * (1 - np.exp(-lag[1:400] / 5)), rtol=0.03)
    np.testing.assert_allclose(result.exponent[100:400], 0, atol=0.1)


def test_flight_has_the_exponent_two() -> None:
    lag = SPACING * np.arange(100)
    np.testing.assert_allclose(local_exponent(lag, 3 * lag**2)[1:], 2, rtol=1e-9)
    np.testing.assert_allclose(local_exponent(lag[[0, 1, 7, 50]], 3 * lag[[0, 1, 7, 50]] ** 0.5)[1:], 0.5, rtol=1e-9)
    assert np.isnan(local_exponent(lag, np.zeros(100))).all()


@pytest.mark.parametrize(("frames", "lag"), [(40, 1), (40, 7), (40, 25), (40, 39)])
def test_independent_displacements_by_the_double_sum(frames: int, lag: int) -> None:
    origins = frames - lag
    t = np.arange(origins)
    shared = np.maximum(0, 1 - np.abs(t[:, None] - t) / lag) ** 2
    found = independent_displacements(np.array([lag]), np.array([origins]), 3)
    assert found[0] == pytest.approx(3 * origins**2 / shared.sum())


def test_the_stated_error_is_the_scatter_between_runs() -> None:
    runs = [
        vh.dynamics.msd(ions(brownian(np.random.default_rng([14, i]), 200, 64)), "Li", lags="log") for i in range(80)
    ]
    scatter = np.std([run.msd.values for run in runs], axis=0)
    stated = np.mean([run.msd_error.values for run in runs], axis=0)
    np.testing.assert_allclose(stated / scatter, 1, atol=0.3)


# what a person gets


def test_it_says_what_it_did_and_comes_back_from_its_file(tmp_path: Path) -> None:
    result = vh.dynamics.msd(ions(random_paths(15, 50, 20), temperature=600), "Li", lags="log")
    assert result.msd.attrs["units"] == "Å²"
    assert result.lag.attrs["units"] == "ps"
    assert result.attrs["temperature"] == 600
    assert result.attrs["drift"] == "cell"
    assert "20 groups" in result.attrs["error"]
    vh.save(result, tmp_path / "msd.nc")
    assert vh.load(tmp_path / "msd.nc").identical(result)
    assert "too few" in vh.dynamics.msd(ions(random_paths(15, 50, 4)), "Li").attrs["error"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(lags=[0.25]), "no lag of 0.25 ps"),
        (dict(lags=[50.0]), "10 ps long"),
        (dict(lags=[-0.1]), "no lag of -0.1 ps"),
        (dict(lags=[]), "list of finite lags"),
        (dict(lags="some"), "lags='some'"),
        (dict(origins="last"), "origins='last'"),
        (dict(drift="atoms"), "drift='atoms'"),
    ],
)
def test_what_can_not_be_done_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(vh.Refusal, match=says):
        vh.dynamics.msd(ions(random_paths(16)), "Li", **options)


def test_no_such_species_and_no_second_frame_are_refused() -> None:
    with pytest.raises(vh.Refusal, match="no 'Na'"):
        vh.dynamics.msd(ions(random_paths(16)), "Na")
    with pytest.raises(vh.Refusal, match="One frame"):
        vh.dynamics.msd(ions(random_paths(16, 1)), "Li")
    with pytest.raises(vh.Refusal, match="single atom"):
        vh.dynamics.msd(ions(random_paths(16, 20, 1)), "Li")


# reference data and peers


def test_li_in_argyrodite(shared_data: Path) -> None:
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1, temperature=500)
    for drift, expected in (("framework", (1.60282, 5.11538)), (None, (1.600296, 5.112245))):
        for lags in ("all", [1.0, 5.0]):
            result = vh.dynamics.msd(traj, "Li", drift=drift, lags=lags)
            np.testing.assert_allclose(result.msd.sel(lag=[1.0, 5.0], method="nearest"), expected, rtol=1e-5)
    assert result.attrs["jump_length"] == pytest.approx(3.25, abs=0.3)


@pytest.mark.parametrize(
    ("kelvin", "species", "expected"),
    [
        (600, "Na", (1.361669, 3.191507, 5.221837)),
        (600, "Si", (0.265518, 0.384736, 0.503384)),
        (600, "S", (0.460804, 0.690562, 0.901021)),
        (1000, "Na", (3.371049, 11.427111, 20.785722)),
    ],
)
def test_sodium_thiosilicate_glass(kelvin: int, species: str, expected: tuple[float, ...], shared_data: Path) -> None:
    path = shared_data / "na2s-sis2-md" / f"prod_{kelvin}K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)
    result = vh.dynamics.msd(traj, species)
    np.testing.assert_allclose(result.msd.sel(lag=[1.0, 5.0, 10.0], method="nearest"), expected, rtol=1e-6, atol=6e-7)


def test_mdanalysis_agrees() -> None:
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.analysis.msd import EinsteinMSD

    paths = random_paths(17, 200).astype(np.float32).astype(np.float64)  # MDAnalysis keeps float32
    universe = mda.Universe.empty(7, trajectory=True)
    universe.load_new(paths.astype(np.float32), order="fac")
    theirs = EinsteinMSD(universe, select="all", fft=True).run(verbose=False).results.timeseries
    ours = vh.dynamics.msd(ions(paths), "Li", drift=None).msd
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * float(ours.max()))


def test_tidynamics_agrees() -> None:
    tidynamics = pytest.importorskip("tidynamics")
    paths = random_paths(18, 200)
    theirs = np.mean([tidynamics.msd(np.ascontiguousarray(paths[:, atom])) for atom in range(7)], axis=0)
    ours = vh.dynamics.msd(ions(paths), "Li", drift=None).msd
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * float(ours.max()))
