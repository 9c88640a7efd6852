import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops import LowerOptions, QType, get_op
from support.op_cases import cases, check_close, check_walk, images
from support.walk import requantise

OP = get_op("global_avg_pool")


@st.composite
def pool_cases(draw):
    sequences = st.tuples(st.integers(1, 9), st.integers(1, 6))
    return draw(cases("global_avg_pool", {}, [draw(st.one_of(images(), sequences))]))


def channels(sample):
    """Return the elements of each channel as lists."""
    if sample.ndim == 2:
        return [[row[c] for row in sample.tolist()] for c in range(sample.shape[1])]
    return [[x for row in channel for x in row] for channel in sample.tolist()]


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_and_reals_are_means_of_each_channel(case):
    codes = OP.integer(case.lowered, case.codes)
    real = OP.real(case.params, case.real_inputs, {})
    for sample in range(2):
        totals = [sum(c) for c in channels(case.codes[0][sample])]
        assert codes[sample].tolist() == [requantise(n, case.lowered.requant) for n in totals]
        means = [sum(c) / len(c) for c in channels(case.real_inputs[0][sample])]
        assert real[sample].tolist() == pytest.approx(means, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_codes_are_close_to_the_mean(case):
    check_close(case)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=50, deadline=None)
@given(pool_cases())
def test_accumulator_holds_every_sum(case):
    low, high = OP.accumulator(case.lowered, case.shapes, case.types)
    count = len(channels(case.codes[0][0])[0])
    assert low <= count * case.types[0].low <= count * case.types[0].high <= high


def test_a_large_map_is_averaged_exactly():
    kind = QType(8, True, 1.0)
    shapes = [(1, 96, 96)]
    lowered = OP.lower(OP.Params(), {}, shapes, [kind], kind, LowerOptions(8))
    codes = np.full((1, 1, 96, 96), -128)
    codes[0, 0, :48] = 127
    assert OP.integer(lowered, [codes]).tolist() == [[0]]
