"""Proof harnesses of the control components: sequencer, ends and entries of tensors."""

from amaranth.hdl import Array, Assert, Cat, Elaboratable, Module, Mux, Signal, signed

from support.prove import assume_holds, holds

__all__ = ["SequencerHarness", "TensorEndHarness", "TensorEntryHarness"]


class SequencerHarness(Elaboratable):
    """Work that ends at will, tensors that come at will; the time since the last end says all."""

    def __init__(self, sequencer):
        self.sequencer = sequencer
        self.done, self.go = Signal(), Signal()
        self.length = Signal(range(max(2, sequencer.lengths)))
        self.inputs = [self.done, self.go, self.length]

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = self.sequencer
        overhead, phases, lengths = type(sequencer).OVERHEAD, sequencer.phases, sequencer.lengths
        since = Signal(range(overhead + 1))  # cycles since reset or the last ``done``
        phase = Signal(range(max(2, phases)))  # of its list
        chosen = Signal.like(self.length)
        between = Signal(init=lengths > 1)
        running = (since == overhead) & ~between
        m.d.comb += [
            sequencer.done.eq(self.done),
            sequencer.go.eq(self.go),
            sequencer.length.eq(Mux(self.length < lengths, self.length, 0)),
            Assert(between | (sequencer.phase == chosen * phases + phase)),
            Assert(phase < phases),
            Assert(chosen < lengths),
            Assert(sequencer.list == chosen),
            Assert(sequencer.between == between),
            Assert(~between | (since == 0)),
            Assert(sequencer.start == ((since == overhead - 1) & ~between)),
            Assert(sequencer.running == running),
        ]
        m.d.comb += Assert(~between | (phase == 0) if lengths > 1 else ~between)
        with m.If(between & self.go):
            m.d.sync += [between.eq(0), chosen.eq(sequencer.length)]
        with m.Elif(~between & ~running):
            m.d.sync += since.eq(since + 1)
        with m.Elif(~between & self.done):
            last = phase == phases - 1
            m.d.sync += [since.eq(0), phase.eq(Mux(last, 0, phase + 1))]
            if lengths > 1:
                m.d.sync += between.eq(last)
        return m


def _tensor_at_hand(m, sizes, free, transfer):
    """Return length, beats, beats that are done, and whether it has begun, of the tensor at hand.

    Parameters
    ----------
    sizes : sequence of int
        Beats by length.
    free : Signal
        Any length; a tensor keeps the one with which it begins.
    transfer : Value
        A beat of it passes.
    """
    kept, begun, length = Signal.like(free), Signal(), Signal.like(free)
    beats, done = Array(sizes)[length], Signal(range(max(2, *sizes)))
    m.d.comb += [
        length.eq(Mux(begun, kept, Mux(free < len(sizes), free, 0))),
        Assert(kept < len(sizes)),
        Assert(done < beats),
        Assert(begun == (done != 0)),
    ]
    with m.If(transfer):
        last = done == beats - 1
        m.d.sync += [done.eq(Mux(last, 0, done + 1)), begun.eq(~last), kept.eq(length)]
    return length, beats, done, begun


class TensorEndHarness(Elaboratable):
    """Counts down what the component counts up; a tensor's length stays as it is."""

    def __init__(self, end):
        self.end = end
        self.transfer = Signal()
        self.length = Signal(range(max(2, len(end.beats))))
        self.inputs = [self.transfer, self.length]

    def elaborate(self, platform):
        m = Module()
        m.submodules.end = end = self.end
        length, beats, done, _ = _tensor_at_hand(m, end.beats, self.length, self.transfer)
        m.d.comb += [
            end.transfer.eq(self.transfer),
            end.length.eq(length),
            Assert(end.index == done),
            Assert(end.last == (done == beats - 1)),
            Assert(end.first == (done == 0)),
        ]
        return m


class TensorEntryHarness(Elaboratable):
    """Tensors are the beats that leave; each ``last`` that enters makes exactly one of them."""

    def __init__(self, entry):
        self.entry = entry
        self.valid, self.last, self.ready = Signal(), Signal(), Signal()
        self.word = Signal(entry.o.payload.shape())
        self.length = Signal(range(max(2, len(entry.beats))))
        self.inputs = [self.valid, self.last, self.ready, self.word, self.length]

    def elaborate(self, platform):
        m = Module()
        m.submodules.entry = entry = self.entry
        enters, leaves = self.valid & entry.i.ready, entry.o.valid & self.ready
        length, beats, done, open_ = _tensor_at_hand(m, entry.beats, self.length, leaves)
        m.d.comb += [
            entry.length.eq(length),
            entry.i.valid.eq(self.valid),
            entry.i.payload.data.eq(self.word),
            entry.i.payload.last.eq(self.last),
            entry.o.ready.eq(self.ready),
        ]
        assume_holds(m, self.valid, entry.i.ready, Cat(self.word, self.last))
        holds(m, entry.o)
        marked, whole = enters & self.last, leaves & (done == beats - 1)
        # How many ``last`` have come more than tensors have left.
        ahead = Signal(signed(3))
        m.d.sync += ahead.eq(ahead + marked - whole)
        m.d.comb += Assert((ahead >= -1) & (ahead <= 1))
        with m.If(ahead == 1):  # the rest of a tensor whose beats have all come
            m.d.comb += [
                Assert(open_),
                Assert(~entry.i.ready),
                Assert(entry.o.valid),
                Assert(entry.o.payload == entry.fill),
            ]
        with m.Elif(ahead == -1):  # beats of a tensor that has left
            m.d.comb += [Assert(~open_), Assert(entry.i.ready), Assert(~entry.o.valid)]
        with m.Else():  # a wire
            m.d.comb += [
                Assert(entry.i.ready == self.ready),
                Assert(entry.o.valid == self.valid),
                Assert(entry.o.payload == self.word),
            ]
        m.d.comb += [
            Assert(entry.begins == (leaves & (done == 0))),
            Assert(entry.misplaced == ((ahead == 0) & (marked != whole))),
        ]
        return m
