"""Writing TOML: the few kinds of values a locked study holds. Reading is the standard library's ``tomllib``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from vanhove.base.results import plain

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(table: Mapping[str, Any]) -> str:
    """``table`` as TOML text; entries that are None are left out, as TOML has no word for them."""
    return "\n".join(_lines(plain(table), ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    tables: list[tuple[str, Any]] = []
    for key, value in table.items():
        if value is None:
            continue
        if isinstance(value, dict) or _is_tables(value):
            tables.append((key, value))
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in tables:
        name = (*path, key)
        dotted = ".".join(_key(part) for part in name)
        if isinstance(value, dict):
            lines += ["", f"[{dotted}]", *_lines(value, name)]
            continue
        for item in value:
            lines += ["", f"[[{dotted}]]", *_lines(item, name)]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)  # TOML says nan and inf as Python does
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value if item is not None)}]"
    return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None) + "}"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)
