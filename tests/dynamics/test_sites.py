"""Sites: planted Markov chains, hysteresis, ways to name sites, kinds of hops, cells that change, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import vanhove as vh

Floats = NDArray[np.float64]
CELL = np.array([[12.0, 0, 0], [3.0, 11.0, 0], [-2.0, 4.0, 10.0]])
SITES = np.array([[0.1, 0.1, 0.1], [0.6, 0.1, 0.1], [0.1, 0.6, 0.6], [0.6, 0.6, 0.6], [0.35, 0.85, 0.35]])
RATES = np.array(  # 1/ps; the last one is never taken
    [[0, 0.10, 0.02, 0, 0], [0.05, 0, 0, 0.04, 0], [0.03, 0, 0, 0.06, 0], [0, 0.02, 0.08, 0, 0], [0] * 5]
)


def markov(rng: np.random.Generator, frames: int, n: int, spacing: float) -> NDArray[np.int64]:
    """Which site each ion is at; a chain whose chances per frame are rates times the spacing."""
    chances = np.cumsum(RATES * spacing, axis=1)
    at = np.empty((frames, n), np.int64)
    at[0] = rng.integers(0, 4, n)
    for f in range(1, frames):
        draw = rng.random(n)
        to = (draw[:, None] >= chances[at[f - 1]]).sum(axis=1)
        at[f] = np.where(to < 5, to, at[f - 1])
    return at


def rattling(
    at: NDArray[np.int64], rng: np.random.Generator, spacing: float, cells: Floats = CELL, width: float = 0.25
) -> vh.Trajectory:
    frames, n = at.shape
    ions = SITES[at] @ np.broadcast_to(cells, (frames, 3, 3)) + rng.normal(0, width, (frames, n, 3))
    images = rng.integers(-1, 2, (frames, n, 3)) @ np.broadcast_to(cells, (frames, 3, 3))
    return vh.from_arrays(ions + images, cells, ["Li"] * n, spacing * np.arange(frames), wrapped=True)


@pytest.mark.parametrize("method", ["spheres", "voronoi"])
@pytest.mark.parametrize("breathing", [0.0, 0.05], ids=["still", "breathing"])
def test_planted_rates_and_occupancies(method: str, breathing: float) -> None:
    rng = np.random.default_rng(20261150)
    at = markov(rng, 6000, 40, 0.1)
    cells = CELL * (1 + breathing * np.sin(np.arange(6000) / 100))[:, None, None]
    traj = rattling(at, rng, 0.1, cells if breathing else CELL)
    result = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius=1.6, method=method)
    off = (result.rate.values - RATES)[:4] / result.rate_error.values[:4]
    assert np.abs(off).max() < 3
    assert np.isnan(result.rate.values[4]).all()
    counted = np.array([(at == site).sum() for site in range(5)]) / 6000
    np.testing.assert_allclose(result.occupancy, counted, rtol=2e-3)
    assert float(result.unassigned) < 0.01
    truth = 1 / RATES.sum(axis=1)[:4]
    assert (np.abs(result.residence[:4] - truth) < 3 * result.residence_error[:4]).all()
    assert np.isnan(result.residence[4])
    np.testing.assert_allclose(result.class_rate.sum() * result.mean_residence, 1)
    assert result.sizes["hop"] == result.attrs["hops"] == int(result.class_hops.sum())


def test_noise_at_the_border_is_no_hop() -> None:
    """Ions anywhere within 3.6 Å of sites 6 Å apart: without hysteresis each step over the border counts, with it none.

    At the farthest, 2.4 Å from the other site, the ratio of the distances is 2/3. Real hops stay.
    """
    rng = np.random.default_rng(20261151)
    at = np.zeros((2000, 10), np.int64)
    at[1000:] = 1
    away = rng.normal(size=(2000, 10, 3))
    away *= 3.6 * rng.random((2000, 10, 1)) ** (1 / 3) / np.linalg.norm(away, axis=2, keepdims=True)
    traj = vh.from_arrays(SITES[at] @ CELL + away, CELL, ["Li"] * 10, 0.1 * np.arange(2000), wrapped=False)
    options = dict(fractional=True, method="voronoi", residence=0.0)
    rough = vh.dynamics.sites(traj, "Li", SITES[:2], inner=1.0, **options)
    fine = vh.dynamics.sites(traj, "Li", SITES[:2], inner=0.3, **options)
    assert rough.attrs["hops"] > 30
    assert fine.attrs["hops"] == 10
    assert (np.diff(rough.rate_at[:, 0]) >= 0).all()


def scripted(*stays: tuple[int, int]) -> vh.Trajectory:
    """One ion that is at a site for some frames, then at the next; 0.1 ps a frame."""
    at = np.concatenate([np.full(frames, site) for site, frames in stays])[:, None]
    return rattling(at, np.random.default_rng(5), 0.1, width=0.0)


def test_short_visits_and_returns() -> None:
    traj = scripted((0, 50), (1, 3), (3, 50), (2, 6), (3, 50))

    def hops(**options: float) -> list[tuple[int, int]]:
        found = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius=1.0, **options)
        return list(zip(found.left.values.tolist(), found.entered.values.tolist(), strict=True))

    assert hops(residence=0.0) == [(0, 1), (1, 3), (3, 2), (2, 3)]
    assert hops(residence=0.4) == [(0, 3), (3, 2), (2, 3)]
    assert hops(residence=0.7) == [(0, 3)]
    assert hops(residence=0.0, returns=0.6) == [(0, 1), (1, 3)]
    assert hops(residence=0.0, returns=0.5) == [(0, 1), (1, 3), (3, 2), (2, 3)]


def test_sites_named_in_every_way_are_the_same(tmp_path: Path) -> None:
    from ase import Atoms
    from ase.io import write

    rng = np.random.default_rng(20261152)
    traj = rattling(markov(rng, 500, 10, 0.1), rng, 0.1)
    atoms = Atoms("LiLiLiLiLiS", scaled_positions=np.concatenate([SITES, [[0.9, 0.3, 0.9]]]), cell=CELL, pbc=True)
    write(tmp_path / "sites.cif", Atoms(atoms[:5]))
    write(tmp_path / "POSCAR", atoms[:5], format="vasp")
    wanted = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius=1.0)
    for given in (SITES @ CELL, {"x": SITES[:2] @ CELL, "y": (SITES[2:] @ CELL).tolist()}, atoms,
                  str(tmp_path / "POSCAR")):  # fmt: skip
        found = vh.dynamics.sites(traj, "Li", given, radius=1.0)
        for name in ("occupancy", "rate", "residence", "time"):
            np.testing.assert_allclose(found[name], wanted[name])
    by_name = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius={"x": 1.0, "y": 0.9}, names=list("xxyyy"))
    assert by_name.name.values.tolist() == ["x", "y"]
    assert by_name.hop_class.values.tolist() == ["x-x", "x-y", "y-y"]
    assert by_name.radius.values.tolist() == [1.0, 1.0, 0.9, 0.9, 0.9]


def test_a_unit_cell_fills_the_supercell() -> None:
    """bcc sites of a cubic cell in a supercell with other vectors."""
    from ase import Atoms

    unit = Atoms("Li2", positions=[[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    cell = 4.02 * np.array([[2, 0, 0], [1, 2, 0], [0, 1, 3]])
    rng = np.random.default_rng(6)
    places = rng.integers(-3, 3, (30, 3)) * 4.02 + rng.integers(0, 2, (30, 1)) * 2.01
    traj = vh.from_arrays(places + rng.normal(0, 0.1, (20, 30, 3)), cell, ["Na"] * 30, np.arange(20.0), wrapped=False)
    result = vh.dynamics.sites(traj, "Na", unit)
    assert result.sizes["site"] == 24
    assert float(result.unassigned) == 0
    assert float(result.occupancy.sum()) == pytest.approx(30)
    with pytest.raises(vh.Refusal, match="does not fit"):
        vh.dynamics.sites(traj, "Na", Atoms("Na", cell=[5, 5, 5], pbc=True))


def test_sites_from_the_density() -> None:
    rng = np.random.default_rng(20261153)
    traj = rattling(markov(rng, 1000, 20, 0.1), rng, 0.1)
    result = vh.dynamics.sites(traj, "Li", "density")
    assert result.sizes["site"] == 4
    apart = result.position.values[:, None] - SITES[None, :4]
    apart -= np.round(apart)
    assert np.linalg.norm(apart @ CELL, axis=2).min(axis=0).max() < 0.15
    assert float(result.unassigned) < 0.01


def test_kinds_of_hops_in_cages() -> None:
    """Two cages with a doublet and a third site each; doublet, intra-cage and inter-cage hops are planted."""
    middle = np.array([[5.0, 5, 5], [15.0, 5, 5]])
    spots = np.array([[1.5, 0.8, 0], [1.5, -0.8, 0], [-2.0, 0, 0]])
    places = (middle[:, None] + spots).reshape(-1, 3)
    order = [0, 1, 0, 2, 1, 0, 3, 4, 5, 2]
    path = np.repeat(places[order], 20, axis=0)[:, None]
    everything = np.concatenate([path, np.broadcast_to(middle, (200, 2, 3))], axis=1)
    traj = vh.from_arrays(everything, 20.0, ["Li", "S", "S"], 0.1 * np.arange(200), wrapped=False)
    result = vh.dynamics.sites(traj, "Li", places, radius=0.7, cages="S")
    kinds = dict(zip(result.hop_class.values.tolist(), result.class_hops.values.tolist(), strict=True))
    assert kinds == {"doublet": 4, "intra-cage": 3, "inter-cage": 2}
    assert vh.dynamics.sites(traj, "Li", places, radius=0.7, cages=[1, 2]).class_hops.equals(result.class_hops)
    none = vh.dynamics.sites(traj, "Li", places, radius=0.7, cages="S", doublet=1.0)
    assert none.class_hops.values.tolist() == [0, 7, 2]


def test_sites_go_with_a_crystal_that_drifts() -> None:
    rng = np.random.default_rng(20261154)
    at = markov(rng, 1000, 10, 0.1)
    ions = SITES[at] @ CELL + rng.normal(0, 0.1, (1000, 10, 3))
    frame = rng.uniform(0, 10, (8, 3)) + np.zeros((1000, 1, 1))
    drifting = np.concatenate([ions, frame], axis=1) + np.linspace(0, 3, 1000)[:, None, None]
    traj = vh.from_arrays(drifting, CELL, ["Li"] * 10 + ["S"] * 8, 0.1 * np.arange(1000), wrapped=False)
    still = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius=1.0)
    going = vh.dynamics.sites(traj, "Li", SITES, fractional=True, radius=1.0, drift="framework")
    assert float(still.unassigned) > 0.3
    assert float(going.unassigned) == 0


def test_overlap_is_said_with_its_distance() -> None:
    traj = scripted((0, 20))
    close = np.concatenate([SITES, SITES[:1] + np.array([0.05, 0, 0])])
    with pytest.warns(vh.VanhoveWarning, match=r"sites 0 \(site\) and 5 \(site\) are 0.6 Å apart"):
        vh.dynamics.sites(traj, "Li", close, fractional=True, radius=1.0)
    assert float(vh.dynamics.sites(traj, "Li", close, fractional=True).radius.max()) == pytest.approx(0.3)


def test_the_figure_and_nothing_at_all() -> None:
    """Ions that are on no site, and that never leave one."""
    for stays, unassigned in ((((0, 20),), 1.0), (((1, 20),), 0.0)):
        result = vh.dynamics.sites(scripted(*stays), "Li", SITES[1:], fractional=True, radius=1.0)
        assert float(result.unassigned) == unassigned
        assert result.sizes["hop"] == 0
        assert np.isnan(result.mean_residence)
        assert vh.draw(result).has_data()


def test_what_it_refuses() -> None:
    traj = scripted((0, 20), (1, 20))
    for given, options, said in [
        ("nowhere.cif", {}, "no such file"), ([[1, 2]], {}, "no positions"), ("density", dict(inner=0), "inner"),
        (SITES, dict(radius=-1.0), "radius"), (SITES, dict(radius={"a": 1.0}), "none for site"),
        (SITES, dict(method="nearest"), "method"), (SITES, dict(residence=-1), "residence"),
        (np.concatenate([SITES, SITES[:1]]), {}, "the same"), ({}, {}, "no sites"),
        (SITES, dict(names=["a"]), "1 names for 5"), (SITES, dict(cages=[7]), "count from 0"),
    ]:  # fmt: skip
        with pytest.raises(vh.Refusal, match=said):
            vh.dynamics.sites(traj, "Li", given, fractional=True, **options)
