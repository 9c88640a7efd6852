"""Where the next rows of a cache go."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RingWriter", "TokenCount"]


class RingWriter(wiring.Component):
    """Offsets of the beats that are appended to a cache, row after row.

    The first ``pinned`` rows stay for ever, the slots up to ``start`` stay empty, the others are a
    ring.  Latency: the offset of a beat is there in its cycle.  Throughput: 1 beat per cycle.

    Parameters
    ----------
    slots, pinned, start : int
        Rows of the cache; those that are written once; where the ring begins.
    row, lanes : int
        Elements of a row, and of a beat, which divides it.

    Members
    -------
    push : ``In(1)``
        A beat is written in this cycle.
    clear : ``In(1)``
        Begin anew, at slot 0.
    offset : ``Out``
        Elements from the cache's address to the next beat.
    """

    def __init__(self, *, slots, pinned, start, row, lanes):
        if row % lanes:
            raise ValueError(f"Beats of {lanes} do not divide rows of {row} elements")
        if not 0 <= pinned <= start < slots:
            raise ValueError(f"{pinned} pinned rows and a ring from {start} in {slots} slots")
        self.slots = slots
        self.pinned = pinned
        self.start = start
        self.row = row
        self.lanes = lanes
        super().__init__({"push": In(1), "clear": In(1), "offset": Out(range(max(2, slots * row)))})

    def elaborate(self, platform):
        m = Module()
        ring = self.start * self.row
        jumps = self.offset == self.slots * self.row - self.lanes
        if 0 < self.pinned < self.start:
            jumps = jumps | (self.offset == self.pinned * self.row - self.lanes)
        with m.If(self.push):
            m.d.sync += self.offset.eq(Mux(jumps, ring, self.offset + self.lanes))
        with m.If(self.clear):
            m.d.sync += self.offset.eq(0)
        return m


class TokenCount(wiring.Component):
    """Tokens that a cache has seen before the present tensor.

    A cache that restarts is empty again when it is full.  Else the count stays below
    ``pinned + 2 * ring``, where ``ring`` are the slots from ``start`` on: whole turns of the ring
    are taken off, which changes the age of no slot.

    Parameters
    ----------
    slots, pinned, start : int
        See :class:`RingWriter`.
    tokens : int
        Of a tensor.
    restarts : bool
        Whether a full cache is emptied.

    Members
    -------
    advance : ``In(1)``
        The present tensor is done.
    clear : ``In(1)``
        Begin anew.
    seen : ``Out``
    overflow : ``Out(1)``
        ``advance`` of the first tensor after a full cache was emptied.
    """

    def __init__(self, *, slots, pinned, start, tokens, restarts):
        if restarts and slots % tokens:
            raise ValueError(f"{tokens} tokens do not divide {slots} slots")
        if tokens > slots - start:
            raise ValueError(f"{tokens} tokens do not fit into a ring of {slots - start}")
        self.slots = slots
        self.ring = slots - start
        self.tokens = tokens
        self.restarts = restarts
        self.most = slots if restarts else pinned + 2 * self.ring
        super().__init__(
            {
                "advance": In(1),
                "clear": In(1),
                "seen": Out(range(max(2, self.most))),
                "overflow": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        following = Signal(range(self.most + self.tokens))
        m.d.comb += following.eq(self.seen + self.tokens)
        if self.restarts:
            emptied = Signal()
            m.d.comb += self.overflow.eq(self.advance & emptied)
            with m.If(self.advance):
                full = following == self.slots
                m.d.sync += [emptied.eq(full), self.seen.eq(Mux(full, 0, following))]
            with m.If(self.clear):
                m.d.sync += emptied.eq(0)
        else:
            turn = Mux(following >= self.most, self.ring, 0)
            with m.If(self.advance):
                m.d.sync += self.seen.eq(following - turn)
        with m.If(self.clear):
            m.d.sync += self.seen.eq(0)
        return m
