"""One density of states or several at different temperatures, of species or of the whole, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

    Floats = NDArray[np.float64]


class Series(NamedTuple):
    """Densities of states by temperature and species, either of which may be missing."""

    results: list[Dataset]
    temperatures: list[float] | None
    species: list[str] | None

    @property
    def dims(self) -> tuple[str, ...]:
        """The axes that there are."""
        return ("temperature",) * (self.temperatures is not None) + ("species",) * (self.species is not None)

    def curves(self, name: str) -> list[list[Floats]]:
        """The variable ``name`` (…, energy), by result and species."""
        found = []
        for result in self.results:
            array: DataArray = result[name]
            rows = [array] if self.species is None else [array.sel(species=each) for each in self.species]
            found.append([np.asarray(row.values, np.float64) for row in rows])
        return found

    def shaped(self, values: Any) -> NDArray[Any]:
        """(result, species, …) without the axes that are missing."""
        array = np.asarray(values)
        array = array[:, 0] if self.species is None else array
        return array[0] if self.temperatures is None else array

    def column(self, values: Any, units: str, long_name: str, *more: str) -> Column:
        """A variable over the axes that there are, and ``more``."""
        return Column((*self.dims, *more), self.shaped(values), units, long_name)

    def errors(self) -> list[list[Floats]]:
        """g_error by result and species, NaN where there is none."""
        if all("g_error" in result for result in self.results):
            return self.curves("g_error")
        return [[np.full_like(values, np.nan) for values in row] for row in self.curves("g")]


def series_of(dos: Dataset | Sequence[Dataset]) -> Series:
    """Densities of states in the order of their temperatures, and what they have in common."""
    import xarray as xr

    several = not isinstance(dos, xr.Dataset)
    results: list[Dataset] = list(dos) if several else [dos]  # type: ignore[arg-type, list-item]
    if not results or not all(
        isinstance(each, xr.Dataset) and "energy" in each.dims and "g" in each for each in results
    ):
        raise Refusal("low_energy_law reads a density of states g(energy)", "", "Give a result of vdos or neutron_dos")
    temperatures = None
    if several:
        if not all("temperature" in each.attrs for each in results):
            raise Refusal(
                "A density of states does not say its temperature", "several are put in the order of theirs",
                "State it when the trajectory is opened: temperature=",
            )  # fmt: skip
        results.sort(key=lambda each: float(each.attrs["temperature"]))
        temperatures = [float(each.attrs["temperature"]) for each in results]
        if len(set(temperatures)) < len(temperatures):
            raise Refusal(
                f"Two densities of states at one temperature: {', '.join(f'{t:g} K' for t in temperatures)}", "",
                "Give one for each",
            )  # fmt: skip
    species = [list(map(str, each.species.values)) if "species" in each.g.dims else None for each in results]
    if any(names != species[0] for names in species):
        raise Refusal("The densities of states are not of the same species", "", "Compute all with the same species=")
    return Series(results, temperatures, species[0])
