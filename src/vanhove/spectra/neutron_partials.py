"""The unweighted parts of what neutrons see, and the error of their coherent sum, from one pass over a trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column

from ._coherent import of_points, wanted
from ._incoherent import incoherent
from .collective_correlation import correlate
from .lag_grids import Correction, Grids
from .neutron_weights import BARN, NeutronWeights
from .pair_amplitudes import of_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

AXES = {
    "q": ("1/Å", "wavevector transfer"),
    "energy": ("meV", "energy that the neutron loses"),
    "lag": ("ps", "lag"),
}
KINDS = (("S", "energy", "1/meV", "S(Q,E)"), ("F", "lag", "1", "F(Q,t)"))


class Asked(NamedTuple):
    """What the two observables are asked with."""

    q: list[float]
    max_lag: float | None
    resolution: float | None
    correction: Correction
    temperature: float | None
    width: float | None
    q_vectors: Literal["all"] | int
    drift: Literal["cell"] | None


class Partials(NamedTuple):
    """Columns without weights, what is said of them, and standard errors of the coherent sum for some isotopes."""

    columns: dict[str, Column]
    told: dict[str, str | float]
    coherent_errors: dict[str, Floats]  # "S": (q, energy) in barn/sr/meV, "F": (q, lag) in barn/sr


def partials_of(traj: Trajectory, asked: Asked, isotopes: Mapping[str, str] | None) -> Partials:
    """Incoherent scattering of every species and coherent scattering of every pair.

    The coherent sum as the ``isotopes`` weigh it is correlated beside the pairs: its error is its own. That of a sum
    over pairs would take their covariances, since the same ρ(Q) stands in several of them.
    """
    numbers = traj.composition
    concentration = np.array(list(numbers.values()), float) / traj.n_atoms
    weights = NeutronWeights.of(list(numbers), concentration, [], isotopes)  # refuses isotopes before the work is done
    single = [
        incoherent(
            traj, name, asked.q, max_lag=asked.max_lag, resolution=asked.resolution, drift=asked.drift,
            correction=asked.correction, temperature=asked.temperature,
        )
        for name in numbers
    ]  # fmt: skip
    if "S" not in single[0]:
        raise Refusal("There is no spectrum", str(single[0].attrs["verdict"]), "Take traj.uniform()")
    kelvin = traj.temperature if asked.temperature is None else float(asked.temperature)
    grids = Grids.of(traj, float(single[0]["lag"][-1]), asked.resolution, asked.correction, kelvin)
    amplitudes = of_pairs(numbers, None)
    lengths = np.array(weights.b) * BARN**0.5
    seen = np.array([lengths.real, lengths.imag] if lengths.imag.any() else [lengths.real])
    own = len(amplitudes.factors) + np.arange(len(seen))
    points, wide = wanted(traj, asked.q, asked.width, asked.q_vectors)
    found = correlate(
        traj, points, grids, np.concatenate([amplitudes.factors, seen]),
        [*amplitudes.pairs, *((int(k), int(k)) for k in own)], reference=asked.drift,
    )  # fmt: skip
    behind, _, said = of_points(points, wide)
    columns = {
        "species": Column(("species",), list(numbers), "1", "species"),
        "pair": Column(("pair",), amplitudes.labels, "1", "pair of species"),
        "concentration": Column(("species",), concentration, "1", "share of all atoms"),
        **behind,
        **{axis: Column((axis,), single[0][axis].values, *what) for axis, what in AXES.items()},
    }
    by = {
        "S": found.by_energy[0],
        "S_error": found.by_energy_error[0],
        "F": found.by_lag[0],
        "F_error": found.by_lag_error[0],
    }
    n = len(amplitudes.labels)
    for letter, along, units, what in KINDS:
        for end, name in (("", what), ("_error", f"standard error of {what}")):
            key = f"{letter}{end}"
            each = np.stack([one[key].transpose("q", along).values for one in single])
            columns[f"{letter}_inc_partial{end}"] = Column(
                ("species", "q", along), each, units, f"incoherent {name}, without weight"
            )
            columns[f"{letter}_coh_partial{end}"] = Column(
                ("pair", "q", along), by[key][:n], units, f"coherent {name}, without weight"
            )
    verdicts = {f"{name} (incoherent)": one.attrs.get("verdict") for name, one in zip(numbers, single, strict=True)}
    verdicts["coherent"] = said.pop("verdict", None)
    told = {**grids.attributes, **said, "fingerprint": traj.fingerprint, "verdict": _joined(verdicts)}
    if kelvin is not None:
        told["temperature"] = kelvin
    errors = {key: np.sqrt((by[f"{key}_error"][n:] ** 2).sum(axis=0)) for key in ("S", "F")}
    return Partials(columns, told, errors)


def _joined(verdicts: Mapping[str, object]) -> str:
    """What the parts say, the same only once."""
    said: dict[str, list[str]] = {}
    for part, verdict in verdicts.items():
        if verdict:
            said.setdefault(str(verdict), []).append(part)
    return "; ".join(f"{', '.join(parts)}: {verdict}" for verdict, parts in said.items())
