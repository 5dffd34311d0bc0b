"""Dynamics in the phases of planted glass-ceramics: what is found in each, where labels come from, honest errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from walks import SPACING, Floats, brownian, ions

import vanhove as vh
from vanhove.base.results import history_of

sys.path.insert(0, str(Path(__file__).parents[1] / "structure"))
from ceramics import ceramic

FRAMES, IONS = 200, 300
STEPS = {"glass": 0.3, "crystal": 0.1}  # Å a frame and axis


class Planted(NamedTuple):
    traj: vh.Trajectory
    phases: vh.Dataset
    height: float
    interfaces: Floats


def planted(
    axes: tuple[int, int, int] = (1, 1, 0), *, frames: int = FRAMES, seed: int = 21, cell: Floats | None = None
):
    """Li that walks through a still glass-ceramic, three times as far a step in the glass as in the crystal."""
    rng = np.random.default_rng(seed)
    made = ceramic(cells=(4, 4, 16), frames=1, seed=seed, thermal=0.0, graded=5.0, cell=cell)
    box = made.traj.cells[0]
    low, high = made.interfaces / made.height
    place = rng.uniform(0, 1, (IONS, 3))
    paths = np.empty((frames, IONS, 3))
    paths[0] = place @ box
    for frame in range(1, frames):
        along = (paths[frame - 1] @ np.linalg.inv(box))[:, 2] % 1
        step = np.where((along > low) & (along < high), STEPS["crystal"], STEPS["glass"])
        paths[frame] = paths[frame - 1] + rng.normal(size=(IONS, 3)) * step[:, None] * axes
    host = made.traj.positions[0] + rng.normal(0, 0.1, (frames, made.traj.n_atoms, 3))
    kinds = [*made.traj.species.tolist(), *["Li"] * IONS]
    traj = vh.from_arrays(
        np.concatenate([host, paths], axis=1), box, kinds, SPACING * np.arange(frames), wrapped=False, temperature=600
    )
    return Planted(traj, vh.structure.phases(traj[:2], "c"), made.height, made.interfaces)


@pytest.fixture(scope="module")
def ceramic_of_two() -> Planted:
    """Its ions stay in their phases: they walk across the axis only."""
    return planted()


@pytest.fixture(scope="module")
def crossing() -> Planted:
    return planted((1, 1, 8), frames=80)


@pytest.mark.parametrize("phase", ["glass", "crystal"])
def test_each_phase_has_its_planted_diffusion(ceramic_of_two: Planted, phase: str) -> None:
    m = vh.dynamics.msd(ceramic_of_two.traj, "Li", drift=None, phase=phase, phases=ceramic_of_two.phases)
    d = vh.dynamics.diffusion(m, jump_length=0.5)
    true = 2 * STEPS[phase] ** 2 / (6 * SPACING) * 1e-4  # along two of three axes
    assert d.attrs["verdict"] == "diffusive"
    assert abs(float(d.D) - true) < 3 * float(d.D_error)
    assert float(d.D_error) < 0.1 * true
    assert d.attrs["phase"] == m.attrs["phase"] == phase
    share = float(ceramic_of_two.phases.fraction.sel(label=phase))
    assert m.attrs["phase_share"] == pytest.approx(share, abs=0.1)
    assert m.attrs["n_ions"] == round(m.attrs["phase_share"] * IONS)
    assert m.n_independent[1] == pytest.approx(m.attrs["n_ions"] * (FRAMES - 1), rel=0.01)
    gaussian = vh.dynamics.non_gaussian(
        ceramic_of_two.traj, "Li", drift=None, axes="xy", phase=phase, phases=ceramic_of_two.phases
    )
    every = vh.dynamics.non_gaussian(ceramic_of_two.traj, "Li", drift=None, axes="xy")
    assert abs(float(gaussian.alpha2[5])) < 4 * float(gaussian.alpha2_error[5])
    assert float(every.alpha2[5]) > 0.3  # of two kinds of ions it is not Gaussian


def test_ions_that_change_phase_count_where_they_begin(crossing: Planted) -> None:
    """The labels of every frame by position are those that phases keeps; the mask that they make gives the same."""
    traj = crossing.traj
    kept = vh.structure.phases(traj, "c", per_frame=True)
    inside = kept.phase_frame.values == kept.label.values.tolist().index("glass")
    li = traj.species == "Li"
    changes = (inside[1:, li] != inside[:-1, li]).any(axis=0).mean()
    assert 0.1 < changes < 0.9
    steps = {phase: vh.dynamics.msd(traj, "Li", drift=None, phase=phase, phases=kept) for phase in STEPS}
    masked = vh.dynamics.msd(traj, "Li", drift=None, phase=inside)
    np.testing.assert_array_equal(steps["glass"].msd, masked.msd)
    first = {phase: np.sqrt(float(m.msd_axis[1, 0])) for phase, m in steps.items()}
    assert first["glass"] == pytest.approx(STEPS["glass"], rel=0.02)
    assert first["crystal"] == pytest.approx(STEPS["crystal"], rel=0.02)
    # later some are where they were not at the origin: some 5 Å away, in slabs of 50 Å
    assert steps["crystal"].msd_axis[40, 0] > 1.1 * 40 * STEPS["crystal"] ** 2
    assert steps["glass"].msd_axis[40, 0] < 40 * STEPS["glass"] ** 2


def test_labels_come_from_where_they_were_found(crossing: Planted) -> None:
    """Of other atoms, other frames, labels of atoms, or by themselves; the history says which."""
    traj, phases = crossing.traj, crossing.phases
    expected = vh.dynamics.msd(traj, "Li", drift=None, phase="glass", phases=phases)
    alone = vh.dynamics.msd(traj.select("Li"), "Li", drift=None, phase="glass", phases=phases)
    np.testing.assert_array_equal(alone.msd, expected.msd)
    steps = [step["function"] for step in history_of(expected)]
    assert steps == ["from_arrays", "structure.phases", "dynamics.msd"]
    own = vh.dynamics.msd(traj[:2], "Li", drift=None, phase="glass")
    steps = [step["function"] for step in history_of(own)]
    assert steps == ["from_arrays", "trajectory.frames", "structure.phases", "dynamics.msd"]
    np.testing.assert_array_equal(
        own.msd, vh.dynamics.msd(traj[:2], "Li", drift=None, phase="glass", phases=phases).msd
    )
    fixed = phases.drop_vars(["interface", "crystal_end", "glass_end"])  # as labels about atoms are
    kept = vh.dynamics.msd(traj, "Li", drift=None, phase="glass", phases=fixed)
    by_name = vh.dynamics.msd(traj, "Li", drift=None, phase="glass", phases=phases.phase.values)
    np.testing.assert_array_equal(kept.msd, by_name.msd)
    of_li = vh.dynamics.msd(traj.select("Li"), "Li", drift=None, phase="glass", phases=fixed)
    np.testing.assert_array_equal(kept.msd, of_li.msd)
    frames = vh.structure.phases(traj[10:30], "c", per_frame=True)
    by_frame = frames.drop_vars(["interface", "crystal_end", "glass_end"])
    some = vh.dynamics.msd(traj[12:30], "Li", drift=None, phase="crystal", phases=by_frame)
    same = vh.dynamics.msd(traj[12:30], "Li", drift=None, phase="crystal", phases=frames)
    np.testing.assert_array_equal(some.msd, same.msd)
    with pytest.raises(vh.Refusal, match="not found at 0 ps"):
        vh.dynamics.msd(traj, "Li", phase="crystal", phases=by_frame)


def test_a_tilted_cell() -> None:
    straight = np.diag([4.0, 4, 16]) * 6.5
    tilted = straight + np.array([[0, 0, 0], [6.5, 0, 0], [-13.0, 6.5, 0]])
    made = planted(frames=60, seed=23, cell=tilted)
    for phase, step in STEPS.items():
        m = vh.dynamics.msd(made.traj, "Li", drift=None, phase=phase, phases=made.phases)
        assert np.sqrt(float(m.msd_axis[1, :2].mean())) == pytest.approx(step, rel=0.03)


def test_the_framework_is_what_is_not_of_the_species(crossing: Planted) -> None:
    traj, phases = crossing.traj, crossing.phases
    ions_of = vh.dynamics.msd(traj, ["Li", "Na"], drift="framework", phase="glass", phases=phases)
    assert ions_of.attrs["species"] == "Li, Na"
    mask = np.zeros(traj.n_atoms, bool)
    mask[np.flatnonzero(traj.species == "Li")[:5]] = True
    some = vh.dynamics.msd(traj, ["Li", "Na"], drift="framework", phase=mask)  # no Na among them: still no framework
    sulphur = traj.positions[:, traj.species == "S"].mean(axis=1)
    paths = traj.positions[:, mask] - sulphur[:, None]
    np.testing.assert_allclose(some.msd[7], ((paths[7:] - paths[:-7]) ** 2).sum(axis=2).mean(), rtol=1e-10)


# how many are where


def test_the_share_of_the_ions_in_each_phase(crossing: Planted) -> None:
    traj = crossing.traj
    kept = vh.structure.phases(traj, "c", per_frame=True)
    result = vh.dynamics.phase_fraction(traj, "Li", phases=kept)
    codes = kept.phase_frame.values[:, traj.species == "Li"]
    np.testing.assert_allclose(result.fraction, [(codes == k).mean(axis=1) for k in range(3)])
    assert result.phase.values.tolist() == ["glass", "interface", "crystal"]
    np.testing.assert_allclose(result["mean"], result.fraction.mean("time"))
    np.testing.assert_allclose(
        result.change, result.fraction[:, 40:].mean("time") - result.fraction[:, :40].mean("time")
    )
    assert float(result.change.sel(phase="crystal")) > 3 * float(result.change_error.sel(phase="crystal"))
    still = vh.dynamics.phase_fraction(traj, "S", phases=np.where(traj.positions[0, :, 2] > 50, "above", "below"))
    assert still["mean"].sum() == pytest.approx(1)
    np.testing.assert_array_equal(still.mean_error, 0)
    nowhere = vh.dynamics.phase_fraction(ions(brownian(np.random.default_rng(1), 20, 30)), "Li")
    assert nowhere.attrs["verdict"].startswith("no step")
    assert np.isnan(nowhere["mean"]).all()


# refusals


def test_what_can_not_be_is_refused(crossing: Planted) -> None:
    traj, phases = crossing.traj, crossing.phases
    for words, options in (
        ("no phase 'glas'. Did you mean 'glass'", {"phase": "glas", "phases": phases}),
        ("phases= without phase=", {"phases": phases}),
        ("array of float64", {"phase": np.zeros(traj.n_atoms)}),
        ("values of the mask have the shape", {"phase": np.ones(3, bool)}),
        ("The mask leaves no Li", {"phase": np.zeros(traj.n_atoms, bool)}),
        ("leave out phases=", {"phase": np.ones(traj.n_atoms, bool), "phases": phases}),
        ("no result of phases", {"phase": "glass", "phases": vh.structure.rdf(traj[:1], "Li-Li")}),
        ("labels have the shape", {"phase": "glass", "phases": np.array(["glass"] * 3)}),
        ("No Li is in the crystal at any frame", {"phase": "crystal", "phases": _nowhere(traj)}),
    ):
        with pytest.raises(vh.Refusal, match=words):
            vh.dynamics.msd(traj, "Li", **options)
    walk = ions(brownian(np.random.default_rng(1), 20, 30))
    with pytest.raises(vh.Refusal, match=r"No phases were found.*no step"):
        vh.dynamics.msd(walk, "Li", phase="glass")
    with pytest.raises(vh.Refusal, match="found in a cell 104 Å high along c"):
        vh.dynamics.msd(walk, "Li", phase="glass", phases=phases)


def _nowhere(traj: vh.Trajectory) -> np.ndarray:
    return np.where(traj.species == "S", "crystal", "glass")


# how well it is known


def _switched(kind: str, rng: np.random.Generator, frames: int, n: int) -> np.ndarray:
    if kind == "grows":
        return np.arange(frames)[:, None] > rng.uniform(0, frames, n)
    stay = {"slowly": 150.0, "quickly": 3.0}[kind]
    return np.cumsum(rng.random((frames, n)) < 1 / stay, axis=0) % 2 == rng.integers(0, 2, n)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["slowly", "quickly", "grows"])
def test_errors_and_independent_displacements_are_honest(kind: str) -> None:
    """Walkers that enter and leave a phase: one standard error holds the truth as often as it should."""
    apart, squared, independent = [], [], []
    for repeat in range(300):
        rng = np.random.default_rng([77, repeat])
        paths = brownian(rng, 400, 60)
        m = vh.dynamics.msd(ions(paths), "Li", drift=None, lags="log", phase=_switched(kind, rng, 400, 60))
        d = vh.dynamics.diffusion(m, jump_length=1.0)
        apart.append((float(d.D) - 0.5e-4 / SPACING) / float(d.D_error))
        squared.append(m.msd.values[[0, 15, 30]] / (3 * m.lag.values[[0, 15, 30]] / SPACING))
        independent.append(m.n_independent.values[[0, 15, 30]])
    held = np.mean(np.abs(apart) < 1)
    assert 0.6 < held < 0.78, held
    scatter = np.var(squared, axis=0)
    np.testing.assert_allclose(scatter, 2 / 3 * np.mean(1 / np.array(independent), axis=0), rtol=0.25)
