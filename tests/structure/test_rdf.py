"""g(r) and n(r): ideal gases, perfect lattices, naive counts, peers, views, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

import vanhove as vh
from vanhove.base.results import history_of
from vanhove.structure._rdf import first_peak
from vanhove.trajectory.source import Block
from vanhove.trajectory.store import write_blocks

SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])
ORTHOGONAL = np.diag([18.0, 21.0, 24.0])
TRICLINIC = np.array([[20.0, 0, 0], [9.0, 19.0, 0], [-8.0, 9.5, 21.0]])


def still(positions, cell, species, frames=1):
    """The same positions in every frame."""
    positions = np.broadcast_to(positions, (frames, *np.shape(positions)))
    return vh.from_arrays(positions, cell, species, np.arange(frames), wrapped=False)


def gas(cell, species, frames, seed):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (frames, len(species), 3)) @ cell
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False, temperature=300)


def shells(result):
    width = result.r.values[1] - result.r.values[0]
    return 4 * np.pi / 3 * ((result.r + width / 2) ** 3 - (result.r - width / 2) ** 3).values


def coordination(result, pair, distance):
    """n at the upper edge of the bin that ends at ``distance``."""
    width = float(result.r[1] - result.r[0])
    return float(result.n.sel(pair=pair).values[round(distance / width) - 1])


def naive(traj, centre, neighbour, r_max, width):
    """g, n of one pair, frame by frame, atom by atom, image by image, straight from the definition."""
    bins = int(r_max / width + 1e-9)
    edges = width * np.arange(bins + 1)
    g, n = np.zeros((traj.n_frames, bins)), np.zeros((traj.n_frames, bins))
    mine, theirs = np.flatnonzero(traj.species == centre), np.flatnonzero(traj.species == neighbour)
    for f, (positions, cell) in enumerate(zip(traj.positions, traj.cells, strict=True)):
        inverse = np.linalg.inv(cell)
        most = np.ceil(r_max * np.linalg.norm(inverse, axis=0)).astype(int) + 1
        images = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in most], indexing="ij"), -1).reshape(-1, 3)
        wrapped = positions - np.floor(positions @ inverse) @ cell
        counts = np.zeros(bins)
        for i in mine:
            for j in theirs:
                distances = np.linalg.norm(wrapped[j] - wrapped[i] + images @ cell, axis=1)
                counts += np.histogram(distances[distances > 1e-9], edges)[0]
        density = (len(theirs) - (centre == neighbour)) / abs(np.linalg.det(cell))
        g[f] = counts / (len(mine) * 4 * np.pi / 3 * np.diff(edges**3) * density)
        n[f] = np.cumsum(counts) / len(mine)
    return g.mean(axis=0), n.mean(axis=0)


# closed forms


@pytest.mark.parametrize("cell", [ORTHOGONAL, TRICLINIC], ids=["orthogonal", "triclinic"])
def test_ideal_gas_is_one_in_every_bin(cell):
    species = ["Li"] * 150 + ["S"] * 250
    result = vh.structure.rdf(gas(cell, species, 200, 20261120), r_max=8.0, width=0.1)
    numbers, volume = {"Li": 150, "S": 250}, abs(np.linalg.det(cell))
    for pair in ("Li-Li", "Li-S", "S-S"):
        a, b = pair.split("-")
        pairs = 200 * (numbers[a] * numbers[b] if a != b else numbers[a] * (numbers[a] - 1) / 2)
        expected = pairs * shells(result) / volume
        observed = result.g.sel(pair=pair).values * expected
        chi_squared = ((observed - expected) ** 2 / expected).sum()
        assert stats.chi2.sf(chi_squared, len(expected)) > 1e-3, pair
        assert stats.chi2.cdf(chi_squared, len(expected)) > 1e-3, pair


def test_a_small_ideal_gas_is_one_beyond_half_the_cell_too():
    """Bins without a lattice vector stay at 1 however far; an atom's own images are spikes beyond the first vector."""
    cell = np.diag([6.0, 6.0, 6.0])
    result = vh.structure.rdf(gas(cell, ["Li"] * 5, 4000, 7), r_max=11.0, width=0.1)
    one = result.sel(pair="Li-Li")
    own = np.zeros(len(one.r))
    for squares, number in {1: 6, 2: 12, 3: 8}.items():
        own[int(6 * np.sqrt(squares) / 0.1 + 1e-9)] = number
    spikes = own * 6**3 / (4 * shells(result))
    far = one.r > 1.0  # below, too few pairs for a normal law
    z = ((one.g - 1 - spikes) / one.g_error).values[far]
    assert np.abs(z).max() < stats.t.isf(0.5e-3 / far.sum(), 9)
    assert abs((one.g - spikes).values[far].mean() - 1) < 0.003


FCC_SHELLS = [(np.sqrt(k / 2), number) for k, number in enumerate([12, 6, 24, 12, 24, 8, 48, 6, 36], start=1)]


def mid_gaps(distances):
    return [(d + e) / 2 for d, e in zip(distances, [*distances[1:], distances[-1] + 0.1], strict=True)]


@pytest.mark.parametrize("repeat", [1, 2, 5])
def test_fcc_shells_are_exact(repeat):
    """Cumulative 12, 18, 42, 54, 78, 86, 134, 140, 176, by images in one cube as in 5 × 5 × 5."""
    a = 4.05
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    sites = (cubes[:, None] + [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]).reshape(-1, 3) * a
    result = vh.structure.rdf(still(sites + 0.321, repeat * a, ["Al"] * len(sites), 3), r_max=2.2 * a, width=0.01)
    radii = [a * d for d, _ in FCC_SHELLS]
    for middle, number in zip(mid_gaps(radii), np.cumsum([n for _, n in FCC_SHELLS]), strict=True):
        assert coordination(result, "Al-Al", round(middle, 2)) == number
    assert coordination(result, "Al-Al", 2.8) == 0


@pytest.mark.parametrize("cell", ["cube", "primitive", "skewed supercell"])
def test_rock_salt_shells_are_exact(cell):
    a = 5.64
    primitive = a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    vectors = {
        "cube": a * np.eye(3), "primitive": primitive,
        "skewed supercell": np.array([[3, 0, 0], [4, 2, 0], [-5, 1, 3]]) @ primitive,
    }[cell]  # fmt: skip
    fractions = np.stack(np.meshgrid(*[np.arange(-30, 31)] * 3, indexing="ij"), -1).reshape(-1, 3) @ primitive
    inside = fractions @ np.linalg.inv(vectors)
    sodium = fractions[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    assert len(sodium) == round(np.linalg.det(vectors) / np.linalg.det(primitive))
    positions = np.concatenate([sodium, sodium + np.array([a / 2, 0, 0])])
    species = ["Na"] * len(sodium) + ["Cl"] * len(sodium)
    pairs = ["Na-Cl", "Cl-Na"] if cell == "primitive" else ["Na-Cl", "Cl-Na", "Na-Na", "Cl-Cl"]
    result = vh.structure.rdf(still(positions, vectors, species), pairs, r_max=9.0, width=0.02)
    for pair in pairs:
        # 1, √3, √5 and 3 half-edges away lie the other kind; √2, 2, √6, √8, √10 the same
        other = [(1, 6), (np.sqrt(3), 8), (np.sqrt(5), 24), (3, 30)]
        same = [(np.sqrt(k), number) for k, number in ((2, 12), (4, 6), (6, 24), (8, 12), (10, 24))]
        table = same if pair in ("Na-Na", "Cl-Cl") else other
        for middle, number in zip(
            mid_gaps([a / 2 * d for d, _ in table]), np.cumsum([m for _, m in table]), strict=True
        ):
            assert coordination(result, pair, round(middle, 2)) == number


# naive counts


def test_equals_image_counting_to_twice_the_skewed_cell():
    rng = np.random.default_rng(31)
    species = np.array(["Li"] * 9 + ["P"] * 3 + ["S"] * 8)
    traj = vh.from_arrays(rng.uniform(0, 1, (3, 20, 3)) @ SKEWED, SKEWED, species, np.arange(3), wrapped=True)
    reach = 2 * np.linalg.norm(SKEWED[0])
    labels = [f"{a}-{b}" for a in ("Li", "P", "S") for b in ("Li", "P", "S")]
    result = vh.structure.rdf(traj, labels, r_max=reach, width=0.0731)
    for label in labels:
        g, n = naive(traj, *label.split("-"), reach, 0.0731)
        np.testing.assert_allclose(result.n.sel(pair=label), n, rtol=1e-13)
        np.testing.assert_allclose(result.g.sel(pair=label), g, rtol=1e-12)


def test_changing_cells_use_the_volume_of_each_frame():
    rng = np.random.default_rng(32)
    strain = 1 + 0.15 * np.sin(np.arange(6))[:, None, None] * np.array([[1, 0.3, 0], [0, 0.5, 0.2], [0, 0, -0.8]])
    cells = SKEWED * strain
    species = np.array(["Na"] * 10 + ["S"] * 7)
    positions = rng.uniform(0, 1, (6, 17, 3)) @ cells
    traj = vh.from_arrays(positions, cells, species, np.arange(6), wrapped=False)
    result = vh.structure.rdf(traj, ["Na-Na", "Na-S", "S-Na"], r_max=6.0, width=0.1)
    for label in ("Na-Na", "Na-S", "S-Na"):
        g, n = naive(traj, *label.split("-"), 6.0, 0.1)
        np.testing.assert_allclose(result.g.sel(pair=label), g, rtol=1e-12)
        np.testing.assert_allclose(result.n.sel(pair=label), n, rtol=1e-13)
    volumes = np.abs(np.linalg.det(cells))
    np.testing.assert_allclose(result.density, [np.mean(10 / volumes), np.mean(7 / volumes), np.mean(10 / volumes)])


# peers


@pytest.fixture(scope="module")
def liquid():
    """A random packing without close pairs, in a triclinic cell, with species; and its result."""
    rng = np.random.default_rng(33)
    grid = np.indices((9, 9, 9)).reshape(3, -1).T / 9
    positions = (grid + 0.02 * rng.standard_normal((4, 729, 3))) @ TRICLINIC
    species = np.array(["Li", "P", "S"])[rng.integers(0, 3, 729)]
    traj = vh.from_arrays(positions, TRICLINIC, species, np.arange(4), wrapped=True)
    return traj, vh.structure.rdf(traj, r_max=7.0, width=0.1)


def test_agrees_with_freud(liquid):
    freud = pytest.importorskip("freud")
    traj, result = liquid
    box = freud.box.Box.from_matrix(TRICLINIC.T)
    for label in result.pair.values.tolist():
        a, b = label.split("-")
        curve = freud.density.RDF(bins=70, r_max=7.0, normalization_mode="finite_size" if a == b else "exact")
        for frame in traj.positions:
            points = box.wrap(frame - TRICLINIC.sum(axis=0) / 2)
            query = None if a == b else points[traj.species == a]
            curve.compute((box, points[traj.species == b]), query_points=query, reset=False)
        np.testing.assert_allclose(result.r, curve.bin_centers, rtol=1e-6)
        # freud works in float32: a few pairs of some hundred fall into the next bin
        np.testing.assert_allclose(result.n.sel(pair=label), curve.n_r, atol=0.01)
        few = (traj.species == a).sum() * shells(result) * float(result.density.sel(pair=label)) * 4
        np.testing.assert_allclose(result.g.sel(pair=label), curve.rdf, atol=(3 / few).max(), rtol=2e-2)


def test_agrees_with_mdanalysis(liquid):
    mda = pytest.importorskip("MDAnalysis")
    rdf = pytest.importorskip("MDAnalysis.analysis.rdf")
    triclinic = pytest.importorskip("MDAnalysis.lib.mdamath")
    traj, result = liquid
    universe = mda.Universe.empty(traj.n_atoms, trajectory=True)
    box = triclinic.triclinic_box(*TRICLINIC)
    universe.load_new(traj.positions.astype(np.float32), order="fac", dimensions=box)
    for label in ("Li-Li", "Li-S"):
        a, b = (universe.atoms[traj.species == name] for name in label.split("-"))
        block = (1, 1) if a == b else None
        theirs = rdf.InterRDF(a, b, nbins=70, range=(0.0, 7.0), exclusion_block=block).run()
        n = np.cumsum(theirs.results.count) / len(a) / traj.n_frames
        np.testing.assert_allclose(result.n.sel(pair=label), n, atol=0.01)


# names, orders, views


def test_either_order_may_be_asked():
    traj = gas(SKEWED, ["P"] * 2 + ["S"] * 8, 5, 34)
    result = vh.structure.rdf(traj, ["P-S", "S-P"], r_max=5.0)
    np.testing.assert_array_equal(result.g.sel(pair="P-S"), result.g.sel(pair="S-P"))
    np.testing.assert_allclose(2 * result.n.sel(pair="P-S"), 8 * result.n.sel(pair="S-P"), rtol=1e-14)
    assert result.pair.values.tolist() == ["P-S", "S-P"]
    assert vh.structure.rdf(traj, "S-P", r_max=5.0).pair.values.tolist() == ["S-P"]


def test_all_pairs_by_default_as_in_a_formula():
    traj = gas(SKEWED, ["Cl", "S", "S", "Li", "Li", "P", "S", "S"], 2, 35)
    labels = vh.structure.rdf(traj, r_max=3.0).pair.values.tolist()
    assert labels == ["Li-Li", "Li-P", "Li-S", "Li-Cl", "P-S", "P-Cl", "S-S", "S-Cl"]  # one P and one Cl: no P-P, Cl-Cl
    traj = gas(SKEWED, ["S", "S", "Si", "Si", "Na", "Na"], 2, 36)
    labels = vh.structure.rdf(traj, r_max=3.0).pair.values.tolist()
    assert labels == ["Na-Na", "Na-Si", "Na-S", "Si-Si", "Si-S", "S-S"]


def test_views_are_what_is_counted():
    traj = gas(ORTHOGONAL, ["Li"] * 20 + ["S"] * 30, 12, 37)
    full = vh.structure.rdf(traj, ["Li-Li", "S-S"])
    np.testing.assert_array_equal(vh.structure.rdf(traj.select("Li")).g.values[0], full.g.sel(pair="Li-Li"))
    thin, frames = vh.structure.rdf(traj.every(3), "S-S"), traj.positions[::3]
    again = vh.from_arrays(frames, ORTHOGONAL, traj.species, traj.times[::3], wrapped=False)
    np.testing.assert_array_equal(thin.g, vh.structure.rdf(again, "S-S").g)
    masked = traj.where(np.arange(50) % 2 == 0)[4:]
    assert masked.n_atoms == 25
    again = vh.from_arrays(traj.positions[4:, ::2], ORTHOGONAL, masked.species, masked.times, wrapped=False)
    np.testing.assert_array_equal(vh.structure.rdf(masked).g, vh.structure.rdf(again).g)


def test_an_element_means_all_its_isotopes():
    rng = np.random.default_rng(38)
    positions = rng.uniform(0, 1, (4, 30, 3)) @ SKEWED
    mixed = np.array(["6Li", "7Li", "S"])[np.arange(30) % 3]
    plain = np.array(["Li", "Li", "S"])[np.arange(30) % 3]
    isotopes = vh.from_arrays(positions, SKEWED, mixed, np.arange(4), wrapped=False)
    elements = vh.from_arrays(positions, SKEWED, plain, np.arange(4), wrapped=False)
    pairs = ["Li-Li", "Li-S", "S-Li"]
    got, wanted = (vh.structure.rdf(traj, pairs, r_max=9.0) for traj in (isotopes, elements))
    np.testing.assert_allclose(got.g, wanted.g, rtol=1e-13)
    np.testing.assert_allclose(got.n, wanted.n, rtol=1e-13)
    apart = vh.structure.rdf(isotopes, ["7Li-Li", "7Li-6Li", "7Li-7Li"], r_max=9.0)
    together = apart.n.sel(pair="7Li-6Li") + apart.n.sel(pair="7Li-7Li")
    np.testing.assert_allclose(apart.n.sel(pair="7Li-Li"), together, rtol=1e-13)
    assert vh.structure.rdf(isotopes).pair.values.tolist()[:3] == ["6Li-6Li", "6Li-7Li", "6Li-S"]


# errors


def test_the_stated_error_is_the_spread_between_runs():
    """(g - 1)/g_error of an ideal gas follows Student's t with nine degrees of freedom."""
    traj = gas(ORTHOGONAL, ["Li"] * 60, 300, 39)
    one = vh.structure.rdf(traj, r_max=9.0, width=0.3).sel(pair="Li-Li")
    many = one.r > 1.5
    z = ((one.g - 1) / one.g_error).values[many]
    assert stats.kstest(z, stats.t(9).cdf).pvalue > 1e-3


def test_the_error_sees_frames_that_resemble_each_other():
    """Every frame ten times: the same mean, and an error that knows that nothing was added."""
    once = gas(ORTHOGONAL, ["Li"] * 60, 100, 40)
    repeated = np.repeat(once.positions, 10, axis=0)
    tenfold = vh.from_arrays(repeated, ORTHOGONAL, ["Li"] * 60, np.arange(1000), wrapped=False)
    a, b = vh.structure.rdf(once, width=0.2), vh.structure.rdf(tenfold, width=0.2)
    np.testing.assert_allclose(b.g, a.g, rtol=1e-12)
    np.testing.assert_allclose(b.g_error, a.g_error, rtol=1e-9)
    np.testing.assert_allclose(b.n_error, a.n_error, rtol=1e-9)


def test_one_frame_has_no_error():
    result = vh.structure.rdf(gas(ORTHOGONAL, ["Li"] * 20, 1, 41))
    assert np.isnan(result.g_error).all()
    assert np.isnan(result.n_error).all()
    assert np.isfinite(result.g).all()
    few = vh.structure.rdf(gas(ORTHOGONAL, ["Li"] * 20, 3, 41))
    assert np.isfinite(few.g_error).all()


# blocks


@pytest.mark.parametrize("constant", [True, False], ids=["constant cell", "changing cell"])
def test_cut_small_gives_the_same_as_in_one_piece(constant, monkeypatch):
    rng = np.random.default_rng(42)
    cells = ORTHOGONAL if constant else ORTHOGONAL * (1 + 0.01 * rng.standard_normal((37, 1, 1)))
    species = ["Li"] * 120 + ["S"] * 180
    positions = rng.uniform(0, 1, (37, 300, 3)) @ cells
    traj = vh.from_arrays(positions, cells, species, np.arange(37), wrapped=False)
    monkeypatch.setenv("VANHOVE_THREADS", "1")
    whole = vh.structure.rdf(traj, r_max=7.0)
    monkeypatch.setenv("VANHOVE_THREADS", "3")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    pieces = vh.structure.rdf(traj, r_max=7.0)
    for name in whole.data_vars:
        if constant:
            np.testing.assert_array_equal(pieces[name], whole[name])
        else:
            np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-10, atol=1e-14)


def test_a_store_gives_the_same_as_memory(tmp_path):
    traj = gas(TRICLINIC, ["Li"] * 40 + ["S"] * 60, 20, 43)
    path = tmp_path / "run.h5md"
    write_blocks(
        path, iter([Block(traj.positions)]), species=traj.species.tolist(), masses=traj.masses, charges=None,
        cells=traj.system.cells, times=traj.times, temperature=300.0, history=list(traj.history),
    )  # fmt: skip
    stored = vh.open(path)
    np.testing.assert_array_equal(vh.structure.rdf(stored, "Li-S").g, vh.structure.rdf(traj, "Li-S").g)


# the result


def test_the_result_says_what_it_is(tmp_path):
    traj = gas(ORTHOGONAL, ["Li"] * 10 + ["S"] * 10, 4, 44)
    result = vh.structure.rdf(traj, ["Li-S"], r_max=2.0, width=0.1)
    assert result.g.dims == result.n.dims == result.g_error.dims == ("pair", "r")
    np.testing.assert_allclose(result.r, 0.05 + 0.1 * np.arange(20))
    assert result.r.attrs["units"] == "Å"
    assert all(variable.attrs["units"] and variable.attrs["long_name"] for variable in result.variables.values())
    assert result.attrs["temperature"] == 300
    assert result.attrs["trajectory"] == traj.fingerprint
    assert json.loads(result.attrs["parameters"]) == {"pairs": ["Li-S"], "r_max": 2.0, "width": 0.1}
    assert [entry["function"] for entry in history_of(result)] == ["from_arrays", "structure.rdf"]
    vh.save(result, tmp_path / "g.nc")
    assert vh.load(tmp_path / "g.nc").identical(result)


@pytest.mark.parametrize(("r_max", "width", "bins"), [(10, 0.05, 200), (0.3, 0.1, 3), (1.0, 0.3, 3), (7.7, 0.1, 77)])
def test_as_many_bins_as_fit(r_max, width, bins):
    result = vh.structure.rdf(gas(ORTHOGONAL, ["Li"] * 3, 2, 45), r_max=r_max, width=width)
    assert len(result.r) == bins


def test_refusals():
    traj = gas(SKEWED, ["Li"] * 4 + ["P"] + ["S"] * 5, 2, 46)
    for options, message in [
        (dict(pairs=["Si-S"]), "no 'Si'.*Did you mean 'S'"),
        (dict(pairs=["LiS"]), "'LiS' is no pair.*Li-S"),
        (dict(pairs=["Li-P-S"]), "is no pair"),
        (dict(pairs=[]), "No pair was asked for"),
        (dict(pairs="P-P"), "only one P"),
        (dict(r_max=0), "r_max=0"),
        (dict(r_max=-1), "r_max=-1"),
        (dict(r_max=np.nan), "r_max=nan"),
        (dict(width=0), "width=0"),
        (dict(width=-0.1), "width=-0.1"),
        (dict(width=np.inf), "width=inf"),
        (dict(width=11.0), "0 bins"),
        (dict(width=1e-9), "bins of"),
    ]:
        with pytest.raises(vh.Refusal, match=message):
            vh.structure.rdf(traj, **options)
    with pytest.raises(vh.Refusal, match="no pair of atoms"):
        vh.structure.rdf(traj.select("P"))


# other people's data


def test_li6ps5cl(shared_data):
    path = shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz"
    traj = vh.open(path, spacing=0.1, temperature=500)
    result = vh.structure.rdf(traj)
    position, _, minimum, coordination_number = first_peak(result, "P-S")
    assert position == pytest.approx(2.075)
    assert coordination_number == 4.0
    assert 2.3 < minimum < 3.8
    # the two bins at 2.425 and 2.475 are equal within a hundredth of their error
    assert first_peak(result, "Li-S").position == pytest.approx(2.45, abs=0.026)


def test_na2s_sis2(shared_data):
    path = shared_data / "na2s-sis2-md" / "prod_600K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, temperature=600)
    result = vh.structure.rdf(traj)
    assert first_peak(result, "Si-S").position == pytest.approx(2.125)
    assert first_peak(result, "Na-S").position == pytest.approx(2.725)
    assert first_peak(result, "Na-Na").position == pytest.approx(3.525)
