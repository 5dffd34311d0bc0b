"""The velocity autocorrelation function by species, over all origins, and in parts of the run for its error.

A run is cut into chunks about as long as the longest lag. One short transform a chunk is enough: that of the frames
which a chunk's origins reach into is the sum of the next chunks' transforms, each turned by the phase of its place.

Transforms are of single precision, their products and all sums of double: what rounding adds to the function is below
1e-6 of ⟨v²⟩, at random, and less by the root of the number of atoms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.dynamics.velocities import drift_velocity
from vanhove.trajectory.blocks import add_blocks, cut_atoms
from vanhove.trajectory.blocks import drift as drift_path
from vanhove.trajectory.budget import memory_budget, thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CACHED = 2_000_000  # bytes of rows and transforms that one call of the FFT works on, about
FEWEST_CHUNKS = 8  # where the longest lag is a good part of the run
SHORTEST_CHUNK = 256  # frames: shorter transforms cost more in calls than they save
MOST_PARTS = 16


@dataclass(frozen=True)
class Chunks:
    """How ``frames`` are cut: ``count`` chunks of ``size`` frames, whose origins reach ``following`` chunks further."""

    frames: int
    lags: int
    size: int
    count: int
    following: int

    @property
    def length(self) -> int:
        """Of a transform: the chunk and those that it reaches into."""
        return (self.following + 1) * self.size

    @property
    def part_of(self) -> Ints:
        """The part of the run that each chunk belongs to: at most 16, equal as far as chunks go."""
        parts = self.count // -(-self.count // MOST_PARTS)
        return np.arange(self.count) * parts // self.count

    @property
    def origins(self) -> Ints:
        """Number of origins of each lag, (part, lag)."""
        first = np.searchsorted(self.part_of, np.arange(self.part_of[-1] + 2)) * self.size
        first[-1] = self.frames
        ends = np.minimum(first[1:, None], self.frames - np.arange(self.lags))
        return np.maximum(ends - first[:-1, None], 0)


def chunks_of(frames: int, lags: int) -> Chunks:
    """The chunks for ``lags`` lags, 0 among them."""
    from scipy.fft import next_fast_len

    reach = max(lags - 1, 1)
    size = next_fast_len(max(1, min(max(reach, SHORTEST_CHUNK), frames // FEWEST_CHUNKS)), real=True)
    return Chunks(frames, lags, size, -(-frames // size), -(-reach // size))


@dataclass(frozen=True)
class Correlation:
    """Sums of **v**(t₀)·**v**(t₀ + t) over atoms and origins, by species and part of the run."""

    products: Floats  # (species, part, lag) Å²/ps²
    pairs: Floats  # (species, part, lag) how many

    @property
    def mean(self) -> Floats:
        """⟨**v**(0)·**v**(t)⟩ over all origins, (species, lag)."""
        values: Floats = self.products.sum(axis=1) / self.pairs.sum(axis=1)
        return values

    @property
    def without(self) -> Floats:
        """The same with each part's origins left out, (part, species, lag); with one part there is nothing left."""
        if self.products.shape[1] < 2:
            return np.empty((0, *self.products[:, 0].shape))
        products, pairs = (sums.sum(axis=1, keepdims=True) - sums for sums in (self.products, self.pairs))
        values: Floats = np.divide(products, pairs, out=np.full_like(products, np.nan), where=pairs > 0)
        return values.transpose(1, 0, 2)


def velocity_correlation(
    atoms: Trajectory,
    groups: Ints,
    lags: int,
    source: Literal["velocities", "positions"],
    drift: Literal["cell", "framework"] | None,
) -> Correlation:
    """The autocorrelation at the first ``lags`` lags of all ``atoms``; ``groups`` says to which species each belongs.

    From ``"positions"`` a velocity is the mean one between two frames, the difference of their positions over the
    spacing; there is one less than there are frames.
    """
    from scipy.fft import irfft, rfft

    from vanhove.kernels.correlate import rows_of
    from vanhove.kernels.cross_power import add_chunk_products

    mobile = sorted(set(atoms.species.tolist()))
    moving = drift_velocity(atoms, drift, mobile) if source == "velocities" else drift_path(atoms, drift, mobile)
    spacing, n = atoms.spacing, atoms.n_frames
    chunks = chunks_of(n - (source == "positions"), lags)
    reached, frequencies = chunks.following + 1, chunks.length // 2 + 1
    n_groups, n_parts = int(groups.max()) + 1, int(chunks.part_of[-1]) + 1
    turns = np.outer(np.arange(reached), np.arange(frequencies)) % reached
    phases = np.exp(-2j * np.pi * turns / reached)
    drift_rows = np.zeros((n, 3)) if moving is None else moving
    atom_bytes = 3 * (
        8 * n + chunks.count * (4 * chunks.size + 8 * chunks.length + 8 * frequencies)
    )  # rows, transforms
    tile = int(np.clip(memory_budget() / thread_count() / 4 // atom_bytes, 1, max(1, CACHED // atom_bytes)))

    def work(part: slice) -> Sums:
        paths = source == "positions"
        block = atoms.read_paths(atoms=part, copy=False) if paths else atoms.read("velocities", atoms=part, copy=False)
        mine = groups[part]
        cross = np.zeros((n_groups, n_parts, frequencies), np.complex128)
        for group in np.unique(mine):
            members = np.flatnonzero(mine == group)
            sums = np.zeros((n_parts, reached, frequencies), np.complex128)
            for first in range(0, len(members), tile):
                few = members[first : first + tile]
                rows = np.zeros((3 * len(few), chunks.count * chunks.size), np.float32)
                if paths:
                    whole = np.empty((3 * len(few), n))
                    rows_of(block, few, drift_rows, whole)
                    rows[:, : n - 1] = np.diff(whole) / spacing
                else:
                    rows_of(block, few, drift_rows, rows)
                pieces = rows.reshape(len(rows), chunks.count, chunks.size)
                add_chunk_products(rfft(pieces, chunks.length, axis=2), chunks.part_of, sums)
            cross[group] = np.einsum("pdw,dw->pw", sums, phases)
        return {"cross": cross}

    fields = 3 if source == "positions" and "correction" in atoms.system.source.fields else 2
    results = 16 * n_parts * frequencies * (3 * n_groups + reached)
    blocks = cut_atoms(atoms, 24 * n * fields, fixed=tile * atom_bytes + results)
    cross = add_blocks(blocks, work, "velocity autocorrelation")["cross"]
    products = np.asarray(irfft(cross, chunks.length, axis=-1)[..., :lags], np.float64)
    pairs = np.asarray(np.bincount(groups)[:, None, None] * chunks.origins, np.float64)
    return Correlation(products, pairs)
