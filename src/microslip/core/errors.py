"""The one exception that the command line turns into a sentence and exit code 2."""


class MicroslipError(Exception):
    """Something the user can mend: names the key or file, its value and the remedy."""
