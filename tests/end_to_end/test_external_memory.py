"""Attention with its cache in external memory: values and cycles, over ports and latencies."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import Mark
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec.model import Accelerator, Budget, Memory
from hwgen.verify.rtl import simulate_rtl
from support.graphs import make_graph, make_spec
from support.hls import hls_outputs

MARK = Mark("a.yaml", 3, 1)
TENSORS = 24
NETS = {
    # Two caches, grouped heads, a port as wide as the array's beats.
    "grouped": (1, [{"heads": 4, "kv_heads": 2}, {"heads": 2}], Memory(64, 30, 64)),
    # A ring with sinks, two tokens at a time, beats of the array from two of the port.
    "ring": (2, [{"heads": 2, "window": 12, "sinks": 2, "cache": {}}], Memory(32, 7, 64)),
    # A port wider than the array's beats, more latency than work.
    "wide": (1, [{"heads": 2}], Memory(128, 100, 64)),
}


def compiled(name):
    """Return the qgraph and its plan."""
    tokens, attentions, memory = NETS[name]
    layers = []
    for k, keys in enumerate(attentions):
        rows = 16 * keys.get("kv_heads", keys["heads"])
        sizes = {"q": 16 * keys["heads"], "k": rows, "v": rows}
        layers += [
            {"name": f"{part}{k}", "op": "linear", "in": "x", "features": size}
            for part, size in sizes.items()
        ]
        cache = {"length": 32, **keys.get("cache", {})} if "window" not in keys else {}
        layers.append(
            {"name": f"a{k}", "op": "attention", "in": [f"{part}{k}" for part in "qkv"]}
            | {"causal": True, "tile": 8}
            | keys
            | {"cache": cache | {"memory": "external"}}
        )
    graph = make_graph({"x": (tokens, 16)}, layers)
    qgraph = quantize(graph, make_spec(graph))
    accelerator = Accelerator("sequential", Budget(32, None), {}, 50.0, MARK, memory)
    return qgraph, make_plan(qgraph, accelerator)


@pytest.mark.verilator
@pytest.mark.parametrize(
    "name", ["grouped", *(pytest.param(name, marks=pytest.mark.nightly) for name in list(NETS)[1:])]
)
def test_the_rtl_equals_the_golden_model(tmp_path, name):
    qgraph, plan = compiled(name)
    inputs = golden.random_inputs(qgraph, TENSORS, seed=3)

    # Raises if a value differs, or if a tensor leaves more than 1 % off the predicted cycle.
    result = simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native")

    expected = golden.run(qgraph, inputs)
    for output in qgraph.outputs:
        assert np.array_equal(result.outputs[output], expected[output])


@pytest.mark.hls
@pytest.mark.parametrize("name", NETS)
def test_the_cpp_equals_the_golden_model(tmp_path, name):
    qgraph, plan = compiled(name)
    inputs = golden.random_inputs(qgraph, TENSORS, seed=3)

    got = hls_outputs(plan, qgraph, inputs, tmp_path)

    expected = golden.run(qgraph, inputs)
    assert all(np.array_equal(got[output], expected[output]) for output in qgraph.outputs)
