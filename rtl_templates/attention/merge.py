"""Adds a tile to what a query has seen: aligns two block exponents, keeps the larger one."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.shape import OCTAVE_BITS
from rtl_templates.streams.delay import delay

__all__ = ["Merge"]

SUM_BITS = 32
TOTAL_BITS = 24
EXPONENT_BITS = 13
FEED = 8
"""Fraction bits with which a tile enters the sums."""


class Merge(wiring.Component):
    """``x = rs(x, e' - e) + rs(new << 8, e' - m)`` for a denominator and its features.

    ``e' = max(e + over, m)`` with ``over`` where the denominator has reached 2**23.  Only one
    of the two shifts is more than the halving by ``over``, so that one barrel shifter does.

    A tile enters as ``features + 1`` words, a cycle each: its ``total``, which is word 0, then
    its sums.  Words are kept in a memory; those of the last tile go into a second memory, where
    they stay to be read while the next query is at work.

    Latency: ``begin`` in cycle c; word k is addressed in c + 1 + k, enters in c + 2 + k and is
    kept at the end of c + 4 + k.  Throughput: a word per cycle; two ``begin`` are
    ``max(features + 1, 5)`` or more cycles apart.  Infers two memories of
    ``features + 1`` words of 32 bits, and no multiplier.

    Parameters
    ----------
    features, total_bits, sum_bits : int
        Most features of a task; widths of a tile's denominator and of its sums.

    Members
    -------
    begin, first : ``In(1)``
        A tile begins; it is the first of its query: what was kept is forgotten.
    exponent, seen : ``In(signed(12))``, ``In(1)``
        Of the tile, with ``begin``: its exponent, and whether it has a key that is seen.
    read : ``In(range(features + 1))``
        Word to address.
    is_total : ``In(1)``
        Word 0 enters.
    total : ``In(total_bits)``
    sum : ``In(signed(sum_bits))``
    write, write_last, write_total : ``In(1)``
        2 cycles after a word enters: keep it; it belongs to the last tile; it is word 0.
    written : ``In(range(features + 1))``
        Its number.
    result_read : ``In(range(features + 1))``
    result : ``Out(32)``
        Word of the latest last tile, one cycle after its address.
    """

    def __init__(self, features, total_bits, sum_bits):
        self.features = features
        word = range(features + 1)
        super().__init__(
            {
                "begin": In(1),
                "first": In(1),
                "exponent": In(signed(OCTAVE_BITS)),
                "seen": In(1),
                "read": In(word),
                "is_total": In(1),
                "total": In(total_bits),
                "sum": In(signed(sum_bits)),
                "write": In(1),
                "write_last": In(1),
                "write_total": In(1),
                "written": In(word),
                "result_read": In(word),
                "result": Out(SUM_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self.features + 1
        m.submodules.kept = kept = Memory(shape=unsigned(SUM_BITS), depth=depth, init=[])
        m.submodules.results = results = Memory(shape=unsigned(SUM_BITS), depth=depth, init=[])
        amount, tile_is_larger, halve, nothing, heavy = self._align(m)

        reader = kept.read_port()
        m.d.comb += [reader.en.eq(1), reader.addr.eq(self.read)]
        old = Signal(signed(SUM_BITS))
        new = Signal(signed(SUM_BITS))
        m.d.comb += [
            old.eq(reader.data),
            new.eq(Mux(self.is_total, self.total, self.sum) << FEED),
        ]
        # The last bit shifted out rounds: it stays below the result.  A tile that is not the
        # larger one is shifted by 1 in any case, which is not part of `amount`.
        smaller = Signal(signed(SUM_BITS + 1))
        m.d.comb += smaller.eq(Mux(tile_is_larger, Cat(Const(0, 1), old).as_signed(), new))
        nearer = Signal(signed(SUM_BITS + 1))
        shifted = Signal(signed(SUM_BITS + 1))
        larger = Signal(signed(SUM_BITS))
        halved = (old >> 1) + old[0]
        far = delay(m, Cat(amount[3:], nothing), 1, "far")
        m.d.sync += [
            nearer.eq(smaller >> amount[:3]),
            shifted.eq(Mux(far[-1], 0, nearer >> (far[:-1] << 3))),
            larger.eq(Mux(tile_is_larger, new, Mux(halve, halved, old))),
        ]
        word = Signal(signed(SUM_BITS))
        rounded = Cat(1, delay(m, larger, 1, "larger")).as_signed() + shifted
        m.d.comb += word.eq(rounded >> 1)
        for memory, enable in ((kept, self.write), (results, self.write & self.write_last)):
            writer = memory.write_port()
            m.d.comb += [
                writer.en.eq(enable),
                writer.addr.eq(self.written),
                writer.data.eq(word),
            ]
        with m.If(self.write & self.write_total):
            m.d.sync += heavy.eq(word[TOTAL_BITS - 1])

        result_reader = results.read_port()
        m.d.comb += [
            result_reader.en.eq(1),
            result_reader.addr.eq(self.result_read),
            self.result.eq(result_reader.data),
        ]
        return m

    def _align(self, m):
        """Choose the common exponent in two cycles, and with it what is shifted, and how far."""
        exponent = Signal(signed(EXPONENT_BITS))
        heavy, over, first, begun = Signal(), Signal(), Signal(), Signal()
        tile = Signal(signed(OCTAVE_BITS))
        # How far the tile's exponent lies above the other one.
        higher = Signal(signed(EXPONENT_BITS + 1))
        m.d.sync += begun.eq(self.begin)
        carries = heavy & self.seen & ~self.first
        with m.If(self.begin):
            m.d.sync += [
                # One adder: the lowest place borrows.
                higher.eq(
                    (
                        Cat(Const(0, 1), self.exponent).as_signed()
                        - Cat(carries, exponent).as_signed()
                    )
                    >> 1
                ),
                over.eq(carries),
                first.eq(self.first),
                tile.eq(self.exponent),
            ]
        larger = Signal()
        distance = Signal(EXPONENT_BITS + 1)
        m.d.comb += [
            larger.eq(first | ~higher[-1]),
            # The complement is 1 less than what a tile is shifted by.
            distance.eq((higher ^ (~larger).replicate(len(higher))) + (larger & over)),
        ]
        amount, tile_is_larger, halve, nothing = Signal(5), Signal(), Signal(), Signal()
        with m.If(begun):
            m.d.sync += [
                exponent.eq(Mux(larger, tile, exponent + over)),
                amount.eq(distance),
                nothing.eq(first | (distance > 31)),
                tile_is_larger.eq(larger),
                halve.eq(over),
            ]
        return amount, tile_is_larger, halve, nothing, heavy
