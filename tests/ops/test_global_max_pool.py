import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk, images

OP = get_op("global_max_pool")


@st.composite
def pool_cases(draw, name="global_max_pool"):
    sequences = st.tuples(st.integers(1, 9), st.integers(1, 6))
    return draw(cases(name, {}, [draw(st.one_of(images(), sequences))]))


def channels(sample):
    """Return the elements of each channel as lists."""
    if sample.ndim == 2:
        return [[row[c] for row in sample.tolist()] for c in range(sample.shape[1])]
    return [[x for row in channel for x in row] for channel in sample.tolist()]


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_are_the_largest_of_each_channel(case):
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        assert codes[sample].tolist() == [max(c) for c in channels(case.codes[0][sample])]
        assert real[sample].tolist() == [max(c) for c in channels(case.real_inputs[0][sample])]


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    assert OP.out_type(OP.Params(), [kind], QType(8, True, 1.0), [(1, 4, 4)]) == kind


def test_a_vector_is_refused():
    with pytest.raises(ParamError, match=r"needs an image or a sequence, got \[9\]") as caught:
        OP.shape(OP.Params(), [(9,)])
    assert caught.value.hint
