import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import QType, get_op
from support.op_cases import cases, check_close, check_walk, shapes_of

OP = get_op("relu")


@st.composite
def relu_cases(draw):
    return draw(cases("relu", {}, [draw(shapes_of())]))


@settings(max_examples=40, deadline=None)
@given(relu_cases())
def test_codes_below_the_zero_point_become_it(case):
    zero = case.types[0].zero_point
    wanted = [max(code, zero) for code in case.codes[0].ravel().tolist()]
    assert OP.integer(case.lowered, case.codes).ravel().tolist() == wanted
    check_close(case)


@settings(max_examples=40, deadline=None)
@given(relu_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def test_nothing_is_multiplied():
    kind = QType(6, False, 0.3, 20)
    params = OP.Params.model_validate({})
    assert OP.out_type(params, [kind], QType(8, True, 1.0), [(4,)]) == kind
    lowered = OP.lower(params, {}, [(4,)], [kind], kind, None)
    assert lowered.requant.identity
    assert OP.integer(lowered, [np.array([[0, 19, 20, 63]])]).tolist() == [[20, 20, 20, 63]]
    assert OP.real(params, [np.array([[-1.5, 2.0]])], {}).tolist() == [[0.0, 2.0]]
