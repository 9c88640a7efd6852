import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, get_op
from support.op_cases import cases, check_walk

OP = get_op("argmax")


@st.composite
def argmax_cases(draw):
    return draw(cases("argmax", {}, [(draw(st.integers(1, 40)),)]))


@settings(max_examples=60, deadline=None)
@given(argmax_cases())
def test_the_first_of_the_largest(case):
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        data = case.codes[0][sample].tolist()
        assert got[sample].tolist() == real[sample].tolist() == [data.index(max(data))]
    check_walk(case)


def test_ties_go_to_the_lowest_index():
    codes = np.array([[1, 7, 7, 7], [-8, -8, -8, -8]])
    lowered = OP.lower(OP.Params(), {}, [(4,)], [], None, None)
    assert OP.integer(lowered, [codes]).tolist() == [[1], [0]]


@pytest.mark.parametrize(("elements", "bits"), [(1, 2), (4, 2), (5, 3), (10, 4), (17, 5)])
def test_the_index_is_as_wide_as_it_needs(elements, bits):
    out = OP.out_type(OP.Params(), [], None, [(elements,)])
    assert (out.bits, out.signed, out.scale, out.zero_point) == (bits, False, 1.0, 0)
    assert out.high >= elements - 1


def test_an_image_is_refused():
    with pytest.raises(ParamError, match=r"a vector, got shape \[3, 1, 1\]"):
        OP.shape(OP.Params(), [(3, 1, 1)])
