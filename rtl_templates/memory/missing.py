"""How much of what a reader sees was never sent, because the sequence began only now."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import shape_for

__all__ = ["Missing"]


class Missing(wiring.Component):
    """Counts down the elements at the start of a sequence that read as padding.

    A reader with a history sees elements of earlier tensors, and at first there are none.
    Latency: ``missing`` is a register that moves on in the cycle after ``done``.

    Parameters
    ----------
    missing : int
        Elements that are missing in the first tensor.
    fresh : int
        Elements of a tensor: so many fewer are missing in the next one.

    Members
    -------
    step : ``In(1)``
        The reader reads in this cycle.
    done : ``In(1)``
        With ``step``: for the last time in this tensor.
    clear : ``In(1)``
        The next tensor that the reader starts is the first of a new sequence.
    missing : ``Out``
        Elements before this one, counted from the history's first, are missing.
    """

    def __init__(self, *, missing, fresh):
        self.first = missing
        self.fresh = fresh
        super().__init__(
            {
                "step": In(1),
                "done": In(1),
                "clear": In(1),
                "missing": Out(shape_for(0, missing), init=missing),
            }
        )

    def elaborate(self, platform):
        m = Module()
        asked, inside = Signal(), Signal()
        now = Signal()
        m.d.comb += now.eq((asked | self.clear) & ~inside & ~self.step)
        m.d.sync += asked.eq((asked | self.clear) & ~now)
        with m.If(self.step):
            m.d.sync += inside.eq(~self.done)
        with m.If(self.step & self.done):
            rest = Mux(self.missing > self.fresh, self.missing - self.fresh, 0)
            m.d.sync += self.missing.eq(rest)
        with m.If(now):
            m.d.sync += self.missing.eq(self.first)
        return m
