"""``hwgen bitstream``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hwgen.cli import options
from hwgen.cli.output import Progress, emit, table

__all__ = ["command"]


@options.verb("hwgen bitstream digits.yaml\nhwgen bitstream digits.yaml --board ulx3s_85f --seed 3")
@options.spec
@options.output
@options.board
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Seed of the placer.",
)
@options.allow_path
@options.as_json
def bitstream(
    spec: Path,
    output: Path | None,
    board: str | None,
    seed: int,
    allow_path: bool,
    as_json: bool,
) -> None:
    """Build SPEC, then synthesise, place, route and pack it for a board.

    The exit code is 4 if it does not fit or misses the clock of the spec.
    """
    from hwgen.flow.hardware import bitstream as run

    with Progress(as_json) as progress:
        result = run(spec, output, board=board, seed=seed, allow_path=allow_path, progress=progress)

    def text() -> Iterator[str]:
        yield f"{result.name}: {result.bitstream}"
        yield (
            f"{result.board}: f_max {result.fmax_mhz:g} MHz, {result.clock_mhz:g} MHz wanted "
            f"(placer seed {result.seed})"
        )
        rows = [
            (name, f"{used:,}", f"{result.available.get(name, 0):,}")
            for name, used in result.used.items()
        ]
        yield from table(("cells", "used", "available"), rows)

    emit(result, as_json, text)


command = bitstream
