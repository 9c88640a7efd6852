"""Reader and writer against the memory model: order, bursts, pages, pace, responses."""

import random

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib.wiring import connect, flipped

from rtl_templates.memory_port.axi import PAGE, AxiPort, check_burst
from rtl_templates.memory_port.block_reader import BlockReader
from rtl_templates.memory_port.block_writer import BlockWriter
from rtl_templates.memory_port.memory_model import MemoryModel
from support.streams import bench_of

BYTES = 4
WORDS = 4096


class _System(Elaboratable):
    """A reader and a writer on one memory."""

    def __init__(self, init, *, burst, depth, pending=16):
        common = {"address_bits": 16, "data_bits": 8 * BYTES, "burst": burst, "beats": 300}
        self.reader = BlockReader(depth=depth, **common)
        self.writer = BlockWriter(pending=pending, **common)
        self.memory = MemoryModel(
            address_bits=16, data_bits=8 * BYTES, words=WORDS, init=init, pending=8
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = self.reader
        m.submodules.writer = writer = self.writer
        m.submodules.memory = memory = self.memory
        for name, master in (
            ("ar", reader.ar),
            ("r", reader.r),
            ("aw", writer.aw),
            ("w", writer.w),
            ("b", writer.b),
        ):
            inner = getattr(memory.port, name)
            if name in ("r", "b"):
                connect(m, inner, master)
            else:
                connect(m, master, inner)
        return m


class _Rules:
    """What a master promises on a channel: valid and payload stay until they are taken."""

    def __init__(self, channels):
        self.channels = channels
        self.offered = {}

    def check(self, ctx):
        for name, channel in self.channels.items():
            valid, ready = ctx.get(channel.valid), ctx.get(channel.ready)
            payload = ctx.get(channel.payload.as_value())
            if name in self.offered:
                assert valid, f"{name} took its offer back"
                assert payload == self.offered[name], f"{name} changed its offer"
                del self.offered[name]
            if valid and not ready:
                self.offered[name] = payload


def _blocks(rng, count):
    sizes = [rng.choice([1, 2, 7, 16, 64, 300]) for _ in range(count)]
    return [(rng.randrange(WORDS - size), size) for size in sizes]


@pytest.mark.parametrize("stalled", [False, True], ids=["free", "stalled"])
@pytest.mark.parametrize(("burst", "latency"), [(1, 2), (4, 0), (16, 40), (256, 100)])
def test_blocks_are_read_in_order(burst, latency, stalled):
    rng = random.Random(burst)
    init = [rng.randrange(1 << 8 * BYTES) for _ in range(WORDS)]
    dut = _System(init, burst=burst, depth=2 * burst + 8)
    blocks = _blocks(rng, 12)
    expected = [init[a + k] for a, size in blocks for k in range(size)]
    reader, port = dut.reader, dut.memory.port

    async def body(ctx, reset):
        rules = _Rules({"ar": port.ar})
        ctx.set(dut.memory.latency, latency)
        got, sent = [], 0
        while len(got) < len(expected):
            offers = sent < len(blocks) and (not stalled or rng.random() < 0.7)
            ctx.set(reader.blocks.valid, offers)
            if offers:
                address, size = blocks[sent]
                ctx.set(reader.blocks.payload.address, address * BYTES)
                ctx.set(reader.blocks.payload.beats, size - 1)
            takes = not stalled or rng.random() < 0.6
            ctx.set(reader.o.ready, takes)
            ctx.set(dut.memory.stall, rng.randrange(8) if stalled else 0)
            rules.check(ctx)
            assert ctx.get(port.r.ready), "a beat without room was requested"
            if ctx.get(port.ar.valid) and ctx.get(port.ar.ready):
                first = ctx.get(port.ar.payload.address)
                beats = ctx.get(port.ar.payload.length) + 1
                assert first // PAGE == (first + beats * BYTES - 1) // PAGE
                assert beats <= burst
            if takes and ctx.get(reader.o.valid):
                got.append(ctx.get(reader.o.payload))
            sent += offers and ctx.get(reader.blocks.ready)
            await ctx.tick()
        assert got == expected

    bench_of(dut, body)


@pytest.mark.parametrize("latency", [2, 30, 100])
def test_a_deep_queue_hides_the_latency(latency):
    burst, blocks, size = 16, 8, 128
    dut = _System(range(WORDS), burst=burst, depth=latency + 3 + 2 * burst)
    reader = dut.reader

    async def body(ctx, reset):
        ctx.set(dut.memory.latency, latency)
        ctx.set(reader.o.ready, 1)
        ctx.set(reader.blocks.valid, 1)
        ctx.set(reader.blocks.payload.beats, size - 1)
        cycle, cycles, sent = 0, [], 0
        while len(cycles) < blocks * size:
            ctx.set(reader.blocks.valid, sent < blocks)
            ctx.set(reader.blocks.payload.address, sent * size * BYTES)
            if ctx.get(reader.o.valid):
                assert ctx.get(reader.o.payload) == len(cycles)
                cycles.append(cycle)
            sent += ctx.get(reader.blocks.valid) and ctx.get(reader.blocks.ready)
            cycle += 1
            await ctx.tick()
        assert cycles == list(range(cycles[0], cycles[0] + blocks * size))  # a beat a cycle
        assert cycles[0] == 1 + latency + 1

    bench_of(dut, body)


@pytest.mark.parametrize("stalled", [False, True], ids=["free", "stalled"])
@pytest.mark.parametrize(("burst", "pending"), [(1, 1), (16, 4), (256, 16)])
def test_blocks_are_written_and_acknowledged(burst, pending, stalled):
    rng = random.Random(burst + pending)
    dut = _System([0] * WORDS, burst=burst, depth=burst, pending=pending)
    writer, port = dut.writer, dut.memory.port
    blocks = _blocks(rng, 8)
    data = [rng.randrange(1 << 8 * BYTES) for _, size in blocks for _ in range(size)]
    strobes = [rng.choice([0, 1, 8, 10, 15, 15]) for _ in data]
    expected = dict.fromkeys(range(WORDS), 0)
    beats = iter(zip(data, strobes, strict=True))
    for address, size in blocks:
        for k in range(size):
            word, strobe = next(beats)
            mask = sum(255 << 8 * byte for byte in range(BYTES) if strobe >> byte & 1)
            expected[address + k] = expected[address + k] & ~mask | word & mask

    async def body(ctx, reset):
        rules = _Rules({"aw": port.aw, "w": port.w})
        ctx.set(dut.memory.latency, 20)
        sent = fed = acknowledged = bursts = 0
        while sent < len(blocks) or not ctx.get(writer.idle):
            offers = sent < len(blocks)
            ctx.set(writer.blocks.valid, offers)
            if offers:
                ctx.set(writer.blocks.payload.address, blocks[sent][0] * BYTES)
                ctx.set(writer.blocks.payload.beats, blocks[sent][1] - 1)
            feeds = fed < len(data) and (not stalled or rng.random() < 0.7)
            ctx.set(writer.i.valid, feeds)
            ctx.set(writer.i.payload.data, data[min(fed, len(data) - 1)])
            ctx.set(writer.i.payload.strobe, strobes[min(fed, len(data) - 1)])
            ctx.set(dut.memory.stall, rng.randrange(8) if stalled else 0)
            if not stalled:
                rules.check(ctx)  # with stalls this source takes its own offers back
            bursts += ctx.get(port.aw.valid) and ctx.get(port.aw.ready)
            acknowledged += ctx.get(port.b.valid)
            assert 0 <= bursts - acknowledged <= pending
            whole = sum(size for _, size in blocks[:sent])
            assert ctx.get(writer.sent) == (fed == whole)
            fed += ctx.get(writer.i.valid) and ctx.get(writer.i.ready)
            sent += ctx.get(writer.blocks.valid) and ctx.get(writer.blocks.ready)
            await ctx.tick()
        assert fed == len(data)
        assert bursts == acknowledged
        for address, word in expected.items():
            assert ctx.get(dut.memory.memory.data[address]) == word

    bench_of(dut, body, deadline=60000)


def test_writing_takes_a_cycle_per_beat():
    size, blocks = 64, 4
    dut = _System([0] * WORDS, burst=16, depth=16)
    writer = dut.writer

    async def body(ctx, reset):
        ctx.set(writer.i.valid, 1)
        cycle, moved, sent = 0, [], 0
        while len(moved) < size * blocks:
            ctx.set(writer.blocks.valid, sent < blocks)
            ctx.set(writer.blocks.payload.beats, size - 1)
            ctx.set(writer.blocks.payload.address, sent * size * BYTES)
            if ctx.get(writer.i.ready):
                moved.append(cycle)
            sent += ctx.get(writer.blocks.valid) and ctx.get(writer.blocks.ready)
            cycle += 1
            await ctx.tick()
        assert moved == list(range(2, 2 + size * blocks))

    bench_of(dut, body)


def test_illegal_sizes_are_refused():
    for burst in (0, 3, 512):
        with pytest.raises(ValueError, match="1 to 256 beats"):
            check_burst(burst, 32)
    with pytest.raises(ValueError, match="up to 4096 bytes"):
        check_burst(256, 256)
    with pytest.raises(ValueError, match="not 24"):
        AxiPort(16, 24)
    with pytest.raises(ValueError, match="never has room"):
        BlockReader(address_bits=16, data_bits=32, burst=16, beats=16, depth=8)
    assert flipped(AxiPort(16, 32).create()) is not None
