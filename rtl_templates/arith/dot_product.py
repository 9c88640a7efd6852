"""The one place that multiplies activations by weights."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.tree import sum_tree, tree_depth

__all__ = ["DotProduct"]


class DotProduct(wiring.Component):
    """``o = sum(x[k] * w[k])``, every cycle.

    Latency: ``1 + tree_depth(terms)`` cycles.  Throughput: one result per cycle; no flow
    control.  Infers ``terms`` multipliers of ``x_shape`` by ``w_bits``.

    Parameters
    ----------
    terms : int
        Products.
    x_shape : Shape
        Activation.
    w_bits : int
        Width of a signed weight.

    Members
    -------
    x : ``In(terms * x_shape.width)``
        Activations, the first in the low bits.
    w : ``In(terms * w_bits)``
        Weights, likewise.
    o : ``Out(signed)``
    """

    def __init__(self, terms, x_shape, w_bits):
        self.terms = terms
        self.x_shape = x_shape
        self.w_bits = w_bits
        self.latency = 1 + tree_depth(terms)
        self.product_bits = x_shape.width + w_bits
        super().__init__(
            {
                # Not array layouts: Yosys takes a wire called ``x[0]`` for a bit of ``x``.
                "x": In(terms * x_shape.width),
                "w": In(terms * w_bits),
                "o": Out(signed(self.product_bits + (terms - 1).bit_length())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        level = []
        for k in range(self.terms):
            product = Signal(signed(self.product_bits), name=f"product_{k}")
            x = self.x.word_select(k, self.x_shape.width)
            w = self.w.word_select(k, self.w_bits).as_signed()
            m.d.sync += product.eq((x.as_signed() if self.x_shape.signed else x) * w)
            level.append(product)
        m.d.comb += self.o.eq(sum_tree(m, level, "sum"))
        return m
