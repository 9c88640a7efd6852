import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, QType, get_op
from support.op_cases import cases, check_close, check_walk
from support.walk import requantise

OP = get_op("avg_pool1d")


@st.composite
def pool_cases(draw):
    tokens, features = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    keys = {"kernel": draw(st.integers(1, tokens))}
    if draw(st.booleans()):
        keys["stride"] = draw(st.integers(1, 4))
    return keys, draw(cases("avg_pool1d", keys, [(tokens, features)]))


def sums(keys, data):
    """Return the sum under each window by (token, feature), by plain loops."""
    kernel, stride = keys["kernel"], keys.get("stride", keys["kernel"])
    return {
        (t, c): sum(data[start + k][c] for k in range(kernel))
        for t, start in enumerate(range(0, len(data) - kernel + 1, stride))
        for c in range(len(data[0]))
    }


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_equal_loops(drawn):
    keys, case = drawn
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        found = sums(keys, case.codes[0][sample].tolist())
        assert len(found) == codes[sample].size
        for index, total in found.items():
            assert codes[sample][index] == requantise(total, case.lowered.requant)
        for index, total in sums(keys, case.real_inputs[0][sample].tolist()).items():
            assert real[sample][index] == pytest.approx(total / keys["kernel"], rel=1e-9, abs=1e-9)


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
    kind = case.types[0]
    assert low <= keys["kernel"] * kind.low <= keys["kernel"] * kind.high <= high


def test_halves_round_up():
    kind = QType(4, True, 1.0)
    params = OP.Params.model_validate({"kernel": 2})
    lowered = OP.lower(params, {}, [(4, 1)], [kind], kind, LowerOptions(4))
    codes = np.array([[[1], [2], [-1], [-2]]])
    assert OP.integer(lowered, [codes]).ravel().tolist() == [2, -1]
