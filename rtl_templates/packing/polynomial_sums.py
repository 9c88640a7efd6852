"""Sums of polynomial products: of every lane, over many packed multipliers."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.tree import carry_tree, tree_depth
from rtl_templates.packing.decode import Decode, lane_widths
from rtl_templates.packing.pack import Pack
from rtl_templates.packing.products import low_bits, low_sums

__all__ = ["PolynomialSums"]


class PolynomialSums(wiring.Component):
    """``o[k][d] + carry[k][d] = sum(x[e][i] * w[k][e][d - i])`` over i and e, every cycle.

    The samples of a term and the taps of a term and a row share a multiplier; lane d of its product
    is what they give to d.  Adders take the borrows of the lanes as carries; the one that is left
    goes to whoever accumulates the sum.

    Latency: ``3 + tree_depth(terms)`` cycles: packed operands, product, lanes, tree.  Throughput:
    one result per cycle; no flow control.  Infers ``rows * terms`` multipliers of
    ``form.port_bits``.

    Parameters
    ----------
    form : Form
        A convolution.
    rows : int
        Results.
    terms : int
        Products of polynomials in each.

    Members
    -------
    x : ``In(terms * samples * form.a.bits)``
        The first sample of the first term in the low bits.
    w : ``In(rows * terms * taps * form.w.bits)``
        Row, term, tap, the tap fastest.
    o : ``Out``
        Signed sums, row by row, of each row lane by lane in ``widths[d]`` bits.
    carry : ``Out(rows * lanes)``

    Attributes
    ----------
    widths : tuple of int
    """

    STAGES = 3
    """Registers besides the adder tree."""

    def __init__(self, form, rows, terms):
        self.form = form
        self.rows = rows
        self.terms = terms
        self.latency = self.STAGES + tree_depth(terms)
        more = (terms - 1).bit_length()
        self.widths = tuple(width + more for width in lane_widths(form.lanes))
        samples, taps = form.counts
        super().__init__(
            {
                "x": In(terms * samples * form.a.bits),
                "w": In(rows * terms * taps * form.w.bits),
                "o": Out(rows * sum(self.widths)),
                "carry": Out(rows * len(self.widths)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        samples, taps = self.form.counts
        packed = [
            self._packed(m, f"x_{term}", self.x.word_select(term, samples * self.form.a.bits), 0)
            for term in range(self.terms)
        ]
        sums, carries = [], []
        for row in range(self.rows):
            lanes = [[] for _ in self.widths]
            for term in range(self.terms):
                place = row * self.terms + term
                source = self.w.word_select(place, taps * self.form.w.bits)
                weight = self._packed(m, f"w_{row}_{term}", source, 1)
                for lane, pair in enumerate(self._lanes(m, place, packed[term], weight)):
                    lanes[lane].append(pair)
            for lane, level in enumerate(lanes):
                total, carry = carry_tree(m, level, f"{row}_{lane}")
                sums.append(Signal(signed(self.widths[lane]), name=f"total_{row}_{lane}"))
                m.d.comb += sums[-1].eq(total)
                carries.append(carry)
        m.d.comb += [self.o.eq(Cat(sums)), self.carry.eq(Cat(carries))]
        return m

    def _packed(self, m, name, source, kind):
        """Return the port of a multiplier and the low bits of its operands, one cycle later."""
        form = self.form
        operand, count = (form.a, form.w)[kind], form.counts[kind]
        m.submodules[f"pack_{name}"] = pack = Pack(operand, count, form.lanes.pitch)
        port = Signal(pack.o.shape(), name=f"port_{name}")
        known = form.lanes.known
        lows = []
        for k in range(count):
            low = Signal(known, name=f"low_{name}_{k}")
            m.d.sync += low.eq(low_bits(source.word_select(k, operand.bits), operand, known))
            lows.append(low)
        m.d.comb += pack.i.eq(source)
        m.d.sync += port.eq(pack.o)
        return port, lows

    def _lanes(self, m, place, sample, weight):
        """Return the field and the carry of every lane, two cycles after the ports."""
        m.submodules[f"decode_{place}"] = decode = Decode(self.form.lanes)
        product = Signal(signed(self.form.lanes.bits), name=f"product_{place}")
        lows = Signal(len(decode.lows), name=f"lows_{place}")
        m.d.sync += [
            product.eq(sample[0] * weight[0]),
            lows.eq(low_sums(self.form, sample[1], weight[1])),
        ]
        m.d.comb += [decode.product.eq(product), decode.lows.eq(lows)]
        pairs, start = [], 0
        for lane, width in enumerate(decode.widths):
            field = Signal(signed(width), name=f"field_{place}_{lane}")
            carry = Signal(name=f"carry_{place}_{lane}")
            m.d.sync += [
                field.eq(decode.fields[start : start + width]),
                carry.eq(decode.carries[lane] if lane else Const(0, 1)),
            ]
            pairs.append((field, carry))
            start += width
        return pairs
