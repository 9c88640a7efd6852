"""Transforms in front of linear layers: the model computes the same, in fewer bits."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import Mark, SpecError
from hwgen.graph.build import check_model
from hwgen.graph.rotate_online import rotate_online
from hwgen.ops.orthogonal import legal_transform_sizes, transform
from hwgen.quant import quantize, sqnr
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec

MARK = Mark("test.yaml", 3, 1)


def post_norm(features=24, hidden=48):
    """A post-norm block as in BERT: no weights absorb a rotation in front of `q` and `u`."""
    linear = {"op": "linear", "features": features}
    layers = [
        {"name": "n0", "op": "layer_norm", "in": "x"},
        {"name": "q", "in": "n0", **linear},
        {"name": "k", "in": "n0", **linear, "bias": False},
        {"name": "v", "in": "n0", **linear},
        {"name": "a", "op": "attention", "in": ["q", "k", "v"], "heads": 2, "tile": 8},
        {"name": "p", "in": "a", **linear},
        {"name": "s1", "op": "add", "in": ["n0", "p"]},
        {"name": "n1", "op": "layer_norm", "in": "s1"},
        {"name": "u", "in": "n1", "op": "linear", "features": hidden},
        {"name": "g", "op": "gelu", "in": "u"},
        {"name": "d", "in": "g", **linear},
        {"name": "s2", "op": "add", "in": ["n1", "d"]},
    ]
    return make_graph({"x": (6, features)}, layers)


def samples(count=20, features=24):
    return {"x": np.random.default_rng(3).standard_normal((count, 6, features))}


def test_the_model_computes_the_same():
    graph = post_norm()
    turned = rotate_online(graph, MARK)
    expected, got = golden.run_real(graph, samples()), golden.run_real(turned, samples())
    for name, array in expected.items():
        assert np.allclose(got[name], array, rtol=1e-9, atol=1e-9)
    assert np.allclose(got["g_rotated"], expected["g"] @ transform(48))


def test_layers_that_read_one_tensor_share_its_transform():
    turned = rotate_online(post_norm(), MARK)
    names = [node.name for node in turned.nodes]
    assert [name for name in names if name.endswith("_rotated")] == [
        *("n0_rotated", "a_rotated", "n1_rotated", "g_rotated")
    ]
    assert turned.consumers("n0_rotated") == ("q", "k", "v")
    assert turned.consumers("n0") == ("n0_rotated", "s1")
    assert names.index("n0_rotated") == names.index("n0") + 1
    (note,) = turned.notes
    assert note == "Transformed in front of linear layers: n0, a, n1, g."


def test_an_input_of_the_model_is_transformed_first():
    layers = [{"name": "y", "op": "linear", "in": "x", "features": 3}]
    turned = rotate_online(make_graph({"x": (8,)}, layers), MARK)
    assert [node.name for node in turned.nodes] == ["x_rotated", "y"]


def test_outliers_lose_their_weight_in_4_bits(tmp_path):
    """One channel thirty times larger than the others, as transformers have them."""
    layer = {"name": "y", "op": "linear", "in": "x", "features": 16}
    weight = np.random.default_rng(4).standard_normal((16, 48))
    weight[:, 7] = 0.01
    graph = make_graph({"x": (4, 48)}, [layer], weights={"y.weight": weight})
    real = np.random.default_rng(5).standard_normal((64, 4, 48))
    real[..., 7] *= 30
    data = tmp_path / "data.npz"
    np.savez(data, x=real)
    found = {}
    for name, shown in (("plain", graph), ("turned", rotate_online(graph, MARK))):
        reads = shown.node("y").inputs[0]
        layers = {"x": Precision(12, 16 if name == "turned" else 4), "x_rotated": Precision(12, 4)}
        layers = {key: layers[key] for key in {"x", reads}}
        spec = make_spec(shown, Precision(12, 16), layers, calibrate=data)
        qgraph = quantize(shown, spec)
        assert qgraph.tensor(reads).type.bits == 4
        found[name] = sqnr(shown, qgraph, {"x": real})["y"]
    assert found["turned"] > found["plain"] + 5


def test_sizes_without_a_transform_are_noted():
    layers = [
        {"name": "a", "op": "linear", "in": "x", "features": 24},
        {"name": "y", "op": "linear", "in": "a", "features": 3},
    ]
    turned = rotate_online(make_graph({"x": (2, 28)}, layers), MARK)
    assert turned.notes == (
        "Transformed in front of linear layers: a.",
        "Not transformed: x has 28 features (nearest sizes: 24, 32).",
    )
    assert legal_transform_sizes(1) == (2, 2)


def test_nothing_to_transform():
    layers = [{"name": "y", "op": "linear", "in": "x", "features": 3}]
    with pytest.raises(SpecError, match="HG485") as caught:
        rotate_online(make_graph({"x": (2, 28)}, layers), MARK)
    assert "x has 28 features (nearest sizes: 24, 32)" in str(caught.value)


TEXT = """\
hwgen: 1
name: named
model:
  inputs: {x: {shape: [4, 8]}}
  layers:
    - {name: a, op: linear, in: x, features: 28}
    - {name: LAYER, op: linear, in: a, features: 5}
  outputs: [LAYER]
weights: {random: 3}
quantize:
  rotate: ROTATE
  layers: {NAME: {activations: int4}}
accelerator: {schedule: sequential, budget: {multipliers: 4}}
"""


def written(tmp_path, rotate="online", name="x_rotated", layer="y"):
    path = tmp_path / "spec.yaml"
    text = TEXT.replace("ROTATE", rotate).replace("NAME", name).replace("LAYER", layer)
    path.write_text(text)
    return path


def test_the_spec_gives_a_transform_its_width(tmp_path):
    spec, graph = check_model(written(tmp_path))
    qgraph = quantize(graph, spec)
    bits = {name: qgraph.tensor(name).type.bits for name in ("x", "x_rotated", "a")}
    assert bits == {"x": 8, "x_rotated": 4, "a": 8}


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"name": "a_rotated"}, "HG486"),
        ({"name": "z_rotated"}, "HG120"),
        ({"rotate": "hadamard"}, "HG120"),
        ({"layer": "x_rotated"}, "HG486"),
    ],
)
def test_names_that_are_no_transform(tmp_path, keys, code):
    with pytest.raises(SpecError, match=code):
        check_model(written(tmp_path, **keys))
