"""Every row of the table, in its order."""

from rows.base import Row


def table() -> dict[str, Row]:
    from rows import displacements, outside, scattering, structure

    modules = (displacements, structure, scattering, outside)
    return {row.name: row for module in modules for row in module.ROWS}
