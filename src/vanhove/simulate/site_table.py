"""The sites of a crystal: where atoms may be in its cell, and which share of them is there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SAME = 0.05  # Å: two rows of a file nearer than this are one site with several elements
EDGE = 1e-6  # of a cell
FULL = 1e-3  # occupancies that add up to more than 1 by less than this are rounded numbers


@dataclass(frozen=True)
class Site:
    """A set of places that the symmetry makes alike."""

    name: str
    places: Floats  # (place, axis) fractions of the cell
    occupancy: Mapping[str, float]  # element → share of the places; what is missing to 1 is empty
    aliases: tuple[str, ...] = ()  # other labels of a file for the same places


@dataclass(frozen=True)
class Sites:
    """All sites of a crystal's cell."""

    name: str
    cell: Floats  # (3, 3) Å, vectors as rows
    sites: tuple[Site, ...]
    source: str = ""

    @property
    def atoms(self) -> float:
        """Atoms in the cell, on the average."""
        return sum(len(site.places) * sum(site.occupancy.values()) for site in self.sites)

    def find(self, label: str) -> Site:
        """The site of that name, or of that label in the file."""
        for site in self.sites:
            if label in (site.name, *site.aliases):
                return site
        known = [name for site in self.sites for name in (site.name, *site.aliases)]
        raise Refusal(f"{self.name} has no site '{label}'", "", nearest(label, known))

    def with_occupancies(self, given: Mapping[str, Mapping[str, float]]) -> Sites:
        """The same crystal with other shares on the named sites."""
        changed = {self.find(label).name: dict(shares) for label, shares in given.items()}
        sites = tuple(replace(one, occupancy=changed.get(one.name, one.occupancy)) for one in self.sites)
        for site in sites:
            _check(site, self.name)
        return replace(self, sites=sites)

    def turned(self, basis: NDArray[np.int64]) -> Sites:
        """The same crystal in another cell: its vectors as whole numbers of the present ones, right-handed too."""
        cell = np.asarray(basis @ self.cell, float)
        if np.array_equal(basis, np.eye(3)):
            return self
        corners = np.array(list(product((0, 1), repeat=3))) @ basis
        steps = np.array(list(product(*(range(a, b + 1) for a, b in zip(corners.min(0), corners.max(0), strict=True)))))
        back = np.linalg.inv(basis)
        sites = []
        for site in self.sites:
            places = ((site.places + steps[:, None]).reshape(-1, 3)) @ back
            inside = ((places > -EDGE) & (places < 1 - EDGE)).all(axis=1)
            sites.append(replace(site, places=places[inside]))
        return replace(self, cell=cell, sites=tuple(sites))


def shipped() -> list[str]:
    """Names of the crystals that come with the package."""
    folder = resources.files("vanhove.simulate") / "data" / "crystals"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def sites_of(structure: str | os.PathLike[str] | Atoms) -> Sites:
    """The sites of a crystal by name, of a file (CIF with its symmetry and occupancies, POSCAR, …) or of ASE atoms."""
    if not isinstance(structure, str | os.PathLike):
        return _of_atoms(structure, "the given atoms")
    if isinstance(structure, str) and structure.lower() in shipped():
        return _of_table(structure.lower())
    path = Path(structure)
    if not path.is_file():
        known = shipped()
        raise Refusal(
            f"There is no crystal '{structure}'",
            "It is neither a file nor one of those that come along",
            nearest(str(structure), known),
        )
    return _of_cif(path) if path.suffix.lower() == ".cif" else _of_file(path)


def _of_table(name: str) -> Sites:
    import tomllib

    from ase.geometry import cellpar_to_cell
    from ase.spacegroup import Spacegroup

    file = resources.files("vanhove.simulate") / "data" / "crystals" / f"{name}.toml"
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    group = Spacegroup(data["space_group"], data.get("setting", 1))
    sites = tuple(
        Site(label, _equivalent(group, entry["position"]), dict(entry.get("occupancy", {})))
        for label, entry in data["sites"].items()
    )
    to_cell: Any = cellpar_to_cell
    return Sites(name, np.asarray(to_cell(data["cell"]), np.float64), sites, str(data["source"]))


def _of_cif(path: Path) -> Sites:
    from ase.io.cif import parse_cif

    try:
        with open(path, "rb") as file:
            block: Any = next(iter(parse_cif(file)))
        group = block.get_spacegroup(True)
        cell = np.asarray(block.get_cell(), float)
        places, labels = np.asarray(block["_atom_site_fract_x"]), block["_atom_site_label"]
        places = np.stack([places, block["_atom_site_fract_y"], block["_atom_site_fract_z"]], axis=1).astype(float)
        symbols = block.get_symbols()
        shares = block.get("_atom_site_occupancy") or [1.0] * len(labels)
    except (KeyError, ValueError, StopIteration, RuntimeError, AssertionError) as error:
        raise Refusal(
            "The CIF can't be read as a crystal",
            f"{path}: {error or type(error).__name__}",
            "Give one with cell, symmetry and sites",
        ) from error
    sites: list[Site] = []
    for label, symbol, place, share in zip(labels, symbols, places, shares, strict=True):
        if not isinstance(share, int | float):  # "?" or "."
            raise Refusal(f"The occupancy of {label} is {share!r}", str(path), "Write a number")
        there = next((n for n, one in enumerate(sites) if _near(one.places, place, cell)), None)
        if there is None:
            sites.append(Site(str(label), _equivalent(group, place), {str(symbol): float(share)}))
            continue
        one = sites[there]
        occupancy = {**one.occupancy, str(symbol): one.occupancy.get(str(symbol), 0.0) + float(share)}
        sites[there] = replace(one, occupancy=occupancy, aliases=(*one.aliases, str(label)))
    for site in sites:
        _check(site, str(path))
    return Sites(path.stem, cell, tuple(sites), str(path.name))


def _of_file(path: Path) -> Sites:
    from ase.io import read

    try:
        atoms: Any = read(path)
    except Exception as error:  # noqa: BLE001 - ASE's readers raise whatever their format met
        raise Refusal(
            "The structure can't be read", f"{path}: {error}", "Give a CIF, POSCAR or another file that ASE reads"
        )
    return _of_atoms(atoms, path.name)


def _of_atoms(atoms: Atoms, name: str) -> Sites:
    if not (atoms.pbc.all() and atoms.cell.rank == 3 and len(atoms)):
        raise Refusal("A crystal needs atoms and a cell that is periodic in all directions", name, "Set cell and pbc")
    given: Any = atoms
    symbols = np.array(given.get_chemical_symbols())
    places = given.get_scaled_positions()
    sites = tuple(
        Site(element, places[symbols == element], {element: 1.0}) for element in dict.fromkeys(symbols.tolist())
    )
    return Sites(name, np.asarray(atoms.cell.array, float), sites, name)


def _equivalent(group: Any, place: Sequence[float] | Floats) -> Floats:
    found, _ = group.equivalent_sites(np.asarray(place, float), onduplicates="keep", symprec=1e-3)
    return np.asarray(found, float) % 1.0


def _near(places: Floats, place: Floats, cell: Floats) -> bool:
    apart = places - place
    apart -= np.round(apart)
    return bool((np.linalg.norm(apart @ cell, axis=1) < SAME).any())


def _check(site: Site, where: str) -> None:
    for element, share in site.occupancy.items():
        if not is_species(element):
            raise Refusal(f"'{element}' on site '{site.name}' is no element or isotope", where)
        if not 0 <= share <= 1 + FULL:
            raise Refusal(f"A share of {share} of {element} on site '{site.name}'", where, "Give 0 to 1")
    total = sum(site.occupancy.values())
    if total > 1 + FULL:
        raise Refusal(
            f"Site '{site.name}' is {total:.3f} times occupied", where, "Shares of a site add up to 1 at most"
        )
