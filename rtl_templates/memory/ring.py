"""Where the next rows of a cache go."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.select import by_length, length_port, per_length

__all__ = ["RingWriter", "SizeWriter", "TokenCount"]


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


class SizeWriter(wiring.Component):
    """Offsets of the sizes of a cache's rows: one per token and key head, head by head.

    Latency and throughput as :class:`RingWriter`.

    Parameters
    ----------
    slots, pinned, start : int
        See :class:`RingWriter`.
    heads, pitch : int
        Sizes of a token, and elements from a head's sizes to the next head's.

    Members
    -------
    push, clear, offset : see :class:`RingWriter`.
    """

    def __init__(self, *, slots, pinned, start, heads, pitch):
        self.heads = heads
        self.pitch = pitch
        self.ring = RingWriter(slots=slots, pinned=pinned, start=start, row=1, lanes=1)
        super().__init__(
            {"push": In(1), "clear": In(1), "offset": Out(range(max(2, heads * pitch)))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.ring = ring = self.ring
        of_head = Signal(self.offset.shape())
        ends = of_head == (self.heads - 1) * self.pitch
        m.d.comb += [
            self.offset.eq(of_head + ring.offset),
            ring.push.eq(self.push & ends),
            ring.clear.eq(self.clear),
        ]
        with m.If(self.push):
            m.d.sync += of_head.eq(Mux(ends, 0, of_head + self.pitch))
        with m.If(self.clear):
            m.d.sync += of_head.eq(0)
        return m


class TokenCount(wiring.Component):
    """Tokens that a cache has seen before the present tensor, and where the ring stands.

    Parameters
    ----------
    slots, pinned, start : int
        See :class:`RingWriter`.
    tokens : int or sequence of int
        Of a tensor; one for each length that it can have.
    restarts : bool
        Whether a cache that has no room for a tensor is emptied before it.
    most : int
        Else: what stands for this many tokens and all larger numbers.

    Members
    -------
    length : ``In``
        Index of the present tensor's length.
    begin : ``In(1)``
        The present tensor begins; before its first row is written.
    advance : ``In(1)``
        The present tensor is done.
    clear : ``In(1)``
        Begin anew.
    seen : ``Out``
        Right from the cycle after ``begin`` on.
    slot : ``Out``
        ``(tokens - pinned) % ring``, where the ring are the slots from ``start`` on; 0 of a cache
        that restarts.
    emptied : ``Out(1)``
        With ``begin``: the cache has no room for the tensor, and begins anew.
    """

    def __init__(self, *, slots, pinned, start, tokens, restarts, most=0):
        self.tokens = per_length(tokens)
        if max(self.tokens) > slots - start:
            raise ValueError(f"{max(self.tokens)} tokens do not fit into a ring of {slots - start}")
        self.slots = slots
        self.ring = slots - start
        self.restarts = restarts
        self.most = slots if restarts else most
        self.first = 0 if restarts else -pinned % self.ring
        super().__init__(
            {
                **length_port(self.tokens),
                "begin": In(1),
                "advance": In(1),
                "clear": In(1),
                "seen": Out(range(max(2, self.most + 1))),
                "slot": Out(range(max(2, self.ring)), init=self.first),
                "emptied": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tokens = by_length(self.tokens, self.length)
        following = Signal(range(self.most + max(self.tokens) + 1))
        m.d.comb += following.eq(self.seen + tokens)
        if self.restarts:
            m.d.comb += self.emptied.eq(self.begin & (following > self.slots))
            with m.If(self.advance):
                m.d.sync += self.seen.eq(following)
        else:
            slot = Signal(range(2 * self.ring))
            m.d.comb += slot.eq(self.slot + tokens)
            with m.If(self.advance):
                m.d.sync += [
                    self.seen.eq(Mux(following > self.most, self.most, following)),
                    self.slot.eq(Mux(slot >= self.ring, slot - self.ring, slot)),
                ]
        with m.If(self.clear | self.emptied):
            m.d.sync += [self.seen.eq(0), self.slot.eq(self.first)]
        return m
