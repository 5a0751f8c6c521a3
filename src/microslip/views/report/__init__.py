"""The pages that are sent to a colleague: of one run, of runs side by side, and of a study."""
