import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.op_cases import cases, check_walk, images
from support.walk import requantise

OP = get_op("interleave")


@st.composite
def interleave_cases(draw):
    keys = {"axis": draw(st.sampled_from(["rows", "columns"]))}
    return keys, draw(cases("interleave", keys, [draw(images(4))] * draw(st.integers(2, 4))))


@settings(max_examples=50, deadline=None)
@given(interleave_cases())
def test_rows_or_columns_are_in_turn(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    count = len(case.shapes)
    for sample, c, row, column in np.ndindex(codes.shape):
        if keys["axis"] == "rows":
            height, k = divmod(row, count)
            place = sample, c, height, column
        else:
            width, k = divmod(column, count)
            place = sample, c, row, width
        requant = case.lowered.requant
        assert codes[sample, c, row, column] == requantise(int(case.codes[k][place]), requant, k)
        assert real[sample, c, row, column] == case.real_inputs[k][place]


@settings(max_examples=50, deadline=None)
@given(interleave_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


def test_codes_of_one_type_are_kept():
    kind, shapes = QType(5, True, 0.25, 3), [(1, 2, 2)] * 2
    assert OP.out_type(OP.Params(), [kind] * 2, QType(8, True, 1.0), shapes) == kind
    lowered = OP.lower(OP.Params(), {}, shapes, [kind] * 2, kind, LowerOptions(4))
    assert lowered.requant.identity
    other = QType(8, True, 1.0)
    assert OP.out_type(OP.Params(), [kind, other], other, shapes) == other


@pytest.mark.parametrize("shapes", [[(1, 2, 2), (1, 2, 3)], [(2, 2), (2, 2)]])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ParamError) as caught:
        OP.shape(OP.Params(), shapes)
    assert caught.value.hint
