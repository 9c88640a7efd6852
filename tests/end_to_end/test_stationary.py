"""Linear layers that are operand stationary among others and attention, on one array."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.plan import predict
from hwgen.plan.text import describe
from hwgen.verify.hls import check_hls
from hwgen.verify.rtl import verify_rtl
from support.specs import compile_spec

# Tiles of 8 rows: 12 features take two of them, or 64 elements 8 of 12 cycles each.
SPEC = """\
hwgen: 1
name: staying
model:
  inputs: {x: {shape: [7, 64], lengths: [7, 2]}}
  layers:
    - {name: q, op: linear, in: x, features: 12}
    - {name: a, op: attention, in: [q, q, q], heads: 1, tile: 8, causal: true, cache: {length: 20}}
    - {name: o, op: linear, in: a, features: 64}
    - {name: y, op: linear, in: o, features: 20, activation: relu}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: sequential, budget: {multipliers: 24}}
"""
ORDER = [7, 2, 7]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_spec(SPEC, tmp_path_factory.mktemp("staying"))


def test_the_plan_takes_the_faster_of_two_for_each_layer(compiled):
    _, plan = compiled
    for one in plan.variants:
        assert [task.name for task in one.tasks if task.stays] == ["q", "y"]
    why = {phase.tasks: phase.why for phase in plan.phases}
    assert "operand stationary" in why["q",]
    assert "output stationary" in why["o",]
    assert "operand stationary" in describe(plan)


@pytest.mark.verilator
def test_rtl_equals_the_golden_model_in_predicted_cycles(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, len(ORDER), seed=4)
    result = verify_rtl(plan, qgraph, inputs, tmp_path, runner="native", optimise=0, lengths=ORDER)
    expected = golden.run(qgraph, inputs, lengths=ORDER)
    assert np.array_equal(result.outputs["y"], expected["y"])
    assert result.cycles[-1] == predict(plan, len(ORDER), lengths=ORDER)[-1] + 1


@pytest.mark.hls
@pytest.mark.nightly
def test_cpp_equals_the_golden_model(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, len(ORDER), seed=5)
    expected = golden.run(qgraph, inputs, lengths=ORDER)
    emit(plan, qgraph, tmp_path)
    got = check_hls(tmp_path, qgraph, inputs, lengths=ORDER, expected=expected)
    assert np.array_equal(got["y"], expected["y"])
