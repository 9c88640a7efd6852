"""One multiplier of the array: the products of two tokens by two outputs."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.mac_array.multiplier import Multiplier
from rtl_templates.packing.decode import Decode
from rtl_templates.packing.lanes import Range
from rtl_templates.packing.pack import digits

__all__ = ["Tile", "digit_bits", "packed_digits", "sum_bits"]


def digit_bits(operand, count):
    """Return the widths of the digits of ``count`` numbers; all but the first may borrow."""
    return [(Range(operand.low - 1, operand.high) if k else operand).bits for k in range(count)]


def packed_digits(operand, stride, numbers):
    """Return the digits of some numbers side by side, the first in the low bits.

    Examples
    --------
    >>> hex(packed_digits(Range(-7, 7), 14, [-3, 5]))  # 5 less the borrow
    '0x4d'
    """
    word, place = 0, 0
    widths = digit_bits(operand, len(numbers))
    for digit, width in zip(digits(numbers, stride), widths, strict=True):
        word |= (int(digit) & ((1 << width) - 1)) << place
        place += width
    return word


def sum_bits(form, terms):
    """Return the width of a signed sum of ``terms`` products."""
    total = (form.a * form.w).times(terms)
    return total.bits + (not total.is_signed)


class Tile(wiring.Component):
    """``sums_o[w][a] = sums[w][a] + a * w`` for all activations and weights of a form.

    Activations move to the right and sums down, a register each; weights stay.  The next weights
    come from the left while the present ones are in use: of a train of weights without gaps a
    tile keeps the last one and hands on those before.

    Latency: 1 cycle from ``a`` to ``a_o``, 2 from ``w`` to ``w_o``, and :attr:`LATENCY` from ``a``
    to ``sums_o``; ``sums`` come a cycle before.  Throughput: all products of the form in every
    cycle, also while weights are loaded.  No flow control.  Infers one multiplier, and an adder
    per product whose carry-in is the carry of the packing.

    Parameters
    ----------
    form : Form
        A matrix form without overlap.
    row : int
        Tiles above this one, whose products are in ``sums``.
    multiplier : type
        :class:`Multiplier` or a family's.

    Members
    -------
    a, a_o : ``In``, ``Out``
        :func:`packed_digits` of the activations.
    swap, swap_o : ``In(1)``, ``Out(1)``
        From this ``a`` on the weights that were loaded are in use.
    w, w_o : ``In``, ``Out``
        :func:`packed_digits` of the weights.
    load, load_o : ``In(1)``, ``Out(1)``
        ``w`` is an item of a train.  The last one comes before ``swap``, the first one of the
        next train with ``swap`` or after it.
    sums, sums_o : ``In``, ``Out``
        Sums of ``row`` and of ``row + 1`` products, lane by lane as in the form.

    Attributes
    ----------
    kept : Signal
        The next weights: a proof looks at them.
    """

    LATENCY = 1 + Multiplier.LATENCY + 2
    """Operands, those of the multiplier, product, product half of the way to the adders, sums."""

    def __init__(self, form, row, multiplier=Multiplier):
        if any(form.lanes.overlap(lane) for lane in range(len(form.lanes.ranges))):
            raise ValueError("A tile needs a form whose lanes do not overlap")
        self.form = form
        self.row = row
        self.multiplier = multiplier(*form.port_bits)
        self.decode = Decode(form.lanes)
        self._ports(sum(digit_bits(form.a, form.counts[0])))

    def _ports(self, a_bits):
        """Declare the members; activations have so many bits."""
        form, row = self.form, self.row
        w_bits = sum(digit_bits(form.w, form.counts[1]))
        super().__init__(
            {
                "a": In(a_bits),
                "a_o": Out(a_bits),
                "swap": In(1),
                "swap_o": Out(1),
                "w": In(w_bits),
                "w_o": Out(w_bits),
                "load": In(1),
                "load_o": Out(1),
                "sums": In(form.products * sum_bits(form, row) if row else 0),
                "sums_o": Out(form.products * sum_bits(form, row + 1)),
            }
        )
        self.kept = Signal.like(self.w, name="kept", reset_less=True)

    def elaborate(self, platform):
        m = Module()

        # What is kept moves on when another item comes: that one was not the last.  Weights in
        # use are not held in the multiplier: hard ones that are neighbours share few enables.
        kept, used = self.kept, Signal.like(self.w, name="used", reset_less=True)
        holds = Signal()
        m.d.sync += [holds.eq(self.load), self.load_o.eq(self.load & holds)]
        a, w = self._register(m, self.a, "a"), self._register(m, kept, "w")
        m.d.comb += [self.a_o.eq(a), self.w_o.eq(w)]
        with m.If(self.load):
            m.d.sync += kept.eq(self.w)
        with m.If(self.swap):
            m.d.sync += used.eq(kept)
        m.d.sync += self.swap_o.eq(self.swap)

        fields, carries = self._products(m, a, used)
        self._add(m, fields, carries)
        return m

    def _products(self, m, a, used):
        """Return the fields of the lanes and their carries: see :class:`Decode`."""
        form = self.form
        m.submodules.multiplier = multiplier = self.multiplier
        m.submodules.decode = decode = self.decode
        m.d.comb += [
            multiplier.a.eq(_port(a, form.a, form.counts[0], form.strides[0])),
            multiplier.b.eq(_port(used, form.w, form.counts[1], form.strides[1])),
            decode.product.eq(self._register(m, multiplier.p, "product")),
        ]
        fields, place = [], 0
        for width in decode.widths:
            fields.append(decode.fields[place : place + width])
            place += width
        return fields, decode.carries

    @staticmethod
    def _register(m, value, name):
        """Return a value a cycle later; it needs no reset."""
        later = Signal.like(value, name=name, reset_less=True)
        m.d.sync += later.eq(value)
        return later

    def _add(self, m, fields, carries):
        """Add each lane to its sum, the carry below the lowest bit of the adder."""
        before, after = sum_bits(self.form, self.row), sum_bits(self.form, self.row + 1)
        sums = []
        for lane, field in enumerate(fields):
            total = Signal(signed(after), name=f"sum_{lane}", reset_less=True)
            carry = carries[lane]
            above = self.sums.word_select(lane, before) if self.row else Signal(1)
            added = Cat(carry, above).as_signed() + Cat(carry, field).as_signed()
            m.d.sync += total.eq(added[1:])
            sums.append(total)
        m.d.comb += self.sums_o.eq(Cat(sums))


def _port(code, operand, count, stride):
    """Return the wide operand that digits stand for: the sign of each reaches to the next one."""
    parts, place = [], 0
    for width in digit_bits(operand, count):
        digit = code[place : place + width]
        parts += [digit, digit[-1].replicate(stride - width)]
        place += width
    return Cat(parts).as_signed()
