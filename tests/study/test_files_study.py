"""A study of files from end to end: its numbers are those of the library called directly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

import vanhove as vh
from vanhove.study import Results, run
from vanhove.study.graph import plan_of
from vanhove.study.schema import read_study

if TYPE_CHECKING:
    from xarray import Dataset

TEMPERATURES = (800, 1000, 1200)
CHARGES = {"Na": 1.0, "Si": -1.0}
STUDY = """
title = "Walkers between rattling silicon"

[analysis]
mobile = ["Na"]
charges = { Na = 1, Si = -1 }

[observables]
rdf = { r_max = 6, pairs = ["Si-Si", "Na-Si"] }
msd = { drift = "none" }
diffusion = {}
conductivity = { reference = "none" }
arrhenius = { at = [300, 500] }
"""
RUN = """
[[files]]
path = "{0}.xyz"
temperature = {0}
spacing = 0.2
"""


def write_walk(path: Path, temperature: float) -> None:
    """27 free Na, D = 2e-3 exp(-0.3 eV / k_B T) cm²/s, and a cubic lattice of 27 rattling Si."""
    generator = np.random.default_rng(int(temperature))
    step = np.sqrt(2 * 20 * np.exp(-0.3 / (8.617333e-5 * temperature)) * 0.2)
    free = np.cumsum(generator.normal(0, step, (400, 27, 3)), axis=0) + generator.uniform(0, 12, (27, 3))
    lattice = 4.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    still = lattice + generator.normal(0, 0.15, (400, 27, 3))
    frames = [
        Atoms(["Na"] * 27 + ["Si"] * 27, positions=places, cell=[12.0] * 3, pbc=True)
        for places in np.concatenate([free, still], axis=1)
    ]
    for frame in frames:
        frame.wrap()
    write(path, frames, format="extxyz")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("walkers")
    for temperature in TEMPERATURES:
        write_walk(folder / f"{temperature}.xyz", temperature)
    study = folder / "study.toml"
    study.write_text(STUDY + "".join(RUN.format(temperature) for temperature in TEMPERATURES))
    return run(study, folder / "out")


def directly(results: Results, temperature: int) -> vh.Trajectory:
    return vh.open(results.folder.parent / f"{temperature}.xyz", spacing=0.2, temperature=temperature)


def only(results: Results, observable: str, species: str, temperature: int | None) -> Dataset:
    name = "" if temperature is None else str(temperature)
    (record,) = results.find(observable=observable, species=species, run=name)
    return results.load(record)


def test_the_numbers_are_those_of_the_library(results: Results) -> None:
    laws: dict[str, list[tuple[float, float]]] = {"D": [], "sigma": []}
    for temperature in TEMPERATURES:
        traj = directly(results, temperature)
        rdf = vh.structure.rdf(traj, pairs=["Si-Si", "Na-Si"], r_max=6)
        assert only(results, "rdf", "", temperature).equals(rdf)
        found = {}
        for species in ("Na", "Si"):
            msd = vh.dynamics.msd(traj, species, drift=None)
            found[species] = vh.dynamics.diffusion(msd)
            assert only(results, "msd", species, temperature).equals(msd)
            assert only(results, "diffusion", species, temperature).equals(found[species])
        sigma = vh.dynamics.conductivity(traj, CHARGES, reference=None, diffusion=found)
        assert only(results, "conductivity", "", temperature).equals(sigma)
        laws["D"].append((float(found["Na"].D), float(found["Na"].D_error)))
        one = sigma.sel(species="Na")
        laws["sigma"].append((float(one.sigma), float(one.sigma_error)))
    for quantity, pairs in laws.items():
        values, errors = (list(each) for each in zip(*pairs, strict=True))
        (record,) = (r for r in results.find(observable="arrhenius") if r.label == f"arrhenius-{quantity}-Na")
        law = vh.dynamics.arrhenius(TEMPERATURES, values, errors, times_T=quantity == "sigma", at=[300, 500])
        kept = results.load(record)
        for name in ("E_a", "E_a_error", "value_at", "value_at_low", "value_at_high"):
            np.testing.assert_array_equal(kept[name], law[name])


def test_the_summary_holds_them(results: Results) -> None:
    (cold,) = results.rows("D", species="Na", temperature=800.0)
    diffusion = only(results, "diffusion", "Na", 800)
    assert (cold["value"], cold["error"]) == (float(diffusion.D), float(diffusion.D_error))
    assert (cold["unit"], cold["verdict"], cold["run"]) == ("cm²/s", "diffusive", "800")
    (still,) = results.rows("D", species="Si", temperature=800.0)
    assert still["value"] is None
    assert still["upper"] < 1e-5
    assert "diffusi" in still["verdict"]
    (barrier,) = results.rows("E_a", species="Na")
    assert barrier["low"] < barrier["value"] < barrier["high"]
    assert abs(barrier["value"] - 0.3) < 3 * barrier["error"]
    assert results.rows("E_a", species="Si")[0]["value"] is None
    assert "two temperatures" in results.rows("E_a", species="Si")[0]["verdict"]
    (total,) = results.rows("E_a_sigma", species="")
    assert total["verdict"] == "The total is followed where every species diffuses, which is so in 0 of 3 runs."
    extrapolated = results.rows("sigma_extrapolated", species="Na")
    assert [row["temperature"] for row in extrapolated] == [300.0, 500.0]
    assert all(row["low"] < row["value"] < row["high"] for row in extrapolated)
    sigma = {row["species"]: row for row in results.rows("sigma", temperature=1000.0)}
    assert sigma["Na"]["verdict"] == "diffusive"
    assert sigma["Na"]["value"] == sigma[""]["value"]
    assert sigma["Si"]["value"] is None
    assert sigma["Si"]["verdict"] == sigma[""]["verdict"] != "diffusive"
    (peak,) = results.rows("first_peak", species="Si-Si", temperature=800.0)
    assert abs(peak["value"] - 4.0) < 0.1
    (shell,) = results.rows("coordination", species="Si-Si", temperature=800.0)
    assert abs(shell["value"] - 6) < 0.1


def test_null_stands_where_there_is_no_number(results: Results) -> None:
    text = (results.folder / "summary.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["results"] == results.summary


def labels(folder: Path, text: str) -> list[str]:
    study = folder / "other.toml"
    study.write_text(text + "".join(RUN.format(temperature) for temperature in TEMPERATURES))
    return [task.label for task in plan_of(read_study(study)).tasks]


def test_arrhenius_alone_brings_what_it_needs(results: Results) -> None:
    found = labels(results.folder.parent, 'title = "t"\n[observables]\narrhenius = {}\nmsd = { species = "Na" }')
    assert found == [
        "msd-Na-800", "msd-Na-1000", "msd-Na-1200", "diffusion-Na-800", "diffusion-Na-1000", "diffusion-Na-1200",
        "arrhenius-D-Na",
    ]  # fmt: skip


def test_a_conductivity_in_another_frame_has_its_own_diffusion(results: Results) -> None:
    charges = 'title = "t"\n[analysis]\ncharges = { Na = 1, Si = 0 }\n'
    text = f'{charges}[observables]\nconductivity = {{ reference = "framework" }}\n'
    assert labels(results.folder.parent, text) == ["conductivity-800", "conductivity-1000", "conductivity-1200"]
    with_law = labels(results.folder.parent, f"{text}arrhenius = {{}}\n")
    assert with_law[3:] == ["arrhenius-sigma-Na", "arrhenius-sigma"]


def test_of_ions_that_move_together_only_the_whole_is_followed(results: Results) -> None:
    text = 'title = "t"\n[analysis]\ncharges = { Na = 1, Si = -1 }\n[observables]\narrhenius = {}\n'
    found = labels(results.folder.parent, f'{text}conductivity = {{ method = "einstein" }}\n')
    assert [label for label in found if "sigma" in label] == ["arrhenius-sigma"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[observables]\nconductivity = {}", r"needs the charges"),
        ("[analysis]\ncharges = { Na = 1 }\n[observables]\nconductivity = {}", "No charge is given for Si"),
        ("[analysis]\ncharges = { Na = 1, Si = 4, S = -2 }\n[observables]\nconductivity = {}", "No run has 'S'"),
        ("[observables]\narrhenius = { at = [300, 'x'] }", r"observables.arrhenius.at \(line 3\): .*must be a number"),
        ("[observables]\narrhenius = { units = 'm' }", "has no such option"),
        ("[observables]\nconductivity = { diffusion = 1 }", "has no such option"),
    ],
)
def test_what_the_study_does_not_say_is_asked_for(results: Results, text: str, said: str) -> None:
    with pytest.raises(vh.Refusal, match=said):
        labels(results.folder.parent, f'title = "t"\n{text}\n')


def test_a_law_needs_two_temperatures(results: Results) -> None:
    study = results.folder.parent / "one.toml"
    study.write_text(f'title = "t"\n[observables]\narrhenius = {{}}\n{RUN.format(800)}')
    with pytest.raises(vh.Refusal, match=r"two or more temperatures.*have 1"):
        plan_of(read_study(study))
    study.write_text(f'title = "t"\n[observables]\nrdf = {{}}\n{RUN.format(800)}'.replace("spacing = 0.2\n", ""))
    with pytest.raises(vh.Refusal, match="spacing"):
        plan_of(read_study(study))


def test_what_may_be_made_of_several_says_of_which(results: Results) -> None:
    (results.folder.parent / "peaks.study.toml").write_text(
        'title = "Peaks"\n[observables]\nrdf = { r_max = 6 }\npeaks = { of = "rdf", window = [2, 5.5] }\n'
        + RUN.format(800)
    )
    plan = plan_of(read_study(results.folder.parent / "peaks.study.toml"))
    assert [task.function for task in plan.tasks] == ["structure.rdf", "structure.peaks"]
    assert "of" not in plan.tasks[-1].options
    (results.folder.parent / "peaks.study.toml").write_text(
        'title = "Peaks"\n[observables]\npeaks = { of = "angles", window = [2, 5.5] }\n' + RUN.format(800)
    )
    with pytest.raises(vh.Refusal, match="must be one of structure_factor, rdf"):
        read_study(results.folder.parent / "peaks.study.toml")


def test_a_resolutions_file_is_part_of_the_task_and_a_presets_name_is_none(results: Results) -> None:
    folder = results.folder.parent
    study = folder / "instrument.study.toml"

    def options(resolution: str) -> dict[str, object]:
        said = f'neutron_sqe = {{ q = [1.0] }}\ninstrument = {{ resolution = "{resolution}" }}\n'
        study.write_text('title = "t"\n[observables]\n' + said + RUN.format(800))
        task = plan_of(read_study(study)).tasks[-1]
        return {"resolution": task.options["resolution"], "inputs": len(task.inputs)}

    (folder / "vanadium.dat").write_text("0 1 1\n")
    assert options("vanadium.dat") == {"resolution": str(folder / "vanadium.dat"), "inputs": 2}
    assert options("OSIRIS-PG002") == {"resolution": "OSIRIS-PG002", "inputs": 1}
    with pytest.raises(vh.Refusal, match="There is no such file"):
        options("van.dat")
