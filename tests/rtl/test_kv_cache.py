"""A cache in the memory model: what was appended is fetched, in the array's order."""

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Mux
from amaranth.lib.wiring import connect

from rtl_templates.memory_port.block_reader import BlockReader
from rtl_templates.memory_port.block_writer import BlockWriter
from rtl_templates.memory_port.kv_append import KvAppend
from rtl_templates.memory_port.kv_fetch import KvFetch
from rtl_templates.memory_port.kv_layout import KvLayout
from rtl_templates.memory_port.memory_model import MemoryModel
from support.streams import bench_of

ADDRESS_BITS = 16


class _Cache(Elaboratable):
    """Appends keys and values through one writer, fetches tiles through one reader."""

    def __init__(self, layout):
        self.layout = layout
        self.keys = KvAppend(layout, value=False, address_bits=ADDRESS_BITS)
        self.values = KvAppend(layout, value=True, address_bits=ADDRESS_BITS)
        self.fetch = KvFetch(layout, address_bits=ADDRESS_BITS)
        common = {"address_bits": ADDRESS_BITS, "data_bits": layout.data_bits, "burst": 16}
        longest = max(layout.key_beats, layout.value_beats)
        self.writer = BlockWriter(beats=longest, **common)
        self.reader = BlockReader(beats=layout.tiles * layout.tile_beats, depth=64, **common)
        words = (layout.base + layout.bytes) // layout.beat_bytes
        self.memory = MemoryModel(
            address_bits=ADDRESS_BITS, data_bits=layout.data_bits, words=words
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules += [self.keys, self.values, self.fetch]
        m.submodules += [self.writer, self.reader, self.memory]
        reader, writer, port = self.reader, self.writer, self.memory.port
        connect(m, reader.ar, port.ar)
        connect(m, port.r, reader.r)
        connect(m, writer.aw, port.aw)
        connect(m, writer.w, port.w)
        connect(m, port.b, writer.b)
        connect(m, self.fetch.blocks, reader.blocks)
        key, value = self.keys.blocks, self.values.blocks
        m.d.comb += [
            writer.blocks.valid.eq(key.valid | value.valid),
            writer.blocks.payload.address.eq(
                Mux(key.valid, key.payload.address, value.payload.address)
            ),
            writer.blocks.payload.beats.eq(Mux(key.valid, key.payload.beats, value.payload.beats)),
            key.ready.eq(writer.blocks.ready),
            value.ready.eq(writer.blocks.ready & ~key.valid),
        ]
        return m


@pytest.mark.parametrize("latency", [2, 50])
@pytest.mark.parametrize(
    "layout",
    [
        KvLayout(0, 1, 2, 8, 4, 4, 8, 32),
        KvLayout(64, 3, 2, 4, 8, 4, 8, 32),
        KvLayout(32, 2, 3, 4, 16, 32, 4, 64),
    ],
    ids=["one_head", "three_heads", "4_bits"],
)
def test_appended_rows_are_fetched(layout, latency):
    rng = random.Random(layout.kv_heads)
    dut = _Cache(layout)
    slots = layout.tiles * layout.tile
    mask = layout.data_bits
    rows = {
        (head, slot, value): [rng.randrange(1 << mask) for _ in range(beats)]
        for head in range(layout.kv_heads)
        for slot in range(slots)
        for value, beats in ((0, layout.key_beats), (1, layout.value_beats))
    }

    async def append(ctx, unit, slot, value):
        beats = [word for head in range(layout.kv_heads) for word in rows[head, slot, value]]
        ctx.set(unit.slot, slot)
        ctx.set(unit.start, 1)
        await ctx.tick()
        ctx.set(unit.start, 0)
        ctx.set(dut.writer.i.valid, 1)
        while beats:
            ctx.set(dut.writer.i.payload, beats[0])
            if ctx.get(dut.writer.i.ready):
                beats.pop(0)
            await ctx.tick()
        ctx.set(dut.writer.i.valid, 0)
        assert not ctx.get(unit.busy)

    async def body(ctx, reset):
        ctx.set(dut.memory.latency, latency)
        order = list(range(slots))
        rng.shuffle(order)
        for slot in order:
            await append(ctx, dut.keys, slot, 0)
            await append(ctx, dut.values, slot, 1)
        while not ctx.get(dut.writer.idle):
            await ctx.tick()
        for tiles in (layout.tiles, 1):
            expected = [
                word
                for head in range(layout.kv_heads)
                for tile in range(tiles)
                for value in (0, 1)
                for slot in range(tile * layout.tile, (tile + 1) * layout.tile)
                for word in rows[head, slot, value]
            ]
            ctx.set(dut.fetch.tiles, tiles)
            ctx.set(dut.fetch.start, 1)
            ctx.set(dut.reader.o.ready, 1)
            await ctx.tick()
            ctx.set(dut.fetch.start, 0)
            got = []
            while len(got) < len(expected):
                if ctx.get(dut.reader.o.valid):
                    got.append(ctx.get(dut.reader.o.payload))
                await ctx.tick()
            assert got == expected
            assert not ctx.get(dut.fetch.busy)

    bench_of(dut, body)


def test_rows_must_be_whole_beats():
    with pytest.raises(ValueError, match=r"value of 6 codes of 4 bits .* 32 bits"):
        KvLayout(0, 1, 2, 8, 8, 6, 4, 32)
