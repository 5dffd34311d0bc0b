"""The kernel cache: an edit in any kernel file is seen, and nothing needs to be writable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vanhove

INNER = "from .compile import kernel\n\n@kernel\ndef inner(x):\n    return x + {}\n"
OUTER = "from .compile import kernel\nfrom .inner import inner\n\n@kernel\ndef outer(x):\n    return 2 * inner(x)\n"


def run(package: Path, cache: str, code: str) -> str:
    return said(package, cache, code)[0]


def said(package: Path, cache: str, code: str, progress: str = "0") -> tuple[str, str]:
    environment = dict(os.environ, PYTHONPATH=str(package), VANHOVE_CACHE=cache, VANHOVE_PROGRESS=progress)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with two kernels, one calling the other from another file."""
    source = Path(vanhove.__file__).parent
    target = tmp_path / "copy" / "vanhove"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "kernels" / "inner.py").write_text(INNER.format(1))
    (target / "kernels" / "outer.py").write_text(OUTER)
    return target.parent


def test_an_edit_in_another_kernel_file_is_seen(package: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    code = "from vanhove.kernels.outer import outer; print(outer(1.0))"
    assert run(package, cache, code) == "4.0"
    assert run(package, cache, code) == "4.0"  # from the cache
    assert list(Path(cache).rglob("*.nbc")), "nothing was cached"
    (package / "vanhove" / "kernels" / "inner.py").write_text(INNER.format(10))
    assert run(package, cache, code) == "22.0"


def test_kernels_compile_where_nothing_can_be_written(package: Path) -> None:
    assert run(package, "/proc/nowhere", "from vanhove.kernels.outer import outer; print(outer(1.0))") == "4.0"


def test_a_pause_for_compiling_is_told(package: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    code = (
        "import numba; theirs = numba.njit(lambda x: x); theirs(1); "
        "from vanhove.kernels.outer import outer; print(outer(1.0))"
    )
    # one line for the kernel and those that it calls, none for what others compile; gone in the end (\r reads as \n)
    assert said(package, cache, code, "1") == ("4.0", "\n\033[Kcompiling outer, this once\n\033[K")
    assert said(package, cache, code, "1") == ("4.0", "")
    assert said(package, str(tmp_path / "other"), code, "0") == ("4.0", "")
    assert "compiling outer, at every start: set VANHOVE_CACHE" in said(package, "/proc/nowhere", code, "1")[1]


def test_other_packages_keep_their_own_cache_folder(package: Path, tmp_path: Path) -> None:
    code = (
        "import numba; before = numba.config.CACHE_DIR; import vanhove.kernels.outer; "
        "print(numba.config.CACHE_DIR == before)"
    )
    assert run(package, str(tmp_path / "cache"), code) == "True"


def test_kernels_see_nan() -> None:
    from vanhove.kernels.compile import kernel

    @kernel
    def first_nan(values):  # type: ignore[no-untyped-def]
        for i in range(values.size):
            if np.isnan(values[i]):
                return i
        return -1

    assert first_nan(np.array([1.0, np.nan])) == 1
