"""The shear cell: configuration → LAMMPS commands → the run. The only folder that knows LAMMPS."""
