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
    - {name: k, op: linear, in: x, features: 12}
    - {name: v, op: linear, in: x, features: 12}
    - {name: a, op: attention, in: [q, k, v], heads: 1, tile: 8, causal: true, cache: {length: 20}}
    - {name: o, op: linear, in: a, features: 64}
    - {name: y, op: linear, in: o, features: 20, activation: relu}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: sequential, budget: {multipliers: 24}}
"""
ORDER = [7, 2, 2, 7]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_spec(SPEC, tmp_path_factory.mktemp("staying"))


def test_the_plan_takes_the_faster_of_two_for_each_layer(compiled):
    _, plan = compiled
    for one in plan.variants:
        assert [task.name for task in one.tasks if task.stays] == ["q", "k", "v", "y"]
    why = {phase.tasks: phase.why for phase in plan.phases}
    assert "operand stationary" in why["q",]
    assert "output stationary" in why["o",]
    assert "operand stationary" in describe(plan)


@pytest.mark.verilator
@pytest.mark.hls
def test_rtl_and_cpp_equal_the_golden_model_in_predicted_cycles(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, len(ORDER), seed=4)
    expected = golden.run(qgraph, inputs, lengths=ORDER)
    result = verify_rtl(plan, qgraph, inputs, tmp_path / "rtl", lengths=ORDER)
    emit(plan, qgraph, tmp_path / "hls")
    got = check_hls(tmp_path / "hls", qgraph, inputs, lengths=ORDER, expected=expected)
    assert np.array_equal(result.outputs["y"], expected["y"])
    assert np.array_equal(got["y"], expected["y"])
    assert result.cycles[-1] == predict(plan, len(ORDER), lengths=ORDER)[-1] + 1
