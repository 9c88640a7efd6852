"""Reads the rows of a tensor and gives them four bits: codes, then the size of each row."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.attention.pack_core import PackCore
from rtl_templates.memory.select import TaskField
from rtl_templates.streams.delay import delay

__all__ = ["PackRows"]


class PackRows(wiring.Component):
    """A :class:`PackCore` that is fed from a memory, a row every ``elements / lanes + 1`` cycles.

    The cycle more is that of the size, which leaves behind the row's codes.  Latency: from a
    row's last step to its first beat, ``PackCore.latency(lanes)``.  No back-pressure.

    Parameters
    ----------
    lanes : int
        Elements at once, a power of two that divides every row.
    tasks : sequence of PackTask
    rows : sequence of int
        Rows of each task: one per token and key head.

    Members
    -------
    task, start : ``In``
        ``task`` is stable from two cycles before ``start``; the first step is in the cycle after
        it.
    step : ``Out(1)``
    address : ``Out``
        Element of the tensor that a step reads first.
    data : ``In(8 * lanes)``
        Signed codes, in the cycle after ``step``.
    beat_valid : ``Out(1)``
    beat : ``Out(4 * lanes)``
        Codes, or a row's size in the low bits.
    single : ``Out(1)``
        The beat is a size.
    """

    def __init__(self, lanes, tasks, rows):
        self.core = PackCore(lanes, tasks)
        self.lanes = lanes
        self.rows = tuple(rows)
        self.beats = [task.elements // lanes for task in self.core.tasks]
        most = max(count * beats for count, beats in zip(self.rows, self.beats, strict=True))
        super().__init__(
            {
                "task": In(self.core.task.shape()),
                "start": In(1),
                "step": Out(1),
                "address": Out(range(max(2, most * lanes))),
                "data": In(8 * lanes),
                "beat_valid": Out(1),
                "beat": Out(max(8, 4 * lanes)),
                "single": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        field = TaskField(m, self.task)
        beats = field(self.beats, "beats")
        last_row = field([count - 1 for count in self.rows], "last_row")
        active = Signal()
        beat = Signal(range(max(self.beats) + 1))  # the last one is no step
        row = Signal(range(max(2, *self.rows)))
        m.d.comb += [
            self.step.eq(active & (beat != beats)),
            core.task.eq(self.task),
            core.start.eq(self.start),
            core.step.eq(self.step),
            core.first.eq(beat == 0),
            core.last.eq(beat == beats - 1),
            core.data.eq(self.data),
        ]
        with m.If(self.step):
            m.d.sync += [beat.eq(beat + 1), self.address.eq(self.address + self.lanes)]
        with m.Elif(active):
            m.d.sync += [beat.eq(0), row.eq(row + 1), active.eq(row != last_row)]
        with m.If(self.start):
            m.d.sync += [beat.eq(0), row.eq(0), self.address.eq(0), active.eq(1)]

        sent = Signal.like(beat)
        ends = core.beat_valid & (sent == beats - 1)
        with m.If(self.start | ends):
            m.d.sync += sent.eq(0)
        with m.Elif(core.beat_valid):
            m.d.sync += sent.eq(sent + 1)
        m.d.comb += [
            self.single.eq(delay(m, ends, 1, "size")),
            self.beat_valid.eq(core.beat_valid | self.single),
            self.beat.eq(Mux(self.single, delay(m, core.size, 1, "row_size"), core.beat)),
        ]
        return m
