"""The datapath that multiplies by weights, from read positions to requantised beats."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.dot_product import DotProduct
from rtl_templates.arith.lut_dots import LutDots
from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.arith.tree import add_with_carry, tree_depth
from rtl_templates.memory.mover import Mover
from rtl_templates.memory.select import TaskField, shape_for
from rtl_templates.memory.walk import Walk
from rtl_templates.packing.forms import Form
from rtl_templates.packing.lanes import Range
from rtl_templates.packing.packed_dots import PackedDots
from rtl_templates.streams.delay import delay

__all__ = ["MacCore", "MacShape", "MacTask"]

GROUP, BLOCK = 2, 3
"""Levels of a walk that count convolution groups (``groups`` at once) and blocks of outputs."""


@dataclass(frozen=True)
class MacTask:
    """One op on the core.

    Parameters
    ----------
    walk
        Levels: rows, columns, convolution groups, blocks of outputs; then the group: segment
        rows, segment columns, words of a segment.
    signed
        Whether the activations are signed codes.
    pad
        Code read outside the tensor.
    scale
        Requantisation after the per-channel multiplication.
    weights
        First word in the weight memory; the walk reads one word a step, from the start again
        at each position (each row of them, if ``walk.own_columns``); ``walk.word`` where walks
        skip padding.
    channels
        First word in the channel memory, and how many: one word per beat of a position.
    beats, last_beats
        Beats of a group of steps; of the last block's, or of the last one if several convolution
        groups are worked on at once.
    side
        Convolution groups at once.
    """

    walk: Walk
    signed: bool
    pad: int
    scale: Scale
    weights: int
    channels: tuple[int, int]
    beats: int
    last_beats: int
    side: int = 1


@dataclass(frozen=True)
class MacShape:
    """Size and widths of the core.

    ``groups`` (G) convolution groups side by side; of each, ``rows`` (T) reads of ``elements``
    (P) activations at once, rows apart by ``row_pitch`` elements, and ``outputs`` (PO) results;
    ``lanes`` (L) results per beat.  Widths in bits.  ``flat``: elements run on into the next kernel
    row, where a second read lies ``row_pitch`` further.  ``form``: how the weights of neighbouring
    outputs of a group share a multiplier, if they do; the memory then holds their digits.
    ``lut``: range of the activations, if lookup tables multiply them.
    """

    rows: int
    row_pitch: int
    elements: int
    outputs: int
    lanes: int
    x_bits: int
    x_signed: bool
    weight_bits: int
    acc_bits: int
    multiplier_bits: int
    out_bits: int
    groups: int = 1
    flat: bool = False
    form: Form | None = None
    lut: Range | None = None

    @property
    def reads(self):
        """Contiguous elements of a read."""
        return self.groups * self.elements

    @property
    def results(self):
        """Results of a group of steps."""
        return self.groups * self.outputs

    @property
    def ports(self):
        """Reads at once: of kernel rows, or of a segment and the next one."""
        return 2 if self.flat else self.rows

    @property
    def span(self):
        """Elements from the first read to the last one."""
        return (self.ports - 1) * self.row_pitch


class MacCore(wiring.Component):
    """``groups * outputs`` dot products of ``rows * elements`` terms a cycle, accumulated.

    Latency: ``MacCore.latency(rows * elements)`` cycles from the last step of a group to its
    first beat; beats follow one a cycle.  Throughput: one step per cycle; groups back to back,
    each at least as long as its beats.  No back-pressure: the permission to start a group
    (``mover.go``) is the only flow control.  Utilisation bound: useful terms over
    ``groups * rows * elements * outputs * steps``; the last word of a segment, the last block and
    the last groups may be partly zero weights.  Infers ``groups * rows * elements * outputs``
    multipliers ``x_bits`` by ``weight_bits`` (of packed weights: see :class:`PackedDots`), and
    ``lanes`` of ``acc_bits`` by ``multiplier_bits``.

    Parameters
    ----------
    shape : MacShape
    tasks : sequence of MacTask
    weights : sequence of int
        Words of the weight memory: ``groups`` x ``outputs`` x ``rows`` x ``elements`` codes, the
        element fastest, the first in the low bits.
    channels : sequence of int
        Words of the channel memory: ``lanes`` x (bias ``acc_bits``, multiplier
        ``multiplier_bits``), the bias in the low bits of each lane.
    sequential : bool
        See :class:`Mover`.

    Members
    -------
    task, start, go, step, wants, need, release, row_done, done : see :class:`Mover`.
    address : ``Out(signed).array(rows)``
        First element of each read, relative to the tensor.
    data : ``In(groups * elements * x_bits).array(rows)``
        One cycle later.
    missing : ``In``
        Elements before this one read as padding: see :class:`Missing`.
    beats : ``Out``
        Beats of the group that would start in this cycle.
    beat_valid : ``Out(1)``
    beat : ``Out(lanes * out_bits)``
    """

    STAGES = 7
    """Registers besides the adder tree: read, operand, product, accumulate, bias, scale, clamp."""

    @classmethod
    def latency(cls, terms):
        """Return the cycles from the last step of a group to its first beat."""
        return cls.STAGES + tree_depth(terms)

    def __init__(self, shape, tasks, weights, channels, *, sequential=False):
        self.shape = shape
        self.tasks = tuple(tasks)
        self.weights = list(weights)
        self.channels = list(channels)
        self.mover = Mover([task.walk for task in self.tasks], sequential=sequential)
        low = min(task.walk.x_range()[0] + task.walk.y_range()[0] for task in self.tasks)
        high = max(
            task.walk.x_range()[1] + task.walk.y_range()[1] + shape.span for task in self.tasks
        )
        self.address_range = (
            low,
            max(high, *(task.walk.elements if task.walk.mirror else 0 for task in self.tasks)),
        )
        low, high = self.address_range
        mover = self.mover
        super().__init__(
            {
                "task": In(mover.task.shape()),
                "start": In(1),
                "go": In(1),
                "step": Out(1),
                "wants": Out(1),
                "need": Out(mover.need.shape()),
                "release": Out(mover.release.shape()),
                "row_done": Out(1),
                "done": Out(1),
                "address": Out(shape_for(min(low, -1), high)).array(shape.ports),
                "data": In(shape.reads * shape.x_bits).array(shape.ports),
                "missing": In(shape_for(0, max(task.walk.missing for task in self.tasks))),
                "beats": Out(range(self._most_beats() + 1)),
                "beat_valid": Out(1),
                "beat": Out(shape.lanes * shape.out_bits),
            }
        )

    def _most_beats(self):
        """Return the beats of the longest group."""
        return max(task.beats for task in self.tasks)

    def elaborate(self, platform):
        m = Module()
        field = self._move(m)
        mover = self.mover
        beats = field([task.beats for task in self.tasks], "beats_full")
        last_beats = field([task.last_beats for task in self.tasks], "beats_last")
        aside = field([task.side > 1 for task in self.tasks], "aside")
        is_last = Mux(aside, mover.ends[GROUP], mover.ends[BLOCK])
        m.d.comb += self.beats.eq(Mux(is_last, last_beats, beats))

        operands = self._operands(m, field)
        words = self._weight_words(m, field)
        dots = self._dots
        if self.shape.form is not None:
            dots = self._packed_dots
        elif self.shape.lut is not None:
            dots = self._lut_dots
        sums = dots(m, operands, words)
        # Flags: 1 cycle to the memory's data, 1 to the operands, then the dot product.
        flags = delay(
            m,
            Cat(mover.step, mover.step & mover.first, mover.step & mover.last, self.beats),
            2 + 1 + tree_depth(self.shape.rows * self.shape.elements),
            "flags",
        )
        self._drain(m, field, sums, flags)
        return m

    def _move(self, m):
        """Connect the mover; return the constants of the task at hand."""
        m.submodules.mover = mover = self.mover
        m.d.comb += [
            mover.task.eq(self.task),
            mover.start.eq(self.start),
            mover.go.eq(self.go),
            *(
                getattr(self, name).eq(getattr(mover, name))
                for name in ("step", "wants", "need", "release", "row_done", "done")
            ),
        ]
        return TaskField(m, self.task)

    def _operands(self, m, field):
        """Read ``rows`` runs of elements and replace what lies outside the tensor.

        Returns the terms of each convolution group's dot products.
        """
        shape, mover, tasks = self.shape, self.mover, self.tasks
        padded = any(task.walk.padded for task in tasks)
        # Rows lie whole before or behind what is missing.
        first = self.missing if any(task.walk.missing for task in tasks) else 0
        row = field([task.walk.row for task in tasks], "row")
        elements = field([task.walk.elements for task in tasks], "elements")
        pad = field([task.pad for task in tasks], "pad")
        is_signed = field([task.signed for task in tasks], "is_signed")
        reflects = field([task.walk.mirror > 0 for task in tasks], "reflects")
        code = signed if shape.x_signed else unsigned
        wide = shape.x_bits + (shape.x_signed and not all(task.signed for task in tasks))
        operands = [[] for _ in range(shape.groups)]
        for k in range(shape.rows):
            y = mover.y + k * shape.row_pitch
            m.d.comb += self.address[k].eq(y + mover.x)
            if any(task.walk.mirror for task in tasks):
                m.d.comb += self.address[k].eq(self._reflected(field))
            for e in range(shape.reads):
                raw = self.data[k].word_select(e, shape.x_bits)
                x = mover.x + e
                if shape.flat:
                    raw, y, x = self._bent(m, e, raw)
                value = raw.as_signed() if shape.x_signed else raw
                if shape.x_signed and wide > shape.x_bits:
                    value = Cat(raw, raw[-1] & is_signed).as_signed()
                if padded:
                    inside = Signal(name=f"inside_{k}_{e}")
                    within = (y >= first) & (y < elements) & (x >= 0) & (x < row)
                    m.d.sync += inside.eq(within | reflects)
                    value = Mux(inside, value, pad)
                operand = Signal(code(wide), name=f"operand_{k}_{e}")
                m.d.sync += operand.eq(value)
                operands[e // shape.elements].append(operand)
        return operands

    def _reflected(self, field):
        """Return the address of what a place outside of the tensor reflects; inside, its own.

        Rows are turned over at the first and the last one, columns one by one, as their elements
        keep their order.
        """
        mover, walks = self.mover, [task.walk for task in self.tasks]
        reflects = field([walk.mirror > 0 for walk in walks], "reflects_rows")
        last = field([walk.elements - walk.row for walk in walks], "last_row")
        inner = Mux(mover.y > last, 2 * last - mover.y, mover.y)
        y = Mux(reflects, Mux(mover.y < 0, -mover.y, inner), mover.y)
        # Two columns further for each by which a place lies outside; 0 for a task with padding.
        twice = field([2 * walk.mirror for walk in walks], "two_columns")
        x = mover.x
        left, right = map(max, zip(*(walk.mirrored_columns for walk in walks), strict=True))
        for k in range(left):
            edge = field([-k * walk.mirror for walk in walks], f"left_{k}")
            x = x + Mux(mover.x < edge, twice, 0)
        for k in range(right):
            edge = field([walk.row + k * walk.mirror for walk in walks], f"right_{k}")
            x = x - Mux(mover.x >= edge, twice, 0)
        return y + x

    def _bent(self, m, e, raw):
        """Return an element and its place: some words take it from the next segment."""
        mover, bend = self.mover, self.mover.bend
        if e == 0:
            m.d.comb += self.address[1].eq(mover.y + mover.x + self.shape.row_pitch)
        words = bend.beyond(mover.walks[0].levels[-1].count, e)
        if not words:
            return raw, mover.y, mover.x + e
        beyond, was = Signal(name=f"beyond_{e}"), Signal(name=f"was_beyond_{e}")
        with m.Switch(mover.word_index), m.Case(*words):
            m.d.comb += beyond.eq(1)
        m.d.sync += was.eq(beyond)  # when the data come
        return (
            Mux(was, self.data[1].word_select(e, self.shape.x_bits), raw),
            mover.y + Mux(beyond, bend.dy, 0),
            mover.x + e - Mux(beyond, bend.segment, 0),
        )

    def _weight_words(self, m, field):
        """Return the weights of a step, one cycle after the memory's data."""
        shape, mover = self.shape, self.mover
        bits = shape.results * shape.rows * shape.elements * shape.weight_bits
        word = Signal(bits)
        if len(self.weights) == 1:
            m.d.comb += word.eq(self.weights[0])
            return word
        m.submodules.weights = memory = Memory(
            shape=unsigned(bits), depth=len(self.weights), init=self.weights
        )
        reader = memory.read_port()
        if mover.skips:  # not read in turn
            m.d.comb += [reader.en.eq(1), reader.addr.eq(mover.word)]
            m.d.sync += word.eq(reader.data)
            return word
        base = field([task.weights for task in self.tasks], "weights_base")
        address = Signal(range(len(self.weights)))
        own = field([task.walk.own_columns for task in self.tasks], "own_columns")
        ends = mover.ends[2:].all()
        position_ends = ends & (mover.ends[1] | ~own)
        with m.If(mover.step):
            m.d.sync += address.eq(Mux(position_ends, base, address + 1))
        with m.If(self.start):
            m.d.sync += address.eq(base)
        m.d.comb += [reader.en.eq(1), reader.addr.eq(address)]
        m.d.sync += word.eq(reader.data)
        return word

    def _dots(self, m, operands, word):
        shape = self.shape
        terms = len(operands[0])
        sums = []
        for k in range(shape.results):
            dot = DotProduct(terms, operands[0][0].shape(), shape.weight_bits)
            m.submodules[f"dot_{k}"] = dot
            bits = terms * shape.weight_bits
            m.d.comb += dot.w.eq(word[k * bits : (k + 1) * bits])
            m.d.comb += dot.x.eq(Cat(operands[k // shape.outputs]))
            sums.append((dot.o, None))
        return sums

    def _lut_dots(self, m, operands, word):
        shape, x = self.shape, self.shape.lut
        terms = len(operands[0])
        code = (signed if x.is_signed else unsigned)(x.bits)
        sums = []
        for group, numbers in enumerate(operands):
            dots = LutDots(shape.outputs, terms, code, shape.weight_bits)
            m.submodules[f"dots_{group}"] = dots
            m.d.comb += [
                dots.x.eq(Cat(number[: x.bits] for number in numbers)),
                dots.w.eq(word.word_select(group, len(dots.w))),
            ]
            totals = (dots.o.word_select(k, dots.sum_bits) for k in range(shape.outputs))
            sums += [(total.as_signed(), None) for total in totals]
        return sums

    def _packed_dots(self, m, operands, word):
        """Return pairs of a sum and the carry that belongs to it."""
        shape, form = self.shape, self.shape.form
        terms = len(operands[0])
        sums = []
        for group, numbers in enumerate(operands):
            dots = PackedDots(form, shape.outputs, terms, shape.weight_bits)
            m.submodules[f"dots_{group}"] = dots
            # Wider codes in the buffer are those of other engines.
            m.d.comb += [
                dots.x.eq(Cat(number[: form.a.bits] for number in numbers)),
                dots.w.eq(word.word_select(group, len(dots.w))),
            ]
            start = 0
            for row, width in enumerate(dots.widths):
                total = dots.o[start : start + width].as_signed()
                sums.append((total, dots.carry[row]))
                start += width
        return sums

    def _drain(self, m, field, sums, flags):
        """Accumulate sums (and their carries), then shift the results out through the requantiser.

        A beat at a time.
        """
        shape = self.shape
        valid, first, last, beats = flags[0], flags[1], flags[2], flags[3:]
        acc_shape = signed(shape.acc_bits)
        results = []
        for k, (partial, carry) in enumerate(sums):
            acc = Signal(acc_shape, name=f"acc_{k}")
            total = Signal(acc_shape, name=f"total_{k}")
            before = Mux(first, 0, acc)
            if carry is None:
                m.d.comb += total.eq(before + partial)
            else:
                m.d.comb += total.eq(add_with_carry(before, partial, carry))
            with m.If(valid):
                m.d.sync += acc.eq(total)
            results.append(total)

        drain = Signal(shape.results * shape.acc_bits)
        left = Signal(self.beats.shape())
        beat = shape.lanes * shape.acc_bits
        with m.If(left != 0):
            m.d.sync += [left.eq(left - 1), drain.eq(drain >> beat)]
        with m.If(last):
            m.d.sync += [left.eq(beats), drain.eq(Cat(results))]

        leaving = left != 0
        biases, multipliers = self._channel_words(m, field, leaving)
        half = field([task.scale.half for task in self.tasks], "half")
        codes = []
        for k in range(shape.lanes):
            biased = Signal(acc_shape, name=f"biased_{k}")
            multiplier = Signal(unsigned(shape.multiplier_bits), name=f"multiplier_{k}")
            scaled = Signal(signed(shape.acc_bits + shape.multiplier_bits), name=f"scaled_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            result = drain.word_select(k, shape.acc_bits).as_signed()
            m.d.sync += [
                biased.eq(result + biases[k]),
                multiplier.eq(multipliers[k]),
                scaled.eq(biased * multiplier),
                code.eq(finish(field, [task.scale for task in self.tasks], scaled + half)),
            ]
            codes.append(code)
        m.d.comb += [
            self.beat_valid.eq(delay(m, leaving, 3, "leaving")),
            self.beat.eq(Cat(codes)),
        ]

    def _channel_words(self, m, field, leaving):
        """Return bias and multiplier of each lane for the beat that leaves in this cycle."""
        shape = self.shape
        lane = shape.acc_bits + shape.multiplier_bits
        word = Signal(shape.lanes * lane)
        if len(self.channels) == 1:
            m.d.comb += word.eq(self.channels[0])
        else:
            m.submodules.channels = memory = Memory(
                shape=unsigned(shape.lanes * lane), depth=len(self.channels), init=self.channels
            )
            reader = memory.read_port()
            base = field([task.channels[0] for task in self.tasks], "channels_base")
            end = field([sum(task.channels) - 1 for task in self.tasks], "channels_end")
            address = Signal(range(len(self.channels)))
            following = Signal.like(address)
            m.d.comb += following.eq(address)
            with m.If(leaving):
                m.d.comb += following.eq(Mux(address == end, base, address + 1))
            with m.If(self.start):
                m.d.comb += following.eq(base)
            m.d.sync += address.eq(following)
            # The next beat's word is read in the cycle before it leaves.
            m.d.comb += [reader.en.eq(1), reader.addr.eq(following), word.eq(reader.data)]
        lanes = [word[k * lane : (k + 1) * lane] for k in range(shape.lanes)]
        return (
            [value[: shape.acc_bits].as_signed() for value in lanes],
            [value[shape.acc_bits :] for value in lanes],
        )
