"""The exponent of a tile."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
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
        Tiles whose exponents are kept: 1, 2 or 4.

    Members
    -------
    valid, first, last : ``In(1)``
        A key is there; it is the tile's first, its last.
    octave : ``In(signed(12))``
    bank, read_bank : ``In(range(banks))``
        Where the exponent goes with ``last``, and which one to see; only if there are several.
    exponent : ``Out(signed(12))``
    """

    def __init__(self, banks=1):
        self.banks = banks
        bank = range(banks)
        super().__init__(
            {
                **({"bank": In(bank), "read_bank": In(bank)} if banks > 1 else {}),
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
        exponents = [Signal.like(largest, name=f"exponent_{k}") for k in range(self.banks)]
        m.d.comb += following.eq(Mux(self.first | (self.octave > largest), self.octave, largest))
        with m.If(self.valid):
            m.d.sync += largest.eq(following)
            for k, exponent in enumerate(exponents):
                with m.If(self.last & (self.bank == k if self.banks > 1 else 1)):
                    m.d.sync += exponent.eq(following)
        m.d.comb += self.exponent.eq(
            Array(exponents)[self.read_bank] if self.banks > 1 else exponents[0]
        )
        return m
