# amaranth: UnusedElaboratable=no
"""The stand-alone component of each op is what the compiler makes of the same op."""

import random
from math import prod

import numpy as np
import pytest

from hwgen.emit.rtl.memories import channel_words, weight_words
from hwgen.emit.rtl.rows import walk_of_rows
from hwgen.emit.rtl.walks import granule, mac_walk, vector_walk
from hwgen.golden import to_stream
from hwgen.ops import op_names
from hwgen.plan.cost import ROWS, issue_cycles
from rtl_templates.arith.codes import Codes
from rtl_templates.arith.requantize import Scale
from rtl_templates.conv.conv2d import Conv2d
from rtl_templates.mac.linear import Linear
from rtl_templates.mac.mac_core import MacCore
from rtl_templates.mac.mac_op import MacFold
from rtl_templates.memory.fit import bank_count, granule_of
from rtl_templates.vector.add import Add
from rtl_templates.vector.max_pool2d import MaxPool2d
from rtl_templates.vector.relu import Relu
from rtl_templates.vector.vector_core import VectorCore
from support.op_components import ARRAY_OPS, OPS, draw_node
from support.streams import drive, pack, unpack

DRAWS = 40


def nodes(name, count=DRAWS):
    rng = np.random.default_rng([7, *name.encode()])
    return [draw_node(name, rng) for _ in range(count)]


def test_every_op_has_a_component():
    assert sorted((*OPS, *ARRAY_OPS)) == sorted(op_names())


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("concat", "interleave")])
def test_walks_as_the_compiler_does(name):
    for node in nodes(name):
        component = node.component
        if node.work.kind == "mac":
            assert component.walk == mac_walk(node.work, node.fold)
        elif node.work.kind in ROWS:
            assert component.walk == walk_of_rows(node.work, node.fold.lanes)
        else:
            assert component.walk == vector_walk(node.work, node.fold.lanes)
        for banks in (1, 4, 16):
            assert granule_of(component.walk, banks) == granule(component.walk, banks)


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv_phase2d", "conv_transpose1d", "linear"])
def test_memories_as_the_compiler_does(name):
    for node in nodes(name):
        core = node.component.core
        weights = node.op.stream_weights(node.lowered, node.shapes)
        assert core.weights == weight_words(weights, node.work, node.fold, core.shape.weight_bits)
        assert core.channels == channel_words(
            node.lowered.constants["bias"],
            node.lowered.requant,
            node.fold.lanes,
            core.shape.acc_bits,
            core.shape.multiplier_bits,
        )


@pytest.mark.parametrize("name", OPS)
def test_cycles_as_predicted(name):
    for node in nodes(name):
        assert node.component.cycles == issue_cycles(node.work, node.fold)


def beats_of(node, codes):
    component = node.component
    bits = component.core.shape.x_bits
    return [pack(to_stream(item).ravel().tolist(), node.beat, bits) for item in codes]


def check(node, rng, stalls, reset_at):
    """Three tensors through the component equal the golden model."""
    codes = node.codes(rng, 3)
    golden = node.golden(codes).ravel().tolist()
    lanes = node.fold.lanes
    seen = drive(
        node.component,
        beats_of(node, codes),
        len(golden) // lanes,
        rng=random.Random(int(rng.integers(1 << 30))) if stalls else None,
        reset_at=reset_at,
    )
    assert unpack(seen.beats, lanes, node.out.bits, node.out.signed) == golden
    return seen


@pytest.mark.parametrize("stalls", [False, True], ids=["free", "stalled"])
@pytest.mark.parametrize("name", OPS)
def test_equals_the_golden_model(name, stalls):
    rng = np.random.default_rng([3 + stalls, *name.encode()])
    for _ in range(2):
        node = draw_node(name, rng)
        check(node, rng, stalls, int(rng.integers(1, 60)) if stalls else None)


@pytest.mark.parametrize(
    "name",
    [
        *("conv2d", "linear", "max_pool2d", "add", "concat", "argmax", "layer_norm", "softmax"),
        *("gelu", "mul", "rope", "embedding"),
    ],
)
def test_initiation_interval(name):
    """With room for whole tensors, the slowest of engine and streams sets the pace."""
    rng = np.random.default_rng([5, *name.encode()])
    node = draw_node(name, rng)
    elements = max(prod(shape) for shape in node.shapes)
    banks = bank_count(node.beat, max(node.fold.elements, node.fold.lanes))
    component = node.built(depth=4 * elements * banks, queue=64)
    codes = node.codes(rng, 6)
    inputs = beats_of(node, codes)
    per_tensor = node.work.results // node.fold.lanes
    seen = drive(component, inputs, 6 * per_tensor)
    ends = seen.cycles[per_tensor - 1 :: per_tensor]
    beats_in = max(prod(shape) // node.beat for shape in node.shapes)

    assert ends[-1] - ends[-2] == max(component.cycles, beats_in, per_tensor)


def test_latency_of_a_linear_layer():
    fold = MacFold(elements=3, outputs=2, lanes=1)
    dut = Linear(weights=[[1, -2, 3, 4, 5]] * 4, fold=fold, beat=1, **MAC)
    seen = drive(dut, [[1, 2, 3, 4, 5]], 4)

    # 5 beats, then 2 steps lead to the first block of results.
    assert seen.offered == 5 + 2 + MacCore.latency(3)
    assert seen.active == dut.cycles == 4
    assert dut.utilisation == 20 / (4 * 6)


def test_latency_of_an_elementwise_layer():
    dut = Relu(x=Codes(4, True), positions=1, channels=8, lanes=4, beat=2)
    seen = drive(dut, [[0] * 4], 2)

    assert seen.offered == 4 + VectorCore.LATENCY + 1
    assert seen.active == dut.cycles == 2


X = Codes(4, True)
SCALE = Scale(4, 0, -8, 7)
MAC = {
    "x": X,
    "biases": [0] * 4,
    "multipliers": [3] * 4,
    "scale": SCALE,
    "out_bits": 4,
}
ROW = [[1, 2, 3]] * 4
CONV = {"height": 4, "width": 4, "channels": 1, "weights": [[[[1, 1], [1, 1]]]] * 4}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Codes(0, True), "Codes must have 1 to 32 bits, not 0"),
        (lambda: Linear(weights=ROW, **{**MAC, "biases": [0]}), "Biases must be 4, one per"),
        (lambda: Linear(weights=ROW, **{**MAC, "multipliers": [1 << 16] * 4}), "Multipliers must"),
        (lambda: Linear(weights=ROW, fold=MacFold(outputs=3, lanes=2), **MAC), "Lanes must divide"),
        (lambda: Linear(weights=ROW, fold=MacFold(elements=0), **MAC), "A fold must be at least 1"),
        (lambda: Linear(weights=ROW, beat=2, **MAC), "Beats of 2 do not divide a tensor of 3"),
        (lambda: Conv2d(**CONV, fold=MacFold(rows=3), **MAC), "Rows must be 1 or all 2 kernel"),
        (lambda: Conv2d(**CONV, padding=((2, 0), (0, 0)), **MAC), "Padding must be in"),
        (lambda: Conv2d(**CONV, groups=3, **MAC), "Weights must have 1 / 3 input channels"),
        (lambda: Conv2d(**{**CONV, "height": 1}, **MAC), "A window of 2 elements does not fit 1"),
        (
            lambda: Relu(x=X, positions=1, channels=6, lanes=4),
            "Lanes must divide the 6 channels, not 4",
        ),
        (
            lambda: Add(x=X, positions=1, channels=2, multipliers=[1], scale=SCALE, out_bits=4),
            "A sum must have at least 2 inputs, not 1",
        ),
        (
            lambda: MaxPool2d(x=X, height=2, width=2, channels=1, kernel=(3, 1)),
            "window does not fit a 2 x 2 image",
        ),
    ],
)
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
