"""Rounds rows of keys or values to four bits, with a size per row."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl_templates.arith.tree import larger, reduce_tree, tree_depth
from rtl_templates.memory.select import TaskField
from rtl_templates.row.replay import Replay
from rtl_templates.row.row_queue import RowQueue
from rtl_templates.streams.delay import delay

__all__ = ["INVERSE", "PackCore", "PackTask"]

LEVELS = 7
"""Codes are in [-7, 7]."""

FRACTION = 16

SIZES = 256

INVERSE = tuple(
    ((LEVELS << (FRACTION + 1)) + size) // (2 * size)
    for size in (max(size, LEVELS) for size in range(SIZES))
)
"""``W[a] = floor(7 * 2**16 / a + 0.5)`` for rows of size ``a``: 17 bits."""

_LEFT_BITS = 9  # of an 8-bit code less an 8-bit mean


@dataclass(frozen=True)
class PackTask:
    """The rows of one tensor.

    Parameters
    ----------
    means
        What is taken from each element of a row, one list per key head: rows come head by
        head, token by token.  Zeros for values.
    """

    means: tuple[tuple[int, ...], ...]

    @property
    def elements(self):
        """Elements of a row."""
        return len(self.means[0])


class PackCore(wiring.Component):
    """``size = max(7, max |x - mean|)``, ``code = round((x - mean) * W[size] / 2**16)``.

    Bit for bit equal to ``hwgen.ops.kv4.pack``.  Both passes run at once, on successive rows: a
    queue holds the row between them.

    Latency: ``latency(lanes)`` cycles from the step that read a row's last elements to its
    first beat; a row's beats leave in successive cycles.  Throughput: one step per cycle, rows
    without a gap.  No back-pressure.  Infers one multiplier per lane, busy in every cycle in
    which rows follow one another, and a memory of the means.

    Parameters
    ----------
    lanes : int
        Elements at once; divides the rows of every task.
    tasks : sequence of PackTask

    Members
    -------
    task : ``In``
        Stable from two cycles before ``start`` until the last beat.
    start : ``In(1)``
        The next step is the first one of a tensor.
    step, first, last : ``In(1)``
        Elements are read; they are the first, the last ones of a row.
    data : ``In(lanes * 8)``
        Signed codes, in the cycle after ``step``.
    beat_valid : ``Out(1)``
    beat : ``Out(lanes * 4)``
        Signed codes.
    size : ``Out(8)``
        Of the row, beside each of its beats.
    """

    def __init__(self, lanes, tasks):
        self.lanes = lanes
        self.tasks = tuple(tasks)
        for task in self.tasks:
            if task.elements % lanes:
                raise ValueError(f"Lanes must divide rows of {task.elements} elements, not {lanes}")
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "step": In(1),
                "first": In(1),
                "last": In(1),
                "data": In(8 * lanes),
                "beat_valid": Out(1),
                "beat": Out(4 * lanes),
                "size": Out(range(SIZES)),
            }
        )

    @staticmethod
    def latency(lanes):
        """Return the cycles from a row's last step to its first beat."""
        return 8 + tree_depth(lanes)

    @staticmethod
    def queue_words(lanes, beats):
        """Return the words of the queue between the passes over rows of this many beats."""
        return beats + 4 + tree_depth(lanes)

    def elaborate(self, platform):
        m = Module()
        beats = [task.elements // self.lanes for task in self.tasks]
        held = self.queue_words(self.lanes, max(beats))
        m.submodules.rows = rows = RowQueue(_LEFT_BITS * self.lanes, held)
        m.submodules.second = second = Replay(beats)
        m.d.comb += [second.task.eq(self.task), rows.pop.eq(second.beat)]
        flags = delay(m, Cat(self.step, self.first, self.last), 2, "step")
        left = self._left(m)
        m.d.comb += [rows.push.eq(flags[0]), rows.word.eq(Cat(left))]
        size = self._size(m, left, flags, second)
        self._codes(m, size, rows, second)
        return m

    def _left(self, m):
        """Return the elements less their means, two cycles after the step."""
        means = [code for task in self.tasks for row in task.means for code in row]
        words = [
            sum((code & 255) << (8 * k) for k, code in enumerate(means[first : first + self.lanes]))
            for first in range(0, len(means), self.lanes)
        ]
        m.submodules.means = memory = Memory(
            shape=unsigned(8 * self.lanes), depth=max(2, len(words)), init=words
        )
        reader = memory.read_port()
        field = TaskField(m, self.task)
        counts = [len(task.means) * task.elements // self.lanes for task in self.tasks]
        begins = field([sum(counts[:k]) for k in range(len(counts))], "begin")
        ends = field([sum(counts[: k + 1]) - 1 for k in range(len(counts))], "end")
        place = Signal(range(max(2, len(words))))
        m.d.comb += [reader.en.eq(1), reader.addr.eq(place)]
        with m.If(self.start):
            m.d.sync += place.eq(begins)
        with m.Elif(self.step):
            m.d.sync += place.eq(Mux(place == ends, begins, place + 1))
        left = []
        for k in range(self.lanes):
            rest = Signal(signed(_LEFT_BITS), name=f"left_{k}")
            code, mean = (word.word_select(k, 8).as_signed() for word in (self.data, reader.data))
            m.d.sync += rest.eq(code - mean)
            left.append(rest)
        return left

    def _size(self, m, left, flags, second):
        """Start the second pass of each row; return its size, stable while it lasts."""
        magnitudes = []
        for k, rest in enumerate(left):
            magnitude = Signal(signed(_LEFT_BITS + 1), name=f"magnitude_{k}")
            m.d.sync += magnitude.eq(Mux(rest < 0, -rest, rest))
            magnitudes.append(magnitude)
        best = reduce_tree(m, magnitudes, larger, _LEFT_BITS + 1, "best")
        seen = delay(m, flags, 1 + tree_depth(self.lanes), "best_step")
        largest, size = Signal(range(SIZES)), Signal(range(SIZES))
        with m.If(seen[0]):
            m.d.sync += largest.eq(larger(best, Mux(seen[1], LEVELS, largest)))
        ready = delay(m, seen[0] & seen[2], 2, "row")
        m.d.comb += second.ready.eq(ready)
        before = Signal.like(largest)
        m.d.sync += before.eq(largest)
        with m.If(ready):
            m.d.sync += size.eq(before)
        return size

    def _codes(self, m, size, rows, second):
        """Multiply what the queue gives by the inverse of its row's size."""
        table = Array(Const(entry, 17) for entry in INVERSE)
        factor = Signal(17)
        m.d.comb += factor.eq(table[size])
        codes = []
        for k in range(self.lanes):
            rest = rows.data.word_select(k, _LEFT_BITS).as_signed()
            product = Signal(signed(_LEFT_BITS + 18), name=f"product_{k}")
            code = Signal(signed(4), name=f"code_{k}")
            m.d.sync += [
                product.eq(rest * factor),
                code.eq((product + (1 << (FRACTION - 1))) >> FRACTION),
            ]
            codes.append(code)
        m.d.comb += [
            self.beat.eq(Cat(codes)),
            self.beat_valid.eq(delay(m, second.beat, 3, "beat")),
            self.size.eq(delay(m, size, 2, "size")),
        ]
