"""Steps through the phases of a sequential plan."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Runs phase after phase, for ever.

    A phase takes ``OVERHEAD`` cycles more than its work: in the first the task's constants are
    looked up, in the second ``start`` is high.  ``done`` in cycle c makes the next phase run
    from ``c + 1 + OVERHEAD``.

    Parameters
    ----------
    phases : int
        Number of phases, at least 1.

    Members
    -------
    phase : ``Out``
        Index of the phase.
    start : ``Out(1)``
        The work may begin in the next cycle.
    running : ``Out(1)``
        The work may go on in this cycle.
    done : ``In(1)``
        This is the last cycle of the work; looked at only while ``running``.
    """

    OVERHEAD = 2

    def __init__(self, phases):
        self.phases = phases
        super().__init__(
            {
                "phase": Out(range(max(2, phases))),
                "start": Out(1),
                "running": Out(1),
                "done": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        looked_up = Signal()
        m.d.comb += self.start.eq(looked_up & ~self.running)
        with m.If(self.running):
            with m.If(self.done):
                following = Mux(self.phase == self.phases - 1, 0, self.phase + 1)
                m.d.sync += [self.phase.eq(following), looked_up.eq(0), self.running.eq(0)]
        with m.Elif(looked_up):
            m.d.sync += self.running.eq(1)
        with m.Else():
            m.d.sync += looked_up.eq(1)
        return m
