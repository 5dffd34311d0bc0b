"""Units, Qⁿ, bridges: crystals, planted molecules, networks without an end, phases, errors, other people's data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from known_units import (
    beta_thiophosphate,
    corner_chain,
    dimer,
    edge_pair,
    edge_sharing_chain,
    face_pair,
    lithium_disilicate,
    scattered,
    silica,
    tetrahedron,
)
from scipy import stats
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.base.figures import new_axes

SKEWED = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.5, 4.2, 9.4]])
LONE = [("S", np.zeros(3))]
SHARES = {
    "fraction": "unit", "unit_fraction": "unit", "Qn": "n", "sharing": "kind", "edge_sharing": "edges",
    "coordination": "around_former", "anion_coordination": "around_anion",
}  # fmt: skip


def still(cell, positions, species, frames=1, repeat=(1, 1, 1)):
    """The same positions in every frame, in so many cells."""
    shifts = np.indices(repeat).reshape(3, -1).T @ cell
    positions = (np.asarray(positions)[None] + shifts[:, None]).reshape(-1, 3)
    species = list(species) * len(shifts)
    cell = np.array(repeat)[:, None] * cell
    return vh.from_arrays(np.repeat(positions[None], frames, axis=0), cell, species, np.arange(frames), wrapped=False)


def gas(species, frames, seed, cell=SKEWED):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-1, 2, (frames, len(species), 3)) @ cell
    return vh.from_arrays(positions, cell, species, 0.1 * np.arange(frames), wrapped=False, temperature=300)


def found(result, name):
    """A share as a dictionary, without the zeros."""
    share = result[name]
    keys = share[share.dims[0]].values.tolist()
    return {key: value for key, value in zip(keys, share.values.tolist(), strict=True) if value}


def sums_to_one(result):
    for name, dim in SHARES.items():
        total = result[name].sum(dim).values
        np.testing.assert_allclose(total[~np.isnan(result[name].values).any(axis=-1)], 1, atol=1e-12)
    assert float(result.bridging + result.non_bridging + result.free) == pytest.approx(1, abs=1e-12)


# crystals


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 1, 1), (2, 1, 3)])
def test_lithium_disilicate_is_all_q3(repeat):
    crystal = still(*lithium_disilicate(), repeat=repeat)
    assert crystal.composition["Si"] == 8 * np.prod(repeat)
    result = vh.structure.speciation(crystal, "Si", "O")
    assert found(result, "Qn") == {3: 1.0}
    assert found(result, "fraction") == {"layer": 1.0}
    assert found(result, "sharing") == {"corner": 1.0}
    assert float(result.coordination.sel(former="Si", around_former=4)) == 1
    assert float(result.bridging) == pytest.approx(3 / 5)
    assert float(result.non_bridging) == pytest.approx(2 / 5)
    assert result.cutoff.sel(bond="Si-Si") == 0
    sums_to_one(result)


@pytest.mark.parametrize("repeat", [(1, 1, 1), (1, 2, 2)])
def test_beta_thiophosphate_is_all_ps4(repeat):
    crystal = still(*beta_thiophosphate(), repeat=repeat)
    assert crystal.composition == {"P": 4 * np.prod(repeat), "S": 16 * np.prod(repeat)}
    result = vh.structure.speciation(crystal, "P", "S")
    assert found(result, "fraction") == found(result, "unit_fraction") == {"PS4": 1.0}
    assert found(result, "Qn") == {0: 1.0}
    assert result.lone.item() == 0
    assert np.isnan(result.sharing).all()
    sums_to_one(result)


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 2, 2)])
def test_silica_is_a_network_of_q4(repeat):
    result = vh.structure.speciation(still(*silica(), repeat=repeat), "Si", "O")
    assert found(result, "fraction") == {"network": 1.0}
    assert found(result, "Qn") == {4: 1.0}
    assert float(result.bridging) == 1
    assert result["size"] == 2 * np.prod(repeat)


@pytest.mark.parametrize("tetrahedra", [2, 4])
def test_silicon_disulphide_is_a_chain_that_shares_edges(tetrahedra):
    """All anions bridge, so that all Si are Q⁴, each with two neighbours."""
    result = vh.structure.speciation(still(*edge_sharing_chain(tetrahedra)), "Si", "S", 2.4)
    assert found(result, "fraction") == {"chain": 1.0}
    assert found(result, "Qn") == {4: 1.0}
    assert found(result, "edge_sharing") == {2: 1.0}
    assert found(result, "sharing") == {"edge": 1.0}
    assert float(result.bridging) == 1


def test_in_the_smallest_cell_a_former_shares_with_its_own_image():
    """One Si and its two S a period, all edges pointing one way: the neighbours in the chain are images."""
    cell, positions, species = edge_sharing_chain(2)
    one = [0, 2, 3]
    half = np.diag([12.0, 12.0, cell[2, 2] / 2])
    result = vh.structure.speciation(still(half, positions[one], np.array(species)[one]), "Si", "S", 2.4)
    assert found(result, "fraction") == {"chain": 1.0}
    assert result.coordination.sel(around_former=4).item() == 1
    assert found(result, "edge_sharing") == {2: 1.0}
    assert found(result, "Qn") == {4: 1.0}


# planted molecules


def planted(seed=63):
    molecules = (
        [tetrahedron()] * 6 + [corner_chain(2)] * 3 + [dimer()] * 2 + [edge_pair()] + [corner_chain(5)] + [LONE] * 7
    )
    return scattered(molecules, seed)


def test_units_are_named_and_counted():
    result = vh.structure.speciation(still(*planted()), "P", "S", {"P-S": 2.6, "P-P": 2.5})
    # 6·1 + 3·2 + 2·2 + 1·2 + 5 = 23 formers in 13 units
    assert found(result, "fraction") == pytest.approx({"PS4": 6 / 23, "P2S6": 6 / 23, "P2S7": 6 / 23, "larger": 5 / 23})
    assert found(result, "unit_fraction") == pytest.approx(
        {"PS4": 6 / 13, "P2S6": 3 / 13, "P2S7": 3 / 13, "larger": 1 / 13}
    )
    assert found(result, "size") == {"PS4": 1, "P2S6": 2, "P2S7": 2, "larger": 5}
    assert found(result, "unit_homopolar") == pytest.approx({"P2S6": 2 / 3})
    assert result.homopolar.item() == pytest.approx(4 / 23)
    assert result.unit.values.tolist() == ["PS4", "P2S6", "P2S7", "larger"]
    anions = 6 * 4 + 3 * 7 + 2 * 6 + 6 + 16 + 7
    assert float(result.lone.sel(anion="S")) == pytest.approx(7 / anions)
    assert float(result.bridging) == pytest.approx((3 + 2 + 4) / anions)
    assert found(result, "Qn") == pytest.approx({0: (6 + 4) / 23, 1: (6 + 2) / 23, 2: (2 + 3) / 23})
    assert found(result, "sharing") == pytest.approx({"corner": 7 / 8, "edge": 1 / 8})
    assert found(result, "edge_sharing") == pytest.approx({0: 21 / 23, 1: 2 / 23})
    sums_to_one(result)


def test_the_default_cutoffs_find_the_bonds():
    rng = np.random.default_rng(64)
    cell, positions, species = planted()
    shaken = positions + 0.05 * rng.standard_normal((20, *positions.shape))
    traj = vh.from_arrays(shaken, cell, species, np.arange(20), wrapped=False)
    asked = vh.structure.speciation(traj, "P", "S", {"P-S": 2.6, "P-P": 2.5})
    default = vh.structure.speciation(traj, "P", "S")
    assert 2.3 < float(default.cutoff.sel(bond="P-S")) < 3.3
    assert 2.3 < float(default.cutoff.sel(bond="P-P")) < 2.8
    np.testing.assert_array_equal(default.fraction, asked.fraction)
    # a number is that of former and anion; the bond between formers is found as before
    number = vh.structure.speciation(traj, "P", "S", 2.6)
    np.testing.assert_array_equal(number.cutoff.sel(bond="P-P"), default.cutoff.sel(bond="P-P"))
    np.testing.assert_array_equal(number.fraction, asked.fraction)
    never = vh.structure.speciation(traj, "P", "S", {"P-P": 0})
    assert "PS3" in found(never, "fraction")
    assert never.homopolar.item() == 0


def test_faces_are_shared_too():
    result = vh.structure.speciation(still(*scattered([face_pair()] * 3, 65)), "P", "S", {"P-S": 2.4, "P-P": 0})
    assert found(result, "sharing") == {"face": 1.0}
    assert found(result, "fraction") == {"P2S3": 1.0}


@pytest.mark.parametrize("largest", [1, 2, 5])
def test_how_large_a_unit_has_a_formula(largest):
    result = vh.structure.speciation(still(*planted()), "P", "S", {"P-S": 2.6, "P-P": 2.5}, largest=largest)
    named = [unit for unit in result.unit.values.tolist() if unit != "larger"]
    assert named == {1: ["PS4"], 2: ["PS4", "P2S6", "P2S7"], 5: ["PS4", "P2S6", "P2S7", "P5S16"]}[largest]
    sums_to_one(result)


def test_several_formers_and_anions():
    mixed = [
        *corner_chain(1, "Si"),
        ("P", np.array([3.5, 0, 0])),
        ("O", np.array([3.5, 1.55, 0])),
        ("Cl", np.array([3.5, 0, 2])),
    ]
    # Si's last anion, at 2.05 Å on the way to P, bridges
    molecules = [mixed, tetrahedron("Si", "O"), tetrahedron("P", "S"), [("Cl", np.zeros(3))], LONE]
    reach = {f"{former}-{anion}": 2.3 for former in ("P", "Si") for anion in ("S", "O", "Cl")}
    traj = still(*scattered(molecules, 66))
    result = vh.structure.speciation(traj, ["P", "Si"], ["S", "O", "Cl"], {**reach, "P-P": 0, "P-Si": 0, "Si-Si": 0})
    assert set(found(result, "fraction")) == {"PS4", "SiO4", "PSiS4OCl"}
    assert result.lone.values.tolist() == [1 / 9, 0, 0.5]
    assert result.former.values.tolist() == ["P", "Si"]
    assert result.coordination.sel(former="P").values.tolist() == [0, 0, 0, 0.5, 0.5]
    other = vh.structure.speciation(traj, ["Si", "P"], ["Cl", "O", "S"], {**reach, "P-P": 0, "P-Si": 0, "Si-Si": 0})
    assert "SiPClOS4" in found(other, "fraction")
    sums_to_one(result)


def test_bonds_between_unlike_formers():
    pair = [("P", np.zeros(3)), ("Si", np.array([2.3, 0, 0])), ("S", np.array([-2.0, 0, 0]))]
    traj = still(*scattered([pair, tetrahedron("Si")], 67))
    reach = {"P-S": 2.3, "Si-S": 2.3, "Si-P": 2.5, "Si-Si": 0, "P-P": 0}
    result = vh.structure.speciation(traj, ["P", "Si"], "S", reach)
    assert found(result, "fraction") == pytest.approx({"SiS4": 1 / 3, "PSiS": 2 / 3})
    assert result.homopolar.values.tolist() == [1.0, 0.5]


# against simpler ways


def test_groups_are_those_of_scipy():
    """In a gas, with bonds found by all distances; a wide cell, so that nothing meets its own image."""
    cell = 30.0 * np.eye(3)
    traj = gas(["P"] * 60 + ["S"] * 150, 4, 68, cell)
    result = vh.structure.speciation(traj, "P", "S", {"P-S": 3.0, "P-P": 2.0}, largest=60)
    sizes, formers, bridging, coordination = [], [], 0, []
    for positions in traj.positions:
        apart = positions[:, None] - positions
        apart = np.linalg.norm(apart - 30 * np.round(apart / 30), axis=2)
        kinds = traj.species == "P"
        bonded = (apart < np.where(kinds[:, None] & kinds, 2.0, 3.0)) & (kinds[:, None] | kinds)
        group = connected_components(coo_matrix(bonded))[1]
        for g in np.unique(group[kinds]):
            n, m = (kinds & (group == g)).sum(), (~kinds & (group == g)).sum()
            sizes.append(f"P{n}S{m}".replace("S0", ""))
            formers.append(n)
        number = bonded[kinds][:, ~kinds].sum(axis=0)
        bridging += (number > 1).sum()
        coordination += bonded[kinds][:, ~kinds].sum(axis=1).tolist()
    expected = {name: sum(n for n, other in zip(formers, sizes, strict=True) if other == name) / 240 for name in sizes}
    counted = {name: sizes.count(name) / len(sizes) for name in sizes}
    assert _written_out(found(result, "fraction")) == pytest.approx(expected)
    assert _written_out(found(result, "unit_fraction")) == pytest.approx(counted)
    assert float(result.bridging) == pytest.approx(bridging / 600)
    np.testing.assert_allclose(result.coordination[0, : max(coordination) + 1], np.bincount(coordination) / 240)


def _written_out(shares):
    """PS4 as P1S4."""
    return {re.sub(r"([PS])(?!\d)", r"\g<1>1", name): share for name, share in shares.items()}


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_a_dense_gas_sum_to_one(seed):
    """Cells smaller than the bonds, groups without an end, bonds to own images."""
    traj = gas(["P"] * 3 + ["Si"] * 2 + ["S"] * 7 + ["Cl"] * 2, 6, 690 + seed)
    result = vh.structure.speciation(traj, ["P", "Si"], ["S", "Cl"], dict.fromkeys(
        ["P-S", "P-Cl", "Si-S", "Si-Cl", "P-P", "P-Si", "Si-Si"], 2.0 + seed
    ))  # fmt: skip
    sums_to_one(result)
    assert set(result.unit.values.tolist()) & {"chain", "layer", "network"} or seed == 0
    np.testing.assert_allclose(result.fraction_by_frame.sum("unit"), 1)
    np.testing.assert_allclose(result.fraction_by_frame.mean("time"), result.fraction, atol=1e-12)


def test_where_the_atoms_are_counted_does_not_matter():
    traj = gas(["P"] * 6 + ["S"] * 14, 8, 70)
    rng = np.random.default_rng(70)
    moved = traj.positions + rng.integers(-5, 6, (8, 20, 3)) @ SKEWED
    order = rng.permutation(20)
    other = vh.from_arrays(moved[:, order], SKEWED, traj.species[order], traj.times, wrapped=False)
    a, b = (vh.structure.speciation(t, "P", "S", {"P-S": 3.0, "P-P": 2.5}) for t in (traj, other))
    for name in a.data_vars:
        np.testing.assert_allclose(a[name], b[name], atol=1e-12)


def test_another_basis_of_the_same_lattice():
    traj = gas(["P"] * 6 + ["S"] * 14, 8, 71)
    basis = np.array([[1, 2, 0], [0, 1, -1], [1, 2, 1]])
    assert round(np.linalg.det(basis)) == 1
    other = vh.from_arrays(traj.positions, basis @ SKEWED, traj.species, traj.times, wrapped=False)
    a, b = (vh.structure.speciation(t, "P", "S", {"P-S": 3.4, "P-P": 2.5}) for t in (traj, other))
    for name in a.data_vars:
        np.testing.assert_allclose(a[name], b[name], atol=1e-12)


# frames, errors, blocks


def test_frames_with_other_units_and_other_cells():
    """A bridge breaks half way: P2S7 in four frames of eight, PS4 + PS3 in the others."""
    cell, positions, species = scattered([corner_chain(2), tetrahedron()], 72)
    frames = np.repeat(positions[None], 8, axis=0)
    formers = np.flatnonzero(species == "P")
    apart = frames[0][formers][:, None] - frames[0][formers]
    shift = np.rint(apart @ np.linalg.inv(cell)) @ cell
    near = np.linalg.norm(apart - shift, axis=2) < 4
    a, b = next((i, j) for i in range(3) for j in range(3) if i < j and near[i, j])
    along = (apart - shift)[b, a]
    # the second P goes away from the bridge, with the anions around it that are not the bridge
    mine = [k for k in range(len(species)) if _distance(positions[k] - positions[formers[b]], cell) < 2.6]
    bridge = [k for k in mine if _distance(positions[k] - positions[formers[a]], cell) < 2.6 and species[k] == "S"]
    assert len(bridge) == 1
    moving = [k for k in mine if k not in bridge]
    frames[4:, moving] += 0.6 * along
    scale = 1 + 0.01 * np.arange(8)[:, None, None]
    traj = vh.from_arrays(frames * scale, cell * scale, species, np.arange(8.0), wrapped=False)
    result = vh.structure.speciation(traj, "P", "S", {"P-S": 3.0, "P-P": 0})
    series = result.fraction_by_frame
    assert series.dims == ("time", "unit")
    np.testing.assert_allclose(series.sel(unit="P2S7"), [2 / 3] * 4 + [0] * 4)
    np.testing.assert_allclose(series.sel(unit="PS3"), [0] * 4 + [1 / 3] * 4)
    assert found(result, "fraction") == pytest.approx({"PS3": 1 / 6, "PS4": 1 / 2, "P2S7": 1 / 3})
    # 4 · 2 + 4 · 3 units
    assert found(result, "unit_fraction") == pytest.approx({"PS3": 4 / 20, "PS4": 12 / 20, "P2S7": 4 / 20})


def _distance(vector, cell):
    shifts = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    return np.linalg.norm(vector + shifts @ cell, axis=1).min()


def test_the_error_sees_frames_that_resemble_each_other():
    once = gas(["P"] * 6 + ["S"] * 14, 50, 73)
    again = np.repeat(once.positions, 10, axis=0)
    tenfold = vh.from_arrays(again, SKEWED, once.species, np.arange(500), wrapped=False)
    a, b = (vh.structure.speciation(t, "P", "S", {"P-S": 3.0, "P-P": 2.5}) for t in (once, tenfold))
    for name in ("fraction", "unit_fraction", "Qn", "sharing", "bridging", "coordination", "lone"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9)
        np.testing.assert_allclose(a[f"{name}_error"], b[f"{name}_error"], rtol=1e-9, atol=1e-15)


def test_the_stated_error_is_the_spread_between_runs():
    reach = {"P-S": 2.5, "P-P": 0}
    runs = [vh.structure.speciation(gas(["P"] * 8 + ["S"] * 24, 40, 7400 + k), "P", "S", reach) for k in range(150)]
    values = np.array([float(run.bridging) for run in runs])
    z = (values - values.mean()) / np.array([float(run.bridging_error) for run in runs])
    assert stats.kstest(z, stats.t(9).cdf).pvalue > 1e-3


def test_one_frame_has_no_error():
    result = vh.structure.speciation(still(*planted()), "P", "S", {"P-S": 2.6, "P-P": 2.5})
    for name in ("fraction", "Qn", "bridging", "sharing"):
        assert np.isnan(result[f"{name}_error"]).all()
    crystal = vh.structure.speciation(still(*beta_thiophosphate(), frames=3), "P", "S")
    assert float(crystal.fraction_error.max()) == 0


def test_cut_small_gives_the_same_as_in_one_piece(monkeypatch):
    traj = gas(["P"] * 6 + ["Si"] * 5 + ["S"] * 40, 57, 75, 1.3 * SKEWED)
    reach = dict.fromkeys(["P-S", "Si-S", "P-P", "P-Si", "Si-Si"], 2.4)
    monkeypatch.setenv("VANHOVE_THREADS", "1")
    whole = vh.structure.speciation(traj, ["P", "Si"], "S", reach)
    monkeypatch.setenv("VANHOVE_THREADS", "3")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    pieces = vh.structure.speciation(traj, ["P", "Si"], "S", reach)
    assert pieces.unit.values.tolist() == whole.unit.values.tolist()
    for name in whole.data_vars:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-12, atol=1e-15)


# phases


def test_shares_within_phases():
    cell, positions, species = scattered([tetrahedron()] * 4 + [corner_chain(2)] * 3 + [LONE] * 2, 76)
    traj = still(cell, positions, species, frames=3)
    reach = {"P-S": 2.6, "P-P": 0}
    formers = np.flatnonzero(species == "P")
    alone = np.array([_near(positions, species, cell, k) == 0 for k in formers])
    labels = np.full(len(species), "glass", "U9")
    labels[formers[alone]] = "crystal"
    result = vh.structure.speciation(traj, "P", "S", reach, phase=labels)
    assert result.phase.values.tolist() == ["glass", "crystal"]
    assert result.fraction_in.sel(phase="crystal", unit="PS4") == 1
    assert result.fraction_in.sel(phase="glass", unit="P2S7") == 1
    np.testing.assert_allclose(result.fraction_in.sum("unit"), 1)
    np.testing.assert_allclose(result.unit_fraction_in.sum("unit"), 1)
    assert result.Qn_in.sel(phase="glass", n=1) == 1
    plain = vh.structure.speciation(traj, "P", "S", reach)
    for name in plain.data_vars:
        np.testing.assert_allclose(result[name], plain[name], atol=1e-12)


def _near(positions, species, cell, k):
    """Formers within 4 Å of former k."""
    return sum(_distance(positions[j] - positions[k], cell) < 4 for j in np.flatnonzero(species == "P") if j != k)


def test_phases_that_change_and_units_in_two_of_them():
    cell, positions, species = scattered([corner_chain(2)], 77)
    traj = still(cell, positions, species, frames=2)
    first = np.flatnonzero(species == "P")[0]
    labels = np.full((2, len(species)), "glass", "U9")
    labels[0, first] = "interface"
    result = vh.structure.speciation(traj, "P", "S", {"P-S": 2.6, "P-P": 0}, phase=labels)
    assert result.phase.values.tolist() == ["glass", "interface"]
    assert (result.fraction_in.sel(unit="P2S7") == 1).all()
    assert result.unit_fraction.item() == 1
    dataset = result[[]].assign(phase=(("atom",), labels[1]))
    from_result = vh.structure.speciation(traj, "P", "S", {"P-S": 2.6, "P-P": 0}, phase=dataset)
    assert from_result.phase.values.tolist() == ["glass"]
    by_frame = dataset.assign(
        phase_frame=(("frame", "atom"), np.where(labels == "interface", 1, -1)), label=("label", ["glass", "interface"])
    )
    kept = vh.structure.speciation(traj, "P", "S", {"P-S": 2.6, "P-P": 0}, phase=by_frame)
    assert kept.phase.values.tolist() == ["interface", "unlabelled"]
    np.testing.assert_array_equal(kept.fraction_in, [[1], [1]])
    with pytest.raises(vh.Refusal, match=r"phases have the shape \(3,\).*2 frames of 9 atoms"):
        vh.structure.speciation(traj, "P", "S", {"P-S": 2.6, "P-P": 0}, phase=np.array(["a", "b", "c"]))


# the result


def test_the_result_says_what_it_is(tmp_path):
    traj = gas(["P"] * 6 + ["S"] * 14, 8, 78)
    result = vh.structure.speciation(traj, "P", "S", {"P-S": 3.0, "P-P": 2.5})
    parameters = json.loads(result.attrs["parameters"])
    assert parameters["formers"] == ["P"]
    assert parameters["cutoffs"] == {"P-S": 3.0, "P-P": 2.5}
    assert result.attrs["temperature"] == 300
    assert all(variable.attrs["units"] and variable.attrs["long_name"] for variable in result.variables.values())
    vh.save(result, tmp_path / "s.nc")
    assert vh.load(tmp_path / "s.nc").identical(result)


def test_the_picture():
    ax = vh.draw(vh.structure.speciation(still(*planted()), "P", "S", {"P-S": 2.6, "P-P": 2.5}), new_axes())
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[::-1] == ["formers in units", "units", "Qⁿ of formers", "anions at P", "shared by formers", "anions"]
    texts = "\n".join(text.get_text() for text in ax.texts)
    assert "PS4\n26.1%" in texts
    assert "Q⁰\n43.5%" in texts
    bars = np.array([[bar.get_y(), bar.get_x() + bar.get_width()] for bar in ax.patches])
    for height in np.unique(bars[:, 0]):
        assert bars[bars[:, 0] == height, 1].max() == pytest.approx(1)
    crystal = vh.draw(vh.structure.speciation(still(*beta_thiophosphate()), "P", "S"), new_axes())
    assert "shared by formers" not in [label.get_text() for label in crystal.get_yticklabels()]


def test_the_picture_of_phases():
    cell, positions, species = planted()
    labels = np.where(np.arange(len(species)) % 2, "glass", "crystal")
    reach = {"P-S": 2.6, "P-P": 2.5}
    ax = vh.draw(vh.structure.speciation(still(cell, positions, species), "P", "S", reach, phase=labels), new_axes())
    names = [label.get_text() for label in ax.get_yticklabels()][::-1]
    assert names == ["formers, glass", "formers, crystal", "formers, all", "Qⁿ, glass", "Qⁿ, crystal"]


def test_refusals():
    traj = gas(["P"] * 4 + ["Si"] + ["S"] * 9, 2, 79)
    reach = {"P-S": 2.5, "P-P": 0}
    for options, message in [
        (dict(formers="Ge", anions="S"), "no 'Ge'"),
        (dict(formers="P", anions=[]), "Formers and anions are needed"),
        (dict(formers=["P", "P"], anions="S"), "asked for twice"),
        (dict(formers="P", anions=["S", "P"]), "asked for twice"),
        (dict(formers="P", anions="S", cutoffs={"P-Cl": 2.0}), "'P-Cl', which is no bond here"),
        (dict(formers="P", anions="S", cutoffs=-1.0), "cutoffs of P-S is -1.0"),
        (dict(formers="P", anions="S", cutoffs={**reach, "P-S": 0}), "P has no bonds to S"),
        (dict(formers="P", anions="S", cutoffs=reach, largest=0), "largest=0"),
    ]:
        with pytest.raises(vh.Refusal, match=message):
            vh.structure.speciation(traj, **options)
    vapour = gas(["P"] * 60 + ["S"] * 200, 40, 80, 15.0 * np.eye(3))
    with pytest.raises(vh.Refusal, match=r"P has no bonds to S.*P-S 2\.44 Å.*as cutoffs"):
        vh.structure.speciation(vapour, "P", "S")


def test_no_radius_no_default():
    with pytest.warns(VanhoveWarning, match="'X1' is no element"):
        unknown = still(9.0 * np.eye(3), [[1.0, 1, 1], [3, 1, 1], [5, 5, 5]], ["X1", "S", "S"])
    with pytest.raises(vh.Refusal, match=r"No covalent radius of 'X1'.*length of the bond X1-S"):
        vh.structure.speciation(unknown, "X1", "S")
    assert found(vh.structure.speciation(unknown, "X1", "S", {"X1-S": 2.5}), "fraction") == {"X1S": 1.0}


def test_options_of_a_study_and_of_the_command_line():
    from vanhove.cli.options import arguments
    from vanhove.study.options import parameters_of, resolve

    asked = {"formers": ["Si", "P"], "anions": "S", "cutoffs": {"Si-S": 2.8, "Si-Si": 0}, "largest": 3}
    assert resolve("structure.speciation", asked)["cutoffs"] == {"Si-S": 2.8, "Si-Si": 0}
    parameters = list(parameters_of("structure.speciation").values())[1:]
    given = {"formers": "P", "anions": "S,Cl", "cutoffs": "P-S=2.6,P-P=0", "largest": "3"}
    read = arguments("structure.speciation", parameters, given)
    assert read == {"formers": "P", "anions": ["S", "Cl"], "cutoffs": {"P-S": 2.6, "P-P": 0.0}, "largest": 3}


# other people's data


def dft_frames(folder, name, frames=slice(None)):
    """Frames of a DeePMD folder."""
    where = folder / "lips-dft" / name
    kinds = np.array((where / "type_map.raw").read_text().split())
    species = kinds[np.loadtxt(where / "type.raw", dtype=int)]
    cells = np.load(where / "set.000" / "box.npy").astype(float).reshape(-1, 3, 3)[frames]
    positions = np.load(where / "set.000" / "coord.npy").astype(float).reshape(-1, len(species), 3)[frames]
    return vh.from_arrays(positions, cells, species, np.arange(len(cells)), wrapped=True)


@pytest.mark.parametrize(
    ("name", "units", "lone"),
    [
        ("beta-Li3PS4", {"PS4": 1.0}, 0), ("gamma-Li3PS4", {"PS4": 1.0}, 0), ("Li7PS6", {"PS4": 1.0}, 1 / 3),
        ("Li4P2S6", {"P2S6": 1.0}, 0), ("Li2P2S6", {"P2S6": 1.0}, 0), ("P2S5", {"P4S10": 1.0}, 0),
    ],
)  # fmt: skip
def test_crystals_of_lithium_thiophosphates(shared_data, name, units, lone):
    """The first frames are the crystals, before they are heated to 3000 K."""
    result = vh.structure.speciation(dft_frames(shared_data, name, slice(1)), "P", "S")
    assert found(result, "fraction") == units
    assert result.lone.item() == pytest.approx(lone)
    assert result.homopolar.item() == (name == "Li4P2S6")
    shared = {"Li2P2S6": {"edge": 1.0}, "P2S5": {"corner": 1.0}}.get(name, {})
    assert (found(result, "sharing") if shared else {}) == shared


def test_glasses_of_lithium_thiophosphates(shared_data):
    """More Li2S breaks bridges: fewer P2S7, more PS4."""
    shares = []
    for name in ("glass-67", "glass-70", "glass-75"):
        result = vh.structure.speciation(dft_frames(shared_data, name), "P", "S")
        sums_to_one(result)
        shares.append([float(result.fraction.sel(unit=unit)) for unit in ("PS4", "P2S6", "P2S7")])
        assert set(found(result, "fraction")) >= {"PS4", "P2S6", "P2S7"}
        assert result.homopolar.item() > 0.1
    pyro = [share[2] for share in shares]
    ortho = [share[0] for share in shares]
    assert ortho == sorted(ortho)
    assert pyro[2] < pyro[0]


def test_li6ps5cl(shared_data):
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1, temperature=500)
    result = vh.structure.speciation(traj, "P", ["S", "Cl"])
    assert found(result, "fraction") == found(result, "unit_fraction") == {"PS4": 1.0}
    assert result.lone.values.tolist() == pytest.approx([0.2, 1.0])
    assert result.cutoff.sel(bond=["P-Cl", "P-P"]).values.tolist() == [0, 0]


def test_a_quick_quench_of_a_thiosilicate(shared_data):
    path = shared_data / "na2s-sis2-md" / "prod_600K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001, temperature=600)[::10]
    result = vh.structure.speciation(traj, "Si", "S")
    sums_to_one(result)
    coordination = result.coordination.sel(former="Si")
    assert 0.5 < float(coordination.sel(around_former=4)) < 0.65
    assert 0.25 < float(coordination.sel(around_former=5)) < 0.4
    assert float(result.sharing.sel(kind="edge")) > 0.03
    assert float(result.fraction.sel(unit="network")) > 0.95
    assert result.homopolar.item() == 0
