"""Sizes of rows on their way to a cache in the memory model: a byte each, and no other byte."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib.wiring import connect

from rtl_templates.memory_port.block_writer import BlockWriter
from rtl_templates.memory_port.kv_layout import KvLayout
from rtl_templates.memory_port.kv_sizes import KvSizes
from rtl_templates.memory_port.memory_model import MemoryModel
from support.streams import bench_of

ADDRESS_BITS = 14
BITS = 9  # of an element of the buffer
FIRST = 32


class _Writer(Elaboratable):
    """Sizes, the writer and the memory, whose bytes are all 0xEE at first."""

    def __init__(self, layout, **sizes):
        self.sizes = KvSizes(layout, address=FIRST, bits=BITS, address_bits=ADDRESS_BITS, **sizes)
        common = {"address_bits": ADDRESS_BITS, "data_bits": layout.data_bits}
        self.writer = BlockWriter(beats=1, burst=16, **common)
        words = (layout.base + layout.bytes) // layout.beat_bytes
        empty = int.from_bytes(b"\xee" * layout.beat_bytes, "little")
        self.memory = MemoryModel(words=words, init=[empty] * words, **common)

    def elaborate(self, platform):
        m = Module()
        m.submodules += [self.sizes, self.writer, self.memory]
        connect(m, self.sizes.blocks, self.writer.blocks)
        connect(m, self.sizes.o, self.writer.i)
        for name in ("aw", "w"):
            connect(m, getattr(self.writer, name), getattr(self.memory.port, name))
        connect(m, self.memory.port.b, self.writer.b)
        return m


def slot_of(position, slots, pinned, start):
    """Return where the row of a token lies."""
    return position if position < pinned else start + (position - pinned) % (slots - start)


@pytest.mark.parametrize("stalled", [False, True], ids=["free", "stalled"])
@pytest.mark.parametrize("value", [False, True], ids=["keys", "values"])
@pytest.mark.parametrize(
    ("layout", "ring", "lanes", "tokens"),
    [
        (KvLayout(64, 1, 2, 8, 16, 16, 8, 128, sized=True), (16, 0, 0), 4, (1,)),
        (KvLayout(0, 3, 3, 8, 4, 4, 8, 32, sized=True), (20, 3, 8), 4, (5, 2)),
        (KvLayout(0, 2, 2, 16, 8, 8, 8, 64, sized=True), (32, 0, 0), 1, (4, 1)),
    ],
    ids=["one_head", "ring_with_sinks", "one_lane"],
)
def test_sizes_join_those_of_their_tile(layout, ring, lanes, tokens, value, stalled):
    rng = random.Random(lanes)
    slots, pinned, start = ring
    dut = _Writer(
        layout, value=value, tokens=tokens, lanes=lanes, slots=slots, pinned=pinned, start=start
    )
    sizes, memory = dut.sizes, dut.memory
    expected = {}
    empty = [0xEE] * (layout.base + layout.bytes)

    async def tensor(ctx, buffer, length):
        """Run a phase; a beat of the buffer comes a cycle after its address."""
        if len(tokens) > 1:
            ctx.set(sizes.length, length)
        ctx.set(sizes.run, 1)
        address = 0
        while not (ctx.get(sizes.asked) and ctx.get(sizes.sent) and ctx.get(dut.writer.idle)):
            beat = [*buffer, *[0x155] * lanes][address : address + lanes]
            ctx.set(sizes.data, sum(code << BITS * k for k, code in enumerate(beat)))
            ctx.set(memory.stall, rng.randrange(8) if stalled else 0)
            address = ctx.get(sizes.read) - FIRST
            await ctx.tick()
        ctx.set(sizes.run, 0)
        await ctx.tick()

    async def body(ctx, reset):
        ctx.set(memory.latency, 5)
        position = 0
        for number in range(12):
            if number == 8:  # a new sequence
                ctx.set(sizes.clear, 1)
                await ctx.tick()
                ctx.set(sizes.clear, 0)
                position = 0
            length = rng.randrange(len(tokens))
            buffer = []
            for _ in range(tokens[length]):
                for head in range(layout.kv_heads):
                    size = rng.randrange(7, 256)
                    buffer.append(1 << 8 | size)  # the ninth bit is not theirs
                    slot = slot_of(position, slots, pinned, start)
                    expected[layout.address(head, slot, layout.sizes(value=value))] = size
                position += 1
            await tensor(ctx, buffer, length)
        for address, byte in enumerate(empty):
            word = ctx.get(memory.memory.data[address // layout.beat_bytes])
            got = word >> 8 * (address % layout.beat_bytes) & 255
            assert got == expected.get(address, byte), hex(address)

    bench_of(dut, body, deadline=20000)


def test_free_running_takes_a_cycle_per_size_and_one_per_token():
    layout = KvLayout(0, 4, 2, 16, 8, 8, 8, 64, sized=True)
    dut = _Writer(layout, value=False, tokens=8, lanes=8, slots=32, pinned=0, start=0)

    async def body(ctx, reset):
        ctx.set(dut.sizes.run, 1)
        cycle, moved = 0, []
        while not ctx.get(dut.sizes.sent):
            if ctx.get(dut.sizes.o.valid) and ctx.get(dut.sizes.o.ready):
                moved.append(cycle)
            cycle += 1
            await ctx.tick()
        gaps = [b - a for a, b in pairwise(moved)]
        assert gaps == ([1, 1, 1, 2] * 8)[:-1]

    bench_of(dut, body)
