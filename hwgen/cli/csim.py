"""``hwgen csim``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hwgen.cli import options
from hwgen.cli.output import Progress, emit

__all__ = ["command"]


@options.verb("hwgen csim digits.yaml\nhwgen csim digits.yaml --vectors 100 --seed 7")
@options.spec
@options.output
@options.vectors
@options.seed
@options.allow_path
@options.as_json
def csim(
    spec: Path,
    output: Path | None,
    vectors: int | None,
    seed: int | None,
    allow_path: bool,
    as_json: bool,
) -> None:
    """Build SPEC, then run its HLS C++ on this machine against the golden model.

    The C++ is compiled with g++; no vendor tool is needed.
    """
    from hwgen.flow.simulate import csim as run

    with Progress(as_json) as progress:
        result = run(
            spec, output, vectors=vectors, seed=seed, allow_path=allow_path, progress=progress
        )

    def text() -> Iterator[str]:
        yield f"{result.name}: HLS C++ equals the golden model on {result.vectors} vectors"
        if result.accuracy is not None:
            yield f"accuracy {result.accuracy:.2%} on these {result.vectors} vectors"

    emit(result, as_json, text)


command = csim
