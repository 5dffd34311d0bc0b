"""D by every route: what agrees, what does not, and the printed case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

import vanhove as vh
from vanhove.base.elements import mass_of
from vanhove.base.errors import VanhoveWarning
from vanhove.base.results import Column, dataset
from vanhove.base.units import CM2_S_PER_A2_PS, HBAR, K_B, U_A2_PER_PS2_IN_MEV
from vanhove.spectra.agreement import agreement, scores

KELVIN = 600.0
TABLE = vh.spectra.diffusion_table


def result(D: float, error: float, **attributes: object) -> object:
    """A result with a D, as an observable would return it."""
    return dataset(
        "dynamics.diffusion",
        {"D": Column((), D, "cm²/s", "D"), "D_error": Column((), error, "cm²/s", "its error")},
        {}, parameters={}, history=[], title="made up", **attributes,
    )  # fmt: skip


def test_the_density_of_states_at_zero_is_that_of_the_equation() -> None:
    table = TABLE({"one": (7.5e-6, 1e-6)}, species="7Li", temperature=600.0)
    m = 7.016003434 * U_A2_PER_PS2_IN_MEV
    expected = 2 * m * 7.5e-6 / CM2_S_PER_A2_PS / (np.pi * HBAR * K_B * 600.0)
    assert float(table.g0[0]) == pytest.approx(expected, rel=1e-9)
    assert float(table.g0[0]) == pytest.approx(1.02e-3, rel=1e-3)  # printed as 1.03 meV⁻¹, a thousand times as much
    assert float(table.g0_error[0]) == pytest.approx(expected / 7.5, rel=1e-9)
    back = TABLE({"INS": {"g0": expected, "g0_error": expected / 7.5}}, species="7Li", temperature=600.0)
    assert float(back.D[0]) == pytest.approx(7.5e-6)
    assert float(back.D_error[0]) == pytest.approx(1e-6)


def test_routes_that_agree_have_a_weighted_mean() -> None:
    table = TABLE({"a": (1.0e-5, 1e-6), "b": (1.1e-5, 2e-6), "c": "1.05e-5 ± 0.1e-5"})
    weights = np.array([1, 0.25, 1])
    assert float(table["mean"]) == pytest.approx(weights @ [1.0e-5, 1.1e-5, 1.05e-5] / weights.sum())
    assert float(table["mean_error"]) == pytest.approx(1e-6 / np.sqrt(2.25))
    assert table.attrs["verdict"].startswith("All routes agree: 1.03e-05 ± 6.7e-07")
    assert float(table.z.sel(route="b", other="a")) == pytest.approx(0.1 / np.sqrt(0.05))
    assert float(table.z.sel(route="a", other="b")) == -float(table.z.sel(route="b", other="a"))


def test_one_that_stands_apart_is_named_and_kept() -> None:
    table = TABLE({"a": (1.0e-5, 5e-7), "odd": (2.1e-5, 1e-6), "b": (1.05e-5, 5e-7), "c": (9.8e-6, 5e-7)})
    assert np.isnan(table["mean"])
    assert "odd is 2.1 times as large as the others" in table.attrs["verdict"]
    assert np.isfinite(table.D).all()


def test_the_papers_case_is_told() -> None:
    """15.9e-6 from the MSD against 7.5e-6 from g(0), without errors: a factor 2.1 that has to be said."""
    table = TABLE({"MSD": 15.9e-6, "g(0)": 7.5e-6}, species="7Li", temperature=600.0)
    assert table.attrs["spread"] == pytest.approx(2.12, abs=0.005)
    assert "MSD is 2.1 times as large as g(0)" in table.attrs["verdict"]
    assert "Without errors" in table.attrs["verdict"]
    with_errors = TABLE({"MSD": (15.9e-6, 1e-6), "g(0)": (7.5e-6, 0.5e-6)})
    assert "No two routes agree (MSD is 2.1 times as large as g(0))" in with_errors.attrs["verdict"]


def test_routes_of_one_trajectory_count_once() -> None:
    same = TABLE({"MSD": result(1.0e-5, 1e-6, fingerprint="x"), "VACF": result(1.1e-5, 2e-6, fingerprint="x")})
    assert float(same["mean_error"]) == pytest.approx(1e-6)
    other = TABLE({"MSD": result(1.0e-5, 1e-6, fingerprint="x"), "VACF": result(1.1e-5, 2e-6, fingerprint="y")})
    assert float(other["mean_error"]) == pytest.approx(1e-6 / np.sqrt(1.25))


def test_chance_sets_apart_one_table_in_twenty() -> None:
    rng = np.random.default_rng(4)
    errors = np.array([0.1, 0.2, 0.15, 0.3])
    agree = [agreement(1 + errors * rng.normal(size=4), errors, [""] * 4).agree for _ in range(2000)]
    assert np.mean(agree) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 2000))


def test_scores_know_no_route_without_an_error() -> None:
    z = scores(np.array([1.0, 2.0, 4.0]), np.array([0.6, 0.8, np.nan]))
    np.testing.assert_allclose(z, [[0, -1, np.nan], [1, 0, np.nan], [np.nan] * 3])


def test_what_was_refused_stays_in_the_table() -> None:
    refused = result(np.nan, np.nan, verdict="The MSD grows as t^0.5.")
    refused["D_upper"] = ((), 3e-8, {"units": "cm²/s", "long_name": "bound"})
    table = TABLE({"MSD": refused, "QENS": (1e-8, 1e-9)})
    assert float(table.D_upper.sel(route="MSD")) == 3e-8
    assert table.said.sel(route="MSD").item() == "The MSD grows as t^0.5."
    assert "no D from MSD" in table.attrs["verdict"]
    nothing = TABLE({"MSD": refused})
    assert "nothing to compare" in nothing.attrs["verdict"]


def test_one_species_and_temperature_of_a_result_with_several() -> None:
    many = dataset(
        "spectra.vdos",
        {
            "D_zero": Column(("species",), [1e-5, np.nan], "cm²/s", "D"),
            "D_zero_error": Column(("species",), [1e-6, np.nan], "cm²/s", "its error"),
            "verdict": Column(("species",), ["settled", "S does not move."], "1", "verdict"),
        },
        {"species": Column(("species",), ["Li", "S"], "1", "species")},
        parameters={}, history=[], title="made up", temperature=600.0,
    )  # fmt: skip
    table = TABLE({"VDOS": many}, species="7Li")
    assert float(table.D[0]) == 1e-5
    assert table.attrs["temperature"] == 600.0
    assert table.said[0].item() == "settled"
    with pytest.raises(vh.Refusal, match="holds Li, S"):
        TABLE({"VDOS": many})
    fits = dataset(
        "spectra.fit_jump_model",
        {"D": Column(("temperature",), [1e-6, 1e-5], "cm²/s", "D")},
        {"temperature": Column(("temperature",), [500.0, 600.0], "K", "temperature")},
        parameters={}, history=[], title="made up",
    )  # fmt: skip
    assert float(TABLE({"QENS": fits}, temperature=600.0).D[0]) == 1e-5
    with pytest.raises(vh.Refusal, match="at 500, 600 K"):
        TABLE({"QENS": fits})


def test_a_saved_result_is_a_route(tmp_path: Path) -> None:
    vh.save(result(1e-5, 1e-6, temperature=600.0, species="Li"), tmp_path / "d.nc")
    table = TABLE({"MSD": str(tmp_path / "d.nc"), "same": tmp_path / "d.nc"})
    np.testing.assert_allclose(table.D, 1e-5)
    assert table.attrs["species"] == "Li"
    assert np.isfinite(table.g0).all()


@pytest.mark.parametrize(
    ("routes", "options", "words"),
    [
        ({}, {}, "routes by name"),
        ([1e-5], {}, "routes by name"),
        ({"a": -1e-5}, {}, "positive D"),
        ({"a": (1e-5, -1e-6)}, {}, "positive D"),
        ({"a": (1, 2, 3)}, {}, "value, or"),
        ({"a": "fast"}, {}, "Write it like"),
        ({"a": {"g0": 1e-3}}, {}, "a mass and a temperature"),
        ({"a": {"g0": 1e-3, "D": 1e-5}}, {}, "Give D or g0"),
        ({"a": {"value": 1e-3}}, {}, "Give D or g0"),
        ({"a": 1e-5}, {"mass": -1.0}, "positive number"),
        ({"a": 1e-5}, {"species": "Xx"}, "no element"),
    ],
)
def test_wrong_input_is_refused(routes: object, options: dict, words: str) -> None:
    with pytest.raises(vh.Refusal, match=words):
        TABLE(routes, **options)


def test_routes_of_something_else_are_refused() -> None:
    with pytest.raises(vh.Refusal, match=r"at 500 K.*at 600 K"):
        TABLE({"a": result(1e-5, 1e-6, temperature=500.0)}, temperature=600.0)
    with pytest.raises(vh.Refusal, match=r"of Na.*of Li"):
        TABLE({"a": result(1e-5, 1e-6, species="Na")}, species="Li")
    with pytest.raises(vh.Refusal, match="without a D"):
        TABLE({"a": result(1e-5, 1e-6).drop_vars("D")})


def langevin(friction: float, speed2: float, spacing: float, frames: int, n: int) -> vh.Trajectory:
    """Free Li with dv = -friction · v dt + noise, ⟨v²⟩ an axis = ``speed2``, stepped exactly: D = speed2/friction."""
    rng = np.random.default_rng(12)
    keep = np.exp(-friction * spacing)
    var_v = speed2 * (1 - keep**2)
    var_r = speed2 / friction**2 * (2 * friction * spacing - 3 + 4 * keep - keep**2)
    both = speed2 / friction * (1 - keep) ** 2
    a, b = rng.normal(size=(2, frames, n, 3))
    start = np.sqrt(speed2) * rng.normal(size=(1, n, 3))
    velocities, _ = lfilter([1], [1, -keep], np.sqrt(var_v) * a, axis=0, zi=keep * start)
    shift = both / np.sqrt(var_v) * a + np.sqrt(var_r - both**2 / var_v) * b
    paths = np.cumsum((1 - keep) / friction * np.concatenate([start, velocities[:-1]]) + shift, axis=0)
    times = spacing * np.arange(frames)
    return vh.from_arrays(paths, 50.0, ["Li"] * n, times, wrapped=False, velocities=velocities, temperature=KELVIN)


def test_same_data_same_d_by_four_routes() -> None:
    speed2 = K_B * KELVIN / (mass_of("Li") * U_A2_PER_PS2_IN_MEV)
    true = speed2 / 50.0 * CM2_S_PER_A2_PS
    traj = langevin(50.0, speed2, 0.01, 20000, 32)
    with pytest.warns(VanhoveWarning, match="has not ended"):  # of velocities that are kicked at all times
        vdos = vh.spectra.vdos(traj, "Li", drift=None)
    F = vh.spectra.incoherent(traj.every(5), "Li", [0.2, 0.3, 0.4, 0.5], max_lag=40.0, drift=None)
    lines = vh.spectra.fit_qens(F, lorentzians=1, elastic=False, background=None, window=(-2, 2))
    routes = {
        "MSD": vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li", drift=None)),
        "VACF": vh.dynamics.green_kubo(traj, "Li", segments=40, length=1.0, plateau=(0.2, 0.6), drift=None),
        "VDOS": vdos,
        "simulated QENS": vh.spectra.fit_jump_model(lines, "fick"),
    }
    table = TABLE(routes, species="Li")
    assert table.attrs["verdict"].startswith("All routes agree")
    np.testing.assert_array_less(np.abs(table.D - true)[:3], 3 * table.D_error[:3])
    # the widths at all Q are of the same paths, and their errors don't know it: 1.1 % is what the MSD allows here
    assert float(table.D[3]) == pytest.approx(true, rel=0.03)
    assert float(table["mean"]) == pytest.approx(true, rel=0.03)
    np.testing.assert_allclose(table.g0 / table.D, float(table.g0[0] / table.D[0]))
