"""Rows of four bits in hardware against hwgen.ops.kv4."""

import random

import numpy as np
import pytest

from hwgen.ops import kv4
from rtl_templates.attention.pack_core import INVERSE, PackCore, PackTask
from support.streams import bench_of, pack, unpack


def test_the_table_is_that_of_the_golden_model():
    assert kv4.INVERSE.tolist() == list(INVERSE)


def tensor_of(task, tokens, rng):
    """Return rows (tokens * heads, elements) that reach every size."""
    heads, elements = len(task.means), task.elements
    spread = rng.integers(1, 129, size=(tokens, heads, 1))
    rows = rng.integers(-spread, spread, size=(tokens, heads, elements))
    ends = rng.random((tokens, heads, 1)) < 0.2
    return np.where(ends, np.where(rows < 0, -128, 127), rows).reshape(-1, elements)


async def play(ctx, core, index, rows, gaps, rng):
    """Send a tensor; return (cycle of the last step of each row, beats with cycle and size)."""
    beats_of_row = rows.shape[1] // core.lanes
    words = [word for row in rows for word in pack(row, core.lanes, 8)]
    ctx.set(core.task, index)
    await ctx.tick().repeat(2)
    ctx.set(core.start, 1)
    await ctx.tick()
    ctx.set(core.start, 0)
    ends, beats, sent, data, cycle = [], [], 0, None, 0
    quiet = 0
    while quiet < core.latency(core.lanes) + beats_of_row + 3:
        steps = sent < len(words) and not (gaps and rng.random() < 0.4)
        ctx.set(core.step, steps)
        ctx.set(core.first, steps and sent % beats_of_row == 0)
        ctx.set(core.last, steps and sent % beats_of_row == beats_of_row - 1)
        ctx.set(core.data, data if data is not None else rng.getrandbits(8 * core.lanes))
        if ctx.get(core.beat_valid):
            beats.append((cycle, ctx.get(core.beat), ctx.get(core.size)))
        data = None
        if steps:
            data = words[sent]
            if sent % beats_of_row == beats_of_row - 1:
                ends.append(cycle)
            sent += 1
        quiet = quiet + 1 if sent == len(words) else 0
        await ctx.tick()
        cycle += 1
    return ends, beats


def check(core, rows, task, ends, beats):
    heads, count = len(task.means), task.elements // core.lanes
    means = np.array(task.means)
    left = rows.reshape(-1, heads, task.elements) - means
    codes, sizes = kv4.pack(left)
    got = unpack([beat for _, beat, _ in beats], core.lanes, 4, True)
    assert got == codes.ravel().tolist()
    assert [size for _, _, size in beats] == np.repeat(sizes.ravel(), count).tolist()
    for row, end in enumerate(ends):
        cycles = [cycle for cycle, _, _ in beats[row * count : (row + 1) * count]]
        assert cycles[0] == end + core.latency(core.lanes)
        assert cycles == list(range(cycles[0], cycles[0] + count))


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(
    ("lanes", "elements", "heads"), [(1, 1, 1), (1, 5, 2), (4, 8, 3), (8, 8, 2), (2, 16, 1)]
)
def test_rows_equal_the_golden_model(lanes, elements, heads, gaps):
    random_numbers = np.random.default_rng(elements + lanes)
    means = random_numbers.integers(-128, 128, size=(heads, elements)).tolist()
    tasks = [
        PackTask(tuple(map(tuple, means))),
        PackTask(((0,) * (2 * elements),) * heads),  # values: longer rows, no means
    ]
    core = PackCore(lanes, tasks)
    rng = random.Random(lanes)

    async def body(ctx, reset):
        for index, task in [(0, tasks[0]), (1, tasks[1]), (0, tasks[0])]:
            rows = tensor_of(task, 12, random_numbers)
            # Rows that are shorter than the one before must not overtake it.
            check(core, rows, task, *await play(ctx, core, index, rows, gaps, rng))

    bench_of(core, body)


def test_a_reset_in_mid_run_leaves_nothing():
    task = PackTask(((3,) * 8, (-5,) * 8))
    core = PackCore(2, [task])
    rng, numbers = random.Random(1), np.random.default_rng(1)

    async def body(ctx, reset):
        ctx.set(core.start, 1)
        await ctx.tick()
        ctx.set(core.start, 0)
        for cycle in range(17):
            ctx.set(core.step, 1)
            ctx.set(core.first, cycle % 4 == 0)
            ctx.set(core.last, cycle % 4 == 3)
            ctx.set(core.data, rng.getrandbits(16))
            await ctx.tick()
        ctx.set(core.step, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        rows = tensor_of(task, 9, numbers)
        check(core, rows, task, *await play(ctx, core, 0, rows, False, rng))

    bench_of(core, body)


def test_lanes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="rows of 6 elements, not 4"):
        PackCore(4, [PackTask(((0,) * 6,))])
