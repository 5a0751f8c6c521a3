"""What each step does with a run folder: read, call the folders' functions, write."""
