"""Build, simulate and measure the digits accelerator in both schedules; print what came out."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from variants import variant

import hwgen
from hwgen.board.synth import synth_stats
from hwgen.errors import HwgenError

FOLDER = Path("build") / "demo"
VECTORS = 16
MULTIPLIERS = 16

ROWS = (
    "multipliers",
    "latency, predicted",
    "latency, simulated",
    "interval, predicted",
    "interval, simulated",
    "utilisation",
    "RTL = golden",
    "HLS C++ = golden",
    "LUT4 (ECP5, Yosys)",
    "flip-flops",
    "DSP blocks",
    "block RAMs",
)


def measure(schedule: str, say: Console) -> tuple[hwgen.flow.builder.BuildResult, list[str]]:
    """Return the build of one schedule, and its column of the table."""
    spec = variant("cnn", FOLDER / "specs", schedule, MULTIPLIERS)
    folder = FOLDER / schedule
    with say.status(f"{schedule}: build") as status:

        def tell(step: str) -> None:
            status.update(f"{schedule}: {step}")

        built = hwgen.build(spec, folder, progress=tell)
        sim = hwgen.sim(spec, folder, vectors=VECTORS, progress=tell)
        csim = hwgen.csim(spec, folder, vectors=VECTORS, progress=tell)
        tell("synthesis for the area")
        area = synth_stats(built.files["verilog"].read_text(), built.name, "ecp5")
    column = [
        f"{built.plan.multipliers}",
        f"{sim.predicted.latency:,} cycles",
        f"{sim.simulated.latency:,} cycles",
        f"{sim.predicted.interval:,} cycles",
        f"{sim.simulated.interval:,} cycles",
        f"{sim.utilisation:.1%}",
        f"{sim.vectors} images, {len(sim.scenarios)} scenarios",
        f"{csim.vectors} images",
        *(f"{area[kind]:,}" for kind in ("lut4", "ff", "multipliers", "block_ram")),
    ]
    return built, column


def main() -> int:
    """Print the table; return the exit code."""
    say = Console(highlight=False)
    say.print("[bold]hwgen demo[/bold]: a CNN for handwritten digits, int4, from YAML to hardware")
    try:
        made = {schedule: measure(schedule, say) for schedule in ("sequential", "dataflow")}
    except HwgenError as error:
        Console(stderr=True, highlight=False).print(str(error), markup=False)
        return error.exit_code
    table = Table(*["", *made], pad_edge=False)
    for index, row in enumerate(ROWS):
        table.add_row(row, *(column[index] for _, column in made.values()))
    say.print(table)
    for schedule, (built, _) in made.items():
        accuracy = built.quality.accuracy
        say.print(f"[bold]{schedule}[/bold] {built.folder}", soft_wrap=True)
        for what, path in built.files.items():
            say.print(f"  {what:<8} {path.relative_to(built.folder)}", soft_wrap=True)
    say.print(
        f"accuracy on the {accuracy.samples} held-out images: {accuracy.integer:.2%} with int4, "
        f"{accuracy.real:.2%} in floating point"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
