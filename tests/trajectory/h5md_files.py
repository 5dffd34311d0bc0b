"""H5MD files as other programs write them, made by hand of trajectories whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from written import ORTHOGONAL, Truth, walk

FRAMES = 8
BREATHING = np.linspace(1, 1.06, FRAMES)[:, None, None]


def still(cells: np.ndarray = ORTHOGONAL * BREATHING, step: float = 0.5, seed: int = 7) -> Truth:
    """A walk whose cell has its corner at zero, as H5MD has it."""
    truth = walk(cells, frames=FRAMES, step=step, seed=seed)
    return replace(truth, unwrapped=truth.unwrapped - truth.origins[:, None], origins=truth.origins * 0)


class File:
    """An H5MD file on its way: elements of one group, with a clock each or one for all."""

    def __init__(self, path: Path, group: str, boundary: Any = (b"periodic",) * 3) -> None:
        self.file = h5py.File(path, "w")
        self.file.create_group("h5md").attrs["version"] = [1, 1]
        self.group = self.file.create_group(f"particles/{group}")
        box = self.group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = boundary

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def moving(
        self, name: str, values: Any, unit: str | None = None, *, steps: Any = None, times: Any = None,
        like: str | None = None, time_unit: str | None = None, **layout: Any,
    ) -> None:  # fmt: skip
        node = self.group.create_group(name)
        node.create_dataset("value", data=values, **layout)
        if unit:
            node["value"].attrs["unit"] = unit
        if like:
            node["step"] = self.group[f"{like}/step"]
            if "time" in self.group[like]:
                node["time"] = self.group[f"{like}/time"]
            return
        node["step"] = steps
        if times is not None:
            node["time"] = times
            if time_unit:
                node["time"].attrs["unit"] = time_unit

    def fixed(self, name: str, values: Any, unit: str | None = None, **layout: Any) -> None:
        self.group.create_dataset(name, data=values, **layout)
        if unit:
            self.group[name].attrs["unit"] = unit


def lengths(truth: Truth) -> np.ndarray:
    return truth.cells.diagonal(axis1=1, axis2=2)
