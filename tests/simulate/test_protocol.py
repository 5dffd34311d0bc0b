from __future__ import annotations

import json
from itertools import pairwise

import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp, as_protocol, melt_quench
from vanhove.simulate.legs import cut, default_leg_steps


def full() -> Protocol:
    return Protocol((*melt_quench(1400, mix_ps=7, relax_ps=3), Produce(1400, 10, 0.05)), timestep=2.0)


def test_protocols_survive_json() -> None:
    protocol = full()
    written = json.dumps(protocol.to_dict())
    assert Protocol.from_dict(json.loads(written)) == protocol
    assert json.dumps(Protocol.from_dict(json.loads(written)).to_dict()) == written
    whole, decimal = Protocol((Hold(300, 1),)), Protocol((Hold(300.0, 1.0),), 1, 100)
    assert json.dumps(whole.to_dict()) == json.dumps(decimal.to_dict())


def test_melt_quench_is_the_usual_way_to_a_glass() -> None:
    stages = melt_quench(1000, mix=3000, mix_ps=20, rate=100)
    assert [stage.name for stage in stages] == ["minimise", "mix", "quench", "relax"]
    assert isinstance(stages[2], Ramp)
    assert stages[2].ps == 20.0


def test_steps_and_frames() -> None:
    protocol = full()
    assert [protocol.steps(stage) for stage in protocol.stages] == [0, 3500, 8000, 1500, 5000]
    assert protocol.production is protocol.stages[-1]
    assert protocol.frame_steps(protocol.stages[-1]) == 25
    assert protocol.highest_temperature == 3000


@pytest.mark.parametrize("leg_steps", [1, 100, 333, 1000, 10**6])
def test_legs_cover_every_step_once(leg_steps: int) -> None:
    protocol = full()
    legs = cut(protocol, leg_steps)
    assert [leg.number for leg in legs] == list(range(len(legs)))
    for number, stage in enumerate(protocol.stages):
        mine = [leg for leg in legs if leg.stage_number == number]
        assert mine[0].start == 0
        assert mine[-1].stop == protocol.steps(stage)
        assert all(a.stop == b.start for a, b in pairwise(mine))
        assert all(leg.stop - leg.start <= max(leg_steps, 25) for leg in mine)
    assert all(leg.start % 25 == 0 for leg in legs if leg.stage is protocol.production)
    moved = [leg.done_before + leg.stop - leg.start for leg in legs]
    assert all(leg.done_before == before for leg, before in zip(legs[1:], moved, strict=False))


def test_a_ramp_is_cut_where_its_temperature_has_come() -> None:
    legs = cut(Protocol((Ramp(3000, 1000, 100),)), 5000)
    assert [(leg.target(leg.start), leg.target(leg.stop)) for leg in legs] == [
        (3000, 2500), (2500, 2000), (2000, 1500), (1500, 1000),
    ]  # fmt: skip


def test_the_length_of_a_leg_depends_on_the_size_alone() -> None:
    assert default_leg_steps(480) == 20500
    assert default_leg_steps(3000) == 3000
    assert default_leg_steps(10**7) == 500


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Hold(-1, 1), "temperature=-1"),
        (lambda: Hold(300, float("nan")), "ps=nan"),
        (lambda: Ramp(300, 300, 1), "Use Hold"),
        (lambda: Ramp(300, 600, -1), "rate=-1"),
        (lambda: Produce(300, 1, 2), "Shorten every"),
        (lambda: Hold(300, 1, "../up"), "can't be named"),
        (lambda: Protocol(()), "no stage"),
        (lambda: Protocol((Produce(300, 1, 0.1), Hold(300, 1))), "follows the production"),
        (lambda: Protocol((Hold(300, 1e-5),)), "shorter than one time step"),
        (lambda: Protocol((Produce(300, 1, 1e-5),)), "more than one a time step"),
        (lambda: Protocol((Hold(300, 1),), timestep=0), "timestep=0"),
        (lambda: as_protocol(["mix"]), "is no stage"),  # type: ignore[list-item]  # what a person may write
        (lambda: Protocol.from_dict({"stages": [{"kind": "hodl"}]}), "Did you mean 'hold'"),
        (lambda: Protocol.from_dict({"stages": [{"kind": "hold", "kelvin": 3}]}), "kelvin"),
    ],
)
def test_wrong_protocols_are_refused(wrong, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refusal, match=said):
        wrong()


def test_minimise_is_one_leg_without_steps() -> None:
    (leg,) = cut(Protocol((Minimise(),)), 100)
    assert (leg.start, leg.stop, leg.stage_steps) == (0, 0, 0)
