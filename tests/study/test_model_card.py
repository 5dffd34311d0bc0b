"""A potential against itself, and spoiled ones against it: what a card must say is known beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from noble_liquid import TEMPERATURE, gas, lattice

import vanhove as vh
from vanhove import simulate, study
from vanhove.base.errors import Refusal
from vanhove.simulate import Hold, Labelled, Minimise, Produce, Protocol
from vanhove.simulate.engine import find_lammps
from vanhove.study.card_beside import differences

MOVES = study.Moves(timestep=0.004, equilibrate=1.0, energy=8.0, hot_time=1.0, larger_time=1.0)


class Truth(NamedTuple):
    reference: vh.Trajectory
    train: Labelled
    held_out: Labelled
    larger: Labelled


def fluid(folder: Path, cells: tuple[int, int, int], ps: float, every: float) -> vh.Trajectory:
    stages = (Minimise(), Hold(TEMPERATURE, 4), Produce(TEMPERATURE, ps, every=every, velocities=True))
    return simulate.run(lattice(cells), gas(), Protocol(stages, timestep=4.0), folder, ranks=1).trajectory


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """A run of the noble gases, labelled by the potential that made it."""
    try:
        find_lammps()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    folder = tmp_path_factory.mktemp("truth")
    reference = fluid(folder / "run", (4, 4, 4), 16.0, 0.008)
    large = fluid(folder / "large", (4, 4, 6), 2.0, 0.4)
    labels = simulate.label({"fluid": reference[::50]}, gas(), folder / "labels", ranks=1)
    train, held_out = labels.split(0.3, gap=1)
    return Truth(reference, train, held_out, simulate.label({"large": large}, gas(), folder / "more", ranks=1))


@pytest.fixture(scope="module")
def of_itself(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> study.Card:
    return study.validate(
        gas(), tmp_path_factory.mktemp("card") / "card", held_out=truth.held_out, trained_on=truth.train,
        larger=truth.larger, reference=truth.reference, temperatures=[TEMPERATURE], moves=MOVES, ranks=1,
    )  # fmt: skip


def verdicts(card: study.Card) -> dict[str, str]:
    return {one.about: one.verdict for one in card.judgements}


def said(card: study.Card, about: str) -> str:
    return next(one.text for one in card.judgements if one.about == about)


def test_a_potential_against_itself_is_right(of_itself: study.Card) -> None:
    found = of_itself.content["found"]
    assert found["parity"]["force"] < 1e-9
    assert found["parity"]["virial"] < 1e-9
    assert found["larger"]["force"] < 1e-9
    told = verdicts(of_itself)
    certain = (
        "forces", "energies", "virials", "a larger cell, by labels", "drift of the energy", "a repulsive wall",
        "closest approach in a hot run",
    )  # fmt: skip
    assert {told.pop(about) for about in certain} == {"holds"}, of_itself.describe()
    names = ("places of the peaks of g(r)", "heights of the peaks of g(r)", "vibrations", "displacements")
    assert set(told) == set(names)
    assert "fails" not in told.values(), of_itself.describe()  # 16 ps of 64 atoms leave some of it open
    assert of_itself.verdict in ("holds", "open")


def test_two_runs_of_one_potential_differ_by_their_errors(of_itself: study.Card) -> None:
    found = of_itself.content["found"]["physics"]
    for place, error, share, share_error in differences(found["peaks"]).values():
        assert abs(place) < 5 * error  # of five parts of a run: Student's t
        assert abs(share) < 5 * share_error
    for one in found["displacements"]["species"].values():
        assert abs(one["ratio"] - 1) < 4 * one["error"]
    for one in found["vibrations"]["species"].values():
        assert one["overlap"] > 0.95
    assert found["ps"] == pytest.approx(16.0)
    assert found["displacements"]["lag"] == pytest.approx(4.0)


def test_the_range_is_that_of_the_frames(of_itself: study.Card, truth: Truth) -> None:
    seen = of_itself.content["found"]["range"]
    system = truth.train.systems[0]
    assert seen["largest"] == 64
    assert seen["frames"] == truth.train.frames
    for pair, distance in seen["closest"].items():
        first, second = pair.split("-")
        shortest = np.inf
        for positions, cell in zip(system.positions, system.cell, strict=True):  # by hand
            species = np.array(system.species)
            away = positions[species == first][:, None] - positions[species == second][None]
            away -= np.rint(away @ np.linalg.inv(cell)) @ cell
            lengths = np.linalg.norm(away, axis=-1)
            shortest = min(shortest, lengths[lengths > 0].min())
        assert distance == pytest.approx(shortest, abs=1e-9)
    mass = 32 * (39.95 + 83.798)
    assert seen["systems"][0]["density"][0] == pytest.approx(1.66054 * mass / 15.6**3, rel=1e-4)
    assert any("200 K" in sentence for sentence in of_itself.content["range"])


def test_a_spoiled_potential_errs_by_what_a_hand_sum_says(truth: Truth, tmp_path: Path) -> None:
    spoiled = gas(repulsion=1.05)
    card = study.validate(spoiled, tmp_path / "card", held_out=truth.held_out, trained_on=truth.train, ranks=1)
    frames = [
        lattice().__class__(truth.held_out.systems[0].species, positions=positions, cell=cell, pbc=True)
        for positions, cell in zip(truth.held_out.systems[0].positions, truth.held_out.systems[0].cell, strict=True)
    ]  # fmt: skip
    difference = np.array(simulate.forces(spoiled, ranks=1).many(frames)) - truth.held_out.systems[0].forces
    by_hand = float(np.sqrt((difference**2).sum() / difference.size))
    assert by_hand > 1e-3
    assert card.content["found"]["parity"]["force"] == pytest.approx(by_hand, rel=1e-9)
    worst = np.sqrt((difference**2).mean(axis=(1, 2)))
    curve = vh.load(card.directory / "data" / "parity-parity.nc")
    assert float(curve.worst_force[0]) == pytest.approx(worst.max(), rel=1e-9)
    assert int(curve.worst_frame[0]) == truth.held_out.systems[0].frame_of[worst.argmax()]
    assert verdicts(card)["forces"] == "holds"  # some meV/Å: the bound is 0.3
    again = study.validate(
        spoiled, tmp_path / "card", held_out=truth.held_out, trained_on=truth.train, ranks=1,
        bounds=study.Bounds(force=0.5 * by_hand),
    )  # fmt: skip
    assert verdicts(again)["forces"] == "fails"
    assert again.verdict == "fails"
    assert f"the bound is {0.5 * by_hand:g} eV/Å" in said(again, "forces")
    tested = {"forces", "energies", "virials", "a repulsive wall"}
    assert {about for about, verdict in verdicts(again).items() if verdict != "not tested"} == tested


def test_a_potential_without_a_wall_is_caught(truth: Truth, tmp_path: Path) -> None:
    holed = gas(dispersion=7.6)  # its barriers are some eV high
    low = {pair: found for pair, found in holed.turnovers.items() if found.climb * 0.04336 < 2.5}
    assert low
    card = study.validate(holed, tmp_path / "card", held_out=truth.held_out, ranks=1)
    assert verdicts(card)["a repulsive wall"] == "fails"
    for pair in low:
        assert f"{pair} turns over at" in said(card, "a repulsive wall")
    curve = vh.load(card.directory / "data" / "wall-curve.nc")
    row = curve.pair.values.tolist().index("Ar-Ar")  # the others hardly move: the pair's own energy, by hand
    r, energy = curve.r.values[row], curve.energy.values[row]
    near = np.isfinite(r) & (r < 1.6)
    own = 0.0433641 * (holed.energy("Ar-Ar", r[near][-1]) - holed.energy("Ar-Ar", r[near][0]))
    assert energy[near][-1] - energy[near][0] == pytest.approx(own, rel=0.02)


def test_atoms_that_nothing_holds_apart_stop_every_run(truth: Truth, tmp_path: Path) -> None:
    card = study.validate(
        gas(dispersion=12.0), tmp_path / "card", held_out=truth.held_out, temperature=TEMPERATURE, moves=MOVES, ranks=1
    )
    assert verdicts(card)["drift of the energy"] == "fails"
    assert "came to no end. Nothing holds" in said(card, "drift of the energy")
    assert verdicts(card)["closest approach in a hot run"] == "fails"


def test_steps_that_are_too_long_are_caught(truth: Truth, tmp_path: Path) -> None:
    moves = study.Moves(timestep=0.08, equilibrate=1.0, energy=40.0, hot_time=1.0)
    card = study.validate(
        gas(), tmp_path / "card", held_out=truth.held_out, temperature=TEMPERATURE, moves=moves, ranks=1
    )
    assert verdicts(card)["drift of the energy"] == "fails", card.describe()


def test_another_liquid_is_told_from_the_reference(truth: Truth, tmp_path: Path) -> None:
    wider = gas(repulsion=2.0)  # pairs lie 0.19 Å farther apart: ρ ln 2
    card = study.validate(wider, tmp_path / "card", reference=truth.reference, moves=MOVES, ranks=1)
    assert verdicts(card)["places of the peaks of g(r)"] == "fails", card.describe()
    assert verdicts(card)["forces, energies and virials"] == "not tested"
    peaks = card.content["found"]["physics"]["peaks"]
    for one in peaks.values():
        ours, theirs = one["position"]
        assert 0.02 < ours - theirs < 0.3


def test_frames_without_times_show_only_where_atoms_sit(truth: Truth, tmp_path: Path) -> None:
    moves = study.Moves(timestep=0.004, equilibrate=1.0, energy=2.0, hot_time=0.2, compared=4.0)
    card = study.validate(
        gas(), tmp_path / "card", reference=simulate.Labelled.of([*truth.train.systems]), temperature=TEMPERATURE,
        moves=moves, ranks=1,
    )  # fmt: skip
    told = verdicts(card)
    assert told["vibrations"] == told["displacements"] == "not tested"
    assert "have no times" in said(card, "displacements")
    assert "fails" not in told.values()
    assert set(card.content["found"]["physics"]["peaks"]) == {"Ar-Ar", "Kr-Ar", "Kr-Kr"} or told["g(r)"] == "not tested"
    both = Labelled.of([*truth.train.systems, *truth.larger.systems])
    with pytest.raises(Refusal, match="The reference has 2 systems"):
        study.validate(gas(), tmp_path / "card", reference=both)


def test_without_anything_nothing_is_tested(tmp_path: Path) -> None:
    card = study.validate(gas(), tmp_path / "card")
    assert set(verdicts(card).values()) == {"not tested"}
    assert card.sentence == "Nothing was tested."
    assert said(card, "g(r)") == "No reference was given."
    assert "not known" in card.content["range"][0]


def test_a_cell_that_is_not_larger_is_said(truth: Truth, tmp_path: Path) -> None:
    card = study.validate(
        gas(), tmp_path / "card", held_out=truth.held_out, trained_on=truth.train, larger=truth.held_out, ranks=1
    )
    assert verdicts(card)["a larger cell"] == "not tested"
    assert "64 atoms, and the training's has up to 64" in said(card, "a larger cell")


def test_a_structure_alone_shows_only_that_it_runs(truth: Truth, tmp_path: Path) -> None:
    card = study.validate(
        gas(), tmp_path / "card", trained_on=truth.train, larger=lattice((4, 4, 6)), temperature=TEMPERATURE,
        moves=study.Moves(timestep=0.004, equilibrate=0.5, energy=2.0, hot_time=0.2, larger_time=0.4), ranks=1,
    )  # fmt: skip
    assert verdicts(card)["a larger cell"] == "not tested"
    assert "no labels and no committee" in said(card, "a larger cell")


def test_what_is_done_is_not_done_again(of_itself: study.Card, truth: Truth) -> None:
    steps: list[str] = []
    before = (of_itself.directory / "card.json").read_bytes()
    how: dict[str, Any] = dict(
        held_out=truth.held_out, trained_on=truth.train, larger=truth.larger, reference=truth.reference, moves=MOVES,
        temperatures=[TEMPERATURE], ranks=1, progress=steps.append,
    )  # fmt: skip
    study.validate(gas(), of_itself.directory, **how)
    assert steps == []
    assert (of_itself.directory / "card.json").read_bytes() == before
    json.loads(before, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert study.read_card(of_itself.directory).judgements == of_itself.judgements


def test_stopped_it_goes_on(truth: Truth, tmp_path: Path) -> None:
    class Stop(Exception): ...

    def until_drift(step: str) -> None:
        steps.append(step)
        if step == "drift" and len(steps) == 3:
            raise Stop

    steps: list[str] = []
    how: dict[str, Any] = dict(held_out=truth.held_out, temperature=TEMPERATURE, moves=MOVES, ranks=1)
    with pytest.raises(Stop):
        study.validate(gas(), tmp_path / "card", **how, progress=until_drift)
    assert not (tmp_path / "card" / "card.json").exists()
    study.validate(gas(), tmp_path / "card", **how, progress=until_drift)
    assert steps == ["parity", "wall", "drift", "drift", "hot"]
    (tmp_path / "card" / "data" / "hot.json").write_text("{", encoding="utf-8")  # damaged: done again
    study.validate(gas(), tmp_path / "card", **how, progress=until_drift)
    assert steps[5:] == ["hot"]


def test_wrong_input_is_refused(tmp_path: Path, truth: Truth) -> None:
    with pytest.raises(Refusal, match="no potential"):
        study.validate(3, tmp_path / "card")  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="no model file"):
        study.validate("na2s-sis3", tmp_path / "card")
    with pytest.raises(Refusal, match="There is no model file"):
        study.validate("missing.pb", tmp_path / "card")
    with pytest.raises(Refusal, match="Only DeePMD models"):
        study.validate([gas(), gas()], tmp_path / "card")  # type: ignore[list-item]
    with pytest.raises(Refusal, match=r"overlap=1\.2"):
        study.Bounds(overlap=1.2)
    with pytest.raises(Refusal, match=r"msd=0\.5"):
        study.Bounds(msd=0.5)
    with pytest.raises(Refusal, match="timestep=-1"):
        study.Moves(timestep=-1)
    with pytest.raises(Refusal, match="-3 K"):
        study.validate(gas(), tmp_path / "card", temperature=-3)
    with pytest.raises(Refusal, match="There is no card"):
        study.read_card(tmp_path)
    with pytest.raises(Refusal, match="has no Ar"):
        study.validate("na2s-sis2", tmp_path / "card", held_out=truth.held_out)


def test_a_calculator_of_ase_is_judged_alike(tmp_path: Path) -> None:
    argon = simulate.calculator("lj", sigma=3.4, epsilon=0.0104, rc=6.0, smooth=True)
    generator = np.random.default_rng(2)
    frames = []
    for _ in range(4):
        atoms: Any = lattice((2, 2, 2))
        atoms.positions += generator.normal(0, 0.1, (8, 3))
        frames.append(atoms)
    labels = simulate.label({"lj": frames}, argon, tmp_path / "labels", ranks=1)
    moves = study.Moves(timestep=0.004, equilibrate=0.2, energy=4.0, hot_time=0.2)
    card = study.validate(argon, tmp_path / "card", held_out=labels, temperature=30.0, moves=moves, ranks=1)
    assert card.content["found"]["parity"]["force"] < 1e-12
    assert not card.content["own_zero"]
    told = verdicts(card)
    assert {told[about] for about in ("forces", "energies", "a repulsive wall")} == {"holds"}
    assert told["drift of the energy"] in ("holds", "open"), card.describe()
