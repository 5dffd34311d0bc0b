"""Whatever happens to a text file: one clear refusal or finite numbers, soon and in bounded memory.

Each format is damaged in a process of its own, so that its memory can be read and a hang ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import LIMIT, samples
from written import new_cache

SCRIPT = Path(__file__).with_name("fuzzing.py")
MEGABYTES = 1000


@pytest.mark.parametrize("number", [100, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", samples())
def test_damage_is_refused_or_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    monkeypatch.setenv("VANHOVE_CACHE", str(new_cache(tmp_path / "cache")))
    folder = tmp_path / "damaged"
    folder.mkdir()
    asked = [sys.executable, str(SCRIPT), name, str(folder), str(number)]
    came = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=800).stdout)
    assert came["wrong"] == []
    assert came["refused"] + came["read"] == number
    assert min(came["refused"], came["read"]) > number // 10  # it damages, and not beyond all sense
    assert came["slowest"] < LIMIT
    assert came["megabytes"] < MEGABYTES
