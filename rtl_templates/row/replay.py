"""A second pass over a row, at a time that its first pass fixes."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import TaskField

__all__ = ["Replay"]


class Replay(wiring.Component):
    """From the pulse that a row is ready to one pulse for each of its beats.

    Latency: the first beat is in the cycle of ``ready`` itself; the others follow one per cycle.
    Rows that are as many cycles apart as they have beats follow one another without a gap.

    Parameters
    ----------
    beats : sequence of int
        Beats of a row, by task.

    Members
    -------
    task : ``In``
    ready : ``In(1)``
        The row's constants are there; not while an earlier row has beats left.
    beat, last : ``Out(1)``
        A beat; it is the row's last.
    """

    def __init__(self, beats):
        self.beats = tuple(beats)
        super().__init__(
            {
                "task": In(range(max(2, len(self.beats)))),
                "ready": In(1),
                "beat": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        more = TaskField(m, self.task)([count - 1 for count in self.beats], "more")
        left = Signal(range(max(2, *self.beats)))
        m.d.comb += [
            self.beat.eq(self.ready | (left != 0)),
            self.last.eq(Mux(self.ready, more == 0, left == 1)),
        ]
        with m.If(self.ready):
            m.d.sync += left.eq(more)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return m
