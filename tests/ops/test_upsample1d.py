import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk

OP = get_op("upsample1d")


@st.composite
def upsample_cases(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    factor = draw(st.integers(1, 5))
    return factor, draw(cases("upsample1d", {"factor": factor}, [shape]))


@settings(max_examples=50, deadline=None)
@given(upsample_cases())
def test_each_token_is_repeated(drawn):
    factor, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        wanted = [row for row in case.codes[0][sample].tolist() for _ in range(factor)]
        assert codes[sample].tolist() == wanted
        wanted = [row for row in case.real_inputs[0][sample].tolist() for _ in range(factor)]
        assert real[sample].tolist() == wanted


@settings(max_examples=50, deadline=None)
@given(upsample_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    params = OP.Params.model_validate({"factor": 2})
    assert OP.out_type(params, [kind], QType(8, True, 1.0), [(4, 4)]) == kind


def test_an_image_is_refused():
    params = OP.Params.model_validate({"factor": 2})
    with pytest.raises(ParamError, match=r"got \[1, 4, 4\]"):
        OP.shape(params, [(1, 4, 4)])
