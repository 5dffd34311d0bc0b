"""Peaks: planted Gaussians, slopes, dips, scatter, shoulders, S(Q) and g(r) of real things."""

from __future__ import annotations

import json

import numpy as np
import pytest
from melts import melt
from scipy import stats

import vanhove as vh
from vanhove.base.figures import new_axes
from vanhove.base.results import Column, dataset, history_of

peaks = vh.structure.peaks
WINDOW = (0.0, 3.0)


def bell(x, position, height, width):
    return height * np.exp(-4 * np.log(2) * ((x - position) / width) ** 2)


def curves(x, values, error=None, axis="q", **extra):
    """A result as S(Q) or g(r) come, of one or several curves."""
    values = np.atleast_2d(values)
    names = [f"X{k}-Y" for k in range(len(values))]
    plain, unit = {"q": ("S", "1/Å"), "r": ("g", "Å")}[axis]
    errors = np.broadcast_to(np.nan if error is None else error, values.shape)
    return dataset(
        {"q": "structure.structure_factor", "r": "structure.rdf"}[axis],
        {
            plain: Column(("pair", axis), values, "1", "a curve"),
            f"{plain}_error": Column(("pair", axis), errors, "1", "its error"),
            **extra,
        },
        {"pair": Column(("pair",), names, "1", "pair"), axis: Column((axis,), x, unit, "axis")},
        parameters={}, history=[], title="planted",
    )  # fmt: skip


Q = np.arange(0.0, 3.0, 0.03) + 0.015


# planted


@pytest.mark.parametrize("axis", ["q", "r"])
def test_a_planted_peak_without_scatter_is_exact(axis):
    planted = -0.6 + 0.4 * (Q - 1.2) + bell(Q, 1.2, 0.8, 0.35)
    result = peaks(curves(Q, planted, 0.01, axis), WINDOW)
    assert result.position.values == pytest.approx(1.2, abs=1e-6)
    assert result.prominence.values == pytest.approx(0.8, abs=1e-5)
    assert result.height.values == pytest.approx(0.2, abs=1e-5)
    assert result.width.values == pytest.approx(0.35, abs=1e-5)
    assert result.position.attrs["units"] == {"q": "1/Å", "r": "Å"}[axis]
    if axis == "q":
        assert result.length.values == pytest.approx(7.7 / 1.2, abs=1e-5)
        assert result.length.attrs["units"] == "Å"
        np.testing.assert_allclose(result.length_error, 7.7 / 1.2**2 * result.position_error, rtol=1e-5)
    else:
        assert "length" not in result


@pytest.mark.parametrize("told", [0.03, None, 0.005], ids=["told", "not told", "told too small"])
def test_planted_peaks_are_recovered_within_their_errors(told):
    """(found - planted)/error is of unit size, whether the errors are given, missing, or smaller than the scatter."""
    rng = np.random.default_rng(91)
    truth = np.stack([rng.uniform(0.8, 2.2, 200), rng.uniform(0.3, 2, 200), rng.uniform(0.15, 0.5, 200)])
    rows = [0.3 * (Q - 1) + bell(Q, *one) + 0.03 * rng.standard_normal(len(Q)) for one in truth.T]
    result = peaks(curves(Q, np.array(rows), told), WINDOW)
    assert np.isfinite(result.position).all()
    wanted = dict(zip(("position", "prominence", "width"), truth, strict=True))
    wanted["height"] = truth[1] + 0.3 * (truth[0] - 1)
    for name, value in wanted.items():
        z = ((result[name] - value) / result[f"{name}_error"]).values
        assert 0.75 < z.std() < 1.35, name
        assert abs(z.mean()) < 0.3, name
        assert np.abs(z).max() < 6, name


def test_scatter_alone_is_no_peak():
    rng = np.random.default_rng(92)
    rows = 0.3 * Q + 0.1 * rng.standard_normal((300, len(Q)))
    result = peaks(curves(Q, rows, 0.1), WINDOW)
    false = int(np.isfinite(result.position).sum())
    assert false <= stats.binom(300, 0.01).ppf(0.999)
    assert "does not stand out of the scatter" in result.attrs["verdict"]
    for name in ("position", "height", "prominence", "width", "length"):
        assert np.isnan(result[name]).sum() == 300 - false
        assert np.isnan(result[f"{name}_error"]).sum() == 300 - false


def test_the_peak_that_explains_most_is_the_one():
    two = bell(Q, 0.9, 0.3, 0.3) + bell(Q, 2.0, 1.0, 0.3)
    result = peaks(curves(Q, two, 0.01), WINDOW)
    assert float(result.position[0]) == pytest.approx(2.0, abs=0.01)
    pre = peaks(curves(Q, two, 0.01), (0.3, 1.5))
    assert float(pre.position[0]) == pytest.approx(0.9, abs=0.01)


def test_a_pre_peak_on_the_slope_of_its_neighbour_below_zero():
    curve = -1.0 + 0.4 * Q + bell(Q, 1.0, 0.5, 0.35) + bell(Q, 2.2, 3.0, 0.5)
    result = peaks(curves(Q, curve, 0.01), (0.4, 1.5))
    assert float(result.position[0]) == pytest.approx(1.0, abs=0.03)
    assert float(result.height[0]) < 0
    assert float(result.prominence[0]) == pytest.approx(0.5, abs=0.1)


def test_a_shoulder_has_no_top():
    shoulder = 8 * Q + bell(Q, 1.5, 1.0, 0.6)
    result = peaks(curves(Q, shoulder, 1e-3), WINDOW)
    assert np.isnan(result.position).all()
    assert "is a shoulder" in result.attrs["verdict"]


def test_a_peak_that_reaches_out_of_the_window():
    result = peaks(curves(Q, bell(Q, 1.0, 1.0, 0.8), 0.001), (0.9, 2.5))
    assert np.isnan(result.position).all()
    assert "reaches out" in result.attrs["verdict"] or "side of the window" in result.attrs["verdict"]
    rising = peaks(curves(Q, np.exp(Q), 0.001), (0.5, 2.0))
    assert np.isnan(rising.position).all()


def test_dips_when_asked():
    dip = 1 + 0.2 * Q - bell(Q, 1.4, 0.7, 0.3)
    assert np.isnan(peaks(curves(Q, dip, 0.01), (0.9, 1.9)).position).all()
    result = peaks(curves(Q, dip, 0.01), (0.9, 1.9), dips=True)
    assert float(result.position[0]) == pytest.approx(1.4, abs=1e-4)
    assert float(result.prominence[0]) == pytest.approx(-0.7, abs=1e-3)
    assert float(result.height[0]) == pytest.approx(0.58, abs=1e-3)
    np.testing.assert_allclose(result.fit[0], result.curve[0], atol=1e-3)
    assert result.attrs["verdict"] == "every curve has a dip"


def test_shells_without_vectors_and_shells_of_few():
    """NaN is left out; a shell of one vector that is far off hardly counts beside one of a hundred."""
    rng = np.random.default_rng(93)
    number = np.where(np.arange(len(Q)) % 7 == 0, 1.0, 100.0)
    curve = bell(Q, 1.5, 1.0, 0.4) + rng.standard_normal(len(Q)) * 0.2 / np.sqrt(number / 10)
    curve[::9] = np.nan
    number[::9] = 0
    extra = {
        "n_q": Column(("q",), number, "1", "vectors"),
        "q_mean": Column(("q",), np.where(number > 0, Q + 0.01, np.nan), "1/Å", "their length"),
    }
    result = peaks(curves(Q, curve, None, **extra), WINDOW)
    assert float(result.position[0]) == pytest.approx(1.51, abs=5 * float(result.position_error[0]))
    assert float(result.position_error[0]) < 0.02


# of a melt and of a glass


def test_every_pair_and_the_total_of_a_melt():
    source = vh.structure.structure_factor(melt("cube"), 6.0, 0.1, weights="neutron")
    result = peaks(source, (2.0, 3.6))
    assert result.pair.values.tolist() == ["Na-Na", "Na-S", "S-S", "total"]
    one = result.sel(pair="S-S")
    highest = source.q_mean.values[np.nanargmax(source.S.sel(pair="S-S").values)]
    assert float(one.position) == pytest.approx(highest, abs=0.15)
    assert float(one.position) == pytest.approx(2.65, abs=5 * float(one.position_error) + 0.05)
    assert 0 < float(one.position_error) < 0.1
    assert result.attrs["weights"] == "neutron"


def test_first_shells_of_a_melt():
    source = vh.structure.rdf(melt("cube"), r_max=6.0)
    result = peaks(source, (1.6, 3.6))
    for label in ("Na-Na", "Na-S", "S-S"):
        g = source.g.sel(pair=label).values
        assert float(result.position.sel(pair=label)) == pytest.approx(source.r.values[np.argmax(g)], abs=0.15)
        assert float(result.height.sel(pair=label)) == pytest.approx(g.max(), rel=0.15)


def test_another_variable_may_be_looked_at():
    source = vh.structure.structure_factor(melt("cube"), 6.0, 0.1)
    result = peaks(source, (2.0, 3.6), variable="I")
    assert result.curve.attrs["units"] == "1/Å"
    assert result.height.attrs["units"] == "1/Å"
    with pytest.raises(vh.Refusal, match="variable='T'"):
        peaks(source, (2.0, 3.6), variable="T")


def test_na2s_sis2_pre_peak_and_its_length(shared_data):
    path = shared_data / "na2s-sis2-md" / "prod_600K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, temperature=600).every(4)
    result = peaks(vh.structure.structure_factor(traj, 2.5), (0.5, 1.5)).sel(pair="Na-Na")
    assert float(result.position) == pytest.approx(1.0, abs=0.1)
    assert float(result.position_error) < 0.1
    assert float(result.length) == pytest.approx(7.7 / float(result.position), rel=1e-12)
    assert 6.9 < float(result.length) < 8.6


# the result


def test_the_result_says_what_it_is(tmp_path):
    source = vh.structure.structure_factor(melt("cube"), 6.0, 0.1, weights="neutron")
    result = peaks(source, [2.0, 3.6])
    assert history_of(result)[-1]["function"] == "structure.peaks"
    assert json.loads(result.attrs["parameters"])["window"] == [2.0, 3.6]
    assert result.attrs["source"] == "structure.structure_factor"
    vh.save(result, tmp_path / "p.nc")
    assert vh.load(tmp_path / "p.nc").identical(result)
    ax = vh.draw(result, new_axes())
    assert {"Na-Na", "Na-S", "S-S", "total"} <= {text.get_text() for text in ax.texts}
    ax.figure.canvas.draw()


def test_few_points_and_flat_curves_are_said():
    result = peaks(curves(Q, np.zeros(len(Q)), 0.1), WINDOW)
    assert result.attrs["verdict"] == "X0-Y: the curve is flat"
    result = peaks(curves(Q, bell(Q, 1.0, 1.0, 0.3), 0.1), (0.95, 1.05))
    assert "only 3 points, 8 are needed" in result.attrs["verdict"]


def test_a_bragg_peak_of_one_shell_has_no_shape():
    line = np.where(np.arange(len(Q)) == 50, 15.0, 0.0) + 0.01 * np.sin(40 * Q)
    result = peaks(curves(Q, line, 0.01), WINDOW)
    assert np.isnan(result.position).all()
    assert "too sharp for points 0.03 1/Å apart" in result.attrs["verdict"]


def test_refusals():
    source = curves(Q, bell(Q, 1.0, 1.0, 0.3), 0.1)
    outside = "No point lies between 5 and 6 1/Å"
    for window, message in [((3.0, 1.0), "low first"), ((1.0,), "window="), ((5.0, 6.0), outside)]:
        with pytest.raises(vh.Refusal, match=message):
            peaks(source, window)
    with pytest.raises(vh.Refusal, match=r"neither S\(Q\) nor g\(r\)"):
        peaks(source.drop_vars("S"), WINDOW)
