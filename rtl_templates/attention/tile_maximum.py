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

    Latency: ``exponent`` holds from the cycle after ``last`` to that of the next ``last``.
    Throughput: 1 key per cycle.

    Members
    -------
    valid, first, last : ``In(1)``
        A key is there; it is the tile's first, its last.
    octave : ``In(signed(12))``
    exponent : ``Out(signed(12))``
    """

    def __init__(self):
        super().__init__(
            {
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
        m.d.comb += following.eq(Mux(self.first | (self.octave > largest), self.octave, largest))
        with m.If(self.valid):
            m.d.sync += largest.eq(following)
            with m.If(self.last):
                m.d.sync += self.exponent.eq(following)
        return m
