"""The folder of :func:`vanhove.simulate.label`: one finished file a frame.

label.json             what computes the labels, and how far it came
frames/NAME.npz        energy, forces, virial of a frame; the name is the frame's fingerprint
failed/NAME.json       why a frame has none, and NAME.out, what the program said
attempt/               where the program works now
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import whole, write_text
from vanhove.base.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECORD, FRAMES, FAILED, ATTEMPT = "label.json", "frames", "failed", "attempt"


@dataclass(frozen=True, eq=False)
class Point:
    """A label: eV, eV/Å; the virial is -dE/dε (eV), None where the engine has none."""

    energy: float
    forces: Floats
    virial: Floats | None

    @property
    def finite(self) -> bool:
        """Whether all of it are numbers."""
        virial = np.zeros(1) if self.virial is None else self.virial
        return bool(np.isfinite(self.energy) and np.isfinite(self.forces).all() and np.isfinite(virial).all())


@dataclass(frozen=True)
class Failure:
    """Why a frame has no label, and what to do; ``output`` is what the program said."""

    why: str
    do: str
    output: str = ""


class Store:
    """The finished frames of one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self) -> dict[str, Any] | None:
        """What label.json says; None where there is none."""
        try:
            told: dict[str, Any] = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Refusal(
                "The folder's record can't be read", f"{self.path / RECORD}: {error}", "Label with restart=False"
            )
        return told

    def write_record(self, **told: Any) -> None:
        """Write label.json."""
        text = json.dumps({"vanhove": __version__, **told}, indent=1, ensure_ascii=False)
        write_text(self.path / RECORD, text + "\n")

    def clear(self) -> None:
        """Remove what labelling left, and nothing else."""
        for name in (FRAMES, FAILED, ATTEMPT):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / RECORD).unlink(missing_ok=True)

    def attempt(self) -> Path:
        """An empty folder to work in."""
        folder = self.path / ATTEMPT
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def tidy(self) -> None:
        """Remove what a program left."""
        shutil.rmtree(self.path / ATTEMPT, ignore_errors=True)

    def has(self, name: str) -> bool:
        """Whether a frame has its label."""
        return (self.path / FRAMES / f"{name}.npz").exists()

    def keep(self, name: str, point: Point) -> None:
        """Write a label; of numbers that are none a failure."""
        if not point.finite:
            self.fail(name, Failure("the energy or a force is no number", "Look at the structure"), {})
            return
        arrays: dict[str, Any] = {"energy": np.float64(point.energy), "forces": point.forces}
        if point.virial is not None:
            arrays["virial"] = point.virial
        with whole(self.path / FRAMES / f"{name}.npz") as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        for ending in ("json", "out"):
            (self.path / FAILED / f"{name}.{ending}").unlink(missing_ok=True)

    def point(self, name: str, n_atoms: int) -> Point:
        """The label of a frame."""
        path = self.path / FRAMES / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                found = Point(float(file["energy"]), file["forces"], file.get("virial"))
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise Refusal("A label can't be read", f"{path}: {error}", "Remove the file: the frame is computed again")
        shapes = (n_atoms, 3), (3, 3)
        if found.forces.shape != shapes[0] or (found.virial is not None and found.virial.shape != shapes[1]):
            raise Refusal("A label is not of this frame", str(path), "Remove the file: the frame is computed again")
        return found

    def fail(self, name: str, failure: Failure, tried: Mapping[str, Any]) -> None:
        """Write why a frame has none; ``tried`` is what may be changed for a further attempt."""
        text = json.dumps({"why": failure.why, "do": failure.do, "tried": tried}, indent=1, ensure_ascii=False)
        if failure.output:
            write_text(self.path / FAILED / f"{name}.out", failure.output)
        write_text(self.path / FAILED / f"{name}.json", text + "\n")

    def failure(self, name: str) -> dict[str, Any] | None:
        """Why a frame has none: ``why``, ``do``, ``tried``; None where it did not fail."""
        try:
            told: dict[str, Any] = json.loads((self.path / FAILED / f"{name}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # a damaged one is tried again
            return None
        return told
