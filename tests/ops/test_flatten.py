from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import QType, get_op
from support.op_cases import cases, check_walk, each, shapes_of

OP = get_op("flatten")


@st.composite
def flatten_cases(draw):
    return draw(cases("flatten", {}, [draw(shapes_of())]))


@settings(max_examples=40, deadline=None)
@given(flatten_cases())
def test_elements_are_in_channel_height_width_order(case):
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for position, index in enumerate(each(case.shapes[0])):
        for sample in range(2):
            assert got[sample, position] == case.codes[0][(sample, *index)]
            assert real[sample, position] == case.real_inputs[0][(sample, *index)]


@settings(max_examples=40, deadline=None)
@given(flatten_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    assert OP.out_type(OP.Params(), [kind], QType(8, True, 1.0), [(1, 2, 2)]) == kind
    assert OP.shape(OP.Params(), [(3, 4, 5)]) == (60,)
