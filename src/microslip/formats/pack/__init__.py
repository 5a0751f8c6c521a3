"""An archive of a run for others: data, what they are, and how to open them without this package."""
