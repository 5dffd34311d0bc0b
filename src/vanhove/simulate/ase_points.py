"""Labels by an ASE calculator, in a process of its own that writes each as it comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import whole

from .engine import Process
from .thermo import explain

if TYPE_CHECKING:
    from pathlib import Path

    from .engines import AseEngine
    from .point_frames import Frame
    from .point_store import Store

POLL = 0.1  # s
SCRIPT, ASKED = "in.json", "asked.npz"


@dataclass(frozen=True)
class AsePoints:
    """A process of this Python with a calculator."""

    engine: AseEngine
    threads: int

    @property
    def version(self) -> str:
        """What computes."""
        return self.engine.version

    @property
    def tried(self) -> dict[str, Any]:
        """Nothing can be tried differently."""
        return {}

    def label(self, todo: Sequence[tuple[str, Frame]], store: Store, lock: int, advance: Callable[[], None]) -> None:
        """Start the process, and count what it has done."""
        folder = store.attempt()
        _write(todo, folder)
        orders = {"potential": self.engine.potential.to_dict(), "store": str(store.path)}
        (folder / SCRIPT).write_text(json.dumps(orders, indent=1) + "\n", encoding="utf-8")
        left = [name for name, _ in todo]
        command = self.engine.module("vanhove.simulate.points_child")
        with Process(command, folder, self.engine.environment(self.threads), lock) as process:
            code = None
            while code is None:
                code = process.wait(POLL)
                while left and (store.has(left[0]) or store.failure(left[0]) is not None):
                    left.pop(0)
                    advance()
        if code != 0:
            end = explain(code, folder / "output.txt")
            raise Refusal(f"The calculator's process ended with code {code}: {end.why}", end.tail, end.do)
        store.tidy()


def _write(todo: Sequence[tuple[str, Frame]], folder: Path) -> None:
    """The structures as arrays; names in order."""
    arrays: dict[str, Any] = {"names": np.array([name for name, _ in todo])}
    for number, (_, frame) in enumerate(todo):
        arrays[f"{number}-species"] = np.array(frame.species)
        arrays |= {f"{number}-cell": frame.cell, f"{number}-positions": frame.positions}
    with whole(folder / ASKED) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
