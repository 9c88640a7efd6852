"""Positions that go on from tensor to tensor stay exact: 100,000 tokens through hardware."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.verify.rtl import simulate_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

TOKENS = 100_003
SPEC = """\
hwgen: 1
name: decode
model:
  inputs: {x: {shape: [1, 8]}}
  layers:
    - {name: turned, op: rope, in: x, heads: 2, running: true}
    - {name: ended, op: rope, in: turned, heads: 1, running: true, limit: 60000, start: 7}
  outputs: [turned, ended]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 1}}
"""


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.nightly
@pytest.mark.parametrize("schedule", ["sequential", "dataflow"])
def test_100_000_tokens(schedule, tmp_path):
    qgraph, plan = compile_spec(SPEC.replace("SCHEDULE", schedule), tmp_path)
    inputs = golden.random_inputs(qgraph, TOKENS, seed=2)
    expected = golden.run(qgraph, inputs)

    rtl = simulate_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native")
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name], expected[name])
