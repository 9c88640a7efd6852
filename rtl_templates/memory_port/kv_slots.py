"""Asks for the places of a tensor's rows in a cache in external memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.memory.ring import RingWriter
from rtl_templates.memory.select import by_length, length_port, per_length
from rtl_templates.memory_port.kv_append import KvAppend

__all__ = ["KvSlots"]


class KvSlots(wiring.Component):
    """The blocks of one kind of rows (keys, values or sizes) of a tensor, slot after slot.

    Throughput: a block per cycle, and a cycle more per row.

    Parameters
    ----------
    layout, rows, address_bits
        See :class:`KvAppend`.
    tokens : int or sequence of int
        Rows of a tensor; one for each length that it can have.
    slots, pinned, start : int
        See :class:`rtl_templates.memory.ring.RingWriter`; ``slots`` is at most
        ``layout.tiles * layout.tile``.

    Members
    -------
    length : ``In``
        Index of the present tensor's length.
    run : ``In(1)``
        Low between two tensors.
    clear : ``In(1)``
        A new sequence begins: at slot 0.
    blocks : ``Out(stream)`` of block_layout
    asked : ``Out(1)``
        All blocks of the tensor are taken.
    """

    def __init__(self, layout, rows, *, tokens, slots, pinned, start, address_bits):
        self.tokens = per_length(tokens)
        self.append = KvAppend(layout, rows, address_bits=address_bits)
        self.ring = RingWriter(slots=slots, pinned=pinned, start=start, row=1, lanes=1)
        super().__init__(
            {
                **length_port(self.tokens),
                "run": In(1),
                "clear": In(1),
                "blocks": Out(self.append.blocks.signature),
                "asked": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.append = append = self.append
        m.submodules.ring = ring = self.ring
        wiring.connect(m, append.blocks, wiring.flipped(self.blocks))
        tokens = by_length(self.tokens, self.length)
        begun = Signal(range(max(self.tokens) + 1))  # rows whose blocks are asked for, or were
        m.d.comb += [
            append.slot.eq(ring.offset),
            append.start.eq(self.run & ~append.busy & (begun != tokens)),
            ring.push.eq(append.start),
            ring.clear.eq(self.clear),
            self.asked.eq(~append.busy & (begun == tokens)),
        ]
        with m.If(append.start):
            m.d.sync += begun.eq(begun + 1)
        with m.If(~self.run):
            m.d.sync += begun.eq(0)
        return m
