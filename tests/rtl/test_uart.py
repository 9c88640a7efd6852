# amaranth: UnusedElaboratable=no

import random

import pytest
from amaranth.sim import Simulator

from rtl_templates.link.uart import MIN_DIVISOR, UartReceiver, UartTransmitter

CLOCK_S = 1e-6


def levels_of(data, cycles_per_bit, stop=1):
    """(level, cycles) of bytes on a line whose bits last a fractional number of cycles."""
    edges, at = [], 0.0
    for byte in data:
        for bit in (0, *(byte >> k & 1 for k in range(8)), stop):
            at += cycles_per_bit
            edges.append((bit, at))
    done, pairs = 0, []
    for bit, end in edges:
        pairs.append((bit, round(end) - done))
        done = round(end)
    return pairs


def received(divisor, pairs):
    """Return the bytes that a receiver makes of a line."""
    dut = UartReceiver(divisor)
    got = []

    async def bench(ctx):
        for level, cycles in [(1, 3), *pairs, (1, 12 * divisor)]:
            ctx.set(dut.line, level)
            for _ in range(cycles):
                await ctx.tick()
                if ctx.get(dut.valid):
                    got.append(ctx.get(dut.data))

    sim = Simulator(dut)
    sim.add_clock(CLOCK_S)
    sim.add_testbench(bench)
    sim.run()
    return bytes(got)


@pytest.mark.parametrize("divisor", [MIN_DIVISOR, 5, 8, 50])
def test_every_byte_is_received_back_to_back(divisor):
    data = bytes(range(256)) if divisor == 8 else bytes((0, 255, 0x55, 0xAA, 1, 128, 0xA5))

    assert received(divisor, levels_of(data, divisor)) == data


@pytest.mark.parametrize("error", [-0.02, 0.02])
def test_a_host_two_percent_off_is_understood(error):
    data = random.Random(3).randbytes(20)

    assert received(50, levels_of(data, 50 * (1 + error))) == data


def test_a_glitch_shorter_than_half_a_bit_is_no_start_bit():
    pairs = [(0, 3), (1, 40), *levels_of(b"x", 8)]

    assert received(8, pairs) == b"x"


def test_a_break_is_dropped_and_the_next_byte_is_right():
    pairs = [(0, 8 * 30), (1, 8 * 2), *levels_of(b"y", 8)]

    assert received(8, pairs) == b"y"


def test_a_byte_without_stop_bit_is_dropped():
    pairs = [*levels_of(b"\x81", 8, stop=0), (1, 16), *levels_of(b"z", 8)]

    assert received(8, pairs) == b"z"


@pytest.mark.parametrize("divisor", [MIN_DIVISOR, 7])
@pytest.mark.parametrize("gap", [0, 3])
def test_transmitter_sends_start_data_and_stop_bits(divisor, gap):
    dut = UartTransmitter(divisor)
    data = bytes((0x00, 0xFF, 0x55, 0x92))
    levels = []

    async def source(ctx):
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            if gap:
                await ctx.tick().repeat(gap * divisor)

    async def watch(ctx):
        async for _, _, level in ctx.tick().sample(dut.line):
            levels.append(level)

    sim = Simulator(dut)
    sim.add_clock(CLOCK_S)
    sim.add_testbench(source)
    sim.add_process(watch)
    sim.run_until(CLOCK_S * divisor * (12 + gap) * len(data))

    # Decoded by counting: after each falling edge, the middle of every bit.
    got, at = [], 0
    while 0 in levels[at:]:
        at = levels.index(0, at)
        bits = [levels[at + divisor // 2 + k * divisor] for k in range(10)]
        assert (bits[0], bits[9]) == (0, 1)
        got.append(sum(bit << k for k, bit in enumerate(bits[1:9])))
        at += 10 * divisor - divisor // 2
    assert bytes(got) == data


def test_a_divisor_that_is_too_small_is_refused():
    for component in (UartReceiver, UartTransmitter):
        with pytest.raises(ValueError, match=r"^Divisor must be at least 4 cycles per bit, not 3$"):
            component(3)
