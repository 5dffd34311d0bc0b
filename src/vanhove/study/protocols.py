"""The protocols of a study's simulations, and whether they can be done with its material."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal

from . import stages as said
from .material import CRYSTAL, GLASS_CERAMIC, atoms_of, potential_of
from .mistakes import Mistake
from .stages import protocol_of

if TYPE_CHECKING:
    from vanhove.simulate._protocol import Protocol, Stage

    from .material import Material
    from .schema import Simulate, Study

STILL: dict[str, Any] = {"frozen": {"region": "crystal"}}  # while the other part of a glass-ceramic melts
SETTLE = 1.0  # ps: what a freed crystal is given at least


def making(asked: Simulate, kind: str) -> Protocol:
    """What is done once for each replica, to a material of that kind."""
    from vanhove.simulate._protocol import Hold, Minimise, Ramp

    if asked.stages is not None:
        return said.making(asked)
    if kind == CRYSTAL:
        return protocol_of([Minimise()], asked)
    how = STILL if kind == GLASS_CERAMIC else {}
    glass, mix = asked.glass_temperature, asked.mix
    stages: list[Stage] = [Minimise(**how), Hold(mix.temperature, mix.time, "mix", **how)]
    if glass < mix.temperature:
        stages.append(Ramp(mix.temperature, glass, asked.quench.rate, "quench", **how))
    if how:
        stages.append(Hold(glass, max(asked.equilibrate, SETTLE), "free"))
    return protocol_of(stages, asked)


def running(asked: Simulate, temperature: float, kind: str) -> Protocol:
    """What is done from there at each temperature."""
    from vanhove.simulate._protocol import Hold, Produce, Ramp

    if asked.stages is not None:
        return said.running(asked, temperature)
    stages: list[Stage] = []
    if kind != CRYSTAL and temperature != asked.glass_temperature:
        name = "heat" if temperature > asked.glass_temperature else "cool"
        stages.append(Ramp(asked.glass_temperature, temperature, asked.quench.rate, name))
    if asked.equilibrate > 0:
        stages.append(Hold(temperature, asked.equilibrate, "equilibrate"))
    stages.append(Produce(temperature, asked.produce, asked.every, asked.velocities))
    return protocol_of(stages, asked, constrained=True)


def mistakes(study: Study) -> list[Mistake]:
    """What only shows when the potential is read and the structure is built: nothing is run for it."""
    material, asked = study.material, study.simulate
    if material is None or asked is None:
        return []
    try:
        potential = potential_of(material)
    except Refusal as refusal:
        return [_mistake("material.potential", refusal)]
    from vanhove.simulate.engines import check_engine

    protocols = [making(asked, material.kind), running(asked, max(asked.temperatures), material.kind)]
    try:
        for protocol in protocols:
            check_engine(None, potential, protocol)
    except Refusal as refusal:
        return [_mistake("simulate", refusal)]
    return _structure_mistakes(material, potential, protocols) if material.kind else []


def _structure_mistakes(material: Material, potential: Any, protocols: list[Protocol]) -> list[Mistake]:
    from vanhove.simulate._guards import check_before
    from vanhove.simulate.deck import start_of

    try:
        atoms = atoms_of(material)
        check_before(start_of(atoms, potential), potential, protocols[0])
    except Refusal as refusal:
        return [_mistake("material.structure", refusal)]
    try:
        for protocol in protocols:
            start_of(atoms, potential, protocol)
    except Refusal as refusal:
        return [_mistake("simulate", refusal)]
    return []


def _mistake(key: str, refusal: Refusal) -> Mistake:
    return Mistake(key, f"{refusal.what} ({refusal.where})" if refusal.where else refusal.what, refusal.do)
