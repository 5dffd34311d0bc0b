"""The small parts of a card, against what is known of them by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vanhove.simulate import Labelled, System
from vanhove.study.card_beside import differences, judge_physics
from vanhove.study.card_bounds import (
    FAILS,
    HOLDS,
    OPEN,
    UNTESTED,
    Bounds,
    Judgement,
    below,
    overall,
    with_error,
    worst_of,
)
from vanhove.study.card_contacts import of_frames
from vanhove.study.card_motion import drift
from vanhove.study.card_physics import overlap
from vanhove.study.card_steps import Outcome
from vanhove.study.card_wall import climb_of
from vanhove.study.validation import without_nan


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.5, 0.1, HOLDS), (0.8, 0.1, OPEN), (1.2, 0.1, OPEN), (1.4, 0.1, FAILS), (0.99, math.nan, HOLDS),
        (1.01, math.nan, FAILS), (math.nan, 0.1, FAILS), (0.0, 0.0, HOLDS),
    ],
)  # fmt: skip
def test_a_judgement_by_three_errors(value: float, error: float, verdict: str) -> None:
    assert below(value, error, 1.0) == verdict


def test_the_worst_counts() -> None:
    assert worst_of([HOLDS, OPEN, FAILS]) == FAILS
    assert worst_of([HOLDS, OPEN, UNTESTED]) == OPEN
    assert worst_of([]) == UNTESTED
    told = [Judgement("a", "one", HOLDS, ""), Judgement("a", "two", FAILS, ""), Judgement("a", "three", OPEN, ""),
            Judgement("a", "four", UNTESTED, "")]  # fmt: skip
    verdict, sentence = overall(told)
    assert verdict == FAILS
    assert sentence == (
        "1 of 3 judgements hold. Not within bounds: two. Too close to the bound, or known too poorly, to tell: three. "
        "Not tested: four."
    )
    assert overall(told[3:]) == (UNTESTED, "Nothing was tested.")


def test_a_drift_that_was_planted() -> None:
    generator = np.random.default_rng(5)
    time = np.arange(400) * 0.1
    noise = generator.normal(size=(200, 400))
    found = np.array([drift(time, 0.03 * time + each) for each in noise])
    away = (found[:, 0] - 0.03) / found[:, 1]
    assert found[:, 0].mean() == pytest.approx(0.03, abs=4 * found[:, 0].std() / math.sqrt(200))
    assert 0.9 < away.std() < 1.5  # of Student's t with eight degrees of freedom 1.15
    slope, error = drift(time, 0.03 * time)
    assert slope == pytest.approx(0.03)
    assert error < 1e-10
    assert math.isnan(drift(time[:5], time[:5])[1])


def wall(energy: np.ndarray, radius: np.ndarray) -> tuple[str, float, float]:
    return climb_of(radius, energy, float(radius[0]), needed=5.0, give=0.1)


def test_how_an_energy_goes_on_the_way_in() -> None:
    radius = np.arange(2.0, 0.5, -0.05)
    rising = 20 * (2.0 - radius)
    how, where, height = wall(rising, radius)
    assert (how, where) == ("wall", pytest.approx(1.75))
    assert height >= 5.0
    turning = np.where(radius > 1.8, rising, 8 * (radius - 1.3))
    how, where, height = wall(turning, radius)
    assert (how, where, height) == ("turns", pytest.approx(1.8), pytest.approx(4.0))
    assert wall(0.2 * rising[::1], radius)[0] == "wall"  # 5.8 eV at the end
    assert wall(0.1 * rising, radius)[0] == "low"
    assert wall(np.where(radius < 1.9, np.nan, rising), radius)[0] == "nothing"
    assert wall(np.where(radius < 1.9, np.inf, rising), radius)[0] == "nothing"
    later = np.where(radius > 1.7, rising, -100.0)  # falls only where no atom comes
    assert wall(later, radius)[0] == "wall"
    dipping = rising - 0.09 * (np.arange(len(radius)) == 1) - rising * (np.arange(len(radius)) == 1)
    assert wall(dipping, radius)[0] == "wall"  # less than it may give
    outside = np.concatenate([[2.2, 2.1], radius])
    assert climb_of(outside, np.concatenate([[9.0, 1.0], rising]), 2.0, 5.0, 0.1)[0] == "wall"


def test_what_two_gaussians_have_in_common() -> None:
    energy = np.linspace(0, 100, 4001)
    one, other = (np.exp(-0.5 * ((energy - middle) / 4) ** 2) for middle in (46, 54))
    assert overlap(one, 3 * other, energy) == pytest.approx(math.erfc(1 / math.sqrt(2)), abs=1e-4)  # 2Φ(-1)
    assert overlap(one, one, energy) == pytest.approx(1.0)


def test_differences_of_peaks() -> None:
    told = {"a": {"position": [2.1, 2.0], "position_error": [0.03, 0.04], "height": [6.0, 5.0],
                  "height_error": [0.3, 0.4]}}  # fmt: skip
    place, error, share, share_error = differences(told)["a"]
    assert (place, error, share) == (pytest.approx(0.1), pytest.approx(0.05), pytest.approx(0.2))
    assert share_error == pytest.approx(1.2 * math.hypot(0.3 / 6, 0.4 / 5))


def test_closest_atoms_across_a_boundary_and_of_a_rare_pair() -> None:
    positions = np.array([[[0.2, 5, 5], [9.9, 5, 5], [5, 5, 5]], [[1, 1, 1], [9, 9, 9], [5.0, 5.5, 1]]])
    frames = System(
        "a", ("Li", "Li", "S"), np.tile(np.eye(3) * 10, (2, 1, 1)), positions, np.zeros(2), np.zeros((2, 3, 3))
    )
    found = of_frames(Labelled.of([frames]))
    assert found["Li-Li"].distance == pytest.approx(0.3)
    assert (found["Li-Li"].frame, set(found["Li-Li"].atoms)) == (0, {0, 1})
    assert found["Li-S"].distance == pytest.approx(4.8)
    assert np.linalg.norm(found["Li-S"].vector) == pytest.approx(4.8)
    assert "S-S" not in found


def test_no_number_is_no_word_of_json() -> None:
    assert without_nan({"a": [math.nan, 1.0, {"b": math.inf}]}) == {"a": [None, 1.0, {"b": None}]}


def test_peaks_that_are_flat_judge_nothing() -> None:
    sharp = {"position": [2.0, 2.0], "position_error": [0.001, 0.001], "height": [5.0, 5.0],
             "height_error": [0.1, 0.1]}  # fmt: skip
    flat = {**sharp, "position": [4.6, 3.5], "height": [1.2, 1.25]}
    found = Outcome({"peaks": {"P-S": sharp, "Li-Li": flat}, "vibrations": "none", "displacements": "none"})
    places, heights = judge_physics(found, "", Bounds())[:2]
    assert (places.verdict, heights.verdict) == (HOLDS, HOLDS)
    assert "Without Li-Li, whose peaks are lower than 1.5." in places.text
    only = Outcome({"peaks": {"Li-Li": flat}, "vibrations": "none", "displacements": "none"})
    assert judge_physics(only, "", Bounds())[0].verdict == UNTESTED


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(0.26154, 0.00094, "0.2615 ± 0.0009"), (0.05, 0.0013, "0.0500 ± 0.0013"), (12.3, 4.0, "12 ± 4"),
     (1.5, math.nan, "1.5"), (0.0, 0.0, "0")],
)  # fmt: skip
def test_digits_as_the_error_allows(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text
