from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_close, check_walk, shapes_of

OP = get_op("add")


@st.composite
def add_cases(draw):
    keys = {"activation": draw(st.sampled_from(["none", "relu"]))}
    shape = draw(shapes_of())
    shapes = [shape] * draw(st.integers(2, 4))
    return draw(cases("add", keys, shapes, same_type=draw(st.booleans())))


@settings(max_examples=60, deadline=None)
@given(add_cases())
def test_codes_follow_the_definition_in_exact_fractions(case):
    requant, out = case.lowered.requant, case.out
    got = OP.integer(case.lowered, case.codes).ravel().tolist()
    low = out.zero_point if case.params.activation == "relu" else out.low
    columns = [codes.ravel().tolist() for codes in case.codes]
    for result, *codes in zip(got, *columns, strict=True):
        exact = sum(
            Fraction((code - kind.zero_point) * int(factor), 1 << requant.shift)
            for code, kind, factor in zip(codes, case.types, requant.multiplier, strict=True)
        )
        wanted = (exact + Fraction(1, 2)).__floor__() + out.zero_point
        assert result == min(max(wanted, low), out.high)


@settings(max_examples=60, deadline=None)
@given(add_cases())
def test_sum_is_close_and_the_work_walks(case):
    check_close(case)
    check_walk(case)


@settings(max_examples=60, deadline=None)
@given(add_cases())
def test_accumulator_holds_the_scaled_sum_of_the_extremes(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    requant = case.lowered.requant
    constant = int(requant.offset[0]) + ((1 << requant.shift) >> 1)
    for end in ("low", "high"):
        total = constant + sum(
            getattr(kind, end) * int(factor)
            for kind, factor in zip(case.types, requant.multiplier, strict=True)
        )
        assert low <= total <= high


def test_one_type_needs_no_multiplier():
    kind = QType(8, True, 0.1)
    lowered = OP.lower(OP.Params(), {}, [(2,), (2,)], [kind, kind], kind, LowerOptions(8))
    assert lowered.requant.identity
    codes = [np.array([[100, -3]]), np.array([[100, 5]])]
    assert OP.integer(lowered, codes).tolist() == [[127, 2]]


def test_shapes_must_agree():
    with pytest.raises(ParamError, match=r"got \[3\] and \[4\]"):
        OP.shape(OP.Params(), [(3,), (4,)])
