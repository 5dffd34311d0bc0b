from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vanhove import Refusal
from vanhove.base.results import Column, dataset, history_of, load, plain, save, step
from vanhove.base.version import __version__

if TYPE_CHECKING:
    from xarray import Dataset


@pytest.fixture
def result() -> Dataset:
    lag = Column(("lag",), np.arange(4.0), "ps", "time")
    value = Column(("lag",), np.array([0.0, 1.0, np.nan, 3.0]), "Å²", "mean squared displacement")
    made = [step("open", paths=["run.dump"])]
    return dataset(
        "dynamics.msd", {"msd": value}, {"lag": lag}, parameters=dict(species="Na", window=(1, 2)), history=made,
        title="Na", n_atoms=7,
    )  # fmt: skip


def test_a_result_says_what_it_is(result: Dataset) -> None:
    assert result.msd.dims == ("lag",)
    assert result.msd.attrs == {"units": "Å²", "long_name": "mean squared displacement"}
    assert result.lag.attrs["units"] == "ps"
    assert json.loads(result.attrs["parameters"]) == {"species": "Na", "window": [1, 2]}
    assert [entry["function"] for entry in history_of(result)] == ["open", "dynamics.msd"]
    assert history_of(result)[1]["version"] == __version__ == result.attrs["version"]
    assert all(isinstance(value, str | int | float) for value in result.attrs.values())


def test_saved_and_loaded_it_is_the_same(result: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.nc"
    save(result, path)
    back = load(path)
    assert back.identical(result)
    path.unlink()  # nothing holds the file
    assert float(back.msd[3]) == 3.0
    assert sorted(p.name for p in path.parent.iterdir()) == []


def test_netcdf_readers_other_than_ours_open_it(result: Dataset, tmp_path: Path) -> None:
    import h5py

    save(result, tmp_path / "x.nc")
    with h5py.File(tmp_path / "x.nc") as file:
        assert file["msd"].attrs["units"] == "Å²"
        assert file["msd"].shape == (4,)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no result file"):
        load(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(Refusal, match="can't be read as a result"):
        load(tmp_path / "text.nc")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.arange(2), [0, 1]),
        ({1: (2, None)}, {"1": [2, None]}),
        (slice(1, None), [1, None, None]),
        (Path("a") / "b", "a/b"),
        ({"Li"}, ["Li"]),
        (True, True),
    ],
)
def test_parameters_as_json_knows_them(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    json.dumps(plain(value))
