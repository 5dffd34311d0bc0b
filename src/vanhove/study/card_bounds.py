"""What a model is held to: the bounds of each judgement, and how it is made of a number and its error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from vanhove.base.errors import Refusal

HOLDS, FAILS, OPEN, UNTESTED = "holds", "fails", "open", "not tested"
SMALL_LEAD = 2.95  # errors that begin with 1 or 2 have two digits
SURE = 3.0  # standard errors: a card makes dozens of comparisons, and two of them would often be passed by chance


@dataclass(frozen=True)
class Bounds:
    """The bounds that judgements use; every one stands in the card beside what it judged.

    ``force`` (eV/Å), ``energy`` and ``virial`` (eV an atom): root mean square errors on frames that were not trained
    on. ``growth``: how many times larger the errors, or the model deviation, may be in a cell larger than any of the
    training. ``drift`` (meV an atom and ps): of the energy that Newton's equations keep. ``climb`` (k_B T at the
    hottest temperature): how high the energy of two atoms that are pressed together has to rise before it may fall.
    ``approach``: the closest atoms of a hot run, as a share of the closest of the training. ``position`` (Å) and
    ``height`` (a share): of the first peaks of g(r) beside the reference. ``overlap``: of the densities of states.
    ``msd``: the factor that mean squared displacements may differ by.
    """

    force: float = 0.30
    energy: float = 0.02
    virial: float = 0.05
    growth: float = 1.5
    drift: float = 0.1
    climb: float = 30.0
    approach: float = 0.85
    position: float = 0.05
    height: float = 0.2
    overlap: float = 0.85
    msd: float = 1.5

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise Refusal(f"{one.name}={value} in the bounds", "", "Give a positive number")
        for name in ("approach", "overlap"):
            if getattr(self, name) >= 1:
                raise Refusal(f"{name}={getattr(self, name)} in the bounds", "", "Give a share below 1")
        for name in ("growth", "msd"):
            if getattr(self, name) <= 1:
                raise Refusal(f"{name}={getattr(self, name)} in the bounds", "", "Give a factor above 1")

    def to_dict(self) -> dict[str, float]:
        """All of them."""
        return {name: float(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Judgement:
    """One sentence of the card: what was looked at, what came of it, and the bound that was used."""

    section: str  # "parity", "larger", "drift", "wall", "approach", "physics"
    about: str
    verdict: str  # HOLDS, FAILS, OPEN or UNTESTED
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return asdict(self)


def below(value: float, error: float, bound: float) -> str:
    """Whether a size lies below its bound, by three standard errors; an error that is not known counts as none."""
    margin = SURE * error if math.isfinite(error) else 0.0
    if not math.isfinite(value):
        return FAILS
    if value + margin <= bound:
        return HOLDS
    return FAILS if value - margin > bound else OPEN


def with_error(value: float, error: float, *, signed: bool = False) -> str:
    """``"0.213 ± 0.004"``: digits as the error allows, three where it is not known."""
    if not (math.isfinite(error) and error > 0 and math.isfinite(value)):
        return f"{value:+.3g}" if signed else f"{value:.3g}"
    decade = math.floor(math.log10(error))
    decimals = max(0, -decade + (1 if error < SMALL_LEAD * 10.0**decade else 0))  # 0.013, but 0.07
    return f"{value:{'+' if signed else ''}.{decimals}f} ± {error:.{decimals}f}"


def worst_of(verdicts: Iterable[str]) -> str:
    """Of several judgements the one that counts."""
    found = set(verdicts)
    return next((verdict for verdict in (FAILS, OPEN, HOLDS) if verdict in found), UNTESTED)


def overall(judgements: Sequence[Judgement]) -> tuple[str, str]:
    """The verdict of the card and its sentences."""
    by = {
        verdict: [one.about for one in judgements if one.verdict == verdict]
        for verdict in (HOLDS, FAILS, OPEN, UNTESTED)
    }
    made = len(judgements) - len(by[UNTESTED])
    if not made:
        return UNTESTED, "Nothing was tested."
    verdict = worst_of(one.verdict for one in judgements)
    said = [f"{len(by[HOLDS])} of {made} judgements hold."]
    if by[FAILS]:
        said.append(f"Not within bounds: {_listed(by[FAILS])}.")
    if by[OPEN]:
        said.append(f"Too close to the bound, or known too poorly, to tell: {_listed(by[OPEN])}.")
    if by[UNTESTED]:
        said.append(f"Not tested: {_listed(by[UNTESTED])}.")
    return verdict, " ".join(said)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
