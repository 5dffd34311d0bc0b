"""The files that measured spectra come in: a module a format, each of which returns a :class:`~.table.Table`."""
