"""What a file can't make use of is refused, with what to give instead; nothing that was said is passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ab_initio_files import LABELS, document, motion, scaled, table, xyz
from binary_files import Dcd, as_lammps_dumps, data_text, six_numbers, xtc_bytes
from written import GENERAL, NAMES, TRICLINIC, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.readers import FORMATS, NEEDLESS, USES, format_of

TRUTH = walk(TRICLINIC)
STEPS = [0, 10, 20]


def xdatcar(folder: Path) -> Path:
    rows = ["glass", "1.0", *(" ".join(map(str, row)) for row in GENERAL), "Li S", "1 2"]
    for frame in range(3):
        rows += [f"Direct configuration= {frame + 1}", *(" ".join(map(str, row)) for row in TRUTH.scaled[frame, :3])]
    return put(folder / "XDATCAR", "\n".join(rows) + "\n")


def extxyz(folder: Path) -> Path:
    lattice = " ".join(map(str, GENERAL.ravel()))
    return put(folder / "a.xyz", f'1\nLattice="{lattice}" Properties=species:S:1:pos:R:3\nLi 0 0 1\n')


def cp2k(folder: Path) -> Path:
    put(folder / "X-1.cell", table(STEPS, GENERAL))
    return put(folder / "X-pos-1.xyz", xyz(STEPS, motion(STEPS)[0], LABELS))


def ase(folder: Path) -> Path:
    atoms = pytest.importorskip("ase").Atoms("LiS", positions=[[0, 0, 0], [0, 0, 2]], cell=[5, 5, 5], pbc=True)
    pytest.importorskip("ase.io").write(folder / "a.traj", [atoms, atoms])
    return folder / "a.traj"


def deepmd(folder: Path) -> Path:
    (folder / "data" / "set.000").mkdir(parents=True)
    put(folder / "data" / "type.raw", "\n".join(map(str, TRUTH.types - 1)))
    put(folder / "data" / "type_map.raw", "\n".join(NAMES.values()))
    np.save(folder / "data" / "set.000" / "coord.npy", TRUTH.wrapped[:1].reshape(1, -1))
    np.save(folder / "data" / "set.000" / "box.npy", TRUTH.cells[:1].reshape(1, 9))
    return folder / "data"


def store(folder: Path) -> Path:
    vh.from_arrays(np.zeros((3, 2, 3)), 5.0, ["Li", "S"], [0, 1, 2], wrapped=False).save(folder / "a.h5md")
    return folder / "a.h5md"


def written(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


# Of every format a file, and what it is opened with.
FILES: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "dcd": (written("a.dcd", Dcd(TRUTH.wrapped, six_numbers(TRUTH.cells)).bytes()), dict(species=TRUTH.species)),
    "xtc": (
        written("a.xtc", xtc_bytes(TRUTH.wrapped, TRUTH.cells, [0.5 * k for k in range(6)], list(range(6)))),
        dict(species=TRUTH.species),
    ),
    "netcdf": (written("a.nc", as_lammps_dumps(TRUTH).bytes()), dict(species=NAMES)),
    "h5md": (store, {}),
    "ase": (ase, {}),
    "deepmd": (deepmd, {}),
    "vasprun": (written("vasprun.xml", document(scaled()).encode("latin-1")), {}),
    "lammps-dump": (written("a.dump", dump_text(TRUTH).encode()), dict(species=NAMES)),
    "cp2k-xyz": (cp2k, {}),
    "extxyz": (extxyz, {}),
    "xdatcar": (xdatcar, {}),
}


def test_the_table_has_every_format() -> None:
    assert set(USES) == set(FORMATS) == set(FILES)
    assert set.union(*USES.values()) == set(NEEDLESS)


@pytest.mark.parametrize("name", FILES)
def test_what_a_format_cannot_use_is_refused(tmp_path: Path, name: str) -> None:
    write, options = FILES[name]
    path = write(tmp_path)
    given: dict[str, Any] = dict(timestep=0.002, units="metal", topology=put(tmp_path / "b.data", data_text(TRUTH)))
    assert format_of(path) == name
    for argument in set(NEEDLESS) - USES[name]:
        with pytest.raises(Refusal, match=f"{argument}=.* can't be used") as caught:
            vh.open(path, **options, **{argument: given[argument]})
        assert str(path) in caught.value.where
        assert ("spacing=" if argument == "timestep" else "Leave it out") in caught.value.do


def test_a_store_has_its_times_and_units(tmp_path: Path) -> None:
    path = store(tmp_path)
    for argument, value in (("timestep", 0.001), ("units", "real")):
        with pytest.raises(Refusal, match=f"{argument}={value!r} can't be used.*a store of vanhove's own"):
            vh.open(path, **{argument: value})  # type: ignore[arg-type]  # one of two


def test_a_store_takes_other_names_of_its_species(tmp_path: Path) -> None:
    path = store(tmp_path)
    traj = vh.open(path, species={"Li": "7Li", 1: "Na"})  # extra keys are ignored
    assert traj.species.tolist() == ["7Li", "S"]
    np.testing.assert_array_equal(traj.masses, vh.open(path).masses)  # those that were simulated
    with pytest.raises(Refusal, match="'Qq' is no element"):
        vh.open(path, species={"Li": "Qq"})
