"""How a fault of the input is told: one line on stderr and an exit code."""

import sys

EXIT_FAULT = 2


def report_fault(message: str) -> int:
    """Print one line on stderr, however the message was wrapped, and give the exit code of a fault."""
    print(f"affekt: error: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_FAULT
