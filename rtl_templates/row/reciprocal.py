"""From the sum of a row to the factor that divides by it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField

__all__ = ["Reciprocal"]


class Reciprocal(wiring.Component):
    """``factor = round(floor(2**(k + 17) / total) * multiplier / 2**16)``, ``2**k <= total``.

    Restoring division, a bit per cycle; the product grows with the quotient's bits.

    Latency: results are there ``Reciprocal.CYCLES`` cycles after ``start``, with ``done``, in
    that cycle only.  Initiation interval: as many.

    Parameters
    ----------
    multipliers : sequence of int
        By task, unsigned, at most 16 bits.

    Members
    -------
    task : ``In``
    start : ``In(1)``
        ``total`` is there.
    total : ``In(32)``
        At least 1.
    done : ``Out(1)``
    factor : ``Out(18)``
    log : ``Out``
        ``k``: floor of the base-2 logarithm of ``total``.
    """

    BITS = 32
    ALIGN = (16, 8, 4, 2, 1)
    QUOTIENT = 18
    CYCLES = 1 + len(ALIGN) + QUOTIENT

    def __init__(self, multipliers):
        self.multipliers = tuple(multipliers)
        if not all(0 <= factor < 1 << 16 for factor in self.multipliers):
            raise ValueError(f"Multipliers must be in [0, 2**16), not {list(self.multipliers)}")
        super().__init__(
            {
                "task": In(range(max(2, len(self.multipliers)))),
                "start": In(1),
                "total": In(self.BITS),
                "done": Out(1),
                "factor": Out(self.QUOTIENT),
                "log": Out(range(self.BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        multiplier = TaskField(m, self.task)(self.multipliers, "multiplier")
        time = Signal(range(self.CYCLES))
        aligned = len(self.ALIGN)
        with m.If(time != 0):
            m.d.sync += time.eq(Mux(time == self.CYCLES - 1, 0, time + 1))
        m.d.sync += self.done.eq(time == self.CYCLES - 1)

        total = Signal(self.BITS)
        rest = Signal(self.BITS)
        product = Signal(self.QUOTIENT + 16)
        with m.If(self.start):
            m.d.sync += [total.eq(self.total), self.log.eq(self.BITS - 1), time.eq(1)]
            m.d.sync += [rest.eq(1 << (self.BITS - 2)), product.eq(0)]
        with m.Elif((time != 0) & (time <= aligned)):
            for k, places in enumerate(self.ALIGN):
                with m.If((time == 1 + k) & (total[self.BITS - places :] == 0)):
                    m.d.sync += [total.eq(total << places), self.log.eq(self.log - places)]
        with m.Elif(time != 0):
            fits = (rest << 1) >= total
            m.d.sync += [
                rest.eq((rest << 1) - Mux(fits, total, 0)),
                product.eq((product << 1) + Mux(fits, multiplier, 0)),
            ]
        m.d.comb += self.factor.eq((product + (1 << 15)) >> 16)
        return m
