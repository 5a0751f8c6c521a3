"""One file a format of frames: each holds a record and the function that reads the format."""
