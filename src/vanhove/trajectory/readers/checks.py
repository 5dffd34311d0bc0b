"""What the readers check and settle alike: where a file ends, which frames count, when they are, what the atoms are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_by_mass, is_species, mass_of
from vanhove.base.errors import Refusal, warn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Options

    Floats = NDArray[np.float64]
    Labels = NDArray[np.str_]

SPACING_TOLERANCE = 1e-6
LISTED = 20  # types that a message lists
# Arguments that not every file can use, and what to do instead.
NO_USE = {
    "timestep": "Give spacing= (ps between frames), or leave it out where the file has times of its own",
    "units": "Leave it out",
    "topology": "Leave it out; numbered types are named by species=",
}


def check_ending(path: Path, frames: int, torn: str | None, *, cut: bool = False) -> None:
    """Refuse a file without one whole frame; warn of one that ends inside a frame or lacks the end of its packing.

    ``torn`` says what the file ended in, None when it ended after a frame.
    """
    if torn is None and not cut:
        return
    how = f"{path} ends {torn or 'after a whole frame, but its packed data go on'}"
    if frames == 0:
        raise Refusal("The file holds no whole frame", how, "Give a file that was written to its end")
    kept = "its first frame is used" if frames == 1 else f"its {frames} whole frames, 0 to {frames - 1}, are used"
    warn("The file was cut", how, f"Check whether its run ended as it should: {kept}")


def refuse_unused(options: Options, argument: str, where: str) -> None:
    """Refuse an argument of ``vh.open`` that was given for a file that can't use it: silence would mislead."""
    given = getattr(options, argument)
    if given is not None:
        raise Refusal(f"{argument}={getattr(given, 'name', given)!r} can't be used", where, NO_USE[argument])


def later_frames(times: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which frames to keep so that times rise: a run that was started again from earlier replaces what it repeats."""
    following = np.minimum.accumulate(times[::-1])[::-1][1:]
    return np.append(times[:-1] < following, True)


def settle_times(counted: Floats | None, frames: int, options: Options, where: Path | str) -> Floats:
    """Times in ps: the file's own (``counted``), replaced by an explicit ``spacing``; NaN where there is neither."""
    if options.spacing is None:
        return np.full(frames, np.nan) if counted is None else counted
    times = np.arange(frames, dtype=np.float64) * np.float64(options.spacing)
    if counted is not None and frames > 1:
        own = float(counted[-1] - counted[0]) / (frames - 1)
        if np.abs(counted - counted[0] - times).max() > SPACING_TOLERANCE * options.spacing * frames:
            warn(
                f"spacing={options.spacing:g} ps overrides the times in the file", f"{where}: {own:g} ps on average",
                "Leave spacing out to use the file's own",
            )  # fmt: skip
    return times


def settle_species(
    labels: Labels, options: Options, where: Path | str, *, kind: str = "type", masses: Floats | None = None
) -> Labels:
    """Species of every atom from the file's ``labels``, its ``masses`` if it has any, and the person's ``species=``.

    A mapping names the species of each label: extra keys are ignored, a missing one is refused unless it is an element
    itself. A sequence names every atom, or every label in the order 1, 2, 3 (or 0, 1, 2). Without either, labels that
    are no elements are named by their masses.
    """
    given = options.species
    kinds, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = sorted(range(len(kinds)), key=lambda k: (len(str(kinds[k])), str(kinds[k])))  # 2 before 10
    present = {str(kinds[k]): int(counts[k]) for k in order}
    few = list(present)[:LISTED]
    sample = ", ".join(f'{name if name.isdigit() else repr(name)}: ".."' for name in few)
    shell = ",".join(f"{name}=.." for name in few)
    listed = _listed(kind, labels, present, masses)
    do = f"Say what each is: species={{{sample}}}, on the command line --species {shell}"
    if given is None:
        if not all(is_species(name) for name in present):
            named_by_mass = None if masses is None else species_by_mass(masses)
            if named_by_mass is not None:
                return named_by_mass
            raise Refusal(f"The file does not say which element each {kind} is", f"{where} holds {listed}", do)
        return labels
    if not isinstance(given, Mapping):
        if len(given) == len(labels):
            names = np.array([str(name) for name in given])
            _check_species(names.tolist())
            return names
        first = 0 if "0" in present else 1
        if list(present) != [str(k + first) for k in range(len(given))]:
            raise Refusal(
                f"species= names {len(given)} atoms or types", f"{where} holds {len(labels)} atoms: {listed}", do
            )
        given = {k + first: name for k, name in enumerate(given)}
    named = {name: name for name in present if is_species(name)}
    named |= {str(key): str(name) for key, name in given.items()}
    missing = [name for name in present if name not in named]
    if missing:
        raise Refusal(
            f"species= does not name {kind} {', '.join(missing)}",
            f"{where} holds {listed}; species={dict(given)}",
            do,
        )
    _check_species([named[name] for name in present])
    return np.array([named[str(name)] for name in kinds])[which]


def _listed(kind: str, labels: Labels, present: Mapping[str, int], masses: Floats | None) -> str:
    """``"type 1 (mass 22.99, 1205 atoms; Na?), type 2 (...)"``."""
    said = []
    for name, count in list(present.items())[:LISTED]:
        here = np.empty(0) if masses is None else masses[labels == name]
        low, high = (float(here.min()), float(here.max())) if here.size else (np.nan, np.nan)
        weight = f"masses {low:g} to {high:g}, " if low < high else f"mass {low:g}, " if here.size else ""
        guess = element_by_mass(low, tolerance=0.5) if low == high else None
        said.append(f"{kind} {name} ({weight}{count} atoms{f'; {guess}?' if guess else ''})")
    more = len(present) - LISTED
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def species_by_mass(masses: Floats) -> Labels | None:
    """The element of every atom by its mass; None where a mass is that of none, or all are 1 as in reduced units."""
    different, which = np.unique(masses, return_inverse=True)
    found = [element_by_mass(mass) for mass in different.tolist()]
    if None in found or different.tolist() == [1.0]:
        return None
    return np.array([str(name) for name in found])[which]


def _check_species(names: list[str]) -> None:
    for name in sorted(set(names)):
        mass_of(name)  # refuses what is no element or isotope, and names the nearest
