from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import ParamError, QType, get_op
from support.op_cases import cases, check_walk, each, images, shapes_of
from support.walk import finish

OP = get_op("concat")


@st.composite
def concat_cases(draw):
    shape = draw(shapes_of())
    count = draw(st.integers(2, 4))
    sizes = [draw(st.integers(1, 5)) for _ in range(count)]
    # Channels are the first axis of an image, the last one of a sequence.
    shapes = [(shape[0], n) if len(shape) == 2 else (n, *shape[1:]) for n in sizes]
    return draw(cases("concat", {}, shapes, same_type=draw(st.booleans())))


@settings(max_examples=60, deadline=None)
@given(concat_cases())
def test_each_input_keeps_its_values_in_its_place(case):
    requant, out = case.lowered.requant, case.out
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    codes, reals = case.codes, case.real_inputs
    if len(case.shapes[0]) == 2:
        got, real = got.swapaxes(1, 2), real.swapaxes(1, 2)
        codes = [item.swapaxes(1, 2) for item in codes]
        reals = [item.swapaxes(1, 2) for item in reals]
    for sample in range(2):
        channel = 0
        for port, kind in enumerate(case.types):
            for part, real_part in zip(codes[port][sample], reals[port][sample], strict=True):
                assert real[sample, channel].ravel().tolist() == real_part.ravel().tolist()
                results = got[sample, channel].ravel().tolist()
                for code, result in zip(part.ravel().tolist(), results, strict=True):
                    scale = Fraction(int(requant.multiplier[port]), 1 << requant.shift)
                    exact = (code - kind.zero_point) * scale
                    wanted = (exact + Fraction(1, 2)).__floor__() + out.zero_point
                    assert result == min(max(wanted, out.low), out.high)
                channel += 1
        assert channel == got.shape[1]


@settings(max_examples=60, deadline=None)
@given(concat_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


def test_an_input_of_the_output_type_passes_unchanged_beside_another():
    kind, other = QType(8, True, 0.25), QType(8, True, 0.2)
    lowered = OP.lower(OP.Params(), {}, [(1,), (1,)], [kind, other], kind, None)
    assert lowered.requant.multiplier[0] == 1 << lowered.requant.shift


@pytest.mark.parametrize(
    ("one", "other"),
    [((2, 4, 4), (2, 4, 5)), ((2, 4, 4), (2,)), ((2, 4), (3, 4)), ((2, 4), (4,))],
)
def test_sizes_must_agree(one, other):
    with pytest.raises(ParamError, match="differ in their channels only"):
        OP.shape(OP.Params(), [one, other])


def test_sequences_are_joined_along_their_features():
    assert OP.shape(OP.Params(), [(3, 4), (3, 1)]) == (3, 5)


@st.composite
def row_cases(draw):
    sequences = st.tuples(st.just(1), st.integers(1, 8))
    shape = draw(st.one_of(images(4), sequences))
    axis = len(shape) - 2
    shapes = [(*shape[:axis], draw(st.integers(1, 4)), *shape[axis + 1 :]) for _ in range(3)]
    return draw(cases("concat", {"axis": "rows"}, shapes, same_type=draw(st.booleans())))


@settings(max_examples=60, deadline=None)
@given(row_cases())
def test_rows_follow_one_another(case):
    check_walk(case)
    got = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    shape = OP.shape(case.params, case.shapes)
    axis = len(shape) - 2
    assert got.shape[1:] == real.shape[1:] == shape
    start = 0
    for port, source in enumerate(case.shapes):
        requant = case.lowered.requant
        for index in each(source):
            place = (*index[:axis], start + index[axis], *index[axis + 1 :])
            code = int(case.codes[port][(0, *index)])
            scaled = code * int(requant.multiplier[port]) + int(requant.offset[port])
            assert got[(0, *place)] == finish(scaled, requant)
            assert real[(0, *place)] == case.real_inputs[port][(0, *index)]
        start += source[axis]


@pytest.mark.parametrize(
    ("shapes", "key", "message"),
    [
        (((2, 4, 4), (2, 5, 3)), "in", "differ in their rows only"),
        (((3, 4), (2, 5)), "in", "differ in their rows only"),
        (((3,), (3,)), "axis", "no rows"),
    ],
)
def test_rows_must_fit(shapes, key, message):
    with pytest.raises(ParamError, match=message) as error:
        OP.shape(OP.Params(axis="rows"), shapes)
    assert error.value.key == key


def test_rows_in_a_stream_are_no_window():
    assert OP.row_window(OP.Params(axis="rows"), [(3, 4), (3, 4)]) is None
    assert OP.row_window(OP.Params(), [(3, 4), (3, 4)]) is not None
