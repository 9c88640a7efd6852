from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import QType, get_op
from support.op_cases import cases, check_close, check_walk, shapes_of

OP = get_op("requantize")


@st.composite
def requantize_cases(draw):
    return draw(cases("requantize", {}, [draw(shapes_of())]))


@settings(max_examples=60, deadline=None)
@given(requantize_cases())
def test_codes_follow_the_definition_in_exact_fractions(case):
    requant, out = case.lowered.requant, case.out
    got = OP.integer(case.lowered, case.codes).ravel().tolist()
    multiplier, zero = int(requant.multiplier[0]), case.types[0].zero_point
    for code, result in zip(case.codes[0].ravel().tolist(), got, strict=True):
        if case.types[0] == out:
            assert result == code
            continue
        exact = Fraction((code - zero) * multiplier, 1 << requant.shift)
        wanted = (exact + Fraction(1, 2)).__floor__() + out.zero_point
        assert result == min(max(wanted, out.low), out.high)


@settings(max_examples=60, deadline=None)
@given(requantize_cases())
def test_values_stay_and_the_work_walks(case):
    check_close(case)
    check_walk(case)


def test_one_type_is_the_identity():
    kind = QType(7, False, 0.123, 5)
    lowered = OP.lower(OP.Params(), {}, [(4,)], [kind], kind, None)
    assert lowered.requant.identity
    assert (lowered.requant.low, lowered.requant.high) == (0, 127)
