"""A stream FIFO."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Fifo"]


class Fifo(wiring.Component):
    """First in, first out, first word falls through.

    Latency: 1 cycle from a transfer on ``i`` to ``o.valid``.  Throughput: 1 transfer per cycle
    on both sides at any level but full, where a transfer on ``o`` frees its place for the next
    cycle.  ``i.ready`` and ``o.valid`` are functions of registers only.  Infers distributed
    RAM of ``depth`` words (asynchronous read).

    Parameters
    ----------
    shape : shape-like
        Payload.
    depth : int
        Words, at least 1.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    """

    LATENCY = 1

    def __init__(self, shape, depth):
        if depth < 1:
            raise ValueError(f"Depth must be at least 1 word, not {depth}")
        self.shape = shape
        self.depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        if self.depth == 1:
            return self._register(m)
        m.submodules.queue = queue = fifo.SyncFIFO(
            width=len(Value.cast(self.i.payload)), depth=self.depth
        )
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            Value.cast(self.o.payload).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m

    def _register(self, m):
        """Hold one word: a memory of one word has addresses without bits."""
        word = Signal(len(Value.cast(self.i.payload)))
        m.d.comb += [self.i.ready.eq(~self.o.valid), Value.cast(self.o.payload).eq(word)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [word.eq(self.i.payload), self.o.valid.eq(1)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
