"""The networks of MLPerf Tiny in both schedules: cycles predicted, and measured in Verilator.

Multipliers are those of published implementations, whose cycles stand beside: see
docs/networks.md for where they come from, and for what they include.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from variants import variant

from hwgen import golden
from hwgen.errors import HwgenError
from hwgen.flow.front import Front
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "mlperf_tiny"
FOLDER = Path("build").resolve() / "mlperf_tiny"
SCHEDULES = ("sequential", "dataflow")
VECTORS = 3
HEAD = (
    "network | schedule | multipliers | latency, predicted | latency, simulated "
    "| interval, predicted | interval, simulated | utilisation | published"
)
BEGIN, END = "<!-- networks table: make networks -->", "<!-- end of networks table -->"


@dataclass(frozen=True)
class Network:
    """A spec of the folder, its multipliers, and the cycles that others published for as many."""

    spec: str
    title: str
    multipliers: int
    published: int


NETWORKS = (
    Network("resnet8", "ResNet-8, int8", 211, 58_813),
    Network("ds_cnn", "DS-CNN, int8", 188, 46_310),
    Network("mobilenet", "MobileNetV1 0.25, int8", 189, 1_053_011),
    Network("autoencoder", "autoencoder, int8", 212, 1_874),
    Network("autoencoder_w12a6", "autoencoder, W12A6", 212, 1_874),
    Network("kws_mlp", "KWS MLP, W3A3", 1_168, 1_746),
)


def row(network: Network, schedule: str) -> str:
    """Compile and simulate one design, every tensor against the golden model; return its row."""
    spec = load_spec(
        variant(network.spec, FOLDER / "specs", schedule, network.multipliers, EXAMPLES)
    )
    front = Front(spec)
    plan = front.plan
    inputs = golden.random_inputs(front.qgraph, VECTORS, spec.verify.seed)
    sim = simulate_rtl(plan, front.qgraph, inputs, FOLDER / spec.name, runner="native")
    cycles = (plan.prediction.latency, sim.latency, plan.prediction.interval, sim.interval)
    cells = [
        network.title,
        schedule,
        f"{plan.multipliers:,} of {network.multipliers:,}",
        *(f"{count:,}" for count in cycles),
        f"{plan.utilisation:.1%}",
        f"{network.published:,}",
    ]
    return f"| {' | '.join(cells)} |"


def table(names: list[str], schedules: list[str]) -> Iterator[str]:
    """Yield the lines of the Markdown table."""
    yield f"| {HEAD} |"
    yield f"|{'---|' * 2}{'---:|' * (HEAD.count('|') - 1)}"
    for network in NETWORKS:
        for schedule in schedules if network.spec in names else ():
            yield row(network, schedule)


def main() -> int:
    """Print the table, or write it between the markers of a file; return the exit code."""
    names = [network.spec for network in NETWORKS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs="+", default=names, choices=names)
    parser.add_argument("--schedule", nargs="+", default=[*SCHEDULES], choices=SCHEDULES)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the table in FILE")
    choice = parser.parse_args()
    lines = []
    try:
        for line in table(choice.network, choice.schedule):
            print(line, flush=True)
            lines.append(line)
    except HwgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if choice.write is not None:
        before, _, rest = choice.write.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        choice.write.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
