"""What the documents show works as they show it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vanhove.cli import options
from vanhove.cli.computing import chain

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["README.md", "docs/start.md"])
@pytest.mark.usefixtures("vanhove")  # its empty folder
def test_the_examples_run(dump: Path, document: str) -> None:
    code = re.findall(r"```python\n(.+?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    Path("run.lammpstrj").write_text(dump.read_text())
    exec(code[0], {})
    assert Path("msd.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (dict(value=2e-6, error=0.6e-6, upper=3e-6, verdict="diffusive"), r"D\(free\)/D\(held\) = 5\.0 ± 1\.8\n"),
        (dict(value=None, error=None, upper=2e-6, verdict="Not diffusive."), r"at least 3\.4\. Held: Not diffusive\."),
    ],
)
@pytest.mark.usefixtures("vanhove")
def test_the_ratio_of_two_runs(capsys: pytest.CaptureFixture[str], held: dict[str, Any], said: str) -> None:
    free = dict(value=10e-6, error=2e-6, upper=13e-6, verdict="diffusive")
    for folder, row in (("small", free), ("small-fixed-framework", held)):
        Path(folder).mkdir()
        other = {**row, "name": "D_jumps", "species": "Li"}
        results = {"results": [other, {**row, "name": "D", "species": "Li"}]}
        Path(folder, "summary.json").write_text(json.dumps(results))
    text = (ROOT / "studies" / "li6ps5cl" / "README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.+?)```", text, re.DOTALL) if "D(free)/D(held)" in block]
    exec(code, {})
    assert re.search(said, capsys.readouterr().out)


def test_commands_and_options_exist(vanhove: Any) -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for path in documents for line in path.read_text(encoding="utf-8").splitlines()]
    shown = [line.strip() for line in lines if re.match(r"    (\.venv/bin/)?vanhove [a-z]", line)]
    calls = [re.split(r"\s{2,}|#", line)[0].split() for line in shown]
    assert len(calls) > 15
    for _, command, *words in calls:
        known = re.findall(r"--[\w-]+", vanhove.works(f"{command} --help").out)
        if command == "compute" and words[0] != "OBSERVABLE":
            steps = chain(words[0], from_result=False)
            known += [f"--{options.WORDS.get(p.name, p.name)}" for step in steps for p in step.parameters]
        written = {word.strip("[]").split("=")[0] for word in words if word.startswith(("--", "[--"))}
        assert written <= {*known, "--option"}, (command, *words)


def test_every_key_of_a_study_is_explained() -> None:
    from vanhove.study import schema

    text = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    for table, model in [
        ("[material]", schema.Material), ("[simulate]", schema.Simulate), ("[[files]]", schema.File),
        ("[analysis]", schema.Analysis), ("[report]", schema.Report),
    ]:  # fmt: skip
        chapter = text.split(f"## {table}\n")[1].split("\n## ")[0]
        for key, about in model.model_fields.items():
            line = next((line for line in chapter.splitlines() if f"`{key}`" in line), None)
            assert line is not None, f"{table} {key}"
            if "| default |" in chapter and isinstance(about.default, float | int) and about.default is not False:
                shown = line.split("|")[2].strip()
                assert float(shown) == about.default, f"{table} {key} is {about.default}, not {shown}"
