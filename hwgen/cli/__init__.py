"""The command line: ``hwgen VERB ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; no exception leaves it.

    Parameters
    ----------
    arguments
        Without the program's name; ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        0 good; 1 verification failed, or an error of hwgen itself; 2 the spec or the arguments
        are wrong; 3 a tool is missing or failed; 4 a limit is exceeded; 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from hwgen.cli.app import run

        return run(words)
    except KeyboardInterrupt:
        sys.stderr.write("hwgen: interrupted; the previous build is untouched\n")
        return 130
