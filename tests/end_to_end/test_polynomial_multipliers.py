"""Convolutions with several samples and taps per multiplier: golden = RTL = C++, exact cycles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import golden
from hwgen.graph import build_graph
from hwgen.plan import make_plan
from hwgen.quant import quantize
from hwgen.spec import load_spec
from hwgen.spec.model import Budget, Precision
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"

CASES = [  # family, widths of weights and activations, narrow, budget
    ("ecp5", 4, 4, False, 320),
    pytest.param("ecp5", 4, 4, True, 2000, marks=pytest.mark.nightly),
    pytest.param("ice40", 3, 3, False, 100, marks=pytest.mark.nightly),
    pytest.param("xcup", 2, 4, True, 600, marks=pytest.mark.nightly),
    pytest.param("xilinx", 4, 2, False, 300, marks=pytest.mark.nightly),
]


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(("family", "w_bits", "a_bits", "narrow", "budget"), CASES)
def test_digits(family, w_bits, a_bits, narrow, budget, tmp_path):
    spec = load_spec(DIGITS / "cnn.yaml")
    precision = Precision(w_bits, a_bits, narrow=narrow)
    spec = replace(spec, quantize=replace(spec.quantize, default=precision, layers={}))
    qgraph = quantize(build_graph(spec), spec)
    accelerator = replace(
        spec.accelerator,
        schedule="dataflow",
        budget=Budget(budget, None),
        multiplier="polynomial",
        family=family,
    )
    plan = make_plan(qgraph, accelerator)
    with np.load(DIGITS / "test.npz") as file:
        inputs = golden.encode_inputs(qgraph, {"image": file["image"][:4]})
    expected = golden.run(qgraph, inputs)

    rtl = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", seed=1, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    for name in ("conv1", "conv2"):
        engine = plan.engine(name)
        products = engine.fold.samples * engine.fold.taps
        assert engine.multiplier.kind == "polynomial"
        assert products >= 6
        assert engine.hard_multipliers == engine.multipliers // products
    assert rtl.latency == plan.prediction.latency
    assert rtl.interval == plan.prediction.interval
    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name].ravel(), expected[name].ravel())


IMAGES = """\
hwgen: 1
name: images
model:
  inputs: {x: {shape: [3, 6, 9]}}
  layers:
    - {name: a, op: conv2d, in: x, channels: 4, kernel: 3, padding: same, activation: relu}
    - {name: b, op: conv2d, in: a, channels: 6, kernel: [2, 5], stride: [2, 1], padding: same}
    - {name: c, op: conv2d, in: b, channels: 4, kernel: [1, 4], stride: [1, 2]}
    - {name: d, op: conv2d, in: x, channels: 4, kernel: [3, 2], padding: [[2, 0], [0, 1]]}
    - {name: e, op: conv2d, in: d, channels: 2, kernel: 3, dilation: 2}
  outputs: [c, e]
weights: {random: 3}
quantize:
  default: {weights: int4, activations: int4}
  layers: {b: {weights: int3, symmetric: false}, c: {weights: int2}}
accelerator: {schedule: dataflow, budget: {multipliers: 400}, multiplier: polynomial, family: ecp5}
"""

SIGNALS = """\
hwgen: 1
name: signals
model:
  inputs: {x: {shape: [14, 3]}}
  layers:
    - {name: a, op: conv1d, in: x, channels: 4, kernel: 3, padding: causal, activation: relu}
    - {name: b, op: conv1d, in: a, channels: 6, kernel: 5, padding: same}
    - {name: c, op: conv1d, in: b, channels: 4, kernel: 7, padding: [1, 3]}
    - {name: d, op: conv1d, in: c, channels: 4, kernel: 3, stride: 2}
  outputs: [d]
weights: {random: 5}
quantize:
  default: {weights: int4, activations: int4}
  layers: {a: {activations: int3, symmetric: false}, c: {activations: int2}}
accelerator: {schedule: dataflow, budget: {multipliers: 250}, multiplier: polynomial, family: xcup}
"""

STREAM = (
    SIGNALS.replace("stride: 2", "stride: 1")
    .replace("[1, 3]", "same")
    .replace("model:", "stream: {chunk: 14}\nmodel:")
)


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (IMAGES, {"a", "b", "d"}),
        pytest.param(SIGNALS, {"a", "b", "c"}, marks=pytest.mark.nightly),
        pytest.param(STREAM, {"a", "b", "c", "d"}, marks=pytest.mark.nightly),
    ],
    ids=["images", "signals", "stream"],
)
def test_many_shapes(text, layers, tmp_path):
    qgraph, plan = compile_spec(text, tmp_path)
    inputs = golden.random_inputs(qgraph, 3, 1)
    expected = golden.run(qgraph, inputs)

    rtl = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", seed=1, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    kinds = {engine.name: engine.multiplier.kind for engine in plan.engines}
    assert {name for name, kind in kinds.items() if kind == "polynomial"} == layers
    assert rtl.latency == plan.prediction.latency
    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name].ravel(), expected[name].ravel())
