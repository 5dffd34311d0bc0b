"""What differences between a run and its reference say: judgements of g(r), vibrations and displacements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .card_bounds import FAILS, OPEN, UNTESTED, Bounds, Judgement, below, with_error, worst_of

if TYPE_CHECKING:
    from .card_steps import Outcome

NO_REFERENCE = "No reference was given."
SHARP = 1.5  # height of a first peak of g(r) below which its top is anywhere


def judge_physics(found: Outcome | None, why_not: str, bounds: Bounds) -> list[Judgement]:
    """g(r), vibrations, displacements."""
    names = ("g(r)", "vibrations", "displacements")
    if found is None:
        return [Judgement("physics", name, UNTESTED, why_not) for name in names]
    values = found.values
    if "stopped" in values:
        return [Judgement("physics", "a run beside the reference", FAILS, f"It came to no end. {values['stopped']}")]
    return [
        *_judge_peaks(values["peaks"], bounds), _judge_vibrations(values["vibrations"], bounds),
        _judge_displacements(values["displacements"], bounds),
    ]  # fmt: skip


def differences(told: Mapping[str, Any]) -> dict[str, tuple[float, float, float, float]]:
    """Of each pair: difference of place (Å) and its error, difference of height as a share and its error."""
    found = {}
    for pair, one in told.items():
        (ours, theirs), (our_height, height) = one["position"], one["height"]
        share = [error / height for error in one["height_error"]]
        found[pair] = (
            ours - theirs, math.hypot(*one["position_error"]), our_height / height - 1,
            math.hypot(share[0], share[1] * our_height / height),
        )  # fmt: skip
    return found


def _judge_peaks(told: dict[str, Any] | str, bounds: Bounds) -> list[Judgement]:
    if isinstance(told, str) or not told:
        text = told if isinstance(told, str) else "No pair has a first peak in both runs."
        return [Judgement("physics", "g(r)", UNTESTED, text)]
    flat = [pair for pair, one in told.items() if one["height"][1] < SHARP]
    apart = differences({pair: one for pair, one in told.items() if pair not in flat})
    left = f" Without {', '.join(flat)}, whose peaks are lower than {SHARP:g}." if flat else ""
    if not apart:
        return [Judgement("physics", "g(r)", UNTESTED, f"No pair has a sharp first peak in the reference.{left}")]
    places = {pair: below(abs(one[0]), one[1], bounds.position) for pair, one in apart.items()}
    heights = {pair: below(abs(one[2]), one[3], bounds.height) for pair, one in apart.items()}
    told_places, told_heights = _told_places(apart, places, bounds) + left, _told_heights(apart, heights, bounds) + left
    return [
        Judgement("physics", "places of the peaks of g(r)", worst_of(places.values()), told_places),
        Judgement("physics", "heights of the peaks of g(r)", worst_of(heights.values()), told_heights),
    ]  # fmt: skip


def _first(verdicts: Mapping[str, str], sizes: Mapping[str, float]) -> str:
    """The pair to name: of those with the verdict that counts the one that is farthest off."""
    counts = worst_of(verdicts.values())
    return max((pair for pair in verdicts if verdicts[pair] == counts), key=lambda pair: sizes[pair])


def _told_places(apart: Mapping[str, Any], verdicts: Mapping[str, str], bounds: Bounds) -> str:
    pair = _first(verdicts, {name: abs(one[0]) for name, one in apart.items()})
    value, error = apart[pair][:2]
    return (
        f"First peaks of {len(apart)} pairs. {pair}: {with_error(value, error, signed=True)} Å from the reference's; "
        f"the bound is {bounds.position:g} Å."
    )


def _told_heights(apart: Mapping[str, Any], verdicts: Mapping[str, str], bounds: Bounds) -> str:
    pair = _first(verdicts, {name: abs(one[2]) for name, one in apart.items()})
    value, error = (100 * part for part in apart[pair][2:])
    return (
        f"First peaks of {len(apart)} pairs. {pair}: {with_error(value, error, signed=True)} % from the reference's; "
        f"the bound is {100 * bounds.height:g} %."
    )


def _judge_vibrations(told: dict[str, Any] | str, bounds: Bounds) -> Judgement:
    if isinstance(told, str):
        return Judgement("physics", "vibrations", UNTESTED, told)
    verdicts = {}
    for name, one in told["species"].items():
        verdict = below(-one["overlap"], one["error"], -bounds.overlap)
        # noise alone keeps two runs apart: a reference that is no more like itself can't judge
        verdicts[name] = OPEN if verdict == FAILS and one["of_itself"] < bounds.overlap else verdict
    name = _first(verdicts, {key: -one["overlap"] for key, one in told["species"].items()})
    one = told["species"][name]
    common = with_error(one["overlap"], one["error"])
    text = (
        f"Densities of states, resolution {told['resolution']:.2g} meV. {name}: {common} of the area is common with "
        f"the reference, whose two halves have {one['of_itself']:.3f} in common; the bound is {bounds.overlap:g}."
    )
    return Judgement("physics", "vibrations", worst_of(verdicts.values()), text)


def _judge_displacements(told: dict[str, Any] | str, bounds: Bounds) -> Judgement:
    if isinstance(told, str):
        return Judgement("physics", "displacements", UNTESTED, told)
    sizes, verdicts = {}, {}
    for name, one in told["species"].items():
        sizes[name] = abs(math.log(one["ratio"]))
        verdicts[name] = below(sizes[name], one["error"] / one["ratio"], math.log(bounds.msd))
    name = _first(verdicts, sizes)
    one = told["species"][name]
    text = (
        f"Mean squared displacements after {told['lag']:.3g} ps, a quarter of the shorter run. {name}: "
        f"{with_error(one['ratio'], one['error'])} times the reference's; the bound is a factor of {bounds.msd:g}."
    )
    return Judgement("physics", "displacements", worst_of(verdicts.values()), text)
