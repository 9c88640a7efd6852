"""``hwgen flash``."""

from __future__ import annotations

from pathlib import Path

from hwgen.cli import options
from hwgen.cli.output import Progress, emit

__all__ = ["command"]


@options.verb("hwgen flash digits.yaml")
@options.spec
@options.output
@options.board
@options.allow_path
@options.as_json
def flash(
    spec: Path, output: Path | None, board: str | None, allow_path: bool, as_json: bool
) -> None:
    """Load the bitstream of SPEC into a connected board; make it first if it is not up to date."""
    from hwgen.flow.hardware import flash as run

    with Progress(as_json) as progress:
        result = run(spec, output, board=board, allow_path=allow_path, progress=progress)
    emit(result, as_json, lambda: [f"{result.board}: programmed with {result.bitstream}"])


command = flash
