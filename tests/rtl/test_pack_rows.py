"""Rows of a tensor through the packing engine, and the way of their sizes to the lanes."""

import random

import numpy as np
import pytest

from hwgen.ops import kv4
from rtl_templates.attention.pack_core import PackCore, PackTask
from rtl_templates.attention.pack_rows import PackRows
from rtl_templates.systolic.tile_sizes import TileSizes
from support.streams import bench_of, pack, unpack

TASKS = [
    (PackTask(((5, -3, 0, 100, -128, 7, 1, 2), (0, 0, 9, 9, 127, -1, 4, 4))), 6),
    (PackTask(((0,) * 4,)), 9),
    (PackTask(((0,) * 16,)), 1),
]


async def play(ctx, dut, index, codes, stop=0):
    """Run a task over a memory of codes; return (cycle, beat, single) and steps by cycle."""
    ctx.set(dut.task, index)
    await ctx.tick().repeat(2)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    beats, steps, data = [], [], None
    for cycle in range(stop or codes.size // dut.lanes * 2 + 40):
        ctx.set(dut.data, random.getrandbits(8 * dut.lanes) if data is None else data)
        data = None
        if ctx.get(dut.step):
            at = ctx.get(dut.address)
            data = pack(codes.take(range(at, at + dut.lanes), mode="wrap"), dut.lanes, 8)[0]
            steps.append(cycle)
        if ctx.get(dut.beat_valid):
            beats.append((cycle, ctx.get(dut.beat), ctx.get(dut.single)))
        await ctx.tick()
    return beats, steps


@pytest.mark.parametrize("lanes", [2, 4])
def test_codes_and_then_the_size_of_each_row(lanes):
    dut = PackRows(lanes, *zip(*TASKS, strict=True))
    rng = np.random.default_rng(lanes)

    async def body(ctx, reset):
        for index in (0, 2, 1, 0):
            task, rows = TASKS[index]
            codes = rng.integers(-128, 128, size=(rows, task.elements))
            codes[1::3] = 0
            if index == 2:  # a run that is cut short leaves nothing
                await play(ctx, dut, 0, codes, stop=9)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
            beats, steps = await play(ctx, dut, index, codes)
            means = np.array(task.means)
            want, sizes = kv4.pack(codes - np.resize(means, (rows, task.elements)))
            got = [beat & ((1 << 4 * lanes) - 1) for _, beat, single in beats if not single]
            assert unpack(got, lanes, 4, True) == want.ravel().tolist()
            assert [beat for _, beat, single in beats if single] == sizes.tolist()
            each = task.elements // lanes
            assert steps == [row * (each + 1) + k for row in range(rows) for k in range(each)]
            first = steps[each - 1] + PackCore.latency(lanes)
            assert [cycle for cycle, *_ in beats] == list(range(first, first + rows * (each + 1)))

    bench_of(dut, body)


@pytest.mark.parametrize(("rows", "places"), [(8, 2), (8, 4), (32, 4)])
@pytest.mark.parametrize("gap", [0, 5])
def test_sizes_of_a_tile_come_last_row_first(rows, places, gap):
    dut = TileSizes(rows, places)
    rng = random.Random(rows + places)

    async def body(ctx, reset):
        for _ in range(2):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            tiles = [[rng.randrange(256) for _ in range(rows)] for _ in range(9)]
            written = 0

            async def write(tiles=tiles):
                nonlocal written
                ctx.set(dut.w_enable, 1)
                ctx.set(dut.w_data, pack(tiles[written], rows, 8)[0])
                written += 1
                await ctx.tick()
                ctx.set(dut.w_enable, 0)

            await write()
            await write()
            await ctx.tick().repeat(2)
            for number, tile in enumerate(tiles):
                for row in reversed(range(rows)):
                    ctx.set(dut.call, row == rows - 1)
                    assert ctx.get(dut.size) == tile[row], (number, row)
                    # The place of the tile before is free.
                    if row == 4 and number and written < len(tiles):
                        await write()
                    else:
                        await ctx.tick()
                ctx.set(dut.call, 0)
                if gap:
                    await ctx.tick().repeat(gap)

    bench_of(dut, body)
