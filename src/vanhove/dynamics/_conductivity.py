"""Ionic conductivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import K_B_EV, SIGMA_MS_CM

from ._diffusion import DIFFUSIVE
from ._diffusion import diffusion as diffusion_of
from ._msd import msd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

NEUTRAL = 1e-3  # of the sum of all charges' sizes
LATER = {
    "einstein": "the collective Einstein relation",
    "green-kubo": "the Green-Kubo integral of the current",
}


def conductivity(
    traj: Trajectory,
    charges: Mapping[str, float] | None = None,
    *,
    method: Literal["nernst-einstein"] = "nernst-einstein",
    reference: Literal["cell", "framework"] | None = "cell",
    diffusion: Mapping[str, Dataset] | None = None,
) -> Dataset:
    r"""Ionic conductivity of every species and in total, as if every ion moved on its own (B7).

    .. math:: \sigma_i = \frac{n_i q_i^2 e^2 D_i}{k_B T}, \qquad \sigma = \sum_i \sigma_i

    the Nernst-Einstein relation, with the number density n_i = N_i/⟨V⟩ and the tracer diffusion coefficient D_i. Ions
    that move together conduct more or less than this: σ = σ_NE/H with the Haven ratio H.

    Parameters
    ----------
    traj
        With a temperature. Every species of this view counts.
    charges
        In units of e, formal or effective, one for every species of ``traj`` (``traj.select("Li")`` leaves the others
        out, and so does a charge of 0). By default those the trajectory has. A missing one is refused, not taken as 0.
    method
        ``"nernst-einstein"``.
    reference
        The frame in which ions move: what :func:`msd` calls ``drift``.
    diffusion
        Results of :func:`diffusion` by species that are there already; the others are computed.

    Returns
    -------
    Dataset
        ``sigma(species)``, ``sigma_error`` (one standard error, from that of D) and ``sigma_upper`` (95 %, from
        ``D_upper``) in mS/cm; NaN where a species has no diffusion coefficient. ``sigma_total`` adds up the species
        that have one, ``sigma_total_error`` their errors as independent ones, and ``sigma_total_upper`` is the sum of
        all species' bounds. ``attrs["verdict"]`` is ``"diffusive"`` where every species counts in the total, else a
        sentence that names those left out and the most that they can add.
    """
    if method in LATER:
        raise Refusal(f'method="{method}", {LATER[method]}, is not available yet', "", 'Use method="nernst-einstein"')
    if method != "nernst-einstein":
        raise Refusal(f"method={method!r}", "", nearest(str(method), ["nernst-einstein"]))
    if traj.temperature is None:
        raise Refusal(
            "The conductivity needs the temperature, and this trajectory has none",
            "",
            "Give temperature= to vh.open, or traj.at_temperature(600)",
        )
    charge_of = _charges(traj, charges)
    species = [name for name, charge in charge_of.items() if charge != 0]
    if not species:
        raise Refusal("Every charge is 0", f"charges={dict(charges or {})}", "Give the charge of what moves")
    known = {} if diffusion is None else dict(diffusion)
    results = [known[name] if name in known else _diffusion(traj, name, reference) for name in species]
    density = np.array([traj.composition[name] for name in species]) / float(traj.volumes.mean())
    charge = np.array([charge_of[name] for name in species])
    factor = SIGMA_MS_CM * density * charge**2 / (K_B_EV * traj.temperature)
    D, D_error, D_upper = (np.array([float(one[name]) for one in results]) for name in ("D", "D_error", "D_upper"))
    sigma, error, upper = factor * D, factor * D_error, factor * D_upper
    counted = np.isfinite(sigma)
    return dataset(
        "dynamics.conductivity",
        {
            "sigma": Column(("species",), sigma, "mS/cm", "conductivity"),
            "sigma_error": Column(("species",), error, "mS/cm", "standard error of the conductivity"),
            "sigma_upper": Column(("species",), upper, "mS/cm", "one-sided 95 % bound of the conductivity"),
            "sigma_total": Column((), sigma[counted].sum() if counted.any() else np.nan, "mS/cm", "total conductivity"),
            "sigma_total_error": Column(
                (), float(np.sqrt((error[counted] ** 2).sum())) if counted.any() else np.nan, "mS/cm",
                "standard error of the total conductivity",
            ),
            "sigma_total_upper": Column((), upper.sum(), "mS/cm", "sum of the 95 % bounds"),
            "D": Column(("species",), D, "cm²/s", "diffusion coefficient"),
            "charge": Column(("species",), charge, "e", "charge"),
            "density": Column(("species",), density, "1/Å³", "number density"),
        },
        {"species": Column(("species",), species, "1", "species")},
        parameters=dict(charges=charge_of, method=method, reference=reference),
        history=list(traj.history),
        title="Ionic conductivity (Nernst-Einstein)",
        fingerprint=traj.fingerprint,
        temperature=traj.temperature,
        method=method,
        verdict=_verdict(species, [str(one.attrs["verdict"]) for one in results], upper, counted),
    )  # fmt: skip


def _charges(traj: Trajectory, charges: Mapping[str, float] | None) -> dict[str, float]:
    """The charge of every species, in order of appearance."""
    found: dict[str, float] = {}
    if charges is None:
        if traj.charges is None:
            raise Refusal("No charges are given", "", 'Give one a species: charges={"Li": 1, "S": -2}')
        found = {name: float(traj.charges[traj.species == name].mean()) for name in traj.composition}
    else:
        for name in traj.composition:
            charge = charges.get(name, charges.get(element_of(name)))
            if charge is None or not np.isfinite(charge):
                raise Refusal(
                    f"No charge is given for {name}",
                    f"charges={dict(charges)}",
                    f"Give one a species (0 leaves it out), or choose what counts: traj.select({[*charges]!r})",
                )
            found[name] = float(charge)
    total = sum(found[name] * number for name, number in traj.composition.items())
    size = sum(abs(found[name]) * number for name, number in traj.composition.items())
    if traj.n_atoms == traj.whole_system.n_atoms and abs(total) > NEUTRAL * size and all(found.values()):
        warn(f"The charges add up to {total:+.3g} e", f"{traj.composition} with {found}", "Check them")
    return found


def _diffusion(traj: Trajectory, species: str, reference: Literal["cell", "framework"] | None) -> Dataset:
    return diffusion_of(msd(traj, species, drift=reference, lags="log"))


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


def draw(result: Dataset, ax: Axes) -> None:
    """A bar a species with its error and one for the total; an arrow down from the bound where there is no value."""
    names = [*result["species"].values.tolist(), "total"]
    columns = ("sigma", "sigma_error", "sigma_upper")
    values, errors, bounds = (np.append(result[name].values, float(result[_of_total(name)])) for name in columns)
    for place, (name, value, error, bound) in enumerate(zip(names, values, errors, bounds, strict=True)):
        colour = "#000000" if name == "total" else colour_of(name, place)
        if np.isfinite(value):
            ax.bar(place, value, yerr=error, color=colour, alpha=0.85, width=0.6, capsize=4)
            ax.annotate(
                f"{value:.3g} ± {error:.2g}", (place, value + error), (0, 3), textcoords="offset points", ha="center"
            )
        elif np.isfinite(bound):
            ax.errorbar(place, bound, yerr=0.12 * bound, uplims=True, color=colour, capsize=6, lw=1.6)
            ax.annotate(f"< {float(f'{bound:.2g}'):g}", (place, bound), (0, 3), textcoords="offset points", ha="center")
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.margins(y=0.12)
    ax.set_ylim(bottom=0)
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel(label("σ, Nernst-Einstein", "mS/cm"))


def _of_total(name: str) -> str:
    return name.replace("sigma", "sigma_total", 1)
