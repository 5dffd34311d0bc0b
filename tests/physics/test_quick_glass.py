"""A 3000-atom Na2S-SiS2 glass, quenched here at 100 K/ps: what its structure must show (minutes on two cores)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove import simulate
from vanhove.base.errors import Refusal
from vanhove.simulate.engine import find_lammps
from vanhove.structure._rdf import first_peak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]  # the simulation takes five minutes on two quiet cores

ATOMS = 3000


@pytest.fixture(scope="module")
def glass(tmp_path_factory: pytest.TempPathFactory) -> vh.Trajectory:
    try:
        find_lammps()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    atoms = simulate.packing("Na2S-SiS2", 2.01, n_atoms=ATOMS, seed=20)
    stages = [*simulate.melt_quench(600, mix_ps=5, rate=100, relax_ps=2), simulate.Produce(600, 5.0, 0.1)]
    # Another number of ranks is another glass, and not every cell's pre-peak stands out of the scatter enough for
    # `peaks` to fit it: that of one rank is refused.
    folder: Path = simulate.run(
        atoms, simulate.potential("na2s-sis2"), stages, tmp_path_factory.mktemp("glass") / "run", ranks=2
    ).directory
    return vh.open(folder / "trajectory.h5md")


def test_bonds_have_their_lengths(glass: vh.Trajectory) -> None:
    assert glass.n_atoms == ATOMS
    curves = vh.structure.rdf(glass, ["Si-S", "S-S"], r_max=6.0)
    assert first_peak(curves, "Si-S").position == pytest.approx(2.1, abs=0.05)
    assert first_peak(curves, "S-S").position == pytest.approx(3.3, abs=0.1)


def test_sodium_has_its_pre_peak(glass: vh.Trajectory) -> None:
    factors = vh.structure.structure_factor(glass, q_max=3.0)
    peak = vh.structure.peaks(factors.sel(pair=["Na-Na"]), (0.45, 1.6))
    assert float(peak.position[0]) == pytest.approx(1.0, abs=0.1)
    assert float(peak.length[0]) == pytest.approx(7.7 / float(peak.position[0]))
    assert float(peak.position_error[0]) < 0.1


def test_a_quick_quench_leaves_silicon_with_too_many_neighbours(glass: vh.Trajectory) -> None:
    angles = vh.structure.angles(glass, "S-Si-S")
    density = np.convolve(angles.P.values, np.ones(5) / 5, mode="same")
    theta = angles.angle.values
    square, tetrahedral = ((theta > low) & (theta < high) for low, high in ((84, 96), (100, 112)))
    between = density[(theta > 92) & (theta < 104)].min()
    assert density[tetrahedral].max() > 1.01 * between
    assert density[square].max() > 1.01 * between  # the second maximum, near 90°
    units = vh.structure.speciation(glass, ["Si"], ["S"])
    around = units.coordination.sel(former="Si")
    assert float(around.sel(around_former=4)) > 0.4
    assert 0.1 < float(around.sel(around_former=5)) < 0.5
    assert float(units.sharing.sel(kind="edge")) > 0.02
    assert float(units.fraction.sum()) == pytest.approx(1)
