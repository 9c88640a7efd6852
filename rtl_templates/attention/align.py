"""Denominators and exponents of columns: how a tile meets the tiles before it."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.shape import OCTAVE_BITS
from rtl_templates.memory.block_memory import BlockMemory
from rtl_templates.streams.delay import delay

__all__ = ["TOTAL_BITS", "Align"]

TOTAL_BITS = 24
EXPONENT_BITS = 13
FEED = 8
"""Fraction bits with which a tile enters."""

WIDEST = 31
"""A shift beyond this leaves nothing."""


class Align(wiring.Component):
    """``e' = max(e + over, m)``, ``l = rs(l, e' - e) + rs(L << 8, e' - m)``, a column per cycle.

    ``over`` is 1 where ``l`` has reached 2**23 and the tile has a key that is seen.  Only one of
    the two shifts is more than the halving by ``over``: the larger operand stays, the other one is
    shifted.  A tile that is not the larger one is shifted by 1 more than ``amount``.

    What a tile brings along waits in a memory until its sums come: two tiles may be there.

    Latency: with ``take`` in c, lane p's exponent and total are taken in c + p.  With ``begin``
    in c, from one cycle after column 0 was taken on, how to align column p's sums stands on the
    outputs in c + p + 2, and its denominator can be addressed from c + p + 5 on if the tile is the
    last; with two turns the same holds for column ``units + p`` and ``again``.  Throughput: two
    ``begin`` are ``LaneShape.merge_step`` or more cycles apart.  Infers memories: ``2 * side``
    words of ``12 + total_bits``, ``side`` of 38 and of 24 bits; and no multiplier.

    It serves ``LaneShape.side`` columns: all of them, or each half has an alignment of its own.

    Parameters
    ----------
    shape : LaneShape

    Members
    -------
    start : ``In(1)``
        A task begins.
    take, take_second : ``In(1)``
        A tile's totals are complete in lane 0; with two turns: they are those of its second column.
    exponents : ``In(lanes * 12)``
        Of the tile, signed; lane 0 in the low bits.
    totals : ``In(lanes * total_bits)``
        Sums of the tile's numerators; 0 if no key of it is seen.
    begin, first, last : ``In(1)``
        A tile begins in column 0; it is the first, the last of its query block.
    again : ``In(1)``
        With two turns: it begins in column ``units``.
    amount : ``Out(5)``
    tile_is_larger, halve, nothing : ``Out(1)``
        The tile stays as it is; the sums before it are halved, if they are the larger ones; nothing
        is left of the smaller operand.
    read : ``In(range(side))``
    denominator : ``Out(24)``
        Of the latest last tile, one cycle after ``read``; 0 if its query sees no key.
    """

    DENOMINATOR = 5

    def __init__(self, shape):
        self.shape = shape
        self.units = shape.side // shape.turns
        column = range(max(2, shape.side))
        super().__init__(
            {
                "start": In(1),
                "take": In(1),
                "take_second": In(1),
                "exponents": In(self.units * OCTAVE_BITS),
                "totals": In(self.units * shape.total_bits),
                "begin": In(1),
                "again": In(1),
                "first": In(1),
                "last": In(1),
                "amount": Out(5),
                "tile_is_larger": Out(1),
                "halve": Out(1),
                "nothing": Out(1),
                "read": In(column),
                "denominator": Out(TOTAL_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = max(2, self.shape.side)
        # Stage 0: the columns in turn.
        column, valid = self._columns(m, self.begin | self.again, self.again, "begin")
        first, last, now_first, now_last = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            first.eq(Mux(self.begin, self.first, now_first)),
            last.eq(Mux(self.begin, self.last, now_last)),
        ]
        m.d.sync += [now_first.eq(first), now_last.eq(last)]
        tile, total = self._tile(m, column)
        # Stage 1: how far the tile's exponent lies above that of what was before.
        flags = delay(m, Cat(valid, first, last, column), 1, "flags_1")
        # A column is written 4 cycles after it was read, before it is read again.
        exponents, totals = BlockMemory(EXPONENT_BITS, depth), BlockMemory(TOTAL_BITS, depth)
        m.submodules.exponents, m.submodules.totals = exponents, totals
        exponent, old = Signal(signed(EXPONENT_BITS)), Signal(TOTAL_BITS)
        higher = Signal(signed(EXPONENT_BITS + 1))
        over = Signal()
        carries = totals.data[-1] & (total != 0) & ~flags[1]
        m.d.comb += [exponents.address.eq(column), totals.address.eq(column)]
        m.d.sync += [
            over.eq(carries),
            # One adder: the lowest place borrows.
            higher.eq(
                (Cat(Const(0, 1), tile).as_signed() - Cat(carries, exponents.data).as_signed()) >> 1
            ),
            exponent.eq(exponents.data),
            old.eq(totals.data),
        ]
        # Stage 2: what is shifted, and how far.
        flags = delay(m, flags, 1, "flags_2")
        tile, new = delay(m, tile, 1, "tile"), delay(m, total, 1, "total")
        larger = Signal()
        distance = Signal(EXPONENT_BITS + 1)
        m.d.comb += [
            larger.eq(flags[1] | ~higher[-1]),
            # The complement is 1 less than what the tile is shifted by.
            distance.eq((higher ^ (~larger).replicate(len(higher))) + (larger & over)),
            self.amount.eq(distance),
            self.tile_is_larger.eq(larger),
            self.halve.eq(over),
            self.nothing.eq(flags[1] | (distance > WIDEST)),
            exponents.write.eq(flags[0]),
            exponents.written.eq(flags[3:]),
            exponents.value.eq(Mux(larger, tile, exponent + over)),
        ]
        # Stages 3 and 4: the denominator, as the sums in every column.
        wide = TOTAL_BITS + 1
        smaller, nearer, kept = Signal(wide), Signal(wide), Signal(TOTAL_BITS)
        fed = Signal(TOTAL_BITS)
        m.d.comb += [
            fed.eq(new << FEED),
            smaller.eq(Mux(larger, Cat(Const(0, 1), old), fed)),
        ]
        m.d.sync += [
            nearer.eq(Mux(self.nothing, 0, smaller >> self.amount)),
            kept.eq(Mux(larger, fed, Mux(over, (old >> 1) + old[0], old))),
        ]
        flags = delay(m, flags, 1, "flags_3")
        result = Signal(TOTAL_BITS)
        m.d.sync += result.eq(kept + (nearer >> 1) + nearer[0])
        flags = delay(m, flags, 1, "flags_4")
        m.submodules.results = results = BlockMemory(TOTAL_BITS, depth)
        for memory, enable in ((totals, flags[0]), (results, flags[0] & flags[2])):
            m.d.comb += [
                memory.write.eq(enable),
                memory.written.eq(flags[3:]),
                memory.value.eq(result),
            ]
        m.d.comb += [results.address.eq(self.read), self.denominator.eq(results.data)]
        return m

    def _columns(self, m, begin, second, name):
        """Return the column, one after the other from ``begin`` on, and whether there is one.

        A run has as many columns as there are lanes; ``second``: it is the second one.
        """
        units = self.units
        column, count = (
            Signal(range(max(2, self.shape.side)), name=f"{name}_{which}")
            for which in ("column", "next_column")
        )
        more = Signal(name=f"{name}_more")
        ends = (column == units - 1) | (column == self.shape.side - 1)
        m.d.comb += column.eq(Mux(begin, Mux(second, units, 0), count))
        with m.If(begin | more):
            m.d.sync += [count.eq(column + 1), more.eq(~ends)]
        return column, begin | more

    def _tile(self, m, column):
        """Keep what tiles bring along; return what it is for a column, a cycle later."""
        shape = self.shape
        taken, taking = self._columns(m, self.take, self.take_second, "take")
        lane = Signal(range(max(2, self.units)))
        m.d.comb += lane.eq(Mux(taken >= self.units, taken - self.units, taken))
        # A tile's columns are read after they were written, and before its half is written again.
        m.submodules.tiles = tiles = BlockMemory(OCTAVE_BITS + shape.total_bits, 2 * shape.side)
        newer, older = Signal(), Signal()  # which half is written, read
        now_newer, now_older = Signal(), Signal()
        m.d.comb += [
            now_newer.eq(newer ^ (self.take & ~self.take_second)),
            now_older.eq(older ^ self.begin),
        ]
        m.d.sync += [newer.eq(now_newer), older.eq(now_older)]
        with m.If(self.start):
            m.d.sync += [newer.eq(0), older.eq(0)]
        tile, total = Signal(signed(OCTAVE_BITS)), Signal(shape.total_bits)
        m.d.comb += [
            tiles.write.eq(taking),
            tiles.written.eq(Mux(now_newer, taken + shape.side, taken)),
            tiles.value.eq(
                Cat(
                    self.exponents.word_select(lane, OCTAVE_BITS),
                    self.totals.word_select(lane, shape.total_bits),
                )
            ),
            tiles.address.eq(Mux(now_older, column + shape.side, column)),
            Cat(tile, total).eq(tiles.data),
        ]
        return tile, total
