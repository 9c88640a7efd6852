"""The datapath of softmax: three passes over a row, one division."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring

from rtl_templates.arith.codes import Codes, bits_for
from rtl_templates.arith.requantize import Scale, finish
from rtl_templates.arith.tree import larger, reduce_tree, tree_depth
from rtl_templates.memory.select import TaskField, shape_for
from rtl_templates.row.reciprocal import Reciprocal
from rtl_templates.row.replay import Replay
from rtl_templates.row.row_core import row_ports
from rtl_templates.row.row_queue import RowQueue
from rtl_templates.streams.delay import delay

__all__ = ["SoftmaxCore", "SoftmaxTask"]

FRACTION = 6
"""Fraction bits of a base-2 logarithm."""

LIMIT = 2047 << FRACTION
"""Logarithms are clamped to ``[-LIMIT, LIMIT]``."""

TABLE = tuple(int(4080 * 2 ** (-r / 64) + 0.5) for r in range(64))
"""``2**(-r / 64)`` in 1 / 4080."""

EXTRA = 4
NUMERATOR = 16
"""Bits of a numerator: those of the table and ``EXTRA`` more."""

NOTHING = 17
"""Octaves below the row's exponent at which a numerator rounds to 0."""

LEAST = 15
"""``floor(log2)`` of the smallest denominator."""


@dataclass(frozen=True)
class SoftmaxTask:
    """One op on the core.

    Parameters
    ----------
    x
        Codes of the input.
    zero
        Code of real zero.
    features
        Elements of a row, at most 65536.
    log
        Multiplier and shift from a code to its base-2 logarithm in 1/64.
    multiplier
        Factor of the result in ``2**-16``, below ``2**16``.
    scale
        Final shift and clamp.
    """

    x: Codes
    zero: int
    features: int
    log: tuple[int, int]
    multiplier: int
    scale: Scale

    @property
    def ends(self):
        """Smallest and largest element without its zero point."""
        return self.x.low - self.zero, self.x.high - self.zero


class SoftmaxCore(wiring.Component):
    """``y = 2**(log x - m) / sum``, ``m`` the exponent of the row's largest element.

    The rules are those of ``docs/attention.md`` with a row for a tile and numerators of 16 bits.
    All three passes run at once, on successive rows: logarithm and maximum as the row is read,
    numerators and their sum, results; two queues hold the rows between them.

    Latency: ``SoftmaxCore.latency(lanes, beats)`` cycles from the step that read a row's last
    elements to its first beat; a row's beats leave in successive cycles.  Throughput: one step
    per cycle, and a row at most every ``SoftmaxCore.PERIOD`` cycles, for the division is one
    unit.  No back-pressure.  Infers two multipliers per lane (logarithm, result), both of them
    busy in every cycle in which rows of ``lanes * PERIOD`` elements or more follow one another.

    Parameters
    ----------
    shape : RowShape
    tasks : sequence of SoftmaxTask
        ``lanes`` divides the features of each.

    Members
    -------
    task, step, first, last, data, beat_valid, beat : see :func:`row_ports`.
    """

    PERIOD = Reciprocal.CYCLES
    LARGEST = 5
    """Cycles from a step to the maximum that includes it, tree apart."""
    SUMS = 5
    """Cycles from an element of the second pass to the sum that includes it, tree apart."""
    SCALING = 5
    """Cycles from the division to the first beat."""

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        for task in self.tasks:
            if task.features % shape.lanes:
                raise ValueError(
                    f"Lanes must divide rows of {task.features} elements, not {shape.lanes}"
                )
            if task.features > 1 << 16:
                raise ValueError(f"Rows must have at most 65536 elements, not {task.features}")
        self.beats = [task.features // shape.lanes for task in self.tasks]
        super().__init__(row_ports(shape, self.tasks))

    @classmethod
    def latency(cls, lanes, beats):
        """Return the cycles from a row's last step to its first beat."""
        tree = tree_depth(lanes)
        second = cls.LARGEST + tree + beats - 1
        return second + cls.SUMS + tree + cls.PERIOD + cls.SCALING

    @classmethod
    def queue_words(cls, lanes, beats):
        """Return the cycles that a word waits for the second pass, and for the third.

        At most one enters in each.
        """
        tree = tree_depth(lanes)
        return beats + cls.LARGEST + tree, beats + cls.SUMS + tree + cls.PERIOD

    def elaborate(self, platform):
        m = Module()
        lanes = self.shape.lanes
        field = TaskField(m, self.task)
        words = [self.queue_words(lanes, count) for count in self.beats]
        y_bits = bits_for(LIMIT, -LIMIT)
        m.submodules.logs = logs = RowQueue(lanes * y_bits, max(first for first, _ in words))
        m.submodules.parts = parts = RowQueue(lanes * NUMERATOR, max(last for _, last in words))
        m.submodules.second = second = Replay(self.beats)
        m.submodules.third = third = Replay(self.beats)
        m.submodules.reciprocal = reciprocal = Reciprocal([t.multiplier for t in self.tasks])
        m.d.comb += [
            second.task.eq(self.task),
            third.task.eq(self.task),
            reciprocal.task.eq(self.task),
            logs.pop.eq(second.beat),
            parts.pop.eq(third.beat),
            third.ready.eq(reciprocal.done),
        ]
        exponent = self._logarithms(m, field, logs, second)
        self._numerators(m, exponent, logs, second, parts, reciprocal)
        self._results(m, field, parts, third, reciprocal)
        return m

    def _logarithms(self, m, field, logs, second):
        """First pass: logarithms and their maximum; return the row's exponent."""
        shape, tasks = self.shape, self.tasks
        ends = [end for task in tasks for end in task.ends]
        x_shape = shape_for(min(-1, *ends), max(ends))
        zero = field([task.zero for task in tasks], "zero")
        is_signed = field([task.x.signed for task in tasks], "is_signed")
        multiplier = field([task.log[0] for task in tasks], "log_multiplier")
        scales = [Scale(task.log[1], 0, -LIMIT, LIMIT) for task in tasks]
        half = field([scale.half for scale in scales], "log_half")
        flags = delay(m, Cat(self.step, self.first, self.last), 4, "log_step")
        values = []
        for k in range(shape.lanes):
            raw = self.data.word_select(k, shape.x_bits)
            element = Signal(x_shape, name=f"element_{k}")
            product = Signal(signed(x_shape.width + 17), name=f"product_{k}")
            log = Signal(range(-LIMIT, LIMIT + 1), name=f"log_{k}")
            rounded = Signal(signed(max(len(product), len(half) + 1) + 1), name=f"rounded_{k}")
            m.d.sync += [
                element.eq(Cat(raw, raw[-1] & is_signed).as_signed() - zero),
                product.eq(element * multiplier),
                log.eq(finish(field, scales, rounded)),
            ]
            m.d.comb += rounded.eq(product + half)
            values.append(log)
        m.d.comb += [logs.push.eq(flags[0]), logs.word.eq(Cat(values))]
        best = reduce_tree(m, values, larger, len(values[0]), "best")
        seen = delay(m, flags, tree_depth(shape.lanes), "best_step")
        largest = Signal.like(values[0])
        with m.If(seen[0]):
            m.d.sync += largest.eq(Mux(seen[1], best, larger(largest, best)))
        m.d.comb += second.ready.eq(delay(m, seen[0] & seen[2], 1, "row_step"))
        exponent = Signal(signed(bits_for(LIMIT + 63, -LIMIT) - FRACTION))
        with m.If(second.ready):
            m.d.sync += exponent.eq((largest + 63) >> FRACTION)
        return exponent

    def _numerators(self, m, exponent, logs, second, parts, reciprocal):
        """Second pass: numerators relative to the exponent, and their sum."""
        lanes = self.shape.lanes
        y_bits = bits_for(LIMIT, -LIMIT)
        flags = delay(m, Cat(second.beat, second.last), 4, "part_beat")
        entries = Array(Const(entry << EXTRA, NUMERATOR) for entry in TABLE)
        values = []
        for k in range(lanes):
            log = logs.data.word_select(k, y_bits).as_signed()
            distance = Signal(y_bits + 1, name=f"distance_{k}")
            entry = Signal(NUMERATOR, name=f"entry_{k}")
            octaves = Signal(range(NOTHING + 1), name=f"octaves_{k}")
            part = Signal(NUMERATOR, name=f"part_{k}")
            far = distance >> FRACTION
            m.d.sync += [
                distance.eq((exponent << FRACTION) - log),
                entry.eq(entries[distance[:FRACTION]]),
                octaves.eq(Mux(far > NOTHING, NOTHING, far)),
                part.eq((entry + ((Const(1) << octaves) >> 1)) >> octaves),
            ]
            values.append(part)
        m.d.comb += [parts.push.eq(flags[0]), parts.word.eq(Cat(values))]
        total = reduce_tree(m, values, lambda a, b: a + b, Reciprocal.BITS + 1, "total")
        seen = delay(m, flags, tree_depth(lanes), "total_beat")
        first = Signal(init=1)
        denominator = Signal(Reciprocal.BITS)
        with m.If(seen[0]):
            m.d.sync += [first.eq(seen[1]), denominator.eq(Mux(first, 0, denominator) + total)]
        m.d.comb += [
            reciprocal.start.eq(delay(m, seen[0] & seen[1], 1, "division")),
            reciprocal.total.eq(denominator),
        ]

    def _results(self, m, field, parts, third, reciprocal):
        """Third pass: numerators by the factor of their row, brought to codes."""
        shape, tasks = self.shape, self.tasks
        scales = [task.scale for task in tasks]
        factor = Signal.like(reciprocal.factor)
        places = Signal(range(Reciprocal.BITS - LEAST))
        halves = field([scale.shift for scale in scales], "halves")
        most = max(scale.shift for scale in scales) + Reciprocal.BITS - 1 - LEAST
        half = Signal(most + 1)
        with m.If(reciprocal.done):
            m.d.sync += [factor.eq(reciprocal.factor), places.eq(reciprocal.log - LEAST)]
        m.d.sync += half.eq(((Const(1) << halves) << places) >> 1)
        shift = delay(m, places, 2, "places")
        codes = []
        for k in range(shape.lanes):
            part = parts.data.word_select(k, NUMERATOR)
            product = Signal(NUMERATOR + len(factor), name=f"share_{k}")
            rounded = Signal(max(len(product), len(half)) + 1, name=f"share_rounded_{k}")
            moved = Signal(signed(len(rounded) + 1), name=f"share_moved_{k}")
            code = Signal(shape.out_bits, name=f"code_{k}")
            m.d.sync += [
                product.eq(part * factor),
                rounded.eq(product + half),
                moved.eq(rounded >> shift),
                code.eq(finish(field, scales, moved)),
            ]
            codes.append(code)
        m.d.comb += [
            self.beat.eq(Cat(codes)),
            self.beat_valid.eq(delay(m, third.beat, self.SCALING, "beat")),
        ]
