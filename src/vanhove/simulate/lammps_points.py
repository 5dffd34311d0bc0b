"""Labels by a potential of LAMMPS: many frames of the same atoms in the same cell in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal

from .point_store import Failure

if TYPE_CHECKING:
    from ._forces import LammpsForces
    from .point_frames import Frame
    from .point_store import Store

AT_ONCE = 200  # frames of a process: what a kill loses at most
Named = tuple[str, "Frame"]


@dataclass(frozen=True)
class LammpsPoints:
    """LAMMPS, one process for frames that follow each other and have the same cell."""

    forces: LammpsForces
    version: str

    @property
    def tried(self) -> dict[str, Any]:
        """Nothing can be tried differently."""
        return {}

    def label(self, todo: Sequence[Named], store: Store, lock: int, advance: Callable[[], None]) -> None:  # noqa: ARG002
        """Compute piece after piece; of one that fails frame after frame."""
        for piece in _pieces(todo):
            try:
                self._keep(piece, store)
            except Refusal:
                for each in piece:
                    self._one(each, store)
            for _ in piece:
                advance()

    def _keep(self, piece: Sequence[Named], store: Store) -> None:
        points = self.forces.points([frame.atoms() for _, frame in piece])
        for (name, _), point in zip(piece, points, strict=True):
            store.keep(name, point)

    def _one(self, named: Named, store: Store) -> None:
        try:
            self._keep([named], store)
        except Refusal as refusal:
            store.fail(named[0], Failure(str(refusal), "Look at the structure"), self.tried)


def _pieces(todo: Sequence[Named]) -> Iterator[list[Named]]:
    for _, group in groupby(todo, key=lambda named: (named[1].species, named[1].cell.tobytes())):
        alike = list(group)
        for first in range(0, len(alike), AT_ONCE):
            yield alike[first : first + AT_ONCE]
