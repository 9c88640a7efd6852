"""Registers, store, sequencer and ends of tensors."""

import random

import pytest

from rtl_templates.control.registers import CONTROL, COUNTERS, LENGTH, Registers
from rtl_templates.control.sequencer import Sequencer
from rtl_templates.control.store import Store
from rtl_templates.control.tensor_end import TensorEnd
from support.streams import bench_of


async def read(ctx, dut, word):
    ctx.set(dut.bus.addr, word)
    await ctx.tick()
    return ctx.get(dut.bus.rdata)


def test_registers_count_what_happens():
    rng = random.Random(1)
    dut = Registers(identity=0xDEADBEEF, version=0x00010203, engines=3)

    async def body(ctx, reset):
        for _ in range(2):
            active, waiting = [0] * 3, [0] * 3
            cycles = tensors = 0
            for begins, busy_for in ((1, 20), (1, 7), (1, 30)):
                for cycle in range(busy_for):
                    ctx.set(dut.begins, begins and cycle == 0)
                    ends = cycle == busy_for - 1
                    ctx.set(dut.ends, ends)
                    steps, waits = rng.randrange(8), rng.randrange(8)
                    ctx.set(dut.active, steps)
                    ctx.set(dut.waiting, waits)
                    for k in range(3):
                        active[k] += steps >> k & 1
                        waiting[k] += waits >> k & 1
                    cycles += 1
                    tensors += ends
                    await ctx.tick()
                for name in ("begins", "ends", "active", "waiting"):
                    ctx.set(getattr(dut, name), 0)
                await ctx.tick().repeat(3)  # idle: the cycles stand still
            assert await read(ctx, dut, 0) == 0xDEADBEEF
            assert await read(ctx, dut, 1) == 0x00010203
            assert await read(ctx, dut, 3) == 0
            assert await read(ctx, dut, 4) == cycles
            assert await read(ctx, dut, 5) == tensors
            for k in range(3):
                assert await read(ctx, dut, COUNTERS + 2 * k) == active[k]
                assert await read(ctx, dut, COUNTERS + 2 * k + 1) == waiting[k]
            assert await read(ctx, dut, COUNTERS + 6) == 0
            assert await read(ctx, dut, 255) == 0
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


def test_errors_and_busy_are_seen_and_cleared():
    dut = Registers(identity=1, version=2, engines=1)

    async def body(ctx, reset):
        ctx.set(dut.begins, 1)
        ctx.set(dut.misplaced, 1)
        await ctx.tick()
        ctx.set(dut.begins, 0)
        ctx.set(dut.misplaced, 0)
        await ctx.tick().repeat(2)
        assert await read(ctx, dut, 3) == 0b11
        ctx.set(dut.bus.addr, CONTROL)
        ctx.set(dut.bus.write, 1)
        ctx.set(dut.bus.wdata, 0)
        await ctx.tick()  # bit 0 is not set: nothing happens
        ctx.set(dut.bus.write, 0)
        assert await read(ctx, dut, 3) == 0b11
        ctx.set(dut.bus.addr, CONTROL)
        ctx.set(dut.bus.write, 1)
        ctx.set(dut.bus.wdata, 1)
        await ctx.tick()
        ctx.set(dut.bus.write, 0)
        assert await read(ctx, dut, 3) == 0b01  # still busy
        assert await read(ctx, dut, 4) < 4

    bench_of(dut, body)


def test_busy_until_every_stream_has_carried_the_same_number_of_tensors():
    """The first output needs the second input only, so it is ahead of the first input."""
    dut = Registers(identity=1, version=2, engines=1, inputs=2, outputs=2)
    events = [(0b10, 0), (0, 0b01), (0b01, 0), (0, 0), (0, 0b10)]

    async def body(ctx, reset):
        cycles = 0
        for tensors in (1, 2):
            for begins, ends in events:
                ctx.set(dut.begins, begins)
                ctx.set(dut.ends, ends)
                await ctx.tick()
                cycles += 1
                ctx.set(dut.begins, 0)
                ctx.set(dut.ends, 0)
                if (begins, ends) != events[-1]:
                    assert await read(ctx, dut, 3) == 1
                    cycles += 1
            await ctx.tick().repeat(3)
            assert await read(ctx, dut, 3) == 0
            assert await read(ctx, dut, 4) == cycles
            assert await read(ctx, dut, 5) == tensors

    bench_of(dut, body)


def test_attention_reports_what_it_saw():
    rng = random.Random(6)
    dut = Registers(identity=1, version=2, engines=1, saturations=5)

    async def body(ctx, reset):
        for _ in range(2):
            masked = saturated = 0
            assert await read(ctx, dut, 3) == 0
            for _ in range(50):
                row, clamped = rng.random() < 0.3, rng.choice([0, 0, 0, 1, 5])
                ctx.set(dut.masked, row)
                ctx.set(dut.saturated, clamped)
                masked, saturated = masked + row, saturated + clamped
                await ctx.tick()
            ctx.set(dut.masked, 0)
            ctx.set(dut.saturated, 0)
            await ctx.tick()
            assert await read(ctx, dut, 3) == 0b10100
            assert await read(ctx, dut, 6) == saturated
            assert await read(ctx, dut, 7) == masked
            ctx.set(dut.overflow, 1)
            await ctx.tick()
            ctx.set(dut.overflow, 0)
            assert await read(ctx, dut, 3) == 0b11100
            ctx.set(dut.bus.addr, CONTROL)
            ctx.set(dut.bus.wdata, 1)
            ctx.set(dut.bus.write, 1)
            await ctx.tick()
            ctx.set(dut.bus.write, 0)
            assert await read(ctx, dut, 6) == await read(ctx, dut, 7) == 0

    bench_of(dut, body)


def test_a_new_sequence_is_asked_for_with_bit_1():
    dut = Registers(identity=1, version=2, engines=1)

    async def body(ctx, reset):
        for word, data, asked in ((CONTROL, 2, 1), (CONTROL, 1, 0), (CONTROL, 3, 1), (3, 2, 0)):
            ctx.set(dut.bus.addr, word)
            ctx.set(dut.bus.wdata, data)
            ctx.set(dut.bus.write, 1)
            *_, fresh = await ctx.tick().sample(dut.fresh)
            assert fresh == asked
        ctx.set(dut.bus.write, 0)
        *_, fresh = await ctx.tick().sample(dut.fresh)
        assert fresh == 0

    bench_of(dut, body)


def test_the_length_is_one_of_those_there_are():
    dut = Registers(identity=1, version=2, engines=1, lengths=(32, 8, 1))

    async def body(ctx, reset):
        assert ctx.get(dut.length) == 0
        assert await read(ctx, dut, LENGTH) == 32
        index, tokens = 0, 32
        for word, data in ((255, 1), (255, 7), (255, 0), (254, 8), (255, 8), (255, 32), (255, 8)):
            ctx.set(dut.bus.addr, word)
            ctx.set(dut.bus.wdata, data)
            ctx.set(dut.bus.write, 1)
            await ctx.tick()
            ctx.set(dut.bus.write, 0)
            if word == LENGTH and data in dut.lengths:
                index, tokens = dut.lengths.index(data), data
            assert ctx.get(dut.length) == index
            assert await read(ctx, dut, LENGTH) == tokens
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert ctx.get(dut.length) == 0

    bench_of(dut, body)


@pytest.mark.parametrize("lengths", [(5, 1), (3, 2, 1)])
def test_store_sends_the_beats_of_the_length(lengths):
    dut = Store(address=6, lanes=2, bits=8, beats=lengths)

    async def body(ctx, reset):
        rng = random.Random(repr(lengths))
        for _ in range(12):
            which = rng.randrange(len(lengths))
            ctx.set(dut.length, which)
            ctx.set(dut.run, 1)
            assert ctx.get(dut.idle)
            got, reads, ended = [], None, False
            while len(got) < lengths[which]:
                ready = rng.random() < 0.5
                ctx.set(dut.o.ready, ready)
                ctx.set(dut.data, 0 if reads is None else reads)
                sampled = ctx.tick().sample(
                    dut.o.valid, dut.o.payload, dut.read, dut.done, dut.idle
                )
                _, _, valid, beat, reads, done, idle = await sampled
                if done:
                    ended = True
                    ctx.set(dut.run, 0)
                if valid and ready:
                    got.append(beat)
                assert not idle or not got
            assert ended
            assert got == [6 + 2 * k for k in range(lengths[which])]
            await ctx.tick().repeat(2)

    bench_of(dut, body)


def test_too_many_engines_are_refused():
    with pytest.raises(ValueError, match="Engines must be at most 124, not 125"):
        Registers(identity=0, version=0, engines=125)


@pytest.mark.parametrize("free", [True, False], ids=["free", "stalled"])
def test_store_streams_a_tensor(free):
    rng = random.Random(3)
    dut = Store(address=6, lanes=2, bits=8, beats=5)

    async def body(ctx, reset):
        for attempt in range(4):
            got, cycle, done_at = [], 0, None
            ctx.set(dut.run, 1)
            while len(got) < 5 and not (attempt == 1 and cycle == 4):
                ctx.set(dut.o.ready, free or rng.random() < 0.4)
                address = ctx.get(dut.read)
                if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                    got.append((ctx.get(dut.o.payload), cycle))
                done = ctx.get(dut.done)
                if done:
                    done_at = cycle
                await ctx.tick()
                ctx.set(dut.data, address)  # the memory: element a holds a
                if done:
                    ctx.set(dut.run, 0)
                cycle += 1
            if attempt == 1:  # reset in mid-run
                ctx.set(dut.run, 0)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
                continue
            assert [beat for beat, _ in got] == [6, 8, 10, 12, 14]
            if free:
                assert done_at == 4
                assert [at for _, at in got] == [k + Store.LATENCY for k in range(5)]

    bench_of(dut, body)


def test_sequencer_runs_each_phase_after_its_overhead():
    rng = random.Random(2)
    dut = Sequencer(3)

    async def body(ctx, reset):
        for turn in range(2):
            for phase in [0, 1, 2] * 3:
                for cycle in range(Sequencer.OVERHEAD):
                    assert ctx.get(dut.phase) == phase
                    assert not ctx.get(dut.running)
                    assert ctx.get(dut.start) == (cycle == Sequencer.OVERHEAD - 1)
                    await ctx.tick()
                length = rng.randint(1, 5)
                for cycle in range(length):
                    assert ctx.get(dut.running)
                    assert not ctx.get(dut.start)
                    ctx.set(dut.done, cycle == length - 1)
                    await ctx.tick()
                ctx.set(dut.done, 0)
            await ctx.tick().repeat(turn + 1)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    bench_of(dut, body)


@pytest.mark.parametrize("beats", [1, 2, 7])
def test_ends_of_tensors(beats):
    dut = TensorEnd(beats)

    async def body(ctx, reset):
        rng = random.Random(beats)
        count = 0
        for _ in range(60):
            assert ctx.get(dut.index) == count % beats
            assert ctx.get(dut.first) == (count % beats == 0)
            assert ctx.get(dut.last) == (count % beats == beats - 1)
            transfer = rng.random() < 0.5
            ctx.set(dut.transfer, transfer)
            count += transfer
            await ctx.tick()

    bench_of(dut, body)
