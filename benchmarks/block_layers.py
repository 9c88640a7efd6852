"""Cycles of a linear layer with blocks of 4 and 8 bits in a plan: RTL, golden and prediction.

python benchmarks/block_layers.py [--simulate N ...] [--shares R ...] [--write docs/mac_arrays.md]

A spec of one layer, planned as any other; a share r of its blocks has 4 bits.  Where asked for, the
whole accelerator runs in Verilator: every result is compared with the golden model, every cycle
with the prediction.  The table has the cycles of the layer's task; those of the streams into and
out of the shared buffer are the same for every r.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.ops import LowerOptions, get_op
from hwgen.ops.blocks import Blocks
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant import check_qgraph, quantize
from hwgen.quant.check import acc_bits_of
from hwgen.quant.model import QGraph
from hwgen.spec import load_spec
from hwgen.spec.model import Accelerator
from hwgen.verify.rtl import simulate_rtl

MARKS = "<!-- mac array plan: begin -->", "<!-- mac array plan: end -->"
TOKENS = (16, 64, 256)
SHARES = (0, 24, 52, 76, 84, 92, 100)
BLOCKS, SIZE = 25, 4
OUTPUTS = 384
SPEC = """\
hwgen: 1
name: block_layer
model:
  inputs: {{x: {{shape: [{tokens}, {channels}]}}}}
  layers: [{{name: y, op: linear, in: x, features: {outputs}}}]
  outputs: [y]
weights: {{random: 1}}
quantize: {{default: {{weights: int4, narrow: true, activations: int8}}}}
accelerator: {{schedule: sequential, budget: {{multipliers: 64}}}}
"""


def with_share(tokens: int, share: int, folder: Path) -> tuple[QGraph, Accelerator]:
    """Return the layer with a share of its blocks, in percent, in 4 bits, spread evenly."""
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(tokens=tokens, channels=BLOCKS * SIZE, outputs=OUTPUTS))
    spec = load_spec(path)
    graph = build_graph(spec)
    qgraph = quantize(graph, spec)
    (node,), (x,) = qgraph.nodes, qgraph.inputs
    four = set(np.linspace(0, BLOCKS, BLOCKS * share // 100, endpoint=False).astype(int).tolist())
    bits = tuple(4 if block in four else 8 for block in range(BLOCKS))
    blocks = Blocks(
        order=np.arange(BLOCKS * SIZE),
        size=SIZE,
        bits=bits,
        shifts=tuple(4 if width == 4 else 1 for width in bits),
        signed=x.type.signed,
        zero_point=x.type.zero_point,
    )
    op = get_op("linear")
    weights = {key.partition(".")[2]: value for key, value in graph.weights.items()}
    lowered = op.lower(
        op.Params.model_validate({"features": OUTPUTS}),
        weights,
        [x.shape],
        [x.type],
        node.out.type,
        LowerOptions(4, blocks=blocks, narrow=True),
    )
    acc_bits = acc_bits_of("linear", lowered, [x.shape], [x.type])
    qgraph = replace(qgraph, nodes=(replace(node, lowered=lowered, acc_bits=acc_bits),))
    check_qgraph(qgraph)
    return qgraph, spec.accelerator


def planned(tokens: int, share: int, folder: Path) -> Plan:
    """Return the plan of the layer."""
    return make_plan(*with_share(tokens, share, folder))


def simulate(tokens: int, share: int, folder: Path) -> None:
    """Run the circuit, which must give the golden results in the predicted cycles."""
    qgraph, accelerator = with_share(tokens, share, folder)
    plan = make_plan(qgraph, accelerator)
    inputs = golden.random_inputs(qgraph, 1, share)
    # Raises if a result or a cycle is another one.
    found = simulate_rtl(plan, qgraph, inputs, folder / "sim", runner="native", optimise=0)
    if found.latency != plan.prediction.latency:
        raise SystemExit(f"predicted {plan.prediction.latency} cycles, simulated {found.latency}")


def table(folder: Path, tokens: list[int], shares: list[int]) -> list[str]:
    """Return the rows of the table."""
    rows, folds = [], set()
    for number in TOKENS:
        wide = planned(number, 0, folder)
        for share in SHARES:
            plan = wide if share == 0 else planned(number, share, folder)
            folds.add(plan.engines[0].fold)
            taken, ideal = plan.tasks[0].cycles, 2 / (2 - share / 100)
            against = wide.tasks[0].cycles / taken
            ran = number in tokens and share in shares
            if ran:
                simulate(number, share, folder)
            rows.append(
                f"| {number} | {share} % | {taken:,} | {'yes' if ran else ''} "
                f"| {against:.3f}x | {against / ideal:.1%} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
    arrays = sorted({f"{fold.rows} x {fold.outputs // 2} tiles" for fold in folds})
    head = (
        f"A plan with 64 products a cycle, {' or '.join(arrays)}; {BLOCKS} blocks of {SIZE} "
        f"channels to {OUTPUTS} outputs: cycles of the layer's task with its reads of operands, as "
        "predicted, and where it says so simulated: equal."
    )
    return [
        head,
        "",
        "| tokens | blocks of 4 bits | cycles | simulated | against W4A8 | of ideal 2 / (2 - r) |",
        "|---:|---:|---:|---|---:|---:|",
        *rows,
    ]


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", type=Path, help="page to write the table into")
    parser.add_argument("--simulate", type=int, nargs="*", default=list(TOKENS), help="tokens")
    parser.add_argument("--shares", type=int, nargs="+", default=list(SHARES), help="simulated")
    choice = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hwgen-block-layers-") as name:
        text = "\n".join(table(Path(name), choice.simulate, choice.shares))
    print(text)
    if choice.write:
        page = choice.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        choice.write.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
