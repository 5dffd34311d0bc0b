"""The conductivity if every ion moved on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ._diffusion import DIFFUSIVE, diffusion
from ._msd import msd

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .carriers import Carriers

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Independent:
    """Conductivities (mS/cm) from tracer diffusion, by species and in all."""

    D: Floats  # cm²/s, with its errors
    D_error: Floats
    D_upper: Floats
    sigma: Floats
    error: Floats
    upper: Floats
    total: float  # of the species that have a D
    total_error: float
    starts: Floats  # where each species' MSD begins to be diffusive, ps
    verdict: str

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The species that are in the total."""
        return np.isfinite(self.sigma)


def nernst_einstein(
    traj: Trajectory,
    carriers: Carriers,
    reference: Literal["cell", "framework"] | None,
    known: Mapping[str, Dataset],
) -> Independent:
    """From the diffusion coefficients, those ``known`` already and the others computed."""
    results = [known[name] if name in known else _diffusion(traj, name, reference) for name in carriers.species]
    D, D_error, D_upper = (np.array([float(one[name]) for one in results]) for name in ("D", "D_error", "D_upper"))
    factor = carriers.independent
    sigma, error, upper = factor * D, factor * D_error, factor * D_upper
    counted = np.isfinite(sigma)
    starts = [float(one.window[0]) if np.isfinite(one.D) else np.nan for one in results]
    return Independent(
        D, D_error, D_upper, sigma, error, upper,
        float(sigma[counted].sum()) if counted.any() else np.nan,
        float(np.sqrt((error[counted] ** 2).sum())) if counted.any() else np.nan,
        np.array(starts),
        _verdict(carriers.species, [str(one.attrs["verdict"]) for one in results], upper, counted),
    )  # fmt: skip


def _diffusion(traj: Trajectory, species: str, reference: Literal["cell", "framework"] | None) -> Dataset:
    return diffusion(msd(traj, species, drift=reference, lags="log"))


def _verdict(species: list[str], verdicts: list[str], upper: Floats, counted: NDArray[np.bool_]) -> str:
    """``"diffusive"``, or who is left out of the total and by how much it can be too low."""
    doubtful = [name for name, verdict in zip(species, verdicts, strict=True) if verdict != DIFFUSIVE]
    if not doubtful:
        return DIFFUSIVE
    out = [name for name, inside in zip(species, counted, strict=True) if not inside]
    if not out:
        return f"The diffusion of {' and '.join(doubtful)} is not established; its D was given for a chosen window."
    most = float(upper[~counted].sum())
    bound = f"at most {most:.3g} mS/cm (95 %)" if np.isfinite(most) else "an amount that has no bound"
    return f"Not in the total, since no diffusion was seen: {', '.join(out)}, which could add {bound}."
