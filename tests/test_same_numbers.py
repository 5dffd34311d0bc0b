"""Every observable but fits gives the same numbers on any number of threads and within any memory.

On another number of threads they have the same bits. Where memory decides how the work is cut, the order of the sums
is another, and with it their last digits: what follows is the same to 1e-10 of the largest number of its kind.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import vanhove as vh
from asking import asked, trajectory
from vanhove import registry
from vanhove.trajectory import blocks

if TYPE_CHECKING:
    from xarray import Dataset

OBSERVABLES = registry.observables()
# Fits take what others have computed, and neither threads nor memory have a part in them. Their last digits hang on
# where an array lies in memory, by which linear algebra adds in another order; made-up spectra leave some of them open.
NAMES = sorted(name for name, entry in OBSERVABLES.items() if entry.takes != "values" and ".fit_" not in name)
PRECISION = 1e-10
BUDGETS = ("1MB", "4MB", "16MB", "64MB", "256MB")  # the first that is not refused


class Setting(NamedTuple):
    """How the work is cut and who does it."""

    threads: int = 1
    memory: str = "20GB"
    fewest_blocks: int = blocks.FEWEST_BLOCKS


ALONE, TWO = Setting(), Setting(threads=2)


@cache
def result_of(name: str, setting: Setting) -> Dataset:
    """An observable of a trajectory that nobody has asked anything of; others of one and the same source."""
    entry, function = OBSERVABLES[name], registry.function(name)
    first, *parameters = inspect.signature(function).parameters.values()
    source: Any = trajectory()
    if entry.takes == "dataset":
        source = result_of(registry.full_name(entry.sources[0] if entry.sources else first.name), ALONE)
    else:
        source = vh.Trajectory(replace(source.system, drifts={}), source.history)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VANHOVE_THREADS", str(setting.threads))
        patch.setenv("VANHOVE_MEMORY", setting.memory)
        patch.setattr(blocks, "FEWEST_BLOCKS", setting.fewest_blocks)
        result: Dataset = function(source, **asked(name, parameters))
    return result


def in_pieces(name: str) -> Dataset:
    """Cut as finely as can be, in the least memory that is accepted."""
    for memory in BUDGETS:
        try:
            return result_of(name, Setting(2, memory, 1_000_000))
        except vh.Refusal as refusal:
            if "VANHOVE_MEMORY" not in str(refusal) and "memory budget" not in str(refusal):
                raise
    pytest.fail(f"{name} is refused with {BUDGETS[-1]}")


def plain_attributes(result: Dataset) -> dict[str, Any]:
    """Without those that hold dates."""
    return {str(key): value for key, value in result.attrs.items() if not str(key).endswith("history")}


@pytest.mark.parametrize("name", NAMES)
def test_on_two_threads_it_has_the_same_bits(name: str) -> None:
    one, other = result_of(name, ALONE), result_of(name, TWO)
    assert one.drop_attrs().identical(other.drop_attrs())
    np.testing.assert_equal(plain_attributes(one), plain_attributes(other))


@pytest.mark.parametrize("name", NAMES)
def test_in_little_memory_it_has_the_same_numbers(name: str) -> None:
    one, other = result_of(name, ALONE), in_pieces(name)
    assert set(one.variables) == set(other.variables)
    for key, variable in one.variables.items():
        expected, found = variable.values, other[key].values
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(found, expected, err_msg=str(key))
            continue
        largest = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=PRECISION * largest, err_msg=str(key))
    attributes = plain_attributes(other)
    for key, value in plain_attributes(one).items():
        if isinstance(value, float):
            np.testing.assert_allclose(attributes[key], value, rtol=PRECISION, err_msg=key)
        else:
            assert attributes[key] == value, key
