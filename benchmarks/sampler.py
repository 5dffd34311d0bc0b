"""Where the time of a call goes: what each thread is at, looked at every few milliseconds.

A profiler that counts calls does not see the threads that blocks are worked on; this one sees them all, and a compiled
kernel as the line that calls it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

INTERVAL = 0.002  # s
IDLE = ("threading.py", "thread.py", "queue.py", "selectors.py", "_base.py")  # waits for others


def place(frame: FrameType | None, package: str) -> str | None:
    """The innermost function of the package that a thread is in, and the line; None where it only waits."""
    if frame is None or frame.f_code.co_filename.endswith(IDLE):
        return None
    while frame is not None and f"/{package}/" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return None
    module = frame.f_code.co_filename.rsplit(f"/{package}/", 1)[1]
    return f"{module}:{frame.f_lineno} {frame.f_code.co_name}"


def profile(work: Callable[[], object], package: str = "vanhove", most: int = 6) -> list[tuple[str, float]]:
    """The places that take most of a call, with their shares."""
    seen: Counter[str] = Counter()
    done = threading.Event()

    def watch() -> None:
        me = threading.get_ident()
        while not done.is_set():
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - it is how one asks
                where = None if thread == me else place(frame, package)
                if where is not None:
                    seen[where] += 1
            time.sleep(INTERVAL)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    total = sum(seen.values())
    return [(where, count / total) for where, count in seen.most_common(most)] if total else []


def main() -> None:
    """``python sampler.py ROW FOLDER``: our own job of a row, after a run that compiles."""
    from measure import job_of
    from rows.base import OURS
    from systems import System

    warnings.simplefilter("ignore")
    work = job_of(sys.argv[1], OURS)[1].prepare(System(Path(sys.argv[2])))
    work()
    print(json.dumps(profile(work)))


if __name__ == "__main__":
    main()
