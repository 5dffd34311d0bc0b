"""DeePMD models: a file that somebody trained, computed by LAMMPS with the plugin of deepmd-kit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal
from vanhove.base.files import digest

from .deepmd_home import INSTALL, PACKAGE, environment_packages
from .engine import file_of

if TYPE_CHECKING:
    from .turnover import Turnover

PLUGIN = "deepmd/lib/libdeepmd_lmpplugin.so"
BACKENDS = (
    ("tensorflow-cpu", "libtensorflow_cc.so.2"),
    ("tensorflow", "libtensorflow_cc.so.2"),
    ("torch", "libtorch.so"),
)
# A frozen graph is a protocol buffer: the constant model_attr/tmap is a text (type 7) without dimensions, its field a
# "B" with the length, which is one byte below 128, and the elements with blanks between them.
_SPECIES = re.compile(rb"model_attr/tmap\x12\x05Const.{1,80}?\x08\x07\x12\x00B([\x01-\x7f])", re.DOTALL)


@dataclass(frozen=True)
class DeepMD:
    """A DeePMD model, known by its content."""

    path: Path = field(compare=False)
    model: str  # names the content
    species: list[str]

    source: ClassVar[str] = "the model file, whoever trained it"
    good_for: ClassVar[str] = "what it was trained on, and nothing else: look at its training set"
    engine: ClassVar[str] = "lammps"
    packages: ClassVar[tuple[str, ...]] = (PACKAGE,)
    charges: ClassVar[Mapping[str, float] | None] = None

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.name

    @property
    def turnovers(self) -> Mapping[str, Turnover]:
        """None: a model of many bodies has no pair energies."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """All that decides the forces, as JSON knows it; where the file lies does not."""
        return {"form": "deepmd", "model": self.model, "species": list(self.species)}

    def describe(self) -> str:
        """What a person should know of it."""
        return "\n".join([
            f"{self.name}: a DeePMD model of {', '.join(self.species)}, content {self.model}",
            "charges: none; give them when the trajectory is opened: open(path, charges={...})",
            "cutoff: the model's own",
            f"good for: {self.good_for}",
            f"source: {self.source}",
        ])  # fmt: skip

    def commands(self, order: Sequence[str]) -> list[str]:
        """LAMMPS commands; the plugin converts the model's eV to the unit that is set."""
        return [f'pair_style deepmd "{self.path}"', f"pair_coeff * * {' '.join(order)}"]

    def environment(self) -> dict[str, str]:
        """Where LAMMPS finds the plugin, and the plugin its backend."""
        return plugin_environment()


def plugin_environment() -> dict[str, str]:
    """Where LAMMPS finds the plugin, and the plugin its backend."""
    where = environment_packages()
    plugin = file_of(PACKAGE, PLUGIN, where)
    if plugin is None:
        missing = f"the package {PACKAGE} is missing" if where is None else f"{where} has no {PLUGIN}"
        raise Refusal("DeePMD is not installed here", missing, INSTALL)
    found = [file_of(package, library, where) for package, library in BACKENDS]
    libraries = [plugin.parent, *dict.fromkeys(library.parent for library in found if library is not None)]
    threads = dict.fromkeys(("DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS"), "1")
    return {
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)), "LAMMPS_PLUGIN_PATH": str(plugin.parent),
        "TF_CPP_MIN_LOG_LEVEL": "3", **threads,
    }  # fmt: skip


def deepmd(path: str | os.PathLike[str], *, species: Sequence[str] = ()) -> DeepMD:
    """A DeePMD model file as a potential; LAMMPS computes it where the extra ``deepmd`` is installed.

    Parameters
    ----------
    path
        The frozen model (``.pb``; compressed, it is faster).
    species
        The elements that the model was trained on (its type map), where the file does not say.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise Refusal("There is no model file", str(file), "Lay the frozen model there, or take another potential")
    if any(sign in str(file) for sign in '"$&\n'):
        raise Refusal("LAMMPS can't be given a path with \", $ or & in it", str(file), "Move the model")
    content = file.read_bytes()
    known = list(species) or _species_in(content)
    if not known:
        raise Refusal(
            "The model does not say which species it knows", str(file), 'Give species=["Li", "P", "S"], its type map'
        )
    wrong = [label for label in known if not is_species(label)]
    if wrong:
        raise Refusal(f"'{wrong[0]}' is no element or isotope", f"species of {file.name}")
    return DeepMD(file, digest(content), known)


def _species_in(content: bytes) -> list[str]:
    found = _SPECIES.search(content)
    if found is None:
        return []
    return content[found.end() : found.end() + found.group(1)[0]].decode(errors="replace").split()
