"""Narrow weights, estimators of ranges, and calibration data that show no range."""

import numpy as np
import pytest

from hwgen import golden
from hwgen.ops.mac import quantize_weights
from hwgen.quant import quantize
from hwgen.quant.compensate import compensate
from hwgen.quant.ranges import estimate_type
from hwgen.spec.model import Precision
from support.graphs import make_graph, make_spec


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_narrow_weights_are_symmetric(bits):
    weight = np.random.default_rng(bits).standard_normal((40, 30))
    rows = np.random.default_rng(9).standard_normal((50, 30))
    high = (1 << (bits - 1)) - 1
    for codes, scales in (
        quantize_weights(weight, bits, narrow=True),
        compensate(weight, rows, np.ones(50), bits, narrow=True),
    ):
        assert (codes.min(), codes.max()) == (-high, high)
        wrong = codes * scales[:, None] - weight
        assert np.all(np.abs(wrong)[np.abs(codes) < high].max() <= scales.max())
    if bits < 4:  # with few codes the clipped ends meet the one more that there is
        assert quantize_weights(weight, bits)[0].min() == -high - 1


def test_narrow_weights_reach_the_qgraph(tmp_path):
    graph = make_graph({"x": (32,)}, [{"name": "y", "op": "linear", "in": "x", "features": 64}])
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(4).standard_normal((50, 32)))
    least = {}
    for narrow in (False, True):
        spec = make_spec(graph, Precision(3, 8, narrow=narrow), None, tmp_path / "c.npz")
        least[narrow] = quantize(graph, spec).node("y").lowered.constants["weight"].min()
    assert least == {False: -4, True: -3}


@pytest.mark.parametrize("bits", [4, 8])
def test_the_largest_value_is_in_the_range_of_max(bits):
    values = np.random.default_rng(1).standard_normal(10_000)
    kind = estimate_type(values, bits, symmetric=True, estimator="max")
    assert kind.scale * kind.high == pytest.approx(np.abs(values).max())
    kind = estimate_type(values, bits, symmetric=False, estimator="max")
    assert kind.scale * kind.high == pytest.approx(np.ptp(values))
    kind = estimate_type(np.abs(values), bits, symmetric=True, estimator="max")
    assert (kind.signed, kind.scale * kind.high) == (False, pytest.approx(np.abs(values).max()))


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_percentile_leaves_the_largest_out(symmetric):
    values = np.random.default_rng(1).uniform(-1, 1, 100_000)
    values[:50] = 1000.0
    kind = estimate_type(values, 8, symmetric=symmetric, estimator="percentile")
    high = (kind.high - kind.zero_point) * kind.scale
    assert 0.98 < high < 1.02


def test_a_percentile_of_mostly_zeros_is_the_range_of_the_others():
    values = np.zeros(100_000)
    values[7] = 3.0
    kind = estimate_type(values, 8, symmetric=True, estimator="percentile")
    assert kind.scale * kind.high == pytest.approx(3.0)


@pytest.mark.parametrize("symmetric", [True, False])
def test_no_estimator_has_less_error_than_the_search(symmetric):
    values = np.random.default_rng(2).laplace(size=20_000)
    errors = {}
    for estimator in ("error", "percentile", "max"):
        kind = estimate_type(values, 4, symmetric=symmetric, estimator=estimator)
        codes = np.clip(np.floor(values / kind.scale + 0.5) + kind.zero_point, kind.low, kind.high)
        errors[estimator] = np.mean(((codes - kind.zero_point) * kind.scale - values) ** 2)
    assert errors["error"] < 1.01 * min(errors.values())
    assert errors["max"] > 1.5 * errors["error"]


def test_the_estimator_is_a_choice_per_layer(tmp_path):
    graph = make_graph({"x": (8,)}, [{"name": "y", "op": "requantize", "in": "x"}])
    values = np.random.default_rng(1).laplace(size=(500, 8))
    np.savez(tmp_path / "c.npz", x=values)
    spec = make_spec(graph, Precision(), {"x": Precision(range="max")}, tmp_path / "c.npz")
    qgraph = quantize(graph, spec)
    assert qgraph.tensor("x").type.scale == pytest.approx(np.abs(values).max() / 127)
    assert qgraph.tensor("y").type.scale < 0.98 * np.abs(values).max() / 127


@pytest.mark.parametrize("value", [0.0, 2.5, -3.0])
def test_calibration_data_without_a_range_are_said(tmp_path, value):
    graph = make_graph({"x": (8,)}, [{"name": "y", "op": "linear", "in": "x", "features": 3}])
    np.savez(tmp_path / "c.npz", x=np.full((5, 8), value))
    qgraph = quantize(graph, make_spec(graph, Precision(4, 8), None, tmp_path / "c.npz"))
    (note,) = qgraph.notes
    assert f"x is {value:g} everywhere in the 5 calibration samples" in note
    kind = qgraph.tensor("x").type
    low, high = ((end - kind.zero_point) * kind.scale for end in (kind.low, kind.high))
    assert f"values outside {low:.4g} to {high:.4g} will saturate" in note
    # It says what happens: these are the ends that real inputs are cut off at.
    codes = golden.encode_inputs(qgraph, {"x": np.array([[low - 9.0] * 4 + [high + 9.0] * 4])})
    assert golden.decode_tensor(qgraph, "x", codes["x"])[0, [0, -1]] == pytest.approx([low, high])
