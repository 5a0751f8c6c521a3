"""Grain fields → voxels; samples and splits."""
