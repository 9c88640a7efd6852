"""Several small products, or sums of them, from one wide multiplier."""

from itertools import product

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.packing.decode import Decode
from rtl_templates.packing.pack import Pack

__all__ = ["PackedProducts", "low_bits", "low_sums"]


class PackedProducts(wiring.Component):
    """The lanes of ``(a_0, a_1, ...) x (w_0, w_1, ...)``: a matrix, or a convolution.

    Latency: 2 cycles, one for the packed operands and one for the wide product; throughput: one
    of each per cycle.  Infers one multiplier of ``port_bits``.

    Parameters
    ----------
    form : Form

    Members
    -------
    a, w : ``In``
        The operands, the first in the low bits.
    fields, carries : ``Out``
        See :class:`rtl_templates.packing.decode.Decode`.
    """

    LATENCY = 2

    def __init__(self, form):
        self.form = form
        self.packs = [
            Pack(operand, count, stride)
            for operand, count, stride in zip(
                (form.a, form.w), form.counts, form.strides, strict=True
            )
        ]
        self.decode = Decode(form.lanes)
        super().__init__(
            {
                "a": In(form.counts[0] * form.a.bits),
                "w": In(form.counts[1] * form.w.bits),
                "fields": Out(sum(self.decode.widths)),
                "carries": Out(len(form.lanes.ranges)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        ports = []
        for name, pack, source in zip("aw", self.packs, (self.a, self.w), strict=True):
            m.submodules[f"pack_{name}"] = pack
            m.d.comb += pack.i.eq(source)
            port = Signal.like(pack.o, name=f"port_{name}")
            m.d.sync += port.eq(pack.o)
            ports.append(port)
        wide = Signal(signed(self.form.lanes.bits))
        m.submodules.decode = decode = self.decode
        lows = Signal(len(decode.lows))
        m.d.sync += [wide.eq(ports[0] * ports[1]), lows.eq(self._lows(m))]
        m.d.comb += [
            decode.product.eq(wide),
            decode.lows.eq(lows),
            self.fields.eq(decode.fields),
            self.carries.eq(decode.carries),
        ]
        return m

    def _lows(self, m):
        """Return the low bits of lane 1, 2, ..., one cycle after the operands."""
        form, known, low = self.form, self.form.lanes.known, []
        for source, operand, count in zip(
            (self.a, self.w), (form.a, form.w), form.counts, strict=True
        ):
            numbers = [
                low_bits(source.word_select(k, operand.bits), operand, known) for k in range(count)
            ]
            kept = Signal(known * count)
            m.d.sync += kept.eq(Cat(numbers))
            low.append([kept.word_select(k, known) for k in range(count)])
        return low_sums(form, *low)


def low_bits(code, operand, count):
    """Return the ``count`` low bits of an operand, in two's complement."""
    sign = code[-1] if operand.is_signed else 0
    return Cat(code, *[sign] * max(0, count - operand.bits))[:count]


def low_sums(form, a, w):
    """Return the known low bits of lane 1, 2, ... from those of the operands, side by side.

    In gates: a family may make a multiplier of ``*``.
    """
    known = form.lanes.known
    sums = [Const(0, known) for _ in form.lanes.ranges]
    for i, j in product(range(form.counts[0]), range(form.counts[1])):
        lane = form.lane(i, j)
        overlap = form.lanes.overlap(lane - 1) if lane else 0
        for bit in range(overlap):
            row = (a[i][: overlap - bit] & w[j][bit].replicate(overlap - bit)) << bit
            sums[lane] = (sums[lane] + row)[:overlap]
    return Cat(Cat(total, Const(0, known))[:known] for total in sums[1:])
