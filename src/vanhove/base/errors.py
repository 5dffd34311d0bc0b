"""What is said to the person when something can't be done, and when something is doubtful."""

from __future__ import annotations

import warnings


class Refusal(ValueError):
    """Bad input or a request that can't be met: what is wrong, where and why, what to do.

    The command prints it as one message and exits with 2; a library user catches it like any ``ValueError``.
    """

    def __init__(self, what: str, where: str = "", do: str = "") -> None:
        self.what, self.where, self.do = what, where, do
        super().__init__(" ".join(_sentence(part) for part in (what, where, do) if part))

    def __reduce__(self) -> tuple[type[Refusal], tuple[str, str, str]]:
        return type(self), (self.what, self.where, self.do)  # crosses a process boundary with its three parts


class VanhoveWarning(UserWarning):
    """The work goes on, but a person should know."""


def warn(what: str, where: str = "", do: str = "") -> None:
    """Warn in the three parts of a :class:`Refusal`; the line that is blamed is the caller's caller."""
    message = " ".join(_sentence(part) for part in (what, where, do) if part)
    warnings.warn(message, VanhoveWarning, stacklevel=3)


def nearest(word: str, known: list[str]) -> str:
    """``" Did you mean 'msd'?"`` when a known word is close to the one given, else the words there are."""
    import difflib

    letters = sorted(word)
    swapped = [other for other in known if sorted(other) == letters]  # two keys in the wrong order: the likeliest slip
    close = swapped or difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(sorted(known))}."


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!", ":")) else text + "."
