"""Files as the programs of beamlines write them, by the layouts that they publish; none of those programs is needed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

Q = np.array([0.5, 0.9, 1.4])
ENERGY = np.linspace(-1.0, 0.8, 19)
RNG = np.random.default_rng(20261120)
S = 1 + RNG.random((3, 19))
ERROR = 0.1 * RNG.random((3, 19)) + 0.05
ERROR[1, 4], ERROR[2, 5] = 0.0, -1.0  # masked
MASKED = np.zeros((3, 19), bool)
MASKED[1, 4] = MASKED[2, 5] = True


def edges(middles: np.ndarray) -> np.ndarray:
    step = np.diff(middles).mean()
    return np.append(middles - step / 2, middles[-1] + step / 2)


def mantid(
    path: Path, *, histogram=True, distribution="1", axis2="MomentumTransfer", q=Q, energy=ENERGY,
    transposed=False, workspaces=1, x_units="DeltaE",
) -> Path:  # fmt: skip
    """SaveNexusProcessed."""
    with h5py.File(path, "w") as file:
        for number in range(1, workspaces + 1):
            entry = file.create_group(f"mantid_workspace_{number}")
            entry.attrs["NX_class"] = b"NXentry"
            entry["title"] = np.array([b"my sample"])
            group = entry.create_group("workspace")
            group["values"], group["errors"] = (S.T, ERROR.T) if transposed else (S, ERROR)
            group["values"].attrs.update({"signal": 1, "axes": b"axis2,axis1", "units": b"Counts"})
            along = energy if not histogram else edges(energy)
            group["axis1"], group["axis2"] = (q, along) if transposed else (along, q)
            group["axis1"].attrs.update({"distribution": np.bytes_(distribution), "units": x_units.encode()})
            group["axis2"].attrs["units"] = axis2.encode()
            if transposed:
                group["axis1"].attrs["units"], group["axis2"].attrs["units"] = b"MomentumTransfer", b"DeltaE"
    return path


def nxspe(path: Path, angles, energy_edges, S, error, e_i=50.0, *, scaled=1, chopper=True) -> Path:
    """SaveNXSPE."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("my_workspace")
        entry["definition"] = b"NXSPE"
        info = entry.create_group("NXSPE_info")
        info["fixed_energy"] = np.array([e_i])
        info["ki_over_kf_scaling"] = np.array([scaled])
        info["psi"] = np.array([np.nan])
        instrument = entry.create_group("instrument")
        if chopper:
            instrument.create_group("fermi")["energy"] = np.array([e_i])
        data = entry.create_group("data")
        data["energy"], data["polar"], data["data"], data["error"] = energy_edges, angles, S, error
    return path


def dave(path: Path, *, micro=False, names=True) -> Path:
    """SaveDaveGrp."""
    unit = "micro eV" if micro else "meV"
    lines = ["# Number of Energy transfer values", str(len(ENERGY)), "# Number of q values", str(len(Q))]
    lines += [f"# Energy transfer ({unit}) values" if names else "# x values"]
    lines += [f"{energy * (1000 if micro else 1):.10g}" for energy in ENERGY]
    lines += ["# q (1/Angstroms) values", *(f"{q:g}" for q in Q)]
    for i in range(len(Q)):
        lines += [f"# Group {i}", *(f"{a:.10g} {b:.10g}" for a, b in zip(S[i], ERROR[i], strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def lamp(path: Path, *, x_says="Energy Transfer (meV)", temperature=True, dtype=np.float32) -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("entry1/data1")
        group["DATA"], group["errors"] = S.astype(dtype), ERROR.astype(dtype)
        group["DATA"].attrs["long_name"] = np.array([b"water"])
        group["X"], group["Y"] = ENERGY.astype(dtype), Q.astype(dtype)
        group["X"].attrs["long_name"] = np.array([x_says.encode()])
        group["Y"].attrs["long_name"] = np.array([b"Wavevector Transfer (A!U-1!N)"])
        if temperature:
            said = b" 11) Sample   temperature [K]        =      293.569 \n (Sample) temperature  =      293.569 \n"
            group["PARAMETERS"] = np.array([said])
    return path


def danse(path: Path, *, unit="1.60218e-22*m**2*kg*s**-2") -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("iqe")
        group["data"], group["errors"] = S, ERROR
        for index, (name, axis, says) in enumerate((("Q", Q, "1e+10*m**-1"), ("energy", ENERGY, unit))):
            grid = group.create_group(f"grid/{name}")
            grid.attrs.update({"index": index, "unit": np.bytes_(says)})
            grid["bin centers"] = axis
    return path


def columns(path: Path, layout: str, *, comment="# energy (meV), S, error") -> Path:
    rows = []
    for i, q in enumerate(Q):
        if layout == "blocks":
            rows.append(f"# q = {q}")
        for energy, a, b in zip(ENERGY, S[i], ERROR[i], strict=True):
            head = f"{q} " if layout == "q" else ""
            rows.append(f"{head}{energy:.10g} {a:.10g} {b:.10g}".replace(" ", ", " if layout == "q" else "\t"))
        if layout != "q":
            rows.append("")
    path.write_text("\n".join([comment, *rows]) + "\n")
    return path
