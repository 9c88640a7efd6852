"""Streams of wider or narrower beats."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Gearbox"]


class Gearbox(wiring.Component):
    """Changes the width of a stream's beats; the low bits come first.

    One width is a multiple of the other.  Latency: 0 cycles for equal widths; a wide beat is
    offered in the cycle after its last part was taken; the first part of a wide beat that
    came in is offered in the same cycle.  Throughput: the wide side never waits for anything
    but the narrow side, which moves in every cycle.

    Parameters
    ----------
    i_bits, o_bits : int
        Widths of a beat.

    Members
    -------
    i : ``In(stream.Signature(i_bits))``
    o : ``Out(stream.Signature(o_bits))``
    """

    def __init__(self, i_bits, o_bits):
        if max(i_bits, o_bits) % min(i_bits, o_bits):
            raise ValueError(
                f"One width must be a multiple of the other, not {i_bits} and {o_bits} bits"
            )
        self.i_bits = i_bits
        self.o_bits = o_bits
        super().__init__({"i": In(stream.Signature(i_bits)), "o": Out(stream.Signature(o_bits))})

    def elaborate(self, platform):
        m = Module()
        if self.i_bits == self.o_bits:
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        elif self.i_bits < self.o_bits:
            self._gather(m, self.o_bits // self.i_bits)
        else:
            self._scatter(m, self.i_bits // self.o_bits)
        return m

    def _gather(self, m, parts):
        part = Signal(range(parts))
        word = Signal(self.o_bits)
        full = Signal()
        m.d.comb += [
            self.o.payload.eq(word),
            self.o.valid.eq(full),
            self.i.ready.eq(~full | self.o.ready),
        ]
        with m.If(full & self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += word.eq(Cat(word, self.i.payload)[self.i_bits :])
            with m.If(part == parts - 1):
                m.d.sync += [part.eq(0), full.eq(1)]
            with m.Else():
                m.d.sync += part.eq(part + 1)

    def _scatter(self, m, parts):
        part = Signal(range(parts))
        last = part == parts - 1
        m.d.comb += [
            self.o.payload.eq(self.i.payload.word_select(part, self.o_bits)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & last),
        ]
        with m.If(self.o.valid & self.o.ready):
            with m.If(last):
                m.d.sync += part.eq(0)
            with m.Else():
                m.d.sync += part.eq(part + 1)
