"""Start of the command: from its first line on a signal is answered, while the modules that it needs still load."""

from __future__ import annotations

from microslip.core.stopping import watch


def main() -> None:
    """Watch for signals, to the end of the process; load the command line; do what is asked."""
    # nothing is lost by an end on the spot while modules load
    watch(patience=0.0)
    from microslip.cli import main as command

    command()


if __name__ == "__main__":
    main()
