import numpy as np
import pytest

from hwgen.errors import SpecError
from hwgen.graph import build_graph, check_model
from hwgen.ops import get_op
from hwgen.spec import load_spec
from support.spec_texts import GOOD, changed, write


def spec_text(layers, outputs, inputs="image: {shape: [2, 6, 6]}", more=""):
    lines = "".join(f"    - {{{line}}}\n" for line in layers)
    return f"""\
hwgen: 1
name: net
model:
  inputs: {{{inputs}}}
  layers:
{lines}  outputs: {outputs}
weights: {{random: 3}}
{more}accelerator: {{schedule: dataflow, budget: {{multipliers: 4}}}}
"""


def graph_of(folder, *args, **kwargs):
    path, _ = write(folder, spec_text(*args, **kwargs))
    return check_model(path)[1]


def run(graph, data):
    """Return the outputs of a graph in real numbers."""
    values = dict(data)
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        values[node.name] = get_op(node.op).real(node.params, inputs, graph.node_weights(node.name))
    return [values[name] for name in graph.outputs]


def test_shapes_and_names_follow_the_spec(tmp_path):
    path, _ = write(tmp_path, GOOD)

    graph = build_graph(load_spec(path))

    assert [(n.name, n.op, n.inputs, n.shape) for n in graph.nodes] == [
        ("conv1", "conv2d", ("image",), (4, 6, 6)),
        ("pool1", "max_pool2d", ("conv1",), (4, 3, 3)),
        ("fc", "linear", ("pool1",), (10,)),
    ]
    assert graph.outputs == ("fc",)
    assert graph.shape("image") == (1, 8, 8)
    assert (graph.node("fc").mark.line, graph.node("fc").mark.column) == (9, 7)
    assert {name: array.shape for name, array in graph.weights.items()} == {
        "conv1.weight": (4, 1, 3, 3),
        "conv1.bias": (4,),
        "fc.weight": (10, 36),
        "fc.bias": (10,),
    }


def test_layers_may_stand_in_any_order(tmp_path):
    layers = [
        "name: last, op: add, in: [left, right]",
        "name: right, op: relu, in: image",
        "name: left, op: max_pool2d, in: image, kernel: 1",
    ]

    graph = graph_of(tmp_path, layers, "[last]")

    names = [node.name for node in graph.nodes]
    assert sorted(names) == ["last", "left", "right"]
    for node in graph.nodes:
        assert all(n == "image" or names.index(n) < names.index(node.name) for n in node.inputs)


def test_a_long_chain_needs_no_recursion(tmp_path):
    count = 2000
    layers = [
        f"name: r{n}, op: relu, in: {f'r{n + 1}' if n < count - 1 else 'image'}"
        for n in range(count)
    ]

    graph = graph_of(tmp_path, layers, "[r0]")

    assert [node.name for node in graph.nodes] == [f"r{n}" for n in reversed(range(count))]


def test_a_spec_made_by_a_program_is_checked_too(tmp_path):
    from dataclasses import replace

    path, _ = write(tmp_path, GOOD)
    spec = load_spec(path)
    lost = replace(spec.layers[0], inputs=("nowhere",))

    with pytest.raises(SpecError) as caught:
        build_graph(replace(spec, layers=(lost, *spec.layers[1:])))

    assert "HG116" in [d.code for d in caught.value.diagnostics]


# -- absorb_flatten -------------------------------------------------------------------------------

FLAT = [
    "name: conv, op: conv2d, in: image, channels: 3, kernel: 3",
    "name: flat, op: flatten, in: conv",
    "name: fc, op: linear, in: flat, features: 5",
]


def test_a_flatten_before_linear_layers_disappears(tmp_path):
    layers = [*FLAT, "name: fc2, op: linear, in: flat, features: 2"]

    graph = graph_of(tmp_path, layers, "[fc, fc2]")

    assert [node.name for node in graph.nodes] == ["conv", "fc", "fc2"]
    assert graph.node("fc").inputs == graph.node("fc2").inputs == ("conv",)


def test_absorbing_a_flatten_changes_no_value(tmp_path):
    data = {"image": np.random.default_rng(1).normal(size=(3, 2, 6, 6))}
    absorbed = graph_of(tmp_path, FLAT, "[fc]")
    kept = graph_of(tmp_path, FLAT, "[fc, flat]")

    assert [node.name for node in kept.nodes] == ["conv", "flat", "fc"]
    assert np.array_equal(run(absorbed, data)[0], run(kept, data)[0])


def test_two_flattens_in_a_row_disappear(tmp_path):
    layers = [FLAT[0], "name: flat0, op: flatten, in: conv", "name: flat, op: flatten, in: flat0"]

    graph = graph_of(tmp_path, [*layers, FLAT[2]], "[fc]")

    assert [node.name for node in graph.nodes] == ["conv", "fc"]


@pytest.mark.parametrize(
    ("layers", "outputs", "more"),
    {
        "it is an output": (FLAT, "[fc, flat]", ""),
        "another op reads it": ([*FLAT, "name: top, op: argmax, in: flat"], "[fc, top]", ""),
        "the spec names it": (FLAT, "[fc]", "quantize: {layers: {flat: {symmetric: true}}}\n"),
    }.values(),
)
def test_a_flatten_stays(tmp_path, layers, outputs, more):
    graph = graph_of(tmp_path, layers, outputs, more=more)

    assert "flat" in [node.name for node in graph.nodes]


def test_a_flatten_of_a_sequence_stays(tmp_path):
    layers = ["name: flat, op: flatten, in: x", "name: fc, op: linear, in: flat, features: 5"]

    graph = graph_of(tmp_path, layers, "[fc]", inputs="x: {shape: [4, 3]}")

    assert [node.name for node in graph.nodes] == ["flat", "fc"]
    assert graph.shape("fc") == (5,)  # of all tokens, not of each


# -- fuse_activation ------------------------------------------------------------------------------

RELU = [
    "name: conv, op: conv2d, in: image, channels: 3, kernel: 3",
    "name: act, op: relu, in: conv",
    "name: fc, op: linear, in: act, features: 5",
]


def test_a_relu_joins_its_producer_under_its_own_name(tmp_path):
    graph = graph_of(tmp_path, RELU, "[fc]")

    assert [node.name for node in graph.nodes] == ["act", "fc"]
    merged = graph.node("act")
    assert (merged.op, merged.inputs, merged.params.activation) == ("conv2d", ("image",), "relu")
    assert set(graph.weights) == {"act.weight", "act.bias", "fc.weight", "fc.bias"}


@pytest.mark.parametrize(
    "producer",
    [
        "op: conv2d, in: image, channels: 3, kernel: 3",
        "op: linear, in: image, features: 7",
        "op: add, in: [image, image]",
    ],
)
def test_fusing_a_relu_changes_no_value(tmp_path, producer):
    layers = [f"name: x, {producer}", "name: act, op: relu, in: x"]
    data = {"image": np.random.default_rng(2).normal(size=(3, 2, 6, 6))}
    fused = graph_of(tmp_path, layers, "[act]")
    apart = graph_of(tmp_path, layers, "[act, x]")

    assert [len(fused.nodes), len(apart.nodes)] == [1, 2]
    # Weights are drawn by the layer's name, so both graphs have the same.
    assert np.array_equal(run(fused, data)[0], run(apart, data)[0])
    assert run(apart, data)[1].min() < 0


def test_an_output_keeps_the_name_of_the_relu(tmp_path):
    graph = graph_of(tmp_path, RELU[:2], "[act]")

    assert graph.outputs == ("act",)
    assert [node.name for node in graph.nodes] == ["act"]


def test_a_relu_behind_an_absorbed_flatten_is_fused_too(tmp_path):
    layers = [*FLAT, "name: act, op: relu, in: fc"]

    graph = graph_of(tmp_path, layers, "[act]")

    assert [(n.name, n.op, n.inputs) for n in graph.nodes] == [
        ("conv", "conv2d", ("image",)),
        ("act", "linear", ("conv",)),
    ]


def test_a_second_relu_stays(tmp_path):
    layers = [*RELU[:2], "name: act2, op: relu, in: act"]

    graph = graph_of(tmp_path, layers, "[act2]")

    assert [(n.name, n.op) for n in graph.nodes] == [("act", "conv2d"), ("act2", "relu")]


@pytest.mark.parametrize(
    ("layers", "outputs", "more"),
    {
        "the producer is an output": (RELU, "[fc, conv]", ""),
        "the producer has another reader": (
            [*RELU, "name: pool, op: max_pool2d, in: conv, kernel: 2"], "[fc, pool]", "",
        ),
        "the producer cannot clamp": (
            ["name: conv, op: max_pool2d, in: image, kernel: 2", *RELU[1:]], "[fc]", "",
        ),
        "the spec names the producer": (
            RELU, "[fc]", "quantize: {layers: {conv: {weights: int3}}}\n",
        ),
        "it reads an input": (["name: act, op: relu, in: image", RELU[2]], "[fc]", ""),
    }.values(),
)  # fmt: skip
def test_a_relu_stays(tmp_path, layers, outputs, more):
    graph = graph_of(tmp_path, layers, outputs, more=more)

    assert graph.node("act").op == "relu"


def test_the_graph_knows_who_reads_a_tensor(tmp_path):
    path, _ = write(tmp_path, changed("outputs: [fc]", "outputs: [fc, pool1]"))
    _, graph = check_model(path)

    assert graph.consumers("image") == ("conv1",)
    assert graph.consumers("fc") == ()
