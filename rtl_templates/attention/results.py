"""From the sums of a query block to beats of the output tensor."""

from itertools import pairwise

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.align import TOTAL_BITS, Align
from rtl_templates.attention.normaliser import WORD, Normaliser
from rtl_templates.attention.reciprocal import Reciprocal
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["Results", "row_cycles"]

READ = Align.DENOMINATOR
"""Cycles from ``begin`` until the denominator of column 0 can be addressed."""


def row_cycles(features):
    """Return the cycles that a normaliser takes for a query: its features, or a division."""
    return max(features, Reciprocal.LATENCY)


class Results(wiring.Component):
    """``normalisers`` columns at a time: divide, requantise, pack, and say where beats belong.

    Normaliser ``w`` serves the columns ``k * normalisers + w`` in rising order, ``w`` cycles after
    normaliser 0.  While it works on one column it divides for the next.

    Latency: :meth:`latency` cycles from ``begin`` to the block's last beat.  Throughput: a block
    per :meth:`interval` cycles.  Infers ``normalisers`` multipliers 32 by 18 and 25 by 16.

    Parameters
    ----------
    shape : LaneShape
    tasks : sequence of LaneTask

    Members
    -------
    task, start : ``In``, ``In(1)``
        ``start``: the next block is the first one of this task; ``normalisers + 3`` cycles or
        more before its first beat.
    begin : ``In(1)``
        The last tile of a block begins in column 0 (:class:`Align`).
    address : ``Out(normalisers * address_bits)``
        Feature to address in the columns of each normaliser; arrives one cycle later.
    words : ``In(units * 32)``
        Of the lanes; with two turns a lane has those of its second column behind the first's.
    column, denominator : ``Out``, ``In(24)``
        Column whose denominator to address; it arrives one cycle later.
    beat_valid, beat, index : ``Out``
        Results, and the element of the output tensor that the first of them is.
    masked, row_ends : ``Out(1)``
        With ``beat_valid``: the query sees no key; the beat is the query's last one.
    busy : ``Out(1)``
        Beats are still to come.
    """

    def __init__(self, shape, tasks):
        self.shape = shape
        self.tasks = tuple(tasks)
        for task in self.tasks:
            if task.features % shape.lanes:
                raise ValueError(f"Lanes must divide {task.features} features, not {shape.lanes}")
        self.word_bits = (max(2, *(task.features for task in self.tasks)) - 1).bit_length()
        self.address_bits = self.word_bits + shape.turns - 1
        outputs = max(task.queries * task.heads * task.features for task in self.tasks)
        super().__init__(
            {
                "task": In(range(max(2, len(self.tasks)))),
                "start": In(1),
                "begin": In(1),
                "address": Out(shape.normalisers * self.address_bits),
                "words": In(shape.units * WORD),
                "column": Out(range(max(2, shape.columns))),
                "denominator": In(TOTAL_BITS),
                "beat_valid": Out(1),
                "beat": Out(shape.lanes * shape.out_bits),
                "index": Out(range(max(2, outputs))),
                "masked": Out(1),
                "row_ends": Out(1),
                "busy": Out(1),
            }
        )

    def interval(self, task):
        """Return the least cycles between two ``begin``."""
        return self._rows(task) + task.features

    def latency(self, task):
        """Return the cycles from ``begin`` to the last beat of the block."""
        after = task.features + Normaliser.LATENCY + self.shape.normalisers - 1
        return READ + self._rows(task) + after

    def _rows(self, task):
        """Return the cycles from the first division to the last column's sums."""
        return self.shape.columns // self.shape.normalisers * row_cycles(task.features)

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        field = TaskField(m, self.task)
        # What is left of the task before, columns without a query, is dropped.
        live = Signal()
        with m.If(self.begin):
            m.d.sync += live.eq(1)
        with m.If(self.start):
            m.d.sync += live.eq(0)
        flags, select, leaving = self._sequence(m, field)
        leaving = delay(m, leaving, 1 + Normaliser.LATENCY, "leaving")
        beats, emits, empties, addresses = [], [], [], []
        bundle = Cat(flags, select, self._word)
        for w in range(shape.normalisers):
            if w:
                bundle, leaving = delay(m, bundle, 1, f"of_{w}"), delay(m, leaving, 1, f"out_{w}")
            normaliser = Normaliser(shape, self.tasks)
            m.submodules[f"normaliser_{w}"] = normaliser
            addresses.append(bundle[-self.address_bits :])
            # Flags and the choice of the column hold when the words arrive.
            arrived = delay(m, bundle[: -self.address_bits], 1, f"arrived_{w}")
            words = [
                self.words.word_select(column, WORD)
                for column in range(w, shape.units, shape.normalisers)
            ]
            m.d.comb += [
                normaliser.task.eq(self.task),
                Cat(normaliser.divide, normaliser.take).eq(arrived[:2]),
                normaliser.denominator.eq(self.denominator),
                normaliser.word.eq(Array(words)[arrived[2:]] if len(words) > 1 else words[0]),
            ]
            beats.append(normaliser.beat)
            empties.append(normaliser.empty)
            emits.append(leaving & live.replicate(len(leaving)))
        m.d.comb += self.address.eq(Cat(addresses))

        leaves = Signal()
        m.d.comb += self.row_ends.eq(Cat(emit[1] for emit in emits).any())
        used = self._queue(m, field, leaves, self.row_ends)
        beat, empty = 0, 0
        for w, emit in enumerate(emits):
            chosen = emit[0].replicate(len(self.beat))
            beat, empty = beat | (beats[w] & chosen), empty | (empties[w] & emit[0])
        m.d.comb += [
            leaves.eq(Cat(emit[0] for emit in emits).any()),
            self.beat.eq(beat),
            self.beat_valid.eq(leaves & used),
            self.masked.eq(leaves & used & empty),
        ]
        blocks = Signal(2)
        finished = emits[-1][2]
        m.d.sync += blocks.eq(blocks + self.begin - finished)
        with m.If(self.start):
            m.d.sync += blocks.eq(0)
        m.d.comb += self.busy.eq(blocks != 0)
        return m

    def _sequence(self, m, field):
        """Step through the features of each normaliser's columns, the denominator one ahead.

        Return flags (a denominator comes; the sums of the column before begin), the column, and:
        a beat is full, the column ends with it, the block ends with it.
        """
        shape = self.shape
        count = shape.columns // shape.normalisers
        last_word = field([task.features - 1 for task in self.tasks], "last_word")
        last = field([row_cycles(task.features) - 1 for task in self.tasks], "row_end")
        running = Signal()
        column = Signal(range(count + 1))
        word = Signal(range(max(row_cycles(task.features) for task in self.tasks)))
        self._word = Signal(self.address_bits)
        with m.If(running):
            m.d.sync += word.eq(word + 1)
            with m.If((column == count) & (word == last_word)):
                m.d.sync += running.eq(0)
            with m.Elif(word == last):
                m.d.sync += [word.eq(0), column.eq(column + 1)]
            # A denominator for one normaliser after the other.
            with m.If(word < shape.normalisers):
                m.d.sync += self.column.eq(self.column + 1)
        with m.If(delay(m, self.begin, READ - 1, "begin")):
            m.d.sync += [running.eq(1), word.eq(0), column.eq(0), self.column.eq(0)]
        with m.If(self.start):
            m.d.sync += running.eq(0)
        first = running & (word == 0)
        flags = Cat(first & (column != count), first & (column != 0))
        lanes = shape.units // shape.normalisers
        select, second = Signal(range(max(2, lanes))), Signal()
        at_work = running & (column != 0) & (word <= last_word)
        full, ends = Signal(), Signal()
        leaving = Cat(full, full & ends, full & ends & (column == count))
        low = (shape.lanes - 1).bit_length()
        m.d.comb += [
            second.eq((column > lanes) if shape.turns == 2 else 0),
            self._word.eq(Cat(word[: self.word_bits], second)),
            select.eq(column - 1 - Mux(second, lanes, 0)),
            full.eq(at_work & word[:low].all() if low else at_work),
            ends.eq(word == last_word),
        ]
        return flags, select, leaving

    def _queue(self, m, field, leaves, ends):
        """Keep the next element of each normaliser's column, in the order in which beats leave."""
        tasks, shape = self.tasks, self.shape
        features = field([task.features for task in tasks], "step")
        entries = field([task.entries for task in tasks], "entries")
        last_phase = field([task.group - 1 for task in tasks], "last_phase")
        next_token = field(
            [(task.heads - task.group + 1) * task.features for task in tasks], "next_token"
        )
        next_head = field([task.group * task.features for task in tasks], "next_head")
        index, head = Signal.like(self.index), Signal.like(self.index)
        phase = Signal(range(max(2, *(task.group for task in tasks))))
        left = Signal(range(max(task.entries for task in tasks) + 1))
        column = Signal(range(max(2, shape.columns)))
        fill = Signal(range(shape.normalisers + 3))

        queue = [Signal(len(self.index) + 1, name=f"next_{w}") for w in range(shape.normalisers)]
        front = queue[0]
        enters = (leaves & ends) | ((fill != 0) & (fill <= shape.normalisers))
        with m.If(leaves | enters):
            m.d.sync += [here.eq(behind) for here, behind in pairwise(queue)]
            m.d.sync += queue[-1].eq(
                Mux(enters, Cat(left != 0, index), Cat(front[0], front[1:] + shape.lanes))
            )
        with m.If(enters):
            m.d.sync += column.eq(column + 1)
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
                with m.If(phase == last_phase):
                    m.d.sync += [phase.eq(0), index.eq(index + next_token)]
                with m.Else():
                    m.d.sync += [phase.eq(phase + 1), index.eq(index + features)]
            with m.If(column == shape.columns - 1):
                m.d.sync += column.eq(0)
                with m.If(left <= 1):
                    m.d.sync += [
                        left.eq(entries),
                        phase.eq(0),
                        head.eq(head + next_head),
                        index.eq(head + next_head),
                    ]
        with m.If(fill != 0):
            m.d.sync += fill.eq(fill - 1)
        # The fill waits until what depends on the task is there.
        with m.If(fill == shape.normalisers + 1):
            m.d.sync += left.eq(entries)
        with m.If(self.start):
            m.d.sync += [
                fill.eq(shape.normalisers + 2),
                column.eq(0),
                phase.eq(0),
                index.eq(0),
                head.eq(0),
            ]
        m.d.comb += self.index.eq(front[1:])
        return front[0]
