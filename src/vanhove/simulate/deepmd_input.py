"""What ``dp train`` is told: its input as JSON, and the table of the repulsion of bare nuclei."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.units import COULOMB_EV_A

from .deepmd_settings import Wall

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .deepmd_settings import Phase, Settings

    Floats = NDArray[np.float64]

CHECKPOINT, CURVE, WALL = "model.ckpt", "lcurve.out", "wall.txt"
KEPT = 2  # checkpoints: the last, and the one before in case the last is torn
HELD_OUT_BATCHES = 4  # a report; a few frames say enough to follow, and cost little
SPARE = 1.1  # neighbours beyond the most that the data have
BY_FOUR = 4  # DeePMD's lists are multiples of it
WALL_STEP = 0.01  # Å
PAIR, PAIR_CELL = "pair", 50.0  # Å
SOFTMIN = 0.1  # Å, over which the nearest neighbour's distance is smoothed: DeePMD's example
# Ziegler, Biersack, Littmark (1985): the screening of a nucleus by all its electrons
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
SCREENING_LENGTH, SCREENING_POWER = 0.46850, 0.23  # Å


def training_input(
    settings: Settings,
    phase: Phase,
    species: Sequence[str],
    neighbours: Mapping[str, int],
    systems: tuple[Sequence[str], Sequence[str]],
    shares: Sequence[float],
    seeds: tuple[int, int, int],
) -> dict[str, Any]:
    """The input of one phase; paths are as the process sees them that trains.

    ``neighbours``: of each species the most that any atom has; ``systems``: folders to train on and held out;
    ``shares``: how often each of the first is drawn; ``seeds``: of the descriptor's network, the fitting network and
    the order of the frames.
    """
    net = settings.network
    precision = {"precision": net.precision}
    model: dict[str, Any] = {
        "type_map": list(species),
        "descriptor": {
            "type": "se_e2_a", "rcut": net.cutoff, "rcut_smth": net.smooth_from,
            "sel": [listed(neighbours[one]) for one in species], "neuron": list(net.embedding),
            "axis_neuron": net.axis, "type_one_side": net.one_sided, "resnet_dt": False, "seed": seeds[0], **precision,
        },
        "fitting_net": {"neuron": list(net.fitting), "resnet_dt": True, "seed": seeds[1], **precision},
    }  # fmt: skip
    if isinstance(phase.wall, Wall):
        model |= {
            "use_srtab": WALL, "smin_alpha": SOFTMIN, "sw_rmin": phase.wall.inner, "sw_rmax": phase.wall.outer,
        }  # fmt: skip
    train, held_out = systems
    training: dict[str, Any] = {
        "training_data": {"systems": list(train), "batch_size": settings.frames, "sys_probs": list(shares)},
        "numb_steps": phase.steps, "seed": seeds[2], "disp_file": CURVE, "disp_freq": settings.report_every,
        "save_freq": settings.checkpoint_every, "save_ckpt": CHECKPOINT, "max_ckpt_keep": KEPT,
    }  # fmt: skip
    if held_out:
        training["validation_data"] = {"systems": list(held_out), "batch_size": 1, "numb_btch": HELD_OUT_BATCHES}
    loss: dict[str, Any] = {"type": "ener"}
    for letter, (first, last) in (("e", phase.energy), ("f", phase.force), ("v", phase.virial)):
        loss |= {f"start_pref_{letter}": first, f"limit_pref_{letter}": last}
    rate = {"type": "exp", "start_lr": phase.rate[0], "stop_lr": phase.rate[1], "decay_steps": phase.decay_every}
    return {"model": model, "learning_rate": rate, "loss": loss, "training": training}


def listed(most: int) -> int:
    """The length of a neighbour list where an atom of the data has ``most`` neighbours of a species."""
    return max(BY_FOUR, -(-round(most * SPARE) // BY_FOUR) * BY_FOUR)


def wall_table(species: Sequence[str], cutoff: float) -> str:
    """DeePMD's table of pair energies: r (Å), then a column (eV) for each pair of species, in their order."""
    r = np.arange(1, round(cutoff / WALL_STEP) + 1, dtype=np.float64) * WALL_STEP
    columns = [r, *(faded(zbl(one, other, r), r, cutoff) for one, other in combinations_with_replacement(species, 2))]
    return "\n".join(" ".join(f"{value:.10e}" for value in row) for row in np.column_stack(columns)) + "\n"


def zbl(one: str, other: str, r: Floats) -> Floats:
    r"""The repulsion (eV) of two bare nuclei at ``r`` (Å), screened by their electrons.

    .. math:: V(r) = \frac{Z_1 Z_2 e^2}{4\pi\epsilon_0 r}\,\phi(r/a), \quad a = \frac{0.4685}{Z_1^{0.23} + Z_2^{0.23}}
    """
    charges = [_number(one), _number(other)]
    reduced = r * sum(charge**SCREENING_POWER for charge in charges) / SCREENING_LENGTH
    screened = np.sum([share * np.exp(-decay * reduced) for share, decay in SCREENING], axis=0)
    return np.asarray(COULOMB_EV_A * charges[0] * charges[1] / r * screened)


def faded(energy: Floats, r: Floats, cutoff: float) -> Floats:
    """Brought to nothing, with its slope, over the outer half of the cutoff, where hardly any is left."""
    x = np.clip(2 * r / cutoff - 1, 0, 1)
    return np.asarray(energy * (1 - x**3 * (10 - 15 * x + 6 * x**2)))


def write_pair(folder: Path, species: Sequence[str], distance: float) -> str:
    """Write DeePMD's data of two atoms at a distance (Å); the name of their folder."""
    system = folder / PAIR
    (system / "set.000").mkdir(parents=True)
    (system / "type_map.raw").write_text("\n".join(species) + "\n", encoding="utf-8")
    (system / "type.raw").write_text("0\n0\n", encoding="utf-8")
    coord = np.zeros((1, 6))
    coord[0, 3] = distance
    arrays = {
        "coord": coord,
        "box": PAIR_CELL * np.eye(3).reshape(1, 9),
        "energy": np.zeros(1),
        "force": np.zeros((1, 6)),
    }
    for name, array in arrays.items():
        np.save(system / "set.000" / f"{name}.npy", array)
    return PAIR


def _number(species: str) -> int:
    from ase.data import atomic_numbers

    return int(atomic_numbers[element_of(species)])
