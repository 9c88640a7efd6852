# amaranth: UnusedElaboratable=no

import binascii
import random

import pytest
from amaranth.sim import Simulator

from rtl_templates.link.frames import FrameReceiver, FrameSender
from rtl_templates.link.protocol import MAX_PAYLOAD, Status

QUIET = 20


def frame(sequence, kind, payload):
    body = bytes((sequence, kind)) + len(payload).to_bytes(2, "little") + payload
    return b"\xa5" + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def parse(data, gap=3, tail=3 * QUIET):
    """Return what the receiver reports, and the bytes it stored: events in order."""
    dut = FrameReceiver(QUIET)
    events, memory = [], {}

    async def bench(ctx):
        for byte in [*data, *[None] * (tail // (gap + 1))]:
            ctx.set(dut.valid, byte is not None)
            ctx.set(dut.data, byte or 0)
            for _ in range(gap + 1):
                if ctx.get(dut.write):
                    memory[ctx.get(dut.address)] = ctx.get(dut.data)
                await ctx.tick()
                ctx.set(dut.valid, 0)
                if ctx.get(dut.good):
                    size = ctx.get(dut.length)
                    stored = bytes(memory.get(k, 0) for k in range(size))
                    head = ctx.get(dut.head).to_bytes(5, "little")[:size]
                    assert head == stored[:5]
                    events.append((ctx.get(dut.sequence), ctx.get(dut.kind), stored))
                if ctx.get(dut.bad):
                    events.append(Status(ctx.get(dut.reason)))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return events


@pytest.mark.parametrize("size", [0, 1, 2, 5, 6, 63, MAX_PAYLOAD])
def test_a_good_frame_is_stored_and_reported(size):
    payload = random.Random(size).randbytes(size)

    assert parse(frame(9, 2, payload), gap=0) == [(9, 2, payload)]


def test_frames_follow_each_other_and_noise_between_is_skipped():
    data = frame(1, 2, b"abc") + b"\x00\xff" + frame(2, 3, b"")

    assert parse(data) == [(1, 2, b"abc"), (2, 3, b"")]


def test_every_single_bit_error_is_found():
    good = frame(7, 3, b"\x12\x00")
    for bit in range(8, 8 * len(good)):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        (event,) = parse(bytes(data), gap=0)
        assert event in (Status.BAD_CRC, Status.TRUNCATED, Status.TOO_LONG)


def test_any_prefix_of_a_frame_is_reported_as_truncated():
    good = frame(7, 3, b"wxyz")
    for size in range(1, len(good)):
        assert parse(good[:size], gap=0) == [Status.TRUNCATED]


def test_too_long_a_frame_is_reported_once_when_the_line_is_quiet():
    data = b"\xa5\x01\x02" + (MAX_PAYLOAD + 1).to_bytes(2, "little") + b"\xa5" * 30

    assert parse(data) == [Status.TOO_LONG]


def test_a_good_frame_right_after_a_bad_one_counts_only_after_quiet():
    data = frame(1, 1, b"q")[:-1] + b"\x00" + frame(2, 1, b"")

    assert parse(data) == [Status.BAD_CRC]


def test_the_sender_makes_the_frame_that_the_protocol_says():
    data = random.Random(4).randbytes(60)
    dut = FrameSender(64)
    sent = []

    async def memory(ctx):
        async for _, _, address in ctx.tick().sample(dut.address):
            ctx.set(dut.data, data[address] if address < len(data) else 0)

    async def bench(ctx):
        for value, member in ((5, dut.sequence), (4, dut.kind), (0, dut.status)):
            ctx.set(member, value)
        for base, length, gaps in ((0, 0, 0), (8, 1, 2), (3, 50, 1)):
            ctx.set(dut.base, base)
            ctx.set(dut.length, length)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            got, done = bytearray(), False
            while not done:
                ctx.set(dut.o.ready, 1)
                valid, byte, done = (
                    ctx.get(dut.o.valid),
                    ctx.get(dut.o.payload),
                    ctx.get(dut.done),
                )
                if valid:
                    got.append(byte)
                await ctx.tick()
                ctx.set(dut.o.ready, 0)
                await ctx.tick().repeat(1 + gaps)
            sent.append((bytes(got), frame(5, 0x84, b"\0" + data[base : base + length])))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_process(memory)
    sim.add_testbench(bench)
    sim.run()

    for got, want in sent:
        assert got == want
