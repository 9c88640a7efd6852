"""The exponent of a tile."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.shape import OCTAVE_BITS

__all__ = ["TileMaximum"]


class TileMaximum(wiring.Component):
    """``m = max(octave)`` over the keys of a tile, -2048 if none is seen.

    ``ceil`` and ``max`` may change places, so that the maximum of the octaves is the octave of
    the maximum.

    Latency: ``exponent`` holds from the cycle after ``last`` to that of the next ``last`` of the
    same bank.  Throughput: 1 key per cycle.

    Parameters
    ----------
    banks : int
        Tiles, 1 or 2, whose exponents are kept.

    Members
    -------
    valid, first, last : ``In(1)``
        A key is there; it is the tile's first, its last.
    octave : ``In(signed(12))``
    bank, read_bank : ``In(1)``
        Where the exponent goes with ``last``, and which one to see; only if there are two.
    exponent : ``Out(signed(12))``
    """

    def __init__(self, banks=1):
        self.banks = banks
        super().__init__(
            {
                **({"bank": In(1), "read_bank": In(1)} if banks == 2 else {}),
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "octave": In(signed(OCTAVE_BITS)),
                "exponent": Out(signed(OCTAVE_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        largest = Signal(signed(OCTAVE_BITS))
        following = Signal.like(largest)
        exponent, other = Signal.like(largest), Signal.like(largest)
        m.d.comb += following.eq(Mux(self.first | (self.octave > largest), self.octave, largest))
        with m.If(self.valid):
            m.d.sync += largest.eq(following)
            with m.If(self.last & (~self.bank if self.banks == 2 else 1)):
                m.d.sync += exponent.eq(following)
            if self.banks == 2:
                with m.If(self.last & self.bank):
                    m.d.sync += other.eq(following)
        m.d.comb += self.exponent.eq(
            Mux(self.read_bank, other, exponent) if self.banks == 2 else exponent
        )
        return m
