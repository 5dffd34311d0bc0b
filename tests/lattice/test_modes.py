"""What moves in a mode: rigid bodies have no strain, and nothing is counted twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lattices import bonded, chain, chain_forces, molecules, neighbours

import vanhove as vh
from vanhove import Refusal
from vanhove.lattice._modes import rigid_parts
from vanhove.lattice.polyhedra import Bodies

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def glass() -> xr.Dataset:
    atoms, forces = molecules()
    return vh.lattice.phonons(atoms, forces, mesh="gamma", symmetry=False)


def moved(body: NDArray[np.float64], masses: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """An eigenvector's part of a body that is shifted and turned at random."""
    speed, spin = rng.normal(size=(2, 3))
    vectors: NDArray[np.float64] = np.sqrt(masses)[:, None] * (speed + np.cross(spin, body - rng.normal(size=3)))
    return vectors


@pytest.mark.parametrize("atoms", [1, 2, 3, 5, 8])
def test_a_rigid_body_has_no_strain(atoms: int) -> None:
    rng = np.random.default_rng(atoms)
    place, masses = rng.normal(size=(atoms, 3)), rng.uniform(1, 40, atoms)
    vectors = np.array([moved(place, masses, rng) for _ in range(20)])
    body = Bodies(np.zeros(atoms, np.int64), np.arange(atoms), place, np.ones(atoms))
    parts = rigid_parts(vectors, masses, body)[0]
    whole = np.square(vectors).sum(axis=(1, 2))
    np.testing.assert_allclose(parts[2], 0, atol=1e-12 * whole.max())
    np.testing.assert_allclose(parts.sum(axis=0), whole)


def test_over_all_modes_each_body_has_its_degrees_of_freedom(glass: xr.Dataset) -> None:
    found = vh.lattice.modes(glass, formers="P", anions="S")
    assert found.attrs["n_bodies"] == 8
    masses = glass.atom_mass.values
    in_translations = 3 * masses[:5].sum() / masses.sum()  # of the crystal, which are left out
    sums = found.body_motion.sum("mode").values
    np.testing.assert_allclose(sums, np.tile([3 - in_translations, 3, 9], (8, 1)), rtol=1e-9)
    np.testing.assert_allclose(found.motion.sum("motion_kind"), 1)
    np.testing.assert_allclose(found["share"].sum("species"), 1)
    lithium = found["share"].sel(species="Li").values
    np.testing.assert_allclose(found.motion.sel(motion_kind="ions"), lithium, atol=1e-12)


def test_stiff_polyanions_move_as_bodies_in_soft_modes(glass: xr.Dataset) -> None:
    found = vh.lattice.modes(glass, formers="P", anions="S")
    strain = found.motion.sel(motion_kind="strain").values
    soft = glass.frequencies.values < 20
    assert found.attrs["low_modes"] == soft.sum()
    np.testing.assert_allclose(found.low_motion, found.motion.values[:, soft].mean(axis=1))
    assert float(found.low_participation) == pytest.approx(found.participation.values[soft].mean())
    assert (found.label.values.tolist(), found.low_activity.values.tolist()) == (["PS4"], [1.0])
    none = vh.lattice.modes(glass, formers="P", anions="S", below=1e-6)
    assert np.isnan(none.low_motion).all()
    with pytest.raises(Refusal, match="below"):
        vh.lattice.modes(glass, below=0)
    assert soft.sum() == 144 - 3 - 8 * 9
    assert strain[soft].max() < 1e-3
    assert strain[~soft].min() > 0.99
    vh.draw(found)


def test_bodies_by_labels_and_across_the_boundary(glass: xr.Dataset) -> None:
    labels = np.where(np.arange(48) % 6 < 5, np.arange(48) // 6 + 1, 0)
    found = vh.lattice.modes(glass, formers="P", anions="S")
    np.testing.assert_allclose(vh.lattice.modes(glass, labels).body_motion, found.body_motion, atol=1e-12)
    wrapped = glass.copy(deep=True)
    wrapped["position"].values[:] = (glass.position.values - 1.5) % 12.0
    for given in ({"units": labels}, {"formers": "P", "anions": "S"}):
        moved_along = vh.lattice.modes(wrapped, **given)
        np.testing.assert_allclose(moved_along.body_motion, found.body_motion, atol=1e-12)


def test_an_endless_network_is_cut_into_polyhedra() -> None:
    """β-cristobalite's corners: every anion belongs to two tetrahedra by halves."""
    from ase import Atoms

    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
    formers = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    anions = (formers[:, None] + corners).reshape(-1, 3)
    others = formers + 0.25
    atoms = Atoms("Si4Si4O16", scaled_positions=[*formers, *others, *anions], cell=[7.16] * 3, pbc=True)
    forces = bonded(atoms, neighbours(atoms, 4.0), 5.0)
    found = vh.lattice.phonons(atoms, forces, mesh="gamma", symmetry=False)
    shared = vh.lattice.modes(found, formers="Si", anions="O")
    assert shared.attrs["bodies"].startswith("polyhedra")
    assert shared.attrs["n_bodies"] == 8
    assert shared.body_label.values.tolist() == ["Si Q4"] * 8
    np.testing.assert_allclose(shared.motion.sel(motion_kind="ions"), 0, atol=1e-12)
    assert set(vh.lattice.polyhedron_labels(found, "Si", "O")) == {"Si Q4", "O bridging"}


def test_participation() -> None:
    """Of N like atoms in a wave that moves all alike 1; of N where one rattles 1/N."""
    found = vh.lattice.phonons(chain(4), chain_forces(), mesh="gamma")
    modes = vh.lattice.modes(found)
    optical = modes.participation.values[np.argmax(found.frequencies.values)]
    m1, m2 = chain().get_masses()
    light, heavy = m2 / (m1 + m2), m1 / (m1 + m2)  # of the energy, where the two move against each other
    assert optical == pytest.approx(1 / (2 * (light**2 + heavy**2)))
    assert (modes.participation <= 1 + 1e-12).all()
    assert modes.attrs["n_bodies"] == 0
    vh.draw(modes)


def test_of_a_mesh_the_zone_centre_is_taken() -> None:
    mesh = vh.lattice.phonons(chain(), chain_forces(), (6, 1, 1), mesh=(4, 1, 1))
    centre = vh.lattice.phonons(chain(), chain_forces(), (6, 1, 1), mesh="gamma")
    np.testing.assert_allclose(vh.lattice.modes(mesh).frequencies, centre.frequencies, atol=1e-9)


def test_files_are_read_by_others(glass: xr.Dataset, tmp_path: Path) -> None:
    from ase.io import read

    vh.lattice.write_mode(glass, 3, tmp_path / "mode.xyz", amplitude=0.7)
    atoms: Any = read(tmp_path / "mode.xyz")
    lengths = np.linalg.norm(atoms.arrays["displacement"], axis=1)
    assert lengths.max() == pytest.approx(0.7)
    ratio = atoms.arrays["displacement"] * np.sqrt(glass.atom_mass.values)[:, None]
    overlap = np.sum(ratio * glass.eigenvectors.values[3]) / np.linalg.norm(ratio)
    assert overlap == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(atoms.cell.array, glass.cell)
    vh.lattice.write_mode(glass, 3, tmp_path / "movie.extxyz", frames=12)
    movie: Any = read(tmp_path / "movie.extxyz", index=":", format="extxyz")
    assert len(movie) == 12
    np.testing.assert_allclose(movie[3].positions - movie[0].positions, movie[0].arrays["displacement"], atol=1e-7)
    vh.lattice.write_mode(glass, 3, tmp_path / "mode.vesta")
    text = (tmp_path / "mode.vesta").read_text().splitlines()
    first = text.index("VECTR") + 1
    arrow = np.array([float(x) for x in text[first].split()[1:4]])
    np.testing.assert_allclose(arrow, lengths_of(glass, 3)[0], atol=1e-5)
    assert text[text.index("CELLP") + 1].split()[0] == "12.000000"


def lengths_of(glass: xr.Dataset, mode: int) -> NDArray[np.float64]:
    u: NDArray[np.float64] = glass.eigenvectors.values[mode] / np.sqrt(glass.atom_mass.values)[:, None]
    return u / np.linalg.norm(u, axis=1).max()


def test_a_mode_is_drawn(glass: xr.Dataset) -> None:
    ax = vh.lattice.draw_mode(glass, 0, view="a")
    assert "meV" in ax.get_title()
    ax.figure.canvas.draw()


def test_what_can_not_be_done_is_said(glass: xr.Dataset, tmp_path: Path) -> None:
    for options, said in (
        ({"formers": "P"}, "one of them is missing"), ({"units": [1], "formers": "P", "anions": "S"}, "Give one"),
        ({"units": [1, 2]}, "shape"), ({"units": np.zeros(48, int)}, "No atom"),
        ({"formers": "Ge", "anions": "S"}, "no Ge"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=said):
            vh.lattice.modes(glass, **options)  # type: ignore[arg-type]
    for path, mode, said in (("a.cif", 0, "no format"), ("a.xyz", 999, "no mode 999")):
        with pytest.raises(Refusal, match=said):
            vh.lattice.write_mode(glass, mode, tmp_path / path)
    with pytest.raises(Refusal, match="view"):
        vh.lattice.draw_mode(glass, 0, view="x")
