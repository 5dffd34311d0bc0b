"""Steinhardt's parameters: perfect lattices, the definition written out, an outside code's values, peers, refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import sph_harm_y

import vanhove as vh
from vanhove.structure.neighbours import nearest, neighbours_within

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
BCC = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
HEX = np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]])
SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])


def crystal(basis, cell, repeat):
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    positions = (cubes[:, None] + basis).reshape(-1, 3) @ cell + 0.1234567
    return vh.from_arrays(positions[None], repeat * cell, ["S"] * len(positions), [0.0], wrapped=False)


def gas(cell, species, seed, frames=1):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-1, 2, (frames, len(species), 3)) @ cell
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False)


# published values

LATTICES = {
    "fcc, 12": (FCC, 4.0 * np.eye(3), 12, 2.9, 0.57452),
    "hcp, 12": (np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]), 3.0 * HEX, 12, 3.1, 0.48476),
    "bcc, 14": (BCC, 3.0 * np.eye(3), 14, 3.1, 0.51069),
    "bcc, 8": (BCC, 3.0 * np.eye(3), 8, 2.7, 0.62854),
    "sc, 6": (np.zeros((1, 3)), 3.0 * np.eye(3), 6, 3.1, 0.35355),
}


@pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES)
@pytest.mark.parametrize("average", [False, True], ids=["plain", "averaged"])
@pytest.mark.parametrize("repeat", [1, 3])
def test_perfect_lattices(lattice, average, repeat):
    """In one unit cell all neighbours are images."""
    basis, cell, number, cutoff, expected = lattice
    traj = crystal(basis, cell, repeat)
    for choice in (dict(number=number), dict(cutoff=cutoff)):
        result = vh.structure.steinhardt(traj, average=average, **choice)
        np.testing.assert_allclose(result.q, expected, atol=6e-6)


def test_every_degree_of_fcc():
    """The values of a cuboctahedron, by the addition theorem over its 144 angles."""
    bonds = np.array([v for v in product([-1, 0, 1], repeat=3) if np.dot(v, v) == 2]) / np.sqrt(2)
    degrees = list(range(2, 13))
    squares = [np.polynomial.legendre.legval(bonds @ bonds.T, np.eye(13)[n]).mean() for n in degrees]
    expected = np.sqrt(np.round(squares, 12))  # odd degrees are nothing, but for rounding
    result = vh.structure.steinhardt(crystal(FCC, 4.0 * np.eye(3), 2), l=degrees, cutoff=3.0)
    assert result.q.dims == ("l", "atom")
    np.testing.assert_allclose(result.q, np.broadcast_to(np.array(expected)[:, None], (11, 32)), atol=1e-8)


# the definition


def by_definition(traj, frame, centres, others, degree, average, bonds):
    """Straight from the equations, with scipy's spherical harmonics."""
    positions, cell = traj.positions[frame], traj.cells[frame]
    orders = np.arange(-degree, degree + 1)
    held, partners = {}, {}
    for k in range(traj.n_atoms):
        pairs = bonds(positions, cell, np.array([k]), others)
        partners[k] = pairs.j
        if len(pairs.j):
            x, y, z = (pairs.vector / pairs.distance[:, None]).T
            theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
            held[k] = sph_harm_y(degree, orders[:, None], theta, phi).mean(axis=1)
    found = []
    for i in centres:
        if i not in held:
            found.append(np.nan)
            continue
        of = [i, *[j for j in partners[i] if j in held]] if average else [i]
        q = sum(held[k] for k in of) / len(of)
        found.append(np.sqrt(4 * np.pi / (2 * degree + 1) * (np.abs(q) ** 2).sum()))
    return np.array(found)


@pytest.mark.parametrize("degree", [2, 3, 6, 7, 12])
@pytest.mark.parametrize("average", [False, True], ids=["plain", "averaged"])
@pytest.mark.parametrize(("species", "neighbours"), [(None, None), ("Li", None), ("Li", "S"), ("S", ["Li", "P"])])
def test_it_is_its_definition(degree, average, species, neighbours):
    labels = np.array(["Li"] * 6 + ["P"] * 3 + ["S"] * 7)
    traj = gas(SKEWED, labels.tolist(), 21, frames=2)
    centres = np.flatnonzero(np.isin(labels, species or labels))
    others = np.flatnonzero(np.isin(labels, neighbours or labels))
    for choice, bonds in (
        (dict(cutoff=2.6), lambda p, c, i, o: neighbours_within(p, c, i, o, 2.6)),
        (dict(number=5), lambda p, c, i, o: nearest(p, c, i, o, 5)),
    ):
        result = vh.structure.steinhardt(traj, species, neighbours, l=degree, average=average, per_frame=True, **choice)
        for f in range(2):
            expected = by_definition(traj, f, centres, others, degree, average, bonds)
            np.testing.assert_allclose(result.q_frame[f], expected, atol=1e-12)
        assert result.index.values.tolist() == centres.tolist()
        assert result.attrs["without_neighbours"] == np.isnan(result.q_frame.values).sum()


def test_turning_everything_changes_nothing():
    traj = gas(SKEWED, ["S"] * 40, 22)
    rng = np.random.default_rng(23)
    degrees = list(range(2, 13))
    expected = vh.structure.steinhardt(traj, l=degrees, cutoff=3.5).q
    for _ in range(5):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turned = vh.from_arrays(traj.positions @ turn, SKEWED @ turn, ["S"] * 40, [0.0], wrapped=False)
        np.testing.assert_allclose(vh.structure.steinhardt(turned, l=degrees, cutoff=3.5).q, expected, atol=1e-12)


def test_bonds_along_the_axes():
    """Where angles are undefined or the recurrence begins at nothing."""
    cell = 20.0 * np.eye(3)
    for axis in np.concatenate([np.eye(3), -np.eye(3)]):
        traj = vh.from_arrays([[5 * np.ones(3), 5 + axis]], cell, ["S", "S"], [0.0], wrapped=False)
        result = vh.structure.steinhardt(traj, l=list(range(2, 13)), cutoff=1.5, average=False)
        np.testing.assert_allclose(result.q, 1.0, atol=1e-12)  # one bond


# means over frames, distribution


def test_means_over_the_frames_with_neighbours():
    traj = gas(2 * SKEWED, ["Li"] * 12 + ["S"] * 20, 24, frames=30)
    result = vh.structure.steinhardt(traj, "Li", "S", cutoff=3.0, per_frame=True)
    each = result.q_frame.values
    assert 0 < result.attrs["without_neighbours"] < each.size / 2
    np.testing.assert_allclose(result.q, np.nanmean(each, axis=0), atol=1e-13)
    assert float(result["mean"]) == pytest.approx(np.nanmean(each))
    assert float(result.spread) == pytest.approx(np.nanstd(each))
    assert float(result.P.sum() * 0.01) == pytest.approx(1)
    assert (result.q_error > 0).all()
    np.testing.assert_allclose(result.time, traj.times)


def test_blocks_within_a_small_budget_give_the_same(monkeypatch):
    traj = gas(3 * SKEWED, ["S"] * 100, 25, frames=25)
    whole = vh.structure.steinhardt(traj, cutoff=5.0)
    monkeypatch.setenv("VANHOVE_MEMORY", "3MB")
    np.testing.assert_allclose(vh.structure.steinhardt(traj, cutoff=5.0).q, whole.q, rtol=1e-12)
    long = vh.from_arrays(np.zeros((9000, 100, 3)), 9.0, ["S"] * 100, np.arange(9000), wrapped=False)
    with pytest.raises(vh.Refusal, match="VANHOVE_MEMORY"):
        vh.structure.steinhardt(long, cutoff=2.0, per_frame=True)


# others' numbers


def gsd_frame(path):
    """Box and positions of a one-frame GSD file of version 1, read by its layout."""
    raw = path.read_bytes()
    index, entries = np.frombuffer(raw, "<u8", 2, 8)
    layout = np.dtype([("frame", "<u8"), ("N", "<u8"), ("at", "<i8"), ("M", "<u4"), ("id", "<u2"), ("type", "u1"),
                       ("flags", "u1")])  # fmt: skip
    table = np.frombuffer(raw, layout, int(entries), int(index))
    box, positions = table[0], table[2]
    return (
        np.frombuffer(raw, "<f4", 6, int(box["at"])).astype(float),
        np.frombuffer(raw, "<f4", int(positions["N"]) * 3, int(positions["at"])).reshape(-1, 3).astype(float),
    )


def test_columns_of_an_outside_code(shared_data):
    folder = shared_data / "steinhardt"
    box, positions = gsd_frame(folder / "Test_Configuration.gsd")
    assert (box[3:] == 0).all()
    traj = vh.from_arrays(positions[None], np.diag(box[:3]), ["S"] * len(positions), [0.0], wrapped=False)
    for name, average in (("GC_rc1.4_q4q6w4w6.txt", False), ("GC_rc1.4_avq4avq6avw4avw6.txt", True)):
        expected = np.loadtxt(folder / name)[:, :2].T
        result = vh.structure.steinhardt(traj, l=[4, 6], average=average, cutoff=1.4)
        np.testing.assert_allclose(result.q, expected, atol=2e-6)


@pytest.mark.parametrize("average", [False, True], ids=["plain", "averaged"])
@pytest.mark.parametrize("choice", [dict(cutoff=3.4), dict(number=12)], ids=["cutoff", "number"])
def test_agrees_with_freud(average, choice):
    freud = pytest.importorskip("freud")
    cell = np.array([[22.0, 0, 0], [9.0, 20.0, 0], [-7.0, 8.5, 21.0]])
    traj = gas(cell, ["S"] * 600, 27)
    box = freud.box.Box.from_matrix(cell.T)
    order = freud.order.Steinhardt(l=[4, 6, 10], average=average)
    asked = {"cutoff": "r_max", "number": "num_neighbors"}
    order.compute((box, box.wrap(traj.positions[0])), neighbors={asked[k]: v for k, v in choice.items()})
    result = vh.structure.steinhardt(traj, l=[4, 6, 10], average=average, **choice)
    np.testing.assert_allclose(result.q, order.particle_order.T, atol=2e-5)  # float32, close pairs


# refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(), "cutoff=None and number=None"),
        (dict(cutoff=3.0, number=12), "one of them"),
        (dict(cutoff=3.0, l=13), r"l=\[13\]"),
        (dict(cutoff=3.0, l=[1, 6]), "from 2 to 12"),
        (dict(cutoff=3.0, l=[]), r"l=\[\]"),
        (dict(number=0), "number=0"),
        (dict(cutoff=-1.0), "positive distance"),
        (dict(cutoff=3.0, species="Xe"), "There is no 'Xe'"),
    ],
)
def test_refusals(options, said):
    with pytest.raises(vh.Refusal, match=said):
        vh.structure.steinhardt(gas(SKEWED, ["Li"] * 5, 28), **options)


def test_atoms_at_the_same_place_have_no_bond():
    traj = vh.from_arrays(np.ones((1, 2, 3)), 9.0, ["Li", "Li"], [0.0], wrapped=False)
    with pytest.raises(vh.Refusal, match="same place"):
        vh.structure.steinhardt(traj, cutoff=2.0)
