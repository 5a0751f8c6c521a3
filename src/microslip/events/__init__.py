"""Stress series → table of stick and slip stages."""
