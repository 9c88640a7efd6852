"""``hwgen sim``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hwgen.cli import options
from hwgen.cli.output import Progress, emit, table

__all__ = ["command"]


@options.verb(
    "hwgen sim digits.yaml\n"
    "hwgen sim digits.yaml --vectors 100 --seed 7 --runner native\n"
    "hwgen sim digits.yaml --wave"
)
@options.spec
@options.output
@options.vectors
@options.seed
@click.option("--wave", is_flag=True, help="Also write a waveform (VCD) of the first run.")
@click.option(
    "--runner",
    type=click.Choice(["cocotb", "native"]),
    default="cocotb",
    show_default=True,
    help="Python testbench, or the compiled one: faster for many vectors.",
)
@options.allow_path
@options.as_json
def sim(
    spec: Path,
    output: Path | None,
    vectors: int | None,
    seed: int | None,
    wave: bool,
    runner: str,
    allow_path: bool,
    as_json: bool,
) -> None:
    """Build SPEC, then simulate its RTL against the golden model.

    Values must be equal bit for bit, and cycles as predicted; without stalls, with random stalls
    on both sides, back to back, and after a reset in mid-run.
    """
    from hwgen.flow.simulate import sim as run

    with Progress(as_json) as progress:
        result = run(
            spec,
            output,
            vectors=vectors,
            seed=seed,
            wave=wave,
            runner=runner,
            allow_path=allow_path,
            progress=progress,
        )

    def text() -> Iterator[str]:
        yield f"{result.name}: RTL equals the golden model on {result.vectors} vectors"
        yield from (f"  {scenario}" for scenario in result.scenarios)
        predicted, simulated = result.predicted, result.simulated
        interval = "-" if simulated.interval is None else f"{simulated.interval:,}"
        rows = [
            ("latency", f"{predicted.latency:,}", f"{simulated.latency:,}"),
            ("interval", f"{predicted.interval:,}", interval),
        ]
        yield from table(("cycles", "predicted", "simulated"), rows)
        if result.utilisation is not None:
            yield f"utilisation {result.utilisation:.1%}"
        if result.accuracy is not None:
            yield f"accuracy {result.accuracy:.2%} on these {result.vectors} vectors"
        yield f"{result.vectors_per_second:,.0f} vectors per second ({result.runner})"
        if result.wave is not None:
            yield f"waveform: {result.wave}"

    emit(result, as_json, text)


command = sim
