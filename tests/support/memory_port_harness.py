"""Proof harnesses of the memory port's masters."""

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, Signal

from support.prove import assume_holds, holds

__all__ = ["BurstsHarness", "ReaderHarness", "WriterHarness"]


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
    """The memory acknowledges each burst once, after its last beat."""

    def __init__(self, writer):
        self.writer = writer
        self.valid, self.feeds = Signal(), Signal()
        self.accepts, self.takes, self.answers = Signal(), Signal(), Signal()
        self.beats = Signal(len(writer.blocks.payload.beats))
        self.inputs = [
            *(self.valid, self.feeds, self.accepts, self.takes, self.answers),
            self.beats,
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
