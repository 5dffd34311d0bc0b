"""A finished study that was never run: walkers in a resting, rattling network, at three temperatures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.results import save
from vanhove.study.results import ResultRecord, Results, RunRecord, row, write_lock, write_summary

CELL, FRAMES, SPACING = 18.0, 400, 0.1  # Å, frames, ps
STEPS = {900: 0.25, 1100: 0.32, 1300: 0.40}  # K → rms step of a Na between frames along an axis, Å
TETRAHEDRON = 2.1 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
CHARGES = {"Na": 1.0, "Si": 4.0, "S": -2.0}
TITLE = "Walkers & <script>alert('title')</script>"


def walkers(temperature: int) -> vh.Trajectory:
    """Free Na between SiS4 units that rattle about their places."""
    rng = np.random.default_rng(temperature)
    grid = np.arange(3) * CELL / 3 + 1.0
    former = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    network = np.vstack([former, (former[:, None] + TETRAHEDRON).reshape(-1, 3)])
    rattling = network + rng.normal(0, 0.12, (FRAMES, len(network), 3))
    free = rng.uniform(0, CELL, (108, 3)) + np.cumsum(rng.normal(0, STEPS[temperature], (FRAMES, 108, 3)), axis=0)
    species = ["Na"] * 108 + ["Si"] * len(former) + ["S"] * 4 * len(former)
    times = SPACING * np.arange(FRAMES)
    return vh.from_arrays(
        np.concatenate([free, rattling], axis=1), CELL, species, times, wrapped=False, temperature=temperature
    )


def finished(folder: Path) -> Results:
    """Write the results folder of the study, with the datasets that the observables really give."""
    runs, records, rows, found = [], [], [], {}

    def keep(result: object, observable: str, label: str, run: str, species: str, temperature: float | None) -> None:
        save(result, folder / "data" / f"{label}.nc")
        records.append(
            ResultRecord(label, observable, run, species, temperature, f"data/{label}.nc", f"key-of-{label}")
        )

    for temperature in STEPS:
        traj, name = walkers(temperature), f"{temperature}K"
        path = folder / "runs" / f"{name}.h5md"
        path.parent.mkdir(parents=True, exist_ok=True)
        traj.save(path)
        details = {
            "composition": traj.composition, "density_g_cm3": 1.23, "frames": FRAMES, "first_ps": 0.0,
            "last_ps": float(traj.times[-1]), "cell": traj.cells[0].tolist(),
            "unwrapping": "unwrapped by the shortest image between frames; displacements toroidal-view preserving",
        }  # fmt: skip
        runs.append(RunRecord(name, temperature, 1, "simulated", (str(path),), {}, traj.n_atoms, details))
        keep(vh.structure.rdf(traj, r_max=6.0), "structure.rdf", f"rdf-{name}", name, "", temperature)
        rows.append(row("first_peak", 2.125, "Å", species="Si-S", temperature=temperature, run=name))
        rows.append(row("coordination", 4.0, "1", species="Si-S", temperature=temperature, run=name))
        for species in ("Na", "Si", "S"):
            msd = vh.dynamics.msd(traj, species)
            found[species, temperature] = diffusion = vh.dynamics.diffusion(msd)
            keep(msd, "dynamics.msd", f"msd-{species}-{name}", name, species, temperature)
            keep(diffusion, "dynamics.diffusion", f"diffusion-{species}-{name}", name, species, temperature)
        conduction = vh.dynamics.conductivity(traj, CHARGES)
        keep(conduction, "dynamics.conductivity", f"conductivity-{name}", name, "", temperature)
        found["sigma", temperature] = conduction.sel(species="Na")
    for label, value, source in (("D-Na", "D", "Na"), ("D-Si", "D", "Si"), ("sigma-Na", "sigma", "sigma")):
        each = [found[source, temperature] for temperature in STEPS]
        law = vh.dynamics.arrhenius(
            list(STEPS), [float(one[value]) for one in each], [float(one[f"{value}_error"]) for one in each],
            times_T=value == "sigma", at=300.0,
        )  # fmt: skip
        keep(law, "dynamics.arrhenius", f"arrhenius-{label}", "", label.split("-")[1], None)
    settings = {
        "material": {"formula": "Na4SiS4", "potential": "na2s-sis2", "seed": 1},
        "analysis": {"mobile": ["Na"], "charges": CHARGES},
        "report": {"authors": ["A. <b>Nonymous</b>"], "notes": "Not \"real\" & <img src='x'>."},
    }
    results = Results(
        folder, TITLE, tuple(runs), tuple(records), rows, "f1ng3rpr1nt", {"vanhove": "0.1.0", "numpy": "2"}, settings
    )
    write_lock(results)
    write_summary(folder, results.fingerprint, rows)
    return results


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's folder; not to be written into."""
    folder = tmp_path_factory.mktemp("study")
    finished(folder)
    return folder


@pytest.fixture
def study(made_once: Path, tmp_path: Path) -> Path:
    """A study's folder of one's own."""
    return Path(shutil.copytree(made_once, tmp_path / "study"))


@pytest.fixture(scope="session")
def page(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report that was written once."""
    from vanhove.report import write

    return write(shutil.copytree(made_once, tmp_path_factory.mktemp("written") / "study"))
