"""FIFO, fork and credit queue with random stalls; what they promise about time."""

import random

import pytest

from rtl_templates.streams.credits import CreditQueue
from rtl_templates.streams.fifo import Fifo
from rtl_templates.streams.fork import Fork
from support.streams import bench_of


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
@pytest.mark.parametrize("free", [True, False], ids=["free", "stalled"])
def test_fifo_keeps_order(depth, free):
    rng = random.Random(depth)
    dut = Fifo(8, depth)
    words = [rng.randrange(256) for _ in range(150)]

    async def body(ctx, reset):
        for stop in (23, None):  # the second time after a reset in mid-run
            got, sent, cycle, inside = [], 0, 0, []
            while len(got) < len(words) and cycle != stop:
                offers = sent < len(words) and (free or rng.random() < 0.6)
                takes = free or rng.random() < 0.5
                ctx.set(dut.i.valid, offers)
                ctx.set(dut.i.payload, words[sent % len(words)])
                ctx.set(dut.o.ready, takes)
                assert ctx.get(dut.i.ready) == (len(inside) < depth)
                assert ctx.get(dut.o.valid) == bool(inside)  # LATENCY is 1
                if inside:
                    assert ctx.get(dut.o.payload) == inside[0]
                    if takes:
                        got.append(inside[0])
                leaves = bool(inside) and takes
                if offers and ctx.get(dut.i.ready):
                    inside.append(words[sent])
                    sent += 1
                inside = inside[leaves:]
                cycle += 1
                await ctx.tick()
            assert got == words[: len(got)]
            if stop is None and free and depth > 1:
                assert cycle == len(words) + Fifo.LATENCY  # one transfer a cycle
            ctx.set(dut.i.valid, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


@pytest.mark.parametrize("sinks", [1, 2, 4])
def test_fork_gives_each_sink_everything_once(sinks):
    rng = random.Random(sinks)
    dut = Fork(8, sinks)
    words = [rng.randrange(256) for _ in range(80)]

    async def body(ctx, reset):
        for stop in (17, None):
            got, sent, cycle = [[] for _ in range(sinks)], 0, 0
            while sent < len(words) and cycle != stop:
                ctx.set(dut.i.valid, 1)
                ctx.set(dut.i.payload, words[sent])
                ready = [rng.random() < 0.5 for _ in range(sinks)]
                for k, out in enumerate(dut.o):
                    ctx.set(out.ready, ready[k])
                for k, out in enumerate(dut.o):
                    assert ctx.get(out.valid) == (len(got[k]) == sent)
                    if ready[k] and ctx.get(out.valid):
                        got[k].append(ctx.get(out.payload))
                advances = all(len(seen) == sent + 1 for seen in got)
                assert ctx.get(dut.i.ready) == advances
                sent += advances
                cycle += 1
                await ctx.tick()
            assert stop is not None or got == [words] * sinks
            ctx.set(dut.i.valid, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_credits_are_never_lost(depth):
    rng = random.Random(depth)
    dut = CreditQueue(8, depth)

    async def body(ctx, reset):
        owed, inside = 0, []
        for cycle in range(400):
            room = depth - owed - len(inside)
            assert ctx.get(dut.room) == room
            reserve = rng.randint(0, room)
            push = owed > 0 and rng.random() < 0.6
            word = rng.randrange(256)
            ctx.set(dut.reserve, reserve)
            ctx.set(dut.push, push)
            ctx.set(dut.payload, word)
            ready = rng.random() < 0.5
            ctx.set(dut.o.ready, ready)
            assert ctx.get(dut.o.valid) == bool(inside)
            if inside:
                assert ctx.get(dut.o.payload) == inside[0]
            leaves = bool(inside) and ready
            if cycle == 200:
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
                owed, inside = 0, []
                continue
            owed += reserve - push
            inside = inside[leaves:] + [word] * push
            await ctx.tick()

    bench_of(dut, body)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="Depth must be at least 1 word, not 0"):
        Fifo(8, 0)
    with pytest.raises(ValueError, match="A fork must have at least 1 sink, not 0"):
        Fork(8, 0)
