"""A serial reciprocal of normalised integers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Reciprocal"]

BITS = 24
QUOTIENT = 18
NORMALISE = 8
"""Steps that move a one from bit 0 to bit 23: 5 by four bits, 3 by one."""


class Reciprocal(wiring.Component):
    """``log = floor(log2(x))``, ``reciprocal = floor(2**(log + 17) / x)``.

    Latency: 27 cycles from ``start`` to the result, which holds until the next ``start``.
    Throughput: one result per 27 cycles.  Infers no multiplier.

    Members
    -------
    start : ``In(1)``
    x : ``In(24)``
        Taken with ``start``; for 0 the result means nothing.
    reciprocal : ``Out(18)``
        In ``(2**16, 2**17]``.
    log : ``Out(range(24))``
    """

    LATENCY = 1 + NORMALISE + QUOTIENT

    def __init__(self):
        super().__init__(
            {"start": In(1), "x": In(BITS), "reciprocal": Out(QUOTIENT), "log": Out(range(BITS))}
        )

    def elaborate(self, platform):
        m = Module()
        divisor = Signal(BITS)
        rest = Signal(BITS)
        doubled = Signal(BITS + 1)
        fits = Signal()
        left = Signal(range(self.LATENCY))
        m.d.comb += [doubled.eq(rest << 1), fits.eq(doubled >= divisor)]
        with m.If(self.start):
            m.d.sync += [
                divisor.eq(self.x),
                self.log.eq(BITS - 1),
                left.eq(NORMALISE + QUOTIENT),
                # 2**(log + 17) / x is 2**40 / divisor; 18 of its 41 bits are not yet taken.
                rest.eq(1 << (BITS + 16 - QUOTIENT)),
            ]
        with m.Elif(left > QUOTIENT):
            m.d.sync += left.eq(left - 1)
            with m.If(divisor[-4:] == 0):
                m.d.sync += [divisor.eq(divisor << 4), self.log.eq(self.log - 4)]
            with m.Elif(~divisor[-1]):
                m.d.sync += [divisor.eq(divisor << 1), self.log.eq(self.log - 1)]
        with m.Elif(left != 0):
            m.d.sync += [
                left.eq(left - 1),
                rest.eq(Mux(fits, doubled - divisor, doubled)),
                self.reciprocal.eq((self.reciprocal << 1) | fits),
            ]
        return m
