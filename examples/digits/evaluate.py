"""Print the accuracy of the five specs of this folder on the held-out third.

python examples/digits/evaluate.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.quant import load_samples, quantize, sqnr
from hwgen.spec import load_spec

HERE = Path(__file__).resolve().parent


def table(folder: Path, names: Sequence[str]) -> Iterator[str]:
    """Yield a Markdown table of the specs of a folder, on their labelled data."""
    yield "| spec | floating point | integer | SQNR of the logits |"
    yield "|---|---|---|---|"
    for name in names:
        spec = load_spec(folder / f"{name}.yaml")
        graph = build_graph(spec)
        qgraph = quantize(graph, spec)
        assert spec.verify.labels is not None
        samples = load_samples(spec.verify.labels, {i.name: i.shape for i in graph.inputs})
        (output,) = graph.outputs
        real = golden.run_real(graph, samples.inputs)[output]
        codes = golden.run(qgraph, golden.encode_inputs(qgraph, samples.inputs))[output]
        scores = [np.mean(x.argmax(axis=1) == samples.labels) for x in (real, codes)]
        noise = sqnr(graph, qgraph, samples.inputs)[output]
        yield f"| `{name}.yaml` | {scores[0]:.2%} | {scores[1]:.2%} | {noise:.1f} dB |"


def main() -> None:
    """Print it."""
    for line in table(HERE, ("mlp", "mlp_mixed", "mlp_int8", "cnn", "cnn_int8")):
        print(line)


if __name__ == "__main__":
    main()
