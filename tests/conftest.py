"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a suite that passes here passes there. `HYPOTHESIS_PROFILE=explore` draws new ones.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("explore", max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

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
