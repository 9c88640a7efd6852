"""Proof harnesses of the control components: sequencer, ends of tensors."""

from amaranth.hdl import Assert, Elaboratable, Module, Mux, Signal

__all__ = ["SequencerHarness", "TensorEndHarness"]


class SequencerHarness(Elaboratable):
    """Work that ends at will; the time since the last end says all."""

    def __init__(self, sequencer):
        self.sequencer = sequencer
        self.done = Signal()
        self.inputs = [self.done]

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = self.sequencer
        overhead, phases = type(sequencer).OVERHEAD, sequencer.phases
        since = Signal(range(overhead + 1))  # cycles since reset or the last ``done``
        phase = Signal(range(max(2, phases)))
        running = since == overhead
        m.d.comb += [
            sequencer.done.eq(self.done),
            Assert(sequencer.phase == phase),
            Assert(phase < phases),
            Assert(sequencer.start == (since == overhead - 1)),
            Assert(sequencer.running == running),
        ]
        with m.If(~running):
            m.d.sync += since.eq(since + 1)
        with m.Elif(self.done):
            m.d.sync += [since.eq(0), phase.eq(Mux(phase == phases - 1, 0, phase + 1))]
        return m


class TensorEndHarness(Elaboratable):
    """Counts down what the component counts up."""

    def __init__(self, end):
        self.end = end
        self.transfer = Signal()
        self.inputs = [self.transfer]

    def elaborate(self, platform):
        m = Module()
        m.submodules.end = end = self.end
        left = Signal(range(max(2, end.beats)), init=end.beats - 1)
        m.d.comb += [
            end.transfer.eq(self.transfer),
            Assert(end.last == (left == 0)),
            Assert(end.first == (left == end.beats - 1)),
            Assert(end.index + left == end.beats - 1),
        ]
        with m.If(self.transfer):
            m.d.sync += left.eq(Mux(left == 0, end.beats - 1, left - 1))
        return m
