"""Every benchmark, each in its own process: ``python benchmarks [--runs 5]``; timings also go to benchmarks/out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE / "out"
NOT_BENCHMARKS = {"__main__", "common"}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    failed = []
    for name in names:
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(OUT / f"{name}.json"), *sys.argv[1:]]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"\ntimings: {OUT.relative_to(HERE.parent)}/")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
