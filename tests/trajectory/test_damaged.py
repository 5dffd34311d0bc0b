"""Whatever happens to a text file: it is refused with its name, or what is read is made of finite numbers."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import GENERAL, NAMES, TRICLINIC, dump_text, walk

import vanhove as vh
from vanhove.base.errors import Refusal

DUMP = dump_text(walk(TRICLINIC, frames=3, atoms=6), "id type x y z ix iy iz vx vy vz").encode()
CELL = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in GENERAL)
XDATCAR = (
    "glass\n1.0\n" + CELL + "\nLi S\n1 2\n" + "Direct configuration= 1\n0.1 0.2 0.3\n0.5 0.5 0.9\n0 0 1\n" * 3
).encode()
XYZ = (f'3\nLattice="{CELL.replace(chr(10), " ")}" Time=1.0\nLi 0.1 0.2 0.3\nS 1 2 3\nS 4 5 6.5\n' * 3).encode()
WRITTEN = st.binary(max_size=6) | st.text("019.-+enaT \nI", max_size=9)
FILES = {
    "a.dump": (DUMP, dict(species=NAMES, timestep=1.0, units="metal")),
    "a.dump.gz": (gzip.compress(DUMP), dict(species=NAMES, timestep=1.0)),
    "XDATCAR": (XDATCAR, dict(spacing=1.0)),
    "a.xyz": (XYZ, dict(spacing=1.0)),
}


@pytest.mark.parametrize("name", FILES)
def test_damage_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    whole, options = FILES[name]

    @settings(max_examples=120, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 40), WRITTEN), min_size=1, max_size=3))
    def damage(changes: list[tuple[int, int, bytes | str]]) -> None:
        data = whole
        for place, gone, new in changes:
            data = data[:place] + (new.encode() if isinstance(new, str) else new) + data[place + gone :]
        path = tmp_path / name
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traj = vh.open(path, **options)  # type: ignore[arg-type]  # one dictionary of options a file
                positions = traj.positions
        except Refusal:
            return
        assert np.isfinite(positions).all()
        assert np.isfinite(traj.read_paths()).all()

    damage()
