"""Compiled loops on plain arrays. Nothing here knows a Trajectory, a file or a plot."""
