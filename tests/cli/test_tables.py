"""Results as lines on a terminal: whatever an observable gives."""

from __future__ import annotations

import numpy as np

from vanhove.base.results import Column, dataset
from vanhove.cli.tables import table


def test_words_along_a_curve_are_written_as_words() -> None:
    result = dataset(
        "dynamics.none",
        {
            "occupancy": Column(("site",), np.array([0.5, 1.5, 0.25]), "1", "ions"),
            "occupancy_error": Column(("site",), np.array([0.1, 0.2, 0.05]), "1", "error"),
            "site_name": Column(("site",), ["48h", "48h", "4d"], "1", "name"),
            "blocked": Column(("site",), np.array([True, False, False]), "1", "whether it is blocked"),
            "kind": Column(("species",), ["metal"], "1", "kind"),
        },
        {"site": Column(("site",), np.arange(3), "1", "site"), "species": Column(("species",), ["Na"], "1", "species")},
        parameters={}, history=[], title="Sites",
    )  # fmt: skip
    assert table(result) == [
        "kind Na  metal",
        "site  occupancy      site_name  blocked",
        "0     0.50 ± 0.10    48h        True",
        "1     1.50 ± 0.20    48h        False",
        "2     0.250 ± 0.050  4d         False",
    ]
