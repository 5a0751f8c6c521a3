"""The page in which a run is explored: its data as packed arrays, served on this machine or written as static files."""
