"""Linear layers of 4-bit and 8-bit blocks in hardware: RTL and C++ equal the golden model."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops.blocks import Blocks
from hwgen.plan import predict
from hwgen.plan.reasons import explain
from hwgen.verify.rtl import verify_rtl
from support.hls import hls_outputs
from support.specs import compile_spec

TENSORS = 4
SPEC = """\
hwgen: 1
name: mixed
model:
  inputs: {{x: {{shape: {shape}{lengths}}}}}
  layers:
{layers}
  outputs: [y]
weights: {{random: 1}}
quantize:
  default: {{weights: int4, activations: {activations}, narrow: true, symmetric: {symmetric},
    mixed: {{channels: 8, loss: {loss}}}}}
  layers: {{{own}}}
  calibrate: {{file: c.npz}}
accelerator: {{schedule: sequential, budget: {{multipliers: {multipliers}}}}}
"""
MLP = """\
    - {name: up, op: linear, in: x, features: 32}
    - {name: act, op: gelu, in: up}
    - {name: down, op: linear, in: act, features: 24, activation: relu}
    - {name: y, op: linear, in: down, features: 6}"""
IMAGE = """\
    - {name: c, op: conv2d, in: x, channels: 4, kernel: 3, padding: same, activation: relu}
    - {name: y, op: linear, in: c, features: 10}"""
BLOCK = """\
    - {name: n, op: layer_norm, in: x}
    - {name: q, op: linear, in: n, features: 16}
    - {name: k, op: linear, in: n, features: 16}
    - {name: v, op: linear, in: n, features: 16}
    - {name: a, op: attention, in: [q, k, v], heads: 2, tile: 8, causal: true}
    - {name: p, op: linear, in: a, features: 16}
    - {name: r, op: add, in: [x, p]}
    - {name: y, op: linear, in: r, features: 16}"""
ODD = """\
    - {name: up, op: linear, in: x, features: 11}
    - {name: down, op: linear, in: up, features: 5}
    - {name: y, op: linear, in: down, features: 6}"""
CASES = {
    # One read takes several channels, and the channels of no layer are a multiple of it.
    "odd_channels": {
        "shape": (3, 15),
        "layers": ODD,
        "own": ", ".join(
            f"{name}: {{mixed: {{channels: {size}}}}}"
            for name, size in (("up", 5), ("down", 11), ("y", 5))
        ),
    },
    "mlp": {"shape": (7, 16), "layers": MLP},
    "zero_points": {"shape": (4, 16), "layers": MLP, "symmetric": "false", "loss": 2.0},
    "wide_codes": {"shape": (4, 16), "layers": MLP, "activations": "int10"},
    "image": {"shape": (2, 4, 4), "layers": IMAGE},
    # Attention's linear layers stay on its array; the last two read blocks.
    "block": {
        "shape": (6, 16),
        "layers": BLOCK,
        "own": "q: {mixed: false}, k: {mixed: false}, v: {mixed: false}",
        "multipliers": 64,
    },
    "lengths": {"shape": (6, 16), "layers": MLP, "lengths": ", lengths: [6, 3, 1]"},
    # Weights of 4 and of 8 bits on one array, whose reads do not divide all tokens.
    "weights": {
        "shape": (5, 15),
        "layers": MLP,
        "own": "up: {mixed: {channels: 5}}, down: {weights: int8}, y: {weights: int6}",
    },
}
DEFAULT = {
    "lengths": "",
    "activations": "int8",
    "symmetric": "true",
    "loss": 1.0,
    "own": "",
    "multipliers": 48,
}


def compiled(name, folder, before="", after=""):
    """Return (qgraph, plan) of a case, a part of whose text is changed."""
    case = DEFAULT | CASES[name]
    shape = case["shape"]
    values = np.random.default_rng(3).standard_normal((60, *shape))
    np.moveaxis(values, 1 if len(shape) == 3 else -1, 0)[1::5] *= 12.0
    np.savez(folder / "c.npz", x=values)
    text = SPEC.format(**case | {"shape": list(shape)})
    assert before in text
    return compile_spec(text.replace(before, after) if before else text, folder)


def blocks_of(qgraph):
    nodes = [node.lowered for node in qgraph.nodes]
    found = [Blocks.of(lowered.attrs, lowered.constants) for lowered in nodes]
    return [blocks for blocks in found if blocks is not None]


@pytest.mark.verilator
@pytest.mark.hls
@pytest.mark.parametrize(
    "name",
    [
        name if name in ("mlp", "weights") else pytest.param(name, marks=pytest.mark.nightly)
        for name in CASES
    ],
)
def test_golden_rtl_and_hls(name, tmp_path):
    qgraph, plan = compiled(name, tmp_path)
    widths = {bits for blocks in blocks_of(qgraph) for bits in blocks.bits}
    assert widths == {4, 8}
    lengths = golden.mixed_lengths(qgraph, TENSORS)
    inputs = golden.random_inputs(qgraph, TENSORS, 5)
    expected = golden.run(qgraph, inputs, lengths=lengths)
    # Compares every output with the golden model and every cycle with the prediction.
    rtl = verify_rtl(
        plan, qgraph, inputs, tmp_path / "sim", runner="native", optimise=0, lengths=lengths
    )
    assert rtl.latency == predict(plan, 1, lengths=lengths)[0] + 1
    assert rtl.outputs["y"].tolist() == expected["y"].tolist()
    if not lengths:
        hls = hls_outputs(plan, qgraph, inputs, tmp_path / "hls")
        assert hls["y"].tolist() == expected["y"].tolist()


def test_engines_share_the_budget(tmp_path):
    _, plan = compiled("block", tmp_path)
    assert {engine.template for engine in plan.engines} >= {"array", "mac_array"}
    assert plan.multipliers <= 64
    engine = next(engine for engine in plan.engines if engine.template == "mac_array")
    assert engine.hard_multipliers * 4 == engine.multipliers
    assert {task.node for task in plan.tasks if task.engine == engine.name} == {"p", "y"}


def test_weights_of_8_bits_are_twice_the_products(tmp_path):
    """No key but their width: the quantiser keeps to what two digits reach."""
    four = compiled("mlp", tmp_path)
    eight = compiled("mlp", tmp_path, "weights: int4", "weights: int8")
    for qgraph, most in ((four[0], 7), (eight[0], 112)):
        weights = [node.lowered.constants["weight"] for node in qgraph.nodes if node.op == "linear"]
        assert {np.abs(codes).max() for codes in weights} == {most}
    works = [[task.work for task in plan.tasks if task.work.blocks] for _, plan in (four, eight)]
    for one, two in zip(*works, strict=True):
        each = {
            work: sum(len(b.elements) * b.bits // 4 for b in work.blocks) for work in (one, two)
        }
        assert one.digit_products == one.row.count * one.outputs * each[one]
        assert two.digit_products == 2 * two.row.count * two.outputs * each[two]
    assert [plan.engines[0].template for _, plan in (four, eight)] == ["mac_array"] * 2
    cycles = [
        sum(task.cycles for task in plan.tasks if task.work.blocks) for _, plan in (four, eight)
    ]
    assert cycles[1] > 1.5 * cycles[0]
    told = [
        explain("mac_array", ones[0], plan.engines[0].fold)
        for ones, (_, plan) in zip(works, (four, eight), strict=True)
    ]
    assert ["weights two digits" in text for text in told] == [False, True]


@pytest.mark.parametrize(
    ("before", "after", "code", "hint"),
    [
        ("schedule: sequential", "schedule: dataflow", "HG472", "schedule: sequential"),
        ("narrow: true", "narrow: false", "HG477", "narrow: true, or int8"),
        ("weights: int4", "weights: int9", "HG479", "weights: int8 or fewer"),
        ("multipliers: 48", "multipliers: 3", "HG478", "multipliers: 4 or more"),
    ],
)
def test_what_has_no_engine_is_refused(tmp_path, before, after, code, hint):
    with pytest.raises(SpecError) as caught:
        compiled("mlp", tmp_path, before, after)
    assert {found.code for found in caught.value.diagnostics} == {code}
    assert hint in caught.value.diagnostics[0].hint
