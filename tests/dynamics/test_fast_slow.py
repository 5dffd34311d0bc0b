"""Fast and slow ions: against plain loops, a planted domain, ions that differ in nothing, and planted formers."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh

SKEWED = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 1.5, 10.0]])


def small() -> vh.Trajectory:
    """12 Na that jump about, 6 Si and 10 S that stay, in a skewed cell, 4 frames."""
    rng = np.random.default_rng(1)
    still = rng.uniform(size=(16, 3)) @ SKEWED
    moving = rng.uniform(size=(12, 3)) @ SKEWED + np.cumsum(rng.normal(size=(4, 12, 3)), axis=0)
    positions = np.concatenate([moving, np.broadcast_to(still, (4, 16, 3))], axis=1)
    species = ["Na"] * 12 + ["Si"] * 6 + ["S"] * 10
    return vh.from_arrays(positions, SKEWED, species, 5.0 * np.arange(4), wrapped=False)


def distances(centres: np.ndarray, others: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Between all images near enough to matter; an atom's distance to itself is left out as infinite."""
    found = []
    for image in product((-2, -1, 0, 1, 2), repeat=3):
        apart = others[None] + np.array(image) @ SKEWED - centres[:, None]
        length = np.linalg.norm(apart, axis=2)
        found.append(np.where(same & (image == (0, 0, 0)), np.inf, length))
    return np.stack(found, axis=2)  # (centre, other, image)


def test_it_is_what_plain_loops_give() -> None:
    traj = small()
    wrapped = traj.positions - np.floor(traj.positions @ np.linalg.inv(SKEWED)) @ SKEWED
    result = vh.dynamics.fast_slow(
        traj, "Na", 5.0, 0.25, drift=None, cutoff=4.0, ion_cutoff=3.5, former_cutoff=3.0, r_max=4.0, width=0.5
    )
    edges = np.arange(9) * 0.5
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    volume = np.linalg.det(SKEWED)
    sums = {group: np.zeros(8) for group in result["group"].values.tolist()}
    near = np.zeros((3, 4, 3))
    held = np.zeros((2, 3))
    for frame in range(3):
        gone = np.linalg.norm(traj.positions[frame + 1, :12] - traj.positions[frame, :12], axis=1)
        by_speed = np.argsort(-gone)
        sets = {"fast": by_speed[:3], "slow": by_speed[-3:], "ion": np.arange(12), "anion": np.arange(18, 28)}
        labels = np.zeros(12)
        labels[sets["fast"]], labels[sets["slow"]] = 1, -1
        np.testing.assert_array_equal(result.mobility[frame], labels)
        place = wrapped[frame]
        for group in sums:
            a, b = (sets[name] for name in group.split("-"))
            same = a[:, None] == b[None]
            counts = np.histogram(distances(place[a], place[b], same[..., None][..., 0]), edges)[0]
            sums[group] += counts * volume / ((len(a) * len(b) - same.sum()) * shells) / 3
        formers = np.arange(12, 18)
        bonded = (distances(place[18:28], place[formers], np.zeros((10, 6), bool)) <= 3.0).sum(axis=(1, 2))
        for c, name in enumerate(("fast", "slow", "ion")):
            centres = sets[name]
            for p, (partner, reach) in enumerate((("fast", 3.5), ("slow", 3.5), ("ion", 3.5), ("anion", 4.0))):
                others = sets[partner]
                within = distances(place[centres], place[others], centres[:, None] == others[None]) <= reach
                near[c, p, frame] = within.sum() / len(centres)
                if partner == "anion":
                    held[0, c] += (within.sum(axis=2) * bonded).sum()
                    held[1, c] += within.sum()
    for group, expected in sums.items():
        np.testing.assert_allclose(result.g.sel(group=group), expected, rtol=1e-9, atol=1e-12, err_msg=group)
    np.testing.assert_allclose(result.neighbours, near.mean(axis=2), rtol=1e-12)
    np.testing.assert_allclose(result.neighbours_error, near.std(axis=2, ddof=1) / 3**0.5, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.former_coordination, held[0] / held[1], rtol=1e-12)
    assert result.attrs["n_origins"] == 3


def domain(rng: np.random.Generator, frames: int) -> tuple[vh.Trajectory, np.ndarray]:
    """400 Na on places of their own that wander about them; those inside of a sphere ten times as far."""
    length = 30.0
    places = rng.uniform(0, length, (400, 3))
    inside = np.linalg.norm(places - length / 2, axis=1)
    mobile = np.zeros(400, bool)
    mobile[np.argsort(inside)[:100]] = True
    width = np.where(mobile, 0.5, 0.05)[:, None]
    paths = places + width * rng.normal(size=(frames, 400, 3))
    return vh.from_arrays(paths, length, ["Na"] * 400, np.arange(frames) * 1.0, wrapped=False), mobile


def test_a_planted_mobile_domain_is_recovered() -> None:
    traj, mobile = domain(np.random.default_rng(2), 21)
    result = vh.dynamics.fast_slow(traj, "Na", 2.0, drift=None)
    fast = result.mobility.values == 1
    assert fast.sum(axis=1).tolist() == [100] * 10
    assert (fast & mobile).sum() / fast.sum() > 0.97
    assert (result.mobility.values[:, mobile] == -1).mean() < 0.01  # a Gaussian step can be short
    near = result.sel(r=slice(2, 4))
    weights = near.r**2
    planted = vh.structure.rdf(traj[:-1:2].where(mobile), r_max=10.0, width=0.1).sel(r=slice(2, 4)).g[0]
    assert float(planted.weighted(weights).mean()) > 2
    # 2 in 100 are taken for others
    found = near.g.sel(group="fast-fast").weighted(weights).mean()
    assert float(found) == pytest.approx(float(planted.weighted(weights).mean()), rel=0.05)
    assert float(near.g.sel(group="fast-slow").weighted(weights).mean()) < 0.6
    assert float(result.displacement.sel(ions="fast") / result.displacement.sel(ions="slow")) > 8
    assert "there are no anions" in result.attrs["verdict"]
    vh.draw(result).figure.canvas.draw()


def test_ions_that_differ_in_nothing_have_the_g_of_all() -> None:
    """A walk of steps that are all alike through places that repel: who is fast is chance."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(6) * 4.0] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    still = grid + 2.0
    paths = grid + np.cumsum(rng.normal(scale=0.15, size=(201, 216, 3)), axis=0)
    positions = np.concatenate([paths, np.broadcast_to(still, (201, 216, 3))], axis=1)
    traj = vh.from_arrays(positions, 24.0, ["Na"] * 216 + ["S"] * 216, np.arange(201) * 1.0, wrapped=False)
    result = vh.dynamics.fast_slow(traj, "Na", 5.0, drift=None, r_max=8.0, width=0.4, cutoff=4.0, ion_cutoff=5.0)
    for group, reference in (
        ("fast-fast", "ion-ion"), ("slow-slow", "ion-ion"), ("fast-slow", "ion-ion"), ("fast-ion", "ion-ion"),
        ("fast-anion", "ion-anion"), ("slow-anion", "ion-anion"),
    ):  # fmt: skip
        one, all_ = result.sel(group=group), result.sel(group=reference)
        seen = (all_.r > 1.5).values  # nearer there are too few pairs for an error
        off = ((one.g - all_.g) / one.g_error).values[seen]
        assert np.abs(off).max() < 4.5, group  # Student's t of ten blocks
        assert abs(off.mean()) < 1.0, group
    near = result.neighbours.values
    np.testing.assert_allclose(near[:2, 2:], np.broadcast_to(near[2, 2:], (2, 2)), rtol=0.03)
    np.testing.assert_allclose(near[:2, 0], 215 / 216 * near[2, 2] / 4, rtol=0.06)


def test_planted_formers_are_counted() -> None:
    """Fast ions sit beside S with one Si, slow ones beside S with two."""
    rng = np.random.default_rng(4)
    centres = np.stack(np.meshgrid(*[np.arange(4) * 12.0] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    fast = np.arange(64) < 32
    there = np.where(fast, 0.5, 0.05)[:, None] * rng.uniform(0.4, 0.6, size=(64, 3))
    turns = (-1.0) ** np.arange(11)[:, None, None]  # and back: every displacement is long, or short
    ions = centres + np.array([3.0, 0, 0]) + turns * there
    up = np.array([0, 2.1, 0])
    first, second = centres + up, centres[~fast] - up
    frozen = np.broadcast_to(np.concatenate([centres, first, second]), (11, 160, 3))
    species = ["Na"] * 64 + ["S"] * 64 + ["Si"] * 96
    traj = vh.from_arrays(
        np.concatenate([ions, frozen], axis=1), 48.0, species, np.arange(11) * 1.0, wrapped=False
    )  # fmt: skip
    result = vh.dynamics.fast_slow(traj, "Na", 1.0, 0.25, drift="framework", cutoff=5.0)
    np.testing.assert_allclose(result.former_coordination.sel(ions=["fast", "slow"]), [1, 2])
    assert 1.4 < float(result.former_coordination.sel(ions="all")) < 1.6
    np.testing.assert_allclose(result.neighbours.sel(partner="anions"), 1)
    assert result.attrs["formers"] == "Si"
    assert result.attrs["anions"] == "S"
    vh.draw(result).figure.canvas.draw()


def test_a_common_drift_moves_nobody_up() -> None:
    traj = small()
    away = 3.0 * np.arange(4)[:, None, None] * np.array([1.0, 0.5, 0])
    drifting = vh.from_arrays(traj.positions + away, SKEWED, traj.species.tolist(), traj.times, wrapped=False)
    options: dict[str, Any] = dict(drift="framework", cutoff=4.0, ion_cutoff=3.5, former_cutoff=3.0)
    before, after = (vh.dynamics.fast_slow(each, "Na", 5.0, **options) for each in (traj, drifting))
    np.testing.assert_array_equal(before.mobility, after.mobility)
    np.testing.assert_allclose(before.displacement, after.displacement, rtol=1e-9)
    np.testing.assert_allclose(before.g, after.g, rtol=1e-9)


def test_uneven_frames_and_a_single_origin() -> None:
    traj, _ = domain(np.random.default_rng(5), 6)
    times = np.array([0.0, 0.3, 1.0, 2.0, 2.2, 3.0])
    uneven = vh.from_arrays(traj.positions, 30.0, ["Na"] * 400, times, wrapped=False)
    result = vh.dynamics.fast_slow(uneven, "Na", 1.0, drift=None)
    np.testing.assert_array_equal(result.origin, [0, 1, 2])
    single = vh.dynamics.fast_slow(traj, "Na", 5.0, drift=None, ion_cutoff=4.0)
    assert np.isnan(single.g_error).all()
    assert single.attrs["verdict"].startswith("a single origin")
    vh.draw(single).figure.canvas.draw()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(after=0.0), "after"), (dict(after=7.0), "no lag"), (dict(after=50.0), "run lasts"),
        (dict(after=5.0, fraction=0.0), "fraction"), (dict(after=5.0, fraction=0.6), "fraction"),
        (dict(after=5.0, fraction=0.01), "is none"), (dict(after=5.0, anions="Na"), "something else"),
        (dict(after=5.0, anions="Cl"), "no 'Cl'"), (dict(after=5.0, width=0.0), "width"),
        (dict(after=5.0, cutoff=-1.0), "cutoff"),
    ],
)  # fmt: skip
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(vh.Refusal, match=said):
        vh.dynamics.fast_slow(small(), "Na", **options)
    with pytest.raises(vh.Refusal, match="One frame"):
        vh.dynamics.fast_slow(small()[:1], "Na", 5.0)


def test_fast_sodium_sits_by_sulphur_with_fewer_silicon(shared_data: Path) -> None:
    """As in a Na2S-SiS2 glass: 1.34 silicon atoms per sulphur near fast, 1.48 near slow sodium."""
    traj = vh.open(
        shared_data / "na2s-sis2-md" / "prod_1000K.dump.gz", species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001,
        temperature=1000,
    )  # fmt: skip
    result = vh.dynamics.fast_slow(traj, "Na", 10.0, cutoff=4.0)
    fast, slow, every = result.former_coordination.values
    assert fast == pytest.approx(1.34, abs=0.06)
    assert slow == pytest.approx(1.48, abs=0.06)
    assert slow - fast > 5 * float(np.hypot(*result.former_coordination_error.values[:2]))
    assert fast < every < slow
    assert float(result.g.sel(group="fast-slow").sel(r=slice(3, 4)).mean()) < 0.9 * float(
        result.g.sel(group="fast-fast").sel(r=slice(3, 4)).mean()
    )
