import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.quant import quantize
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec
from support.graphs_all_ops import all_ops_graph, sequence_graph


@pytest.fixture(scope="module")
def qgraph():
    graph = all_ops_graph()
    return quantize(graph, make_spec(graph, Precision(4, 4)))


@pytest.mark.parametrize("make", [all_ops_graph, sequence_graph])
def test_run_gives_every_tensor_inside_its_type(make):
    graph = make()
    qgraph = quantize(graph, make_spec(graph, Precision(4, 4)))
    result = golden.run(qgraph, golden.random_inputs(qgraph, 6, seed=1))
    inputs = [item.name for item in qgraph.inputs]
    assert set(result) == {*inputs, *(node.name for node in qgraph.nodes)}
    for name, codes in result.items():
        tensor = qgraph.tensor(name)
        assert codes.shape == (6, *tensor.shape)
        assert codes.dtype == np.int64
        assert tensor.type.low <= codes.min() <= codes.max() <= tensor.type.high


def test_samples_do_not_touch_each_other(qgraph):
    inputs = golden.random_inputs(qgraph, 6, seed=1)
    together = golden.run(qgraph, inputs)["fc"]
    for sample in range(6):
        alone = golden.run(qgraph, {"image": inputs["image"][sample : sample + 1]})["fc"]
        assert np.array_equal(alone[0], together[sample])


def test_random_inputs_are_seeded_and_reach_both_ends(qgraph):
    first, again = (golden.random_inputs(qgraph, 5, seed=3)["image"] for _ in range(2))
    other = golden.random_inputs(qgraph, 5, seed=4)["image"]
    kind = qgraph.tensor("image").type
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.all(first[0] == kind.low)
    assert np.all(first[1] == kind.high)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "input 'image' is missing"),
        ({"image": np.zeros((1, 1, 8, 8), int), "x": np.zeros(1)}, "'x' is no input of tiny"),
        ({"image": np.zeros((1, 8, 8), int)}, r"has shape \(1, 8, 8\)"),
        ({"image": np.zeros((1, 1, 8, 8))}, "has dtype float64"),
        ({"image": np.full((1, 1, 8, 8), 8)}, "has codes from 8 to 8"),
    ],
)
def test_wrong_inputs_are_refused(qgraph, inputs, text):
    with pytest.raises(SpecError, match=text) as caught:
        golden.run(qgraph, inputs)
    assert caught.value.code == "HG309"


def test_inputs_of_different_length_are_refused():
    graph = make_graph({"a": (3,), "b": (3,)}, [{"name": "y", "op": "add", "in": ["a", "b"]}])
    qgraph = quantize(graph, make_spec(graph))
    inputs = golden.random_inputs(qgraph, 4, seed=1)
    with pytest.raises(SpecError, match=r"different numbers of samples: \[3, 4\]"):
        golden.run(qgraph, {"a": inputs["a"], "b": inputs["b"][:3]})


def test_encode_and_decode_are_inverse_on_codes(qgraph):
    codes = golden.random_inputs(qgraph, 4, seed=1)
    real = {"image": golden.decode_tensor(qgraph, "image", codes["image"])}
    assert np.array_equal(golden.encode_inputs(qgraph, real)["image"], codes["image"])


def test_streams_have_the_channel_fastest():
    codes = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    stream = golden.to_stream(codes)
    for sample in range(2):
        wanted = [codes[sample, c, y, x] for y in range(4) for x in range(5) for c in range(3)]
        assert stream[sample].tolist() == wanted
    assert np.array_equal(golden.from_stream(stream, (3, 4, 5)), codes)
    vector = np.arange(6).reshape(2, 3)
    assert np.array_equal(golden.to_stream(vector), vector)
    assert np.array_equal(golden.from_stream(vector, (3,)), vector)


def test_first_difference_is_first_in_graph_sample_and_stream_order(qgraph):
    expected = golden.run(qgraph, golden.random_inputs(qgraph, 4, seed=1))
    assert golden.first_difference(qgraph, expected, expected) is None

    got = {name: codes.copy() for name, codes in expected.items()}
    got["fc"][0, 0] += 1
    got["c2"][3, 0, 0, 0] += 1
    got["c2"][2, 7, 1, 3] += 2  # stream: row 1, column 3, channel 7
    got["c2"][2, 0, 2, 0] += 1
    found = golden.first_difference(qgraph, expected, got)
    assert (found.tensor, found.sample, found.index) == ("c2", 2, (7, 1, 3))
    assert found.element == (1 * 4 + 3) * 8 + 7
    assert found.got - found.expected == 2
    assert found.expected == expected["c2"][2, 7, 1, 3]


def test_first_difference_compares_only_what_there_is(qgraph):
    expected = golden.run(qgraph, golden.random_inputs(qgraph, 4, seed=1))
    assert golden.first_difference(qgraph, expected, {"fc": expected["fc"][:2]}) is None
    wrong = expected["fc"][:2].copy()
    wrong[1, 9] -= 1
    found = golden.first_difference(qgraph, expected, {"fc": wrong})
    assert (found.tensor, found.sample, found.element, found.index) == ("fc", 1, 9, (9,))


def test_more_tensors_than_a_cache_holds_are_refused():
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    graph = make_graph({"x": (2, 8)}, [layer | {"cache": {"length": 6}}])
    qgraph = quantize(graph, make_spec(graph))
    assert golden.most_tensors(qgraph) == 3
    golden.run(qgraph, golden.random_inputs(qgraph, 3, seed=1))
    with pytest.raises(SpecError) as error:
        golden.run(qgraph, golden.random_inputs(qgraph, 4, seed=1))
    (found,) = error.value.diagnostics
    assert (found.code, found.message) == ("HG313", "4 tensors, but the cache of a is full after 3")


def test_a_cached_window_takes_any_number_of_tensors():
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    graph = make_graph({"x": (1, 8)}, [layer | {"window": 5, "sinks": 2, "cache": {}}])
    qgraph = quantize(graph, make_spec(graph))
    assert golden.most_tensors(qgraph) is None
    assert len(golden.run(qgraph, golden.random_inputs(qgraph, 200, seed=1))["a"]) == 200


def test_a_cache_of_four_bits_knows_the_mean_of_its_keys():
    layer = {"name": "a", "op": "attention", "in": ["x", "x", "x"], "heads": 2, "causal": True}
    graph = make_graph({"x": (2, 8)}, [layer | {"cache": {"length": 64, "bits": 4}}])
    qgraph = quantize(graph, make_spec(graph))
    real = np.random.default_rng(0).standard_normal((64, 2, 8))  # stands in for calibration data
    mean = real.mean(axis=(0, 1)) / qgraph.tensor("x").type.scale
    got = qgraph.node("a").lowered.constants["key_mean"]
    assert np.abs(got - mean).max() <= 0.5
    golden.run(qgraph, golden.random_inputs(qgraph, 32, seed=1))


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 6), (7,)])
def test_an_element_of_the_stream_has_its_place_in_the_tensor(shape):
    codes = np.arange(np.prod(shape)).reshape(1, *shape)
    stream = golden.to_stream(codes)
    for element, code in enumerate(stream[0]):
        assert codes[(0, *golden.stream_index(element, shape))] == code
    assert np.array_equal(golden.from_stream(stream, shape), codes)
