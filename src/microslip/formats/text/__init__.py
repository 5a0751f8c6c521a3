"""Text in pieces: lines, rows of numbers, cells of a table."""
