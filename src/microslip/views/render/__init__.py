"""Grains as spheres and fields on nodes as clouds, drawn in software."""
