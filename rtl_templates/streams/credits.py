"""An output queue whose room is reserved before the work is started."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.streams.fifo import Fifo

__all__ = ["CreditQueue"]


class CreditQueue(wiring.Component):
    """A FIFO for a pipeline that cannot stop: who reserves room may push without asking.

    Latency: 1 cycle from ``push`` to ``o.valid``; a transfer on ``o`` in cycle c counts in
    ``room`` from c + 1.  Pushing more than was reserved is an error of the caller; the formal
    proof assumes it does not happen and shows that nothing is then lost.

    Parameters
    ----------
    shape : shape-like
        Payload.
    depth : int
        Beats.

    Members
    -------
    room : ``Out``
        Beats that nobody has reserved.
    reserve : ``In``
        Beats to reserve in this cycle, at most ``room``.
    push : ``In(1)``
    payload : ``In(shape)``
    o : ``Out(stream.Signature(shape))``
    """

    def __init__(self, shape, depth):
        self.depth = depth
        self.fifo = Fifo(shape, depth)
        super().__init__(
            {
                "room": Out(range(depth + 1), init=depth),
                "reserve": In(range(depth + 1)),
                "push": In(1),
                "payload": In(shape),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = self.fifo
        leaves = Signal()
        m.d.comb += [
            self.fifo.i.payload.eq(self.payload),
            self.fifo.i.valid.eq(self.push),
            leaves.eq(self.o.valid & self.o.ready),
        ]
        wiring.connect(m, self.fifo.o, wiring.flipped(self.o))
        m.d.sync += self.room.eq(self.room - self.reserve + Mux(leaves, 1, 0))
        return m
