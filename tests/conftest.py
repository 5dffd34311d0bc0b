"""What all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples every time: a suite that passes here passes there. `HYPOTHESIS_PROFILE=explore` draws new ones.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("explore", max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

# Tests run side by side, and ranks that wait for each other on busy cores are slow; tests of ranks name them.
os.environ["VANHOVE_RANKS"] = "1"

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real measured and simulated data that lies beside some checkouts; skipped where it does not."""
    if not DATA.is_dir():
        pytest.skip("the folder of reference data is not beside this checkout")
    return DATA


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trajectories that a test caches stay in a folder of the test run; compiled kernels are kept between runs."""
    from vanhove.kernels import compile as compiling

    compiling._folder()  # settled before the cache moves
    monkeypatch.setenv("VANHOVE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("VANHOVE_MEMORY", raising=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium to look at the page with")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
