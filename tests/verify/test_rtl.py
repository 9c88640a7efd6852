"""Faults planted into emitted hardware are reported where they are, with cycle and values."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import golden
from hwgen.emit.rtl import emit_verilog
from hwgen.errors import VerificationError
from hwgen.verify.diagnose import MismatchError
from hwgen.verify.rtl import simulate_rtl, verify_rtl
from support.specs import compile_spec

pytestmark = pytest.mark.verilator

SPEC = """\
hwgen: 1
name: planted
model:
  inputs:
    x: {{shape: [2, 4, 4]}}
  layers:
    - {{name: c, op: conv2d, in: x, channels: 4, kernel: 3, padding: same, activation: relu}}
    - {{name: p, op: max_pool2d, in: c, kernel: 2}}
    - {{name: r, op: requantize, in: p}}
    - {{name: k, op: concat, in: [p, r]}}
    - {{name: f, op: linear, in: k, features: 4}}
  outputs: [f]
weights: {{random: 3}}
quantize:
  default: {{weights: int4, activations: int6}}
  layers: {{r: {{activations: int3}}}}
accelerator:
  schedule: {schedule}
  budget: {{multipliers: {multipliers}}}
"""


def network(folder, schedule="dataflow", multipliers=8):
    qgraph, plan = compile_spec(SPEC.format(schedule=schedule, multipliers=multipliers), folder)
    return qgraph, plan, golden.random_inputs(qgraph, 3, seed=5)


def with_fault(qgraph, name):
    """Return the qgraph with another constant in one node."""
    nodes = []
    for node in qgraph.nodes:
        if node.name == name:
            lowered = node.lowered
            if "bias" in lowered.constants:
                bias = lowered.constants["bias"] + (1 << (node.acc_bits - 4))
                lowered = replace(lowered, constants={**lowered.constants, "bias": bias})
            else:
                multiplier = lowered.requant.multiplier.copy()
                multiplier[-1] //= 2  # of a concat's last input
                lowered = replace(lowered, requant=replace(lowered.requant, multiplier=multiplier))
            node = replace(node, lowered=lowered)
        nodes.append(node)
    return replace(qgraph, nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("layer", "schedule"),
    [
        ("c", "dataflow"),
        ("r", "sequential"),
        ("k", "sequential"),
        ("k", "dataflow"),
        ("f", "dataflow"),
    ],
)
def test_a_wrong_constant_is_found_where_it_first_shows(tmp_path, layer, schedule):
    qgraph, plan, inputs = network(tmp_path, schedule)
    flipped = with_fault(qgraph, layer)
    first = golden.first_difference(qgraph, golden.run(qgraph, inputs), golden.run(flipped, inputs))
    assert first.tensor == layer

    with pytest.raises(MismatchError) as caught:
        simulate_rtl(
            plan,
            qgraph,
            inputs,
            tmp_path,
            runner="native",
            optimise=0,
            emit=lambda trace: emit_verilog(plan, flipped, trace=trace),
        )

    found = caught.value.mismatch
    assert found.layer == layer
    assert (found.tensor, found.element, found.index) == (first.sample, first.element, first.index)
    assert (found.expected, found.got) == (first.expected, first.got)
    assert 0 < found.cycle < plan.prediction.latency * 3
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert message.startswith(f"HG701: RTL differs from the golden model: layer {layer!r}, tensor ")
    assert f"cycle {found.cycle}: expected {found.expected}, got {found.got}" in message
    assert str(caught.value.wave) in message
    assert caught.value.wave.read_text().startswith("$version")


def test_cocotb_and_the_compiled_testbench_report_the_same(tmp_path):
    qgraph, plan, inputs = network(tmp_path)
    flipped = with_fault(qgraph, "f")
    reports = []
    for runner in ("native", "cocotb"):
        with pytest.raises(MismatchError) as caught:
            simulate_rtl(
                plan,
                qgraph,
                inputs,
                tmp_path / runner,
                runner=runner,
                optimise=0,
                stalls=True,
                emit=lambda trace: emit_verilog(plan, flipped, trace=trace),
            )
        reports.append(caught.value.mismatch)

    assert reports[0] == reports[1]


def change(text, old, new):
    assert old in text
    return text.replace(old, new)


def mutated(plan, qgraph, old, new):
    return lambda trace: change(emit_verilog(plan, qgraph, trace=trace), old, new)


def test_ignored_back_pressure_is_found(tmp_path):
    qgraph, plan, inputs = network(tmp_path)
    deaf = mutated(plan, qgraph, ".m_f__ready(m_axis_f_tready)", ".m_f__ready(1'h1)")

    simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native", optimise=0, emit=deaf)
    with pytest.raises(VerificationError, match=r"^HG70[123]: .*run: stalls"):
        simulate_rtl(
            plan, qgraph, inputs, tmp_path, runner="native", optimise=0, stalls=True, emit=deaf
        )


def test_a_missing_last_is_found(tmp_path):
    qgraph, plan, inputs = network(tmp_path)
    bits = qgraph.tensor("f").type.bits * plan.output_lanes["f"]
    old, new = f"m_axis_f_tlast = m_f__payload[{bits}]", "m_axis_f_tlast = 1'h0"
    beats = 4 // plan.output_lanes["f"]

    with pytest.raises(VerificationError) as caught:
        simulate_rtl(
            plan,
            qgraph,
            inputs,
            tmp_path,
            runner="native",
            optimise=0,
            emit=mutated(plan, qgraph, old, new),
        )

    assert caught.value.code == "HG704"
    last = beats - 1
    assert f"last = 0 in beat {last} of {beats} of tensor 0, cycle" in str(caught.value)


def test_an_output_that_stands_still_is_found(tmp_path):
    qgraph, plan, inputs = network(tmp_path)
    deaf = mutated(plan, qgraph, ".i__valid(s_axis_x_tvalid)", ".i__valid(1'h0)")

    with pytest.raises(VerificationError, match=r"^HG702: output 'f' stands still: 0 beats in"):
        simulate_rtl(plan, qgraph, inputs, tmp_path, runner="native", optimise=0, emit=deaf)


def test_a_wrong_prediction_is_found(tmp_path):
    qgraph, plan, inputs = network(tmp_path)
    _, slower, _ = network(tmp_path, multipliers=4)
    assert slower.prediction.latency != plan.prediction.latency
    assert slower.input_lanes == plan.input_lanes
    assert slower.output_lanes == plan.output_lanes

    with pytest.raises(VerificationError) as caught:
        simulate_rtl(
            plan,
            qgraph,
            inputs,
            tmp_path,
            runner="native",
            optimise=0,
            emit=lambda trace: emit_verilog(slower, qgraph, trace=trace),
        )

    assert caught.value.code == "HG705"
    predicted, came = plan.prediction.latency - 1, slower.prediction.latency - 1
    assert f"predicted for cycle {predicted} and came in cycle {came}" in str(caught.value)


@pytest.mark.parametrize("schedule", ["dataflow", "sequential"])
def test_both_testbenches_pass_what_is_right_and_agree(tmp_path, schedule):
    qgraph, plan, inputs = network(tmp_path, schedule)
    expected = golden.run(qgraph, inputs)["f"]

    results = [
        verify_rtl(plan, qgraph, inputs, tmp_path / runner, runner=runner, wave=runner == "cocotb")
        for runner in ("cocotb", "native")
    ]

    for result in results:
        assert np.array_equal(result.outputs["f"], expected)
        assert result.latency == plan.prediction.latency
        assert result.interval == plan.prediction.interval
        assert [name.split()[0] for name in result.scenarios] == [
            "free", "stalls", "back_to_back", "reset",
        ]  # fmt: skip
    assert results[0].cycles == results[1].cycles
    assert results[0].counters == results[1].counters
    assert results[0].counters["TENSORS"] == 3
    assert results[0].wave.name == "free.vcd"
    assert "s_axis_x_tdata" in results[0].wave.read_text()
    assert results[1].wave is None
