from dataclasses import replace

import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.quant import quantize, sqnr
from hwgen.quant.equalize import factors, split_norms
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec

WIDE = Precision(8, 16)


def residual(norm="layer_norm", outputs=None):
    """x -> norm; two linear layers and a sum read the norm (post-norm)."""
    return make_graph(
        {"x": (6, 16)},
        [
            {"name": "n", "op": norm, "in": "x"},
            {"name": "a", "op": "linear", "in": "n", "features": 16},
            {"name": "b", "op": "linear", "in": "n", "features": 16},
            {"name": "s", "op": "add", "in": ["n", "a", "b"]},
        ],
        outputs=outputs,
    )


def samples(count=30):
    return np.random.default_rng(7).standard_normal((count, 6, 16))


def spec_of(graph, file, strength, layers=None):
    spec = make_spec(graph, Precision(8, 8), layers, file)
    return replace(spec, quantize=replace(spec.quantize, equalize=strength))


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "c.npz", x=samples())
    return tmp_path / "c.npz"


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_linear_layers_get_a_norm_of_their_own(norm):
    found = split_norms(residual(norm))
    assert [node.name for node in found.graph.nodes] == ["n", "n_linear", "a", "b", "s"]
    assert found.graph.node("a").inputs == found.graph.node("b").inputs == ("n_linear",)
    assert found.graph.node("s").inputs == ("n", "a", "b")
    assert found.origins == {"n_linear": "n"}
    inputs = {"x": samples()}
    expected, got = golden.run_real(residual(norm), inputs), golden.run_real(found.graph, inputs)
    assert np.array_equal(expected["s"], got["s"])


def test_a_norm_that_only_linear_layers_read_needs_no_copy():
    graph = make_graph(
        {"x": (6, 16)},
        [
            {"name": "n", "op": "layer_norm", "in": "x"},
            {"name": "a", "op": "linear", "in": "n", "features": 4},
        ],
    )
    found = split_norms(graph)
    assert [node.name for node in found.graph.nodes] == ["n", "a"]
    assert found.origins == {"n": "n"}


def test_an_output_keeps_its_values():
    found = split_norms(residual(outputs=["n", "s"]))
    assert found.origins == {"n_linear": "n"}


def test_a_norm_without_linear_readers_is_left_alone():
    graph = make_graph(
        {"x": (6, 16)},
        [
            {"name": "n", "op": "layer_norm", "in": "x"},
            {"name": "y", "op": "gelu", "in": "n"},
        ],
    )
    assert split_norms(graph).origins == {}


def test_the_copy_takes_a_free_name():
    graph = make_graph(
        {"n_linear": (6, 16)},
        [
            {"name": "n", "op": "layer_norm", "in": "n_linear"},
            {"name": "a", "op": "linear", "in": "n", "features": 16},
            {"name": "s", "op": "add", "in": ["n", "a"]},
        ],
    )
    assert split_norms(graph).origins == {"n_linear_": "n"}


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_factors_even_out(strength):
    random = np.random.default_rng(2)
    values = random.standard_normal((50, 8)) * np.exp(random.standard_normal(8))
    weight = random.standard_normal((5, 8)) * np.exp(random.standard_normal(8))
    found = factors(values, [weight[:2], weight[2:]], strength)
    assert np.exp(np.log(found).mean()) == pytest.approx(1.0)
    spread = np.abs(values / found).max(axis=0)
    reach = np.abs(weight * found).max(axis=0)
    # What is left: spread ** (1 - strength) and reach ** strength of a channel are in balance.
    balance = (1 - strength) * np.log(reach) - strength * np.log(spread)
    assert np.ptp(balance) == pytest.approx(0.0, abs=1e-9)


def test_channels_without_values_or_weights_are_left_alone():
    values, weight = np.ones((4, 3)), np.ones((2, 3))
    values[:, 0], weight[:, 2] = 0.0, 0.0
    assert factors(values, [weight], 0.5).tolist() == [1.0, 1.0, 1.0]


def test_an_outlier_channel_no_longer_costs_the_others_their_codes(file):
    graph = residual()
    gain = np.ones(16)
    gain[3] = 60.0
    weights = {**graph.weights, "n.weight": gain, "n.bias": np.zeros(16)}
    for name in ("a.weight", "b.weight"):
        weights[name] = graph.weights[name].copy()
        weights[name][:, 3] /= 60.0
    graph = replace(graph, weights=weights)
    wide = dict.fromkeys("xnsab", WIDE)
    inputs = {"x": samples()}
    plain = sqnr(
        graph, quantize(graph, spec_of(graph, file, None, {**wide, "n": Precision()})), inputs
    )
    even = sqnr(graph, quantize(graph, spec_of(graph, file, 0.5, wide)), inputs)
    assert even["a"] > plain["a"] + 12
    assert even["n"] > 70
    assert even["n_linear"] > 35


def test_the_copy_says_what_it_is(file):
    graph = residual()
    qgraph = quantize(graph, spec_of(graph, file, 0.5, {"n": WIDE}))
    scaled = qgraph.node("n_linear").scaled
    assert scaled.origin == "n"
    assert qgraph.node("n").scaled is None
    assert (qgraph.tensor("n").type.bits, qgraph.tensor("n_linear").type.bits) == (16, 8)
    inputs = {"x": samples()}
    codes = golden.run(qgraph, golden.encode_inputs(qgraph, inputs))["n_linear"]
    got = golden.decode_tensor(qgraph, "n_linear", codes) * np.array(scaled.factors)
    assert np.abs(got - golden.run_real(graph, inputs)["n"]).mean() < 0.03


def test_it_needs_data():
    graph = residual()
    with pytest.raises(SpecError) as caught:
        quantize(graph, spec_of(graph, None, 0.5))
    (found,) = caught.value.diagnostics
    assert (found.code, "quantize.equalize 0.5" in found.message) == ("HG314", True)
