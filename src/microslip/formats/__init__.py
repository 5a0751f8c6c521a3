"""Readers of other programs' files: each gives frames, one after another."""
