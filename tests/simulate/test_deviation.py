from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from labels import SIZE, labels, springs
from pretended import pretended_environment

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.figures import new_axes
from vanhove.simulate._deviation import deviation, force_deviation
from vanhove.simulate.deepmd_evaluate import frames_of


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three whose springs have the constants 1, 1.1 and 1.3."""
    monkeypatch.setenv("VANHOVE_DEEPMD", str(pretended_environment(tmp_path / "there")))
    files = [tmp_path / f"{number}.pb" for number in range(3)]
    for number, path in enumerate(files):
        path.write_bytes(b"model_attr/tmap\x12\x05Const....\x08\x07\x12\x00B\x04Li S" + f"model-{number}".encode())
    return files


def test_it_is_the_spread_of_the_vectors() -> None:
    forces = np.zeros((2, 1, 2, 3))
    forces[0, 0, 0], forces[1, 0, 0] = [3, 4, 0], [-3, -4, 0]  # 5 from their mean
    np.testing.assert_allclose(force_deviation(forces), [[5.0, 0.0]])
    generator = np.random.default_rng(1)
    drawn = generator.normal(size=(4, 5, 6, 3))
    by_hand = np.linalg.norm(np.std(drawn, axis=0), axis=-1)  # as DeePMD-kit does it
    np.testing.assert_allclose(force_deviation(drawn), by_hand, rtol=1e-12)
    turned = drawn @ np.linalg.qr(generator.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(force_deviation(turned), by_hand, rtol=1e-12)


def test_a_committee_is_asked_of_every_frame(models: list[Path], tmp_path: Path) -> None:
    data = labels()
    found = deviation(models, data)
    away = np.concatenate([np.linalg.norm(one.positions - SIZE / 2, axis=2) for one in data])
    spread = np.std([1.0, 1.1, 1.3]) * away
    np.testing.assert_allclose(found.deviation_max, spread.max(axis=1))
    np.testing.assert_allclose(found.deviation_mean, spread.mean(axis=1))
    np.testing.assert_allclose(found.deviation_min, spread.min(axis=1))
    np.testing.assert_array_equal(found.atom_of_max, spread.argmax(axis=1))
    energies = np.concatenate([one.energy for one in data])
    np.testing.assert_allclose(found.energy, np.std([1.0, 1.1, 1.3]) * energies / 3)
    assert found.system.values.tolist() == ["one"] * 40 + ["two"] * 20
    assert found.number.values[40:42].tolist() == [0, 1]
    vh.save(found, tmp_path / "d.nc")
    axes = vh.draw(vh.load(tmp_path / "d.nc"), new_axes())
    assert axes.get_xlabel() == "model deviation of the forces (eV/Å)"
    axes.figure.canvas.draw()


def test_frames_may_be_atoms_or_a_trajectory(models: list[Path]) -> None:
    system = springs(frames=6)
    cell = [SIZE] * 3
    structures = [Atoms(system.species, positions=one, cell=cell, pbc=True) for one in system.positions]
    traj = vh.from_arrays(system.positions, system.cell, list(system.species), np.arange(6.0), wrapped=False)
    by_labels, by_atoms, by_traj = (deviation(models, one) for one in (labels(), structures, traj))
    del by_labels
    np.testing.assert_allclose(by_atoms.deviation_max, by_traj.deviation_max)
    np.testing.assert_allclose(deviation(models, structures[2]).deviation_max, by_atoms.deviation_max[2])


def test_runs_of_the_same_atoms_keep_their_order() -> None:
    def of(formula: str) -> Any:
        return Atoms(formula, positions=np.zeros((len(Atoms(formula)), 3)), cell=[4] * 3, pbc=True)

    found = frames_of([of("LiS"), of("LiS"), of("Li2S"), of("LiS")])
    assert [list(one.numbers) for one in found] == [[0, 1], [2], [3]]
    with pytest.raises(Refusal, match="not periodic"):
        frames_of(Atoms("Li"))
    for nothing in ([], "a.extxyz", 3, [1, 2]):
        with pytest.raises(Refusal, match=r"no frames|are no frames"):
            frames_of(nothing)


def test_one_model_has_nobody_to_disagree_with(models: list[Path]) -> None:
    with pytest.raises(Refusal, match="nobody to disagree with"):
        deviation(models[:1], labels())
    with pytest.raises(Refusal, match="nobody to disagree with"):
        deviation(models[0], labels())  # type: ignore[arg-type]
