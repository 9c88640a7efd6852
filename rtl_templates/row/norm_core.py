"""The datapath that normalises rows: sums on the way in, a second pass once the root is known."""

from dataclasses import dataclass
from math import isqrt

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from rtl_templates.arith.codes import Codes, bits_for
from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.arith.tree import reduce_tree, tree_depth
from rtl_templates.memory.select import TaskField, shape_for
from rtl_templates.row.reciprocal_root import ReciprocalRoot
from rtl_templates.row.replay import Replay
from rtl_templates.row.row_core import row_ports
from rtl_templates.row.row_queue import RowQueue
from rtl_templates.streams.delay import delay

__all__ = ["NormCore", "NormTask"]

FRACTION = 12
"""Fraction bits of a normalised element."""


@dataclass(frozen=True)
class NormTask:
    """One op on the core.

    Parameters
    ----------
    x
        Codes of the input.
    zero
        Code of real zero.
    features
        Elements of a row.
    centered
        Whether the mean is subtracted.
    epsilon
        What joins ``features**2`` times the variance.
    scale
        Final shift and clamp.
    gains, addends
        Per element of a row: factor of a normalised element, and what is added before the shift
        (rounding apart).
    """

    x: Codes
    zero: int
    features: int
    centered: bool
    epsilon: int
    scale: Scale
    gains: tuple[int, ...]
    addends: tuple[int, ...]

    @property
    def ends(self):
        """Smallest and largest element without its zero point."""
        return self.x.low - self.zero, self.x.high - self.zero


class NormCore(wiring.Component):
    """``y = clamp((round(D * r) * gain + addend) >> shift) + zero)``, ``D = n * x - sum(x)``.

    Both passes run at once, on successive rows: while a row is read, squared and summed, the one
    before waits in a queue for its reciprocal root (:class:`ReciprocalRoot`) and leaves.

    Latency: ``NormCore.latency(lanes)`` cycles from the step that read a row's last elements to
    its first beat; a row's beats leave in successive cycles.  Throughput: one step per cycle,
    and a row at most every ``NormCore.PERIOD`` cycles, for the root is one unit.  No
    back-pressure.  Infers three multipliers per lane (square, scale, gain), all of them busy in
    every cycle in which rows of ``lanes * PERIOD`` elements or more follow one another; with
    shorter rows, the root is the bound.

    Parameters
    ----------
    shape : RowShape
    tasks : sequence of NormTask
        ``lanes`` divides the features of each.

    Members
    -------
    task, step, first, last, data, beat_valid, beat : see :func:`row_ports`.
    """

    PERIOD = ReciprocalRoot.CYCLES
    SUMS = 4
    """Cycles from a step to the sums that include it, adder tree apart."""
    SCALING = 8
    """Cycles from the root to the first beat."""

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        for task in self.tasks:
            if task.features % shape.lanes:
                raise ValueError(
                    f"Lanes must divide rows of {task.features} elements, not {shape.lanes}"
                )
            if not len(task.gains) == len(task.addends) == task.features:
                raise ValueError(f"Gains and addends must be {task.features}, one per element")
        self.beats = [task.features // shape.lanes for task in self.tasks]
        super().__init__(row_ports(shape, self.tasks))

    @classmethod
    def latency(cls, lanes):
        """Return the cycles from a row's last step to its first beat."""
        return cls.SUMS + tree_depth(lanes) + cls.PERIOD + cls.SCALING

    @classmethod
    def queue_words(cls, lanes, beats):
        """Return the cycles that a word waits for its row's root: at most one enters in each."""
        return beats + cls.SUMS + tree_depth(lanes) + cls.PERIOD

    def elaborate(self, platform):
        m = Module()
        shape, tasks = self.shape, self.tasks
        field = TaskField(m, self.task)
        ends = [end for task in tasks for end in task.ends]
        x_shape = shape_for(min(-1, *ends), max(ends))
        largest = [task.features * max(abs(end) for end in task.ends) for task in tasks]
        total_bits = bits_for(max(largest), -max(largest))
        powers = [task.features * max(end * end for end in task.ends) for task in tasks]
        square_bits = max(1, max(powers).bit_length())

        # -- first pass: x, its square, and their sums ------------------------------------------
        levels = tree_depth(shape.lanes)
        flags = delay(m, Cat(self.step, self.first, self.last), 2, "operand_step")
        zero = field([task.zero for task in tasks], "zero")
        is_signed = field([task.x.signed for task in tasks], "is_signed")
        elements, summands, squares = [], [], []
        for k in range(shape.lanes):
            raw = self.data.word_select(k, shape.x_bits)
            element = Signal(x_shape, name=f"element_{k}")
            same = Signal(x_shape, name=f"summand_{k}")
            square = Signal(signed(square_bits + 1), name=f"square_{k}")
            m.d.sync += [
                element.eq(Cat(raw, raw[-1] & is_signed).as_signed() - zero),
                same.eq(element),
                square.eq(element * element),
            ]
            elements.append(element)
            summands.append(same)
            squares.append(square)
        total = reduce_tree(m, summands, lambda a, b: a + b, total_bits, "total")
        power = reduce_tree(m, squares, lambda a, b: a + b, square_bits + 1, "power")
        summed = delay(m, flags, 1 + levels, "sum_step")
        m.submodules.root = root = ReciprocalRoot(
            [task.features for task in tasks],
            [task.centered for task in tasks],
            [task.epsilon for task in tasks],
            total_bits=total_bits,
            square_bits=square_bits,
            spread_bits=self._spread_bits(powers),
        )
        totals, squared = Signal(signed(total_bits)), Signal(square_bits)
        with m.If(summed[0]):
            m.d.sync += [
                totals.eq(Mux(summed[1], 0, totals) + total),
                squared.eq(Mux(summed[1], 0, squared) + power),
            ]
        m.d.comb += [
            root.task.eq(self.task),
            root.start.eq(delay(m, summed[0] & summed[2], 1, "row_step")),
            root.total.eq(totals),
            root.squares.eq(squared),
        ]

        # -- second pass: the same elements times the root --------------------------------------
        words = max(self.queue_words(shape.lanes, count) for count in self.beats)
        m.submodules.queue = queue = RowQueue(shape.lanes * x_shape.width, words)
        m.submodules.replay = replay = Replay(self.beats)
        m.d.comb += [
            queue.push.eq(flags[0]),
            queue.word.eq(Cat(elements)),
            replay.task.eq(self.task),
            replay.ready.eq(root.done),
            queue.pop.eq(replay.beat),
        ]
        self._scale(m, field, root, replay, queue, x_shape)
        return m

    def _spread_bits(self, powers):
        """Return the even width of ``features`` times a sum of squares, epsilon included."""
        bits = max(
            (task.features * power + task.epsilon).bit_length()
            for task, power in zip(self.tasks, powers, strict=True)
        )
        return max(ReciprocalRoot.MANTISSA, bits + bits % 2)

    def _scale(self, m, field, root, replay, queue, x_shape):
        """Multiply what leaves the queue by the root, then by its gain."""
        shape, tasks = self.shape, self.tasks
        scale = Signal.like(root.scale)
        largest_half = (1 << (15 - FRACTION)) << (root.spread_bits // 2)
        constant_bits = max(len(root.offset) + 1, bits_for(largest_half) + 1)
        constant = Signal(signed(constant_bits))  # what rounds, less the row's mean
        half = Signal.like(root.half)
        with m.If(root.done):
            m.d.sync += [
                scale.eq(root.scale),
                constant.eq((Const(1 << (15 - FRACTION)) << root.half) - root.offset),
                half.eq(root.half),
            ]
        later = delay(m, constant, 1, "constant").as_signed()
        shift = delay(m, half, 2, "half")
        fine = delay(m, shift, 1, "fine")[:3]
        deviation = max(2 * t.features * max(abs(end) for end in t.ends) for t in tasks)
        wide = max((deviation << ReciprocalRoot.ROOT).bit_length(), bits_for(largest_half)) + 2
        # Of n numbers, none is further from the mean than sqrt(n) root mean squares.
        reach = max(isqrt(task.features << (2 * FRACTION)) for task in tasks) * 33 // 32 + 2
        gains, addends = self._words(m, field, replay)
        codes = []
        for k in range(shape.lanes):
            x = queue.data.word_select(k, x_shape.width).as_signed()
            product = Signal(signed(x_shape.width + len(scale) + 1), name=f"product_{k}")
            rounded = Signal(signed(wide), name=f"rounded_{k}")
            coarse = Signal(signed(bits_for(reach << 7, -(reach << 7))), name=f"coarse_{k}")
            normal = Signal(signed(bits_for(reach, -reach)), name=f"normal_{k}")
            gained = Signal(signed(len(normal) + len(gains[k])), name=f"gained_{k}")
            shifted = Signal(signed(max(len(gained), len(addends[k])) + 1), name=f"shifted_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            m.d.sync += [
                product.eq(x * scale),
                rounded.eq(product + later),
                coarse.eq((rounded >> (16 - FRACTION)) >> (shift & 0x18)),
                normal.eq(coarse >> fine),
                gained.eq(normal * gains[k]),
                shifted.eq(gained + addends[k]),
                code.eq(finish(field, [task.scale for task in tasks], shifted)),
            ]
            codes.append(code)
        m.d.comb += [
            self.beat.eq(Cat(codes)),
            self.beat_valid.eq(delay(m, replay.beat, self.SCALING, "beat")),
        ]

    def _words(self, m, field, replay):
        """Return gain and addend of each lane in the cycles of the gain's multiplication."""
        lanes, tasks = self.shape.lanes, self.tasks
        gain_bits = bits_for(*(gain for task in tasks for gain in task.gains))
        starts = [[end + task.scale.half for end in task.addends] for task in tasks]
        addend_bits = bits_for(*(end for task in starts for end in task))
        words, bases = [], []
        for task, rounded in zip(tasks, starts, strict=True):
            bases.append(len(words))
            for start in range(0, task.features, lanes):
                word = place = 0
                for gain, addend in zip(
                    task.gains[start : start + lanes], rounded[start : start + lanes], strict=True
                ):
                    word |= (gain & ((1 << gain_bits) - 1)) << place
                    word |= (addend & ((1 << addend_bits) - 1)) << (place + gain_bits)
                    place += gain_bits + addend_bits
                words.append(word)
        lane = gain_bits + addend_bits
        memory = Memory(shape=lanes * lane, depth=max(2, len(words)), init=words)
        m.submodules.channels = memory
        reader = memory.read_port()
        beat = delay(m, Cat(replay.beat, replay.last), 4, "word_beat")
        place = Signal(range(max(2, *self.beats)))
        with m.If(beat[0]):
            m.d.sync += place.eq(Mux(beat[1], 0, place + 1))
        m.d.comb += [reader.en.eq(1), reader.addr.eq(field(bases, "words") + place)]
        gains = [reader.data[k * lane :][:gain_bits].as_signed() for k in range(lanes)]
        addends = [
            delay(
                m, reader.data[k * lane + gain_bits :][:addend_bits], 1, f"addend_{k}"
            ).as_signed()
            for k in range(lanes)
        ]
        return gains, addends
