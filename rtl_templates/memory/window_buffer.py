"""The storage of a channel: a circular buffer that an engine reads by address."""

from math import gcd

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.banked_memory import BankedMemory
from rtl_templates.memory.select import shape_for

__all__ = ["WindowBuffer"]


class WindowBuffer(wiring.Component):
    """Takes a stream of tensors and keeps the part that its reader still needs.

    The reader addresses elements relative to the start of the tensor it works on, asks
    whether enough of them have been written (``level``), and releases them in order.  The
    writer goes on with the next rows, or the next tensor, as soon as there is room.

    A beat taken in cycle c counts in ``level`` from c + 1.  ``i.ready`` is a function of
    registers.  Latency of a read: 1 cycle.  Infers ``reads`` copies of ``depth * bits`` of RAM.

    Parameters
    ----------
    elements : int
        Elements of a tensor; a multiple of ``beat``.
    depth : int
        Elements held, a multiple of ``banks``.
    bits : int
        Width of an element.
    beat : int
        Elements of a beat on ``i``, a power of two, at most ``banks``.
    banks, granule, lanes : int
        See :class:`BankedMemory`; every relative address is a multiple of ``granule``.
    reads : int
        Reads at once.
    low, high : int
        Range of the relative addresses; below 0 and beyond the tensor the data have no meaning.
    history : int
        Last elements of the tensors before that the reader keeps: all that it says and asks counts
        from the first of them.  Before the first tensors they have no meaning either.

    Members
    -------
    i : ``In(stream.Signature(beat * bits))``
    address : ``In(signed).array(reads)``
        First element to read, relative to the tensor's start.
    data : ``Out(lanes * bits).array(reads)``
        In the cycle after ``address``.
    level : ``Out``
        Elements written since the start of the reader's tensor, its history included.
    release : ``In``
        With ``release_enable``: the elements before this one are needed no more.
    done : ``In(1)``
        With ``release_enable``: the reader goes to the next tensor (releases all but its history).
    """

    def __init__(
        self, *, elements, depth, bits, beat, banks, granule, lanes, reads, low, high, history=0
    ):
        if beat & (beat - 1) or beat > banks:
            raise ValueError(f"Beat must be a power of two up to {banks} banks, not {beat}")
        if elements % beat:
            raise ValueError(f"Beats of {beat} do not divide a tensor of {elements} elements")
        if history + beat > depth:
            raise ValueError(f"{depth} elements do not hold a history of {history} and a beat")
        self.elements = elements
        self.history = history
        self.depth = depth
        self.bits = bits
        self.beat = beat
        self.reads = reads
        self.low = low
        self.high = high
        # The start of a tensor in the ring moves by its size.
        granule = gcd(granule, elements, history, banks)
        self.memories = [
            BankedMemory(elements=depth, bits=bits, banks=banks, granule=granule, lanes=lanes)
            for _ in range(reads)
        ]
        self.banks = banks
        self.level_shape = shape_for(0, elements + depth)
        super().__init__(
            {
                "i": In(stream.Signature(beat * bits)),
                "address": In(shape_for(min(low, -1), high)).array(reads),
                "data": Out(lanes * bits).array(reads),
                "level": Out(self.level_shape, init=history),
                "release": In(shape_for(0, elements)),
                "release_enable": In(1),
                "done": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for k, memory in enumerate(self.memories):
            m.submodules[f"memory_{k}"] = memory

        released = Signal(shape_for(0, self.elements))
        take = Signal()
        m.d.comb += [
            self.i.ready.eq(self.level + self.beat <= self.depth + released),
            take.eq(self.i.valid & self.i.ready),
        ]
        written = Mux(take, self.level + self.beat, self.level)
        m.d.sync += self.level.eq(written)
        with m.If(self.release_enable):
            m.d.sync += released.eq(self.release)
            with m.If(self.done):
                m.d.sync += [released.eq(0), self.level.eq(written - self.elements)]

        base = self._base(m)
        self._write(m, take)
        for k in range(self.reads):
            m.d.comb += [
                self.memories[k].r_address.eq(self._ring(m, base + self.address[k])),
                self.data[k].eq(self.memories[k].r_data),
            ]
        return m

    def _base(self, m):
        """Return the place of the reader's tensor in the ring."""
        step, start = self.elements % self.depth, -self.history % self.depth
        if not step:
            return Const(start)
        base = Signal(range(self.depth), init=start)
        with m.If(self.release_enable & self.done):
            following = base + step
            m.d.sync += base.eq(Mux(following >= self.depth, following - self.depth, following))
        return base

    def _ring(self, m, address):
        """Return ``address`` modulo the depth."""
        low, high = self.low, self.high + self.depth - 1
        if not self.depth & (self.depth - 1):
            return address[: (self.depth - 1).bit_length()] if self.depth > 1 else Const(0)
        lift = -(low // self.depth) * self.depth if low < 0 else 0
        value, largest = address + lift, high + lift
        # Each step has a signal of its own: nested, the expressions double in size.
        for power in reversed(range((largest // self.depth).bit_length())):
            part = self.depth << power
            largest = max(part - 1, largest - part)
            reduced = Signal(range(largest + 1))
            m.d.comb += reduced.eq(Mux(value >= part, value - part, value))
            value = reduced
        return value

    def _write(self, m, take):
        """Write beats one after the other around the ring."""
        slots = self.banks // self.beat
        rows = self.depth // self.banks
        slot = Signal(range(max(2, slots)))
        row = Signal(range(max(2, rows)))
        with m.If(take):
            m.d.sync += slot.eq(slot + 1)
            with m.If(slot == slots - 1):
                m.d.sync += [slot.eq(0), row.eq(Mux(row == rows - 1, 0, row + 1))]
        for memory in self.memories:
            m.d.comb += [memory.w_row.eq(row), memory.w_data.eq(self.i.payload.replicate(slots))]
            for k in range(slots):
                enable = memory.w_enable[k * self.beat : (k + 1) * self.beat]
                m.d.comb += enable.eq((take & (slot == k)).replicate(self.beat))
        return
