"""``hwgen build``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hwgen.cli import options
from hwgen.cli.output import Progress, emit
from hwgen.cli.words import plan_line

__all__ = ["command"]


@options.verb("hwgen build digits.yaml\nhwgen build digits.yaml -o build/try")
@options.spec
@options.output
@options.allow_path
@options.as_json
def build(spec: Path, output: Path | None, allow_path: bool, as_json: bool) -> None:
    """Generate RTL, HLS C++, golden vectors, plan and report for SPEC.

    The build folder is replaced as a whole or not at all; stages whose inputs have not changed
    are not run again.
    """
    from hwgen.flow.builder import build as run

    with Progress(as_json) as progress:
        result = run(spec, output, allow_path=allow_path, progress=progress)

    def text() -> Iterator[str]:
        ran = ", ".join(result.ran) or "nothing to do"
        yield f"{result.name}: {result.folder} ({ran})"
        yield plan_line(result.plan)
        accuracy = result.quality.accuracy
        if accuracy is not None:
            yield (
                f"accuracy {accuracy.integer:.2%} in integers, {accuracy.real:.2%} in floating "
                f"point, on {accuracy.samples} samples of {result.quality.source}"
            )
        for note in result.notes:
            yield f"note: {note}"
        for kind, path in result.files.items():
            yield f"  {kind:<8} {path}"

    emit(result, as_json, text)


command = build
