"""The harness of the benchmarks: trajectories of known answers, honest comparison, peers that fail, the two files."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of the benchmarks, which are scripts in a folder; forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of trajectories with the tiny one in it, made in a process of its own."""
    data = tmp_path_factory.mktemp("data")
    code = "import sys, pathlib, systems; systems.ready('T', pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(data)], cwd=BENCHMARKS, check=True)
    return data


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS), *words]
    return subprocess.run(
        command, env={**os.environ, "VANHOVE_THREADS": "1"}, capture_output=True, text=True, check=False
    )


def test_sizes_are_those_of_the_table(bench: Any) -> None:
    sizes = bench("systems").SIZES
    table = {"S": (1000, 2000, 375), "M": (3000, 5000, 1285), "L": (10000, 5000, 3345)}
    assert {name: (sizes[name].atoms, sizes[name].frames, sizes[name].mobile) for name in table} == table


def test_the_trajectory_has_its_known_answers(bench: Any, tiny: Path) -> None:
    systems = bench("systems")
    sample = systems.System(tiny / "T")
    for label, oscillator in systems.SPECIES.items():
        far, fast = oscillator.spreads
        atoms = sample.of(label)
        if label != "Li":
            rest = systems.sites(3)[0][atoms]
            assert (sample.positions[:, atoms] - rest).std() == pytest.approx(far, rel=0.05)
            assert sample.velocities[:, atoms].std() == pytest.approx(fast, rel=0.05)
    moved = np.gradient(sample.positions, systems.SPACING, axis=0)[1:-1]
    assert np.corrcoef(moved.ravel(), sample.velocities[1:-1].ravel())[0, 1] > 0.95


def test_no_two_ions_share_a_site_and_they_do_hop(bench: Any) -> None:
    systems = bench("systems")
    path = systems.hops(systems.Size(3, 65, 300), np.random.default_rng(1))
    sites = np.ravel_multi_index(tuple(np.moveaxis(path % 6, -1, 0)), (6, 6, 6))
    assert all(len(set(frame)) == 65 for frame in sites.tolist())
    steps = np.abs(np.diff(path, axis=0)).sum(axis=-1)
    assert steps.max() == 1
    free = 1 - 65 / 216
    assert steps.sum() / steps.size == pytest.approx(systems.SPACING / systems.STAY * free, rel=0.25)


def test_the_same_seed_gives_the_same_bytes(bench: Any, tiny: Path, tmp_path: Path) -> None:
    systems = bench("systems")
    systems.write(tmp_path / "T", systems.SIZES["T"])
    for name in ("positions.npy", "velocities.npy", "about.json"):
        assert (tmp_path / "T" / name).read_bytes() == (tiny / "T" / name).read_bytes()


def test_half_a_trajectory_is_made_anew(bench: Any, tiny: Path, tmp_path: Path) -> None:
    systems = bench("systems")
    (tmp_path / "T").mkdir()
    (tmp_path / "T" / "about.json").write_text('{"recipe"')
    systems.ready("T", tmp_path)
    assert (tmp_path / "T" / "about.json").read_bytes() == (tiny / "T" / "about.json").read_bytes()


def test_vectors_are_one_of_each_pair(bench: Any, tiny: Path) -> None:
    sample = bench("systems").System(tiny / "T")
    unit = 2 * np.pi / sample.length
    every = np.rint(bench("rows.structure").vectors(sample) / unit).astype(int)
    both = {tuple(v) for v in every.tolist()} | {tuple(v) for v in (-every).tolist()}
    most = int(3 / unit)
    grid = np.indices((2 * most + 1,) * 3).reshape(3, -1).T - most
    inside = grid[(np.linalg.norm(grid, axis=1) * unit <= 3.0) & grid.any(axis=1)]
    assert len(both) == 2 * len(every) == len(inside)


@pytest.mark.parametrize(
    ("theirs", "agrees"),
    [
        ([1.0, 2.0005], True),
        ([1.0, 2.1], False),
        ([1.0, np.nan], False),
        ([1.0, 2.0, 3.0], False),
    ],
)
def test_a_disagreement_is_caught(bench: Any, theirs: list[float], agrees: bool) -> None:
    judge, base = bench("judge"), bench("rows.base")
    checks = [base.Check("x", 1e-3)]
    found = judge.agreement(checks, {"x": np.array([1.0, 2.0])}, {"x": np.array(theirs)})
    assert found["agrees"] is agrees


def entry(who: str, cpu: float, **more: Any) -> dict[str, Any]:
    timing = {"cpu": cpu, "wall": cpu, "share": 1.0, "units": 1e9, "threads": 1, "version": "1", "runs": 3}
    timing |= {"cpu_spread": 0.01, "before_mb": 10.0, "peak_mb": 12.0}
    plain = {"equal": True, "known": "", "agrees": True, "difference": 0.0, "failed": "", "call": "f()", "note": ""}
    return {"who": who, "runs": [timing], **plain, **more}


def test_only_correct_peers_that_did_the_same_work_count(bench: Any) -> None:
    judge, base = bench("judge"), bench("rows.base")
    jobs = [
        entry(base.OURS, 1.0), entry("slow", 9.0), entry("right", 5.0), entry("wrong", 2.0, agrees=False),
        entry("known", 2.0, agrees=False, known="single precision"), entry("less", 0.5, equal=False),
        entry("absent", 0.0, runs=[], failed="not installed: no wheel"),
    ]  # fmt: skip
    row = base.Row("x", "X", [], "unit", float, [], [base.Aim(4), base.Aim(6), base.Aim(ns=2.0), base.Aim(seconds=0.5)])
    found = judge.verdict(row, "S", jobs)
    assert (found["fastest"], found["ratio_cpu"]) == ("right", 5.0)
    assert [aim["reached"] for aim in found["aims"]] == [True, False, True, False]
    assert found["unexplained"] == ["wrong"]


def test_what_is_written_names_faults_and_failures(bench: Any, tmp_path: Path) -> None:
    results, base = bench("results"), bench("rows.base")
    jobs = [
        entry(base.OURS, 1.0), entry("wrong", 2.0, agrees=False, difference=0.1),
        entry("known", 2.0, agrees=False, difference=float("inf"), known="single precision"),
        entry("absent", 0.0, runs=[], failed="not installed: no wheel"),
    ]  # fmt: skip
    row = {
        "row": "x", "title": "X", "size": "S", "atoms": 1, "frames": 2, "unit": "unit", "note": "", "jobs": jobs,
        "measured": "2026-01-01", "machine": results.machine(), "input_mb": 1.0, "reason": "", "fastest": None,
        "ratio_cpu": None, "ratio_wall": None, "aims": [], "unexplained": ["wrong"],
    }  # fmt: skip
    results.save(tmp_path, {"rows": {"x S": row}, "kernels": {}, "scaling": {}, "order": ["x"]})
    text = (tmp_path / "results.md").read_text()
    assert "**differs (1.0e-01), not explained**" in text
    assert "differs (another shape): single precision" in text
    assert "- absent: not installed: no wheel" in text
    assert results.load(tmp_path / "results.json")["rows"]["x S"]["jobs"][2]["difference"] is None


def test_an_unknown_observable_is_refused() -> None:
    done = run("--observable", "msdd", "--size", "T")
    assert done.returncode != 0
    assert "no observable 'msdd'; there are msd, " in done.stderr


def test_an_environment_that_cannot_be_installed_has_a_reason(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    environments = bench("environments")
    (tmp_path / "pins").mkdir()
    monkeypatch.setattr(environments, "PINS", tmp_path / "pins")
    with pytest.raises(environments.NotInstalledError, match=r"no pins/nobody\.txt"):
        environments.python_of("nobody", tmp_path / "peers")


def test_every_peer_has_pins_of_names_and_versions(bench: Any) -> None:
    table, environments = bench("rows").table(), bench("environments")
    homes = {job.home for row in table.values() for job in row.jobs} - {environments.HOME}
    assert homes == set(environments.names())
    for name in homes:
        lines = (environments.PINS / f"{name}.txt").read_text().split()
        assert lines
        assert all(line.count("==") == 1 and "/" not in line for line in lines)


def test_a_row_from_end_to_end(tiny: Path, tmp_path: Path) -> None:
    done = run(
        "--observable", "fs_powder", "--size", "T", "--runs", "2", "--results", str(tmp_path), "--data", str(tiny)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[1/2] fs_powder T: vanhove" in done.stdout
    row = json.loads((tmp_path / "results.json").read_text())["rows"]["fs_powder T"]
    ours, plain = row["jobs"]
    assert plain["agrees"]
    assert row["fastest"] == "numpy, a hundredth"
    assert {"cpu", "wall", "cpu_spread", "peak_mb", "before_mb", "threads", "version", "share"} <= set(ours["runs"][0])
    assert plain["runs"][0]["share"] < 0.02
    assert row["machine"]["cores"] >= 1
    assert "F_s(Q,t)" in (tmp_path / "results.md").read_text()
