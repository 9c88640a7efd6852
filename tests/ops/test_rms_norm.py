import math

import numpy as np
import pytest
from hypothesis import given, settings

from hwgen.ops import LowerOptions, QType, get_op
from support import rows
from support.op_cases import check_walk
from support.row_cases import (
    check_norm_bound,
    check_rows,
    check_sums,
    decibels,
    norm_cases,
    per_row,
)

OP = get_op("rms_norm")


@settings(max_examples=60, deadline=None)
@given(norm_cases("rms_norm"))
def test_codes_equal_plain_integers(case):
    check_rows(case, rows.normalized)


@settings(max_examples=40, deadline=None)
@given(norm_cases("rms_norm"))
def test_work_walks_to_the_codes(case):
    check_walk(case)


@settings(max_examples=80, deadline=None)
@given(norm_cases("rms_norm"))
def test_codes_are_within_the_documented_bound(case):
    check_norm_bound(case)


@settings(max_examples=60, deadline=None)
@given(norm_cases("rms_norm"))
def test_the_result_by_the_definition(case):
    real = per_row(case, OP.real(case.params, case.real_inputs, case.weights))
    for row, result in zip(per_row(case, case.real_inputs[0]), real, strict=True):
        scale = math.sqrt(math.fsum(x * x for x in row) / len(row) + case.params.eps)
        wanted = [x / scale * weight for x, weight in zip(row, case.weights["weight"], strict=True)]
        assert result.tolist() == pytest.approx(wanted, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(norm_cases("rms_norm"))
def test_accumulator_holds_the_sums(case):
    check_sums(case)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("features", [4, 48, 384, 3000])
@pytest.mark.parametrize("outliers", [False, True])
def test_noise_beyond_the_output_s_own_rounding(bits, features, outliers):
    assert decibels(OP, bits, features, outliers, seed=features + bits) > 60


def test_the_mean_stays():
    kind, out = QType(8, True, 0.1), QType(8, True, 0.5)
    lowered = OP.lower(
        OP.Params(eps=1e-12),
        {"weight": np.array([3.0, -2.0])},
        [(2,)],
        [kind],
        out,
        LowerOptions(8),
    )
    assert OP.integer(lowered, [np.array([[40, 40]])]).tolist() == [[6, -4]]
    assert OP.integer(lowered, [np.array([[0, 0]])]).tolist() == [[0, 0]]


def test_a_zero_point_is_subtracted():
    kind, out = QType(8, False, 0.1, 100), QType(8, True, 0.5)
    lowered = OP.lower(
        OP.Params(eps=1e-12),
        {"weight": np.array([3.0, -2.0])},
        [(2,)],
        [kind],
        out,
        LowerOptions(8),
    )
    assert OP.integer(lowered, [np.array([[140, 140], [60, 140]])]).tolist() == [[6, -4], [-6, -4]]


def test_there_is_no_bias():
    assert OP.weights(OP.Params(), [(5, 6)]) == {"weight": (6,)}
