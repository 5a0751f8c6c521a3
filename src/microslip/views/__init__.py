"""Figures, snapshots and the report of a run: the only folder that draws."""
