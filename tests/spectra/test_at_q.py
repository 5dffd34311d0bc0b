"""Responses at wavevectors of the unit cell: which modes are seen where, and how well replicas know them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crystals import brownian, crystal, mode_energy

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.scattering import neutron
from vanhove.base.units import K_B

CELLS = (2, 10, 10)


def sheared(seed: int = 1, **options: Any) -> vh.Trajectory:
    """A transverse phonon of q = (0, 0.5, 0) polarised along c, and a longitudinal one of (0, 0, 0.5)."""
    modes = [((0, 5, 0), (0, 0, 1.0), 7.0), ((0, 0, 5), (0, 0, 1.0), 15.0)]
    return crystal(CELLS, modes, frames=1500, amplitude=0.01, seed=seed, **options)


def peak(result: Any, k: int) -> tuple[float, float]:
    loss = result.energy.values > 1.0
    at = int(np.argmax(result.S.values[k][loss]))
    return float(result.energy.values[loss][at]), float(result.S.values[k][loss][at])


def test_a_sheared_phonon_is_seen_at_another_zone_and_not_at_its_own_wavevector() -> None:
    result = vh.spectra.at_q(sheared(), [(0, 0.5, 0), (0, 1.5, 4), (0, 0, 0.5)], CELLS)
    step = float(result.energy[1] - result.energy[0])
    energy, height = peak(result, 1)
    assert energy == pytest.approx(7.0, abs=step)
    assert peak(result, 0)[1] < 1e-3 * height
    assert peak(result, 2)[0] == pytest.approx(15.0, abs=step)
    edge = 2 * np.pi / 4.0
    np.testing.assert_allclose(result.q.values, edge * np.array([0.5, np.hypot(1.5, 4), 0.5]))
    assert result.hkl.values.tolist() == [[0, 0.5, 0], [0, 1.5, 4], [0, 0, 0.5]]


def test_the_dispersion_of_a_chain_in_two_zones() -> None:
    cells = 20
    modes = [((m, 0, 0), (1.0, 0, 0), float(mode_energy(m, cells, 18.0))) for m in range(1, 11)]
    traj = crystal((cells, 1, 1), modes, amplitude=0.004)
    first = vh.spectra.at_q(traj, [(m / cells, 0, 0) for m in range(1, 11)], (cells, 1, 1))
    second = vh.spectra.at_q(traj, [(1 + m / cells, 0, 0) for m in range(1, 11)], (cells, 1, 1))
    step = float(first.energy[1] - first.energy[0])
    for k, (_, _, expected) in enumerate(modes):
        assert peak(first, k)[0] == pytest.approx(expected, abs=step)
        assert peak(second, k)[0] == pytest.approx(expected, abs=step)
        seen = (second.q.values[k] / first.q.values[k]) ** 2  # (Q·e)²
        assert peak(second, k)[1] / peak(first, k)[1] == pytest.approx(seen, rel=0.02)


def test_susceptibility_and_detailed_balance_are_one_response() -> None:
    traj = sheared()
    plain = vh.spectra.at_q(traj, [(0, 1.5, 4)], CELLS)
    quantum = vh.spectra.at_q(traj, [(0, 1.5, 4)], CELLS, correction="detailed-balance")
    beta_E = plain.energy.values / (K_B * 300.0)
    np.testing.assert_allclose(plain.chi.values, np.pi * beta_E * plain.S.values)
    np.testing.assert_allclose(quantum.chi.values, plain.chi.values, rtol=1e-9)
    np.testing.assert_allclose(quantum.chi.values, np.pi * -np.expm1(-beta_E) * quantum.S.values, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(plain.chi.values, -plain.chi.values[:, ::-1], atol=1e-12)


def test_it_is_coherent_with_scattering_lengths() -> None:
    traj = brownian(5, frames=200)
    result = vh.spectra.at_q(traj, [(1, 2, 0)], (1, 1, 1), weights="neutron", pairs=["Li-Li", "Li-S", "S-S"])
    parts = vh.spectra.coherent(traj, np.array([[1, 2, 0]]) * 2 * np.pi / 10.0)
    b = {name: neutron(name).b.real for name in ("Li", "S")}
    lengths = [b[one] * b[other] * (1 if one == other else 2) for one, other in (("Li", "Li"), ("Li", "S"), ("S", "S"))]
    np.testing.assert_allclose(result.S.values, 0.01 * np.einsum("p,pqe->qe", lengths, parts.S.values), rtol=1e-9)
    np.testing.assert_allclose(result.S_pair.values, parts.S.values, rtol=1e-9, atol=1e-15)
    assert result.S.attrs["units"] == "barn/sr/meV"


def test_lengths_of_what_absorbs_have_an_imaginary_part() -> None:
    traj = brownian(5, frames=100).with_isotopes({"Li": "6Li"})
    result = vh.spectra.at_q(traj, [(1, 2, 0)], (1, 1, 1), weights="neutron")
    parts = vh.spectra.coherent(traj, np.array([[1, 2, 0]]) * 2 * np.pi / 10.0)
    b = [neutron("6Li").b, neutron("S").b]
    assert b[0].imag
    lengths = [abs(b[0]) ** 2, 2 * (b[0] * np.conj(b[1])).real, abs(b[1]) ** 2]
    np.testing.assert_allclose(result.S.values, 0.01 * np.einsum("p,pqe->qe", lengths, parts.S.values), rtol=1e-9)


def test_replicas_are_averaged_with_the_error_of_their_mean() -> None:
    runs = [brownian(seed, frames=200 + seed) for seed in range(4)]
    together = vh.spectra.at_q(runs, [(1, 2, 0)], (1, 1, 1), max_lag=8.0)
    alone = [vh.spectra.at_q(run, [(1, 2, 0)], (1, 1, 1), max_lag=8.0) for run in runs]
    for name in ("S", "chi", "F"):
        values = np.stack([one[name].values for one in alone])
        np.testing.assert_allclose(together[name].values, values.mean(axis=0), rtol=1e-9, atol=1e-15)
        spread = values.std(axis=0, ddof=1) / 2
        assert (together[f"{name}_error"].values >= spread * (1 - 1e-9)).all()
        np.testing.assert_allclose(together[f"{name}_error"].values, 1.197 * spread, rtol=2e-3)
    assert "4 replicas" in together.attrs["error"]
    assert "periodograms" in alone[0].attrs["error"]


def test_errors_of_one_run_and_of_replicas_agree() -> None:
    runs = [brownian(seed) for seed in range(24)]
    together = vh.spectra.at_q(runs, [(2, 1, 0)], (1, 1, 1), max_lag=4.0)
    alone = [vh.spectra.at_q(run, [(2, 1, 0)], (1, 1, 1), max_lag=4.0) for run in runs]
    expected = np.sqrt(np.mean([one.S_error.values**2 for one in alone], axis=0) / len(runs))
    assert 0.7 < np.median(together.S_error.values / expected) < 1.4


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ([(0, 1.53, 4)], r"nearest are \(0, 1\.5, 4\) and \(0, 1\.6, 4\)"),
        ([(0.25, 0, 0)], r"nearest are \(0\.5, 0, 0\)"),
        ([(0, 0, 0)], "Q = 0"),
        ([(0, 1)], "shape"),
        ([(0, np.nan, 1)], "shape"),
    ],
)  # fmt: skip
def test_what_does_not_fit_into_the_supercell_is_refused(q: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        vh.spectra.at_q(sheared(), q, CELLS)


def test_what_are_no_replicas_is_refused() -> None:
    first = brownian(1)
    for other in (
        brownian(1, numbers=(16, 24)),
        brownian(1, length=11.0),
        brownian(1).every(2),
        brownian(1).at_temperature(600.0),
    ):
        with pytest.raises(Refusal, match="replica"):
            vh.spectra.at_q([first, other], [(1, 0, 0)], (1, 1, 1))


def test_other_refusals_and_a_doubtful_supercell() -> None:
    traj = sheared(temperature=None)
    with pytest.raises(Refusal, match="needs the temperature"):
        vh.spectra.at_q(traj, [(0, 1, 0)], CELLS)
    assert vh.spectra.at_q(traj, [(0, 1.5, 4)], CELLS, temperature=50.0).attrs["temperature"] == 50.0
    with pytest.raises(Refusal, match="no trajectory"):
        vh.spectra.at_q([], [(0, 1, 0)], CELLS)
    with pytest.raises(Refusal, match="weights"):
        vh.spectra.at_q(sheared(), [(0, 1, 0)], CELLS, weights="xray")  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="how many unit cells"):
        vh.spectra.at_q(sheared(), [(0, 1, 0)], (2, 10))
    with pytest.warns(VanhoveWarning, match="whole number of atoms"):
        vh.spectra.at_q(brownian(1), [(1, 0, 0)], (3, 1, 1))
