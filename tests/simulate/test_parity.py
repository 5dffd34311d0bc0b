from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labels import labels, springs
from pretended import pretended_environment

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.figures import new_axes
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._parity import parity
from vanhove.simulate.parity_errors import root_mean_square


def wrong(data: Labelled, force: float = 0.1, offset: float = 0.3, seed: int = 3) -> Labelled:
    """The same frames, their labels made wrong by known amounts."""
    generator = np.random.default_rng(seed)
    return Labelled.of([
        replace(
            one, forces=one.forces + generator.normal(scale=force, size=one.forces.shape), energy=one.energy + offset,
            virial=None if one.virial is None else one.virial + 0.6,
        )
        for one in data
    ])  # fmt: skip


def test_errors_are_those_that_were_planted() -> None:
    reference = labels()
    model = wrong(reference)
    found = parity(model, reference, worst=4)
    for number, (ours, theirs) in enumerate(zip(model, reference, strict=True)):
        squares = [
            (a - b) ** 2 for a, b in zip(ours.forces.reshape(-1), theirs.forces.reshape(-1), strict=True)
        ]  # fmt: skip
        assert float(found.force[number]) == pytest.approx((sum(squares) / len(squares)) ** 0.5, rel=1e-12)
        sulphur = (ours.forces - theirs.forces)[:, 2]
        assert float(found.force_of.sel(species="S")[number]) == pytest.approx(np.sqrt((sulphur**2).mean()))
    np.testing.assert_allclose(found.energy, 0.1)  # 0.3 eV of three atoms
    np.testing.assert_allclose(found.energy_offset, 0.1)
    np.testing.assert_allclose(found.energy_error, 0, atol=1e-12)
    np.testing.assert_allclose(found.virial, 0.2)
    assert found.attrs["energy"] == pytest.approx(0.1)
    all_squares = np.concatenate(
        [(a.forces - b.forces).reshape(-1) ** 2 for a, b in zip(model, reference, strict=True)]
    )
    assert found.attrs["force"] == pytest.approx(np.sqrt(all_squares.mean()), rel=1e-12)
    assert found.attrs["force"] == pytest.approx(0.1, abs=4 * found.attrs["force_error"])


def test_the_worst_frames_are_named() -> None:
    reference = labels()
    bad = np.zeros((20, 3, 3))
    bad[7, 1, 2], bad[3, 0, 0] = 9.0, 5.0
    two = replace(reference.systems[1], forces=reference.systems[1].forces + bad)
    reference_two = replace(reference.systems[1], frame_of=np.arange(100, 120))
    reference = Labelled.of([reference.systems[0], reference_two])
    found = parity(Labelled.of([two, reference.systems[0]]), reference, worst=3)
    assert found.worst_system.values.tolist()[:2] == ["two", "two"]
    assert found.worst_frame.values.tolist()[:2] == [107, 103]
    np.testing.assert_allclose(found.worst_force[:3], [3.0, 5 / 3, 0.0])
    np.testing.assert_allclose(found.worst_component[:3], [9.0, 5.0, 0.0])


def test_the_error_of_an_error_covers() -> None:
    """Of 400 sets of 100 independent frames the stated error holds the truth in 60 to 76 %."""
    generator = np.random.default_rng(5)
    inside = 0
    for _ in range(400):
        value, error = root_mean_square((generator.normal(size=(100, 6)) ** 2).mean(axis=1))
        inside += abs(value - 1) < error
    assert 0.60 < inside / 400 < 0.76
    assert np.isnan(root_mean_square(np.array([1.0]))[1])
    assert root_mean_square(np.zeros(3)) == (0.0, 0.0)


def test_neighbouring_frames_that_err_alike_count_as_few() -> None:
    generator = np.random.default_rng(6)
    slow = np.repeat(generator.normal(size=10) ** 2, 30)
    assert root_mean_square(slow)[1] > 3 * root_mean_square(generator.permutation(slow))[1]


def test_a_system_without_virials_has_no_error_of_them() -> None:
    reference = Labelled.of([springs("one"), springs("two", virial=None)])
    found = parity(wrong(reference), reference)
    assert np.isfinite(found.virial.values).tolist() == [True, False]
    assert found.attrs["virial"] == pytest.approx(0.2)


def test_pairs_for_the_figure_are_pairs(tmp_path: Path) -> None:
    reference = labels()
    found = parity(wrong(reference, force=0.0), reference, pairs=50)
    np.testing.assert_array_equal(found.pair_reference, found.pair_model)
    assert found.sizes["pair"] == 50
    assert found.sizes["frame"] == 60
    np.testing.assert_allclose(found.energy_model - found.energy_reference, 0.1)
    strong = parity(Labelled.of([springs(k=2.0)]), Labelled.of([springs()]))
    np.testing.assert_allclose(strong.pair_model, 2 * strong.pair_reference)
    vh.save(found, tmp_path / "p.nc")
    again = vh.load(tmp_path / "p.nc")
    assert again.identical(found)
    axes = vh.draw(again, new_axes())
    assert axes.get_xlabel().endswith("(eV/Å)")
    axes.figure.canvas.draw()
    assert parity(wrong(reference), reference).drop_attrs().identical(parity(wrong(reference), reference).drop_attrs())


def test_other_frames_are_refused() -> None:
    reference = labels()
    with pytest.raises(Refusal, match="not labels of the same frames"):
        parity(reference.select("one"), reference)
    moved = replace(reference.systems[0], positions=reference.systems[0].positions + 0.1)
    with pytest.raises(Refusal, match="not labels of the same frames"):
        parity(Labelled.of([moved, reference.systems[1]]), reference)
    with pytest.raises(Refusal, match="is no DeePMD model"):
        parity(3, reference)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="worst=0"):
        parity(reference, reference, worst=0)


def test_a_model_is_asked_in_its_own_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_DEEPMD", str(pretended_environment(tmp_path / "there")))
    model = tmp_path / "model.pb"
    model.write_bytes(b"model_attr/tmap\x12\x05Const....\x08\x07\x12\x00B\x04Li S")
    found = parity(model, labels())
    assert found.attrs["force"] == pytest.approx(0, abs=1e-12)
    assert found.attrs["virial"] == pytest.approx(0, abs=1e-12)
    strong = parity(model, Labelled.of([springs(k=2.0)]))
    np.testing.assert_allclose(strong.pair_model * 2, strong.pair_reference)
    phosphorus: Any = springs(species=("Li", "Li", "P"))
    with pytest.raises(Refusal, match="does not know P"):
        parity(model, Labelled.of([phosphorus]))
    model.write_bytes(model.read_bytes())
    monkeypatch.setenv("VANHOVE_DEEPMD", str(tmp_path / "nowhere"))
    with pytest.raises(Refusal, match="VANHOVE_DEEPMD names no Python environment"):
        parity(model, labels())
