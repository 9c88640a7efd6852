"""Decoding with a cached window, sinks and rope: one state, however long the text is."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

SINKS, WINDOW, TILE = 4, 12, 8
SPEC = f"""\
hwgen: 1
name: decode
model:
  inputs: {{x: {{shape: [1, 16]}}}}
  layers:
    - {{name: q, op: linear, in: x, features: 16}}
    - {{name: k, op: linear, in: x, features: 8}}
    - {{name: v, op: linear, in: x, features: 8}}
    - {{name: qr, op: rope, in: q, heads: 2, running: true}}
    - {{name: qs, op: rope, in: q, heads: 2, running: true, limit: {SINKS + WINDOW}}}
    - {{name: kr, op: rope, in: k, heads: 1, running: true}}
    - {{name: a, op: attention, in: [qr, kr, v, qs], heads: 2, kv_heads: 1, causal: true,
       window: {WINDOW}, sinks: {SINKS}, sink_queries: true, cache: {{}}, tile: {TILE}}}
  outputs: [a]
weights: {{random: 1}}
quantize: {{default: {{weights: int8, activations: int8}}}}
accelerator: {{schedule: sequential, budget: {{multipliers: 16}}}}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_spec(SPEC, tmp_path_factory.mktemp("decode"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The same with keys and values of four bits."""
    text = SPEC.replace("cache: {}", "cache: {bits: 4}")
    return compile_spec(text, tmp_path_factory.mktemp("packed"))


def test_the_state_is_the_window_and_the_sinks(compiled, packed):
    slots = TILE + WINDOW  # the sinks have a tile of their own
    for codes, (_, plan) in ((1, compiled), (2, packed)):
        for name in ("a.k", "a.v"):
            assert plan.placement(name).elements == slots * 8 // codes
    assert plan.placement("a.ks").elements == plan.placement("a.vs").elements == slots + TILE // 2


@pytest.mark.hls
def test_cpp_equals_the_golden_model_over_hundreds_of_tokens(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, 700, seed=2)
    got = hls_outputs(plan, qgraph, inputs, tmp_path)
    assert golden.first_difference(qgraph, golden.run(qgraph, inputs), got) is None


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
def test_50_000_tokens_of_four_bits(packed, tmp_path):
    qgraph, plan = packed
    inputs = golden.random_inputs(qgraph, 50_003, seed=4)
    expected = golden.run(qgraph, inputs)["a"]
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")
    assert np.array_equal(hls["a"], expected)
    some = {name: codes[:5_003] for name, codes in inputs.items()}
    rtl = simulate_rtl(plan, qgraph, some, tmp_path / "sim", runner="native")
    assert np.array_equal(rtl.outputs["a"], expected[:5_003])


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
def test_100_000_tokens(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, 100_003, seed=3)
    expected = golden.run(qgraph, inputs)["a"]
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")
    assert np.array_equal(hls["a"], expected)
    rtl = simulate_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native")
    assert np.array_equal(rtl.outputs["a"], expected)
