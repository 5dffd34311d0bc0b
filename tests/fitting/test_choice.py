"""The choice between models, and the test of what is left over."""

from __future__ import annotations

import numpy as np
import pytest

from vanhove.fitting.choice import runs, schwarz


def test_runs_of_noise_have_uniform_probabilities() -> None:
    rng = np.random.default_rng(20261120)
    chances = np.array([runs(rng.normal(size=200)) for _ in range(2000)])
    for level in (0.01, 0.1, 0.5):
        assert np.mean(chances < level) == pytest.approx(level, abs=4 * (level / 2000) ** 0.5)


def test_structure_makes_few_runs() -> None:
    x = np.linspace(0, 4 * np.pi, 200)
    assert runs(np.sin(x)) < 1e-20
    assert runs(np.ones(50)) == 0
    assert runs((-1.0) ** np.arange(50)) > 0.999


def test_a_parameter_costs_the_logarithm_of_the_points() -> None:
    assert schwarz(100.0, 5, 200) - schwarz(100.0, 4, 200) == pytest.approx(np.log(200))
