"""Computed beside measured: known distances, every form, every kind of file, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st
from melts import melt

import vanhove as vh
from vanhove.base.figures import new_axes
from vanhove.base.results import history_of
from vanhove.base.scattering import neutron
from vanhove.structure.measured_curves import read_curve

compare = vh.structure.compare_structure_factor


@pytest.fixture(scope="module")
def computed():
    return vh.structure.structure_factor(melt("cube"), 10.0, 0.1, weights="neutron")


@pytest.fixture(scope="module")
def g():
    return vh.structure.rdf(melt("cube"), r_max=6.0)


def curve(computed, kind="S"):
    """What a measurement without any fault would give, on its own grid."""
    q = computed.q_mean.values
    S = computed.S_total.values
    known = np.isfinite(S)
    q, S = q[known], S[known]
    x = np.linspace(1.0, 9.5, 300)
    y = np.interp(x, q, S)
    norm = float(computed.normalisation[0])
    return x, {"S": y, "S-1": y - 1, "sum": norm * (y - 1)}[kind] if kind != "I" else np.interp(x, q, q * (S - 1))


# the number


@pytest.mark.parametrize("kind", ["S", "S-1", "I", "sum"])
def test_nothing_lies_between_a_curve_and_itself(computed, kind):
    result = compare(computed, curve(computed, kind), (1.5, 9.0), kind=kind)
    assert float(result.R_chi) < 1e-12
    np.testing.assert_allclose(result.difference, 0, atol=1e-12)
    x = curve(computed)[0]
    np.testing.assert_array_equal(result.q, x[(x >= 1.5) & (x <= 9.0)])


def test_a_computed_value_stands_where_its_vectors_are(computed):
    """Shell means of a known curve lie on it at the mean length of the shell's vectors, not at its middle."""

    def truth(q):
        return 1 + np.sin(3.1 * q)

    step = 2 * np.pi / 13.0  # of the cell's wavevectors
    n = np.arange(-22, 23)
    lengths = np.sqrt((np.stack(np.meshgrid(n, n, n)).reshape(3, -1) ** 2).sum(axis=0)) * step
    shells = computed.q.values
    edges = np.append(shells - 0.05, shells[-1] + 0.05)
    with np.errstate(invalid="ignore"):
        counts, _ = np.histogram(lengths, edges)
        planted = np.histogram(lengths, edges, weights=truth(lengths))[0] / counts
        mean = np.histogram(lengths, edges, weights=lengths)[0] / counts
    there = computed.copy()
    there["S_total"], there["q_mean"] = ("q", planted), ("q", mean)
    known = counts > 0
    x = mean[known]
    curvature = 3.1**2 * 0.1**2 / 24  # half the second derivative times the variance within a shell, at most
    assert float(compare(there, (x, truth(x)), (1.5, 9.0)).R_chi) < curvature
    off = float(compare(there.drop_vars("q_mean"), (x, truth(x)), (1.5, 9.0)).R_chi)
    moved = (3.1 * np.cos(3.1 * x) * (x - shells[known]))[(x >= 1.5) & (x <= 9.0)]
    expected = float(np.sqrt((moved**2).sum() / (truth(x)[(x >= 1.5) & (x <= 9.0)] ** 2).sum()))
    assert expected > 5 * curvature
    assert off == pytest.approx(expected, rel=0.25)
    # so the same values laid on the middles are another curve, and the distance says so
    assert float(compare(there, (x, planted[known]), (1.5, 9.0)).R_chi) < 1e-12
    assert float(compare(there, (shells[known], planted[known]), (1.5, 9.0)).R_chi) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("scale", [0.5, 1.1, -2.0])
@pytest.mark.parametrize("kind", ["S", "S-1", "I", "sum"])
def test_a_scaled_copy_has_a_known_distance(computed, kind, scale):
    x, y = curve(computed, kind)
    result = compare(computed, (x, scale * y), (1.5, 9.0), kind=kind)
    assert float(result.R_chi) == pytest.approx(abs(scale - 1) / abs(scale), rel=1e-10)
    np.testing.assert_allclose(result.difference, result.measured - result.computed, atol=1e-14)


def test_the_distance_depends_on_what_is_compared(computed):
    """The same two curves: far closer as S than as S - 1. So the result says what it is of."""
    x, y = curve(computed)
    noise = 0.05 * np.random.default_rng(81).standard_normal(len(x))
    norm = float(computed.normalisation[0])
    forms = {"S": y + noise, "S-1": y + noise - 1, "I": x * (y + noise - 1), "sum": norm * (y + noise - 1)}
    results = {kind: compare(computed, (x, form), (1.5, 9.0), kind=kind) for kind, form in forms.items()}
    m = results["S"].measured
    ratio = float(results["S-1"].R_chi / results["S"].R_chi)
    assert ratio == pytest.approx(float(np.sqrt((m**2).sum() / ((m - 1) ** 2).sum())), rel=1e-9)
    assert ratio > 2
    assert float(results["sum"].R_chi) == pytest.approx(float(results["S-1"].R_chi), rel=1e-9)
    assert [results[kind].attrs["kind"] for kind in forms] == [
        "S(Q)", "S(Q) - 1", "I(Q) = Q [S(Q) - 1]", "Σ c_i c_j b_i b_j [S_ij(Q) - 1]",
    ]  # fmt: skip
    assert results["sum"].measured.attrs["units"] == "barn/sr"
    assert results["I"].measured.attrs["units"] == "1/Å"


@pytest.mark.parametrize("weights", ["neutron", "xray"])
@pytest.mark.parametrize("kind", ["S", "I", "sum"])
def test_the_papers_sum_is_brought_to_the_form_asked_for(weights, kind):
    traj = melt("cube")[:5]
    normalised, plain = (
        vh.structure.structure_factor(traj, 8.0, 0.1, weights=weights, normalised=flag) for flag in (True, False)
    )
    result = compare(normalised, plain, (1.5, 7.0), kind=kind)
    assert float(result.R_chi) < 1e-12
    assert float(np.abs(result.measured).max()) > 0


def test_a_single_pair(computed):
    q = computed.q_mean.values
    S = computed.S.sel(pair="Na-S").values
    known = np.isfinite(S) & (q > 2)
    result = compare(computed, (q[known], 2 * S[known]), (2.0, 9.0), pair="S-Na")
    assert float(result.R_chi) == pytest.approx(0.5)
    assert result.attrs["kind"] == "S(Q) of S-Na"
    with pytest.raises(vh.Refusal, match="of a single pair"):
        compare(computed, (q[known], S[known]), (2.0, 9.0), pair="Na-S", kind="sum")
    other = vh.structure.structure_factor(melt("cube")[:2], 5.0, convention="number")
    with pytest.raises(vh.Refusal, match="the partials are number"):
        compare(other, ([2, 3, 4], [1, 1, 1]), (1.9, 4.1), pair="Na-S")


def test_errors_are_carried(computed):
    x, y = curve(computed)
    result = compare(computed, (x, y, np.full(len(x), 0.03)), (1.5, 9.0))
    np.testing.assert_allclose(result.measured_error, 0.03)
    assert (result.computed_error > 0).all()
    np.testing.assert_allclose(result.difference_error, np.hypot(0.03, result.computed_error))
    assert np.isnan(compare(computed, (x, y), (1.5, 9.0)).measured_error).all()


# in real space


@pytest.mark.parametrize("kind", ["g", "G", "T"])
def test_real_space_totals_are_those_of_neutrons(g, kind):
    traj = melt("cube")
    c, b = {"Na": 48 / 125, "S": 77 / 125}, {name: neutron(name).b.real for name in ("Na", "S")}
    mean = sum(c[name] * b[name] for name in c)
    total = sum(
        (1 + (one != other)) * c[one] * c[other] * b[one] * b[other] * g.g.sel(pair=f"{one}-{other}").values / mean**2
        for one, other in (("Na", "Na"), ("Na", "S"), ("S", "S"))
    )
    r, rho = g.r.values, 125 / traj.volumes[0]
    form = {"g": total, "G": 4 * np.pi * rho * r * (total - 1), "T": 4 * np.pi * rho * r * total}[kind]
    result = compare(g, np.stack([r, form], axis=1), (1.0, 5.9), kind=kind)
    assert float(result.R_chi) < 1e-12
    assert result.measured.attrs["units"] == ("1" if kind == "g" else "1/Å²")
    assert (result.computed_error.values > 0).any()


def test_one_pair_in_real_space(g):
    r = g.r.values
    result = compare(g, (r, g.g.sel(pair="Na-S").values / 2), (1.0, 5.9), pair="Na-S")
    assert float(result.R_chi) == pytest.approx(1.0)
    assert result.attrs["kind"] == "g(r) of Na-S"


def test_a_total_needs_every_pair():
    part = vh.structure.rdf(melt("cube")[:3], ["Na-Na", "S-S"], r_max=5.0)
    with pytest.raises(vh.Refusal, match="Na-S is not in this result"):
        compare(part, ([2, 3, 4], [1, 1, 1]), (1.9, 4.1))


# what measurements come as


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


ROWS = list(zip([1, 1.5, 2, 2.5], [0.9, 1.1, -1.2, 1.0], [0.1] * 4, strict=True))
COLUMNS = "\n".join(f"{x:.4f} {y:.6e} {e:.4f}" for x, y, e in ROWS)
FOUR = "\n".join(f"{x:.4f} {y:.4f} 0.0 {e:.4f}" for x, y, e in ROWS)
PDFGETX3 = "[DEFAULT]\nversion = pdfgetx3\n\nqmax = 24.0\n#### start data\n#S 1\n#L Q($\\AA^{-1}$) S dS\n"
PDFGETX2 = "History written: today\n1 2 3 4 5\n##### Run Information\n#L Q F dF\n"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("plain.dat", COLUMNS, None),
        ("commas.csv", "Q,S,error\n" + COLUMNS.replace(" ", ","), None),
        ("semicolons.txt", "Q; S; error\r\n" + COLUMNS.replace(" ", "; ").replace("\n", "\r\n"), None),
        ("tabs.dat", "# Q\tS\n" + COLUMNS.replace(" ", "\t"), None),
        ("mantid.dat", "# File generated by a reduction\n1\n" + COLUMNS, None),
        ("fortran.dat", COLUMNS.replace("e+00", "D+00").replace("e-01", "D-01"), None),
        ("three.sq", PDFGETX3 + COLUMNS, "S"),
        ("three.fq", PDFGETX2 + COLUMNS, "I"),
        ("two.gr", "#S 1 - PDF from PDFgetX2\n#P0  0 0 0\n#L r(A) G(r) d_r d_Gr\n" + FOUR, "G"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and len(value) < 20 else "",
)  # fmt: skip
def test_files_of_every_kind(tmp_path, name, text, kind):
    curve = read_curve(written(tmp_path, name, text))
    np.testing.assert_allclose(curve.x, [1, 1.5, 2, 2.5])
    np.testing.assert_allclose(curve.y, [0.9, 1.1, -1.2, 1.0])
    np.testing.assert_allclose(curve.error, 0.1)
    assert curve.kind == kind
    assert curve.name == name


def test_columns_may_be_named(tmp_path):
    table = "\n".join(f"{i} {i} {i * 10} {i * 100} {i * 1000}" for i in range(1, 6))
    path = written(tmp_path, "many.dat", table)
    with pytest.raises(vh.Refusal, match=r"5 columns.*columns="):
        read_curve(path)
    curve = read_curve(path, (1, 3))
    np.testing.assert_array_equal(curve.y, [100, 200, 300, 400, 500])
    np.testing.assert_array_equal(read_curve(path, (0, 2, 4)).error, [1000, 2000, 3000, 4000, 5000])
    for wrong in ((0,), (0, 9), (0, 1, 2, 3), (-1, 1)):
        with pytest.raises(vh.Refusal, match="columns="):
            read_curve(path, wrong)


def test_points_are_sorted_and_what_is_no_number_left_out(tmp_path):
    curve = read_curve(written(tmp_path, "a.dat", "3 1\n1 2\nnan 5\n2 nan\n4 0\n"))
    np.testing.assert_array_equal(curve.x, [1, 3, 4])
    np.testing.assert_array_equal(curve.y, [2, 1, 0])


def test_a_files_name_says_what_it_holds(tmp_path, computed, g):
    x, y = curve(computed)
    np.savetxt(tmp_path / "x.fq", np.stack([x, x * (y - 1)], axis=1))
    np.savetxt(tmp_path / "x.sq", np.stack([x, y], axis=1))
    assert compare(computed, tmp_path / "x.fq", (1.5, 9.0)).attrs["kind"].startswith("I(Q)")
    assert float(compare(computed, str(tmp_path / "x.sq"), (1.5, 9.0)).R_chi) < 1e-6
    assert compare(computed, tmp_path / "x.fq", (1.5, 9.0), kind="S").attrs["kind"] == "S(Q)"
    np.savetxt(tmp_path / "x.gr", np.stack([g.r.values, g.r.values], axis=1))
    assert compare(g, tmp_path / "x.gr", (1.0, 5.0)).attrs["kind"].startswith("G(r)")
    with pytest.raises(vh.Refusal, match="not in this result"):
        compare(computed, tmp_path / "x.gr", (1.5, 5.0))


def test_datasets_that_others_made(computed):
    x, y = curve(computed)
    data = xr.Dataset({"S": ("q", y), "S_error": ("q", 0.1 + 0 * y)}, {"q": x})
    result = compare(computed, data, (1.5, 9.0))
    assert float(result.R_chi) < 1e-12
    np.testing.assert_allclose(result.measured_error, 0.1)
    with pytest.raises(vh.Refusal, match="has 2 curves"):
        compare(computed, data.assign(other=("q", y)), (1.5, 9.0))


@given(st.text(alphabet="0123456789.eEdD+-, ;\t\n#nainfS(Q)", max_size=200))
@example("1 2\n3 4\n")
@example("1e999 2\n3 4\n5 6")
@example("")
def test_any_text_is_a_curve_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_text(text, encoding="utf-8")
    try:
        curve = read_curve(path)
    except vh.Refusal:
        return
    assert len(curve.x) >= 2
    assert np.isfinite(curve.x).all()
    assert (np.diff(curve.x) >= 0).all()


# the result


def test_the_result_says_what_it_is(computed, tmp_path):
    x, y = curve(computed)
    np.savetxt(tmp_path / "glass.dat", np.stack([x, 1.1 * y, 0.02 + 0 * y], axis=1))
    result = compare(computed, tmp_path / "glass.dat", (1.5, 9.0))
    assert result.attrs["measured"] == "glass.dat"
    assert result.attrs["weights"] == "neutron"
    assert [step["function"] for step in history_of(result)] == [
        "from_arrays", "structure.structure_factor", "structure.compare_structure_factor",
    ]  # fmt: skip
    vh.save(result, tmp_path / "c.nc")
    assert vh.load(tmp_path / "c.nc").identical(result)
    ax = vh.draw(result, new_axes())
    assert "measured" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("0.0909" in text.get_text() for text in ax.texts)
    span = float(result.difference.max() - result.difference.min())
    assert ax.get_ylim()[0] < float(result.computed.min()) - span, "the difference lies below"
    ax.figure.canvas.draw()


def test_refusals(computed, g, tmp_path):
    x, y = curve(computed)
    without = vh.structure.structure_factor(melt("cube")[:2], 5.0)
    for arguments, options, message in [
        ((computed, (x, y), (9.0, 1.5)), {}, "low first"),
        ((computed, (x, y), (1.5,)), {}, "window="),
        ((computed, (x, y), (1.5, np.nan)), {}, "window="),
        ((computed, (x, y), (20.0, 30.0)), {}, "0 points between"),
        ((computed, (np.append(x, [12, 13]), np.append(y, [1, 1])), (1.5, 14.0)), {}, "nothing is extrapolated"),
        ((computed, (np.append(x, 0.01), np.append(y, 0)), (0.0, 9.0)), {}, "nothing is extrapolated"),
        ((computed, (x, 0 * y), (1.5, 9.0)), {}, "is zero"),
        ((computed, (x, y), (1.5, 9.0)), dict(kind="F"), "kind='F'"),
        ((computed, (x, y), (1.5, 9.0)), dict(kind="T"), "not in this result.*Choose another kind"),
        ((computed, (x, y), (1.5, 9.0)), dict(pair="Na-P"), "'Na-P' is not in this result"),
        ((computed, (x, y), (1.5, 9.0)), dict(columns=(0, 1)), "columns without a file"),
        ((without, (x, y), (1.5, 4.5)), {}, "no total.*weights"),
        ((computed, (x, y[:-1]), (1.5, 9.0)), {}, "shapes"),
        ((computed, (x,), (1.5, 9.0)), {}, "no measured curve"),
        ((computed, 7, (1.5, 9.0)), {}, "no measured curve"),
        ((computed, tmp_path / "none.dat", (1.5, 9.0)), {}, "can't be read"),
        ((computed, tmp_path, (1.5, 9.0)), {}, "can't be read"),
        ((g, (x, y), (1.5, 5.0)), dict(kind="S"), "not in this result"),
    ]:
        with pytest.raises(vh.Refusal, match=message):
            compare(*arguments, **options)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("raw.iq", "1 2\n3 4\n", "before any normalisation"),
        ("words.dat", "nothing\nto see\n", "no table of numbers"),
        ("one.dat", "1 2\n", "no table of numbers"),
        ("single.dat", "1\n2\n3\n", "no table of numbers"),
        ("nm.dat", "#L Q(nm^-1) S\n10 1\n20 1\n", "1/nm.*tenth"),
        ("empty.dat", "", "no table of numbers"),
    ],
)
def test_files_that_are_no_measured_curve(tmp_path, name, text, message):
    with pytest.raises(vh.Refusal, match=message):
        read_curve(written(tmp_path, name, text))
