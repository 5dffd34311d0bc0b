"""Runs one command and sees to it that nothing of it outlives the process that asked for it.

    python -I -S supervise.py PARENT COMMAND ...

An MPI launcher starts proxies and ranks in sessions of their own, which neither a process group nor the kernel's
parent-death signal reaches when Python is killed. This small process stands between: its standard input is a pipe
from the parent, whose end says that the parent is gone; it is the "subreaper" of everything the command starts, so what
loses its parent becomes its child. When the parent or the command ends it kills its children until there are none.
Should it be killed itself, the kernel kills the command, and the launcher's proxies then end their ranks.

It is a script that imports nothing of vanhove and has one thread, so it may fork.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK = 0.5  # s between looks at things that send no signal, and what a command may take to end
GIVE_UP = 10.0  # s; a process in uninterruptible sleep dies when its disk answers
STOPPED, TORN = 143, 70  # exit codes: told to stop; a part of the command was killed from outside


def main(parent: int, command: list[str]) -> int:
    """Run ``command`` until it or ``parent`` ends; the exit code."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    asked_to_stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: asked_to_stop.append(got))
    signal.signal(signal.SIGCHLD, lambda *_: None)

    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(3, 256)  # the run's lock must not live on in the ranks
        try:
            os.execvp(command[0], command)  # noqa: S606 - no shell is what we want
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
        os._exit(127)

    code, orphaned_at = None, None
    while code is None:
        ready, _, _ = select.select([0, woken], [], [], LOOK)
        if woken in ready:
            os.read(woken, 4096)
        if asked_to_stop or (0 in ready and not os.read(0, 4096)) or os.getppid() != parent:
            code = STOPPED
        ended = reap(child)
        if ended is not None:
            code = ended
        elif code is None:
            # A command that is ending leaves its children to us a moment before it can be collected itself.
            orphaned_at = (orphaned_at or time.monotonic()) if any(pid != child for pid in children()) else None
            if orphaned_at is not None and time.monotonic() - orphaned_at >= LOOK:
                os.write(2, b"A process of the engine was killed from outside.\n")
                code = TORN
    sweep(child)
    return code


def reap(child: int) -> int | None:
    """Collect what has ended; the exit code of ``child`` when it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            exited = os.waitstatus_to_exitcode(status)
            code = exited if exited >= 0 else 128 - exited


def sweep(child: int) -> None:
    """Kill children until there are none: grandchildren become children as their parents die."""
    until = time.monotonic() + GIVE_UP
    while time.monotonic() < until:
        for pid in children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap(child)
        if not children():
            return
        time.sleep(0.01)


def children() -> list[int]:
    """The processes whose parent this one is."""
    listed = Path("/proc/self/task", str(os.getpid()), "children")
    if listed.exists():
        return [int(pid) for pid in listed.read_text().split()]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(after_name[1]) == os.getpid():
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
