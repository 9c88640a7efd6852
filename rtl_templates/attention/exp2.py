"""Powers of two relative to a tile's exponent."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.shape import EMPTY, FRACTION, OCTAVE_BITS

__all__ = ["LOWERED_BITS", "TABLE", "Exp2"]

TABLE = tuple(int(4080 * 2 ** (-r / (1 << FRACTION)) + 0.5) for r in range(1 << FRACTION))
"""``T[r]``: 255 * 2**(-r / 64) with four fraction bits, rounded half up."""

LOWERED_BITS = 9
"""Width of how much a logarithm is lowered, in 1/64."""

FARTHEST = 9
"""Octaves below the exponent at which a key still counts."""


class Exp2(wiring.Component):
    """``p = 255 * 2**(y / 64 - exponent)``, rounded; 0 for a key that is not seen or far below.

    Latency: 2 cycles.  Throughput: 1 per cycle.  Infers a table of 64 words of 12 bits in
    LUTs, and no multiplier.

    Parameters
    ----------
    lowers : bool
        Whether there is ``lowered``.

    Members
    -------
    lowered : ``In(9)``
        Taken from the logarithm first.
    octave : ``In(signed(12))``
    below : ``In(6)``
        The logarithm is ``64 * octave - (63 - below)``; octave -2048: not seen.
    exponent : ``In(signed(12))``
        At least every seen octave.
    p : ``Out(8)``
    """

    LATENCY = 2

    def __init__(self, *, lowers=False):
        self.lowers = lowers
        super().__init__(
            {
                **({"lowered": In(LOWERED_BITS)} if lowers else {}),
                "octave": In(signed(OCTAVE_BITS)),
                "below": In(FRACTION),
                "exponent": In(signed(OCTAVE_BITS)),
                "p": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        octave, below = self.octave, self.below
        if self.lowers:
            log = Cat(self.below, self.octave).as_signed() - self.lowered
            octave, below = log >> FRACTION, log[:FRACTION]
        distance = Signal(OCTAVE_BITS + self.lowers)
        m.d.comb += distance.eq(self.exponent - octave)
        entry, octaves, counts = Signal(unsigned(12)), Signal(4), Signal()
        table = Array([Const(value, 12) for value in reversed(TABLE)])
        m.d.sync += [
            entry.eq(table[below]),
            octaves.eq(distance[:4]),
            counts.eq((distance <= FARTHEST) & (self.octave != EMPTY)),
        ]
        # One bit more than the result: the last one shifted out rounds it.
        shifted = Signal(9)
        m.d.comb += shifted.eq(entry.shift_right(3) >> octaves)
        m.d.sync += self.p.eq(Mux(counts, shifted[1:] + shifted[0], 0))
        return m
