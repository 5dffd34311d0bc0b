"""What neutrons and X-rays see of an atom.

Neutron lengths and cross-sections are those of V. F. Sears, Neutron News 3 (3), 26 (1992), in ``data/neutron.txt``:
they agree with each other (σ_coh = 4π|b|²), which other tables at hand do not. X-ray form factors are those of
D. Waasmaier and A. Kirfel, Acta Cryst. A51, 416 (1995), from periodictable.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from .elements import element_of, is_species, mass_of
from .errors import Refusal, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

NEUTRON_SOURCE = "V. F. Sears, Neutron News 3 (3), 26 (1992)"
XRAY_SOURCE = "D. Waasmaier and A. Kirfel, Acta Cryst. A51, 416 (1995)"
LARGEST_Q = 75.3  # 1/Å: the form factors were fitted up to sin θ/λ = 6/Å


class Neutron(NamedTuple):
    """What a neutron sees of an element in its natural mixture, or of one isotope."""

    b: complex  # fm, bound coherent scattering length; the imaginary part absorbs
    sigma_coh: float  # barn, 4π|b|²
    sigma_inc: float  # barn, of the nuclear spins and, in a natural mixture, of the isotopes' different lengths
    sigma_abs: float  # barn, at 2200 m/s


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = files("vanhove.base").joinpath("data", "neutron.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {label: tuple(values) for label, *values in rows}


@cache
def neutron(label: str) -> Neutron:
    """Scattering length and cross-sections of an element (``"Li"``, natural mixture) or isotope (``"7Li"``)."""
    known = _table()
    if label not in known:
        mass_of(label)  # refuses what is no element or isotope
        isotopes = [name for name in known if element_of(name) == element_of(label)]
        raise Refusal(
            f"The neutron scattering length of {label} is not known", NEUTRON_SOURCE,
            f"Name one of {', '.join(isotopes)}" if isotopes else "Leave this species out",
        )  # fmt: skip
    values = known[label]
    if "-" in values:
        raise Refusal(f"The neutron scattering length of {label} was never measured", NEUTRON_SOURCE, "Leave it out")
    real, imaginary, coherent, incoherent, absorbed = (float(value) for value in values)
    return Neutron(complex(real, imaginary), coherent, incoherent, absorbed)


def form_factor(name: str, q: ArrayLike) -> Floats:
    """f₀(Q) of a neutral atom (``"S"``) or ion (``"Na1+"``), in electrons; Q in 1/Å."""
    import numpy as np
    from periodictable.cromermann import fxrayatq

    at = np.asarray(q, dtype=float)
    if (at > LARGEST_Q).any():
        raise Refusal(f"X-ray form factors end at Q = {LARGEST_Q} 1/Å", XRAY_SOURCE, f"Stay below, not at {at.max():g}")
    try:
        values: Floats = np.asarray(fxrayatq(name, at), dtype=float)
    except KeyError:
        element = element_of(name.rstrip("0123456789+-"))
        near = [element, *_ions().get(element, [])]
        there = nearest(name, near) if is_species(element) else "Write it like S or Na1+"
        raise Refusal(f"There is no X-ray form factor of '{name}'", XRAY_SOURCE, there)
    return values


def usual_ion(label: str) -> str:
    """The form factor of a species as it stands in salts: its ion where the table has one, else the neutral atom's.

    An element of which the table has several ions is neutral (oxygen is O²⁻), and so is hydrogen, whose only one is H⁻.
    """
    element = element_of(label)
    if element == "O":
        return "O2-"
    ions = _ions().get(element, [])
    return ions[0] if len(ions) == 1 and element != "H" else element


@cache
def _ions() -> dict[str, list[str]]:
    """The ions of each element that the table of form factors has; it has no list of them, so they are tried."""
    from periodictable import elements
    from periodictable.cromermann import getCMformula

    ions: dict[str, list[str]] = {}
    for element in elements:
        for ion in (f"{element.symbol}{charge}{sign}" for charge in range(1, 7) for sign in "+-"):
            with suppress(KeyError):
                getCMformula(ion)
                ions.setdefault(str(element.symbol), []).append(ion)
    return ions
