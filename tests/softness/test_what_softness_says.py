"""F3 and F4: distributions, profiles, order, hops and barriers by softness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vanhove as vh
from asking import trajectory
from vanhove.base.figures import new_axes
from vanhove.base.units import K_B_EV
from vanhove.softness.hopping import _jumped

from planted import features, model, planted  # isort: skip

PER_EDGE = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]


def scored(S: np.ndarray, atom: np.ndarray | None = None, **attributes: float) -> xr.Dataset:
    """Scores of those S, one sample an ion unless told."""
    told = {"units": "1", "long_name": "made"}
    atom = np.arange(len(S)) if atom is None else atom
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {"S": ("sample", S, told)},
        {
            "atom": ("sample", atom, told),
            "time": ("sample", np.zeros(len(S)), told),
            **{f"place_{a}": ("sample", rng.random(len(S)), told) for a in "abc"},
        },
        {"species": "Li", "history": "[]", "height_a": 20.0, "height_b": 30.0, "height_c": 40.0, **attributes},
    )


def order_of(q: np.ndarray) -> xr.Dataset:
    told = {"units": "1", "long_name": "order parameter q̄₆"}
    return xr.Dataset({"q": ("atom", q, told)}, {"index": ("atom", np.arange(len(q)), told)})


def test_distributions_are_normalised_and_told_apart_by_class() -> None:
    found = vh.softness.distribution(model().held_out)
    assert found["group"].values.tolist() == ["immobile", "mobile"]
    np.testing.assert_allclose(found["P"].sum("S") * 0.2, 1)
    assert found["mean"].values[1] > 0 > found["mean"].values[0]
    S, classes = (model().held_out[name].values for name in ("S", "label"))
    np.testing.assert_allclose(found["mean"], [S[classes == c].mean() for c in (0, 1)])
    np.testing.assert_allclose(
        found["mean_error"], [S[classes == c].std() / (classes == c).sum() ** 0.5 for c in (0, 1)], rtol=0.4
    )


def test_phases_tell_ions_apart() -> None:
    S = np.array([-1.0, -1.2, 0.5, 0.7, 0.9])
    phase = xr.Dataset({"phase": ("atom", np.array(["crystal", "crystal", "glass", "glass", "interface"]))})
    found = vh.softness.distribution(scored(S), by=phase)
    assert found["group"].values.tolist() == ["glass", "interface", "crystal"]
    np.testing.assert_allclose(found["mean"], [0.6, 0.9, -1.1])
    with pytest.raises(vh.Refusal, match="not about all ions"):
        vh.softness.distribution(scored(S), by=phase.isel(atom=slice(3)))


def test_a_model_is_taken_to_another_structure() -> None:
    """Transfer: ions near their sulfur everywhere are hard, far from it soft, by the model of the mixture."""
    near, far = (planted(5, share=share, side=6) for share in (0.0, 1.0))
    scores = {
        name: model().score(vh.softness.features(made.traj, "Li", cutoff=6.0))
        for name, made in (("near", near), ("far", far))
    }
    found = vh.softness.distribution(scores)
    assert found["mean"].values[0] < -0.5 < 0.5 < found["mean"].values[1]


def test_the_profile_finds_the_soft_half() -> None:
    rng = np.random.default_rng(9)
    scores = scored(np.zeros(4000))
    soft = scores["place_b"].values > 0.5
    scores["S"].values[:] = np.where(soft, 1.0, -1.0) + rng.normal(0, 0.3, 4000)
    found = vh.softness.soft_profile(scores, "b", 3.0, order_of(np.where(soft, 0.2, 0.4)))
    assert found.sizes["position"] == 10
    np.testing.assert_allclose(found["position"], np.arange(1.5, 30, 3.0))
    np.testing.assert_allclose(found["S"], np.repeat([-1.0, 1.0], 5), atol=0.1)
    np.testing.assert_allclose(found["q"], np.repeat([0.4, 0.2], 5), atol=1e-12)
    assert (found["S_error"] < 0.03).all()
    assert found["samples"].sum() == 4000
    with pytest.raises(vh.Refusal, match="30 Å high"):
        vh.softness.soft_profile(scores, "b", 31.0)


def test_order_and_softness_correlate_as_planted() -> None:
    rng = np.random.default_rng(10)
    q = rng.normal(0.4, 0.1, 5000)
    S = -(q - 0.4) / 0.1 * 0.6 + rng.normal(0, 0.8, 5000)
    found = vh.softness.with_order(scored(S), order_of(q))
    assert abs(float(found["correlation"]) + 0.6) < 4 * float(found["correlation_error"])
    assert float(found["correlation_error"]) == pytest.approx((1 - 0.36) / 5000**0.5, rel=0.4)
    assert float(found["correlation"]) == pytest.approx(np.corrcoef(S, q)[0, 1], abs=1e-10)
    cell = float(found["q"].diff("q")[0]) * float(found["S"].diff("S")[0])
    assert float(found["P"].sum()) * cell == pytest.approx(1)


def test_the_order_of_the_very_frames_is_taken() -> None:
    order = vh.structure.steinhardt(trajectory(), "Na", number=12, per_frame=True)
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, frames=[3, 50])
    from vanhove.softness.order import order_of as taken

    np.testing.assert_array_equal(taken(order, some), order["q_frame"].values[[3, 50]].ravel())
    with pytest.raises(vh.Refusal, match="other frames"):
        taken(vh.structure.steinhardt(trajectory().every(50), "Na", number=12, per_frame=True), some)


def test_jumps_after_a_frame_are_those_by_hand() -> None:
    jumps = vh.dynamics.jumps(trajectory(), "Na", threshold=1.5)
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, every=10)
    happened, known = _jumped(some, jumps, 0.72)
    assert 0.1 < happened.mean() < 0.99
    for k in range(some.sizes["sample"]):
        time = float(some["time"][k])
        mine = jumps["time"].values[jumps["atom"].values == int(some["atom"][k])]
        assert happened[k] == ((mine > time) & (mine <= time + 0.72)).any()
        assert known[k] == (time + 0.72 <= trajectory().times[-1] + 1e-9)
    other = some.assign_attrs(fingerprint="another")
    with pytest.raises(vh.Refusal, match="another trajectory"):
        _jumped(other, jumps, 0.72)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_planted_barriers_are_found(seed: int) -> None:
    """E = 0.30 - 0.05 S eV, ln k0 = 3 - 0.5 S: the rates meet where 0.05/(0.5 k_B) = 1160 K."""
    rng = np.random.default_rng(seed)
    found = []
    for kelvin in (400.0, 500.0, 600.0, 800.0):
        S = rng.uniform(-2, 2, 20000)
        rate = np.exp(3 - 0.5 * S - (0.30 - 0.05 * S) / (K_B_EV * kelvin))
        hops = rng.random(len(S)) < 1 - np.exp(-rate * 2.0)
        scores = scored(S, temperature=kelvin)
        found.append(vh.softness.hop_probability(scores, hops, within=2.0, edges=np.linspace(-2, 2, 9)))
        assert found[-1].attrs["verdict"] == "hops are more likely the softer an ion is"
    result = vh.softness.barrier(found)
    S = result["S"].values
    assert (np.abs(result["E"] - (0.30 - 0.05 * S)) < 4 * result["E_error"]).all()
    assert (np.abs(result["Sigma"] - (3 - 0.5 * S)) < 4 * result["Sigma_error"]).all()
    assert abs(float(result["slope"]) + 0.05) < 4 * float(result["slope_error"])
    assert 700 < float(result["meeting"]) < 2500


def test_errors_of_the_probability_see_that_frames_of_an_ion_repeat_it() -> None:
    rng = np.random.default_rng(14)
    hop = rng.random(200) < 0.3
    many = scored(np.zeros(20000), np.tile(np.arange(200), 100))
    found = vh.softness.hop_probability(many, np.tile(hop, 100), within=1.0, edges=[-1.0, 1.0])
    assert float(found["P"][0]) == pytest.approx(hop.mean())
    assert float(found["P_error"][0]) == pytest.approx((0.21 / 200) ** 0.5, rel=0.5)


def test_no_hop_is_no_certainty() -> None:
    found = vh.softness.hop_probability(scored(np.linspace(-1, 1, 100)), np.zeros(100, bool), within=1.0, edges=4)
    assert (found["P"] == 0).all()
    assert (found["P_error"] > 0.01).all()
    assert found.attrs["verdict"] == "too few hops to tell"


def test_bad_input_is_refused() -> None:
    hop = vh.softness.hop_probability
    scores = scored(np.linspace(-1, 1, 100))
    hops = np.arange(100) % 2 == 0
    for call, said in (
        (lambda: hop(scores, hops), "Give within"),
        (lambda: hop(scores, hops, within=-1.0), "positive time"),
        (lambda: hop(scores, hops, within=1.0, edges=[1.0, 0.0]), "rising edges"),
        (lambda: hop(scores, hops[:5], within=1.0), "for 100 samples"),
        (lambda: hop(model(), hops, within=1.0), "A model was given"),
        (lambda: vh.softness.barrier([hop(scores, hops, within=1.0)]), "two or more"),
        (lambda: vh.softness.barrier(hop(scores, hops, within=1.0)), "One probability"),
        (lambda: vh.softness.distribution(xr.Dataset()), "no S"),
        (lambda: vh.softness.soft_profile(scores.drop_vars("place_c"), "c"), "where the ions are"),
        (lambda: vh.softness.with_order(scores, order_of(np.ones(100))), "same for all"),
    ):
        with pytest.raises(vh.Refusal, match=said):
            call()
    two = [
        hop(scored(np.linspace(-1, 1, 100), temperature=T), hops, within=1.0, edges=edges)
        for T, edges in ((300.0, [-1.0, 0.0, 1.0]), (400.0, [-1.0, 0.1, 1.0]))
    ]
    with pytest.raises(vh.Refusal, match="same list of edges"):
        vh.softness.barrier(two)


def results() -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(15)
    S = rng.normal(0, 1, 3000)
    scores = scored(S, temperature=500.0)
    order = order_of(0.4 - 0.05 * S + rng.normal(0, 0.05, 3000))
    hops = [
        vh.softness.hop_probability(
            scored(S, temperature=T), rng.random(3000) < 1 / (1 + np.exp(3 - S - T / 300)), 1.0, PER_EDGE
        )
        for T in (400.0, 600.0, 800.0)
    ]
    motion = vh.dynamics.d2min(trajectory(), "Na", 5.0, 1.0)
    return {
        "labels": vh.softness.labels(motion, quantiles=(0.3, 0.7), window=4.0),
        "weights": model().weights(),
        "model": model().data,
        "score": model().score(features(8, 0.3)[0]),
        "held_out": model().held_out,
        "distribution": vh.softness.distribution({"crystal": scores, "glass": model().held_out}),
        "soft_profile": vh.softness.soft_profile(scores, "b", 3.0, order),
        "with_order": vh.softness.with_order(scores, order),
        "hop_probability": hops[0],
        "barrier": vh.softness.barrier(hops),
        "scan": vh.softness.scan(
            trajectory(), "Na", motion, widths=[0.5, 1.0], cutoffs=[3.0, 5.0], strengths=[0.1, 1.0],
            quantiles=[0.4, 0.5], every=20, test_fraction=0.5, groups="atoms",
        ),
    }  # fmt: skip


def test_every_result_is_labelled_kept_and_drawn(tmp_path: Path) -> None:
    for name, result in results().items():
        for array in (*result.data_vars.values(), *result.coords.values()):
            assert array.attrs.get("units"), (name, array.name)
            assert array.attrs.get("long_name"), (name, array.name)
            if str(array.name).endswith("_error"):
                assert array.dims == result[str(array.name).removesuffix("_error")].dims
        assert all(isinstance(value, str | int | float) for value in result.attrs.values())
        vh.save(result, tmp_path / f"{name}.nc")
        again = vh.load(tmp_path / f"{name}.nc")
        assert again.identical(result), name
        ax = new_axes()
        assert vh.draw(again, ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        ax.figure.savefig(tmp_path / f"{name}.png")


def test_all_at_once_is_step_by_step() -> None:
    found = vh.softness.soft_ions(trajectory(), "Na", cutoff=4.0, C=0.1, within=0.72)
    motion = vh.dynamics.d2min(trajectory(), "Na", 5.0, 1.0)
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, every=10)
    one = vh.softness.train(some, vh.softness.labels(motion), 0.1)
    hops = vh.softness.hop_probability(one.held_out, vh.dynamics.jumps(trajectory(), "Na"), 0.72, 8)
    assert float(found["accuracy"]) == one.accuracy
    np.testing.assert_array_equal(found["W"].values, one.weights()["W"].values)
    np.testing.assert_array_equal(found["hops"].values, hops["P"].values)
    S = one.held_out["S"].values.reshape(-1, 24)
    np.testing.assert_allclose(found["S"].values, S.mean(axis=0))
    with pytest.raises(vh.Refusal, match="multiple"):
        vh.softness.soft_ions(trajectory(), "Na", every=7)


@pytest.mark.slow
def test_in_a_sulfide_glass_soft_ions_hop(shared_data: Path) -> None:
    """Na2S-SiS2: ions that were not seen are told apart, hops rise with softness, and fast ions are softer than slow.

    The model of the glass at 600 K holds in the melt at 1000 K, and the framework takes no part that is seen.
    """
    cold, hot = (
        vh.open(
            shared_data / "na2s-sis2-md" / f"prod_{kelvin}K.dump.gz", species={1: "Na", 2: "Si", 3: "S"},
            timestep=0.001, temperature=kelvin,
        )
        for kelvin in (600, 1000)
    )  # fmt: skip
    found = vh.softness.soft_ions(cold, "Na", width=0.4, cutoff=8.0, every=10)
    assert float(found["accuracy"]) - 5 * float(found["accuracy_error"]) > 0.6
    immobile, mobile = found["mean_S"].values
    assert mobile > 0 > immobile
    assert float(found["slope"]) > 5 * float(found["slope_error"])
    assert found["hops"].values[-1] > 3 * found["hops"].values[0]

    assert found.attrs["model_C"] < 1.0  # and no worse than the C of an ordinary model
    given = vh.softness.soft_ions(cold, "Na", width=0.4, cutoff=8.0, every=10, C=1.0)
    assert float(found["accuracy"]) > float(given["accuracy"]) - float(given["accuracy_error"])

    gone = vh.dynamics.displacements(cold, "Na", [20.0])["r2"].values[0]
    order = np.argsort(gone)
    quarter = len(order) // 4
    slow, fast = (found["S"].values[order[part]] for part in (slice(quarter), slice(-quarter, None)))
    error = np.hypot(slow.std(), fast.std()) / np.sqrt(quarter)
    assert fast.mean() - slow.mean() > 5 * error

    taken = vh.softness.soft_ions(hot, "Na", every=10, trained_on=found)
    assert float(taken["ranking"]) - 5 * float(taken["ranking_error"]) > 0.5
    assert float(taken["slope"]) > 3 * float(taken["slope_error"])

    with pytest.warns(vh.VanhoveWarning):  # frames are 0.2 ps apart; some SiS4 break up
        tested = vh.dynamics.coupling(cold, "Na", "SiS4", cutoffs=2.8, window=2.0)
    assert tested.attrs["compared"] > 100
    assert 0 < float(tested["p_any"]) <= 1
    assert float(tested["effect_upper"]) > 0
