"""What makes the ions move, in three sentences: each of planted results, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import vanhove as vh
from vanhove.base.results import save
from vanhove.report.findings import Findings, Law
from vanhove.report.mechanism import Sentence, details, mechanism
from vanhove.study.results import ResultRecord, Results

NOTHING = Findings([], [], [], [])
SOFT = {
    "accuracy": 0.6168, "accuracy_error": 0.0069, "slope": 0.3885, "slope_error": 0.0382, "trained_on": "",
    "summary": "Softness of Na.",
}  # fmt: skip
COUPLED = {
    "species": "Na", "unit_name": "SiS4", "compared": 254, "units": 47, "p_any": 0.0005, "p_value": 0.001,
    "effect": 5.1, "effect_error": 0.4, "effect_upper": 6.2, "translation_p_value": 0.4, "translation_effect": 0.03,
    "translation_effect_error": 0.02, "translation_effect_upper": 0.11, "tilt_p_value": 0.02, "tilt_effect": 2.7,
    "tilt_effect_error": 0.5, "tilt_effect_upper": 3.4, "verdict": "When Na jumps, it turns",
}  # fmt: skip
FREE = {**COUPLED, "p_any": 0.74, "p_value": 0.5, "tilt_p_value": 0.3, "broken": 29}
WIDER = {
    "species": "Na", "compared": 887, "p_value": 0.0005, "widening": 0.369, "widening_error": 0.085, "mean": 10.48,
    "mean_error": 0.1, "verdict": "When Na passes, windows are wider",
}  # fmt: skip
JUMPS = {"waiting_time": 6.98, "waiting_time_error": 0.24, "mean_length": 3.455, "mean_length_error": 0.021}
Planted = tuple[str, float | None, Mapping[str, Any]]  # observable, temperature, numbers and words


def made(folder: Path, planted: Sequence[Planted]) -> Results:
    """A study with datasets of these numbers; words become attributes."""
    records = []
    for k, (observable, temperature, said) in enumerate(planted):
        numbers = {name: value for name, value in said.items() if not isinstance(value, str)}
        words = {name: value for name, value in said.items() if isinstance(value, str)}
        counts = {name: numbers.pop(name) for name in ("compared", "units", "broken") if name in numbers}
        arrays = {name: value for name, value in numbers.items() if isinstance(value, xr.DataArray)}
        rest = {name: ((), float(value)) for name, value in numbers.items() if name not in arrays}
        save(xr.Dataset({**arrays, **rest}, attrs={**words, **counts}), folder / f"{k}.nc")
        species = "" if observable.startswith(("dynamics.c", "dynamics.b", "lattice")) else "Na"
        species = "Na" if observable == "dynamics.cages" else species
        records.append(ResultRecord(f"r{k}", observable, f"run{k}", species, temperature, f"{k}.nc", f"key{k}"))
    return Results(folder, "planted", (), tuple(records), [], "f", {}, {"analysis": {"mobile": ["Na"]}})


def law(quantity: str, barrier: float, error: float) -> Law:
    return Law(quantity, "Na", barrier, error, 300.0, 1.0, 0.9, 1.1, "1/ps", (1000.0, 1300.0), "fitted", "")


def told(folder: Path, *planted: Planted, laws: Sequence[Law] = ()) -> list[Sentence]:
    found = Findings([], list(laws), [], [])
    said = mechanism(made(folder, planted), found, "Na", [("Si", "S")])
    assert [one.about for one in said] == ["Surroundings", "Framework", "Motion"]
    for one in said:
        assert one.text.endswith(".")
        assert "nan" not in one.text
        assert ".." not in one.text
    return [Sentence(one.about, one.text.replace("\N{NO-BREAK SPACE}", " "), one.missing) for one in said]


def test_softness_with_its_accuracy_its_hops_and_two_barriers(tmp_path: Path) -> None:
    laws = [law("soft_rate", 0.0526, 0.0122), law("hard_rate", 0.1102, 0.0170)]
    hot = {**SOFT, "accuracy": 0.59, "trained_on": "Na at 1000 K"}
    text = told(tmp_path, ("softness.soft_ions", 1300, hot), ("softness.soft_ions", 1000, SOFT), laws=laws)[0].text
    assert text == (
        "What surrounds Na tells whether it will move at 1000 K: of ions that the model did not see it has 61.7 ± "
        "0.7 % right, where guessing gives 50 %, and hops become 1.47 ± 0.06 times as frequent with every unit of "
        "softness; the barrier of the hops is 0.053 ± 0.012 eV for soft and 0.110 ± 0.017 eV for hard ions."
    )


def test_barriers_by_models_of_their_own_are_not_compared(tmp_path: Path) -> None:
    laws = [law("soft_rate", 0.0526, 0.0122), law("hard_rate", 0.1102, 0.0170)]
    assert "barrier" not in told(
        tmp_path, ("softness.soft_ions", 1300, SOFT), ("softness.soft_ions", 1000, SOFT), laws=laws
    )[0].text  # fmt: skip


def test_barriers_that_are_alike_are_called_so(tmp_path: Path) -> None:
    laws = [law("soft_rate", 0.09, 0.02), law("hard_rate", 0.11, 0.02)]
    hot = {**SOFT, "trained_on": "Na at 1000 K"}
    text = told(tmp_path, ("softness.soft_ions", 1000, SOFT), ("softness.soft_ions", 1300, hot), laws=laws)[0].text
    assert "the barriers of the hops of soft and hard ions, 0.090 ± 0.020 eV and 0.110 ± 0.020 eV, are alike" in text


def test_what_was_not_learnt_is_said(tmp_path: Path) -> None:
    text = told(tmp_path, ("softness.soft_ions", 600, {**SOFT, "accuracy": 0.508, "accuracy_error": 0.012}))[0].text
    assert text == (
        "What surrounds Na does not tell whether it will move at 600 K: of ions that the model did not see it has "
        "50.8 ± 1.2 % right, and guessing gives 50 %."
    )
    flat = told(tmp_path, ("softness.soft_ions", 600, {**SOFT, "slope": 0.03}))[0].text
    assert flat.endswith("yet hops do not become more frequent with softness within the errors.")
    silent = told(tmp_path, ("softness.soft_ions", 600, {**SOFT, "slope": np.nan}))[0].text
    assert silent.endswith("where guessing gives 50 %.")


def test_coupling_that_was_found(tmp_path: Path) -> None:
    text = told(tmp_path, ("dynamics.coupling", 600, COUPLED))[1].text
    assert text == (
        "The framework takes part: when Na jumps, the nearest SiS₄ turns by 5.1 ± 0.4 ° more and rolls by 2.7 ± 0.5 ° "
        "along with it, compared with other times (p = 0.0005, 254 jumps, 600 K)."
    )
    against = {**COUPLED, "p_any": 0.03, "effect": -3.0, "tilt_effect": -2.0}
    text = told(tmp_path, ("dynamics.coupling", 600, against))[1].text
    assert text.startswith(
        "The framework perhaps takes part: when Na jumps, the nearest SiS₄ turns by 3.0 ± 0.4 ° less"
    )
    assert "rolls by 2.0 ± 0.5 ° against it" in text
    faint = {**COUPLED, "p_any": 0.03, "p_value": 0.3, "tilt_p_value": 0.2}
    assert "rolls by 2.7 ± 0.5 ° along with it, compared" in told(tmp_path, ("dynamics.coupling", 600, faint))[1].text


def test_no_coupling_leaves_a_bound(tmp_path: Path) -> None:
    text = told(tmp_path, ("dynamics.coupling", 1000, FREE), ("dynamics.coupling", 1300, COUPLED))[1].text
    assert text == (
        "No coupling was found: when Na jumps, the nearest SiS₄ turns and shifts as at any other time (p = 0.74, 254 "
        "jumps, 1000 K; p < 0.01 at 1 of 2 temperatures; 29 of 47 units break up on the way), which leaves room for a "
        "kick of at most 6.2° and 0.11 Å (95 %)."
    )


def test_the_coldest_run_that_can_tell_is_told(tmp_path: Path) -> None:
    few = {**FREE, "p_any": np.nan, "verdict": "3 of 4 jumps of Na can be compared with other times: too few"}
    text = told(tmp_path, ("dynamics.coupling", 300, few), ("dynamics.coupling", 900, COUPLED))[1].text
    assert "900 K" in text
    alone = told(tmp_path, ("dynamics.coupling", 300, few))[1].text
    assert alone == f"Whether polyanions take part is not known: {few['verdict']}."


def test_windows_alone_and_with_coupling(tmp_path: Path) -> None:
    both = told(tmp_path, ("dynamics.coupling", 1000, FREE), ("dynamics.bottleneck", 1000, WIDER))[1].text
    assert both.endswith(
        "; the windows that Na passes through are 0.37 ± 0.09 Å² (3.5 %) wider then (p = 0.0005, 887 passages, 1000 K)."
    )
    alone = told(tmp_path, ("dynamics.bottleneck", 1000, WIDER))[1].text
    assert alone.startswith("The windows that Na passes through")
    assert alone.endswith('coupling = { ion = "Na", units = "Si-S" } would tell.')
    same = {**WIDER, "p_value": 0.4, "widening": -0.02}
    text = told(tmp_path, ("dynamics.bottleneck", 1000, same))[1].text
    assert "neither wider nor narrower then, by −0.02 ± 0.09 Å²" in text
    narrower = told(tmp_path, ("dynamics.bottleneck", 1000, {**WIDER, "p_value": 0.03, "widening": -0.4}))[1].text
    assert "are perhaps 0.40 ± 0.09 Å² (3.8 %) narrower then" in narrower


def test_jumps_a_barrier_company_and_vibrations(tmp_path: Path) -> None:
    energy = np.linspace(0, 10, 101)
    curve = xr.DataArray(
        np.stack([0.4 * energy / 10, energy]), {"species": ["Na", "S"], "energy": energy}, ("species", "energy")
    )
    lattice = {"cumulative": curve, "total": curve.isel(energy=-1, drop=True), "temperature": 300.0}
    planted = [
        ("dynamics.jumps", 1000, JUMPS),
        ("dynamics.conductivity", 1000, {"haven_ratio": 0.45, "haven_ratio_error": 0.10}),
        ("lattice.displacements", None, {k: v for k, v in lattice.items() if k != "temperature"}),
    ]
    results = made(tmp_path, planted)
    one = vh.load(tmp_path / "2.nc").assign_attrs(temperature=300.0)
    save(one, tmp_path / "2.nc")
    found = Findings([], [law("D", 0.2529, 0.0191)], [], [])
    text = mechanism(results, found, "Na", [])[2].text.replace("\N{NO-BREAK SPACE}", " ")
    assert text == (
        "Na jumps every 6.98 ± 0.24 ps at 1000 K, by 3.455 ± 0.021 Å at a time; the barrier of diffusion is "
        "0.253 ± 0.019 eV; moving together, ions carry more current than alone at 1000 K (Haven ratio 0.45 ± 0.10); "
        "half of its vibration (0.4 Å², 300 K) is that of modes below 5 meV."
    )


def test_jumps_that_vibration_does_not_set_apart_are_told_with_their_length(tmp_path: Path) -> None:
    said = {**JUMPS, "verdict": "jumps are not set apart from vibration: one per ion", "threshold": "2.339"}
    text = told(tmp_path, ("dynamics.jumps", 1000, said))[2].text
    assert text.endswith("Å at a time (of 2.3 Å and more, which vibration does not set apart).")


def test_cages_or_unlike_ions_where_there_are_no_jumps(tmp_path: Path) -> None:
    cages = {"residence_time": 24.2, "residence_error": 1.4}
    assert told(tmp_path, ("dynamics.cages", 500, cages))[2].text == "Na stays 24.2 ± 1.4 ps in a cage at 500 K."
    peak = {"peak_height": 0.81, "peak_height_error": 0.03, "peak_time": 1.53, "peak_time_error": 0.24}
    text = told(tmp_path, ("dynamics.non_gaussian", 500, peak))[2].text
    assert text.startswith("After 1.53 ± 0.24 ps at 500 K some Na have moved and others not")
    alike = {"haven_ratio": 0.9, "haven_ratio_error": 0.2}
    assert "does not show" in told(tmp_path, ("dynamics.conductivity", 500, alike))[2].text


def test_what_is_missing_is_said_with_the_line_to_add(tmp_path: Path) -> None:
    first, second, third = told(tmp_path, ("dynamics.msd", 500, {"x": 1.0}))
    assert first.missing
    assert second.missing
    assert third.missing
    assert first.text == 'This study has no softness: add soft_ions = { species = ["Na"] } to its [observables].'
    assert 'add coupling = { ion = "Na", units = "Si-S" } to' in second.text
    assert 'add jumps = { species = ["Na"] } to' in third.text
    assert mechanism(made(tmp_path, [("structure.rdf", 500, {"x": 1.0})]), NOTHING, "Na", []) == []
    assert mechanism(made(tmp_path, []), NOTHING, "", []) == []


@pytest.mark.parametrize("line", ['soft_ions = { species = ["Na"] }', 'coupling = { ion = "Na", units = "Si-S" }',
                                  'jumps = { species = ["Na"] }'])  # fmt: skip
def test_the_lines_to_add_are_right(line: str) -> None:
    import tomllib

    from vanhove.study.options import check_observables

    assert check_observables(tomllib.loads(line)) == []


def test_replicas_are_taken_together(tmp_path: Path) -> None:
    two = [{**SOFT, "accuracy": 0.60}, {**SOFT, "accuracy": 0.64}]
    text = told(tmp_path, *(("softness.soft_ions", 1000, one) for one in two))[0].text
    assert "it has 62 ± 4 % right" in text  # Student's t of two runs that differ by 4 %
    none = [{**FREE, "p_any": p} for p in (0.04, 0.05)]
    text = told(tmp_path, *(("dynamics.coupling", 1000, {**one, "p_value": 0.02}) for one in none))[1].text
    assert "(p = 0.014, 508 jumps" in text  # neither alone would


def test_every_run_tells_its_own(tmp_path: Path) -> None:
    said = details(made(tmp_path, [("softness.soft_ions", 1000, SOFT), ("dynamics.coupling", 900, FREE)]))
    assert said == ["run0: Softness of Na.", "run1: When Na jumps, it turns."]
