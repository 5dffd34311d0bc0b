"""What every registered observable keeps to, found by its room's table: adding one is adding it here too."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vanhove as vh
from vanhove import registry
from vanhove.base.figures import new_axes
from vanhove.base.results import history_of

if TYPE_CHECKING:
    from xarray import Dataset

DOCS = Path(__file__).parents[1] / "docs" / "observables"
NAMES = sorted(registry.observables())
# What observables are asked with, by the names of their arguments; one that needs another adds it here, with its own
# name before it where others have an argument of that name, too.
ARGUMENTS: dict[str, Any] = {
    "species": "Na",
    "charges": {"Na": 1, "Si": 4, "S": -2},
    "temperatures": [1100.0, 1300.0, 1500.0],
    "values": [1.2e-5, 2.6e-5, 4.4e-5],
    "lengths": [20.0, 30.0, 40.0],
    "units": "cm²/s",
    "triplets": "S-Si-S",
    "formers": "Si",
    "anions": "S",
    "axis": "c",
    "cutoff": 4.0,
    "cages.centres": "Si",
    "cages.radius": [3.0, 4.0],
    "cutoffs": {"Si-S": 2.6, "Si-Si": 0.0},
    "compare_structure_factor.measured": ([2.0, 3.0, 4.0, 5.0, 6.0], [1.1, 0.9, 1.2, 1.0, 0.95]),
    "compare_structure_factor.pair": "Na-S",
    "compare_structure_factor.window": (1.5, 7.0),
    "peaks.window": (1.5, 7.0),
    "fast_slow.after": 2.0,
    "fast_slow.former_cutoff": 2.6,
    "gaussian_departure.r_c": 3.0,
    "green_kubo.length": 2.0,
    "green_kubo.plateau": (1.0, 2.0),
}
UNITS = {
    "1", "Å", "Å²", "Å³", "1/Å", "1/Å³", "ps", "1/ps", "K", "1/K", "meV", "1/meV", "eV", "cm²/s", "mS/cm", "K mS/cm",
    "e", "u", "1/Bohr³", "g/cm³", "°", "1/°", "Å²/ps²",
}  # fmt: skip


@cache
def trajectory() -> vh.Trajectory:
    """24 Na that walk through 12 Si and 36 S that shake, 200 frames, with velocities that last some frames."""
    rng = np.random.default_rng(20261120)
    steps = rng.normal(0, 1, (200, 72, 3)) * np.where(np.arange(72) < 24, 0.3, 0.0)[:, None]
    positions = rng.uniform(0, 12, (72, 3)) + np.cumsum(steps, axis=0) + rng.normal(0, 0.05, (200, 72, 3))
    species = ["Na"] * 24 + ["Si"] * 12 + ["S"] * 36
    velocities = np.apply_along_axis(np.convolve, 0, rng.normal(0, 3, (203, 72, 3)), np.full(4, 0.5), "valid")
    return vh.from_arrays(
        positions, 12.0, species, 0.1 * np.arange(200), wrapped=False, velocities=velocities, temperature=1300
    )


def asked(name: str, parameters: list[inspect.Parameter]) -> dict[str, Any]:
    own = f"{name.split('.')[1]}."
    keys = {p.name: own + p.name if own + p.name in ARGUMENTS else p.name for p in parameters}
    return {p.name: ARGUMENTS[keys[p.name]] for p in parameters if keys[p.name] in ARGUMENTS or p.default is p.empty}


@cache
def result_of(name: str) -> Dataset:
    entry, function = registry.observables()[name], registry.function(name)
    parameters = list(inspect.signature(function).parameters.values())
    beginning: list[Any] = []
    if entry.takes != "values":
        first = parameters.pop(0).name
        source = registry.full_name(entry.sources[0] if entry.sources else first) if entry.takes == "dataset" else ""
        beginning = [result_of(source) if source else trajectory()]
    return function(*beginning, **asked(name, parameters))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_returns_labelled_numbers(name: str) -> None:
    result = result_of(name)
    assert type(result).__name__ == "Dataset"
    assert result.data_vars
    for array in (*result.data_vars.values(), *result.coords.values()):
        assert not [dim for dim in array.dims if str(dim).startswith("dim_")], array.name
        assert array.attrs.get("units") in UNITS, f"{array.name} is in {array.attrs.get('units')!r}"
        assert array.attrs.get("long_name"), f"{array.name} has no long_name"


def test_estimates_have_an_uncertainty(name: str) -> None:
    """A variable ``x_error`` belongs to ``x``: the same dimensions and the same unit."""
    result = result_of(name)
    for key, error in result.data_vars.items():
        if str(key).endswith("_error"):
            stem = str(key).removesuffix("_error")
            of = result[stem if stem in result else f"{stem}_time"]  # cages' residence_time and residence_error
            assert of.attrs["units"] == error.attrs["units"]
            assert of.dims == error.dims
            assert not (error < 0).any()


def test_it_says_where_it_comes_from(name: str) -> None:
    result = result_of(name)
    assert all(isinstance(value, str | int | float) for value in result.attrs.values()), result.attrs
    assert result.attrs["observable"] == name
    assert result.attrs["title"]
    assert result.attrs["version"] == vh.__version__
    parameters = json.loads(result.attrs["parameters"])
    signature = inspect.signature(registry.function(name)).parameters.values()
    choices = {p.name for p in signature if p.kind is p.KEYWORD_ONLY and "Dataset" not in str(p.annotation)}
    assert choices <= set(parameters), "a default is a choice, too"
    steps = history_of(result)
    assert steps[-1]["function"] == name
    assert {"function", "parameters", "version", "date"} <= set(steps[-1])
    if registry.observables()[name].takes != "values":
        assert steps[0]["function"] == "from_arrays"


def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    result = result_of(name)
    vh.save(result, tmp_path / "x.nc")
    assert vh.load(tmp_path / "x.nc").identical(result)


def test_it_draws_itself_from_its_file(name: str, tmp_path: Path) -> None:
    vh.save(result_of(name), tmp_path / "x.nc")
    ax = new_axes()
    assert vh.draw(vh.load(tmp_path / "x.nc"), ax) is ax
    assert ax.has_data()
    for axis in (ax.xaxis, ax.yaxis):
        label = axis.get_label_text()
        names = [tick.get_text() for tick in axis.get_ticklabels()]
        assert label or any(text.isalpha() for text in names), (
            "an axis of names explains itself, one of numbers does not"
        )
        assert re.search(r"\(.+\)$", label) or not re.search(r"lag|time|MSD|^r$|^D\b|temperature", label), label
    ax.figure.canvas.draw()  # nothing is left that can't be rendered


def test_the_same_again_gives_the_same_bits(name: str) -> None:
    before = result_of(name)
    result_of.cache_clear()
    again = result_of(name)
    for key in before.data_vars:
        np.testing.assert_array_equal(before[key].values, again[key].values)


def test_it_is_explained(name: str) -> None:
    assert len(inspect.getdoc(registry.function(name)) or "") > 200
    page = DOCS / f"{name.split('.')[1]}.md"
    assert page.is_file(), f"{page.name} is missing"
    text = page.read_text(encoding="utf-8")
    options = list(inspect.signature(registry.function(name)).parameters)[1:]
    assert not [option for option in options if f"`{option}`" not in text], "the page leaves out an option"


def test_a_trajectory_may_be_read_only_in_part() -> None:
    """Observables see only what the view shows: half the frames give another result than all of them."""
    for name in (n for n, entry in registry.observables().items() if entry.takes == "trajectory"):
        function = registry.function(name)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        half = function(trajectory()[:100], **asked(name, parameters))
        key = next(iter(half.data_vars))
        assert half[key].shape != result_of(name)[key].shape or not half[key].equals(result_of(name)[key])
