"""The run folder: its stores, their schemas, and the record of how each was made."""
