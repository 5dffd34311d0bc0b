"""What the commands print and leave."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vanhove as vh
from vanhove.cli import checkup
from vanhove.simulate import _deepmd, deepmd_home, engine

MAP = "--species 1=Na,2=Si,3=S --timestep 0.001"


def test_list_has_every_observable(vanhove: Any) -> None:
    from vanhove.registry import observables

    lines = vanhove.works("list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(observables())
    assert all(len(line.split()) > 3 for line in lines)


def test_compute_msd_is_the_librarys(vanhove: Any, dump: Path) -> None:
    said = vanhove.works(f"compute msd {dump} {MAP} --of Na --drift framework --out x/msd.nc")
    traj = vh.open(dump, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)
    expected = vh.dynamics.msd(traj, "Na", drift="framework")
    np.testing.assert_array_equal(vh.load("x/msd.nc").msd, expected.msd)
    for word in ("Å²", "ps", "saved: x/msd.nc"):
        assert word in said.out
    assert vanhove.left() == ["x", "x/msd.nc"]


def test_species_without_an_equals_sign_are_the_observables(vanhove: Any, dump: Path) -> None:
    by_species = vanhove.works(f"compute msd {dump} {MAP} --species Na")
    assert by_species.out == vanhove.works(f"compute msd {dump} {MAP} --of Na").out


def test_compute_diffusion_from_the_trajectory_and_from_the_msd(vanhove: Any, dump: Path) -> None:
    vanhove.works(f"compute msd {dump} {MAP} --of Na --out msd.nc")
    direct = vanhove.works(f"compute diffusion {dump} {MAP} --of Na").out
    assert vanhove.works("compute diffusion msd.nc").out == direct
    assert "cm²/s" in direct
    assert "verdict" in direct


def test_compute_rdf_with_its_own_options_and_a_figure(vanhove: Any, dump: Path) -> None:
    vanhove.works(f"compute rdf {dump} {MAP} --r_max 4 --pairs Si-S,Na-S --out g.nc --figure g.svg")
    g = vh.load("g.nc")
    assert g.pair.values.tolist() == ["Si-S", "Na-S"]
    assert float(g.r[-1]) < 4
    assert "<svg" in Path("g.svg").read_text()
    assert vanhove.left() == ["g.nc", "g.svg"]


def test_a_density_goes_to_the_programs_that_draw_isosurfaces(vanhove: Any, dump: Path) -> None:
    from ase.io.cube import read_cube_data

    from vanhove.base.units import BOHR

    said = vanhove.works(f"compute density {dump} {MAP} --of Na --spacing 1.0 --out na.cube --figure na.png")
    assert "saved: na.cube, na.png" in said.out
    values, atoms = read_cube_data("na.cube")
    # a density in 1/Bohr³ that ase has read as it stands: its sum over the cell is the number of ions
    assert values.mean() * atoms.get_volume() / BOHR**3 == pytest.approx(12, rel=1e-4)
    assert "Na" not in atoms.get_chemical_symbols()
    vanhove.refuses(f"compute density {dump} {MAP} --of Na --out na.txt", "or x.cube")
    vanhove.refuses(f"compute msd {dump} {MAP} --of Na --out msd.cube", "netCDF")


def test_compute_conductivity_and_arrhenius(vanhove: Any, dump: Path) -> None:
    assert "mS/cm" in vanhove.works(f"compute conductivity {dump} {MAP} --temperature 900 --charges Na=1,Si=4,S=-2").out
    line = "compute arrhenius --temperatures 1000,1250,1500 --values 1e-5,2e-5,3e-5 --at 300 --units cm²/s"
    for word in ("eV", "cm²/s"):
        assert word in vanhove.works(line).out


def test_new_and_dry_run(vanhove: Any) -> None:
    vanhove.works("new mine --study demo")
    before = vanhove.left()
    said = vanhove.works("run mine/study.toml --dry-run")
    assert "to do" in said.out
    assert "nothing was written" in said.out
    assert vanhove.left() == before
    vanhove.refuses("new mine --study demo", "study already")


def test_a_study_of_a_file_is_run_once(vanhove: Any, dump: Path) -> None:
    Path("study.toml").write_text(
        f"""title = "Na"
[[files]]
path = "{dump}"
temperature = 900
species = {{ 1 = "Na", 2 = "Si", 3 = "S" }}
timestep = 0.001
[observables]
msd = {{ species = ["Na"] }}
diffusion = {{}}
"""
    )
    said = vanhove.works("run study.toml --out out")
    page = Path("out/report.html")
    assert page.is_file()
    assert str(page) in said.out
    assert "cm²/s" in said.out
    rows = json.loads(Path("out/summary.json").read_text())["results"]
    assert {"name", "species", "temperature", "value", "error", "unit", "verdict", "run"} <= set(rows[0])
    page.unlink()
    assert "everything is done already" in vanhove.works("run study.toml --out out").err
    assert page.is_file()
    page.unlink()
    vanhove.works("report out")
    assert page.is_file()


def test_new_says_which_studies_it_has_written_and_how_to_begin(vanhove: Any) -> None:
    said = vanhove.works("new 'my cells' --study li6ps5cl").out.splitlines()
    assert said[-1].endswith("vanhove run 'my cells/small.toml' --out 'my cells/small'")
    named = [line.partition(".toml")[0].removeprefix("my cells/") for line in said[:-1]]
    assert {"study", "small", "small-fixed-framework"} <= set(named)
    assert "expected" not in named


def test_doctor_says_how_to_install_what_is_missing(vanhove: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_version", lambda package: None)
    monkeypatch.setattr(deepmd_home, "_version", lambda packages: None)
    monkeypatch.delenv("VANHOVE_DEEPMD", raising=False)
    monkeypatch.delenv("VANHOVE_CP2K", raising=False)
    monkeypatch.setattr(checkup.shutil, "which", lambda name: None)
    monkeypatch.setattr(checkup, "_calculator", lambda name, said: f"{said} works")
    monkeypatch.setattr(checkup.sys, "executable", "/my python/bin/python")
    said = vanhove.works("doctor").out
    for extra in ("simulate", "deepmd", "chgnet", "bench"):
        line = next(line for line in said.splitlines() if line.startswith(extra))
        assert "not installed" in line
        assert f"'/my python/bin/python' -m pip install \"vanhove[{extra}]\"" in line
    assert re.search(r"cp2k +not installed: .*apt install cp2k", said)


def test_doctor_says_what_does_not_work_though_it_is_there(vanhove: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CP2K that can't say its version, and DeePMD's plugin for another LAMMPS."""
    monkeypatch.setattr(checkup.shutil, "which", lambda name: "/bin/false")
    monkeypatch.setattr(checkup, "_version", lambda package: "1.0")
    monkeypatch.setattr(deepmd_home, "_version", lambda packages: "1.0")
    monkeypatch.delenv("VANHOVE_DEEPMD", raising=False)
    monkeypatch.delenv("VANHOVE_CP2K", raising=False)
    monkeypatch.setattr(checkup, "_calculator", lambda name, said: f"{said} works")
    monkeypatch.setattr(checkup, "_lammps", lambda: "works")
    monkeypatch.setattr(engine, "find_lammps", lambda: engine.Lammps(Path("/bin/echo"), None, Path("/"), "1"))
    monkeypatch.setattr(engine, "file_of", lambda package, ending, where=None: Path("/plugin/lib.so"))
    monkeypatch.setattr(_deepmd, "file_of", lambda package, ending, where=None: Path("/plugin/lib.so"))
    said = vanhove.works("doctor").out
    assert re.search(r"cp2k +does not work: The program does not say that it is CP2K\. /bin/false", said)
    assert "DeePMD-kit 1.0 does not work: LAMMPS does not load its plugin (-in in.styles" in said


@pytest.mark.slow
def test_doctor_tries_what_there_is(vanhove: Any) -> None:
    said = vanhove.works("doctor")
    for word in ("Python", "cores", "memory", "cache", "kernels", "simulate", "deepmd", "chgnet", "cp2k"):
        assert word in said.out
    assert re.search(r"kernels +work", said.out)
    assert re.search(r"calculators +ASE \S+ works", said.out)
    assert vanhove.left() == []


def test_a_measured_spectrum_is_read_where_one_will_do(vanhove: Any) -> None:
    energy = np.linspace(-30, 30, 121)
    factor = energy / -np.expm1(-energy / 25.85 - 1e-12)
    rows = [
        f"{q} {e} {1e-3 * q**2 * f * np.exp(-((abs(e) - 15) ** 2) / 18):.6g} 1e-4"
        for q in (2.0, 3.0)
        for e, f in zip(energy, factor, strict=True)
    ]
    Path("vanadium.dat").write_text("\n".join(["# q energy S error", *rows]))
    options = "--temperature 300 --elastic=-3,3 --mass V"
    said = vanhove.works(f"compute dos_from_sqe vanadium.dat {options} --out g.nc --figure g.png")
    assert "mean_energy" in said.out
    assert float(vh.load("g.nc").mean_energy) == pytest.approx(15, abs=1.5)
    vh.save(vh.spectra.read_measured("vanadium.dat"), "read.nc")
    assert vanhove.works(f"compute dos_from_sqe read.nc {options}").out.splitlines()[1:3] == said.out.splitlines()[1:3]
    vanhove.refuses("compute msd vanadium.dat --of V", "No reader recognises the file")
