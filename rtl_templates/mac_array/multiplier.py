"""One wide multiplier with its registers: what a tile asks of an FPGA family."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """``p = a * b`` with registers of both operands and of the product.

    Latency: 2 cycles.  Throughput: one product per cycle.  No reset.  Infers one
    multiplier; a family whose synthesis does not put these registers into the multiplier has an
    adapter with the same members (``rtl_templates.family``).

    Parameters
    ----------
    a_bits, b_bits : int
        Of signed operands.

    Members
    -------
    a : ``In(signed(a_bits))``
    b : ``In(signed(b_bits))``
    p : ``Out(signed(a_bits + b_bits))``

    Attributes
    ----------
    operands : tuple of Signal
        What is multiplied in this cycle: a proof looks at it.
    """

    LATENCY = 2

    def __init__(self, a_bits, b_bits):
        self.operands = tuple(
            Signal(signed(bits), name=name, reset_less=True)
            for name, bits in (("operand_a", a_bits), ("operand_b", b_bits))
        )
        super().__init__(
            {
                "a": In(signed(a_bits)),
                "b": In(signed(b_bits)),
                "p": Out(signed(a_bits + b_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        a, b = self.operands
        product = Signal.like(self.p, reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b)]
        m.d.comb += self.p.eq(product)
        return m
