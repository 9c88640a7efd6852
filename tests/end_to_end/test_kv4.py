"""Caches of 4-bit keys and values in hardware: values and cycles, RTL and HLS C++."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

TENSORS = 30
SPEC = """\
hwgen: 1
name: kv4
model:
  inputs: {{x: {{shape: [{tokens}, 16]}}}}
  layers:
    - {{name: q, op: linear, in: x, features: 32}}
    - {{name: k, op: linear, in: x, features: 16}}
    - {{name: v, op: linear, in: x, features: {values}}}
    - {{name: p, op: linear, in: x, features: 32}}
    - {{name: a, op: attention, in: [{inputs}], heads: 4, kv_heads: 2, causal: true, tile: 8,
       {keys}}}
{extra}  outputs: [{outputs}]
weights: {{random: 1}}
quantize: {{default: {{weights: int8, activations: {activations}}}, layers: {layers}}}
accelerator: {{schedule: sequential, budget: {{multipliers: {multipliers}}}{more}}}
"""
NETS = {
    "full": {"tokens": 1, "keys": "cache: {length: 30, bits: 4}"},
    "ring": {
        "tokens": 2,
        "keys": "window: 12, sinks: 3, sink_queries: true, cache: {bits: 4}",
        "inputs": "q, k, v, p",
        "values": 24,
        "multipliers": 32,
    },
    "narrow": {
        "tokens": 3,
        "keys": "window: 9, cache: {bits: 4}",
        "activations": "int6",
        "values": 12,
    },
    # Beside it a cache of 8 bits, and a buffer wider than what it holds of either.
    "mixed": {
        "tokens": 2,
        "keys": "cache: {length: 20, bits: 4}",
        "extra": """\
    - {name: b, op: attention, in: [p, k, v], heads: 4, kv_heads: 2, causal: true, tile: 8,
       window: 9, sinks: 1, cache: {}}
    - {name: c, op: attention, in: [q, q, q], heads: 4, tile: 8}
    - {name: d, op: linear, in: c, features: 4}
""",
        "outputs": "a, b, d",
        "layers": "{d: {activations: int11}}",
        "tensors": 10,
    },
    "external": {
        "tokens": 1,
        "keys": "cache: {length: 30, bits: 4, memory: external}",
        "more": ", memory: {port_bits: 32, latency: 20}",
    },
    "external_ring": {
        "tokens": 2,
        "keys": "window: 12, sinks: 3, cache: {bits: 4, memory: external}",
        "multipliers": 32,
        "more": ", memory: {port_bits: 32, latency: 50}",
    },
}
DEFAULT = {
    "inputs": "q, k, v",
    "values": 16,
    "activations": "int8",
    "layers": "{}",
    "extra": "",
    "outputs": "a, p",
    "multipliers": 16,
    "more": "",
}


def text_of(name):
    return SPEC.format(**DEFAULT | NETS[name])


def stimulus(qgraph, name):
    """Return tensors that reach every size: rows of zeros, of the largest codes, of small ones."""
    inputs = golden.random_inputs(qgraph, NETS[name].get("tensors", TENSORS), seed=5)
    (codes,) = inputs.values()
    (kind,) = (tensor.type for tensor in qgraph.inputs)
    codes[1::6] = 0
    codes[2::6] = kind.low
    codes[3::6] = codes[3::6] >> 5
    codes[4::12] = np.where(codes[4::12] < 0, kind.low, kind.high)
    return inputs


@pytest.mark.verilator
@pytest.mark.parametrize(
    "name",
    [name if name == "ring" else pytest.param(name, marks=pytest.mark.nightly) for name in NETS],
)
def test_the_rtl_equals_the_golden_model(tmp_path, name):
    qgraph, plan = compile_spec(text_of(name), tmp_path)
    inputs = stimulus(qgraph, name)

    # Raises if a value differs, or if a tensor does not leave in the predicted cycle.
    result = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", optimise=0)

    expected = golden.run(qgraph, inputs)
    for output in qgraph.outputs:
        assert np.array_equal(result.outputs[output], expected[output])


@pytest.mark.hls
@pytest.mark.parametrize("name", NETS)
def test_the_cpp_equals_the_golden_model(tmp_path, name):
    qgraph, plan = compile_spec(text_of(name), tmp_path)
    inputs = stimulus(qgraph, name)

    got = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    expected = golden.run(qgraph, inputs)
    assert all(np.array_equal(got[output], expected[output]) for output in qgraph.outputs)
