"""The page of a model card: verdicts with their bounds first, then figures, data and settings; one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.base.files import write_text
from vanhove.base.results import load
from vanhove.base.version import __version__
from vanhove.study.card_bounds import FAILS, HOLDS, OPEN, UNTESTED
from vanhove.study.card_steps import DATA
from vanhove.study.toml_text import dumps
from vanhove.study.validation import read_card

from .card_figures import panels
from .numbers import plain, with_error
from .panel import render

if TYPE_CHECKING:
    from xarray import Dataset

PAGE = "card.html"
BADGES = {
    HOLDS: ("holds", "good"),
    FAILS: ("not within", "bad"),
    OPEN: ("can't tell", ""),
    UNTESTED: ("not tested", ""),
}
TITLES = {
    "parity": "Errors on frames held out", "larger": "A cell larger than the training's",
    "drift": "Drift of the energy",
    "wall": "Atoms close together", "physics": "Beside the reference",
}  # fmt: skip
TOGETHER = {"approach": "wall"}  # judged under the heading of another
BOUND_NAMES = {
    "force": "error of a force component, eV/Å", "energy": "error of the energy an atom, eV",
    "virial": "error of a virial component an atom, eV",
    "growth": "growth of errors or of the model deviation in a larger cell, a factor",
    "drift": "drift at constant energy, meV an atom and ps",
    "climb": "rise of the energy of two atoms pressed together, k_BT at the hottest temperature",
    "approach": "closest atoms of a hot run, a share of the closest in the training",
    "position": "first peaks of g(r), place, Å", "height": "first peaks of g(r), height, a share",
    "overlap": "common area of densities of states", "msd": "mean squared displacements, a factor",
}  # fmt: skip


def write_card(folder: str | os.PathLike[str]) -> Path:
    """Write ``card.html`` and ``figures/`` of the card in ``folder``; the page's path.

    Everything is read from the folder, nothing is computed again. The page loads nothing from elsewhere, and the same
    card gives the same bytes.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    where = Path(folder)
    content = read_card(where).content
    curves = _curves(where, content)
    data = resources.files("vanhove.report") / "data"
    text = Environment(autoescape=True).from_string((data / "card.html.jinja").read_text(encoding="utf-8")).render(
        title=content["title"],
        what=_what(content),
        sentence=content["sentence"],
        judgements=[{**one, "badge": BADGES[one["verdict"]]} for one in content["judgements"]],
        range=content["range"],
        sections=[_section(name, title, curves, content, where) for name, title in TITLES.items()],
        data=_data_table(content),
        facts=_facts(content),
        describe=content["subject"]["describe"],
        training=_training(content),
        bounds={"head": ["bound", "value"], "rows": [[BOUND_NAMES[k], f"{v:g}"] for k, v in content["bounds"].items()]},
        doubts=content["doubts"],
        subject=_decides(content),
        version=__version__,
        css=Markup((data / "page.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
    )  # fmt: skip
    write_text(where / PAGE, text)
    return where / PAGE


def _curves(folder: Path, content: Mapping[str, Any]) -> dict[str, Dataset]:
    found = {}
    for step, parts in content["curves"].items():
        for part in parts:
            path = folder / DATA / f"{step}-{part}.nc"
            if not path.is_file():
                raise Refusal("A curve of the card is missing", str(path), "Make the card again")
            found[f"{step}-{part}"] = load(path)
    return found


def _section(
    name: str, title: str, curves: dict[str, Dataset], content: dict[str, Any], folder: Path
) -> dict[str, Any]:
    mine = [one for one in content["judgements"] if TOGETHER.get(one["section"], one["section"]) == name]
    return {
        "id": name, "title": title, "judgements": [{**one, "badge": BADGES[one["verdict"]]} for one in mine],
        "figures": [render(panel, folder) for panel in panels(name, curves, content)],
        "tables": _tables(name, curves, content),
    }  # fmt: skip


def _tables(name: str, curves: dict[str, Dataset], content: dict[str, Any]) -> list[dict[str, Any]]:
    if name in ("parity", "larger"):
        found = curves.get(f"{name}-parity")
        return [] if found is None else [_systems(found), _worst(found)]
    if name == "wall":
        return _contacts(content)
    if name == "physics" and isinstance(content["found"].get("physics", {}).get("peaks"), dict):
        return [_peaks(content["found"]["physics"]["peaks"])]
    return []


def _systems(found: Dataset) -> dict[str, Any]:
    rows = []
    for k, name in enumerate(found.system.values.tolist()):
        force = with_error(float(found.force[k]), float(found.force_error[k]))
        species = ", ".join(
            f"{one} {plain(float(value), 2)}"
            for one, value in zip(found.species.values.tolist(), found.force_of.values[k], strict=True)
            if value == value  # noqa: PLR0124  NaN where the system has none of it
        )
        energy, offset, virial = (1000 * float(found[what][k]) for what in ("energy", "energy_offset", "virial"))
        rows.append([
            name, str(int(found.frames[k])), force, plain(float(found.force_reference[k])), species, plain(energy),
            plain(offset), plain(virial),
        ])  # fmt: skip
    head = [
        "system", "frames", "force (eV/Å)", "reference's force", "force by species", "energy (meV/atom)",
        "its mean", "virial (meV/atom)",
    ]  # fmt: skip
    return {"label": "Errors of each system, root mean square", "head": head, "rows": rows}


def _worst(found: Dataset) -> dict[str, Any]:
    rows = [
        [f"{system} {frame}", plain(force), plain(largest)]
        for system, frame, force, largest in zip(
            found.worst_system.values.tolist(), found.worst_frame.values.tolist(), found.worst_force.values.tolist(),
            found.worst_component.values.tolist(), strict=True,
        )
    ]  # fmt: skip
    return {"label": "The worst frames", "head": ["frame", "force (eV/Å)", "largest component (eV/Å)"], "rows": rows}


def _contacts(content: dict[str, Any]) -> list[dict[str, Any]]:
    found = content["found"]
    seen = found.get("range") or found.get("seen")
    if seen is None:
        return []
    hot = found.get("hot", {})
    closest = hot.get("closest", {})
    head = ["pair", "closest in the frames (Å)", "where"] + (
        [f"hot run, {hot['temperature']:g} K (Å)", "share"] if closest else []
    )
    rows = []
    for pair, distance in seen["closest"].items():
        row = [pair, f"{distance:.3f}", seen["closest_in"][pair]]
        if closest:
            row += [f"{closest[pair]:.3f}", f"{closest[pair] / distance:.2f}"] if pair in closest else ["–", "–"]
        rows.append(row)
    return [{"label": "Closest distances", "head": head, "rows": rows}]


def _peaks(told: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for pair, one in told.items():
        places = [with_error(v, e) for v, e in zip(one["position"], one["position_error"], strict=True)]
        heights = [with_error(v, e) for v, e in zip(one["height"], one["height_error"], strict=True)]
        rows.append([pair, *places, *heights])
    head = ["pair", "place (Å)", "reference", "height", "reference"]
    return {"label": "First peaks of g(r)", "head": head, "rows": rows}


def _what(content: Mapping[str, Any]) -> str:
    found = content["found"]
    parts = []
    if "range" in found:
        parts.append(f"Trained on {found['range']['frames']} frames of {', '.join(found['range']['species'])}.")
    if "parity" in found:
        parts.append(f"Tested on {found['parity']['frames']} others.")
    if content["temperature"] is not None:
        parts.append(f"Runs at {content['temperature']:g} K.")
    return " ".join(parts)


def _data_table(content: Mapping[str, Any]) -> dict[str, Any] | None:
    seen = content["found"].get("range")
    if seen is None:
        return None
    rows = []
    for one in seen["systems"]:
        density = _ends(one["density"])
        rows.append([
            one["name"], one["formula"], str(one["frames"]), density, _ends(one["energy"]), plain(one["force"]),
            "yes" if one["virials"] else "no", one["source"].split("; ")[0],
        ])  # fmt: skip
    head = ["system", "atoms", "frames", "g/cm³", "energy (eV/atom)", "force (eV/Å)", "virials", "from"]
    return {"label": "Frames that it was trained on", "head": head, "rows": rows}


def _ends(ends: list[float]) -> str:
    low, high = (f"{end:.4g}" for end in ends)
    return low if low == high else f"{low} to {high}"


def _facts(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    moves = content["moves"]
    facts = [("Potential", content["name"])]
    facts += [("Time step", f"{1000 * moves['timestep']:g} fs")]
    if content["hot"] is not None:
        facts.append(("Hot run", f"{moves['hot_time']:g} ps at {content['hot']:g} K"))
    if content["temperatures"]:
        facts.append(("Temperatures of the training", ", ".join(f"{kelvin:g} K" for kelvin in content["temperatures"])))
    zero = "each system's mean taken off" if content["own_zero"] else "as they are"
    return [*facts, ("Energies compared", zero), ("vanhove", content["vanhove"])]


def _decides(content: Mapping[str, Any]) -> str:
    decides = {name: content["subject"][name] for name in ("potential", "models") if name in content["subject"]}
    return json.dumps(decides, indent=1, ensure_ascii=False)


def _training(content: Mapping[str, Any]) -> str:
    told = content["subject"].get("training")
    return "" if told is None else dumps(told["settings"])
