"""Sizes of a tile's keys or values, from their arrival to the lanes."""

from amaranth.hdl import Array, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["TileSizes"]


class TileSizes(wiring.Component):
    """A ring of words, a word per tile; each is read out row by row, the last row first.

    Latency: the size of row ``rows - 1`` is there in the cycle of ``call``, then one row per
    cycle, falling.  Throughput: a call every ``rows`` cycles.  Infers a memory of ``places``
    words of ``8 * rows`` bits.

    Parameters
    ----------
    rows : int
        Rows of a tile, a power of two.
    places : int
        Words, a power of two: who writes knows that the oldest one was read.

    Members
    -------
    start : ``In(1)``
        The next word is the first one.
    w_enable : ``In(1)``; w_data : ``In(8 * rows)``
        A tile's sizes, row 0 in the low bits; two cycles or more before their call.
    call : ``In(1)``
    size : ``Out(8)``
    """

    def __init__(self, rows, places):
        self.rows = rows
        self.places = places
        super().__init__(
            {
                "start": In(1),
                "w_enable": In(1),
                "w_data": In(8 * rows),
                "call": In(1),
                "size": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = Memory(
            shape=unsigned(8 * self.rows), depth=self.places, init=[]
        )
        writer, reader = words.write_port(), words.read_port()
        place, tile = (Signal(range(self.places), name=name) for name in ("place", "tile"))
        row = Signal(range(self.rows))  # behind the last one
        moves = Signal()
        m.d.comb += [
            writer.en.eq(self.w_enable),
            writer.addr.eq(place),
            writer.data.eq(self.w_data),
            reader.en.eq(1),
            reader.addr.eq(tile),
            moves.eq(self.call | (row != 0)),
            self.size.eq(
                Array(reader.data.word_select(k, 8) for k in reversed(range(self.rows)))[row]
            ),
        ]
        m.d.sync += place.eq(place + self.w_enable)
        with m.If(moves):
            m.d.sync += row.eq(row + 1)
            # One cycle ahead: the memory answers in the next tile's first cycle.
            with m.If(row == self.rows - 2):
                m.d.sync += tile.eq(tile + 1)
        with m.If(self.start):
            m.d.sync += [place.eq(0), tile.eq(0), row.eq(0)]
        return m
