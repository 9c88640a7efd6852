"""Dot products of several positions with the same rows of weights, packed."""

from amaranth.hdl import Cat, Const, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.lut_dots import LutDots
from rtl_templates.arith.tree import carry_tree, tree_depth
from rtl_templates.packing.decode import Decode, lane_widths
from rtl_templates.packing.forms import packed_blocks
from rtl_templates.packing.pack import Pack
from rtl_templates.streams.delay import delay

__all__ = ["PositionSums"]


class PositionSums(wiring.Component):
    """``o[k][p] + carry[k][p] = sum(x[e][p] * w[k][e])``, every cycle.

    The activations of ``form.counts[0]`` positions and the weights of ``form.counts[1]``
    neighbouring rows share a multiplier: all products of the two groups.  Adders take the borrows
    of the lanes as carries; the one that is left goes to whoever accumulates the sum.

    Latency: ``3 + tree_depth(terms)`` cycles: packed operands, and two registers of the product,
    which are those of a multiplier of the device.  Throughput: one result per cycle; no flow
    control.  Infers ``terms`` multipliers of ``form.port_bits`` per block of
    :func:`rtl_templates.packing.forms.packed_blocks`.

    Parameters
    ----------
    form : Form
        Positions by weights; no low bits known.
    rows : int
        Results of a position.
    terms : int
        Products of each.
    w_bits : int
        Width of a digit: see :func:`rtl_templates.packing.pack.digits`.

    Members
    -------
    x : ``In(terms * positions * form.a.bits)``
        The first position of the first term in the low bits.
    w : ``In(rows * terms * w_bits)``
        Digits of the weights, the term fastest.
    o : ``Out``
        Signed sums, row by row, of each row position by position in ``widths[p]`` bits.
    carry : ``Out(rows * positions)``

    Attributes
    ----------
    widths : tuple of int
    """

    STAGES = 3
    """Registers besides the adder tree."""

    def __init__(self, form, rows, terms, w_bits):
        self.form = form
        self.rows = rows
        self.terms = terms
        self.w_bits = w_bits
        self.positions = form.counts[0]
        self.latency = self.STAGES + tree_depth(terms)
        self.blocks, self.in_tables = packed_blocks(rows, form.counts[1])
        lanes = [*lane_widths(form.lanes)]
        if self.in_tables:
            lanes.append(form.a.bits + w_bits)
        self.widths = (max(lanes) + (terms - 1).bit_length(),) * self.positions
        super().__init__(
            {
                "x": In(terms * self.positions * form.a.bits),
                "w": In(rows * terms * w_bits),
                "o": Out(rows * sum(self.widths)),
                "carry": Out(rows * self.positions),
            }
        )

    def elaborate(self, platform):
        m = Module()
        ports = [self._positions(m, term) for term in range(self.terms)]
        pairs, row = [], 0
        for count in self.blocks:
            pairs += self._block(m, count, row, ports)
            row += count
        if self.in_tables:
            pairs += self._tables(m, row)
        sums = []
        for place, (total, _) in enumerate(pairs):
            wide = Signal(signed(self.widths[0]), name=f"total_{place}")
            m.d.comb += wide.eq(total)
            sums.append(wide)
        m.d.comb += [self.o.eq(Cat(sums)), self.carry.eq(Cat(carry for _, carry in pairs))]
        return m

    def _numbers(self, term):
        bits = self.form.a.bits
        return self.x.word_select(term, self.positions * bits)

    def _positions(self, m, term):
        """Return the port of a term's activations, one cycle later."""
        pack = Pack(self.form.a, self.positions, self.form.strides[0])
        m.submodules[f"pack_{term}"] = pack
        port = Signal(pack.o.shape(), name=f"port_{term}")
        m.d.comb += pack.i.eq(self._numbers(term))
        m.d.sync += port.eq(pack.o)
        return port

    def _weights(self, m, count, row, term):
        """Return the port of a block's weights, one cycle later; those that it lacks are 0."""
        digits = []
        for k in range(count):
            digit = Signal(signed(self.form.strides[1]), name=f"digit_{row + k}_{term}")
            place = (row + k) * self.terms + term
            m.d.comb += digit.eq(self.w.word_select(place, self.w_bits).as_signed())
            digits.append(digit)
        port = Signal(signed(self.form.port_bits[1]), name=f"weights_{row}_{term}")
        m.d.sync += port.eq(Cat(digits).as_signed())
        return port

    def _block(self, m, count, row, ports):
        """Return sums and carries of rows that share multipliers, row by row."""
        form = self.form
        lanes = {(k, p): [] for k in range(count) for p in range(self.positions)}
        for term, port in enumerate(ports):
            decode = Decode(form.lanes)
            m.submodules[f"decode_{row}_{term}"] = decode
            product = Signal(signed(form.lanes.bits), name=f"product_{row}_{term}")
            later = Signal.like(product, name=f"later_{row}_{term}")
            m.d.sync += [
                product.eq(port * self._weights(m, count, row, term)),
                later.eq(product),
            ]
            m.d.comb += decode.product.eq(later)
            for k, p in lanes:
                lane = form.lane(p, k)
                field = getattr(decode, f"field_{lane}").as_signed()
                lanes[k, p].append((field, decode.carries[lane] if lane else Const(0, 1)))
        return [carry_tree(m, level, f"{row + k}_{p}") for (k, p), level in lanes.items()]

    def _tables(self, m, row):
        """Return the sums of the last row, which lookup tables multiply, as late as the others."""
        a = self.form.a
        pairs = []
        for p in range(self.positions):
            shape = (signed if a.is_signed else unsigned)(a.bits)
            dots = LutDots(1, self.terms, shape, self.w_bits)
            m.submodules[f"dots_{p}"] = dots
            numbers = (self._numbers(term).word_select(p, a.bits) for term in range(self.terms))
            m.d.comb += [
                dots.x.eq(Cat(numbers)),
                dots.w.eq(self.w.word_select(row, self.terms * self.w_bits)),
            ]
            late = delay(m, dots.o, self.latency - dots.latency, f"late_{p}")
            pairs.append((late.as_signed(), Const(0, 1)))
        return pairs
