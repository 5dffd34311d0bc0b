"""Make the images of the page on pictures: ions that hop among cages of a made-up argyrodite.

Run from this folder: ``python pictures.py``. Nothing here is simulated: sites, rates and vibrations are set by hand, so
that the pictures show what they can show.
"""

from __future__ import annotations

import numpy as np

import vanhove as vh

CELL, FRAMES, SPACING = 10.2, 600, 0.1  # Å, frames, ps
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
FCC = CELL * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CAGES = FCC + CELL / 4
CAGE_RADIUS, FARTHEST_HOP, HOPS = 2.0, 4.8, 0.12  # Å, Å, chance of a hop in each frame


def argyrodite() -> vh.Trajectory:
    """Twenty Li on six sites around each of four S, between PS4 and Cl."""
    rng = np.random.default_rng(4)
    sites = (CAGES[:, None] + CAGE_RADIUS * np.vstack([np.eye(3), -np.eye(3)])).reshape(-1, 3)
    at = rng.permutation(len(sites))[:20]
    place = sites[at].copy()
    path = np.empty((FRAMES, 20, 3))
    for frame in range(FRAMES):
        if rng.random() < HOPS:
            ion = rng.integers(20)
            step = sites - sites[at[ion]]
            step -= CELL * np.round(step / CELL)
            length = np.linalg.norm(step, axis=1)
            free = np.setdiff1d(np.flatnonzero(length < FARTHEST_HOP), at)
            if len(free):
                chance = np.exp(-length[free] / 0.8)
                new = rng.choice(free, p=chance / chance.sum())
                place[ion] += step[new]
                at[ion] = new
        path[frame] = place
    phosphorus = FCC + CELL / 2
    anions = (phosphorus[:, None] + 2.05 * TETRAHEDRON).reshape(-1, 3)
    rest = np.vstack([phosphorus, anions, CAGES, FCC])
    rattling = np.concatenate([path, np.broadcast_to(rest, (FRAMES, *rest.shape))], axis=1)
    swaying = rng.normal(0, 1, rattling.shape)
    for frame in range(1, FRAMES):  # slow enough to be seen as a path
        swaying[frame] = 0.8 * swaying[frame - 1] + 0.6 * swaying[frame]
    rattling += swaying * np.repeat([0.25, 0.07], [20, len(rest)])[:, None]
    species = ["Li"] * 20 + ["P"] * 4 + ["S"] * 20 + ["Cl"] * 4
    times = SPACING * np.arange(FRAMES)
    return vh.from_arrays(rattling, CELL, species, times, wrapped=False, temperature=600)


def main() -> None:
    """Write the images beside this file."""
    traj = argyrodite()
    cages = vh.dynamics.cages(traj, "Li", "S", 3.6, free_of="P")
    jumps = vh.dynamics.jumps(traj, "Li", drift=None)
    moved = vh.dynamics.displacements(traj, "Li", [10.0], drift=None)
    busiest = int(np.bincount(cages["atom"].values).argmax())
    web = vh.draw_structure(traj, paths="Li", polyhedra=("P", "S"))
    one = vh.draw_structure(traj, paths=[busiest], color=cages, mark=jumps, polyhedra=("P", "S"), near=3.5)
    far = vh.draw_structure(traj, color=moved, enlarge=(moved, 4.0), polyhedra=("P", "S"), frame=100)
    for name, axes in (("web", web), ("cages", one), ("displacements", far)):
        axes.figure.savefig(f"pictures-{name}.png", dpi=80)


if __name__ == "__main__":
    main()
