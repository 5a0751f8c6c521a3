"""The engine for one machine: compiled loops over contacts and grains, on the threads of one process."""
