import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, QType, get_op
from support.op_cases import cases, check_accumulator, check_close, check_walk, shapes_of
from support.walk import requantise

OP = get_op("linear")


@st.composite
def linear_cases(draw):
    keys = {
        "features": draw(st.integers(1, 9)),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(["none", "relu"])),
    }
    return draw(cases("linear", keys, [draw(shapes_of())]))


@settings(max_examples=60, deadline=None)
@given(linear_cases())
def test_codes_equal_a_loop(case):
    got = OP.integer(case.lowered, case.codes)
    weight, bias = case.lowered.constants["weight"].tolist(), case.lowered.constants["bias"]
    for sample in range(2):
        tokens = case.codes[0][sample]
        if len(case.shapes[0]) != 2:
            tokens = tokens.reshape(1, -1)
        results = got[sample].reshape(len(tokens), -1)
        for data, result in zip(tokens.tolist(), results.tolist(), strict=True):
            for feature, row in enumerate(weight):
                acc = int(bias[feature]) + sum(x * w for x, w in zip(data, row, strict=True))
                assert result[feature] == requantise(acc, case.lowered.requant, feature)


@settings(max_examples=60, deadline=None)
@given(linear_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=60, deadline=None)
@given(linear_cases())
def test_accumulator_holds_every_sum(case):
    check_accumulator(case)


@settings(max_examples=60, deadline=None)
@given(linear_cases())
def test_codes_are_close_to_the_real_result(case):
    scale = np.array(case.lowered.attrs["weight_scale"])
    case.weights["weight"] = case.lowered.constants["weight"] * scale[:, None]
    check_close(case, tolerance=0.5 * case.types[0].scale * scale.max())


def test_real_result_by_hand():
    params = OP.Params.model_validate({"features": 2, "activation": "relu"})
    weights = {"weight": np.array([[1.0, -2.0], [0.5, 0.5]]), "bias": np.array([0.25, -4.0])}
    result = OP.real(params, [np.array([[3.0, 1.0]])], weights)
    assert result.tolist() == [[1.25, 0.0]]


def test_tokens_share_the_weights():
    params = OP.Params.model_validate({"features": 2, "bias": False})
    assert OP.shape(params, [(3, 2)]) == (3, 2)
    assert OP.weights(params, [(3, 2)]) == {"weight": (2, 2)}
    weights = {"weight": np.array([[1.0, -2.0], [0.5, 0.5]])}
    result = OP.real(params, [np.array([[[3.0, 1.0], [0.0, 0.0], [2.0, 4.0]]])], weights)
    assert result.tolist() == [[[1.0, 2.0], [0.0, 0.0], [-6.0, 3.0]]]


def test_a_zero_point_is_folded_into_the_bias():
    params = OP.Params.model_validate({"features": 1})
    kind, out = QType(8, False, 0.5, 100), QType(8, True, 1.0)
    weights = {"weight": np.array([[1.0, 1.0, -0.5]]), "bias": np.array([3.0])}
    lowered = OP.lower(params, weights, [(3,)], [kind], out, LowerOptions(8))
    zero = np.full((1, 3), 100)
    assert OP.integer(lowered, [zero]).tolist() == [[3]]
    weight = lowered.constants["weight"][0]
    (scale,) = lowered.attrs["weight_scale"]
    assert lowered.constants["bias"][0] == round(3.0 / (0.5 * scale)) - 100 * weight.sum()


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_weights_use_the_width_and_stay_near(bits):
    params = OP.Params.model_validate({"features": 4, "bias": False})
    weight = np.random.default_rng(3).standard_normal((4, 50))
    lowered = OP.lower(
        params,
        {"weight": weight},
        [(50,)],
        [QType(8, True, 0.1)],
        QType(8, True, 0.1),
        LowerOptions(bits),
    )
    codes = lowered.constants["weight"]
    assert -(1 << (bits - 1)) <= codes.min() <= codes.max() < 1 << (bits - 1)
    scale = np.array(lowered.attrs["weight_scale"])[:, None]
    plain = np.abs(weight).max(axis=1, keepdims=True) / ((1 << (bits - 1)) - 1)
    naive = np.rint(weight / plain) * plain
    # The search may only lower the error of the plain scale.
    assert np.sum((codes * scale - weight) ** 2) <= np.sum((naive - weight) ** 2) * (1 + 1e-9)


def test_a_bias_far_larger_than_the_weights_still_fits():
    params = OP.Params.model_validate({"features": 1})
    weights = {"weight": np.full((1, 4), 1e-9), "bias": np.array([100.0])}
    kind, out = QType(8, False, 0.01), QType(8, True, 1.0)
    lowered = OP.lower(params, weights, [(4,)], [kind], out, LowerOptions(8))
    assert OP.accumulator(lowered, [(4,)], [kind])[1] < 1 << 24
    assert OP.integer(lowered, [np.zeros((1, 4), np.int64)]).tolist() == [[100]]
