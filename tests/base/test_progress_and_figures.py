from __future__ import annotations

import threading

import matplotlib as mpl
import pytest

from vanhove.base import progress as progressing
from vanhove.base.figures import STYLE, colour_of, label, new_axes, style
from vanhove.base.progress import Progress, duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.2, "8 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (3900, "1 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_progress_is_shown_when_the_work_is_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VANHOVE_PROGRESS", "1")
    clock = iter([0.0, 1.0, 10.0, 10.1])
    monkeypatch.setattr(progressing.time, "monotonic", lambda: next(clock))
    with Progress("reading", 4) as progress:
        progress.advance()
        assert capsys.readouterr().err == ""
        progress.advance()
        assert "reading: 50 %, 10 s left" in capsys.readouterr().err
        progress.advance()
    assert capsys.readouterr().err.endswith("\r\033[K")


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("reading", 2) as progress:
        threads = [threading.Thread(target=progress.advance) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert progress.done == 2
    assert capsys.readouterr().err == ""


def test_the_house_style_leaves_the_persons_own_alone() -> None:
    with mpl.rc_context({"font.size": 3.0}):
        with style():
            assert mpl.rcParams["font.size"] == STYLE["font.size"]
        assert mpl.rcParams["font.size"] == 3.0


def test_labels_and_colours() -> None:
    assert label("time", "ps") == "time (ps)"
    assert label("g(r)", "1") == "g(r)"
    assert colour_of("Na") == colour_of("Na", 5)
    assert colour_of("other", 0) != colour_of("other", 1)
    assert new_axes().figure is not None
