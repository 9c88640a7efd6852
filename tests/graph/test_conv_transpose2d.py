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
  inputs: {{x: {{shape: [2, 3, 4]}}}}
  layers:
    - {{name: y, op: conv_transpose2d, in: x, channels: 3, {keys}}}
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
]


def spec_of(folder, keys):
    path = folder / "spec.yaml"
    path.write_text(TEXT.format(keys=keys))
    return load_spec(path)


@pytest.mark.parametrize(("keys", "kernel", "stride", "pads", "extra"), CASES)
def test_the_result_is_what_each_element_adds(tmp_path, keys, kernel, stride, pads, extra):
    graph = build_graph(spec_of(tmp_path, keys))
    weight = np.zeros((2, 3, *kernel))
    for phase in range(stride[0]):
        name = "y" if stride[0] == 1 else f"y_phase{phase}"
        weight[:, :, phase :: stride[0]] = graph.weights[f"{name}.weight"]
    biases = {n: b for n, b in graph.weights.items() if n.endswith("bias")}
    assert len(biases) == stride[0]
    graph.weights.update({name: np.array([0.5, -1.0, 2.0]) for name in biases})
    data = np.random.default_rng(1).standard_normal((2, 3, 4))

    got = run_real(graph, {"x": data[None]})["y"][0]

    size = [
        (n - 1) * s + k - sum(p) + e
        for n, k, s, p, e in zip((3, 4), kernel, stride, pads, extra, strict=True)
    ]
    wanted = np.zeros((3, *size)) + np.array([0.5, -1.0, 2.0])[:, None, None]
    for c, h, w, o, i, j in np.ndindex(2, 3, 4, 3, *kernel):
        u, v = h * stride[0] + i - pads[0][0], w * stride[1] + j - pads[1][0]
        if 0 <= u < size[0] and 0 <= v < size[1]:
            wanted[o, u, v] += data[c, h, w] * weight[c, o, i, j]
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert graph.shape("y") == wanted.shape


def test_all_phases_have_one_type_and_their_rows_are_kept(tmp_path):
    spec = spec_of(tmp_path, CASES[0][0])
    qgraph = quantize(build_graph(spec), spec)

    assert [node.op for node in qgraph.nodes] == ["conv_phase2d", "conv_phase2d", "interleave"]
    assert len({node.out.type for node in qgraph.nodes}) == 1
    assert qgraph.node("y").lowered.requant.identity


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("kernel: 3, stride: 2", "a result of 7 rows is no whole number of strides of 2"),
        ("kernel: [1, 4], stride: 2", "a kernel of 1 rows leaves rows of a stride of 2 empty"),
        ("kernel: 4, stride: 2, padding: 4", "padding 4 is not smaller than the kernel's 4"),
        ("kernel: [2, 3], stride: 2", "a result of 9 columns is no whole number"),
    ],
)
def test_illegal_sizes_are_refused(tmp_path, keys, text):
    with pytest.raises(SpecError, match=text):
        build_graph(spec_of(tmp_path, keys))
