"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

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
