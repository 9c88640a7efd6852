import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk, each, images

OP = get_op("crop")


@st.composite
def crop_cases(draw):
    sequences = st.tuples(st.integers(1, 8), st.integers(1, 12))
    shape = draw(st.one_of(images(6), sequences))
    rows = shape[len(shape) - 2]
    first = draw(st.integers(0, rows - 1))
    keys = {"first": first, "rows": draw(st.integers(1, rows - first))}
    return draw(cases("crop", keys, [shape]))


@settings(max_examples=80, deadline=None)
@given(crop_cases())
def test_rows_are_those_from_the_first_on(case):
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    shape = OP.shape(case.params, case.shapes)
    assert got.shape[1:] == real.shape[1:] == shape
    for index in each(shape):
        place = list(index)
        place[len(place) - 2] += case.params.first
        for sample in range(2):
            assert got[(sample, *index)] == case.codes[0][(sample, *place)]
            assert real[(sample, *index)] == case.real_inputs[0][(sample, *place)]


@settings(max_examples=40, deadline=None)
@given(crop_cases())
def test_the_work_is_the_op(case):
    check_walk(case)


@pytest.mark.parametrize(
    ("shape", "keys", "key", "message"),
    [
        ((7,), {"rows": 1}, "in", "vector of 7"),
        ((5, 2), {"first": 3, "rows": 3}, "rows", "rows 3 to 5 of 5"),
        ((2, 5, 2), {"first": 5, "rows": 1}, "first", "rows 5 to 5 of 5"),
    ],
)
def test_rows_must_be_there(shape, keys, key, message):
    with pytest.raises(ParamError, match=message) as error:
        OP.shape(OP.Params(**keys), [shape])
    assert error.value.key == key


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    assert OP.out_type(OP.Params(rows=1), [kind], QType(8, True, 1.0), [(1, 2, 2)]) == kind
