"""Networks on packed multipliers: golden = RTL = C++, predicted = simulated cycles."""

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

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"

CASES = [  # family, schedule, widths of weights and activations, narrow; weights per multiplier
    ("ecp5", "dataflow", 4, 4, True, {2}),
    pytest.param("xilinx", "sequential", 4, 8, False, {2}, marks=pytest.mark.nightly),
    pytest.param("xcup", "sequential", 4, 4, True, {3}, marks=pytest.mark.nightly),
    pytest.param("ice40", "dataflow", 2, 2, True, {2, 4}, marks=pytest.mark.nightly),
]


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(("family", "schedule", "w_bits", "a_bits", "narrow", "shared"), CASES)
def test_digits(family, schedule, w_bits, a_bits, narrow, shared, tmp_path):
    spec = load_spec(DIGITS / "cnn.yaml")
    precision = Precision(w_bits, a_bits, narrow=narrow)
    spec = replace(spec, quantize=replace(spec.quantize, default=precision, layers={}))
    qgraph = quantize(build_graph(spec), spec)
    accelerator = replace(spec.accelerator, schedule=schedule, budget=Budget(48, None))
    plain = make_plan(qgraph, accelerator)
    plan = make_plan(qgraph, replace(accelerator, multiplier="packed", family=family))
    with np.load(DIGITS / "test.npz") as file:
        inputs = golden.encode_inputs(qgraph, {"image": file["image"][:4]})
    expected = golden.run(qgraph, inputs)

    rtl = verify_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native", seed=1, optimise=0)
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")

    assert {engine.multiplier.weights for engine in plan.engines} - {1} == shared
    assert plan.hard_multipliers < 0.7 * plain.hard_multipliers
    assert plan.prediction == plain.prediction
    assert rtl.latency == plan.prediction.latency
    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name].ravel(), expected[name].ravel())
