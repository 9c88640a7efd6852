"""Sends a tensor from a buffer to a stream."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import by_length, length_port, per_length
from rtl_templates.streams.credits import CreditQueue
from rtl_templates.streams.delay import delay

__all__ = ["Store"]


class Store(wiring.Component):
    """Reads ``beats`` beats one after the other while ``run`` is high, and streams them.

    Latency: 2 cycles from a read to its beat on ``o``.  Throughput: 1 beat per cycle; a read
    is issued only when the queue has room for its beat.

    Parameters
    ----------
    address : int
        First element.
    lanes, bits : int
        Elements of a beat, bits of an element.
    beats : int or sequence of int
        One for each length that the tensor can have.

    Members
    -------
    length : ``In``
        Index of the present length.
    run : ``In(1)``
    read : ``Out``
        Element to read in this cycle.
    data : ``In(lanes * bits)``
        Its beat, in the next cycle.
    done : ``Out(1)``
        The last beat is read in this cycle.
    idle : ``Out(1)``
        Every beat that was read has left, the last one at least one cycle ago.
    o : ``Out(stream.Signature(lanes * bits))``
    """

    LATENCY = 2

    QUEUE = 3
    """Beats in flight from the reservation to the return of the credit."""

    def __init__(self, *, address, lanes, bits, beats):
        self.first = address
        self.lanes = lanes
        self.beats = per_length(beats)
        self.queue = CreditQueue(lanes * bits, self.QUEUE)
        super().__init__(
            {
                **length_port(self.beats),
                "run": In(1),
                "read": Out(range(max(2, address + lanes * max(self.beats)))),
                "data": In(lanes * bits),
                "done": Out(1),
                "idle": Out(1),
                "o": Out(stream.Signature(lanes * bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = self.queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        address = Signal(self.read.shape(), init=self.first)
        count = Signal(range(max(2, *self.beats)))
        last = by_length([beats - 1 for beats in self.beats], self.length)
        step = Signal()
        m.d.comb += [
            step.eq(self.run & (queue.room != 0)),
            self.read.eq(address),
            self.done.eq(step & (count == last)),
            self.idle.eq(queue.room == self.QUEUE),
            queue.reserve.eq(step),
            queue.push.eq(delay(m, step, 1, "read")),
            queue.payload.eq(self.data),
        ]
        with m.If(step):
            m.d.sync += [count.eq(count + 1), address.eq(address + self.lanes)]
        with m.If(self.done):
            m.d.sync += [count.eq(0), address.eq(self.first)]
        return m
