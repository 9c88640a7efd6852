"""``hwgen report``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hwgen.cli import options
from hwgen.cli.output import Progress, emit

__all__ = ["command"]


@options.verb("hwgen report digits.yaml")
@options.spec
@options.output
@options.allow_path
@options.as_json
def report(spec: Path, output: Path | None, allow_path: bool, as_json: bool) -> None:
    """Write one self-contained HTML page about the build of SPEC.

    It shows what has been run: call it after sim, csim or bitstream, or let them do it.
    """
    from hwgen.flow.report import report as run

    with Progress(as_json) as progress:
        result = run(spec, output, allow_path=allow_path, progress=progress)

    def text() -> Iterator[str]:
        yield str(result.report)
        for verb in result.missing:
            yield f"  not in it yet: hwgen {verb}"

    emit(result, as_json, text)


command = report
