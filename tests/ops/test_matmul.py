import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, ParamError, QType, get_op
from support.attend import plain_matmul
from support.op_cases import SCALES, Case, check_close

OP = get_op("matmul")


@st.composite
def operand_types(draw):
    """Types that can be factors: zero point 0, codes in [-128, 127]."""
    signed = draw(st.booleans())
    bits = draw(st.integers(2, 8 if signed else 7))
    return QType(bits, signed, draw(st.sampled_from(SCALES)))


@st.composite
def matmul_cases(draw):
    rows, inner, features = (draw(st.integers(1, 9)) for _ in range(3))
    transposed = draw(st.booleans())
    params = OP.Params.model_validate(
        {"transpose_b": transposed, "scale": draw(st.sampled_from([1.0, 0.125, 3.3]))}
    )
    shapes = [(rows, inner), (features, inner) if transposed else (inner, features)]
    types = [draw(operand_types()) for _ in shapes]
    out = QType(draw(st.integers(2, 12)), True, draw(st.sampled_from(SCALES)))
    lowered = OP.lower(params, {}, shapes, types, out, LowerOptions(8))
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    ends = draw(st.booleans())
    codes = []
    for shape, kind in zip(shapes, types, strict=True):
        array = random.integers(kind.low, kind.high, size=(2, *shape), endpoint=True)
        codes.append(np.where(array < 0, kind.low, kind.high) if ends else array)
    return Case(OP, params, shapes, types, out, {}, lowered, codes)


@settings(max_examples=80, deadline=None)
@given(matmul_cases())
def test_codes_equal_a_loop(case):
    work = OP.work(case.lowered, case.shapes, case.types)
    got = OP.integer(case.lowered, case.codes)
    assert got.shape == (2, *OP.shape(case.params, case.shapes))
    assert work.results == got[0].size
    for sample in range(2):
        streams = [codes[sample].ravel().tolist() for codes in case.codes]
        assert plain_matmul(work, case.lowered, streams) == got[sample].ravel().tolist()


@settings(max_examples=60, deadline=None)
@given(matmul_cases())
def test_codes_are_close_to_the_real_result(case):
    check_close(case)


@settings(max_examples=60, deadline=None)
@given(matmul_cases())
def test_accumulator_holds_every_sum(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    second = case.codes[1].swapaxes(1, 2) if case.params.transpose_b else case.codes[1]
    products = case.codes[0][:, :, :, None] * second[:, None]
    partial = products.cumsum(axis=2)
    assert low <= partial.min() <= partial.max() <= high


def test_real_result_by_hand():
    a, b = np.array([[[1.0, 2.0]]]), np.array([[[3.0, 4.0], [5.0, -6.0]]])
    plain = OP.Params.model_validate({"scale": 0.5})
    turned = OP.Params.model_validate({"transpose_b": True})
    assert OP.real(plain, [a, b], {}).tolist() == [[[6.5, -4.0]]]
    assert OP.real(turned, [a, b], {}).tolist() == [[[11.0, -7.0]]]


@pytest.mark.parametrize(
    ("keys", "shapes", "words", "hint"),
    [
        ({}, [(3, 4), (5, 6)], "inner sizes 4 and 5", "[4, n]"),
        ({"transpose_b": True}, [(3, 4), (4, 6)], "inner sizes 4 and 6", "[n, 4]"),
        ({}, [(3, 4), (4,)], "the second input of shape (tokens, features), got [4]", "shape:"),
        ({}, [(1, 3, 3), (4, 4)], "the first input of shape", "shape:"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(keys, shapes, words, hint):
    with pytest.raises(ParamError) as error:
        OP.shape(OP.Params.model_validate(keys), shapes)
    assert words in str(error.value)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("kind", "words", "hint"),
    [
        (QType(8, False, 1.0, 3), "zero point 0, not 3", "symmetric: true"),
        (QType(16, False, 1.0), "not unsigned 16-bit", "int15"),
    ],
)
def test_codes_that_are_no_factors_are_refused(kind, words, hint):
    params, good = OP.Params.model_validate({}), QType(8, True, 1.0)
    with pytest.raises(ParamError) as error:
        OP.lower(params, {}, [(2, 2), (2, 2)], [good, kind], good, LowerOptions(8))
    assert words in str(error.value) and "the second input" in str(error.value)
    assert hint in error.value.hint
