import numpy as np
import pytest

from hwgen import golden
from hwgen.errors import SpecError
from hwgen.ops.mac import quantize_weights
from hwgen.quant import quantize, sqnr
from hwgen.quant.compensate import compensate
from hwgen.spec.model import Precision, Quantize
from support.graphs import MARK, make_graph, make_spec


def correlated(rows=400, inputs=48, seed=1):
    """Inputs that share a few directions, as activations do."""
    random = np.random.default_rng(seed)
    few = random.standard_normal((rows, 6)) @ random.standard_normal((6, inputs))
    return few + 0.2 * random.standard_normal((rows, inputs))


def power(error):
    return float(np.mean(error * error))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_results_are_nearer_than_with_the_nearest_weights(bits):
    inputs = correlated()
    weight = np.random.default_rng(2).standard_normal((20, 48))
    codes, scales = compensate(weight, inputs, np.ones(len(inputs)), bits)
    nearest, steps = quantize_weights(weight, bits)
    assert codes.min() >= -(1 << (bits - 1))
    assert codes.max() < 1 << (bits - 1)
    ours = power(inputs @ (codes * scales[:, None] - weight).T)
    theirs = power(inputs @ (nearest * steps[:, None] - weight).T)
    assert ours < 0.6 * theirs


def test_independent_inputs_of_equal_power_leave_nothing_to_make_up_for():
    inputs = np.tile(np.eye(24), (3, 1))
    weight = np.random.default_rng(3).standard_normal((5, 24))
    codes, scales = compensate(weight, inputs, np.ones(len(inputs)), 4)
    assert np.array_equal(codes, np.clip(np.floor(weight / scales[:, None] + 0.5), -8, 7))


def test_rows_of_no_importance_change_nothing():
    inputs, weight = correlated(), np.random.default_rng(4).standard_normal((7, 48))
    importance = np.random.default_rng(5).uniform(0.1, 1.0, len(inputs))
    more = np.concatenate([inputs, 1e3 * correlated(seed=9)])
    padded = np.concatenate([importance, np.zeros(len(inputs))])
    for expected, got in zip(
        compensate(weight, inputs, importance, 4), compensate(weight, more, padded, 4), strict=True
    ):
        assert np.allclose(expected, got)


def test_rows_count_by_their_importance():
    left, right = correlated(seed=6), correlated(seed=7)
    inputs = np.concatenate([left, right])
    weight = np.random.default_rng(8).standard_normal((16, 48))

    def error_left(share):
        importance = np.concatenate([np.full(400, share), np.full(400, 1.0)])
        codes, scales = compensate(weight, inputs, importance, 3)
        return power(left @ (codes * scales[:, None] - weight).T)

    assert error_left(100.0) < 0.8 * error_left(0.01)


def test_an_output_without_weights_has_scale_0():
    weight = np.random.default_rng(3).standard_normal((3, 48))
    weight[1] = 0.0
    codes, scales = compensate(weight, correlated(), np.ones(400), 4)
    assert scales[1] == 0.0
    assert scales[[0, 2]].min() > 0
    assert not codes[1].any()


def test_inputs_of_zero_are_rounded_like_any_others():
    weight = np.random.default_rng(3).standard_normal((3, 8))
    codes, scales = compensate(weight, np.zeros((5, 8)), np.ones(5), 4)
    assert np.array_equal(codes, np.clip(np.floor(weight / scales[:, None] + 0.5), -8, 7))


def spec_of(graph, file, rounding):
    base = make_spec(graph, Precision(3, 10), None, file)
    quant = Quantize(Precision(3, 10), {}, file, MARK, rounding)
    return type(base)(**{**base.__dict__, "quantize": quant})


@pytest.mark.parametrize("shape", [(48,), (5, 48)])
def test_a_spec_asks_for_it(tmp_path, shape):
    graph = make_graph(
        {"x": shape}, [{"name": "y", "op": "linear", "in": "x", "features": 16, "bias": False}]
    )
    inputs = correlated(rows=200 * int(np.prod(shape[:-1]))).reshape(200, *shape)
    np.savez(tmp_path / "c.npz", x=inputs)
    ratio = {
        rounding: sqnr(
            graph, quantize(graph, spec_of(graph, tmp_path / "c.npz", rounding)), {"x": inputs}
        )["y"]
        for rounding in ("nearest", "compensated")
    }
    assert ratio["compensated"] > ratio["nearest"] + 3


def test_it_needs_data():
    graph = make_graph({"x": (8,)}, [{"name": "y", "op": "linear", "in": "x", "features": 4}])
    with pytest.raises(SpecError) as caught:
        quantize(graph, spec_of(graph, None, "compensated"))
    (found,) = caught.value.diagnostics
    assert found.code == "HG314"
    assert "quantize.rounding compensated" in found.message


def test_golden_sums_are_those_of_the_compensated_codes(tmp_path):
    graph = make_graph({"x": (48,)}, [{"name": "y", "op": "linear", "in": "x", "features": 4}])
    np.savez(tmp_path / "c.npz", x=correlated())
    qgraph = quantize(graph, spec_of(graph, tmp_path / "c.npz", "compensated"))
    node = qgraph.node("y")
    codes = golden.random_inputs(qgraph, 3, seed=1)
    sums = codes["x"] @ node.lowered.constants["weight"].T + node.lowered.constants["bias"]
    got = golden.run(qgraph, codes)["y"]
    assert np.array_equal(got, node.lowered.requant.apply(sums, channel_axis=-1))
