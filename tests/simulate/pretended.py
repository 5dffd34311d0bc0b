"""An environment that pretends to have DeePMD-kit: its ``dp`` writes what the real one would, and knows one potential.

The pretended model holds every atom to the middle of its cell by a spring: E = k Σ|r - c|²/2, F = -k (r - c).
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

DP = """
import json, os, sys, time
from pathlib import Path

words = sys.argv[1:]
assert words[0] == "--tf"
verb, rest = words[1], words[2:]
log = Path(os.environ["PRETENDED_LOG"])
with open(log, "a") as file:
    file.write(json.dumps({"verb": verb, "rest": rest, "folder": os.getcwd(),
                           "threads": os.environ["OMP_NUM_THREADS"]}) + "\\n")
if verb == os.environ.get("PRETENDED_FAILURE"):
    raise SystemExit("ValueError: it would not")
if verb == "neighbor-stat":
    print("DEEPMD INFO    min_nbor_dist: 2.0")
    print("DEEPMD INFO    max_nbor_size: [" + " ".join("12" for _ in rest[rest.index("-t") + 1:]) + "]")
elif verb == "train":
    told = json.load(open("input.json"))
    train = told["training"]
    for system in train["training_data"]["systems"] + train.get("validation_data", {}).get("systems", []):
        assert Path(system, "type.raw").is_file(), system
    step = 0
    if "--restart" in rest:
        name = rest[rest.index("--restart") + 1]
        assert Path(name + ".index").is_file()
        step = int(name.rpartition("-")[2])
    if "--init-model" in rest:
        assert Path(rest[rest.index("--init-model") + 1] + ".index").is_file()
    if "use_srtab" in told["model"]:
        assert Path(told["model"]["use_srtab"]).read_text().split()
    print("DEEPMD INFO    Computing Device:  CPU:0", flush=True)
    with open(train["disp_file"], "a") as file:
        file.write("#  step    rmse_val  rmse_trn  rmse_f_val  rmse_f_trn    lr\\n# said\\n")
        first = True
        while True:
            if first or step % train["disp_freq"] == 0:
                error = float(os.environ.get("PRETENDED_ERROR", 1 / (1 + step)))
                file.write(f"{step:7d} 1.0 1.0 {1.1 * error:.3e} {error:.3e} 1e-3\\n")
                file.flush()
                time.sleep(float(os.environ.get("PRETENDED_PAUSE", "0")))
            if step and not first and step % train["save_freq"] == 0 or step == train["numb_steps"]:
                for ending in (".data-00000-of-00001", ".index", ".meta"):
                    Path(f"{train['save_ckpt']}-{step}{ending}").write_text("x")
            first = False
            if step == train["numb_steps"]:
                break
            step += 1
elif verb == "freeze":
    assert Path(rest[rest.index("-c") + 1] + ".index").is_file()
    text = b"Li S"
    Path(rest[rest.index("-o") + 1]).write_bytes(
        b"model_attr/tmap\\x12\\x05Const....\\x08\\x07\\x12\\x00B" + bytes([len(text)]) + text + os.getcwd().encode())
elif verb == "compress":
    told = json.load(open(rest[rest.index("-t") + 1]))
    (system,) = told["training"]["training_data"]["systems"]
    assert "sys_probs" not in told["training"]["training_data"]
    assert Path(system, "set.000/coord.npy").is_file()
    assert Path(told["model"].get("use_srtab", system)).exists()
    Path(rest[rest.index("-o") + 1]).write_bytes(Path(rest[rest.index("-i") + 1]).read_bytes() + b"compressed")
else:
    raise SystemExit("no such verb")
"""

INFER = """
import hashlib, os
import numpy as np

class DeepPot:
    def __init__(self, path):
        content = open(path, "rb").read()
        self.k = 1.0 + 0.1 * (b"model-1" in content) + 0.3 * (b"model-2" in content)

    def get_type_map(self):
        return ["Li", "S"]

    def eval(self, coord, cell, types):
        frames, atoms = len(coord), len(types)
        middle = cell.reshape(frames, 3, 3).sum(axis=1) / 2
        away = coord.reshape(frames, atoms, 3) - middle[:, None]
        energy = self.k * (away**2).sum(axis=(1, 2), keepdims=True)[:, 0] / 2
        virial = -self.k * np.einsum("fai,faj->fij", away, away)
        return energy, -self.k * away, virial.reshape(frames, 9)
"""


def pretended_environment(folder: Path) -> Path:
    """The folder of an environment, as ``VANHOVE_DEEPMD`` names one."""
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (packages / "deepmd").mkdir(parents=True)
    (packages / "deepmd" / "__init__.py").write_text("")
    (packages / "deepmd" / "__main__.py").write_text(DP)
    (packages / "deepmd" / "infer.py").write_text(INFER)
    told = packages / "deepmd_kit-9.9.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: deepmd-kit\nVersion: 9.9\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return folder
