"""Coupling: kicks are found at their size, p is uniform without, whatever ions prefer; matched times; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from planted_units import A, lattice, noise, tetrahedra, turn
from scipy.stats import kstest

import vanhove as vh
from vanhove.dynamics.encounters import Past, Ways, moves, past
from vanhove.dynamics.matched_times import Events, compare, draws, matched
from vanhove.dynamics.orientations import smoothed, steady

SITES = np.vstack([np.eye(3), -np.eye(3)]) * 0.4 * A


def world(seed, *, kick=0.0, push=0.0, roll=0.0, frames=2500, n=3):
    """27 PS4, each with an ion that jumps between six places around it and at each jump may kick it for 0.4 ps."""
    rng = np.random.default_rng(seed)
    units = n**3
    centres = lattice(n)
    turning = np.radians(2.0) * noise(rng, frames, units, 3)
    shift = 0.05 * noise(rng, frames, units, 3)
    ions = np.empty((frames, units, 3))
    for u in range(units):
        frame, site = 0, 0
        while frame < frames:
            stay = 20 + int(rng.exponential(140))
            ions[frame : frame + stay, u] = centres[u] + SITES[site]
            frame += stay
            new = (site + rng.integers(1, 6)) % 6
            axis = rng.normal(size=3)
            axis /= np.linalg.norm(axis)
            rolling = np.cross(SITES[site] + SITES[new], SITES[new] - SITES[site])
            rolling /= max(np.linalg.norm(rolling), 1e-9)
            about = slice(max(frame - 4, 0), frame + 4)
            turning[about, u] += np.radians(kick) * axis + np.radians(roll) * rolling
            shift[about, u] += push * axis
            site = new
    ions += rng.normal(0, 0.1, ions.shape)
    return tetrahedra(turn(turning), centres + shift, n, ions=ions, rng=rng, shake=0.02)


@pytest.fixture(scope="module")
def uncoupled():
    return vh.dynamics.coupling(world(21), "Li", "PS4", cutoffs=3.0)


def test_without_coupling_there_is_none(uncoupled):
    assert float(uncoupled.p_any) > 0.05
    assert uncoupled.attrs["compared"] > 100
    assert uncoupled.attrs["verdict"].count("as at any time") == 3
    np.testing.assert_allclose(uncoupled.average[20:], uncoupled.random[20:], rtol=0.1)


def test_a_kick_of_five_degrees_is_found_at_its_size():
    result = vh.dynamics.coupling(world(22, kick=5.0), "Li", "PS4", cutoffs=3.0)
    assert float(result.p_value) < 0.01
    assert float(result.p_any) < 0.01
    assert float(result.effect) == pytest.approx(5.0, abs=0.5)
    assert abs(float(result.effect_at)) <= 0.2
    assert float(result.translation_p_value) > 0.01
    assert float(result.band.sel(bound="low").interp(offset=0)) > float(result.random.interp(offset=0))
    assert "turn by +" in result.attrs["verdict"]


@pytest.mark.parametrize(("seed", "kick"), [(31, 0.0), (32, 1.0), (33, 2.0), (34, 5.0)])
def test_what_is_found_or_not_is_below_its_bound(seed, kick):
    """A kick too small to be seen is not larger than what is said to be possible, and that is not much."""
    result = vh.dynamics.coupling(world(seed, kick=kick), "Li", "PS4", cutoffs=3.0)
    bound = float(result["effect_upper"])
    assert kick <= bound < kick + 3.0
    assert bound > float(result["effect"])


def test_a_push_is_found_at_its_size():
    result = vh.dynamics.coupling(world(23, push=0.15), "Li", "PS4", cutoffs=3.0)
    assert float(result.translation_p_value) < 0.01
    assert float(result.translation_effect) == pytest.approx(0.15, abs=0.02)
    assert float(result.p_value) > 0.01


def test_a_paddle_wheel_rolls_along_with_the_ion():
    result = vh.dynamics.coupling(world(24, roll=3.0), "Li", "PS4", cutoffs=3.0)
    assert float(result.tilt_p_value) < 0.01
    # a fifth of the jumps go straight through to the opposite place: they have no sense
    assert 2.0 < float(result.tilt_effect) < 3.2
    against = vh.dynamics.coupling(world(24, roll=-3.0), "Li", "PS4", cutoffs=3.0)
    assert float(against.tilt_effect) < -2.0


def test_jumps_and_an_example_may_be_given():
    traj = world(25, frames=1200)
    jumps = vh.dynamics.jumps(traj, "Li")
    own = vh.dynamics.coupling(traj, "Li", "PS4", cutoffs=3.0, permutations=199)
    given = vh.dynamics.coupling(traj, "Li", "PS4", cutoffs=3.0, permutations=199, jumps=jumps, example=140)
    np.testing.assert_array_equal(own.average, given.average)
    assert float(own.p_any) == float(given.p_any)
    assert given.attrs["example_ion"] == 140
    assert given.attrs["example_unit"] == 5  # the ion is the sixth
    path = traj.read_paths()[:, 140]
    net = smoothed(path - np.average(traj.read_paths(), axis=1, weights=traj.masses), 2)
    expected = np.linalg.norm(net - net[:40].mean(axis=0), axis=1)
    np.testing.assert_allclose(given.rmsd_ion, expected, atol=1e-9)


# the test behind it


def p_values(seed, *, prefer=0.6, beside=0.5, frames=1200, units=12, ions=24):
    """Of units that take no notice of jumps.

    They differ, ions jump more often past loose ones and loosen them by being there; three jumps in ten lead away.
    """
    rng = np.random.default_rng(seed)
    loose = np.exp(prefer * rng.normal(size=units))
    rows, crowd = [], np.zeros((frames, units))
    for i in range(ions):
        unit, frame = rng.integers(units), 0
        while True:
            stay = 20 + int(rng.exponential(120 / loose[unit]))
            crowd[frame : frame + stay, unit] += 1
            frame += stay
            if frame >= frames:
                break
            new = rng.integers(units) if rng.random() < 0.3 else unit
            rows.append((i, frame, unit, new == unit))
            unit = new
    ion, frame, unit, stays = (np.array(column) for column in zip(*rows, strict=True))
    amplitude = (np.radians(2) * loose * (1 + beside * np.minimum(crowd, 3)))[..., None]
    sense = rng.normal(size=(len(ion), 1, 3))
    sense /= np.linalg.norm(sense, axis=-1, keepdims=True)
    near = Past(unit[:, None], np.ones((len(ion), 1)), sense, stays)
    sets = matched(Events(ion, frame - 1, frame + 1), near.units, near.beside, frames, 21, 20, rng)
    values = moves(
        steady(turn(amplitude * noise(rng, frames, units, 3)), 2),
        smoothed(amplitude * noise(rng, frames, units, 3), 2), near, sets, np.arange(-20, 21, 4),
    )  # fmt: skip
    picks = draws((~np.isnan(values["tilt"][:, :, -1])).sum(axis=1), 199, rng)
    found = [compare(value, name != "tilt", 199, rng, picks) for name, value in values.items()]
    strongest = np.max([one.strongest for one in found], axis=0)
    return [*(one.p_value for one in found), float((strongest >= strongest[0] * (1 - 1e-12)).mean())]


def test_p_is_uniform_without_coupling():
    """200 data sets; rotation, translation and tilt are each tested, and the three together."""
    found = np.array([p_values(seed) for seed in range(200)])
    for column in found.T:
        assert kstest(column, "uniform").pvalue > 0.01
        assert (column < 0.05).mean() < 0.1


def test_a_unit_by_where_it_is_at_the_moment_would_be_wrong():
    """Random times of any ion and unit, as one would take them at first, find a coupling that is not there."""
    rng = np.random.default_rng(30)
    frames, units = 4000, 12
    loose = np.exp(0.6 * rng.normal(size=units))
    turning = np.radians(2) * loose[:, None] * noise(rng, frames, units, 3)
    angle = np.linalg.norm(turning[20:] - turning[:-20], axis=-1)
    past_loose = rng.choice(units, 300, p=loose / loose.sum())
    at_jumps = angle[rng.integers(0, len(angle), 300), past_loose].mean()
    anywhere = angle[rng.integers(0, len(angle), 300), rng.integers(0, units, 300)]
    assert at_jumps > anywhere.mean() + 3 * anywhere.std() / np.sqrt(300)


def test_matched_times_keep_away_from_jumps_and_from_each_other():
    rng = np.random.default_rng(31)
    ion = np.sort(rng.integers(0, 20, 300))
    frame = rng.integers(0, 5000, 300)
    order = np.lexsort((frame, ion))
    events = Events(ion, frame[order] - 1, frame[order] + 1)
    partner = rng.integers(0, 40, (300, 1))
    half = 15
    sets = matched(events, partner, np.ones(300, bool), 5000, half, 12, rng)
    assert len(sets.event) > 50
    for event, frames in zip(sets.event, sets.frames, strict=True):
        times = frames[frames >= 0]
        assert times[0] == events.middle[event]
        assert (np.diff(np.sort(times)) > 2 * half - 1).all()
        own = np.flatnonzero(events.ion == events.ion[event])
        for time in times[1:]:
            assert np.abs(events.middle[own] - time).min() >= half
            # within the stays just before and just after
            between = (events.middle[own] > min(time, times[0])) & (events.middle[own] < max(time, times[0]))
            assert not between.any()
        alike = sets.event[partner[sets.event, 0] == partner[event, 0]]
        others = np.delete(events.middle[alike], np.flatnonzero(alike == event))
        assert (np.abs(others - times[0]) > 2 * half).all()


def test_the_nearest_unit_is_beside_both_ends():
    places = np.array([[0.0, 0, 0], [4.0, 0, 0], [0, 9.0, 0]])
    start, end = np.array([[1.0, 2, 0], [-1.0, 2, 0], [6.5, 0, 0]]), np.array([[-1.0, 2, 0], [1.0, 2, 0], [9.5, 0, 0]])
    found = past(Ways(start, end), places, np.eye(3) * 30, 1)
    assert found.units[:, 0].tolist() == [0, 0, 1]
    assert found.beside.tolist() == [True, True, False]  # the last one leaves
    # over the top in −x: the unit rolls about +z
    np.testing.assert_allclose(found.sense[:2, 0], [[0, 0, 1], [0, 0, -1]], atol=1e-12)


def test_too_few_jumps_give_no_p_value():
    rng = np.random.default_rng(33)
    ions = lattice(2) + SITES[0] + rng.normal(0, 0.1, (200, 8, 3))
    still = turn(np.radians(2) * noise(rng, 200, 8, 3))
    result = vh.dynamics.coupling(tetrahedra(still, lattice(2), 2, ions=ions), "Li", "PS4", cutoffs=3.0)
    assert np.isnan(result.p_any)
    assert np.isnan(result.effect)
    assert "too few" in result.attrs["verdict"]
    assert np.isfinite(result.rmsd_ion).all()


def test_what_can_not_be_is_refused():
    traj = world(34, frames=300)
    for options in (
        {"window": 0.1}, {"window": 100.0}, {"smooth": 2.0}, {"nearest": 0}, {"nearest": 99}, {"matches": 1},
        {"permutations": 5}, {"example": 3},
        {"jumps": vh.dynamics.jumps(traj[:200], "Li")}, {"jumps": vh.dynamics.msd(traj, "Li")},
    ):  # fmt: skip
        with pytest.raises(vh.Refusal):
            vh.dynamics.coupling(traj, "Li", "PS4", cutoffs=3.0, **options)
    with pytest.raises(vh.Refusal):
        vh.dynamics.coupling(traj, "Na", "PS4", cutoffs=3.0)
