"""The README's table: the digits networks in both schedules with 4, 16 and 64 multipliers.

Cycles are predicted by the planner and measured in Verilator; area and f_max are nextpnr's after
place and route of the whole board top (accelerator, UART link, PLL) for the ULX3S 85F.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from variants import variant

import hwgen
from hwgen.errors import HwgenError

FOLDER = Path("build") / "table"
NETWORKS = ("mlp", "cnn")
SCHEDULES = ("sequential", "dataflow")
MULTIPLIERS = (4, 16, 64)
VECTORS = 8
HEAD = (
    "network | schedule | multipliers | latency, predicted | latency, simulated "
    "| interval, predicted | interval, simulated | utilisation | LUT4 | DSP | block RAM | f_max"
)
BEGIN, END = "<!-- digits table: make readme -->", "<!-- end of digits table -->"


def row(network: str, schedule: str, multipliers: int) -> str:
    """Build, simulate, place and route one design; return its row."""
    spec = variant(network, FOLDER / "specs", schedule, multipliers)
    folder = FOLDER / spec.stem
    sim = hwgen.sim(spec, folder, vectors=VECTORS, runner="native")
    chip = hwgen.bitstream(spec, folder)
    cells = [
        network.upper(),
        schedule,
        f"{hwgen.check(spec).plan.multipliers} of {multipliers}",
        *(f"{cycles:,}" for cycles in (sim.predicted.latency, sim.simulated.latency)),
        *(f"{cycles:,}" for cycles in (sim.predicted.interval, sim.simulated.interval)),
        f"{sim.utilisation:.1%}",
        *(f"{chip.used[kind]:,}" for kind in ("lut4", "multipliers", "block_ram")),
        f"{chip.fmax_mhz:.0f} MHz",
    ]
    return f"| {' | '.join(cells)} |"


def table() -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    yield f"| {HEAD} |"
    yield f"|{'---|' * 2}{'---:|' * (HEAD.count('|') - 1)}"
    for network in NETWORKS:
        for schedule in SCHEDULES:
            for multipliers in MULTIPLIERS:
                yield row(network, schedule, multipliers)


def main() -> int:
    """Print the table, or write it between the markers of a file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the table in FILE")
    target = parser.parse_args().write
    lines = []
    try:
        for line in table():
            print(line, flush=True)
            lines.append(line)
    except HwgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if target is not None:
        before, _, rest = target.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        target.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
