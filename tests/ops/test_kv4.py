"""Rows of four bits against exact fractions."""

from fractions import Fraction
from math import floor, log2

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops.kv4 import INVERSE, LOGS, key_multipliers, pack, value_logs


def test_tables_are_what_the_page_says():
    assert len(INVERSE) == 256 and len(LOGS) == 129
    for a in range(7, 256):
        assert INVERSE[a] == floor(Fraction(7 << 16, a) + Fraction(1, 2))
    for a in range(7, 129):
        exact = 64 * log2(128 / a)
        assert abs(LOGS[a] - exact) <= 0.5
    assert (LOGS[7], LOGS[128]) == (268, 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-255, 255), min_size=1, max_size=20))
def test_codes_are_the_nearest_sevenths_of_the_size(row):
    codes, size = pack(np.array(row))
    assert size == max(7, *map(abs, row))
    assert np.abs(codes).max() <= 7
    for x, code in zip(row, codes.tolist(), strict=True):
        # Half a step, and what a reciprocal of 17 bits costs.
        assert abs(code - Fraction(7 * x, int(size))) <= Fraction(1, 2) + Fraction(1, 256)


def test_rows_that_fit_stay_as_they_are():
    rows = np.arange(-7, 8)
    codes, size = pack(rows)
    assert size == 7
    assert codes.tolist() == rows.tolist()


def test_sizes_become_multipliers_and_logarithms():
    assert key_multipliers(np.array([7, 255]), 65535).tolist() == [1792, 65279]
    assert value_logs(np.array([128, 64, 7])).tolist() == [0, 64, 268]
