"""Origins by phase: displacements that begin while the ion is in a phase of the material, or where a mask says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.figures import PALETTE, PHASE_COLOURS, colour_of
from vanhove.base.results import history_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Bools = NDArray[np.bool_]
    Phase = str | Bools | None
    Phases = Dataset | NDArray[np.str_] | None
else:  # what a file or the command can say
    Phase = Literal["glass", "crystal", "interface"] | None

MASK = "a mask"
FRAMES = 100  # that phases are found from at most: they are those of the mean over the run


@dataclass(frozen=True)
class Origins:
    """Which ions, and which of their frames, displacements begin with."""

    ions: Trajectory
    everyone: Trajectory  # of the species, also those that are never there
    inside: Bools | None = None  # (ion, frame); None: every frame of every ion
    phase: str = ""
    share: float = 1.0  # of the ions and frames of the species
    steps: list[dict[str, Any]] = field(default_factory=list)  # that found the phases

    @property
    def mobile(self) -> list[str]:
        """Their species: all else is the framework."""
        return sorted(set(self.everyone.species.tolist()))

    @property
    def told(self) -> str:
        """What a title says after the species."""
        return told(self.phase)

    @property
    def attributes(self) -> dict[str, Any]:
        """What a result says of the phase; nothing where there is none."""
        return {"phase": self.phase, "phase_share": self.share} if self.phase else {}

    def history(self, traj: Trajectory) -> list[dict[str, Any]]:
        """The steps before the observable's own."""
        return [*traj.history, *self.steps]


def origins_of(
    traj: Trajectory,
    species: str | Sequence[str],
    phase: Phase,
    phases: Phases,
    *,
    first_only: bool = False,
) -> Origins:
    """The ions of a species and the frames at which they are in ``phase``; all of them where that is None.

    Ions that are never there are left out, and where the others are there at every frame they are a plain selection.
    ``first_only`` asks for the first frame alone.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    if phase is None:
        if phases is not None:
            raise Refusal("phases= without phase=", "", 'Say which, like phase="glass"')
        return Origins(ions, ions)
    inside, said, steps = _inside(traj, ions, phase, phases)
    if first_only:
        inside = inside[:, :1]
    ever = np.asarray(inside.any(axis=1))
    if not ever.any():
        name = species if isinstance(species, str) else ", ".join(species)
        when = "at the first frame" if first_only else "at any frame"
        raise Refusal(
            f"No {name} is in the {said} {when}" if said != MASK else f"The mask leaves no {name} {when}",
            f"{ions.n_atoms} of them in {traj.n_frames} frames were looked at", "Choose another phase or species",
        )  # fmt: skip
    share = float(inside.mean())
    chosen = ions if ever.all() else ions.where(ever)
    always = bool(inside[ever].all())
    return Origins(chosen, ions, None if always else np.ascontiguousarray(inside[ever]), said, share, steps)


def told(phase: str) -> str:
    """A phase after the species in a title: ``" in the glass"``; nothing where there is none."""
    return "" if not phase else " by a mask" if phase == MASK else f" in the {phase}"


def said_of(result: Dataset) -> tuple[str, str]:
    """What a legend says of a result, and its colour: the species, and the phase where it is of one."""
    species, phase = str(result.attrs["species"]), str(result.attrs.get("phase", ""))
    return (f"{species}, {phase}", PHASE_COLOURS.get(phase, PALETTE[1])) if phase else (species, colour_of(species))


def _inside(
    traj: Trajectory, ions: Trajectory, phase: str | NDArray[Any], phases: Phases
) -> tuple[Bools, str, list[dict[str, Any]]]:
    """Whether each ion is in the phase at each frame, (ion, frame or one), its name, and how it was found."""
    from vanhove.structure.phase_labels import columns_of, labels_of

    if not isinstance(phase, str):
        mask = np.asarray(phase)
        if mask.dtype != bool:
            raise Refusal(
                f"phase= is an array of {mask.dtype}", "", "Give a phase's name, or an array of true and false"
            )
        if phases is not None:
            raise Refusal(
                "phase= is a mask, and phases= is given, too", "", "Give a phase's name, or leave out phases="
            )
        return columns_of(mask, traj, ions, "values of the mask"), MASK, []
    known, steps = known_phases(traj, phases)
    labels = labels_of(known, traj, ions)
    if phase not in labels.names:
        raise Refusal(f"There is no phase '{phase}'", "", nearest(phase, labels.names))
    return labels.codes == labels.names.index(phase), phase, steps


def known_phases(traj: Trajectory, phases: Phases) -> tuple[Dataset | NDArray[Any], list[dict[str, Any]]]:
    """The phases that were given, else those of all atoms of the system; and the steps that found them."""
    import xarray as xr

    if phases is None:
        from vanhove.structure import phases as find

        everything, step = traj.whole_system, -(-traj.n_frames // FRAMES)
        found: Dataset = find(everything.every(step) if step > 1 else everything)
        return found, history_of(found)[len(traj.history) :]
    if isinstance(phases, xr.Dataset):
        return phases, history_of(phases)[-1:]  # how its trajectory was made is told already
    return np.asarray(phases), []
