"""Tile exponents against plain Python integers."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.ops.tile_exponent import (
    EMPTY,
    FRACTION,
    TABLE,
    Y_LIMIT,
    State,
    logits,
    numerators,
    tile_exponent,
)
from support.attend import Query, round_shift


def check(tiles, features):
    """Compare after every tile; ``tiles`` are (y, seen, values) with a leading query axis.

    Each query has values of its own: it is one head with one query.
    """
    queries = len(tiles[0][0])
    state = State.empty((queries, 1), features)
    plain = [Query(features) for _ in range(queries)]
    for y, seen, values in tiles:
        state = state.visit(y[:, None], seen[:, None], values)
        for number, query in enumerate(plain):
            query.tile(y[number].tolist(), seen[number].tolist(), values[number].tolist())
            assert state.sums[number, 0].tolist() == query.sums
            assert state.total[number, 0] == query.total
            assert state.exponent[number, 0] == query.exponent
    assert state.finish()[:, 0].tolist() == [query.finish() for query in plain]
    assert state.masked[:, 0].tolist() == [query.exponent == -2048 for query in plain]
    return state


def test_the_table_is_rounded_exactly():
    with decimal.localcontext() as context:
        context.prec = 50
        for r, entry in enumerate(TABLE.tolist()):
            exact = 4080 * decimal.Decimal(2) ** (decimal.Decimal(-r) / 64)
            assert entry == int(exact + decimal.Decimal("0.5"))
            # Floating point could only have gone wrong next to a half.
            assert abs(exact % 1 - decimal.Decimal("0.5")) > decimal.Decimal("1e-6")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from([1, 4, 8, 16, 64]),
    st.sampled_from([1, 40, 700, 5000, Y_LIMIT]),
    st.sampled_from([0.0, 0.3, 0.9]),
)
def test_states_equal_plain_integers(seed, keys, spread, hidden):
    random = np.random.default_rng(seed)
    features, queries = int(random.integers(1, 6)), 3
    tiles = []
    for _ in range(int(random.integers(1, 8))):
        middle = random.integers(-spread, spread, endpoint=True)
        y = random.integers(-spread, spread, size=(queries, keys), endpoint=True) + middle
        seen = random.random((queries, keys)) >= hidden
        values = random.integers(-128, 127, size=(queries, keys, features), endpoint=True)
        tiles.append((np.clip(y, -Y_LIMIT, Y_LIMIT), seen, values))
    check(tiles, features)


@pytest.mark.parametrize("code", [-128, 127])
def test_equal_keys_carry_into_the_exponent_and_never_overflow(code):
    y, seen = np.zeros((1, 64), np.int64), np.ones((1, 64), bool)
    values = np.full((1, 64, 1), code)
    state = check([(y, seen, values)] * 40, 1)
    assert state.exponent[0] > 0  # 40 * 64 keys of 255 do not fit 24 bits unscaled
    assert abs(state.finish()[0, 0, 0] / 65536 - code) < 0.002


def test_a_tile_far_below_counts_nothing_and_far_above_replaces():
    low, high = np.full((1, 8), -Y_LIMIT), np.full((1, 8), Y_LIMIT)
    seen = np.ones((1, 8), bool)
    ones, twos = np.full((1, 8, 1), 10), np.full((1, 8, 1), 20)
    rising = check([(low, seen, ones), (high, seen, twos)], 1)
    falling = check([(high, seen, twos), (low, seen, ones)], 1)
    assert round(rising.finish()[0, 0, 0] / 65536) == round(falling.finish()[0, 0, 0] / 65536) == 20


def test_an_unseen_tile_changes_nothing():
    random = np.random.default_rng(4)
    y = random.integers(-100, 100, size=(1, 16))
    values = random.integers(-128, 127, size=(16, 3))
    once = State.empty((1,), 3).visit(y, np.ones((1, 16), bool), values)
    again = once.visit(y + 999, np.zeros((1, 16), bool), values)
    assert again.sums.tolist() == once.sums.tolist()
    assert (again.total, again.exponent) == (once.total, once.exponent)
    nothing = State.empty((1,), 3).visit(y, np.zeros((1, 16), bool), values)
    assert nothing.masked.all() and nothing.finish().tolist() == [[0, 0, 0]]


@given(st.integers(-(1 << 23), 1 << 23), st.integers(0, 65535), st.integers(0, 47))
def test_logits_round_and_saturate(score, multiplier, shift):
    want = min(max(round_shift(score * multiplier, shift), -131008), 131008)
    assert logits(np.array([score]), multiplier, shift).tolist() == [want]


def test_numerators_are_the_exponential_in_255ths():
    y = -np.arange(0, 12 << FRACTION)[None]
    seen = np.ones(y.shape, bool)
    exponent = tile_exponent(y, seen)
    assert exponent.tolist() == [0]
    parts = numerators(y, exponent, seen)[0]
    exact = 255 * 2.0 ** (y[0] / 64)
    inside = y[0] > -(10 << FRACTION)
    # Half a unit of the numerator and half of one of the table, at most.
    assert np.abs(parts - exact)[inside].max() <= 0.5 + 1 / 32
    assert not parts[~inside].any()
    assert tile_exponent(y, ~seen).tolist() == [EMPTY]


def test_the_result_is_the_softmax_average():
    random = np.random.default_rng(7)
    y = random.integers(-500, 500, size=(4, 10, 16))
    values = random.integers(-128, 127, size=(4, 10, 16, 8))
    state = State.empty((4, 1), 8)
    for t in range(10):
        state = state.visit(y[:, t, None], np.ones((4, 1, 16), bool), values[:, t])
    weights = 2.0 ** (y.reshape(4, -1) / 64)
    weights /= weights.sum(axis=1, keepdims=True)
    exact = np.einsum("qk,qkf->qf", weights, values.reshape(4, -1, 8))
    noise = np.sum((state.finish()[:, 0] / 65536 - exact) ** 2)
    assert 10 * math.log10(np.sum(exact**2) / noise) > 40
