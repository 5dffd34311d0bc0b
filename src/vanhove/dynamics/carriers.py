"""What carries the current: the charged species of a trajectory, and the factors that make conductivities of motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.units import CM2_S_PER_A2_PS, K_B_EV, SIGMA_MS_CM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEUTRAL = 1e-3  # of the sum of all charges' sizes


@dataclass(frozen=True)
class Carriers:
    """The charged species of a view, in order of appearance."""

    species: list[str]
    charge: Floats  # e
    number: Ints
    volume: float  # Å³, mean over the frames
    temperature: float  # K

    @classmethod
    def of(cls, traj: Trajectory, charge_of: Mapping[str, float]) -> Carriers:
        """Those of ``traj``; ``charge_of`` every species of it."""
        if traj.temperature is None:
            raise Refusal(
                "The conductivity needs the temperature, and this trajectory has none",
                "",
                "Give temperature= to vh.open, or traj.at_temperature(600)",
            )
        species = [name for name, charge in charge_of.items() if charge != 0]
        if not species:
            raise Refusal("Every charge is 0", f"charges={dict(charge_of)}", "Give the charge of what moves")
        charge = np.array([charge_of[name] for name in species])
        number = np.array([traj.composition[name] for name in species])
        return cls(species, charge, number, float(traj.volumes.mean()), traj.temperature)

    @property
    def density(self) -> Floats:
        """Number density of each, 1/Å³."""
        density: Floats = self.number / self.volume
        return density

    @property
    def independent(self) -> Floats:
        """mS/cm that a D of 1 cm²/s makes of each species, every ion on its own: n q² e²/k_BT."""
        factor: Floats = SIGMA_MS_CM * self.density * self.charge**2 / (K_B_EV * self.temperature)
        return factor

    @property
    def collective(self) -> float:
        """mS/cm for 1 e²Å²/ps of the spreading of charge, ⟨ΔP²⟩/6t: e²/(V k_BT)."""
        return SIGMA_MS_CM * CM2_S_PER_A2_PS / (self.volume * K_B_EV * self.temperature)

    @property
    def squares(self) -> float:
        """Σ q² over all ions, e²: what the collective MSD is divided by to compare with that of one ion."""
        return float((self.number * self.charge**2).sum())

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places of the two species of every pair, each pair once."""
        n = len(self.species)
        return [(a, b) for a in range(n) for b in range(a, n)]

    @property
    def pair_names(self) -> list[str]:
        """``"Li-Li"``, ``"Li-Cl"`` and so on."""
        return [f"{self.species[a]}-{self.species[b]}" for a, b in self.pairs]


def charges_of(traj: Trajectory, charges: Mapping[str, float] | None) -> dict[str, float]:
    """The charge of every species, in order of appearance."""
    found: dict[str, float] = {}
    if charges is None:
        if traj.charges is None:
            raise Refusal("No charges are given", "", 'Give one a species: charges={"Li": 1, "S": -2}')
        found = {name: float(traj.charges[traj.species == name].mean()) for name in traj.composition}
    else:
        for name in traj.composition:
            charge = charges.get(name, charges.get(element_of(name)))
            if charge is None or not np.isfinite(charge):
                raise Refusal(
                    f"No charge is given for {name}",
                    f"charges={dict(charges)}",
                    f"Give one a species (0 leaves it out), or choose what counts: traj.select({[*charges]!r})",
                )
            found[name] = float(charge)
    total = sum(found[name] * number for name, number in traj.composition.items())
    size = sum(abs(found[name]) * number for name, number in traj.composition.items())
    if traj.n_atoms == traj.whole_system.n_atoms and abs(total) > NEUTRAL * size and all(found.values()):
        warn(f"The charges add up to {total:+.3g} e", f"{traj.composition} with {found}", "Check them")
    return found


def check_framework(traj: Trajectory, carriers: Carriers) -> None:
    """Refuse the frame of the framework where every atom carries charge: nothing is left to be one."""
    if np.isin(traj.whole_system.species, carriers.species).all():
        raise Refusal(
            'reference="framework": there is no framework, every atom is of a charged species',
            f"{', '.join(carriers.species)} all carry current",
            f'Choose the mobile ones, traj.select("{carriers.species[0]}"), or pass reference="cell"',
        )


def summed(traj: Trajectory, carriers: Carriers, what: str, reference: Floats | None) -> Floats:
    """Paths (Å, ``"paths"``) or velocities (Å/ps) of all ions of each species added up, (frame, species, axis).

    Relative to that of the frame of reference, (frame, axis), N times.
    """
    from vanhove.trajectory.blocks import add_blocks, cut_frames

    members = np.stack([traj.species == name for name in carriers.species], axis=1).astype(np.float64)
    sums = np.empty((traj.n_frames, len(carriers.species), 3))

    def work(frames: slice) -> dict[str, NDArray[np.generic]]:
        block = traj.read_paths(frames) if what == "paths" else traj.read("velocities", frames)
        sums[frames] = np.einsum("fai,as->fsi", block, members)
        return {}

    add_blocks(cut_frames(traj, 3 * 24 * traj.n_atoms), work, "charge current")
    if reference is not None:
        sums -= carriers.number[:, None] * reference[:, None]
    return sums
