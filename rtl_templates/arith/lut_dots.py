"""Dot products in lookup tables, for weights of few bits."""

from amaranth.hdl import Array, Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.tree import add_with_carry, sum_tree, tree_depth

__all__ = ["LutDots"]


class LutDots(wiring.Component):
    """``o[k] = sum(x[e] * w[k][e])``, every cycle, without a multiplier.

    Two bits of a weight pick one of ``0, x, 2x, 3x``; all rows share ``3x``.  The upper two pick
    one of ``0, x, -2x, -x``, negated by a carry.  Synthesis makes more of a bare ``*``: see
    ``docs/packing.md``.

    Latency: ``1 + tree_depth(terms)`` cycles, as that of a ``DotProduct``.  Throughput: one result
    per cycle; no flow control.  Infers no multiplier.

    Parameters
    ----------
    rows : int
        Dot products.
    terms : int
        Products of each.
    x_shape : Shape
        Activation.
    w_bits : int
        Width of a signed weight.

    Members
    -------
    x : ``In(terms * x_shape.width)``
        Activations, the first in the low bits.
    w : ``In(rows * terms * w_bits)``
        Weights, the term fastest.
    o : ``Out(rows * sum_bits)``
        Signed sums, row 0 in the low bits.

    Attributes
    ----------
    sum_bits : int
    """

    def __init__(self, rows, terms, x_shape, w_bits):
        self.rows = rows
        self.terms = terms
        self.x_shape = x_shape
        self.w_bits = w_bits
        self.latency = 1 + tree_depth(terms)
        self.product_bits = x_shape.width + w_bits
        self.sum_bits = self.product_bits + (terms - 1).bit_length()
        super().__init__(
            {
                "x": In(terms * x_shape.width),
                "w": In(rows * terms * w_bits),
                "o": Out(rows * self.sum_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        multiples = [self._multiples(m, term) for term in range(self.terms)]
        sums = []
        for row in range(self.rows):
            products = []
            for term, (below, top) in enumerate(multiples):
                w = self.w.word_select(row * self.terms + term, self.w_bits)
                product = Signal(signed(self.product_bits), name=f"product_{row}_{term}")
                m.d.sync += product.eq(self._product(w, below, top))
                products.append(product)
            sums.append(Signal(signed(self.sum_bits), name=f"total_{row}"))
            m.d.comb += sums[-1].eq(sum_tree(m, products, f"sum_{row}"))
        m.d.comb += self.o.eq(Cat(sums))
        return m

    def _multiples(self, m, term):
        """Return what two bits pick of an activation: lower ones, and the upper ones."""
        bits = self.x_shape.width + 2 + (not self.x_shape.signed)
        x, triple = Signal(signed(bits), name=f"x_{term}"), Signal(signed(bits), name=f"x3_{term}")
        raw = self.x.word_select(term, self.x_shape.width)
        m.d.comb += [
            x.eq(raw.as_signed() if self.x_shape.signed else raw),
            triple.eq(x + (x << 1)),
        ]
        double = (x << 1)[:bits].as_signed()
        zero = Const(0, signed(bits))
        return Array([zero, x, double, triple]), Array([zero, x, ~double, ~x])

    def _product(self, w, below, top):
        """Return a weight times the activation of these multiples."""
        total, place = None, 0
        while place + 2 < self.w_bits:
            part = below[w[place : place + 2]]
            if total is None:
                total = part
            else:
                total = Cat(total[:place], total[place:].as_signed() + part).as_signed()
            place += 2
        digit = Cat(w[place:], w[-1])[:2]  # an odd width: the sign twice
        part, negative = top[digit], digit[1]
        if total is None:
            return part + negative
        upper = add_with_carry(total[place:].as_signed(), part, negative)
        return Cat(total[:place], upper).as_signed()
