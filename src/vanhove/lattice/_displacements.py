"""How far each energy's vibrations move the atoms: u²(E), from phonons or from a density of states of MD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE, SPECIES_COLOURS, label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV

from .polyhedra import polyhedron_labels
from .spectrum import broadened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

QUANTUM = HBAR**2 / U_A2_PER_PS2_IN_MEV  # ħ²/(u·meV) in Å²
LEAST = 0.05  # meV, from which on modes of a crystal are counted
WIDTHS = 2.0  # of its resolution, below which a density of states of MD is not counted
DOSES = ("spectra.vdos", "spectra.dos_from_sqe", "lattice.phonons")
TOTAL = "total"
SHORT = 5  # letters of a name in the figure, up to which three stand beside each other


def displacements(
    phonons_or_vdos: Dataset,
    temperature: float | None = None,
    *,
    cut: float | None = None,
    groups: Sequence[str] | None = None,
    formers: str | Sequence[str] | None = None,
    anions: str | Sequence[str] | None = None,
    cutoffs: Mapping[str, float] | None = None,
) -> Dataset:
    r"""Mean-square displacement that vibrations of each energy make, of every species (D2).

    .. math::

        u^2_k(E) = \frac{3 \hbar^2}{2 m_k}\, \bigl(2n(E, T) + 1\bigr)\, \frac{g_k(E)}{E}, \qquad
        \langle u^2_k \rangle = \int_0^\infty u^2_k\, dE, \qquad \int_0^\infty g_k\, dE = 1

    with n = 1/(exp(E/k_BT) − 1): the trace over the three axes, quantum, of harmonic vibrations. From phonons it is
    summed mode by mode, each with its own energy, u²_{jk} = ħ²(2n + 1)|e_{jk}|²/2m_kE averaged over the atoms of k, and
    then shown with the resolution of their g; from a density of states of MD the formula stands as it is.

    Parameters
    ----------
    phonons_or_vdos
        The result of ``lattice.phonons``, or of ``spectra.vdos`` with its masses.
    temperature
        K; by default that of the run.
    cut
        meV: what lies below is left out. In MD that is diffusion, which is no vibration: its g(0) is not 0, and the
        integral would not end. By default twice the resolution of g there, and 0.05 meV for phonons.
    groups
        Of phonons: a label for every atom instead of its species, ``""`` for none. Every group must be of one element.
    formers, anions
        Of phonons, instead: groups by the Qⁿ of the polyhedron, ``"Si"`` and ``"O"``: ``Si Q3``, ``O Q3`` for anions
        bonded to it alone, ``O bridging``.
    cutoffs
        Å, longest bonds by pair; by default 1.15 times the sum of the covalent radii.

    Returns
    -------
    Dataset
        ``u2(species, energy)`` (Å²/meV) and ``cumulative`` (Å²), its integral up to E; ``total`` and ``per_axis``, a
        third of it (Å²). From phonons also ``u2_mode(mode, species)`` (Å²), whose sum over the modes is the total, with
        ``frequencies``. ``attrs["cut"]`` is the energy from which on is counted, ``attrs["modes_left_out"]`` how many
        modes at a q point lie below, imaginary ones among them.

    Notes
    -----
    On a mesh of q points ⟨u²⟩ converges as one over the number along an axis: acoustic modes near the zone centre have
    g ∝ E², so u² ∝ T there. Imaginary modes have no ⟨u²⟩. In MD of N atoms whose centre is at rest ∫g = 1 is of N − 1
    atoms' modes, which makes u² larger by 1/N.
    """
    source = phonons_or_vdos.attrs.get("observable")
    if source not in DOSES or "mass" not in phonons_or_vdos.coords:
        raise Refusal(
            f"Displacements of {source or 'this dataset'}", "they need g by species, with masses",
            "Give the result of lattice.phonons or spectra.vdos",
        )  # fmt: skip
    kelvin = temperature if temperature is not None else phonons_or_vdos.attrs.get("temperature")
    if kelvin is None or not (np.isfinite(kelvin) and kelvin >= 0):
        raise Refusal(f"temperature={temperature!r}", "the source states none", "Give the temperature in K")
    if cut is not None and not (np.isfinite(cut) and cut > 0):
        raise Refusal(f"cut={cut!r}", "u² has no integral down to 0", "Give an energy above 0, in meV")
    modes = source == "lattice.phonons"
    if (formers is None) != (anions is None) or (groups is not None and formers is not None):
        raise Refusal("Groups are labels, or formers= with anions=", "", "Give groups=, or both of the others")
    if not modes and (groups is not None or formers is not None):
        raise Refusal("Groups need modes of single atoms", "a density of states has species", "Leave them out")
    if formers is not None and anions is not None:
        groups = polyhedron_labels(phonons_or_vdos, formers, anions, cutoffs=cutoffs)
    least = cut if cut is not None else LEAST if modes else WIDTHS * float(phonons_or_vdos.attrs["resolution_fwhm"])
    energy = phonons_or_vdos.energy.values
    extra: dict[str, Column] = {}
    left_out = 0.0
    if modes:
        names, mass, by_mode, u2, left_out = of_modes(phonons_or_vdos, float(kelvin), least, groups)
        extra["u2_mode"] = Column(("mode", "species"), by_mode.T, "Å²", "mean-square displacement in the mode")
        extra["frequencies"] = Column(("mode",), phonons_or_vdos.frequencies.values, "meV", "energy of the mode")
        total = by_mode.sum(axis=1)
        imaginary = float(phonons_or_vdos.attrs["imaginary_modes"])
        if imaginary > 0:
            warn(
                f"{imaginary:.3g} imaginary modes at a q point have no mean-square displacement",
                "they are left out", "Relax the structure further, or take the displacements from MD",
            )  # fmt: skip
    else:
        kept = [name for name in phonons_or_vdos.species.values.tolist() if name != TOTAL]
        chosen = phonons_or_vdos.sel(species=kept)
        names, mass = kept, chosen.mass.values
        u2 = _of_density(chosen.g.values, energy, mass, float(kelvin), least)
        total = np.asarray(np.trapezoid(u2, energy, axis=1))
    steps = np.diff(energy) * (u2[:, 1:] + u2[:, :-1]) / 2
    cumulative = np.concatenate([np.zeros((len(u2), 1)), np.cumsum(steps, axis=1)], axis=1)
    row = ("species",)
    by_energy = ("species", "energy")
    return dataset(
        "lattice.displacements",
        {
            "u2": Column(by_energy, u2, "Å²/meV", "mean-square displacement by energy"),
            "cumulative": Column(by_energy, cumulative, "Å²", "mean-square displacement up to the energy"),
            "total": Column(row, total, "Å²", "mean-square displacement"),
            "per_axis": Column(row, total / 3, "Å²", "mean-square displacement along one axis"),
            **extra,
        },
        {
            "species": Column(row, np.array(names), "1", "species or group"),
            "energy": Column(("energy",), energy, "meV", "energy"),
            "mass": Column(row, mass, "u", "mean mass of an atom"),
        },
        parameters=dict(
            temperature=temperature, cut=cut, groups=groups, formers=formers, anions=anions, cutoffs=cutoffs
        ),
        history=history_of(phonons_or_vdos),
        title="Mean-square displacements by energy" + (f" at {kelvin:g} K" if modes else ""),
        source=str(source),
        temperature=float(kelvin),
        cut=float(least),
        modes_left_out=float(left_out),
        resolution_fwhm=float(phonons_or_vdos.attrs["resolution_fwhm"]),
    )


def quanta(energy: Floats, temperature: float) -> Floats:
    """2n + 1 = coth(E/2k_BT); 1 at 0 K."""
    if temperature == 0:
        return np.ones_like(energy)
    factor: Floats = 1 / np.tanh(energy / (2 * K_B * temperature))
    return factor


def of_modes(
    found: Dataset, temperature: float, least: float, groups: Sequence[str] | None
) -> tuple[list[str], Floats, Floats, Floats, float]:
    """Names, masses, u² (group, mode), u² (group, energy) and how many modes at a q point are left out."""
    energies, weight, masses = found.frequencies.values, found.weight.values, found.atom_mass.values
    counted = (energies > least) & (weight > 0)
    safe = np.where(counted, energies, 1.0)
    per_mode = np.where(counted, weight * QUANTUM * quanta(safe, temperature) / (2 * safe), 0.0)
    names, member = _groups(found, groups)
    average = member / member.sum(axis=1, keepdims=True)
    by_mode: Floats = (average / masses) @ found["share"].values.T * per_mode
    spread = broadened(np.abs(energies), by_mode, found.energy.values, float(found.attrs["resolution_fwhm"]))
    below = float(weight[(weight > 0) & ~counted].sum())
    return names, average @ masses, by_mode, spread, below


def _groups(found: Dataset, groups: Sequence[str] | None) -> tuple[list[str], Floats]:
    """The names of the groups and which atoms are in each, (group, atom)."""
    species = found.atom_species.values.tolist()
    labels: list[Any] = species if groups is None else [str(each) for each in groups]
    if len(labels) != len(species):
        raise Refusal(f"{len(labels)} labels for {len(species)} atoms", "", "Give groups= one label an atom")
    first = {name: species.index(species[labels.index(name)]) for name in dict.fromkeys(labels) if name}
    names = sorted(first, key=lambda name: (first[name], name))  # element by element as they come
    if not names:
        raise Refusal("No atom has a label", "", "Give groups= some")
    for name in names:
        inside = {element_of(s) for s, each in zip(species, labels, strict=True) if each == name}
        if len(inside) > 1:
            raise Refusal(f"The group '{name}' holds {', '.join(sorted(inside))}", "", "Label each element apart")
    return names, np.array([[each == name for each in labels] for name in names], np.float64)


def _of_density(g: Floats, energy: Floats, mass: Floats, temperature: float, least: float) -> Floats:
    counted = energy > least
    if not counted.any():
        raise Refusal(f"Nothing lies above {least:g} meV", f"g ends at {energy[-1]:.4g} meV", "Lower cut=")
    safe = np.where(counted, energy, 1.0)
    factor = np.where(counted, 3 * QUANTUM * quanta(safe, temperature) / (2 * safe), 0.0)
    u2: Floats = g * factor / mass[:, None]
    return u2


def draw(result: Dataset, ax: Axes) -> None:
    """u²(E) as lines with their scale left, the integral up to E as dashes with its scale right."""
    energy = result.energy.values
    right: Any = ax.twinx()
    right.grid(visible=False)
    names = result.species.values.tolist()
    own = {name: SPECIES_COLOURS[name] for name in names if name in SPECIES_COLOURS}
    free = [colour for colour in PALETTE if colour not in own.values()]
    others = [name for name in names if name not in own]
    for name in names:
        turn = 0 if name in own else others.index(name)
        colour = own.get(name, free[turn % len(free)])
        shade = 0.45 if turn >= len(free) else 1.0  # a colour's second turn is paler
        one = result.sel(species=name)
        ax.plot(energy, one.u2, color=colour, alpha=shade, label=f"{name}: {float(one.total):.3g} Å²")
        right.plot(energy, one["cumulative"], color=colour, alpha=shade, ls="--", lw=1.1)
    done = result["cumulative"].values / np.maximum(result["cumulative"].values[:, -1:], 1e-300)
    last = int((np.nan_to_num(done, nan=1.0) >= 0.98).argmax(axis=1).max())
    ax.set_xlim(0, energy[min(last + 1, len(energy) - 1)])
    ax.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    right.spines["right"].set_visible(True)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("u² by energy", "Å²/meV"))
    right.set_ylabel(label("u² up to E (dashed)", "Å²"))
    said = f"⟨u²⟩ at {result.attrs['temperature']:g} K"
    beside = 3 if max(len(name) for name in names) <= SHORT else 2
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=beside, title=said)
