"""A clipped arithmetic sequence, one value ahead."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import shape_for

__all__ = ["Ramp", "ramp_values"]


def ramp_values(*, count, start, step, low, high, last=None):
    """Return the values that a :class:`Ramp` of these parameters goes through."""
    values = [min(max(start + i * step, low), high) for i in range(count)]
    return values if last is None else [*values[:-1], last]


class Ramp(wiring.Component):
    """``clip(start + i * step, low, high)`` for i = 0 to count - 1, then from 0 again.

    Both outputs are registers (constants for a count of 1), so that what is computed from
    them starts at a register.  Latency: the outputs follow ``advance`` in the next cycle.

    Parameters
    ----------
    count : int
        Values, at least 1.
    start, step : int
    low, high : int
        Bounds, both inclusive.
    last : int, optional
        Stands for the last value.

    Members
    -------
    advance : ``In(1)``
        Go to the next value.
    now, following : ``Out``
        The present value, and the one after it.
    """

    def __init__(self, *, count, start, step, low, high, last=None):
        if count < 1:
            raise ValueError(f"Count must be at least 1, not {count}")
        self.count = count
        self.start = start
        self.step = step
        self.low = low
        self.high = high
        self.last = last
        values = ramp_values(count=count, start=start, step=step, low=low, high=high, last=last)
        shape = shape_for(min(values), max(values))
        super().__init__(
            {
                "advance": In(1),
                "now": Out(shape, init=values[0]),
                "following": Out(shape, init=values[1 % count]),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self.count == 1:
            return m
        raw = [self.start + i * self.step for i in range(self.count)]
        ahead = Signal(range(self.count), init=1)  # index of ``following``
        value = Signal(shape_for(min(raw), max(raw)), init=raw[1])  # before it is clipped
        wraps = ahead == self.count - 1
        moved = Mux(wraps, self.start, value + self.step)
        clipped = moved
        if max(raw) > self.high:
            clipped = Mux(moved > self.high, self.high, clipped)
        if min(raw) < self.low:
            clipped = Mux(moved < self.low, self.low, clipped)
        if self.last is not None:
            clipped = Mux(ahead == self.count - 2, self.last, clipped)
        with m.If(self.advance):
            m.d.sync += [
                ahead.eq(Mux(wraps, 0, ahead + 1)),
                value.eq(moved),
                self.now.eq(self.following),
                self.following.eq(clipped),
            ]
        return m
