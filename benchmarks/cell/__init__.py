"""What the benchmarks of the shear cell share."""
