"""Exit codes by which a rank tells its starter how the run ended."""

FINISHED = 0
STOPPED = 3
