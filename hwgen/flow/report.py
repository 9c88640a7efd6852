"""`hwgen report`: one page about a build."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwgen.flow.builder import opened
from hwgen.flow.reporting import AREA, CSIM, SIM, write_report
from hwgen.flow.result import Result

__all__ = ["ReportResult", "report"]


@dataclass(frozen=True)
class ReportResult(Result):
    """A page.

    Parameters
    ----------
    missing
        What it does not show yet: verbs that have not been run on this build.
    """

    report: Path
    missing: tuple[str, ...]


def report(
    spec: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    allow_path: bool = False,
    progress: Callable[[str], None] | None = None,
) -> ReportResult:
    """Write one self-contained HTML page about a build, which is made if it is not up to date.

    Parameters and exceptions are those of :func:`hwgen.flow.build`.
    """
    with opened(spec, output, allow_path=allow_path, progress=progress) as made:
        path = write_report(made.folder, made.front, made.manifest)
        known = {"sim": SIM, "csim": CSIM, "bitstream": AREA}
        missing = tuple(verb for verb, name in known.items() if not (made.folder / name).is_file())
        return ReportResult(path, missing)
