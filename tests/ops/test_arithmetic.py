from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.ops import QType, Requant, get_op, op_names
from hwgen.ops.arithmetic import bits_for, round_shift, saturate
from hwgen.ops.mac import exact_matmul
from hwgen.ops.scaling import MAX_SHIFT, fixed_point
from support.walk import requantise

CODES = st.integers(-(1 << 47), (1 << 47) - 1)


@given(CODES, st.integers(0, 47))
def test_round_shift_is_half_up(value, shift):
    exact = Fraction(value, 1 << shift) + Fraction(1, 2)
    assert round_shift(np.array([value]), shift)[0] == exact.__floor__()


@given(CODES, st.integers(-100, 0), st.integers(0, 100))
def test_saturate(value, low, high):
    assert saturate(np.array([value]), low, high)[0] == min(max(value, low), high)


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 1 << 40))
def test_bits_for_is_the_narrowest(low, span):
    high = low + span
    bits = bits_for(low, high)
    assert -(1 << (bits - 1)) <= low <= high < 1 << (bits - 1)
    assert bits == 1 or low < -(1 << (bits - 2)) or high >= 1 << (bits - 2)


@given(st.lists(st.floats(1e-14, 6e4), min_size=1, max_size=5))
def test_fixed_point_is_near_and_uses_the_largest_shift(ratios):
    multiplier, shift = fixed_point(np.array(ratios))
    assert 0 <= shift <= MAX_SHIFT
    assert 0 <= multiplier.min() <= multiplier.max() < 1 << 16
    for ratio, factor in zip(ratios, multiplier.tolist(), strict=True):
        assert abs(Fraction(ratio) - Fraction(factor, 1 << shift)) <= Fraction(1, 2 << shift)
    # One bit more would not fit, or the shift is at its end.
    assert shift == MAX_SHIFT or Fraction(max(ratios)) * (2 << shift) >= (1 << 16) - Fraction(1, 2)


@pytest.mark.parametrize(
    ("ratios", "multiplier", "shift"),
    [
        ([0.0, 0.0], [0, 0], 0),
        ([1e9], [65535], 0),
        ([65535.4], [65535], 0),
        ([65535.6], [65535], 0),
        ([2.0**-40], [128], 47),
        ([1e-30], [0], 47),
        ([1 - 2.0**-20], [32768], 15),
    ],
)
def test_fixed_point_at_its_ends(ratios, multiplier, shift):
    got, bits = fixed_point(np.array(ratios))
    assert (got.tolist(), bits) == (multiplier, shift)


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, 65535), st.integers(0, 47))
def test_requant_equals_its_definition(acc, factor, shift):
    requant = Requant(
        np.array([factor]), shift, zero_point=-3, low=-128, high=127, offset=np.array([0])
    )
    exact = Fraction(acc * factor, 1 << shift) + Fraction(1, 2)
    wanted = min(max(exact.__floor__() - 3, -128), 127)
    assert requant.apply(np.array([acc]))[0] == wanted == requantise(acc, requant)


@given(st.integers(1, 62), st.integers(0, 1000))
def test_matmul_is_exact_beyond_the_floats(bits, seed):
    random = np.random.default_rng(seed)
    half = bits // 2
    left = random.integers(-(1 << half), 1 << half, size=(3, 2))
    right = random.integers(-(1 << (bits - half - 1)), 1 << (bits - half - 1), size=(2, 4))
    wanted = [
        [sum(int(left[i, k]) * int(right[k, j]) for k in range(2)) for j in range(4)]
        for i in range(3)
    ]
    assert exact_matmul(left, right).tolist() == wanted


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [(QType(4, True, 1.0), -8, 7), (QType(4, False, 1.0), 0, 15), (QType(2, True, 1.0), -2, 1)],
)
def test_ranges_of_types(kind, low, high):
    assert (kind.low, kind.high) == (low, high)


@pytest.mark.parametrize("name", op_names())
def test_every_op_describes_itself(name):
    op = get_op(name)
    assert op.name == name
    assert op.summary
    assert f"op: {name}" in op.example
    for key, info in op.Params.model_fields.items():
        assert info.description, f"{name}.{key} has no description"


def test_an_unknown_op_is_a_key_error():
    with pytest.raises(KeyError):
        get_op("conv3d")
