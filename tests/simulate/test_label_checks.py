"""What the checks find: planted faults of every kind, and nothing in sound frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from label_files import Frames, springs

from vanhove.simulate import Labelled, System
from vanhove.simulate.label_energies import steps_of
from vanhove.simulate.label_repeats import same_frames

HARTREE, BOHR = 27.211386245988, 0.529177210903
SPECIES = ("Li",) * 4 + ("P",) + ("S",) * 3


def system(name: str = "a", frames: Frames | None = None, **changes: object) -> System:
    made = springs(40, breathing=0.01) if frames is None else frames
    sound = System(name, made.species, made.cell, made.positions, made.energy, made.forces, made.virial)
    return replace(sound, **changes)


def kinds(*systems: System, least: str = "doubt") -> list[tuple[str, str, str]]:
    order = ["error", "doubt", "note"]
    found = Labelled.of(systems).check()
    assert found == sorted(found, key=lambda one: order.index(one.severity))
    return [(one.severity, one.kind, one.system) for one in found if order.index(one.severity) <= order.index(least)]


def said(*systems: System) -> str:
    return "\n".join(map(str, Labelled.of(systems).check()))


def test_sound_frames_pass() -> None:
    assert kinds(system(), least="note") == []
    for seed in range(4):
        assert kinds(system(frames=springs(30, SPECIES, seed=seed))) == []


def test_the_change_of_energy_is_the_work() -> None:
    """To the third power of the step: half the step, an eighth of what is missed."""
    missed = []
    for step in (0.04, 0.02):
        steps = steps_of(system(frames=springs(40, breathing=0.02, step=step)))
        assert steps.strain is not None
        missed.append(np.abs(steps.change - steps.work - steps.strain).max())
        assert missed[-1] < 0.02 * np.abs(steps.change).max()
    assert missed[1] < missed[0] / 6


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (dict(energy=1 / HARTREE), "energies are in hartree"),
        (dict(forces=BOHR / HARTREE), "forces are in hartree/bohr"),
        (dict(energy=1 / HARTREE, forces=BOHR / HARTREE), "energies and forces are in atomic units"),
        (dict(forces=-1.0), "forces are gradients"), (dict(energy=23.0605), "energies are in kcal/mol"),
        (dict(energy=1 / 8), "energies are an atom's"), (dict(energy=1e3), "energies are in meV"),
        (dict(energy=3.0), r"energy changes by 3 times the work of the forces\."),
    ],
)  # fmt: skip
def test_units_are_told_by_the_work_of_the_forces(changes: dict[str, float], match: str) -> None:
    sound = system(frames=springs(40))
    scaled = {name: getattr(sound, name) * factor for name, factor in changes.items()}
    text = said(replace(sound, **scaled))
    assert "error: a: the energy changes" in text
    import re

    assert re.search(match, text), text


def test_lengths_in_bohr() -> None:
    sound = system(frames=springs(40))
    stretched = replace(sound, positions=sound.positions / BOHR, cell=sound.cell / BOHR)
    assert "positions are in bohr" in said(stretched)
    apart = stretched.taken([0, 20])  # two frames have no work to tell by
    assert "may be in bohr" in said(apart)
    tiny = replace(sound, positions=sound.positions / 10, cell=sound.cell / 10)
    assert ("error", "contacts", "a") in kinds(tiny)


def test_virials_of_the_wrong_sign_or_unit() -> None:
    sound = system(frames=springs(60, breathing=0.03))
    assert sound.virial is not None
    assert kinds(sound) == []
    assert "sign of a stress" in said(replace(sound, virial=-sound.virial))
    assert "GPa times the volume" in said(replace(sound, virial=sound.virial * 160.2177))
    still = system(frames=springs(30))
    assert still.virial is not None
    assert "may be stresses, or in kbar" in said(replace(still, virial=still.virial * 1602.177))
    turned = still.virial.copy()
    turned[3, 0, 1] += 5
    assert "not symmetric (frames 3)" in said(replace(still, virial=turned))
    assert kinds(replace(still, virial=None), least="note") == [("note", "virial", "a")]


def test_energies_of_other_frames() -> None:
    sound = system(frames=springs(60))
    mixed = np.random.default_rng(3).permutation(60)
    assert ("error", "energies", "a") in kinds(replace(sound, energy=sound.energy[mixed]))


def test_a_jump_of_the_energy_between_joined_runs() -> None:
    sound = system(frames=springs(60, step=0.01))
    shifted = sound.energy + np.where(np.arange(60) >= 37, 0.3, 0.0)
    (finding,) = Labelled.of([replace(sound, energy=shifted)]).check()
    assert (finding.severity, finding.kind, finding.frames) == ("doubt", "energies", (37,))
    assert "37.5 meV an atom" in finding.what


def test_outliers_of_frames_that_do_not_follow_each_other() -> None:
    frames = springs(300, step=0.4)
    scattered = system(frames=frames.part(list(range(0, 300, 5))))
    energy = scattered.energy.copy()
    energy[11] += 25 * np.median(np.abs(energy - np.median(energy)))  # 17 standard deviations
    found = Labelled.of([replace(scattered, energy=energy)]).check()
    assert [(one.severity, one.kind) for one in found] == [("doubt", "energies"), ("note", "jumps")]
    assert found[0].frames == (11,)


def test_drift() -> None:
    sound = system(frames=springs(100, step=0.005))
    rising = sound.energy + 0.03 * np.arange(100)
    assert "drifts by" in said(replace(sound, energy=rising))


def test_forces_far_out() -> None:
    sound = system()
    forces = sound.forces.copy()
    forces[7, 2] += [900.0, 0, 0]
    found = [one for one in Labelled.of([replace(sound, forces=forces)]).check() if one.kind == "forces"]
    assert found[0].frames == (7,)
    assert "on Li 2 in frame 7" in found[0].what
    assert found[0].severity == "error"
    assert "do not sum to zero" in found[1].what
    assert found[1].frames == (7,)
    assert "hartree/bohr, or the atoms are at rest" in said(replace(sound, forces=sound.forces * 1e-4).taken([0, 20]))


def test_frames_that_are_there_twice() -> None:
    sound = system(frames=springs(20))
    again = sound.taken([*range(20), 4, 11])
    found = [one for one in Labelled.of([again]).check() if one.kind == "duplicates"]
    assert [(one.severity, one.frames) for one in found] == [("doubt", (20, 21))]
    energy = again.energy.copy()
    energy[20] += 1.0
    found = [one for one in Labelled.of([replace(again, energy=energy)]).check() if one.kind == "duplicates"]
    assert [(one.severity, one.frames) for one in found] == [("error", (20,)), ("doubt", (21,))]
    found = [
        one for one in Labelled.of([sound, replace(sound.taken([3, 5]), name="b")]).check() if one.kind == "duplicates"
    ]
    assert [(one.system, one.frames) for one in found] == [("b", (0, 1))]
    assert "of a" in found[0].what


def test_repeated_frames_are_known_wrapped_rounded_and_turned_about() -> None:
    """Against every pair compared one by one."""
    rng = np.random.default_rng(2)
    sound = system(frames=springs(30, step=0.003))
    order = rng.integers(0, 30, 50)
    copies = sound.taken(order)
    shifts = rng.integers(-2, 3, copies.positions.shape).astype(float)
    moved = copies.positions + np.einsum("fai,fij->faj", shifts, copies.cell)
    copies = replace(copies, positions=np.round(moved, 5), cell=copies.cell.astype(np.float32).astype(float))
    first, second = same_frames([copies])
    expected = {b: max(a for a in range(b) if order[a] == order[b]) for b in range(50) if order[b] in order[:b]}
    assert dict(zip(second.tolist(), first.tolist(), strict=True)) == expected


def test_energies_that_do_not_belong_together() -> None:
    """Of systems of three elements, each of them sound by itself."""
    made = []
    for k, (li, p, s) in enumerate([(4, 1, 3), (2, 2, 4), (5, 0, 3), (0, 3, 5), (3, 3, 2), (1, 1, 6)]):
        frames = springs(20, ("Li",) * li + ("P",) * p + ("S",) * s, seed=k)
        level = -200.0 * li - 180.0 * p - 280.0 * s
        made.append(system(f"s{k}", frames, energy=frames.energy - frames.energy.mean() + level))
    assert [one for one in kinds(*made) if one[1] == "composition"] == []
    made[2] = replace(made[2], energy=made[2].energy / HARTREE)
    made[4] = replace(made[4], energy=made[4].energy + 60.0)
    found = [one for one in kinds(*made) if one[1] == "composition"]
    assert found == [("error", "composition", "s2"), ("doubt", "composition", "s4")]
