"""Pair distributions, structure factors and bond order of some frames, evenly spaced over the run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rows.base import HOME, OURS, Aim, Arrays, Check, Job, Row, Work, threads, universe

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from systems import System

WIDTH = 0.05  # Å, of a bin of g(r)
Q_MAX, SHELL = 3.0, 0.05  # 1/Å
CUTOFF = 4.5  # Å, between the first and the second neighbours of S
LABELS = ("Li", "P", "S")
PAIRS = [("Li", "Li"), ("Li", "P"), ("Li", "S"), ("P", "P"), ("P", "S"), ("S", "S")]


def frames(sample: System) -> int:
    """How many frames: enough work to time, in less memory than the whole run."""
    return max(4, min(200, 100_000 // len(sample.species)))


def reach(sample: System, half: bool) -> float:
    """10 Å, or as far as the nearest images go, in whole bins."""
    longest = np.floor(sample.length / 2 / WIDTH - 0.5) * WIDTH
    return float(longest if half else min(10.0, longest))


def bins(sample: System, half: bool) -> int:
    return round(reach(sample, half) / WIDTH)


def few(sample: System, positions: NDArray[Any], labels: list[str]) -> Any:
    import vanhove as vh

    return vh.from_arrays(positions, sample.length, labels, np.arange(len(positions)) * 1.0, wrapped=False)


def named(curves: dict[tuple[str, str], Any]) -> Arrays:
    return {f"{a}-{b}": np.asarray(curve) for (a, b), curve in curves.items()}


def ours_rdf(sample: System, half: bool) -> Work:
    import vanhove as vh

    traj = few(sample, sample.some(frames(sample)), sample.species.tolist())
    names = [f"{a}-{b}" for a, b in PAIRS]

    def job() -> Arrays:
        found = vh.structure.rdf(traj, names, r_max=reach(sample, half), width=WIDTH)
        return dict(zip(names, found.g.values, strict=True))

    return job


def freud_rdf(sample: System, half: bool) -> Work:
    import freud

    freud.parallel.set_num_threads(threads())
    box = freud.box.Box.cube(sample.length)
    points = (sample.wrapped(sample.some(frames(sample))) - sample.length / 2).astype(np.float32)
    atoms = {label: sample.of(label) for label in LABELS}
    far = reach(sample, half)

    def job() -> Arrays:
        curves = {pair: freud.density.RDF(bins=bins(sample, half), r_max=far) for pair in PAIRS}
        for frame in points:
            trees = {label: freud.locality.AABBQuery(box, frame[atoms[label]]) for label in LABELS}
            for (a, b), curve in curves.items():
                asked = {"mode": "ball", "r_max": far, "exclude_ii": a == b}
                curve.compute(trees[b], query_points=frame[atoms[a]], neighbors=asked, reset=False)
        # freud divides by N of the partners, also where the atom itself is none of them
        return named({p: curve.rdf * corrected(sample, *p) for p, curve in curves.items()})

    return job


def corrected(sample: System, first: str, second: str) -> float:
    """From ΔN / (N_a N_b / V) to ours, where a pair of like atoms is one of N (N - 1)."""
    count = len(sample.of(first))
    return count / (count - 1) if first == second else 1.0


def mdanalysis_rdf(sample: System, half: bool) -> Work:
    from MDAnalysis.analysis.rdf import InterRDF

    system = universe(sample, sample.wrapped(sample.some(frames(sample))))
    groups = {label: system.atoms[sample.of(label)] for label in LABELS}

    def job() -> Arrays:
        curves = {}
        for a, b in PAIRS:
            block = (1, 1) if a == b else None
            limits = (0.0, reach(sample, half))
            found = InterRDF(groups[a], groups[b], bins(sample, half), limits, exclusion_block=block)
            curves[a, b] = found.run(verbose=False).results.rdf
        return named(curves)

    return job


def ovito_rdf(sample: System, half: bool) -> Work:
    from ovito.data import DataCollection, ParticleType
    from ovito.modifiers import CoordinationAnalysisModifier

    points = sample.wrapped(sample.some(frames(sample)))
    kinds = np.array([LABELS.index(label) + 1 for label in sample.species.tolist()])
    cell = np.concatenate([np.eye(3) * sample.length, np.zeros((3, 1))], axis=1)
    collections = []
    for frame in points:
        data = DataCollection()
        data.create_cell(cell, (True, True, True))
        particles = data.create_particles(count=len(frame))
        particles.create_property("Position", data=frame)
        property_ = particles.create_property("Particle Type", data=kinds)
        property_.types.extend([ParticleType(id=n, name=label) for n, label in enumerate(LABELS, start=1)])
        collections.append(data)

    def job() -> Arrays:
        total: Any = 0.0
        for data in collections:
            fresh = data.clone()
            asked = dict(cutoff=reach(sample, half), number_of_bins=bins(sample, half), partial=True)
            fresh.apply(CoordinationAnalysisModifier(**asked))
            table = fresh.tables["coordination-rdf"].y
            total = total + np.asarray(table)
        curves = {}
        for column, name in enumerate(table.component_names):
            pair = tuple(sorted(name.split("-")))
            curves[pair] = total[:, column] / len(points) * corrected(sample, *pair)
        return named(curves)

    return job


def mdtraj_rdf(sample: System, half: bool) -> Work:
    import mdtraj as md

    points = sample.wrapped(sample.some(frames(sample)))
    topology = md.Topology()
    residue = topology.add_residue("X", topology.add_chain())
    for label in sample.species.tolist():
        topology.add_atom(label, md.element.get_by_symbol(label), residue)
    edges, right = np.full((len(points), 3), sample.length / 10), np.full((len(points), 3), 90.0)
    run = md.Trajectory((points / 10).astype(np.float32), topology, unitcell_lengths=edges, unitcell_angles=right)
    pairs = {(a, b): topology.select_pairs(sample.of(a), sample.of(b)) for a, b in PAIRS}
    singles = [run[frame] for frame in range(len(points))]

    def job() -> Arrays:
        curves = {}
        for pair, indices in pairs.items():
            asked = dict(r_range=(0.0, reach(sample, half) / 10), n_bins=bins(sample, half))
            # a frame at a time: all at once would hold every distance of the run
            curves[pair] = np.mean([md.compute_rdf(frame, indices, **asked)[1] for frame in singles], axis=0)
        return named(curves)

    return job


def rdf(name: str, title: str, half: bool, aims: list[Aim]) -> Row:
    def pairs(sample: System) -> float:
        return frames(sample) * len(sample.species) * (len(sample.species) - 1) / 2

    far = "r_max=L/2" if half else "r_max=10"
    jobs = [
        Job(OURS, HOME, partial(ours_rdf, half=half), f"vh.structure.rdf(traj, pairs, {far}, width=0.05)",
            threads=True, note="with errors and n(r)"),
        Job("freud", "freud", partial(freud_rdf, half=half),
            f"freud.density.RDF(bins, {far}) of each pair; AABBQuery once a species and frame", "freud-analysis",
            threads=True),
        Job("OVITO", "ovito", partial(ovito_rdf, half=half),
            f"CoordinationAnalysisModifier(cutoff={far[6:]}, partial=True)", "ovito", threads=True),
        Job("mdtraj", "mdtraj", partial(mdtraj_rdf, half=half),
            f"mdtraj.compute_rdf(frame, pairs, {far}) of each pair and frame"),
        Job("MDAnalysis", "mdanalysis", partial(mdanalysis_rdf, half=half),
            f"InterRDF(a, b, nbins, (0, {far[6:]})).run() of each pair"),
    ]  # fmt: skip
    checks = [Check(f"{a}-{b}", 0.01) for a, b in PAIRS]
    return Row(name, title, jobs, "pair of atoms", pairs, checks, aims)


def lengths(vectors: NDArray[Any]) -> NDArray[np.int64]:
    """The shell of each vector; one on an edge belongs above it."""
    return np.floor(np.linalg.norm(vectors, axis=1) / SHELL + 1e-9).astype(np.int64)


def vectors(sample: System, q_max: float = Q_MAX) -> NDArray[np.float64]:
    """Every vector of the cell up to ``q_max``, one of Q and -Q."""
    unit = 2 * np.pi / sample.length
    most = int(q_max / unit)
    hkl = np.indices((2 * most + 1,) * 3).reshape(3, -1).T - most
    half = hkl[len(hkl) // 2 + 1 :]  # in this order the other half is the negative of this one
    return unit * half[np.linalg.norm(half, axis=1) * unit <= q_max * (1 - 1e-9)]


def q_frames(sample: System) -> int:
    return max(4, 40_000 // len(sample.species))


def ours_sq(sample: System) -> Work:
    import vanhove as vh

    traj = few(sample, sample.some(q_frames(sample)), sample.species.tolist())

    def job() -> Arrays:
        asked = dict(q_max=Q_MAX, width=SHELL, q_vectors="all", convention="number")
        found = vh.structure.structure_factor(traj, **asked)
        return dict(zip(found.pair.values.tolist(), found.S.values, strict=True))

    return job


def dynasor_sq(sample: System) -> Work:
    from dynasor import compute_static_structure_factors

    from rows.dynasor_frames import Frames, quiet

    quiet()
    positions, q = sample.some(q_frames(sample)), vectors(sample)
    shell, count = lengths(q), round(Q_MAX / SHELL)

    def job() -> Arrays:
        found = compute_static_structure_factors(Frames(sample, positions), q, logging_interval=0)
        number = np.bincount(shell, minlength=count)
        curves = {}
        for a, b in PAIRS:
            # dynasor adds both orderings of unlike species
            each = np.asarray(found[f"Sq_{a}_{b}"])[:, 0] / (1 if a == b else 2)
            with np.errstate(invalid="ignore", divide="ignore"):
                curves[a, b] = np.bincount(shell, each, count) / number
        return named(curves)

    return job


def freud_sq(sample: System) -> Work:
    import freud

    freud.parallel.set_num_threads(threads())
    box, total = freud.box.Box.cube(sample.length), len(sample.species)
    points = (sample.wrapped(sample.some(q_frames(sample))) - sample.length / 2).astype(np.float32)

    def job() -> Arrays:
        curves = {}
        for a, b in PAIRS:
            found = freud.diffraction.StaticStructureFactorDirect(
                bins=round(Q_MAX / SHELL), k_max=Q_MAX, k_min=0, num_sampled_k_points=0
            )
            for frame in points:
                both = (box, frame[sample.of(a)]), frame[sample.of(b)]
                found.compute(both[0], query_points=both[1], N_total=total, reset=False)
            curves[a, b] = found.S_k
        return named(curves)

    return job


def q6_frames(sample: System) -> int:
    return max(4, 30_000 // len(sample.of("S")))


def sulphur(sample: System) -> NDArray[np.float64]:
    return sample.some(q6_frames(sample))[:, sample.of("S")]


def ours_q6(sample: System) -> Work:
    import vanhove as vh

    positions = sulphur(sample)
    traj = few(sample, positions, ["S"] * positions.shape[1])
    return lambda: {"q6": vh.structure.steinhardt(traj, "S", "S", l=6, cutoff=CUTOFF, per_frame=True).q_frame.values}


def freud_q6(sample: System) -> Work:
    import freud

    freud.parallel.set_num_threads(threads())
    box = freud.box.Box.cube(sample.length)
    points = (sample.wrapped(sulphur(sample)) - sample.length / 2).astype(np.float32)

    def job() -> Arrays:
        order = freud.order.Steinhardt(l=6, average=True)
        near = {"r_max": CUTOFF, "exclude_ii": True}
        return {"q6": np.array([order.compute((box, p), neighbors=near).particle_order.copy() for p in points])}

    return job


def pyscal(sample: System) -> Work:
    import pyscal3
    from ase import Atoms

    points = sample.wrapped(sulphur(sample))
    edges = [sample.length] * 3
    images = [Atoms("S" * len(p), positions=p, cell=edges, pbc=True) for p in points]
    set_threads = getattr(pyscal3, "set_num_threads", None)
    if set_threads is not None:
        set_threads(threads())

    def job() -> Arrays:
        found = []
        for image in images:
            pyscal3.find_neighbors(image, method="cutoff", cutoff=CUTOFF)
            found.append(pyscal3.steinhardt_parameter(image, 6, averaged=True)[0])
        return {"q6": np.array(found)}

    return job


SQ = Row(
    "sq", "Partial S(Q) at every vector of the cell up to 3 1/Å",
    [
        Job(OURS, HOME, ours_sq, "vh.structure.structure_factor(traj, q_max=3, width=0.05, q_vectors='all')",
            threads=True, note="with errors, in shells of |Q|"),
        Job("dynasor", "dynasor", dynasor_sq, "compute_static_structure_factors(frames, every vector)", threads=True),
        Job("freud", "freud", freud_sq, "StaticStructureFactorDirect(bins, 3, num_sampled_k_points=0) of each pair",
            "freud-analysis", threads=True, sizes="TS",
            known="only vectors with h, k, l ≥ 0 are summed, a quarter of them: not the average of a shell"),
    ],
    "atom, Q and frame", lambda sample: float(len(sample.species) * q_frames(sample) * len(vectors(sample))),
    [Check(f"{a}-{b}", 1e-6) for a, b in PAIRS], [Aim(5, sizes="SM"), Aim(30, sizes="L")],
)  # fmt: skip
Q6 = Row(
    "q6", "Averaged bond order q̄₆ of the sulphur sublattice",
    [
        Job(OURS, HOME, ours_q6, "vh.structure.steinhardt(traj, 'S', 'S', l=6, cutoff=4.5, per_frame=True)",
            threads=True, note="with errors and its distribution"),
        Job("freud", "freud", freud_q6, "Steinhardt(l=6, average=True).compute((box, p), neighbors={'r_max': 4.5})",
            "freud-analysis", threads=True),
        Job("pyscal3", "pyscal3", pyscal,
            "find_neighbors(image, method='cutoff', cutoff=4.5); steinhardt_parameter(image, 6, averaged=True)",
            threads=True),
    ],
    "atom and frame", lambda sample: float(q6_frames(sample) * len(sample.of("S"))), [Check("q6", 1e-3)], [Aim(5)],
)  # fmt: skip
ROWS = [
    rdf("rdf_10", "g(r) of six pairs to 10 Å", False, [Aim(12, sizes="SM"), Aim(15, sizes="L")]),
    rdf("rdf_half", "g(r) of six pairs to half of the cell", True, [Aim(25)]),
    SQ,
    Q6,
]
