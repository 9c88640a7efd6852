"""``hwgen run``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hwgen.cli import options
from hwgen.cli.output import Progress, emit

__all__ = ["command"]


@options.verb(
    "hwgen run digits.yaml --port /dev/ttyUSB0\n"
    "hwgen run digits.yaml --port /dev/ttyUSB0 --vectors 100"
)
@options.spec
@options.output
@click.option("--port", required=True, help="Serial port of the board.")
@options.vectors
@options.seed
@options.board
@options.allow_path
@options.as_json
def run(
    spec: Path,
    output: Path | None,
    port: str,
    vectors: int | None,
    seed: int | None,
    board: str | None,
    allow_path: bool,
    as_json: bool,
) -> None:
    """Send tensors to a board that carries SPEC; compare the results with the golden model."""
    from hwgen.flow.hardware import run as run_board

    with Progress(as_json) as progress:
        result = run_board(
            spec,
            output,
            port=port,
            vectors=vectors,
            seed=seed,
            board=board,
            allow_path=allow_path,
            progress=progress,
        )

    def text() -> Iterator[str]:
        yield f"{result.name}: the board equals the golden model on {result.vectors} vectors"
        if result.accuracy is not None:
            yield f"accuracy {result.accuracy:.2%} on these {result.vectors} vectors"
        if result.retries:
            yield f"{result.retries} requests had to be sent again"

    emit(result, as_json, text)


command = run
