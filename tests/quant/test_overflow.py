"""Accumulators that the spec makes narrower than the sums can be: refused, or they wrap."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops.arithmetic import wrap
from hwgen.quant import quantize
from hwgen.spec.model import Accumulator, Precision
from hwgen.verify.rtl import simulate_rtl
from support.graphs import make_graph, make_spec
from support.hls import hls_outputs
from support.specs import compile_spec

SPEC = """\
hwgen: 1
name: narrow
model:
  inputs: {x: {shape: [3, 6, 6]}}
  layers:
    - {name: c, op: conv2d, in: x, channels: 4, kernel: 3, activation: relu}
    - {name: y, op: linear, in: c, features: 5}
  outputs: [c, y]
weights: {random: 3}
quantize: {default: {weights: int4, activations: int5, accumulator: {bits: 9, overflow: wrap}}}
accelerator: {schedule: SCHEDULE, budget: {multipliers: 12}}
"""


def net():
    return make_graph({"x": (40,)}, [{"name": "y", "op": "linear", "in": "x", "features": 6}])


def quantised(bits, overflow, tmp_path):
    graph = net()
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(1).standard_normal((200, 40)))
    fixed = None if bits is None else Accumulator(bits, overflow)
    precision = Precision(4, 4, accumulator=fixed)
    return quantize(graph, make_spec(graph, precision, None, tmp_path / "c.npz"))


def test_one_that_is_wide_enough_changes_nothing(tmp_path):
    free = quantised(None, "", tmp_path)
    needed = free.node("y").acc_bits
    fixed = quantised(needed, "wrap", tmp_path)
    assert (fixed.node("y").acc_bits, fixed.notes) == (needed, ())
    assert "wrap" not in fixed.node("y").lowered.attrs
    assert quantised(needed + 3, "error", tmp_path).node("y").acc_bits == needed


def test_one_that_is_too_narrow_is_refused(tmp_path):
    needed = quantised(None, "", tmp_path).node("y").acc_bits
    with pytest.raises(SpecError) as caught:
        quantised(needed - 1, "error", tmp_path)
    (found,) = caught.value.diagnostics
    assert found.code == "HG473"
    assert f"sums of {needed} bits, and its accumulator is fixed at {needed - 1}" in found.message
    assert f"accumulator: {{bits: {needed}}}" in found.hint


def test_sums_wrap_and_the_note_counts_them(tmp_path):
    free, fixed = quantised(None, "", tmp_path), quantised(7, "wrap", tmp_path)
    values = np.random.default_rng(1).standard_normal((200, 40))
    codes = golden.encode_inputs(free, {"x": values})
    lowered = free.node("y").lowered
    got = golden.run(fixed, codes)["y"]
    wrong = 0
    for row, results in zip(codes["x"].tolist(), got.tolist(), strict=True):
        for k, result in enumerate(results):
            weight, bias = (
                lowered.constants["weight"][k].tolist(),
                int(lowered.constants["bias"][k]),
            )
            acc = bias + sum(x * w for x, w in zip(row, weight, strict=True))
            inside = (acc + 64) % 128 - 64
            wrong += inside != acc
            requant = lowered.requant
            scaled = inside * int(requant.multiplier[k]) + (1 << requant.shift) // 2
            assert result == min(max(scaled >> requant.shift, requant.low), requant.high)
    (note,) = fixed.notes
    needed = free.node("y").acc_bits
    assert wrong > 10
    assert f"y has an accumulator of 7 bits, {needed} would hold every sum: {wrong} of 1200" in note
    assert fixed.node("y").acc_bits == 7


def test_partial_sums_may_leave_the_range_and_come_back(tmp_path):
    """Wrapping is a ring homomorphism: only the whole sum has to fit."""
    free, fixed = quantised(None, "", tmp_path), quantised(8, "wrap", tmp_path)
    inputs = golden.random_inputs(free, 300, 1)
    lowered = free.node("y").lowered
    sums = inputs["x"] @ lowered.constants["weight"].T + lowered.constants["bias"]
    fits = wrap(sums, 8) == sums
    same = golden.run(free, inputs)["y"] == golden.run(fixed, inputs)["y"]
    assert 0.1 < fits.mean() < 0.95
    assert same[fits].all()
    assert not same[~fits].all()


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    "schedule", [pytest.param("sequential", marks=pytest.mark.nightly), "dataflow"]
)
def test_hardware_wraps_alike(schedule, tmp_path):
    qgraph, plan = compile_spec(SPEC.replace("SCHEDULE", schedule), tmp_path)
    assert {engine.acc_bits for engine in plan.engines if engine.template == "mac"} == {9}
    inputs = golden.random_inputs(qgraph, 4, seed=2)
    expected = golden.run(qgraph, inputs)
    rtl = simulate_rtl(plan, qgraph, inputs, tmp_path / "sim", runner="native")
    hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")
    for name in qgraph.outputs:
        assert np.array_equal(rtl.outputs[name], expected[name])
        assert np.array_equal(hls[name], expected[name])


def test_a_shared_engine_of_another_width_is_refused(tmp_path):
    text = SPEC.replace("int5, accumulator", "int5}, layers: {y: {accumulator")
    text = text.replace("wrap}}}", "wrap}}}}").replace("SCHEDULE", "sequential")
    with pytest.raises(SpecError) as caught:
        compile_spec(text, tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, "the sums of y wrap at 9 bits" in found.message) == ("HG474", True)
    compile_spec(text.replace("sequential", "dataflow"), tmp_path)
