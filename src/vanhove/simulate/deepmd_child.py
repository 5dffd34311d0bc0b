"""The process that evaluates DeePMD models: it runs under the Python that has DeePMD-kit, and knows nothing of vanhove.

    python deepmd_child.py orders.json

The orders name models and files of frames (coord, cell, species). For each pair of the two it writes energies (eV),
forces (eV/Å) and virials (eV) to MODEL-FRAMES.npz, whole or not at all.
"""

from __future__ import annotations

import json
import os
import sys

# beside this file lie modules of vanhove, and one of them may be called like what DeePMD imports
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or os.curdir) != HERE]

import numpy as np  # noqa: E402


def main(orders_path: str) -> None:
    """Evaluate every model on all frames."""
    from deepmd.infer import DeepPot  # type: ignore[import-not-found,unused-ignore]

    with open(orders_path, encoding="utf-8") as file:
        orders = json.load(file)
    for number, path in enumerate(orders["models"]):
        model = DeepPot(path)
        known = list(model.get_type_map())
        for frames in orders["frames"]:
            with np.load(frames, allow_pickle=False) as given:
                coord, cell, species = given["coord"], given["cell"], given["species"].tolist()
            types = [known.index(one) for one in species]
            energy, force, virial = model.eval(coord.reshape(len(coord), -1), cell.reshape(len(cell), -1), types)[:3]
            name = f"{number}-{os.path.basename(frames)}"
            with open(f".{name}", "wb") as out:
                np.savez(
                    out, energy=np.reshape(energy, -1), forces=np.reshape(force, coord.shape),
                    virial=np.reshape(virial, cell.shape),
                )  # fmt: skip
            os.replace(f".{name}", name)


if __name__ == "__main__":
    main(sys.argv[1])
