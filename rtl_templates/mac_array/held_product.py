"""A product by a weight that stays: the digits of its size pick multiples of the other operand."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["HeldProduct", "sign_magnitude"]


def sign_magnitude(weight):
    """Return the code of a weight in [-7, 7]: its size, the sign in bit 3.

    Examples
    --------
    >>> sign_magnitude(-3), sign_magnitude(5)
    (11, 5)
    """
    if not -7 <= weight <= 7:
        raise ValueError(f"A weight must be in [-7, 7], not {weight}")
    return abs(weight) | (weight < 0) << 3


class HeldProduct(wiring.Component):
    """``p + carry = a * w`` in lookup tables, without a multiplier.

    Three multiples of ``b``, which is ``a`` or ``~a`` by the sign s of the weight, for the three
    bits m of its size: ``a * w = (b + s) * m``.  What ``s * m`` adds enters as carries, one of them
    that of whoever accumulates the product.

    Latency: :attr:`LATENCY` cycles; throughput: one product a cycle.  No reset.  A family whose
    synthesis makes more of two gated rows than one chain of carries has an adapter that takes the
    place of :meth:`low` and :meth:`high` (``rtl_templates.family``).

    Members
    -------
    a : ``In(signed(4))``
    w : ``In(4)``
        :func:`sign_magnitude` of the weight.
    p : ``Out(signed(7))``
    carry : ``Out(1)``
    """

    LATENCY = 2

    def __init__(self):
        super().__init__({"a": In(signed(4)), "w": In(4), "p": Out(signed(7)), "carry": Out(1)})

    def elaborate(self, platform):
        m = Module()
        sign = self.w[3]
        b = Signal(signed(4))
        m.d.comb += b.eq(self.a ^ sign.replicate(4))
        low, b_later = Signal(signed(6), reset_less=True), Signal(signed(4), reset_less=True)
        w_later = Signal(3, reset_less=True)  # the second bit of the size, the third one, the sign
        m.d.sync += [
            low.eq(self.low(m, b, self.w[:2], sign)),
            b_later.eq(b),
            w_later.eq(self.w[1:]),
        ]
        product = Signal(signed(7), reset_less=True)
        carry = Signal(reset_less=True)
        m.d.sync += [
            product.eq(self.high(m, low, b_later, w_later[1], w_later[2])),
            carry.eq(w_later[0] & w_later[2]),
        ]
        m.d.comb += [self.p.eq(product), self.carry.eq(carry)]
        return m

    def low(self, m, b, size, sign):
        """Return ``b * size + (size[0] & sign) + (size[1] & sign)`` of two bits, in 6 bits."""
        rows = Mux(size[0], b, 0) + (Mux(size[1], b, 0) << 1)
        return rows + (size[0] & sign) + (size[1] & sign)

    def high(self, m, low, b, size, sign):
        """Return ``low + 4 * (b * size + (size & sign))`` of one bit, in 7 bits."""
        return low + ((Mux(size, b, 0) + (size & sign)) << 2)
