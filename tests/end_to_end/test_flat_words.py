"""Words that run on from one kernel row into the next: golden = RTL = HLS C++, cycles exact."""

import pytest

from hwgen import golden
from hwgen.plan import predict
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

SPEC = """
hwgen: 1
name: flat
model:
  inputs:
    image: {{shape: [4, 7, 12]}}
    sound: {{shape: [29, 6]}}
  layers:
    - {{name: c0, op: conv2d, in: image, channels: 2, kernel: 3, padding: same, activation: relu}}
    - {{name: s0, op: conv1d, in: sound, channels: 2, kernel: 5, padding: same}}
  outputs: [c0, s0]
weights: {{random: 3}}
quantize: {{default: {{weights: int4, activations: int8, symmetric: true}}}}
accelerator: {{schedule: dataflow, budget: {{multipliers: {multipliers}}}}}
"""


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(("multipliers", "flat"), [(13, {"c0"}), (21, {"c0", "s0"})])
def test_words_run_on_into_the_next_row(multipliers, flat, tmp_path):
    qgraph, plan = compile_spec(SPEC.format(multipliers=multipliers), tmp_path)
    assert {engine.name for engine in plan.engines if engine.fold.flat} == flat
    inputs = golden.random_inputs(qgraph, 3, 1)
    rtl = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", seed=1, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")
    expected = golden.run(qgraph, inputs)
    assert rtl.latency == predict(plan, 1)[0] + 1
    for name in qgraph.outputs:
        assert rtl.outputs[name].tolist() == expected[name].tolist()
        assert hls[name].tolist() == expected[name].tolist()
