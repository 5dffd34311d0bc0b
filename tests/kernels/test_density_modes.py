"""Fourier sums of densities and currents, and the power of their transforms, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from vanhove.kernels.cross_power import add_cross_power
from vanhove.kernels.density_modes import TILE, phases
from vanhove.spectra.density_modes import Rows


def test_phases_are_those_of_the_library() -> None:
    rng = np.random.default_rng(1)
    s = np.concatenate([rng.random(500), [0.0, 0.25, 0.5, 0.75, 1 - 1e-16]])
    cosines, sines = np.empty_like(s), np.empty_like(s)
    for h in (-37.0, -1.0, 0.0, 1.0, 2.0, 80.0):
        phases(h, s, cosines, sines)
        np.testing.assert_allclose(cosines, np.cos(2 * np.pi * h * s), atol=2e-15 * (abs(h) + 4))
        np.testing.assert_allclose(sines, np.sin(2 * np.pi * h * s), atol=2e-15 * (abs(h) + 4))


@pytest.mark.parametrize("atoms", [1, 31, TILE + 5])
def test_sums_of_any_list_of_vectors(atoms: int) -> None:
    """Rows of one and of many vectors, both signs of l, a vector twice and its opposite."""
    from vanhove.kernels.density_modes import modes_of

    rng = np.random.default_rng(2)
    hkl = np.concatenate([rng.integers(-4, 5, (40, 3)), [[1, 2, 3], [-1, -2, -3], [1, 2, -3], [0, 0, 5], [0, 3, 0]]])
    hkl = hkl[hkl.any(axis=1)]
    cell = np.array([[6.0, 0, 0], [1.0, 7.0, 0], [-2.0, 0.5, 8.0]])
    positions = rng.normal(0, 20, (2, 2 * atoms, 3))
    velocities = rng.normal(0, 1, (2, 2 * atoms, 3))
    order = rng.permutation(2 * atoms)
    rows = Rows.of(hkl)
    inverses = np.stack([np.linalg.inv(cell), np.linalg.inv(1.01 * cell)])
    origins = rng.random((2, 3))
    axes = list(rows.axes)
    turned = (np.ascontiguousarray(inverses[:, :, axes]), np.ascontiguousarray(origins[:, axes]))
    table = (order, np.array([0, atoms, 2 * atoms]), *rows.values, rows.rows, rows.firsts, rows.entries)
    rho = modes_of(positions, np.empty((2, 0, 3)), *turned, *table)[..., rows.place]
    j = modes_of(positions, velocities, *turned, *table)[..., rows.place]
    for f in range(2):
        for a in range(2):
            mine = order[a * atoms : (a + 1) * atoms]
            waves = np.exp(2j * np.pi * (positions[f, mine] @ inverses[f] - origins[f]) @ hkl.T)
            expected = waves.sum(axis=0)
            current = np.einsum("ai,aq->iq", velocities[f, mine], waves)
            # the sum of a vector may be that of its opposite, which is its conjugate
            same = np.abs(rho[f, 0, a] - expected) < 1e-10 * atoms
            np.testing.assert_allclose(np.where(same, rho[f, 0, a], rho[f, 0, a].conj()), expected, atol=1e-10 * atoms)
            np.testing.assert_allclose(np.where(same, j[f, :, a], j[f, :, a].conj()), current, atol=1e-10 * atoms)


def test_power_of_mixed_amplitudes() -> None:
    rng = np.random.default_rng(3)
    records = rng.normal(size=(3, 2, 4, 50)) + 1j * rng.normal(size=(3, 2, 4, 50)) + 2.0
    transforms = np.fft.fft(records, 64, axis=-1)
    slowest = np.fft.fft(records, axis=-1)[..., [0, 1, 2, -1, -2]] / 50
    factors = np.array([[1.0, 0.0], [0.5, -2.0]])
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    pairs, point = np.array([[0, 1]]), np.array([0, 0, 1, 1])
    power, spread, still = np.zeros((2, 2, 1, 64)), np.zeros((2, 2, 1, 64)), np.zeros((2, 2, 1, 3))
    add_cross_power(transforms, slowest, factors, point, weights, pairs, power, spread, still)
    mixed = np.einsum("as,isqw->iaqw", factors, transforms)
    product = (mixed[:, 0] * mixed[:, 1].conj()).real
    variance = 0.5 * np.abs(mixed[:, 0]) ** 2 * np.abs(mixed[:, 1]) ** 2
    for n in range(2):
        here = point == n
        np.testing.assert_allclose(power[n, :, 0], np.einsum("gi,iqw->gw", weights, product[:, here]))
        np.testing.assert_allclose(spread[n, :, 0], np.einsum("gi,iqw->gw", weights**2, variance[:, here]))
    means = np.abs(np.einsum("as,isq->iaq", factors, records.mean(axis=-1))) ** 2
    expected = np.einsum("gi,iq->gq", 0.5 * weights**2, means[:, 0] * means[:, 1])
    np.testing.assert_allclose(still[1, :, 0, 0], expected[:, 2:].sum(axis=1))
