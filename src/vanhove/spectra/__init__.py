"""Spectra: what a beamline measures, from a trajectory, and what a measurement says, by the same code."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "vdos": Entry("_vdos", "vibrational density of states by species, from velocities or positions", id="C1"),
    "neutron_dos": Entry(
        "_neutron_dos", "density of states as neutrons weigh it", id="C2", takes="dataset", sources=("vdos",)
    ),
    "low_energy_law": Entry(
        "_low_energy_law", "law of a density of states at low energy, with the preferred power", id="C3",
        takes="dataset", sources=("vdos",),
    ),
    "dos_from_sqe": Entry(
        "_dos_from_sqe", "density of states from a measured or simulated S(Q,E)", id="C4", takes="dataset",
        sources=("incoherent", "neutron_sqe", "instrument"), measured=True,
    ),
    "incoherent": Entry("_incoherent", "incoherent scattering of single ions, F(Q,t) and S(Q,E)", id="C5"),
    "coherent": Entry("_coherent", "coherent scattering of every pair of species, F(Q,t) and S(Q,E)", id="C5"),
    "neutron_sqe": Entry("_neutron_sqe", "S(Q,E) as neutrons weigh it, coherent and incoherent", id="C5"),
    "currents": Entry("_currents", "longitudinal and transverse currents along a direction", id="C6"),
    "at_q": Entry("_at_q", "response at chosen Q of the unit cell, averaged over replicas", id="C6"),
    "subtract_can": Entry(
        "_subtract_can", "a measured spectrum without its container", id="C7", takes="dataset", sources=("incoherent",),
        files=("can",), measured=True,
    ),
    "fit_qens": Entry(
        "_fit_qens", "quasielastic widths, areas and EISF at every Q, with their errors", id="C7", takes="dataset",
        sources=("incoherent", "neutron_sqe", "instrument"), files=("resolution",), measured=True,
    ),
    "fit_jump_model": Entry(
        "_fit_jump_model", "jump length, residence time and D from widths against Q", id="C8", takes="dataset",
        sources=("fit_qens",),
    ),
    "fit_oscillator": Entry(
        "_fit_oscillator", "energy and damping of an oscillator in a spectrum", id="C9", takes="dataset",
        sources=("incoherent", "neutron_sqe", "instrument", "at_q"), measured=True,
    ),
    "instrument": Entry(
        "_instrument", "a simulated spectrum as an instrument would have measured it", id="C10", takes="dataset",
        sources=("neutron_sqe", "incoherent"), files=("resolution",),
    ),
    "elastic_scan": Entry(
        "_elastic_scan", "elastic and quasielastic intensity against temperature, with ⟨u²⟩", id="C11", takes="values"
    ),
    "diffusion_table": Entry("_diffusion_table", "D by every route, side by side", id="C12", takes="values"),
}  # fmt: skip

# Functions that are no observables, but whose results draw themselves.
OTHERS = {"read_measured": "measured", "reweight": "_neutron_sqe", "rebin": "rebinning", "sum_q": "rebinning"}

__getattr__, __dir__ = serve(__name__, {**TABLE, **OTHERS})
