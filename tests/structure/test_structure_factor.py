"""S(Q): naive sums, ideal gases, Bragg peaks, both routes on a melt, conventions, radiation, peers, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations_with_replacement

import numpy as np
import pytest
from melts import melt
from scipy import special, stats

import vanhove as vh
from vanhove.base.figures import new_axes
from vanhove.base.results import history_of
from vanhove.base.scattering import form_factor, neutron
from vanhove.structure import q_shells
from vanhove.trajectory.source import Block
from vanhove.trajectory.store import write_blocks

SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])
LEANING = np.array([[6.0, 0, 0], [14.0, 7.0, 0], [-9.0, 17.0, 8.0]])  # far from reduced
CUBE = 14.0 * np.eye(3)
SPECIES = ["Li"] * 9 + ["P"] * 3 + ["S"] * 8


def gas(cell, species, frames, seed, **options):
    positions = np.random.default_rng(seed).uniform(-1, 2, (frames, len(species), 3)) @ cell
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False, **options)


def vectors_of(cell, q_max):
    """Every Q of a cell up to q_max but Q = 0, both of Q and -Q, however the cell is given."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    most = np.ceil(q_max * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    numbers = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in most], indexing="ij"), -1).reshape(-1, 3)
    vectors = numbers @ reciprocal
    length = np.linalg.norm(vectors, axis=1)
    inside = (length > 1e-9) & (length < q_max)
    return vectors[inside], length[inside]


def naive(traj, q_max, width):
    """Re ρ_a ρ_b* / N by pair and shell, straight from the definition; and the vectors of a shell, with -Q."""
    bins = round(q_max / width)
    names = list(dict.fromkeys(traj.species.tolist()))
    products = {pair: np.zeros(bins) for pair in combinations_with_replacement(names, 2)}
    counts = np.zeros(bins)
    for positions, cell in zip(traj.positions, traj.cells, strict=True):
        vectors, length = vectors_of(cell, q_max)
        shell = (length / width).astype(int)
        rho = {a: np.exp(1j * positions[traj.species == a] @ vectors.T).sum(axis=0) for a in names}
        counts += np.bincount(shell, minlength=bins)
        for a, b in products:
            products[a, b] += np.bincount(shell, (rho[a] * rho[b].conj()).real, minlength=bins)
    with np.errstate(invalid="ignore"):
        return {pair: value / counts / traj.n_atoms for pair, value in products.items()}, counts / traj.n_frames


# the definition


@pytest.mark.parametrize("cell", [SKEWED, LEANING], ids=["skewed", "leaning"])
@pytest.mark.parametrize("changing", [False, True], ids=["constant", "changing"])
def test_equals_the_naive_sum_over_every_vector(cell, changing):
    rng = np.random.default_rng(51)
    strain = 0.05 * rng.standard_normal((4, 3, 3)) if changing else np.zeros((4, 3, 3))
    cells = cell @ (np.eye(3) + strain)
    positions = rng.uniform(-1, 2, (4, 20, 3)) @ cells
    traj = vh.from_arrays(positions, cells if changing else cell, SPECIES, np.arange(4), wrapped=False)
    wanted, counts = naive(traj, 6.0, 0.1)
    result = vh.structure.structure_factor(traj, 6.0, 0.1, convention="number", q_vectors="all")
    np.testing.assert_allclose(2 * result.n_q, counts, rtol=1e-12)
    assert result.pair.values.tolist() == ["Li-Li", "Li-P", "Li-S", "P-P", "P-S", "S-S"]
    for label in result.pair.values.tolist():
        a, b = label.split("-")
        np.testing.assert_allclose(result.S.sel(pair=label), wanted[a, b], rtol=1e-9, atol=1e-9)
    empty = counts == 0
    assert empty.any()
    assert np.isnan(result.S.values[:, empty]).all()
    assert np.isnan(result.q_mean.values[empty]).all()
    assert np.isfinite(result.S.values[:, ~empty]).all()


def test_shells_below_the_first_vector_are_empty():
    result = vh.structure.structure_factor(gas(CUBE, SPECIES, 3, 52), 2.0)
    first = 2 * np.pi / 14.0
    below = result.q.values + 0.025 < first
    assert np.isnan(result.S.values[:, below]).all()
    assert (result.n_q.values[below] == 0).all()
    filled = result.n_q.values > 0
    assert result.q_mean.values[filled][0] == pytest.approx(first)
    assert result.n_q.values[filled][0] == 3  # ±x, ±y, ±z


def test_one_cell_or_its_supercell():
    """A crystal repeated has the same S at the vectors of the small cell, and nothing at the others."""
    traj = gas(SKEWED, SPECIES, 1, 53)
    images = np.indices((2, 2, 2)).reshape(3, -1).T @ SKEWED
    positions = (traj.positions[:, :, None] + images).reshape(1, -1, 3)
    large = vh.from_arrays(positions, 2 * SKEWED, np.repeat(traj.species, 8), [0.0], wrapped=False)
    options = dict(q_max=4.0, width=0.001, convention="number", q_vectors="all")
    one = vh.structure.structure_factor(traj, **options)
    many = vh.structure.structure_factor(large, **options)
    there = one.n_q.values > 0
    share = many.n_q.values[there] / one.n_q.values[there]
    np.testing.assert_allclose(many.S.values[:, there] * share, 8 * one.S.values[:, there], rtol=1e-8, atol=1e-9)
    between = (many.n_q.values > 0) & ~there
    np.testing.assert_allclose(many.S.values[:, between], 0, atol=1e-9)


# closed forms


@pytest.mark.parametrize("weights", ["neutron", "xray"])
@pytest.mark.parametrize("method", ["reciprocal", "transform"])
def test_ideal_gas_is_one_for_both_radiations(weights, method):
    traj = gas(SKEWED * 2, ["Li"] * 30 + ["P"] * 15 + ["S"] * 45, 200, 54)
    result = vh.structure.structure_factor(traj, 8.0, 0.25, method, weights)
    for name, error in (("S", "S_error"), ("S_total", "S_total_error")):
        z = ((result[name] - 1) / result[error]).values
        z = z[np.isfinite(z)]
        assert stats.kstest(z[::3] if method == "transform" else z, stats.t(9).cdf).pvalue > 1e-3
    unnormalised = vh.structure.structure_factor(traj, 8.0, 0.25, method, weights, normalised=False)
    z = (unnormalised.S_total / unnormalised.S_total_error).values
    assert np.abs(z[np.isfinite(z)]).max() < 6


FCC = {"Al": [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]}
ROCK_SALT = {"Na": FCC["Al"], "Cl": [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]}


@pytest.mark.parametrize("grid", [False, True], ids=["direct", "grid"])
@pytest.mark.parametrize("repeat", [1, 3])
@pytest.mark.parametrize(("basis", "a"), [(ROCK_SALT, 5.6402), (FCC, 4.0495)], ids=["NaCl", "fcc"])
def test_bragg_intensities_by_the_structure_factor_formula(basis, a, repeat, grid, monkeypatch):
    monkeypatch.setattr(q_shells, "_grid_is_faster", lambda *_: grid)
    sites = np.concatenate([np.array(basis[name]) for name in basis])
    labels = np.concatenate([[name] * len(basis[name]) for name in basis])
    images = np.indices((repeat,) * 3).reshape(3, -1).T
    positions = ((sites[:, None] + images).reshape(-1, 3) + np.array([0.123, 0.456, 0.789])) * a
    traj = vh.from_arrays(positions[None], repeat * a * np.eye(3), np.repeat(labels, repeat**3), [0.0], wrapped=False)
    result = vh.structure.structure_factor(traj, 9.0, 0.002, weights="neutron", q_vectors="all", normalised=False)
    vectors, length = vectors_of(repeat * a * np.eye(3), 9.0)
    b = np.array([neutron(str(name)).b.real for name in labels])
    wave = np.exp(1j * vectors @ (sites * a).T)
    of_crystal = np.abs((vectors * a / (2 * np.pi)) - np.rint(vectors * a / (2 * np.pi))).max(axis=1) < 1e-6
    intensity = np.where(of_crystal, repeat**3 * np.abs(wave @ b) ** 2 / len(sites), 0.0)  # |F|²/N of all the cells
    shell = (length / 0.002 + 1e-9).astype(int)
    number = np.bincount(shell, minlength=len(result.q))
    mean = np.bincount(shell, intensity, minlength=len(result.q)) / np.where(number > 0, number, np.nan)
    np.testing.assert_allclose(100 * result.S_total + np.mean(b**2), mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(2 * result.n_q, number)
    assert mean[np.isfinite(mean)].max() > 40


def test_fcc_and_rock_salt_extinctions():
    """h, k, l all even or all odd, else nothing; Na and Cl scatter with or against each other."""
    sites = np.concatenate([np.array(ROCK_SALT[name]) for name in ("Na", "Cl")])
    traj = vh.from_arrays(5.64 * sites[None], 5.64, ["Na"] * 4 + ["Cl"] * 4, [0.0], wrapped=False)
    result = vh.structure.structure_factor(traj, 5.0, 0.002, convention="number", q_vectors="all")
    filled = result.n_q.values > 0
    squares = np.rint((result.q_mean.values[filled] * 5.64 / (2 * np.pi)) ** 2).astype(int)
    cross = result.S.sel(pair="Na-Cl").values[filled]
    for square, value in zip(squares, cross, strict=True):
        even, odd = square in (4, 8, 12, 16, 20), square in (3, 11, 19)
        assert value == pytest.approx(2.0 if even else -2.0 if odd else 0.0, abs=1e-9)


# conventions


def test_conventions_say_the_same():
    traj = gas(SKEWED, SPECIES, 4, 55)
    fz, al, number = (
        vh.structure.structure_factor(traj, 5.0, weights="neutron", convention=convention)
        for convention in ("faber-ziman", "ashcroft-langreth", "number")
    )
    c = {"Li": 9 / 20, "P": 3 / 20, "S": 8 / 20}
    for label in fz.pair.values.tolist():
        a, b = label.split("-")
        one, two, three = (result.S.sel(pair=label).values for result in (fz, al, number))
        np.testing.assert_allclose(one, 1 + (two - (a == b)) / np.sqrt(c[a] * c[b]), rtol=1e-10)
        np.testing.assert_allclose(three, two * np.sqrt(c[a] * c[b]), rtol=1e-12)
        for result, limit in ((fz, 1), (al, a == b), (number, c[a] * (a == b))):
            one = result.sel(pair=label)
            np.testing.assert_allclose(one.I, result.q * (one.S - limit), atol=1e-12)
    # sums with the weights of neutrons are the total, whatever the partials are
    np.testing.assert_allclose(fz.S_total, 1 + (fz.weight * (fz.S - 1)).sum("pair", skipna=False), rtol=1e-10)
    np.testing.assert_array_equal(fz.S_total, al.S_total)
    np.testing.assert_array_equal(fz.S_total, number.S_total)
    np.testing.assert_allclose(fz.weight.sum("pair"), 1, rtol=1e-12)


@pytest.mark.parametrize("convention", ["faber-ziman", "ashcroft-langreth", "number"])
@pytest.mark.parametrize("method", ["reciprocal", "transform"])
def test_limits_at_large_q(convention, method):
    traj = melt("cube")
    c = {"Na": 48 / 125, "S": 77 / 125}
    result = vh.structure.structure_factor(traj, 24.0, 0.5, method, convention=convention)
    end = result.where(result.q > 20, drop=True)
    for label in end.pair.values.tolist():
        a, b = label.split("-")
        limit = {"faber-ziman": 1.0, "ashcroft-langreth": float(a == b), "number": c[a] * (a == b)}[convention]
        one = end.sel(pair=label)
        assert abs(float(one.S.mean()) - limit) < 0.02
        assert (np.abs(one.S - limit) < 6 * one.S_error + 0.02).all()


# both routes


@pytest.mark.parametrize("lorch", [True, False], ids=["Lorch", "cut off"])
@pytest.mark.parametrize("shape", ["cube", "triclinic"])
def test_the_transform_is_the_exact_sum_convolved_with_its_window(shape, lorch):
    r"""S_T(Q) - 1 = 1/V Σ_Q' [S(Q') - 1] ∫_0^R w(r) 4πr² sin(Qr)/Qr sin(Q'r)/Q'r dr, Q' ≠ 0, for any configuration."""
    traj = melt(shape)
    exact = vh.structure.structure_factor(traj, 30.0, 0.002, q_vectors="all")  # shells as good as single vectors
    transform = vh.structure.structure_factor(traj, 12.0, 0.25, "transform", lorch=lorch)
    R = transform.attrs["r_max"]
    filled = exact.n_q.values > 0
    q, p = transform.q.values, exact.q_mean.values[filled]
    less, more = q[:, None] - p, q[:, None] + p
    if lorch:  # sin a sin b sin c / r, integrated
        turn = np.pi / R
        parts = [(1, turn + less), (1, turn - less), (1, more - turn), (-1, more + turn)]
        waves = np.sum([sign * special.sici(k * R)[0] for sign, k in parts], axis=0)
        window = R * waves / np.outer(q, p)
    else:
        window = 2 * np.pi * R * (np.sinc(less * R / np.pi) - np.sinc(more * R / np.pi)) / np.outer(q, p)
    weight = 2 * exact.n_q.values[filled] * window / traj.volumes[0]
    # what lies beyond 30 1/Å is left out: it falls off with Q'⁻³ behind Lorch's window, with Q'⁻² behind a cut
    bound = 1e-3 if lorch else 0.04
    for label in exact.pair.values.tolist():
        convolved = 1 + weight @ (exact.S.sel(pair=label).values[filled] - 1)
        difference = np.abs(convolved - transform.S.sel(pair=label).values)
        assert difference.max() < bound
        assert np.sqrt((difference**2).mean()) < bound / 5
        assert np.abs(transform.S.sel(pair=label) - 1).max() > 0.5, "there is something to compare"


def test_the_transform_reaches_beyond_half_the_cell():
    """Farther than half the width images count, too, and the peaks come out sharper: nearer to the exact sum."""
    traj = melt("cube")
    exact = vh.structure.structure_factor(traj, 8.0, 0.05, q_vectors="all")
    apart = []
    for r_max in (4.0, 6.5, 12.5):
        transform = vh.structure.structure_factor(traj, 8.0, 0.05, "transform", r_max=r_max)
        filled = (exact.n_q.values > 10) & (exact.q.values > 1.5)
        apart.append(float(np.sqrt(np.mean((transform.S - exact.S).values[:, filled] ** 2))))
    assert apart[0] > 1.2 * apart[1]
    with pytest.raises(vh.Refusal, match="its own images"):
        vh.structure.structure_factor(traj, 8.0, method="transform", r_max=13.0)
    assert apart[2] < 0.2


# radiation


def test_neutron_total_is_the_square_of_the_summed_amplitudes():
    traj = gas(SKEWED, ["6Li"] * 9 + ["B"] * 3 + ["S"] * 8, 3, 56)  # two that absorb: complex lengths
    result = vh.structure.structure_factor(traj, 4.0, 0.1, weights="neutron", normalised=False)
    b = np.array([neutron(name).b for name in traj.species.tolist()])
    vectors, length = vectors_of(SKEWED, 4.0)
    intensity = np.mean([np.abs(np.exp(1j * frame @ vectors.T).T @ b) ** 2 / 20 for frame in traj.positions], axis=0)
    shell = (length / 0.1).astype(int)
    number = np.bincount(shell, minlength=40)
    mean = np.bincount(shell, intensity, minlength=40) / np.where(number > 0, number, np.nan)
    np.testing.assert_allclose(result.S_total, 0.01 * (mean - np.mean(np.abs(b) ** 2)), rtol=1e-9, atol=1e-12)
    assert result.S_total.attrs["units"] == "barn/sr"
    normalised = vh.structure.structure_factor(traj, 4.0, 0.1, weights="neutron")
    np.testing.assert_allclose(normalised.S_total, 1 + result.S_total / (0.01 * abs(b.mean()) ** 2), rtol=1e-9)
    np.testing.assert_allclose(normalised.normalisation, 0.01 * abs(b.mean()) ** 2, rtol=1e-12)
    assert "6Li: 2-0.261i fm" in result.attrs["scatterers"]
    assert "Sears" in result.attrs["scatterers_from"]


def test_isotopes_scatter_otherwise():
    traj = melt("cube")
    lithium = vh.from_arrays(
        traj.positions, traj.cells[0], np.where(traj.species == "Na", "Li", "S"), traj.times, wrapped=False
    )
    natural, seven = (
        vh.structure.structure_factor(t, 4.0, weights="neutron")
        for t in (lithium, lithium.with_isotopes({"Li": "7Li"}))
    )
    np.testing.assert_allclose(seven.S.sel(pair="7Li-S"), natural.S.sel(pair="Li-S"))
    assert np.nanmax(np.abs(seven.S_total - natural.S_total)) > 0.05
    assert "7Li: -2.22 fm" in seven.attrs["scatterers"]


def test_xray_total_uses_the_form_factors_at_each_q():
    traj = gas(SKEWED, ["Na"] * 9 + ["Si"] * 3 + ["S"] * 8, 3, 57)
    result = vh.structure.structure_factor(traj, 6.0, weights="xray")
    assert result.attrs["scatterers"] == "Na: Na1+, Si: Si4+, S: S"
    c = {"Na": 9 / 20, "Si": 3 / 20, "S": 8 / 20}
    f = {name: form_factor(ion, result.q.values) for name, ion in (("Na", "Na1+"), ("Si", "Si4+"), ("S", "S"))}
    mean = sum(c[name] * f[name] for name in c)
    total = 1.0
    for label in result.pair.values.tolist():
        a, b = label.split("-")
        total += (1 + (a != b)) * c[a] * c[b] * f[a] * f[b] * (result.S.sel(pair=label).values - 1) / mean**2
    np.testing.assert_allclose(result.S_total, total, rtol=1e-9)
    np.testing.assert_allclose(result.I_total, result.q * (result.S_total - 1), rtol=1e-12)


def test_form_factors_by_name_and_without_anions():
    traj = gas(SKEWED, ["Na"] * 9 + ["Si"] * 3 + ["S"] * 8, 2, 58)
    neutral = vh.structure.structure_factor(traj, 4.0, weights="xray", form_factors={"Na": "Na", "Si": "Si"})
    assert neutral.attrs["scatterers"] == "Na: Na, Si: Si, S: S"
    assert json.loads(neutral.attrs["parameters"])["form_factors"] == {"Na": "Na", "Si": "Si"}
    alloy = vh.structure.structure_factor(traj.select(["Na", "Si"]), 4.0, weights="xray")
    assert alloy.attrs["scatterers"] == "Na: Na, Si: Si", "no anion, no ions"
    isotopes = vh.structure.structure_factor(traj.with_isotopes({"Na": "23Na"}), 4.0, weights="xray")
    assert isotopes.attrs["scatterers"] == "23Na: Na1+, Si: Si4+, S: S"


def test_a_lone_atom_is_in_the_total():
    traj = gas(SKEWED, ["Li"] * 9 + ["P"] + ["S"] * 4, 3, 59)
    result = vh.structure.structure_factor(traj, 4.0, 0.1, weights="neutron", normalised=False)
    assert "P-P" not in result.pair.values
    b = np.array([neutron(name).b.real for name in traj.species.tolist()])
    vectors, length = vectors_of(SKEWED, 4.0)
    intensity = np.mean([np.abs(np.exp(1j * frame @ vectors.T).T @ b) ** 2 / 14 for frame in traj.positions], axis=0)
    shell = (length / 0.1).astype(int)
    number = np.bincount(shell, minlength=40)
    mean = np.bincount(shell, intensity, minlength=40) / np.where(number > 0, number, np.nan)
    np.testing.assert_allclose(100 * result.S_total, mean - np.mean(b**2), rtol=1e-8, atol=1e-9)


# a part of the vectors


def test_a_part_of_the_vectors_is_fair():
    """Every shell's drawn vectors have the mean of all of them; below the limit they are all of them."""
    rng = np.random.default_rng(60)
    cell = np.diag([22.0, 25.0, 28.0]) @ np.array([[1, 0, 0], [0.2, 1, 0], [-0.1, 0.15, 1]])
    still = np.broadcast_to(rng.uniform(0, 1, (1, 60, 3)) @ cell, (400, 60, 3))
    traj = vh.from_arrays(still, cell, ["Na"] * 20 + ["S"] * 40, np.arange(400), wrapped=False)
    every = vh.structure.structure_factor(traj[:1], 6.0, 0.1, q_vectors="all")
    drawn = vh.structure.structure_factor(traj, 6.0, 0.1, q_vectors=100)
    full = drawn.attrs["thinned_above"]
    assert full == pytest.approx(2 * np.pi * np.sqrt(100 / (traj.volumes[0] * 0.1)))
    below, beyond = drawn.q.values + 0.05 < full, drawn.q.values - 0.05 > full
    assert (below & (every.n_q.values > 0)).any()
    np.testing.assert_array_equal(drawn.n_q.values[below], every.n_q.values[below])
    np.testing.assert_allclose(drawn.S.values[:, below], every.S.values[:, below], rtol=1e-9, atol=1e-9)
    # as many in each shell, whatever its size
    available, used = every.n_q.values[beyond], drawn.n_q.values[beyond]
    assert available.max() > 1000
    q = drawn.q.values[beyond]
    dense = traj.volumes[0] * 0.1 * (q / (2 * np.pi)) ** 2  # vectors of a shell if they were spread evenly
    np.testing.assert_allclose(used, 100 * available / dense, rtol=0.1)
    z = ((drawn.S - every.S) / drawn.S_error).values[:, beyond]
    assert stats.kstest(z.ravel(), stats.t(9).cdf).pvalue > 1e-3


def test_a_run_of_few_frames_uses_more_of_each():
    traj = gas(2 * CUBE, ["Na"] * 6 + ["S"] * 6, 400, 61)
    few, many = vh.structure.structure_factor(traj[:10], 8.0), vh.structure.structure_factor(traj, 8.0)
    assert "thinned_above" not in few.attrs
    assert many.attrs["thinned_above"] < 8
    assert "500 of each shell" in many.attrs["vectors"]
    assert many.n_q.values[-20:].mean() == pytest.approx(500, rel=0.05)
    named = vh.structure.structure_factor(traj, 8.0, q_vectors=50)
    assert named.n_q.values[-20:].mean() == pytest.approx(50, rel=0.1)


# errors


def test_the_stated_error_is_the_spread_between_runs():
    traj = gas(CUBE, ["Na"] * 20 + ["S"] * 40, 300, 62)
    result = vh.structure.structure_factor(traj, 6.0, 0.2)
    z = ((result.S - 1) / result.S_error).values
    assert stats.kstest(z[np.isfinite(z)], stats.t(9).cdf).pvalue > 1e-3


def test_one_frame_has_no_error():
    result = vh.structure.structure_factor(gas(CUBE, SPECIES, 1, 63), 4.0, weights="neutron")
    for name in ("S_error", "I_error", "S_total_error"):
        assert np.isnan(result[name]).all()
    assert np.isfinite(result.S.values[:, result.n_q > 0]).all()


# blocks


@pytest.mark.parametrize("grid", [False, True], ids=["direct", "grid"])
@pytest.mark.parametrize("constant", [True, False], ids=["constant cell", "changing cell"])
def test_cut_small_gives_the_same_as_in_one_piece(constant, grid, monkeypatch):
    rng = np.random.default_rng(64)
    cells = CUBE if constant else CUBE * (1 + 0.01 * rng.standard_normal((37, 1, 1)))
    positions = rng.uniform(0, 1, (37, 300, 3)) @ cells
    traj = vh.from_arrays(positions, cells, ["Li"] * 120 + ["S"] * 180, np.arange(37), wrapped=False)
    monkeypatch.setattr(q_shells, "_grid_is_faster", lambda *_: grid)
    options = dict(q_max=5.0, width=0.1, q_vectors="all" if grid else 60)
    monkeypatch.setenv("VANHOVE_THREADS", "1")
    whole = vh.structure.structure_factor(traj, **options)
    monkeypatch.setenv("VANHOVE_THREADS", "3")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    pieces = vh.structure.structure_factor(traj, **options)
    for name in whole.data_vars:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("cell", [CUBE, LEANING * 2], ids=["cube", "leaning"])
def test_sums_on_a_grid_are_the_direct_ones(cell, monkeypatch):
    traj = gas(cell, ["Na"] * 40 + ["S"] * 60, 3, 65)
    results = []
    for grid in (False, True):
        monkeypatch.setattr(q_shells, "_grid_is_faster", lambda *_, grid=grid: grid)
        results.append(vh.structure.structure_factor(traj, 6.0, 0.1, q_vectors="all"))
    assert [result.attrs["sums"] for result in results] == ["direct sums", "non-uniform FFT"]
    np.testing.assert_array_equal(results[0].n_q, results[1].n_q)
    np.testing.assert_allclose(results[0].S, results[1].S, rtol=1e-6, atol=1e-6)


def test_the_grid_is_for_many_atoms_and_fits_the_budget(monkeypatch):
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    few = gas(CUBE, SPECIES, 1, 66)
    many = gas(6 * CUBE, ["Na"] * 20000 + ["S"] * 20000, 1, 67)
    monkeypatch.setenv("VANHOVE_MEMORY", "2GB")
    assert not q_shells._grid_is_faster(few, 3, 3.0)
    assert q_shells._grid_is_faster(many, 2, 3.0)
    monkeypatch.setenv("VANHOVE_MEMORY", "20MB")
    assert not q_shells._grid_is_faster(many, 2, 3.0)


LONG_RUN = """
import json, sys
import vanhove as vh
traj = vh.open(sys.argv[1])[:int(sys.argv[2])]
s = vh.structure.structure_factor(traj, q_max=4.0, q_vectors=60, weights="neutron")
g = vh.structure.rdf(traj, r_max=6.0)
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"peak": peak, "vectors": s.n_q.values.tolist(), "S": s.S_total.values[-20:].tolist()}))
"""


def analysed(path, frames):
    environment = dict(os.environ, VANHOVE_MEMORY="100MB", VANHOVE_THREADS="2", VANHOVE_PROGRESS="0")
    command = [sys.executable, "-c", LONG_RUN, str(path), str(frames)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_thousand_frames_take_no_more_memory_than_fifty(tmp_path):
    """10 000 atoms, 1000 frames, 240 MB of positions in a budget of 100 MB; the work of a frame is the same in both."""
    rng = np.random.default_rng(73)
    species = ["Na"] * 3333 + ["Si"] * 1667 + ["S"] * 5000
    blocks = (Block(rng.uniform(0, 61.7, (50, 10_000, 3))) for _ in range(20))
    path = tmp_path / "long.h5md"
    write_blocks(
        path, blocks, species=species, masses=np.ones(10_000), charges=None, cells=np.eye(3)[None] * 61.7,
        times=0.1 * np.arange(1000), temperature=600.0, history=[],
    )  # fmt: skip
    assert path.stat().st_size > 2.3e8
    short, long = analysed(path, 50), analysed(path, 1000)
    assert long["peak"] < short["peak"] + 50, (short["peak"], long["peak"])
    assert long["peak"] < 600, "the interpreter and its libraries take some 300 MB of it"
    np.testing.assert_allclose(np.array(long["vectors"])[20:], np.array(short["vectors"])[20:], rtol=0.15)
    np.testing.assert_allclose(long["S"], 1, atol=0.05)


# peers


def test_agrees_with_dynasor_at_every_vector(tmp_path):
    dynasor = pytest.importorskip("dynasor")
    ase = pytest.importorskip("ase")
    from ase.io import write

    traj = melt("triclinic")[:10]
    cell = traj.cells[0]
    frames = [ase.Atoms(traj.species.tolist(), positions, cell=cell, pbc=True) for positions in traj.positions]
    path = tmp_path / "melt.xyz"
    write(path, frames, format="extxyz")
    vectors, length = vectors_of(cell, 3.0)
    theirs = dynasor.compute_static_structure_factors(
        dynasor.Trajectory(str(path), trajectory_format="extxyz", atomic_indices="read_from_trajectory"), vectors
    )
    result = vh.structure.structure_factor(traj, 3.0, 0.001, convention="number", q_vectors="all")
    shell = (length / 0.001).astype(int)
    number = np.bincount(shell, minlength=3000)
    for label, doubled in (("Na-Na", 1), ("Na-S", 2), ("S-S", 1)):
        summed = np.real(theirs["Sq_" + label.replace("-", "_")])
        mean = np.bincount(shell, summed.ravel(), minlength=3000) / np.where(number > 0, number, np.nan)
        # extended xyz keeps eight digits of a position
        np.testing.assert_allclose(doubled * result.S.sel(pair=label), mean, rtol=1e-4, atol=1e-5)


def test_agrees_with_freud():
    freud = pytest.importorskip("freud")
    traj = melt("cube")[:5]
    box = freud.box.Box.cube(13.0)
    result = vh.structure.structure_factor(traj, 4.0, 0.02, convention="number", q_vectors="all")
    squares = np.rint((result.q_mean.values * 13.0 / (2 * np.pi)) ** 2)
    # freud sums over one octant of the vectors only. Mirrored configurations show it the others, in the right shares
    # where all vectors of a length are the same but for order and sign: h² + k² + l² = 9 is 300 and 221, and left out
    numbers = np.indices((9, 9, 9)).reshape(3, -1).T
    kinds = {tuple(sorted(n)) for n in numbers.tolist()}
    of = [sum(i * i for i in kind) for kind in kinds]
    single = np.isin(squares, [square for square in of if of.count(square) == 1])
    for label in ("Na-Na", "Na-S", "S-S"):
        a, b = label.split("-")
        peer = freud.diffraction.StaticStructureFactorDirect(bins=200, k_max=4.0, k_min=0.0, num_sampled_k_points=0)
        for positions in traj.positions:
            for mirror in ([1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]):
                points = box.wrap((positions - 6.5) * mirror)
                one, other = (points[traj.species == name] for name in (a, b))
                peer.compute((box, one), query_points=other, N_total=125, reset=False)
        assert single.sum() > 20
        np.testing.assert_allclose(result.S.sel(pair=label).values[single], peer.S_k[single], rtol=1e-4, atol=1e-4)


# the result


def test_views_are_what_is_counted():
    traj = gas(SKEWED, SPECIES, 6, 68)
    part = vh.structure.structure_factor(traj.select("S")[2:], 4.0)
    again = vh.from_arrays(traj.positions[2:, 12:], SKEWED, ["S"] * 8, traj.times[2:], wrapped=False)
    np.testing.assert_array_equal(part.S, vh.structure.structure_factor(again, 4.0).S)
    assert part.pair.values.tolist() == ["S-S"]


def test_the_result_says_what_it_is(tmp_path):
    traj = gas(SKEWED, SPECIES, 4, 69, temperature=300)
    result = vh.structure.structure_factor(traj, 4.0, weights="neutron")
    assert result.S.dims == ("pair", "q")
    np.testing.assert_allclose(result.q, 0.025 + 0.05 * np.arange(80))
    assert result.attrs["temperature"] == 300
    assert result.attrs["trajectory"] == traj.fingerprint
    assert result.attrs["vectors"] == "every vector of the cell"
    assert [entry["function"] for entry in history_of(result)] == ["from_arrays", "structure.structure_factor"]
    parameters = json.loads(result.attrs["parameters"])
    assert parameters["convention"] == "faber-ziman"
    assert parameters["normalised"] is True
    vh.save(result, tmp_path / "s.nc")
    assert vh.load(tmp_path / "s.nc").identical(result)


@pytest.mark.parametrize("weights", [None, "neutron"])
def test_the_picture_has_a_row_for_every_curve(weights):
    result = vh.structure.structure_factor(gas(SKEWED, SPECIES, 4, 70), 6.0, weights=weights, convention="number")
    ax = vh.draw(result, new_axes())
    names = [text.get_text() for text in ax.texts]
    assert set(result.pair.values.tolist()) <= set(names)
    assert ("total" in names) == (weights is not None)
    ax.figure.canvas.draw()


def test_refusals():
    traj = gas(SKEWED, ["Li"] * 4 + ["P"] + ["S"] * 5, 2, 71)
    for options, message in [
        (dict(q_max=0), "q_max=0"),
        (dict(q_max=np.inf), "q_max=inf"),
        (dict(width=-0.1), "width=-0.1"),
        (dict(width=np.nan), "width=nan"),
        (dict(width=20.0), "0 shells"),
        (dict(width=1e-6), "shells of"),
        (dict(q_max=0.4), "no Q below q_max=0.4 1/Å.*its smallest is"),
        (dict(method="debye"), "method='debye'"),
        (dict(weights="electrons"), "weights='electrons'"),
        (dict(convention="bhatia-thornton"), "convention="),
        (dict(r_max=4.0), "belong to the transform"),
        (dict(lorch=True), "belong to the transform"),
        (dict(method="transform", q_vectors="all"), "no vectors"),
        (dict(method="transform", r_max=-1.0), "r_max=-1"),
        (dict(method="transform", r_max=50.0), "shortest vector"),
        (dict(q_vectors="some"), "q_vectors='some'"),
        (dict(q_vectors=0), "q_vectors=0"),
        (dict(form_factors={"Li": "Li"}), "without weights"),
        (dict(weights="neutron", form_factors={"Li": "Li"}), "no form factors"),
        (dict(weights="xray", form_factors={"Na": "Na"}), "no 'Na'"),
        (dict(weights="xray", form_factors={"S": "S2-"}), "no X-ray form factor of 'S2-'"),
        (dict(weights="xray", q_max=80.0, width=0.5), "form factors end"),
    ]:
        with pytest.raises(vh.Refusal, match=message):
            vh.structure.structure_factor(traj, **options)
    with pytest.raises(vh.Refusal, match="no pair of atoms"):
        vh.structure.structure_factor(traj.select("P"))


def test_lengths_that_cancel_are_not_divided_by():
    """Li and S in the one proportion at which neutrons see nothing on average."""
    numbers = [2847, 1900]  # b = -1.90 and 2.847 fm
    traj = gas(20 * np.eye(3), ["Li"] * numbers[0] + ["S"] * numbers[1], 1, 72)
    with pytest.raises(vh.Refusal, match=r"nearly zero.*normalised=False"):
        vh.structure.structure_factor(traj, 2.0, weights="neutron")
    assert np.isfinite(vh.structure.structure_factor(traj, 2.0, weights="neutron", normalised=False).S_total[-1])


# other people's data


def test_na2s_sis2_has_its_prepeak(shared_data):
    path = shared_data / "na2s-sis2-md" / "prod_600K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, temperature=600).every(5)
    result = vh.structure.structure_factor(traj, 2.5, 0.05, weights="xray")
    sodium = result.S.sel(pair="Na-Na")
    window = sodium.where((result.q > 0.7) & (result.q < 1.4), drop=True)
    assert float(window.q[int(np.argmax(window.values))]) == pytest.approx(1.0, abs=0.1)
