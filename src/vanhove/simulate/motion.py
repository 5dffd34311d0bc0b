r"""Newton's equations with a thermostat, for forces that a function gives.

Velocity Verlet; for constant temperature with a chain of three Nosé-Hoover thermostats [1]_, whose masses are
:math:`Q_1 = N_f k_B T \tau^2`, :math:`Q_{2,3} = k_B T \tau^2`, or with Langevin's friction and noise, split so that the
positions are sampled to second order [2]_. The centre of mass stays at rest, unless some atoms are fixed.

.. [1] G. J. Martyna, M. E. Tuckerman, D. J. Tobias, M. L. Klein, Mol. Phys. 87, 1117 (1996).
.. [2] B. Leimkuhler, C. Matthews, Appl. Math. Res. Express 2013, 34 (2013).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import K_B_EV, U_A2_PER_PS2_IN_MEV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Forces = Callable[[Floats], tuple[float, Floats]]  # positions (Å) → energy (eV), forces (eV/Å)

CHAIN = 3
PER_EV = 1000 / U_A2_PER_PS2_IN_MEV  # u·Å²/ps² in one eV


class Motion:
    """Atoms on their way; Å, ps, u, eV, K."""

    def __init__(
        self, positions: Floats, velocities: Floats, masses: Floats, forces: Forces, timestep: float,
        *, fixed: NDArray[np.bool_] | None = None, bath: Floats | None = None, taken: float = 0.0,
    ) -> None:  # fmt: skip
        self._free = np.ones((len(positions), 1)) if fixed is None else 1.0 - fixed[:, None]
        self.positions, self.velocities = positions.copy(), velocities * self._free
        self.bath = np.zeros(CHAIN) if bath is None else bath.copy()  # 1/ps, the speeds of the chain
        self.taken = taken  # eV that the thermostat has taken out
        self._masses, self._forces, self._dt = masses[:, None], forces, timestep
        moving = int(self._free.sum())
        self._drifts = moving < len(positions)
        self.degrees = 3 * moving if self._drifts else max(3 * moving - 3, 1)
        self._pull_anew()

    @property
    def kinetic(self) -> float:
        """The kinetic energy (eV)."""
        return float((self._masses * self.velocities**2).sum()) / (2 * PER_EV)

    @property
    def temperature(self) -> float:
        """In K, of all degrees of freedom but those of the centre of mass."""
        return 2 * self.kinetic / (self.degrees * K_B_EV)

    @property
    def conserved(self) -> float:
        """What would be constant with an infinitely short step (eV): all energy, with what the thermostat took out."""
        return self.energy + self.kinetic + self.taken

    def draw(self, temperature: float, rng: np.random.Generator) -> None:
        """Velocities of exactly this temperature, from a Maxwell distribution."""
        self.velocities = self._noise(temperature, rng)
        self.velocities *= np.sqrt(temperature / self.temperature)

    def step(self) -> None:
        """One step at constant energy."""
        self._kick()
        self.positions += self._dt * self.velocities
        self._kick_anew()

    def step_chain(self, temperature: float, damping: float) -> None:
        """One step under a Nosé-Hoover chain with the damping time ``damping``."""
        self._chain(temperature, damping)
        self.step()
        self._chain(temperature, damping)

    def step_langevin(self, temperature: float, damping: float, rng: np.random.Generator) -> None:
        """One step under friction and noise with the damping time ``damping``."""
        self._kick()
        self.positions += self._dt / 2 * self.velocities
        kept, before = np.exp(-self._dt / damping), self.kinetic
        self.velocities = kept * self.velocities + np.sqrt(1 - kept**2) * self._noise(temperature, rng)
        self.taken += before - self.kinetic
        self.positions += self._dt / 2 * self.velocities
        self._kick_anew()

    def _kick(self) -> None:
        self.velocities += (self._dt / 2 * PER_EV) * self._pull / self._masses

    def _kick_anew(self) -> None:
        self._pull_anew()
        self._kick()

    def _pull_anew(self) -> None:
        self.energy, pull = self._forces(self.positions)
        self._pull = pull * self._free

    def _noise(self, temperature: float, rng: np.random.Generator) -> Floats:
        """Maxwell's velocities under the condition that the centre of mass rests, where that is kept."""
        width = np.sqrt(K_B_EV * temperature * PER_EV / self._masses)
        drawn = width * rng.standard_normal(self.positions.shape) * self._free
        if self._drifts:
            return np.asarray(drawn)
        return np.asarray(drawn - (self._masses * drawn).sum(0) / self._masses.sum())

    def _chain(self, temperature: float, damping: float) -> None:
        """Half a step of the chain: its ends first, then the velocities, then back."""
        heat, quarter = K_B_EV * temperature, self._dt / 4
        mass = heat * damping**2 * np.array([self.degrees, *[1.0] * (CHAIN - 1)])
        speeds, twice = self.bath, 2 * self.kinetic

        def turn(link: int) -> None:
            push = twice - self.degrees * heat if link == 0 else mass[link - 1] * speeds[link - 1] ** 2 - heat
            drag = np.exp(-speeds[link + 1] * quarter / 2) if link + 1 < CHAIN else 1.0
            speeds[link] = (speeds[link] * drag + quarter * push / mass[link]) * drag

        for link in reversed(range(CHAIN)):
            turn(link)
        scale = np.exp(-speeds[0] * self._dt / 2)
        self.velocities *= scale
        self.taken += twice * (1 - scale**2) / 2
        twice *= scale**2
        for link in range(CHAIN):
            turn(link)
