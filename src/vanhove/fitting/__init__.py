"""Fits with covariances: generalised least squares, straight lines, intervals."""
