"""The engine for many machines, and the second opinion: LAMMPS in separate processes."""
