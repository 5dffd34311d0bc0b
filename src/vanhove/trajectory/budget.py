"""How much memory and how many threads an analysis may take."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vanhove.base.errors import Refusal

_SIZE = re.compile(r"^\s*([\d.]+)\s*([kMGT]?)i?B?\s*$")
_FACTOR = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_size(text: str, name: str) -> int:
    """Bytes of ``"500MB"``, ``"2 GB"`` or ``"1e6"``; ``name`` says whose value it is when it can't be read."""
    found = _SIZE.match(text)
    try:
        return int(float(found.group(1)) * _FACTOR[found.group(2)]) if found else int(float(text))
    except ValueError:
        raise Refusal(f"{name} is '{text}', which is no size", "", f"Write it like {name}=500MB or 2GB")


def memory_budget() -> int:
    """Bytes that blocks may take: ``VANHOVE_MEMORY``, else a quarter of what the machine or its cgroup allows."""
    named = os.environ.get("VANHOVE_MEMORY")
    if named:
        return max(parse_size(named, "VANHOVE_MEMORY"), 1_000_000)
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(name)
        if path.exists():
            text = path.read_text().strip()
            if text.isdigit():  # "max" where there is no limit
                limits.append(int(text))
    return min(limits) // 4


def thread_count() -> int:
    """Threads that blocks are mapped on: ``VANHOVE_THREADS``, else the cores this process may use."""
    return count_named("VANHOVE_THREADS") or len(os.sched_getaffinity(0))


def count_named(variable: str) -> int | None:
    """The count that a variable of the environment gives; None where it is not set."""
    named = os.environ.get(variable)
    if not named:
        return None
    if not named.isdigit() or int(named) < 1:
        raise Refusal(f"{variable} is '{named}'", "", "Give a whole number of 1 or more")
    return int(named)
