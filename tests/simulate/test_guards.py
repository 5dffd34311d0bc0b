from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate import _run
from vanhove.simulate._guards import Guards, Watch, check_before
from vanhove.simulate._potential import Buckingham, buckingham, potential
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp
from vanhove.simulate._run import run
from vanhove.simulate.deck import start_of
from vanhove.simulate.legs import cut
from vanhove.simulate.thermo import Log, Row, explain

Processes = Callable[[Path], dict[int, str]]


def with_dispersion(C: float) -> Buckingham:
    known = potential("na2s-sis2", cutoff=7.0)
    terms = {pair: (known.term(pair).A, known.term(pair).rho, known.term(pair).C) for pair in known.pair_labels}
    terms["S-S"] = (terms["S-S"][0], terms["S-S"][1], C)
    return buckingham(terms, known.charges, cutoff=7.0, name="changed")


def row(step: int, temperature: float, potential_energy: float = -100.0) -> Row:
    return Row(step, temperature, potential_energy, 0.0, 0.0)


def see_all(looking: Watch, rows: list[Row]) -> None:
    for one in rows:
        looking.see(one)


def watch(small: Any, protocol: Protocol, folder: Path, guards: Guards | None = None) -> Watch:
    start = start_of(small, potential("na2s-sis2"))
    looking = Watch(guards or Guards(), start, {"S-S": 0.8}, protocol.timestep)
    looking.begin(cut(protocol, 10**6)[0], folder)
    return looking


def test_a_potential_whose_barrier_is_low_is_refused_before_the_start(small: Any, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"S-S apart is only 72 kcal/mol high, 12.1 k_B T at 3000 K"):
        run(small, with_dispersion(1e5), [Minimise(), Hold(3000, 1)], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    no_barrier = buckingham({"S-S": (1.0, 0.3, 1e5)}, {"S": 0.0})
    del small[[atom.index for atom in small if atom.symbol != "S"]]
    with pytest.raises(Refusal, match="Nothing holds S-S apart"):
        run(small, no_barrier, [Minimise()], tmp_path / "run")


def test_a_start_inside_a_barrier_is_refused(small: Any, tmp_path: Path) -> None:
    sulphur = [atom.index for atom in small if atom.symbol == "S"]
    small.positions[sulphur[0]] = small.positions[sulphur[1]] + [0, 0, 0.7] + small.cell[0]
    first, second = sorted(sulphur[:2])
    with pytest.raises(Refusal, match=rf"S-S atoms {first} and {second} at 0.700 Å, inside the 0.786 Å"):
        run(small, potential("na2s-sis2"), [Minimise()], tmp_path / "run")


def test_the_published_potential_passes_at_3000_kelvin(small: Any) -> None:
    forces = potential("na2s-sis2")
    check_before(start_of(small, forces), forces, Protocol((Hold(3000, 1),)))


@pytest.mark.usefixtures("lammps")
def test_atoms_that_fall_into_each_other_stop_the_run(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run, "check_before", lambda *_: None)
    with pytest.raises(Refusal, match=r"Stage 'minimise' was stopped: there are S-S atoms .* inside the 1.684 Å"):
        run(small, with_dispersion(3e4), [Minimise(), Hold(3000, 1)], tmp_path)


@pytest.mark.usefixtures("lammps")
def test_contacts_are_looked_for_while_it_runs(
    relaxed: Any, forces: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: Processes
) -> None:
    monkeypatch.setattr(_run, "bounds", lambda *_: {"S-S": 0.8, "Si-S": 2.6})
    with pytest.raises(Refusal, match=r"there are (Si-S|S-Si) atoms .* inside the 2.600 Å"):
        run(relaxed, forces, [Hold(300, 500)], tmp_path, leg_steps=10**6)
    assert processes(tmp_path) == {}


@pytest.mark.usefixtures("lammps")
def test_the_temperature_is_watched(small: Any, forces: Any, tmp_path: Path, processes: Processes) -> None:
    protocol = [Minimise(), Hold(3000, 20)]
    with pytest.raises(Refusal, match=r"mean temperature of the last 1 ps .* ± 0.01 %.*step \d+ of 20000"):
        run(small, forces, protocol, tmp_path, guards=Guards(temperature=1e-4))
    assert processes(tmp_path) == {}
    assert (tmp_path / "legs/001-hold.attempt/log.lammps").exists()  # to be read


@pytest.mark.usefixtures("lammps")
@pytest.mark.parametrize("ranks", [1, 2])
def test_lost_atoms_are_said_in_words(
    small: Any, forces: Any, tmp_path: Path, ranks: int, processes: Processes
) -> None:
    protocol = Protocol((Minimise(), Hold(3000, 10)), timestep=40.0)
    with pytest.raises(
        Refusal, match=r"Stage 'hold' was stopped.*(Lost atoms|Out of range).*moved farther than a cell"
    ):
        run(small, forces, protocol, tmp_path, ranks=ranks)
    assert processes(tmp_path) == {}


@pytest.mark.usefixtures("lammps")
def test_a_silent_engine_is_stopped(relaxed: Any, forces: Any, tmp_path: Path, processes: Processes) -> None:
    def freeze() -> None:
        for _ in range(200):
            time.sleep(0.05)
            commands = processes(tmp_path)
            ranks = [pid for pid, said in commands.items() if "/lmp\0-in" in said and "mpiexec" not in said]
            if ranks:
                os.kill(ranks[0], signal.SIGSTOP)
                return

    thread = threading.Thread(target=freeze)
    thread.start()
    with pytest.raises(Refusal, match="said nothing for 1 s"):
        run(relaxed, forces, [Hold(300, 500)], tmp_path, guards=Guards(silence=1.0), ranks=2)
    thread.join()
    assert processes(tmp_path) == {}


def test_the_dip_after_a_minimisation_is_not_a_fault(small: Any, tmp_path: Path) -> None:
    looking = watch(small, Protocol((Hold(3000, 5),)), tmp_path)
    dip = [3000.0, 2000, 1760, 1900, 2300, 2700, 2900, 2990]
    for number in range(51):
        looking.see(row(100 * number, dip[number] if number < len(dip) else 3000.0))


@pytest.mark.parametrize("stage", [Hold(1000, 8), Produce(1000, 8, 0.1), Ramp(1400, 600, 100)])
def test_a_mean_outside_its_bound_is_a_fault(small: Any, tmp_path: Path, stage: Any) -> None:
    looking = watch(small, Protocol((stage,)), tmp_path)
    leg = cut(Protocol((stage,)), 10**6)[0]
    with pytest.raises(Refusal, match="mean temperature"):
        see_all(looking, [row(step, 1.3 * leg.target(step)) for step in range(0, 8001, 100)])
    fine = watch(small, Protocol((stage,)), tmp_path)
    noise = np.random.default_rng(1).normal(1.1, 0.08, 81)
    for number in range(81):
        fine.see(row(100 * number, leg.target(100 * number) * noise[number]))


def test_what_is_no_number_or_far_too_hot_is_a_fault_at_once(small: Any, tmp_path: Path) -> None:
    protocol = Protocol((Hold(1000, 5),))
    with pytest.raises(Refusal, match="the energy is nan"):
        watch(small, protocol, tmp_path).see(row(0, 1000, float("nan")))
    with pytest.raises(Refusal, match="5 times"):
        watch(small, protocol, tmp_path).see(row(0, 6000))


def test_legs_of_one_stage_are_watched_as_one(small: Any, tmp_path: Path) -> None:
    protocol = Protocol((Hold(1000, 3),))
    legs = cut(protocol, 500)
    looking = Watch(Guards(), start_of(small, potential("na2s-sis2")), {"S-S": 0.8}, 1.0)
    for leg in legs[:-1]:
        looking.begin(leg, tmp_path)
        see_all(
            looking, [row(step, 1000.0 if step <= 2000 else 1500.0) for step in range(leg.start, leg.stop + 1, 100)]
        )
    looking.begin(legs[-1], tmp_path)
    with pytest.raises(Refusal, match=r"step 3000 .*3\.00 ps"):
        see_all(looking, [row(step, 1500.0) for step in range(2500, 3001, 100)])


def test_a_log_is_followed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(path)
    assert log.read() == []
    text = "LAMMPS\n   Step  Temp  PotEng  TotEng  Press\n  0 300 -1.5 -1.0 7\n  100 310 nan"
    path.write_text(text)
    assert log.read() == [Row(0, 300, -1.5, -1.0, 7)]
    path.write_text(text + " -1.1 8\nLoop time of 1 2 3\n 1 2 3 4 5\n")
    (last,) = log.read()
    assert last.step == 100
    assert np.isnan(last.potential)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x\nERROR: Lost atoms: original 96 current 95 (src/thermo.cpp:526)\n", "moved farther than a cell"),
        ("ERROR on proc 1: Out of range atoms - cannot compute PPPM (src/pppm.cpp:1)\n", "moved farther than a cell"),
        ("ERROR: Unknown pair style buk (src/force.cpp:275)\nLast command: x\n", "Unknown pair style buk"),
        ("nothing\n", "does not say why"),
        ("", "does not say why"),
    ],
)
def test_errors_are_translated(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log").write_text(text)
    end = explain(1, tmp_path / "log", tmp_path / "absent")
    assert said in end.why
    assert ".cpp" not in end.why
    assert end.do


def test_a_killed_engine_says_so(tmp_path: Path) -> None:
    assert explain(137, tmp_path / "absent").why == "it was killed by signal 9 from outside"
    assert "in part" in explain(70, tmp_path / "absent").why
