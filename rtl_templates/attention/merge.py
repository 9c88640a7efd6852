"""Adds a tile's sums to those of the tiles before it, aligned to the larger exponent."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.align import FEED
from rtl_templates.memory.block_memory import BlockMemory
from rtl_templates.streams.delay import delay

__all__ = ["Merge"]

SUM_BITS = 32


class Merge(wiring.Component):
    """``x = rs(x, e' - e) + rs(sum << 8, e' - m)``, a feature per cycle.

    :class:`Align` says which of the two operands is shifted, and how far: one barrel shifter
    does.  Sums are kept in a memory; those of the last tile go into a second one, where they
    stay to be read while the next query is at work.

    Latency: a feature is addressed 2 cycles before its sum comes, and kept at the end of the
    second cycle after that, 5 cycles or more before it is addressed again; a result is not
    read while it changes.  Throughput: a feature per cycle.  Infers two memories of ``features``
    words of 32 bits, and no multiplier.

    Parameters
    ----------
    features, sum_bits : int
        Most features of a task; width of a tile's sum.

    Members
    -------
    load : ``In(1)``
        How to align from the next cycle on.
    amount, tile_is_larger, halve, nothing : ``In``
        Of :class:`Align`.
    read : ``In(range(features))``
        Feature to address.
    sum : ``In(signed(sum_bits))``
        That of the feature addressed 2 cycles before.
    write, write_last : ``In(1)``
        2 cycles after a sum: keep it; its tile is the last one.
    written : ``In(range(features))``
        Its feature.
    result_read : ``In(range(features))``
    result : ``Out(32)``
        Sum after the latest last tile, one cycle after its address.
    """

    def __init__(self, features, sum_bits):
        self.features = features
        word = range(max(2, features))
        super().__init__(
            {
                "load": In(1),
                "amount": In(5),
                "tile_is_larger": In(1),
                "halve": In(1),
                "nothing": In(1),
                "read": In(word),
                "sum": In(signed(sum_bits)),
                "write": In(1),
                "write_last": In(1),
                "written": In(word),
                "result_read": In(word),
                "result": Out(SUM_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = max(2, self.features)
        m.submodules.kept = kept = BlockMemory(SUM_BITS, depth)
        m.submodules.results = results = BlockMemory(SUM_BITS, depth)
        amount, tile_is_larger, halve, nothing = Signal(5), Signal(), Signal(), Signal()
        with m.If(self.load):
            m.d.sync += [
                amount.eq(self.amount),
                tile_is_larger.eq(self.tile_is_larger),
                halve.eq(self.halve),
                nothing.eq(self.nothing),
            ]
        old, new = Signal(signed(SUM_BITS)), Signal(signed(SUM_BITS))
        # Block RAM is slow: what it reads waits a cycle.
        m.d.sync += old.eq(kept.data)
        m.d.comb += [kept.address.eq(self.read), new.eq(self.sum << FEED)]
        # The last bit shifted out rounds: it stays below the result.  A tile that is not the
        # larger one is shifted by 1 in any case, which is not part of `amount`.
        smaller, nearer, shifted = (
            Signal(signed(SUM_BITS + 1), name=name) for name in ("smaller", "nearer", "shifted")
        )
        larger = Signal(signed(SUM_BITS))
        far = delay(m, Cat(amount[3:], nothing), 1, "far")
        m.d.comb += smaller.eq(Mux(tile_is_larger, Cat(Const(0, 1), old).as_signed(), new))
        m.d.sync += [
            nearer.eq(smaller >> amount[:3]),
            shifted.eq(Mux(far[-1], 0, nearer >> (far[:-1] << 3))),
            larger.eq(Mux(tile_is_larger, new, Mux(halve, (old >> 1) + old[0], old))),
        ]
        total = Cat(1, delay(m, larger, 1, "larger")).as_signed() + shifted
        for memory, enable in ((kept, self.write), (results, self.write & self.write_last)):
            m.d.comb += [
                memory.write.eq(enable),
                memory.written.eq(self.written),
                memory.value.eq(total >> 1),
            ]
        m.d.comb += [results.address.eq(self.result_read), self.result.eq(results.data)]
        return m
