"""From the sums of a row to its reciprocal root mean square."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField

__all__ = ["ReciprocalRoot"]


class ReciprocalRoot(wiring.Component):
    """``spread = n * squares - total**2 + epsilon`` and ``r = floor(1 / root)``, bit by bit.

    ``r`` is the integer part of the root of ``(2**52 - 1) / w``, with ``w`` the upper 20 bits of
    ``spread`` moved by an even number of places; 2**17 - 1 for 0.  Out come the products
    ``r * n`` and ``r * total``, so that ``r * (n * x - total) = x * scale - offset``, and ``half``,
    half the bits of ``spread``.  No multiplier: the products and the root take a bit per cycle
    (digit recurrence: Ercegovac and Lang, "Division and Square Root: Digit-Recurrence Algorithms
    and Implementations", Kluwer 1994).

    Latency: results are there ``ReciprocalRoot.CYCLES`` cycles after ``start``, with ``done``, in
    that cycle only.  Initiation interval: as many.

    Parameters
    ----------
    counts : sequence of int
        ``n`` by task, at least 1.
    centered : sequence of bool
        By task: whether ``total`` is subtracted; else it counts as 0.
    epsilons : sequence of int
        By task, at least 0.
    total_bits : int
        Width of the signed sum of a row.
    square_bits : int
        Width of the unsigned sum of its squares.
    spread_bits : int
        Width of the unsigned ``n * squares + epsilon``: even, 20 to 62.

    Members
    -------
    task : ``In``
    start : ``In(1)``
        ``total`` and ``squares`` are there.
    total, squares : ``In``
    done : ``Out(1)``
    scale, offset, half : ``Out``
    """

    PRODUCT = 31
    """Bits of ``n`` and of ``total``: both are below the root of 2**62."""
    ALIGN = (32, 16, 8, 4, 2)
    ROOT = 17
    MANTISSA = 20
    CYCLES = 2 + PRODUCT + len(ALIGN) + ROOT

    def __init__(self, counts, centered, epsilons, *, total_bits, square_bits, spread_bits=62):
        self.counts = tuple(counts)
        self.centered = tuple(centered)
        self.epsilons = tuple(epsilons)
        if spread_bits % 2 or not self.MANTISSA <= spread_bits <= 2 * self.PRODUCT:
            raise ValueError(f"Spread must have an even width in [20, 62], not {spread_bits}")
        self.spread_bits = spread_bits
        count_bits = max(self.counts).bit_length()
        super().__init__(
            {
                "task": In(range(max(2, len(self.counts)))),
                "start": In(1),
                "total": In(signed(total_bits)),
                "squares": In(square_bits),
                "done": Out(1),
                "scale": Out(self.ROOT + count_bits),
                "offset": Out(signed(self.ROOT + total_bits)),
                "half": Out(range(spread_bits // 2 + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        field = TaskField(m, self.task)
        count = field(self.counts, "count")
        centered = field(self.centered, "centered")
        epsilon = field(self.epsilons, "epsilon")
        time = Signal(range(self.CYCLES))
        ends = [self.PRODUCT, 1, len(self.ALIGN), self.ROOT]
        ends = [sum(ends[: k + 1]) for k in range(len(ends))]
        with m.If(time != 0):
            m.d.sync += time.eq(Mux(time == self.CYCLES - 1, 0, time + 1))
        m.d.sync += self.done.eq(time == self.CYCLES - 1)

        total = Signal(signed(len(self.total)))
        squares = Signal(len(self.squares))
        spread = Signal(signed(self.spread_bits + 2))
        bits_of_count = Signal(self.PRODUCT)
        bits_of_total = Signal(self.PRODUCT)
        magnitude = Signal(len(self.total))
        m.d.comb += magnitude.eq(Mux(total[-1], -total, total))

        with m.If(self.start):
            used = Mux(centered, self.total, 0)
            m.d.sync += [
                total.eq(used),
                squares.eq(self.squares),
                spread.eq(0),
                bits_of_count.eq(count),
                bits_of_total.eq(Mux(used < 0, -used, used)),
                time.eq(1),
            ]
        with m.Elif(time <= ends[0]):
            minuend = Mux(bits_of_count[-1], squares, 0)
            subtrahend = Mux(bits_of_total[-1], magnitude, 0)
            m.d.sync += [
                spread.eq((spread << 1) + minuend - subtrahend),
                bits_of_count.eq(bits_of_count << 1),
                bits_of_total.eq(bits_of_total << 1),
            ]
        with m.Elif(time <= ends[1]):
            m.d.sync += [spread.eq(spread + epsilon), self.half.eq(self.spread_bits // 2)]
        with m.Elif(time <= ends[2]):
            self._align(m, time, ends[1], spread)
            m.d.sync += [self.scale.eq(0), self.offset.eq(0)]
        self._root(m, time > ends[2], time == ends[2], spread, count, total)
        return m

    def _align(self, m, time, before, spread):
        """Move the leading two bits of ``spread`` to the top, by even numbers of places."""
        for k, places in enumerate(self.ALIGN):
            if places >= self.spread_bits:
                continue
            top = spread[self.spread_bits - places : self.spread_bits]
            with m.If((time == before + 1 + k) & (top == 0)):
                m.d.sync += [spread.eq(spread << places), self.half.eq(self.half - places // 2)]

    def _root(self, m, runs, begins, spread, count, total):
        """Find the root's bits from the top: each is one if the square times ``w`` still fits."""
        mantissa = spread[self.spread_bits - self.MANTISSA : self.spread_bits]
        product = Signal(self.MANTISSA + self.ROOT)  # w times the bits so far
        # (2**52 - 1) without what is still to come, minus w times the square so far.
        rest = Signal(self.MANTISSA + self.ROOT + 2)
        following = Signal(signed(len(rest) + 3))
        bit = Signal()
        m.d.comb += [
            following.eq(((rest - product) << 2) + 3 - mantissa),
            bit.eq(following >= 0),
        ]
        with m.If(begins):
            m.d.sync += [product.eq(0), rest.eq((1 << (self.MANTISSA - 2)) - 1)]
        with m.If(runs):
            m.d.sync += [
                rest.eq(Mux(bit, following, (rest << 2) + 3)),
                product.eq((product << 1) + Mux(bit, mantissa, 0)),
                self.scale.eq((self.scale << 1) + Mux(bit, count, 0)),
                self.offset.eq((self.offset << 1) + Mux(bit, total, 0)),
            ]
