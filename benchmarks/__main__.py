"""Ours against the peers, on the same work: ``python benchmarks [--observable msd] [--size S M]``.

For each row and size every job runs in a process of its own, ours first, then each peer in its environment; results are
compared, and results.json and results.md beside this file are written after each row. What was measured before stays
there, so that parts add up. A peer that can't be installed or fails is named and hides no other.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import results
from environments import NotInstalledError, python_of
from judge import Entry, agreement, verdict
from rows import table
from rows.base import OURS, Job, Row
from systems import DATA, SIZES, ready

HERE = Path(__file__).parent
LIMIT = 900.0  # s for one job, its first run and input included
POOLS = ("OMP", "NUMBA", "OPENBLAS", "MKL", "OVITO", "VANHOVE")
NAMES = {"OMP": "OMP_NUM_THREADS", "NUMBA": "NUMBA_NUM_THREADS", "OPENBLAS": "OPENBLAS_NUM_THREADS",
         "MKL": "MKL_NUM_THREADS", "OVITO": "OVITO_THREAD_COUNT", "VANHOVE": "VANHOVE_THREADS"}  # fmt: skip
INSIDE = {"kernels", "scaling"}  # no rows, but parts of the results


def environment(threads: int) -> dict[str, str]:
    """Every library's way of being told how many threads it may use; Dask and progress bars are not asked for."""
    return {
        **os.environ, **{NAMES[pool]: str(threads) for pool in POOLS}, "BENCH_THREADS": str(threads),
        "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1",
    }  # fmt: skip


def last_words(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "ended without a word"


def run_job(row: Row, job: Job, folder: Path, result: Path, threads: int, runs: int, limit: float) -> Entry:
    """One child process; ``failed`` says why there are no numbers."""
    try:
        python = python_of(job.home)
    except NotInstalledError as reason:
        return {"failed": f"{results.NOT_INSTALLED}: {reason}"}
    words = [str(python), str(HERE / "measure.py"), row.name, job.who, str(folder), str(result), "--runs", str(runs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen(words, **pipes, text=True, env=environment(threads), start_new_session=True)
    try:
        out, err = child.communicate(timeout=limit)
    except BaseException as reason:
        os.killpg(child.pid, signal.SIGKILL)  # with the processes that it started
        child.communicate()
        if not isinstance(reason, subprocess.TimeoutExpired):
            raise
        return {"failed": f"took longer than {limit:.0f} s"}
    if child.returncode == -signal.SIGKILL:
        return {"failed": "was killed: out of memory?"}
    if child.returncode:
        return {"failed": last_words(err)}
    numbers: Entry = json.loads(out.strip().splitlines()[-1])
    return numbers


def measured(row: Row, job: Job, folder: Path, result: Path, runs: int, limit: float) -> Entry:
    """A job with one thread, and with all cores if it can use them."""
    entry: Entry = {
        "who": job.who, "home": job.home, "call": job.call, "equal": job.equal, "known": job.known, "note": job.note,
        "runs": [], "failed": "",
    }  # fmt: skip
    cores = len(os.sched_getaffinity(0))
    for threads in sorted({1, cores}) if job.threads else [1]:
        numbers = run_job(row, job, folder, result, threads, runs, limit)
        if "failed" in numbers:
            entry["failed"] = entry["failed"] or numbers["failed"]
            break
        entry["runs"].append(numbers)
    return entry


def where_time_goes(row: Row, folder: Path) -> list[list[Any]]:
    """Of our own call, for a row that misses its aim."""
    words = [sys.executable, str(HERE / "sampler.py"), row.name, str(folder)]
    done = subprocess.run(words, env=environment(1), capture_output=True, text=True, check=False)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else []


class Progress:
    """Jobs done and, from what they took, the time left."""

    def __init__(self, jobs: int) -> None:
        self.jobs, self.done, self.began = jobs, 0, time.monotonic()

    def tell(self, what: str) -> None:
        left = ""
        if self.done:
            rest = (time.monotonic() - self.began) / self.done * (self.jobs - self.done)
            left = f", about {rest / 60:.0f} min left" if rest > 90 else f", about {rest:.0f} s left"
        print(f"[{self.done + 1}/{self.jobs}{left}] {what}", flush=True)
        self.done += 1


def run_row(row: Row, size: str, folder: Path, asked: argparse.Namespace, progress: Progress) -> Entry:
    jobs: list[Entry] = []
    with tempfile.TemporaryDirectory() as scratch:
        ours: dict[str, Any] = {}
        for number, job in enumerate(job for job in row.jobs if size in job.sizes):
            progress.tell(f"{row.name} {size}: {job.who}")
            file = Path(scratch) / f"{number}.npz"
            entry = measured(row, job, folder, file, asked.runs, asked.limit)
            if entry["runs"]:
                with np.load(file) as found:
                    theirs = {key: found[key] for key in found}
                ours = theirs if job.who == OURS else ours
                compared = {"agrees": None, "difference": None, "where": ""}
                entry |= agreement(row.checks, ours, theirs) if ours and job.who != OURS else compared
            if entry["failed"]:
                print(f"    {job.who}: {entry['failed']}", flush=True)
            jobs.append(entry)
    about = SIZES[size]
    return {
        "row": row.name, "title": row.title, "size": size, "atoms": about.atoms, "frames": about.frames,
        "unit": row.unit, "note": row.note, "jobs": jobs, "measured": datetime.now(UTC).date().isoformat(),
        "machine": results.machine(), "input_mb": about.atoms * about.frames * 3 * np.dtype(about.dtype).itemsize / 1e6,
        "reason": row.reasons.get(size, ""), **verdict(row, size, jobs),
    }  # fmt: skip


def rows_for(asked: argparse.Namespace) -> list[tuple[Row, str]]:
    """What is to be run; refused in a sentence where a name is unknown."""
    known = table()
    unknown = sorted(set(asked.observable) - set(known) - INSIDE)
    if unknown:
        sys.exit(f"no observable '{unknown[0]}'; there are {', '.join([*known, *sorted(INSIDE)])}")
    names = asked.observable or list(known)
    chosen = [(known[name], size) for size in asked.size for name in names if name in known]
    return [(row, size) for row, size in chosen if size in row.sizes]


def missed(entry: Entry) -> bool:
    return any(aim["reached"] is False for aim in entry["aims"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ours against the peers, on the same work", prog="benchmarks")
    parser.add_argument("--observable", nargs="*", default=[], metavar="NAME", help="rows of the table; all of them")
    parser.add_argument("--size", nargs="*", default=["S", "M"], choices=list(SIZES), help="S and M; L takes 20 GB")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each job; the median counts")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one job")
    parser.add_argument("--only-missing", action="store_true", help="leave out rows that the results already hold")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further row after so long")
    parser.add_argument("--results", type=Path, default=HERE, help="folder of results.json and results.md")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the trajectories")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that children are ended, too
    chosen = rows_for(asked)
    file = asked.results / "results.json"
    if asked.only_missing:
        done = results.load(file)["rows"]
        chosen = [(row, size) for row, size in chosen if f"{row.name} {size}" not in done]
    progress = Progress(sum(size in job.sizes for row, size in chosen for job in row.jobs))
    asked.results.mkdir(parents=True, exist_ok=True)
    wrong = []
    for row, size in chosen:
        if time.monotonic() - progress.began > 60 * asked.minutes:
            print(f"{asked.minutes:g} minutes are over; the rest by --only-missing", flush=True)
            break
        if not (asked.data / size / "about.json").exists():
            print(f"making trajectory {size}: {SIZES[size].atoms} atoms, {SIZES[size].frames} frames", flush=True)
        folder = ready(size, asked.data)
        entry = run_row(row, size, folder, asked, progress)
        if missed(entry):
            entry["profile"] = where_time_goes(row, folder)
        wrong += [f"{row.name} {size}: {who}" for who in entry["unexplained"]]
        content = results.load(file)  # anew: another part may have been written meanwhile
        content["rows"][f"{row.name} {size}"] = entry
        content["order"] = list(table())
        results.save(asked.results, content)
    for part in sorted(INSIDE):
        if part in asked.observable or not (asked.observable or asked.only_missing):
            print(part, flush=True)
            made = Path(tempfile.gettempdir()) / f"vanhove-{part}-{os.getpid()}.json"
            words = [sys.executable, str(HERE / f"{part}.py"), "--json", str(made)]
            subprocess.run(words, env=environment(1), check=True)
            content = results.load(file)
            content[part] = json.loads(made.read_text(encoding="utf-8"))["entries"]
            made.unlink()
            results.save(asked.results, content)
    print(f"results: {asked.results / 'results.md'}")
    if wrong:
        sys.exit(f"results that differ without a known reason: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
