"""Forces on displaced structures: from any calculator, checked, and kept so that a stopped run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import digest, whole, write_text
from vanhove.base.progress import Progress

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AT_ONCE = 48  # structures in one call of a calculator that takes several


@runtime_checkable
class ManyForces(Protocol):
    """Forces (eV/Å) of several structures in one call, for engines whose start is dear."""

    def many(self, structures: Sequence[Atoms]) -> Sequence[Floats]:
        """The forces (atom, axis) on every structure."""


Forces = Callable[[Any], Any]


def named(calculator: Any) -> str:
    """What a calculator is called in a result's parameters."""
    if isinstance(calculator, str):
        return calculator
    name = getattr(calculator, "name", None) or getattr(calculator, "__name__", None)
    return str(name or type(calculator).__name__)


def forces_of(calculator: Any) -> Callable[[Sequence[Atoms]], list[Floats]]:
    """A calculator as a function of several structures; refused where it is none.

    It is an ASE calculator, a function from ``ase.Atoms`` to forces (atom, axis) in eV/Å, such a function that also has
    ``many(structures)``, or ``"module:factory"``, which is called for one of these.
    """
    if isinstance(calculator, str):
        module, _, factory = calculator.partition(":")
        try:
            calculator = getattr(import_module(module), factory)()
        except (ImportError, AttributeError, ValueError) as error:
            do = "Give module:factory, such as ase.calculators.emt:EMT"
            raise Refusal(f"'{calculator}' names no calculator", str(error), do)
    if isinstance(calculator, ManyForces):
        several = calculator.many
        return lambda structures: [_checked(f, s) for f, s in zip(several(structures), structures, strict=True)]
    if hasattr(calculator, "calculate") and hasattr(calculator, "get_property"):
        return lambda structures: [_checked(_by_ase(calculator, one), one) for one in structures]
    if callable(calculator):
        return lambda structures: [_checked(calculator(one), one) for one in structures]
    raise Refusal(
        f"A {type(calculator).__name__} gives no forces", "",
        "Give an ASE calculator, or a function that takes ase.Atoms and returns forces (atom, axis) in eV/Å",
    )  # fmt: skip


def _by_ase(calculator: Any, atoms: Any) -> Any:
    copy = atoms.copy()
    copy.calc = calculator
    return np.array(copy.get_forces())


def _checked(forces: Any, atoms: Any) -> Floats:
    values = np.asarray(forces, np.float64)
    if values.shape != (len(atoms), 3):
        raise Refusal(f"The calculator returned forces of shape {values.shape} for {len(atoms)} atoms")
    if not np.isfinite(values).all():
        raise Refusal("The calculator returned forces that are not finite numbers", "", "Check the structure")
    return values


def relaxed(
    atoms: Any, forces: Callable[[Sequence[Any]], list[Floats]], largest: float, steps: int
) -> tuple[Any, float]:
    """The structure at the nearest minimum, its cell as it is, and the largest force that is left (eV/Å)."""
    from ase.calculators.calculator import Calculator, all_changes
    from ase.optimize import FIRE

    class ByForces(Calculator):
        """What ASE's optimisers ask; FIRE goes by the forces alone and only prints the energy."""

        implemented_properties = ["energy", "forces"]  # noqa: RUF012 - ASE's own declaration is such a list

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
            self.results = {"energy": 0.0, "forces": forces([atoms])[0]}

    moved = atoms.copy()
    moved.calc = ByForces()  # type: ignore[no-untyped-call]
    with Progress("Relaxing", steps) as progress:
        optimiser = FIRE(moved, logfile=None)
        optimiser.attach(progress.advance)
        optimiser.run(fmax=largest, steps=steps)
    left = float(np.linalg.norm(moved.get_forces(), axis=1).max())
    moved.calc = None
    return moved, left


def evaluate(
    structures: Iterable[Any],
    total: int,
    forces: Callable[[Sequence[Any]], list[Floats]],
    *,
    folder: str | os.PathLike[str] | None,
    identity: str,
) -> Floats:
    """Forces (structure, atom, axis); with a folder each batch is kept there, and what is there isn't done again."""
    place = None if folder is None else _place(Path(folder), identity, total)
    found: list[Floats] = []
    with Progress("Forces of displaced structures", total) as progress:
        waiting = iter(structures)
        for number, batch in enumerate(iter(lambda: list(islice(waiting, AT_ONCE)), [])):
            kept = None if place is None else place / f"forces-{number:05d}.npy"
            values = _kept(kept, len(batch))
            if values is None:
                values = np.stack(forces(batch))
                if kept is not None:
                    with whole(kept) as temporary, open(temporary, "wb") as file:
                        np.save(file, values, allow_pickle=False)
            found.append(values)
            progress.advance(len(batch))
    return np.concatenate(found)


def _kept(path: Path | None, length: int) -> Floats | None:
    if path is None or not path.exists():
        return None
    try:
        values: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None  # cut short by something else than us: computed anew
    return values if values.ndim == 3 and len(values) == length else None


def _place(folder: Path, identity: str, total: int) -> Path:
    """The folder of the forces, refused where another structure's are in it."""
    about = folder / "displacements.json"
    said = {"of": identity, "structures": total, "at_once": AT_ONCE}
    if about.exists():
        if json.loads(about.read_text(encoding="utf-8")) != said:
            raise Refusal(
                "The folder holds forces of other displacements", str(folder),
                "Give another folder, or remove this one",
            )  # fmt: skip
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(about, json.dumps(said))
    return folder


def identity_of(atoms: Any, *more: object) -> str:
    """Names a structure with what else decides the forces on its displaced copies."""
    arrays = (atoms.positions, atoms.cell.array, atoms.numbers)
    return digest(*(np.ascontiguousarray(array).tobytes() for array in arrays), *more)
