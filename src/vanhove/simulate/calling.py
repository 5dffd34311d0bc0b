"""The ASE calculator that a potential names: imported, made, and asked for no more than is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

CHGNET = "chgnet.model.dynamics:CHGNetCalculator"
MOTION = {"energy", "free_energy", "forces"}  # what moving atoms takes


def made(factory: str, options: Mapping[str, Any]) -> Any:
    """Call ``"module:factory"`` with its options."""
    module, _, name = factory.partition(":")
    calculator: Any = getattr(import_module(module), name)(**options)
    if factory == CHGNET:
        _spare(calculator)
    return calculator


def _spare(calculator: Any) -> None:
    """CHGNet works out stress and magnetic moments every time; without them a step takes two thirds of the time."""
    whole = calculator.calculate

    def calculate(atoms: Any = None, properties: Sequence[str] | None = None, changes: Any = None) -> None:
        enough = properties is not None and MOTION.issuperset(properties)
        whole(atoms, properties, changes, task="ef" if enough else "efsm")

    calculator.calculate = calculate
