from dataclasses import replace

import numpy as np
import pytest

from hwgen.quant import quantize, sqnr
from hwgen.quant.padding import Link, padding
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec


def encoder():
    """One attention over padded tokens, a residual sum, a norm and a layer."""
    return make_graph(
        {"x": (8, 16), "count": (1,)},
        [
            {"name": "q", "op": "linear", "in": "x", "features": 16},
            {"name": "k", "op": "linear", "in": "x", "features": 16},
            {"name": "v", "op": "linear", "in": "x", "features": 16},
            {"name": "at", "op": "attention", "in": ["q", "k", "v", "count"], "heads": 2}
            | {"padded": True, "tile": 8},
            {"name": "s", "op": "add", "in": ["x", "at"]},
            {"name": "n", "op": "layer_norm", "in": "s"},
            {"name": "y", "op": "linear", "in": "n", "features": 4},
        ],
    )


def mask_of(links, shapes, inputs):
    return padding([Link(*link) for link in links], shapes, inputs)


def test_rows_go_with_those_of_the_keys():
    shapes = dict.fromkeys("xqkvasn", (8, 4)) | {"c": (1,), "far": (8, 4), "m": (5, 4)}
    links = [
        ("q", "linear", ["m"], False),
        ("k", "linear", ["x"], False),
        ("v", "linear", ["x"], False),
        ("a", "attention", ["q", "k", "v", "c"], True),
        ("s", "add", ["a", "far"], False),
        ("n", "layer_norm", ["x"], False),
    ]
    shapes |= {"q": (5, 4), "a": (5, 4), "s": (5, 4), "far": (5, 4)}
    mask = mask_of(links, shapes, ["x", "m", "c", "far"])
    # Cross-attention: the queries' rows are another sequence's, and none of them is padding.
    assert set(mask.counts) == {"x", "k", "v", "n"}
    rows = mask.rows("n", {"c": np.array([[3], [8]])})
    assert rows.tolist() == [[True] * 3 + [False] * 5, [True] * 8]
    assert mask.rows("s", {"c": np.array([[3]])}) is None


def test_ids_are_rows_of_what_they_look_up():
    shapes = {"ids": (8,), "c": (1,), "e": (8, 4), "a": (8, 4)}
    links = [
        ("e", "embedding", ["ids"], False),
        ("a", "attention", ["e", "e", "e", "c"], True),
    ]
    assert set(mask_of(links, shapes, ["ids", "c"]).counts) == {"ids", "e", "a"}


def test_a_count_that_is_computed_is_not_known_beforehand():
    shapes = {"x": (8, 4), "z": (1,), "c": (1,), "a": (8, 4)}
    links = [("c", "relu", ["z"], False), ("a", "attention", ["x", "x", "x", "c"], True)]
    assert not mask_of(links, shapes, ["x", "z"]).counts


def data(garbage):
    random = np.random.default_rng(3)
    inputs = random.standard_normal((40, 8, 16))
    counts = random.integers(1, 8, (40, 1))
    padded = np.arange(8) >= counts
    inputs[padded] = garbage * random.standard_normal((int(padded.sum()), 16))
    return {"x": inputs, "count": counts.astype(np.float64)}


@pytest.mark.parametrize("rounding", ["nearest", "compensated"])
def test_what_stands_in_padding_changes_no_constant(tmp_path, rounding):
    graph = encoder()
    found = []
    for garbage in (0.0, 1.0, 500.0):
        np.savez(tmp_path / "c.npz", **data(garbage))
        spec = make_spec(graph, Precision(4, 8), None, tmp_path / "c.npz")
        choice = replace(spec.quantize, rounding=rounding, equalize=0.5)
        found.append(quantize(graph, replace(spec, quantize=choice)))
    first = found[0]
    for other in found[1:]:
        # The model's input has a range of its own.
        assert [node.out.type for node in other.nodes] == [node.out.type for node in first.nodes]
        for left, right in zip(first.nodes, other.nodes, strict=True):
            for name, array in left.lowered.constants.items():
                assert np.array_equal(array, right.lowered.constants[name]), (left.name, name)


def test_noise_in_padding_is_no_noise(tmp_path):
    graph = encoder()
    np.savez(tmp_path / "c.npz", **data(0.0))
    qgraph = quantize(graph, make_spec(graph, Precision(8, 8), None, tmp_path / "c.npz"))
    clean, dirty = (sqnr(graph, qgraph, data(garbage)) for garbage in (0.0, 500.0))
    assert clean == pytest.approx(dirty)
