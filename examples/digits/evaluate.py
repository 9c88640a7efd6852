"""Print the accuracy of the four specs of this folder on the held-out third.

python examples/digits/evaluate.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.quant import load_samples, quantize, sqnr
from hwgen.spec import load_spec

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Print a Markdown table."""
    print("| spec | floating point | integer | SQNR of the logits |")
    print("|---|---|---|---|")
    for name in ("mlp", "mlp_int8", "cnn", "cnn_int8"):
        spec = load_spec(HERE / f"{name}.yaml")
        graph = build_graph(spec)
        qgraph = quantize(graph, spec)
        samples = load_samples(HERE / "test.npz", {i.name: i.shape for i in graph.inputs})
        (output,) = graph.outputs
        real = golden.run_real(graph, samples.inputs)[output]
        codes = golden.run(qgraph, golden.encode_inputs(qgraph, samples.inputs))[output]
        scores = [np.mean(x.argmax(axis=1) == samples.labels) for x in (real, codes)]
        noise = sqnr(graph, qgraph, samples.inputs)[output]
        print(f"| `{name}.yaml` | {scores[0]:.2%} | {scores[1]:.2%} | {noise:.1f} dB |")


if __name__ == "__main__":
    main()
