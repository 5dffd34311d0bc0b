"""Which atoms are meant: elements, numbers, or a condition on arrays of the structure. Plain data, as JSON knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vanhove.base.errors import Refusal

Value = str | int | float | bool
Selection = tuple[str, ...] | tuple[int, ...] | Mapping[str, Value | tuple[Value, ...]] | None


def as_selection(given: Any, where: str) -> Selection:
    """A selection of what a person wrote: ``"P"``, ``["P", "S"]``, ``[0, 1, 2]``, ``{"region": "crystal"}``."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        chosen = {str(name): tuple(one) if isinstance(one, list | tuple) else one for name, one in given.items()}
        values = [value for one in chosen.values() for value in (one if isinstance(one, tuple) else (one,))]
        if chosen and all(isinstance(value, Value) for value in values):
            return chosen
    else:
        listed = (given,) if isinstance(given, str) else tuple(_plain(given))
        if listed and (all(isinstance(one, str) for one in listed) or all(_is_number(one) for one in listed)):
            return listed
    raise Refusal(
        f"These are no atoms to choose: {given!r}",
        where,
        'Give elements ("P" or ["P", "S"]), numbers of atoms from 0, or {"region": "crystal"}',
    )


def said(selection: Selection) -> Any:
    """The same for JSON."""
    if isinstance(selection, Mapping):
        return {name: list(one) if isinstance(one, tuple) else one for name, one in selection.items()}
    return None if selection is None else list(selection)


def _plain(given: Any) -> Any:
    try:
        return given.tolist() if hasattr(given, "tolist") else list(given)
    except TypeError:
        return ()


def _is_number(one: Any) -> bool:
    return isinstance(one, int) and not isinstance(one, bool) and one >= 0
