"""Proof harnesses of the memory port's masters."""

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, Signal

from support.prove import assume_holds, holds

__all__ = ["BurstsHarness", "ReaderHarness", "SizesHarness", "WriterHarness"]


class BurstsHarness(Elaboratable):
    """Bursts follow one another without a gap, end with the block and keep within a page."""

    def __init__(self, bursts):
        self.bursts = bursts
        layout = bursts.i.payload
        self.valid, self.ready = Signal(), Signal()
        self.address = Signal(len(layout.address) - 1)  # beats of 2 bytes
        self.beats = Signal(len(layout.beats))
        self.inputs = [self.valid, self.ready, self.address, self.beats]

    def elaborate(self, platform):
        m = Module()
        m.submodules.bursts = bursts = self.bursts
        block, burst = bursts.i, bursts.o
        m.d.comb += [
            block.valid.eq(self.valid),
            block.payload.address.eq(self.address << 1),
            block.payload.beats.eq(self.beats),
            burst.ready.eq(self.ready),
        ]
        assume_holds(m, self.valid, block.ready, block.payload.as_value())
        holds(m, burst)
        following = Signal(len(self.address))
        rest = Signal(len(self.beats) + 1)  # beats of the block that no burst had
        beats = Signal(9)
        first = burst.payload.address[1:]
        last = (first + beats - 1)[: len(first)]
        m.d.comb += [
            beats.eq(burst.payload.length + 1),
            Assert(burst.valid == (rest != 0)),
        ]
        with m.If(burst.valid):
            m.d.comb += [
                Assert(first == following),
                Assert(beats <= rest),
                Assert(beats <= bursts.burst),
                Assert((first // bursts.burst) == (last // bursts.burst)),
            ]
        moves = burst.valid & burst.ready
        with m.If(moves):
            m.d.sync += [following.eq(following + beats), rest.eq(rest - beats)]
        with m.If(block.valid & block.ready):
            m.d.comb += Assert(rest == Mux(moves, beats, 0))
            m.d.sync += [following.eq(self.address), rest.eq(self.beats + 1)]
        return m


class ReaderHarness(Elaboratable):
    """The memory sends, at any time, what was requested and no more; nothing is ever lost."""

    def __init__(self, reader):
        self.reader = reader
        self.valid, self.accepts = Signal(), Signal()
        self.sends, self.takes = Signal(), Signal()
        self.beats = Signal(len(reader.blocks.payload.beats))
        self.inputs = [self.valid, self.accepts, self.sends, self.takes, self.beats]

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = self.reader
        owed = Signal(range(reader.queue.depth + 1))  # requested, not sent
        requested = Signal(9)
        m.d.comb += [
            reader.blocks.valid.eq(self.valid),
            reader.blocks.payload.beats.eq(self.beats),
            reader.ar.ready.eq(self.accepts),
            reader.r.valid.eq(self.sends),
            reader.o.ready.eq(self.takes),
            Assume(~self.sends | (owed != 0)),
            requested.eq(Mux(self.accepts & reader.ar.valid, reader.ar.payload.length + 1, 0)),
            Assert(owed + requested <= reader.queue.depth),
            Assert(reader.r.ready),
            Assert(~self.sends | reader.queue.fifo.i.ready),
        ]
        m.d.sync += owed.eq(owed + requested - self.sends)
        holds(m, reader.ar, "address")
        holds(m, reader.o, "beat")
        return m


class WriterHarness(Elaboratable):
    """The memory acknowledges each burst once, after its last beat; beats keep their strobes."""

    def __init__(self, writer):
        self.writer = writer
        self.valid, self.feeds = Signal(), Signal()
        self.accepts, self.takes, self.answers = Signal(), Signal(), Signal()
        self.beats = Signal(len(writer.blocks.payload.beats))
        self.beat = Signal(writer.i.payload.shape())
        self.inputs = [
            *(self.valid, self.feeds, self.accepts, self.takes, self.answers),
            *(self.beats, self.beat.as_value()),
        ]

    def elaborate(self, platform):
        m = Module()
        m.submodules.writer = writer = self.writer
        addressed = Signal(range(writer.pending + 1))  # bursts without an answer
        complete = Signal(range(writer.pending + 1))  # of these, all beats were sent
        behind = Signal(12)  # beats of addressed bursts that were not sent
        m.d.comb += [
            writer.blocks.valid.eq(self.valid),
            writer.blocks.payload.beats.eq(self.beats),
            writer.i.valid.eq(self.feeds),
            writer.i.payload.eq(self.beat),
            writer.aw.ready.eq(self.accepts),
            writer.w.ready.eq(self.takes),
            writer.b.valid.eq(self.answers),
            Assume(~self.answers | (complete != 0)),
        ]
        address_goes = writer.aw.valid & writer.aw.ready
        beat_goes = writer.w.valid & writer.w.ready
        m.d.sync += [
            addressed.eq(addressed + address_goes - self.answers),
            complete.eq(complete + (beat_goes & writer.w.payload.last) - self.answers),
            behind.eq(behind + Mux(address_goes, writer.aw.payload.length + 1, 0) - beat_goes),
        ]
        with m.If(beat_goes):
            m.d.comb += [
                Assert(behind != 0),
                Assert(writer.i.ready),
                Assert(writer.w.payload.data == self.beat.data),
                Assert(writer.w.payload.strobe == self.beat.strobe),
                # The last mark closes a burst: as many are left open as have unsent beats.
                Assert(complete < addressed),
            ]
        m.d.comb += [
            Assert((behind != 0) == (complete != addressed)),
            Assert(~writer.idle | (addressed == 0)),
            Assert(~address_goes | (addressed < writer.pending)),
        ]
        holds(m, writer.aw, "address")
        return m


class SizesHarness(Elaboratable):
    """A beat writes the byte of its token and key head, in the block that was asked for it."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.run, self.clear = Signal(), Signal()
        self.accepts, self.takes = Signal(), Signal()
        self.data = Signal(len(sizes.data))
        self.inputs = [self.run, self.clear, self.accepts, self.takes, self.data]

    def elaborate(self, platform):
        m = Module()
        m.submodules.sizes = sizes = self.sizes
        layout, rows = sizes.layout, sizes.rows
        whole = sizes.asked & sizes.sent
        ran = Signal()
        m.d.sync += ran.eq(self.run & ~whole)
        m.d.comb += [
            sizes.run.eq(self.run),
            sizes.clear.eq(self.clear),
            sizes.data.eq(self.data),
            sizes.blocks.ready.eq(self.accepts),
            sizes.o.ready.eq(self.takes),
            Assume(self.run | ~ran),  # a phase ends when it is done
            Assume(~self.clear | ~self.run),
        ]
        of_block = self._place(m, "block", sizes.blocks.valid & self.accepts)
        of_beat = self._place(m, "beat", sizes.o.valid & self.takes)
        (slot, head), beat = of_block, layout.beat_bytes
        tile = (head * layout.tiles + slot // layout.tile) * layout.tile_beats * beat
        within = rows.first + slot % layout.tile
        with m.If(sizes.blocks.valid):
            m.d.comb += [
                Assert(sizes.blocks.payload.address == layout.base + tile + within // beat * beat),
                Assert(sizes.blocks.payload.beats == 0),
            ]
        with m.If(sizes.o.valid):
            byte = (rows.first + of_beat[0] % layout.tile) % beat
            m.d.comb += [
                Assert(sizes.o.payload.strobe == (1 << byte)),
                Assert(sizes.o.payload.data == sizes.o.payload.data[:8].replicate(beat)),
            ]
        with m.If(self.run & whole):
            m.d.comb += [Assert(of_block[0] == of_beat[0]), Assert(head == 0)]
            m.d.comb += Assert(of_beat[1] == 0)
        return m

    def _place(self, m, name, moves):
        """Count tokens and heads; return the slot and the head of the next one."""
        places, layout = self.sizes.slots.ring, self.sizes.layout
        slot, head = (
            Signal(range(places.slots), name=f"{name}_slot"),
            Signal(4, name=f"{name}_head"),
        )
        jumps = (slot == places.slots - 1) | (slot == places.pinned - 1)
        with m.If(moves):
            m.d.sync += head.eq(head + 1)
            with m.If(head == layout.kv_heads - 1):
                m.d.sync += [head.eq(0), slot.eq(Mux(jumps, places.start, slot + 1))]
        with m.If(self.clear):
            m.d.sync += [slot.eq(0), head.eq(0)]
        return slot, head
