"""results.json, to which every run adds what it measured, and results.md, which is written from it."""

from __future__ import annotations

import json
import math
import os
import platform
from pathlib import Path
from typing import Any

from judge import Entry, best
from rows.base import OURS

HERE = Path(__file__).parent
EMPTY: dict[str, Any] = {"rows": {}, "kernels": {}, "scaling": {}}
NOT_INSTALLED = "not installed"
PREFACE = """\
Written by `make bench`; the same numbers are in results.json. CPU: seconds of all threads, median of warm runs, input
in memory, ± half the distance of the quartiles. A job that can use several threads runs with one and with as many as
there are cores, and the better counts. A ratio is that of the fastest peer whose results agree with ours. Sizes: S 1000
atoms × 2000 frames (375 ions), M 3000 × 5000 (1285), L 10 000 × 5000 (3345).
"""


def machine() -> Entry:
    """Enough to know whether two numbers may be compared."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    vectors = next((name for name in ("avx512f", "avx2") if any(name in line for line in lines)), "none")
    return {
        "cpu": models[0] if models else platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory, 1), "vectors": vectors, "system": platform.system(),
        "python": platform.python_version(),
    }  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return json.loads(json.dumps(EMPTY))
    return {**EMPTY, **json.loads(path.read_text(encoding="utf-8"))}


def bare(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save(folder: Path, content: dict[str, Any]) -> None:
    """Both files, each whole or not at all."""
    text = json.dumps(bare(content), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    for name, written in (("results.json", text), ("results.md", markdown(json.loads(text)))):
        part = folder / f"{name}.part"
        part.write_text(written, encoding="utf-8")
        part.replace(folder / name)


def seconds(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1 or unit == "µs":
            return f"{value * factor:.3g} {unit}"
    raise AssertionError


def wide(text: Any) -> str:
    return str(text).replace("|", "\\|")


def table(head: list[str], lines: list[list[Any]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(wide(cell) for cell in row) + " |" for row in rows) + "\n"


def in_words(aim: Entry) -> str:
    if aim["reached"] is None:
        return f"{aim['aim']}: not measured"
    value, text = aim["value"], aim["aim"]
    unit = " ns" if text.endswith("a unit") else " s" if text.endswith(" s") else "×"
    number = f"{value:.3g}{unit}"
    return f"{aim['aim']}: {number}, " + ("reached" if aim["reached"] else "**not reached**")


def overview(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        ours = next(job for job in row["jobs"] if job["who"] == OURS)
        if not ours.get("runs"):
            lines.append([row["title"], row["size"], f"failed: {ours['failed']}", "", "", "", ""])
            continue
        cpu = best(ours, "cpu")
        ratio = f"{row['ratio_cpu']:.3g}" if row["ratio_cpu"] else "–"
        wall = f"{row['ratio_wall']:.3g}" if row["ratio_wall"] else "–"
        each = f"{1e9 * cpu / ours['runs'][0]['units']:.3g} ns per {row['unit']}"
        aims = "; ".join(in_words(aim) for aim in row["aims"]) or "–"
        lines.append(
            [row["title"], row["size"], f"{seconds(cpu)} ({each})", row["fastest"] or "none", ratio, wall, aims]
        )
    head = ["", "size", "ours, CPU", "fastest correct peer", "its CPU / ours", "its wall / ours", "aim"]
    return table(head, lines)


def said(job: Entry) -> str:
    """How a job's results stand to ours, in words."""
    if job.get("failed"):
        return job["failed"]
    if job["who"] == OURS:
        return job["note"]
    number = f"{job['difference']:.1e}" if job["difference"] is not None else "another shape"
    if not job["equal"]:
        words = "not the same work"
    elif job["agrees"] is None:
        words = ""
    elif job["agrees"]:
        words = f"agrees ({number})"
    else:
        words = f"differs ({number}): {job['known']}" if job["known"] else f"**differs ({number}), not explained**"
    return "; ".join(part for part in (words, job["note"]) if part)


def detail(row: Entry) -> str:
    lines = []
    for job in row["jobs"]:
        for run in job.get("runs", []):
            off = f" ± {run['cpu_spread']:.0%}" if run.get("cpu_spread") is not None else ""
            part = f" (measured {seconds(run['cpu'])})" if run["share"] != 1 else ""
            lines.append([
                f"{job['who']} {run['version']}", run["threads"], seconds(run["cpu"] / run["share"]) + off + part,
                seconds(run["wall"] / run["share"]), run["runs"], f"{run['peak_mb']:.0f}",
                f"{run['peak_mb'] - run['before_mb']:.0f}",
            ])  # fmt: skip
    head = ["", "threads", "CPU", "wall", "runs", "peak MB", "above the input, MB"]
    calls = "".join(f"- {job['who']}: `{job['call']}` {said(job)}\n" for job in row["jobs"])
    profile = ""
    if row.get("profile"):
        shares = "".join(f"- {share:.0%} {where}\n" for where, share in row["profile"])
        profile = f"\nNot at its aim. Where our time goes (samples of all threads):\n\n{shares}"
    reason = f"\n{row['reason']}\n" if row.get("reason") else ""
    head_line = (
        f"### {row['title']}, size {row['size']}\n\n{row['atoms']} atoms, {row['frames']} frames. {row['note']}\n"
    )
    return f"{head_line}\n{table(head, lines)}\n{calls}{reason}{profile}"


def memory(rows: list[Entry]) -> str:
    """What the MSD takes above its input, as a multiple of it."""
    lines = []
    for row in rows:
        if row["row"] != "msd":
            continue
        size = row["input_mb"]
        for job in row["jobs"]:
            if job.get("runs"):
                above = min(run["peak_mb"] - run["before_mb"] for run in job["runs"])
                lines.append([row["size"], job["who"], f"{size:.0f}", f"{above:.0f}", f"{above / size:.2f}"])
    return table(["size", "", "input, MB", "above it, MB", "ratio"], lines) if lines else ""


def markdown(content: dict[str, Any]) -> str:
    rows = list(content["rows"].values())
    order = {name: place for place, name in enumerate(content.get("order", []))}
    rows.sort(key=lambda row: (order.get(row["row"], len(order)), "TSML".index(row["size"])))
    machines = {json.dumps(row["machine"], sort_keys=True): row["machine"] for row in rows}
    dates = sorted({row["measured"] for row in rows})
    parts = ["# Ours and the peers, on the same work\n", PREFACE]
    parts += [
        f"Machine: {one['cpu']}, {one['cores']} cores, {one['vectors']}, {one['memory_gb']} GB, {one['system']}, "
        f"Python {one['python']}.\n"
        for one in machines.values()
    ]
    if dates:
        ours = [job for row in rows for job in row["jobs"] if job["who"] == OURS]
        versions = ", ".join(sorted({run["version"] for job in ours for run in job["runs"]}))
        period = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        parts.append(f"Measured {period}, vanhove {versions}.\n")
    failed = sorted({f"{job['who']}: {job['failed']}" for row in rows for job in row["jobs"] if job.get("failed")})
    if rows:
        parts += ["## Overview\n", overview(rows)]
    if failed:
        parts += ["Left out:\n", "".join(f"- {line}\n" for line in failed)]
    told = memory(rows)
    if told:
        parts += ["## Memory of the MSD\n", told]
    if content["scaling"]:
        lines = [
            [one["observable"], one["against"], one["range"], f"{one['exponent']:.2f} ± {one['error']:.2f}"]
            for one in content["scaling"].values()
        ]
        parts += [
            "## How our time grows\n",
            "CPU seconds ∝ (number)^exponent; for cores the wall's.\n",
            table(["", "against", "from–to", "exponent"], lines),
        ]
    if content["kernels"]:
        lines = [[one["kernel"], f"{one['ns']:.3g}", one["unit"]] for one in content["kernels"].values()]
        parts += ["## Inner loops\n", table(["loop", "ns", "a"], lines)]
    if rows:
        parts += ["## Every job\n", *(detail(row) for row in rows)]
    return "\n".join(parts)
