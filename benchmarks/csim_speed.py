"""How long the HLS C++ takes on this machine with plain and with packed products.

``python benchmarks/csim_speed.py`` prints a table; ``--write docs/hls.md`` puts it between the
markers of that page.  Two layers with codes and weights of 4 bits: a 3x3 convolution of 16 to 16
channels on 16x32 pixels, and 64 vectors times a matrix of 128 x 128, also with operands of 4 and 8
bits by blocks of channels, of which one in eight has 8.  Times are processor seconds
of the compiled program; starting it is not counted.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.flow.front import Front
from hwgen.spec import load_spec
from hwgen.verify.hls import check_hls, simulate_hls

BEGIN, END = "<!-- csim: begin -->", "<!-- csim: end -->"

SPEC = """\
hwgen: 1
name: speed
model:
  inputs: {{x: {{shape: {shape}}}}}
  layers: [{{name: y, in: x, {layer}}}]
  outputs: [y]
weights: {{random: 1}}
quantize:
  default: {{weights: int4, narrow: true, symmetric: true, {codes}}}
  calibrate: {{file: calibrate.npz}}
accelerator:
  schedule: {schedule}
  budget: {{multipliers: 4096}}
  family: ecp5
  multiplier: {multiplier}
  folding: {{{folding}}}
"""

CONVOLUTION = {
    "shape": "[16, 16, 32]",
    "layer": "op: conv2d, channels: 16, kernel: 3, padding: same",
    "codes": "activations: int4",
    "schedule": "dataflow",
}
MATRIX = CONVOLUTION | {"shape": "[64, 128]", "layer": "op: linear, features: 128"}
BLOCKS = MATRIX | {
    "codes": "activations: int8, mixed: {channels: 16, loss: 1.0}",
    "schedule": "sequential",
}
FOLD = "elements: 16, outputs: 8"
CASES = (
    ("3x3 convolution", "plain", CONVOLUTION, "plain", FOLD),
    ("3x3 convolution", "packed", CONVOLUTION, "packed", FOLD),
    ("3x3 convolution", "polynomial", CONVOLUTION, "polynomial", ""),
    ("matrix", "plain", MATRIX, "plain", FOLD),
    ("matrix", "packed", MATRIX, "packed", FOLD),
    ("matrix", "packed, two positions", MATRIX, "packed", f"{FOLD}, positions: 2"),
    ("matrix, blocks of 4 and 8 bits", "two tokens by two outputs", BLOCKS, "auto", ""),
)
"""Layer, how it multiplies, the spec of the layer, its multipliers, its folding if it is fixed."""

SAMPLES = (4, 44)


def rows() -> Iterator[str]:
    """Yield the rows of the table."""
    for what, kind, layer, multiplier, fold in CASES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "speed.yaml"
            folding = f"y: {{{fold}}}" if fold else ""
            shape = json.loads(layer["shape"])
            values = np.random.default_rng(1).standard_normal((20, *shape))
            values[..., ::16] *= 12.0  # outliers
            np.savez(folder / "calibrate.npz", x=values)
            path.write_text(SPEC.format(**layer, multiplier=multiplier, folding=folding))
            front = Front(load_spec(path))
            plan, qgraph = front.plan, front.qgraph
            emit(plan, qgraph, folder / "hls")
            check_hls(folder / "hls", qgraph, golden.random_inputs(qgraph, 2, 1))
            times = []
            for samples in SAMPLES:
                inputs = golden.random_inputs(qgraph, samples, 1)
                began = _processor_time()
                simulate_hls(folder / "hls", qgraph, inputs)
                times.append(_processor_time() - began)
            (engine,) = plan.engines
            products = engine.multipliers / engine.hard_multipliers
            macs = sum(task.useful for task in plan.tasks)
            taken = (times[1] - times[0]) / (SAMPLES[1] - SAMPLES[0])
            figures = f"{products:.2g} | {taken * 1e3:.1f} | {taken / macs * 1e9:.1f}"
            yield f"| {what} | {kind} | {figures} |"


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a page with the markers of the table")
    page = parser.parse_args().write
    lines = [
        "| layer | multipliers | products in each | ms per sample | ns per product |",
        "|---|---|---:|---:|---:|",
        *rows(),
    ]
    print("\n".join(lines))
    if page:
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text("\n".join([before + BEGIN, *lines, END]) + after)


if __name__ == "__main__":
    main()
