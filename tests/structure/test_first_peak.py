"""The first peak of g(r), and the picture of a result."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.figures import new_axes
from vanhove.structure._rdf import first_peak


def shaken(cell, sites, species, amplitude, frames, seed):
    rng = np.random.default_rng(seed)
    positions = sites + amplitude * rng.standard_normal((frames, *sites.shape))
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False)


def rock_salt(amplitude, frames, seed=51, repeat=4, a=5.64):
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sodium = (cubes[:, None] + fcc).reshape(-1, 3) * a
    sites = np.concatenate([sodium, sodium + np.array([a / 2, 0, 0])])
    species = ["Na"] * len(sodium) + ["Cl"] * len(sodium)
    return shaken(repeat * a, sites, species, amplitude, frames, seed)


@pytest.mark.parametrize("amplitude", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("frames", [1, 20])
@pytest.mark.parametrize("width", [0.01, 0.05, 0.1])
def test_a_crystal_shaken_more_or_less(amplitude, frames, width):
    result = vh.structure.rdf(rock_salt(amplitude, frames), r_max=8.0, width=width)
    peak = first_peak(result, "Na-Cl")
    # mean distance at its maximum, shortened a little by 1/r² in g; one frame is noisy
    assert peak.position == pytest.approx(2.82, abs=width / 2 + 0.6 * amplitude + 1e-9)
    assert peak.coordination == pytest.approx(6, abs=0.05)
    assert 3.0 < peak.first_minimum < 4.7
    same = first_peak(result, "Na-Na")
    assert same.position == pytest.approx(3.988, abs=width / 2 + 0.6 * amplitude + 1e-9)
    assert same.coordination == pytest.approx(12, abs=0.6)


def test_height_and_position_are_those_of_a_bin():
    result = vh.structure.rdf(rock_salt(0.15, 10), r_max=8.0)
    peak = first_peak(result, "Na-Cl")
    one = result.sel(pair="Na-Cl")
    assert float(one.g.sel(r=peak.position)) == peak.height == float(one.g.sel(r=slice(0, 4)).max())
    assert float(one.n.sel(r=peak.first_minimum)) == peak.coordination


def test_an_ideal_gas_has_no_peak():
    rng = np.random.default_rng(52)
    gas = vh.from_arrays(rng.uniform(0, 20, (100, 200, 3)), 20.0, ["Li"] * 200, np.arange(100), wrapped=False)
    assert np.isnan(first_peak(vh.structure.rdf(gas), "Li-Li")).all()


def test_noise_on_a_wide_peak_is_no_peak():
    """The bins of a wide maximum jump up and down; its minimum is still the one far behind."""
    rng = np.random.default_rng(53)
    result = vh.structure.rdf(rock_salt(0.1, 10), r_max=8.0)
    r = result.r.values
    wide = (
        1
        / (1 + np.exp(-(r - 2.6) / 0.1))
        * (1 + 1.2 * np.exp(-(((r - 3.2) / 0.6) ** 2)) - 0.3 * np.exp(-((r - 5) ** 2)))
    )
    for _ in range(20):
        noisy = result.assign(
            g=result.g.copy(data=np.tile(wide + 0.04 * rng.standard_normal(len(r)), (3, 1))),
            g_error=result.g_error.copy(data=np.full(result.g.shape, 0.04)),
        )
        peak = first_peak(noisy, "Na-Na")
        assert peak.position == pytest.approx(3.2, abs=0.3)
        assert peak.height == pytest.approx(2.2, abs=0.15)
        assert peak.first_minimum == pytest.approx(5.0, abs=0.5)


def test_what_lies_beyond_the_result_is_not_guessed():
    crystal = rock_salt(0.15, 5)
    before = first_peak(vh.structure.rdf(crystal, r_max=2.5), "Na-Cl")
    assert np.isnan(before).all()
    on_the_way_down = first_peak(vh.structure.rdf(crystal, r_max=3.1), "Na-Cl")
    assert on_the_way_down.position == pytest.approx(2.82, abs=0.1)
    assert np.isnan(on_the_way_down.first_minimum)
    assert np.isnan(on_the_way_down.coordination)


def test_a_smaller_peak_can_be_asked_for():
    result = vh.structure.rdf(rock_salt(0.1, 5), r_max=8.0)
    scaled = result.assign(g=result.g / 20, g_error=result.g_error / 20)
    assert np.isnan(first_peak(scaled, "Na-Cl")).all()
    assert first_peak(scaled, "Na-Cl", smallest=0.1).coordination == 6


def test_a_pair_that_is_not_there_is_refused():
    result = vh.structure.rdf(rock_salt(0.1, 2), "Na-Cl", r_max=5.0)
    with pytest.raises(vh.Refusal, match=r"'Na-C' is not in this result.*Did you mean 'Na-Cl'"):
        first_peak(result, "Na-C")


# the picture


def test_few_pairs_share_one_scale():
    result = vh.structure.rdf(rock_salt(0.1, 5), r_max=8.0)
    ax = vh.draw(result, new_axes())
    assert [line.get_label() for line in ax.get_lines()][:3] == result.pair.values.tolist()
    assert ax.get_xlabel() == "r (Å)"
    assert ax.get_ylabel() == "g(r)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == result.pair.values.tolist()


def test_a_bond_that_leaves_the_picture_is_named_with_its_height():
    result = vh.structure.rdf(rock_salt(0.1, 5), r_max=8.0)
    scale = np.array([1, 30, 1])[:, None]
    ax = vh.draw(result.assign(g=result.g * scale), new_axes())
    named = [text.get_text() for text in ax.texts]
    assert named == [f"Na-Cl up to {30 * float(result.g.sel(pair='Na-Cl').max()):.1f}"]
    assert ax.get_ylim()[1] < 100


def test_many_pairs_stand_one_above_the_other():
    rng = np.random.default_rng(54)
    species = np.array(["Li", "P", "S", "Cl"])[np.arange(80) % 4]
    gas = vh.from_arrays(rng.uniform(0, 12, (5, 80, 3)), 12.0, species, np.arange(5), wrapped=False)
    result = vh.structure.rdf(gas, r_max=5.0)
    ax = vh.draw(result, new_axes())
    named = {text.get_text() for text in ax.texts}
    assert set(result.pair.values.tolist()) <= named
    assert ax.get_xlabel() == "r (Å)"
    assert ax.get_ylim()[1] == 10


def test_one_frame_and_empty_curves_can_be_drawn():
    gas = vh.from_arrays([[[0, 0, 0], [5.0, 5, 5]]], 10.0, ["Li", "S"], [0.0], wrapped=False)
    ax = vh.draw(vh.structure.rdf(gas, r_max=4.0), new_axes())
    ax.figure.canvas.draw()
    assert np.isfinite(ax.get_ylim()).all()
