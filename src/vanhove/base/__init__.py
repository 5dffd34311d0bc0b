"""Units, elements, errors, results, files and figure style: what every room stands on."""
