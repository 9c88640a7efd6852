"""The block conv_transpose2d: its graph equals what each element adds to the result."""

import numpy as np
import pytest

from hwgen.errors import SpecError
from hwgen.graph import build_graph
from hwgen.quant import quantize
from hwgen.quant.execute import run_real
from hwgen.spec import load_spec

TEXT = """\
hwgen: 1
name: net
model:
  inputs: {{x: {{shape: [4, 3, 4]}}}}
  layers:
    - {{name: y, op: conv_transpose2d, in: x, channels: 6, {keys}}}
  outputs: [y]
weights: {{random: 3}}
accelerator: {{schedule: sequential, budget: {{multipliers: 1}}}}
"""

CASES = [
    ("kernel: 4, stride: 2, padding: 1", (4, 4), (2, 2), ((1, 1), (1, 1)), (0, 0)),
    (
        "kernel: 3, stride: 2, padding: 1, output_padding: 1",
        *((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    ),
    (
        "kernel: [7, 3], stride: [3, 1], padding: [[2, 0], [0, 1]], output_padding: [1, 0]",
        *((7, 3), (3, 1), ((2, 0), (0, 1)), (1, 0)),
    ),
    ("kernel: [1, 2], stride: [1, 2]", (1, 2), (1, 2), ((0, 0), (0, 0)), (0, 0)),
    (
        "kernel: [3, 7], stride: [2, 4], padding: [[0, 2], [6, 1]], output_padding: [1, 0]",
        *((3, 7), (2, 4), ((0, 2), (6, 1)), (1, 0)),
    ),
]


def spec_of(folder, keys):
    path = folder / "spec.yaml"
    path.write_text(TEXT.format(keys=keys))
    return load_spec(path)


def whole_weight(graph, kernel, stride, groups):
    """Return the weights of the phases as (input channels, channels / groups, kernel)."""
    weight = np.zeros((4, 6 // groups, *kernel))
    split = stride[1] if groups > 1 else 1
    for k, m in np.ndindex(stride[0], split):
        name = "y" + (f"_phase{k}" if stride[0] > 1 or split > 1 else "")
        name += f"_{m}" if split > 1 else ""
        weight[:, :, k :: stride[0], m::split] = graph.weights[f"{name}.weight"]
    return weight


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("keys", "kernel", "stride", "pads", "extra"), CASES)
def test_the_result_is_what_each_element_adds(tmp_path, keys, kernel, stride, pads, extra, groups):
    graph = build_graph(spec_of(tmp_path, f"{keys}, groups: {groups}"))
    weight, bias = whole_weight(graph, kernel, stride, groups), np.linspace(-1.0, 2.0, 6)
    biases = [name for name in graph.weights if name.endswith("bias")]
    assert len(biases) == stride[0] * (stride[1] if groups > 1 else 1)
    graph.weights.update(dict.fromkeys(biases, bias))
    data = np.random.default_rng(1).standard_normal((4, 3, 4))

    got = run_real(graph, {"x": data[None]})["y"][0]

    size = [
        (n - 1) * s + k - sum(p) + e
        for n, k, s, p, e in zip((3, 4), kernel, stride, pads, extra, strict=True)
    ]
    wanted = np.zeros((6, *size)) + bias[:, None, None]
    for c, h, w, own, i, j in np.ndindex(4, 3, 4, 6 // groups, *kernel):
        u, v = h * stride[0] + i - pads[0][0], w * stride[1] + j - pads[1][0]
        o = c // (4 // groups) * (6 // groups) + own
        if 0 <= u < size[0] and 0 <= v < size[1]:
            wanted[o, u, v] += data[c, h, w] * weight[c, own, i, j]
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert graph.shape("y") == wanted.shape


def test_all_phases_have_one_type_and_their_rows_are_kept(tmp_path):
    spec = spec_of(tmp_path, CASES[0][0])
    qgraph = quantize(build_graph(spec), spec)

    assert [node.op for node in qgraph.nodes] == ["conv_phase2d", "conv_phase2d", "interleave"]
    assert len({node.out.type for node in qgraph.nodes}) == 1
    assert qgraph.node("y").lowered.requant.identity


def test_phases_of_groups_have_one_type_too(tmp_path):
    spec = spec_of(tmp_path, CASES[0][0] + ", groups: 2")
    qgraph = quantize(build_graph(spec), spec)

    row = ["conv_phase2d", "conv_phase2d", "interleave"]
    assert [node.op for node in qgraph.nodes] == [*row, *row, "interleave"]
    assert len({node.out.type for node in qgraph.nodes}) == 1
    assert all(node.lowered.requant.identity for node in qgraph.nodes if node.op == "interleave")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("kernel: 3, stride: 2", "a result of 7 rows is no whole number of strides of 2"),
        ("kernel: [1, 4], stride: 2", "a kernel of 1 rows leaves rows of a stride of 2 empty"),
        ("kernel: 4, stride: 2, padding: 4", "padding 4 is not smaller than the kernel's 4"),
        ("kernel: [2, 3], stride: 2", "a result of 9 columns is no whole number"),
        ("kernel: 2, stride: [2, 3], groups: 2", "a kernel of 2 columns leaves columns of"),
        ("kernel: 2, groups: 4", "groups 4 does not divide the 6 output channels"),
    ],
)
def test_illegal_sizes_are_refused(tmp_path, keys, text):
    with pytest.raises(SpecError, match=text):
        build_graph(spec_of(tmp_path, keys))
