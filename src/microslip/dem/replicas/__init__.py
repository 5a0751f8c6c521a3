"""Isoconfigurational replicas: stages done again from the same start, but for a breath."""
