"""Periodic box, neighbour lists, turning points, units: arrays in, arrays out."""
