"""From words to arguments, and from numbers to words."""

from __future__ import annotations

import pytest

from vanhove.cli import options, text


def test_files_and_options_are_told_apart() -> None:
    files, given = options.split(["a.dump", "--r_max", "8", "b.dump", "--times-T", "--pairs=Si-S", "--pairs", "Na-S"])
    assert files == ["a.dump", "b.dump"]
    assert given == {"r_max": "8", "times_T": "true", "pairs": "Si-S,Na-S"}
    assert options.split(["--window", "-1,5"])[1] == {"window": "-1,5"}


@pytest.mark.parametrize(
    ("observable", "option", "written", "expected"),
    [
        ("structure.rdf", "r_max", "8", 8.0),
        ("structure.rdf", "pairs", "Si-S", "Si-S"),
        ("structure.rdf", "pairs", "Si-S, Na-S", ["Si-S", "Na-S"]),
        ("structure.rdf", "pairs", "none", None),
        ("dynamics.msd", "species", "7Li", "7Li"),
        ("dynamics.msd", "drift", "none", None),
        ("dynamics.msd", "drift", "framework", "framework"),
        ("dynamics.msd", "lags", "log", "log"),
        ("dynamics.msd", "lags", "1,2.5", [1.0, 2.5]),
        ("dynamics.msd", "lags", "5", [5.0]),
        ("dynamics.diffusion", "window", "2,5", [2.0, 5.0]),
        ("dynamics.conductivity", "charges", "Na=1,S=-2", {"Na": 1.0, "S": -2.0}),
        ("dynamics.arrhenius", "values", "1e-5,2e-5", [1e-5, 2e-5]),
    ],
)
def test_options_become_what_the_signature_asks_for(
    observable: str, option: str, written: str, expected: object
) -> None:
    from vanhove.study.options import parameters_of

    parameter = parameters_of(observable)[option]
    got = options.arguments(observable, [parameter], {option: written})[option]
    assert (list(got) if isinstance(got, tuple) else got) == expected


@pytest.mark.parametrize(
    ("value", "error", "unit", "expected"),
    [
        (2.3456e-5, 1.2e-6, "cm²/s", "(2.35 ± 0.12)e-05 cm²/s"),
        (2.05, 0.0123, "Å", "2.050 ± 0.012 Å"),
        (1234.5, 67.8, "mS/cm", "1234 ± 68 mS/cm"),
        (0.0, 0.25, "", "0.00 ± 0.25"),
        (3.0, None, "1", "3"),
        (None, None, "eV", "–"),
        (float("nan"), 1.0, "eV", "–"),
    ],
)
def test_numbers_are_written_as_far_as_they_are_known(
    value: float | None, error: float | None, unit: str, expected: str
) -> None:
    assert text.measured(value, error, unit) == expected


def test_small_words() -> None:
    assert [text.rounded(x) for x in (987, 0.00103, 1.43, 62.0)] == ["1000", "0.001", "1.4", "60"]
    assert [text.kelvin(x) for x in (0.0, 611.6, 5.9e8, 5.9e-4)] == ["0 K", "612 K", "5.9e+08 K", "0.00059 K"]
    assert [text.counted(n, "frame") for n in (1, 2)] == ["1 frame", "2 frames"]


def test_a_studys_numbers_are_a_table_by_temperature() -> None:
    def row(name: str, kelvin: float | None, value: float | None, **more: float) -> dict[str, object]:
        others = dict(species="Na", unit="cm²/s", error=None, low=None, high=None, upper=None)
        return {**others, "name": name, "temperature": kelvin, "value": value, **more}

    rows = [
        row("D", 600.0, None, upper=1.234e-6), row("D", 900.0, 2e-5, error=1e-6), row("D", 900.0, 3e-5, error=1e-6),
        row("D_extrapolated", 300.0, 1e-8, low=1e-9, high=1e-7), row("E_a", None, 0.25, error=0.01),
        row("x", None, None),
    ]  # fmt: skip
    lines = [line.split() for line in text.summary(rows)]
    assert lines == [
        ["300", "K", "600", "K", "900", "K"],
        ["D", "Na", "cm²/s", "<", "1.23e-06", "(2.00", "±", "0.10)e-05"],
        ["D", "Na", "cm²/s", "(3.00", "±", "0.10)e-05"],
        ["D_extrapolated", "Na", "cm²/s", "1e-08", "(1e-09", "to", "1e-07)"],
        ["E_a", "Na", "cm²/s", "0.250", "±", "0.010"],
    ]
