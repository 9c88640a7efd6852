"""The beats of a row between two passes over it."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["RowQueue"]


class RowQueue(wiring.Component):
    """A queue without flow control, for a pipeline whose timing is fixed.

    Latency: a word pushed in cycle c may be popped from c + 1 on; its data are on ``data`` in the
    cycle after ``pop``.  Throughput: one push and one pop per cycle.  Infers block RAM of
    ``depth`` words (synchronous read).  Popping what was not pushed, or holding more than
    ``depth`` words, is an error of the caller.

    Parameters
    ----------
    bits : int
        Width of a word.
    depth : int
        Words, at least 2.

    Members
    -------
    push, pop : ``In(1)``
    word : ``In(bits)``
    data : ``Out(bits)``
    """

    def __init__(self, bits, depth):
        if depth < 2:
            raise ValueError(f"Depth must be at least 2 words, not {depth}")
        self.bits = bits
        self.depth = depth
        super().__init__({"push": In(1), "pop": In(1), "word": In(bits), "data": Out(bits)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = memory = Memory(shape=unsigned(self.bits), depth=self.depth, init=[])
        writer, reader = memory.write_port(), memory.read_port()
        m.d.comb += [
            writer.en.eq(self.push),
            writer.data.eq(self.word),
            writer.addr.eq(self._place(m, self.push, "head")),
            reader.en.eq(1),
            reader.addr.eq(self._place(m, self.pop, "tail")),
            self.data.eq(reader.data),
        ]
        return m

    def _place(self, m, moves, name):
        """Return a counter that goes around the ring."""
        place = Signal(range(self.depth), name=name)
        with m.If(moves):
            m.d.sync += place.eq(Mux(place == self.depth - 1, 0, place + 1))
        return place
