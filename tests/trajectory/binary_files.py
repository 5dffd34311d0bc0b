"""DCD, XTC, netCDF and LAMMPS data files written by hand, byte by byte, as their formats are described."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from written import Floats, Truth

NAMES_OF_TYPES = {1: "Na", 2: "Si", 3: "S"}
MASSES = {1: 22.98977, 2: 28.0855, 3: 32.06}


# cells


def lengths_and_cosines(cells: Floats) -> tuple[Floats, Floats]:
    """a, b, c and the cosines of α, β, γ, each (frame, 3)."""
    lengths = np.linalg.norm(cells, axis=2)
    metric = cells @ cells.transpose(0, 2, 1) / (lengths[:, :, None] * lengths[:, None])
    return lengths, np.stack([metric[:, 1, 2], metric[:, 0, 2], metric[:, 0, 1]], axis=1)


def six_numbers(cells: Floats, how: str = "cosines") -> Floats:
    """The cell of every frame as a DCD has it: a, γ, b, β, α, c, or the lower triangle of a symmetric matrix."""
    if how == "symmetric":
        return cells[:, [0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2]]
    (a, b, c), angles = (table.T for table in lengths_and_cosines(cells))
    alpha, beta, gamma = angles if how == "cosines" else np.degrees(np.arccos(angles))
    if how == "old":
        return np.stack([a, b, c, alpha, beta, gamma], axis=1)
    return np.stack([a, gamma, b, beta, alpha, c], axis=1)


def symmetric(cells: Floats) -> Floats:
    """The same cells, turned so that their matrices are symmetric, as CHARMM turns them."""
    values, vectors = np.linalg.eigh(cells @ cells.transpose(0, 2, 1))
    return vectors @ (np.sqrt(values)[:, :, None] * vectors.transpose(0, 2, 1))


# DCD


@dataclass
class Dcd:
    """A DCD of these positions (frame, atom, axis); ``cell`` (frame, 6) as it stands in the file."""

    positions: Floats
    cell: Floats | None
    order: str = "<"
    marker: int = 4
    version: int = 24
    start: int = 0
    every: int = 100
    last: int | None = None
    declared: int | None = None
    free: Sequence[int] | None = None  # atoms that are not fixed, from 0
    fourth: bool = False
    kind: bytes = b"CORD"
    title: bytes = b"Written by a test"

    def record(self, data: bytes) -> bytes:
        mark = len(data).to_bytes(self.marker, "little" if self.order == "<" else "big")
        return mark + data + mark

    def header(self) -> bytes:
        frames, atoms = self.positions.shape[:2]
        last = self.start + (frames - 1) * self.every if self.last is None else self.last
        fixed = 0 if self.free is None else atoms - len(self.free)
        flags = [int(self.cell is not None), int(self.fourth)]
        counters = [frames if self.declared is None else self.declared, self.start, self.every, last, 0, 0, 0, 0, fixed]
        head = struct.pack(f"{self.order}9if2i7ii", *counters, 0.04888, *flags, *[0] * 7, self.version)
        title = struct.pack(f"{self.order}i", 2) + self.title.ljust(80) + b"REMARKS".ljust(80)
        parts = [self.kind + head, title, struct.pack(f"{self.order}i", atoms)]
        if self.free is not None:
            parts.append((np.array(self.free) + 1).astype(f"{self.order}i4").tobytes())
        return b"".join(map(self.record, parts))

    def frame(self, number: int) -> bytes:
        table = self.positions[number]
        if self.free is not None and number > 0:
            table = table[list(self.free)]
        records = [] if self.cell is None else [self.cell[number].astype(f"{self.order}f8").tobytes()]
        records += [column.astype(f"{self.order}f4").tobytes() for column in table.T]
        if self.fourth:
            records.append(np.full(len(table), 7.0, f"{self.order}f4").tobytes())
        return b"".join(map(self.record, records))

    def bytes(self) -> bytes:
        return self.header() + b"".join(self.frame(number) for number in range(len(self.positions)))


# XTC


class Bits:
    """Bits one behind the other, the highest first."""

    def __init__(self) -> None:
        self._number, self._count = 0, 0

    def put(self, value: int, count: int) -> None:
        assert 0 <= value < 1 << count
        self._number, self._count = self._number << count | value, self._count + count

    def digits(self, values: Sequence[int], bases: Sequence[int], count: int) -> None:
        """Three digits as one number of ``count`` bits, its lowest eight first."""
        number = (values[0] * bases[1] + values[1]) * bases[2] + values[2]
        for _ in range(count // 8):
            self.put(number & 255, 8)
            number >>= 8
        if count % 8:
            self.put(number, count % 8)

    def bytes(self) -> bytes:
        return (self._number << -self._count % 8).to_bytes((self._count + 7) // 8, "big")


def base(index: int) -> int:
    """2^(index/3), rounded down; three are not, in all that write XTC."""
    exact = next(n for n in range(int(2 ** (index / 3)) + 2, 0, -1) if n**3 <= 2**index)
    return {37: 5060, 57: 524287, 69: 8388607}.get(index, exact)


def xtc_frame(
    positions: Floats, cell: Floats, step: int, time: float, *, precision: float = 1000, wide: bool = False,
    seed: int = 0, index: int = 24, runs: bool = True,
) -> bytes:  # fmt: skip
    """One frame of an XTC, from Å and ps; how atoms are grouped is drawn at random."""
    atoms = len(positions)
    head = struct.pack(">3if", 2023 if wide else 1995, atoms, step, time)
    head += (cell / 10).astype(">f4").tobytes() + struct.pack(">i", atoms)
    if atoms <= 9:
        return head + (positions / 10).astype(">f4").tobytes()
    whole = np.round(positions / 10 * precision).astype(int).tolist()
    least, most = np.min(whole, axis=0), np.max(whole, axis=0)
    sizes = (most - least + 1).tolist()
    packed = Bits()
    together = max(sizes) <= 0xFFFFFF
    bits = [size.bit_length() for size in sizes]
    total = (sizes[0] * sizes[1] * sizes[2]).bit_length()
    rng, first, run, at = np.random.default_rng(seed), index, 0, 0
    while at < atoms:
        half, length = base(index) // 2, 0
        order = [at + 1, at, *range(at + 2, atoms)] if at + 1 < atoms else [at]
        for before, after in pairwise(order[: 1 + int(rng.integers(0, 9)) * runs]):
            if any(not -half <= b - a < base(index) - half for a, b in zip(whole[before], whole[after], strict=True)):
                break
            length += 1
        group = order[: length + 1] if length else [at]
        digits = [number - low for number, low in zip(whole[group[0]], least.tolist(), strict=True)]
        if together:
            packed.digits(digits, sizes, total)
        else:
            for digit, count in zip(digits, bits, strict=True):
                packed.put(digit, count)
        step_by = int(rng.integers(max(-1, 9 - index), 2)) if runs and index < 60 else 0
        packed.put(int(length != run or step_by != 0), 1)
        if length != run or step_by != 0:
            packed.put(3 * length + step_by + 1, 5)
        for before, after in pairwise(group):
            moved = [b - a + half for a, b in zip(whole[before], whole[after], strict=True)]
            packed.digits(moved, [base(index)] * 3, index)
        run, at, index = length, at + len(group), index + step_by
    data = packed.bytes()
    ranges = struct.pack(">f6ii", precision, *least.tolist(), *most.tolist(), first)
    return head + ranges + struct.pack(">q" if wide else ">i", len(data)) + data + b"\0" * (-len(data) % 4)


def xtc_bytes(positions: Floats, cells: Floats, times: Sequence[float], steps: Sequence[int], **how: Any) -> bytes:
    """An XTC of these frames."""
    frames = enumerate(zip(positions, cells, steps, times, strict=True))
    return b"".join(xtc_frame(x, h, s, t, seed=k, **how) for k, (x, h, s, t) in frames)


# classic netCDF

KINDS = {"i1": 1, "S1": 2, "i2": 3, "i4": 4, "f4": 5, "f8": 6, "i8": 10}


@dataclass
class Classic:
    """A classic netCDF file; variables with ``frame`` first are records. ``version`` is 1, 2 or 5."""

    version: int = 2
    sizes: dict[str, int] = field(default_factory=dict)  # of the dimensions beside frame
    variables: dict[str, tuple[tuple[str, ...], Any, dict[str, Any]]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    records: int | None = None  # what the header says of their number

    def count(self, number: int) -> bytes:
        return number.to_bytes(8 if self.version == 5 else 4, "big")

    def text(self, data: bytes) -> bytes:
        return self.count(len(data)) + data + b"\0" * (-len(data) % 4)

    def listed(self, tag: int, items: list[bytes]) -> bytes:
        return struct.pack(">i", tag if items else 0) + self.count(len(items)) + b"".join(items)

    def said(self, attributes: dict[str, Any]) -> bytes:
        items = []
        for name, value in attributes.items():
            array = np.frombuffer(value.encode(), "S1") if isinstance(value, str) else np.atleast_1d(np.asarray(value))
            data = array.astype(array.dtype.newbyteorder(">")).tobytes()
            kind = KINDS[array.dtype.str[1:]]
            items.append(
                self.text(name.encode())
                + struct.pack(">i", kind)
                + self.count(array.size)
                + data
                + b"\0" * (-len(data) % 4)
            )
        return self.listed(12, items)

    def bytes(self) -> bytes:
        arrays = {name: np.asarray(values) for name, (_, values, _) in self.variables.items()}
        recorded = [name for name, (dims, _, _) in self.variables.items() if dims[:1] == ("frame",)]
        frames = len(arrays[recorded[0]]) if recorded else 0
        dims = ["frame", *self.sizes]

        def data(name: str, frame: int | None = None) -> bytes:
            array = arrays[name] if frame is None else arrays[name][frame : frame + 1]
            raw = array.astype(array.dtype.newbyteorder(">")).tobytes()
            return raw + b"\0" * (-len(raw) % 4 if len(recorded) != 1 or frame is None else 0)

        def header(places: dict[str, int]) -> bytes:
            variables = []
            for name, (used, _, attributes) in self.variables.items():
                size = len(data(name, 0 if name in recorded else None)) if frames else 0
                variables.append(
                    self.text(name.encode()) + self.count(len(used)) + b"".join(self.count(dims.index(d)) for d in used)
                    + self.said(attributes) + struct.pack(">i", KINDS[arrays[name].dtype.str[1:]]) + self.count(size)
                    + places.get(name, 0).to_bytes(4 if self.version == 1 else 8, "big")
                )  # fmt: skip
            named = [self.text(d.encode()) + self.count(self.sizes.get(d, 0)) for d in dims]
            return (
                b"CDF" + bytes([self.version]) + self.count(frames if self.records is None else self.records)
                + self.listed(10, named) + self.said(self.attributes) + self.listed(11, variables)
            )  # fmt: skip

        places, at, fixed = {}, len(header({})), b""
        for name in self.variables:
            if name not in recorded:
                places[name] = at
                fixed += data(name)
                at += len(data(name))
        for name in recorded:
            places[name] = at
            at += len(data(name, 0))
        return header(places) + fixed + b"".join(data(name, f) for f in range(frames) for name in recorded)


def as_lammps_dumps(
    truth: Truth, kind: str = "unwrapped_coordinates", *, single: bool = False, version: int = 5, shuffle: bool = True,
    units: str = "metal", old: bool = False, dt: float = 0.002, **more: Any,
) -> Classic:  # fmt: skip
    """What LAMMPS's ``dump netcdf`` writes; its ``old`` versions state the units of cell and time alone."""
    frames, atoms = truth.unwrapped.shape[:2]
    lengths, cosines = lengths_and_cosines(truth.cells)
    length, time = {"metal": ("angstrom", "picosecond"), "real": ("angstrom", "femtosecond")}[units]
    steps = np.arange(frames) * 100.0
    rng = np.random.default_rng(8)
    orders = np.array([rng.permutation(atoms) if shuffle else np.arange(atoms) for _ in range(frames)])
    table = {
        "unwrapped_coordinates": truth.unwrapped, "coordinates": truth.wrapped, "scaled_coordinates": truth.scaled,
    }[kind]  # fmt: skip
    real = "f4" if single else "f8"
    perframe, vector = ("frame", "atom"), ("frame", "atom", "spatial")

    def mixed(values: Any) -> Any:
        values = np.asarray(values)
        values = np.broadcast_to(values, (frames, *values.shape)) if values.shape[:1] != (frames,) else values
        return np.array([part[order] for part, order in zip(values, orders, strict=True)])

    said = {} if old else {"units": length}
    factor = np.float64(dt) if old else np.float32(dt)
    variables: dict[str, Any] = {
        "time": (("frame",), steps, {"units": time, "scale_factor": factor}),
        "cell_origin": (("frame", "cell_spatial"), truth.origins, {"units": length}),
        "cell_lengths": (("frame", "cell_spatial"), lengths, {"units": length}),
        "cell_angles": (("frame", "cell_angular"), np.degrees(np.arccos(cosines)), {"units": "degree"}),
        "spatial": (("spatial",), np.array([b"x", b"y", b"z"]), {}),
        "id": (perframe, mixed(truth.ids).astype("i4"), {}),
        "type": (perframe, mixed(truth.types).astype("i4"), {}),
        kind: (vector, mixed(table).astype(real), said),
        "velocities": (vector, mixed(truth.velocities).astype(real), {} if old else {"units": f"{length}/{time}"}),
    }
    for name, values in more.items():
        variables[name] = (perframe, mixed(values), {})
    return Classic(
        version, {"atom": atoms, "spatial": 3, "cell_spatial": 3, "cell_angular": 3}, variables,
        {"Conventions": "AMBER", "ConventionVersion": "1.0", "program": "LAMMPS"},
    )  # fmt: skip


def as_amber(truth: Truth) -> Classic:
    """What AMBER writes: single precision, velocities in its own unit of time."""
    lengths, cosines = lengths_and_cosines(truth.cells)
    vector = ("frame", "atom", "spatial")
    variables: dict[str, Any] = {
        "spatial": (("spatial",), np.array([b"x", b"y", b"z"]), {}),
        "time": (("frame",), (0.2 * np.arange(len(truth.cells))).astype("f4"), {"units": "picosecond"}),
        "coordinates": (vector, truth.wrapped.astype("f4"), {"units": "angstrom"}),
        "velocities": (
            vector, (truth.velocities / 20.455).astype("f4"), {"units": "angstrom/picosecond", "scale_factor": 20.455}
        ),
        "cell_lengths": (("frame", "cell_spatial"), lengths, {"units": "angstrom"}),
        "cell_angles": (("frame", "cell_angular"), np.degrees(np.arccos(cosines)), {"units": "degree"}),
    }  # fmt: skip
    sizes = {"atom": truth.unwrapped.shape[1], "spatial": 3, "cell_spatial": 3, "cell_angular": 3}
    return Classic(2, sizes, variables, {"Conventions": "AMBER", "ConventionVersion": "1.0", "program": "pmemd"})


# LAMMPS data files


def data_text(
    truth: Truth, style: str = "full", *, hint: bool = True, images: bool = True,
    masses: str = "22.98977 28.0855 32.06", comments: bool = False, labels: Sequence[str] = (),
    charges: Sequence[float] = (1.0, 4.0, -2.0), shuffle: bool = True, end: str = "\n",
) -> str:  # fmt: skip
    """A LAMMPS data file of the first frame."""
    cell, low = truth.cells[0], truth.origins[0]
    lines = ["LAMMPS data file of a test", "", f"{len(truth.ids)} atoms", "3 atom types", ""]
    lines += [f"{low[k]} {low[k] + cell[k, k]} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += [f"{cell[1, 0]} {cell[2, 0]} {cell[2, 1]} xy xz yz", ""]
    if labels:
        lines += ["Atom Type Labels", "", *(f"{k + 1} {label}" for k, label in enumerate(labels)), ""]
    if masses:
        called = [labels[k] if labels else str(k + 1) for k in range(3)]
        what = [f"  # {NAMES_OF_TYPES[k + 1]}" if comments else "" for k in range(3)]
        lines += ["Masses", "", *(f"{t} {m}{c}" for t, m, c in zip(called, masses.split(), what, strict=True)), ""]
    lines += [f"Atoms # {style}" if hint else "Atoms", ""]
    order = np.random.default_rng(4).permutation(len(truth.ids)) if shuffle else np.arange(len(truth.ids))
    for k in order.tolist():
        kind = int(truth.types[k])
        columns = {
            "id": str(truth.ids[k]), "mol": str(5 + k), "type": labels[kind - 1] if labels else str(kind),
            "q": f"{charges[kind - 1]:.6f}", "x": " ".join(f"{x:.8f}" for x in truth.wrapped[0, k]),
        }  # fmt: skip
        names = {
            "atomic": "id type x", "charge": "id type q x", "molecular": "id mol type x", "bond": "id mol type x",
            "angle": "id mol type x", "full": "id mol type q x",
        }[style]  # fmt: skip
        flags = " " + " ".join(f"{n:.0f}" for n in truth.images[0, k]) if images else ""
        lines.append(" ".join(columns[name] for name in names.split()) + flags)
    return "\n".join(lines) + end
