"""Attention's lanes against the golden arithmetic, with every call as early as it may come."""

import random
from dataclasses import replace

import numpy as np
import pytest

from hwgen.ops import kv4
from hwgen.ops.attention_keys import slots_for, slots_of
from hwgen.ops.work import Attend
from rtl_templates.attention.lanes import LOGS, Lanes
from rtl_templates.attention.shape import LaneShape
from support.lane_calls import Pass, lane_task, play, timetable
from support.memories import memory_bits
from support.spite import spite


def shape_of(columns=4, tile=8, normalisers=2, lanes=4, lag=1, turns=1, scores=1):
    return LaneShape(
        columns=columns,
        tile=tile,
        score_bits=24,
        sum_bits=22,
        normalisers=normalisers,
        lanes=lanes,
        out_bits=8,
        lag=lag,
        turns=turns,
        scores=scores,
    )


def attend_of(**changes):
    fixed = Attend(queries=5, keys=21, heads=2, kv_heads=1, inner=8, features=8, tile=8)
    return replace(fixed, **changes)


def operands(rng, attend, spread):
    entries, slots = attend.queries * (attend.heads // attend.kv_heads), slots_of(attend)
    scores = rng.integers(-spread, spread, (attend.kv_heads, entries, slots), endpoint=True)
    values = rng.integers(-128, 127, (attend.kv_heads, slots, attend.features), endpoint=True)
    return scores, values


def verify(lanes, tensor, beats, clamped):
    got = np.full(tensor.results.size, 9999)
    masked = np.zeros(tensor.results.size, bool)
    for _, element, codes, nothing in beats:
        assert (got[element : element + len(codes)] == 9999).all()
        got[element : element + len(codes)] = codes
        masked[element : element + len(codes)] = nothing
    assert got.tolist() == tensor.results.reshape(-1).tolist()
    assert (masked.reshape(tensor.results.shape) == tensor.masked[..., None]).all()
    assert clamped == tensor.clamped
    if not tensor.task.entries % lanes.shape.columns:
        assert beats[-1][0] == tensor.slots[-1].merge + lanes.latency(tensor.task)


def check(lanes, tensors, *, slack=0, seed=0, reset_at=None):
    """Play (task index, pass) in turn and compare everything that leaves."""
    rng = random.Random(seed)
    for _, tensor in tensors:
        timetable(lanes, tensor.task, tensor.slots, rng, slack=slack)
    for (_, tensor), (beats, clamped) in zip(
        tensors, play(lanes, tensors, reset_at=reset_at), strict=True
    ):
        verify(lanes, tensor, beats, clamped)


def one(attend, shape=None, *, seed=0, spread=1 << 17, shift=24, slack=0, **more):
    """Check one pass over random operands; return it."""
    rng = np.random.default_rng(seed)
    shape = shape or shape_of(tile=attend.tile)
    scale = {name: more.pop(name) for name in ("sink_multiplier", "result", "zero") if name in more}
    task = lane_task(attend, multiplier=40000, shift=shift, **scale)
    operand = operands(rng, attend, spread)
    tensor = Pass(shape, attend, task, *(more.pop("operands", None) or operand), **more)
    check(Lanes(shape, [task]), [(0, tensor)], slack=slack, seed=seed)
    return tensor


@pytest.mark.parametrize("slack", [0, 7])
@pytest.mark.parametrize(
    ("queries", "kv_heads", "shift"), [(4, 4, 22), (5, 2, 24), (7, 1, 26), (8, 2, 30)]
)
def test_heads_and_groups(queries, kv_heads, shift, slack):
    attend = attend_of(queries=queries, heads=4, kv_heads=kv_heads)
    one(attend, shift=shift, slack=slack, seed=queries)


@pytest.mark.parametrize(
    ("columns", "tile", "normalisers", "lanes", "features"),
    [
        (1, 8, 1, 1, 3),
        (4, 8, 1, 1, 8),
        (4, 8, 4, 8, 8),
        (8, 16, 2, 2, 6),
        (8, 4, 8, 8, 40),
        (6, 32, 3, 4, 12),
        (4, 64, 4, 4, 32),
    ],
)
def test_sizes(columns, tile, normalisers, lanes, features, monkeypatch):
    spite(monkeypatch)  # no read of a block memory meets a write
    shape = shape_of(columns, tile, normalisers, lanes)
    attend = attend_of(queries=9, heads=2, features=features, tile=tile, keys=3 * tile - 1)
    one(attend, shape, shift=23)


@pytest.mark.parametrize("slack", [0, 3, 20])
@pytest.mark.parametrize("lag", [2, 3])
@pytest.mark.parametrize(("columns", "tile"), [(4, 8), (8, 4)])
def test_more_tiles_at_once(columns, tile, lag, slack, monkeypatch):
    """Totals wait for their sums, and with a lag of 3 logarithms for their turn."""
    spite(monkeypatch)
    shape = shape_of(columns, tile, lag=lag)
    attend = attend_of(queries=9, tile=tile, keys=9 * tile - 1, features=4, causal=True)
    one(attend, shape, shift=23, slack=slack, seed=lag)


@pytest.mark.parametrize("slack", [0, 5])
@pytest.mark.parametrize(
    ("columns", "tile", "normalisers", "lag", "features"),
    [(4, 8, 2, 1, 8), (8, 8, 1, 3, 12), (16, 4, 4, 2, 16), (2, 32, 1, 1, 4)],
)
def test_lanes_of_two_columns(columns, tile, normalisers, lag, features, slack, monkeypatch):
    spite(monkeypatch)
    shape = shape_of(columns, tile, normalisers, lag=lag, turns=2)
    attend = attend_of(queries=11, tile=tile, keys=5 * tile - 1, features=features, causal=True)
    one(attend, shape, shift=23, slack=slack, seed=lag)


@pytest.mark.parametrize(
    ("columns", "tile", "normalisers", "features", "heads", "slack"),
    [
        (8, 8, 4, 4, 1, 0),
        (2, 4, 2, 4, 2, 0),
        pytest.param(4, 16, 1, 8, 6, 3, marks=pytest.mark.nightly),
        pytest.param(10, 8, 5, 8, 3, 9, marks=pytest.mark.nightly),
    ],
)
def test_two_scores_per_cycle(columns, tile, normalisers, features, heads, slack, monkeypatch):
    """Tiles follow each other in half the cycles; blocks of one tile, rings and sinks too."""
    spite(monkeypatch)
    lanes = 8 if normalisers > 4 else 4
    shape = shape_of(columns, tile, normalisers, lanes, lag=3, scores=2)
    attend = attend_of(queries=7, heads=heads, tile=tile, features=features, causal=True)
    one(replace(attend, keys=3 * tile - 1), shape, shift=23, slack=slack)
    one(replace(attend, keys=tile), shape, shift=23, slack=slack, seed=1)
    window, sinks = tile - 1, tile // 2 + 1
    ring = replace(attend, window=window, sinks=sinks, cached=True)
    ring = replace(ring, keys=slots_for(7, window, sinks, tile))
    one(ring, shape, shift=23, slack=slack, tensor=3)


@pytest.mark.parametrize("keys", [1, 8, 9])
def test_few_keys(keys):
    one(attend_of(keys=keys))


def test_causal_rows_with_more_queries_than_keys_see_nothing():
    tensor = one(attend_of(queries=9, keys=5, causal=True))
    assert tensor.masked.any()
    assert not tensor.masked.all()
    assert not tensor.results[tensor.masked].any()


def test_masked_rows_are_the_code_of_zero():
    tensor = one(attend_of(queries=9, keys=5, causal=True), zero=17)
    assert (tensor.results[tensor.masked] == 17).all()


@pytest.mark.parametrize("length", [0, 1, 8, 13, 21])
def test_padded(length):
    tensor = one(attend_of(padded=True), length=length)
    assert tensor.masked.all() == (length == 0)


@pytest.mark.parametrize(("window", "sinks"), [(1, 0), (3, 0), (3, 2), (9, 9), (8, 3), (40, 5)])
def test_windows(window, sinks):
    one(attend_of(queries=11, keys=25, causal=True, window=window, sinks=sinks))


@pytest.mark.parametrize("sinks", [1, 8, 11, 30])
def test_sinks_without_a_window(sinks):
    one(attend_of(sinks=sinks), sink_multiplier=30000)
    one(attend_of(sinks=sinks, causal=True, padded=True), length=13)


@pytest.mark.parametrize("tensor", [0, 1, 3])
def test_a_cache(tensor):
    one(attend_of(queries=4, keys=16, causal=True, cached=True), tensor=tensor)


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize(("window", "sinks"), [(4, 0), (6, 3), (19, 9)])
def test_a_ring(tokens, window, sinks):
    attend = attend_of(
        queries=tokens,
        keys=slots_for(tokens, window, sinks, 8),
        causal=True,
        window=window,
        sinks=sinks,
        cached=True,
    )
    rng = np.random.default_rng(tokens)
    task = lane_task(attend, multiplier=40000, sink_multiplier=50000, shift=25)
    lanes = Lanes(shape_of(), [task])
    numbers = [0, 1, 2, 3, 7, 8, 11, 12, 13, 26, 27, 1000, 100003]
    tensors = [
        (0, Pass(lanes.shape, attend, task, *operands(rng, attend, 1 << 17), tensor=number))
        for number in numbers
    ]
    check(lanes, tensors)


def test_logarithms_saturate_and_are_counted():
    tensor = one(attend_of(), spread=(1 << 23) - 1, shift=16)
    assert tensor.clamped > 50
    scores = np.full((1, 10, 21), -(1 << 23))
    scores[0, ::2, 10:] = (1 << 23) - 1
    _, values = operands(np.random.default_rng(1), attend_of(), 1)
    tensor = one(attend_of(), shift=10, operands=(scores, values))
    assert tensor.clamped == 210


def test_the_ends_of_a_logarithm_are_not_counted():
    """Scores whose logarithms are the limits, one inside and one outside of them."""
    attend = attend_of(queries=1, heads=1, keys=8)
    limit = 131008
    scores = np.array([[[limit, -limit, limit + 1, -limit - 1, limit - 1, 1 - limit, 0, 1]]])
    _, values = operands(np.random.default_rng(1), attend, 1)
    rng = np.random.default_rng(0)
    for order in (np.arange(8), np.array([1]), np.array([1, 3, 5])):
        attend = attend_of(queries=1, heads=1, keys=len(order))
        task = lane_task(attend, multiplier=1, shift=0)
        tensor = Pass(shape_of(), attend, task, scores[:, :, order], values[:, order])
        assert tensor.clamped == np.isin(order, [2, 3]).sum()
        check(Lanes(shape_of(), [task]), [(0, tensor)])
    del rng


@pytest.mark.parametrize("code", [-128, 127])
def test_the_denominator_carries(code):
    """Equal keys: the sum of 255s passes 2**23, and is halved, again and again."""
    attend = attend_of(queries=2, heads=1, keys=64 * 14, tile=64, features=4)
    scores = np.zeros((1, 2, attend.keys), np.int64)
    scores[0, 1] = np.arange(attend.keys) // 64 % 3 * 200  # carries and larger tiles meet
    values = np.full((1, attend.keys, 4), code)
    shape = shape_of(columns=2, tile=64, normalisers=1)
    tensor = one(attend, shape, operands=(scores, values), shift=16, result=(32768, 31))
    assert (tensor.results == code).all()


def test_what_sizes_lower_is_that_of_the_golden_model():
    assert list(LOGS) == kv4.LOGS.tolist()


def sizes_of(rng, attend):
    shape = attend.kv_heads, slots_of(attend)
    return rng.integers(7, 256, shape), rng.integers(7, 129, shape)


@pytest.mark.parametrize(("window", "sinks"), [(0, 0), (19, 9)])
def test_keys_and_values_of_four_bits(window, sinks):
    attend = attend_of(
        queries=3,
        keys=slots_for(3, window, sinks, 8) if window else 33,
        causal=True,
        window=window,
        sinks=sinks,
        cached=True,
        kv4=True,
    )
    rng = np.random.default_rng(window)
    task = lane_task(attend, multiplier=65535, sink_multiplier=50000, shift=24)
    other = attend_of(queries=3)  # in between: a task without sizes
    tasks = [task, lane_task(other, multiplier=40000, shift=24)]
    lanes = Lanes(shape_of(), tasks)
    tensors = []
    for number in (0, 4, 9):
        scores, values = operands(rng, attend, 1 << 17)
        sizes = sizes_of(rng, attend)
        codes = values // 19
        assert np.abs(codes).max() <= 7
        tensor = Pass(lanes.shape, attend, task, scores, codes, tensor=number, sizes=sizes)
        tensors += [(0, tensor), (1, Pass(lanes.shape, other, tasks[1], *operands(rng, other, 9)))]
    check(lanes, tensors)


def test_values_below_the_lowest_exponent():
    """All logarithms at their lower limit: the sizes of values go below it."""
    attend = attend_of(queries=2, heads=1, keys=16, causal=True, cached=True, kv4=True)
    scores = np.full((1, 2, 16), -(1 << 23))
    sizes = np.full((1, 16), 255), np.arange(7, 129, 8)[None]
    values = np.full((1, 16, 8), 7)
    task = lane_task(attend, multiplier=65535, shift=8)
    lanes = Lanes(shape_of(), [task])
    tensor = Pass(lanes.shape, attend, task, scores, values, tensor=7, sizes=sizes)
    assert tensor.clamped == 2 * 16 - 1
    assert tensor.results.any()
    check(lanes, [(0, tensor)])


@pytest.mark.parametrize("seed", range(4))
def test_exponents_that_jump(seed):
    """Tiles far above, far below and just beside what a query has seen; some unseen."""
    attend = attend_of(queries=16, heads=1, keys=75, causal=True, window=33, sinks=3)
    rng = np.random.default_rng(seed)
    jumps = rng.choice([0, 0, 1, -1, 2, 30, 31, 32, 33, -31, -32, 60, -500, 900], (1, 16, 10))
    middle = np.repeat(np.cumsum(jumps, axis=2), 8, axis=2) * 64
    scores = middle + rng.integers(-20, 20, middle.shape)
    values = rng.choice([-128, 127], (1, 80, 8))
    one(attend, operands=(scores, values), shift=15, seed=seed, slack=seed % 2)


def test_two_tasks_in_turn_and_a_reset_in_between():
    shape = shape_of()
    wide = attend_of(queries=6, heads=2, features=16, causal=True, window=9, sinks=2)
    small = attend_of(queries=3, keys=9, heads=4, kv_heads=4, features=4, padded=True)
    tasks = [
        lane_task(wide, multiplier=40000, shift=23),
        lane_task(small, multiplier=65535, shift=25, result=(40000, 30), zero=-3),
    ]
    lanes = Lanes(shape, tasks)
    rng = np.random.default_rng(9)
    tensors = []
    for index, length in ((0, None), (1, 7), (1, 0), (0, None)):
        attend = (wide, small)[index]
        operand = operands(rng, attend, 1 << 17)
        tensors.append((index, Pass(shape, attend, tasks[index], *operand, length=length)))
    check(lanes, tensors, slack=2, reset_at=150)


def test_state_does_not_grow_with_the_keys():
    shape = shape_of(columns=32, tile=32, normalisers=4)

    def bits(keys):
        attend = attend_of(queries=256, keys=keys, features=64, tile=32, causal=True)
        return memory_bits(Lanes(shape, [lane_task(attend, multiplier=40000, shift=22)]))

    logarithms, sums, totals = 32 * 18, 2 * 64 * 32, 13 + 2 * 24
    totals += 2 * (12 + 13)  # of a tile, until its sums come
    assert bits(256) == bits(1024) == bits(16384) == 32 * (logarithms + sums + totals)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="Normalisers must divide 4 columns, not 3"):
        shape_of(normalisers=3)
    with pytest.raises(ValueError, match="Normalisers must be at most 1, not 2"):
        shape_of(lanes=1)
    with pytest.raises(ValueError, match="Tile must be a power of two from 4 on, not 12"):
        shape_of(tile=12)
    with pytest.raises(ValueError, match="Turns must be 1, or 2 if 4 columns are"):
        shape_of(normalisers=4, turns=2)
    with pytest.raises(ValueError, match="Scores per cycle must be 1, or 2 for lanes of one of"):
        shape_of(columns=5, normalisers=1, scores=2)
    with pytest.raises(ValueError, match="Lag must be 1, 2 or 3, not 4"):
        shape_of(lag=4)
    attend = attend_of(features=6)
    with pytest.raises(ValueError, match="Lanes must divide 6 features, not 4"):
        Lanes(shape_of(), [lane_task(attend, multiplier=1, shift=1)])
