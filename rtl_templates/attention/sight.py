"""Which keys of a tile a column's query sees."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Sight"]


class Sight(wiring.Component):
    """``seen``: key ``row`` lies in ``[lo, end)`` or in ``[0, head)``.

    Latency: bounds that are loaded in a cycle hold from the next one on; ``seen`` comes one
    cycle after ``row``.  Throughput: 1 key per cycle.

    Parameters
    ----------
    tile : int
        Keys of a tile.
    windowed : bool
        Whether any task has ``lo`` other than 0, or ``head``.

    Members
    -------
    load : ``In(1)``
        Take the bounds.
    lo, end, head : ``In(range(tile + 1))``
    row : ``In(range(tile))``
    seen : ``Out(1)``
    """

    def __init__(self, tile, windowed):
        self.windowed = windowed
        bound = range(tile + 1)
        super().__init__(
            {
                "load": In(1),
                "lo": In(bound),
                "end": In(bound),
                "head": In(bound),
                "row": In(range(tile)),
                "seen": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lo, end, head = (Signal.like(getattr(self, name)) for name in ("lo", "end", "head"))
        with m.If(self.load):
            m.d.sync += [lo.eq(self.lo), end.eq(self.end), head.eq(self.head)]
        seen = self.row < end
        if self.windowed:
            seen = (seen & (self.row >= lo)) | (self.row < head)
        m.d.sync += self.seen.eq(seen)
        return m
