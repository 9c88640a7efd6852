"""Stages of a streaming Hadamard transform: rows as frames of beats, additions alone."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField

__all__ = ["ButterflyStage", "OrderStage", "paley_signs", "split_order"]

ORDERS = (1, 12, 20)


def split_order(features):
    """Return ``order, k`` with ``features = order * 2**k``: which transform a row has.

    Raises
    ------
    ValueError
        If there is none.
    """
    for order in ORDERS:
        power, rest = divmod(features, order)
        if features > 1 and not rest and power & (power - 1) == 0:
            return order, power.bit_length() - 1
    raise ValueError(f"Rows must have 2**k, 12 * 2**k or 20 * 2**k elements, not {features}")


def paley_signs(order):
    """Return, for each input of a Paley matrix, the results that subtract it: bit ``j`` is ``j``.

    The matrix is ``I + S`` of Paley's first construction (1933), of the prime ``order - 1``.
    """
    prime = order - 1
    squares = {k * k % prime for k in range(1, prime)}
    columns = [0]
    for i in range(prime):
        others = [j for j in range(prime) if j != i and (i - j) % prime not in squares]
        columns.append(1 | sum(1 << (j + 1) for j in others))
    return columns


class ButterflyStage(wiring.Component):
    """Sums and differences of beats that are ``stride`` beats apart, in frames of two strides.

    First the sums of a frame leave, as its second half enters; then its differences, as the next
    frame enters or nothing does (single-path delay feedback: Wold and Despain, IEEE Transactions
    on Computers, 1984).

    Latency: 2 cycles from the beat that completes a sum.  Throughput: a beat per cycle; a frame's
    beats enter in successive cycles and leave so.  No back-pressure.  Infers two adders per lane,
    one memory of ``stride`` words of ``lanes * (bits + 1)`` (a register for one); both adders
    work in the second half of a frame: half of the time.

    Parameters
    ----------
    lanes, bits : int
        Elements of a beat, and bits of a signed one.
    stride : int
        A power of two.

    Members
    -------
    valid : ``In(1)``
    i : ``In(lanes * bits)``
    o_valid : ``Out(1)``
    o : ``Out(lanes * (bits + 1))``
    """

    def __init__(self, lanes, bits, stride):
        self.lanes, self.bits, self.stride = lanes, bits, stride
        super().__init__(
            {
                "valid": In(1),
                "i": In(lanes * bits),
                "o_valid": Out(1),
                "o": Out(lanes * (bits + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stride, wide = self.stride, self.bits + 1
        place = Signal(range(2 * stride))
        left = Signal(range(stride + 1))  # differences that are still to leave
        with m.If(self.valid):
            m.d.sync += place.eq(place + 1)
        with m.If(self.valid & (place == 2 * stride - 1)):
            m.d.sync += left.eq(stride)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)

        spot = Signal(range(max(2, stride)))
        enters, second, leaves = Signal(), Signal(), Signal()
        later = Signal.like(self.i)
        m.d.sync += [
            enters.eq(self.valid),
            second.eq(place[-1]),
            leaves.eq(left != 0),
            later.eq(self.i),
            spot.eq(place & (stride - 1)),
        ]
        word = Signal(self.lanes * wide)
        kept = _kept(
            m,
            stride,
            read=Mux(left != 0, stride - left, place & (stride - 1)),
            write=(enters, spot, word),
        )
        sums, words = [], []
        for k in range(self.lanes):
            x = later.word_select(k, self.bits).as_signed()
            other = kept.word_select(k, wide).as_signed()
            sums.append((other + Mux(second & enters, x, 0))[:wide])
            words.append((Mux(second, other, 0) + Mux(second, -x, x))[:wide])
        m.d.comb += word.eq(Cat(words))
        m.d.sync += [self.o.eq(Cat(sums)), self.o_valid.eq((enters & second) | leaves)]
        return m


class OrderStage(wiring.Component):
    """A transform of order 12 or 20 across a frame of as many runs of ``stride`` beats.

    Result ``j`` of each place is the sum of all ``order`` inputs, each added or subtracted; all
    results add up as the frame enters.  The first run of results leaves as the last run of inputs
    enters, the others after it, as the next frame enters or nothing does.

    Latency: 2 cycles from the beat that completes a result.  Throughput: as
    :class:`ButterflyStage`.  Infers ``order`` adders per lane, all of them busy with every beat,
    and two memories of a stride of words: ``order`` sums per lane, and ``order - 1`` results.

    Parameters
    ----------
    order : int
        12 or 20.
    lanes, bits, out_bits : int
        Elements of a beat, bits of a signed element and of a signed result.
    strides : sequence of int
        By task.

    Members
    -------
    task : ``In``
    valid, i, o_valid : see :class:`ButterflyStage`.
    o : ``Out(lanes * out_bits)``
    """

    def __init__(self, order, lanes, bits, out_bits, strides):
        self.order, self.lanes = order, lanes
        self.bits, self.out_bits = bits, out_bits
        self.strides = tuple(strides)
        super().__init__(
            {
                "task": In(range(max(2, len(self.strides)))),
                "valid": In(1),
                "i": In(lanes * bits),
                "o_valid": Out(1),
                "o": Out(lanes * out_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        order, wide, depth = self.order, self.out_bits, max(self.strides)
        most = TaskField(m, self.task)([stride - 1 for stride in self.strides], "most")
        run, spot = Signal(range(order)), Signal(range(max(2, depth)))
        turn, place = Signal(range(order)), Signal(range(max(2, depth)))
        with m.If(self.valid):
            m.d.sync += spot.eq(Mux(spot == most, 0, spot + 1))
            with m.If(spot == most):
                m.d.sync += run.eq(Mux(run == order - 1, 0, run + 1))
        with m.If(self.valid & (run == order - 1) & (spot == most)):
            m.d.sync += [turn.eq(1), place.eq(0)]
        with m.Elif(turn != 0):
            m.d.sync += place.eq(Mux(place == most, 0, place + 1))
            with m.If(place == most):
                m.d.sync += turn.eq(Mux(turn == order - 1, 0, turn + 1))

        enters, first, final = Signal(), Signal(), Signal()
        later, here = Signal.like(self.i), Signal.like(spot)
        leaving, negative = Signal.like(turn), Signal(order)
        masks = Array(Const(mask, order) for mask in paley_signs(order))
        m.d.sync += [
            enters.eq(self.valid),
            first.eq(run == 0),
            final.eq(run == order - 1),
            later.eq(self.i),
            here.eq(spot),
            leaving.eq(turn),
            negative.eq(masks[run]),
        ]
        forward = min(self.strides) == 1
        sums, others = Signal(self.lanes * order * wide), Signal(self.lanes * (order - 1) * wide)
        before = _kept(m, depth, read=spot, write=(enters, here, sums), forward=forward)
        held = _kept(m, depth, read=place, write=(enters & final, here, others), forward=forward)
        words, rest, results = [], [], []
        for k in range(self.lanes):
            x = later.word_select(k, self.bits).as_signed()
            parts = []
            for j in range(order):
                part = Signal(signed(wide), name=f"part_{k}_{j}")
                old = before.word_select(k * order + j, wide).as_signed()
                m.d.comb += part.eq(Mux(first, 0, old) + Mux(negative[j], -x, x))
                parts.append(part)
            words += parts
            rest += parts[1:]
            runs = [held.word_select(k * (order - 1) + j, wide) for j in range(order - 1)]
            results.append(Mux(enters & final, parts[0], Array([runs[0], *runs])[leaving]))
        m.d.comb += [sums.eq(Cat(words)), others.eq(Cat(rest))]
        m.d.sync += [
            self.o.eq(Cat(result[:wide] for result in results)),
            self.o_valid.eq((enters & final) | (leaving != 0)),
        ]
        return m


def _kept(m, depth, *, read, write, forward=False):
    """Return the word at address ``read`` of the cycle before, of a memory of ``depth`` words.

    Parameters
    ----------
    write : tuple of Value
        Enable, address, word.
    forward : bool
        Whether a word that is written as it is read is the one that is read.
    """
    enable, address, word = write
    if depth == 1:
        kept = Signal(len(word))
        with m.If(enable):
            m.d.sync += kept.eq(word)
        return kept
    memory = Memory(shape=len(word), depth=depth, init=[])
    m.submodules += memory
    writer = memory.write_port()
    reader = memory.read_port(transparent_for=(writer,) if forward else ())
    m.d.comb += [
        writer.en.eq(enable),
        writer.addr.eq(address),
        writer.data.eq(word),
        reader.en.eq(1),
        reader.addr.eq(read),
    ]
    return reader.data
