"""What a study simulates: a random packing, a crystal or a glass-ceramic, and the potential that moves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from vanhove.base.errors import nearest
from vanhove.base.files import file_identity

from .mistakes import Mistake, mistakes_of

if TYPE_CHECKING:
    from ase import Atoms

    from vanhove.simulate.pairwise import Potential

CRYSTAL, GLASS_CERAMIC = "crystal", "glass_ceramic"
DEEPMD, CALCULATOR = "deepmd", "calculator"
PACKED = ("formula", "atoms", "density")  # what a random packing needs
PAIRWISE = ("cutoff", "accuracy")  # what only a potential by name has


def _text_or_table(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise PydanticCustomError("text_or_table", "Input should be a name or a table")
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Cells = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]
TextOrTable = Annotated[str | dict[str, Any], BeforeValidator(_text_or_table)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Crystal(_Table):
    """``structure = { crystal = "li6ps5cl", ... }``: see :func:`vanhove.simulate.crystal`."""

    crystal: str
    supercell: Cells = [1, 1, 1]
    occupancies: dict[str, dict[str, float]] = {}
    formula: str | None = None
    min_distance: Positive = 2.0
    seed: Annotated[int, Field(ge=0)] | None = None  # that of the material when not given


class GlassCeramic(_Table):
    """``structure = { glass_ceramic = "beta-li3ps4", ... }``: see :func:`vanhove.simulate.glass_ceramic`."""

    glass_ceramic: str
    fraction: Positive
    orientation: str | list[int] = "c"
    supercell: Cells = [2, 2, 8]
    density: Positive | None = None
    min_distance: Positive = 1.5
    occupancies: dict[str, dict[str, float]] = {}
    formula: str | None = None
    seed: Annotated[int, Field(ge=0)] | None = None


class DeepMD(_Table):
    """``potential = { deepmd = "model.pb" }``: see :func:`vanhove.simulate.deepmd`."""

    deepmd: str
    species: list[str] = []


class Calculator(_Table):
    """``potential = { calculator = "chgnet", ... }``: see :func:`vanhove.simulate.calculator`; it knows its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    calculator: str


STRUCTURES: dict[str, type[_Table]] = {CRYSTAL: Crystal, GLASS_CERAMIC: GlassCeramic}
POTENTIALS: dict[str, type[_Table]] = {DEEPMD: DeepMD, CALCULATOR: Calculator}


class Material(_Table):
    """What is simulated."""

    formula: str | None = None
    atoms: Annotated[int, Field(ge=2)] | None = None
    density: Positive | None = None  # g/cm³
    structure: TextOrTable | None = None  # a crystal's name or file, or a table, instead of a random packing
    potential: TextOrTable  # a name that vanhove.simulate.potential knows, or a table
    seed: Annotated[int, Field(ge=0)] = 1
    min_distance: Positive = 1.5  # Å, of the random packing
    cutoff: Positive = 10.0  # Å, of the potential's short-range part
    accuracy: Annotated[float, Field(gt=0, lt=1)] = 1e-4  # of the long-range sum

    @property
    def kind(self) -> str:
        """``"crystal"``, ``"glass_ceramic"``, or ``""``: a random packing."""
        if self.structure is None:
            return ""
        return GLASS_CERAMIC if GLASS_CERAMIC in self.table else CRYSTAL

    @property
    def table(self) -> dict[str, Any]:
        """The structure as a table; a name or a file by itself is a crystal's."""
        return {CRYSTAL: self.structure} if isinstance(self.structure, str) else dict(self.structure or {})

    def structure_options(self) -> dict[str, Any]:
        """The structure's table with its defaults."""
        return STRUCTURES[self.kind].model_validate(self.table).model_dump()

    def said(self) -> dict[str, Any]:
        """All of it, without what it has no use for."""
        useless = {*PACKED, "min_distance"} if self.kind else set()
        useless |= set() if isinstance(self.potential, str) else {*PAIRWISE}
        said = self.model_dump(exclude=useless, exclude_none=True)
        if self.kind:
            said["structure"] = {k: v for k, v in self.structure_options().items() if v is not None}
        return said


def contradictions(material: Material) -> list[Mistake]:
    """What a study says of its material that can't be so."""
    given = material.model_fields_set
    found: list[Mistake] = []
    if material.structure is None:
        found += [
            Mistake(f"material.{key}", "it is missing", 'Give it, or structure = { crystal = "..." }')
            for key in PACKED
            if getattr(material, key) is None
        ]
    else:
        found += [
            Mistake(f"material.{key}", "the structure says it", "Leave it out, or leave structure out")
            for key in (*PACKED, "min_distance")
            if key in given
        ]
        if isinstance(material.structure, dict):
            found += _table_mistakes("material.structure", material.structure, STRUCTURES)
    if isinstance(material.potential, dict):
        found += _table_mistakes("material.potential", material.potential, POTENTIALS)
        found += [
            Mistake(f"material.{key}", "only a potential by name has it", "Leave it out")
            for key in PAIRWISE
            if key in given
        ]
    return found


def _table_mistakes(key: str, table: Mapping[str, Any], known: Mapping[str, type[_Table]]) -> list[Mistake]:
    kinds = [kind for kind in known if kind in table]
    if len(kinds) != 1:
        offered = " or ".join(f"{{ {kind} = ... }}" for kind in known)
        advice = nearest(next(iter(table)), [*known]) if table and not kinds else ""
        return [Mistake(key, f"it says {' and '.join(kinds) or 'neither'}", f"Give {offered}. {advice}".strip())]
    try:
        known[kinds[0]].model_validate(dict(table))
    except ValidationError as error:
        return [Mistake(_under(key, one.key), one.what, one.do) for one in mistakes_of(error, known[kinds[0]])]
    return []


def _under(key: str, inner: str) -> str:
    return f"{inner} in {key}" if inner.startswith("entry") else f"{key}.{inner}"


def with_absolute_paths(material: Material, folder: Path) -> Material:
    """The same with absolute paths of the files that it names."""
    from vanhove.simulate.site_table import shipped

    def absolute(path: str) -> str:
        return str(folder / Path(path).expanduser())

    update: dict[str, Any] = {}
    if material.kind and (name := material.table[material.kind]) not in shipped():
        update["structure"] = {**material.table, material.kind: absolute(name)}
    if isinstance(material.potential, dict) and DEEPMD in material.potential:
        update["potential"] = {**material.potential, DEEPMD: absolute(material.potential[DEEPMD])}
    return material.model_copy(update=update) if update else material


def potential_of(material: Material) -> Potential:
    """The potential."""
    from vanhove import simulate as room

    asked = material.potential
    if isinstance(asked, str):
        named: Potential = room.potential(asked, cutoff=material.cutoff, accuracy=material.accuracy)
        return named
    if DEEPMD in asked:
        model: Potential = room.deepmd(asked[DEEPMD], species=asked.get("species", []))
        return model
    options = dict(asked)
    called: Potential = room.calculator(options.pop(CALCULATOR), **options)
    return called


def calculator_of(material: Material, ranks: int | None) -> Any:
    """What gives the forces of the potential on structures that there are, by so many processes."""
    from vanhove import simulate as room
    from vanhove.simulate._calculator import Calculator as Named
    from vanhove.simulate.calling import made

    potential = potential_of(material)
    if isinstance(potential, Named):
        return made(potential.factory, potential.options)
    return room.forces(potential, ranks=ranks)


def recipe_of(material: Material, replica: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """How the structure of a replica is made, and what its file holds: together they name it."""
    from vanhove import simulate as room
    from vanhove.simulate.site_table import sites_of

    options = material.structure_options()
    seed = material.seed if options["seed"] is None else options["seed"]
    recipe = {**options, "seed": seed + replica - 1, "version": room.TABLE[material.kind].version}
    path = Path(options[material.kind])
    if not path.is_absolute():
        return recipe, ()
    sites_of(path)  # refuses what is no crystal
    return {**recipe, material.kind: path.name}, (file_identity(path),)


def atoms_of(material: Material, replica: int = 1) -> Atoms:
    """The crystal or glass-ceramic of a replica, counted from 1."""
    from vanhove import simulate as room

    options = {**recipe_of(material, replica)[0], material.kind: material.structure_options()[material.kind]}
    options.pop("version")
    function = room.crystal if material.kind == CRYSTAL else room.glass_ceramic
    atoms: Atoms = function(options.pop(material.kind), **options)
    return atoms
