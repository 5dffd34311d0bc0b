"""Which figures a page has, in which order: motion, transport, structure, and whatever else was computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import VanhoveWarning
from vanhove.registry import draw
from vanhove.structure.neighbours import neighbours_within

from . import listing
from .captions import AXES, LAWS, caption_of, picture_caption
from .curves import mean_squared
from .findings import quantity_of
from .listing import listed
from .mechanism import details
from .numbers import finite, kelvin
from .panel import SIZE, Panel, numbers_of, slug
from .transport import by_temperature

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vanhove.study.results import ResultRecord, Results, RunRecord
    from vanhove.trajectory import Trajectory

    from .findings import Findings
    from .runs import Table

TRANSPORT = tuple(f"dynamics.{name}" for name in ("msd", "diffusion", "conductivity", "arrhenius", "green_kubo"))
JUMPS = tuple(
    f"dynamics.{name}"
    for name in (
        "non_gaussian", "van_hove", "gaussian_departure", "displacements", "jumps", "cages", "sites",
        "van_hove_distinct", "d2min",
    )
)  # fmt: skip
CAUSES = (
    "softness.soft_ions", "softness.soft_profile", "softness.features", "softness.scan", "dynamics.coupling",
    "dynamics.bottleneck", "dynamics.rotation",
)  # fmt: skip
PLACES = ("dynamics.density", "dynamics.fast_slow", "dynamics.phase_fraction")
LATTICE = tuple(
    f"lattice.{name}"
    for name in ("phonons", "compare_dos", "compare_displacements", "displacements", "modes", "instantaneous_modes")
)
HIGH = {"dynamics.fast_slow"}  # two pictures, one above the other
FORMERS = ("Si", "P", "Ge", "B", "Al", "As", "Sb", "Sn")  # where no charges say which ions the network is made of
ANIONS = ("O", "S", "Se", "N", "F", "Cl", "Br", "I")
BOND = 4.0  # Å, longer than any between a former and its anion
TALL = (4.7, 4.5)
PICTURE = (5.0, 4.9)


@dataclass(frozen=True)
class Section:
    """Figures under one heading."""

    id: str
    title: str
    intro: str
    panels: list[Panel]
    numbers: Table | None = None
    details: Sequence[str] = ()  # what results say in words


def sections(results: Results, found: Findings) -> list[Section]:
    """The sections that have figures."""
    names = dict.fromkeys(record.observable for record in results.results)
    structural = [name for name in names if name.startswith("structure.")]
    places = [name for name in PLACES if name in names]
    causes = [name for name in CAUSES if name in names]
    jumps = [name for name in JUMPS if name in names]
    told = {*TRANSPORT, *jumps, *places, *causes}
    jumps += [name for name in names if name.startswith("dynamics.") and name not in told]
    spectral = [name for name in names if name.startswith("spectra.")]
    lattice = [name for name in LATTICE if name in names]
    shown = {*places, *causes, *lattice}
    other = [n for n in names if not n.startswith(("dynamics.", "structure.", "spectra.")) and n not in shown]
    candidates = [
        Section(
            "motion",
            "How the atoms move",
            "Mean squared displacements of every species, and the slope that tells diffusion from rattling in a cage.",
            mean_squared(results, species_of(results)),
        ),
        Section(
            "transport",
            "Diffusion and conductivity",
            "The fits behind the diffusion coefficients of the mobile ions, and how they and the conductivity follow "
            "temperature.",
            [
                *by_temperature(found, mobile_of(results)),
                *_laws(results, found),
                *_fits(results),
                *_collective(results),
                *_ends(results, ["dynamics.green_kubo"]),
            ],
            listed(results, listing.TRANSPORT),
        ),
        Section(
            "jumps",
            "How the ions jump",
            "How far ions go in a time and how unlike each other they are, when and how far they jump, and how long "
            f"they stay{_at_ends(results)}.",
            _ends(results, jumps),
            listed(results, listing.JUMPS),
        ),
        Section(
            "places",
            "Where the ions go",
            f"Which places ions visit and what is around the quick and the slow ones{_at_ends(results)}.",
            _ends(results, places),
            listed(results, listing.PLACES),
        ),
        Section(
            "causes",
            "What moves them",
            "Whether what surrounds an ion tells that it will move, and whether polyanions and the windows between "
            f"anions take part in its jumps{_at_ends(results)}.",
            _ends(results, causes),
            listed(results, listing.CAUSES),
            details(results),
        ),
        Section(
            "spectra",
            "What neutrons would see",
            f"Vibrations, scattering and what is read from it, as for a measured spectrum{_at_ends(results)}.",
            _ends(results, spectral),
            listed(results, listing.SPECTRA),
        ),
        Section(
            "lattice",
            "How the lattice vibrates",
            "Normal modes of the structure at its minimum of energy, what moves in them, and how MD compares with "
            f"them{_at_ends(results)}.",
            _ends(results, lattice, TALL),
            listed(results, listing.LATTICE),
        ),
        Section(
            "structure",
            "Where the atoms are",
            f"What is known of the structure{_at_ends(results)}.",
            _ends(results, structural, TALL),
            listed(results, listing.STRUCTURE),
        ),
        Section(
            "more",
            "Further results",
            "Everything else that the study computed.",
            [_own(results, record) for name in other for record in results.find(observable=name)],
        ),
    ]
    return [section for section in candidates if section.panels]


def species_of(results: Results) -> list[str]:
    """Species that results are about: the mobile ones first."""
    named = list(dict.fromkeys(record.of for record in results.results if record.species))
    first = mobile_of(results)
    return sorted(named, key=lambda name: (name.partition(" (")[0] not in first, named.index(name)))


def mobile_of(results: Results) -> list[str]:
    """The species that carry the current, as the study says; else the first one that results are about."""
    said = results.settings.get("analysis", {}).get("mobile", [])
    named = [record.species for record in results.results if record.species]
    return list(said) or named[:1]


def picture(results: Results) -> Panel | None:
    """The glass at the lowest temperature, with the paths of the mobile ions."""
    from vanhove.trajectory.picture import draw_structure

    run = pictured_run(results)
    if run is None:
        return None
    traj = run.open()
    present = {label for name in traj.composition for label in (name, element_of(name))}
    mobile = [name for name in mobile_of(results) if name in present]
    pairs = [pair for pair in polyhedra_of(results) if present.issuperset(pair) and _bonded(traj, pair)]
    moved = mobile[0] if mobile and traj.n_frames > 1 else None

    def drawn(ax: Axes) -> None:
        with warnings.catch_warnings():  # which polyhedra there may be was our guess: nobody asked for them
            warnings.simplefilter("ignore", VanhoveWarning)
            draw_structure(traj, polyhedra=pairs or None, paths=moved, ax=ax)

    return Panel(
        "structure-picture",
        f"The structure{' and the paths of ' + moved if moved else ''}",
        picture_caption(run, pairs, moved),
        drawn,
        size=PICTURE,
        painted=True,
    )


def pictured_run(results: Results) -> RunRecord | None:
    """The first run at the lowest temperature whose files are there."""
    from pathlib import Path

    there = [run for run in results.runs if run.paths and all(Path(path).exists() for path in run.paths)]
    return min(there, key=lambda run: (run.temperature or 0.0, run.replica), default=None)


def polyhedra_of(results: Results) -> list[tuple[str, str]]:
    """Network formers with their anion, as the charges say; where there are none, by what elements usually are."""
    present: dict[str, int] = {}
    for run in results.runs:
        for name, count in run.details.get("composition", {}).items():
            present[element_of(name)] = max(count, present.get(element_of(name), 0))
    mobile = {element_of(name) for name in mobile_of(results)}
    charges = results.settings.get("analysis", {}).get("charges", {})
    still = [name for name in present if name not in mobile]
    formers = [name for name in still if (charges.get(name, 0) > 0 if charges else name in FORMERS)]
    anions = [name for name in still if (charges.get(name, 0) < 0 if charges else name in ANIONS)]
    return [(former, max(anions, key=present.__getitem__)) for former in formers] if anions else []


def _bonded(traj: Trajectory, pair: tuple[str, str]) -> bool:
    """Whether most formers of the last frame have such an anion within a bond's length."""
    elements = np.array([element_of(name) for name in traj.species.tolist()])
    former, anion = (np.flatnonzero(elements == name) for name in pair)
    last = traj[traj.n_frames - 1 :]
    near = neighbours_within(last.read("positions")[0], last.cells[0], former, anion, BOND)
    return 2 * len(np.unique(near.i)) > len(former)


def _laws(results: Results, found: Findings) -> Iterator[Panel]:
    told = {(law.quantity, law.species) for law in found.laws if finite(law.barrier)}
    for record in results.find(observable="arrhenius"):
        if (quantity_of(record), record.of) in told:
            yield _own(results, record)


def _fits(results: Results) -> Iterator[Panel]:
    for species in mobile_of(results):
        found = results.find(observable="diffusion", species=species)
        seen: set[tuple[float | None, str]] = set()
        for record in sorted(found, key=lambda one: one.temperature or 0.0):
            if (record.temperature, record.phase) not in seen:
                seen.add((record.temperature, record.phase))
                yield _own(results, record)


def _collective(results: Results) -> list[Panel]:
    """Conductivities that are more than a sum over ions have a curve to show."""
    records = results.find(observable="conductivity")
    curves = [record for record in records if "running" in results.load(record)]
    return [_own(results, record) for record in _first_and_last(curves)]


def _ends(results: Results, names: Iterable[str], size: tuple[float, float] = SIZE) -> list[Panel]:
    """Each observable for each species, at the lowest and at the highest temperature."""
    panels = []
    for name in names:
        by_species: dict[str, list[ResultRecord]] = {}
        for record in results.find(observable=name):
            by_species.setdefault(record.of, []).append(record)
        for records in by_species.values():
            shape = TALL if name in HIGH else size
            panels += [_own(results, record, shape) for record in _first_and_last(records)]
    return panels


def _first_and_last(records: list[ResultRecord]) -> list[ResultRecord]:
    """The first record at the lowest and at the highest temperature."""
    ordered = sorted(records, key=lambda record: record.temperature or 0.0)
    if not ordered:
        return []
    hottest = next(record for record in ordered if record.temperature == ordered[-1].temperature)
    return [ordered[0]] if hottest is ordered[0] else [ordered[0], hottest]


def _at_ends(results: Results) -> str:
    """What is said of the choice, where there is one."""
    known = len({run.temperature for run in results.runs})
    told = "" if known < 2 else ", at the lowest and the highest temperature"
    return told + (", in the first of the replicas" if known < len(results.runs) else "")


def _own(results: Results, record: ResultRecord, size: tuple[float, float] = SIZE) -> Panel:
    """A result as its observable draws it."""
    result = results.load(record)
    title, quantity = str(result.attrs.get("title", record.label)), quantity_of(record)
    if quantity:
        title = f"Arrhenius law of {', '.join(filter(None, [LAWS.get(quantity, quantity), record.of]))}"

    def drawn(ax: Axes) -> None:
        draw(result, ax)
        if quantity:  # the law does not know what it is of
            ax.set_ylabel(AXES.get(quantity, quantity))

    return Panel(
        slug(record.label),
        title if record.temperature is None else f"{title} at {kelvin(record.temperature)}",
        caption_of(record),
        drawn,
        numbers_of(result),
        size,
    )
