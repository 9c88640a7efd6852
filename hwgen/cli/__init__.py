"""The command line: ``hwgen VERB ...``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

__all__ = ["main"]


class _Terminated(BaseException):
    """SIGTERM: programs that were started must end, and temporary files go, as with Ctrl-C."""


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
        are wrong; 3 a tool is missing or failed; 4 a limit is exceeded; 130 interrupted; 143
        terminated.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        from hwgen.cli.app import run

        return run(words)
    except _Terminated:
        return _leave("terminated", 143, words)
    except KeyboardInterrupt:
        return _leave("interrupted", 130, words)
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _leave(why: str, code: int, words: Sequence[str]) -> int:
    message = f"{why}; the previous build is untouched"
    if "--json" in words:
        from hwgen.cli.output import print_problem

        print_problem("HG925", message, "run it again", True)
    else:
        sys.stderr.write(f"hwgen: {message}\n")
    return code
