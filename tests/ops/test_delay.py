import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, each, images

OP = get_op("delay")


@st.composite
def delay_cases(draw):
    sequences = st.tuples(st.integers(1, 5), st.integers(1, 12))
    shape = draw(st.one_of(images(5), sequences))
    return draw(cases("delay", {"rows": draw(st.integers(1, 12))}, [shape]))


def row_before(sample, index, late, rows):
    """Return sample and index of the row ``late`` rows before; None before the first sample."""
    axis = 1 if len(index) == 3 else 0
    sample, row = divmod(sample * rows + index[axis] - late, rows)
    if sample < 0:
        return None
    return (sample, *index[:axis], row, *index[axis + 1 :])


@settings(max_examples=80, deadline=None)
@given(delay_cases())
def test_rows_come_from_the_samples_before(case):
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    shape, late = case.shapes[0], case.params.rows
    rows = shape[1] if len(shape) == 3 else shape[0]
    for index in each(shape):
        for sample in range(2):
            place = row_before(sample, index, late, rows)
            zero = case.types[0].zero_point
            assert got[(sample, *index)] == (case.codes[0][place] if place else zero)
            assert real[(sample, *index)] == (case.real_inputs[0][place] if place else 0.0)


def test_work_keeps_the_rows_that_are_late():
    lowered = OP.lower(OP.Params(rows=3), {}, [(4, 6)], [QType(8, True, 1.0, 5)], None, None)
    work = OP.work(lowered, [(4, 6)], [])
    (port,) = work.ports

    assert (port.rows, port.row, port.history, port.fresh) == (7, 6, 3, 24)
    assert (work.row.count, work.origin, work.pad, work.results) == (4, (0, 0), 5, 24)


def test_a_vector_has_no_rows():
    with pytest.raises(ParamError, match="vector of 7") as error:
        OP.shape(OP.Params(rows=1), [(7,)])
    assert error.value.key == "in"


def test_codes_keep_their_type():
    kind = QType(5, True, 0.25, 3)
    assert OP.out_type(OP.Params(rows=1), [kind], QType(8, True, 1.0), [(1, 2, 2)]) == kind
