"""A cache in the memory model: what was appended is fetched, in the array's order."""

import random

import pytest
from amaranth.hdl import Elaboratable, Module
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
        places = [layout.rows(value=value) for value in (False, True)]
        if layout.sized:
            places += [layout.sizes(value=value) for value in (False, True)]
        self.appends = [KvAppend(layout, rows, address_bits=ADDRESS_BITS) for rows in places]
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
        m.submodules += [*self.appends, self.fetch]
        m.submodules += [self.writer, self.reader, self.memory]
        reader, writer, port = self.reader, self.writer, self.memory.port
        connect(m, reader.ar, port.ar)
        connect(m, port.r, reader.r)
        connect(m, writer.aw, port.aw)
        connect(m, writer.w, port.w)
        connect(m, port.b, writer.b)
        connect(m, self.fetch.blocks, reader.blocks)
        for unit in self.appends:  # one at a time
            with m.If(unit.busy):
                m.d.comb += [
                    writer.blocks.valid.eq(unit.blocks.valid),
                    writer.blocks.payload.address.eq(unit.blocks.payload.address),
                    writer.blocks.payload.beats.eq(unit.blocks.payload.beats),
                    unit.blocks.ready.eq(writer.blocks.ready),
                ]
        return m


@pytest.mark.parametrize("latency", [2, 50])
@pytest.mark.parametrize(
    "layout",
    [
        KvLayout(0, 1, 2, 8, 4, 4, 8, 32),
        KvLayout(64, 3, 2, 4, 8, 4, 8, 32),
        KvLayout(32, 2, 3, 4, 16, 32, 4, 64),
        KvLayout(32, 2, 3, 8, 16, 16, 8, 128, sized=True),
        KvLayout(64, 1, 2, 16, 4, 8, 8, 32, sized=True),
    ],
    ids=["one_head", "three_heads", "4_bits", "a_beat_of_sizes", "sizes"],
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

    whole = (1 << layout.beat_bytes) - 1
    sizes = {key: rng.randrange(256) for key in rows} if layout.sized else {}

    def size_beat(head, slot, value):
        byte = (value * layout.tile + slot % layout.tile) % layout.beat_bytes
        other = rng.randrange(1 << mask) & ~(255 << 8 * byte)  # bytes without a strobe
        return other | sizes[head, slot, value] << 8 * byte, 1 << byte

    async def append(ctx, slot, value):
        heads = range(layout.kv_heads)
        words = [(word, whole) for head in heads for word in rows[head, slot, value]]
        await write(ctx, dut.appends[value], slot, words)
        if layout.sized:
            beats = [size_beat(head, slot, value) for head in heads]
            await write(ctx, dut.appends[2 + value], slot, beats)

    async def write(ctx, unit, slot, beats):
        ctx.set(unit.slot, slot)
        ctx.set(unit.start, 1)
        await ctx.tick()
        ctx.set(unit.start, 0)
        ctx.set(dut.writer.i.valid, 1)
        while beats:
            data, strobe = beats[0]
            ctx.set(dut.writer.i.payload.data, data)
            ctx.set(dut.writer.i.payload.strobe, strobe)
            if ctx.get(dut.writer.i.ready):
                beats.pop(0)
            await ctx.tick()
        ctx.set(dut.writer.i.valid, 0)
        assert not ctx.get(unit.busy)

    def tile_words(head, tile):
        """Return what the array takes: the sizes as bytes, keys' first, then the codes."""
        places = [(head, tile * layout.tile + row, v) for v in (0, 1) for row in range(layout.tile)]
        packed = bytes(sizes[place] for place in places if sizes)
        for first in range(0, len(packed), layout.beat_bytes):
            yield int.from_bytes(packed[first : first + layout.beat_bytes], "little")
        for place in places:
            yield from rows[place]

    async def body(ctx, reset):
        ctx.set(dut.memory.latency, latency)
        order = list(range(slots))
        rng.shuffle(order)
        for slot in order:
            await append(ctx, slot, 0)
            await append(ctx, slot, 1)
        while not ctx.get(dut.writer.idle):
            await ctx.tick()
        for tiles, early in ((layout.tiles, 0), (layout.tiles, layout.tiles - 1), (1, 0)):
            expected = [
                word
                for head in range(layout.kv_heads)
                for tile in range(tiles)
                for word in tile_words(head, tile)
            ]
            ctx.set(dut.fetch.tiles, tiles)
            ctx.set(dut.fetch.early, early)
            ctx.set(dut.fetch.written, 0)
            ctx.set(dut.fetch.start, 1)
            ctx.set(dut.reader.o.ready, 1)
            await ctx.tick()
            ctx.set(dut.fetch.start, 0)
            got, cycle = [], 0
            while len(got) < len(expected):
                written = cycle >= 700  # time enough for all early tiles
                ctx.set(dut.fetch.written, written)
                assert written or len(got) <= early * layout.tile_beats
                assert not written or len(got) >= early * layout.tile_beats
                cycle += 1
                if ctx.get(dut.reader.o.valid):
                    got.append(ctx.get(dut.reader.o.payload))
                await ctx.tick()
            assert got == expected
            assert not ctx.get(dut.fetch.busy)

    bench_of(dut, body)


def test_rows_must_be_whole_beats():
    with pytest.raises(ValueError, match=r"value of 6 codes of 4 bits .* 32 bits"):
        KvLayout(0, 1, 2, 8, 8, 6, 4, 32)
    with pytest.raises(ValueError, match=r"sizes of 8 keys and values .* 256 bits"):
        KvLayout(0, 1, 2, 8, 32, 32, 8, 256, sized=True)
