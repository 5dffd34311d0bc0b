"""The card of a DeePMD committee; skipped where DeePMD-kit is not installed (``VANHOVE_DEEPMD`` may name it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from noble_liquid import TEMPERATURE, gas, lattice

import vanhove as vh
from vanhove import simulate, study
from vanhove.base.errors import Refusal
from vanhove.simulate.deepmd_home import find_deepmd

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 50, "checkpoint_every": 100,
    "network": {"cutoff": 6.0, "embedding": [4, 8], "axis": 2, "fitting": [16, 16], "precision": "float64"},
    "phases": {
        "steps": 300, "rate": [5e-3, 1e-4], "decay_every": 20, "energy": [0.02, 1], "force": [100, 1],
        "virial": [0.02, 0.1], "wall": "closest",
    },
}  # fmt: skip


def shaken(cells: tuple[int, int, int], frames: int, seed: int, folder: Path) -> simulate.Labelled:
    """A lattice of noble gases, shaken, with labels."""
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(frames):
        atoms: Any = lattice(cells, seed)
        atoms.positions += generator.normal(0, 0.25, atoms.positions.shape)
        drawn.append(atoms)
    return simulate.label({"x".join(map(str, cells)): drawn}, gas(), folder, ranks=1)


def test_the_card_of_a_committee(tmp_path: Path) -> None:
    try:
        find_deepmd()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    frames = shaken((4, 4, 4), 40, 1, tmp_path / "labels")
    larger = shaken((4, 4, 6), 5, 2, tmp_path / "more")
    models = simulate.train(frames, tmp_path / "t", settings=SETTINGS, models=2, threads=1, progress=False)
    moves = study.Moves(timestep=0.002, equilibrate=0.2, energy=1.0, hot_time=0.2)
    steps: list[str] = []
    how: dict[str, Any] = dict(
        larger=larger, temperature=TEMPERATURE, moves=moves, ranks=1, progress=steps.append, title="Two networks"
    )  # fmt: skip
    card = study.validate(models, tmp_path / "card", **how)
    found = card.content["found"]
    assert steps == ["parity", "wall", "drift", "hot", "larger"]
    assert found["parity"]["frames"] == models.held_out.frames
    assert found["range"]["fingerprint"] == models.train.fingerprint
    assert found["parity"]["force"] == pytest.approx(
        simulate.parity(models, models.held_out, threads=1).attrs["force"], rel=1e-6
    )
    assert found["parity"]["force"] < 0.7 * found["parity"]["force_reference"]
    spread = simulate.deviation(models, models.held_out, threads=1)
    assert found["parity"]["deviation"] == pytest.approx(np.percentile(spread.deviation_max, 95), rel=1e-6)
    told = {one.about: one.verdict for one in card.judgements}
    assert told["a larger cell, by labels"] in ("holds", "open", "fails")
    assert told["a larger cell, by model deviation"] in ("holds", "fails")
    assert told["a repulsive wall"] == "holds", card.describe()  # that of the bare nuclei
    assert card.content["subject"]["training"]["settings"]["network"]["embedding"] == [4, 8]
    study.validate(tmp_path / "t", tmp_path / "card", **how)  # by its folder it is the same
    assert len(steps) == 5
    page = vh.report.write_card(tmp_path / "card").read_text(encoding="utf-8")
    for name in ("parity-deviation", "larger-deviation", "larger-forces", "drift", "wall"):
        assert f'<figure id="{name}">' in page
    assert "How it was trained" in page
