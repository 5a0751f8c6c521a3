"""The networks: a stage's voxels → the stage's stress change. One file a network, one line in the registry."""
