"""The seeded trajectories that everybody works on: an ion conductor whose answers are known.

Sulphur on an fcc lattice, phosphorus in the middle of its cubes, and lithium that hops between the sites of a simple
cubic network, never two on one. Every atom vibrates about its site as a damped oscillator at 600 K, carried forward
exactly from frame to frame, whatever the time between frames. There is no force between atoms: density, distances,
displacements and spectra are those of a real conductor, and that is all that a benchmark needs.

Sizes: S 1000 atoms × 2000 frames (375 mobile), M 3000 × 5000 (1285), L 10 000 × 5000 (3345, float32), and T, tiny, for
trying the harness. Only numpy is needed here, for peers read this file in environments of their own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DATA = Path(__file__).parent / "data"
LATTICE = 5.5  # Å, edge of one cube
SPACING = 0.02  # ps between frames
TEMPERATURE = 600.0  # K
STAY = 4.0  # ps between two attempts of an ion to hop
BOLTZMANN = 0.8314462618  # u Å²/ps² per K
SEED = 20261120
RECIPE = 1  # a trajectory of another recipe is made anew


@dataclass(frozen=True)
class Size:
    cubes: int  # along an edge of the cell
    mobile: int
    frames: int
    dtype: str = "f8"

    @property
    def atoms(self) -> int:
        return 5 * self.cubes**3 + self.mobile


@dataclass(frozen=True)
class Oscillator:
    """How a species vibrates: THz, damping rate 1/ps, mass u."""

    frequency: float
    damping: float
    mass: float

    @property
    def spreads(self) -> tuple[float, float]:
        """Standard deviations in equilibrium of a coordinate (Å) and of a velocity (Å/ps)."""
        velocity = (BOLTZMANN * TEMPERATURE / self.mass) ** 0.5
        return velocity / (2 * np.pi * self.frequency), velocity

    def step(self) -> tuple[Floats, Floats]:
        """The matrix that carries (x, v) to the next frame, and the root of the noise that joins it."""
        omega, half = 2 * np.pi * self.frequency, self.damping / 2
        beat = np.sqrt(omega**2 - half**2)
        decay, cosine, sine = np.exp(-half * SPACING), np.cos(beat * SPACING), np.sin(beat * SPACING) / beat
        carry = decay * np.array([[cosine + half * sine, sine], [-(omega**2) * sine, cosine - half * sine]])
        stationary = np.diag(np.square(self.spreads))
        return carry, np.linalg.cholesky(stationary - carry @ stationary @ carry.T)


SIZES = {
    "T": Size(3, 65, 300),
    "S": Size(5, 375, 2000),
    "M": Size(7, 1285, 5000),
    "L": Size(11, 3345, 5000, "f4"),
}
SPECIES = {"S": Oscillator(5.0, 3.0, 32.06), "P": Oscillator(12.0, 3.0, 30.974), "Li": Oscillator(8.0, 8.0, 6.94)}
PAIRS = [("Li", "Li"), ("Li", "P"), ("Li", "S"), ("P", "P"), ("P", "S"), ("S", "S")]
SMEAR = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9  # a hop takes five frames


class System:
    """A trajectory on disk; what is asked for is read into memory once."""

    def __init__(self, folder: Path, frames: int | None = None) -> None:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.folder, self.length, self._wanted = folder, float(about["length"]), frames
        self.species: NDArray[np.str_] = np.array(about["species"])
        self.times = SPACING * np.arange(frames or about["frames"])

    def first(self, frames: int) -> System:
        """The run's beginning."""
        return System(self.folder, min(frames, len(self.times)))

    def _read(self, name: str) -> NDArray[Any]:
        return np.array(np.load(self.folder / f"{name}.npy", mmap_mode="r")[: self._wanted])

    @cached_property
    def positions(self) -> NDArray[Any]:
        """(frame, atom, axis) Å, unwrapped."""
        return self._read("positions")

    @cached_property
    def velocities(self) -> NDArray[Any]:
        """(frame, atom, axis) Å/ps."""
        return self._read("velocities")

    def some(self, frames: int) -> Floats:
        """So many frames, evenly spaced over the run, as float64."""
        chosen = np.linspace(0, len(self.times) - 1, min(frames, len(self.times))).round().astype(int)
        return np.array(np.load(self.folder / "positions.npy", mmap_mode="r")[chosen], np.float64)

    def wrapped(self, positions: Floats) -> Floats:
        """The same in the cell, each ≥ 0 and < its length."""
        inside = positions % self.length
        inside[inside >= self.length] = 0.0
        return inside

    def of(self, label: str) -> NDArray[np.int64]:
        """Where the atoms of a species stand."""
        return np.flatnonzero(self.species == label)


def sites(cubes: int) -> tuple[Floats, NDArray[np.str_]]:
    """The framework at rest: all of S, then all of P."""
    corner = np.indices((cubes, cubes, cubes)).reshape(3, -1).T.astype(float)
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sulphur = (corner[:, None] + fcc).reshape(-1, 3) * LATTICE
    return np.concatenate([sulphur, (corner + 0.5) * LATTICE]), np.array(["S"] * len(sulphur) + ["P"] * len(corner))


def hops(size: Size, rng: np.random.Generator) -> NDArray[np.int16]:
    """(frame, ion, axis): the site of every ion, counted in half cubes on through the cell's walls."""
    edge = 2 * size.cubes
    place = np.array(np.unravel_index(rng.choice(edge**3, size.mobile, replace=False), (edge,) * 3)).T
    taken = np.zeros((edge,) * 3, bool)
    taken[tuple(place.T)] = True
    ways = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    path = np.empty((size.frames, size.mobile, 3), np.int16)
    for frame in path:
        for ion in np.flatnonzero(rng.random(size.mobile) < SPACING / STAY):
            new = place[ion] + ways[rng.integers(6)]
            if not taken[tuple(new % edge)]:
                taken[tuple(place[ion] % edge)] = False
                taken[tuple(new % edge)] = True
                place[ion] = new
        frame[:] = place
    return path


def moment(cubes: int, mobile: int) -> tuple[Floats, NDArray[np.str_], float]:
    """One frame of another size, (1, atom, axis), with the species and the cell's length: for what needs no run."""
    rng = np.random.default_rng(SEED)
    rest, labels = sites(cubes)
    ions = (hops(Size(cubes, mobile, 1), rng)[0] * 0.5 + 0.25) * LATTICE
    places = np.concatenate([rest, ions])
    places += 0.15 * rng.standard_normal(places.shape)
    return places[None], np.append(labels, ["Li"] * mobile), cubes * LATTICE


def write(folder: Path, size: Size, seed: int = SEED) -> None:
    """Make a trajectory, frame by frame; ``about.json`` is written last, so that half a trajectory is none."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rest, labels = sites(size.cubes)
    species = np.concatenate([labels, np.full(size.mobile, "Li")])
    path = hops(size, rng)
    shape = (size.frames, size.atoms, 3)
    files = [
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.dtype(size.dtype), shape)
        for name in ("positions", "velocities")
    ]
    kinds = [(species == label, *oscillator.spreads, *oscillator.step()) for label, oscillator in SPECIES.items()]
    state = np.empty((2, size.atoms, 3))
    for which, far, fast, _, _ in kinds:
        state[:, which] = np.array([far, fast])[:, None, None] * rng.standard_normal((2, which.sum(), 3))
    padded = np.concatenate([path[:1].repeat(3, axis=0), path, path[-1:].repeat(3, axis=0)])
    for frame in range(size.frames):
        around = (padded[frame : frame + 7] * 0.5 + 0.25) * LATTICE
        smooth = [np.tensordot(SMEAR, around[first : first + 5], 1) for first in (0, 1, 2)]
        files[0][frame] = np.concatenate([rest, smooth[1]]) + state[0]
        files[1][frame] = state[1]
        files[1][frame, len(rest) :] += (smooth[2] - smooth[0]) / (2 * SPACING)
        for which, _, _, carry, root in kinds:
            noise = rng.standard_normal((2, which.sum(), 3))
            state[:, which] = np.tensordot(carry, state[:, which], 1) + np.tensordot(root, noise, 1)
    for file in files:
        file.flush()
    about = {"recipe": RECIPE, "seed": seed, "length": size.cubes * LATTICE, "species": species.tolist()}
    (folder / "about.json").write_text(json.dumps({**about, **asdict(size)}) + "\n", encoding="utf-8")


def ready(name: str, data: Path = DATA) -> Path:
    """The folder of a size, made now unless it is there."""
    folder, size = data / name, SIZES[name]
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        about = {}
    if {key: about.get(key) for key in asdict(size)} != asdict(size) or about.get("recipe") != RECIPE:
        (folder / "about.json").unlink(missing_ok=True)
        write(folder, size)
    return folder
