"""Heads so short that columns give two scores per cycle, among products on the same array."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.hls import emit
from hwgen.plan import predict
from hwgen.verify.hls import check_hls
from hwgen.verify.rtl import verify_rtl
from support.specs import compile_spec

# Tiles of 8 rows, but heads of 2 elements: products take 4 cycles of a slot, scores 8.
SPEC = """\
hwgen: 1
name: short_heads
model:
  inputs: {x: {shape: [4, 8]}}
  layers:
    - {name: q, op: linear, in: x, features: 8}
    - {name: a, op: attention, in: [q, q, q], heads: 4, kv_heads: 4, tile: 8, causal: true,
       cache: {length: 40}}
    - {name: b, op: attention, in: [q, a, a], heads: 4, tile: 8}
    - {name: y, op: linear, in: b, features: 20}
  outputs: [y]
weights: {random: 1}
quantize: {default: {weights: int8, activations: int8}}
accelerator: {schedule: sequential, budget: {multipliers: 32}}
"""
TENSORS = 6


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_spec(SPEC, tmp_path_factory.mktemp("short_heads"))


def test_the_plan_has_two_score_units_per_column(compiled):
    _, plan = compiled
    fold = plan.engine("array").fold
    assert (fold.rows, fold.outputs, fold.scores) == (8, 4, 2)


@pytest.mark.verilator
def test_rtl_equals_the_golden_model_in_predicted_cycles(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, TENSORS, seed=4)
    result = verify_rtl(plan, qgraph, inputs, tmp_path, runner="native", optimise=0)
    assert np.array_equal(result.outputs["y"], golden.run(qgraph, inputs)["y"])
    assert result.cycles[-1] == predict(plan, TENSORS)[-1] + 1


@pytest.mark.hls
@pytest.mark.nightly
def test_cpp_equals_the_golden_model(compiled, tmp_path):
    qgraph, plan = compiled
    inputs = golden.random_inputs(qgraph, TENSORS, seed=5)
    expected = golden.run(qgraph, inputs)
    emit(plan, qgraph, tmp_path)
    got = check_hls(tmp_path, qgraph, inputs, expected=expected)
    assert np.array_equal(got["y"], expected["y"])
