"""Low-bit networks on plain, packed and LUT multipliers: area by Yosys, cycles, accuracy.

``python benchmarks/low_bit.py`` prints two tables; ``--write docs/packing.md`` puts them between
the markers of that page; ``--only digits`` or ``--only matrix`` does one of them.  Figures are
those of a whole accelerator after synthesis, before place and route.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.board.synth import synth_stats
from hwgen.emit.rtl import emit_verilog
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.plan.model import Plan
from hwgen.quant import quantize
from hwgen.quant.model import QGraph
from hwgen.spec import load_spec
from hwgen.spec.model import Accelerator, Budget, Precision
from hwgen.verify.rtl import simulate_rtl

DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
KINDS = ("plain", "packed", "lut")
POSITIONS = "packed, two vectors"
DIGITS_CASES = ((4, "ecp5"), (4, "xcup"), (3, "ecp5"), (2, "ecp5"))
MULTIPLIERS = 64
ROWS, SIZE = 64, 256
FOLD = "elements: 16, outputs: 16"
MATRIX = f"""\
hwgen: 1
name: matrix
model:
  inputs: {{x: {{shape: [{ROWS}, {SIZE}]}}}}
  layers:
    - {{name: y, op: linear, in: x, features: {SIZE}}}
  outputs: [y]
weights: {{random: 1}}
quantize: {{default: {{weights: int4, activations: int4, narrow: true, symmetric: true}}}}
accelerator:
  schedule: dataflow
  budget: {{multipliers: 256}}
  folding: {{y: {{{FOLD}}}}}
"""


def area(plan: Plan, qgraph: QGraph, family: str) -> list[str]:
    """Return LUTs, flip-flops and hard multipliers."""
    text = emit_verilog(plan, qgraph)
    stats = synth_stats(text, plan.name, family)
    return [
        f"{stats.get('lut4', stats.get('lut6')):,}",
        f"{stats['ff']:,}",
        str(stats["multipliers"]),
    ]


def with_kind(accelerator: Accelerator, kind: str, family: str) -> Accelerator:
    """Return the accelerator with multipliers of a kind."""
    return replace(accelerator, multiplier=kind, family=family)


def digits(cases: Sequence[tuple[int, str]] = DIGITS_CASES) -> Iterator[str]:
    """Yield rows of the digits CNN for widths of codes and families."""
    spec = load_spec(DIGITS / "cnn.yaml")
    graph = build_graph(spec)
    with np.load(DIGITS / "test.npz") as file:
        images, labels = file["image"], file["labels"]
    accelerator = replace(
        spec.accelerator, schedule="dataflow", budget=Budget(MULTIPLIERS, None), folding={}
    )
    yield "| codes | accuracy | family | multipliers | cycles per image | LUT | FF | DSP |"
    yield "|---|---:|---|---|---:|---:|---:|---:|"
    for bits, family in cases:
        precision = Precision(bits, bits, narrow=True)
        qgraph = quantize(
            graph, replace(spec, quantize=replace(spec.quantize, default=precision, layers={}))
        )
        inputs = golden.encode_inputs(qgraph, {"image": images})
        logits = golden.run(qgraph, inputs)[qgraph.outputs[0]]
        right = np.mean(logits.reshape(len(labels), -1).argmax(axis=1) == labels)
        for kind in KINDS:
            plan = make_plan(qgraph, with_kind(accelerator, kind, family))
            cells = [
                *(f"W{bits}A{bits}", f"{right:.1%}", family, kind),
                *(f"{plan.prediction.interval:,}", *area(plan, qgraph, family)),
            ]
            yield f"| {' | '.join(cells)} |"


def simulated(plan: Plan, qgraph: QGraph, folder: Path) -> list[str]:
    """Return interval and latency of three tensors in Verilator.

    Results that are not those of the golden model, or other cycles than predicted, are errors.
    """
    inputs = golden.random_inputs(qgraph, 3, 1)
    found = simulate_rtl(plan, qgraph, inputs, folder / "sim", runner="native", optimise=0)
    return [f"{found.interval:,}", f"{found.latency:,}"]


def matrix() -> Iterator[str]:
    """Yield rows of 64 vectors times a matrix of 256 x 256, 256 products a cycle."""
    yield "| family | multipliers | interval | latency | LUT | FF | DSP |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for kind in (*KINDS, POSITIONS):
        fold = "elements: 8, outputs: 16, positions: 2" if kind == POSITIONS else FOLD
        with tempfile.TemporaryDirectory(prefix="hwgen-matrix-") as name:
            path = Path(name) / "matrix.yaml"
            path.write_text(MATRIX.replace(FOLD, fold))
            spec = load_spec(path)
            qgraph = quantize(build_graph(spec), spec)
            family = "xcup"
            plan = make_plan(qgraph, with_kind(spec.accelerator, kind.split(",")[0], family))
            cycles = simulated(plan, qgraph, Path(name))
        yield f"| {' | '.join([family, kind, *cycles, *area(plan, qgraph, family)])} |"


TABLES = {"digits": digits, "matrix": matrix}


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=TABLES, help="one of the tables")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    args = parser.parse_args()
    for name in [args.only] if args.only else TABLES:
        lines = [f"Yosys {version('pyosys')}, after synthesis.", ""]
        for line in TABLES[name]():
            print(line, flush=True)
            lines.append(line)
        if args.write:
            begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
            before, rest = args.write.read_text().split(begin)
            text = "\n".join(lines)
            args.write.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    sys.exit(main())
