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
from asking import asked, trajectory
from vanhove import registry
from vanhove.base.figures import new_axes
from vanhove.base.results import history_of

if TYPE_CHECKING:
    from xarray import Dataset

DOCS = Path(__file__).parents[1] / "docs" / "observables"
NAMES = sorted(registry.observables())
UNITS = {
    "1", "Å", "Å²", "Å³", "1/Å", "1/Å²", "1/Å³", "ps", "1/ps", "K", "1/K", "meV", "1/meV", "eV", "cm²/s", "mS/cm",
    "K mS/cm", "e", "u", "barn/u", "barn/u/meV", "1/meV²", "1/meV³", "1/Bohr³", "g/cm³", "°", "1/°", "Å²/ps²",
    "barn/sr/meV", "barn/sr", "Å²/ps²/meV", "Å²/meV", "eV/Å²",
}  # fmt: skip


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
    room, short = name.split(".")
    own = DOCS / f"{room}_{short}.md"  # where two rooms have one of that name
    page = own if own.is_file() else DOCS / f"{short}.md"
    assert page.is_file(), f"{page.name} is missing"
    text = page.read_text(encoding="utf-8")
    options = list(inspect.signature(registry.function(name)).parameters)[1:]
    assert not [option for option in options if f"`{option}`" not in text], "the page leaves out an option"


def test_a_trajectory_may_be_read_only_in_part() -> None:
    """Observables see only what the view shows: half the frames give another result than all of them."""
    for name in (n for n, entry in registry.observables().items() if entry.takes == "trajectory"):
        function = registry.function(name)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        half, full = function(trajectory()[:100], **asked(name, parameters)), result_of(name)
        assert not half.drop_vars(half.coords).equals(full.drop_vars(full.coords)), name
