"""Ionic conductivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.results import Column, dataset
from vanhove.base.units import CM2_S_PER_A2_PS, HBAR

from ._diffusion import DIFFUSIVE, ONE_SIDED
from .carriers import Carriers, charges_of, check_framework, summed
from .nernst_einstein import nernst_einstein

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .collective import Products
    from .curve import Curve
    from .einstein import Alone
    from .nernst_einstein import Independent
    from .plateau import Level

    Floats = NDArray[np.float64]
    Reference = Literal["cell", "framework"] | None

METHODS = {"nernst-einstein": "Nernst-Einstein", "einstein": "collective Einstein", "green-kubo": "Green-Kubo"}
SEEN = 2.0  # standard errors above zero from which on a ratio to σ says something
STILL = 1e-9  # of the MSD in another frame: rounding
EDGE = Column(("edge",), ["start", "end"], "1", "edge of the window")


def conductivity(
    traj: Trajectory,
    charges: Mapping[str, float] | None = None,
    *,
    method: Literal["nernst-einstein", "einstein", "green-kubo"] = "nernst-einstein",
    reference: Literal["cell", "framework"] | None = "cell",
    diffusion: Mapping[str, Dataset] | None = None,
    lags: Literal["log"] | Sequence[float] = "log",
    window: Sequence[float] | None = None,
    segments: int = 20,
    length: float = 5.0,
    plateau: Sequence[float] = (2.0, 5.0),
) -> Dataset:
    r"""Ionic conductivity of every species and in total (B7), by one of three routes.

    ``"nernst-einstein"``, as if every ion moved on its own:

    .. math:: \sigma_i = \frac{n_i q_i^2 e^2 D_i}{k_B T}, \qquad \sigma = \sum_i \sigma_i

    with the number density n_i = N_i/⟨V⟩ and the tracer diffusion coefficient D_i. The two others know how ions move
    together, by the charge's displacement **P**(t) = Σ q_i **r**_i(t) and the current **J** = d**P**/dt:

    .. math:: \sigma = \frac{e^2}{6 V k_B T} \lim_{t \to \infty} \frac{d}{dt} \langle |\Delta \mathbf P(t)|^2 \rangle
                     = \frac{e^2}{3 V k_B T} \int_0^\infty \langle \mathbf J(0) \cdot \mathbf J(t) \rangle \, dt

    The Haven ratio is H = σ_NE/σ of the same species: 1 where ions are independent, 1/N where N ions move as one.

    Parameters
    ----------
    traj
        With a temperature. Every species of this view counts.
    charges
        In units of e, formal or effective, one for every species of ``traj`` (``traj.select("Li")`` leaves the others
        out, and so does a charge of 0). By default those the trajectory has. A missing one is refused, not taken as 0.
    method
        ``"nernst-einstein"``, ``"einstein"`` (**P**, positions) or ``"green-kubo"`` (**J**, velocities in evenly spaced
        frames some fs apart).
    reference
        The frame in which ions move: ``"cell"``, the mass-weighted centre of all atoms of the system; ``"framework"``,
        the plain mean of all atoms that are not of a counted species (for Nernst-Einstein: not of the ion's own); None.
        The total of a neutral set of species is the same in each.
    diffusion
        Results of :func:`diffusion` by species that are there already; the others are computed.
    lags
        Of the curves of ``"einstein"``: some 60 evenly spaced in ln t, or a list in ps.
    window
        First and last lag (ps) of the fit of ``"einstein"``. By default it begins where the MSDs of single ions are
        diffusive and ends where the charge, one walker, has 30 independent displacements left. σ of a given window is
        given whatever the verdict.
    segments, length, plateau
        Of ``"green-kubo"``: into how many consecutive parts the run is cut (fewer where one would be shorter than
        ``length``), the longest lag and the lags averaged over, in ps.

    Returns
    -------
    Dataset
        ``sigma(species)``, ``sigma_error`` (one standard error) and ``sigma_upper`` (95 %) in mS/cm; NaN where there is
        none to give; ``sigma_total``, ``sigma_total_error``, ``sigma_total_upper``. By Nernst-Einstein the total adds
        up the species that have a diffusion coefficient; by the others ``sigma`` is what a species' own current adds to
        the total, ⟨ΔP_i·ΔP⟩, cross terms included. These also give ``running(lag)``, what σ would be from this lag
        alone (⟨|ΔP|²⟩/6t, or the integral up to it), and its parts by pair of species, ``self(pair, lag)`` and
        ``distinct(pair, lag)``, with errors; ``haven_ratio``; and ``"einstein"`` the collective ``msd(lag)``,
        ⟨|ΔP|²⟩/Σq², ``"green-kubo"`` ``spectrum(energy)``, the real part of σ(ω).

        Errors of ``"einstein"`` are those of Gaussian paths of the observed growth, one for all ions (which a sum over
        many ions is); of ``"green-kubo"`` the spread between parts of the run, by Student's t. ``attrs["verdict"]`` is
        ``"diffusive"``, or a sentence that says what is left out or why there is no σ.
    """
    if method not in METHODS:
        raise Refusal(f"method={method!r}", "", nearest(str(method), list(METHODS)))
    charge_of = charges_of(traj, charges)
    carriers = Carriers.of(traj, charge_of)
    variables: dict[str, Column]
    coords: dict[str, Column]
    if method == "nernst-einstein":
        variables, coords, notes = _nernst_einstein(traj, carriers, reference, diffusion or {})
    elif method == "einstein":
        variables, coords, notes = _einstein(traj, carriers, reference, diffusion or {}, lags, window)
    else:
        variables, coords, notes = _green_kubo(traj, carriers, reference, segments, length, plateau)
    variables["charge"] = Column(("species",), carriers.charge, "e", "charge")
    variables["density"] = Column(("species",), carriers.density, "1/Å³", "number density")
    return dataset(
        "dynamics.conductivity",
        variables,
        {"species": Column(("species",), carriers.species, "1", "species"), **coords},
        parameters=dict(
            charges=charge_of, method=method, reference=reference, lags=lags, window=window, segments=segments,
            length=length, plateau=list(plateau),
        ),
        history=list(traj.history),
        title=f"Ionic conductivity ({METHODS[method]})",
        fingerprint=traj.fingerprint,
        temperature=carriers.temperature,
        method=method,
        reference=reference or "none",
        **notes,
    )  # fmt: skip


Found = tuple[dict[str, Column], dict[str, Column], dict[str, Any]]


def _sigma(values: Floats, errors: Floats, upper: Floats, total: tuple[float, float, float]) -> dict[str, Column]:
    """What every method gives under the same names."""
    value, error, bound = total
    return {
        "sigma": Column(("species",), values, "mS/cm", "conductivity"),
        "sigma_error": Column(("species",), errors, "mS/cm", "standard error of the conductivity"),
        "sigma_upper": Column(("species",), upper, "mS/cm", "one-sided 95 % bound of the conductivity"),
        "sigma_total": Column((), value, "mS/cm", "total conductivity"),
        "sigma_total_error": Column((), error, "mS/cm", "standard error of the total conductivity"),
        "sigma_total_upper": Column((), bound, "mS/cm", "95 % bound of the total"),
    }


def _curves(
    running: tuple[Floats, Floats], single: tuple[Floats, Floats], distinct: tuple[Floats, Floats]
) -> dict[str, Column]:
    """σ against lag and its parts by pair of species."""
    pair = ("pair", "lag")
    return {
        "running": Column(("lag",), running[0], "mS/cm", "conductivity from the lag"),
        "running_error": Column(("lag",), running[1], "mS/cm", "standard error of the conductivity from the lag"),
        "self": Column(pair, single[0], "mS/cm", "part of each ion with itself"),
        "self_error": Column(pair, single[1], "mS/cm", "standard error of the part of each ion with itself"),
        "distinct": Column(pair, distinct[0], "mS/cm", "part of different ions"),
        "distinct_error": Column(pair, distinct[1], "mS/cm", "standard error of the part of different ions"),
    }


def _ratio(value: float, error: float) -> dict[str, Column]:
    return {
        "haven_ratio": Column((), value, "1", "Haven ratio"),
        "haven_ratio_error": Column((), error, "1", "standard error of the Haven ratio"),
    }


def _nernst_einstein(traj: Trajectory, carriers: Carriers, reference: Reference, known: Mapping[str, Dataset]) -> Found:
    found = nernst_einstein(traj, carriers, reference, known)
    variables = _sigma(
        found.sigma, found.error, found.upper, (found.total, found.total_error, float(found.upper.sum()))
    )
    variables["D"] = Column(("species",), found.D, "cm²/s", "diffusion coefficient")
    return variables, {}, dict(verdict=found.verdict)


def _einstein(
    traj: Trajectory,
    carriers: Carriers,
    reference: Reference,
    known: Mapping[str, Dataset],
    lags: Literal["log"] | Sequence[float],
    window: Sequence[float] | None,
) -> Found:
    from vanhove.trajectory.blocks import drift as drift_of

    from .collective import curve_of, products, self_part
    from .einstein import spreading

    if reference == "framework":
        check_framework(traj, carriers)
    moving = drift_of(traj, reference, carriers.species)
    paths = carriers.charge[:, None] * summed(traj, carriers, "paths", moving)
    paths = np.concatenate([paths, paths.sum(axis=1, keepdims=True)], axis=1)
    alone = nernst_einstein(traj, carriers, reference, known)
    fitted = products(paths, traj, "log")
    seen = fitted if isinstance(lags, str) and lags == "log" else products(paths, traj, lags)
    full = curve_of(fitted, -1, traj)
    apart, start = _single(traj, carriers, reference, fitted, full, alone)
    found = spreading(fitted, full, apart, start, window)
    factor = carriers.collective / 6
    sigma, error = factor * found.slope, factor * found.error
    upper = sigma + ONE_SIDED * error
    total_upper = factor * found.upper
    # ions that move as one: each is too noisy to be seen to diffuse, yet their ratio to the charge is known
    independent = (alone.total, alone.total_error) if alone.counted.any() else (factor * found.single, 0.0)
    by_time = factor / seen.times
    running = (by_time * seen.values[:, -1, -1], by_time * seen.errors[:, -1, -1])
    single, distinct = (np.zeros((2, len(carriers.pairs), len(seen.times))) for _ in range(2))
    for row, (a, b) in enumerate(carriers.pairs):
        if a == b:
            ions = traj.select(carriers.species[a])
            share = by_time * carriers.charge[a] ** 2 * carriers.number[a]
            single[:, row] = share * np.stack(self_part(ions, moving, seen))
        both = 1 if a == b else 2
        distinct[0, row] = both * by_time * seen.values[:, a, b] - single[0, row]
        distinct[1, row] = np.hypot(both * by_time * seen.errors[:, a, b], single[1, row])
    variables = {
        **_sigma(sigma[:-1], error[:-1], upper[:-1], (float(sigma[-1]), float(error[-1]), total_upper)),
        **_curves(running, (single[0], single[1]), (distinct[0], distinct[1])),
        **_ratio(*_haven(independent, float(sigma[-1]), float(error[-1]))),
        "sigma_independent": Column((), alone.total, "mS/cm", "Nernst-Einstein conductivity"),
        "sigma_independent_error": Column(
            (), alone.total_error, "mS/cm", "standard error of the Nernst-Einstein conductivity"
        ),
        "msd": Column(
            ("lag",), seen.values[:, -1, -1] / carriers.squares, "Å²", "collective mean squared displacement"
        ),
        "msd_error": Column(
            ("lag",), seen.errors[:, -1, -1] / carriers.squares, "Å²", "standard error of the collective MSD"
        ),
        "n_independent": Column(("lag",), seen.independent, "1", "independent displacements of the charge"),
        "intercept": Column((), found.intercept / carriers.squares, "Å²", "intercept of the line"),
        "window": Column(("edge",), list(found.edges), "ps", "first and last lag of the fit"),
        "exponent": Column((), found.exponent.value, "1", "exponent of the collective MSD in the window"),
        "exponent_error": Column((), found.exponent.error, "1", "standard error of the exponent"),
        "D": Column(("species",), alone.D, "cm²/s", "diffusion coefficient"),
    }  # fmt: skip
    coords = _curve_coords(seen.times, carriers)
    notes = dict(
        verdict=found.verdict, window_reason=found.reason, independent_verdict=alone.verdict,
        error="Gaussian paths of the observed growth",
    )  # fmt: skip
    return variables, coords, notes


def _single(
    traj: Trajectory, carriers: Carriers, reference: Reference, at: Products, full: Curve, alone: Independent
) -> tuple[Alone, float]:
    """The MSDs of single ions, and where they become straight (ps, NaN: nowhere).

    They say how the charge's MSD is fitted, and are those of one frame, the cell's, whatever frame is asked for: the σ
    of a neutral system does not know it. Where nothing moves in the cell's frame, as if all ions move as one, or where
    it is not known, they are those of the frame asked for.
    """
    from vanhove.trajectory.blocks import drift as drift_of

    from .collective import self_part
    from .einstein import Alone, straight_from

    def mean_squares(frame: Reference) -> Floats:
        moving = drift_of(traj, frame, carriers.species)
        squares = np.stack([self_part(traj.select(name), moving, at)[0] for name in carriers.species])
        return (carriers.number * carriers.charge**2)[:, None] * squares

    single = mean_squares(reference)
    everything = traj.whole_system
    if reference != "cell" and everything.n_atoms > 1 and everything.system.atoms_in_all is None:
        in_cell = mean_squares("cell")
        if (in_cell.sum(axis=0) > STILL * single.sum(axis=0)).all():
            single, alone = in_cell, nernst_einstein(traj, carriers, "cell", {})
    counted = alone.counted
    weights = 6 * (carriers.number * carriers.charge**2)[counted] / CM2_S_PER_A2_PS
    found = Alone(
        single.sum(axis=0),
        single[counted].sum(axis=0),
        int(carriers.number[counted].sum()),
        float(weights @ alone.D[counted]) if counted.any() else np.nan,
        float(np.linalg.norm(weights * alone.D_error[counted])),
    )
    return found, straight_from(full, found, float(alone.starts[counted].max())) if counted.any() else np.nan


def _haven(independent: tuple[float, float], sigma: float, error: float) -> tuple[float, float]:
    """σ_NE/σ, both errors taken as independent."""
    alone, alone_error = independent
    if not (np.isfinite(alone) and sigma > SEEN * error):
        return np.nan, np.nan
    ratio = alone / sigma
    return ratio, ratio * float(np.hypot(alone_error / alone, error / sigma))


def _curve_coords(times: Floats, carriers: Carriers) -> dict[str, Column]:
    return {
        "lag": Column(("lag",), times, "ps", "lag"),
        "pair": Column(("pair",), carriers.pair_names, "1", "pair of species, both orders together"),
        "edge": EDGE,
    }


def _green_kubo(
    traj: Trajectory,
    carriers: Carriers,
    reference: Reference,
    segments: int,
    length: float,
    plateau: Sequence[float],
) -> Found:
    from .current import conduction
    from .plateau import cut
    from .velocities import check_velocities, drift_velocity

    check_velocities(traj, 'method="einstein", which needs positions only')
    if reference == "framework":
        check_framework(traj, carriers)
    parts = cut(traj.n_frames, traj.spacing, segments, length, plateau, whole=True)
    moving = drift_velocity(traj, reference, carriers.species)
    currents = carriers.charge[:, None] * summed(traj, carriers, "velocities", moving)
    found = conduction(traj, carriers, currents, moving, parts)
    sigma, error = (np.array(each) for each in zip(*map(_given, found.by_species), strict=True))
    alone, _ = (np.array(each) for each in zip(*map(_given, found.alone), strict=True))
    total, total_error = _given(found.total)
    bound = max(total, 0.0) + ONE_SIDED * total_error
    haven = found.haven if found.total.steady and total > SEEN * total_error else (np.nan, np.nan)
    variables = {
        **_sigma(sigma, error, sigma + ONE_SIDED * error, (total, total_error, bound)),
        **_curves(found.running, found.single, found.distinct),
        **_ratio(*haven),
        "spectrum": Column(("energy",), found.spectrum[0], "mS/cm", "real part of the conductivity at ħω"),
        "spectrum_error": Column(("energy",), found.spectrum[1], "mS/cm", "standard error of the real part"),
        "plateau": Column(("edge",), [float(edge) for edge in plateau], "ps", "first and last lag of the plateau"),
        "D": Column(("species",), alone / carriers.independent, "cm²/s", "diffusion coefficient"),
    }
    coords = {
        **_curve_coords(parts.lags, carriers),
        "energy": Column(("energy",), found.energy, "meV", "energy ħω"),
    }
    notes = dict(
        verdict=found.verdict or DIFFUSIVE, n_segments=len(parts.starts),
        error=f"spread between {len(parts.starts)} parts of the run, Student's t",
        resolution=2 * np.pi * HBAR / float(parts.lags[-1]),
    )  # fmt: skip
    return variables, coords, notes


def _given(found: Level) -> tuple[float, float]:
    return (found.value, found.error) if found.steady else (np.nan, np.nan)


def draw(result: Dataset, ax: Axes) -> None:
    """By Nernst-Einstein a bar a species; else the collective curve with its parts, the fit or plateau, and σ."""
    from . import conductivity_figures as figures

    drawing = {"einstein": figures.draw_msd, "green-kubo": figures.draw_integral}
    drawing.get(str(result.attrs["method"]), figures.draw_bars)(result, ax)
