"""Frames of another program put together as a run: axes, units, walls, cells, contacts."""
