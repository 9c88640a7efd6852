"""Steps through the phases of a sequential plan."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Runs phase after phase, for ever.

    A phase takes ``OVERHEAD`` cycles more than its work: in the first the task's constants are
    looked up, in the second ``start`` is high.  ``done`` in cycle c makes the next phase run
    from ``c + 1 + OVERHEAD``.

    There can be several lists of phases, one for each length that a tensor can have.  Then the
    sequencer waits before each tensor until ``go``, and takes the list that ``length`` names in
    this cycle: ``CHOICE`` cycles more.

    Parameters
    ----------
    phases : int
        Number of phases of a list, at least 1.
    lengths : int
        Lists; phase ``p`` of list ``k`` has the index ``k * phases + p``.

    Members
    -------
    phase : ``Out``
        Index of the phase.
    list : ``Out``
        Index of its list.
    start : ``Out(1)``
        The work may begin in the next cycle.
    running : ``Out(1)``
        The work may go on in this cycle.
    done : ``In(1)``
        This is the last cycle of the work; looked at only while ``running``.
    go : ``In(1)``
        With several lists: a tensor is there.
    length : ``In``
        Its list.
    between : ``Out(1)``
        With several lists: the last tensor is done, and the next one has not begun.
    """

    OVERHEAD = 2

    CHOICE = 1

    def __init__(self, phases, lengths=1):
        self.phases = phases
        self.lengths = lengths
        index = range(max(2, lengths))
        super().__init__(
            {
                "phase": Out(range(max(2, phases * lengths))),
                "list": Out(index),
                "start": Out(1),
                "running": Out(1),
                "done": In(1),
                "go": In(1),
                "length": In(index),
                "between": Out(1, init=lengths > 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        looked_up = Signal()
        m.d.comb += self.start.eq(looked_up & ~self.running)
        firsts = [index * self.phases for index in range(self.lengths)]
        with m.If(self.between):
            with m.If(self.go):
                m.d.sync += [
                    self.phase.eq(Array(firsts)[self.length]),
                    self.list.eq(self.length),
                    self.between.eq(0),
                ]
        with m.Elif(self.running):
            with m.If(self.done):
                last = Array(first + self.phases - 1 for first in firsts)[self.list]
                ends = self.phase == last
                m.d.sync += [looked_up.eq(0), self.running.eq(0)]
                if self.lengths == 1:
                    m.d.sync += self.phase.eq(Mux(ends, 0, self.phase + 1))
                else:
                    m.d.sync += [self.phase.eq(self.phase + ~ends), self.between.eq(ends)]
        with m.Elif(looked_up):
            m.d.sync += self.running.eq(1)
        with m.Else():
            m.d.sync += looked_up.eq(1)
        return m
