"""StreamiNNC's accelerometer network on windows of a stream: multiplications, state, cycles.

``python benchmarks/streaming.py`` prints the table; ``--write docs/streaming.md`` puts it between
the markers of that page; ``--simulate`` also counts the cycles of every plan in Verilator, and
stops if they are not those predicted.  Weights are random.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.ops.registry import get_op
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant import quantize, stream
from hwgen.quant.model import QGraph
from hwgen.resources import data_dir
from hwgen.spec import load_spec
from hwgen.verify.rtl import simulate_rtl

BEGIN, END = "<!-- streaming: begin -->", "<!-- streaming: end -->"
HOPS = (160, 48)
SCHEDULES = ("dataflow", "sequential")
HEAD = (
    "| hop | padding | multiplications a window | less | state: body, pooling (words) | bits "
    "| cycles a window: dataflow | sequential |"
)


def multiplications(qgraph: QGraph) -> int:
    """Return the multiplications by a weight for a tensor, those by padding included."""
    total = 0
    for node in qgraph.nodes:
        sources = [qgraph.tensor(name) for name in node.inputs]
        shapes, types = [item.shape for item in sources], [item.type for item in sources]
        total += get_op(node.op).work(node.lowered, shapes, types).macs
    return total


def words(qgraph: QGraph) -> tuple[int, int]:
    """Return the words that layers with weights keep, and those of pooling with the hop's own."""
    body = pooling = 0
    for node in qgraph.nodes:
        rows = max(node.lowered.attrs.get("history", 0), 0)
        source = qgraph.tensor(node.inputs[0])
        kept = rows * source.elements // source.shape[0]
        if "weight" in node.lowered.constants:
            body += kept
        elif kept:
            pooling += kept + source.elements
    return body, pooling


def cycles(plan: Plan, qgraph: QGraph, simulated: bool) -> str:
    """Return the predicted cycles from one window to the next."""
    wanted = plan.prediction.interval
    if simulated:
        inputs = golden.random_inputs(qgraph, 6, 1)
        with tempfile.TemporaryDirectory() as folder:
            found = simulate_rtl(plan, qgraph, inputs, Path(folder), runner="native")
        if found.interval != wanted:
            raise SystemExit(f"{found.interval} cycles instead of {wanted}")
    return f"{wanted:,}"


def rows(*, simulated: bool) -> list[str]:
    """Return the lines of the table."""
    spec = load_spec(data_dir("examples") / "streaming" / "activity.yaml")
    graph = build_graph(spec)
    offline = quantize(graph, spec)
    whole = multiplications(offline)
    lines = [HEAD, "|---|---|---|---|---|---|---|---|"]
    lines.append(f"| any | each window anew | {whole / 1e6:.2f} M | | | | | |")
    for hop in HOPS:
        for padding in ("signal", "window_exact"):
            streamed = stream(offline, graph, hop, exact=padding == "window_exact")
            plans = [
                make_plan(streamed, replace(spec.accelerator, schedule=schedule))
                for schedule in SCHEDULES
            ]
            count = multiplications(streamed)
            body, pooling = words(streamed)
            assert plans[0].stream is not None
            cells = [
                str(hop),
                f"`{padding}`",
                f"{count / 1e6:.2f} M",
                f"{whole / count:.2f}x",
                f"{body} + {pooling:,}",
                f"{plans[0].stream.state_bits:,}",
                *(cycles(plan, streamed, simulated) for plan in plans),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print the table, or write it into a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="document with the markers")
    parser.add_argument("--simulate", action="store_true", help="count the cycles in Verilator")
    options = parser.parse_args()
    table = "\n".join(rows(simulated=options.simulate))
    if options.write is None:
        print(table)
        return
    text = options.write.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    options.write.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
