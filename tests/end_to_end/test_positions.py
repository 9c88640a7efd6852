"""Layers that take several positions per multiplier: golden = RTL = C++, exact cycles."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

TOKENS = """\
hwgen: 1
name: tokens
model:
  inputs: {x: {shape: [7, 6]}}
  layers:
    - {name: a, op: linear, in: x, features: 8, activation: relu}
    - {name: b, op: linear, in: a, features: 4}
    - {name: c, op: conv1d, in: b, channels: 6, kernel: 1}
  outputs: [c]
weights: {random: 3}
quantize:
  default: {weights: int4, activations: int4, narrow: true}
  layers: {b: {weights: int2, activations: int3, symmetric: false}}
accelerator:
  schedule: dataflow
  budget: {multipliers: 150}
  multiplier: packed
  family: xcup
  folding:
    a: {elements: 3, outputs: 4, positions: 2}
    b: {elements: 8, outputs: 4, positions: 3}
    c: {outputs: 3, positions: 2}
"""

IMAGES = """\
hwgen: 1
name: images
model:
  inputs: {x: {shape: [4, 3, 5]}}
  layers:
    - {name: a, op: conv2d, in: x, channels: 6, kernel: 1}
    - {name: b, op: conv2d, in: a, channels: 4, kernel: [3, 1], padding: [[1, 1], [0, 0]]}
  outputs: [b]
weights: {random: 5}
quantize: {default: {weights: int4, activations: int4, narrow: true, symmetric: true}}
accelerator:
  schedule: dataflow
  budget: {multipliers: 120}
  multiplier: polynomial
  family: ecp5
  folding:
    a: {elements: 2, outputs: 6, positions: 2}
    b: {rows: 3, elements: 6, outputs: 2, positions: 2}
"""

STREAM = TOKENS.replace("model:", "stream: {chunk: 7}\nmodel:")


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    "text",
    [TOKENS, *(pytest.param(text, marks=pytest.mark.nightly) for text in (IMAGES, STREAM))],
    ids=["tokens", "images", "stream"],
)
def test_many_shapes(text, tmp_path):
    qgraph, plan = compile_spec(text, tmp_path)
    inputs = golden.random_inputs(qgraph, 3, 1)
    expected = golden.run(qgraph, inputs)

    rtl = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", seed=1, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    for engine in plan.engines:
        assert (engine.fold.samples > 1, engine.fold.taps) == (True, 1)
        assert engine.hard_multipliers < engine.multipliers // 2 + 1
    assert rtl.latency == plan.prediction.latency
    assert rtl.interval == plan.prediction.interval
    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name].ravel(), expected[name].ravel())
