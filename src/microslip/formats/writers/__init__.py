"""Formats that a run is written in for other programs."""
