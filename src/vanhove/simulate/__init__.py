"""Simulation: build a material, choose a potential, run it under an engine that can stop and go on."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "composition": Entry("_composition", "whole, charge-neutral atom counts of a formula", id="E0", takes="values"),
    "packing": Entry("_packing", "random packing at a density with a minimum distance", id="E1", takes="values"),
    "crystal": Entry(
        "_crystal", "supercell of a crystal, partial occupancies decided by a seed", id="E1", takes="values"
    ),
    "crystal_sites": Entry("_crystal", "where the sites of a crystal are, by name", id="E1", takes="values"),
    "glass_ceramic": Entry(
        "_glass_ceramic", "a crystal's slab with random packing in the rest of the cell", id="E1", takes="values"
    ),
    "potential": Entry("_potential", "a published potential by name", id="E2", takes="values"),
    "buckingham": Entry("_potential", "a Coulomb-Buckingham potential from your numbers", id="E2", takes="values"),
    "pedone": Entry("_pedone", "a potential of Pedone's form from your numbers", id="E2", takes="values"),
    "deepmd": Entry("_deepmd", "a DeePMD model file as a potential", id="E2", takes="values"),
    "calculator": Entry("_calculator", "any ASE calculator as a potential, by name", id="E2", takes="values"),
    "cp2k": Entry("_cp2k", "energies and forces from first principles, by CP2K", id="E5", takes="values"),
    "cp2k_convergence": Entry("_cp2k_convergence", "the cutoff that CP2K's forces need", id="E5", takes="values"),
    "label": Entry("_label", "energies, forces and virials of structures, to train on", id="E5", takes="values"),
    "forces": Entry("_forces", "forces of a potential on structures, as phonons ask them", id="E2", takes="values"),
    "Minimise": Entry("_protocol", "stage: relax to the nearest minimum of the energy", id="E3", takes="values"),
    "Hold": Entry("_protocol", "stage: keep a temperature (mix, equilibrate)", id="E3", takes="values"),
    "Ramp": Entry("_protocol", "stage: change the temperature at a rate (quench, heat)", id="E3", takes="values"),
    "Produce": Entry("_protocol", "stage: keep a temperature and write the trajectory", id="E3", takes="values"),
    "Protocol": Entry("_protocol", "stages in order, with time step, thermostat, constraint", id="E3", takes="values"),
    "melt_quench": Entry("_protocol", "the stages that make a glass", id="E3", takes="values"),
    "constrain": Entry(
        "_constrain", "hold a part of the framework: rigid polyanions, fixed anions", id="E4", takes="values"
    ),
    "run": Entry("_run", "run a protocol under an engine; resumes where it was stopped", id="E3", takes="values"),
    "final_structure": Entry("_run", "the structure at the end of a run, with velocities", id="E3", takes="values"),
    "refine": Entry("_refine", "scale a potential until its S(Q) is that measured", id="E7", takes="values"),
    "labelled": Entry("_labelled", "frames with energies and forces, to train on", id="E5", takes="values"),
    "Labelled": Entry("_labelled", "labelled frames of several systems", id="E5", takes="values"),
    "System": Entry("_labelled", "labelled frames of the same atoms", id="E5", takes="values"),
    "train": Entry(
        "_train", "train DeePMD models on labelled frames; resumes where it stopped", id="E6", takes="values"
    ),
    "committee": Entry("_train", "the models that a training has finished", id="E6", takes="values"),
    "training_settings": Entry("_train", "how a model is trained: shipped, or yours", id="E6", takes="values"),
    "parity": Entry(
        "_parity", "a model's forces, energies and virials beside their reference", id="E6", takes="values"
    ),
    "distil": Entry(
        "_distil",
        "a fast model in the place of any ASE calculator",
        id="E6",
        takes="values",
    ),
    "deviation": Entry("_deviation", "how much the models of a committee disagree", id="E6", takes="values"),
    "learn": Entry("_learn", "explore, label what the models disagree on, train again", id="E6", takes="values"),
    "learned": Entry("_learn", "what an active learning has come to", id="E6", takes="values"),
    "Guards": Entry("_guards", "the bounds that stop a run", id="E8", takes="values"),
}

__getattr__, __dir__ = serve(__name__, TABLE)
