"""The peers' environments: one each, with every version pinned, installed once.

``pins/NAME.txt`` lists all that ``peers/NAME`` holds, by name and version. The second call installs nothing. A peer
that can't be installed here is named with pip's last words and hides no other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PINS = HERE / "pins"
PEERS = HERE / "peers"
HOME = "vanhove"
STAMP = "installed"


class NotInstalledError(Exception):
    """With the reason, for the table."""


def names() -> list[str]:
    return sorted(path.stem for path in PINS.glob("*.txt"))


def wanted(name: str) -> str:
    """What tells one state of an environment from another: its pins and the Python that makes it."""
    try:
        pins = (PINS / f"{name}.txt").read_bytes()
    except OSError as reason:
        raise NotInstalledError(f"there is no pins/{name}.txt") from reason
    return hashlib.sha256(pins + sys.version.encode()).hexdigest()


def python_of(name: str, peers: Path = PEERS) -> Path:
    """The interpreter of an environment, which is installed now unless it is there; ours is this one."""
    if name == HOME:
        return Path(sys.executable)
    folder, mark = peers / name, wanted(name)
    python, stamp = folder / "bin" / "python", folder / STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == mark:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {name} (once)", flush=True)
    venv.create(folder, with_pip=True)
    # the pins of this package are not the peers'
    clean = {key: value for key, value in os.environ.items() if not key.endswith("CONSTRAINT")}
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(PINS / f"{name}.txt")]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        reasons = [line for line in said if line.startswith("ERROR")] or said or ["pip failed without a word"]
        raise NotInstalledError(reasons[-1].removeprefix("ERROR: ")[:300])
    stamp.write_text(mark, encoding="ascii")
    return python
