"""Dot products of the same activations with several rows of weights, packed."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.tree import carry_tree, tree_depth
from rtl_templates.packing.decode import Decode, lane_widths
from rtl_templates.packing.forms import matrix_form

__all__ = ["PackedDots"]


class PackedDots(wiring.Component):
    """``o[k] + carry[k] = sum(x[e] * w[k][e])``, every cycle.

    The weights of ``form.counts[1]`` neighbouring rows share a multiplier.  Adders take the borrows
    of the lanes as carries; the one that is left goes to whoever accumulates the sum.

    Latency: ``1 + tree_depth(terms)`` cycles, as that of a ``DotProduct``.  Throughput: one result
    per cycle; no flow control.  Infers ``terms`` multipliers of ``form.port_bits`` per
    ``form.counts[1]`` rows.

    Parameters
    ----------
    form : Form
        One activation times several weights.
    rows : int
        Dot products.
    terms : int
        Products of each.
    w_bits : int
        Width of a digit: see :func:`rtl_templates.packing.pack.digits`.

    Members
    -------
    x : ``In(terms * form.a.bits)``
        Activations, the first in the low bits.
    w : ``In(rows * terms * w_bits)``
        Digits of the weights, the term fastest.  The rows that share a multiplier begin with those
        whose number ``form.counts[1]`` divides.
    o : ``Out``
        Signed sums of ``widths[k]`` bits each, row 0 in the low bits.
    carry : ``Out(rows)``

    Attributes
    ----------
    widths : tuple of int
    """

    def __init__(self, form, rows, terms, w_bits):
        self.form = form
        self.rows = rows
        self.terms = terms
        self.w_bits = w_bits
        self.latency = 1 + tree_depth(terms)
        _, most = form.counts
        pitch = form.lanes.pitch
        self.blocks = [
            matrix_form(form.a, form.w, (1, min(most, rows - start)), pitch)
            for start in range(0, rows, most)
        ]
        more = (terms - 1).bit_length()
        self.widths = tuple(
            width + more for block in self.blocks for width in lane_widths(block.lanes)
        )
        super().__init__(
            {
                "x": In(terms * form.a.bits),
                "w": In(rows * terms * w_bits),
                "o": Out(sum(self.widths)),
                "carry": Out(rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        row, sums, carries = 0, [], []
        for index, block in enumerate(self.blocks):
            lanes = [[] for _ in range(block.counts[1])]
            for term in range(self.terms):
                decode = self._product(m, block, index, row, term)
                start = 0
                for lane, width in enumerate(decode.widths):
                    field = decode.fields[start : start + width].as_signed()
                    lanes[lane].append((field, decode.carries[lane] if lane else Const(0, 1)))
                    start += width
            for level in lanes:
                total, carry = carry_tree(m, level, row)
                sums.append(Signal(signed(self.widths[row]), name=f"total_{row}"))
                m.d.comb += sums[-1].eq(total)
                carries.append(carry)
                row += 1
        m.d.comb += [self.o.eq(Cat(sums)), self.carry.eq(Cat(carries))]
        return m

    def _product(self, m, block, index, row, term):
        """Return the decoder of one activation times the weights of a block of rows."""
        decode = Decode(block.lanes)
        m.submodules[f"decode_{index}_{term}"] = decode
        x = self.x.word_select(term, block.a.bits)
        packed = Signal(signed(block.port_bits[1]), name=f"packed_{index}_{term}")
        digits = []
        for k in range(block.counts[1]):
            digit = Signal(signed(block.lanes.pitch), name=f"digit_{row + k}_{term}")
            place = (row + k) * self.terms + term
            m.d.comb += digit.eq(self.w.word_select(place, self.w_bits).as_signed())
            digits.append(digit)
        m.d.comb += packed.eq(Cat(digits).as_signed())
        m.d.sync += decode.product.eq((x.as_signed() if block.a.is_signed else x) * packed)
        return decode
