"""What stands under a figure: what is seen, how it was made, at which temperature, in which units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.registry import observables

from .findings import quantity_of
from .numbers import kelvin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanhove.study.results import ResultRecord, RunRecord

SAYS = {
    "dynamics.diffusion": """
        The MSD (Å²) of {of} against lag (ps) {where}, with the window that D was looked for in and the straight line
        fitted to it by generalised least squares; its slope is 6 D.""",
    "dynamics.arrhenius": """
        {quantity} of {of} against 1000/T (1/K) on a logarithmic axis: points are the runs with their standard errors,
        the line is the weighted Arrhenius law with its 95 % band, drawn on to the temperature that it is extrapolated
        to. Of replicas the point is their mean. Where a value was refused there is no point.""",
    "dynamics.conductivity": """
        How the charges move together {where}: what the conductivity is read from against lag (ps), with its parts, the
        fit or plateau, and what the ions would carry each on its own.""",
    "dynamics.green_kubo": """
        Integral of the velocity autocorrelation of {of} up to a lag (ps) {where}; its level in the shaded window is D
        (cm²/s). Band: one standard error.""",
    "dynamics.non_gaussian": """
        Non-Gaussian parameter α₂ of the displacements of {of} against lag (ps), logarithmic, {where}: 0 where all ions
        move alike, high where some jump and others wait; τ* marks its peak, if one stands out. Band: one standard
        error.""",
    "dynamics.van_hove": """
        Self part of the Van Hove function {where}: the probability 4πr²G_s (1/Å) that an ion of {of} has gone the
        distance r (Å) after a lag (ps). A second maximum one jump away is a sign of jumps.""",
    "dynamics.van_hove_distinct": """
        Distinct part of the Van Hove function over the density {where}: where other atoms are (distance r, Å) after a
        lag (ps), about the place that an ion was at. What fills r = 0 has taken the ion's place.""",
    "dynamics.gaussian_departure": """
        Probability that an ion of {of} has gone further than the chosen distance against lag (ps) {where}, beside that
        of Gaussians (dashes): more than theirs is a tail of ions that jumped.""",
    "dynamics.displacements": """
        Share of the ions of {of} that have gone further than a distance (Å) {where}, a line for each lag.""",
    "dynamics.jumps": """
        Lengths (Å) of the jumps of {of} {where}, found without sites, recrossings taken out; inset: how long ions wait
        between jumps (ps), beside an exponential of the same mean, which jumps without memory would follow.""",
    "dynamics.sites": """
        Ions of {of} at each site {where}, coloured by the site's name, with standard errors; inset: share of stays
        that last longer than a time (ps), beside an exponential of the same mean.""",
    "dynamics.cages": """
        Share of the stays of {of} in a cage that last longer than a time (ps) {where}, on a logarithmic axis, for each
        radius, beside exponentials of the mean residence. Stays that the run cut off are counted as such. Bands: one
        standard error.""",
    "dynamics.density": """
        Density of {of} (ions/Å³, logarithmic) averaged along one axis of the cell {where}, and the barrier (eV) that
        the easiest way through the cell has along each axis.""",
    "dynamics.fast_slow": """
        Pair distribution functions g(r) of the fast and the slow {of} {where}, against distance r (Å): about each other
        (below), and of the anions about them (above), at the beginning of the time in which they are told apart. Bands:
        one standard error.""",
    "dynamics.phase_fraction": """
        Share of the ions of {of} in the glass, the crystal and the interfaces against time (ps) {where}; dashes: the
        mean over the run.""",
    "dynamics.rotation": """
        How long the bonds of a polyanion remember their direction {where}: C_1 and C_2 against lag (ps), logarithmic; 1
        is no rotation, a level below it libration. Bands: one standard error. Inset: distribution of the libration
        angle (°), from the nearest of the orientations that look alike; dashes: its root mean square.""",
    "dynamics.coupling": """
        Mean rotation (°) of the polyanion nearest to a jump about that time (ps) {where}, beside the same at
        matched times of the same ions and polyanions (dashes). Band: 95 %, by bootstrap. Inset: smoothed net
        displacements (Å) of one ion and of the polyanion that it jumps past, along the run.""",
    "dynamics.bottleneck": """
        Distribution (1/Å²) of the areas of the windows between anions {where}, at all times and in the middle of the
        jumps through them. Inset: mean area (Å²) about the jumps with its 95 % band, and at matched times
        (dashes).""",
    "dynamics.d2min": """
        Distribution over {of} of the non-affine motion against their neighbours (Å) {where}, summed up along the run;
        line: its median.""",
    "softness.soft_ions": """
        Softness S of {of} {where}, the signed distance of an ion's surroundings from the plane that tells mobile ions
        from immobile ones, as found by models that did not see the ion: distributions of both classes, and in black
        the probability to hop, with standard errors. The accuracy is the mean of the shares of both that are
        recognised; guessing gives 50 %.""",
    "softness.soft_profile": """
        Mean softness S of {of} in slabs along an axis of the cell (Å) {where}, and their mean order q̄6 (dashes, scale
        right), with standard errors from the spread between ions.""",
    "softness.scan": """
        Accuracy of models of the softness of {of} {where}, of ions that were held out, against the reach of their
        shells (Å), a line for each width: the mean of the shares of mobile and immobile ions that are recognised;
        dots: guessing. Standard errors from the folds.""",
    "softness.features": """
        Neighbours of {of} of each species in shells about them {where}, over those of a gas of the same density: the
        mean and the standard deviation among ions and frames. What differs from ion to ion is what softness is made
        of.""",
    "spectra.incoherent": """
        Incoherent intermediate scattering function F(Q, t) of {of} against lag (ps), logarithmic, {where}, a line for
        each Q (1/Å): what single ions still have in common with where they were. Bands: one standard error.""",
    "spectra.fit_qens": """
        Half widths (HWHM, meV) of the quasielastic lines of {of} against Q (1/Å) {where} with their standard errors:
        open where the fit is a bad one, triangles at the 95 % bound of what a spectrum does not determine.""",
    "spectra.fit_oscillator": """
        S(Q,E) of {of} {where} against energy transfer (meV), with damped oscillators fitted to it through its
        resolution; dashes: each of them alone.""",
    "spectra.fit_jump_model": """
        Half widths (HWHM, meV) of the quasielastic line of {of} against Q (1/Å) {where} with their standard errors, and
        the law of jump diffusion fitted to them; dashes: other laws that were compared.""",
    "spectra.coherent": """
        Coherent dynamic structure factor S(Q,E) (1/meV, logarithmic) of all atoms together, or of the named pair,
        {where}, against energy transfer (meV) and Q (1/Å), not weighted by scattering lengths.""",
    "spectra.currents": """
        Spectra of the currents (Å²/ps²/meV, logarithmic) against Q (1/Å) and energy (meV) {where}: transverse to the
        left, longitudinal to the right; points: where each is highest, the dispersion.""",
    "spectra.at_q": """
        Imaginary part of the dynamic susceptibility χ″ against energy (meV) {where}, for each wavevector in
        reciprocal lattice units of the unit cell; each line stands above the one before. Bands: one standard
        error.""",
    "spectra.neutron_sqe": """
        Dynamic structure factor S(Q,E) per atom (barn/sr/meV) as neutrons weigh it {where}, against the energy that the
        neutron loses (meV) and Q (1/Å), on a logarithmic scale. Few Q are drawn as lines, with their incoherent part
        (dashes).""",
    "spectra.instrument": """
        Simulated S(Q,E) {where} as an instrument would have measured it, against energy transfer (meV): seen through
        its resolution (dashes, to the height of the first line), where its detectors reach.""",
    "spectra.vdos": """
        Vibrational density of states g (1/meV) by species against energy E (meV) {where}, each normalised to 1, and
        their mean over the atoms (dashes). Bands: one standard error, from parts of the run.""",
    "spectra.neutron_dos": """
        Density of states as neutrons weigh it (1/meV) against energy E (meV) {where}, normalised to 1, and what each
        species makes up of it. Band: one standard error, from parts of the run.""",
    "spectra.low_energy_law": """
        Density of states g (1/meV) at low energy E (meV) {where}, with the laws fitted in the shaded window (dashes): a
        parabola as in Debye's solid, a straight line as in a liquid, a free power. Band: one standard error.""",
    "spectra.dos_from_sqe": """
        Density of states g (1/meV) against energy E (meV) {where}, from S(Q,E) averaged over Q, normalised to 1. Below
        the elastic line it is carried on by a law (dashes). Band: one standard error, of the counting alone.""",
    "spectra.subtract_can": """
        Spectra against energy transfer (meV) {where}, averaged over Q: the sample in its can, what was subtracted, and
        what is left with one standard error.""",
    "spectra.elastic_scan": """
        Spectra summed over Q against energy transfer (meV) by temperature, each a factor above the one before, with the
        elastic (grey) and the quasielastic window (orange); inset: ⟨u²⟩ (Å²) above that at the lowest temperature, and
        where quasielastic scattering sets in (dashes).""",
    "structure.rdf": """
        Partial pair distribution functions g(r) of all pairs against distance r (Å) {where}, averaged over all
        frames; 1 is an ideal gas. The height of a peak that leaves the picture is written beside it; where pairs are
        stacked, each has its own scale. Bands: one standard error.""",
    "structure.structure_factor": """
        Partial structure factors against Q (1/Å) {where}, averaged over all frames and over the wavevectors of each
        shell, and the total where weights were asked for. Each curve has its own scale, which is written beside it.""",
    "structure.angles": """
        Distribution of the bond angles i–j–k against the angle (°) {where}: a bond is a pair within the first minimum
        of its g(r), or within the distance that was asked for. A perfect tetrahedron has 109.5°.""",
    "structure.speciation": """
        What the formers and anions are joined to {where}: units by formula as shares of the formers and of the units,
        formers by their number of bridges (Qⁿ), anions by their number of formers.""",
    "structure.voronoi": """
        Distribution of the Voronoi volumes (Å³) by species {where}: the space that is nearer to an atom than to any
        other.""",
    "structure.steinhardt": """
        Distribution of the bond-orientational order about the atoms {where}: a crystal's is high and narrow, a glass's
        low.""",
    "lattice.phonons": """
        Densities of states of the harmonic lattice {where}, by species and in total, without the imaginary
        modes.""",
    "lattice.compare_dos": """
        Densities of states g (1/meV) by species against energy E (meV) {where}: of the run (filled), and of the
        harmonic lattice of the structure that it began with, at its minimum (lines), seen with the run's resolution;
        each species on its own level, with what the two have in common.""",
    "lattice.displacements": """
        Mean squared displacement that vibrations of each energy make (Å²/meV) {where}, by species or by the Qⁿ of the
        polyhedron that an atom belongs to (scale left), and its integral up to that energy (Å², dashed, scale
        right).""",
    "lattice.compare_displacements": """
        Mean squared displacement that vibrations of each energy make (Å²/meV) {where}: by the run's density of states
        (filled), and by the harmonic lattice at the same temperature (lines), each species on its own level, with the
        integrals (Å²). What lies below the dotted line is left out of both.""",
    "lattice.modes": """
        What moves in the modes of each energy {where}: the polyanions' translation, rotation and strain, and the ions,
        or the species where there are no polyanions. Points: participation ratio of every mode.""",
    "lattice.instantaneous_modes": """
        Density of the normal modes of single frames {where}. Left of zero: imaginary modes, in which the atoms stand on
        a barrier or a shoulder of their energy.""",
    "structure.amorphization": """
        Order along an axis {where}, by the amplitudes of the Fourier transforms of slabs of the density.""",
    "structure.profiles": "Concentration by species (1/Å³) and mass density (g/cm³) along an axis {where}.",
    "structure.phases": "Which atoms are glass, crystal and interface {where}.",
    "structure.peaks": """
        Peaks of S(Q) or g(r) in the window {where}: what was seen, and where a peak stands out of its scatter the
        Gaussian on a straight line that was fitted to it (dashes).""",
    "structure.compare_structure_factor": """
        Computed against measured {where}, with their difference below; R_χ is their relative distance in the
        window.""",
}
QUANTITIES = {
    "D": "Diffusion coefficient (cm²/s)",
    "sigma": "Conductivity times temperature (mS·K/cm)",
    "peak_time": "Peak time τ* of α₂ (ps)",
    "jump_rate": "Jump rate (1/ps)",
    "residence_time": "Residence time (ps)",
    "soft_rate": "Rate of hops (1/ps) of soft ions, S > 0,",
    "hard_rate": "Rate of hops (1/ps) of hard ions, S < 0,",
    "D_qens": "Diffusion coefficient from quasielastic widths (cm²/s)",
    "residence_qens": "Residence time from quasielastic widths (ps)",
}
LAWS = {
    "sigma": "σT", "peak_time": "τ*", "jump_rate": "the jump rate", "residence_time": "the residence time",
    "soft_rate": "the hops of soft ions", "hard_rate": "the hops of hard ions",
    "D_qens": "D from quasielastic widths", "residence_qens": "the residence time from quasielastic widths",
}  # fmt: skip
AXES = {
    "D": "D (cm²/s)",
    "sigma": "σT (mS·K/cm)",
    "peak_time": "τ* (ps)",
    "jump_rate": "jump rate (1/ps)",
    "residence_time": "residence time (ps)",
    "soft_rate": "rate of hops, S > 0 (1/ps)",
    "hard_rate": "rate of hops, S < 0 (1/ps)",
    "D_qens": "D (cm²/s)",
    "residence_qens": "residence time (ps)",
}


def caption_of(record: ResultRecord) -> str:
    """The caption of a result that its observable draws."""
    where = f"in run {record.run}{_at(record.temperature)}" if record.run else "over all runs"
    if record.observable.startswith("lattice.") and record.temperature is None:
        where = f"of the structure '{record.run}', relaxed"
    known = observables()
    line = known[record.observable].line if record.observable in known else record.observable
    sentence = SAYS.get(record.observable, f"{line[:1].upper()}{line[1:]}, {{where}}.")
    quantity = QUANTITIES.get(quantity_of(record), "The quantity")
    return " ".join(sentence.split()).format(of=record.of or "all ions", where=where, quantity=quantity)


def picture_caption(run: RunRecord, polyhedra: Sequence[tuple[str, str]], moved: str | None) -> str:
    """The caption of the picture of the structure."""
    parts = [f"Run {run.name}{_at(run.temperature)}: the last frame in its periodic cell, in parallel projection."]
    if polyhedra:
        parts.append(f"Translucent: {', '.join(f'{a}–{b}' for a, b in polyhedra)} polyhedra.")
    if moved is not None:
        parts.append(
            f"Lines: paths of {moved} through the run, smoothed over vibrations and wrapped into the cell, coloured by "
            "how far each ion got (Å)."
        )
    return " ".join([*parts, "What is far away fades."])


def _at(temperature: float | None) -> str:
    return "" if temperature is None else f" at {kelvin(temperature)}"
