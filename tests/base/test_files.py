from __future__ import annotations

import os
from pathlib import Path

import pytest

from vanhove.base.files import cache_folder, digest, file_identity, whole, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.txt"
    with whole(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "x.txt"
    write_text(target, "old")

    def fail() -> None:
        with whole(target) as temporary:
            temporary.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_a_written_file_has_the_persons_own_rights(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "x.txt", "")
    finally:
        os.umask(before)
    assert (tmp_path / "x.txt").stat().st_mode & 0o777 == 0o640


def test_identity_is_of_the_content_not_of_the_name(tmp_path: Path) -> None:
    first = tmp_path / "a"
    first.write_bytes(b"x" * 300_000)
    before = file_identity(first)
    assert before == file_identity(first.rename(tmp_path / "b"))
    os.utime(tmp_path / "b", ns=(0, 0))
    assert before != file_identity(tmp_path / "b")


def test_digest_keeps_its_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", 1) == digest("a", 1)


def test_the_cache_is_where_it_is_asked_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VANHOVE_CACHE", str(tmp_path / "named"))
    assert cache_folder("kernels") == tmp_path / "named" / "kernels"
    monkeypatch.delenv("VANHOVE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "vanhove"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VANHOVE_CACHE", str(tmp_path / "file"))
    assert cache_folder() is None
