from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, get_op
from support.op_cases import cases, check_walk, shapes_of

OP = get_op("mul")


@st.composite
def mul_cases(draw):
    shape = draw(shapes_of())
    return draw(cases("mul", {}, [shape, shape], same_type=draw(st.booleans())))


@settings(max_examples=60, deadline=None)
@given(mul_cases())
def test_codes_follow_the_definition_in_exact_fractions(case):
    requant, out = case.lowered.requant, case.out
    factor = Fraction(int(requant.multiplier[0]), 1 << requant.shift)
    got = OP.integer(case.lowered, case.codes).ravel().tolist()
    columns = [codes.ravel().tolist() for codes in case.codes]
    for result, *codes in zip(got, *columns, strict=True):
        left, right = (code - kind.zero_point for code, kind in zip(codes, case.types, strict=True))
        wanted = (left * right * factor + Fraction(1, 2)).__floor__() + out.zero_point
        assert result == min(max(wanted, out.low), out.high)


@settings(max_examples=60, deadline=None)
@given(mul_cases())
def test_products_are_those_of_real_numbers(case):
    """Apart from the multiplier, whose relative error is 2**-16, the error is half a step."""
    left, right = case.types
    ratio = left.scale * right.scale / case.out.scale
    got = OP.integer(case.lowered, case.codes).ravel().tolist()
    columns = [codes.ravel().tolist() for codes in case.codes]
    for result, a, b in zip(got, *columns, strict=True):
        exact = (a - left.zero_point) * (b - right.zero_point) * ratio
        wanted = min(max(exact + case.out.zero_point, case.out.low), case.out.high)
        if ratio < 60_000:
            assert abs(result - wanted) <= 0.5 + abs(exact) * 2**-15


@settings(max_examples=60, deadline=None)
@given(mul_cases())
def test_the_work_walks_and_the_accumulator_holds_it(case):
    check_walk(case)
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    factor = int(case.lowered.requant.multiplier[0])
    half = (1 << case.lowered.requant.shift) >> 1
    ends = [[end - kind.zero_point for end in (kind.low, kind.high)] for kind in case.types]
    for a, b in product(*ends):
        assert low <= a * b * factor <= a * b * factor + half <= high
        assert low <= a * factor + half <= high


def test_shapes_must_agree():
    with pytest.raises(ParamError, match=r"got \[3\] and \[4\]"):
        OP.shape(OP.Params(), [(3,), (4,)])
