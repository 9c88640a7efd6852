"""Decoding with keys and values in external memory: how much of the port's time carries them.

``python benchmarks/decode.py`` simulates a whole accelerator in Verilator, token after token until
the cache is full, and prints the last token's figures for several latencies of the memory and for
8-bit and 4-bit codes; ``--write docs/attention.md`` puts the table between the markers of that
page.

One key head of 64 elements is shared by 4 query heads; the array has 32 rows and 4 columns, and
takes 32 codes per cycle: 16 bytes of 4-bit ones, as many as the port brings.  Counted from the
last result of the layer before to the last result of attention: both appends and their
acknowledgements included.  Beats are those of keys, values and the sizes that are read with
4-bit ones; the two beats with a byte of a new size each do not count.  A second table, from the
plans alone, is about caches on chip.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import yaml

from hwgen import golden
from hwgen.emit.rtl import emit_verilog
from hwgen.graph import build_graph
from hwgen.plan import Plan, make_plan
from hwgen.plan.cycles import predict
from hwgen.quant import QGraph, quantize
from hwgen.spec import load_spec
from hwgen.verify.diagnose import describe
from hwgen.verify.model import build_native_model
from hwgen.verify.native import run_native
from hwgen.verify.run import Request
from hwgen.verify.scenario import Scenario

OUTSIDE, ONCHIP = "decode", "onchip caches"
PORT_BITS, HEADS, HEAD, TILE = 128, 4, 64, 32
SIZE_BITS = 8
BITS = (8, 4)
LATENCIES = (2, 200)
COLUMNS = (
    "keys | bits | latency | beats of the port | cycles per token | tokens per million cycles | "
    "share | predicted / simulated"
)


def spec_text(keys: int, bits: int, latency: int | None) -> str:
    """Return the spec of one attention layer with its projections; ``latency`` None: on chip."""
    place = "onchip" if latency is None else "external"
    layers = [
        {"name": "q", "op": "linear", "in": "x", "features": HEADS * HEAD},
        {"name": "k", "op": "linear", "in": "x", "features": HEAD},
        {"name": "v", "op": "linear", "in": "x", "features": HEAD},
        {
            "name": "a",
            "op": "attention",
            "in": ["q", "k", "v"],
            "heads": HEADS,
            "kv_heads": 1,
            "causal": True,
            "tile": TILE,
            "cache": {"length": keys, "bits": bits, "memory": place},
        },
    ]
    memory = {} if latency is None else {"memory": {"port_bits": PORT_BITS, "latency": latency}}
    return yaml.safe_dump(
        {
            "hwgen": 1,
            "name": "decode",
            "model": {"inputs": {"x": {"shape": [1, 16]}}, "layers": layers, "outputs": ["a"]},
            "weights": {"random": 7},
            "quantize": {"default": {"weights": "int8", "activations": "int8"}},
            "accelerator": {
                "schedule": "sequential",
                "budget": {"multipliers": TILE * HEADS},
                **memory,
            },
        }
    )


def compiled(keys: int, bits: int, latency: int | None, folder: Path) -> tuple[QGraph, Plan]:
    """Return the quantised graph and its plan."""
    (folder / "decode.yaml").write_text(spec_text(keys, bits, latency))
    spec = load_spec(folder / "decode.yaml")
    qgraph = quantize(build_graph(spec), spec)
    return qgraph, make_plan(qgraph, spec.accelerator)


def measure(keys: int, bits: int, latency: int) -> tuple[int, int, float]:
    """Return beats of the port and cycles for the last token, and predicted over simulated."""
    with tempfile.TemporaryDirectory(prefix="hwgen-decode-") as name:
        folder = Path(name)
        qgraph, plan = compiled(keys, bits, latency, folder)
        design = describe(plan, qgraph)
        verilog = emit_verilog(plan, qgraph, trace=True, model=True)
        model = build_native_model(verilog, design.name, design.ports_def(trace=True))
        inputs = golden.random_inputs(qgraph, keys, seed=1)
        streams = {key: golden.to_stream(codes) for key, codes in inputs.items()}
        predicted = predict(plan, keys)
        request = Request(design, Scenario("free", keys), streams, 2 * predicted[-1])
        seen = run_native(model, request, folder, trace=True)
    expected = golden.to_stream(golden.run(qgraph, inputs)["a"])
    if seen.status != "done" or (seen.sinks["a"].codes.reshape(expected.shape) != expected).any():
        raise SystemExit("the simulation differs from the golden model")
    ends = {task.task: int(seen.traces[task.task].cycles[-1]) for task in design.traces}
    row = HEAD * bits + SIZE_BITS * (bits < 8)  # of 4-bit codes, a size is read with each
    beats = keys * 2 * row // PORT_BITS + 2 * HEAD * bits // PORT_BITS
    simulated = seen.sinks["a"].cycles[-1] - seen.start
    return beats, ends["a"] - ends["v"], predicted[-1] / simulated


def table(keys: int) -> str:
    """Return the table as Markdown."""
    lines = [
        f"| {COLUMNS} |",
        f"|{'---:|' * (COLUMNS.count('|') + 1)}",
    ]
    for bits, latency in product(BITS, LATENCIES):
        beats, cycles, ratio = measure(keys, bits, latency)
        numbers = f"{beats:,} | {cycles:,} | {1_000_000 / cycles:.1f} | {beats / cycles:.1%}"
        lines.append(f"| {keys:,} | {bits} | {latency} | {numbers} | {ratio:.4f} |")
    return "\n".join(lines)


def onchip_table(keys: int) -> str:
    """Return what caches on chip take, and the predicted cycles of a token."""
    lines = ["| keys | bits | caches | cycles per token |", "|---:|---:|---:|---:|"]
    for bits in BITS:
        with tempfile.TemporaryDirectory(prefix="hwgen-decode-") as name:
            _, plan = compiled(keys, bits, None, Path(name))
        kept = sum(place.elements for place in plan.placements if "." in place.tensor)
        size = f"{kept * plan.buffers[0].bits / 8192:.1f} KiB"
        lines.append(f"| {keys:,} | {bits} | {size} | {plan.prediction.interval:,} |")
    return "\n".join(lines)


def replaced(page: str, name: str, text: str) -> str:
    """Return a page with a text between the markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=1024, help="tokens in the full cache")
    parser.add_argument("--write", type=Path, help="page to write the table into")
    options = parser.parse_args()
    tables = {ONCHIP: onchip_table(options.keys), OUTSIDE: table(options.keys)}
    print("\n\n".join(tables.values()))
    if options.write:
        page = options.write.read_text()
        for name, text in tables.items():
            page = replaced(page, name, text)
        options.write.write_text(page)


if __name__ == "__main__":
    main()
