import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.golden import to_stream
from hwgen.ops import LowerOptions, QType, get_op
from hwgen.ops.base import channel_axis
from hwgen.ops.normalize import reciprocal_root
from support import rows
from support.op_cases import SCALES, check_walk
from support.row_cases import (
    check_norm_bound,
    check_rows,
    check_sums,
    decibels,
    norm_cases,
    per_row,
)

OP = get_op("layer_norm")


@settings(max_examples=60, deadline=None)
@given(norm_cases("layer_norm"))
def test_codes_equal_plain_integers(case):
    check_rows(case, rows.normalized)


@settings(max_examples=40, deadline=None)
@given(norm_cases("layer_norm"))
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=80, deadline=None)
@given(norm_cases("layer_norm"))
def test_codes_are_within_the_documented_bound(case):
    check_norm_bound(case)


@settings(max_examples=60, deadline=None)
@given(norm_cases("layer_norm"))
def test_the_result_by_the_definition(case):
    real = per_row(case, OP.real(case.params, case.real_inputs, case.weights))
    for row, result in zip(per_row(case, case.real_inputs[0]), real, strict=True):
        mean = math.fsum(row) / len(row)
        variance = math.fsum((x - mean) ** 2 for x in row) / len(row)
        scale = math.sqrt(variance + case.params.eps)
        bias = case.weights.get("bias", np.zeros(len(row)))
        # Of equal numbers, the mean is one of them but for its last bit.
        slack = 1e-13 * max(map(abs, row)) / scale
        for x, weight, add, got in zip(row, case.weights["weight"], bias, result, strict=True):
            wanted = (x - mean) / scale * weight + add
            assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9 + slack * abs(weight))


@settings(max_examples=60, deadline=None)
@given(norm_cases("layer_norm"))
def test_accumulator_holds_the_sums(case):
    check_sums(case)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.integers(0, (1 << 62) - 1), st.integers(0, 62).map(lambda k: (1 << k) - 1)))
def test_reciprocal_root(spread):
    (root,), (half,) = reciprocal_root(np.array([spread]))
    assert (root, half) == rows.reciprocal_root(spread)
    if spread:
        assert 1 << 16 <= root < 1 << 17
        exact = 1 / math.sqrt(spread)
        # At most 2**-19 too large, by the mantissa; at most 2**-16 too small, by the last bit.
        assert -(2.0**-16) < root * 2.0 ** -(16 + half) / exact - 1 < 2.0**-18


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("features", [4, 48, 384, 3000])
@pytest.mark.parametrize("outliers", [False, True])
def test_noise_beyond_the_output_s_own_rounding(bits, features, outliers):
    """With results of 16 bits there is little other noise than the op's."""
    assert decibels(OP, bits, features, outliers, seed=features + bits) > 60


def test_images_are_normalised_over_their_channels():
    rng = np.random.default_rng(5)
    codes = rng.integers(-100, 100, size=(2, 6, 3, 4))
    kind, out = QType(8, True, 0.05), QType(8, True, 0.03)
    weights = {"weight": rng.standard_normal(6), "bias": rng.standard_normal(6)}
    image = OP.lower(OP.Params(), weights, [(6, 3, 4)], [kind], out, LowerOptions(8))
    sequence = OP.lower(OP.Params(), weights, [(12, 6)], [kind], out, LowerOptions(8))
    flat = OP.integer(sequence, [to_stream(codes).reshape(2, 12, 6)])
    assert to_stream(OP.integer(image, [codes])).tolist() == flat.reshape(2, -1).tolist()


@pytest.mark.parametrize("code", [-128, 0, 127])
def test_a_row_of_equal_elements_yields_the_bias(code):
    kind, out = QType(8, True, 0.1), QType(8, True, 0.5)
    weights = {"weight": np.array([3.0, -2.0]), "bias": np.array([4.0, -7.3])}
    params = OP.Params(eps=1e-12)
    lowered = OP.lower(params, weights, [(2,)], [kind], out, LowerOptions(8))
    assert OP.integer(lowered, [np.full((1, 2), code)]).tolist() == [[8, -15]]


@pytest.mark.parametrize("scale", SCALES)
def test_the_largest_rows_do_not_overflow(scale):
    """16-bit codes at the ends of their range, as many as an accumulator may hold."""
    features = 16384
    kind, out = QType(16, True, scale), QType(8, True, 1 / 64)
    weights = {"weight": np.ones(features), "bias": np.zeros(features)}
    lowered = OP.lower(OP.Params(), weights, [(features,)], [kind], out, LowerOptions(8))
    low, high = OP.accumulator(lowered, [(features,)], [kind])
    assert -(1 << 62) <= low < high < 1 << 62
    codes = np.full((1, features), kind.low)
    codes[0, ::2] = kind.high
    assert set(OP.integer(lowered, [codes]).ravel().tolist()) == {-64, 64}
    codes[0] = kind.low
    codes[0, 0] = kind.high
    got = OP.integer(lowered, [codes])[0]
    assert got.tolist() == rows.normalized(codes[0], lowered)
    assert got[0] == 127


def test_a_row_too_long_for_the_accumulator_is_refused():
    features = 65536
    weights = {"weight": np.ones(features), "bias": np.zeros(features)}
    kind = QType(16, True, 1.0)
    lowered = OP.lower(OP.Params(), weights, [(features,)], [kind], kind, LowerOptions(8))
    assert OP.accumulator(lowered, [(features,)], [kind])[1] >= 1 << 62


def test_channel_axis_of_the_weights():
    for shape in ((6, 3, 4), (5, 6), (6,)):
        wanted = {"weight": (shape[channel_axis(shape)],)}
        assert OP.weights(OP.Params(bias=False), [shape]) == wanted
        assert OP.weights(OP.Params(), [shape]) == wanted | {"bias": wanted["weight"]}
