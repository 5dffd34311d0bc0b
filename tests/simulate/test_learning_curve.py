from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.figures import new_axes
from vanhove.simulate.learning_curve import CurveFile, curves, running_median
from vanhove.simulate.training_status import Status, line

HEAD = (
    "# step       rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn   lr\n"
    "# If there is no available reference data, rmse_*_{val,trn} will print nan\n"
)


def row(step: int, force: float, held_out: float = 0.5, rate: float = 1e-3) -> str:
    return f"{step:7d}      1.0e+00 2.0e+00      3.0e-02 4.0e-02     {held_out:.2e}    {force:.2e}   {rate:.1e}\n"


def test_rows_are_read_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "lcurve.out"
    follower = CurveFile(path)
    assert follower.read() == []
    path.write_text(HEAD + row(0, 1.0) + row(100, 0.8)[:20])
    (first,) = follower.read()
    assert (first.step, first.force, first.held_out, first.rate) == (0, 1.0, 0.5, 1e-3)
    assert first.errors["rmse_e_trn"] == 0.04
    path.write_text(HEAD + row(0, 1.0) + row(100, 0.8) + "torn by a ki\n" + row(200, 0.7))
    assert [one.step for one in follower.read()] == [100, 200]
    assert follower.read() == []


def test_what_came_after_a_checkpoint_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "lcurve.out"
    path.write_text(HEAD + "".join(row(step, 1.0) for step in range(0, 500, 100)) + "  45")
    CurveFile(path).cut(200)
    assert [one.step for one in CurveFile(path).read()] == [0, 100, 200]
    CurveFile(tmp_path / "absent").cut(3)


def curve_files(folder: Path) -> list[list[Path]]:
    """Two models; of the first's two phases the first was resumed at 100, of the second the second has just begun."""
    texts = [
        [HEAD + row(0, 1.0) + row(100, 0.8) + HEAD + row(100, 0.7) + row(200, 0.6), HEAD + row(0, 9.9) + row(100, 0.3)],
        [HEAD + row(0, 2.0) + row(100, 1.8) + row(200, 1.6), HEAD],
    ]
    files = []
    for model, phases in enumerate(texts):
        files.append([folder / f"{model}-{number}.out" for number in range(len(phases))])
        for path, text in zip(files[-1], phases, strict=True):
            path.write_text(text)
    return files


def test_phases_and_models_are_put_together(tmp_path: Path) -> None:
    found = curves(curve_files(tmp_path), [200, 100], {"seed": 1}, "two models")
    assert found.step.values.tolist() == [0, 100, 200, 300]
    assert found.phase.values.tolist() == [1, 1, 1, 2]
    np.testing.assert_array_equal(found.force.values, [[1.0, 0.7, 0.6, 0.3], [2.0, 1.8, 1.6, np.nan]])
    assert found.energy.attrs["units"] == "eV"
    assert "virial" not in found
    assert found.attrs["observable"] == "simulate.train"
    vh.save(found, tmp_path / "c.nc")
    assert vh.load(tmp_path / "c.nc").identical(found)
    axes = vh.draw(found, new_axes())
    assert axes.get_ylabel() == "force error, rms (eV/Å)"
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "model 1, held out"
    axes.figure.canvas.draw()
    bare = found.drop_vars("force_held_out").isel(model=[0])
    assert [text.get_text() for text in vh.draw(bare).get_legend().get_texts()] == ["in training"]


def test_a_training_that_has_said_nothing_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="reported nothing yet"):
        curves([[tmp_path / "absent"]], [100], {}, "title")


def test_the_running_median_is_that_of_neighbours() -> None:
    values = np.array([5.0, 1.0, 2.0, 9.0, 3.0])
    assert running_median(values, 1).tolist() == [3.0, 2.0, 2.0, 3.0, 6.0]
    assert running_median(values, 0).tolist() == values.tolist()


def test_the_line_on_the_terminal() -> None:
    status = Status("training", 0, 4, 1, 3400, 40000, 0.31234, 0.35, 41.2, 724.0)
    said = (
        "training model 1 of 4, step 3400 of 40000 | forces 0.312, 0.350 held out eV/Å | 41.2 steps/s, 12 min 4 s left"
    )
    assert line(status) == said
    nan = float("nan")
    assert line(Status("freezing", 0, 1, 0, 1, 1, nan, nan, nan, nan)) == "freezing, the model"
    assert line(Status("training", 0, 1, 1, 0, 9, nan, nan, nan, nan)) == "training the model, step 0 of 9"
