"""Files: written whole or not at all, and known again by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEAD_TAIL = 65536  # bytes hashed at each end of a file: enough to know a run's file again without reading it


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` when the block ends well, and vanishes when it doesn't."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp gives 0600; the person's own rule decides
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def digest(*parts: object) -> str:
    """A short, stable name for what ``parts`` say (their ``repr``)."""
    summed = hashlib.blake2b(digest_size=12)
    for part in parts:
        summed.update(part if isinstance(part, bytes) else repr(part).encode())
        summed.update(b"\0")
    return summed.hexdigest()


def file_identity(path: str | os.PathLike[str]) -> str:
    """Names a file by size, time of change, head and tail; a renamed file is the same one."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        head = file.read(HEAD_TAIL)
        file.seek(max(0, status.st_size - HEAD_TAIL))
        tail = file.read(HEAD_TAIL)
    return digest(status.st_size, status.st_mtime_ns, head, tail)


def cache_folder(*parts: str) -> Path | None:
    """A folder under the user's cache that can be written to, or None where nothing can.

    ``VANHOVE_CACHE`` decides; else ``$XDG_CACHE_HOME/vanhove``, else ``~/.cache/vanhove``.
    """
    named = os.environ.get("VANHOVE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(named) if named else Path(home) / "vanhove"
    folder = folder.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None
