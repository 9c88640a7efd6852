import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from hwgen.ops.arithmetic import bits_for
from support import rows
from support.op_cases import cases, check_walk, shapes_of
from support.row_cases import check_rows, decibels, per_row

OP = get_op("softmax")


@st.composite
def softmax_cases(draw):
    return draw(cases("softmax", {}, [draw(shapes_of())]))


@settings(max_examples=80, deadline=None)
@given(softmax_cases())
def test_codes_equal_plain_integers(case):
    check_rows(case, rows.shares)


@settings(max_examples=40, deadline=None)
@given(softmax_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=60, deadline=None)
@given(softmax_cases())
def test_the_result_by_the_definition(case):
    real = per_row(case, OP.real(case.params, case.real_inputs, {}))
    for row, result in zip(per_row(case, case.real_inputs[0]), real, strict=True):
        powers = [math.exp(x - max(row)) for x in row]
        wanted = [power / math.fsum(powers) for power in powers]
        assert result.tolist() == pytest.approx(wanted, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(softmax_cases())
def test_codes_are_within_the_documented_bound(case):
    """Where the logarithms of a row are within their limits."""
    kind, out = case.types[0], case.out
    if max(abs(kind.low - kind.zero_point), kind.high - kind.zero_point) * kind.scale > 1400:
        return
    real = per_row(case, OP.real(case.params, case.real_inputs, {}))
    for wanted, got in zip(real, per_row(case, OP.integer(case.lowered, case.codes)), strict=True):
        ideal = np.clip(wanted / out.scale + out.zero_point, out.low, out.high)
        logs = np.log2(wanted.max() / wanted.clip(1e-300))
        relative = 0.0115 + 2.0**-16 * logs
        part = (relative * wanted + (wanted + 1) * 2.0**-15) / out.scale
        assert np.all(np.abs(got - ideal) <= 0.5 + part + 1e-9)


@settings(max_examples=60, deadline=None)
@given(softmax_cases())
def test_accumulator_holds_the_sum(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    features = case.lowered.attrs["features"]
    assert low <= 0 < features * rows.table()[0] * 16 <= high


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("features", [4, 48, 384, 3000])
@pytest.mark.parametrize("scale", [0.5, 2.0, 5.0])
def test_noise_beyond_the_output_s_own_rounding(bits, features, scale):
    assert decibels(OP, bits, features, False, seed=features + bits, scale=scale) > 45


def test_equal_elements_share_alike():
    kind, out = QType(8, True, 0.1), QType(8, False, 1 / 255)
    lowered = OP.lower(OP.Params(), {}, [(5,)], [kind], out, LowerOptions(8))
    assert OP.integer(lowered, [np.full((1, 5), -7)]).tolist() == [[51] * 5]


def test_the_largest_takes_all():
    kind, out = QType(8, True, 1.0), QType(8, False, 1 / 255)
    lowered = OP.lower(OP.Params(), {}, [(3,)], [kind], out, LowerOptions(8))
    assert OP.integer(lowered, [np.array([[127, -128, 3]])]).tolist() == [[255, 0, 0]]


def test_a_longer_row_is_refused():
    with pytest.raises(ParamError, match="rows of 65537 elements") as caught:
        OP.shape(OP.Params(), [(65537,)])
    assert (caught.value.key, caught.value.hint) == ("in", "at most 65536")


def test_a_row_of_the_largest_size():
    features = 65536
    kind, out = QType(16, True, 1e-4), QType(16, False, 2.0**-31)
    lowered = OP.lower(OP.Params(), {}, [(features,)], [kind], out, LowerOptions(8))
    assert bits_for(*OP.accumulator(lowered, [(features,)], [kind])) == OP.max_acc_bits
    codes = np.full((1, features), 5)
    assert set(OP.integer(lowered, [codes]).ravel().tolist()) == {32768}
