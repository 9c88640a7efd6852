import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, QType, get_op
from support.op_cases import cases, check_close, check_walk, each, images
from support.walk import requantise

OP = get_op("avg_pool2d")


@st.composite
def pool_cases(draw):
    shape = draw(images(7))
    keys = {"kernel": [draw(st.integers(1, n)) for n in shape[1:]]}
    if draw(st.booleans()):
        keys["stride"] = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    return keys, draw(cases("avg_pool2d", keys, [shape]))


def sums(keys, data):
    """Yield (index of the result, sum under the window, elements) by plain loops."""
    (kh, kw), (sh, sw) = keys["kernel"], keys.get("stride", keys["kernel"])
    for c in range(len(data)):
        for i, top in enumerate(range(0, len(data[0]) - kh + 1, sh)):
            for j, left in enumerate(range(0, len(data[0][0]) - kw + 1, sw)):
                total = sum(data[c][top + y][left + x] for y, x in each((kh, kw)))
                yield (c, i, j), total, kh * kw


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_equal_nested_loops(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        for index, total, _ in sums(keys, case.codes[0][sample].tolist()):
            assert codes[sample][index] == requantise(total, case.lowered.requant)
        for index, total, terms in sums(keys, case.real_inputs[0][sample].tolist()):
            assert real[sample][index] == pytest.approx(total / terms, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_are_close_to_the_mean(drawn):
    check_close(drawn[1])


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_work_walks_to_the_codes(drawn):
    check_walk(drawn[1])


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_accumulator_holds_every_sum(drawn):
    keys, case = drawn
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    terms = keys["kernel"][0] * keys["kernel"][1]
    assert low <= terms * case.types[0].low <= terms * case.types[0].high <= high


def test_halves_round_up():
    kind = QType(4, True, 1.0)
    params = OP.Params.model_validate({"kernel": [1, 2]})
    lowered = OP.lower(params, {}, [(1, 1, 4)], [kind], kind, LowerOptions(4))
    codes = np.array([[[[1, 2, -1, -2]]]])
    assert OP.integer(lowered, [codes]).ravel().tolist() == [2, -1]
