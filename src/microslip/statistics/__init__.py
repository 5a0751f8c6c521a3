"""Spatial statistics of the fields, binned by stress fluctuation."""
