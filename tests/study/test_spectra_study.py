"""A simulated experiment in a study and on the command line: from hops that are known, through an instrument, to D."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from hoppers import as_trajectory, random_flights
from vanhove.cli.computing import compute
from vanhove.report import write
from vanhove.study import run

LENGTH, TAU = 2.7, 5.0  # Å, ps
STUDY = """
title = "Hoppers"
[[files]]
path = "run.h5md"
name = "hot"
[observables]
incoherent = { q = [0.5, 0.8, 1.1, 1.4, 1.7], species = ["Li"], max_lag = 150.0, drift = "none" }
instrument = { resolution = [0.04, 0.3], of = "incoherent", energy = [-0.8, 0.8] }
fit_qens = { of = "instrument", lorentzians = 1, elastic = false }
fit_jump_model = {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hoppers")
    rng = np.random.default_rng(20270601)
    as_trajectory(rng, [random_flights(rng, 48, 1500, 0.5, LENGTH, TAU)], 0.5).save(folder / "run.h5md")
    return folder


def check(law: object) -> None:
    for name, true in (("D", 1e-4 * LENGTH**2 / (6 * TAU)), ("tau", TAU), ("length", LENGTH)):
        value, error = float(law[name]), float(law[f"{name}_error"])  # type: ignore[index]
        assert abs(value - true) < 3 * error < 0.15 * true, name


def test_a_study_measures_what_it_simulated(folder: Path) -> None:
    (folder / "study.toml").write_text(STUDY)
    results = run(folder / "study.toml", folder / "out")
    (record,) = results.find(observable="spectra.fit_qens")
    lines = results.load(record)
    assert "pseudo-Voigt, 0.3 of it Lorentzian" in lines.attrs["resolution"]
    assert "16 parts" in lines.attrs["error"]
    (record,) = results.find(observable="spectra.fit_jump_model")
    check(results.load(record))
    (row,) = results.rows("D_qens", species="Li")
    assert row["error"] == pytest.approx(float(results.load(record).D_error))
    page = write(folder / "out").read_text()
    assert "Simulated experiment, quasielastic fit" in page


def test_the_command_goes_the_same_way(folder: Path) -> None:
    asked = ["--q", "0.5,0.9,1.3,1.7", "--species", "Li", "--max-lag", "150", "--drift", "none"]
    seen, widths, law = (folder / f"{name}.nc" for name in ("seen", "widths", "law"))
    compute("incoherent", [str(folder / "run.h5md"), *asked], {}, folder / "F.nc", None)
    compute("instrument", [str(folder / "F.nc"), "--resolution", "0.04", "--energy", "-0.8,0.8"], {}, seen, None)
    how = ["--lorentzians", "1", "--elastic", "false"]
    told = compute("fit_qens", [str(seen), *how], {}, widths, folder / "widths.png")
    assert any("width (meV)" in line for line in told)
    compute("fit_jump_model", [str(widths)], {}, law, None)
    check(vh.load(law))
    direct = compute("fit_qens", [str(folder / "run.h5md"), *asked, *how], {}, widths, None)
    assert direct[0] == "Incoherent scattering of Li, quasielastic fit"
    assert "its own transform" in vh.load(widths).attrs["resolution"]
