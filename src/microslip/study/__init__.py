"""A family of systems: planned from one file, and summed up in one table."""
