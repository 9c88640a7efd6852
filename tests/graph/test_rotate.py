"""Rotations absorbed by weights: the model computes the same, and few bits hold its tensors."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import Mark, SpecError
from hwgen.graph import build_graph
from hwgen.graph.rotate import rotate
from hwgen.ops.orthogonal import hadamard, legal_sizes, rotation
from hwgen.quant import quantize, sqnr
from hwgen.spec import load_spec
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec

MARK = Mark("test.yaml", 3, 1)


def stream(norm="rms_norm", heads=2, features=24, **keys):
    """A pre-norm block between a linear layer and a head, as in language models."""
    linear = {"op": "linear", "features": features}
    layers = [
        {"name": "e", "in": "x", **linear},
        {"name": "n1", "op": norm, "in": "e"},
        {"name": "q", "in": "n1", **linear, "bias": False},
        {"name": "k", "in": "n1", **linear},
        {"name": "v", "in": "n1", **linear},
        {"name": "a", "op": "attention", "in": ["q", "k", "v"], "heads": heads, "tile": 8},
        {"name": "p", "in": "a", **linear},
        {"name": "s1", "op": "add", "in": ["e", "p"]},
        {"name": "n2", "op": norm, "in": "s1"},
        {"name": "u", "in": "n2", "op": "linear", "features": 40},
        {"name": "g", "op": "gelu", "in": "u"},
        {"name": "d", "in": "g", **linear},
        {"name": "s2", "op": "add", "in": ["s1", "d"]},
        {"name": "n3", "op": norm, "in": "s2"},
        {"name": "y", "in": "n3", "op": "linear", "features": 10},
    ]
    return make_graph({"x": (6, 16)}, layers, **keys)


def inputs(count=20, shape=(6, 16)):
    return {"x": np.random.default_rng(3).standard_normal((count, *shape))}


@pytest.mark.parametrize("size", [1, 2, 4, 12, 20, 24, 32, 64, 96, 160, 384, 576, 1536])
def test_matrices_are_orthogonal(size):
    matrix = hadamard(size)
    assert set(np.unique(matrix)) <= {-1.0, 1.0}
    assert np.array_equal(matrix @ matrix.T, size * np.eye(size))
    turned = rotation(size)
    assert np.allclose(turned @ turned.T, np.eye(size))


def test_sizes_without_a_matrix():
    assert [size for size in range(1, 30) if hadamard(size) is None] == [
        *(3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23, 25, 26, 27, 28, 29)
    ]
    assert legal_sizes(28) == (24, 32)
    assert legal_sizes(30) == (24, 32)
    assert legal_sizes(48) == (48, 48)


@pytest.mark.parametrize("norm", ["rms_norm", "layer_norm"])
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_the_model_computes_the_same(norm, heads):
    graph = stream(norm, heads)
    turned = rotate(graph, MARK)
    expected, got = golden.run_real(graph, inputs()), golden.run_real(turned, inputs())
    assert np.allclose(got["y"], expected["y"], rtol=1e-9, atol=1e-9)
    for name in ("e", "s1", "s2", "v", "a"):
        assert not np.allclose(got[name], expected[name])
    matrix = rotation(24)
    wanted = expected["s2"]
    if norm == "layer_norm":
        wanted = wanted - wanted.mean(axis=-1, keepdims=True)
    assert np.allclose(got["s2"], wanted @ matrix)
    assert {node.op for node in turned.nodes if node.name.startswith("n")} == {"rms_norm"}
    (note,) = turned.notes
    assert note == "Rotated in the weights, for 6 linear layers: e, v."


def test_key_heads_that_queries_share(tmp_path):
    layers = [
        {"name": "q", "op": "linear", "in": "x", "features": 16},
        {"name": "k", "op": "linear", "in": "x", "features": 8},
        {"name": "v", "op": "linear", "in": "x", "features": 8},
        {
            "name": "a",
            "op": "attention",
            "in": ["q", "k", "v"],
            "heads": 4,
            "kv_heads": 2,
            "tile": 8,
        },
        {"name": "y", "op": "linear", "in": "a", "features": 5},
    ]
    graph = make_graph({"x": (6, 16)}, layers)
    turned = rotate(graph, MARK)
    expected, got = golden.run_real(graph, inputs()), golden.run_real(turned, inputs())
    assert np.allclose(got["y"], expected["y"])
    blocks = expected["v"].reshape(20, 6, 2, 4) @ rotation(4)
    assert np.allclose(got["v"], blocks.reshape(20, 6, 8))


def test_linear_after_linear():
    layers = [
        {"name": "a", "op": "linear", "in": "x", "features": 12},
        {"name": "b", "op": "linear", "in": "a", "features": 8},
        {"name": "y", "op": "linear", "in": "b", "features": 5},
    ]
    graph = make_graph({"x": (16,)}, layers)
    values = inputs(shape=(16,))
    expected, got = (golden.run_real(g, values) for g in (graph, rotate(graph, MARK)))
    assert np.allclose(got["y"], expected["y"])
    assert np.allclose(got["b"], expected["b"] @ rotation(8))


def test_outliers_no_longer_cost_the_others_their_codes(tmp_path):
    layers = [
        {"name": "e", "op": "linear", "in": "x", "features": 64},
        {"name": "n", "op": "rms_norm", "in": "e"},
        {"name": "y", "op": "linear", "in": "n", "features": 20},
    ]
    graph = make_graph({"x": (6, 16)}, layers)
    weights = {**graph.weights, "n.weight": np.ones(64)}
    for name, scale in (("e.weight", 8.0), ("e.bias", 8.0), ("y.weight", 1 / 8)):
        array = weights[name] = weights[name].copy()
        channels = array.T if name.startswith("e") else array
        channels[..., [3, 11]] *= scale  # two channels are far larger
    graph = replace(graph, weights=weights)
    np.savez(tmp_path / "c.npz", **inputs(60))
    spec = make_spec(graph, Precision(8, 4), {"x": Precision(8, 8)}, tmp_path / "c.npz")
    turned = rotate(graph, MARK)
    fresh = {"x": np.random.default_rng(9).standard_normal((30, 6, 16))}
    plain, better = (sqnr(g, quantize(g, spec), fresh) for g in (graph, turned))
    assert better["n"] > plain["n"] + 4
    assert better["y"] > plain["y"] + 4
    assert turned.notes[0] in quantize(turned, spec).notes


@pytest.mark.parametrize(
    ("layers", "outputs", "text"),
    [
        ([{"name": "s", "op": "add", "in": ["x", "x"]}], None, "x is an input of the model"),
        ([{"name": "s", "op": "linear", "in": "x", "features": 16}], ["s", "y"], "s is an output"),
        (
            [{"name": "s", "op": "linear", "in": "x", "features": 16, "activation": "relu"}],
            None,
            "s has an activation",
        ),
        ([{"name": "s", "op": "silu", "in": "x"}], None, "s is the result of silu"),
    ],
)
def test_nothing_to_rotate_is_refused_with_the_reason(layers, outputs, text):
    tail = {"name": "y", "op": "linear", "in": "s", "features": 4}
    with pytest.raises(SpecError) as caught:
        rotate(make_graph({"x": (6, 16)}, [*layers, tail], outputs=outputs), MARK)
    (found,) = caught.value.diagnostics
    assert (found.code, text in found.message, found.where) == ("HG475", True, MARK)


def test_a_size_without_a_matrix_is_refused_with_its_neighbours():
    with pytest.raises(SpecError) as caught:
        rotate(stream(features=28, heads=1), MARK)
    (found,) = caught.value.diagnostics
    assert (found.code, "e has 28 channels" in found.message) == ("HG476", True)
    assert "24 or 32 are nearest" in found.hint


def test_a_spec_asks_for_it(tmp_path):
    text = """\
hwgen: 1
name: tiny
model:
  inputs: {ids: {shape: [8]}}
  layers:
    - {name: tokens, op: embedding, in: ids, vocabulary: 30, features: 16, positions: true}
    - {name: block, op: transformer_block, in: tokens, repeat: 2, heads: 2, hidden: 20, tile: 8}
    - {name: last, op: layer_norm, in: block}
    - {name: logits, op: linear, in: last, features: 30, bias: false}
  outputs: [logits]
weights: {random: 11}
quantize: {rotate: hadamard}
accelerator: {schedule: sequential, budget: {multipliers: 64}}
"""
    ids = {"ids": np.random.default_rng(1).integers(0, 30, (9, 8)).astype(np.float64)}
    results = []
    for name, changed in (("a", text), ("b", text.replace("quantize: {rotate: hadamard}\n", ""))):
        path = tmp_path / f"{name}.yaml"
        path.write_text(changed)
        results.append(build_graph(load_spec(path)))
    turned, plain = results
    got, expected = (golden.run_real(graph, ids)["logits"] for graph in results)
    assert np.allclose(got, expected)
    assert turned.notes[0].startswith(
        "Rotated in the weights, for 11 linear layers: tokens, block_0_value"
    )
    assert plain.notes == ()
