"""One stream to several sinks."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Fork"]


class Fork(wiring.Component):
    """Gives every transfer of ``i`` to each of ``sinks`` outputs exactly once.

    Eager: an output takes its copy as soon as it is ready, and ``i`` advances in the cycle in
    which the last of them takes it, so that no sink waits for another's ``ready`` and ``valid``
    never depends on ``ready``.  Latency: 0 cycles.  Throughput: 1 transfer per cycle when all
    sinks are ready.  ``i.ready`` depends combinationally on every ``ready``.

    Parameters
    ----------
    shape : shape-like
        Payload.
    sinks : int
        Number of outputs, at least 1.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape)).array(sinks)``
    """

    LATENCY = 0

    def __init__(self, shape, sinks):
        if sinks < 1:
            raise ValueError(f"A fork must have at least 1 sink, not {sinks}")
        self.sinks = sinks
        super().__init__(
            {"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)).array(sinks)}
        )

    def elaborate(self, platform):
        m = Module()
        taken = Signal(self.sinks)  # which sinks have the present payload already
        takes = Cat(out.valid & out.ready for out in self.o)
        m.d.comb += self.i.ready.eq((taken | takes).all())
        with m.If(self.i.valid):
            m.d.sync += taken.eq(taken | takes)
            with m.If(self.i.ready):
                m.d.sync += taken.eq(0)
        for k, out in enumerate(self.o):
            m.d.comb += [out.payload.eq(self.i.payload), out.valid.eq(self.i.valid & ~taken[k])]
        return m
