"""Phases: planted crystal slabs with graded layers, labels, fractions, errors; samples of one phase; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from ceramics import PERIOD, antifluorite, ceramic

import vanhove as vh
from vanhove.structure._phases import phase_at
from vanhove.structure.step import Step, fit_step, two_levels

NAMES = ("glass", "interface", "crystal")


def right(labels, planted):
    """The share of the atoms of each planted phase that have its label."""
    return {name: float((labels[planted == name] == name).mean()) for name in NAMES if (planted == name).any()}


def apart(a, b, height):
    return np.abs((np.asarray(a) - b + height / 2) % height - height / 2)


# planted ceramics


@pytest.mark.parametrize("seed", [61, 62, 63])
def test_every_label_of_a_graded_ceramic(seed):
    made = ceramic(seed=seed)
    result = vh.structure.phases(made.traj, "c")
    assert result.attrs["verdict"] == "glass and crystal"
    assert apart(result.interface, made.interfaces, made.height).max() < PERIOD
    shares = right(result.phase.values, made.phase)
    assert min(shares.values()) > 0.9, shares
    planted = [(made.phase == name).mean() for name in NAMES]
    assert result.label.values.tolist() == list(NAMES)
    np.testing.assert_allclose(result.fraction, planted, atol=0.03)
    assert (np.abs(result.fraction - planted) < 4 * result.fraction_error).all()
    step = float(result.level[0] - result.level[1])
    assert step > 10 * float(result.scatter.max()), "it tells the phases apart by more than ten times its scatter"


def test_a_layer_of_crystal_mixed_with_glass():
    """F is near the glass's where half of the atoms lie at random; the interfaces are found all the same."""
    made = ceramic(kind="mixed", seed=64)
    result = vh.structure.phases(made.traj, "c")
    assert apart(result.interface, made.interfaces, made.height).max() < PERIOD
    shares = right(result.phase.values, made.phase)
    assert min(shares["glass"], shares["crystal"]) > 0.9


def test_the_axis_is_found():
    made = ceramic(cells=(18, 4, 4), axis=0, seed=63)
    result = vh.structure.phases(made.traj)
    assert result.attrs["axis"] == "a"
    assert min(right(result.phase.values, made.phase).values()) > 0.9


def test_a_crystal_across_the_edge_of_the_cell():
    made = ceramic(core=(0.8, 1.2), seed=64)
    result = vh.structure.phases(made.traj, "c")
    assert min(right(result.phase.values, made.phase).values()) > 0.9
    assert apart(result.interface, made.interfaces, made.height).max() < PERIOD


def test_a_tilted_cell():
    cell = np.diag([5.0, 5, 20]) * PERIOD + np.array([[0, 0, 0], [PERIOD, 0, 0], [-2 * PERIOD, 3 * PERIOD, 0]])
    made = ceramic(seed=65, cell=cell)
    result = vh.structure.phases(made.traj, "c")
    assert min(right(result.phase.values, made.phase).values()) > 0.9


def test_interfaces_without_layers_are_as_wide_as_a_slab():
    made = ceramic(graded=0.0, seed=66)
    result = vh.structure.phases(made.traj, "c")
    assert apart(result.interface, made.interfaces, made.height).max() < PERIOD / 2
    assert (result.width < PERIOD).all()
    assert result.fraction.sel(label="interface") * made.height < 2 * PERIOD


def test_by_order_along_an_axis():
    made = ceramic(graded=0.0, seed=67)
    result = vh.structure.phases(made.traj, "c", by="order", cutoff=4.0, slab=PERIOD)
    assert result.attrs["verdict"] == "glass and crystal"
    assert apart(result.interface, made.interfaces, made.height).max() < PERIOD / 2
    assert float(result.level.sel(phase_level="crystal")) > float(result.level.sel(phase_level="glass"))
    assert right(result.phase.values, made.phase)["glass"] > 0.9


def test_by_order_about_each_atom():
    """A ball of crystal, which no axis shows."""
    rng = np.random.default_rng(68)
    positions, species = antifluorite((7, 7, 7))
    cell = 7 * PERIOD
    ball = np.linalg.norm(positions - cell / 2, axis=1) < 15
    positions[~ball] = rng.uniform(0, cell, ((~ball).sum(), 3))
    inside = np.linalg.norm(positions - cell / 2, axis=1) < 15
    keep = ball | ~inside
    positions = positions + rng.normal(0, 0.12, (5, *positions.shape))
    traj = vh.from_arrays(positions[:, keep], cell, species[keep].tolist(), np.arange(5), wrapped=False)
    result = vh.structure.phases(traj, by="order", cutoff=4.0, per_frame=True)
    assert result.attrs["verdict"] == "glass and crystal"
    assert result.attrs["axis"] == ""
    away = np.linalg.norm(positions[0, keep] - cell / 2, axis=1)
    labels = result.phase.values
    assert (labels[away < 11] == "crystal").mean() > 0.95
    assert (labels[away > 19] == "glass").mean() > 0.9
    assert not (labels[(away > 13) & (away < 17)] == "glass").all()
    assert float(result.fraction.sum()) == pytest.approx(1)
    assert (result.fraction_error > 0).all()
    each = np.array([(result.phase_frame.values == k).mean(axis=1) for k in range(3)])
    np.testing.assert_allclose(each.mean(axis=1), result.fraction, atol=0.05)


def test_labels_are_in_the_order_of_the_view():
    made = ceramic(seed=69)
    mask = np.random.default_rng(70).uniform(size=made.traj.n_atoms) < 0.7
    view = made.traj.where(mask).every(2)
    result = vh.structure.phases(view, "c", species="S", per_frame=True)
    assert result.sizes["atom"] == view.n_atoms
    assert min(right(result.phase.values, made.phase[mask]).values()) > 0.8
    glass = view.where(result["phase"].values == "glass")
    assert glass.n_atoms == int((result.phase == "glass").sum())
    assert result.phase_frame.shape == (view.n_frames, view.n_atoms)
    codes = result.phase_frame.values
    np.testing.assert_allclose(result.share, [(codes == k).mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(result.share.sum("label"), 1)


def test_an_ion_is_where_it_mostly_is():
    made = ceramic(frames=10, seed=71, thermal=0.0)
    positions = made.traj.positions.copy()
    ion = int(np.flatnonzero(made.phase == "glass")[0])
    positions[:7, ion, 2] = made.interfaces.mean()  # seven of ten frames in the crystal
    positions[7:, ion, 2] = made.interfaces.mean() + made.height / 2
    traj = vh.from_arrays(positions, made.traj.cells[0], made.traj.species, made.traj.times, wrapped=False)
    result = vh.structure.phases(traj, "c", per_frame=True)
    assert str(result.phase[ion].values) == "crystal"
    np.testing.assert_allclose(result.share[:, ion], [0.3, 0.0, 0.7])
    np.testing.assert_array_equal(result.phase_frame[:, ion], [2] * 7 + [0] * 3)


def test_positions_have_phases_as_atoms_do():
    made = ceramic(core=(0.7, 1.1), seed=72)
    result = vh.structure.phases(made.traj[:1], "c")
    assert phase_at(result, result.along.values) == result.phase.values.tolist()
    bands = vh.structure.profiles(made.traj[:1], "c", bands=True)
    assert bands.phase.values.tolist() == phase_at(result, bands.position.values)
    assert set(bands.phase.values.tolist()) == set(NAMES)


# one phase


def test_samples_of_one_phase_have_no_step():
    rng = np.random.default_rng(73)
    for cell in (np.diag([25.0, 25, 80]), np.diag([40.0, 40, 60]), np.diag([20.0, 20, 45])):
        atoms = int(0.044 * np.linalg.det(cell))
        traj = vh.from_arrays(rng.uniform(0, 1, (1, atoms, 3)) @ cell, cell, ["S"] * atoms, [0.0], wrapped=False)
        result = vh.structure.phases(traj)
        assert result.attrs["verdict"].startswith("no step: along ")
        assert "4 are needed" in result.attrs["verdict"]
        assert (result.phase == "").all()
        assert np.isnan(result.fraction).all()
        assert np.isnan(result.interface).all()
        assert phase_at(result, np.arange(3.0)) == ["", "", ""]
    positions, species = antifluorite((4, 4, 9))
    for sigma in (0.05, 0.3):
        noisy = positions + rng.normal(0, sigma, (2, *positions.shape))
        traj = vh.from_arrays(noisy, np.diag([4.0, 4, 9]) * PERIOD, species.tolist(), [0.0, 1.0], wrapped=False)
        assert vh.structure.phases(traj).attrs["verdict"].startswith("no step")
        about = vh.structure.phases(traj, by="order", cutoff=4.0)
        assert about.attrs["verdict"].startswith("no step: the two levels of the order about atoms")
        assert (about.phase == "").all()


def test_a_small_cell_is_told():
    positions, species = antifluorite((2, 2, 2))
    traj = vh.from_arrays(positions[None], 2 * PERIOD, species.tolist(), [0.0], wrapped=False)
    assert "too few slabs" in vh.structure.phases(traj, "c").attrs["verdict"]


# the fit


def test_the_fit_finds_a_step_with_honest_errors():
    rng = np.random.default_rng(74)
    height, n = 100.0, 64
    position = (np.arange(n) + 0.5) * height / n
    true = np.array([0.4, 0.9, 31.0, 78.0, 2.0, 3.0, 5.0, 4.0])
    pulls = []
    for _ in range(60):
        noisy = Step(height, true, true, 9.0).at(position) + rng.normal(0, 0.02, n)
        found = fit_step(position, noisy, height, shared=1)
        pulls.append((found.parameters - true)[:4] / found.errors[:4])
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.6
    assert 0.7 < np.std(pulls) < 1.4


def test_two_levels_go_round():
    values = np.array([0.0, 0, 1, 1, 1, 1, 1, 0, 0, 0] * 3)[:30]
    assert two_levels(np.roll(np.repeat([0.0, 1.0], [12, 28]), 35))[:4] == (35, 12, 0.0, 1.0)
    assert two_levels(values)[4] > 0.4  # several slabs are not two levels


# refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(by="colour"), "by='colour'"),
        (dict(axis="z"), "axis of the cell"),
        (dict(by="order"), "cutoff=None and number=None"),
        (dict(slab=200.0), "not as high along any axis"),
        (dict(species="Xe"), "There is no 'Xe'"),
    ],
)
def test_refusals(options, said):
    positions, species = antifluorite((2, 2, 4))
    traj = vh.from_arrays(positions[None], np.diag([2.0, 2, 4]) * PERIOD, species.tolist(), [0.0], wrapped=False)
    with pytest.raises(vh.Refusal, match=said):
        vh.structure.phases(traj, **options)
